"""Small slides for tests: pyramids with a different picture at every place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

APERIO = (
    "Aperio Image Library v11.2.1 \r\n{width}x{height} [0,0 {width}x{height}] (256x256) JPEG/RGB Q=90"
    "|AppMag = 40|MPP = 0.2500|Date = 12/29/09|Time = 09:59:15|ScanScope ID = SS1302|Barcode = B-0815"
)


def picture(width: int, height: int, *, seed: int = 1) -> np.ndarray:
    """Return smooth colours that differ from place to place, (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[0:height, 0:width]
    waves = [
        127 + 60 * np.sin(across / rng.uniform(9, 30)) + 60 * np.cos(down / rng.uniform(9, 30))
        for _ in range(3)
    ]
    return np.stack(waves, axis=-1).astype(np.uint8)


def write_svs(path: Path, *, width: int = 1600, height: int = 1200, levels: int = 3) -> np.ndarray:
    """Write a slide as Aperio's scanners do, with label and macro; return its level 0 before compression."""
    rgb = picture(width, height)
    text = APERIO.format(width=width, height=height)
    with tifffile.TiffWriter(path) as out:
        out.write(rgb, tile=(256, 256), description=text, metadata=None, **_JPEG)
        out.write(rgb[::4, ::4], rowsperstrip=16, description=text, metadata=None, **_JPEG)  # thumbnail
        for level in range(1, levels):
            out.write(
                rgb[:: 4**level, :: 4**level], tile=(256, 256), description=text, metadata=None, **_JPEG
            )
        for name, colour, kind in (("label", 200, 1), ("macro", 90, 9)):
            out.write(
                np.full((90, 120, 3), colour, np.uint8),
                rowsperstrip=90,
                subfiletype=kind,
                description=f"Aperio Image Library v11.2.1 \r\n{name} 120x90",
                metadata=None,
                **_JPEG,
            )
    return rgb


def write_pyramid(path: Path, *, width: int = 1600, height: int = 1200) -> np.ndarray:
    """Write a tiled TIFF with two smaller copies of itself and its pixel size; return its level 0."""
    rgb = picture(width, height, seed=2)
    with tifffile.TiffWriter(path) as out:
        for level in range(3):
            out.write(
                rgb[:: 2**level, :: 2**level],
                tile=(256, 256),
                subfiletype=1 if level else 0,
                resolution=(40_000, 40_000),
                resolutionunit="CENTIMETER",
                compression="zlib",
                metadata=None,
            )
    return rgb


def write_ome(path: Path, rgb: np.ndarray, *, compression: str | None = "jpeg") -> None:
    """Write an OME-TIFF with two smaller copies that hang on its page, and a pixel size of 0.5 µm."""
    options = {"tile": (128, 128), "photometric": "rgb", "compression": compression}
    size = {"PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "µm"}
    with tifffile.TiffWriter(path, ome=True) as out:
        out.write(rgb, subifds=2, metadata={"axes": "YXS", **size}, **options)
        for level in (1, 2):
            out.write(rgb[:: 2**level, :: 2**level], subfiletype=1, **options)


_JPEG = {"compression": "jpeg", "compressionargs": {"level": 90}, "photometric": "rgb"}
