"""Fields on disk: moved, renamed, lost, found again, and with names meant to hurt."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter
from allstation.store import Case
from allstation.store.folders import near_path

NAMES = [
    "line\nbreak.jpg",
    "cod\u202egpj.exe.jpg",
    "👩\u200d🔬 白血病.jpg",
    os.fsdecode(b"latin-\xfc\xff.jpg"),
    " leading and trailing .jpg",
    "%2e%2e'; DROP TABLE fields;--.jpg",
    "n" * 251 + ".jpg",
    "-rf.jpg",
    "\ufdd0dcff.jpg",
    "a\\b.jpg",
]


@pytest.mark.skipif(sys.platform == "win32", reason="these names cannot exist there")
def test_hostile_names_come_back_and_open(case, folder, maker):
    files = [maker.file(number, name) for number, name in enumerate(NAMES)]
    slide = case.slides.add("hostile\n\u202eslide", maker.folder)
    assert len(case.fields.add(slide.id, files).added) == len(NAMES)
    case.close()
    with Case.open(folder) as again:
        fields = again.fields.page()
        assert {field.path for field in fields} == {file.path for file in files}
        assert all(field.path.is_file() for field in fields)
        assert again.files.missing() == []
        assert again.fields.count(FieldFilter(text="白血")) == 1
        assert again.fields.count(FieldFilter(text="'; DROP")) == 1
        assert again.audit.verify() is None


@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot exist there")
def test_hostile_case_folder(tmp_path, maker):
    folder = tmp_path / os.fsdecode(b"?mode=ro&x=\xff%00\n#.allcase")
    with Case.create(folder) as case:
        maker.fill(case, 2)
        assert case.name.isprintable()
    with Case.open(folder) as again:
        assert again.fields.count() == 2
        with again.reader() as reader:
            assert reader.fields.count() == 2


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "x" * 10_000, "<b>", "\u202e"])
def test_hostile_texts_are_stored(case, maker, text):
    from allstation.core.records import Review

    ids = maker.fill(case, 1)
    case.rename(text + "n")
    case.set_details({"patient": text, text: "k"})
    case.queue.fail(ids[0], "code", text)
    case.reviews.add(Review(field_id=ids[0], reviewer=text + "n", class_name="Pro", comment=text))
    case.slides.rename(1, text + "n")
    case.user = text + "n"
    assert case.audit.verify() is None
    assert case.snapshot().name.endswith("n")


def move(parent, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(parent, target)


@pytest.mark.parametrize(
    ("case_place", "fields_place"),
    [
        ("p/a.allcase", "p/a.allcase/fields"),  # inside the case
        ("p/a.allcase", "p/slide 1"),  # beside it
        ("p/cases/a.allcase", "p/data/slide 1"),  # near it
    ],
)
def test_case_and_fields_move_together(tmp_path, maker, case_place, fields_place):
    maker.folder = tmp_path / "old" / fields_place
    with Case.create(tmp_path / "old" / case_place) as case:
        slide = case.slides.add("s", maker.folder)
        case.fields.add(slide.id, [maker.file(number) for number in range(3)])
    move(tmp_path / "old" / "p", tmp_path / "new" / "drive" / "p")
    with Case.open(tmp_path / "new" / "drive" / case_place) as again:
        assert again.files.missing() == []
        assert again.fields.page()[0].path == tmp_path / "new" / "drive" / fields_place / "field 0.jpg"
        assert again.slides.all()[0].folder == tmp_path / "new" / "drive" / fields_place
        slide = again.slides.add("same folder", tmp_path / "new" / "drive" / fields_place)
        assert slide.id == 1


def test_case_moves_alone(tmp_path, maker):
    with Case.create(tmp_path / "a.allcase") as case:
        case.fields.add(case.slides.add("s").id, [maker.file(1)])
    move(tmp_path / "a.allcase", tmp_path / "far" / "away" / "a.allcase")
    with Case.open(tmp_path / "far" / "away" / "a.allcase") as again:
        assert again.files.missing() == []
        assert again.fields.get(1).path == maker.folder / "field 1.jpg"


def test_near_means_two_folders_up():
    case = Path("/home/ada/lab/cases/a.allcase")
    assert near_path(Path("/home/ada/lab/cases/s"), case) == "../s"
    assert near_path(Path("/home/ada/lab/data/s"), case) == "../../data/s"
    assert near_path(Path("/home/ada/data/s"), case) is None


def test_a_drive_that_comes_back(case, maker):
    case.fields.add(case.slides.add("s").id, [maker.file(number) for number in range(3)])
    away = maker.folder.with_name("away")
    maker.folder.rename(away)
    assert case.files.missing() == [1, 2, 3]
    away.rename(maker.folder)
    assert case.files.missing() == []


def test_locating_compares_the_bytes(case, maker, tmp_path):
    case.fields.add(case.slides.add("s").id, [maker.file(1), maker.file(2)])
    case.fields.get(1).path.rename(tmp_path / "renamed.jpg")
    assert case.files.missing() == [1]
    with pytest.raises(StationError) as caught:
        case.files.locate(1, case.fields.get(2).path)
    assert caught.value.code == "other-field"
    with pytest.raises(StationError) as caught:
        case.files.locate(1, tmp_path / "nowhere.jpg")
    assert caught.value.code == "unreadable-field"
    assert case.files.locate(1, tmp_path / "renamed.jpg").path == tmp_path / "renamed.jpg"
    assert case.files.missing() == []
    assert case.audit.verify() is None


def test_locating_a_whole_folder(case, maker, tmp_path):
    case.fields.add(case.slides.add("s").id, [maker.file(number) for number in range(5)])
    (tmp_path / "found" / "deep").mkdir(parents=True)
    for number in range(4):
        (maker.folder / f"field {number}.jpg").rename(tmp_path / "found" / "deep" / f"other {9 - number}.jpg")
    (maker.folder / "field 4.jpg").unlink()
    (tmp_path / "found" / "field 4.jpg").write_bytes(b"bytes X")  # the same size, other bytes
    report = case.files.locate_in(tmp_path / "found")
    assert (report.found, report.missing) == ([1, 2, 3, 4], [5])
    assert case.fields.get(1).path == tmp_path / "found" / "deep" / "other 9.jpg"
    assert case.audit.verify() is None


def test_slides_sort_naturally_and_fields_follow(case, maker):
    for name in ("slide 10", "Slide 9", "slide 1"):
        maker.fill(case, 2, slide=name, first=len(name) * 100 + int(name.split()[1]) * 10)
    assert [slide.name for slide in case.slides.all()] == ["slide 1", "Slide 9", "slide 10"]
    assert [field.slide_id for field in case.fields.page()] == [3, 3, 2, 2, 1, 1]
    case.slides.rename(3, "slide 11")
    assert [field.slide_id for field in case.fields.page()] == [2, 2, 1, 1, 3, 3]
    with pytest.raises(StationError) as caught:
        case.slides.rename(99, "x")
    assert caught.value.code == "unknown-slide"
    with pytest.raises(StationError) as caught:
        case.fields.add(99, [])
    assert caught.value.code == "unknown-slide"


def test_fields_dropped_one_by_one_share_a_slide(case, maker):
    assert case.slides.add("fields") == case.slides.add("fields")
    assert case.slides.add("others").id == 2


def test_known_files_of_a_folder(case, maker, tmp_path):
    case.fields.add(case.slides.add("s").id, [maker.file(1), maker.file(22, "sub/x.jpg"), maker.file(333)])
    assert case.files.in_folder(maker.folder) == {"field 1.jpg": 7, "field 333.jpg": 9}
    assert case.files.in_folder(maker.folder / "sub") == {"x.jpg": 8}
    assert case.files.in_folder(tmp_path / "none") == {}
