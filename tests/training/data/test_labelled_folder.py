"""Labelled folders: every bad input gives one sentence with what came in, what to do."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from allstation.core.errors import StationError
from training.data.labelled_folder import inspect_field, read_labelled, require_readable

Draw = Callable[..., np.ndarray]
Write = Callable[..., Path]


def refusal(source: Path) -> StationError:
    with pytest.raises(StationError) as caught:
        read_labelled(source)
    assert caught.value.sentence.endswith(".")
    return caught.value


def test_a_folder_is_read_in_a_stable_order(labelled_folder: Path, draw_toy: Draw) -> None:
    (labelled_folder / "Benign" / "notes.txt").write_text("x")
    (labelled_folder / "Benign" / ".hidden.png").write_text("x")
    (labelled_folder / "Benign" / "deeper").mkdir()
    cv2.imwrite(str(labelled_folder / "Benign" / "deeper" / "a.png"), draw_toy(0, 99))
    labelled = read_labelled(labelled_folder)
    assert labelled.classes == ("Benign", "Early", "Pre", "Pro")
    assert labelled.counts() == {"Benign": 13, "Early": 12, "Pre": 12, "Pro": 12}
    assert [path.name for path in labelled.other_files] == ["notes.txt"]
    assert labelled.relative(0) == "Benign/Benign-001.png"
    assert labelled.labels.tolist() == sorted(labelled.labels.tolist())
    assert labelled == read_labelled(labelled_folder)


def hash_of(folder: Path) -> str:
    labelled = read_labelled(folder)
    return labelled.sha256(hashlib.sha256(field.path.read_bytes()).hexdigest() for field in labelled.fields)


def test_the_data_hash_knows_content_and_class(labelled_folder: Path) -> None:
    before = hash_of(labelled_folder)
    assert before == hash_of(labelled_folder)
    field = labelled_folder / "Pro" / "Pro-001.png"
    field.rename(labelled_folder / "Pre" / "Pro-001.png")
    moved = hash_of(labelled_folder)
    assert moved != before
    other = (labelled_folder / "Pro" / "Pro-002.png").read_bytes()
    (labelled_folder / "Pre" / "Pro-001.png").write_bytes(other)
    assert hash_of(labelled_folder) not in {before, moved}


def test_a_csv_with_patients(labelled_folder: Path) -> None:
    table = labelled_folder / "fields.csv"
    table.write_text(
        "path,class,patient\nBenign/Benign-001.png,Benign,p1\nPro/Pro-001.png,Pro,p2\n", encoding="utf-8-sig"
    )
    labelled = read_labelled(table)
    assert labelled.classes == ("Benign", "Pro")
    assert [field.patient for field in labelled.fields] == ["p1", "p2"]


def test_an_empty_class(labelled_folder: Path) -> None:
    (labelled_folder / "Zero").mkdir()
    error = refusal(labelled_folder)
    assert error.code == "empty-class"
    assert "'Zero'" in error.sentence


def test_one_class_only(tmp_path: Path, write_folder: Write) -> None:
    error = refusal(write_folder(tmp_path / "one", classes=("Pro",)))
    assert error.code == "one-class"
    assert "at least two" in error.sentence


def test_no_class_at_all(tmp_path: Path, draw_toy: Draw) -> None:
    cv2.imwrite(str(tmp_path / "field.png"), draw_toy(0, 1))
    assert refusal(tmp_path).code == "no-classes"


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="this file system ignores case")
def test_two_classes_that_differ_in_case(tmp_path: Path, write_folder: Write) -> None:
    error = refusal(write_folder(tmp_path / "case", classes=("Pro", "PRO")))
    assert error.code == "class-case"
    assert "'PRO'" in error.sentence
    assert "'Pro'" in error.sentence


def test_two_classes_that_differ_in_case_in_a_csv(labelled_folder: Path) -> None:
    table = labelled_folder / "fields.csv"
    table.write_text("path,class\nPro/Pro-001.png,Pro\nPre/Pre-001.png,pro\n")
    assert refusal(table).code == "class-case"


def test_a_class_named_like_a_column(tmp_path: Path, write_folder: Write) -> None:
    assert refusal(write_folder(tmp_path / "x", classes=("Pro", "file"))).code == "class-name"


def test_a_missing_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none").code == "no-folder"


def test_a_folder_that_may_not_be_read(labelled_folder: Path) -> None:
    closed, patch = labelled_folder / "Pre", pytest.MonkeyPatch()
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        real = os.scandir

        def scandir(path: str | Path) -> object:
            # Root reads everything: stand in for the refusal other users get.
            if Path(path) == closed:
                raise PermissionError(13, "Permission denied", str(path))
            return real(path)

        patch.setattr(os, "scandir", scandir)
    else:
        closed.chmod(0)
    try:
        error = refusal(labelled_folder)
    finally:
        patch.undo()  # before the folder is taken away, which reads it
        closed.chmod(0o755)
    assert error.code == "no-permission"
    assert "'Pre'" in error.sentence


def test_a_csv_with_a_missing_file(labelled_folder: Path) -> None:
    table = labelled_folder / "fields.csv"
    table.write_text("path,class\nPro/Pro-001.png,Pro\nPro/gone.png,Pro\n")
    error = refusal(table)
    assert error.code == "csv-missing-file"
    assert "Line 3" in error.sentence
    assert "'Pro/gone.png'" in error.sentence


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("file,label\na,b\n", "csv-columns"),
        ("", "csv-columns"),
        ("path,class\nPro/Pro-001.png,\n", "bad-csv"),
    ],
)
def test_a_csv_without_what_is_needed(text: str, code: str, labelled_folder: Path) -> None:
    table = labelled_folder / "fields.csv"
    table.write_text(text)
    assert refusal(table).code == code


def test_a_csv_in_an_encoding_that_cannot_be_told(labelled_folder: Path) -> None:
    table = labelled_folder / "fields.csv"
    table.write_bytes(b"path,class\nPro/Pro-001.png,M\x81ller\n")
    error = refusal(table)
    assert error.code == "bad-csv"
    assert "Save it again as CSV UTF-8" in error.sentence


def only_problem(path: Path) -> tuple[str, bool, str]:
    problems = inspect_field(path)[0].problems
    assert len(problems) == 1
    return problems[0].code, problems[0].error, problems[0].sentence


def test_fields_that_cannot_be_used(tmp_path: Path, draw_toy: Draw) -> None:
    (tmp_path / "text.png").write_text("this is no image at all, whatever its name says")
    (tmp_path / "empty.png").write_bytes(b"")
    cv2.imwrite(str(tmp_path / "dot.png"), np.zeros((1, 1, 3), np.uint8))
    whole = cv2.imencode(".png", draw_toy(0, 1))[1].tobytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    for name in ("text.png", "empty.png", "dot.png", "cut.png"):
        code, error, sentence = only_problem(tmp_path / name)
        assert error, name
        assert name in sentence
        assert code
        with pytest.raises(StationError) as caught:
            require_readable(inspect_field(tmp_path / name)[0].problems)
        assert caught.value.sentence == sentence


def test_fields_that_are_converted_are_named(tmp_path: Path, draw_toy: Draw) -> None:
    rgb = draw_toy(1, 1)
    cv2.imwrite(str(tmp_path / "deep.png"), rgb.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "deep.tif"), rgb.astype(np.uint16) * 257)
    Image.fromarray(rgb).convert("CMYK").save(tmp_path / "cmyk.jpg")
    Image.fromarray(rgb).convert("RGBA").save(tmp_path / "alpha.png")
    pages = [Image.fromarray(draw_toy(1, seed)) for seed in range(3)]
    pages[0].save(tmp_path / "frames.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "moving.webp", save_all=True, append_images=pages[1:])
    expected = {
        "deep.png": "sixteen-bit",
        "deep.tif": "sixteen-bit",
        "cmyk.jpg": "cmyk",
        "alpha.png": "alpha",
        "frames.tif": "animated",
        "moving.webp": "animated",
    }
    for name, code in expected.items():
        found, error, sentence = only_problem(tmp_path / name)
        assert (found, error) == (code, False)
        assert "Export" in sentence


def test_a_plain_field_has_no_problem(labelled_folder: Path) -> None:
    inspected, file = inspect_field(labelled_folder / "Pro" / "Pro-001.png")
    assert (inspected.size, inspected.problems) == ((64, 64), ())
    assert inspected.sha256 == file.sha256


def test_several_unreadable_fields_are_counted(tmp_path: Path) -> None:
    problems = []
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(b"")
        problems += inspect_field(tmp_path / name)[0].problems
    with pytest.raises(StationError, match="2 more fields"):
        require_readable(problems)
