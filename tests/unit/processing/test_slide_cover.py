"""Proposed fields lie beside those that the case holds; a slide smaller than a field is one, or refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import tifffile

from allstation.core.errors import StationError
from allstation.core.slide_info import Level, SlideInfo
from allstation.core.slide_part import Frame, Region
from allstation.imaging.fields.file import read_field
from allstation.imaging.slides.squares import FieldSize, blocks_of, make_grid
from allstation.processing.import_progress import ImportProgress
from allstation.processing.importer import ImportOptions, batches
from allstation.processing.slide_cover import SlideCover, apart_from
from allstation.processing.slide_fields import whole_of_small
from allstation.processing.slide_import import NewSlide, SlideOptions, identify
from allstation.processing.status_types import ImportStatus
from allstation.store.case import Case
from tests.unit.imaging.readers.slides import picture


def info(width: int, height: int, pixel_um: float | None = 0.25, *, averaged: int = 0) -> SlideInfo:
    levels = tuple(Level(width // 4**n, height // 4**n, 4.0**n) for n in range(4))
    return SlideInfo(
        format="x",
        vendor="x",
        width=width,
        height=height,
        levels=levels,
        pixel_um=pixel_um,
        averaged=averaged,
    )


def at(x: int, y: int, side: int = 100, level: int = 0) -> Region:
    return Region(level=level, x=x, y=y, width=side, height=side)


def test_the_covered_share_of_a_place() -> None:
    cover = SlideCover(info(1600, 1600), [at(0, 0), at(400, 400, level=1), Frame(number=1)])
    assert cover.share(at(100, 0)) == 0.0, "beside one"
    assert cover.share(at(50, 50)) == pytest.approx(0.25)
    assert cover.share(at(350, 600)) == pytest.approx(0.5), "400 pixels of level 0 wide"
    assert SlideCover(info(1600, 1600), []).share(at(0, 0)) == 0.0


def test_what_lies_over_fields_of_the_case_is_left_out_and_the_same_place_is_not() -> None:
    parts = [at(0, 0), at(95, 200), at(50, 50), at(1000, 0)]
    assert apart_from(info(1600, 1600), [at(0, 0), at(0, 200)], parts) == [at(0, 0), at(95, 200), at(1000, 0)]


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with Case.create(tmp_path / "c.allcase") as case:
        yield case


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    path = tmp_path / "s.svs"
    tifffile.imwrite(path, picture(900, 700), tile=(256, 256), photometric="rgb", compression="zlib")
    return path


def bring_in(case: Case, path: Path, count: int | None) -> ImportStatus:
    progress = ImportProgress()
    options = ImportOptions(slides=SlideOptions(fields=count), batch=4)
    for item in batches([path], threading.Event(), options=options, known=case.slide_files):
        if isinstance(item, NewSlide):
            progress.add_slide(case, item)
        else:
            progress.add(case, item)
    return progress.status(running=False)


def hold(case: Case, path: Path, *places: tuple[int, int]) -> None:
    """Give the case a slide whose proposed fields lie at these places."""
    file = case.slide_files.add("s", path, identify(path), info(900, 700))
    parts = [at(x, y) for x, y in places]
    case.slide_files.set_plan(file.slide_id, str(len(parts)), parts)
    case.fields.add(file.slide_id, case.slide_files.new_fields(file.slide_id, parts))
    case.slide_files.advance(file.slide_id, len(parts))


def propose(monkeypatch: pytest.MonkeyPatch, *places: tuple[int, int]) -> None:
    parts = tuple(at(x, y) for x, y in places)
    monkeypatch.setattr(
        "allstation.processing.slide_import.propose",
        lambda _reader, count, _told, **_: (parts[:count], "Said."),
    )


def places(case: Case) -> list[tuple[int, int]]:
    return [(part.x, part.y) for part in case.slide_files.parts(1)]


def test_all_fields_after_proposed_ones_lie_beside_them(
    case: Case, slide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(case, slide, (30, 30), (330, 30))
    propose(monkeypatch, (0, 0), (100, 0), (200, 0), (300, 0), (400, 0))
    status = bring_in(case, slide, None)
    assert places(case) == [(30, 30), (330, 30), (200, 0)]
    assert status.notes[0].sentence == (
        "Said. 4 proposed fields lie over fields that the case has and were left out, so that no cell counts "
        "twice."
    )
    plan = case.slide_files.plan(1)
    assert [(part.x, part.y) for part in plan.parts] == [(30, 30), (330, 30), (200, 0)]
    assert case.slide_files.of(1).is_complete


def test_another_number_counts_the_fields_that_the_case_has(
    case: Case, slide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(case, slide, (0, 0), (100, 0))
    propose(monkeypatch, (0, 50), (300, 0), (400, 0), (500, 0))
    assert bring_in(case, slide, 4).added == 2
    assert places(case) == [(0, 0), (100, 0), (300, 0), (400, 0)]


@pytest.mark.parametrize("count", [None, 9])
def test_it_is_said_where_the_case_has_every_proposed_field(
    case: Case, slide: Path, monkeypatch: pytest.MonkeyPatch, count: int | None
) -> None:
    hold(case, slide, (0, 0), (100, 0))
    propose(monkeypatch, (0, 0), (100, 0))
    status = bring_in(case, slide, count)
    assert status.added == 0
    assert status.notes[0].sentence == "Said. No field was added: the case has them all."


def test_a_place_beside_which_a_field_was_moved_does_not_come_back(case: Case, slide: Path) -> None:
    hold(case, slide, (0, 0), (300, 0))
    case.fields.add(1, case.slide_files.new_fields(1, [at(20, 20)]))
    case.fields.remove([1, 2])
    assert bring_in(case, slide, 2).added == 1
    assert places(case) == [(300, 0), (20, 20)]


def test_a_slide_no_larger_than_a_field_is_taken_whole(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "small.svs"
    rgb = picture(300, 200)
    tifffile.imwrite(path, rgb, tile=(64, 64), photometric="rgb", compression="zlib")
    assert "taken whole" in bring_in(case, path, 200).notes[0].sentence
    (field,) = case.fields.page()
    assert (read_field(field.path, sha256=field.sha256).pixels == rgb).all()


@pytest.mark.parametrize(("width", "height"), [(16, 15), (9000, 17)])
def test_a_slide_too_small_for_a_field_is_refused(width: int, height: int) -> None:
    with pytest.raises(StationError, match=f"{width:,} x {height} pixels large; .* at least 16") as refused:
        whole_of_small(Path("s.dcm"), info(width, height), least=16)
    assert refused.value.code == "too-small"
    assert whole_of_small(Path("s.dcm"), info(9000, 18), least=16) is None
    assert whole_of_small(Path("s.dcm"), info(16, 16), least=16) is not None


def test_a_level_that_the_file_lacks_is_read_in_small_blocks() -> None:
    side = 60_000
    counts = {}
    for averaged in (0, 3):
        found = info(side, side, averaged=averaged)
        grid = make_grid(found, 0.25, FieldSize())
        blocks = list(blocks_of(found, grid, 2))
        assert sum(block.rows * block.columns for block in blocks) == grid.rows * grid.columns
        areas = [block.rows * grid.height * block.columns * grid.width for block in blocks]
        counts[averaged] = (len(blocks), max(areas) <= 1 << 28)
    assert counts[0] == (1, False)
    assert counts[3][0] > 10
    assert counts[3][1]
