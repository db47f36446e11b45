"""Layers over a slide, built from the case's fields on another thread: rectangles and density maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PySide6.QtCore import QSizeF
from PySide6.QtGui import QColor

from allstation.core.classes import NEEDS_REVIEW, class_style
from allstation.core.records import FieldState
from allstation.core.slide_file import SlideFieldMark
from allstation.core.slide_info import SlideInfo
from allstation.core.slide_part import Region
from allstation.ui.common.formatting import number, percent
from allstation.ui.common.i18n import tr
from allstation.ui.slide.density import DensityMap, density_image
from allstation.ui.slide.marks import (
    AMBER,
    BROKEN,
    HIDDEN,
    NEEDS_PERSON,
    WAITS,
    MarkStyle,
    SlideMarks,
    decided,
)

DOUBT: Final = "doubt"
"""Key of the map of fields that need a person; a class's own name is the key of its map."""
WHITES: Final = ":white cells"
"""Key of the map of white cells."""
_WHITES_COLOUR: Final = "#7a3fd0"
"""Purple, as nuclei are stained."""
_USUAL_UM: Final = 0.25
"""Micrometres a pixel where a file does not say it, as is usual for 40x."""


@dataclass(frozen=True, slots=True)
class SlideContents:
    """Layers over a slide.

    Attributes:
        marks: The fields.
        density: The map that was asked for, or None.
        size: Size of a field of this slide as most of its fields have it, pixels of level 0; if it has
            none, as they would be proposed.
        template: A field of that size.
    """

    marks: SlideMarks
    density: DensityMap | None
    size: QSizeF
    template: Region


@dataclass(frozen=True, slots=True)
class BuildContents:
    """Builds the contents of a slide. Runs on another thread.

    Attributes:
        fields: The fields, as the case knows them.
        info: Facts of the slide.
        classes: Names in the order of the model's outputs.
        blind: Nothing of what a model or another person said is shown.
        shown_map: Key of the map; empty for none.
    """

    fields: Sequence[SlideFieldMark]
    info: SlideInfo
    classes: tuple[str, ...] = ()
    blind: bool = False
    shown_map: str = ""

    def __call__(self) -> SlideContents:
        """Return the contents."""
        placed = [(mark, mark.part) for mark in self.fields if isinstance(mark.part, Region)]
        placed = [(mark, part) for mark, part in placed if part.level < len(self.info.levels)]
        boxes = np.array([self._box(part) for _, part in placed], np.float64).reshape(-1, 4)
        styles: dict[MarkStyle, int] = {}
        looks = [styles.setdefault(self._style(mark), len(styles)) for mark, _ in placed]
        marks = SlideMarks([mark.field_id for mark, _ in placed], boxes, looks, tuple(styles))
        size = QSizeF(self.info.width, self.info.height)
        if len(marks):
            marks.dots(size)
        template = self._template([part for _, part in placed])
        wide = QSizeF(*self._box(template)[2:])
        density = self._density([mark for mark, _ in placed], boxes, size)
        return SlideContents(marks, density, wide, template)

    def _box(self, part: Region) -> tuple[float, float, float, float]:
        scale = self.info.levels[part.level].downsample
        return part.x, part.y, part.width * scale, part.height * scale

    def _style(self, mark: SlideFieldMark) -> MarkStyle:
        if mark.state is FieldState.FAILED:
            return BROKEN
        if self.blind:
            return HIDDEN
        if mark.needs_review or mark.final == NEEDS_REVIEW:
            return NEEDS_PERSON
        if mark.final is None:
            return WAITS
        index = self.classes.index(mark.final) if mark.final in self.classes else 0
        return decided(mark.final, index)

    def _usual(self) -> Region:
        """Return a part of the size that would be proposed."""
        from allstation.imaging.slides.squares import FieldSize, make_grid

        pixel_um = self.info.pixel_um or _USUAL_UM
        width, height = make_grid(self.info, pixel_um, FieldSize()).field
        return Region(level=0, x=0, y=0, width=width, height=height)

    def _template(self, parts: Sequence[Region]) -> Region:
        """Return a part of the size that most have."""
        counts: dict[tuple[int, int, int], int] = {}
        for part in parts:
            key = part.level, part.width, part.height
            counts[key] = counts.get(key, 0) + 1
        if not counts:
            return self._usual()
        level, width, height = max(counts, key=counts.__getitem__)
        return Region(level=level, x=0, y=0, width=width, height=height)

    def _density(
        self, fields: Sequence[SlideFieldMark], boxes: np.ndarray, size: QSizeF
    ) -> DensityMap | None:
        if self.shown_map == WHITES:
            return None if self.blind else _white_cells(fields, boxes, size)
        known = np.array([mark.final is not None for mark in fields], bool)
        if self.blind or not self.shown_map or not known.any():
            return None
        values = np.array([self._value(mark) for mark in fields], np.float64)
        if self.shown_map == DOUBT:
            colour, title = QColor(AMBER), tr("Fields near here that need a person")
        else:
            place = self.classes.index(self.shown_map) if self.shown_map in self.classes else 0
            colour = QColor(class_style(self.shown_map, place).colour)
            title = tr("Fields near here decided as {name}", name=self.shown_map)
        image = density_image(boxes[known], values[known], size, colour)
        return DensityMap(image, title, percent(0.0, digits=0), percent(1.0, digits=0), colour)

    def _value(self, mark: SlideFieldMark) -> float:
        if self.shown_map == DOUBT:
            return float(mark.needs_review or mark.final == NEEDS_REVIEW)
        return float(mark.final == self.shown_map)


def _white_cells(fields: Sequence[SlideFieldMark], boxes: np.ndarray, size: QSizeF) -> DensityMap | None:
    """Return the map of how many white cells were found in the fields of a place, for fields of one size."""
    known = np.array([mark.cells is not None for mark in fields], bool)
    if not known.any():
        return None
    areas = boxes[known, 2] * boxes[known, 3]
    counts = np.array([mark.cells for mark in fields if mark.cells is not None], np.float64)
    counts *= np.median(areas) / np.maximum(areas, 1.0)
    most = max(float(counts.max()), 1.0)
    colour = QColor(_WHITES_COLOUR)
    image = density_image(boxes[known], counts / most, size, colour)
    title = tr("White cells found in fields near here")
    return DensityMap(image, title, "0", tr("{n} a field", n=number(round(most))), colour)
