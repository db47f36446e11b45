"""Reference check: compares this machine's predictions with those stored in the bundle.

A bundle carries a few synthetic fields, as pixels at the network's size, and the probabilities that
its maker's training framework gave for them. The pixels travel with the bundle, so that a later
change of the renderer cannot make an old bundle look broken. Whoever changes a bundle can change them too:
of models that ship, the program knows the hash of the reference fields.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from contextlib import ExitStack, closing
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.inference.bundle import ModelBundle
from allstation.inference.engine_pool import FieldEngine, make_engine
from allstation.inference.trust import TrustLevel
from allstation.keys.release import release_keys

MEMBER: Final = "reference.npz"
"""Arrays ``rgb`` (n, h, w, 3) uint8 and ``probabilities`` (n, k) float64."""
TOLERANCE: Final = 1e-4
"""Largest accepted difference of any probability. Float32 runtimes agree within about 8e-5."""


def verify_reference(
    bundle: ModelBundle, *, engine: FieldEngine | None = None, fields: int | None = None
) -> float:
    """Classify the bundle's reference fields and compare.

    Args:
        bundle: The model.
        engine: An engine of it; one is made if there is none.
        fields: Only this many of them.

    Returns:
        The largest absolute difference of a probability.

    Raises:
        StationError: ``no-reference`` if the bundle carries none; ``reference-exchanged`` if it is called as
            a model that ships and carries other fields; ``reference-differs`` if a difference exceeds the
            tolerance.
    """
    if MEMBER not in bundle.members:
        sentence = (
            f"The model bundle {shown_name(bundle.path)} has no reference fields, so it cannot be verified."
        )
        raise StationError("no-reference", sentence)
    _require_shipped_fields(bundle)
    reference = bundle.arrays(MEMBER)
    if bundle.is_site:
        return _verified_typer(bundle, reference)
    rgb, expected = reference["rgb"][:fields], reference["probabilities"][:fields]
    with ExitStack() as stack:
        engine = engine or stack.enter_context(closing(make_engine(bundle)))
        found = [list(engine.classify_rgb(one).probabilities.values()) for one in rgb]
    return _checked(bundle, np.asarray(found), {"probabilities": expected})


def _verified_typer(bundle: ModelBundle, reference: Mapping[str, NDArray[Any]]) -> float:
    """Compare what the typer of a site's model says of made-up features."""
    features, expected = reference.get("features"), reference.get("probabilities")
    if features is None or expected is None:
        sentence = f"The model bundle {shown_name(bundle.path)} has other reference fields than its kind has."
        raise StationError("no-reference", sentence)
    from allstation.inference.site_bundle import site_typer

    return _checked(bundle, site_typer(bundle).probabilities(features), reference)


def _checked(bundle: ModelBundle, found: NDArray[np.float64], reference: Mapping[str, NDArray[Any]]) -> float:
    """Return the largest difference from the probabilities that the maker wrote down."""
    expected = reference["probabilities"]
    difference = float(np.abs(found - expected).max()) if found.shape == expected.shape else math.inf
    if not difference <= TOLERANCE:
        sentence = (
            f"On this machine the model {shown_name(bundle.name)} differs from its maker's by "
            f"{difference:.1e} (at most {TOLERANCE:.0e} is accepted). Do not use it here; report the "
            "machine and the model."
        )
        raise StationError("reference-differs", sentence)
    return difference


def verify_activation(bundle: ModelBundle, engine: FieldEngine) -> None:
    """Verify a model before it works, and do what an engine does only once.

    A model that came with the program, or was trained here, is compared on one field, which takes no longer
    than the empty field an engine is warmed up with; any other on all of them.

    Args:
        bundle: The model.
        engine: An engine of it.

    Raises:
        StationError: As :func:`verify_reference`; a bundle of another maker may lack reference fields.
    """
    if bundle.is_site:
        verify_reference(bundle)
        engine.warm_up()
    elif MEMBER not in bundle.members and not release_keys().bears_shipped_name(bundle.name):
        engine.warm_up()
    else:
        verify_reference(bundle, engine=engine, fields=1 if bundle.trust.made_here else None)


def _require_shipped_fields(bundle: ModelBundle) -> None:
    """Refuse other reference fields than the program knows of a model of this name and version.

    A model that this station trained under that name has its own, and its own signature.
    """
    expected = release_keys().reference_of(bundle.name, bundle.version)
    found = hashlib.sha256(bundle.members[MEMBER]).hexdigest()
    if expected and found != expected and bundle.trust.level is not TrustLevel.STATION:
        sentence = (
            f"The bundle {shown_name(bundle.path)} calls itself {bundle.name} {bundle.version}, but carries "
            "other reference fields than that model: somebody changed it. Do not use it."
        )
        raise StationError("reference-exchanged", sentence)
