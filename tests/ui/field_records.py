"""Fields and predictions for the viewer's and the review panel's tests; pictures are synthetic."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from allstation.core.decision import Decision, Reason
from allstation.core.records import EvidenceMap, FieldRecord, FieldState, Prediction, Quality, Review

CLASSES = ("Benign", "Early", "Pre", "Pro")


def evidence_map() -> EvidenceMap:
    """One class after another has its strongest support in another quarter."""
    planes = np.zeros((4, 4, 4), np.uint8)
    for index, (row, column) in enumerate(((0, 0), (0, 2), (2, 0), (2, 2))):
        planes[index, row : row + 2, column : column + 2] = 255
    return EvidenceMap(rows=4, columns=4, classes=CLASSES, values=planes.tobytes())


def prediction(*shares: float, reasons: tuple[Reason, ...] = ()) -> Prediction:
    values = dict(zip(CLASSES, shares or (0.01, 0.9, 0.05, 0.04), strict=True))
    top = max(values, key=values.__getitem__)
    decision = Decision(None, reasons) if reasons else Decision(top)
    quality = Quality(sharpness=120.0, brightness=200.0, clipped=0.0, cell_area=0.1)
    return Prediction(
        model_sha256="a" * 64,
        probabilities=values,
        decision=decision,
        novelty=0.4,
        cell_count=3,
        quality=quality,
        evidence=evidence_map(),
        milliseconds=8.0,
    )


def field(
    number: int = 1,
    path: Path = Path("/fields/field 1.jpg"),
    *,
    made: Prediction | None = None,
    review: Review | None = None,
    state: FieldState = FieldState.DONE,
    error: str = "",
) -> FieldRecord:
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else f"{number:064x}"
    return FieldRecord(
        id=number,
        slide_id=1,
        path=path,
        sha256=digest,
        width=400,
        height=300,
        state=state,
        error_code="",
        error=error,
        prediction=made,
        review=review,
    )


def write_picture(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (400, 300)) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path
