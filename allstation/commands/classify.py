"""``allstation classify``: the window's job without a window."""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation import paths
from allstation.commands import CSV_DECIMALS, CSV_SEPARATORS, DONE, SOME_FAILED, WRONG_USAGE
from allstation.commands.printing import say
from allstation.commands.progress import ProgressLine
from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter
from allstation.core.limits import DecodeLimits
from allstation.core.records import UNPACKED, CaseSnapshot, FieldState, NewField, Prediction
from allstation.core.text import plain_name, shown_name
from allstation.imaging.foreign import PassedOver
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
_NAMED: Final = 20
"""Files with the same bytes as a field that are named one by one; the tables have all of them."""
_SAVE_EVERY: Final = 32
"""Predictions written in one transaction: few commits, and little to do again after a crash."""


def run(options: argparse.Namespace) -> int:
    """Classify fields, keep them in a case, write what was asked for.

    Returns:
        0 when every field is done, 1 when some were refused or failed, 2 when there was none.
    """
    _check_first(options)
    limits = SettingsFile(paths.config_folder()).value.limits
    options.details = _details(options.detail)
    with ThreadPoolExecutor(1, thread_name_prefix="model") as aside:
        bundles, engine = _open_and_load(options, aside)
        for bundle in bundles[1:]:
            _check_first(options, beside=bundle)
        return _run(options, bundles, engine, limits)


def _run(
    options: argparse.Namespace, bundles: list[ModelBundle], engine: Future[Engine], limits: DecodeLimits
) -> int:
    with _case(options.case) as case:
        if options.details:
            case.set_details({**case.details(), **options.details})
        refused = _take_in(case, options.paths, limits, keep=options.case)
        failed = _classify(case, bundles, threads=options.threads, limits=limits, ready=engine)
        _write(case, options)
        for bundle in bundles[1:]:
            _write(case, options, beside=bundle)
        counts: dict[str, int] = {state: number for state, number in case.queue.counts().items() if number}
        if copies := _name_copies(case):
            counts["same bytes as another"] = copies
    for path, error in refused:
        say(f"refused  {path}: {error.sentence}", error=True)
    for path, error in failed:
        say(f"failed   {path}: {error.sentence}", error=True)
    say(", ".join(f"{state}: {number}" for state, number in counts.items()) or "no fields found")
    if not counts:
        return WRONG_USAGE
    return SOME_FAILED if refused or failed else DONE


def _check_first(options: argparse.Namespace, *, beside: ModelBundle | None = None) -> None:
    """Refuse outputs that would destroy something, before a model or a field is opened."""
    if not any((options.csv, options.json, options.xlsx, options.report)):
        return
    from allstation.imaging import outputs

    kinds = (
        ("--csv", options.csv, outputs.FIELDS_CSV),
        ("--json", options.json, outputs.FIELDS_JSON),
        ("--xlsx", options.xlsx, outputs.WORKBOOK),
        ("--report", None if beside else options.report, outputs.REPORT),
    )
    wanted = [outputs.Output(name, _target(path, beside), kind) for name, path, kind in kinds if path]
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


def _target(path: Path, beside: ModelBundle | None) -> Path:
    """Return where an output goes; that of a further model bears the model's name."""
    return path if beside is None else path.with_stem(f"{path.stem} {_name(beside)}")


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
    if folder.exists() and not folder.is_dir():
        sentence = f"{shown_name(folder)} is a file, not a case. Name a new folder that ends in .allcase."
        raise StationError("not-a-case", sentence)
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


def _take_in(
    case: Case, given: list[Path], limits: DecodeLimits, *, keep: Path | None
) -> list[tuple[Path, StationError]]:
    """Add every readable field to the case; return what was refused.

    Args:
        case: Its folder takes what archives hold.
        given: Files, folders and archives.
        limits: What a field may be.
        keep: Where the case was asked for; None for one that is gone afterwards.
    """
    refused: list[tuple[Path, StationError]] = []
    passed = PassedOver()

    def judge(found: Found | Refused) -> tuple[Found | Refused, NewField | StationError]:
        if isinstance(found, Refused):
            return found, found.error
        try:
            return found, read_field(found.path, limits)
        except StationError as error:
            return found, error

    with ThreadPoolExecutor(_READERS, thread_name_prefix="intake") as threads:
        found_fields = find_fields(given, unpack_to=case.folder / UNPACKED, passed=passed)
        submitted = (threads.submit(judge, found) for found in found_fields)
        judged = in_order(submitted, ahead=_READERS * _AHEAD)
        for folder, members in groupby(judged, key=lambda pair: getattr(pair[0], "folder", None)):
            while part := list(islice(members, _ADDED_TOGETHER)):
                refused += [(found.path, field) for found, field in part if isinstance(field, StationError)]
                fields = [field for _, field in part if isinstance(field, NewField)]
                _name_paged(fields)
                if fields and folder is not None:
                    case.fields.add(_slide(case, folder), fields)
    for sentence in passed.sentences():
        say(f"note     {sentence}", error=True)
    if keep is None and (case.folder / UNPACKED).is_dir():
        say("note     archives were unpacked for this run only: --case keeps their fields", error=True)
    return refused


