"""Window of one field of the reference atlas, with zoom and pan as in the viewer."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from allstation.core.field_distance import AlikeField
from allstation.core.records import FieldRecord, FieldState, Review
from allstation.services.images.field_cache import FieldCache
from allstation.ui.common.formatting import moment
from allstation.ui.common.i18n import tr
from allstation.ui.common.window_size import resize_on_screen
from allstation.ui.viewer.card import OverlayStyle
from allstation.ui.viewer.field_view import FieldView
from allstation.ui.viewer.loader import FieldLoader, read_picture
from allstation.ui.viewer.picture import FieldPicture

_SIZE: Final = (760, 640)


class AtlasFieldWindow(QWidget):
    """Shows a field of the atlas; closing it hides it.

    Args:
        files: Reads the picture.
        parent: The main window.
    """

    def __init__(self, files: FieldCache, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(tr("Reference atlas — ALL Station"))
        self.view = FieldView(self)
        self.view.set_layers(style=OverlayStyle.OFF)
        self._about = QLabel(self, wordWrap=True)
        self._about.setTextFormat(Qt.TextFormat.PlainText)
        self._about.setContentsMargins(12, 8, 12, 8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._about)
        layout.addWidget(self.view, 1)
        self._record: FieldRecord | None = None
        self._loader = FieldLoader(self, reader=partial(read_picture, files=files))
        self._loader.ready.connect(self._ready)
        self._loader.failed.connect(self._failed)
        resize_on_screen(self, *_SIZE)
        for key in (QKeySequence.StandardKey.Close, QKeySequence.StandardKey.Cancel):
            QShortcut(QKeySequence(key), self, self.close)

    @property
    def text(self) -> str:
        """Reviewer and class of the field, in words."""
        return self._about.text()

    def show_field(self, field: AlikeField) -> None:
        """Show a field."""
        said = field.reviewed
        review = Review(field_id=0, reviewer=said.reviewer, class_name=said.class_name, at=said.at)
        self._record = FieldRecord(
            id=0,
            slide_id=0,
            path=field.path,
            sha256=field.sha256,
            width=field.size[0],
            height=field.size[1],
            state=FieldState.DONE,
            review=review,
        )
        self._about.setText(
            tr(
                "{name} by {reviewer}, {when}",
                name=said.class_name,
                reviewer=said.reviewer,
                when=moment(said.at),
            )
        )
        self.view.show_field(self._record, self._loader.request(field.path))
        if self.isVisible():
            self.raise_()
        self.show()
        self.activateWindow()

    def close_workers(self) -> None:
        """Wait for the picture under way; call before the window goes."""
        self._loader.close()

    @Slot(object, object)
    def _ready(self, path: Path, picture: FieldPicture) -> None:
        if self._record is not None and path == self._record.path:
            self.view.show_field(self._record, picture)

    @Slot(object, str)
    def _failed(self, path: Path, sentence: str) -> None:
        if self._record is not None and path == self._record.path:
            self.view.show_message(sentence)
