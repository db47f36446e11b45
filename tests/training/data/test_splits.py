"""Splits: the papers' counts, groups that stay together, embargoes, patients, and their lists."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.errors import StationError
from training.data import splits
from training.data.labelled_folder import LabelledField, LabelledSet
from training.data.loading import Data
from training.evaluate.parts import as_predicted
from training.fit.recipe import SplitSpec

COUNTS = {"Benign": 504, "Early": 985, "Pre": 963, "Pro": 804}


def fields(counts: dict[str, int], *, patient: str = "") -> LabelledSet:
    entries = [
        LabelledField(Path(f"/data/{name}/{name}-{number:03d}.jpg"), name, patient)
        for name, count in counts.items()
        for number in range(1, count + 1)
    ]
    return LabelledSet(Path("/data"), tuple(counts), tuple(entries))


def alone(labelled: LabelledSet) -> list[str]:
    return [str(row) for row in range(len(labelled.fields))]


def assert_whole(split: splits.Split, total: int) -> None:
    rows = np.concatenate([split.train, split.validation, split.test, split.left_out])
    np.testing.assert_array_equal(np.sort(rows), np.arange(total))


def test_the_papers_counts_are_exact() -> None:
    labelled = fields(COUNTS)
    split = splits.make_split(labelled, SplitSpec(), alone(labelled))
    assert [len(split.train), len(split.validation), len(split.test)] == [2277, 486, 493]
    assert np.bincount(labelled.labels[split.test]).tolist() == [77, 149, 145, 122]
    assert split.kind == "image-random hold-out"
    assert split.patients == "patients unknown"
    assert_whole(split, 3256)


@pytest.mark.parametrize("kind", ["image-random", "same-field", "blocks"])
@pytest.mark.parametrize("folds", [0, 4])
def test_a_split_is_repeatable_whole_and_seeded(kind: str, folds: int) -> None:
    labelled = fields({"a": 60, "b": 90})
    groups = [f"{field.class_name}{row // 3}" for row, field in enumerate(labelled.fields)]
    spec = SplitSpec(kind, seed=3, folds=folds, embargo=2)
    one, two = (splits.make_split(labelled, spec, groups) for _ in range(2))
    np.testing.assert_array_equal(one.test, two.test)
    assert_whole(one, 150)
    if not folds:
        other = splits.make_split(labelled, replace(spec, seed=4), groups)
        assert not np.array_equal(one.test, other.test)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.sampled_from(["same-field", "blocks"]), st.sampled_from([0, 3]))
def test_groups_stay_together_whatever_the_seed(seed: int, kind: str, folds: int) -> None:
    labelled = fields({"a": 70, "b": 50, "c": 90})
    generator = np.random.default_rng(seed)
    sizes = generator.integers(1, 6, 300)
    groups = [f"g{np.searchsorted(np.cumsum(sizes), row, side='right')}" for row in range(210)]
    split = splits.make_split(labelled, SplitSpec(kind, seed=seed, folds=folds, embargo=3), groups)
    assert_whole(split, 210)
    names = [{groups[row] for row in part} for part in (split.train, split.validation, split.test)]
    assert not names[0] & names[1]
    assert not names[0] & names[2]
    assert not names[1] & names[2]


def test_grouped_parts_come_near_their_shares() -> None:
    labelled = fields(COUNTS)
    groups = [f"{field.class_name}{row // 2}" for row, field in enumerate(labelled.fields)]
    split = splits.make_split(labelled, SplitSpec("same-field"), groups)
    for part, share in ((split.train, 0.7), (split.validation, 0.15), (split.test, 0.15)):
        counts = np.bincount(labelled.labels[part]) / np.array(list(COUNTS.values()))
        np.testing.assert_allclose(counts, share, atol=0.01)


def test_folds_test_every_field_exactly_once() -> None:
    labelled = fields({"a": 41, "b": 60})
    for kind in ("image-random", "same-field", "blocks"):
        tested = [
            splits.make_split(labelled, SplitSpec(kind, folds=5, fold=fold, embargo=1), alone(labelled)).test
            for fold in range(5)
        ]
        np.testing.assert_array_equal(np.sort(np.concatenate(tested)), np.arange(101))


def test_blocks_are_contiguous_with_an_embargo() -> None:
    labelled = fields({"a": 200, "b": 200})
    split = splits.make_split(labelled, SplitSpec("blocks", embargo=6, seed=5), alone(labelled))
    for index in (0, 1):
        parts = [rows[labelled.labels[rows] == index] - 200 * index for rows in (split.test, split.train)]
        circle = np.abs(parts[0][:, None] - parts[1][None, :])
        assert np.minimum(circle, 200 - circle).min() > 6
        gaps = np.diff(np.sort(parts[0]))
        assert (gaps > 1).sum() <= 1
    assert split.kind == "contiguous blocks, embargo 6 (kept: 6 fields) hold-out"


SHARED = {"Benign": 407, "Early": 831, "Pre": 807, "Pro": 674}
"""Fields a class of the shared part of the open data."""


@pytest.mark.parametrize(("folds", "turn"), [(0, 1), (0, 7), (0, 23), (5, 0), (5, 2), (5, 4)])
def test_the_embargo_of_blocks_is_kept_between_all_parts(folds: int, turn: int) -> None:
    labelled = fields(SHARED)
    spec = SplitSpec("blocks", seed=turn, folds=folds, fold=turn if folds else 0)
    split = splits.make_split(labelled, spec, alone(labelled))
    for index in range(4):
        parts = [rows[labelled.labels[rows] == index] for rows in (split.train, split.validation, split.test)]
        assert all(len(part) for part in parts)
        for one, other in ((0, 1), (0, 2), (1, 2)):
            assert np.abs(parts[one][:, None] - parts[other][None]).min() > 37
    assert "embargo 37 (kept: 37 fields)" in split.kind


def test_the_embargo_comes_from_training_not_from_validation() -> None:
    labelled = fields(SHARED)
    split = splits.make_split(labelled, SplitSpec("blocks", seed=1), alone(labelled))
    counts = np.bincount(labelled.labels[split.validation])
    np.testing.assert_allclose(counts / np.array(list(SHARED.values())), 0.15, atol=0.01)


def test_blocks_that_cannot_keep_their_embargo_are_refused_with_one_that_they_can() -> None:
    labelled = fields({"a": 90, "b": 400})
    with pytest.raises(StationError, match="The class a has 90 fields, too few for blocks") as raised:
        splits.make_split(labelled, SplitSpec("blocks", embargo=37), alone(labelled))
    assert raised.value.code == "too-few-fields"
    widest = int(raised.value.sentence.split("at most ")[1].split(",")[0])
    splits.make_split(labelled, SplitSpec("blocks", embargo=widest), alone(labelled))
    with pytest.raises(StationError):
        splits.make_split(labelled, SplitSpec("blocks", embargo=widest + 1), alone(labelled))


def test_the_kept_gap_is_measured_on_the_parts() -> None:
    order = [f"{number:03d}" for number in range(20)]
    labels = np.zeros(20, np.int64)
    parts = [np.array([0, 1, 2, 18]), np.array([6, 7]), np.array([10, 11])]
    assert splits.kept_gap(labels, order, parts) == 2
    assert splits.kept_gap(labels, order[::-1], parts) == 2


def test_numbers_are_ordered_as_people_count() -> None:
    entries = [LabelledField(Path(f"/d/a/f{n}.jpg"), "a") for n in range(1, 31)]
    entries += [LabelledField(Path(f"/d/b/f{n}.jpg"), "b") for n in range(1, 31)]
    labelled = LabelledSet(Path("/d"), ("a", "b"), tuple(entries))
    split = splits.make_split(labelled, SplitSpec("blocks", folds=5, fold=0, embargo=0), alone(labelled))
    assert [entries[row].path.stem for row in split.test[:6]] == ["f1", "f2", "f3", "f4", "f5", "f6"]


def test_patients_from_names_stay_together() -> None:
    entries = [
        LabelledField(Path(f"/d/{name}/P{patient:02d}_{n}.jpg"), name)
        for name in ("a", "b")
        for patient in range(12)
        for n in range(5)
    ]
    labelled = LabelledSet(Path("/d"), ("a", "b"), tuple(entries))
    spec = SplitSpec("patient", patient_pattern=r"^(P\d+)_")
    split = splits.make_split(labelled, spec, alone(labelled))
    assert split.patients == "12 patients"
    patients = [
        {entries[row].path.name[:3] for row in part} for part in (split.train, split.validation, split.test)
    ]
    assert not patients[0] & patients[2]
    assert not patients[1] & patients[2]


def test_figures_count_and_resample_the_patients_of_their_own_part() -> None:
    entries = [
        LabelledField(Path(f"/d/{name}/P{patient:02d}_{n}.jpg"), name, f"P{patient:02d}")
        for name in ("a", "b")
        for patient in range(10)
        for n in range(2)
    ]
    labelled = LabelledSet(Path("/d"), ("a", "b"), tuple(entries))
    data = Data(labelled, alone(labelled), "")
    split = splits.make_split(labelled, SplitSpec("patient", folds=5), alone(labelled))
    predicted = as_predicted(data, split, split.test, probabilities=np.eye(2)[labelled.labels[split.test]])
    inside = {entries[row].patient for row in split.test}
    assert (split.patients, predicted.patients) == ("10 patients", f"{len(inside)} patients")
    assert set(predicted.groups) == inside
    text = splits.lists_csv(labelled, split, alone(labelled))
    assert {line.rsplit(",", 1)[1] for line in text.splitlines()[1:]} == {one.patient for one in entries}


def test_one_field_without_a_patient_leaves_patients_unknown() -> None:
    entries = [
        LabelledField(Path(f"/d/{n % 2}/{n}.jpg"), str(n % 2), f"P{n}" if n else "") for n in range(40)
    ]
    labelled = LabelledSet(Path("/d"), ("0", "1"), tuple(entries))
    data = Data(labelled, alone(labelled), "")
    split = splits.make_split(labelled, SplitSpec("image-random"), alone(labelled))
    predicted = as_predicted(data, split, split.test, probabilities=np.eye(2)[labelled.labels[split.test]])
    assert (split.patients, predicted.patients) == (PATIENTS_UNKNOWN, PATIENTS_UNKNOWN)
    assert set(predicted.groups) <= set(alone(labelled))


def test_patients_from_a_table(tmp_path: Path) -> None:
    labelled = fields({"a": 20, "b": 20})
    table = tmp_path / "patients.csv"
    rows = [f"{field.path.name},p{row % 10}" for row, field in enumerate(labelled.fields)]
    table.write_text("file,patient\n" + "\n".join(rows), encoding="utf-8")
    split = splits.make_split(labelled, SplitSpec("patient", patients=str(table)), alone(labelled))
    assert split.patients == "10 patients"


def test_a_split_by_patient_needs_patients() -> None:
    labelled = fields({"a": 20, "b": 20})
    with pytest.raises(StationError, match="40 of 40 fields have no patient id") as caught:
        splits.make_split(labelled, SplitSpec("patient"), alone(labelled))
    assert caught.value.code == "no-patients"


def test_too_few_fields_of_a_class_are_named() -> None:
    labelled = fields({"a": 30, "rare": 2})
    with pytest.raises(StationError, match="rare has 2 fields") as caught:
        splits.make_split(labelled, SplitSpec(), alone(labelled))
    assert caught.value.code == "too-few-fields"


@pytest.mark.parametrize("text", ["a,b\n1,2\n", ""])
def test_tables_without_their_columns_are_refused(text: str, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(text)
    labelled = fields({"a": 30, "b": 30})
    with pytest.raises(StationError, match="no column"):
        splits.groups_from_csv(labelled, table)
    with pytest.raises(StationError, match="no column"):
        splits.make_split(labelled, SplitSpec("patient", patients=str(table)), alone(labelled))
    with pytest.raises(StationError, match="cannot be read"):
        splits.groups_from_csv(labelled, tmp_path / "none.csv")


def test_groups_from_a_table_and_the_lists(tmp_path: Path) -> None:
    labelled = fields({"a": 10, "b": 10})
    table = tmp_path / "groups.csv"
    table.write_text("class,file,field_group\na,a-001.jpg,x\na,a-002.jpg,x\nb,b-001.jpg,x\n")
    groups = splits.groups_from_csv(labelled, table)
    assert groups[0] == groups[1] == "a/x"
    assert groups[10] == "b/x"
    assert len(set(groups)) == 19
    split = splits.make_split(labelled, SplitSpec(), groups)
    text = splits.lists_csv(labelled, split, groups)
    assert text.splitlines()[0] == "part,class,file,field_group,patient"
    assert len(text.splitlines()) == 21
    assert splits.lists_sha256(text) == splits.lists_sha256(splits.lists_csv(labelled, split, groups))
