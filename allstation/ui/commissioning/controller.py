"""Commissioning controller: opens the assistant and leads through its steps."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QMessageBox, QWidget

from allstation.processing.status_types import Problem
from allstation.services.cells.features import CellFeatureService
from allstation.services.images.field_cache import FieldCache
from allstation.services.site.commissioning import CommissioningService, Tested
from allstation.store.site.commissioning_record import CommissioningRecord
from allstation.ui.cells.commands import CellCommands
from allstation.ui.commissioning.cell_typing import CellTyping
from allstation.ui.commissioning.preparing import Preparing
from allstation.ui.commissioning.site_use import SiteUse
from allstation.ui.commissioning.suggestion import TOPIC, Suggestion
from allstation.ui.commissioning.window import CommissioningWindow, Step
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import Level, Notification
from allstation.ui.context import AppContext


class CommissioningController(QObject):
    """Leads a person from a laboratory's slides to a model of their own, or to a refusal.

    Args:
        context: Services and state.
        window: Owner of the assistant.
        commands: Pushes undoable types.
        features: Measures cells.
        files: Reads fields.

    Attributes:
        use: What becomes of an outcome.
    """

    def __init__(
        self,
        context: AppContext,
        *,
        window: QWidget,
        commands: CellCommands,
        features: CellFeatureService,
        files: FieldCache,
    ) -> None:
        super().__init__(window)
        self._context, self._session = context, context.session
        self._owner, self._commands, self._files = window, commands, files
        self._features = features
        self._service = CommissioningService(context.session, self)
        self._window: CommissioningWindow | None = None
        self._preparing: Preparing | None = None
        self._typing: CellTyping | None = None
        self._tested: Tested | None = None
        self.use = SiteUse(context, self._service, window=window)
        self._suggestion = Suggestion(context, self.open, is_needless=self._is_shown, parent=self)
        self._session.opened.connect(self._case_changed)
        self._session.worker.closed.connect(self._case_changed)
        self._session.worker.commissioning_changed.connect(self._record_written)
        features.problem.connect(self._refused)
        self._service.begun.connect(self._begun)
        self._service.tested.connect(self._keep_tested)
        self._service.problem.connect(self._refused)

    def actions(self) -> tuple[Action, ...]:
        """Offer the assistant, and what its models need."""
        # fmt: off
        return (
            Action("commission.open", "&Commission This Laboratory…", self.open, "Ctrl+7",
                   "Adapt the program to a laboratory: type cells, see how good it is, test, use or refuse",
                   "cells", menu="&Model", place=130, enabled_when=self._context.can_write),
            *self.use.actions(),
        )
        # fmt: on

    @property
    def window(self) -> CommissioningWindow | None:
        """The assistant, once it was opened."""
        return self._window

    @property
    def current_cell(self) -> int | None:
        """Id of the cell that is to be named; None where there is none."""
        return self._typing.current if self._typing is not None else None

    def close(self) -> None:
        """Wait for what is being worked out."""
        self._service.close()
        self.use.close()
        if self._window is not None and self._preparing is not None:
            self._preparing.close()
            self._window.blockSignals(True)
            self._window.typing.stage.crops.stop()
            self._window.close()

    # Opening and closing

    @Slot()
    def open(self) -> None:
        """Open the assistant at its first page, or bring it to the front."""
        if not self._context.can_write():
            return
        window = self._shown_window()
        fresh = not window.isVisible()
        window.show()
        window.activateWindow()
        if fresh and self._preparing is not None:
            window.show_step(Step.PREPARE)
            self._preparing.begin()

    def _shown_window(self) -> CommissioningWindow:
        if self._window is None:
            window = self._window = CommissioningWindow(self._owner, files=self._files)
            context, service = self._context, self._service
            self._preparing = Preparing(context, window.prepare, service=service, features=self._features)
            self._typing = CellTyping(context, window.typing, service=service, commands=self._commands)
            self._typing.test_ended.connect(self._test_ended)
            window.prepare.begin_asked.connect(self._begin)
            window.typing.freeze_asked.connect(self._freeze_or_open)
            window.typing.back_asked.connect(self._go_back)
            window.result.more_asked.connect(self._begin)
            window.result.closed.connect(window.close)
            window.closed.connect(self._closed)
            self.use.attach(window)
        return self._window

    @Slot()
    def _closed(self) -> None:
        self._leave_session()
        self._owner.activateWindow()

    def _leave_session(self) -> None:
        self._tested = None
        if self._typing is not None:
            self._typing.end()
        self._service.leave()

    @Slot()
    def _go_back(self) -> None:
        """Go back to the first page; everything typed and frozen is in the case."""
        self._leave_session()
        if self._window is not None and self._preparing is not None:
            self._window.show_step(Step.PREPARE)
            self._preparing.begin()

    @Slot()
    def _case_changed(self) -> None:
        if self._preparing is not None:
            self._preparing.forget()
        if self._window is not None and self._window.isVisible():
            self._window.close()

    def _is_shown(self) -> bool:
        return self._window is not None and self._window.isVisible()

    # Typing and testing

    @Slot()
    def _begin(self) -> None:
        """Begin, or go on, where the case's record stands."""
        preparing, reviewer = self._preparing, self._context.selection.reviewer
        if preparing is None or not preparing.is_counted:
            return
        if not reviewer:
            self._tell_problem(tr("Types of cells need a name. Write yours below the review panel."))
            return
        preparing.show_problem("")
        self._service.begin(reviewer, preparing.chosen())

    @Slot(object)
    def _begun(self, record: CommissioningRecord) -> None:
        if self._is_shown() and self._preparing is not None:
            self._hand_out(record, self._preparing.test_typed if record.frozen is not None else 0)

    def _hand_out(self, record: CommissioningRecord, done: int) -> None:
        window, typing, preparing = self._window, self._typing, self._preparing
        if window is not None and typing is not None and preparing is not None:
            window.activateWindow()  # the question about the test had the keyboard
            window.show_step(Step.TYPE if record.frozen is None else Step.TEST)
            typing.begin(record, preparing.types, reviewer=self._context.selection.reviewer, done=done)

    @Slot()
    def _freeze_or_open(self) -> None:
        window, typing = self._window, self._typing
        if window is None or typing is None:
            return
        window.typing.set_ready(ready=False)
        if window.step is Step.TEST:
            window.typing.stage.show_message(tr("Opening the test…"))
            typing.when_written(self._service.finish)
            return
        box = QMessageBox(window)
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setWindowTitle(tr("Freeze and test?"))
        box.setText(tr("Freeze a test part now? Nothing more is learned; it is opened once."))
        box.setInformativeText(
            tr("Its cells come from slides that nothing was learned from; you type them blind.")
            + (f"\n\n{typing.advice}" if typing.advice else "")
        )
        freeze = box.addButton(tr("&Freeze and test"), QMessageBox.ButtonRole.AcceptRole)
        on = box.addButton(tr("&Go on typing"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(freeze)
        box.setEscapeButton(on)
        freeze.clicked.connect(self._freeze)
        on.clicked.connect(self._do_not_freeze)
        box.finished.connect(box.deleteLater)
        box.open()

    @Slot()
    def _freeze(self) -> None:
        if self._typing is not None:
            self._typing.when_written(self._service.freeze)

    @Slot()
    def _do_not_freeze(self) -> None:
        if self._window is not None and self._typing is not None:
            self._window.typing.set_ready(ready=False, enabled=self._typing.is_measured)
            self._window.typing.stage.setFocus()

    @Slot(bool)
    def _test_ended(self, ended: bool) -> None:
        if self._window is not None:
            self._window.typing.set_ready(ready=ended, enabled=ended)

    @Slot(object)
    def _keep_tested(self, tested: Tested) -> None:
        self._tested = tested

    @Slot(object)
    def _record_written(self, record: CommissioningRecord) -> None:
        """Show the test, or what it said, once that is on the disk."""
        if self._window is None or self._preparing is None or not self._is_shown():
            return
        self._preparing.set_record(record)
        if record.frozen is not None and self._window.step is Step.TYPE:
            self._hand_out(record, 0)
        elif record.frozen is None and self._tested is not None and self._window.step is Step.TEST:
            tested, self._tested = self._tested, None
            if self._typing is not None:
                self._typing.end()
            self.use.show(tested, self._preparing.types)
            self._window.show_step(Step.RESULT)

    # Problems

    @Slot(object)
    def _refused(self, problem: Problem) -> None:
        self._tell_problem(problem.sentence)

    def _tell_problem(self, sentence: str) -> None:
        """Say on the page that is looked at why something cannot be done."""
        window = self._window
        if window is None or self._preparing is None or not window.isVisible():
            return
        if window.step is Step.PREPARE:
            self._preparing.show_problem(sentence)
        else:
            window.notifications.show_notification(Notification(Level.WARNING, sentence, topic=TOPIC))
            if self._typing is not None and window.step is Step.TYPE:
                window.typing.set_ready(ready=False, enabled=self._typing.is_measured)
