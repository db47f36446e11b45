"""Slides through OpenSlide, against OpenSlide in this process."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import numpy as np
import openslide
import pytest

from allstation.core.errors import StationError
from allstation.core.slide_part import Frame, Region, part_path, slide_field_sha256
from allstation.imaging.fields.file import read_field
from allstation.imaging.readers import find_slides, is_slide, looks_like_slide, open_slide
from allstation.imaging.slides.identity import fingerprint
from allstation.imaging.slides.pool import slide_pool
from tests.makers import child_processes, end_from_outside

from .slides import write_pyramid, write_svs


@pytest.fixture(scope="module")
def svs(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("slides") / "patient.svs"
    write_svs(path)
    return path


@pytest.fixture(scope="module")
def reader(svs):
    with open_slide(svs) as opened:
        yield opened


@pytest.fixture(scope="module", autouse=True)
def closed_pool():
    yield
    slide_pool().close()


def own_pixels(path: Path, region: Region) -> np.ndarray:
    """Return what OpenSlide gives in this process, over white."""
    with openslide.OpenSlide(path) as slide:
        image = slide.read_region((region.x, region.y), region.level, (region.width, region.height))
    rgba = np.asarray(image).astype(int)
    alpha = rgba[..., 3:]
    return ((rgba[..., :3] * alpha + (255 - alpha) * 255 + 127) // 255).astype(np.uint8)


def some_regions(info, count: int, *, seed: int = 1, own_levels: int = 0) -> list[Region]:
    """Return regions that lie inside the slide, on all levels of its file."""
    rng = random.Random(seed)
    regions = []
    for _ in range(count):
        level = rng.randrange(own_levels or len(info.levels))
        at = info.levels[level]
        width, height = rng.randrange(16, min(300, at.width)), rng.randrange(16, min(300, at.height))
        x = int(rng.randrange(at.width - width + 1) * at.downsample)
        y = int(rng.randrange(at.height - height + 1) * at.downsample)
        regions.append(Region(level=level, x=x, y=y, width=width, height=height))
    return regions


def test_facts_of_a_slide(reader):
    info = reader.info
    assert (info.format, info.vendor, info.width, info.height) == ("Aperio SVS", "aperio", 1600, 1200)
    assert [(level.width, level.height, level.downsample) for level in info.levels] == [
        (1600, 1200, 1.0),
        (400, 300, 4.0),
        (100, 75, 16.0),
    ]
    assert (info.pixel_um, info.objective, info.frames) == (0.25, 40.0, 1)
    assert info.associated == ("label", "macro", "thumbnail")
    said = info.metadata
    assert (said.scanner, said.scanned_at, said.barcode) == ("SS1302", "2009-12-29T09:59:15", "B-0815")


def test_regions_are_openslides_own_pixels(svs, reader):
    for region in some_regions(reader.info, 40):
        got = reader.read(region)
        assert got.shape == (region.height, region.width, 3)
        assert np.array_equal(got, own_pixels(svs, region)), region


def test_regions_show_what_was_written(tmp_path):
    path = tmp_path / "pyramid.tiff"
    rgb = write_pyramid(path)
    with open_slide(path) as opened:
        assert opened.info.pixel_um == pytest.approx(0.25)
        got = opened.read(Region(level=0, x=301, y=205, width=280, height=260))
        assert np.array_equal(got, rgb[205:465, 301:581])
        low = opened.read(Region(level=2, x=0, y=0, width=400, height=300))
        assert np.array_equal(low, rgb[::4, ::4])


def test_beyond_the_edge_is_white_and_outside_is_refused(reader):
    got = reader.read(Region(level=0, x=1500, y=1100, width=200, height=200))
    assert (got[100:] == 255).all()
    assert (got[:, 100:] == 255).all()
    assert got[:100, :100].std() > 10
    with pytest.raises(StationError, match=r"has nothing at x 1,600, y 0") as refused:
        reader.read(Region(level=0, x=1600, y=0, width=20, height=20))
    assert refused.value.code == "no-such-part"


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (Region(level=3, x=0, y=0, width=20, height=20), "no-such-part"),
        (Region(level=0, x=0, y=0, width=20_000, height=20_000), "too-large"),
        (Frame(number=1), "no-such-part"),
        (Frame(number=2), "no-such-part"),
    ],
)
def test_parts_that_are_not_there_are_one_sentence(reader, part, code):
    with pytest.raises(StationError, match=r"^The slide patient\.svs .+\.$") as refused:
        reader.read(part)
    assert refused.value.code == code


def test_pictures_beside_the_pyramid(svs, reader):
    with openslide.OpenSlide(svs) as slide:
        for name in reader.info.associated:
            own = np.asarray(slide.associated_images[name].convert("RGB"))
            assert np.array_equal(reader.associated(name), own), name
    with pytest.raises(StationError, match="has no map picture"):
        reader.associated("map")


def test_threads_share_a_slide(svs, reader):
    regions = some_regions(reader.info, 24, seed=5)
    wrong: list[Region] = []

    def work(mine: list[Region]) -> None:
        wrong.extend(region for region in mine if not np.array_equal(reader.read(region), expected[region]))

    expected = {region: own_pixels(svs, region) for region in regions}
    threads = [threading.Thread(target=work, args=(regions[number::4] * 3,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_reader_whose_child_was_ended_goes_on(svs):
    region = Region(level=0, x=10, y=10, width=50, height=50)
    others = child_processes()
    with open_slide(svs) as reader:
        before = reader.read(region)
        (child,) = child_processes() - others
        end_from_outside(child)
        assert np.array_equal(reader.read(region), before)


def test_a_part_is_a_field(svs):
    part = Region(level=1, x=400, y=320, width=160, height=120)
    path = part_path(svs, part)
    field = read_field(path)
    assert np.array_equal(field.pixels, own_pixels(svs, part))
    assert field.pixel_size == 1.0
    assert (field.header.width, field.header.height, field.header.frames) == (160, 120, 1)
    assert field.sha256 == slide_field_sha256(fingerprint(svs), part)
    assert read_field(path, sha256=field.sha256).sha256 == field.sha256
    assert field.reduced((24, 32)).shape == (24, 32, 3)
    assert field.shrunk((10, 10)).shape == (30, 40, 3)
    written = type(field).__mro__[1](Path("a.png"), field.content)
    assert np.array_equal(written.pixels, field.pixels)


def test_a_part_of_another_file_is_refused(svs, tmp_path):
    part = Region(level=0, x=0, y=0, width=64, height=64)
    copy = tmp_path / "copy.svs"
    copy.write_bytes(svs.read_bytes())
    before = read_field(part_path(copy, part))
    assert read_field(part_path(svs, part)).sha256 == before.sha256
    write_svs(copy, width=1400)
    with pytest.raises(StationError, match="is not the one that was added") as refused:
        read_field(part_path(copy, part), sha256=before.sha256)
    assert refused.value.code == "changed-field"
    copy.unlink()
    with pytest.raises(StationError, match="is not there any more") as gone:
        read_field(part_path(copy, part), sha256=before.sha256)
    assert gone.value.code == "not-found"


def test_slides_are_told_from_fields(svs, tmp_path):
    import tifffile

    pyramid, plain, notes = tmp_path / "a.tif", tmp_path / "b.tif", tmp_path / "c.svs"
    write_pyramid(pyramid, width=600, height=500)
    tifffile.imwrite(plain, np.zeros((64, 80, 3), np.uint8))
    notes.write_text("none")
    assert [is_slide(path) for path in (svs, pyramid, plain, notes, tmp_path)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert [looks_like_slide(path) for path in (pyramid, plain, notes)] == [True, False, True]
    assert [found.path for found in find_slides([tmp_path, svs])] == [pyramid, notes, svs]


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["CMU-1-Small-Region.svs", "tcga-ts1.svs", "boxes.tiff", "boxes_0.dcm"])
def test_real_slides_are_openslides_own_pixels(real_data, name):
    path = real_data / "slides" / name
    with openslide.OpenSlide(path) as slide:
        own_levels = slide.level_count
    with open_slide(path) as opened:
        for region in some_regions(opened.info, 8, own_levels=own_levels) if opened.info.width > 300 else ():
            assert np.array_equal(opened.read(region), own_pixels(path, region)), region
        width, height = min(opened.info.width, 500), min(opened.info.height, 400)
        whole = Region(level=0, x=0, y=0, width=width, height=height)
        assert np.array_equal(opened.read(whole), own_pixels(path, whole))
