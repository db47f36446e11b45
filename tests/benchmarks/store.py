"""What a case of 100,000 fields costs: adding, the queue, opening, browsing, the audit trail, memory.

    python tests/benchmarks/store.py --fields 100000 --result tests/benchmarks/results/store.json

Processor time is given beside wall time, because the first can be compared between busy machines.
Probabilities are made up; no network runs. The trail is measured in both forms that were considered:
one entry a batch with a digest over its rows, and one entry a field.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil

from allstation import __version__
from allstation.core.decision import Decision, Reason
from allstation.core.filters import FieldFilter, FieldSort
from allstation.core.records import EvidenceMap, ModelRecord, NewField, Prediction, Quality, Review
from allstation.store import Case

CLASSES = ("Benign", "Early", "Pre", "Pro")
MODEL = hashlib.sha256(b"model").hexdigest()
BATCH = 32
REPEATS = 7
SLIDES = 50


def prediction(number: int) -> Prediction:
    top = 0.4 + (number * 7919 % 1000) / 1700
    values = {name: top if index == number % 4 else (1 - top) / 3 for index, name in enumerate(CLASSES)}
    reasons = (Reason.LOW_CONFIDENCE,) if top < 0.5 else ()
    quality = Quality(sharpness=float(number * 31 % 997), brightness=120.0, clipped=0.01, cell_area=0.2)
    evidence = EvidenceMap(rows=7, columns=7, classes=CLASSES, values=bytes(196))
    decision = Decision(None if reasons else CLASSES[number % 4], reasons)
    return Prediction(
        model_sha256=MODEL,
        probabilities=values,
        decision=decision,
        novelty=number % 100 / 100,
        cell_count=number % 9,
        quality=quality,
        evidence=evidence,
        milliseconds=7.5,
    )


def timed(act: Callable[[], Any], repeats: int = REPEATS) -> dict[str, float]:
    """Return the median wall and processor milliseconds of an act."""
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        act()
        walls.append((time.perf_counter() - wall) * 1000)
        cpus.append((time.process_time() - cpu) * 1000)
    return {"wall_ms": round(statistics.median(walls), 2), "cpu_ms": round(statistics.median(cpus), 2)}


def memory() -> float:
    """Return the resident megabytes of this process."""
    return float(psutil.Process().memory_info().rss / 2**20)


def add(case: Case, folder: Path, fields: int) -> dict[str, float]:
    share = fields // SLIDES
    wall, cpu = time.perf_counter(), time.process_time()
    for index in range(SLIDES):
        place = folder / f"slide {index}"
        numbers = range(index * share, (index + 1) * share)
        new = [
            NewField(
                path=place / f"field {n}.jpg",
                sha256=hashlib.sha256(str(n).encode()).hexdigest(),
                bytes=n,
                width=1024,
                height=768,
            )
            for n in numbers
        ]
        case.fields.add(case.slides.add(place.name, place).id, new)
    return _per_field(wall, cpu, share * SLIDES)


def _per_field(wall: float, cpu: float, fields: int) -> dict[str, float]:
    return {
        "wall_us_per_field": round((time.perf_counter() - wall) / fields * 1e6, 1),
        "cpu_us_per_field": round((time.process_time() - cpu) / fields * 1e6, 1),
    }


def classify(case: Case, fields: int) -> Iterator[dict[str, float]]:
    """Empty the queue, and yield what each tenth of it cost and the memory at its end."""
    tenth, done = fields // 10, 0
    wall, cpu = time.perf_counter(), time.process_time()
    while batch := case.queue.claim(BATCH):
        case.queue.save_predictions([(field.id, prediction(field.id)) for field in batch])
        done += len(batch)
        if done >= tenth:
            yield {"fields": done, **_per_field(wall, cpu, done), "rss_mb": round(memory(), 1)}
            done, wall, cpu = 0, time.perf_counter(), time.process_time()


def browse(case: Case) -> dict[str, dict[str, float]]:
    middle = case.fields.count() // 2
    figures = {
        "counts_by_slide": timed(case.slides.counts),
        "queue_counts": timed(case.queue.counts),
        "claim_and_release": timed(lambda: case.queue.claim(1) and case.queue.release()),
        "fields_of_100": timed(lambda: case.fields.records(range(middle, middle + 100))),
    }
    for sort in FieldSort:
        figures[f"page_of_100_by_{sort}_in_the_middle"] = timed(
            lambda sort=sort: case.fields.page(None, sort, middle, 100)
        )
        figures[f"ids_by_{sort}"] = timed(lambda sort=sort: case.fields.ids(None, sort), 3)
    filters = {
        "class": FieldFilter(final="Pro"),
        "needs_review": FieldFilter(needs_review=True),
        "reviewed": FieldFilter(reviewed=True),
        "text": FieldFilter(text="field 99"),
        "reason": FieldFilter(reason=Reason.LOW_CONFIDENCE),
    }
    for name, where in filters.items():
        figures[f"ids_where_{name}"] = timed(lambda where=where: case.fields.ids(where), 3)
    return figures


def trail_forms(folder: Path, fields: int) -> dict[str, dict[str, float]]:
    """Compare one entry a batch (as it is) with one entry a field."""
    figures = {}
    for name, per_field in (("entry_per_batch", False), ("entry_per_field", True)):
        with Case.create(folder / f"{name}.allcase") as case:
            case.models.add(ModelRecord(sha256=MODEL, name="model", version="1", classes=CLASSES, info={}))
            add(case, folder, fields)
            wall, cpu = time.perf_counter(), time.process_time()
            while batch := case.queue.claim(BATCH):
                with case.connection.write():
                    case.queue.save_predictions([(field.id, prediction(field.id)) for field in batch])
                    for field in batch if per_field else ():
                        details = {"class": "Pro", "probabilities": dict.fromkeys(CLASSES, 0.25)}
                        case.connection.audit(
                            "field-classified",
                            f"field {field.id}",
                            details,
                            model=MODEL,
                            input_hash=field.sha256,
                        )
            figures[name] = _per_field(wall, cpu, fields)
        size = (folder / f"{name}.allcase" / "case.sqlite").stat().st_size
        figures[name]["bytes_per_field"] = round(size / fields)
    return figures


def measure(folder: Path, fields: int) -> dict[str, Any]:
    place = folder / "large.allcase"
    with Case.create(place) as case:
        case.models.add(ModelRecord(sha256=MODEL, name="model", version="1", classes=CLASSES, info={}))
        figures: dict[str, Any] = {"add": add(case, folder / "fields", fields)}
        figures["classify_by_tenths"] = list(classify(case, fields))
        reviews = cycle(range(1, fields, 50))
        figures["one_review"] = timed(
            lambda: case.reviews.add(
                Review(field_id=next(reviews), reviewer="Ada", class_name="Pro", comment="x")
            ),
            200,
        )
    figures["case_mb"] = round((place / "case.sqlite").stat().st_size / 2**20, 1)
    figures["open"] = timed(lambda: Case.open(place).close())
    figures["open_and_first_page"] = timed(lambda: _first_page(place))
    with Case.open(place) as case:
        figures["browse"] = browse(case)
        figures["check_in_full"] = timed(case.check, 1)
        figures["verify_audit"] = timed(case.audit.verify, 1)
        figures["backup"] = timed(case.backup, 1)
        figures["snapshot"] = timed(case.snapshot, 1)
    with Case.create(folder / "small.allcase") as case:
        case.models.add(ModelRecord(sha256=MODEL, name="model", version="1", classes=CLASSES, info={}))
        add(case, folder / "fields", 1000)
        list(classify(case, 1000))
        figures["snapshot_of_1000"] = timed(case.snapshot)
    figures["trail_with_10000_fields"] = trail_forms(folder, 10_000)
    return figures


def _first_page(place: Path) -> None:
    with Case.open(place, read_only=True) as case:
        case.fields.ids()
        case.fields.page(limit=100)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fields", type=int, default=100_000)
    parser.add_argument("--result", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="allstation-bench-") as folder:
        figures = measure(Path(folder), options.fields)
    text = json.dumps(
        {
            "what": "cost of a large case, made-up predictions",
            "command": f"python tests/benchmarks/store.py --fields {options.fields}",
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "load_average_at_the_end": [round(value, 1) for value in os.getloadavg()],
            "versions": {
                "allstation": __version__,
                "python": platform.python_version(),
                "sqlite": sqlite3.sqlite_version,
                "processors": os.cpu_count(),
            },
            "fields": options.fields,
            **figures,
        },
        indent=2,
    )
    print(text)
    if options.result:
        options.result.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
