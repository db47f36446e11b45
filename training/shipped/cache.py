"""Cache of the trunk's outputs for fields and their altered copies, computed once by LiteRT."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.files import replacing
from allstation.imaging.preprocess import Preprocessing, prepare
from allstation.inference.pipeline import default_threads
from training.data.composites import generous_mask
from training.data.variants import Strength, altered_tensor, gentle_tensor
from training.models.cells import ZOOM

Bytes = NDArray[np.uint8]
Half = NDArray[np.float16]

COPY_PLACES: Final = 64
FIELD_PLACES: Final = 160
CHANNELS: Final = 24 + 40 + 80 + 112 + 320
"""Of the network's five depths, side by side."""
_CHUNK: Final = 128
PREPROCESSING: Final = Preprocessing(options={"zoom": ZOOM})


@dataclass(frozen=True)
class Places:
    """Trunk outputs at the places of each field that hold cells, largest area first.

    Attributes:
        values: (n, t, c) half precision; zero where a field has fewer than t such places.
        area: (n, t, 1) share of the place inside cells.
    """

    values: Half
    area: Half

    def rows(self, rows: NDArray[Any] | slice) -> Places:
        """Return the places of some fields."""
        return Places(self.values[rows], self.area[rows])


class Trunk:
    """The frozen trunk as a LiteRT network, one interpreter a thread."""

    def __init__(self, network: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._runners = []
        for _ in range(default_threads()):
            interpreter = Interpreter(model_content=network, num_threads=1)
            interpreter.allocate_tensors()
            self._runners.append(interpreter.get_signature_runner("serving_default"))

    def run(self, tensors: NDArray[np.float32], limit: int) -> Places:
        """Return the places of prepared fields (n, h, w, 4), at most ``limit`` each."""
        parts = np.array_split(np.arange(len(tensors)), len(self._runners))
        with ThreadPoolExecutor(len(self._runners)) as pool:
            waiting = [
                pool.submit(_part, runner, tensors[rows], limit)
                for runner, rows in zip(self._runners, parts, strict=True)
            ]
            found = [part.result() for part in waiting]
        return joined(found)


def _part(runner: Any, tensors: NDArray[np.float32], limit: int) -> Places:  # noqa: ANN401
    values = np.zeros((len(tensors), limit, CHANNELS), np.float16)
    area = np.zeros((len(tensors), limit, 1), np.float16)
    for row, tensor in enumerate(tensors):
        found = runner(field=tensor[None])
        shares = found["area"].reshape(-1)
        order = np.argsort(-shares, kind="stable")[: min(limit, np.count_nonzero(shares))]
        values[row, : len(order)] = found["places"].reshape(-1, CHANNELS)[order]
        area[row, : len(order), 0] = shares[order]
    return Places(values, area)


def joined(parts: list[Places]) -> Places:
    """Return the places of several parts as one."""
    return Places(np.concatenate([p.values for p in parts]), np.concatenate([p.area for p in parts]))


def altered_places(
    trunk: Trunk, rgb: Bytes, backgrounds: Bytes, *, seed: int, copy: int
) -> tuple[Places, NDArray[np.bool_]]:
    """Alter every field once and return the trunk's outputs, and whether each copy shows cells.

    Args:
        trunk: The frozen trunk.
        rgb: (n, 224, 224, 3).
        backgrounds: As ``backgrounds_of`` gives them.
        seed: Of the recipe.
        copy: Which copy; every one is another.
    """
    parts, shows = [], []
    for start in range(0, len(rgb), _CHUNK):
        made = []
        for row, field in enumerate(rgb[start : start + _CHUNK], start):
            random = np.random.default_rng([seed, copy, row])
            made.append(
                altered_tensor(
                    field, generous_mask(field, 0), backgrounds, random, strength=Strength(), side=ZOOM
                )
            )
        parts.append(trunk.run(np.stack([tensor for tensor, _ in made]), COPY_PLACES))
        shows += [cells for _, cells in made]
    return joined(parts), np.asarray(shows)


def gentle_places(trunk: Trunk, rgb: Bytes, *, seed: int, copy: int) -> Places:
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
        parts.append(trunk.run(np.stack(made), COPY_PLACES))
    return joined(parts)


def field_places(trunk: Trunk, rgb: Bytes) -> tuple[Places, NDArray[np.int64]]:
    """Return places and cell counts of whole fields (n, 224, 224, 3), prepared as serving does."""
    parts, counts = [], []
    for start in range(0, len(rgb), _CHUNK):
        prepared = [prepare(field, PREPROCESSING) for field in rgb[start : start + _CHUNK]]
        parts.append(trunk.run(np.stack([one.tensor for one in prepared]), FIELD_PLACES))
        counts += [one.cells.count for one in prepared]
    return joined(parts), np.asarray(counts, np.int64)


def arrays_on_disk(path: Path, **arrays: NDArray[Any]) -> None:
    """Write arrays beside their place and rename, so a stopped run leaves no half file."""
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
