"""Requests to the writer of a case: what the window asks for, as plain values with an effect.

:meth:`~allstation.services.case_session.CaseSession.submit` brings them to the writer's thread, which applies
them in the order of asking. A :class:`StationError` out of ``apply`` becomes a problem that a person reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from allstation.core.records import Review
from allstation.services.undo_log import Removal

if TYPE_CHECKING:
    from allstation.services.case_worker import CaseWorker
    from allstation.services.reporting import MadeReport


@dataclass(frozen=True)
class Request:
    """Request to the writer."""

    def apply(self, worker: CaseWorker) -> None:
        """Do what is asked for. Called on the writer's thread.

        Raises:
            StationError: If it is not possible; nothing has changed then.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class OpenCase(Request):
    """Close the open case and open a case folder, or create it first."""

    folder: Path
    create: bool = False

    def apply(self, worker: CaseWorker) -> None:
        worker.open_case(self.folder, self.create)


@dataclass(frozen=True)
class CloseCase(Request):
    """Finish what is in flight, write it, close the case."""

    def apply(self, worker: CaseWorker) -> None:
        worker.close_case()


@dataclass(frozen=True)
class OpenDemo(Request):
    """Make a demo case below a folder and open it."""

    base: Path

    def apply(self, worker: CaseWorker) -> None:
        worker.open_demo(self.base)


@dataclass(frozen=True)
class UseModel(Request):
    """Read a model bundle and classify with it from now on."""

    path: Path

    def apply(self, worker: CaseWorker) -> None:
        worker.use_model(self.path)


@dataclass(frozen=True)
class KeepReport(Request):
    """Keep a report in the case and enter it into the audit log.

    Attributes:
        made: The report.
        file: Name of the file it is written to as well.
    """

    made: MadeReport
    file: str

    def apply(self, worker: CaseWorker) -> None:
        worker.keep_report(self.made, self.file)


@dataclass(frozen=True)
class AddPaths(Request):
    """Add the fields in files, folders and archives."""

    paths: list[Path]

    def apply(self, worker: CaseWorker) -> None:
        worker.add_paths(self.paths)


@dataclass(frozen=True)
class LocateFields(Request):
    """Search a folder for fields that are not where they were."""

    folder: Path

    def apply(self, worker: CaseWorker) -> None:
        worker.locate(self.folder)


@dataclass(frozen=True)
class QueueModel(Request):
    """Classify these fields, or all if there are none, also with another model, after the one in use."""

    path: Path
    ids: list[int] = field(default_factory=list)

    def apply(self, worker: CaseWorker) -> None:
        worker.queue_model(self.path, self.ids)


@dataclass(frozen=True)
class Pause(Request):
    """Pause the queue, or resume it."""

    paused: bool

    def apply(self, worker: CaseWorker) -> None:
        worker.pause(self.paused)


@dataclass(frozen=True)
class CancelQueue(Request):
    """Drop all queued fields, for any model; what is in flight is finished."""

    def apply(self, worker: CaseWorker) -> None:
        worker.cancel()


@dataclass(frozen=True)
class RequeueCancelled(Request):
    """Queue cancelled fields again."""

    def apply(self, worker: CaseWorker) -> None:
        worker.resume_cancelled()


@dataclass(frozen=True)
class RetryFailed(Request):
    """Queue failed fields again, those that failed twice, too: a person asks."""

    def apply(self, worker: CaseWorker) -> None:
        worker.retry_failed()


@dataclass(frozen=True)
class ClassifyAgain(Request):
    """Queue these fields, or all if there are none, for the model in use; predictions stay until then."""

    ids: list[int] = field(default_factory=list)

    def apply(self, worker: CaseWorker) -> None:
        worker.classify_again(self.ids)


@dataclass(frozen=True)
class Prioritise(Request):
    """Classify these queued fields next, in this order."""

    ids: list[int]

    def apply(self, worker: CaseWorker) -> None:
        worker.prioritise(self.ids)


@dataclass(frozen=True)
class DropJob(Request):
    """Take a slide's fields, or (slide 0) a model whose turn has not come, out of the queue."""

    model: str
    slide_id: int

    def apply(self, worker: CaseWorker) -> None:
        worker.drop_job(self.model, self.slide_id)


@dataclass(frozen=True)
class OrderSlides(Request):
    """Classify the queued slides of a model in this order."""

    model: str
    slides: list[int]

    def apply(self, worker: CaseWorker) -> None:
        worker.order_slides(self.model, self.slides)


@dataclass(frozen=True)
class OrderModels(Request):
    """Run the queued models in this order."""

    models: list[str]

    def apply(self, worker: CaseWorker) -> None:
        worker.order_models(self.models)


@dataclass(frozen=True)
class SaveReview(Request):
    """Store a review; the token names it for undo."""

    token: int
    review: Review

    def apply(self, worker: CaseWorker) -> None:
        worker.save_review(self.token, self.review)


@dataclass(frozen=True)
class WithdrawReview(Request):
    """Withdraw the review that was stored under a token."""

    token: int

    def apply(self, worker: CaseWorker) -> None:
        worker.withdraw_review(self.token)


@dataclass(frozen=True)
class RestoreReview(Request):
    """Let a withdrawn review count again."""

    token: int

    def apply(self, worker: CaseWorker) -> None:
        worker.restore_review(self.token)


@dataclass(frozen=True)
class RemoveFields(Request):
    """Take fields out of the case, or bring them back; the token names it for undo."""

    token: int
    removal: Removal

    def apply(self, worker: CaseWorker) -> None:
        worker.remove_fields(self.token, self.removal)


@dataclass(frozen=True)
class UndoRemoval(Request):
    """Take back what was removed or brought back under a token."""

    token: int

    def apply(self, worker: CaseWorker) -> None:
        worker.undo_removal(self.token)


@dataclass(frozen=True)
class SetDetails(Request):
    """Store the texts about patient, request and specimen."""

    details: Mapping[str, str]

    def apply(self, worker: CaseWorker) -> None:
        worker.set_details(self.details)


@dataclass(frozen=True)
class RenameCase(Request):
    """Give the case another shown name; its folder keeps the name it has."""

    name: str

    def apply(self, worker: CaseWorker) -> None:
        worker.rename_case(self.name)


@dataclass(frozen=True)
class RenameSlide(Request):
    """Give a slide another shown name; its folder keeps the name it has."""

    slide_id: int
    name: str

    def apply(self, worker: CaseWorker) -> None:
        worker.rename_slide(self.slide_id, self.name)
