"""Reference check: compares this machine's predictions with those stored in the bundle.

A bundle carries a few synthetic fields, as pixels at the network's size, and the probabilities that
its maker's training framework gave for them. The pixels travel with the bundle, so that a later
change of the renderer cannot make an old bundle look broken.
"""

from __future__ import annotations

from contextlib import closing
from typing import Final

import numpy as np

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.inference.bundle import ModelBundle
from allstation.inference.engine import Engine

MEMBER: Final = "reference.npz"
"""Arrays ``rgb`` (n, h, w, 3) uint8 and ``probabilities`` (n, k) float64."""
TOLERANCE: Final = 1e-4
"""Largest accepted difference of any probability. Float32 runtimes agree within about 8e-5."""


def verify_reference(bundle: ModelBundle) -> float:
    """Classify the bundle's reference fields and compare.

    Returns:
        The largest absolute difference of a probability.

    Raises:
        StationError: ``no-reference`` if the bundle carries none; ``reference-differs`` if a
            difference exceeds the tolerance.
    """
    if MEMBER not in bundle.members:
        sentence = (
            f"The model bundle {shown_name(bundle.path)} has no reference fields, so it cannot be verified."
        )
        raise StationError("no-reference", sentence)
    reference = bundle.arrays(MEMBER)
    with closing(Engine(bundle)) as engine:
        found = [list(engine.classify_rgb(rgb).probabilities.values()) for rgb in reference["rgb"]]
    difference = float(np.abs(np.asarray(found) - reference["probabilities"]).max())
    if not difference <= TOLERANCE:
        sentence = (
            f"On this machine the model {shown_name(bundle.name)} differs from its maker's by "
            f"{difference:.1e} (at most {TOLERANCE:.0e} is accepted). Do not use it here; report the "
            "machine and the model."
        )
        raise StationError("reference-differs", sentence)
    return difference
