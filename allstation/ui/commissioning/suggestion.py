"""Suggests the assistant where most fields of a case are unlike what the model knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, Slot

from allstation.core.decision import Reason
from allstation.core.summary import Tally
from allstation.processing.status_types import QueuePhase, QueueStatus
from allstation.services.case.questions import ReadTally
from allstation.ui.common.formatting import number, percent
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import Level, Notification
from allstation.ui.context import AppContext

_MOST: Final = 0.5
"""Share of a case's fields that are unlike the training data, above which the assistant is suggested."""
_FEWEST: Final = 4
"""Fields of which that is told."""
TOPIC: Final = "commissioning"


class Suggestion(QObject):
    """Looks at the case once its queue is done, and posts one notice a case at most.

    Args:
        context: Services and state.
        run: Opens the assistant.
        is_needless: Tells whether it is open already.
        parent: Owner.
    """

    def __init__(
        self,
        context: AppContext,
        run: Callable[[], object],
        *,
        is_needless: Callable[[], bool],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._context, self._run, self._is_needless = context, run, is_needless
        self._phase = QueuePhase.IDLE
        self._asks = self._is_posted = False
        session = context.session
        session.opened.connect(self._case_opened)
        session.worker.queue_changed.connect(self._queue_changed)
        session.reader.tally_read.connect(self._tally_read)

    @Slot()
    def _case_opened(self) -> None:
        self._asks = self._is_posted = False

    @Slot(object)
    def _queue_changed(self, status: QueueStatus) -> None:
        before, self._phase = self._phase, status.phase
        ended = before is QueuePhase.RUNNING and status.phase is QueuePhase.IDLE and status.total > 0
        if ended and not self._is_posted and not self._is_needless():
            self._asks = True
            self._context.session.ask(ReadTally())

    @Slot(int, object, object)
    def _tally_read(self, generation: int, slide: int | None, tally: Tally) -> None:
        if not self._asks or slide is not None or generation != self._context.session.generation:
            return
        self._asks = False
        unlike = tally.open_reasons.get(str(Reason.UNLIKE_TRAINING), 0)
        if tally.read < _FEWEST or unlike <= _MOST * tally.read or not self._context.can_write():
            return
        self._is_posted = True
        text = tr(
            "{n} of {total} fields ({share}) go to a person as unlike what the model knows. If these slides "
            "are of another laboratory, the program can be adapted to it (Ctrl+7).",
            n=number(unlike),
            total=number(tally.read),
            share=percent(unlike / tally.read, digits=0),
        )
        action = tr("Commission…")
        self._context.notifier.post(
            Notification(Level.WARNING, text, action=action, do=self._run, topic=TOPIC)
        )
