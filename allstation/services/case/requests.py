"""Requests to the writer of a case: what the window asks for, as plain values with an effect.

:meth:`~allstation.services.case.session.CaseSession.submit` brings them to the writer's thread, which applies
them in the order of asking. A :class:`StationError` out of ``apply`` becomes a problem that a person reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter
from allstation.core.records import FieldState
from allstation.core.site import Site
from allstation.paths import config_folder
from allstation.processing.retries import all_but_left_out
from allstation.processing.status_types import UnknownModel
from allstation.services.case import case_events
from allstation.store.site.library import SiteLibrary

if TYPE_CHECKING:
    from allstation.processing.slide_import import SlideOptions
    from allstation.services.case.worker import CaseWorker, OpenedCase
    from allstation.services.reports.reporting import MadeReport
    from allstation.store.case import Case


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
class CaseRequest(Request):
    """Request that changes the open case; nothing happens if there is none."""

    def apply(self, worker: CaseWorker) -> None:
        if worker.open_case is not None:
            self.change(worker.open_case)

    def change(self, target: OpenedCase) -> None:
        """Change the open case. Called on the writer's thread.

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
        worker.open_folder(self.folder, create=self.create)


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
class AcceptModel(Request):
    """Use a bundle of an unknown maker from now on, also at later starts."""

    asked: UnknownModel

    def apply(self, worker: CaseWorker) -> None:
        worker.accept_model(self.asked)


@dataclass(frozen=True)
class KeepReport(Request):
    """Keep a report in the case and enter it into the audit log.

    Attributes:
        made: The report.
        file: Name of the file it is written to as well.
        pin: Of who signs, where people are named by it.
    """

    made: MadeReport
    file: str
    pin: str = field(default="", repr=False)

    def apply(self, worker: CaseWorker) -> None:
        worker.keep_report(self.made, self.file, self.pin)


@dataclass(frozen=True)
class AcceptCopy(Request):
    """Go on with a case of which a later trail was seen; the audit log keeps the reason."""

    reason: str

    def apply(self, worker: CaseWorker) -> None:
        worker.accept_copy(self.reason)


@dataclass(frozen=True)
class AddPaths(CaseRequest):
    """Add the fields in files, folders and archives.

    Attributes:
        paths: Of this machine.
        slides: What is wanted of whole slides; None for the usual.
    """

    paths: list[Path]
    slides: SlideOptions | None = None

    def change(self, target: OpenedCase) -> None:
        target.processor.add_paths(self.paths, self.slides)


@dataclass(frozen=True)
class LocateFields(CaseRequest):
    """Search a folder for fields that are not where they were."""

    folder: Path

    def change(self, target: OpenedCase) -> None:
        target.processor.locate(self.folder)


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
    """Drop all queued fields, for any model, and add no more; what is in flight is finished."""

    def change(self, target: OpenedCase) -> None:
        target.processor.cancel_import()
        # What is still to be added of a slide would wait in its turn.
        for file in target.case.slide_files.unfinished():
            target.regions.stop_adding(file.slide_id)
        target.processor.edit_queue(_cancel_all)


@dataclass(frozen=True)
class CancelImport(CaseRequest):
    """Look at no more of what was dropped; what was added stays, and so does the queue."""

    def change(self, target: OpenedCase) -> None:
        target.processor.cancel_import()
        for file in target.case.slide_files.unfinished():
            target.regions.stop_adding(file.slide_id)


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


@dataclass(frozen=True)
class SetDetails(CaseRequest):
    """Store the texts about patient, request and specimen.

    What is classified from now on is read at the pixel size that they state, if they do.
    """

    details: Mapping[str, str]

    def change(self, target: OpenedCase) -> None:
        before = target.case.site.known_sizes()
        try:
            target.case.set_details(self.details)
            if target.case.site.known_sizes() != before:
                target.processor.sizes_changed()
        finally:
            target.emit(case_events.DetailsChanged(target.case.details()))


@dataclass(frozen=True)
class SetSite(CaseRequest):
    """Say at which site the fields of the case were taken; the station keeps it, a new case takes it.

    What is classified from now on is read by it.
    """

    site: Site | None

    def change(self, target: OpenedCase) -> None:
        library = SiteLibrary(config_folder())
        if self.site is not None:
            library.check_name(self.site)
        try:
            target.case.site.set(self.site)
            target.processor.sizes_changed()
            if self.site is not None:
                library.save(self.site)
            library.use(self.site.id if self.site is not None else "")
        except OSError as error:
            why = error.strerror or "the system refused"
            sentence = f"The site is kept with the case, but not in the settings ({why}). Make space there."
            raise StationError("site-not-kept", sentence) from error
        finally:
            target.emit(case_events.SiteChanged(target.case.site.get()))


@dataclass(frozen=True)
class RenameCase(CaseRequest):
    """Give the case another shown name; its folder keeps the name it has."""

    name: str

    def change(self, target: OpenedCase) -> None:
        target.case.rename(self.name)
        target.emit(case_events.CaseRenamed(target.case.name))


@dataclass(frozen=True)
class RenameSlide(CaseRequest):
    """Give a slide another shown name; its folder keeps the name it has."""

    slide_id: int
    name: str

    def change(self, target: OpenedCase) -> None:
        target.case.slides.rename(self.slide_id, self.name)
        target.emit(case_events.SlideRenamed(self.slide_id))


def _cancel_all(case: Case) -> None:
    for queued in case.model_queue.all():
        case.model_queue.drop(queued.model_sha256)
    case.queue.cancel()


def _requeue_cancelled(case: Case) -> None:
    case.queue.requeue(case.fields.ids(FieldFilter(state=FieldState.CANCELLED)))
