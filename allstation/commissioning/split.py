"""Division of typed cells into what is learned from and what is tested, whole slides or patients apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

_SHARE: Final = 0.2


def frozen_fifth(groups: Sequence[str], *, seed: int) -> set[str]:
    """Draw the groups that are never learned from: a fifth, at least two, fewer where there are under four.

    Args:
        groups: Distinct slides or patients.
        seed: Of the draw.
    """
    names = sorted(set(groups))
    count = min(max(2, round(_SHARE * len(names))), len(names) // 2)
    return {str(name) for name in np.random.default_rng(seed).permutation(names)[:count]}
