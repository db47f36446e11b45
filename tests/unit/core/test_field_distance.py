"""Distances between the looks of fields, and the words for them."""

from __future__ import annotations

import numpy as np
import pytest

from allstation.core.field_distance import FAR, SAME, distance_words, distances


def test_the_length_of_an_appearance_is_no_difference():
    one = np.array([1.0, 2.0, 0.5])
    others = np.array([[10.0, 20.0, 5.0], [2.0, -1.0, 0.0], [-1.0, -2.0, -0.5]])
    assert distances(one, others) == pytest.approx([0.0, 1.0, 2.0], abs=1e-12)


def test_what_cannot_be_compared_is_not_near():
    others = np.array([[0.0, 0.0], [np.nan, 1.0], [1.0, 0.0]])
    assert distances(np.array([1.0, 0.0]), others).tolist() == [np.inf, np.inf, 0.0]
    assert distances(np.array([0.0, 0.0]), others[2:]).tolist() == [np.inf]


def test_words_grow_weaker_with_the_distance():
    words = [distance_words(at) for at in (0.0, 0.034, 0.05, 0.1, 0.13, 2.0)]
    assert words == ["very alike", "very alike", "alike", "a bit alike", FAR, FAR]
    assert distance_words(0.2, same=True) == SAME
