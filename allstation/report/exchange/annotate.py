"""Annotated fields: a picture with its probabilities drawn under it, for systems that show pictures only."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from allstation import paths
from allstation.core.classes import NEEDS_REVIEW, RESEARCH_USE, class_style
from allstation.core.records import FieldRecord
from allstation.imaging.fields.file import read_field
from allstation.report.content.field_types import FieldRow
from allstation.report.content.wording import probability
from allstation.report.drawing import palette

_BAND: Final = 0.17
"""Height of the band under the field, share of its width."""


def annotated(field: FieldRecord, row: FieldRow, *, width: int) -> NDArray[np.uint8]:
    """Draw a field with a band under it: decision, class letters, per cent and bars.

    Args:
        field: The field.
        row: The same field as the report holds it.
        width: Pixels across, at most.

    Returns:
        (h, w, 3) uint8 RGB.

    Raises:
        StationError: If the file cannot be read, or holds other bytes than were added.
    """
    file = read_field(field.path, sha256=field.sha256)
    if field.width > width:
        rgb = file.reduced((max(1, round(field.height * width / field.width)), width))
    else:
        rgb = file.pixels
    height, across = rgb.shape[:2]
    band = max(64, round(across * _BAND))
    picture = Image.new("RGB", (across, height + band), palette.PAPER)
    picture.paste(Image.fromarray(rgb), (0, 0))
    _draw_band(ImageDraw.Draw(picture), row, (height, across, band))
    return np.asarray(picture, np.uint8)


def _draw_band(draw: ImageDraw.ImageDraw, row: FieldRow, size: tuple[int, int, int]) -> None:
    top, across, band = size
    unit = band / 10
    bold, plain = (_font(name, 1.75 * unit) for name in ("Inter-SemiBold", "Inter-Regular"))
    name = row.final or "not read"
    title = f"{name}, reviewed" if row.reviewed else name
    style = class_style(row.final or NEEDS_REVIEW)
    draw.text((unit, top + 0.6 * unit), f"{style.letter}  {title}", palette.INK, font=bold)
    values = row.shown_probabilities
    if not values:
        bar = (unit, top + 5.8 * unit, across - unit, top + 6.7 * unit)
        draw.text((unit, top + 3.2 * unit), row.no_percentages, palette.MUTED, font=plain)
        if row.probabilities:
            draw.rectangle(bar, fill=palette.HAIR)
            draw.line(
                (bar[0], top + 6.25 * unit, bar[2], top + 6.25 * unit), palette.MUTED, max(1, round(unit / 6))
            )
    each = (across - unit) / max(1, len(values))
    for index, (label, value) in enumerate(values):
        style = class_style(label, index)
        x = unit + index * each
        text = f"{style.letter} {probability(value)} %"
        draw.text((x, top + 3.2 * unit), text, palette.INK, font=bold if label == row.top else plain)
        bar = (x, top + 5.8 * unit, x + each - unit, top + 6.7 * unit)
        draw.rectangle(bar, fill=palette.HAIR)
        draw.rectangle((*bar[:2], bar[0] + (bar[2] - bar[0]) * value, bar[3]), fill=style.colour)
    draw.text((unit, top + 7.6 * unit), RESEARCH_USE, palette.MUTED, font=_font("Inter-Regular", 1.2 * unit))


def _font(name: str, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(paths.resource(f"fonts/{name}.ttf")), max(6, round(size)))
