"""Whole slides come in with their proposed fields, once, also after a death; their files are hashed."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from allstation.core.errors import StationError
from allstation.core.records import FieldState
from allstation.core.slide_file import EVERYTHING, PAGES, SlideIdentity
from allstation.core.slide_info import Level, SlideInfo
from allstation.core.slide_part import Frame, Region, slide_field_sha256
from allstation.imaging.fields.file import read_field
from allstation.imaging.scan_folder import scan_folder
from allstation.imaging.slides.identity import fingerprint
from allstation.imaging.synthetic import write_demo
from allstation.imaging.synthetic.slide import Patient, write_slide
from allstation.processing import events, slide_hashing
from allstation.processing.import_progress import ImportProgress
from allstation.processing.importer import ImportBatch, Importer, ImportOptions, batches
from allstation.processing.patients import parse_patients, propose_patients
from allstation.processing.processor import CaseProcessor
from allstation.processing.slide_import import NewSlide, SlideOptions, SlideSearch
from allstation.store.case import Case
from tests.makers import end_as_killed

LONG = 30.0
FIELDS = SlideOptions(fields=6)


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two slides of one name in two folders, and a DICOM series among fields."""
    folder = tmp_path_factory.mktemp("slides")
    for number in (1, 2):
        (folder / f"p{number}").mkdir()
        write_slide(folder / f"p{number}" / "smear.svs", seed=number, width=2400, height=1500, format="svs")
    write_slide(folder / "mixed" / "series", seed=3, width=1024, height=768, format="dicom")
    write_demo(folder / "mixed" / "camera", fields=2)
    return folder


