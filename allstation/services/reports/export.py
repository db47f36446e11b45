"""Writes reports, tables and exchange files on a thread of its own, from a connection of its own."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.errors import StationError
from allstation.core.records import CaseSnapshot
from allstation.files import part_path
from allstation.processing.status_types import Problem
from allstation.report.content.free_text import Anonymity
from allstation.report.content.options import ReportOptions
from allstation.report.export_types import Progress
from allstation.services.reports import reporting
from allstation.services.reports.case_cells import cells_of_case
from allstation.services.reports.export_kinds import ExportKind, ExportOptions
from allstation.services.tasks import Serial
from allstation.store.case import Case

if TYPE_CHECKING:
    from allstation.report.content.cell_source import CellsOfFields
    from allstation.services.reports.reporting import MadeReport

_log = logging.getLogger(__name__)
_TELL_EVERY: Final = 0.1
"""Seconds between two signals about progress."""


@dataclass(frozen=True, slots=True)
class ExportJob:
    """Target of an export: a file or a folder.

    Attributes:
        kind: What.
        case_folder: From which case.
        target: Where to.
        options: How.
        made: A report that was looked at; its very bytes are written.
        stop: Set to give up.
        asked: The person was asked whether a file that is there may be replaced.
    """

    kind: ExportKind
    case_folder: Path
    target: Path
    options: ExportOptions = field(default_factory=ExportOptions)
    made: MadeReport | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    asked: bool = True


def check_target(job: ExportJob) -> None:
    """Refuse a file that is not an earlier output of this kind, before any work is done.

    Raises:
        StationError: ``bad-output``, or ``not-written`` for a folder that is not there.
    """
    from allstation.imaging import output_kinds, outputs

    kinds = {
        ExportKind.PDF: output_kinds.REPORT,
        ExportKind.CSV: output_kinds.FIELDS_CSV,
        ExportKind.XLSX: output_kinds.WORKBOOK,
        ExportKind.JSON: output_kinds.FIELDS_JSON,
        ExportKind.FHIR: output_kinds.FHIR,
        ExportKind.CELLS: output_kinds.CELLS_CSV,
        ExportKind.COCO: output_kinds.COCO,
    }
    if job.kind in kinds:
        output = outputs.Output("Export", job.target, kinds[job.kind])
        outputs.check_outputs([output], inputs=[job.case_folder], force=job.asked, remedy="")


class _StoppedError(Exception):
    """The person gave up."""


def _whole_folder(target: Path, write: Callable[[Path], str]) -> str:
    """Let a hidden folder be filled, then rename it to the target: it is whole or not there."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StationError("not-empty", f"{target.name!r} is there already. Choose a new name.")
    part = part_path(target)
    try:
        part.mkdir()
        remark = write(part)
        if target.exists():
            target.rmdir()
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return remark


@dataclass(frozen=True, slots=True)
class _Writer:
    """Export of one case while it runs.

    Attributes:
        case: Open for reading.
        snapshot: What was read from it.
        options: What the person chose.
        progress: Told how far it is.
    """

    case: Case
    snapshot: CaseSnapshot
    options: ExportOptions
    progress: Progress

    def to(self, kind: ExportKind, target: Path) -> str:
        """Write; return a remark for the person, or nothing."""
        writers: Mapping[ExportKind, Callable[[Path], str]] = {
            ExportKind.PDF: self._pdf,
            ExportKind.CSV: self._csv,
            ExportKind.XLSX: self._xlsx,
            ExportKind.JSON: self._json,
            ExportKind.FHIR: self._fhir,
            ExportKind.DICOM: self._dicom,
            ExportKind.GEOJSON: self._geojson,
            ExportKind.LABELLED: self._labelled,
            ExportKind.CELLS: self._cells_csv,
            ExportKind.COCO: self._coco,
            ExportKind.SLIDE_PICTURES: self._slide_pictures,
        }
        return writers[kind](target)

    def _page(self, number: int) -> None:
        self.progress(number, 0)

    def _pdf(self, target: Path) -> str:
        made = reporting.make(self.case, self.snapshot, self._report_options(), progress=self._page)
        reporting.write(made, target)
        return ""

    def _csv(self, target: Path) -> str:
        from allstation.report.tables.case_tables import write_csv

        chosen = self.options
        write_csv(
            self.snapshot,
            target,
            bom=chosen.byte_order_mark,
            delimiter=chosen.delimiter,
            decimal=chosen.decimal,
            anonymise=self._anonymity,
        )
        return ""

    def _json(self, target: Path) -> str:
        from allstation.report.tables.case_tables import write_json

        write_json(self.snapshot, target, anonymise=self._anonymity)
        return ""

    def _xlsx(self, target: Path) -> str:
        from allstation.report.tables.case_tables import write_xlsx

        chosen, anonymity = self.options, self._anonymity
        write_xlsx(
            self.snapshot,
            target,
            thumbnails=chosen.thumbnails,
            anonymise=anonymity,
            cells=self._cells(anonymity) if self.case.cells.count() else None,
            progress=self.progress,
        )
        return ""

    def _fhir(self, target: Path) -> str:
        from allstation.report.exchange.fhir import write_fhir

        options, pdf = self._travelling()
        write_fhir(self.snapshot, target, options, pdf=pdf, progress=self.progress)
        return ""

    def _dicom(self, target: Path) -> str:
        from allstation.report.exchange.dicom import write_dicom

        options, pdf = self._travelling()
        done = write_dicom(self.snapshot, target, options, pdf=pdf, progress=self.progress)
        return _left_out(len(done.refused))

    def _geojson(self, target: Path) -> str:
        from allstation.report.exchange.outlines import write_outlines

        anonymity = self._anonymity
        done = write_outlines(
            self.snapshot,
            target,
            anonymise=anonymity,
            cells=self._cells(anonymity),
            progress=self.progress,
        )
        return _left_out(len(done.refused))

    def _cells(self, anonymity: Anonymity | None) -> CellsOfFields:
        from allstation.report.content.anonymise import anonymised_cells

        cells = cells_of_case(self.case)
        return cells if anonymity is None else anonymised_cells(cells, self.snapshot, anonymity)

    def _cells_csv(self, target: Path) -> str:
        from allstation.report.tables.cells import write_cells_csv

        write_cells_csv(self._cells(self._anonymity), target)
        return ""

    def _coco(self, target: Path) -> str:
        from allstation.report.tables.cells import write_coco

        write_coco(self._cells(self._anonymity), target)
        return ""

    def _labelled(self, target: Path) -> str:
        from allstation.report.exchange.labelled import write_labelled

        done = write_labelled(self.snapshot, target, anonymise=self._anonymity, progress=self.progress)
        return _left_out(len(done.missing))

    def _slide_pictures(self, target: Path) -> str:
        from allstation.report.slide_pictures import write_slide_pictures

        done = write_slide_pictures(
            self.snapshot.slides, target, anonymise=self.options.anonymise, progress=self.progress
        )
        return " ".join(error.sentence for _, error in done.refused)

    @property
    def _anonymity(self) -> Anonymity | None:
        return Anonymity(self.options.keep) if self.options.anonymise else None

    def _report_options(self) -> ReportOptions:
        anonymity = self._anonymity or Anonymity()
        return replace(self.options.report, anonymise=self.options.anonymise, anonymity=anonymity)

    def _travelling(self) -> tuple[ReportOptions, bytes | None]:
        wanted = self._report_options()
        if not self.options.with_report:
            return wanted, None
        return reporting.for_exchange(self.case, self.snapshot, wanted, progress=self._page)


