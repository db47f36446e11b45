"""A model whose output is not finite is never compared as if it had named a class."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from allstation.core.errors import StationError
from allstation.imaging.synthetic import write_demo
from tests.faults.damaged_bundle import with_bias
from training.evaluate.comparison import _served
from training.evaluate.metrics import Predicted


class Quiet:
    """A reporter that nobody listens to."""

    def phase(self, *_: object) -> None: ...

    def progress(self, *_: object) -> None: ...


def test_a_model_with_an_unreadable_output_is_not_compared(tmp_path: Path) -> None:
    files = [str(path.relative_to(tmp_path)) for path in write_demo(tmp_path / "data", fields=2)]
    files = [name.removeprefix("data/") for name in files]
    bundle = with_bias(tmp_path / "nan.allmodel", [float("nan")] * 4)
    classes = ("Benign", "Early", "Pre", "Pro")
    predicted = Predicted(
        np.full((2, 4), 0.25), np.zeros(2, np.int64), ("a", "b"), classes, "split", "unknown"
    )
    recipe = {"name": "r", "method": {"kind": "nadim"}, "data": str(tmp_path / "data")}
    folder = SimpleNamespace(info={"recipe": recipe}, path=tmp_path)
    with pytest.raises(StationError) as caught:
        _served(folder, bundle, Quiet(), predicted=predicted, files=files)
    assert caught.value.code == "unreadable-output"
    assert "an unreadable output" in caught.value.sentence
