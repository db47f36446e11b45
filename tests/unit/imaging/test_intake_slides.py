"""Slides among dropped files and folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from allstation.core.slide_file import part_field
from allstation.core.slide_part import Frame, Region, part_path
from allstation.imaging.formats.foreign import PassedOver
from allstation.imaging.intake import FieldPath, Refused, SlidePath, find_fields, new_field
from allstation.imaging.readers import open_slide
from allstation.imaging.slides.identity import fingerprint

from .readers.dicom_files import MICROSCOPIC, image
from .readers.dicom_files import write_slide as write_dicom_slide
from .readers.slides import picture, write_svs


@pytest.fixture
def folder(tmp_path) -> Path:
    """Return a folder with two slides in three kinds of files, and three fields."""
    made = tmp_path / "dropped"
    made.mkdir()
    write_svs(made / "b.svs", width=600, height=500, levels=2)
    write_dicom_slide(made / "series", picture(200, 150), how="jpeg")
    image([picture(90, 80)], "jpeg", sop_class=MICROSCOPIC).save_as(
        made / "series" / "single.dcm", enforce_file_format=True
    )
    tifffile.imwrite(made / "a.tif", np.stack([picture(90, 80), picture(90, 80, seed=2)]), photometric="rgb")
    (made / "notes.txt").write_text("none")
    return made


def test_slides_and_fields_are_told_apart(folder):
    found = list(find_fields([folder], slides=True))
    assert [(type(one).__name__, one.path.relative_to(folder).as_posix()) for one in found] == [
        ("FieldPath", "a.tif"),
        ("SlidePath", "b.svs"),
        ("SlidePath", "series/label.dcm"),
        ("FieldPath", "series/single.dcm"),
    ]
    series = found[2]
    assert isinstance(series, SlidePath)
    assert len(series.files) == 4


def test_a_slide_whose_files_are_dropped_one_by_one_is_given_once(folder):
    files = sorted((folder / "series").glob("level*.dcm"))
    found = list(find_fields([*files, folder / "b.svs", folder / "b.svs"], slides=True))
    assert [one.path.name for one in found] == ["level0.dcm", "b.svs"]


def test_without_slides_nothing_changes(folder):
    passed = PassedOver()
    found = list(find_fields([folder], passed=passed))
    assert not any(isinstance(one, SlidePath) for one in found)
    assert passed.counts["whole-slide or microscope image"] == 1


def test_the_files_of_a_several_file_slide_are_no_fields(tmp_path):
    for name in ("x.jpg", "map.jpg", "own.jpg"):
        (tmp_path / name).write_bytes(b"\xff\xd8\xff")
    (tmp_path / "z.vms").write_text(
        "[Virtual Microscope Specimen]\nNoLayers=1\nImageFile=x.jpg\nMapFile=map.jpg\n"
    )
    found = list(find_fields([tmp_path], slides=True))
    assert [(type(one), one.path.name) for one in found] == [(FieldPath, "own.jpg"), (SlidePath, "z.vms")]


def test_every_page_is_a_field_when_asked(folder):
    path = folder / "a.tif"
    found = [one for one in find_fields([path], pages=True) if not isinstance(one, Refused)]
    assert [one.path for one in found] == [part_path(path, Frame(number=1)), part_path(path, Frame(number=2))]
    assert {one.folder for one in found if isinstance(one, FieldPath)} == {path}
    pages = [new_field(one.path) for one in found]
    assert [(page.width, page.height, page.pages) for page in pages] == [(90, 80, 1)] * 2
    single = list(find_fields([folder / "series" / "single.dcm"], pages=True))
    assert [one.path.name for one in single] == ["single.dcm"]


def test_new_fields_of_a_slide_are_what_reading_them_gives(folder):
    path = folder / "b.svs"
    regions = [Region(level=0, x=10 * number, y=7, width=100, height=75) for number in range(3)]
    with open_slide(path) as reader:
        made = [part_field(path, fingerprint(path), reader.info, region) for region in regions]
    assert made == [new_field(part_path(path, region)) for region in regions]
