"""Pixel sizes as people write them."""

from __future__ import annotations

import pytest

from allstation.core.pixel_size import frame_sizes, micrometres, size_at, with_size, written


@pytest.mark.parametrize(
    "text",
    [
        "0.1",
        "0,1",
        ".1",
        "0.1 µm",
        "0.1 \u03bcm",
        "0.1um",
        " 0.1 µm/px ",
        "0.1 µm per pixel",
        "100 nm",
    ],
)
def test_a_size_is_read_however_it_is_written(text: str) -> None:
    assert micrometres(text) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "text", ["", "0", "0.0 µm", "unknown", "-0.1", "0.1 x 0.1 µm", "1,000.5", "101", "1E-4", "9 mm", "0.0009"]
)
def test_what_names_no_size_is_none(text: str) -> None:
    assert micrometres(text) is None


@pytest.mark.parametrize("size", [0.1, 0.0625, 0.12345, 12.0])
def test_what_is_written_is_read_again(size: float) -> None:
    assert micrometres(written(size)) == pytest.approx(size, abs=1e-4)


def test_each_frame_size_has_its_own() -> None:
    text = with_size(with_size("", (1024, 768), 0.1), (640, 480), 0.25)
    assert frame_sizes(text) == {(1024, 768): 0.1, (640, 480): 0.25}
    assert (size_at(text, 1024, 768), size_at(text, 640, 480), size_at(text, 224, 224)) == (0.1, 0.25, None)
    assert size_at("0.1 µm; 0.25 µm at 640x480", 1, 2) == 0.1
    assert size_at(with_size(text, (640, 480), 0.5), 640, 480) == 0.5
    assert with_size(with_size("0.1 µm", (640, 480), None), (640, 480), 0.2) == "0.2 µm at 640x480"


@pytest.mark.parametrize("text", ["", "0.1 at", "0.1 µm at 640", "0.1; x", "0.1 at 640x480 px", "0.1; 0.2"])
def test_what_names_no_frame_names_no_size(text: str) -> None:
    assert frame_sizes(text) == {}
