"""``allstation classify``: the window's job without a window."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation import paths
from allstation.commands import CSV_DECIMALS, CSV_SEPARATORS, DONE, SOME_FAILED, WRONG_USAGE
from allstation.commands.case_processing import open_and_load, opened_case, process_paths, slide_options
from allstation.commands.classify_output import name_copies
from allstation.commands.executors import cluster_of
from allstation.commands.printing import say
from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.patients import FolderPattern, patients_text
from allstation.core.records import CaseSnapshot, Slide
from allstation.core.tables import Table
from allstation.core.text import plain_name, shown_name
from allstation.inference.bundle import ModelBundle
from allstation.processing.patients import parse_patients, propose_patients
from allstation.services.settings import SettingsFile

if TYPE_CHECKING:
    from allstation.inference.engine_pool import FieldEngine
    from allstation.store.case import Case

_NAMED: Final = 20
"""Slides without a patient that are named one by one."""


def run(options: argparse.Namespace) -> int:
    """Classify fields, keep them in a case, write what was asked for.

    Returns:
        0 when every field is done, 1 when some were refused or failed, 2 when there was none.
    """
    _check_first(options)
    limits = SettingsFile(paths.config_folder()).value.limits
    options.details = _details(options.detail)
    patients = parse_patients(options.patients) if options.patients else None
    with ThreadPoolExecutor(1, thread_name_prefix="model") as background:
        wanted = any((options.csv, options.json, options.xlsx))
        bundles, engine = open_and_load(options.model, background, limits, tables=wanted)
        if bundles[1:]:
            _check_first(options, further=_names(bundles[1:]))
        return _run(options, bundles, engine, limits, patients=patients)


def _run(
    options: argparse.Namespace,
    bundles: list[ModelBundle],
    engine: Future[FieldEngine],
    limits: DecodeLimits,
    *,
    patients: FolderPattern | Table | None,
) -> int:
    from allstation.store.site_library import SiteLibrary

    site = SiteLibrary(paths.config_folder()).get(options.site) if options.site else None
    with opened_case(options.case) as case, cluster_of(options) as cluster:
        if options.details:
            case.set_details({**case.details(), **options.details})
        if site is not None:
            case.site.set(site)
        kept = options.case is not None  # a case that is gone afterwards needs no cells
        output = process_paths(
            case,
            options.paths,
            bundles,
            threads=options.threads,
            limits=limits,
            ready=engine,
            cells=kept or options.cells is not None,
            slides=slide_options(options, hashed=kept),
            cluster=cluster,
        )
        if patients is not None:
            _set_patients(case, patients)
        measured = not kept or _control(case, output.written)
        _write(case, options)
        for bundle, name in zip(bundles[1:], _names(bundles[1:]), strict=True):
            _write(case, options, model=bundle.sha256, name=name)
        counts: dict[str, int] = {state: number for state, number in case.queue.counts().items() if number}
        if copies := name_copies(case):
            counts["same bytes as another"] = copies
    output.name_failures()
    say(", ".join(f"{state}: {number}" for state, number in counts.items()) or "no fields found")
    if not counts:
        return WRONG_USAGE
    whole = measured and not (output.refused or output.failed or output.failed_models)
    return DONE if whole else SOME_FAILED


def _control(case: Case, written: Collection[int]) -> bool:
    """Measure the days of the fields classified just now against the site's reference; name broken rules.

    Returns:
        Whether the control could be measured: its log may be damaged, which takes no field's result away.
    """
    from allstation.processing import control
    from allstation.store.control_log import BAD_LOG

    site = control.site_id(case)
    if not site:
        return True
    log = control.control_log()
    days = [day for day, ids in case.control.days().items() if not set(ids).isdisjoint(written)]
    try:
        control.measure_case(case, site, log, days=days)
        control.note_releases(case, site, log)
        held = control.held_days(case, site, log)
        if held:
            say(f"CONTROL  {control.held_sentence(site, held, log.standing(site))}", error=True)
    except StationError as error:
        if error.code != BAD_LOG:
            raise
        say(f"CONTROL  not measured: {error.sentence}", error=True)
        return False
    return True


def _set_patients(case: Case, source: FolderPattern | Table) -> None:
    """Give the slides their patients and say how many have none.

    Raises:
        StationError: ``bad-patients``, ``bad-patient``.
    """
    found = propose_patients(case, source)
    case.slides.set_patients(found.patients, source=found.source)
    slides = case.slides.all()
    without = [slide for slide in slides if not slide.patient]
    say(f"patients: {len(slides) - len(without)} of {len(slides)} slides, {_patients_named(slides)}")
    if found.unused:
        say(f"note     {found.unused} rows of the table name no slide of this case", error=True)
    for slide in without[:_NAMED]:
        say(f"note     {shown_name(slide.name)}: patient unknown", error=True)
    if len(without) > _NAMED:
        say(f"note     and {len(without) - _NAMED} more slides of unknown patients", error=True)


def _patients_named(slides: list[Slide]) -> str:
    named = patients_text(slide.patient for slide in slides)
    known = len({slide.patient for slide in slides if slide.patient})
    return f"{named} ({known} known)" if named == PATIENTS_UNKNOWN else named


def _check_first(options: argparse.Namespace, *, further: Iterable[str] = ()) -> None:
    """Refuse outputs that would destroy something, before a model or a field is opened.

    Args:
        options: Of the command.
        further: Names of the further models, which have tables of their own.
    """
    if not any((options.csv, options.json, options.xlsx, options.cells, options.report)):
        return
    from allstation.imaging import output_kinds, outputs

    kinds = (
        ("--csv", options.csv, output_kinds.FIELDS_CSV),
        ("--json", options.json, output_kinds.FIELDS_JSON),
        ("--xlsx", options.xlsx, output_kinds.WORKBOOK),
        ("--cells", options.cells, output_kinds.CELLS_CSV),
        ("--report", options.report, output_kinds.REPORT),
    )
    wanted = [outputs.Output(option, path, kind) for option, path, kind in kinds if path]
    wanted += [
        outputs.Output(option, _target(path, name), kind)
        for name in further
        for option, path, kind in kinds[:-2]
        if path
    ]
    inputs = [*options.paths, *(options.model or []), *([options.case] if options.case else [])]
    with _owner(options.case, [one.target for one in wanted]) as owner:
        outputs.check_outputs(wanted, inputs=inputs, force=options.force, owner=owner)


@contextmanager
def _owner(folder: Path | None, targets: list[Path]) -> Iterator[Case | None]:
    """Open the case for looking when one of its outputs is there already: it may replace its own."""
    if folder is None or not any(target.exists() for target in targets):
        yield None
        return
    from allstation.store.case import Case

    if not (folder / "case.sqlite").is_file():
        yield None
        return
    with Case.open(folder, read_only=True) as case:
        yield case


def _target(path: Path, name: str) -> Path:
    """Return where an output goes; that of a further model bears the model's name."""
    return path.with_stem(f"{path.stem} {name}") if name else path


