"""``allstation classify``: the window's job without a window."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation import paths
from allstation.commands import DONE, SOME_FAILED, WRONG_USAGE
from allstation.commands.progress import ProgressLine
from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter
from allstation.core.limits import DecodeLimits
from allstation.core.records import FieldState, NewField, Prediction
from allstation.core.text import plain_name, shown_name
from allstation.imaging.intake import Found, Refused, find_fields, read_field
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.workers import in_order
from allstation.services.settings import SettingsFile

if TYPE_CHECKING:
    from allstation.inference.engine import Engine
    from allstation.inference.pipeline import Pipeline
    from allstation.store.case import Case

_NEXT: Final = ("allstation.store.case", "allstation.inference.pipeline", "ai_edge_litert.interpreter")
_READERS: Final = 2
_AHEAD: Final = 32
"""Files read ahead of the case per thread."""
_ADDED_TOGETHER: Final = 1000
"""Fields of a folder added to the case in one transaction."""
_SAVE_EVERY: Final = 32
"""Predictions written in one transaction: few commits, and little to do again after a crash."""


def run(options: argparse.Namespace) -> int:
    """Classify fields, keep them in a case, write what was asked for.

    Returns:
        0 when every field is done, 1 when some were refused or failed, 2 when there was none.
    """
    limits = SettingsFile(paths.config_folder()).value.limits
    with ThreadPoolExecutor(1, thread_name_prefix="model") as aside:
        bundles, engine = _open_and_load(options, aside)
        return _run(options, bundles, engine, limits)


def _run(
    options: argparse.Namespace, bundles: list[ModelBundle], engine: Future[Engine], limits: DecodeLimits
) -> int:
    with _case(options.case) as case:
        refused = _take_in(case, options.paths, limits)
        failed = _classify(case, bundles, threads=options.threads, limits=limits, ready=engine)
        _write(case, options)
        for bundle in bundles[1:]:
            _write(case, options, beside=bundle)
        counts = {state: number for state, number in case.queue_counts().items() if number}
    for path, error in refused:
        print(f"refused  {path}: {error.sentence}", file=sys.stderr)
    for path, error in failed:
        print(f"failed   {path}: {error.sentence}", file=sys.stderr)
    print(", ".join(f"{state}: {number}" for state, number in counts.items()) or "no fields found")
    if not counts:
        return WRONG_USAGE
    return SOME_FAILED if refused or failed else DONE


def _open_and_load(options: argparse.Namespace, aside: Executor) -> tuple[list[ModelBundle], Future[Engine]]:
    """Check the models on one processor while another loads what is needed next.

    The first model's engine goes on being made while the fields are taken in.
    """
    opening = aside.submit(_open, options.model or [default_bundle_path()])
    engine = aside.submit(_started, opening)
    for module in _NEXT:
        importlib.import_module(module)
    if any((options.csv, options.json, options.xlsx)):
        importlib.import_module("allstation.report.tables")
    return opening.result(), engine


def _open(chosen: list[Path]) -> list[ModelBundle]:
    return [ModelBundle.open(path) for path in chosen]


def _started(opening: Future[list[ModelBundle]]) -> Engine:
    from allstation.inference.engine import Engine

    engine = Engine(opening.result()[0])
    engine.warm_up()
    return engine


@contextmanager
def _case(folder: Path | None) -> Iterator[Case]:
    """Open or create the case; without a folder, one that is gone afterwards."""
    from allstation.store.case import Case, holds_other_things

    if folder is None:
        with (
            tempfile.TemporaryDirectory(prefix="allstation-") as temporary,
            Case.create(Path(temporary) / "classify.allcase") as case,
        ):
            yield case
        return
    if (folder / "case.sqlite").exists():
        opened = Case.open(folder)
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
        yield case


def _take_in(case: Case, given: list[Path], limits: DecodeLimits) -> list[tuple[Path, StationError]]:
    """Add every readable field to the case; return what was refused."""
    refused: list[tuple[Path, StationError]] = []

    def judge(found: Found | Refused) -> tuple[Found | Refused, NewField | StationError]:
        if isinstance(found, Refused):
            return found, found.error
        try:
            return found, read_field(found.path, limits)
        except StationError as error:
            return found, error

    with ThreadPoolExecutor(_READERS, thread_name_prefix="intake") as threads:
        submitted = (threads.submit(judge, found) for found in find_fields(given))
        judged = in_order(submitted, ahead=_READERS * _AHEAD)
        for folder, members in groupby(judged, key=lambda pair: getattr(pair[0], "folder", None)):
            while part := list(islice(members, _ADDED_TOGETHER)):
                refused += [(found.path, field) for found, field in part if isinstance(field, StationError)]
                fields = [field for _, field in part if isinstance(field, NewField)]
                _name_paged(fields)
                if fields and folder is not None:
                    case.add_fields(_slide(case, folder), fields)
    return refused


def _name_paged(fields: Iterable[NewField]) -> None:
    """Say of which files not everything is classified."""
    for field in fields:
        if field.pages > 1:
            print(f"note     {field.path}: the first of {field.pages} pages is classified", file=sys.stderr)
        if field.channels_left_out:
            left_out = f"further channels in it are left out: {field.channels_left_out}"
            print(f"note     {field.path}: {left_out}", file=sys.stderr)


def _slide(case: Case, folder: Path) -> int:
    known = {slide.folder: slide.id for slide in case.slides()}
    return known[folder] if folder in known else case.add_slide(folder.name or "fields", folder).id


def _classify(
    case: Case,
    bundles: list[ModelBundle],
    *,
    threads: int | None,
    limits: DecodeLimits,
    ready: Future[Engine],
) -> list[tuple[Path, StationError]]:
    """Classify what is queued with the first model, and every field with the others; return what failed."""
    from allstation.inference.pipeline import Pipeline

    failed = _try_again(case)
    for place, bundle in enumerate(bundles):
        case.add_model(bundle.record())
        turn = bundle.sha256 if place else ""
        if turn:
            case.plan(turn, case.unpredicted(turn), bundle.path.absolute())
            case.begin_plan(turn)
        engine = None if place else ready.result()
        with Pipeline(bundle, threads=threads, limits=limits, ready=engine) as pipeline:
            _take_turn(case, pipeline, failed, turn=turn)
    return failed


def _try_again(case: Case) -> list[tuple[Path, StationError]]:
    """Queue what failed earlier, but never what killed the program twice; return the latter."""
    from allstation.store.queue import CRASHED_TWICE

    earlier = [case.field(number) for number in case.field_ids(FieldFilter(state=FieldState.FAILED))]
    deadly = [field for field in earlier if field.error_code == CRASHED_TWICE]
    again = [field.id for field in earlier if field.error_code != CRASHED_TWICE]
    if again:
        case.requeue(again)
    return [(field.path, StationError(field.error_code, field.error)) for field in deadly]


def _take_turn(case: Case, pipeline: Pipeline, failed: list[tuple[Path, StationError]], *, turn: str) -> None:
    """Empty the queue of one model: empty for the one in use."""
    line = ProgressLine(sum(row.fields for row in case.waiting() if row.model_sha256 == turn))
    done = 0
    try:
        # Suspected fields are handed out alone and only once nothing else runs: hence rounds,
        # each of which ends with everything saved.
        while case.waits_for(turn):
            for number in _round(case, pipeline, failed, turn=turn):
                done += number
                line.update(done)
    finally:
        # After Ctrl+C: what was taken and not finished is not suspected of having killed the program.
        case.release()
        line.close()


def _round(
    case: Case, pipeline: Pipeline, failed: list[tuple[Path, StationError]], *, turn: str
) -> Iterator[int]:
    """Run the queue until it hands out nothing more; yield after each field that is finished."""
    where: dict[int, Path] = {}
    ready: list[tuple[int, Prediction]] = []

    def claimed() -> Iterator[tuple[int, Path, str]]:
        while fields := case.claim(4 * _SAVE_EVERY, turn):
            for field in fields:
                where[field.id] = field.path
                yield field.id, field.path, field.sha256

    try:
        for outcome in pipeline.run(claimed()):
            path = where.pop(outcome.key)
            if outcome.prediction is not None:
                ready.append((outcome.key, outcome.prediction))
            elif outcome.error is not None:
                case.fail(outcome.key, outcome.error.code, outcome.error.sentence)
                failed.append((path, outcome.error))
            if len(ready) >= _SAVE_EVERY:
                case.save_predictions(ready)
                ready.clear()
            yield 1
    finally:
        case.save_predictions(ready)


def _write(case: Case, options: argparse.Namespace, *, beside: ModelBundle | None = None) -> None:
    """Write what was asked for; the tables of a further model beside it, under the model's name."""
    from allstation.report import tables

    wanted = (
        (options.csv, tables.write_csv),
        (options.json, tables.write_json),
        (options.xlsx, tables.write_xlsx),
    )
    if not any(path for path, _ in wanted) and not options.report:
        return
    model = None if beside is None else beside.sha256
    with case.reading(model) as snapshot:
        for path, write in wanted:
            if path:
                target = path if beside is None else path.with_stem(f"{path.stem} {_name(beside)}")
                print(f"written: {os.fspath(write(snapshot, target))}")
        if options.report and beside is None:
            from allstation.report.pdf import write_pdf

            print(f"written: {os.fspath(write_pdf(snapshot, options.report))}")


def _name(bundle: ModelBundle) -> str:
    """Return a model's name and version as part of a file name."""
    return plain_name(f"{bundle.name} {bundle.version}") or bundle.sha256[:12]
