"""Fields are proposed by the pixel size that counts: of slide, case, file, site, then what is assumed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from allstation.core.known_sizes import SlideSizes
from allstation.core.site import PixelSize, ScaleSource
from allstation.imaging.synthetic.slide import write_slide
from allstation.processing.import_progress import ImportProgress
from allstation.processing.importer import ImportOptions, batches
from allstation.processing.slide_import import NewSlide, SlideOptions
from allstation.store.case import Case


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with Case.create(tmp_path / "c.allcase") as case:
        yield case


def bring_in(case: Case, path: Path, count: int | None) -> str:
    """Import a slide; return what was noted of it."""
    progress = ImportProgress()
    options = ImportOptions(slides=SlideOptions(fields=count, hashed=False))
    for item in batches([path], threading.Event(), options=options, known=case.slide_files):
        if isinstance(item, NewSlide):
            progress.add_slide(case, item)
        else:
            progress.add(case, item)
    return " ".join(note.sentence for note in progress.status(running=False).notes)


def widths(case: Case) -> list[int]:
    return [field.width for field in case.fields.page()]


@pytest.mark.parametrize(("count", "states"), [(3, True), (3, False), (None, True)])
def test_the_case_goes_before_the_file_where_nothing_is_said_of_the_slide(
    case: Case, tmp_path: Path, count: int | None, states: bool
) -> None:
    path = tmp_path / "s.svs"
    write_slide(path, seed=1, width=3000, height=2200, format="svs", pixel_um=0.5, states_scale=states)
    case.set_details({"pixel_size": "0.55 µm"})
    note = bring_in(case, path, count)
    assert set(widths(case)) == {204}
    assert "A pixel is 0.55 µm wide, as the case says." in note


def test_the_slide_goes_before_the_case_and_a_size_of_other_frames_says_nothing(
    case: Case, tmp_path: Path
) -> None:
    path = tmp_path / "s.svs"
    write_slide(path, seed=1, width=4000, height=2800, format="svs", pixel_um=0.5)
    case.set_details({"pixel_size": "0.2 µm at 640x480"})
    assert "A pixel is" not in bring_in(case, path, 3)
    before = widths(case)
    case.set_details({"pixel_size": "0.6 µm"})
    case.slide_sizes.set(SlideSizes(1, (PixelSize(size=0.55, source=ScaleSource.TYPED),)))
    note = bring_in(case, path, 8)
    after = widths(case)
    assert set(before) == {224}
    assert set(after) == {224, 204}
    assert after.count(224) == len(before)
    assert "as the slide says" in note
    assert "Fields that were proposed before keep their" in note
