"""Requests about the queue of a case: models, order, pauses, what is tried again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from allstation.core.filters import FieldFilter
from allstation.core.records import FieldState
from allstation.processing.retries import all_but_left_out

if TYPE_CHECKING:
    from allstation.services.case_worker import CaseWorker, OpenedCase
    from allstation.store.case import Case
from allstation.services.requests import CaseRequest, Request


@dataclass(frozen=True)
class QueueModel(CaseRequest):
    """Classify these fields also with another model, after the one in use.

    If there are none: all of the case, but those that failed twice.
    """

    path: Path
    ids: list[int] = field(default_factory=list)

    def change(self, target: OpenedCase) -> None:
        target.processor.read_model(self.path, self.ids)


@dataclass(frozen=True)
class Pause(Request):
    """Pause the queue, or resume it."""

    paused: bool

    def apply(self, worker: CaseWorker) -> None:
        worker.pause(self.paused)


@dataclass(frozen=True)
class CancelQueue(CaseRequest):
    """Drop all queued fields, for any model; what is in flight is finished."""

    def change(self, target: OpenedCase) -> None:
        target.processor.edit_queue(_cancel_all)


@dataclass(frozen=True)
class RequeueCancelled(CaseRequest):
    """Queue cancelled fields again."""

    def change(self, target: OpenedCase) -> None:
        target.processor.edit_queue(_requeue_cancelled)


@dataclass(frozen=True)
class RetryFailed(CaseRequest):
    """Queue failed fields again, those that failed twice, too: a person asks."""

    def change(self, target: OpenedCase) -> None:
        target.processor.edit_queue(lambda case: case.queue.requeue())


@dataclass(frozen=True)
class ClassifyAgain(CaseRequest):
    """Queue these fields for the model in use; predictions stay until then.

    If there are none: all of the case, but those that failed twice.
    """

    ids: list[int] = field(default_factory=list)

    def change(self, target: OpenedCase) -> None:
        target.processor.edit_queue(lambda case: case.queue.requeue(self.ids or all_but_left_out(case)))


@dataclass(frozen=True)
class Prioritise(CaseRequest):
    """Classify these queued fields next, in this order."""

    ids: list[int]

    def change(self, target: OpenedCase) -> None:
        target.processor.prioritise(self.ids)


@dataclass(frozen=True)
class DropJob(CaseRequest):
    """Take a slide's fields, or (slide 0) a model whose turn has not come, out of the queue."""

    model: str
    slide_id: int

    def change(self, target: OpenedCase) -> None:
        target.processor.edit_queue(self._drop)

    def _drop(self, case: Case) -> None:
        if self.slide_id:
            case.queue.cancel(self.slide_id, self.model)
        else:
            case.model_queue.drop(self.model)


@dataclass(frozen=True)
class OrderSlides(CaseRequest):
    """Classify the queued slides of a model in this order."""

    model: str
    slides: list[int]

    def change(self, target: OpenedCase) -> None:
        target.processor.edit_queue(lambda case: case.queue.order_slides(self.slides, self.model))


@dataclass(frozen=True)
class OrderModels(CaseRequest):
    """Run the queued models in this order."""

    models: list[str]

    def change(self, target: OpenedCase) -> None:
        target.processor.edit_queue(lambda case: case.model_queue.reorder(self.models))


def _cancel_all(case: Case) -> None:
    for queued in case.model_queue.all():
        case.model_queue.drop(queued.model_sha256)
    case.queue.cancel()


def _requeue_cancelled(case: Case) -> None:
    case.queue.requeue(case.fields.ids(FieldFilter(state=FieldState.CANCELLED)))
