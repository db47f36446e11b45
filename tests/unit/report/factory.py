"""Synthetic snapshots of any size, with small drawn fields on disk: no real pixel, no model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from allstation.core.classes import CLASS_NAMES
from allstation.core.decision import DecisionRule, Evidence
from allstation.core.records import (
    CaseSnapshot,
    EvidenceMap,
    FieldRecord,
    FieldState,
    ModelRecord,
    NewField,
    Prediction,
    Review,
    Slide,
)
from allstation.store.case import Case
from tests import makers

MODEL_SHA = hashlib.sha256(b"model").hexdigest()
CLOCK: Callable[[], datetime] = lambda: datetime(2026, 11, 22, 15, 34, 7, tzinfo=UTC)  # noqa: E731
RULE = DecisionRule(0.8, min_sharpness=40.0)
DETAILS: Mapping[str, str] = {
    "patient_name": "Maria Musterfrau",
    "patient_id": "PID-0042",
    "birth_date": "2019-03-04",
    "age": "7 years",
    "sex": "female",
    "request_id": "R-2026-1187",
    "requester": "Dr. A. Example",
    "ward": "Paediatric haematology",
    "specimen": "Peripheral blood",
    "source": "Venous, EDTA",
    "collected_at": "2026-11-21",
    "received_at": "2026-11-22",
    "stain": "May-Gruenwald-Giemsa",
    "objective": "100x oil",
    "camera": "Axiocam 208, 1024 x 768",
    "pixel_size": "0.1 um",
}
INFO: Mapping[str, object] = {
    "schema": 1,
    "name": "station-small",
    "version": "1.0.0",
    "created": "2026-11-20T10:00:00Z",
    "classes": list(CLASS_NAMES),
    "preprocessing": {"name": "neutral-cells", "version": 1, "size": [168, 224], "options": {}},
    "network": {
        "file": "network.tflite",
        "outputs": ["logits", "features", "evidence"],
        "parameters": 812_345,
    },
    "calibration": {"temperature": 1.3172},
    "decision": {"rule": RULE.to_json()},
    "training": {
        "list_sha256": hashlib.sha256(b"list").hexdigest(),
        "fields": 1904,
        "split": "same-field groups kept together, 70/15/15",
        "patients": "unknown",
        "recipe": "station-small.toml",
    },
    "figures": [
        {
            "name": "accuracy",
            "value": 0.981,
            "interval": [0.964, 0.99],
            "n": 408,
            "split": "same-field groups",
        },
        {"name": "balanced_accuracy", "value": 0.9766, "interval": {"low": 0.955, "high": 0.988}, "n": 408},
        {"name": "expected calibration error", "value": 0.0142, "n": 408, "split": "same-field groups"},
    ],
    "probes": [{"name": "background colour only", "value": 0.4312, "interval": [0.38, 0.48], "n": 408}],
    "limits": [
        "One hospital, one camera, one stain.",
        "Patients unknown: no figure here is a figure over patients.",
        "Fields squashed to 4:3; cells are narrower than in life.",
    ],
}


@dataclass
class Factory:
    """Builds snapshots below a folder.

    Attributes:
        folder: Where the drawn fields go.
        distinct: How many different pictures are drawn; more fields share them.
        size: Height and width of a drawn field.
    """

    folder: Path
    distinct: int = 24
    size: tuple[int, int] = (384, 512)
    details: Mapping[str, str] = field(default_factory=lambda: dict(DETAILS))

    def snapshot(
        self, n: int, *, slides: int = 1, seed: int = 1, reviewed: int = 0, **changes
    ) -> CaseSnapshot:
        """Return a case of ``n`` fields: most decided, some for review, one in 17 failed."""
        rng = np.random.default_rng(seed)
        pictures = [self.picture(index) for index in range(min(n, self.distinct))]
        fields = [
            self.field(index, pictures, slide=1 + index * slides // max(n, 1), rng=rng) for index in range(n)
        ]
        fields = [self.reviewed(one) if one.id <= reviewed else one for one in fields]
        values = {
            "case_id": "ALL-2026-0042",
            "name": "Musterfrau, Maria",
            "taken_at": "2026-11-22T15:30:00Z",
            "details": dict(self.details),
            "slides": tuple(
                Slide(id=i + 1, name=f"Smear {i + 1}", folder=self.folder) for i in range(slides)
            ),
            "fields": tuple(fields),
            "models": (
                ModelRecord(
                    sha256=MODEL_SHA,
                    name="station-small",
                    version="1.0.0",
                    classes=CLASS_NAMES,
                    info=dict(INFO),
                ),
            ),
            "audit_head": hashlib.sha256(b"audit").hexdigest(),
            "reviews": tuple(one.review for one in fields if one.review),
            "secret": b"of every case that is made here",
        }
        return CaseSnapshot(**{**values, **changes})

    def picture(self, index: int) -> Path:
        """Draw one field: pale background, red cells, violet cells with a dark nucleus."""
        path = self.folder / f"drawn_{index:02d}.jpg"
        if path.exists():
            return path
        rng = np.random.default_rng(index)
        height, width = self.size
        image = np.full((height, width, 3), (228, 214, 226), np.uint8)
        for _ in range(60):
            centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
            cv2.circle(image, centre, height // 18, (176, 168, 206), -1, cv2.LINE_AA)
            cv2.circle(image, centre, height // 40, (196, 190, 216), -1, cv2.LINE_AA)
        for _ in range(int(rng.integers(3, 9))):
            centre = (int(rng.integers(40, width - 40)), int(rng.integers(40, height - 40)))
            cv2.circle(image, centre, height // 12, (190, 120, 150), -1, cv2.LINE_AA)
            cv2.circle(image, centre, height // 16, (110, 40, 80), -1, cv2.LINE_AA)
        image = cv2.GaussianBlur(image, (0, 0), 1.2)
        path.write_bytes(cv2.imencode(".jpg", image)[1].tobytes())
        return path

    def field(self, index: int, pictures: list[Path], *, slide: int, rng: np.random.Generator) -> FieldRecord:
        """Return one field; every seventeenth failed."""
        path = pictures[index % len(pictures)]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        common = makers.field(
            index + 1, path, slide_id=slide, sha256=digest, width=self.size[1], height=self.size[0]
        )
        if index % 17 == 16:
            sentence = f"The field {path.name!r} ends before its last row. Copy it again from the camera."
            return replace(common, state=FieldState.FAILED, error_code="truncated-field", error=sentence)
        return replace(common, prediction=self.prediction(rng))

    def prediction(self, rng: np.random.Generator) -> Prediction:
        """Return a prediction whose decision follows from its numbers."""
        sharp = float(rng.uniform(20, 400))
        probabilities = rng.dirichlet(np.full(len(CLASS_NAMES), 0.08)) * 0.98 + 0.005
        cells = int(rng.integers(0, 20))
        novelty = float(rng.gamma(4, 0.12))
        evidence = Evidence(tuple(map(float, probabilities)), novelty, sharp, cells)
        grid = rng.integers(0, 256, (len(CLASS_NAMES), 6, 8)).astype(np.uint8)
        return makers.prediction(
            dict(zip(CLASS_NAMES, evidence.probabilities, strict=True)),
            model_sha256=MODEL_SHA,
            decision=RULE.decide(CLASS_NAMES, evidence),
            novelty=novelty,
            cell_count=cells,
            quality=makers.quality(
                sharpness=sharp,
                brightness=float(rng.uniform(150, 220)),
                clipped=float(rng.uniform(0, 0.02)),
                cell_area=cells * 0.011,
            ),
            evidence=EvidenceMap(rows=6, columns=8, classes=CLASS_NAMES, values=grid.tobytes()),
            milliseconds=float(rng.uniform(3, 9)),
        )

    def reviewed(self, one: FieldRecord) -> FieldRecord:
        """Return the field with a review: confirmed, changed, or sent for another look in turn."""
        if one.prediction is None:
            return one
        choice = (one.prediction.top_class, "Pre", None)[one.id % 3]
        comment = "Nuclear outline." if choice == "Pre" else ""
        review = Review(
            field_id=one.id,
            reviewer="Dr. B. Reviewer",
            class_name=choice,
            comment=comment,
            at="2026-11-22T15:20:00Z",
            id=one.id,
        )
        return replace(one, review=review)


def with_file(one: FieldRecord, path: Path, *, width: int, height: int) -> FieldRecord:
    """Return a field whose file is another one, with that file's hash."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return replace(one, path=path, sha256=digest, width=width, height=height)


