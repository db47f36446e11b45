"""SIGKILL at random moments of work on a case: from making it to repairing it.

    python tests/faults/kill_case.py --kills 1000 --seed 1 --result tests/faults/results/kill_case.json

A child works on a real case and tells, over a pipe and only after the store returned, what it has
done. It is killed at a random moment. Then the case is opened and every single thing the child had
told must be there, the file must pass SQLite's full check, the audit trail must verify with its
contents, and no export or backup may be half written. One case lives through 25 such deaths.

POSIX only: children are forked, so that a thousand deaths take minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import select
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from allstation import __version__
from allstation.core.decision import Decision, Reason
from allstation.core.records import (
    EvidenceMap,
    FieldState,
    ModelRecord,
    NewField,
    Prediction,
    Quality,
    Review,
)
from allstation.core.slide_file import SlideIdentity
from allstation.core.slide_info import Level, SlideInfo
from allstation.core.slide_part import Region
from allstation.processing.import_progress import ImportProgress
from allstation.processing.importer import ImportBatch
from allstation.processing.slide_import import Looked, NewSlide, plan_batches
from allstation.store import Case, maintenance, schema
from allstation.store.database import full_check
from allstation.store.queue import CRASHED_TWICE

CLASSES = ("Benign", "Early", "Pre", "Pro")
MODEL = hashlib.sha256(b"model").hexdigest()
SECOND = hashlib.sha256(b"second").hexdigest()
LIVES = 25
STUCK = 20.0
"""Seconds after which a child that tells nothing is killed all the same."""

Tell = Callable[..., None]


def prediction(serial: int, model: str = MODEL) -> Prediction:
    """Make a prediction that can be told from every other by its milliseconds."""
    top = serial % 4
    values = {name: 0.7 if index == top else 0.1 for index, name in enumerate(CLASSES)}
    reasons = (Reason.LOW_CONFIDENCE,) if serial % 5 == 0 else ()
    return Prediction(
        model_sha256=model,
        probabilities=values,
        decision=Decision(None if reasons else CLASSES[top], reasons),
        novelty=0.5,
        cell_count=3,
        quality=Quality(sharpness=12.0, brightness=130.0, clipped=0.0, cell_area=0.2),
        evidence=EvidenceMap(rows=7, columns=7, classes=CLASSES, values=bytes(196)),
        milliseconds=float(serial),
    )


def new_field(folder: Path, serial: int) -> NewField:
    path = folder / f"field {serial}.jpg"
    return NewField(
        path=path,
        sha256=hashlib.sha256(str(serial).encode()).hexdigest(),
        bytes=serial,
        width=1024,
        height=768,
    )


def step_more(db: sqlite3.Connection) -> None:
    """Upgrade as a later version of the program might: a column, a table, every row touched."""
    db.execute("ALTER TABLE fields ADD COLUMN colour TEXT NOT NULL DEFAULT ''")
    db.execute("CREATE TABLE later (id INTEGER PRIMARY KEY, field_id INTEGER, name TEXT) STRICT")
    db.execute("INSERT INTO later (field_id, name) SELECT id, name FROM fields")
    db.execute("UPDATE fields SET colour = name")


UPGRADED = (*schema.STEPS, step_more)


# What the children do. Each works until it is killed.


def do_create(folder: Path, dice: random.Random, tell: Tell) -> None:
    for number in range(10**9):
        place = folder / "made" / f"{dice.random()}-{number}.allcase"
        Case.create(place, name="made").close()
        tell(made=place.name)


def do_import(folder: Path, dice: random.Random, tell: Tell) -> None:
    with Case.open(folder) as case:
        slide = case.slides.add(f"slide {dice.randrange(5)}", folder.parent / "fields")
        while True:
            serials = [dice.randrange(10**12) for _ in range(dice.randrange(1, 40))]
            new = [new_field(folder.parent / "fields", serial) for serial in serials]
            case.fields.add(slide.id, new)
            tell(added=[item.sha256 for item in new])


def do_classify(folder: Path, dice: random.Random, tell: Tell) -> None:
    """Empty the queue of the model in use, and between it that of a second model."""
    with Case.open(folder) as case:
        for name, sha256 in (("model", MODEL), ("second", SECOND)):
            case.models.add(
                ModelRecord(sha256=sha256, name=name, version="1", classes=CLASSES, info={"schema": 1})
            )
        case.queue.requeue()
        while True:
            turn = SECOND if dice.random() < 0.3 else ""
            fields = case.queue.claim(dice.randrange(1, 20), turn)
            if not fields:
                some = dice.sample(list(case.fields.ids()), min(case.fields.count(), 30))
                if turn:
                    case.model_queue.add(turn, some, folder / "second.allmodel")
                    case.model_queue.start(turn)
                else:
                    case.queue.requeue(some)
                continue
            if dice.random() < 0.05:
                case.queue.fail(fields[0].id, "broken", "It broke.")
                tell(failed=fields[0].id)
                fields = fields[1:]
            model = turn or MODEL
            batch = [(item.id, prediction(dice.randrange(10**12), model)) for item in fields]
            case.queue.save_predictions(batch)
            tell(saved=[(number, made.milliseconds) for number, made in batch], by=model)


def do_review(folder: Path, dice: random.Random, tell: Tell) -> None:
    with Case.open(folder) as case:
        ids, given = list(case.fields.ids()), []
        while ids:
            if given and dice.random() < 0.4:
                review = dice.choice(given)
                tell(about=review.id)
                withdraw = dice.random() < 0.6
                (case.reviews.withdraw if withdraw else case.reviews.restore)(review.id, review.reviewer)
                tell(marked=(review.id, withdraw))
                continue
            choice = dice.choice([*CLASSES, None])
            review = Review(
                field_id=dice.choice(ids),
                reviewer=dice.choice(["Ada", "Bob"]),
                class_name=choice,
                comment=f"{dice.random()}",
            )
            given.append(case.reviews.add(review))
            tell(reviewed=(given[-1].id, given[-1].comment))


def do_slide(folder: Path, dice: random.Random, tell: Tell) -> None:
    """Bring in whole slides of many fields as the importer does, and hash their files piece by piece."""
    progress = ImportProgress()
    with Case.open(folder) as case:
        while True:
            for file in case.slide_files.unfinished():
                for step in plan_batches(file, case.slide_files, size=dice.randrange(1, 80)):
                    progress.add(case, ImportBatch(step.path, step.fields, (), slide=step.step))
                    tell(stepped=[file.slide_id, step.step.added])
                    if dice.random() < 0.3:
                        number = case.slide_files.of(file.slide_id).pieces
                        case.slide_files.add_piece(file.slide_id, number, dice.randbytes(32))
                        tell(pieces=[file.slide_id, number + 1])
                if dice.random() < 0.7:
                    tell(hashed=[file.slide_id, case.slide_files.finish_hash(file.slide_id)])
            serial = dice.randrange(10**12)
            identity = SlideIdentity(
                fingerprint=hashlib.sha256(f"slide {serial}".encode()).hexdigest(), bytes=serial, mtime_ns=1
            )
            looked = Looked(SLIDE_INFO, slide_parts(serial, dice.randrange(1, 400)))
            path = folder.parent / "scans" / f"slide {serial}.svs"
            found = NewSlide(path, f"slide {serial}", identity, "all", looked)
            file = progress.add_slide(case, found)
            tell(planned=[file.slide_id, serial, len(looked.parts)])


SLIDE_INFO = SlideInfo(
    format="TIFF", vendor="generic", width=60_000, height=40_000, levels=(Level(60_000, 40_000, 1.0),)
)


def slide_parts(serial: int, count: int) -> tuple[Region, ...]:
    """Return rectangles of a slide, a function of their numbers."""
    return tuple(
        Region(level=0, x=serial % 1000 + 300 * (n % 100), y=225 * (n // 100), width=300, height=225)
        for n in range(count)
    )


def do_report(folder: Path, dice: random.Random, tell: Tell) -> None:
    """Write real exports over the same names again and again, and record final and amended reports."""
    from allstation.report.pdf import write_pdf
    from allstation.report.tables.case_tables import write_csv, write_json

    with Case.open(folder) as case:
        while True:
            snapshot = case.snapshot()
            snapshot = replace(snapshot, fields=snapshot.fields[:3], slides=snapshot.slides)
            for writer, name in ((write_csv, "t.csv"), (write_json, "t.json"), (write_pdf, "r.pdf")):
                target = writer(snapshot, folder / name)
                made = hashlib.sha256(target.read_bytes()).hexdigest()
            status = "amended" if case.reports.all() else "final"
            report = case.reports.add(status, made, file="r.pdf", reason=f"{dice.random()}")
            tell(reported=(report.id, report.reason))


def do_backup(folder: Path, dice: random.Random, tell: Tell) -> None:
    with Case.open(folder) as case:
        while True:
            path = case.backup(folder / "backups" / f"case-{dice.randrange(4)}.sqlite")
            tell(backed=path.name)


def do_upgrade(folder: Path, dice: random.Random, tell: Tell) -> None:
    Case.open(folder.with_name("copy.allcase"), steps=UPGRADED).close()
    tell(upgraded=True)
    time.sleep(10)


def do_repair(folder: Path, dice: random.Random, tell: Tell) -> None:
    maintenance.repair_case(folder.with_name("copy.allcase"))
    tell(repaired=True)
    time.sleep(10)


@dataclass(frozen=True)
class Work:
    """What a child does.

    Attributes:
        act: Works until killed.
        weight: How often, relative to the others.
        acts: It is killed after at most this many acts were told ...
        seconds: ... and at most this much later: about as long as one act takes.
    """

    act: Callable[[Path, random.Random, Tell], None]
    weight: int
    acts: int
    seconds: float


WORK = {
    "create": Work(do_create, 1, 4, 0.03),
    "import": Work(do_import, 2, 5, 0.02),
    "classify": Work(do_classify, 4, 15, 0.02),
    "review": Work(do_review, 3, 25, 0.01),
    "slide": Work(do_slide, 2, 12, 0.01),
    "report": Work(do_report, 2, 2, 0.3),
    "backup": Work(do_backup, 1, 4, 0.04),
    "upgrade": Work(do_upgrade, 1, 0, 0.25),
    "repair": Work(do_repair, 1, 0, 0.4),
}


# What the parent knows must be there.


@dataclass
class Told:
    """Everything the children said was saved."""

    sha256: set[str] = field(default_factory=set)
    predictions: dict[int, list[float]] = field(default_factory=dict)
    by_model_in_use: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    reviews: dict[int, str] = field(default_factory=dict)
    withdrawn: dict[int, bool] = field(default_factory=dict)
    unsure: set[int] = field(default_factory=set)
    reports: dict[int, str] = field(default_factory=dict)
    planned: dict[int, tuple[int, int]] = field(default_factory=dict)
    stepped: dict[int, int] = field(default_factory=dict)
    pieces: dict[int, int] = field(default_factory=dict)
    hashed: dict[int, str] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    backed: set[str] = field(default_factory=set)

    def hear(self, message: dict[str, Any]) -> None:
        """Take in one line of a child."""
        self.sha256.update(message.get("added", ()))
        for number, serial in message.get("saved", ()):
            self.predictions.setdefault(number, []).append(serial)
            self.by_model_in_use |= {number} if message.get("by") == MODEL else set()
        self.failed |= {message["failed"]} if "failed" in message else set()
        self.made |= {message["made"]} if "made" in message else set()
        self.backed |= {message["backed"]} if "backed" in message else set()
        if "planned" in message:
            slide, serial, count = message["planned"]
            self.planned[slide] = (serial, count)
        for key, store in (
            ("reviewed", self.reviews),
            ("reported", self.reports),
            ("stepped", self.stepped),
            ("pieces", self.pieces),
            ("hashed", self.hashed),
        ):
            if key in message:
                store[message[key][0]] = message[key][1]
        if "about" in message:
            self.unsure.add(message["about"])
        if "marked" in message:
            self.withdrawn[message["marked"][0]] = message["marked"][1]
            self.unsure.discard(message["marked"][0])

    def things(self) -> int:
        """Return how many saved things the children told of."""
        saved = sum(map(len, self.predictions.values()))
        slides = len(self.planned) + sum(self.stepped.values()) + sum(self.pieces.values())
        return len(self.sha256) + saved + len(self.reviews) + len(self.reports) + len(self.made) + slides


@dataclass
class Tally:
    """Counts over all kills."""

    kills: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    told: int = 0
    recovered: int = 0
    crashed_twice: int = 0
    checked_exports: int = 0
    cases: int = 0


def live_and_die(work: str, folder: Path, dice: random.Random) -> tuple[list[dict[str, Any]], bool]:
    """Fork a child, kill it, and return what it had told and whether it lived until then."""
    acts, seconds, seed = (
        dice.randint(0, WORK[work].acts),
        dice.random() * WORK[work].seconds,
        dice.randrange(2**32),
    )
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work(work, folder, seed, writing)
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        heard = _hear_until(pipe, acts)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        lines = (heard + pipe.readall()).split(b"\n")
    _, status = os.waitpid(child, 0)
    # A line cut off by the kill was not told.
    return [json.loads(line) for line in lines[:-1]], os.WIFSIGNALED(status)


def _hear_until(pipe: Any, acts: int) -> bytes:
    heard, until = b"", time.monotonic() + STUCK
    while heard.count(b"\n") < acts and time.monotonic() < until:
        ready, _, _ = select.select([pipe], [], [], 0.5)
        if not ready:
            continue
        block = pipe.read(65536)
        if not block:  # the child ended by itself
            break
        heard += block
    return heard


def _work(work: str, folder: Path, seed: int, pipe: int) -> None:
    def tell(**message: object) -> None:
        os.write(pipe, json.dumps(message).encode() + b"\n")

    try:
        WORK[work].act(folder, random.Random(seed), tell)
    except BaseException as error:
        tell(error=f"{work}: {type(error).__name__}: {error}")
    finally:
        os._exit(1)


# What is looked at after each death.


def look(folder: Path, told: Told, tally: Tally) -> Iterator[str]:
    """Open the case and yield everything that is not as it was told."""
    with Case.open(folder) as case:
        tally.recovered += len(case.recovered.queued_again)
        tally.crashed_twice += len(case.recovered.failed)
        yield from (f"check: {problem}" for problem in case.check())
        broken = case.audit.verify()
        if broken is not None:
            yield f"trail: {broken}"
        yield from _rows(case, told)
        yield from _slides(case, told)
        if case.queue.counts()[FieldState.RUNNING]:
            yield "a field is still running after opening"


def _rows(case: Case, told: Told) -> Iterator[str]:
    records = case.fields.page()
    lost = told.sha256 - {record.sha256 for record in records}
    if lost:
        yield f"{len(lost)} added fields are lost"
    by_id = {record.id: record for record in records}
    for number, serials in told.predictions.items():
        have = {made.milliseconds for made in case.fields.predictions(number)}
        if not have.issuperset(serials):
            yield f"field {number} lost {len(set(serials) - have)} predictions"
        if by_id[number].prediction is None:
            yield f"field {number} shows no prediction"
        elif number in told.by_model_in_use and by_id[number].prediction.model_sha256 != MODEL:
            yield f"field {number} shows another model than the one in use"
    for number, comment in told.reviews.items():
        yield from _review(case, number, comment, told)
    found = {report.id: report.reason for report in case.reports.all()}
    if not found.items() >= told.reports.items():
        yield "a recorded report is lost"
    for record in records:
        known = record.error_code in (CRASHED_TWICE, "broken") and record.error
        if record.state is FieldState.FAILED and not known:
            yield f"field {record.id} failed without its sentence"


def _slides(case: Case, told: Told) -> Iterator[str]:
    """Yield what is lost or double of whole slides."""
    files = {file.slide_id: file for file in case.slide_files.all()}
    for slide, (serial, count) in told.planned.items():
        plan = case.slide_files.plan(slide) if slide in files else None
        if plan is None or plan.parts != slide_parts(serial, count):
            yield f"the plan of slide {slide} is lost"
    for slide, file in files.items():
        plan = case.slide_files.plan(slide)
        have = [mark.part for mark in case.slide_files.fields(slide)]
        if plan is None or len(set(have)) != len(have) or set(have) != set(plan.parts[: file.added]):
            yield f"slide {slide} has {len(have)} fields, its plan says {file.added} were added"
        if file.added < told.stepped.get(slide, 0):
            yield f"slide {slide} lost {told.stepped[slide] - file.added} fields"
        if file.pieces < told.pieces.get(slide, 0):
            yield f"slide {slide} lost hashed pieces"
        if file.full_hash != told.hashed.get(slide, file.full_hash):
            yield f"slide {slide} lost the hash of its file"


def _review(case: Case, number: int, comment: str, told: Told) -> Iterator[str]:
    row = case.connection.db.execute(
        "SELECT comment, withdrawn FROM reviews WHERE id = ?", (number,)
    ).fetchone()
    if row is None or row[0] != comment:
        yield f"review {number} is lost"
    elif number not in told.unsure and bool(row[1]) != told.withdrawn.get(number, False):
        yield f"review {number} forgot that it was withdrawn or restored"


def look_at_files(folder: Path, told: Told, tally: Tally) -> Iterator[str]:
    """Yield exports, backups and new cases that are not whole."""
    from pypdf import PdfReader

    for path in (folder / "t.json", folder / "t.csv", folder / "r.pdf"):
        if path.exists():
            tally.checked_exports += 1
            try:
                whole = _whole_export(path, PdfReader)
            except Exception as error:
                whole = f"{type(error).__name__}: {error}"
            if whole:
                yield f"half-written {path.name}: {whole}"
    yield from _backups_and_new_cases(folder, told, tally)


def _backups_and_new_cases(folder: Path, told: Told, tally: Tally) -> Iterator[str]:
    for name in told.backed:
        if not (folder / "backups" / name).is_file():
            yield f"backup {name} is lost"
    for path in (folder / "backups").glob("*.sqlite"):
        tally.checked_exports += 1
        db = sqlite3.connect(path)
        yield from (f"backup {path.name}: {problem}" for problem in full_check(db))
        db.close()
    for name in told.made:
        with Case.open(folder / "made" / name) as made:
            if made.name != "made" or made.check():
                yield f"new case {name} is not whole"
    for place in (folder / "made").glob("*.allcase"):
        if (place / "case.sqlite").exists():
            Case.open(place).close()


def _whole_export(path: Path, reader: Any) -> str:
    if path.suffix == ".json":
        json.loads(path.read_text(encoding="utf-8"))
    elif path.suffix == ".csv":
        return "" if path.read_bytes().endswith(b"\n") else "no end of line"
    else:
        from allstation.report.verification.verify import verify_report

        return "; ".join(verify_report(path)) if reader(path).pages else "no pages"
    return ""


def prepare_copy(work: str, folder: Path) -> None:
    """Make the copy that upgrade and repair work on; a repair finds its first page destroyed."""
    copy = folder.with_name("copy.allcase")
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    with Case.open(folder) as case:
        case.backup(copy / "case.sqlite")
    if work == "repair":
        with (copy / "case.sqlite").open("r+b") as file:
            file.write(b"\xa5" * 4096)


def look_at_copy(work: str, folder: Path, told: Told, tally: Tally) -> Iterator[str]:
    """Yield what an interrupted upgrade or repair lost."""
    copy = folder.with_name("copy.allcase")
    if work == "repair":
        maintenance.repair_case(copy)
        yield from (f"repaired: {problem}" for problem in look(copy, told, tally))
        return
    db = sqlite3.connect(copy / "case.sqlite")
    version = schema.version_of(db)
    db.close()
    if version not in (len(schema.STEPS), len(UPGRADED)):
        yield f"the upgrade stopped at version {version}"
    with Case.open(copy, steps=UPGRADED) as case:
        yield from (f"upgraded: {problem}" for problem in [*case.check(), *_rows(case, told)])
        if case.connection.db.execute("SELECT count(*) FROM later").fetchone()[0] != case.fields.count():
            yield "the upgrade is half done"


def begin(folder: Path, told: Told, dice: random.Random) -> None:
    """Give every kind of work something to work on."""
    with Case.open(folder) as case:
        case.models.add(
            ModelRecord(sha256=MODEL, name="model", version="1", classes=CLASSES, info={"schema": 1})
        )
        slide = case.slides.add("slide 0", folder.parent / "fields")
        new = [new_field(folder.parent / "fields", serial) for serial in range(60)]
        ids = case.fields.add(slide.id, new).added
        case.queue.save_predictions([(number, prediction(dice.randrange(10**12))) for number in ids[:30]])
    told.hear({"added": [item.sha256 for item in new]})


def one_life(place: Path, deaths: int, dice: random.Random, tally: Tally, only: str | None) -> None:
    """Let one case live through some deaths of its program."""
    folder, told = place / "one.allcase", Told()
    Case.create(folder).close()
    tally.cases += 1
    names = [name for name, work in WORK.items() for _ in range(work.weight)]
    begin(folder, told, dice)
    for _ in range(deaths):
        work = only or dice.choice(names)
        if work in ("upgrade", "repair"):
            prepare_copy(work, folder)
        messages, killed = live_and_die(work, folder, dice)
        tally.kills[work] += killed
        tally.problems += [f"{work}: {message['error']}" for message in messages if "error" in message]
        tally.acts[work] += len(messages)
        for message in messages:
            told.hear(message)
        try:
            found = [*look(folder, told, tally), *look_at_files(folder, told, tally)]
            if work in ("upgrade", "repair"):
                found += look_at_copy(work, folder, told, tally)
        except Exception as error:
            found = [f"does not open: {type(error).__name__}: {error}"]
        tally.problems += [f"{work}: {problem}" for problem in found]
    tally.told += told.things()


def run(
    kills: int,
    seed: int,
    only: str | None = None,
    *,
    minutes: float = float("inf"),
    keep: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Kill ``kills`` children, or as many as the minutes allow, and return what was counted.

    Args:
        kills: How many.
        seed: Of the dice.
        only: One kind of work instead of all.
        minutes: No new case after this long.
        keep: Called after each case with the counts so far.
    """
    until = time.monotonic() + minutes * 60
    from allstation.report import pdf  # noqa: F401 - loaded once, before the forks
    from allstation.report.tables import case_tables  # noqa: F401 - loaded once, before the forks
    from allstation.report.verification import verify  # noqa: F401 - loaded once, before the forks

    dice, tally = random.Random(seed), Tally()
    while (done := sum(tally.kills.values())) < kills:
        with tempfile.TemporaryDirectory(prefix="allstation-kill-") as place:
            one_life(Path(place), min(LIVES, kills - done), dice, tally, only)
        keep(tally)
        if len(tally.problems) > 20 or time.monotonic() > until:
            break
        sys.stderr.write(f"{sum(tally.kills.values())} kills, {len(tally.problems)} problems\n")
    return tally


