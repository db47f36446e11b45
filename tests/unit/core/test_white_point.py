"""White points: drift is told with direction and figure, and nothing within the tolerance."""

from __future__ import annotations

import pytest

from allstation.core.white_point import median_white, white_drift

SITE = (236.0, 230.0, 238.0)


@pytest.mark.parametrize(
    ("white", "words"),
    [
        (SITE, ""),
        ((232, 226, 234), ""),
        ((236, 230, 200), "11 % yellower"),
        ((200, 196, 238), "11 % bluer"),
        ((165, 161, 167), "30 % darker"),
        ((255, 200, 238), "12 % less green"),
    ],
)
def test_drift_is_told_in_words_with_figures(white: tuple[float, float, float], words: str) -> None:
    told = white_drift(white, SITE)
    assert words in told
    assert bool(told) == bool(words)
    if told:
        assert "the site's 236, 230, 238" in told


def test_a_black_background_divides_nothing_by_zero() -> None:
    assert "100 % darker" in white_drift((0, 0, 0), SITE)
    assert white_drift((10, 10, 10), (0, 0, 0))


def test_the_median_of_each_channel() -> None:
    assert median_white([(1, 2, 3), (3, 2, 1), (9, 9, 2)]) == (3, 2, 2)
    assert median_white([]) is None
