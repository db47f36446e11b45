"""TIFF: every layout right or refused by name, every damaged strip found, every channel left out said."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from allstation.core.errors import StationError
from allstation.imaging.formats import decode
from tests.faults import odd_case, odd_tiff

CODECS = ["lzw", "deflate", "packbits", "lzma", None]


def save(path: Path, samples: np.ndarray, **options) -> Path:
    """Write a TIFF with tifffile, an RGB one unless told otherwise."""
    tifffile.imwrite(path, samples, **{"photometric": "rgb", "metadata": None, **options})
    return path


def sentence(path: Path) -> str:
    """Return why a file is refused, which is not called damage."""
    with pytest.raises(StationError) as caught:
        decode.decode(path, decode.DecodeLimits(min_side=1))
    assert caught.value.code == "unsupported-format"
    assert "damaged" not in caught.value.sentence
    return caught.value.sentence


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("tile", [None, (32, 32), (48, 16)])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_separate_planes_of_16_bits_are_right_and_the_same_every_time(
    field, tmp_path, codec, tile, byteorder
):
    deep = np.moveaxis(field.astype(np.uint16) * 257, -1, 0)
    path = save(
        tmp_path / "a.tif", deep, planarconfig="separate", compression=codec, tile=tile, byteorder=byteorder
    )
    for _ in range(3):
        np.full(field.size, 77, np.uint16)  # what a decoder would find in memory that it does not fill
        np.testing.assert_array_equal(decode.decode(path), field)


@pytest.mark.parametrize(
    ("codec", "predictor"),
    [(codec, predictor) for codec in CODECS for predictor in {False, codec not in {None, "packbits"}}],
)
@pytest.mark.parametrize("tile", [None, (16, 16), (80, 48)])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("bits", [8, 16])
def test_strips_tiles_predictors_and_planes(  # noqa: PLR0917
    field, tmp_path, codec, predictor, tile, planar, bits
):
    samples = field if bits == 8 else field.astype(np.uint16) * 257
    samples = samples if planar == "contig" else np.moveaxis(samples, -1, 0)
    options = {"rowsperstrip": 7} if tile is None else {"tile": tile}
    path = save(
        tmp_path / "a.tif",
        samples,
        planarconfig=planar,
        compression=codec,
        predictor=predictor,
        bigtiff=bits == 16,
        **options,
    )
    np.testing.assert_array_equal(decode.decode(path), field)


def test_uncompressed_tiles_of_any_size_are_read(field, tmp_path):
    path = save(tmp_path / "a.tif", field, tile=(48, 48))
    data = bytearray(path.read_bytes())
    np.testing.assert_array_equal(decode.decode(path), field)
    # 60 rows of 80 pixels are three by four tiles of 20 by 24 too, which no encoder would write.
    tiles = [
        np.pad(field[top : top + 20, left : left + 24], ((0, 0), (0, max(0, left + 24 - 80)), (0, 0)))
        for top in range(0, 60, 20)
        for left in range(0, 80, 24)
    ]
    start = len(data)
    for tile in tiles:
        data += tile.tobytes()
    with tifffile.TiffFile(path) as file:
        tags = {name: file.pages[0].tags[name] for name in ("TileOffsets", "TileByteCounts")}
        sizes = {name: file.pages[0].tags[name] for name in ("TileWidth", "TileLength")}
    table = len(data)
    data += struct.pack("<12I", *(start + index * 1440 for index in range(12)))
    data += struct.pack("<12I", *[1440] * 12)
    for place, name in ((table, "TileOffsets"), (table + 48, "TileByteCounts")):
        struct.pack_into("<HII", data, tags[name].offset + 2, 4, 12, place)
    for side, name in ((24, "TileWidth"), (20, "TileLength")):
        struct.pack_into("<HII", data, sizes[name].offset + 2, 4, 1, side)
    path.write_bytes(data)
    np.testing.assert_array_equal(decode.decode(path), field)


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("jpeg2000", "JPEG 2000"),
        ("jpegxl", "JPEG XL"),
        ("png", "PNG"),
        ("webp", "WebP"),
        ("zstd", "ZSTD"),
        ("jpegxr", "JPEG XR"),
    ],
)
def test_a_compression_that_is_not_read_is_named(field, tmp_path, codec, name):
    said = sentence(save(tmp_path / "a.tif", field, compression=codec))
    assert f"a TIFF file compressed with {name}," in said
    assert "Save it from the camera's program" in said


@pytest.mark.parametrize(
    ("samples", "options", "words"),
    [
        (np.zeros((60, 80), np.int16), {"photometric": "minisblack"}, "signed 16-bit"),
        (np.zeros((60, 80, 3), np.uint32), {}, "32-bit samples"),
        (np.zeros((60, 80, 3), np.float16), {}, "16-bit floating-point"),
        (np.zeros((60, 80), np.complex64), {"photometric": "minisblack"}, "complex"),
        (
            np.zeros((60, 80, 5), np.uint8),
            {"photometric": "minisblack", "planarconfig": "contig"},
            "5 channels of which none",
        ),
        (np.zeros((60, 80, 3), np.int8), {"photometric": "cielab"}, "CIELab"),
        (
            np.zeros((64, 80, 3), np.uint8),
            {"photometric": "cielab", "compression": "jpeg"},
            "CIELab colours compressed with JPEG",
        ),
        (np.zeros((60, 80), np.uint16), {"photometric": "cfa"}, "raw sensor data"),
    ],
)
def test_a_kind_that_is_not_read_is_named(tmp_path, samples, options, words):
    assert words in sentence(save(tmp_path / "a.tif", samples, **options))


def test_a_predictor_that_programs_read_differently_is_named(field, tmp_path):
    assert "PackBits" in sentence(save(tmp_path / "a.tif", field, compression="packbits", predictor=True))


@pytest.mark.parametrize("bits", [8, 16])
def test_inks_are_mixed(field, tmp_path, bits):
    inks = np.dstack([255 - field, np.zeros(field.shape[:2], np.uint8)])
    stored = inks if bits == 8 else inks.astype(np.uint16) * 257
    path = save(tmp_path / "a.tif", stored, photometric="separated", compression="lzw")
    np.testing.assert_array_equal(decode.decode(path), field)


@pytest.mark.parametrize("bits", [8, 16])
def test_further_channels_are_left_out_and_that_is_said(field, tmp_path, bits):
    more = np.full((*field.shape[:2], 2), 9, np.uint8)
    samples = np.dstack([field, more]).astype(np.uint16 if bits == 16 else np.uint8)
    samples = samples * 257 if bits == 16 else samples
    path = save(tmp_path / "a.tif", samples, extrasamples=[0, 0])
    np.testing.assert_array_equal(decode.decode(path), field)
    assert decode.probe(path).channels_left_out == 2
    assert decode.probe(save(tmp_path / "b.tif", field)).channels_left_out == 0


@pytest.mark.parametrize("mode", ["composite", "grayscale"])
@pytest.mark.parametrize("bits", [8, 16])
def test_three_planes_of_imagej_are_one_colour_picture(field, tmp_path, mode, bits):
    planes = np.moveaxis(field, -1, 0).astype(np.uint16 if bits == 16 else np.uint8)
    planes = planes * 257 if bits == 16 else planes
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, planes, imagej=True, metadata={"axes": "CYX", "mode": mode})
    np.testing.assert_array_equal(decode.decode(path), field)
    assert decode.probe(path).frames == 1


def test_a_stack_of_imagej_says_how_many_planes_it_has(field, tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([field[..., 0]] * 5), imagej=True, metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(decode.decode(path), np.repeat(field[..., :1], 3, axis=2))
    assert decode.probe(path).frames == 5


@pytest.mark.parametrize("bits", [8, 16])
def test_three_planes_of_ome_tiff_are_one_colour_picture(field, tmp_path, bits):
    planes = np.moveaxis(field, -1, 0).astype(np.uint16 if bits == 16 else np.uint8)
    planes = planes * 257 if bits == 16 else planes
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, planes, ome=True, photometric="minisblack", metadata={"axes": "CYX"})
    with tifffile.TiffFile(path) as file:
        assert len(file.pages) == 3
    np.testing.assert_array_equal(decode.decode(path), field)
    assert decode.probe(path).frames == 1


@pytest.mark.parametrize("codec", [None, "lzw"])
@pytest.mark.parametrize("bigtiff", [True, False])
def test_of_a_file_that_begins_with_a_small_copy_the_whole_picture_is_read(field, tmp_path, codec, bigtiff):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, bigtiff=bigtiff) as writer:
        writer.write(field[::4, ::4], photometric="rgb", subfiletype=1, metadata=None, compression=codec)
        writer.write(field, photometric="rgb", metadata=None, compression=codec)
    np.testing.assert_array_equal(decode.decode(path), field)
    info = decode.probe(path)
    assert (info.width, info.height, info.frames) == (80, 60, 1)


def damaged_at(path: Path, share: float, hole: bytes) -> bool:
    """Put a hole into the pixels of a file; return whether it is refused for that."""
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        spans = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    start, end = spans[0][0], spans[-1][0] + spans[-1][1]
    at = start + int((end - start - len(hole)) * share)
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + hole + whole[at + len(hole) :])
    try:
        decode.decode(path)
    except StationError as error:
        return error.code in {"unreadable-field", "truncated-field"}
    finally:
        path.write_bytes(whole)
    return False


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("codec", ["lzw", "deflate", "lzma"])
def test_a_hole_in_a_strip_is_found(smooth_field, tmp_path, codec, planar, bits):
    picture = smooth_field(100, 120)
    samples = picture if bits == 8 else picture.astype(np.uint16) * 257
    samples = samples if planar == "contig" else np.moveaxis(samples, -1, 0)
    path = save(tmp_path / "a.tif", samples, planarconfig=planar, compression=codec, rowsperstrip=25)
    holes = [bytes(24), b"\xff" * 24, bytes(range(7, 31))]
    shares = np.linspace(0.02, 0.98, 8)
    assert all(damaged_at(path, share, hole) for share in shares for hole in holes)


def test_a_hole_in_runs_is_found(tmp_path):
    stripes = np.repeat(np.random.default_rng(1).integers(0, 256, (100, 40), dtype=np.uint8), 3, axis=1)
    path = save(tmp_path / "a.tif", stripes, photometric="minisblack", compression="packbits")
    assert all(damaged_at(path, share, bytes(24)) for share in np.linspace(0.02, 0.98, 24))


@pytest.mark.parametrize("photometric", ["ycbcr", "rgb"])
def test_strips_of_jpeg_are_read_and_a_cut_one_is_found(smooth_field, tmp_path, photometric):
    picture = smooth_field(96, 128)
    path = save(
        tmp_path / "a.tif",
        picture,
        photometric=photometric,
        compression="jpeg",
        compressionargs={"level": 95},
        tile=(48, 64),
    )
    np.testing.assert_array_equal(decode.decode(path), tifffile.imread(path))
    with tifffile.TiffFile(path) as file:
        at, size = file.pages[0].dataoffsets[1], file.pages[0].databytecounts[1]
    data = bytearray(path.read_bytes())
    data[at + size // 2 : at + size] = (b"\xff\xd9" + bytes(size))[: size - size // 2]
    path.write_bytes(data)
    with pytest.raises(StationError) as caught:
        decode.decode(path)
    assert caught.value.code == "unreadable-field"


@pytest.mark.parametrize("options", [0, 1, 4, 5])
def test_group_3_fax_codes_are_read_with_every_option_and_refused_with_a_wrong_bit(tmp_path, options):
    """ImageMagick ends rows at whole bytes (4), libtiff's own fax programs code by two rows (1)."""
    light = np.random.default_rng(7).random((48, 64)) > 0.5
    path = tmp_path / "fax.tif"
    Image.fromarray(light).save(path, compression="group3", tiffinfo={292: options})
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].tags[292].value == options
        at, size = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    np.testing.assert_array_equal(decode.decode(path)[..., 0] > 0, light)
    data = bytearray(path.read_bytes())
    data[at + size // 2] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(StationError):
        decode.decode(path)


@pytest.mark.parametrize("codec", [None, "lzw", "deflate", "packbits"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("white", ["D65", "D50"])
@pytest.mark.parametrize("tile", [None, (32, 32)])
def test_cielab_is_read_by_its_white(field, tmp_path, codec, bits, white, tile):  # noqa: PLR0917
    """ImageMagick names the white D65; Photoshop names none, which is D50."""
    kind = odd_tiff.Kind(colour="lab-d65-" if white == "D65" else "lab", bits=bits, size=field.shape[:2])
    stored = odd_tiff.samples_of(kind)
    named = [(318, 5, 2, (3127, 10000, 3290, 10000), True)] if white == "D65" else []
    path = save(
        tmp_path / "a.tif", stored, photometric="cielab", compression=codec, tile=tile, extratags=named
    )
    apart = np.abs(decode.decode(path).astype(int) - odd_case.picture(*field.shape[:2]))
    assert apart.mean() <= 2
    # White, black and grey have no colour by any white.
    colourless = apart[3:7, 3:9], apart[3:7, -9:-3]
    assert max(part.max() for part in colourless) <= 3


def test_cielab_with_an_impossible_white_is_named_and_elsewhere_that_tag_means_nothing(field, tmp_path):
    for number, white in enumerate([(0, 1, 1, 3), (1, 0, 1, 3), (1, 3, 4, 3)]):
        path = save(
            tmp_path / f"{number}.tif",
            np.full((60, 80, 3), 100, np.uint8),
            photometric="cielab",
            extratags=[(318, 5, 2, white, True)],
        )
        assert "unusual white" in sentence(path)
        path = save(tmp_path / "rgb.tif", field, extratags=[(318, 5, 2, white, True)])
        np.testing.assert_array_equal(decode.decode(path), field)


@pytest.mark.parametrize("codec", ["t6", "t4", "ccittrle"])
@pytest.mark.parametrize("colour", ["gray", "white"])
@pytest.mark.parametrize("layout", ["tile16", "tile80", "strips7"])
def test_fax_codes_in_tiles_and_strips_are_read_and_damaged_ones_refused(tmp_path, codec, colour, layout):
    kind = odd_tiff.Kind(codec=codec, colour=colour, bits=1, layout=layout, size=(50, 67))
    data, stored, places = odd_tiff.built(kind)
    path = tmp_path / "fax.tif"
    path.write_bytes(data)
    np.testing.assert_array_equal(decode.decode(path), odd_tiff.truth_of(kind, stored))
    start, end = max(places, key=lambda place: place[1] - place[0])
    broken = bytearray(data)
    broken[start : start + (end - start) // 2] = b"\x00" * ((end - start) // 2)
    path.write_bytes(broken)
    with pytest.raises(StationError):
        decode.decode(path)


def test_fax_codes_in_tiles_of_billions_of_pixels_are_refused_before_they_are_unpacked(tmp_path):
    kind = odd_tiff.Kind(codec="t6", colour="gray", bits=1, layout="tile80")
    page = odd_tiff.Page(
        tags=odd_tiff.directory(kind, 1) | {322: (odd_tiff.LONG, [1 << 16]), 323: (odd_tiff.LONG, [1 << 16])},
        segments=[bytes(64)],
        tiled=True,
    )
    (tmp_path / "a.tif").write_bytes(odd_tiff.Writer("<").write([page]))
    assert "tiles of unusual size" in sentence(tmp_path / "a.tif")
