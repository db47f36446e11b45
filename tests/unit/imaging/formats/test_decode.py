"""Decoding: every format, every trap, one answer."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from allstation.core.errors import StationError
from allstation.imaging.formats import decode, pixel_conversions
from allstation.imaging.formats.suffixes import looks_like_field
from allstation.services.settings import Settings

LOSSLESS = [
    ("PNG", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"compression": "tiff_deflate"}),
    ("TIFF", {"big_tiff": True}),
    ("BMP", {}),
    ("WEBP", {"lossless": True}),
    ("JPEG2000", {"irreversible": False}),
]
ALL = [*LOSSLESS, ("JPEG", {}), ("JPEG", {"progressive": True}), ("WEBP", {})]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such file")


def refusal(path: Path, **options) -> StationError:
    """Return the error of decoding, which probing must not contradict."""
    with pytest.raises(StationError) as caught:
        decode.decode(path, **options)
    sentence = caught.value.sentence
    assert sentence.isprintable()
    assert sentence.endswith(".")
    assert str(path.parent) not in sentence
    return caught.value


@pytest.mark.parametrize(("kind", "options"), LOSSLESS)
def test_lossless_formats_give_the_same_pixels(field, write, kind, options):
    path = write(field, "field.jpg", kind, **options)
    rgb = decode.decode(path)
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    np.testing.assert_array_equal(rgb, field)


@pytest.mark.parametrize("quality", [30, 75, 95])
def test_jpeg_is_decoded_as_pillow_does(field, write, quality):
    path = write(field, "field.jpg", "JPEG", quality=quality)
    np.testing.assert_array_equal(decode.decode(path), np.asarray(Image.open(path)))


@pytest.mark.parametrize(("kind", "options"), ALL)
def test_probe_tells_size_and_format(field, write, kind, options):
    path = write(field, "field", kind, **options)
    info = decode.probe(path)
    names = {"WEBP": "WebP", "JPEG2000": "JPEG 2000"}
    assert (info.format, info.width, info.height) == (names.get(kind, kind), 80, 60)
    assert (info.frames, info.bytes) == (1, path.stat().st_size)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(field, write, kind, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    exif[315] = "A. Person"
    options = {"lossless": True} if kind == "WEBP" else {}
    path = write(field, "turned", kind, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    np.testing.assert_array_equal(decode.decode(path), expected)
    info = decode.probe(path)
    assert (info.height, info.width) == expected.shape[:2]
    reduced = decode.decode_reduced(path, (24, 20))
    np.testing.assert_array_equal(reduced, pixel_conversions.squash(decode.decode(path), (24, 20)))


def test_a_damaged_exif_block_is_no_reason_to_refuse(field, write):
    exif = Image.Exif()
    exif[274] = 6
    path = write(field, "field.jpg", "JPEG", exif=exif)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"Exif\0\0MM\0*\0\0\0\x08", b"Exif\0\0MM\0*\xff\xff\xff\xf0"))
    assert path.read_bytes() != data
    assert decode.decode(path).shape == (60, 80, 3)


@pytest.mark.parametrize(
    ("suffix", "bits"), [(".png", 16), (".tiff", 16), (".jp2", 16), (".tiff", 12), (".png", 10)]
)
def test_16_bit_files_are_scaled_by_the_bits_they_use(field, tmp_path, suffix, bits):
    top = (1 << bits) - 1
    bright = field.copy()
    bright[0, 0] = 255
    deep = np.round(bright / 255 * top).astype(np.uint16)
    path = tmp_path / f"deep{suffix}"
    options = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000] if suffix == ".jp2" else []
    assert cv2.imwrite(str(path), deep[..., ::-1], options)
    assert np.abs(decode.decode(path).astype(int) - bright).max() <= 1


def test_16_bit_gray_becomes_rgb(field, tmp_path):
    gray = field[..., 0].astype(np.uint16) * 257
    path = tmp_path / "gray.png"
    assert cv2.imwrite(str(path), gray)
    np.testing.assert_array_equal(decode.decode(path), np.repeat(field[..., :1], 3, axis=2))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_gray_palette_and_bilevel(field, write, kind, mode):
    image = Image.fromarray(field).convert(mode)
    path = write(image, "field", kind)
    np.testing.assert_array_equal(decode.decode(path), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(field, write, kind):
    path = write(Image.fromarray(field).convert("CMYK"), "field", kind)
    expected = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert np.abs(decode.decode(path) - expected).max() <= 1


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True}), ("JPEG2000", {})],
)
def test_transparency_is_laid_over_white(field, write, kind, options):
    image = Image.fromarray(field)
    ramp = np.linspace(0, 255, 80).astype(np.uint8)
    alpha = np.tile(ramp, (60, 1))
    image.putalpha(Image.fromarray(alpha))
    path = write(image, "field", kind, **options)
    share = alpha[..., None] / 255
    expected = field * share + 255 * (1 - share)
    assert np.abs(decode.decode(path) - expected).max() <= 1.6


def test_transparent_palette_and_gray_alpha(field, write):
    palette = Image.fromarray(field).convert("P")
    index = palette.getpixel((10, 10))
    path = write(palette, "palette.png", "PNG", transparency=index)
    assert decode.decode(path)[10, 10].tolist() == [255, 255, 255]
    gray = Image.merge("LA", [Image.new("L", (80, 60), 100), Image.new("L", (80, 60), 0)])
    assert decode.decode(write(gray, "gray.png", "PNG")).min() == 255


def pages(count: int) -> list[Image.Image]:
    """Return images of one colour each, of different sizes."""
    return [Image.new("RGB", (40 + index, 30), (10 * index, 0, 0)) for index in range(count)]


def test_of_a_tiff_with_several_pages_the_first_is_decoded(write):
    images = pages(3)
    path = write(images[2], "stack.tif", "TIFF", save_all=True, append_images=images[:2])
    assert decode.probe(path).frames == 3
    rgb = decode.decode(path)
    assert rgb.shape == (30, 42, 3)
    assert rgb[0, 0].tolist() == [20, 0, 0]
    assert refusal(path, limits=decode.DecodeLimits(max_frames=2)).code == "too-many-pages"


def test_a_tiff_whose_pages_form_a_loop_ends(write):
    images = pages(2)
    path = write(images[0], "loop.tif", "TIFF", save_all=True, append_images=images[1:])
    data = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    (second,) = struct.unpack_from("<I", data, first + 2 + 12 * count)
    (entries,) = struct.unpack_from("<H", data, second)
    struct.pack_into("<I", data, second + 2 + 12 * entries, first)
    path.write_bytes(data)
    assert decode.probe(path).frames == 2


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_shown(write, kind):
    images = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    path = write(images[0], "moving", kind, save_all=True, append_images=images[1:], **options)
    assert decode.probe(path).frames == 1
    assert decode.decode(path)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.95])
@pytest.mark.parametrize(("kind", "options"), ALL)
def test_truncated_files_say_so(write, kind, options, share, smooth_field):
    path = write(smooth_field(200, 300), "field", kind, **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert refusal(path).code == "truncated-field"


def test_damage_inside_is_found(write, smooth_field):
    path = write(smooth_field(200, 300), "field.png", "PNG")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(data)
    assert refusal(path).code == "unreadable-field"


def test_float_tiff_gif_and_others_are_named(field, write, tmp_path):
    floats = tmp_path / "floats.tiff"
    assert cv2.imwrite(str(floats), field.astype(np.float32))
    assert refusal(floats).code == "unsupported-format"
    error = refusal(write(field, "moving.jpg", "GIF"))
    assert error.code == "unsupported-format"
    assert "GIF" in error.sentence
    for name, content in {"a.pdf": b"%PDF-1.7 ...", "b.zip": b"PK\x03\x04" + bytes(40)}.items():
        (tmp_path / name).write_bytes(content)
        assert refusal(tmp_path / name).code == "unsupported-format"


@pytest.mark.parametrize(
    "content", [b"\n", b"hello", b"<svg></svg>", bytes(500), b"\xff\xd8", b"BM", b"II*\0"]
)
def test_what_is_no_image_is_refused(tmp_path, content):
    path = tmp_path / "note.jpg"
    path.write_bytes(content)
    assert refusal(path).code in {"not-an-image", "truncated-field"}
    with pytest.raises(StationError):
        decode.probe(path)


def test_empty_and_tiny_files(field, write, tmp_path):
    (tmp_path / "empty.jpg").touch()
    assert refusal(tmp_path / "empty.jpg").code == "empty-file"
    path = write(field[:1, :1], "dot.png", "PNG")
    assert refusal(path).code == "too-small"
    assert decode.decode(path, decode.DecodeLimits(min_side=1)).shape == (1, 1, 3)


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return one chunk of a PNG with a valid checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize("side", [20_000, 65_536, 2_000_000_000])
def test_a_decompression_bomb_is_refused_from_its_header(tmp_path, monkeypatch, side):
    body = zlib.compress(bytes(1 << 20), 9)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", body) + chunk(b"IEND", b""))
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("pixels were decoded"))
    assert refusal(path).code == "too-large"


def test_limits_of_bytes_pixels_and_scans(write, smooth_field):
    picture = smooth_field(200, 300)
    path = write(picture, "field.jpg", "JPEG", progressive=True)
    for limits, setting in (
        (decode.DecodeLimits(max_bytes=1000), "max_megabytes"),
        (decode.DecodeLimits(max_pixels=59_999), "max_megapixels"),
    ):
        refused = refusal(path, limits=limits)
        assert refused.code == "too-large"
        assert f"raise {setting} in settings.json" in refused.sentence
        assert setting in Settings._fields
    refused = refusal(path, limits=decode.DecodeLimits(max_side=100))
    assert (refused.code, "settings.json" in refused.sentence) == ("too-large", False)
    data = path.read_bytes()
    scan = data[data.rindex(b"\xff\xda") : -2]
    path.write_bytes(data[:-2] + scan * 120 + data[-2:])
    assert "scans" in refusal(path).sentence


def test_the_suffix_plays_no_part(field, write):
    path = write(field, "field.tif", "PNG")
    assert decode.probe(path).format == "PNG"
    np.testing.assert_array_equal(decode.decode(path), field)


def test_polyglots_are_what_they_begin_with(field, write, tmp_path):
    path = write(field, "field.jpg", "JPEG")
    plain = decode.decode(path)
    archive = b"PK\x03\x04" + bytes(26) + b"evil.exe" + bytes(300)
    path.write_bytes(path.read_bytes() + archive)
    np.testing.assert_array_equal(decode.decode(path), plain)
    (tmp_path / "reversed.jpg").write_bytes(archive + path.read_bytes())
    assert refusal(tmp_path / "reversed.jpg").code == "unsupported-format"


@POSIX
def test_pipes_devices_sockets_folders_and_loops_are_not_read(tmp_path):
    fifo, loop, dangling = tmp_path / "pipe.jpg", tmp_path / "loop.jpg", tmp_path / "gone.jpg"
    os.mkfifo(fifo)
    loop.symlink_to(loop)
    dangling.symlink_to(tmp_path / "nothing")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.jpg"))
        for path in (fifo, Path("/dev/zero"), tmp_path / "s.jpg", tmp_path):
            with pytest.raises(StationError) as caught:
                decode.decode(path)
            assert caught.value.code == "not-a-file"
    assert refusal(loop).code == "unreadable-field"
    assert refusal(dangling).code == "not-found"
    assert refusal(tmp_path / "missing.jpg").code == "not-found"


@POSIX
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_missing_permission_is_named(field, write):
    path = write(field, "secret.jpg", "JPEG")
    path.chmod(0)
    assert refusal(path).code == "no-permission"


@POSIX
@pytest.mark.parametrize(
    "name",
    [
        b"line\nbreak.jpg",
        "\u202egpj.exe".encode(),
        b"latin-\xe9.jpg",
        b"x" * 251 + b".jpg",
        "Präparat №7 骨髄.jpg".encode(),
    ],
)
def test_strange_names_are_read_and_shown_safely(field, tmp_path, name, encoded):
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(encoded(Image.fromarray(field), "PNG"))
    np.testing.assert_array_equal(decode.decode(path), field)
    path.write_bytes(b"no image")
    sentence = refusal(path).sentence
    sentence.encode("utf-8")
    assert len(sentence) < 250


def test_a_nul_in_a_name_is_an_error_not_a_crash():
    with pytest.raises(StationError) as caught:
        decode.probe(Path("a\0b.jpg"))
    assert caught.value.code == "unreadable-field"


def test_suffixes():
    assert looks_like_field(Path("a/B.JPG"))
    assert looks_like_field(Path("slide.Tiff"))
    assert not looks_like_field(Path("notes.txt"))
    assert not looks_like_field(Path("jpg"))


def test_threads_give_the_same_bytes(write, smooth_field):
    paths = [write(smooth_field(384, 512, seed), f"{seed}.jpg", "JPEG") for seed in range(6)]
    alone = [hashlib.sha256(decode.decode_reduced(path, (224, 224))).digest() for path in paths]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            many = list(pool.map(lambda path: decode.decode_reduced(path, (224, 224)), paths))
            assert [hashlib.sha256(rgb).digest() for rgb in many] == alone


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("shape", [(60, 80), (224, 224), (480, 640), (1000, 1400)])
def test_reduced_has_the_size_and_look_of_the_whole(write, kind, shape, smooth_field):
    path = write(smooth_field(*shape), "field", kind)
    reduced = decode.decode_reduced(path, (100, 100))
    assert reduced.shape == (100, 100, 3)
    assert reduced.flags.c_contiguous
    whole = cv2.resize(decode.decode(path), (100, 100), interpolation=cv2.INTER_AREA)
    assert abs(float(reduced.mean()) - float(whole.mean())) < 2


def test_a_field_of_the_wanted_size_is_left_alone(field, write):
    path = write(field, "field.png", "PNG")
    np.testing.assert_array_equal(decode.decode_reduced(path, (60, 80)), field)


def test_known_bytes_decode_to_known_pixels():
    """A new OpenCV that samples differently must be noticed, as a model's figures hang on it."""
    picture = np.add.outer(np.arange(96) * 2, np.arange(128)).astype(np.uint8)
    rgb = pixel_conversions.squash(np.repeat(picture[..., None], 3, axis=2), (30, 40))
    assert hashlib.sha256(rgb).hexdigest()[:16] == "4aa2286fdee9c26a"


def test_data_may_be_handed_in(field, write):
    path = write(field, "field.png", "PNG")
    data = decode.read_bytes(path)
    path.unlink()
    np.testing.assert_array_equal(decode.decode(path, data=data), field)


@pytest.mark.real_data
def test_real_camera_frames_look_like_their_twins(real_data):
    import csv

    with (real_data / "taleqani-highres" / "matches.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[::8]
    assert len(rows) == 5
    for row in rows:
        frame = real_data / "taleqani-highres" / row["class"] / row["file"]
        twin = decode.decode(real_data / "taleqani" / "Original" / row["class"] / row["same_field_as"])
        reduced = decode.decode_reduced(frame, (224, 224))
        difference = np.abs(reduced[:180].mean(axis=2) - twin[:180].mean(axis=2)).mean()
        assert difference < 2.0, row["file"]
