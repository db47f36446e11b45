"""Scale of a field from its red cells: right where it is known, silent where nothing can be told."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest

from allstation.imaging.cells.scale import ScaleEstimate, estimate_scale, pooled_scale
from allstation.imaging.formats.decode import decode
from allstation.imaging.synthetic import LOOKS, draw_field
from tests.unit.imaging.drawn_smears import Smear


@pytest.mark.parametrize("scale", [2.2, 3.0, 5.0, 9.0, 20.0, 30.0])
def test_a_known_scale_is_told(scale):
    drawn = Smear(scale, width=70.0, height=70.0)
    drawn.red_cells()
    found = estimate_scale(drawn.finished())
    assert found is not None
    assert found.pixels_per_um == pytest.approx(scale, rel=0.08)
    assert found.low * 0.97 <= scale <= found.high
    assert found.red_cells >= 20


@pytest.mark.parametrize("squash", [0.75, 1.0])
def test_a_squashed_frame_gives_the_mean_of_both_directions(squash):
    drawn = Smear(4.0)
    drawn.red_cells()
    frame = cv2.resize(drawn.finished(), (round(400 * squash), 400), interpolation=cv2.INTER_AREA)
    assert estimate_scale(frame).pixels_per_um == pytest.approx(4.0 * squash**0.5, rel=0.08)


def test_red_cells_in_clumps_are_measured_too():
    drawn = Smear(5.0)
    for x, y in ((20, 20), (60, 30), (30, 70), (75, 75)):
        for dx, dy in ((0, 0), (6.2, 0.5), (3.0, 5.8)):
            drawn.disc(x + dx, y + dy, 7.2, (196, 170, 160))
    found = estimate_scale(drawn.finished())
    assert found is not None
    assert found.pixels_per_um == pytest.approx(5.0, rel=0.08)


def test_too_few_red_cells_tell_nothing():
    drawn = Smear(4.0)
    assert estimate_scale(drawn.finished()) is None
    drawn.disc(30, 30, 7.2, (196, 170, 160))
    drawn.disc(60, 60, 7.2, (196, 170, 160))
    assert estimate_scale(drawn.finished()) is None


def test_white_cells_do_not_count_as_red_cells():
    drawn = Smear(4.0)
    for x in range(10, 100, 15):
        drawn.lymphocyte(x, 50, 10.0)
    assert estimate_scale(drawn.finished()) is None


def test_fewer_red_cells_give_a_wider_interval():
    widths = []
    for step in (10.0, 28.0):
        drawn, random = Smear(4.0), np.random.default_rng(5)
        for y in np.arange(step / 2, 100, step):
            for x in np.arange(step / 2, 100, step):
                drawn.disc(x, y, 7.2 * random.uniform(0.85, 1.15), (196, 170, 160))
        found = estimate_scale(drawn.finished())
        widths.append(found.high - found.low)
    assert widths[0] < widths[1] * 0.9


def test_synthetic_fields_of_known_scale():
    errors = []
    for kind, look in LOOKS.items():
        known = look.red_diameter[1] / 7.2
        errors += [
            found.pixels_per_um / known - 1
            for seed in range(2)
            if (found := estimate_scale(draw_field(kind, seed))) is not None
        ]
    assert len(errors) >= 6
    assert abs(np.median(errors)) < 0.08


def test_fields_of_one_objective_are_pooled():
    fields = [ScaleEstimate(scale, scale * 0.8, scale * 1.2, 10) for scale in (3.6, 3.9, 4.0, 4.1, 9.0)]
    pooled = pooled_scale(fields)
    assert pooled.pixels_per_um == 4.0
    assert pooled.low < 3.9
    assert pooled.high > 4.1
    assert pooled.red_cells == 50
    assert pooled_scale([]) is None


@pytest.mark.real_data
def test_camera_frames_and_their_small_twins_agree(real_data):
    errors = []
    with (real_data / "taleqani-highres/matches.csv").open(newline="") as file:
        for row in list(csv.DictReader(file))[::4]:
            large = decode(real_data / "taleqani-highres" / row["class"] / row["file"])
            small = decode(real_data / "taleqani/Original" / row["class"] / row["same_field_as"])
            scales = [estimate_scale(field) for field in (large, small)]
            if all(scales):
                ratio = np.sqrt(large.shape[0] * large.shape[1] / (small.shape[0] * small.shape[1]))
                errors.append(scales[0].pixels_per_um / scales[1].pixels_per_um / ratio - 1)
    assert len(errors) >= 7
    assert np.median(np.abs(errors)) < 0.08