def _details(given: list[str]) -> dict[str, str]:
    """Return case data as a case keeps them.

    Raises:
        StationError: ``bad-detail`` for an unknown key or a missing text, ``bad-date``.
    """
    if not given:
        return {}
    from allstation.report.identity import GROUPS, entered, known_key

    known = [key for _, labels in GROUPS for key in labels]
    found = {}
    for one in given:
        name, _, text = one.partition("=")
        key = known_key(name)
        if key not in known or not text.strip():
            sentence = f"--detail {one!r} is no KEY=TEXT with one of the keys {', '.join(known)}."
            raise StationError("bad-detail", sentence)
        found[key] = entered(key, text)
    return found


def _write(case: Case, options: argparse.Namespace, *, model: str | None = None, name: str = "") -> None:
    """Write what was asked for; the tables of a further model beside it, under the model's name."""
    from allstation.report import tables

    wanted = (
        (options.csv, _csv_writer(options)),
        (options.json, tables.write_json),
        (options.xlsx, tables.write_xlsx),
    )
    if not any(path for path, _ in wanted) and not options.report and not options.cells:
        return
    with case.reading(model) as snapshot:
        for path, write in wanted:
            if path:
                say(f"written: {shown_name(str(write(snapshot, _target(path, name))))}")
        if options.report and model is None:
            from allstation.report.pdf import write_pdf

            say(f"written: {shown_name(str(write_pdf(snapshot, options.report)))}")
        if options.cells and model is None:
            from allstation.report.cell_table import write_cells_csv
            from allstation.services.case_cells import cells_of_case

            say(f"written: {shown_name(str(write_cells_csv(cells_of_case(case), options.cells)))}")


def _csv_writer(options: argparse.Namespace) -> Callable[[CaseSnapshot, Path], Path]:
    """Return what writes the CSV with the separator, decimal sign and mark that were asked for."""
    from allstation.report import tables

    return partial(
        tables.write_csv,
        bom=options.bom,
        delimiter=CSV_SEPARATORS[options.separator],
        decimal=CSV_DECIMALS[options.decimal],
    )


def _names(bundles: list[ModelBundle]) -> list[str]:
    """Return each model's name and version as part of a file name, with its hash where two have the same."""
    names = [plain_name(f"{bundle.name} {bundle.version}") for bundle in bundles]
    folded = [name.casefold() for name in names]
    return [
        name if name and folded.count(name.casefold()) == 1 else f"{name} {bundle.sha256[:12]}".strip()
        for name, bundle in zip(names, bundles, strict=True)
    ]
