"""Import of Keras: what it wraps and nobody uses stays out, and can be imported afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

from training.models.backend import load_keras

_PROGRAM = """
import sys
from training.models.backend import load_keras

keras = load_keras()
print({name.partition(".")[0] for name in sys.modules} & {"sklearn"}, "matplotlib.pyplot" in sys.modules)
import matplotlib.pyplot, sklearn.decomposition
print(keras.layers.Dense.__name__)
"""


@pytest.mark.tensorflow
def test_keras_is_imported_without_what_it_wraps() -> None:
    lines = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert lines.stdout.splitlines() == ["set() False", "Dense"]


@pytest.mark.tensorflow
@pytest.mark.xdist_group("tensorflow")
def test_what_is_loaded_already_stays() -> None:
    import sklearn

    load_keras()
    assert sys.modules["sklearn"] is sklearn