def stored_case(
    folder: Path, n: int, *, reviewed: int = 0, failed: int = 0, details: Mapping[str, str] | None = None
) -> Path:
    """Make a case on disk whose fields are there, classified and partly reviewed; return its folder."""
    maker = Factory(folder / "fields", distinct=n)
    maker.folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    place = folder / "Musterfrau.allcase"
    with Case.create(place, clock=CLOCK, user="tester") as case:
        case.models.add(
            ModelRecord(
                sha256=MODEL_SHA, name="station-small", version="1.0.0", classes=CLASS_NAMES, info=dict(INFO)
            )
        )
        case.set_details(DETAILS if details is None else details)
        paths = [maker.picture(index) for index in range(n)]
        new = [
            NewField(
                path=path,
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                bytes=path.stat().st_size,
                width=512,
                height=384,
            )
            for path in paths
        ]
        ids = case.fields.add(case.slides.add("Smear 1", maker.folder).id, new).added
        case.queue.save_predictions([(number, maker.prediction(rng)) for number in ids[: n - failed]])
        for number in ids[n - failed :]:
            case.queue.fail(number, "truncated-field", "The field ends before its last row.")
        for number in ids[:reviewed]:
            case.reviews.add(
                Review(field_id=number, reviewer="Dr. B. Reviewer", class_name=CLASS_NAMES[number % 4])
            )
    return place
