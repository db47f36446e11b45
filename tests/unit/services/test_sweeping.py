"""Full sweeps for garbage wait while a worker makes a great deal."""

from __future__ import annotations

import gc

import pytest

from allstation.services.sweeping import rare_sweeps


def test_full_sweeps_are_rare_inside_and_usual_again_afterwards() -> None:
    usual = gc.get_threshold()
    with rare_sweeps():
        assert gc.get_threshold()[:2] == usual[:2]
        assert gc.get_threshold()[2] >= 100 * 10
    assert gc.get_threshold()[2] == 10


def test_they_are_usual_again_after_a_fault() -> None:
    with pytest.raises(ValueError, match="fault"), rare_sweeps():
        raise ValueError("fault")
    assert gc.get_threshold()[2] == 10
