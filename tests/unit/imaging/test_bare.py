"""Files of anonymised exports: the same pixels, of a JPEG the same coded picture, and nothing of the rest."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from allstation.core.errors import StationError
from allstation.imaging import bare
from allstation.imaging.bare import bare_field
from allstation.imaging.fields.file import FieldFile, read_field
from tests import pictures_with_names
from tests.every_byte import everything_in, found_in

NAME = "Vexbabaley"


def drawn(mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(3)
    blocks = np.kron(rng.integers(0, 256, (9, 13, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    return Image.fromarray(blocks).convert(mode)


def opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        picture.load()
        return picture


def stripped(path: Path) -> Path:
    content, suffix = bare_field(read_field(path), note="a code")
    target = path.with_name(f"bare{suffix}")
    target.write_bytes(content)
    return target


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_keeps_its_coded_picture_and_its_orientation(tmp_path, orientation):
    path = pictures_with_names.write_jpeg(tmp_path / "a.jpg", drawn(), NAME, orientation=orientation)
    assert found_in(everything_in([path]), [NAME])
    made = stripped(path)
    assert made.suffix == ".jpg"
    assert not found_in(everything_in([made]), [NAME])
    before, after = path.read_bytes(), made.read_bytes()
    scan = before[before.rindex(b"\xff\xda") : before.rindex(b"\xff\xd9")]
    assert len(scan) > 1000
    assert after.endswith(scan + b"\xff\xd9")
    assert np.array_equal(read_field(path).pixels, read_field(made).pixels)
    assert opened(made).getexif().get(0x0112, 1) == orientation
    known = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "exif", "comment"}
    assert set(opened(made).info) <= known
    assert opened(made).info["comment"] == b"a code"


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("L", {}),
        ("RGB", {"progressive": True}),
        ("RGB", {"restart_marker_blocks": 2}),
        ("RGB", {"subsampling": 0}),
        ("RGB", {"keep_rgb": True}),
        ("CMYK", {}),
    ],
)
def test_every_kind_of_jpeg_shows_the_same_pixels(tmp_path, mode, options):
    path = tmp_path / "a.jpg"
    drawn(mode).save(path, quality=90, comment=NAME, **options)
    made = stripped(path)
    assert made.suffix == ".jpg"
    assert np.array_equal(read_field(path).pixels, read_field(made).pixels)
    assert NAME.encode() not in made.read_bytes()


@pytest.mark.parametrize("write", ["png", "tiff", "webp", "bmp"])
def test_other_formats_become_a_png_of_the_pixels(tmp_path, write):
    path = getattr(pictures_with_names, f"write_{write}")(tmp_path / f"a.{write}", drawn(), NAME)
    assert found_in(everything_in([path]), [NAME])
    made = stripped(path)
    assert made.suffix == ".png"
    assert not found_in(everything_in([made]), [NAME])
    assert np.array_equal(read_field(path).pixels, read_field(made).pixels)
    assert opened(made).text == {"Comment": "a code"}


def test_only_the_first_page_goes(tmp_path):
    path = tmp_path / "a.tif"
    drawn().save(path, save_all=True, append_images=[drawn("L")])
    assert getattr(opened(stripped(path)), "n_frames", 1) == 1


def test_a_jpeg_whose_segments_cannot_be_told_apart_is_written_anew(tmp_path, monkeypatch):
    path = pictures_with_names.write_jpeg(tmp_path / "a.jpg", drawn(), NAME)
    monkeypatch.setattr(bare, "_bare_jpeg", lambda *_: b"\xff\xd8\xff\xd9")
    made = stripped(path)
    assert made.suffix == ".png"
    assert np.array_equal(read_field(path).pixels, read_field(made).pixels)


def test_a_file_that_would_show_other_pixels_is_not_written(monkeypatch):
    data = io.BytesIO()
    drawn().save(data, "PNG")
    monkeypatch.setattr(bare, "_png", lambda *_: b"")
    with pytest.raises(StationError) as refused:
        bare_field(FieldFile(Path("a.png"), data.getvalue()), note="a code")
    assert refused.value.code == "not-bare"
