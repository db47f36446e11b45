"""The question before the window closes while fields still wait."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from allstation.ui.text import number, tr


def ask_before_leaving(window: QWidget, waiting: int, leave: Callable[[], None]) -> QMessageBox:
    """Ask whether to stop the queue and quit; returns at once.

    Args:
        window: The window that was asked to close.
        waiting: Fields still to do.
        leave: Called if the answer is yes.
    """
    box = QMessageBox(window)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(tr("The queue is still running"))
    box.setText(tr("{n} fields are not classified yet.", n=number(waiting)))
    box.setInformativeText(
        tr("Everything finished so far is saved. The rest stays in the queue and goes on next time.")
    )
    stop = box.addButton(tr("Cancel queue and quit"), QMessageBox.ButtonRole.DestructiveRole)
    keep = box.addButton(tr("Keep running"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    stop.clicked.connect(leave)
    box.open()
    return box
