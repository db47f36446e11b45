"""``allstation cells``: the white cells of a case, or of images, as a table, pictures and COCO."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from allstation import paths
from allstation.commands import DONE, SOME_FAILED, WRONG_USAGE, free_text
from allstation.commands.case_trust import warn_of_history
from allstation.commands.classify import open_and_load, opened_case, process_paths, slide_options
from allstation.commands.printing import say
from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.imaging.output_kinds import CELLS_CSV, COCO
from allstation.imaging.outputs import Output, check_folder, check_outputs
from allstation.report.content.cell_source import CellsOfFields
from allstation.report.content.options import ReportOptions
from allstation.report.tables.cells import write_cells_csv, write_coco, write_crops
from allstation.services.reports.case_cells import cells_of_case
from allstation.services.settings import SettingsFile
from allstation.store.case import SUFFIX, Case
from allstation.store.database import holds_case


def run(options: argparse.Namespace) -> int:
    """Write what was asked for.

    Returns:
        ``SOME_FAILED`` when fields were refused or had to be left out, named on stderr; ``WRONG_USAGE`` when
        there was no field.

    Raises:
        StationError: If nothing was asked for, or something cannot be written.
    """
    if not any((options.csv, options.crops, options.coco)):
        raise StationError("nothing-to-export", "Nothing to write was named. Add --csv, --crops or --coco.")
    if not any(map(_is_case, options.paths)):
        if options.anonymised:
            sentence = "--anonymised was given with images. Codes are a case's: name a .allcase folder."
            raise StationError("no-case", sentence)
        return _of_paths(options)
    if len(options.paths) > 1:
        sentence = "A case was named beside other paths. Name one case alone, or images without a case."
        raise StationError("case-beside-paths", sentence)
    if options.anonymised:
        free_text.draw_secret(options.paths[0])
    with Case.open(options.paths[0], read_only=True) as case:
        _check_first(options, case)
        warn_of_history(case, str(options.paths[0]))
        return _write(case, options)


def _is_case(path: Path) -> bool:
    return path.suffix == SUFFIX or holds_case(path)


def _check_first(options: argparse.Namespace, owner: Case | None) -> None:
    """Refuse outputs that would destroy something, before a model or a field is opened."""
    wanted = [Output("--csv", options.csv, CELLS_CSV)] if options.csv else []
    wanted += [Output("--coco", options.coco, COCO)] if options.coco else []
    inputs = [*options.paths, *([options.model] if options.model else [])]
    check_outputs(wanted, inputs=inputs, force=options.force, owner=owner)
    if options.crops:
        check_folder(options.crops, "--crops")


def _of_paths(options: argparse.Namespace) -> int:
    """Find the cells of images in a case that is gone afterwards."""
    _check_first(options, None)
    limits = SettingsFile(paths.config_folder()).value.limits
    models = [options.model] if options.model else None
    with ThreadPoolExecutor(1, thread_name_prefix="model") as background:
        bundles, engine = open_and_load(models, background, limits, tables=False)
        with opened_case(None) as case:
            output = process_paths(
                case,
                options.paths,
                bundles,
                threads=options.threads,
                limits=limits,
                ready=engine,
                cells=True,
                slides=slide_options(options, hashed=False),
            )
            output.name_failures()
            if not case.fields.count():
                say("no fields found")
                return WRONG_USAGE
            status = _write(case, options)
    return SOME_FAILED if output.refused or output.failed else status


def _write(case: Case, options: argparse.Namespace) -> int:
    with _reading(case, options) as (cells, number):
        if options.csv:
            say(f"written: {shown_name(str(write_cells_csv(cells, options.csv)))}")
        if options.coco:
            say(f"written: {shown_name(str(write_coco(cells, options.coco)))}")
        refused: Iterable[tuple[object, StationError]] = ()
        if options.crops:
            written, refused = write_crops(cells, options.crops)
            say(f"written: {len(written)} pictures in {shown_name(str(options.crops))}")
        for _, error in refused:
            say(f"left out: {error.sentence}", error=True)
        say(f"cells: {number}")
    return SOME_FAILED if refused else DONE


@contextmanager
def _reading(case: Case, options: argparse.Namespace) -> Iterator[tuple[CellsOfFields, int]]:
    """Open one read transaction over the cells; memory does not grow with their number but by their ids."""
    with case.connection.consistent_read():
        cells = cells_of_case(case)
        if options.anonymised:
            from allstation.report.content.anonymise import anonymised_cells

            snapshot, anonymity = case.snapshot(), free_text.anonymity(options)
            free_text.name_withheld(snapshot, ReportOptions(anonymise=True, anonymity=anonymity))
            cells = anonymised_cells(cells, snapshot, anonymity)
        yield cells, case.cells.count()
