"""Tables and report that ``allstation classify`` writes of a case."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from allstation.commands import CSV_DECIMALS, CSV_SEPARATORS
from allstation.commands.printing import say
from allstation.core.records import CaseSnapshot
from allstation.core.text import plain_name, shown_name

if TYPE_CHECKING:
    from allstation.inference.bundle import ModelBundle
    from allstation.store.case import Case


def write_outputs(
    case: Case, options: argparse.Namespace, *, model: str | None = None, name: str = ""
) -> None:
    """Write what was asked for; the tables of a further model beside it, under the model's name."""
    from allstation.report.tables import case_tables

    wanted = (
        (options.csv, _csv_writer(options)),
        (options.json, case_tables.write_json),
        (options.xlsx, case_tables.write_xlsx),
    )
    if not any(path for path, _ in wanted) and not options.report and not options.cells:
        return
    with case.reading(model) as snapshot:
        for path, write in wanted:
            if path:
                say(f"written: {shown_name(str(write(snapshot, output_for(path, name))))}")
        if options.report and model is None:
            from allstation.report.pdf import write_pdf

            say(f"written: {shown_name(str(write_pdf(snapshot, options.report)))}")
        if options.cells and model is None:
            from allstation.report.tables.cells import write_cells_csv
            from allstation.services.reports.case_cells import cells_of_case

            say(f"written: {shown_name(str(write_cells_csv(cells_of_case(case), options.cells)))}")


def _csv_writer(options: argparse.Namespace) -> Callable[[CaseSnapshot, Path], Path]:
    """Return what writes the CSV with the separator, decimal sign and mark that were asked for."""
    from allstation.report.tables import case_tables

    return partial(
        case_tables.write_csv,
        bom=options.bom,
        delimiter=CSV_SEPARATORS[options.separator],
        decimal=CSV_DECIMALS[options.decimal],
    )


def output_for(path: Path, name: str) -> Path:
    """Return where an output goes; that of a further model bears the model's name."""
    return path.with_stem(f"{path.stem} {name}") if name else path


def model_names(bundles: list[ModelBundle]) -> list[str]:
    """Return each model's name and version as part of a file name, with its hash where two have the same."""
    names = [plain_name(f"{bundle.name} {bundle.version}") for bundle in bundles]
    folded = [name.casefold() for name in names]
    return [
        name if name and folded.count(name.casefold()) == 1 else f"{name} {bundle.sha256[:12]}".strip()
        for name, bundle in zip(names, bundles, strict=True)
    ]
