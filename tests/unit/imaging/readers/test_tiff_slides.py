"""TIFF slides that OpenSlide does not read, against tifffile in this process; pages as fields."""

from __future__ import annotations

import struct
import time
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
import tifffile

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.slide_part import Frame, Region, part_path
from allstation.imaging.fields.file import read_field
from allstation.imaging.formats.source import HeaderError
from allstation.imaging.readers import is_slide, looks_like_slide, open_slide, pages_of, virtual_levels
from allstation.imaging.readers.backend import Backend
from allstation.imaging.readers.by_tifffile import TiffBackend
from allstation.imaging.readers.opening import open_backend
from allstation.imaging.synthetic.slide import write_slide

from .slides import picture, write_ome, write_pyramid, write_svs

LIMITS = DecodeLimits()
SMALL = DecodeLimits(max_pixels=100_000)


@pytest.fixture
def opened():
    """Open backends, and close them after the test."""
    with ExitStack() as stack:
        yield lambda backend: stack.enter_context(closing(backend))


def whole(backend: Backend, level: int = 0) -> np.ndarray:
    at = backend.info.levels[level]
    return backend.region(Region(level=level, x=0, y=0, width=at.width, height=at.height))


def test_an_ome_tiff_has_its_levels_and_pixel_size(tmp_path):
    path = tmp_path / "a.ome.tif"
    write_ome(path, picture(900, 700, seed=3))
    assert is_slide(path)
    with open_slide(path) as slide, tifffile.TiffFile(path) as own:
        assert (slide.info.format, slide.info.pixel_um) == ("OME-TIFF", pytest.approx(0.5))
        assert [(level.width, level.height) for level in slide.info.levels] == [
            (900, 700),
            (450, 350),
            (225, 175),
        ]
        for number, level in enumerate(own.series[0].levels):
            pixels = level.asarray()
            region = Region(level=number, x=2**number * 37, y=2**number * 21, width=150, height=140)
            assert np.array_equal(slide.read(region), pixels[21:161, 37:187]), number


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw"},
        {"compression": "packbits"},
        {"compression": "lzma"},
        {"compression": "jpeg2000"},
        {"compression": "jpeg", "compressionargs": {"level": 90}},
        {"compression": None, "planarconfig": "separate"},
        {"compression": None, "byteorder": ">"},
        {"compression": None, "bigtiff": True},
        {"compression": "zlib", "tile": None, "rowsperstrip": 17},
        {"compression": None, "tile": None, "rowsperstrip": 400},
    ],
)
def test_every_compression_gives_tifffiles_pixels(tmp_path, options, opened):
    path = tmp_path / "a.tif"
    rgb = picture(500, 400, seed=4)
    options = {"tile": (128, 96), **options}
    file = {name: options.pop(name) for name in ("bigtiff", "byteorder") if name in options}
    data = np.moveaxis(rgb, 2, 0) if options.get("planarconfig") == "separate" else rgb
    tifffile.imwrite(path, data, photometric="rgb", metadata=None, **file, **options)
    backend = opened(TiffBackend(path, LIMITS))
    own = tifffile.imread(path)
    own = np.moveaxis(own, 0, 2) if own.shape[0] == 3 else own
    assert np.array_equal(whole(backend), own)
    got = backend.region(Region(level=0, x=301, y=155, width=150, height=205))
    assert np.array_equal(got, own[155:360, 301:451])


def test_grey_of_sixteen_bits_is_scaled_alike_everywhere(tmp_path, opened):
    path = tmp_path / "a.tif"
    grey = np.arange(512 * 640, dtype=np.uint32).reshape(512, 640) % 4096
    grey[:256] //= 8
    tifffile.imwrite(path, grey.astype(np.uint16), tile=(128, 128), photometric="minisblack")
    backend = opened(TiffBackend(path, LIMITS))
    expected = ((grey * 255 + 2047) // 4095).astype(np.uint8)
    top = backend.region(Region(level=0, x=0, y=0, width=640, height=256))
    assert np.array_equal(top[..., 0], expected[:256])
    assert np.array_equal(whole(backend)[..., 2], expected)


def test_grey_pages_that_are_colours_are_one_picture(tmp_path, opened):
    path = tmp_path / "a.ome.tif"
    rgb = picture(300, 260, seed=5)
    tifffile.imwrite(path, np.moveaxis(rgb, 2, 0), ome=True, tile=(64, 64), metadata={"axes": "CYX"})
    backend = opened(TiffBackend(path, LIMITS))
    assert backend.info.frames == 1
    assert np.array_equal(whole(backend), rgb)


def test_a_large_plain_tiff_is_a_slide_with_levels_of_its_own(tmp_path, opened):
    path = tmp_path / "a.tif"
    rgb = picture(2400, 1800, seed=6)
    tifffile.imwrite(path, rgb, rowsperstrip=50, photometric="rgb", metadata=None)
    assert not is_slide(path, LIMITS)
    assert is_slide(path, SMALL)
    backend = opened(open_backend(path, SMALL))
    assert [(at.width, at.height, at.downsample) for at in backend.info.levels] == [
        (2400, 1800, 1.0),
        (600, 450, 4.0),
    ]
    got = backend.region(Region(level=1, x=400, y=800, width=100, height=90))
    part = rgb[800:1160, 400:800].reshape(90, 4, 100, 4, 3).mean(axis=(1, 3))
    assert np.abs(got - part).max() <= 0.5 + 1e-6


def test_a_level_is_averaged_alike_in_any_number_of_blocks(tmp_path, opened, monkeypatch):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, picture(2300, 900, seed=6), tile=(64, 64), photometric="rgb", metadata=None)
    backend = opened(open_backend(path, SMALL))
    region = Region(level=1, x=100, y=60, width=90, height=70)
    at_once = backend.region(region)
    read: list[int] = []
    inner = backend._backend
    own = inner.region

    def counted(part: Region) -> np.ndarray:
        read.append(part.width * part.height)
        return own(part)

    monkeypatch.setattr(inner, "region", counted)
    monkeypatch.setattr(virtual_levels, "_BLOCK", 1000)
    assert np.array_equal(backend.region(region), at_once)
    assert len(read) > 90
    assert max(read) <= 1000


