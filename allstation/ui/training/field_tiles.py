"""Thumbnails of some fields with a line of text each, for fields that are in no case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QListView, QListWidget, QListWidgetItem, QWidget

from allstation.core.records import FieldRecord, FieldState
from allstation.ui.browser.thumbs import Thumbnails
from allstation.ui.common import icons
from allstation.ui.common.formatting import tip
from allstation.ui.common.i18n import tr

MOST: Final = 300
_WIDTH, _HEIGHT = 112, 84
_ROW: Final = int(Qt.ItemDataRole.UserRole)


class FieldTiles(QListWidget):
    """Shows fields as tiles; only the first few hundred have one.

    Signals:
        current_tile: Row, among those given, of the tile that the keys are at.
    """

    current_tile = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._records: dict[int, FieldRecord] = {}
        self._items: dict[int, QListWidgetItem] = {}
        self._thumbnails = Thumbnails(self)
        self._thumbnails.arrived.connect(self._arrived)
        self.setAccessibleName(tr("Chosen fields"))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setWordWrap(True)
        self.setSpacing(6)
        self.setMinimumSize(150, 130)
        self.currentItemChanged.connect(self._current)

    def show_fields(self, fields: Sequence[tuple[int, Path, str]]) -> None:
        """Show fields: row, path and text of each."""
        self._thumbnails.clear()
        self.clear()
        self._records, self._items = {}, {}
        width, height = icons.scaled(_WIDTH), icons.scaled(_HEIGHT)
        self.setIconSize(QSize(width, height))
        for row, path, text in fields[:MOST]:
            name, *rest = text.split("\n")
            fitting = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, width + 8)
            item = QListWidgetItem("\n".join([fitting, *rest]), self)
            item.setData(_ROW, row)
            item.setToolTip(tip(str(path)))
            item.setSizeHint(QSize(width + 16, height + 3 * self.fontMetrics().height() + 14))
            record = FieldRecord(
                id=row + 1, slide_id=0, path=path, sha256="", width=0, height=0, state=FieldState.DONE
            )
            self._records[record.id], self._items[record.id] = record, item
            self._draw(record.id)

    def close_workers(self) -> None:
        """Wait for pictures that are being read."""
        self._thumbnails.stop()

    def _draw(self, number: int) -> None:
        ratio, size = self.devicePixelRatioF(), self.iconSize()
        width, height = round(size.width() * ratio), round(size.height() * ratio)
        picture = self._thumbnails.pixmap(
            self._records[number], width, height, look=(ratio, 4.0), keeps_shape=True
        )
        if picture is not None:
            icon = QIcon(picture)
            icon.addPixmap(picture, QIcon.Mode.Selected)  # the style would tint the cells
            self._items[number].setIcon(icon)

    @Slot(int)
    def _arrived(self, number: int) -> None:
        if number in self._items:
            self._draw(number)

    @Slot(QListWidgetItem, QListWidgetItem)
    def _current(self, item: QListWidgetItem | None, _before: QListWidgetItem | None) -> None:
        if item is not None:
            self.current_tile.emit(item.data(_ROW))
