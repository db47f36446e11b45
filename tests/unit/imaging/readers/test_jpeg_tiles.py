"""JPEG tiles put together without OpenSlide: the same pixels, and OpenSlide itself wherever they are not."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from allstation.core.limits import DecodeLimits
from allstation.core.slide_part import Region
from allstation.imaging.readers.by_openslide import OpenSlideBackend
from allstation.imaging.readers.jpeg_tiles import JpegTiles
from allstation.imaging.synthetic.slide import write_slide

LIMITS = DecodeLimits()


class Counted:
    """OpenSlide's backend that counts the rectangles it is asked for."""

    def __init__(self, path) -> None:
        self._own = OpenSlideBackend(path)
        self.asked = 0

    def __getattr__(self, name):
        return getattr(self._own, name)

    def region(self, region):
        self.asked += 1
        return self._own.region(region)


@pytest.fixture(scope="module", params=["svs", "tiff", "dicom"])
def path(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("slides") / f"a.{request.param}"
    write_slide(path, seed=3, width=1900, height=1300, format=request.param)
    return path / "level-0.dcm" if request.param == "dicom" else path


def regions(info):
    rng = np.random.default_rng(4)
    for number, level in enumerate(info.levels):
        for _ in range(12):
            width, height = (int(one) for one in rng.integers(1, 300, 2))
            x, y = (int(one) for one in rng.integers(-40, 1900, 2))
            yield Region(level=number, x=x, y=y, width=width, height=height)
        step = int(level.downsample)
        yield Region(level=number, x=40 * step, y=20 * step, width=150, height=100)


def test_every_rectangle_has_openslides_own_pixels(path):
    counted = Counted(path)
    fast, own = JpegTiles(counted, path, LIMITS), OpenSlideBackend(path)
    count = 0
    for region in regions(own.info):
        assert np.array_equal(fast.region(region), own.region(region)), region
        count += 1
    if path.suffix == ".dcm":
        assert counted.asked == count
    else:
        assert counted.asked < 0.9 * count
    fast.close()


def test_what_is_not_whole_or_not_plain_is_left_to_openslide(path):
    if path.suffix == ".dcm":
        pytest.skip("one grid of tiles in a TIFF only")
    counted = Counted(path)
    fast = JpegTiles(counted, path, LIMITS)
    fast.region(Region(level=0, x=-5, y=10, width=50, height=50))
    fast.region(Region(level=0, x=1850, y=10, width=100, height=50))
    fast.region(Region(level=1, x=1, y=10, width=50, height=50))
    assert counted.asked == 3
    fast.region(Region(level=0, x=301, y=77, width=500, height=400))
    assert counted.asked == 3
    fast.close()


def test_a_damaged_tile_gets_openslides_verdict(path, tmp_path):
    if path.suffix == ".dcm":
        pytest.skip("one grid of tiles in a TIFF only")
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        start, length = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    data[start : start + length] = bytes(length)
    broken = tmp_path / path.name
    broken.write_bytes(data)
    fast, own = JpegTiles(OpenSlideBackend(broken), broken, LIMITS), OpenSlideBackend(broken)
    region = Region(level=0, x=10, y=10, width=100, height=100)
    verdicts = []
    for backend in (fast, own):
        try:
            verdicts.append(backend.region(region).tobytes())
        except Exception as error:
            verdicts.append(repr(error))
    assert verdicts[0] == verdicts[1]
    whole = Region(level=0, x=1000, y=600, width=100, height=100)
    assert np.array_equal(fast.region(whole), own.region(whole))
    fast.close()