def result(tally: Tally, seconds: float, command: str) -> dict[str, Any]:
    """Return the figures as they are committed."""
    return {
        "what": "SIGKILL at random moments of work on a case",
        "command": command,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "seconds": round(seconds),
        "versions": {
            "allstation": __version__,
            "schema": len(schema.STEPS),
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "system": platform.system(),
        },
        "kills": sum(tally.kills.values()),
        "kills_by_work": dict(tally.kills),
        "acts_told_by_work": dict(tally.acts),
        "cases": tally.cases,
        "saved_things_told": tally.told,
        "exports_and_backups_opened": tally.checked_exports,
        "fields_under_way_recovered": tally.recovered,
        "fields_failed_after_two_deaths": tally.crashed_twice,
        "problems": tally.problems,
    }


def main() -> int:
    """Run from the command line; status 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=WORK)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--result", type=Path)
    options = parser.parse_args()
    began = time.monotonic()
    command = " ".join(["python tests/faults/kill_case.py", *sys.argv[1:]])

    def text(tally: Tally) -> str:
        figures = result(tally, time.monotonic() - began, command)
        return json.dumps(figures, indent=2, ensure_ascii=False) + "\n"

    def keep(tally: Tally) -> None:
        if options.result:
            options.result.write_text(text(tally), encoding="utf-8")

    tally = run(options.kills, options.seed, options.only, minutes=options.minutes, keep=keep)
    sys.stdout.write(text(tally))
    return 1 if tally.problems else 0


if __name__ == "__main__":
    sys.exit(main())