def _left_out(count: int) -> str:
    if not count:
        return ""
    if count == 1:
        return "1 field could not be read any more and is left out."
    return f"{count} fields could not be read any more and are left out."


class Exports(QObject):
    """Takes jobs from the window, one after the other.

    Signals:
        started: An :class:`ExportJob`.
        progressed: The job, how many things are done, and how many there are; 0 while unknown.
        done: The :class:`ExportJob` whose file is written, and a remark or nothing.
        cancelled: The job that was given up; nothing of it is left.
        failed: The job and a :class:`Problem`.
        stopped: The thread has ended.
    """

    started = Signal(object)
    progressed = Signal(object, int, int)
    done = Signal(object, str)
    cancelled = Signal(object)
    failed = Signal(object, object)
    stopped = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._serial = Serial(self)
        self._jobs: list[ExportJob] = []
        self._stopping = False

    def write(self, job: ExportJob) -> None:
        """Write one file or folder."""
        self._jobs = [*self._jobs[-100:], job]
        self._serial.run(partial(self._run, job))

    def stop(self) -> None:
        """Give up what is being written; ``stopped`` follows."""
        for job in self._jobs:
            job.stop.set()
        if not self._stopping:
            self._stopping = True
            self._serial.run(_nothing).done.connect(self._ended)

    def wait(self, milliseconds: int = 30_000) -> bool:
        """Block until the thread has ended. For the very end of the program only."""
        self.stop()
        return self._serial.finish(milliseconds)

    @Slot(object)
    def _ended(self, _nothing: None) -> None:
        self.stopped.emit()

    def _run(self, job: ExportJob) -> None:
        """Take a snapshot and write the file. Runs on the other thread."""
        self.started.emit(job)
        try:
            remark = self._write(job)
        except _StoppedError:
            self.cancelled.emit(job)
        except StationError as error:
            self.failed.emit(job, Problem.of(error, job.target.name))
        except OSError as error:
            sentence = (
                f"{job.target.name!r} could not be written ({error.strerror}). "
                "Choose another place or make space, then try again."
            )
            self.failed.emit(job, Problem("export-failed", sentence, job.target.name))
        except Exception as error:  # noqa: BLE001 - a fault in one export must reach the person, not end the thread
            _log.exception("export failed")
            sentence = f"The export stopped unexpectedly ({type(error).__name__}). The log has the details."
            self.failed.emit(job, Problem("export-failed", sentence, job.target.name))
        else:
            self.done.emit(job, remark)

    def _write(self, job: ExportJob) -> str:
        progress = self._progress(job)
        check_target(job)
        if job.made is not None:
            if not job.made.status.locks:
                reporting.check(job.made)
            reporting.write(job.made, job.target)
            return ""
        progress(0, 0)
        with Case.open(job.case_folder, read_only=True) as case, case.connection.consistent_read():
            write = _Writer(case, case.snapshot(), job.options, progress)
            if not job.kind.is_folder:
                return write.to(job.kind, job.target)
            return _whole_folder(job.target, lambda folder: write.to(job.kind, folder))

    def _progress(self, job: ExportJob) -> Progress:
        """Return a progress callback: emits a few times a second and raises when the person cancelled."""
        told = 0.0

        def progress(done: int, of: int) -> None:
            nonlocal told
            if job.stop.is_set():
                raise _StoppedError
            now = time.monotonic()
            if now - told >= _TELL_EVERY:
                told = now
                self.progressed.emit(job, done, of)

        return progress


def _nothing() -> None:
    """End a row of jobs."""
