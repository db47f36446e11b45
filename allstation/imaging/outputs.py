"""Checks where an output may be written, before any work is done.

No output takes the place of an input, bears a field's suffix, or replaces a file that this program did
not write. A file that it did write is replaced when it is an earlier output of the same case, or when
the person asked for it (``--force``, or the question of a file dialog).
"""

from __future__ import annotations

import csv
import os
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.imaging.formats.foreign import foreign_kind
from allstation.imaging.formats.suffixes import looks_like_field
from allstation.imaging.output_kinds import OutputKind, Owner

CODE: Final = "bad-output"
_OWN_SUFFIXES: Final = (".allmodel", ".allcase", ".sqlite", ".sqlite-wal", ".sqlite-shm")
_ARCHIVES: Final = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".rar", ".7z")
_CASE_SUFFIX: Final = ".allcase"
_CASE_FILE: Final = "case.sqlite"
_CASE_FOLDERS: Final = ("reports", "backups", "unpacked")


@dataclass(frozen=True, slots=True)
class Output:
    """File that is to be written.

    Attributes:
        option: What it was named with, such as ``--csv``.
        target: The file.
        kind: What will be in it.
    """

    option: str
    target: Path
    kind: OutputKind


def check_outputs(
    outputs: Iterable[Output],
    *,
    inputs: Iterable[Path] = (),
    force: bool = False,
    owner: Owner | None = None,
    remedy: str = ", or add --force to replace it",
) -> None:
    """Refuse outputs that would destroy something, before any work is done.

    Args:
        outputs: The files that will be written.
        inputs: Files and folders that are read, or made, by the same command.
        force: Replace files that this program wrote for another run too.
        owner: The case they are written from; its own earlier outputs are replaced.
        remedy: What else a person may do about an earlier output of another run.

    Raises:
        StationError: ``bad-output``, or ``not-written`` for a folder that is not there.
    """
    wanted = list(outputs)
    given = [Path(path) for path in inputs]
    for place, output in enumerate(wanted):
        for other in wanted[:place]:
            if _same_file(output.target, other.target):
                raise _refused(output, f"is {other.option} too: each output needs a file of its own.")
        _check_name(output)
        for path in given:
            if _same_file(output.target, path):
                raise _refused(output, "is an input. Name another file: an input is never replaced.")
        _check_place(output, made=given)
        if _is_of_another_run(output, owner) and not force:
            why = f"is there already, from another run. Name another file{remedy}."
            raise _refused(output, why)


def check_folder(folder: Path, option: str, kind: OutputKind | None = None) -> list[Output]:
    """Look at a folder that files are to be written to.

    Args:
        folder: It need not be there.
        option: What it was named with.
        kind: Of the files; None where the folder must be new or empty.

    Returns:
        The files of the kind's suffix that are there: they would be replaced, so :func:`check_outputs` is
        asked about them.

    Raises:
        StationError: ``bad-output`` if a file stands in its place or it would get a field's suffix,
            ``not-empty``.
    """
    name = shown_name(folder)
    if not os.path.lexists(folder):
        if looks_like_field(folder):
            raise StationError(CODE, f"{option}: {name} has the name of a field. Name a folder without it.")
        return []
    if not folder.is_dir():
        raise StationError(CODE, f"{option}: {name} is not a folder. Name a new folder.")
    there = sorted(folder.iterdir())
    if kind is None and there:
        raise StationError("not-empty", f"{option}: the folder {name} is not empty. Name a new folder.")
    return [Output(option, path, kind) for path in there if kind and path.suffix.lower() == kind.suffix]


def _refused(output: Output, why: str) -> StationError:
    return StationError(CODE, f"{output.option}: {shown_name(output.target)} {why}")


def _same_file(one: Path, other: Path) -> bool:
    """Compare by identity where both are there, else by names as a careless file system compares them."""
    with suppress(OSError, ValueError):
        return one.samefile(other)
    return _place(one) == _place(other)


def _place(path: Path) -> str:
    return unicodedata.normalize("NFC", os.path.realpath(path)).casefold()


def _check_name(output: Output) -> None:
    target, kind = output.target, output.kind
    # Windows drops dots and spaces at the end of a name.
    kept = Path(target.name.rstrip(". "))
    if not kept.name:
        raise StationError(CODE, f"{output.option}: no file is named. Name one that ends in {kind.suffix}.")
    name, suffix = kept.name.lower(), kept.suffix.lower()
    looks_like_picture = looks_like_field(kept) or bool(foreign_kind(name))
    if looks_like_picture and not (kind.picture and suffix == kind.suffix):
        said = f"has the name of a field. Name a file that ends in {kind.suffix}: {kind.name} is written."
        raise _refused(output, said)
    if name.endswith((*_ARCHIVES, *_OWN_SUFFIXES)) and suffix != kind.suffix:
        said = f"has the name of another kind of file. Name a file that ends in {kind.suffix}."
        raise _refused(output, said)
    if _is_of_a_case(target.absolute()):
        raise _refused(output, "is a place of the case's own files. Name a file outside the case.")


def _is_of_a_case(target: Path) -> bool:
    """Return whether a path lies where a case keeps its own files."""
    for folder in target.parents:
        if folder.suffix.lower() == _CASE_SUFFIX or (folder / _CASE_FILE).is_file():
            first = target.relative_to(folder).parts[0].lower()
            return first in _CASE_FOLDERS or first.startswith("case.")
    return False


def _check_place(output: Output, *, made: Sequence[Path]) -> None:
    """Refuse a folder that cannot be written to; one that the command itself makes may be missing."""
    folder = output.target.absolute().parent
    problem = ""
    if not folder.is_dir():
        problem = "" if _place(folder) in map(_place, made) else "there is no such folder"
    elif not os.access(folder, os.W_OK):
        problem = "it is not open for writing"
    if problem:
        sentence = (
            f"{shown_name(output.target)} could not be written to {shown_name(str(folder))}: {problem}. "
            "Choose another folder or make space."
        )
        raise StationError("not-written", sentence)


def _is_of_another_run(output: Output, owner: Owner | None) -> bool:
    """Return whether an output would replace what another run of this program wrote.

    Raises:
        StationError: ``bad-output`` for whatever else is there.
    """
    target, kind = output.target, output.kind
    if not os.path.lexists(target):
        return False
    try:
        found = target.stat()
    except OSError as error:
        raise _refused(output, "is a link to nothing. Name another file.") from error
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "no ordinary file"
        raise _refused(output, f"is {what}. Name another file.")
    if not found.st_size:
        return False
    if not _judged(kind.written_by_us, target):
        said = f"is there already and is not {kind.name} of this program, so it is kept. Name another file."
        raise _refused(output, said)
    return owner is None or not _judged(kind.of_case, target, owner)


def _judged(judge: Callable[..., bool], *given: object) -> bool:
    """Ask a judge; a file that it cannot read is not of its kind."""
    try:
        return judge(*given)
    except (OSError, ValueError, KeyError, TypeError, csv.Error, zipfile.BadZipFile, RecursionError):
        return False
