"""A list of fields with a look at the chosen one: what stands behind a line, a bar or a cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QLabel, QListWidget, QListWidgetItem, QSplitter, QVBoxLayout, QWidget

from allstation.core.records import FieldRecord, FieldState
from allstation.core.text import shown_name
from allstation.ui.common.formatting import number, tip
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.card import OverlayStyle
from allstation.ui.viewer.field_view import FieldView
from allstation.ui.viewer.loader import FieldLoader
from allstation.ui.viewer.picture import FieldPicture

_PATH: Final = int(Qt.ItemDataRole.UserRole)
_BYTES: Final = 48 * 1024 * 1024
_MOST: Final = 2000


class FieldPeek(QWidget):
    """Names on the left, the chosen field on the right.

    Signals:
        opened: A field was double-clicked (path).
    """

    opened = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._paths: list[Path] = []
        self._loader = FieldLoader(self, limit=_BYTES)
        self._loader.ready.connect(self._ready)
        self._loader.failed.connect(self._failed)
        self._title = QLabel(self, wordWrap=True)
        self._title.setProperty("role", "muted")
        self._list = QListWidget(self)
        self._list.setAccessibleName(tr("Fields"))
        self._list.setUniformItemSizes(True)
        self._list.currentItemChanged.connect(self._chosen)
        self._list.itemActivated.connect(self._activated)
        self._view = FieldView(self)
        self._view.set_layers(style=OverlayStyle.OFF)
        self._view.setMinimumSize(140, 120)
        split = QSplitter(Qt.Orientation.Horizontal, self)
        split.setChildrenCollapsible(False)
        split.addWidget(self._list)
        split.addWidget(self._view)
        split.setStretchFactor(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._title)
        layout.addWidget(split, 1)
        self.clear()

    @property
    def paths(self) -> list[Path]:
        """The fields listed."""
        return list(self._paths)

    def clear(self, text: str = "") -> None:
        """List nothing."""
        self._paths = []
        self._list.clear()
        self._title.setText(text or tr("Choose a line to see its fields."))
        self._view.clear()
        self._view.show_message(tr("No field chosen"))

    def show_fields(self, title: str, paths: Sequence[Path]) -> None:
        """List fields and look at the first."""
        self._paths = list(paths)[:_MOST]
        self._list.clear()
        for path in self._paths:
            item = QListWidgetItem(f"{shown_name(path.parent)}/{shown_name(path)}")
            item.setData(_PATH, str(path))
            item.setToolTip(tip(str(path)))
            self._list.addItem(item)
        counted = tr("{title}: {n}", title=title, n=number(len(paths)))
        self._title.setText(counted if paths else title)
        if self._paths:
            self._list.setCurrentRow(0)
        else:
            self._view.clear()
            self._view.show_message(tr("No field chosen"))

    def set_alone(self, text: str) -> None:
        """Show fields that are listed elsewhere, one at a time; until then this text."""
        self._list.hide()
        self.clear(text)

    def show_single(self, title: str, path: Path) -> None:
        """Look at one field that is listed elsewhere."""
        self._list.hide()
        self.show_fields(title, [path])
        self._title.setText(title)

    def close_workers(self) -> None:
        """Wait for reads in flight."""
        self._loader.close()

    @Slot(QListWidgetItem, QListWidgetItem)
    def _chosen(self, item: QListWidgetItem | None, _before: QListWidgetItem | None) -> None:
        if item is None:
            return
        path = Path(item.data(_PATH))
        record = FieldRecord(
            id=self._list.row(item) + 1,
            slide_id=0,
            path=path,
            sha256="",  # nothing is said of a field of a labelled folder that other bytes could belie
            width=0,
            height=0,
            state=FieldState.DONE,
        )
        self._view.show_field(record, self._loader.request(path))

    @Slot(QListWidgetItem)
    def _activated(self, item: QListWidgetItem) -> None:
        self.opened.emit(Path(item.data(_PATH)))

    @Slot(object, object)
    def _ready(self, path: Path, picture: FieldPicture) -> None:
        record = self._view.record
        if record is not None and record.path == path:
            self._view.show_field(record, picture)

    @Slot(object, str)
    def _failed(self, path: Path, sentence: str) -> None:
        record = self._view.record
        if record is not None and record.path == path:
            self._view.show_message(sentence)
