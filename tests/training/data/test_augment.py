"""Augmentation: each change does what its name says, is seeded, and can be seen on a sheet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.data.augment import Backgrounds, augment, matrix, preview_sheet
from training.fit.preview import write_preview
from training.fit.recipe import AugmentSpec, recipe_from
from training.models.registry import preset

EVERYTHING = AugmentSpec(
    rotation=30,
    width_shift=0.2,
    height_shift=0.2,
    shear=10,
    zoom=0.2,
    horizontal_flip=True,
    vertical_flip=True,
    stain=0.2,
    brightness=0.2,
    blur=1.0,
    jpeg=50,
)


def field(channels: int = 3, side: int = 48) -> np.ndarray:
    picture = np.full((side, side, channels), 220, np.uint8)
    picture[10:20, 6:30] = 60
    return picture


@pytest.mark.parametrize("channels", [1, 3])
def test_same_seed_same_field_and_the_input_is_untouched(channels: int) -> None:
    original = field(channels)
    results = [augment(original, EVERYTHING, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])
    np.testing.assert_array_equal(original, field(channels))
    assert results[0].shape == original.shape
    assert results[0].dtype == np.uint8


def test_no_change_asked_for_no_change_made() -> None:
    assert not AugmentSpec().active
    assert AugmentSpec(jpeg=90).active
    np.testing.assert_array_equal(augment(field(), AugmentSpec(), np.random.default_rng(1)), field())


@pytest.mark.parametrize(
    "change",
    [
        {"rotation": 40.0},
        {"width_shift": 0.3},
        {"height_shift": 0.3},
        {"shear": 30.0},
        {"zoom": 0.4},
        {"stain": 0.5},
        {"brightness": 0.5},
        {"blur": 3.0},
        {"jpeg": 5},
    ],
)
def test_every_change_changes_something(change: dict[str, float]) -> None:
    spec = replace(AugmentSpec(), **change)
    assert not np.array_equal(augment(field(), spec, np.random.default_rng(3)), field())


def test_horizontal_flips_mirror_about_half_of_the_fields() -> None:
    spec = AugmentSpec(horizontal_flip=True)
    outcomes = [augment(field(), spec, np.random.default_rng(seed)) for seed in range(60)]
    mirrored = sum(np.array_equal(outcome, field()[:, ::-1]) for outcome in outcomes)
    kept = sum(np.array_equal(outcome, field()) for outcome in outcomes)
    assert mirrored + kept == 60
    assert 18 < mirrored < 42


def test_ranges_are_kept() -> None:
    spec = AugmentSpec(rotation=20, width_shift=0.1, height_shift=0.2)
    for seed in range(200):
        move = matrix(spec, np.random.default_rng(seed), (101, 101))
        turn = np.rad2deg(np.arctan2(move[1, 0], move[0, 0]))
        shift = move @ [50, 50, 1] - 50
        assert abs(turn) <= 20
        assert abs(shift[0]) <= 0.1 * 101 + 1e-9
        assert abs(shift[1]) <= 0.2 * 101 + 1e-9


def test_fill_modes_differ_where_the_field_ends() -> None:
    ramp = np.repeat(np.linspace(0, 255, 40).astype(np.uint8)[None, :, None], 40, axis=0)
    corners = {}
    for fill in ("nearest", "reflect", "constant", "wrap"):
        spec = AugmentSpec(width_shift=0.5, fill=fill, fill_value=77)
        seed = next(s for s in range(50) if matrix(spec, np.random.default_rng(s), (40, 40))[0, 2] > 12)
        corners[fill] = int(augment(ramp, spec, np.random.default_rng(seed))[20, 2, 0])
    assert corners["constant"] == 77
    assert corners["nearest"] == 0
    assert corners["wrap"] > 100
    assert 0 < corners["reflect"] < 150


def test_the_background_changes_behind_the_cells_only() -> None:
    fields = np.stack([np.full((40, 40, 3), 200, np.uint8), np.full((40, 40, 3), (90, 140, 230), np.uint8)])
    cells = np.zeros((2, 40, 40), bool)
    cells[0, 12:28, 12:28] = True
    fields[0][cells[0]] = (90, 30, 140)
    cells[1, 0:14, 0:14] = True
    fields[1][cells[1]] = (10, 10, 10)
    backgrounds = Backgrounds(cells, fields)
    spec = AugmentSpec(background=1.0)
    changed = [augment(fields[0], spec, np.random.default_rng(s), backgrounds=backgrounds) for s in range(20)]
    swapped = [outcome for outcome in changed if outcome[38, 38, 0] < 150]
    assert 3 < len(swapped) < 17
    for outcome in swapped:
        np.testing.assert_allclose(outcome[16:24, 16:24], fields[0][16:24, 16:24], atol=6)
        np.testing.assert_allclose(outcome[36:, 36:], np.full((4, 4, 3), (90, 140, 230)), atol=2)
        assert outcome[:8, :8].max(axis=2).min() > 100  # the other field's own cell does not come along


def test_a_preview_sheet_has_a_row_a_field() -> None:
    sheet = preview_sheet([field(1), field(1)], EVERYTHING, seed=4, columns=3)
    assert sheet.shape == (96, 4 * 48, 3)
    np.testing.assert_array_equal(sheet[:48, :48, :1], field(1))
    np.testing.assert_array_equal(sheet, preview_sheet([field(1), field(1)], EVERYTHING, seed=4, columns=3))


@pytest.mark.parametrize("background", [0.0, 1.0])
def test_a_preview_of_a_labelled_folder(background: float, labelled_folder: Path, tmp_path: Path) -> None:
    import cv2

    data = preset("nadim")
    data["data"] = str(labelled_folder)
    data["input"] = {"height": 40, "width": 40}
    data["augmentation"]["background"] = background
    write_preview(recipe_from(data), tmp_path / "sheet.png", fields=3, seed=1)
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (120, 360, 3)
