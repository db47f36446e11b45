"""Names of the parts of a slide."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from allstation.core.slide_part import (
    Frame,
    Region,
    SlidePart,
    parse_part,
    part_label,
    part_path,
    slide_field_sha256,
    split_part,
)

REGION = Region(level=0, x=1200, y=3400, width=300, height=300)


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (REGION, "x1200-y3400-300x300-level0.region"),
        (Region(level=3, x=0, y=99_999, width=16, height=65_500), "x0-y99999-16x65500-level3.region"),
        (Frame(number=3), "page3.region"),
        (Frame(number=1000), "page1000.region"),
    ],
)
def test_a_part_is_found_again_by_its_name(part: SlidePart, name: str) -> None:
    assert part.name == name
    assert parse_part(name) == part


@pytest.mark.parametrize(
    "name",
    [
        "", ".region", "page0.region", "page03.region", "page.region", "page-1.region", "Page3.region",
        "page3.region ", "page3.region\n", "page3.REGION", "page٣.region", "page1234567890.region",
        "x1200-y3400-300x300-level0", "x1200-y3400-0x300-level0.region", "x01-y3400-300x300-level0.region",
        "x-1-y3400-300x300-level0.region", "x1-y2-3x4-level5.region.jpg", "ax1-y2-3x4-level5.region",
        "x1-y2-3x4-level.region", "x1 -y2-3x4-level0.region", "x1.5-y2-3x4-level0.region",
    ],
)  # fmt: skip
def test_any_other_name_is_no_part(name: str) -> None:
    assert parse_part(name) is None
    assert split_part(Path("/data") / name) is None
    assert part_label(name) == name


def test_the_file_of_the_slide_is_the_folder_of_its_parts() -> None:
    file = Path("/data/patient.svs")
    path = part_path(file, REGION)
    assert path == Path("/data/patient.svs/x1200-y3400-300x300-level0.region")
    assert split_part(path) == (file, REGION)
    assert split_part(file) is None


def test_labels_are_short() -> None:
    assert part_label(REGION.name) == "x 1,200 · y 3,400"
    assert part_label("x1200-y3400-300x300-level2.region") == "x 1,200 · y 3,400 · level 2"
    assert part_label("page12.region") == "page 12"
    assert part_label("field_7.jpg") == "field_7.jpg"


def test_a_part_has_a_hash_of_its_own() -> None:
    print_of_file = "ab" * 32
    expected = hashlib.sha256(f"{print_of_file}/x1200-y3400-300x300-level0.region".encode()).hexdigest()
    assert slide_field_sha256(print_of_file, REGION) == expected
    others = {slide_field_sha256("cd" * 32, REGION), slide_field_sha256(print_of_file, Frame(number=1))}
    assert len(others | {expected}) == 3
