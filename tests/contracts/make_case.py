"""Write a case and a model bundle as this version writes them, to be opened by every later version.

    python tests/contracts/make_case.py

Run it once a release, after the last change of the store and of the export (it needs TensorFlow): it writes
``fixtures/VERSION/`` beside this file, a small case of made-up fields, a bundle of a tiny untrained network
with drawn reference fields, and the facts that they must show for ever. A fixture of an earlier version is
never written again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from allstation import __version__
from allstation.core.decision import Decision, Reason
from allstation.core.records import EvidenceMap, ModelRecord, NewField, Prediction, Quality, Review
from allstation.inference.bundle import ModelBundle
from allstation.store import Case

FIXTURES = Path(__file__).resolve().parent / "fixtures"
CLASSES = ("Benign", "Early", "Pre", "Pro")
_MODEL = hashlib.sha256(b"a model").hexdigest()


def write(folder: Path) -> dict[str, object]:
    """Write a case and return its facts.

    Args:
        folder: The case folder to make.
    """
    begin = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    ticks = iter(range(10**6))
    clock = lambda: begin + timedelta(seconds=next(ticks))  # noqa: E731
    with Case.create(folder, name="Fall № 7 — Мазки", clock=clock, user="anna") as case:
        case.set_details({"patient_id": "P-7", "comment": "made up"})
        case.models.add(
            ModelRecord(
                sha256=_MODEL,
                name="a model",
                version="1",
                classes=CLASSES,
                info={"schema": 1, "name": "a model"},
            )
        )
        ids = []
        for name in ("Slide 1", "Ausstrich ü"):
            slide = case.slides.add(name, Path("/lab") / name)
            ids += case.fields.add(slide.id, [_field(name, number) for number in range(3)]).added
        case.queue.claim(len(ids))
        case.queue.save_predictions([(number, _prediction(place)) for place, number in enumerate(ids[:-1])])
        case.queue.fail(ids[-1], "unreadable-field", "This field could not be read.")
        case.reviews.add(
            Review(field_id=ids[0], reviewer="anna", class_name="Early", comment="small nucleoli")
        )
        second = case.reviews.add(Review(field_id=ids[1], reviewer="bernd", class_name="Pro"))
        case.reviews.withdraw(second.id, "bernd")
        case.reviews.add(Review(field_id=ids[2], reviewer="bernd", class_name=None, comment="another look"))
        return facts(case)


def _field(slide: str, number: int) -> NewField:
    digest = hashlib.sha256(f"{slide} {number}".encode()).hexdigest()
    return NewField(
        path=Path("/lab") / slide / f"field {number}.jpg",
        sha256=digest,
        bytes=1000 + number,
        width=1024,
        height=768,
    )


def _prediction(place: int) -> Prediction:
    shares = [0.1, 0.2, 0.3, 0.4]
    values = dict(zip(CLASSES, shares[place % 4 :] + shares[: place % 4], strict=True))
    unsure = place % 2 == 1
    decision = (
        Decision(None, (Reason.LOW_CONFIDENCE,))
        if unsure
        else Decision(max(values, key=values.__getitem__), ())
    )
    return Prediction(
        model_sha256=_MODEL,
        probabilities=values,
        decision=decision,
        novelty=place / 8,
        cell_count=place,
        quality=Quality(sharpness=10.0 + place, brightness=120.5, clipped=0.01, cell_area=0.2),
        evidence=EvidenceMap(rows=2, columns=2, classes=CLASSES, values=bytes(range(16))),
        milliseconds=3.25,
    )


def facts(case: Case) -> dict[str, object]:
    """Return what a case shows, as plain data that does not depend on where it lies."""
    shown = case.snapshot()
    return {
        "case_id": shown.case_id,
        "name": shown.name,
        "details": dict(shown.details),
        "slides": [slide.name for slide in shown.slides],
        "models": [[model.sha256, model.name, list(model.classes)] for model in shown.models],
        "fields": [
            {
                "sha256": field.sha256,
                "name": field.path.name,
                "state": field.state.value,
                "error": field.error_code,
                "probabilities": dict(field.prediction.probabilities) if field.prediction else None,
                "decision": field.prediction.decision.class_name if field.prediction else None,
                "reasons": [str(reason) for reason in field.prediction.decision.reasons]
                if field.prediction
                else [],
                "review": [field.review.reviewer, field.review.class_name, field.review.comment]
                if field.review
                else None,
            }
            for field in shown.fields
        ],
        "audit_entries": case.audit.length(),
        "audit_head": shown.audit_head,
    }


def bundle_facts(bundle: ModelBundle) -> dict[str, object]:
    """Return what a model bundle says, as plain data; its reference fields say what it answers."""
    return {
        "sha256": bundle.sha256,
        "name": bundle.name,
        "version": bundle.version,
        "classes": list(bundle.classes),
        "temperature": bundle.temperature,
        "rule": bundle.rule.to_json(),
        "preprocessing": bundle.preprocessing.to_json(),
    }


def _keep(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    """Write the fixtures of this version."""
    sys.path.insert(0, str(FIXTURES.parents[1] / "faults"))
    from small_bundle import write_small_bundle

    folder = FIXTURES / __version__
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _keep(folder / "facts.json", write(folder / "case.allcase"))
    bundle = ModelBundle.open(write_small_bundle(folder / "bundle.allmodel"))
    _keep(folder / "bundle-facts.json", bundle_facts(bundle))
    return 0


if __name__ == "__main__":
    sys.exit(main())
