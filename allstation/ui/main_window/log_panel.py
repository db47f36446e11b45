"""The program's own log, to read and to copy."""

from __future__ import annotations

import logging
from typing import Final

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from allstation.services.logs import ProgramLog
from allstation.ui.common.i18n import tr

_POLL: Final = 500
_LEVELS: Final = (
    ("Everything", logging.NOTSET),
    ("Warnings and errors", logging.WARNING),
    ("Errors", logging.ERROR),
)


class LogPanel(QWidget):
    """Shows the lines kept in memory; looks for new ones only while it is visible."""

    def __init__(self, log: ProgramLog, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._log = log
        self._shown_total = -1
        self._level = QComboBox(self)
        self._level.setAccessibleName(tr("Least severe lines shown"))
        for title, level in _LEVELS:
            self._level.addItem(tr(title), level)
        self._text = QLineEdit(placeholderText=tr("Find in the log"), clearButtonEnabled=True)
        self._text.setAccessibleName(tr("Find in the log"))
        self._lines = QPlainTextEdit(self, readOnly=True)
        self._lines.setAccessibleName(tr("Log"))
        self._lines.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._copy = QPushButton(tr("Copy"), self)
        self._clear = QPushButton(tr("Clear"), self)
        self._folder = QPushButton(tr("Open folder"), self)
        self._poll = QTimer(self, interval=_POLL)
        self._lay_out()
        self._poll.timeout.connect(self._look)
        self._level.activated.connect(self._show_again)
        self._text.textChanged.connect(self._show_again)
        self._copy.clicked.connect(self._copy_lines)
        self._clear.clicked.connect(self._clear_lines)
        self._folder.clicked.connect(self._open_folder)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self._level)
        row.addWidget(self._text, 1)
        for button in (self._copy, self._clear, self._folder):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.addLayout(row)
        layout.addWidget(self._lines, 1)

    def showEvent(self, event: QShowEvent) -> None:
        """Begin to look."""
        super().showEvent(event)
        self._look()
        self._poll.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Stop looking."""
        super().hideEvent(event)
        self._poll.stop()

    def _look(self) -> None:
        if self._log.ring.total != self._shown_total:
            self._show_again()

    def _show_again(self) -> None:
        self._shown_total = self._log.ring.total
        lines = self._log.ring.lines(self._level.currentData(), self._text.text())
        self._lines.setPlainText("\n".join(lines))
        bar = self._lines.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _copy_lines(self) -> None:
        QGuiApplication.clipboard().setText(self._lines.toPlainText())

    def _clear_lines(self) -> None:
        self._log.ring.clear()
        self._show_again()

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._log.folder)))