def _name_copies(case: Case) -> int:
    """Say which files have the same bytes as a field; return how many.

    They have rows of their own in every table, with the field's prediction.
    """
    if not case.copies.all():
        return 0
    from allstation.report.content import copies_of
    from allstation.report.wording import mix_up_sentences

    with case.reading() as snapshot:
        copies = list(copies_of(snapshot))
        paths = [copy.path for copy in snapshot.copies]
    for path, copy in zip(paths[:_NAMED], copies, strict=False):
        say(f"note     {path}: the same bytes as field {copy.same_as}, {copy.field}", error=True)
    if len(copies) > _NAMED:
        say(f"note     and {len(copies) - _NAMED} more files like these", error=True)
    for sentence in mix_up_sentences(copies):
        say(f"warning  {sentence}", error=True)
    return len(copies)


def _name_paged(fields: Iterable[NewField]) -> None:
    """Say of which files not everything is classified."""
    for field in fields:
        if field.pages > 1:
            say(f"note     {field.path}: the first of {field.pages} pages is classified", error=True)
        if field.channels_left_out:
            left_out = f"further channels in it are left out: {field.channels_left_out}"
            say(f"note     {field.path}: {left_out}", error=True)


def _slide(case: Case, folder: Path) -> int:
    known = {slide.folder: slide.id for slide in case.slides.all()}
    return known[folder] if folder in known else case.slides.add(folder.name or "fields", folder).id


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
        case.models.add(bundle.record())
        turn = bundle.sha256 if place else ""
        if turn:
            case.model_queue.add(turn, case.fields.unpredicted(turn), bundle.path.absolute())
            case.model_queue.start(turn)
        engine = None if place else ready.result()
        with Pipeline(bundle, threads=threads, limits=limits, ready=engine) as pipeline:
            _take_turn(case, pipeline, failed, turn=turn)
    return failed


def _try_again(case: Case) -> list[tuple[Path, StationError]]:
    """Queue what failed earlier, but never what broke the program twice; return the latter."""
    from allstation.store.queue import LEFT_OUT

    earlier = [case.fields.get(number) for number in case.fields.ids(FieldFilter(state=FieldState.FAILED))]
    deadly = [field for field in earlier if field.error_code in LEFT_OUT]
    again = [field.id for field in earlier if field.error_code not in LEFT_OUT]
    if again:
        case.queue.requeue(again, keep_attempts=True)
    return [(field.path, StationError(field.error_code, field.error)) for field in deadly]


def _take_turn(case: Case, pipeline: Pipeline, failed: list[tuple[Path, StationError]], *, turn: str) -> None:
    """Empty the queue of one model: empty for the one in use."""
    line = ProgressLine(sum(row.fields for row in case.queue.slides() if row.model_sha256 == turn))
    done = 0
    try:
        # Suspected fields are handed out alone and only once nothing else runs: hence rounds,
        # each of which ends with everything saved.
        while case.queue.has_queued(turn):
            for number in _round(case, pipeline, failed, turn=turn):
                done += number
                line.update(done)
    except StationError:
        raise
    except Exception as error:
        case.queue.release_suspects(error)
        raise
    finally:
        # After Ctrl+C: what was taken and not finished is not suspected of having killed the program.
        case.queue.release()
        line.close()


def _round(
    case: Case, pipeline: Pipeline, failed: list[tuple[Path, StationError]], *, turn: str
) -> Iterator[int]:
    """Run the queue until it hands out nothing more; yield after each field that is finished."""
    where: dict[int, Path] = {}
    ready: list[tuple[int, Prediction]] = []

    def claimed() -> Iterator[tuple[int, Path, str]]:
        while fields := case.queue.claim(4 * _SAVE_EVERY, turn):
            for field in fields:
                where[field.id] = field.path
                yield field.id, field.path, field.sha256

    try:
        for outcome in pipeline.run(claimed()):
            path = where.pop(outcome.key)
            if outcome.prediction is not None:
                ready.append((outcome.key, outcome.prediction))
            elif outcome.error is not None:
                case.queue.fail(outcome.key, outcome.error.code, outcome.error.sentence)
                failed.append((path, outcome.error))
            if len(ready) >= _SAVE_EVERY:
                failed += _save(case, ready)
                ready.clear()
            yield 1
    finally:
        failed += _save(case, ready)


def _save(case: Case, ready: list[tuple[int, Prediction]]) -> list[tuple[Path, StationError]]:
    """Save predictions; return those of which it was not possible."""
    return [(case.fields.get(number).path, error) for number, error in case.queue.save_or_fail(ready).items()]


def _write(case: Case, options: argparse.Namespace, *, beside: ModelBundle | None = None) -> None:
    """Write what was asked for; the tables of a further model beside it, under the model's name."""
    from allstation.report import tables

    wanted = (
        (options.csv, _csv_writer(options)),
        (options.json, tables.write_json),
        (options.xlsx, tables.write_xlsx),
    )
    if not any(path for path, _ in wanted) and not options.report:
        return
    model = None if beside is None else beside.sha256
    with case.reading(model) as snapshot:
        for path, write in wanted:
            if path:
                say(f"written: {os.fspath(write(snapshot, _target(path, beside)))}")
        if options.report and beside is None:
            from allstation.report.pdf import write_pdf

            say(f"written: {os.fspath(write_pdf(snapshot, options.report))}")


def _csv_writer(options: argparse.Namespace) -> Callable[[CaseSnapshot, Path], Path]:
    """Return what writes the CSV with the separator, decimal sign and mark that were asked for."""
    from allstation.report import tables

    return partial(
        tables.write_csv,
        bom=options.bom,
        delimiter=CSV_SEPARATORS[options.separator],
        decimal=CSV_DECIMALS[options.decimal],
    )


def _name(bundle: ModelBundle) -> str:
    """Return a model's name and version as part of a file name."""
    return plain_name(f"{bundle.name} {bundle.version}") or bundle.sha256[:12]
