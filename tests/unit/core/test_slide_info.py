"""Facts of a slide."""

from __future__ import annotations

import pytest

from allstation.core.slide_info import Level, SlideInfo

LEVELS = (Level(4000, 2000, 1.0), Level(1000, 500, 4.0), Level(250, 125, 16.0))


def info(pixel_um: float | None) -> SlideInfo:
    """Return facts of a slide of three levels."""
    return SlideInfo(
        format="TIFF", vendor="generic", width=4000, height=2000, levels=LEVELS, pixel_um=pixel_um
    )


def test_a_pixel_of_a_lower_level_is_wider() -> None:
    assert [info(0.25).pixel_um_at(level) for level in range(3)] == [0.25, 1.0, 4.0]
    assert info(None).pixel_um_at(1) is None


@pytest.mark.parametrize(
    ("downsample", "level"), [(0.5, 0), (1.0, 0), (3.9, 0), (3.999, 1), (15.0, 1), (99, 2)]
)
def test_the_level_for_a_downsample_is_never_too_coarse(downsample: float, level: int) -> None:
    assert info(None).level_for(downsample) == level
