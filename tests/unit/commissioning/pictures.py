"""Drawn pictures of single cells: two types that size and chromatin tell apart, patients with ids."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

PIXEL_SIZE = 0.25
"""Micrometres a pixel of the pictures."""
SIDE = 88
TYPES = ("large", "small")


def cell_picture(kind: str, seed: int) -> NDArray[np.uint8]:
    """Draw one cell of a type in the middle of a pale picture (88, 88, 3)."""
    random = np.random.default_rng(seed)
    radius = (25 if kind == "large" else 15) + random.normal(0, 1)
    rgb = np.full((SIDE, SIDE, 3), 232, np.uint8)
    middle = SIDE // 2 + int(random.integers(-2, 3)), SIDE // 2
    cv2.circle(rgb, middle, round(radius), (186, 190, 226), -1, cv2.LINE_AA)
    cv2.circle(rgb, middle, round(radius * 0.8), (112, 70, 150), -1, cv2.LINE_AA)
    grain = random.normal(0, 6 if kind == "large" else 2, rgb.shape)
    return np.clip(cv2.GaussianBlur(rgb + grain, (0, 0), 0.7), 0, 255).astype(np.uint8)


def write_table(folder: Path, *, patients: int, a_type: int = 3, first: int = 0) -> Path:
    """Write pictures of some patients and their table, and a picture without a cell."""
    rows = []
    for patient in range(first, first + patients):
        for kind in TYPES:
            for number in range(a_type):
                name = f"{patient}-{kind}-{number}.png"
                rgb = cell_picture(kind, patient * 100 + number)
                cv2.imwrite(str(folder / name), rgb[..., ::-1])
                rows.append((name, kind, f"P{patient}"))
    cv2.imwrite(str(folder / "empty.png"), np.full((SIDE, SIDE, 3), 232, np.uint8))
    rows.append(("empty.png", "small", f"P{first}"))
    table = folder / "cells.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "type", "patient"), *rows])
    return table
