"""Order of cells by how similar they look to one of them."""

from __future__ import annotations

from array import array
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.store.case import Case

_BLOCK: Final = 20_000
"""Cells compared at once: 46 MB of features."""


def most_similar(case: Case, ids: array[int], like: int) -> array[int]:
    """Order cells by the distance of their appearance features from those of one cell.

    Features are brought to length 1 first, as stain and focus scale them all.

    Args:
        case: Holds the features.
        ids: The cells.
        like: The cell that they are compared with.

    Returns:
        The nearest first; cells without features follow in the order given. The order given where ``like``
        has none.
    """
    found, features = case.cells.features([like])
    if not len(found) or not np.isfinite(features).all():
        return ids
    wanted = _unit(features)[0]
    distances = np.full(len(ids), np.inf, np.float32)
    for begin in range(0, len(ids), _BLOCK):
        block = ids[begin : begin + _BLOCK]
        known, stored = case.cells.features(block)
        if len(known):
            nearness = np.nan_to_num(_unit(stored) @ wanted, nan=-np.inf)
            rows = {number: begin + at for at, number in enumerate(block)}
            distances[[rows[number] for number in known]] = 1 - nearness
    order = np.argsort(distances, kind="stable")
    return array("q", np.frombuffer(ids, np.int64)[order].tobytes()) if len(ids) else ids


def _unit(features: NDArray[np.float16]) -> NDArray[np.float32]:
    values = features.astype(np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), np.float32)
