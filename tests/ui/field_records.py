"""Fields and predictions for the viewer's and the review panel's tests; pictures are synthetic."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from allstation.core.decision import Reason
from allstation.core.records import EvidenceMap, FieldRecord, Prediction
from tests import makers

CLASSES = ("Benign", "Early", "Pre", "Pro")


def evidence_map() -> EvidenceMap:
    """One class after another has its strongest support in another quarter."""
    planes = np.zeros((4, 4, 4), np.uint8)
    for index, (row, column) in enumerate(((0, 0), (0, 2), (2, 0), (2, 2))):
        planes[index, row : row + 2, column : column + 2] = 255
    return EvidenceMap(rows=4, columns=4, classes=CLASSES, values=planes.tobytes())


def prediction(*shares: float, reasons: tuple[Reason, ...] = ()) -> Prediction:
    values = dict(zip(CLASSES, shares or (0.01, 0.9, 0.05, 0.04), strict=True))
    return makers.prediction(
        values, reasons=reasons, novelty=0.4, evidence=evidence_map(), milliseconds=8.0, model_sha256="a" * 64
    )


def field(
    number: int = 1,
    path: Path = Path("/fields/field 1.jpg"),
    *,
    made: Prediction | None = None,
    **changes: Any,
) -> FieldRecord:
    """Return a field with the hash of its file, if there is one."""
    if path.is_file():
        changes["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return makers.field(number, path, prediction=made, width=400, height=300, **changes)


def write_picture(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (400, 300)) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path
