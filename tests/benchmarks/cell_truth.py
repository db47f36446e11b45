"""Boxes and masks of white cells in the real data sets that cell finding is measured on."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import cv2
import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
"""Left, top, right, bottom; the last two exclusive."""

HAND_BOXES: Final = Path(__file__).with_name("white-cells.csv")
"""Boxes drawn by hand on 30 Taleqani fields before anything was tuned on them. ``kind``: ``cell``;
``smudge``, a broken cell; ``sliver``, a cut cell of which less than 8 pixels show; ``unsure``."""
UNLABELLED: Final = Path(__file__).with_name("white-cells-bccd-unlabelled.csv")
"""White cells that the labels of BCCD lack, found by looking at what was counted as wrong."""


@dataclass(frozen=True, slots=True)
class TrueField:
    """Field with known white cells.

    Attributes:
        path: Its file.
        group: Data set and part that its figures are counted under.
        cells: White cells that must be found.
        ignored: Smudges, slivers and the like: neither missed nor wrong.
        red: Red cells, where they are boxed.
    """

    path: Path
    group: str
    cells: list[Box]
    ignored: list[Box] = field(default_factory=list)
    red: list[Box] = field(default_factory=list)


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Decode a picture to (H, W, 3) uint8 RGB."""
    bgr = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None, path
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def taleqani(data: Path, part: str) -> Iterator[TrueField]:
    """Yield the Taleqani fields boxed by hand.

    Args:
        data: Folder of the real data.
        part: ``tuning`` or ``kept``, which nothing was tuned on.
    """
    fields: dict[Path, TrueField] = {}
    with HAND_BOXES.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["part"] == part:
                path = data / "taleqani" / "Original" / row["class"] / row["file"]
                here = fields.setdefault(path, TrueField(path, f"taleqani-{part}", []))
                box = tuple(float(row[key]) for key in ("left", "top", "right", "bottom"))
                (here.cells if row["kind"] == "cell" else here.ignored).append(box)  # type: ignore[arg-type]
    yield from fields.values()


def bccd(data: Path) -> Iterator[TrueField]:
    """Yield the fields of BCCD (Pascal VOC boxes)."""
    folder = data / "bccd" / "BCCD"
    for path in sorted((folder / "Annotations").glob("*.xml")):
        boxes: dict[str, list[Box]] = {"WBC": [], "RBC": []}
        for thing in ElementTree.parse(path).getroot().iter("object"):  # noqa: S314
            box, name = thing.find("bndbox"), thing.findtext("name") or ""
            if name in boxes and box is not None:
                corners = [float(box.findtext(key) or 0) for key in ("xmin", "ymin", "xmax", "ymax")]
                boxes[name].append((corners[0], corners[1], corners[2], corners[3]))
        picture = folder / "JPEGImages" / f"{path.stem}.jpg"
        yield TrueField(picture, "bccd", boxes["WBC"], red=boxes["RBC"])


def bccd_with_unlabelled(data: Path) -> Iterator[TrueField]:
    """Yield the fields of BCCD with the cells that its labels lack."""
    more: dict[str, list[Box]] = {}
    with UNLABELLED.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            corners = [float(row[key]) for key in ("left", "top", "right", "bottom")]
            more.setdefault(row["file"], []).append((corners[0], corners[1], corners[2], corners[3]))
    for one in bccd(data):
        cells = one.cells + more.get(one.path.stem, [])
        yield TrueField(one.path, "bccd and 11 unlabelled", cells, red=one.red)


def txl(data: Path) -> Iterator[TrueField]:
    """Yield the fields of TXL-PBC (YOLO boxes), grouped by frame size, which tells its four sources."""
    for path in sorted((data / "boxes-txl").glob("*.txt")):
        picture = path.with_suffix(".png")
        if not picture.is_file():
            continue
        height, width = read_rgb(picture).shape[:2]
        boxes: dict[str, list[Box]] = {"0": [], "1": []}
        for line in path.read_text("utf-8").splitlines():
            kind, *numbers = line.split()
            x, y, wide, high = (float(number) for number in numbers)
            if kind in boxes:
                boxes[kind].append(
                    (
                        (x - wide / 2) * width,
                        (y - high / 2) * height,
                        (x + wide / 2) * width,
                        (y + high / 2) * height,
                    )
                )
        source = {256: "txl-256", 480: "txl-640x480", 575: "txl-575"}.get(height, "txl-360")
        yield TrueField(picture, source, boxes["0"], red=boxes["1"])


ZHENG_TYPES: Final = {
    "1": "neutrophil",
    "2": "lymphocyte",
    "3": "eosinophil",
    "4": "monocyte",
    "5": "basophil",
}


@dataclass(frozen=True, slots=True)
class TrueMask:
    """White cell with known masks: ``cell`` includes the ``nucleus``, both (H, W) bool."""

    path: Path
    group: str
    cell: NDArray[np.bool_]
    nucleus: NDArray[np.bool_]


def zheng(data: Path) -> Iterator[TrueMask]:
    """Yield the masks of Zheng et al. 2018, grouped by part and type."""
    folder = data / "masks-zheng"
    for part in ("1", "2"):
        with (folder / f"classes-{part}.csv").open(newline="", encoding="utf-8") as file:
            types = {int(row[0]): row[1] for row in list(csv.reader(file))[1:] if row}
        for number, kind in sorted(types.items()):
            name = f"{part}-{number:03d}"
            if not (folder / f"{name}.png").is_file():
                continue
            codes = cv2.imread(str(folder / f"{name}-mask.png"), cv2.IMREAD_GRAYSCALE)
            assert codes is not None, name
            group = f"{part} {ZHENG_TYPES.get(kind, kind)}"
            yield TrueMask(folder / f"{name}.png", group, codes >= 64, codes >= 192)


def overlap(one: Box, other: Box) -> float:
    """Return the intersection of two boxes over their union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (sum(areas) - width * height)


def compared(truth: TrueField, boxes: list[Box], least: float = 0.3) -> tuple[list[int], list[int]]:
    """Pair found boxes with true ones, best overlap first, each once.

    Args:
        truth: The field.
        boxes: What was found.
        least: Smallest intersection over union of a pair.

    Returns:
        Indices of the true cells that were missed, and of the boxes where there is no cell: those that
        neither pair with one nor lie on what is ignored.
    """
    pairs = sorted(
        ((overlap(cell, box), i, j) for i, cell in enumerate(truth.cells) for j, box in enumerate(boxes)),
        reverse=True,
    )
    missed, false = set(range(len(truth.cells))), set(range(len(boxes)))
    for share, i, j in pairs:
        if share >= least and i in missed and j in false:
            missed.discard(i)
            false.discard(j)
    return sorted(missed), sorted(j for j in false if not _ignored(boxes[j], truth.ignored))


def _ignored(box: Box, ignored: list[Box]) -> bool:
    area = (box[2] - box[0]) * (box[3] - box[1])
    for other in ignored:
        width = max(min(box[2], other[2]) - max(box[0], other[0]), 0)
        height = max(min(box[3], other[3]) - max(box[1], other[1]), 0)
        if overlap(box, other) >= 0.2 or width * height > area / 2:
            return True
    return False