@pytest.fixture(autouse=True)
def plain_grid(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Propose squares side by side, which takes no time; where to look is tested with the finder."""

    def grid(reader, count, progress, **_):
        progress(0.5)
        places = [(x, y) for y in range(0, 1000, 225) for x in range(0, reader.info.width - 300, 300)]
        parts = tuple(Region(level=0, x=x, y=y, width=300, height=225) for x, y in places[:count])
        return parts, "Squares side by side."

    if "with_finder" not in request.fixturenames:
        monkeypatch.setattr("allstation.processing.slide_import.propose", grid)


@pytest.fixture
def with_finder() -> None:
    """Propose fields as the program does."""


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with Case.create(tmp_path / "c.allcase") as case:
        yield case


def bring_in(case: Case, *paths: Path, options: SlideOptions = FIELDS) -> ImportProgress:
    progress = ImportProgress()
    found = batches(
        paths, threading.Event(), options=ImportOptions(slides=options, batch=4), known=case.slide_files
    )
    for item in found:
        if isinstance(item, NewSlide):
            progress.add_slide(case, item)
        else:
            progress.add(case, item)
    return progress


def refusals(*paths: Path, case: Case | None = None) -> dict[str, str]:
    known = None if case is None else case.slide_files
    found = batches(paths, threading.Event(), options=ImportOptions(slides=FIELDS), known=known)
    made = (item for item in found if isinstance(item, ImportBatch))
    return {one.path.name: one.error.code for item in made for one in item.refused}


def test_a_slide_comes_with_fields_that_can_be_read(case: Case, slides: Path) -> None:
    path = slides / "p1" / "smear.svs"
    bring_in(case, path)
    (slide,) = case.slides.all()
    assert (slide.name, slide.folder, slide.fingerprint) == ("smear", path, fingerprint(path))
    fields = case.fields.page()
    assert len(fields) == 6
    for field in fields:
        assert field.sha256 == slide_field_sha256(fingerprint(path), field.part)
        pixels = read_field(field.path, sha256=field.sha256).pixels
        assert pixels.shape == (field.height, field.width, 3)
    assert case.slide_files.all()[0].is_complete
    assert case.audit.verify() is None


def test_fields_are_proposed_where_red_cells_lie_side_by_side(
    case: Case, tmp_path: Path, with_finder: None
) -> None:
    truth = write_slide(tmp_path / "s.svs", seed=1, width=2000, height=1400, format="svs", pixel_um=0.5)
    status = bring_in(case, tmp_path / "s.svs").status(running=False)
    parts = [field.part for field in case.fields.page()]
    assert len(parts) == 6
    for part in parts:
        place = {"x": part.x, "y": part.y, "width": part.width, "height": part.height}
        assert truth.share(truth.monolayer, **place) > 0.9
    assert [note.sentence[:8] for note in status.notes] == ["6 fields"]
    every = bring_in(case, tmp_path / "s.svs", options=SlideOptions(fields=None)).status(running=False)
    assert every.added > 30


def test_a_slide_without_a_monolayer_is_in_the_case_and_says_why(
    case: Case, tmp_path: Path, with_finder: None
) -> None:
    write_slide(tmp_path / "s.svs", seed=1, width=1200, height=900, format="svs", content="empty")
    status = bring_in(case, tmp_path / "s.svs").status(running=False)
    assert (case.fields.count(), [slide.name for slide in case.slides.all()]) == (0, ["s"])
    assert "No monolayer" in status.notes[0].sentence
    every = bring_in(case, tmp_path / "s.svs", options=SlideOptions(fields=None)).status(running=False)
    assert "Nothing stained" in every.notes[0].sentence
    assert case.slide_files.all()[0].is_complete
    region = Region(level=0, x=100, y=100, width=300, height=225)
    case.fields.add(1, case.slide_files.new_fields(1, [region]))
    assert case.fields.count() == 1


def test_the_same_slide_again_adds_nothing_and_more_fields_add_only_those(case: Case, slides: Path) -> None:
    path = slides / "p1" / "smear.svs"
    bring_in(case, path)
    again = bring_in(case, path).status(running=False)
    assert (again.added, again.duplicates, case.fields.count()) == (0, 6, 6)
    bring_in(case, path, options=SlideOptions(fields=None))
    assert case.slide_files.all()[0].wanted == EVERYTHING
    every = case.fields.count()
    assert every > 6
    assert len({field.part for field in case.fields.page()}) == every
    assert bring_in(case, path, options=SlideOptions(fields=None)).status(running=False).added == 0
    assert len(case.slides.all()) == 1


def test_another_slide_of_the_same_name_and_a_copy(case: Case, slides: Path, tmp_path: Path) -> None:
    bring_in(case, slides / "p1", slides / "p2")
    assert [slide.name for slide in case.slides.all()] == ["smear", "smear"]
    assert case.fields.count() == 12
    shutil.copy(slides / "p1" / "smear.svs", tmp_path / "copy.svs")
    assert bring_in(case, tmp_path / "copy.svs").status(running=False).added == 0
    assert len(case.slides.all()) == 2
    assert case.copies.all() == []


def test_several_slides_in_one_case(case: Case, slides: Path, tmp_path: Path) -> None:
    data = (slides / "p1" / "smear.svs").read_bytes()
    for number in range(4):
        (tmp_path / f"s{number}.svs").write_bytes(data + bytes([number]))
    bring_in(case, *sorted(tmp_path.glob("s*.svs")))
    assert [counts.total for counts in case.slides.counts().values()] == [6] * 4
    assert case.audit.verify() is None


def test_a_changed_slide_is_refused_and_its_fields_do_not_change(
    case: Case, slides: Path, tmp_path: Path
) -> None:
    path = tmp_path / "s.svs"
    shutil.copy(slides / "p1" / "smear.svs", path)
    bring_in(case, path)
    field = case.fields.page()[0]
    shutil.copy(slides / "p2" / "smear.svs", path)
    assert refusals(path, case=case) == {"s.svs": "changed-field"}
    with pytest.raises(StationError) as caught:
        read_field(field.path, sha256=field.sha256)
    assert caught.value.code == "changed-field"
    assert case.fields.count() == 6


def test_a_slide_that_moved_is_found_when_it_is_dropped_again(
    case: Case, slides: Path, tmp_path: Path
) -> None:
    path, moved = tmp_path / "s.svs", tmp_path / "archive" / "t.svs"
    shutil.copy(slides / "p1" / "smear.svs", path)
    bring_in(case, path)
    moved.parent.mkdir()
    path.rename(moved)
    assert len(case.files.missing()) == 6
    bring_in(case, moved)
    assert case.files.missing() == []
    assert {field.path.parent for field in case.fields.page()} == {moved}
    assert case.fields.count() == 6
    assert case.audit.verify() is None


def test_locate_finds_a_slide_by_its_fingerprint(case: Case, slides: Path, tmp_path: Path) -> None:
    path, moved = tmp_path / "s.svs", tmp_path / "deep" / "er" / "t.svs"
    shutil.copy(slides / "p1" / "smear.svs", path)
    bring_in(case, path)
    moved.parent.mkdir(parents=True)
    path.rename(moved)
    shutil.copy(slides / "p2" / "smear.svs", tmp_path / "deep" / "s.svs")
    report = case.files.locate_in(tmp_path / "deep")
    assert (len(report.found), report.missing) == (6, [])
    assert case.slide_files.all()[0].path == moved
    with pytest.raises(StationError) as caught:
        case.files.locate(report.found[0], tmp_path / "deep" / "s.svs")
    assert caught.value.code == "other-field"


def test_a_series_among_fields_is_one_slide(case: Case, slides: Path) -> None:
    bring_in(case, slides / "mixed")
    names = {slide.name: bool(slide.fingerprint) for slide in case.slides.all()}
    assert names["series"]
    assert sum(names.values()) == 1
    assert case.fields.count() == 2 + 6
    assert case.audit.verify() is None


def test_the_files_of_one_series_dropped_together_are_one_slide(case: Case, slides: Path) -> None:
    files = sorted((slides / "mixed" / "series").iterdir())
    assert len(files) > 1
    found = batches(files, threading.Event(), options=ImportOptions(slides=FIELDS))
    assert len([item for item in found if isinstance(item, NewSlide)]) == 1


def test_a_slide_in_a_watched_folder_is_seen_and_known_when_it_is_in_the_case(
    case: Case, slides: Path
) -> None:
    seen = scan_folder(slides / "p1")
    assert seen is not None
    assert seen.keys() == {"smear.svs"}
    bring_in(case, slides / "p1")
    assert case.files.in_folder(slides / "p1") == {"smear.svs": seen["smear.svs"].size}


def test_what_the_scanner_says_of_the_patient_is_read_when_asked_for_and_kept_nowhere(
    case: Case, tmp_path: Path
) -> None:
    person = Patient(patient_id="P-4711", name="Meier^Anna")
    write_slide(tmp_path / "s", seed=1, width=1024, height=768, format="dicom", patient=person)
    bring_in(case, tmp_path / "s")
    said = case.slide_files.metadata(1)
    assert (said.patient_id, "Meier" in said.patient_name) == ("P-4711", True)
    assert case.details() == {}
    case.connection.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = (case.folder / "case.sqlite").read_bytes()
    assert b"P-4711" not in kept
    assert b"Meier" not in kept


def test_what_is_no_slide_is_refused_in_a_sentence(slides: Path, tmp_path: Path) -> None:
    whole = (slides / "p1" / "smear.svs").read_bytes()
    (tmp_path / "cut.svs").write_bytes(whole[: len(whole) // 3])
    (tmp_path / "text.ndpi").write_text("no slide")
    (tmp_path / "empty.mrxs").write_bytes(b"")
    assert refusals(tmp_path).keys() == {"cut.svs", "text.ndpi", "empty.mrxs"}


def test_every_page_of_a_file_can_be_a_field(case: Case, tmp_path: Path) -> None:
    write_demo(tmp_path / "demo", fields=3)
    pages = [Image.open(path) for path in sorted((tmp_path / "demo").rglob("*.jpg"))]
    pages[1] = pages[1].crop((0, 0, 320, 240))
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    bring_in(case, tmp_path / "stack.tif")
    assert [field.part for field in case.fields.page()] == [None], "as ever, the first page is the field"
    case.fields.remove([1])
    bring_in(case, tmp_path / "stack.tif", options=SlideOptions(pages=True))
    fields = case.fields.page()
    assert [field.part for field in fields] == [Frame(number=1), Frame(number=2), Frame(number=3)]
    assert case.slide_files.all()[0].wanted == PAGES
    assert (fields[1].width, fields[1].height) == (320, 240)


def test_where_pages_are_wanted_a_slide_gives_its_proposed_fields(case: Case, slides: Path) -> None:
    """Its further pages are levels, label and overview."""
    whole = slides / "p1" / "smear.svs"
    bring_in(case, whole, options=SlideOptions(fields=3, pages=True))
    assert [type(field.part) for field in case.fields.page()] == [Region] * 3


def big(case: Case, folder: Path, count: int) -> int:
    """Keep a plan of many fields of a slide whose file is never read."""
    path = folder / "big.svs"
    path.write_text("not read")
    side = 60_000
    info = SlideInfo(
        format="TIFF", vendor="generic", width=side, height=side, levels=(Level(side, side, 1.0),)
    )
    identity = SlideIdentity(fingerprint=fingerprint(path), bytes=8, mtime_ns=1)
    parts = [
        Region(level=0, x=300 * (n % 200), y=225 * (n // 200), width=300, height=225) for n in range(count)
    ]
    file = case.slide_files.add("big", path, identity, info)
    case.slide_files.set_plan(file.slide_id, EVERYTHING, parts)
    return file.slide_id


def run(
    case: Case, until: Callable[[], bool], *, paths: tuple[Path, ...] = (), batch: int = 64
) -> list[events.Event]:
    """Run the loop over a case, without a model, until something is so."""
    woken, told = threading.Event(), []
    with ThreadPoolExecutor(1) as background:
        processor = CaseProcessor(
            case,
            told.append,
            wake=woken.set,
            executor=lambda _bundle: pytest.fail("no model is used"),
            background=background,
            imports=ImportOptions(slides=FIELDS, batch=batch),
        )
        processor.add_paths(paths)
        end = time.monotonic() + LONG
        while not until() and time.monotonic() < end:
            woken.wait(0.05)
            woken.clear()
            processor.process()
        processor.stop()
    assert until()
    return told


def test_after_a_death_the_rest_of_the_plan_is_added_once(tmp_path: Path) -> None:
    case = Case.create(tmp_path / "c.allcase")
    slide = big(case, tmp_path, 1000)
    run(case, lambda: case.fields.count() >= 300)
    end_as_killed(case)
    with Case.open(tmp_path / "c.allcase") as again:
        before = again.fields.count()
        assert 300 <= before < 1000
        assert again.slide_files.of(slide).added == before
        again.fields.remove([1, 2])
        run(again, lambda: again.slide_files.of(slide).is_complete)
        assert again.fields.count() == 998, "what a person removed does not come back"
        assert again.queue.counts()[FieldState.QUEUED] == 998
        assert again.audit.verify() is None


def test_twenty_thousand_fields_come_in_without_being_read(tmp_path: Path, monkeypatch) -> None:
    def unexpected(*_args: object, **_kwargs: object) -> None:
        pytest.fail("a field was read or hashed")

    monkeypatch.setattr("allstation.imaging.fields.file.read_field", unexpected)
    monkeypatch.setattr("allstation.store.field_files.hash_file", unexpected)
    with Case.create(tmp_path / "c.allcase") as case:
        slide = big(case, tmp_path, 20_000)
        run(case, lambda: case.slide_files.of(slide).is_complete, batch=1000)
        assert case.fields.count() == 20_000
        assert len(case.slide_files.fields(slide)) == 20_000


def test_the_whole_file_is_hashed_in_the_background_and_goes_on_after_a_death(
    slides: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slide_hashing, "PIECE", 100_000)
    path = slides / "p1" / "smear.svs"
    data = path.read_bytes()
    pieces = [hashlib.sha256(data[at : at + 100_000]).digest() for at in range(0, len(data), 100_000)]
    case = Case.create(tmp_path / "c.allcase")
    bring_in(case, path)
    case.slide_files.add_piece(1, 0, pieces[0])
    end_as_killed(case)
    with Case.open(tmp_path / "c.allcase") as again:
        told = run(again, lambda: not again.slide_files.unhashed())
        assert again.slide_files.of(1).full_hash == hashlib.sha256(b"".join(pieces)).hexdigest()
        assert again.slide_files.of(1).pieces == len(pieces)
        assert events.SlideFileChanged(1) in told
        assert [entry.action for entry in again.audit.entries()].count("slide-hashed") == 1
        assert again.audit.verify() is None


def test_a_file_that_is_another_one_now_gets_no_hash(slides: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.svs"
    shutil.copy(slides / "p1" / "smear.svs", path)
    with Case.create(tmp_path / "c.allcase") as case:
        bring_in(case, path)
        case.slide_files.add_piece(1, 0, bytes(32))
        path.write_bytes(path.read_bytes() + b"more")
        run(case, lambda: case.slide_files.of(1).pieces == 0)
        assert not case.slide_files.of(1).full_hash


def test_the_window_s_loop_tells_of_a_slide_and_adds_its_fields(case: Case, slides: Path) -> None:
    told = run(case, lambda: case.fields.count() == 6, paths=(slides / "p1",))
    assert events.SlideFileChanged(1) in told
    looked = [one.status.looking for one in told if isinstance(one, events.ImportProgressed)]
    assert "smear.svs" in looked


def test_closing_while_a_slide_is_looked_through_gives_up_at_once_and_quietly(
    case: Case, tmp_path: Path, with_finder: None, caplog: pytest.LogCaptureFixture
) -> None:
    write_slide(tmp_path / "s.svs", seed=1, width=2000, height=1400, format="svs", pixel_um=0.5)
    posted: list[object] = []
    begun = threading.Event()

    def post(item: object) -> None:
        posted.append(item)
        begun.set()

    importer = Importer(post, options=ImportOptions(slides=FIELDS), known=case.slide_files)
    importer.add([tmp_path / "s.svs"])
    assert begun.wait(LONG)
    importer.stop()
    assert isinstance(posted[0], SlideSearch)
    assert not any(isinstance(item, ImportBatch | NewSlide) for item in posted)
    assert not caplog.records


def test_patients_come_from_the_name_of_a_slide_s_file_or_a_table(
    case: Case, slides: Path, tmp_path: Path
) -> None:
    for name in ("P12_a", "P13_b"):
        shutil.copy(slides / f"p{1 + (name > 'P13')}" / "smear.svs", tmp_path / f"{name}.svs")
    bring_in(case, *sorted(tmp_path.glob("P*.svs")))
    assert propose_patients(case, parse_patients("P{patient}_*")).patients == {1: "12", 2: "13"}
    table = tmp_path / "patients.csv"
    table.write_text("file,patient\nP12_a.svs,anna\nP13_b.svs,bert\n")
    found = propose_patients(case, parse_patients(str(table)))
    assert (found.patients, found.unused) == ({1: "anna", 2: "bert"}, 0)
