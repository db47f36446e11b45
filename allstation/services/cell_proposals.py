"""Proposals of types for cells, learned from the types that people gave: read, fitted, measured in one go."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from allstation.core.cells import CellFilter
from allstation.core.errors import StationError
from allstation.files import write_atomically
from allstation.store.case import Case

if TYPE_CHECKING:
    from allstation.core.typer import Typer, TyperFigures

MAX_TYPER_BYTES: Final = 64 * 1024**2
_CHUNK: Final = 5_000


@dataclass(frozen=True, slots=True)
class Proposals:
    """What a typer proposes for the cells of a case.

    Attributes:
        typer: The typer as a file.
        sha256: Its hash.
        rows: Cell, key of the type and its probability, for cells that nobody typed.
        learned: Typed cells that it was learned from; 0 for a typer from elsewhere.
        figures: How often it was right for typed cells; None where that cannot be measured.
        unmeasured: Why not.
        without: Cells that nobody typed and that have no features.
    """

    typer: bytes
    sha256: str
    rows: list[tuple[int, str, float]]
    learned: int = 0
    figures: TyperFigures | None = field(default=None, repr=False)
    unmeasured: str = ""
    without: int = 0


def learn(folder: Path) -> Proposals:
    """Learn from the typed cells of a case and propose types for the rest. Runs on any thread.

    Args:
        folder: The case.

    Raises:
        StationError: ``too-few-cells``, or as :meth:`Case.open`.
    """
    from allstation.core.typer import cross_validate, fit_typer

    with Case.open(folder, read_only=True) as case:
        typed = case.cells.ids(CellFilter(typed=True))
        found, features = case.cells.features(typed)
        if not len(found):
            raise _no_features(len(typed))
        whole = np.isfinite(features).all(axis=1)
        found, features = np.array(found)[whole].tolist(), features[whole]
        records = case.cells.records(found)
        types = [record.type for record in records]
        slides = [record.slide_id for record in records]
        typer = fit_typer(features, types, groups=slides)
        figures, why = None, ""
        try:
            figures = cross_validate(features, types, slides)
        except StationError as error:
            why = error.sentence
        rows, without = _propose(case, typer)
    data = typer.to_bytes()
    return Proposals(
        data, hashlib.sha256(data).hexdigest(), rows, len(types), figures, unmeasured=why, without=without
    )


def apply_typer(folder: Path, file: Path) -> Proposals:
    """Propose types by a typer that was saved elsewhere. Runs on any thread.

    Raises:
        StationError: ``bad-typer``, ``bad-features`` if the cells were measured by another network, or as
            :meth:`Case.open`.
    """
    from allstation.core.typer import Typer

    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_TYPER_BYTES + 1)
    except OSError as error:
        sentence = f"The typer {file.name} cannot be read ({error.strerror}). Choose another file."
        raise StationError("bad-typer", sentence) from error
    if len(data) > MAX_TYPER_BYTES:
        raise StationError("bad-typer", f"{file.name} is far too large to be a typer. Choose another file.")
    typer = Typer.from_bytes(data)
    with Case.open(folder, read_only=True) as case:
        rows, without = _propose(case, typer)
    return Proposals(data, hashlib.sha256(data).hexdigest(), rows, without=without)


def save_typer(made: Proposals, file: Path) -> None:
    """Write a typer as a file.

    Raises:
        StationError: If the disk refuses it.
    """
    try:
        write_atomically(file, made.typer)
    except OSError as error:
        sentence = f"The typer could not be written to {file.name}: {error.strerror}. Choose another folder."
        raise StationError("not-written", sentence) from error


def _propose(case: Case, typer: Typer) -> tuple[list[tuple[int, str, float]], int]:
    untyped = case.cells.ids(CellFilter(typed=False))
    rows: list[tuple[int, str, float]] = []
    without = 0
    for start in range(0, len(untyped), _CHUNK):
        chunk: Sequence[int] = untyped[start : start + _CHUNK]
        found, features = case.cells.features(chunk)
        without += len(chunk) - len(found)
        if len(found):
            names, shares = typer.propose(np.asarray(features, np.float32))
            named = zip(found, names.tolist(), shares.tolist(), strict=True)
            rows += [(cell, name, share) for cell, name, share in named if name]
    return rows, without


def _no_features(typed: int) -> StationError:
    sentence = (
        f"None of the {typed} typed cells was measured by the cell network yet, so there is nothing to learn "
        "from. Measure the cells first."
    )
    return StationError("too-few-cells", sentence)
