"""Writers of a case's exports, one a kind of file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from allstation.core.errors import StationError
from allstation.core.records import CaseSnapshot
from allstation.files import part_path
from allstation.report.export_types import Progress
from allstation.report.free_text import Anonymity
from allstation.report.options import ReportOptions
from allstation.services import reporting
from allstation.services.case_cells import cells_of_case
from allstation.services.export_job import ExportKind, ExportOptions
from allstation.store.case import Case

if TYPE_CHECKING:
    from allstation.report.cell_source import CellsOfFields


class ExportStoppedError(Exception):
    """The person gave up."""


def whole_folder(target: Path, write: Callable[[Path], str]) -> str:
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
class ExportWriter:
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
        }
        return writers[kind](target)

    def _page(self, number: int) -> None:
        self.progress(number, 0)

    def _pdf(self, target: Path) -> str:
        made = reporting.make(self.case, self.snapshot, self._report_options(), progress=self._page)
        reporting.write(made, target)
        return ""

    def _csv(self, target: Path) -> str:
        from allstation.report.tables import write_csv

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
        from allstation.report.tables import write_json

        write_json(self.snapshot, target, anonymise=self._anonymity)
        return ""

    def _xlsx(self, target: Path) -> str:
        from allstation.report.tables import write_xlsx

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
        from allstation.report.anonymise import anonymised_cells

        cells = cells_of_case(self.case)
        return cells if anonymity is None else anonymised_cells(cells, self.snapshot, anonymity)

    def _cells_csv(self, target: Path) -> str:
        from allstation.report.cell_table import write_cells_csv

        write_cells_csv(self._cells(self._anonymity), target)
        return ""

    def _coco(self, target: Path) -> str:
        from allstation.report.cell_table import write_coco

        write_coco(self._cells(self._anonymity), target)
        return ""

    def _labelled(self, target: Path) -> str:
        from allstation.report.exchange.labelled import write_labelled

        done = write_labelled(self.snapshot, target, anonymise=self._anonymity, progress=self.progress)
        return _left_out(len(done.missing))

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
