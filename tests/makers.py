"""One maker of predictions and fields for every test, and one end of cases and children from outside."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from allstation.core.classes import CLASS_NAMES
from allstation.core.decision import Decision, Reason
from allstation.core.records import FieldRecord, FieldState, NewField, Prediction, Quality, Slide

if TYPE_CHECKING:
    from allstation.core.cells import NewCell
    from allstation.services.case.questions import Overview
    from allstation.store.case import Case

MODEL_SHA = "ab" * 32


def end_as_killed(case: Case) -> None:
    """End a case as a killed process does: nothing is put back, the system frees the lock."""
    case.connection.db.close()
    case.connection.closed = True
    case.connection.context.lock._file.close()


def child_processes() -> set[psutil.Process]:
    """Return the children of the test's own process, also ended ones that nobody has waited for."""
    return set(psutil.Process().children())


def end_from_outside(child: psutil.Process) -> None:
    """Kill a child as the system does; its parent still has to hear of it."""
    child.kill()
    if sys.platform == "win32":
        child.wait()
    else:  # Only then have all its threads ended, and its parent would be told.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)


def quality(**changes: float) -> Quality:
    """Return the quality of a sharp, bright field."""
    values = {"sharpness": 120.0, "brightness": 200.0, "clipped": 0.0, "cell_area": 0.1}
    return Quality(**(values | changes))


def shares_of(name: str, *, share: float = 0.91, classes: tuple[str, ...] = CLASS_NAMES) -> dict[str, float]:
    """Return probabilities with one class at ``share`` and the rest spread evenly over the others."""
    rest = (1 - share) / (len(classes) - 1)
    return {other: share if other == name else rest for other in classes}


def prediction(
    probabilities: Mapping[str, float] | str = "Early", *, reasons: tuple[Reason, ...] = (), **changes: Any
) -> Prediction:
    """Return a prediction decided for its most probable class, or for review if there are reasons.

    Args:
        probabilities: Of each class, or the name of the class that gets 0.91.
        reasons: Why a person must look; none decides for the top class.
        changes: Other attributes of the prediction.
    """
    shares = shares_of(probabilities) if isinstance(probabilities, str) else dict(probabilities)
    values: dict[str, Any] = {
        "model_sha256": MODEL_SHA,
        "probabilities": shares,
        "decision": Decision(None, reasons) if reasons else Decision(max(shares, key=shares.__getitem__)),
        "novelty": 0.5,
        "cell_count": 3,
        "quality": quality(),
        "evidence": None,
        "milliseconds": 5.0,
    }
    return Prediction(**(values | changes))


def numbered(index: int, **changes: Any) -> Prediction:
    """Return a prediction that is a function of a number: classes in turn, every fifth is blurred."""
    reasons = (Reason.BLURRED,) if index % 5 == 0 else ()
    return prediction(CLASS_NAMES[index % len(CLASS_NAMES)], reasons=reasons, **changes)


def field(number: int = 1, path: Path | str = "/fields/field 1.jpg", **changes: Any) -> FieldRecord:
    """Return a classified field's record; its file need not be there."""
    values: dict[str, Any] = {
        "id": number,
        "slide_id": 1,
        "path": Path(path),
        "sha256": f"{number:064x}",
        "width": 1024,
        "height": 768,
        "state": FieldState.DONE,
    }
    return FieldRecord(**(values | changes))


def new_field(path: Path, sha256: str, *, size: int = 10) -> NewField:
    """Return a field as it comes into a case."""
    return NewField(path=path, sha256=sha256, bytes=size, width=1024, height=768)


def overview_of(slides: int, *, pro: int = 0) -> Overview:
    """Return an overview of slides of 100 fields each, 7 of them reviewed."""
    from allstation.services.case.questions import Overview
    from allstation.store.slides.repository import SlideCounts

    finals = {"Benign": 60, "Pro": pro} if pro else {"Benign": 60}
    numbers = range(1, slides + 1)
    counts = {number: SlideCounts(number, 100, finals=finals, reviewed=7) for number in numbers}
    return Overview(tuple(Slide(id=n, name=f"Smear {n}", folder=Path("/smears")) for n in numbers), counts)


def new_cell(number: int = 1, **changes: Any) -> NewCell:
    """Return a round cell of a 224x224 picture of a 448x448 file, a function of its number."""
    import numpy as np

    from allstation.core.cells import CellOutline, NewCell
    from allstation.imaging.cells.masks import encode_mask

    side = 21 + number % 5
    rows, columns = np.mgrid[:side, :side] - side // 2
    mask = rows**2 + columns**2 <= (side // 2) ** 2
    left, top = 7 * number % 190, 11 * number % 190
    values: dict[str, Any] = {
        "left": 2 * left,
        "top": 2 * top,
        "width": 2 * side,
        "height": 2 * side,
        "x": 2 * left + float(side),
        "y": 2 * top + float(side),
        "area_px": 4.0 * int(mask.sum()),
        "nucleus_share": 0.5,
        "at_edge": left == 0 or top == 0,
        "outline": CellOutline(
            runs=encode_mask(mask), left=left, top=top, width=side, height=side, picture=(224, 224)
        ),
        "pixel_size": 0.1,
        "support": {},
    }
    return NewCell(**(values | changes))
