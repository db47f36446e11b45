"""Control controller: tells a broken rule once, shows the charts, and has days released by named persons."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from allstation.processing.status_types import Problem
from allstation.services.site.control_watch import ControlReading, ControlWatch
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import Level, Notification
from allstation.ui.context import AppContext
from allstation.ui.control.dialog import ControlDialog


class ControlController(QObject):
    """Keeps the control of the open case's site in view.

    Args:
        context: Services and state.
        window: Parent of the dialog.
    """

    def __init__(self, context: AppContext, *, window: QWidget) -> None:
        super().__init__(window)
        self._context = context
        self._window = window
        self._reading: ControlReading | None = None
        self._announced: tuple[str, ...] = ()
        self.dialog: ControlDialog | None = None
        self.watch = ControlWatch(context.session, self)
        self.watch.judged.connect(self._judged)
        self.watch.problem.connect(self._problem)
        context.session.worker.closed.connect(self._closed)

    def actions(self) -> tuple[Action, ...]:
        """Offer the charts."""
        # fmt: off
        return (
            Action("case.control", "Control of the S&ite…", self.open, "",
                   "Levey-Jennings charts of light, stain, focus, novelty and classes; release a day",
                   menu="&Case", place=347, enabled_when=self._context.has_case),
        )
        # fmt: on

    def close(self) -> None:
        """Wait for what is being measured; call before the window goes."""
        self.watch.close()

    @Slot()
    def open(self) -> None:
        """Show the charts of the site that the open case belongs to."""
        dialog = self.dialog = ControlDialog(self._context.selection.reviewer, self._window)
        dialog.release_wanted.connect(self._release)
        dialog.destroyed.connect(self._gone)
        dialog.open()
        if self._reading is not None:
            dialog.show_reading(self._reading)
        self.watch.look()

    @Slot()
    def _gone(self) -> None:
        self.dialog = None

    @Slot(str, str, str, str)
    def _release(self, day: str, name: str, reason: str, pin: str) -> None:
        if self._reading is not None:
            self.watch.release(self._reading.site, day, by=name, reason=reason, pin=pin)

    @Slot(object)
    def _judged(self, reading: ControlReading) -> None:
        self._reading = reading
        if self.dialog is not None:
            self.dialog.show_reading(reading)
        if reading.held and reading.held != self._announced:
            self._context.notifier.post(
                Notification(Level.WARNING, reading.sentence, tr("Control…"), self.open, topic="control")
            )
        self._announced = reading.held

    @Slot(object)
    def _problem(self, problem: Problem) -> None:
        if self.dialog is not None:
            self.dialog.show_problem(problem.sentence)
        else:
            self._context.notifier.warn(problem.sentence, topic="control")

    @Slot()
    def _closed(self) -> None:
        self._reading, self._announced = None, ()
        if self.dialog is not None:
            self.dialog.close()
