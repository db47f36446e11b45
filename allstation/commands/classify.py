"""``allstation classify``: the window's job without a window."""

from __future__ import annotations

import argparse
import importlib
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation import paths
from allstation.commands import (
    DONE,
    SOME_FAILED,
    WRONG_USAGE,
    slide_arguments,
)
from allstation.commands.case_facts import details_of, give_patients, give_sizes, measure_control
from allstation.commands.case_trust import warn_of_history
from allstation.commands.classify_output import ClassifyOutput, name_copies
from allstation.commands.classify_tables import model_names, output_for, write_outputs
from allstation.commands.executors import cluster_of, make_executor
from allstation.commands.makers import name_unknown_maker
from allstation.commands.printing import say
from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.text import shown_name
from allstation.imaging.formats.suffixes import looks_like_field
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.processing import retries
from allstation.processing.events import FieldFailure
from allstation.processing.importer import ImportOptions
from allstation.processing.processor import CaseProcessor
from allstation.processing.slide_import import SlideOptions
from allstation.services.settings import SettingsFile

if TYPE_CHECKING:
    from allstation.core.patients import FolderPattern
    from allstation.core.tables import Table
    from allstation.inference.engine_pool import FieldEngine
    from allstation.processing.batch import FieldExecutor
    from allstation.processing.cluster.connection import ClusterConnection
    from allstation.processing.slide_sizes import GivenSizes
    from allstation.store.case import Case

_NEXT: Final = ("allstation.store.case", "allstation.inference.pipeline", "ai_edge_litert.interpreter")
_READERS: Final = 2
_RESERVE: Final = 2
"""Fields each thread has left when results are written: without it threads ran dry on a busy machine."""
_BATCH: Final = 1000
"""Fields of a folder added to the case in one transaction."""


def run(options: argparse.Namespace) -> int:
    """Classify fields, keep them in a case, write what was asked for.

    Returns:
        0 when every field is done, 1 when some were refused or failed, 2 when there was none.
    """
    _check_first(options)
    limits = SettingsFile(paths.config_folder()).value.limits
    options.details = details_of(options.detail)
    patients, sizes = _patients_of(options), _sizes_of(options)
    with ThreadPoolExecutor(1, thread_name_prefix="model") as background:
        wanted = any((options.csv, options.json, options.xlsx))
        bundles, engine = open_and_load(options.model, background, limits, tables=wanted)
        if bundles[1:]:
            _check_first(options, further=model_names(bundles[1:]))
        return _run(options, bundles, engine, limits, patients=patients, sizes=sizes)


def _run(
    options: argparse.Namespace,
    bundles: list[ModelBundle],
    engine: Future[FieldEngine],
    limits: DecodeLimits,
    *,
    patients: FolderPattern | Table | None,
    sizes: GivenSizes,
) -> int:
    from allstation.store.site.library import SiteLibrary

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
            slides=_with_sizes(slide_options(options, hashed=kept), sizes),
            cluster=cluster,
            added=partial(give_sizes, case, sizes),
        )
        if patients is not None:
            give_patients(case, patients)
        measured = not kept or measure_control(case, output.written)
        write_outputs(case, options)
        for bundle, name in zip(bundles[1:], model_names(bundles[1:]), strict=True):
            write_outputs(case, options, model=bundle.sha256, name=name)
        counts: dict[str, int] = {state: number for state, number in case.queue.counts().items() if number}
        if copies := name_copies(case):
            counts["same bytes as another"] = copies
    output.name_failures()
    say(", ".join(f"{state}: {number}" for state, number in counts.items()) or "no fields found")
    if not counts:
        return WRONG_USAGE
    whole = measured and not (output.refused or output.failed or output.failed_models)
    return DONE if whole else SOME_FAILED


def _patients_of(options: argparse.Namespace) -> FolderPattern | Table | None:
    if not options.patients:
        return None
    from allstation.processing.patients import parse_patients

    return parse_patients(options.patients)


def _with_sizes(slides: SlideOptions, sizes: GivenSizes) -> SlideOptions:
    """Let the fields that are proposed on new slides follow the pixel sizes that were given."""
    if not sizes:
        return slides
    from allstation.processing.slide_sizes import sizes_of_new_slide

    return replace(slides, sizes=partial(sizes_of_new_slide, sizes))


def _sizes_of(options: argparse.Namespace) -> GivenSizes:
    if not options.pixel_size:
        return ()
    from allstation.processing.slide_sizes import parse_slide_sizes

    return parse_slide_sizes(options.pixel_size)


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
        outputs.Output(option, output_for(path, name), kind)
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


def open_and_load(
    models: list[Path] | None, background: Executor, limits: DecodeLimits, *, tables: bool
) -> tuple[list[ModelBundle], Future[FieldEngine]]:
    """Check the models on one processor while another loads what is needed next.

    The first model's engine goes on being made while the fields are taken in.

    Args:
        models: Bundles; the shipped one if there are none.
        background: Runs the check.
        limits: Of a field; a network in a process of its own gets its share of the time.
        tables: Whether tables are written later.
    """
    opening = background.submit(_open, models or [default_bundle_path()])
    engine = background.submit(_started, opening, limits)
    for module in _NEXT:
        importlib.import_module(module)
    if tables:
        importlib.import_module("allstation.report.tables.case_tables")
    return opening.result(), engine


def _open(chosen: list[Path]) -> list[ModelBundle]:
    """Open the models; one of an unknown maker is named, one under a false name is refused."""
    bundles = [ModelBundle.open(path) for path in chosen]
    for bundle in bundles:
        name_unknown_maker(bundle)
    return bundles


