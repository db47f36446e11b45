"""Lengths and areas, against figures computed by hand."""

from __future__ import annotations

import math

import pytest

from allstation.core.measure import Measure, MeasureKind

LINE = Measure(MeasureKind.LINE, ((10.0, 10.0), (40.0, 50.0)))
SQUARE = Measure(MeasureKind.AREA, ((0.0, 0.0), (20.0, 0.0), (20.0, 10.0), (0.0, 10.0)))
ROUND = Measure(MeasureKind.ELLIPSE, ((90.0, 40.0), (10.0, 100.0)))


def test_lengths_and_areas_in_pixels():
    assert LINE.pixels == 50
    assert SQUARE.pixels == 200
    assert Measure(MeasureKind.AREA, SQUARE.points[::-1]).pixels == 200, "whichever way round"
    assert ROUND.axes == (80, 60)
    assert ROUND.pixels == pytest.approx(math.pi * 40 * 30)


def test_what_has_no_extent_is_not_whole():
    assert not Measure(MeasureKind.LINE, ((5.0, 5.0),)).is_whole
    assert not Measure(MeasureKind.LINE, ((5.0, 5.0), (5.0, 5.0))).is_whole
    assert not Measure(MeasureKind.AREA, ((0.0, 0.0), (5.0, 5.0))).is_whole
    assert not Measure(MeasureKind.ELLIPSE, ((0.0, 0.0), (5.0, 0.0))).is_whole


def test_micrometres_where_the_scale_is_known_and_said_where_not():
    assert LINE.text(0.1) == "5.00 µm (50.0 px)"
    assert LINE.text(None) == "50.0 px, scale not known"
    assert SQUARE.text(0.25) == "12.5 µm² (200 px²)"
    assert ROUND.text(0.1) == "37.7 µm², 8.00 × 6.00 µm (3770 px²)"
    assert ROUND.text(None) == "3770 px², 80.0 × 60.0 px, scale not known"
