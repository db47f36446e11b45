"""JPEG: complete, or refused; whatever follows the picture is not it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from allstation.core.errors import StationError
from allstation.imaging.formats import decode, pixel_conversions

END = b"\xff\xd9"


def code_of(path: Path, data: bytes) -> str:
    """Return the code with which bytes are refused, at full size and squashed alike."""
    path.write_bytes(data)
    codes = set()
    for read in (decode.decode, lambda given: decode.decode_reduced(given, (32, 32))):
        with pytest.raises(StationError) as caught:
            read(path)
        codes.add(caught.value.code)
    (code,) = codes
    return code


@pytest.fixture(
    params=[{}, {"progressive": True}, {"restart_marker_rows": 2}, {"subsampling": 0}, {"gray": True}]
)
def whole(request, smooth_field) -> bytes:
    """Return a JPEG of each usual kind."""
    options = dict(request.param)
    image = Image.fromarray(smooth_field(120, 160))
    image = image.convert("L") if options.pop("gray", False) else image
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("share", np.linspace(0.3, 0.98, 12))
@pytest.mark.parametrize("tail", ["nothing", "end", "second picture"])
def test_a_cut_picture_is_refused_whatever_follows_it(whole, tmp_path, share, tail):
    kept = whole[: int(len(whole) * share)]
    behind = {"nothing": b"", "end": END, "second picture": whole}[tail]
    assert code_of(tmp_path / "a.jpg", kept + behind) in {"truncated-field", "unreadable-field"}


@pytest.mark.parametrize("fill", [0x00, 0x55, 0xAA, 0xF6, 0xFE])
@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"quality": 95}, {"progressive": True}])
def test_a_copy_that_ended_early_and_was_filled_up_is_refused(smooth_field, write, tmp_path, fill, options):
    """A stick that was pulled out leaves a file of the right size, whose rest is one byte again and again."""
    whole = write(smooth_field(120, 160), "a.jpg", "JPEG", **options).read_bytes()
    start = whole.rindex(b"\xff\xda") + 20
    for at in np.linspace(start, len(whole) - 300, 9).astype(int):
        for end in (b"", END):
            copied = whole[:at] + bytes([fill]) * (len(whole) - at) + end
            assert code_of(tmp_path / "b.jpg", copied) in {"truncated-field", "unreadable-field"}


def test_a_cut_picture_leaves_nothing_on_the_terminal(whole, tmp_path, capfd):
    code_of(tmp_path / "a.jpg", whole[: len(whole) // 2] + END)
    assert capfd.readouterr() == ("", "")


def test_a_progressive_picture_without_its_last_scans_is_refused(smooth_field, write, tmp_path):
    data = write(smooth_field(120, 160), "a.jpg", "JPEG", progressive=True).read_bytes()
    scans = [at for at in range(len(data)) if data[at : at + 2] in {b"\xff\xda", b"\xff\xc4"}]
    cuts = [at for at in scans if data.find(b"\xff\xda", 0, at) > 0]
    assert len(cuts) > 4
    for at in cuts:
        assert code_of(tmp_path / "b.jpg", data[:at] + END) == "truncated-field"


def test_a_complete_picture_without_an_end_marker_is_read(whole, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(whole)
    rgb = decode.decode(path)
    path.write_bytes(whole.removesuffix(END))
    np.testing.assert_array_equal(decode.decode(path), rgb)


@pytest.mark.parametrize("behind", [b"\0" * 300, b"text", "again"])
def test_bytes_behind_the_picture_do_not_matter(whole, tmp_path, behind):
    path = tmp_path / "a.jpg"
    path.write_bytes(whole)
    rgb = decode.decode(path)
    path.write_bytes(whole + (whole if behind == "again" else behind))
    np.testing.assert_array_equal(decode.decode(path), rgb)


@pytest.mark.parametrize("left_over", [b"\0" * 40, b"\0", b"\x12\x34"])
def test_padding_before_the_end_marker_is_no_damage(whole, tmp_path, left_over):
    path = tmp_path / "a.jpg"
    path.write_bytes(whole)
    rgb = decode.decode(path)
    path.write_bytes(whole.removesuffix(END) + left_over + END)
    np.testing.assert_array_equal(decode.decode(path), rgb)


def test_data_that_are_left_over_are_damage(whole, tmp_path):
    left_over = bytes(range(1, 60))
    assert code_of(tmp_path / "a.jpg", whole.removesuffix(END) + left_over + END) == "unreadable-field"


@pytest.mark.parametrize(
    ("marker", "depth", "name"),
    [
        (0xC1, 12, "12-bit JPEG"),
        (0xC3, 16, "16-bit JPEG"),
        (0xC5, 8, "hierarchical JPEG"),
        (0xF7, 8, "JPEG-LS"),
    ],
)
def test_a_kind_that_is_not_read_is_named(field, write, marker, depth, name):
    path = write(field, "a.jpg", "JPEG")
    data = path.read_bytes()
    at = data.index(b"\xff\xc0")
    path.write_bytes(
        data[:at] + bytes([0xFF, marker]) + data[at + 2 : at + 4] + bytes([depth]) + data[at + 5 :]
    )
    with pytest.raises(StationError) as caught:
        decode.probe(path)
    assert caught.value.code == "unsupported-format"
    assert name in caught.value.sentence


@pytest.mark.parametrize("size", [(224, 224), (301, 407), (768, 1024)])
def test_the_pixels_are_those_of_pillow_and_the_reduced_ones_those_of_opencv(smooth_field, write, size):
    import cv2

    path = write(smooth_field(*size), "a.jpg", "JPEG", quality=90)
    np.testing.assert_array_equal(decode.decode(path), np.asarray(Image.open(path)))
    reduced = decode.decode_reduced(path, (60, 60))
    flags = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}
    step = max(step for step in flags if step == 1 or step <= min(size) / 60 / 3)
    read = cv2.imread(str(path), flags[step])
    np.testing.assert_array_equal(
        reduced, pixel_conversions.squash(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), (60, 60))
    )


@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
def test_a_cut_picture_of_inks_is_refused(smooth_field, tmp_path, share):
    image = Image.fromarray(smooth_field(60, 80)).convert("CMYK")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    data = buffer.getvalue()
    assert code_of(tmp_path / "a.jpg", data[: int(len(data) * share)] + END) == "unreadable-field"
    with pytest.raises(ValueError, match=r"premature|Premature|Corrupt"):
        simplejpeg.decode_jpeg(data[: int(len(data) * 0.7)] + END, "CMYK")
