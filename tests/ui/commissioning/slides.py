"""Slides of synthetic fields whose file names say what their cells are taken for."""

from __future__ import annotations

from pathlib import Path

from allstation.imaging.synthetic import draw_field, write_field
from allstation.store.case import Case

KINDS = {"Benign": "lymphocyte", "Pro": "blast"}


def write_slides(folder: Path, slides: int, *, size: tuple[int, int]) -> Path:
    """Draw a field of each kind for each slide, a folder a slide; what is there is left."""
    for slide in range(slides):
        for kind in KINDS:
            path = folder / f"Slide {slide + 1}" / f"{kind}.jpg"
            if not path.is_file():
                write_field(path, draw_field(kind, 100 * slide, size=size))
    return folder


def types_in(case: Path) -> dict[int, str]:
    """Return what each cell of a case is taken for."""
    with Case.open(case, read_only=True) as opened:
        kinds = {one.id: KINDS[one.path.stem] for one in opened.fields.page()}
        return {cell.id: kinds[cell.field_id] for cell in opened.cells.records(opened.cells.ids())}
