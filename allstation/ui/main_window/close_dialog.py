"""The question before the window closes while fields still wait."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr


def ask_before_closing(
    window: QWidget, leave: Callable[[], None], *, waiting: int, training: bool
) -> QMessageBox:
    """Ask whether to stop the queue and quit; returns at once.

    Args:
        window: The window that was asked to close.
        leave: Called if the answer is yes.
        waiting: Fields still to do.
        training: A model is being trained.
    """
    box = QMessageBox(window)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(tr("Work is still going on"))
    lines = [tr("{n} fields are not classified yet.", n=number(waiting))] if waiting else []
    lines += [tr("A model is being trained.")] if training else []
    box.setText("\n".join(lines))
    box.setInformativeText(
        tr("Everything finished so far is saved. The rest can go on when the program is opened again.")
    )
    stop = box.addButton(tr("Cancel and quit"), QMessageBox.ButtonRole.DestructiveRole)
    keep = box.addButton(tr("Keep running"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    stop.clicked.connect(leave)
    box.open()
    return box
