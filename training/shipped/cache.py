"""Cache of what the trunk says of fields and of their altered copies, computed once by LiteRT."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.files import replacing
from allstation.imaging.preprocess import Preprocessing, prepare
from training.data.variants import gentle_tensor
from training.models.cells import ZOOM

Bytes = NDArray[np.uint8]
Single = NDArray[np.float32]
Rows = NDArray[np.int64]

PREPROCESSING: Final = Preprocessing(options={"zoom": ZOOM})


class Trunk:
    """The frozen trunk with the means over the cells on top, as a LiteRT network on one thread.

    Args:
        network: LiteRT flat buffer with the output ``means``.
    """

    def __init__(self, network: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_content=network, num_threads=1)
        interpreter.allocate_tensors()
        self._run = interpreter.get_signature_runner("serving_default")

    def means(self, tensors: Iterable[Single]) -> Single:
        """Return the means over the cells (n, 2 c) of prepared fields (h, w, 4)."""
        return np.concatenate([self._run(field=tensor[np.newaxis])["means"] for tensor in tensors])


def altered_means(
    trunk: Trunk, rgb: Bytes, *, seed: int, copy: int, made: Callable[..., Single] = gentle_tensor
) -> Single:
    """Turn and disturb every field once and return what the trunk says (n, c).

    Args:
        trunk: The frozen trunk.
        rgb: (n, 224, 224, 3).
        seed: Of the recipe.
        copy: Which copy; every one is another.
        made: One of the functions of ``variants`` that alter a field and prepare it.
    """
    return trunk.means(
        made(field, np.random.default_rng([seed, copy, row]), side=ZOOM) for row, field in enumerate(rgb)
    )


def field_means(trunk: Trunk, rgb: Bytes) -> tuple[Single, Rows]:
    """Return means and cell counts of whole fields (n, 224, 224, 3), prepared as serving does."""
    means, counts = [], []
    for field in rgb:
        prepared = prepare(field, PREPROCESSING)
        means.append(trunk.means([prepared.tensor]))
        counts.append(prepared.cells.count)
    return np.concatenate(means), np.asarray(counts, np.int64)


def arrays_on_disk(path: Path, **arrays: NDArray[Any]) -> None:
    """Write arrays beside their place and rename, so a stopped run leaves no half file."""
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