def _started(opening: Future[list[ModelBundle]], limits: DecodeLimits) -> FieldEngine:
    from allstation.inference.engine_pool import make_engine
    from allstation.inference.pipeline import network_seconds
    from allstation.inference.reference import verify_activation

    first = opening.result()[0]
    engine = make_engine(first, seconds=network_seconds(limits))
    verify_activation(first, engine)
    return engine


@contextmanager
def opened_case(folder: Path | None) -> Iterator[Case]:
    """Open or create the case; without a folder, one that is gone afterwards."""
    from allstation.store.case import Case, holds_other_things

    if folder is None:
        with (
            tempfile.TemporaryDirectory(prefix="allstation-") as temporary,
            Case.create(Path(temporary) / "classify.allcase", remembered=False) as case,
        ):
            yield case
        return
    if folder.exists() and not folder.is_dir():
        sentence = f"{shown_name(folder)} is a file, not a case. Name a new folder that ends in .allcase."
        raise StationError("not-a-case", sentence)
    if (folder / "case.sqlite").exists():
        opened = Case.open(folder)
    elif looks_like_field(folder):
        sentence = (
            f"--case: {shown_name(folder)} has the name of a field. Name a folder that ends in .allcase."
        )
        raise StationError("not-a-case", sentence)
    elif folder.exists() and holds_other_things(folder):
        sentence = f"{shown_name(folder)} is a folder with other things in it, not a case. Name a new folder."
        raise StationError("not-a-case", sentence)
    else:
        opened = Case.create(folder)
    with opened as case:
        if case.read_only:
            name = shown_name(case.name)
            sentence = (
                f"The case {name} cannot be added to. {case.why_read_only} Free it, or name another case."
            )
            raise StationError("case-held", sentence)
        warn_of_history(case, case.name)
        yield case


def process_paths(
    case: Case,
    paths: list[Path],
    bundles: list[ModelBundle],
    *,
    threads: int | None,
    limits: DecodeLimits,
    ready: Future[FieldEngine],
    cells: bool,
    slides: SlideOptions,
    cluster: ClusterConnection | None = None,
    added: Callable[[], None] = lambda: None,
) -> ClassifyOutput:
    """Import what was given, classify with the first model, and every field with the others.

    Args:
        case: Open for writing.
        paths: Files, folders and archives.
        bundles: The models.
        threads: Worker threads; None for one a processor.
        limits: What a field may be at most.
        ready: An engine of the first model.
        cells: Whether the cells of the fields are stored.
        slides: What is wanted of whole slides.
        cluster: The laboratory's machines; None for this machine alone.
        added: Called when the fields are in the case and none is classified.
    """
    make = partial(make_executor, connection=cluster, threads=threads, limits=limits, cells=cells)

    def executor(bundle: ModelBundle) -> FieldExecutor:
        engine = ready.result() if bundle is bundles[0] else None
        return make(bundle, sizes=case.site.known_sizes(), ready=engine)

    output, woken = ClassifyOutput(case), threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="background") as background:
        processor = CaseProcessor(
            case,
            output.take,
            wake=woken.set,
            executor=executor,
            background=background,
            imports=ImportOptions(limits=limits, readers=_READERS, batch=_BATCH, slides=slides),
            chosen={bundle.sha256 for bundle in bundles},
            skipped=_waiting_models(case) - {bundle.sha256 for bundle in bundles[1:]} - {""},
            paused=True,
            reserve=_RESERVE,
        )
        try:
            processor.add_paths(paths)
            _run_until_idle(processor, output, woken)
            output.name_passed(kept=cells)
            added()
            _classify(processor, output, bundles, woken)
        except Exception as error:
            processor.stop(None if isinstance(error, StationError) else error)
            raise
        finally:
            output.close()
            processor.stop()
    return output


def _waiting_models(case: Case) -> set[str]:
    """Return the models that fields of the case wait for; empty text for the one in use."""
    waiting = {row.model_sha256 for row in case.queue.slides()}
    return waiting | {queued.model_sha256 for queued in case.model_queue.all()}


def _classify(
    processor: CaseProcessor, output: ClassifyOutput, bundles: list[ModelBundle], woken: threading.Event
) -> None:
    """Classify what is queued and what failed earlier, then what the other models have not seen."""
    case = processor.case
    left_out = retries.left_out(case)
    errors = ((field, StationError(field.error_code, field.error)) for field in left_out)
    output.failed += [FieldFailure(field.id, field.path, error) for field, error in errors]
    retries.requeue_failed(case)
    barred = {field.id for field in left_out}
    for bundle in bundles[1:]:
        case.models.add(bundle.record())
        missing = [number for number in case.fields.unpredicted(bundle.sha256) if number not in barred]
        if missing:
            processor.queue_model(bundle, missing)
    output.begin("")
    processor.use_model(bundles[0])
    processor.pause(False)
    _run_until_idle(processor, output, woken)


def _run_until_idle(processor: CaseProcessor, output: ClassifyOutput, woken: threading.Event) -> None:
    output.raise_problem()
    while processor.busy:
        woken.wait(processor.seconds_to_next())
        woken.clear()
        processor.process()
        output.raise_problem()


def slide_options(options: argparse.Namespace, *, hashed: bool) -> SlideOptions:
    """Return what is wanted of whole slides.

    Args:
        options: Of the command.
        hashed: Whole files are hashed in the background, for a case that is kept.
    """
    every = options.pages == slide_arguments.EVERYTHING
    return SlideOptions(fields=options.fields, pages=every, hashed=hashed)
