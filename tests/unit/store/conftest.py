"""A case with a model, and made-up fields and predictions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from allstation.core.decision import Reason
from allstation.core.records import EvidenceMap, ModelRecord, NewField, Prediction
from allstation.store import Case
from tests.makers import prediction, quality

CLASSES = ("Benign", "Early", "Pre", "Pro")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Maker:
    """Made-up records, each a function of its number alone."""

    model = digest("model")
    classes = CLASSES

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def record(self, name: str = "model") -> ModelRecord:
        return ModelRecord(
            sha256=digest(name), name=name, version="1", classes=CLASSES, info={"schema": 1, "name": name}
        )

    def field(self, number: int, name: str | None = None) -> NewField:
        path = self.folder / (name or f"field {number}.jpg")
        return NewField(
            path=path, sha256=digest(f"field {number}"), bytes=1000 + number, width=1024, height=768
        )

    def file(self, number: int, name: str | None = None) -> NewField:
        """A field that is there: its bytes are its number."""
        path = self.folder / (name or f"field {number}.jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        data = f"bytes {number}".encode()
        path.write_bytes(data)
        return NewField(
            path=path, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), width=1024, height=768
        )

    def prediction(self, number: int, model: str | None = None) -> Prediction:
        top, rest = 0.55 + (number * 37 % 100) / 250, number % 4
        shares = [0.5, 0.3, 0.2]
        others = iter(shares)
        values = {n: (top if i == rest else (1 - top) * next(others)) for i, n in enumerate(CLASSES)}
        reasons = (Reason.LOW_CONFIDENCE, Reason.BLURRED) if number % 5 == 0 else ()
        return prediction(
            values,
            reasons=reasons,
            model_sha256=model or self.model,
            novelty=number % 10 / 10,
            cell_count=number % 7,
            quality=quality(sharpness=10.0 + number % 13, brightness=120.5, clipped=0.01, cell_area=0.2),
            evidence=EvidenceMap(rows=2, columns=2, classes=CLASSES, values=bytes([number % 256] * 16)),
            milliseconds=3.25,
        )

    def fill(self, case: Case, number: int, *, slide: str = "slide 1", first: int = 0) -> list[int]:
        """Add fields to a slide of their own folder and return their ids."""
        place = case.slides.add(slide, self.folder / slide)
        new = [self.field(i, f"{slide}/field {i}.jpg") for i in range(first, first + number)]
        return case.fields.add(place.id, new).added

    def classify(self, case: Case, ids: list[int]) -> None:
        case.queue.save_predictions([(number, self.prediction(number)) for number in ids])


@pytest.fixture
def clock() -> Callable[[], datetime]:
    """A clock that ticks one second at each look."""
    start = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    ticks = iter(range(10**9))
    return lambda: start + timedelta(seconds=next(ticks))


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "fields")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "Müller.allcase"


@pytest.fixture
def case(folder: Path, maker: Maker, clock: Callable[[], datetime]) -> Iterator[Case]:
    with Case.create(folder, clock=clock, user="Ada") as case:
        case.models.add(maker.record())
        yield case
