"""Labelled folders of synthetic fields for the training tests, small enough to learn in seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data import probes

CLASSES = ("Benign", "Early", "Pre", "Pro")


def toy_field(kind: int, seed: int, *, side: int = 64) -> np.ndarray:
    """Draw a pale field with purple discs whose size and number depend on the class."""
    generator = np.random.default_rng([kind, seed])
    field = np.full((side, side, 3), (232, 214, 222), np.uint8)
    field = (field + generator.integers(-6, 7, field.shape)).clip(0, 255).astype(np.uint8)
    for _ in range(1 + kind):
        centre = tuple(int(value) for value in generator.integers(10, side - 18, 2))
        cv2.circle(field, centre, 9 - kind, (110 + 10 * kind, 50, 150), -1)
    return field


def write_labelled(root: Path, *, fields: int = 12, classes: tuple[str, ...] = CLASSES) -> Path:
    """Write a labelled folder of toy fields as PNG."""
    for kind, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for index in range(fields):
            rgb = toy_field(kind, index)
            cv2.imwrite(str(root / name / f"{name}-{index + 1:03d}.png"), rgb[..., ::-1])
    return root


@pytest.fixture(scope="session")
def draw_toy() -> Callable[..., np.ndarray]:
    """The function that draws a toy field, for tests that need single fields."""
    return toy_field


@pytest.fixture(scope="session")
def write_folder() -> Callable[..., Path]:
    """The function that writes a labelled folder, for tests that need another one."""
    return write_labelled


@pytest.fixture
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small forests for the shortcut probes of a check whose verdict on shortcuts is not looked at."""
    monkeypatch.setattr(probes, "_TREES", 8)


@pytest.fixture
def labelled_folder(tmp_path: Path) -> Path:
    """Four classes of twelve toy fields."""
    return write_labelled(tmp_path / "labelled")
