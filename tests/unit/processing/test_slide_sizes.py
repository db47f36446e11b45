"""Pixel sizes as they are typed on the command line: which slides they mean, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.processing.slide_sizes import CODE, parse_slide_sizes, set_slide_sizes
from allstation.store.case import Case

FOLDERS = ("one/A", "two/A", "one/B=b")


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with Case.create(tmp_path / "a.allcase", remembered=False) as made:
        for folder in FOLDERS:
            made.slides.add(folder, Path("/smears") / folder)
        yield made


def given(case: Case, *texts: str) -> dict[str, list[tuple[float, tuple[int, int] | None]]]:
    """Return size and frame by the name of the slide that gets them."""
    names = {slide.id: slide.name for slide in case.slides.all()}
    found = set_slide_sizes(case, parse_slide_sizes(texts)).slides
    assert case.slide_sizes.all() == found
    return {names[one.slide_id]: [(size.size, size.frame) for size in one.sizes] for one in found}


def test_folders_mean_the_slides_in_them(case: Case) -> None:
    assert given(case, "one=0.2", "two/A=100 nm") == {
        "one/A": [(0.2, None)],
        "one/B=b": [(0.2, None)],
        "two/A": [(0.1, None)],
    }


def test_a_name_may_have_an_equals_sign_and_a_size_a_frame(case: Case) -> None:
    assert given(case, "B=b=0,2 at 640x480; 0.1 at 1024x768") == {
        "one/B=b": [(0.2, (640, 480)), (0.1, (1024, 768))]
    }


def test_a_table_gives_frames_in_several_rows(case: Case, tmp_path: Path) -> None:
    table = tmp_path / "sizes.csv"
    table.write_text("folder,pixel_size\none/A,0.1 at 640x480\none/A,0.2\nthree,0.3\n", "utf-8")
    assert given(case, str(table)) == {"one/A": [(0.1, (640, 480)), (0.2, None)]}
    assert set_slide_sizes(case, parse_slide_sizes([str(table)])).unused == 1


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["A=0.1"], "'A' can mean several slides of this case"),
        (["A"], "'A' is neither FOLDER=UM"),
        (["=0.1"], "neither FOLDER=UM"),
        (["two=wide"], "neither FOLDER=UM"),
        (["two=0.1", "two/A=0.2"], "gives the slide two/A two pixel sizes: 0.1 µm and 0.2 µm"),
        (["TABLE"], "Line 2 of the table sizes.csv has the pixel size '-1'"),
    ],
)
def test_what_is_not_clear_is_refused_and_nothing_is_kept(
    case: Case, tmp_path: Path, texts: list[str], words: str
) -> None:
    table = tmp_path / "sizes.csv"
    table.write_text("slide,pixel_size\ntwo/A,-1\n", "utf-8")
    with pytest.raises(StationError) as problem:
        given(case, *(str(table) if text == "TABLE" else text for text in texts))
    assert problem.value.code == CODE
    assert words in problem.value.sentence
    assert case.slide_sizes.all() == ()
