"""Write a case as this version writes it, to be opened by every later version.

    python tests/contracts/make_case.py

Run it once a release, after the last change of the store: it writes ``fixtures/VERSION/`` beside this file,
a small case of made-up fields and the facts that it must show for ever. A fixture of an earlier version is
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
        case.add_model(ModelRecord(_MODEL, "a model", "1", CLASSES, {"schema": 1, "name": "a model"}))
        ids = []
        for name in ("Slide 1", "Ausstrich ü"):
            slide = case.add_slide(name, Path("/lab") / name)
            ids += case.add_fields(slide.id, [_field(name, number) for number in range(3)]).added
        case.claim(len(ids))
        case.save_predictions([(number, _prediction(place)) for place, number in enumerate(ids[:-1])])
        case.fail(ids[-1], "unreadable-field", "This field could not be read.")
        case.add_review(Review(ids[0], "anna", "Early", "small nucleoli"))
        second = case.add_review(Review(ids[1], "bernd", "Pro"))
        case.withdraw_review(second.id, "bernd")
        case.add_review(Review(ids[2], "bernd", None, "another look"))
        return facts(case)


def _field(slide: str, number: int) -> NewField:
    digest = hashlib.sha256(f"{slide} {number}".encode()).hexdigest()
    return NewField(Path("/lab") / slide / f"field {number}.jpg", digest, 1000 + number, 1024, 768)


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
        quality=Quality(10.0 + place, 120.5, 0.01, 0.2),
        evidence=EvidenceMap(2, 2, CLASSES, bytes(range(16))),
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
        "audit_entries": case.audit_length(),
        "audit_head": shown.audit_head,
    }


def main() -> int:
    """Write the fixture of this version."""
    folder = FIXTURES / __version__
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shown = write(folder / "case.allcase")
    text = json.dumps(shown, indent=1, ensure_ascii=False)
    (folder / "facts.json").write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
