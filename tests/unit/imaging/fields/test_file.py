"""Reading a field once: hash, header, pixel size and pixels are of the same bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from allstation.core.errors import StationError
from allstation.imaging.fields.file import read_field
from allstation.imaging.formats import decode
from allstation.imaging.synthetic import draw_field, write_field


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "field.jpg"
    write_field(target, draw_field("Pre", 3, size=(384, 512)))
    return target


@pytest.mark.parametrize("asked", ["sha256", "header", "pixels"])
def test_whatever_happens_to_the_file_afterwards_all_is_of_the_bytes_that_were_read(path: Path, asked: str):
    before = path.read_bytes()
    pixels = decode.decode(path)
    file = read_field(path)
    getattr(file, asked)
    Image.new("RGB", (99, 77), (255, 0, 0)).save(path, "png")
    assert file.sha256 == hashlib.sha256(before).hexdigest()
    assert (file.header.width, file.header.height, file.header.format) == (512, 384, "JPEG")
    np.testing.assert_array_equal(file.pixels, pixels)
    path.unlink()
    assert file.reduced((40, 60)).shape == (40, 60, 3)


def test_other_bytes_than_those_that_were_added_are_refused(path: Path):
    added = read_field(path).sha256
    assert read_field(path, sha256=added).sha256 == added
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(StationError, match="is not the one that was added") as refused:
        read_field(path, sha256=added)
    assert refused.value.code == "changed-field"


@pytest.mark.parametrize("size", [(224, 224), (168, 224), (100, 90), (30, 40)])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tif"])
def test_decoded_pixels_are_used_only_where_that_changes_nothing(tmp_path: Path, size, suffix):
    path = tmp_path / f"field{suffix}"
    Image.fromarray(draw_field("Early", 5, size=(768, 1024))).save(path)
    expected = decode.decode_reduced(path, size)
    file = read_field(path)
    np.testing.assert_array_equal(file.reduced(size), expected)
    assert file.pixels.shape == (768, 1024, 3)
    np.testing.assert_array_equal(file.reduced(size), expected)
    assert np.abs(file.thumbnail(size).astype(int) - expected).mean() < 3


def test_a_file_that_is_no_image_is_hashed_and_refused_when_it_is_asked_for_pixels(tmp_path: Path):
    path = tmp_path / "note.jpg"
    path.write_text("no picture")
    file = read_field(path)
    assert file.sha256 == hashlib.sha256(b"no picture").hexdigest()
    for asked in ("header", "pixels"):
        with pytest.raises(StationError) as refused:
            getattr(file, asked)
        assert refused.value.code == "not-an-image"
    assert file.pixel_size is None
