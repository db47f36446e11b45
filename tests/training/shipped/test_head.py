"""The shipped recipe's linear head: what it learns from, what must not decide, and its place in a network."""

import numpy as np
import pytest

from allstation.inference.novelty import Novelty
from training.fit import calibration
from training.shipped import ship
from training.shipped.fields import CalibrationBlocks, Division, Fields, held_block
from training.shipped.fit import Copies, FitSettings, between_blocks, fit_head
from training.shipped.robustness import Disturbed
from training.shipped.ship import Material

NONE = FitSettings(altered=0, sittings=0, penalty=np.inf)


def some_fields(n=400, channels=6, seed=1):
    """Class and noise: means (n, channels) and labels."""
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    means = random.normal(0, 1, (n, channels)).astype(np.float32)
    means[np.arange(n), labels] += 3
    return means, labels


def copies_of(means, altered=(), numbers=None):
    return Copies(means, altered, np.arange(len(means)) if numbers is None else numbers)


def test_the_head_learns_and_its_layer_says_the_same():
    means, labels = some_fields()
    rows = np.arange(300)
    head = fit_head(copies_of(means), rows, labels, NONE)
    logits = head.logits(means[300:])
    assert (logits.argmax(1) == labels[300:]).mean() > 0.9
    with_one = np.concatenate([means[300:], np.ones((100, 1), np.float32)], axis=1)
    assert with_one @ head.layer == pytest.approx(logits, abs=1e-4)


def test_the_same_fields_give_the_same_head_bit_for_bit():
    means, labels = some_fields()
    heads = [fit_head(copies_of(means), np.arange(300), labels, FitSettings()) for _ in range(2)]
    assert heads[0].layer.tobytes() == heads[1].layer.tobytes()


@pytest.mark.parametrize("settings", [{"altered": 1.0, "penalty": np.inf}, {"altered": 0.0, "penalty": 1e-3}])
def test_directions_that_altering_moves_do_not_decide(settings):
    means, labels = some_fields()
    moved = means.copy()
    moved[:, 0] += np.random.default_rng(2).normal(0, 30, len(means)).astype(np.float32)
    copies = copies_of(means, [moved])
    deaf = fit_head(copies, np.arange(400), labels, FitSettings(shrink=0, sittings=0, **settings))
    hears = fit_head(copies, np.arange(400), labels, NONE)
    share = [np.abs(head.kernel[0]).max() / np.abs(head.kernel[1:]).max() for head in (deaf, hears)]
    assert share[0] < 0.3 * share[1]


def test_a_weak_penalty_goes_further_than_a_strong_one():
    means, labels = some_fields()
    noisy = means + np.random.default_rng(4).normal(0, 2, means.shape).astype(np.float32)
    start, *others = (
        fit_head(copies_of(means, [noisy]), np.arange(400), labels, FitSettings(penalty=penalty))
        for penalty in (np.inf, 10.0, 0.01)
    )
    far, farther = (float(np.abs(head.kernel - start.kernel).sum()) for head in others)
    assert 0 < far < 0.1 * farther


def test_what_differs_between_blocks_of_a_class_does_not_decide():
    means, labels = some_fields()
    numbers = np.arange(400) // 4
    means[:, 0] += np.random.default_rng(3).normal(0, 8, 10)[numbers // 10].astype(np.float32)
    settings = FitSettings(shrink=0, altered=0, sittings=4, block=10, penalty=np.inf)
    deaf = fit_head(copies_of(means, numbers=numbers), np.arange(400), labels, settings)
    hears = fit_head(copies_of(means, numbers=numbers), np.arange(400), labels, NONE)
    assert np.abs(deaf.kernel[0]).max() < 0.5 * np.abs(hears.kernel[0]).max()


def test_blocks_of_a_few_fields_say_nothing():
    centred = np.ones((8, 2))
    assert not between_blocks(centred, np.zeros(8, int), np.arange(8) // 4).any()
    assert between_blocks(centred, np.zeros(8, int), np.zeros(8, int)) == pytest.approx(np.ones((2, 2)))


def test_disturbed_fields_are_judged_by_their_own_outputs():
    means, labels = some_fields(40)
    rows = np.array([3, 10, 30, 31])
    disturbed = Disturbed(rows, {"none": means[rows], "all": np.zeros_like(means[rows])})
    head = fit_head(copies_of(means), np.arange(40), labels, NONE)
    right = disturbed.right(head, labels, np.arange(8, 40))
    expected = head.logits(means[[10, 30, 31]]).argmax(1) == labels[[10, 30, 31]]
    assert right[0].tolist() == expected.tolist()
    assert right.shape == (2, 3)
    assert right[1].sum() < 3


def test_the_temperature_comes_from_blocks_that_the_head_never_saw(monkeypatch):
    """A block's fields are unlike all others: a head that did not see it guesses."""
    random = np.random.default_rng(3)
    labels, numbers = np.repeat(np.arange(4), 100), np.tile(np.arange(100), 4)
    names = tuple(map(str, range(400)))
    fields = Fields(names, np.zeros((400, 1, 1, 3), np.uint8), labels, names, numbers)
    values = np.zeros((400, 24), np.float32)
    values[np.arange(400), 4 + labels * 5 + numbers // 20] = 6.0
    values[np.arange(400), labels] = 0.2
    values += random.normal(0, 0.3, values.shape).astype(np.float32)
    copies = copies_of(values, numbers=numbers)
    material = Material(fields, copies, labels, labels * 1.0, b"", np.zeros(12), None, None)
    blocks = CalibrationBlocks(5, [1, 3], 5)
    learned = []
    fitted = ship.fit_head
    monkeypatch.setattr(ship, "fit_head", lambda c, rows, *a: learned.append(rows) or fitted(c, rows, *a))
    apart = ship.block_temperature(material, np.arange(400), NONE, calibration=blocks)
    for rows, fold in zip(learned, (1, 3), strict=True):
        _, block = held_block(fields, np.arange(400), folds=5, fold=fold, embargo=5)
        assert not set(rows) & set(block)
    head = fitted(material.copies, np.arange(400), labels, NONE)
    assert apart > 1.5 * calibration.fit_temperature(head.logits(values), labels)


def test_novelty_is_told_from_the_channels_means_alone():
    """What lies above the levels goes to the head; shifting it changes logits and no novelty."""
    means, labels = some_fields(200, 12)
    rows = np.arange(200)
    fields = Fields(tuple(map(str, rows)), np.zeros((200, 1, 1, 3), np.uint8), labels, by_name(200), rows)
    division = Division("d", "a split", rows[:120], rows[120:160], rows[160:])
    shifted = means.copy()
    shifted[160:, 6:] += 50
    found = [
        ship.train_division(
            Material(fields, copies_of(values), labels, labels * 1.0, b"", np.zeros(6), None, None),
            division,
            NONE,
            calibration=CalibrationBlocks(5, [1], 0),
            temperature=1.0,
        )
        for values in (means, shifted)
    ]
    near, far = (Novelty(each.novelty).scores(each.appearance) for each in found)
    assert np.array_equal(near, far)
    assert not np.allclose(found[0].logits, found[1].logits)


def by_name(n):
    return tuple(map(str, range(n)))
