"""Files of whole slides in a case: identity, plan, hash, place, and what the audit trail holds of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.core.records import FieldState
from allstation.core.slide_file import EVERYTHING, SlideIdentity
from allstation.core.slide_info import Level, SlideInfo, SlideMetadata
from allstation.core.slide_part import Region, parse_part, slide_field_sha256
from allstation.store import Case, maintenance
from tests.unit.store.conftest import digest

INFO = SlideInfo(
    format="TIFF",
    vendor="generic",
    width=4000,
    height=3000,
    levels=(Level(4000, 3000, 1.0), Level(1000, 750, 4.0)),
    pixel_um=0.25,
    objective=40.0,
    associated=("label", "macro"),
    metadata=SlideMetadata(patient_name="Nobody", barcode="B-1"),
)


def regions(count: int) -> list[Region]:
    return [Region(level=0, x=300 * (n % 13), y=225 * (n // 13), width=300, height=225) for n in range(count)]


def identity(path: Path) -> SlideIdentity:
    return SlideIdentity(fingerprint=digest(path.read_text()), bytes=path.stat().st_size, mtime_ns=7)


@pytest.fixture
def slide_path(tmp_path) -> Path:
    path = tmp_path / "scans" / "patient.svs"
    path.parent.mkdir()
    path.write_text("a slide")
    return path


@pytest.fixture
def scanned(case, slide_path):
    """A case with one whole slide of ten fields."""
    file = case.slide_files.add("patient", slide_path, identity(slide_path), INFO)
    case.slide_files.set_plan(file.slide_id, "10", regions(10))
    case.fields.add(file.slide_id, case.slide_files.new_fields(file.slide_id, regions(10)))
    case.slide_files.advance(file.slide_id, 10)
    return file


def sound(case: Case) -> bool:
    return (case.check(), case.audit.verify()) == ([], None)


def test_a_part_is_a_field_that_the_file_and_its_name_identify(case, scanned, slide_path):
    fields = case.fields.page()
    assert [field.path.parent for field in fields] == [slide_path] * 10
    assert {field.part for field in fields} == set(regions(10))
    assert all(field.part == parse_part(field.path.name) for field in fields)
    first = next(field for field in fields if field.part == regions(1)[0])
    assert first.sha256 == slide_field_sha256(identity(slide_path).fingerprint, regions(1)[0])
    assert (first.width, first.height) == (300, 225)
    (slide,) = case.slides.all()
    assert (slide.folder, slide.fingerprint) == (slide_path, identity(slide_path).fingerprint)
    assert sound(case)


def test_what_the_file_says_of_the_patient_is_not_stored(case, scanned, folder):
    kept = case.slide_files.of(scanned.slide_id)
    assert kept.info.metadata == SlideMetadata()
    assert (kept.info.levels, kept.info.associated, kept.info.pixel_um) == (
        INFO.levels,
        INFO.associated,
        0.25,
    )
    case.close()
    assert b"Nobody" not in (folder / "case.sqlite").read_bytes()


def test_the_same_file_is_one_slide_and_another_with_its_name_is_another(case, scanned, slide_path, tmp_path):
    again = case.slide_files.add("patient", slide_path, identity(slide_path), INFO)
    assert again.slide_id == scanned.slide_id
    other = tmp_path / "other" / "patient.svs"
    other.parent.mkdir()
    other.write_text("another slide")
    second = case.slide_files.add("patient", other, identity(other), INFO)
    assert second.slide_id != scanned.slide_id
    new = case.slide_files.new_fields(second.slide_id, regions(10))
    assert len(case.fields.add(second.slide_id, new).added) == 10
    assert case.fields.count() == 20
    assert sound(case)


def test_a_copy_elsewhere_is_the_same_slide_and_does_not_move_it(case, scanned, slide_path, tmp_path):
    copy = tmp_path / "copy.svs"
    copy.write_text("a slide")
    assert case.slide_files.add("copy", copy, identity(copy), INFO).path == slide_path
    assert len(case.slides.all()) == 1


def test_another_slide_in_the_place_of_one_is_refused(case, scanned, slide_path):
    slide_path.write_text("exchanged")
    with pytest.raises(StationError) as caught:
        case.slide_files.add("patient", slide_path, identity(slide_path), INFO)
    assert caught.value.code == "changed-field"
    assert len(case.slide_files.all()) == 1
    assert sound(case)


@pytest.mark.parametrize(
    "region",
    [
        Region(level=2, x=0, y=0, width=10, height=10),
        Region(level=0, x=3800, y=0, width=300, height=200),
        Region(level=1, x=0, y=0, width=1002, height=200),
        Region(level=0, x=0, y=999_999, width=3, height=2),
    ],
)
def test_a_rectangle_outside_the_slide_is_refused(case, scanned, region):
    with pytest.raises(StationError) as caught:
        case.slide_files.new_fields(scanned.slide_id, [region])
    assert caught.value.code == "bad-region"


def test_the_plan_outlives_a_program_that_dies(case, scanned, folder):
    case.slide_files.set_plan(scanned.slide_id, EVERYTHING, regions(100))
    case.fields.add(scanned.slide_id, case.slide_files.new_fields(scanned.slide_id, regions(100)[:40]))
    case.slide_files.advance(scanned.slide_id, 40)
    case.close()
    with Case.open(folder) as again:
        (file,) = again.slide_files.unfinished()
        plan = again.slide_files.plan(file.slide_id)
        assert (plan.wanted, plan.added, list(plan.parts)) == (EVERYTHING, 40, regions(100))
        again.fields.add(file.slide_id, again.slide_files.new_fields(file.slide_id, plan.parts[40:]))
        again.slide_files.advance(file.slide_id, 100)
        assert again.slide_files.unfinished() == []
        assert again.fields.count() == 100
        assert sound(again)


def test_the_hash_of_the_whole_file_is_made_of_its_pieces_and_checked_off(case, scanned, folder):
    pieces = [hashlib.sha256(bytes([n])).digest() for n in range(3)]
    assert case.slide_files.add_piece(scanned.slide_id, 0, pieces[0])
    assert not case.slide_files.add_piece(scanned.slide_id, 0, pieces[0]), "a piece counts once"
    assert not case.slide_files.add_piece(scanned.slide_id, 2, pieces[2]), "none is passed over"
    case.close()
    with Case.open(folder) as again:
        (file,) = again.slide_files.unhashed()
        assert file.pieces == 1
        for number in (1, 2):
            again.slide_files.add_piece(file.slide_id, number, pieces[number])
        full = again.slide_files.finish_hash(file.slide_id)
        assert full == hashlib.sha256(b"".join(pieces)).hexdigest()
        assert again.slide_files.unhashed() == []
        assert again.audit.entries()[-1].action == "slide-hashed"
        assert again.audit.entries()[-1].input == full
        assert sound(again)


def test_a_file_that_moved_is_located_once_for_all_its_fields(case, scanned, slide_path, tmp_path):
    moved = tmp_path / "archive" / "p.svs"
    moved.parent.mkdir()
    slide_path.rename(moved)
    assert len(case.files.missing()) == 10
    assert [file.slide_id for file in case.slide_files.missing()] == [scanned.slide_id]
    with case.reader() as reader:
        assert reader.fields.page()[0].path.parent == slide_path
        case.slide_files.locate(scanned.slide_id, moved, identity(moved).fingerprint)
        assert reader.fields.page()[0].path.parent == moved, "a reader sees it too"
    assert case.files.missing() == []
    assert {field.path.parent for field in case.fields.page()} == {moved}
    assert case.slides.all()[0].folder == moved
    more = case.slide_files.new_fields(scanned.slide_id, regions(12))
    assert len(case.fields.add(scanned.slide_id, more).added) == 2
    assert {field.path.parent for field in case.fields.page()} == {moved}
    assert sound(case)


def test_another_file_is_not_taken_for_it(case, scanned, slide_path, tmp_path):
    other = tmp_path / "other.svs"
    other.write_text("other")
    with pytest.raises(StationError) as caught:
        case.slide_files.locate(scanned.slide_id, other, identity(other).fingerprint)
    assert caught.value.code == "other-field"


def test_a_case_that_moved_with_its_slides_finds_them(tmp_path):
    at_home = tmp_path / "one"
    (at_home / "scans").mkdir(parents=True)
    path = at_home / "scans" / "p.svs"
    path.write_text("a slide")
    with Case.create(at_home / "c.allcase") as case:
        file = case.slide_files.add("p", path, identity(path), INFO)
        case.fields.add(file.slide_id, case.slide_files.new_fields(file.slide_id, regions(3)))
    at_home.rename(tmp_path / "two")
    with Case.open(tmp_path / "two" / "c.allcase") as case:
        assert case.files.missing() == []
        assert case.slide_files.all()[0].path == tmp_path / "two" / "scans" / "p.svs"
        again = tmp_path / "two" / "scans" / "p.svs"
        assert case.slide_files.add("p", again, identity(again), INFO).slide_id == file.slide_id
        assert sound(case)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE slide_files SET fingerprint = replace(fingerprint, 'a', 'b')",
        "UPDATE slide_files SET info = replace(info, '0.25', '0.5')",
        "UPDATE slide_files SET full_hash = 'ab'",
        "UPDATE slide_plans SET parts = replace(parts, 'x300', 'x301')",
        "INSERT INTO moved_folders VALUES (1, NULL, '/elsewhere.svs')",
        "DELETE FROM slide_plans",
    ],
)
def test_a_change_past_the_trail_is_told(case, scanned, statement):
    assert sound(case)
    case.connection.db.execute(statement)
    assert "past the trail" in case.audit.verify().sentence


def test_repair_saves_slides_with_the_rest(case, scanned, folder):
    case.slide_files.finish_hash(scanned.slide_id)
    before = case.slide_files.all()
    case.close()
    with (folder / "case.sqlite").open("r+b") as file:
        file.write(b"\xa5" * 4096)
    report = maintenance.repair_case(folder)
    assert report.broken is None
    with Case.open(folder) as again:
        assert again.slide_files.all() == before
        assert len(again.slide_files.plan(scanned.slide_id).parts) == 10
        assert sound(again)


def test_the_overview_gets_each_field_with_its_place_and_result(case, scanned, maker):
    case.models.add(maker.record())
    ids = list(case.fields.ids())
    maker.classify(case, ids[:2])
    case.fields.remove(ids[-1:])
    marks = case.slide_files.fields(scanned.slide_id)
    assert len(marks) == 9
    done = {mark.field_id: mark for mark in marks if mark.state is FieldState.DONE}
    assert done.keys() == set(ids[:2])
    assert all(mark.final == case.fields.get(number).final_name for number, mark in done.items())
    assert marks[0].part in regions(10)
