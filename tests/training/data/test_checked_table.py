"""What ``check`` hands to ``fit``: nothing is decoded or compared twice, and nothing stale is believed."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.imaging import similarity
from allstation.imaging.formats import decode
from training.cli import main
from training.data.check import check
from training.data.checked_table import read_checked
from training.data.loading import open_data
from training.fit.protocol import silent
from training.fit.recipe import Recipe, recipe_from
from training.models.registry import preset

pytestmark = pytest.mark.usefixtures("few_trees")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts files read, pictures decoded and sets compared."""
    counts: Counter[str] = Counter()
    for module, name in ((decode, "_open"), (decode, "_pixels"), (similarity, "same_field_pairs")):
        real = getattr(module, name)

        def counting(*arguments: object, _real=real, _name=name, **more: object) -> object:
            counts[_name] += 1
            return _real(*arguments, **more)

        monkeypatch.setattr(module, name, counting)
    return counts


def recipe(folder: Path) -> Recipe:
    return dataclasses.replace(recipe_from(preset("zhang")), data=str(folder))


def test_check_reads_and_decodes_each_field_once_and_fit_compares_nothing_again(
    labelled_folder: Path, tmp_path: Path, counted: Counter[str]
):
    check(labelled_folder, silent(), keep=tmp_path / "checked.json")
    assert counted == {"_open": 48, "_pixels": 48, "same_field_pairs": 1}
    counted.clear()
    handed = open_data(recipe(labelled_folder), silent(), checked=tmp_path / "checked.json")
    assert counted == {"_open": 48}
    alone = open_data(recipe(labelled_folder), silent())
    assert counted == {"_open": 96, "_pixels": 48, "same_field_pairs": 1}
    assert (handed.groups, handed.sha256) == (alone.groups, alone.sha256)


def test_a_field_that_changed_after_the_check_is_looked_at_again_whatever_its_size_and_time(
    labelled_folder: Path, tmp_path: Path, counted: Counter[str]
):
    check(labelled_folder, silent(), keep=tmp_path / "checked.json")
    first, second = labelled_folder / "Pro" / "Pro-001.png", labelled_folder / "Pro" / "Pro-002.png"
    times = first.stat()
    first.write_bytes(second.read_bytes())
    os.utime(first, ns=(times.st_atime_ns, times.st_mtime_ns))
    counted.clear()
    data = open_data(recipe(labelled_folder), silent(), checked=tmp_path / "checked.json")
    assert counted["same_field_pairs"] == 1
    rows = [row for row, field in enumerate(data.labelled.fields) if field.path in {first, second}]
    assert len({data.groups[row] for row in rows}) == 1
    assert data.sha256 == open_data(recipe(labelled_folder), silent()).sha256


def test_a_field_that_broke_after_the_check_is_refused(labelled_folder: Path, tmp_path: Path):
    check(labelled_folder, silent(), keep=tmp_path / "checked.json")
    broken = labelled_folder / "Pro" / "Pro-001.png"
    broken.write_bytes(broken.read_bytes()[:-200])
    with pytest.raises(StationError) as refused:
        open_data(recipe(labelled_folder), silent(), checked=tmp_path / "checked.json")
    assert refused.value.code == "unreadable-fields"


def test_a_field_that_came_after_the_check_makes_the_comparison_anew(
    labelled_folder: Path, tmp_path: Path, counted: Counter[str]
):
    check(labelled_folder, silent(), keep=tmp_path / "checked.json")
    copy = labelled_folder / "Pro" / "Pro-900.png"
    copy.write_bytes((labelled_folder / "Pro" / "Pro-001.png").read_bytes())
    counted.clear()
    data = open_data(recipe(labelled_folder), silent(), checked=tmp_path / "checked.json")
    assert counted["same_field_pairs"] == 1
    assert data.groups.count("Pro/Pro-001.png") == 2


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"checked": 2, "fields": []}', '{"checked": 1, "fields": [1]}']
)
def test_a_damaged_table_is_no_table(labelled_folder: Path, tmp_path: Path, text: str):
    table = tmp_path / "checked.json"
    table.write_text(text)
    assert dict(read_checked(table).fields) == {}
    assert len(open_data(recipe(labelled_folder), silent(), checked=table).groups) == 48
    assert dict(read_checked(tmp_path / "none.json").fields) == {}


def test_the_commands_hand_the_table_over_and_do_not_replace_other_files(
    labelled_folder: Path, tmp_path: Path
):
    table, other = tmp_path / "checked.json", tmp_path / "other.json"
    assert main(["check", str(labelled_folder), "--keep", str(table)]) == 0
    assert len(json.loads(table.read_text("utf-8"))["fields"]) == 48
    other.write_text("mine")
    assert main(["check", str(labelled_folder), "--keep", str(other), "--force"]) == 2
    assert other.read_text() == "mine"
