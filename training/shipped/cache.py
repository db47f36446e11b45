"""Cache of the trunk's outputs for fields and their altered copies, computed once by LiteRT."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.files import replacing
from allstation.imaging.preprocess import Preprocessing, prepare
from allstation.inference.pipeline import default_threads
from training.data.composites import Backgrounds, generous_mask
from training.data.variants import Strength, altered_tensor, gentle_tensor
from training.models.cells import ZOOM
from training.shipped.perceptron import sums_by_field

Bytes = NDArray[np.uint8]
Half = NDArray[np.float16]
Single = NDArray[np.float32]
Rows = NDArray[np.int64]

CHANNELS: Final = 24 + 40 + 80 + 112 + 320
"""Of the network's five depths, side by side."""
_CHUNK: Final = 128
_TINY: Final = 1e-6
PREPROCESSING: Final = Preprocessing(options={"zoom": ZOOM})


class Packed:
    """Trunk outputs at every place of each field that holds cells, one field after the other.

    Attributes:
        values: (p, c) half precision.
        area: (p,) share of the place inside cells.
        starts: (n + 1,) where each field begins, and the end.
    """

    def __init__(self, values: Half, area: Single, starts: Rows) -> None:
        """Take arrays as they are."""
        self.values, self.area, self.starts = values, area, starts
        self._means: list[Single] = []

    def places(
        self, rows: Rows, kept: float = 1.0, random: np.random.Generator | None = None
    ) -> tuple[Single, Single, Rows]:
        """Return values (p, c), shares of each field's cells (p,) and number among ``rows`` (p,).

        Args:
            rows: Fields.
            kept: Share of places to return, drawn by chance.
            random: Source of chance; None returns all.
        """
        counts = np.diff(self.starts)[rows]
        field = np.repeat(np.arange(len(rows)), counts)
        begun = np.cumsum(counts) - counts
        found = np.repeat(self.starts[rows] - begun, counts) + np.arange(len(field))
        if random is not None:
            drawn = random.random(len(found)) < kept
            drawn[(begun + random.random(len(rows)) * counts).astype(int)[counts > 0]] = True
            found, field = found[drawn], field[drawn]
        area = self.area[found]
        total = sums_by_field(area, field, len(rows)) + np.float32(_TINY)
        return self.values[found].astype(np.float32), area / total[field], field

    @property
    def means(self) -> Single:
        """(n, c) means over the cells' area of every field, computed once."""
        if not self._means:
            fields = np.arange(len(self.starts) - 1)
            parts = []
            for rows in np.array_split(fields, max(1, len(fields) // _CHUNK)):
                values, share, field = self.places(rows)
                parts.append(sums_by_field(values * share[:, None], field, len(rows)))
            self._means.append(np.concatenate(parts))
        return self._means[0]


@dataclass(frozen=True)
class Copy:
    """Trunk outputs of one copy of every field.

    Attributes:
        places: Of all fields.
        shows: (n,) whether the copy shows cells at all.
        background: (n,) row of the field whose background the copy wears; -1 for its own.
    """

    places: Packed
    shows: NDArray[np.bool_]
    background: Rows

    def usable(self, rows: Rows) -> Rows:
        """Return those of some training rows whose copies hold pixels of training rows alone."""
        own = self.background[rows] < 0
        return rows[own | np.isin(self.background[rows], rows)]

    def write(self, path: Path) -> None:
        """Write to disk."""
        places, shows, background = self.places, self.shows, self.background
        arrays: dict[str, NDArray[Any]] = {"values": places.values, "area": places.area}
        arrays_on_disk(path, **arrays, starts=places.starts, shows=shows, background=background)

    @classmethod
    def read(cls, path: Path) -> Copy:
        """Read what ``write`` wrote."""
        with np.load(path) as archive:
            places = Packed(archive["values"], archive["area"], archive["starts"])
            return cls(places, archive["shows"], archive["background"])


def plain_copy(places: Packed) -> Copy:
    """Return fields with all their cells and their own background."""
    n = len(places.starts) - 1
    return Copy(places, np.ones(n, bool), np.full(n, -1, np.int64))


class Trunk:
    """The frozen trunk as a LiteRT network, one interpreter a thread."""

    def __init__(self, network: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._runners = []
        for _ in range(default_threads()):
            interpreter = Interpreter(model_content=network, num_threads=1)
            interpreter.allocate_tensors()
            self._runners.append(interpreter.get_signature_runner("serving_default"))

    def run(self, tensors: NDArray[np.float32]) -> Packed:
        """Return every place with cells of prepared fields (n, h, w, 4)."""
        parts = np.array_split(np.arange(len(tensors)), len(self._runners))
        with ThreadPoolExecutor(len(self._runners)) as pool:
            waiting = [
                pool.submit(_part, runner, tensors[rows])
                for runner, rows in zip(self._runners, parts, strict=True)
            ]
            found = [part.result() for part in waiting]
        return joined(found)


def _part(runner: Any, tensors: NDArray[np.float32]) -> Packed:  # noqa: ANN401
    values, area = [np.zeros((0, CHANNELS), np.float16)], [np.zeros(0, np.float32)]
    for tensor in tensors:
        found = runner(field=tensor[None])
        shares = found["area"].reshape(-1)
        values.append(found["places"].reshape(-1, CHANNELS)[shares > 0].astype(np.float16))
        area.append(shares[shares > 0])
    return Packed(np.concatenate(values), np.concatenate(area), _starts([len(each) for each in area[1:]]))


def _starts(counts: Sequence[int] | Rows) -> Rows:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def joined(parts: Sequence[Packed]) -> Packed:
    """Return the places of several parts as one."""
    counts = np.concatenate([np.diff(part.starts) for part in parts])
    values, area = np.concatenate([part.values for part in parts]), np.concatenate([p.area for p in parts])
    return Packed(values, area, _starts(counts))


def altered_copy(trunk: Trunk, rgb: Bytes, backgrounds: Backgrounds, *, seed: int, copy: int) -> Copy:
    """Alter every field once and return the trunk's outputs.

    Args:
        trunk: The frozen trunk.
        rgb: (n, 224, 224, 3).
        backgrounds: Of the same fields.
        seed: Of the recipe.
        copy: Which copy; every one is another.
    """
    parts, shows, worn = [], [], []
    for start in range(0, len(rgb), _CHUNK):
        made = [
            altered_tensor(
                field,
                generous_mask(field, 0),
                backgrounds.rgb,
                np.random.default_rng([seed, copy, row]),
                strength=Strength(),
                side=ZOOM,
            )
            for row, field in enumerate(rgb[start : start + _CHUNK], start)
        ]
        parts.append(trunk.run(np.stack([each.tensor for each in made])))
        shows += [each.shows_cells for each in made]
        worn += [-1 if each.background is None else backgrounds.rows[each.background] for each in made]
    return Copy(joined(parts), np.asarray(shows), np.asarray(worn, np.int64))


def gentle_copy(trunk: Trunk, rgb: Bytes, *, seed: int, copy: int) -> Copy:
    """Turn and slightly disturb every field once and return the trunk's outputs.

    Args:
        trunk: The frozen trunk.
        rgb: (n, 224, 224, 3).
        seed: Of the recipe.
        copy: Which copy; every one is another.
    """
    parts = []
    for start in range(0, len(rgb), _CHUNK):
        made = [
            gentle_tensor(field, np.random.default_rng([seed, copy, row]), side=ZOOM)
            for row, field in enumerate(rgb[start : start + _CHUNK], start)
        ]
        parts.append(trunk.run(np.stack(made)))
    return plain_copy(joined(parts))


def field_places(trunk: Trunk, rgb: Bytes) -> tuple[Packed, Rows]:
    """Return places and cell counts of whole fields (n, 224, 224, 3), prepared as serving does."""
    parts, counts = [], []
    for start in range(0, len(rgb), _CHUNK):
        prepared = [prepare(field, PREPROCESSING) for field in rgb[start : start + _CHUNK]]
        parts.append(trunk.run(np.stack([one.tensor for one in prepared])))
        counts += [one.cells.count for one in prepared]
    return joined(parts), np.asarray(counts, np.int64)


def arrays_on_disk(path: Path, **arrays: NDArray[Any]) -> None:
    """Write arrays beside their place and rename, so a stopped run leaves no half file."""
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
