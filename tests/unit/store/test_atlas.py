"""The reference atlas: bare pictures with class, reviewer, date and hash; nothing is ever overwritten."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from allstation.core.errors import StationError
from allstation.core.records import FieldRecord, Review
from allstation.store.atlas import Atlas
from tests.ui.field_records import field

REVIEW = Review(
    field_id=1, reviewer="Ada", class_name="Pre", at="2026-11-30T10:00:00Z", comment="Mrs Example"
)


def reviewed(folder: Path, seed: int = 1, review: Review | None = REVIEW) -> FieldRecord:
    """Return a reviewed field whose file names a patient in its metadata and its name."""
    path = folder / f"Example, Mary {seed}.jpg"
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x013B] = "Mary Example"
    Image.fromarray(pixels).save(path, exif=exif, quality=95)
    assert b"Mary" in path.read_bytes()
    return replace(field(1, path, review=review), width=64, height=48)


def test_a_reviewed_field_is_kept_without_what_names_the_patient(tmp_path: Path):
    record, atlas = reviewed(tmp_path), Atlas(tmp_path / "atlas")
    assert atlas.fields() == []
    assert not atlas.folder.exists(), "reading makes nothing"
    assert atlas.add(record)
    [kept] = atlas.fields()
    said = kept.reviewed
    assert (said.class_name, said.reviewer, said.at, said.sha256) == (
        "Pre",
        "Ada",
        "2026-11-30",
        record.sha256,
    )
    assert (kept.width, kept.height) == (64, 48)
    assert kept.picture_sha256 == hashlib.sha256(kept.path.read_bytes()).hexdigest()
    with Image.open(kept.path) as here, Image.open(record.path) as there:
        assert np.array_equal(np.asarray(here), np.asarray(there))
    for path in atlas.folder.iterdir():
        assert b"Mary" not in path.read_bytes()
        assert "Mary" not in path.name
        assert b"Mrs" not in path.read_bytes()


def test_what_is_in_it_stays_as_it_was(tmp_path: Path):
    record, atlas = reviewed(tmp_path), Atlas(tmp_path / "atlas")
    atlas.add(record)
    before = {path.name: path.read_bytes() for path in atlas.folder.iterdir()}
    later = replace(REVIEW, class_name="Pro", reviewer="Ben")
    assert not atlas.add(replace(record, review=later))
    assert {path.name: path.read_bytes() for path in atlas.folder.iterdir()} == before
    assert atlas.add(reviewed(tmp_path, seed=2))
    assert len(atlas.fields()) == 2


@pytest.mark.parametrize(
    "review",
    [None, replace(REVIEW, class_name=None), replace(REVIEW, class_name=""), replace(REVIEW, reviewer=" ")],
)
def test_only_a_class_by_a_named_person_is_a_reference(tmp_path: Path, review: Review | None):
    atlas = Atlas(tmp_path / "atlas")
    with pytest.raises(StationError) as refused:
        atlas.add(reviewed(tmp_path, review=review))
    assert refused.value.code == "not-reviewed"
    assert atlas.fields() == []


def test_a_folder_of_other_files_is_no_atlas(tmp_path: Path):
    record = reviewed(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(StationError) as refused:
        Atlas(tmp_path).add(record)
    assert refused.value.code == "not-an-atlas"
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_changed_file_is_refused_and_a_damaged_note_left_out(tmp_path: Path):
    record, atlas = reviewed(tmp_path), Atlas(tmp_path / "atlas")
    atlas.add(reviewed(tmp_path, seed=2))
    record.path.write_bytes(record.path.read_bytes() + b"more")
    with pytest.raises(StationError) as refused:
        atlas.add(record)
    assert refused.value.code == "changed-field"
    [kept] = atlas.fields()
    note = kept.path.with_suffix(".json")
    said = json.loads(note.read_text())
    for wrong in (
        "{",
        "[]",
        json.dumps({**said, "picture": "/../../etc/passwd"}),
        json.dumps({**said, "width": "64"}),
        json.dumps({**said, "width": 10**30}),
        json.dumps({**said, "class": "=cmd|x"}),
        json.dumps({**said, "class": "Pro\x1b[2J"}),
    ):
        note.write_text(wrong)
        assert atlas.fields() == []
    note.write_text(json.dumps({**said, "reviewed": "\x1b[2J"}))
    assert [one.reviewed.at.isprintable() for one in atlas.fields()] == [True]


@pytest.mark.skipif(os.name == "nt", reason="a matter of POSIX")
def test_a_pipe_among_the_notes_is_not_waited_for(tmp_path: Path):
    atlas = Atlas(tmp_path / "atlas")
    atlas.add(reviewed(tmp_path))
    os.mkfifo(atlas.folder / f"{'f' * 64}.json")
    assert len(atlas.fields()) == 1