def test_a_damaged_tile_is_refused_and_the_others_are_read(tmp_path, opened):
    path = tmp_path / "a.tif"
    rgb = picture(512, 512, seed=7)
    tifffile.imwrite(path, rgb, tile=(128, 128), compression="zlib", photometric="rgb", metadata=None)
    with tifffile.TiffFile(path) as file:
        at = file.pages.first.dataoffsets[5] + 40
    content = bytearray(path.read_bytes())
    content[at : at + 8] = bytes(8)
    path.write_bytes(content)
    backend = opened(TiffBackend(path, LIMITS))
    with pytest.raises(HeaderError, match=r"damaged TIFF file \(tile 2 of row 2\)"):
        whole(backend)
    got = backend.region(Region(level=0, x=256, y=0, width=256, height=512))
    assert np.array_equal(got, rgb[:, 256:])


def test_a_chain_of_pages_without_an_end_is_refused_at_once(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, picture(200, 100), tile=(64, 64), photometric="rgb", metadata=None)
    content = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, at)
    for following in (at, len(content) - 1, 9):
        struct.pack_into("<I", content, at + 2 + 12 * count, following)
        path.write_bytes(content)
        began = time.monotonic()
        with pytest.raises(HeaderError, match="damaged TIFF"):
            TiffBackend(path, LIMITS)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("make", [write_svs, write_pyramid, write_ome], ids=["svs", "pyramid", "ome"])
def test_a_slide_that_was_not_copied_to_its_end_is_told(tmp_path, make):
    path = tmp_path / "a.svs"
    if make is write_ome:
        make(path, picture(300, 260))
    else:
        make(path, width=300, height=260)
    open_backend(path, LIMITS).close()
    content = path.read_bytes()
    for share in (0.0, 0.002, 0.4, 0.97):
        size = int(len(content) * share)
        path.write_bytes(content[:size])
        words = f"ends too early, after {size:,} bytes" if size else "is empty"
        with pytest.raises(HeaderError, match=words) as refused:
            open_backend(path, LIMITS)
        assert refused.value.code == "unreadable-slide"


def test_a_tiff_larger_than_a_field_that_broke_off_is_taken_for_a_slide(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(struct.pack("<4sI", b"II*\0", 0xFFFF_FFF0))
    assert not looks_like_slide(path)
    with path.open("r+b") as file:
        file.truncate(LIMITS.max_bytes + 1)
    assert looks_like_slide(path)


@pytest.mark.parametrize(
    ("array", "options", "reason"),
    [
        (np.zeros((300, 300), np.float32), {}, "fractions"),
        (np.zeros((300, 300), np.uint32), {}, "32-bit"),
        (np.zeros((300, 300, 3), np.uint8), {"compression": "zstd", "photometric": "rgb"}, "ZSTD"),
    ],
)
def test_what_is_not_read_is_named(tmp_path, array, options, reason):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, tile=(64, 64), **options)
    with pytest.raises(HeaderError, match=reason) as refused:
        TiffBackend(path, LIMITS)
    assert refused.value.code == "unsupported-format"


def write_pages(path: Path, **options) -> np.ndarray:
    pages = np.stack([picture(120, 90, seed=seed) for seed in range(4)])
    tifffile.imwrite(path, pages, photometric="rgb", **options)
    return pages


@pytest.mark.parametrize(
    "options", [{"metadata": None}, {"imagej": True}, {"compression": "lzw", "metadata": None}]
)
def test_every_page_of_a_plain_tiff_is_a_field(tmp_path, options):
    path = tmp_path / "a.tif"
    pages = write_pages(path, **options)
    assert not is_slide(path)
    fields = [read_field(part_path(path, Frame(number=number))) for number in range(1, 5)]
    for field, page in zip(fields, pages, strict=True):
        assert np.array_equal(field.pixels, page)
    assert len({field.sha256 for field in fields}) == 4
    assert np.array_equal(read_field(path).pixels, fields[0].pixels)
    with pytest.raises(StationError, match="has no page 5"):
        read_field(part_path(path, Frame(number=5)))


def test_pages_are_counted(tmp_path):
    many, one, none = tmp_path / "a.tif", tmp_path / "b.tif", tmp_path / "c.txt"
    write_pages(many, metadata=None)
    tifffile.imwrite(one, picture(120, 90))
    none.write_text("nothing")
    assert [pages_of(path) for path in (many, one, none)] == [4, 1, 1]


def test_label_and_overview_of_a_slide_are_no_pages(tmp_path):
    slide = tmp_path / "a.svs"
    write_slide(slide, seed=4, width=1024, height=768, format="svs")
    with tifffile.TiffFile(slide) as opened:
        assert len(opened.pages) > 2
    assert is_slide(slide)
    assert pages_of(slide) == 1


def test_pages_of_a_file_larger_than_a_field_are_read_one_by_one(tmp_path):
    path = tmp_path / "a.tif"
    pages = write_pages(path, metadata=None)
    with open_slide(path, DecodeLimits(max_bytes=50_000)) as slide:
        assert slide.info.frames == 4
        assert np.array_equal(slide.read(Frame(number=3)), pages[2])
