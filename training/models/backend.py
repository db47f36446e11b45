"""Keras backend: loaded once, quietly, with a fixed number of threads."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from allstation import __version__
from allstation.core.errors import StationError

KerasObject: TypeAlias = Any
"""A Keras model, module, tensor or optimiser: Keras has no types of its own."""
_WRAPPED: Final = ("sklearn", "matplotlib.pyplot")
"""What Keras imports where it is installed, for wrappers and galleries that nobody here uses."""


def load_keras(*, threads: int = 0, precision: str = "float32", seed: int = 1) -> KerasObject:
    """Import Keras and set it up for one run.

    oneDNN is switched on by name: TensorFlow leaves it off on processors without AVX-512, where it was
    measured to be 1.5 to 3 times faster.

    Args:
        threads: Threads of one operation; 0 takes all processors. Only the first call can set it.
        precision: Keras precision policy.
        seed: Seed of weights and dropout.

    Raises:
        StationError: ``no-keras``, when the training edition is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        with _not_importable(_WRAPPED):
            import keras
    except ImportError as error:
        sentence = (
            "Keras is not installed here. Install the training edition: pip install allstation[training]."
        )
        raise StationError("no-keras", sentence) from error
    if keras.backend.backend() == "tensorflow":
        _limit_threads(threads)
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(seed)
    return keras


@contextmanager
def _not_importable(names: tuple[str, ...]) -> Iterator[None]:
    """Let imports of these modules fail unless they are loaded: a quarter of the time of importing Keras."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: no such module
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def _limit_threads(threads: int) -> None:
    """Set TensorFlow's threads, which it accepts only before its first operation."""
    import tensorflow as tf

    if threads and tf.config.threading.get_intra_op_parallelism_threads() != threads:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        except RuntimeError:
            return


def versions() -> dict[str, str]:
    """Versions of everything that can change a result, without loading it."""
    found = {"allstation": __version__, "python": platform.python_version(), "system": platform.platform()}
    for package in (
        "keras",
        "tensorflow-cpu",
        "tensorflow",
        "numpy",
        "opencv-python-headless",
        "scikit-learn",
        "scikit-image",
    ):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def variables(owner: KerasObject, prefix: str) -> dict[str, NDArray[Any]]:
    """Return every variable of a model (dropout seeds included) or optimiser by its place."""
    import keras

    return {
        f"{prefix}{index}": np.asarray(keras.ops.convert_to_numpy(variable))
        for index, variable in enumerate(owner.variables)
    }


def set_variables(owner: KerasObject, prefix: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Put back what :func:`variables` returned."""
    for index, variable in enumerate(owner.variables):
        variable.assign(arrays[f"{prefix}{index}"])
