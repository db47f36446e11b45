"""Zoom and pan: what lies under the cursor stays there, and the field cannot be lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, QSizeF

from allstation.ui.viewer.geometry import MAX_SCALE, View

CANVAS = QSizeF(800, 600)
sizes = st.integers(16, 6000)


@given(sizes, sizes)
def test_a_fitted_field_is_whole_and_in_the_middle(width: int, height: int):
    view = View.fitted(QSizeF(width, height), CANVAS)
    rect = view.image_rect()
    assert rect.left() >= 0
    assert rect.top() >= 0
    assert rect.right() <= CANVAS.width()
    assert rect.bottom() <= CANVAS.height()
    assert rect.center().x() == pytest.approx(400)
    assert rect.center().y() == pytest.approx(300)


@given(st.floats(0.3, 12), st.floats(250, 550), st.floats(200, 400))
def test_zoom_keeps_what_lies_under_the_cursor(factor: float, x: float, y: float):
    view = View.fitted(QSizeF(1024, 768), CANVAS)
    cursor = QPointF(x, y)
    before = view.to_image(cursor)
    zoomed = view.scaled_to(view.scale * factor, at=cursor)
    after = zoomed.to_image(cursor)
    middle = zoomed.to_image(QPointF(400, 300))
    if 0 < middle.x() < 1024 and 0 < middle.y() < 768:
        assert after.x() == pytest.approx(before.x(), abs=1e-6)
        assert after.y() == pytest.approx(before.y(), abs=1e-6)


@given(st.lists(st.tuples(st.floats(-5000, 5000), st.floats(-5000, 5000)), max_size=6), st.floats(0.01, 100))
def test_the_field_cannot_be_pushed_off_the_canvas(moves: list[tuple[float, float]], zoom: float):
    view = View.fitted(QSizeF(640, 480), CANVAS).scaled_to(zoom)
    for x, y in moves:
        view = view.panned(QPointF(x, y))
    middle = view.to_image(QPointF(400, 300))
    assert -1e-6 <= middle.x() <= 640 + 1e-6
    assert -1e-6 <= middle.y() <= 480 + 1e-6
    assert view.scale <= MAX_SCALE


def test_canvas_and_field_coordinates_are_inverse():
    view = View.fitted(QSizeF(1024, 768), CANVAS).scaled_to(3.0, at=QPointF(100, 80))
    point = view.to_image(view.to_canvas(QPointF(33.25, 512.5)))
    assert (point.x(), point.y()) == pytest.approx((33.25, 512.5))


def test_a_view_carries_over_to_a_field_of_another_size():
    small = View.fitted(QSizeF(224, 224), CANVAS).scaled_to(8.0, at=QPointF(400, 250))
    large = View.from_relative(small.relative(), QSizeF(1024, 768), CANVAS)
    assert large.centre_x / 1024 == pytest.approx(small.centre_x / 224)
    assert large.scale / large.fit_scale == pytest.approx(small.scale / small.fit_scale)


def test_a_fitted_field_stays_fitted_when_the_canvas_grows():
    view = View.fitted(QSizeF(1024, 768), CANVAS)
    assert view.resized(QSizeF(1600, 900)).is_fitted
    assert view.scaled_to(2.0).resized(QSizeF(1600, 900)).scale == pytest.approx(2.0)
