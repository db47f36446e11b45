"""BMP, PNG, WebP and JPEG 2000: right, or refused by name; formats that are not read are named."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from allstation.core.errors import StationError
from allstation.imaging.formats import decode


def refused(path: Path, data: bytes) -> StationError:
    """Return why bytes are refused."""
    path.write_bytes(data)
    with pytest.raises(StationError) as caught:
        decode.decode(path)
    return caught.value


def bitmap(values: np.ndarray, masks: tuple[int, ...], *, size: int = 40) -> bytes:
    """Return a BMP of 16 or 32 bits a pixel with the masks of its channels."""
    height, width = values.shape
    bits = 8 * values.itemsize
    head = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, 3, 0, 0, 0, 0, 0)
    head += struct.pack(f"<{len(masks)}I", *masks)
    head = head.ljust(size, b"\0") if size > 40 else head
    rows = b"".join(row.tobytes().ljust(-(-row.nbytes // 4) * 4, b"\0") for row in values[::-1])
    at = 14 + len(head)
    return struct.pack("<2sIHHI", b"BM", at + len(rows), 0, 0, at) + head + rows


@pytest.mark.parametrize("shifts", [(16, 8, 0), (0, 8, 16), (24, 16, 8), (8, 16, 24)])
def test_32_bit_masks_of_a_bmp_are_followed(field, tmp_path, shifts):
    red, green, blue = (
        field[..., channel].astype(np.uint32) << shift for channel, shift in enumerate(shifts)
    )
    path = tmp_path / "a.bmp"
    path.write_bytes(bitmap(red | green | blue, tuple(0xFF << shift for shift in shifts)))
    np.testing.assert_array_equal(decode.decode(path), field)


@pytest.mark.parametrize("shifts", [(11, 5, 0), (0, 5, 11)])
def test_16_bit_masks_of_a_bmp_are_followed(field, tmp_path, shifts):
    red, green, blue = (
        (field[..., channel].astype(np.uint16) >> lost) << shift
        for (channel, lost), shift in zip(((0, 3), (1, 2), (2, 3)), shifts, strict=True)
    )
    path = tmp_path / "a.bmp"
    path.write_bytes(bitmap(red | green | blue, (31 << shifts[0], 63 << shifts[1], 31 << shifts[2])))
    assert np.abs(decode.decode(path).astype(int) - field).mean() < 2


def test_a_bmp_of_too_few_shades_says_so(field, tmp_path):
    values = field[..., 0].astype(np.uint16) >> 4
    error = refused(tmp_path / "a.bmp", bitmap(values * 0x111, (0xF00, 0xF0, 0xF)))
    assert error.code == "unsupported-format"
    assert "12 bits for the colour" in error.sentence


def test_what_a_run_length_code_skips_is_not_left_to_chance(tmp_path):
    table = bytes([10, 20, 30, 0]) + bytes([200, 100, 50, 0]) * 255
    head = struct.pack("<IiiHHIIiiII", 40, 40, 40, 1, 8, 1, 0, 0, 0, 0, 0)
    runs = bytes([20, 1, 0, 2, 0, 39, 5, 1, 0, 1])  # 20 pixels, 39 rows up, 5 pixels, end
    early = bytes([20, 1, 0, 1])
    at = 14 + 40 + len(table)
    path = tmp_path / "a.bmp"
    path.write_bytes(struct.pack("<2sIHHI", b"BM", at + len(runs), 0, 0, at) + head + table + runs)
    for value in (0, 255):
        np.full(40 * 40 * 3, value, np.uint8)
        rgb = decode.decode(path)
        assert (rgb[39, :20] == (50, 100, 200)).all()
        assert (rgb[0, 20:25] == (50, 100, 200)).all()
        assert (rgb[1:39] == (30, 20, 10)).all()
    error = refused(path, path.read_bytes().removesuffix(runs) + early)
    assert error.code == "truncated-field"


def chunked(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of chunks with right checksums."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def png_of(rows: bytes, *extra: tuple[bytes, bytes], side: int = 40) -> bytes:
    """Return a grey PNG of filtered rows."""
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return chunked((b"IHDR", head), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


def test_a_broken_profile_of_a_png_leaves_nothing_on_the_terminal(tmp_path, capfd):
    path = tmp_path / "a.png"
    path.write_bytes(png_of((b"\0" + bytes([90] * 40)) * 40, (b"iCCP", b"x\0\0broken"), (b"gAMA", b"\0")))
    assert (decode.decode(path) == 90).all()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("rows", [(b"\0" + bytes(40)) * 39, (b"\x07" + bytes(40)) * 40])
def test_a_damaged_png_is_refused_and_leaves_nothing_on_the_terminal(tmp_path, capfd, rows):
    assert refused(tmp_path / "a.png", png_of(rows)).code == "unreadable-field"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("bits", [8, 16])
def test_the_transparent_shade_of_a_grey_png_is_white(tmp_path, bits):
    grey = np.tile(np.arange(40, dtype=np.uint8) * 6, (40, 1))
    pixels = grey if bits == 8 else grey.astype(">u2") * 257
    head = struct.pack(">IIBBBBB", 40, 40, bits, 0, 0, 0, 0)
    shade = struct.pack(">H", 60 if bits == 8 else 60 * 257)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    path = tmp_path / "a.png"
    path.write_bytes(
        chunked((b"IHDR", head), (b"tRNS", shade), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    )
    expected = np.where(grey == 60, 255, grey)
    np.testing.assert_array_equal(decode.decode(path)[..., 0], expected)


@pytest.mark.parametrize("size", [(40, 60), (224, 224)])
@pytest.mark.parametrize("quality", [10, 50, 80, 100])
@pytest.mark.parametrize("method", [0, 4, 6])
def test_a_sound_lossy_webp_is_read(smooth_field, write, size, quality, method):
    path = write(smooth_field(*size), "a.webp", "WEBP", quality=quality, method=method)
    np.testing.assert_array_equal(decode.decode(path), np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("colour", ["white", "black", "red"])
@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}])
def test_a_webp_of_one_colour_is_read(write, colour, options):
    path = write(Image.new("RGB", (50, 40), colour), "a.webp", "WEBP", **options)
    assert decode.decode(path).std(axis=(0, 1)).max() < 2


@pytest.mark.parametrize("fill", [b"\0", b"\xff"])
def test_a_hole_in_a_lossy_webp_is_found(smooth_field, write, tmp_path, fill):
    data = write(smooth_field(200, 300), "a.webp", "WEBP", quality=85).read_bytes()
    for at in np.linspace(100, len(data) - 200, 12).astype(int):
        error = refused(tmp_path / "b.webp", data[:at] + fill * 64 + data[at + 64 :])
        assert error.code in {"unreadable-field", "truncated-field"}


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_2000_of_one_and_three_channels_with_and_without_boxes(field, tmp_path, channels):
    shown = field if channels == 3 else field[..., 0]
    buffer = io.BytesIO()
    Image.fromarray(shown).save(buffer, "JPEG2000", irreversible=False)
    whole = buffer.getvalue()
    expected = field if channels == 3 else np.repeat(field[..., :1], 3, axis=2)
    for name, data in (("a", whole), ("b", whole[whole.index(b"\xff\x4f\xff\x51") :])):
        path = tmp_path / f"{name}.jp2"
        path.write_bytes(data)
        np.testing.assert_array_equal(decode.decode(path), expected)


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [(43, 2, "subsampled"), (42, 0x87, "signed"), (42, 0x09, "unequally deep")],
)
def test_jpeg_2000_of_a_kind_that_is_not_read_is_named(field, tmp_path, at, value, words):
    buffer = io.BytesIO()
    Image.fromarray(field).save(buffer, "JPEG2000", irreversible=False)
    data = bytearray(buffer.getvalue())
    start = data.index(b"\xff\x4f\xff\x51")
    data[start + at + 3] = value
    error = refused(tmp_path / "a.jp2", bytes(data))
    assert error.code == "unsupported-format"
    assert words in error.sentence


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"GIF89a", "GIF"),
        (b"\0\0\0\x20ftypavif", "AVIF"),
        (b"\0\0\0\x20ftypheic", "HEIF"),
        (b"\0\0\0\x20ftypmif1", "HEIF"),
        (b"\xff\x0a", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"II\xbc\x01", "JPEG XR"),
        (b"P6\n40 40\n255\n", "PNM"),
        (b"P5 40 40 255\n", "PNM"),
        (b"qoif", "QOI"),
        (b"ZISRAWFILE", "CZI"),
        (b"8BPS", "Photoshop"),
    ],
)
def test_a_format_that_is_not_read_is_named(tmp_path, start, name):
    error = refused(tmp_path / "a.jpg", start + bytes(5000))
    assert error.code == "unsupported-format"
    assert name in error.sentence
    assert "Save it from the camera's program" in error.sentence
