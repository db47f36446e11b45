"""Frame that takes dropped pictures and folders, with a button to choose them instead."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from allstation.ui.common import theme
from allstation.ui.common.i18n import tr


class PictureDrop(QFrame):
    """Says what may be dropped; the frame is marked while something is above it.

    Signals:
        given: Paths, files and folders.
        refused: A sentence about what is not on this computer.
    """

    given = Signal(list)
    refused = Signal(str)

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "drop")
        self.setAcceptDrops(True)
        self._text = QLabel(text, self, wordWrap=True)
        self._text.setProperty("role", "muted")
        self._choose = QPushButton(tr("Choose Pictures…"), self)
        self._choose.clicked.connect(self._ask)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 10, 14, 10)
        row.addWidget(self._text, 1)
        row.addWidget(self._choose)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders; what they are is judged later."""
        if event.mimeData().hasUrls() and self.isEnabled():
            self._mark(active=True)
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """It went away again."""
        self._mark(active=False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Hand on the files of this computer."""
        self._mark(active=False)
        event.acceptProposedAction()
        urls = event.mimeData().urls()
        paths = [Path(url.toLocalFile()) for url in urls if url.isLocalFile() and url.toLocalFile()]
        if len(paths) < len(urls):
            words = tr("What was dropped is not a file on this computer. Save it first, then drop the file.")
            self.refused.emit(words)
        if paths:
            self.given.emit(paths)

    def _mark(self, *, active: bool) -> None:
        theme.restyle(self, "active", "true" if active else "false")

    @Slot()
    def _ask(self) -> None:
        from allstation.imaging.formats.suffixes import SUFFIXES

        dialog = QFileDialog(self, tr("Choose pictures"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        known = " ".join(f"*{suffix}" for suffix in sorted(SUFFIXES))
        dialog.setNameFilters([tr("Fields ({known})", known=known), tr("All files (*)")])
        dialog.filesSelected.connect(self._chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(list)
    def _chosen(self, names: list[str]) -> None:
        self.given.emit([Path(name) for name in names])
