"""The pixel size a TIFF states: measured ones are believed, the defaults of printers are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from allstation.imaging.formats.stated_size import stated_pixel_size

INCH, CENTIMETRE, NONE = 2, 3, 1
OME = (
    '<?xml version="1.0" encoding="UTF-8"?><OME><Image ID="Image:0" Name="not 9 nm">'
    '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" {size} SizeX="40" SizeY="30"/></Image></OME>'
)


def tiff(folder: Path, *, resolution: tuple[int, int] | None = None, **tags: Any) -> Path:
    path = folder / "field.tif"
    if resolution is not None:
        tags |= {"x_resolution": resolution[0], "y_resolution": resolution[1]}
    Image.fromarray(np.full((30, 40, 3), 200, np.uint8)).save(path, **tags)
    return path


@pytest.mark.parametrize(
    ("tags", "size"),
    [
        ({"resolution": (100_000, 100_000), "resolution_unit": CENTIMETRE}, 0.1),
        ({"resolution": (254_000, 254_000), "resolution_unit": INCH}, 0.1),
        ({"resolution": (254_000, 254_000)}, 0.1),
        ({"description": OME.format(size='PhysicalSizeX="0.0645" PhysicalSizeY="0.0645"')}, 0.0645),
        (
            {
                "description": OME.format(
                    size='PhysicalSizeX="64.5" PhysicalSizeXUnit="nm" '
                    'PhysicalSizeY="64.5" PhysicalSizeYUnit="nm"'
                )
            },
            0.0645,
        ),
        (
            {"description": "ImageJ=1.54f\nunit=micron\n", "resolution": (10, 10), "resolution_unit": NONE},
            0.1,
        ),
        (
            {"description": "ImageJ=1.54f\nunit=\\u00B5m\n", "resolution": (8, 8), "resolution_unit": NONE},
            0.125,
        ),
    ],
)
def test_a_measured_size_is_read(tmp_path: Path, tags: dict[str, Any], size: float) -> None:
    assert stated_pixel_size(tiff(tmp_path, **tags).read_bytes()) == pytest.approx(size)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"resolution": (72, 72), "resolution_unit": INCH},
        {"resolution": (96, 96), "resolution_unit": INCH},
        {"resolution": (1200, 1200), "resolution_unit": INCH},
        {"resolution": (1, 1), "resolution_unit": NONE},
        {"resolution": (100_000, 50_000), "resolution_unit": CENTIMETRE},
        {"resolution": (0, 0), "resolution_unit": CENTIMETRE},
        {"description": OME.format(size='PhysicalSizeX="1"')},
        {"description": OME.format(size='PhysicalSizeX="nan" PhysicalSizeY="nan"')},
        {"description": OME.format(size='PhysicalSizeX="1" PhysicalSizeXUnit="pixel" PhysicalSizeY="1"')},
        {"description": "ImageJ=1.54f\nunit=inch\n", "resolution": (10, 10), "resolution_unit": NONE},
    ],
)
def test_what_is_no_measurement_is_left_out(tmp_path: Path, tags: dict[str, Any]) -> None:
    assert stated_pixel_size(tiff(tmp_path, **tags).read_bytes()) is None


def test_a_file_of_another_kind_or_none_says_nothing(tmp_path: Path) -> None:
    picture = tmp_path / "field.jpg"
    Image.new("RGB", (40, 30)).save(picture, dpi=(254_000, 254_000))
    assert stated_pixel_size(picture.read_bytes()) is None
    assert stated_pixel_size(b"") is None


def test_no_damage_of_the_directory_raises(tmp_path: Path) -> None:
    path = tiff(tmp_path, resolution=(100_000, 100_000), resolution_unit=CENTIMETRE, description="x" * 90)
    whole = path.read_bytes()
    start = int.from_bytes(whole[4:8], "little")
    for at in (4, *range(start, start + 260)):
        value = 0xFF if whole[at] != 0xFF else 0x00
        path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
        size = stated_pixel_size(path.read_bytes())
        assert size is None or 0.005 <= size <= 5.0
    for length in range(0, start + 400, 3):
        path.write_bytes(whole[:length])
        stated_pixel_size(path.read_bytes())
