"""Slides opened in the tests' own process, so that many cost little; and slides held in memory."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import openslide

from allstation.core.slide_info import Level, SlideInfo


class OpenedSlide:
    """Slide's file as OpenSlide reads it, with the facts that a reader gives."""

    def __init__(self, path: Path, **facts) -> None:
        self._slide = openslide.OpenSlide(path / "level-0.dcm" if path.is_dir() else path)
        said = self._slide.properties
        width, height = self._slide.dimensions
        sizes = zip(self._slide.level_dimensions, self._slide.level_downsamples, strict=True)
        pixel_um, objective = said.get("openslide.mpp-x"), said.get("openslide.objective-power")
        self.info = SlideInfo(
            **{
                "format": "slide",
                "vendor": said["openslide.vendor"],
                "width": width,
                "height": height,
                "levels": tuple(Level(*size, downsample) for size, downsample in sizes),
                "pixel_um": float(pixel_um) if pixel_um else None,
                "objective": float(objective) if objective else None,
            }
            | facts
        )

    def read(self, part):
        rgba = np.asarray(self._slide.read_region((part.x, part.y), part.level, (part.width, part.height)))
        return np.where(rgba[..., 3:] == 255, rgba[..., :3], np.uint8(255))


class HeldSlide:
    """Slide whose pixels are held in memory, each level half of the one before."""

    def __init__(self, rgb, *, pixel_um: float | None) -> None:
        self._levels = [rgb]
        while max(self._levels[-1].shape) > 1000:
            self._levels.append(
                cv2.resize(self._levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            )
        height, width = rgb.shape[:2]
        levels = tuple(Level(one.shape[1], one.shape[0], width / one.shape[1]) for one in self._levels)
        self.info = SlideInfo(
            format="held", vendor="none", width=width, height=height, levels=levels, pixel_um=pixel_um
        )

    def read(self, part):
        downsample = self.info.levels[part.level].downsample
        left, top = int(part.x / downsample), int(part.y / downsample)
        piece = self._levels[part.level][top : top + part.height, left : left + part.width]
        missing = (part.height - piece.shape[0], part.width - piece.shape[1])
        return np.pad(piece, ((0, missing[0]), (0, missing[1]), (0, 0)), constant_values=255)
