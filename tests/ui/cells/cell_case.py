"""Case of painted fields whose every cell has a colour of its own: pixels tell which cell is shown."""

from __future__ import annotations

import functools
import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from allstation.core.cells import CellOutline, NewCell
from allstation.core.records import ModelRecord, NewField
from allstation.imaging.cells.masks import encode_mask
from allstation.store.case import Case
from tests.makers import numbered

COLUMNS, ROWS, STEP, RADIUS = 4, 3, 112, 24
WIDTH, HEIGHT = COLUMNS * STEP, ROWS * STEP
PER_FIELD = COLUMNS * ROWS
PIXEL_SIZE = 0.4
"""Micrometres: a crop of 26 µm is 65 pixels wide and holds one cell."""
CLASSES = ("Benign", "Early", "Pre", "Pro")


def colour_of(number: int) -> tuple[int, int, int]:
    """Return the colour of a cell, by its number in the case from 0; no two of 1,000 are alike."""
    return 30 + 20 * (number % 10), 20 * (number // 10 % 10), 30 + 20 * (number // 100 % 10)


@functools.cache
def cell_at(place: int) -> NewCell:
    """Return the cell at a place of a field, found in a picture of half its size."""
    x, y = STEP // 2 + STEP * (place % COLUMNS), STEP // 2 + STEP * (place // COLUMNS)
    radius = RADIUS // 2
    down, across = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    mask = down**2 + across**2 <= radius**2
    left, top = x // 2 - radius, y // 2 - radius
    side = 2 * radius + 1
    return NewCell(
        left=2 * left,
        top=2 * top,
        width=2 * side,
        height=2 * side,
        x=float(x),
        y=float(y),
        area_px=4.0 * int(mask.sum()) + place,
        nucleus_share=0.6,
        at_edge=False,
        outline=CellOutline(
            runs=encode_mask(mask),
            left=left,
            top=top,
            width=side,
            height=side,
            picture=(WIDTH // 2, HEIGHT // 2),
        ),
        pixel_size=PIXEL_SIZE,
        support={"Benign": 0.1, "Early": 0.8 - place / 100, "Pre": 0.0, "Pro": 0.3},
    )


@functools.cache
def painted(first: int) -> bytes:
    """Return the PNG of a field whose cells are numbered in the case from ``first`` on."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (245, 235, 240))
    draw = ImageDraw.Draw(image)
    for place in range(PER_FIELD):
        cell = cell_at(place)
        box = (cell.x - RADIUS, cell.y - RADIUS, cell.x + RADIUS, cell.y + RADIUS)
        draw.ellipse(box, fill=colour_of(first + place))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def write_field(path: Path, first: int) -> Path:
    """Write a field whose cells are numbered in the case from ``first`` on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(painted(first))
    return path


def cell_case(folder: Path, fields: int, *, slides: int = 1) -> Path:
    """Make a closed case of painted fields; ids of cells rise in the order of fields and places, from 1."""
    case = folder / "Cells.allcase"
    with Case.create(case) as made:
        made.models.add(ModelRecord(sha256="a" * 64, name="m", version="1", classes=CLASSES, info={}))
        number = 0
        for slide in range(slides):
            home = made.slides.add(f"smear {slide + 1}", folder / f"smear {slide + 1}")
            new = []
            for _ in range(fields // slides):
                path = write_field(folder / f"smear {slide + 1}" / f"f{number:02d}.png", number * PER_FIELD)
                data = path.read_bytes()
                digest = hashlib.sha256(data).hexdigest()
                new.append(NewField(path=path, sha256=digest, bytes=len(data), width=WIDTH, height=HEIGHT))
                number += 1
            made.fields.add(home.id, new)
        while claimed := made.queue.claim(50):
            cells = {field.id: [cell_at(place) for place in range(PER_FIELD)] for field in claimed}
            predictions = [(field.id, numbered(field.id, model_sha256="a" * 64)) for field in claimed]
            made.queue.save_predictions(predictions, cells)
    return case
