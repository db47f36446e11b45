"""Settings survive a restart, a damaged file, a full disk and a newer version's leftovers."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from allstation.core.cell_types import SHIPPED_TYPES, types_json
from allstation.core.limits import DecodeLimits
from allstation.services.settings import BETWEEN, FILE_NAME, MAX_RECENT, Settings, SettingsFile


def test_what_was_set_is_there_after_a_restart(tmp_path: Path) -> None:
    SettingsFile(tmp_path).change(theme="dark", text_scale=1.25, recent=("/a", "/b"))
    again = SettingsFile(tmp_path).value
    assert (again.theme, again.text_scale, again.recent) == ("dark", 1.25, ("/a", "/b"))


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "\x00"])
def test_a_damaged_file_gives_the_defaults(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    assert SettingsFile(tmp_path).value == Settings()


def test_values_of_a_wrong_type_and_unknown_names_are_left_out(tmp_path: Path) -> None:
    stored = {"theme": 5, "text_scale": True, "recent": ["/a", 3], "no_progress": 1, "page_size": "Letter"}
    (tmp_path / FILE_NAME).write_text(json.dumps(stored))
    assert SettingsFile(tmp_path).value == Settings(page_size="Letter")


def test_a_whole_number_is_fine_where_a_fraction_is_meant(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"text_scale": 2}')
    assert SettingsFile(tmp_path).value.text_scale == 2.0


def test_an_unwritable_place_is_not_fatal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = SettingsFile(tmp_path / "file")
    settings.change(theme="dark")
    assert settings.value.theme == "dark"


def test_what_is_remembered_of_a_case_moves_with_it(tmp_path: Path) -> None:
    before, now, other = (tmp_path / name for name in ("a.allcase", "b.allcase", "a.allcase 2"))
    stored = Settings(
        recent=(str(before), str(other)),
        watched=(f"{before}{BETWEEN}{tmp_path}", f"{other}{BETWEEN}{tmp_path}"),
        last_case_of_field=str(before),
        last_field=7,
    ).with_moved(before, now)
    assert stored.recent == (str(other),)
    assert stored.watched == (f"{now}{BETWEEN}{tmp_path}", f"{other}{BETWEEN}{tmp_path}")
    assert (stored.last_case_of_field, stored.last_field) == (str(now), 7)


def test_recent_cases_are_few_and_the_latest_comes_first() -> None:
    value = Settings()
    for number in range(MAX_RECENT + 5):
        value = value.with_recent(Path(f"/case{number}"))
    value = value.with_recent(Path("/case7"))
    assert value.recent[0] == str(Path("/case7"))
    assert len(value.recent) == len(set(value.recent)) == MAX_RECENT
    assert value.last_case == value.recent[0]


def test_limits_of_fields_can_be_set_but_not_switched_off(tmp_path: Path) -> None:
    settings = SettingsFile(tmp_path)
    assert settings.value.limits == DecodeLimits()
    settings.change(max_megabytes=1.0, max_megapixels=2.0, max_pages=3, max_seconds=4.0)
    again = SettingsFile(tmp_path).value.limits
    assert (again.max_bytes, again.max_pixels, again.max_frames, again.max_seconds) == (
        2**20,
        2_000_000,
        3,
        4.0,
    )
    settings.change(max_megabytes=0.0, max_megapixels=-1.0, max_pages=0, max_seconds=1e12)
    assert SettingsFile(tmp_path).value.limits == DecodeLimits()


def test_list_of_cell_types_is_the_laboratorys_or_the_shipped_one(tmp_path: Path) -> None:
    assert Settings().types == SHIPPED_TYPES
    own = SHIPPED_TYPES[:3]
    SettingsFile(tmp_path).change(cell_types=types_json(own))
    assert SettingsFile(tmp_path).value.types == own
    assert Settings(cell_types="[]").types == SHIPPED_TYPES


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"a":' * 100_000,
        '{"version": 1, "reviewer": "Dr. B", "rec',
        '{"thumbnail_width": 1' + "0" * 5000 + "}",
        "[]",
        "",
    ],
    ids=["nested list", "nested object", "cut", "number too long", "no object", "empty"],
)
def test_unreadable_file_is_set_aside_before_another_is_written(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.json").write_text(text)
    settings = SettingsFile(tmp_path)
    assert settings.value == Settings()
    settings.change(reviewer="Dr. C")
    settings.change(reviewer="Dr. D")
    assert (tmp_path / "settings-unreadable.json").read_text() == text
    assert SettingsFile(tmp_path).value == Settings(reviewer="Dr. D")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["settings-unreadable.json", "settings.json"]


def test_folder_in_the_files_place_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "settings.json").mkdir()
    SettingsFile(tmp_path).change(reviewer="Dr. C")
    assert SettingsFile(tmp_path).value.reviewer == "Dr. C"
    assert (tmp_path / "settings-unreadable.json").is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in folders")
def test_pipe_in_the_files_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "settings.json")
    assert SettingsFile(tmp_path).value == Settings()


def test_settings_of_a_newer_version_are_kept_for_it(tmp_path: Path) -> None:
    newer = {"version": 7, "hold_everything": {"since": 3}, "reviewer": "Dr. B"}
    (tmp_path / "settings.json").write_text(json.dumps(newer))
    SettingsFile(tmp_path).change(reviewer="Dr. C")
    written = json.loads((tmp_path / "settings.json").read_text())
    assert (written["version"], written["hold_everything"]) == (7, {"since": 3})
    assert SettingsFile(tmp_path).value.reviewer == "Dr. C"


@pytest.mark.parametrize(
    "entry",
    [
        '"text_scale": 1' + "0" * 400,
        '"text_scale": NaN',
        '"text_scale": -Infinity',
        '"text_scale": 1e308',
        '"thumbnail_width": 1' + "0" * 30,
        '"last_case": "a\\u0000b"',
    ],
)
def test_values_that_nothing_can_use_keep_their_default(tmp_path: Path, entry: str) -> None:
    (tmp_path / "settings.json").write_text(f'{{"version": 1, {entry}, "reviewer": "Dr. B"}}')
    assert SettingsFile(tmp_path).value == Settings(reviewer="Dr. B")
