"""List of what was noted about several slides that were added together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from allstation.core.text import shown_name
from allstation.processing.status_types import Problem
from allstation.ui.common.i18n import tr
from allstation.ui.common.window_size import resize_on_screen

_SIZE: Final = (620, 420)


class NotesDialog(QDialog):
    """Shows each slide's name and, below it, what was noted about it.

    Args:
        notes: In the order of the slides.
        parent: The window.
    """

    def __init__(self, notes: Sequence[Problem], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("queue.notes")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Notes on slides"))
        resize_on_screen(self, *_SIZE)
        text = QTextBrowser(self)
        text.setAccessibleName(tr("Notes on slides"))
        text.setPlainText("\n\n".join(f"{shown_name(note.name)}\n{note.sentence}" for note in notes))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(text)
        layout.addWidget(buttons)
