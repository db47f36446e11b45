"""Attacks on a case, a bundle, a report, a recipe and the terminal, each run against the real program.

    python -m tests.faults.attacks --result tests/faults/results/attacks.json

Writes the table as JSON and, beside it, as Markdown: attack, what is expected, what was seen.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from allstation.imaging.synthetic import write_demo
from allstation.inference.bundle import default_bundle_path
from allstation.paths import PROFILE_VARIABLE
from tests.faults import file_attacks, report_attacks

SEED = 77301
ESCAPE = "\x1b[2J\x1b]0;PWNED\x07"
TURNED = "\u202e"
MUTANTS = 300
LONG = 300


@dataclass(frozen=True)
class Seen:
    """What came of an attack.

    Attributes:
        text: In a few words.
        held: Whether that is what was expected.
    """

    text: str
    held: bool


@dataclass(frozen=True)
class Ground:
    """Where attacks are run.

    Attributes:
        base: Folder with ``fields``, the case ``a.allcase``, its report ``a.pdf`` and, digitally signed,
            ``signed.pdf``; never changed.
        place: An empty folder for one attack.
        mutants: How many damaged reports to look at.
    """

    base: Path
    place: Path
    mutants: int = 30

    def case(self) -> Path:
        """Return a copy of the case."""
        shutil.copytree(self.base / "a.allcase", self.place / "a.allcase")
        return self.place / "a.allcase"


def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command of the program as a person would."""
    command = [sys.executable, "-m", "allstation", *map(str, arguments)]
    defaults = {"capture_output": True, "text": True, "check": False, "timeout": LONG, "errors": "replace"}
    return subprocess.run(command, **{**defaults, **options})  # noqa: PLW1510 - among the defaults


_MEASURED = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def run_measured(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command of the program; standard output is its peak of memory in kB.

    A small process starts it: what one of the size of a test run starts counts that size as its own peak.
    """
    command = [sys.executable, "-c", _MEASURED, sys.executable, "-m", "allstation", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONG)


def prepare(base: Path) -> None:
    """Make the case and the report that are attacked."""
    write_demo(base / "fields", fields=4)
    done = run("classify", base / "fields", "--case", base / "a.allcase", "--report", base / "a.pdf")
    assert done.returncode == 0, done.stderr
    report_attacks.prepare(base)


def sql(case: Path, *statements: str) -> None:
    """Change a case file past the program."""
    with closing(sqlite3.connect(case / "case.sqlite")) as db, db:
        for statement in statements:
            db.execute(statement)


def _broken(case: Path) -> Seen:
    done = run("audit", case)
    return Seen(done.stdout.splitlines()[-1], done.returncode == 1 and "broken" in done.stdout)


def planted_trigger(ground: Ground) -> Seen:
    case = ground.case()
    sql(case, "CREATE TRIGGER swap AFTER UPDATE OF prediction_id ON fields BEGIN UPDATE fields SET "
        "prediction_id = 1, decision = 'Early' WHERE id = NEW.id; END")  # fmt: skip
    before = hashlib.sha256((case / "case.sqlite").read_bytes()).hexdigest()
    done = run("classify", ground.base / "fields", "--case", case)
    same = hashlib.sha256((case / "case.sqlite").read_bytes()).hexdigest() == before
    return Seen(_lines(done.stderr)[-1], same and done.returncode == 2 and "altered" in done.stderr)


def planted_trigger_audited(ground: Ground) -> Seen:
    case = ground.case()
    sql(case, "CREATE TRIGGER swap AFTER UPDATE ON fields BEGIN SELECT 1; END")
    return _broken(case)


def planted_trigger_repaired(ground: Ground) -> Seen:
    case = ground.case()
    sql(case, "CREATE TRIGGER swap AFTER UPDATE ON fields BEGIN SELECT 1; END")
    done = run("repair", case)
    with closing(sqlite3.connect(case / "case.sqlite")) as db:
        gone = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'swap'").fetchone() is None
    held = gone and "sound" not in done.stdout and run("audit", case).returncode == 0
    return Seen(done.stdout.splitlines()[0], held)


def changed(statement: str) -> Callable[[Ground], Seen]:
    def attack(ground: Ground) -> Seen:
        case = ground.case()
        sql(case, statement)
        return _broken(case)

    return attack


def forged_size_and_a_true_one(ground: Ground) -> Seen:
    """A pixel size written past the trail, then one of another slide by the program."""
    case = ground.case()
    forged = '[{"sizes":[{"frame":null,"interval":null,"size":0.9,"source":"typed"}],"slide":1}]'
    sql(case, f"INSERT INTO info (key, value) VALUES ('slide_pixel_sizes', '{forged}')")  # noqa: S608
    run("classify", ground.base / "fields", "--case", case, "--pixel-size", "Slide 2=0.11")
    seen = _broken(case)
    return Seen(run("audit", case).stdout.splitlines()[1], seen.held)


def signing_a_broken_log(ground: Ground) -> Seen:
    case = ground.case()
    sql(case, "UPDATE fields SET decision = 'Benign', reasons = ''")
    done = run("report", case, "--out", ground.place, "--status", "final", "--signed-by", "Dr. B")
    held = done.returncode == 1 and "broken" in done.stderr and not list(ground.place.glob("*.pdf"))
    return Seen(done.stderr.strip(), held)


def repairing_a_broken_log(ground: Ground) -> Seen:
    case = ground.case()
    sql(case, "UPDATE info SET value = 'other' WHERE key = 'name'")
    done = run("repair", case)
    return Seen(done.stdout.strip(), done.returncode == 1 and "sound" not in done.stdout)


def clock_set_back(ground: Ground) -> Seen:
    from datetime import UTC, datetime

    from allstation.store import Case

    case = ground.case()
    with Case.open(case, clock=lambda: datetime(2019, 1, 2, tzinfo=UTC)) as opened:
        opened.rename("other")
    done = run("audit", case)
    return Seen(done.stdout.splitlines()[-1], done.returncode == 0 and "set back" in done.stdout)


def planted_link(ground: Ground) -> Seen:
    case, mine = ground.case(), ground.place / "mine.txt"
    mine.write_text("a file of the user")
    (case / "case.lock").unlink(missing_ok=True)
    (case / "case.lock").symlink_to(mine)
    told = [
        run(*command) for command in (("classify", ground.base / "fields", "--case", case), ("repair", case))
    ]
    held = all("is a link" in one.stderr and _plain(one.stderr) for one in told)
    return Seen(told[0].stderr.strip(), held and mine.read_text() == "a file of the user")


def no_file_locks(ground: Ground) -> Seen:
    """A file system that knows no locks: only one of many processes may become the writer."""
    case, script = ground.case(), ground.place / "open.py"
    script.write_text(
        "import errno, fcntl, sys, time\n"
        "def unsupported(*_): raise OSError(errno.ENOLCK, 'No locks available')\n"
        "fcntl.flock = unsupported\n"
        "from pathlib import Path\n"
        "from allstation.store import Case\n"
        "with Case.open(Path(sys.argv[1])) as case:\n"
        "    print('writer' if not case.read_only else 'reader', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, str(script), str(case)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    children = [subprocess.Popen(command, **pipes) for _ in range(4)]
    roles = [child.stdout.readline().strip() for child in children]
    told = "".join(child.communicate("", timeout=60)[1] for child in children)
    return Seen(
        f"writers {roles.count('writer')} of {len(roles)}", roles.count("writer") == 1 and _plain(told)
    )


def infinite_logit(ground: Ground) -> Seen:
    from tests.faults.damaged_bundle import with_bias

    model = ground.place / "b.allmodel"
    with_bias(model, [float("inf"), 0, 0, 0])
    return _not_benign(ground, model)


def unreadable_weights(ground: Ground) -> Seen:
    from tests.faults.damaged_bundle import with_bias

    model = ground.place / "b.allmodel"
    with_bias(model, [float("nan"), 0, 0, 0])
    return _not_benign(ground, model)


def _not_benign(ground: Ground, model: Path) -> Seen:
    table = ground.place / "t.csv"
    done = run("classify", ground.base / "fields", "--model", model, "--csv", table)
    text = table.read_text("utf-8") if table.exists() else ""
    rows = list(csv.DictReader(text.splitlines()))
    told = sorted({f"{row['decision']}: {row['reasons']}" for row in rows}) or _lines(done.stderr)[-1:]
    held = all(row["decision"] in {"", "needs review"} for row in rows) and _plain(done.stderr)
    return Seen("; ".join(told), held)


def senseless_rule(ground: Ground) -> Seen:
    path = ground.place / "b.allmodel"
    text = _manifest().replace('"min_probability"', '"min_sharpness": NaN, "min_probability"', 1)
    return _refused(_repacked(path, {"bundle.json": text.encode()}))


def senseless_temperature(ground: Ground) -> Seen:
    path, info = ground.place / "b.allmodel", json.loads(_manifest())
    info["calibration"]["temperature"] = 1e-320
    return _refused(_repacked(path, {"bundle.json": json.dumps(info).encode()}))


def class_names(*names: str) -> Callable[[Ground], Seen]:
    def attack(ground: Ground) -> Seen:
        path, info = ground.place / "b.allmodel", json.loads(_manifest())
        info["classes"] = [*info["classes"][: -len(names)], *names]
        made = _repacked(path, {"bundle.json": json.dumps(info).encode()})
        seen = _refused(made)
        return Seen(seen.text, seen.held and "has a class" in seen.text)

    return attack


def _refused(path: Path) -> Seen:
    """Open a bundle in this process: what each command begins with."""
    from allstation.core.errors import StationError
    from allstation.inference.bundle import ModelBundle

    try:
        ModelBundle.open(path)
    except StationError as error:
        return Seen(error.sentence, _plain(error.sentence))
    return Seen("accepted", False)


def _manifest() -> str:
    with zipfile.ZipFile(default_bundle_path()) as shipped:
        return shipped.read("bundle.json").decode()


def anonymised_exports(ground: Ground) -> Seen:
    """Names in pictures, case data, folders and reviews, looked for in every byte of what is exported."""
    from allstation.core.records import Review
    from allstation.store import Case
    from tests import pictures_with_names
    from tests.every_byte import everything_in, found_in

    name = "Vexbabaley"
    fields, case = ground.place / name, ground.place / f"{name}.allcase"
    fields.mkdir()
    for number, source in enumerate(sorted((ground.base / "fields").rglob("*.jpg"))[:2]):
        with Image.open(source) as picture:
            pictures_with_names.write_jpeg(fields / f"{name} {number}.jpg", picture.convert("RGB"), name)
    details = [
        part for key in ("patient_name", "specimen", "camera") for part in ("--detail", f"{key}=of {name}")
    ]
    run("classify", fields, "--case", case, *details)
    with Case.open(case) as opened:
        for field in opened.snapshot().fields:
            opened.reviews.add(
                Review(field_id=field.id, reviewer=name, class_name="Pro", comment=f"for {name}")
            )
    out = ground.place / "out"
    targets = [part for flag in ("--dicom", "--geojson", "--labelled") for part in (flag, out / flag[2:])]
    done = run("export", case, "--fhir", ground.place / "f.json", *targets)
    run("report", case, "--out", out, "--comment", "seen")
    report = out / f"{name}.pdf"
    report.rename(out / "report.pdf")
    parts = everything_in(path for path in (*out.rglob("*"), ground.place / "f.json") if path.is_file())
    seen = found_in(parts, [name])
    files = sorted(Path(file).name for file in seen.get(name, ()))
    return Seen(f"{len(parts)} files, the name in: {files or 'none'}", done.returncode == 0 and not files)


def _plain(*texts: str) -> bool:
    return not any(mark in text for text in texts for mark in ("\x1b", "\x07", TURNED, "Traceback"))


def _lines(*texts: str) -> list[str]:
    """Return the program's lines, without the runtime's own."""
    return [line for line in "".join(texts).splitlines() if not line.startswith("INFO: Created TensorFlow")]


def hostile_file_name(ground: Ground) -> Seen:
    folder = ground.place / "f"
    folder.mkdir()
    (folder / f"x{ESCAPE}{TURNED}\nrefused nothing.jpg").write_bytes(b"none")
    shutil.copy(next((ground.base / "fields").rglob("*.jpg")), folder / f"good{ESCAPE}.jpg")
    done = run("classify", folder, "--csv", ground.place / f"t{ESCAPE}.csv")
    lines = _lines(done.stdout, done.stderr)
    held = done.returncode == 1 and _plain(done.stdout, done.stderr) and len(lines) == 3
    return Seen(f"rc {done.returncode}, {len(lines)} lines, control characters replaced", held)


def hostile_bundle_name(ground: Ground) -> Seen:
    with zipfile.ZipFile(default_bundle_path()) as shipped:
        info = json.loads(shipped.read("bundle.json"))
    info |= {"name": f"ALL Station{ESCAPE}\nchecksums match", "version": TURNED}
    path = _repacked(ground.place / "b.allmodel", {"bundle.json": json.dumps(info).encode()})
    done = run("models", "verify", path)
    lines = _lines(done.stdout, done.stderr)
    held = _plain(done.stdout, done.stderr) and (done.returncode, len(lines)) == (2, 1)
    return Seen(f"rc {done.returncode}, {len(lines)} line, control characters replaced", held)


def full_stdout(ground: Ground) -> Seen:
    with Path("/dev/full").open("w") as full:
        table = ground.place / "t.csv"
        done = run("classify", ground.base / "fields", "--csv", table, capture_output=False, stdout=full,
                   stderr=subprocess.PIPE)  # fmt: skip
    held = done.returncode == 1 and len(_lines(done.stderr)) == 1 and table.stat().st_size > 0
    return Seen(_lines(done.stderr)[-1], held and _plain(done.stderr))


def terminated(ground: Ground) -> Seen:
    temporary, many = ground.place / "tmp", ground.place / "many"
    temporary.mkdir()
    write_demo(many, fields=20)
    command = [sys.executable, "-m", "allstation", "classify", str(many)]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    child = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 60
    while not list(temporary.glob("allstation-*/*/case.sqlite")) and time.monotonic() < until:
        time.sleep(0.02)
    child.send_signal(signal.SIGTERM)
    _, told = child.communicate(timeout=60)
    left = [path.name for path in temporary.iterdir()]
    return Seen(
        f"rc {child.returncode}, left: {left or 'nothing'}",
        child.returncode == 1 and not left and _plain(told),
    )


def world_readable(ground: Ground) -> Seen:
    names = {"--csv": "t.csv", "--json": "t.json", "--xlsx": "t.xlsx", "--report": "t.pdf"}
    targets = [part for flag, name in names.items() for part in (flag, ground.place / name)]
    done = run("classify", ground.base / "fields", *targets, umask=0o022)
    from allstation.services.settings import SettingsFile

    SettingsFile(ground.place / "profile").change(laboratory="Lab")
    files = [*(ground.place / name for name in names.values()), ground.place / "profile" / "settings.json"]
    modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in files}
    (ground.place / "t.csv").chmod(0o640)
    run("classify", ground.base / "fields", "--csv", ground.place / "t.csv", "--force")
    again = stat.S_IMODE((ground.place / "t.csv").stat().st_mode)
    held = done.returncode == 0 and set(modes.values()) == {"0o600"} and again == 0o640
    return Seen(f"new files {', '.join(sorted(set(modes.values())))}; replaced keeps {oct(again)}", held)


def mutated_reports(ground: Ground) -> Seen:
    """Run in one process: what the command does, without starting it 300 times."""
    from allstation.core.errors import StationError
    from allstation.report.verification.parts import examine
    from allstation.report.verification.verify import embedded_data, read_report

    dice, data = random.Random(SEED), (ground.base / "a.pdf").read_bytes()
    counts = {"refused": 0, "findings": 0, "agree": 0, "escaped": 0}
    for _ in range(ground.mutants):
        mutant = bytearray(data)
        for _ in range(dice.choice((1, 4, 32, 400))):
            mutant[dice.randrange(len(mutant))] = dice.randrange(256)
        if dice.random() < 0.3:
            del mutant[dice.randrange(len(mutant)) :]
        path = ground.place / "m.pdf"
        path.write_bytes(mutant)
        try:
            kind = "agree" if examine(path, read_report(path)).holds else "findings"
            embedded_data(path)
        except StationError:
            kind = "refused"
        except Exception:
            kind = "escaped"
        counts[kind] += 1
    return Seen(", ".join(f"{name} {number}" for name, number in counts.items()), not counts["escaped"])


def mutated_cases(ground: Ground) -> Seen:
    """Run in one process: opened, verified and read whole."""
    from allstation.core.errors import StationError
    from allstation.store import Case, maintenance

    case, dice = ground.case(), random.Random(SEED)
    data = (case / "case.sqlite").read_bytes()
    counts = {"refused": 0, "broken": 0, "intact": 0, "escaped": 0}
    kinds = set()
    for _ in range(ground.mutants):
        mutant = bytearray(data)
        for _ in range(dice.choice((1, 4, 32, 400))):
            mutant[dice.randrange(len(mutant))] = dice.randrange(256)
        if dice.random() < 0.2:
            del mutant[dice.randrange(len(mutant)) :]
        (case / "case.sqlite").write_bytes(mutant)
        try:
            kind = "intact" if maintenance.audit_case(case).intact else "broken"
            with Case.open(case, read_only=True) as opened:
                opened.snapshot()
        except StationError:
            kind = "refused"
        except Exception as error:
            kind = "escaped"
            kinds.add(type(error).__name__)
        counts[kind] += 1
    told = ", ".join(f"{name} {number}" for name, number in counts.items())
    return Seen(f"{told} {' '.join(sorted(kinds))}".strip(), not counts["escaped"])


def _report_with(path: Path, attachment: bytes) -> Path:
    from pypdf import PdfWriter

    from allstation.report.content.report_types import ATTACHMENT

    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_attachment(ATTACHMENT, attachment)
    writer.write(path)
    return path


def deep_attachment(ground: Ground) -> Seen:
    done = run("verify-report", _report_with(ground.place / "deep.pdf", b"[" * 5_000_000))
    return Seen(done.stderr.strip(), done.returncode == 2 and _plain(done.stderr))


def odd_attachment(ground: Ground) -> Seen:
    from allstation.report.content.report_types import KIND, SCHEMA
    from allstation.report.verification.verify import _PARTS

    content = dict.fromkeys(_PARTS, ESCAPE)
    data = {"kind": KIND, "schema": SCHEMA, "sha256": "x", "content": content}
    path = _report_with(ground.place / "odd.pdf", json.dumps(data).encode())
    done = run("verify-report", path, "--case", ground.case())
    return Seen(
        (done.stdout + done.stderr).strip(), done.returncode in {1, 2} and _plain(done.stdout, done.stderr)
    )


def _repacked(path: Path, changes: dict[str, bytes], *, twice: bool = False) -> Path:
    """Write the shipped bundle with other members; ``bundle.json`` carries their checksums."""
    with zipfile.ZipFile(default_bundle_path()) as shipped:
        members = {name: shipped.read(name) for name in shipped.namelist()}
    members.update(changes)
    manifest = members.pop("bundle.json")
    if "bundle.json" not in changes:
        info = json.loads(manifest)
        for name, data in changes.items():
            info["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        manifest = json.dumps(info).encode()
    large = any(len(data) > 1 << 20 for data in changes.values())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if large else zipfile.ZIP_STORED) as archive:
        for name, data in (("bundle.json", manifest), *members.items()):
            archive.writestr(name, data)
        if twice:
            archive.writestr("bundle.json", manifest)
    return path


def _refused_fast(command: tuple[object, ...], seconds: float) -> Seen:
    began = time.monotonic()
    done = run(*command)
    took = time.monotonic() - began
    held = done.returncode == 2 and _plain(done.stderr) and took < seconds
    return Seen(f"{done.stderr.strip()} ({took:.1f} s)", held)


def large_manifest(ground: Ground) -> Seen:
    path = _repacked(ground.place / "m.allmodel", {"bundle.json": b"[],".ljust(3, b" ") * (70 << 20)})
    return _refused_fast(("models", "verify", path), 10)


def two_manifests(ground: Ground) -> Seen:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = _repacked(ground.place / "m.allmodel", {}, twice=True)
    return _refused_fast(("models", "verify", path), 10)


def _npz(header: bytes | None, size: int) -> bytes:
    """Return an ``.npz`` with one array: zeros of a size, or a header that claims more than there is."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as file:
        if header is None:
            np.lib.format.write_array_header_1_0(
                file, {"shape": (size,), "fortran_order": False, "descr": "|u1"}
            )
            for _ in range(size >> 24):
                file.write(bytes(1 << 24))
        else:
            file.write(header)
    return memory.getvalue()


def array_bomb(ground: Ground) -> Seen:
    path = _repacked(ground.place / "b.allmodel", {"reference.npz": _npz(None, 320 << 20)})
    return _refused_fast(("models", "verify", path), 10)


def array_claim(ground: Ground) -> Seen:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"shape": (1 << 43,), "fortran_order": False, "descr": "<f8"}
    )
    path = _repacked(ground.place / "b.allmodel", {"reference.npz": _npz(header.getvalue(), 0)})
    return _refused_fast(("models", "verify", path), 10)


def network_without_end(ground: Ground) -> Seen:
    from allstation.services.settings import SettingsFile
    from tests.faults.damaged_bundle import rebuilt
    from tests.faults.hostile_network import endless, shipped_network

    SettingsFile(ground.place / "profile" / "config").change(max_seconds=4.0)
    path = rebuilt(ground.place / "endless.allmodel", network=endless(shipped_network())).path
    environment = {**os.environ, "ALLSTATION_PROFILE": str(ground.place / "profile")}
    case, began = ground.place / "e.allcase", time.monotonic()
    done = run("classify", ground.base / "fields", "--model", path, "--case", case, env=environment)
    took = time.monotonic() - began
    held = done.returncode == 2 and "cannot be used: its network took more than 2 seconds" in done.stderr
    again = run("classify", ground.base / "fields", "--case", case, env=environment)
    held = held and took < 60 and "done: 4" in again.stdout
    return Seen(
        f"{_lines(done.stderr)[-1]} (rc {done.returncode}; with the shipped model then all done)", held
    )


def fields_of_a_large_size(ground: Ground) -> Seen:
    path = _with_entries(ground.place / "m.allmodel", preprocessing={"size": [60_000, 60_000]})
    return _refused_fast(("classify", ground.base / "fields", "--model", path), 20)


def _with_entries(path: Path, **entries: dict[str, object]) -> Path:
    with zipfile.ZipFile(default_bundle_path()) as shipped:
        info = json.loads(shipped.read("bundle.json"))
    for name, entry in entries.items():
        info[name] |= entry
    return _repacked(path, {"bundle.json": json.dumps(info).encode()})


def large_recipe(ground: Ground) -> Seen:
    path = ground.place / "r.toml"
    path.write_bytes(b"# " + b"x" * (60 << 20))
    return _recipe(path)


def deep_recipe(ground: Ground) -> Seen:
    path = ground.place / "r.toml"
    path.write_text("x=" + "[" * 100_000)
    return _recipe(path)


def _recipe(path: Path) -> Seen:
    from allstation.core.errors import StationError
    from training.fit.recipe import read_recipe

    began = time.monotonic()
    try:
        read_recipe(path)
        told = "accepted"
    except StationError as error:
        told = error.sentence
    except Exception as error:
        told = type(error).__name__
    took = time.monotonic() - began
    return Seen(f"{told} ({took:.1f} s)", told.startswith("The recipe") and took < 5)


def large_jpeg_2000(ground: Ground) -> Seen:
    """A picture of 1 KB that claims 118 million pixels: the header of a small one is changed."""
    memory = io.BytesIO()
    Image.new("RGB", (64, 64)).save(memory, "JPEG2000")
    data, side = bytearray(memory.getvalue()), (10_900).to_bytes(4, "big")
    place = data.index(b"ihdr") + 4
    data[place : place + 8] = side * 2
    place = data.index(b"\xff\x51") + 6
    data[place : place + 8] = side * 2
    folder = ground.place / "f"
    folder.mkdir()
    (folder / "bomb.jp2").write_bytes(data)
    done = run_measured("classify", folder)
    peak, text = int(done.stdout) / 1024, done.stderr
    held = "claims 10,900 x 10,900 pixels" in text and peak < 1024
    return Seen(f"{_lines(text)[-1]} (at most {peak:.0f} MB)", held)


def _impostor(ground: Ground, path: Path) -> Seen:
    """Let a bundle work that bears the shipped model's name, on the command line and in a case."""
    table = ground.place / "t.csv"
    done = run("classify", ground.base / "fields", "--model", path, "--csv", table)
    verified = run("models", "verify", path)
    listed = run("models", "show", path)
    held = (done.returncode, table.exists()) == (2, False) and "does not bear its signature" in done.stderr
    held = held and verified.returncode != 0 and '"impostor"' in listed.stdout
    return Seen(_lines(done.stderr)[-1], held)


def _all_recomputed(path: Path, info: dict[str, object], bias: list[float]) -> Path:
    """Change the shipped bundle, and compute its checksums and reference fields again."""
    from allstation.inference.bundle import ModelBundle, write_bundle
    from allstation.inference.engine import Engine
    from tests.faults.damaged_bundle import with_bias

    shipped = ModelBundle.open(default_bundle_path())
    network = with_bias(path, bias).members["network.tflite"] if bias else shipped.members["network.tflite"]
    kept = {key: value for key, value in shipped.info.items() if key not in {"schema", "files"}}
    members = {**shipped.members, "network.tflite": network}
    changed = write_bundle(path, {**kept, **info}, members)
    rgb = changed.arrays("reference.npz")["rgb"]
    engine, memory = Engine(changed), io.BytesIO()
    shares = [list(engine.classify_rgb(one).probabilities.values()) for one in rgb]
    np.savez_compressed(memory, rgb=rgb, probabilities=np.array(shares))
    return write_bundle(path, {**kept, **info}, {**members, "reference.npz": memory.getvalue()}).path


def always_benign(ground: Ground) -> Seen:
    return _impostor(ground, _all_recomputed(ground.place / "b.allmodel", {}, [80.0, 0.0, 0.0, 0.0]))


def permuted_classes(ground: Ground) -> Seen:
    names = {"classes": ["Pro", "Early", "Pre", "Benign"]}
    return _impostor(ground, _all_recomputed(ground.place / "b.allmodel", names, []))


def rule_switched_off(ground: Ground) -> Seen:
    rule = {"decision": {"min_probability": 0.0, "max_novelty": 1e6, "min_cells": 0}}
    return _impostor(ground, _all_recomputed(ground.place / "b.allmodel", rule, []))


def lookalike_name(ground: Ground) -> Seen:
    info = {"name": "ALL Stati\u043en cells", "classes": ["Pro", "Early", "Pre", "Benign"]}
    return _impostor(ground, _all_recomputed(ground.place / "b.allmodel", info, []))


def unsigned_bundle(ground: Ground) -> Seen:
    from tests.faults.damaged_bundle import rebuilt

    path, report = rebuilt(ground.place / "b.allmodel").path, ground.place / "r.pdf"
    done = run("classify", ground.base / "fields", "--model", path, "--report", report)
    from pypdf import PdfReader

    page = " ".join(PdfReader(report).pages[0].extract_text().split())
    held = "not signed, unknown maker" in done.stderr and "not signed, unknown maker" in page
    return Seen(_lines(done.stderr)[-1], held)


def class_called_needs_review(ground: Ground) -> Seen:
    path = ground.place / "b.allmodel"
    with zipfile.ZipFile(default_bundle_path()) as shipped:
        info = json.loads(shipped.read("bundle.json"))
    info |= {"name": "Other", "classes": ["Benign", "needs review", "Pre", "Pro"]}
    _repacked(path, {"bundle.json": json.dumps(info).encode()})
    return _refused_fast(("classify", ground.base / "fields", "--model", path), 20)


def _seen_here(ground: Ground, case: Path) -> Path:
    """Let this station open a case for writing, and copy it."""
    done = run("classify", ground.base / "fields", "--case", case)
    assert done.returncode == 0, done.stderr
    kept = case.with_name("kept.allcase")
    shutil.copytree(case, kept)
    return kept


def _work_on(case: Path, comment: str = "blasts") -> None:
    from allstation.core.records import Review
    from allstation.store import Case

    with Case.open(case) as opened:
        opened.reviews.add(Review(field_id=1, reviewer="Ada", class_name="Pro", comment=comment))


def _recomputed(case: Path, *, at: str = "", seals: bool = True) -> None:
    """Rewrite the audit log under another name or date, every hash of it computed again."""
    from dataclasses import replace

    from allstation.core.audit import GENESIS
    from allstation.store import Case

    with Case.open(case, read_only=True) as opened:
        entries, previous, forged = opened.audit.entries(), GENESIS, []
    for entry in entries:
        details = json.loads(entry.details)
        if not seals:
            details.pop("key", None)
        text = json.dumps(details, sort_keys=True, separators=(",", ":"))
        told = replace(entry, who="Eve", at=at or entry.at, details=text, previous=previous)
        forged.append(replace(told, hash=told.seal()))
        previous = forged[-1].hash
    with closing(sqlite3.connect(case / "case.sqlite")) as db, db:
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        for one in forged:
            db.execute("UPDATE audit SET who = ?, at = ?, details = ?, previous = ?, hash = ? WHERE id = ?",
                       (one.who, one.at, one.details, one.previous, one.hash, one.id))  # fmt: skip
        if not seals:
            db.execute("DELETE FROM seals")
        for _, text in triggers:
            db.execute(text)


def recomputed_chain(ground: Ground) -> Seen:
    case = ground.case()
    _recomputed(case)
    return _broken(case)


def backdated_chain(ground: Ground) -> Seen:
    case = ground.case()
    _recomputed(case, at="2019-01-02T03:04:05Z")
    return _broken(case)


def _told(case: Path, word: str) -> Seen:
    """Look for a sentence in the audit, and for the refusal to sign."""
    audited = run("audit", case)
    target = case.parent / "out"
    signed = run("report", case, "--out", target, "--status", "final", "--signed-by", "Dr. B")
    refused = signed.returncode == 1 and word in signed.stderr and not list(target.glob("*.pdf"))
    return Seen(
        audited.stdout.splitlines()[-1], audited.returncode == 1 and word in audited.stdout and refused
    )


def recomputed_without_seals(ground: Ground) -> Seen:
    case = ground.case()
    _seen_here(ground, case)
    _recomputed(case, seals=False)
    return _told(case, "has seen another trail")


def tail_cut_off(ground: Ground) -> Seen:
    case = ground.case()
    _seen_here(ground, case)
    _work_on(case)
    with closing(sqlite3.connect(case / "case.sqlite")) as db, db:
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute("DELETE FROM audit WHERE action = 'review-added'")
        db.execute("UPDATE fields SET review_id = NULL, review_class = NULL")
        db.execute("DELETE FROM reviews")
        for _, text in triggers:
            db.execute(text)
    return _told(case, "seal")


def older_copy(ground: Ground) -> Seen:
    case = ground.case()
    kept = _seen_here(ground, case)
    _work_on(case)
    shutil.rmtree(case)
    kept.rename(case)
    return _told(case, "has seen a longer trail")


def older_copy_worked_on(ground: Ground) -> Seen:
    case = ground.case()
    kept = _seen_here(ground, case)
    _work_on(case)
    shutil.rmtree(case)
    kept.rename(case)
    _work_on(case, "no blasts")  # in the same second, the same work would make the same entry
    _work_on(case)
    return _told(case, "has seen another trail")


def another_cases_file(ground: Ground) -> Seen:
    case = ground.case()
    _seen_here(ground, case)
    made = {**os.environ, "ALLSTATION_PROFILE": str(ground.place / "elsewhere")}
    foreign = ground.place / "foreign.allcase"
    done = run("classify", ground.base / "fields", "--case", foreign, env=made)
    assert done.returncode == 0, done.stderr
    for name in ("case.sqlite-wal", "case.sqlite-shm"):
        (case / name).unlink(missing_ok=True)
    shutil.copy(foreign / "case.sqlite", case / "case.sqlite")
    return _told(case, "another case was in this folder")


def moved_between_stations(ground: Ground) -> Seen:
    """No attack: a case that another station made opens, is worked on, and says who sealed what."""
    case = ground.case()
    _work_on(case)
    done = run("audit", case)
    held = done.returncode == 0 and "intact" in done.stdout and "(unknown here, key" in done.stdout
    return Seen("; ".join(done.stdout.splitlines()[1:]), held and "(this station, key" in done.stdout)


COPIES = {
    "decision of every field": "UPDATE fields SET decision = 'Benign', reasons = ''",
    "probability": "UPDATE fields SET probability = 0.5, margin = 0.1 WHERE decision IS NOT NULL",
    "prediction of another field": (
        "UPDATE fields SET prediction_id = (SELECT max(id) FROM predictions WHERE field_id <> 2) WHERE id = 2"
    ),
    "invented review": "UPDATE fields SET review_class = 'Benign'",
    "patient": "INSERT OR REPLACE INTO info VALUES ('details', '{\"patient_name\":\"Max\"}')",
    "slide name": "UPDATE slides SET name = 'other'",
    "file name": "UPDATE fields SET name = 'other.jpg' WHERE id = 1",
    "model classes": 'UPDATE models SET classes = \'["Pro","Early","Pre","Benign"]\'',
    "state and error text": "UPDATE fields SET state = 'failed', error = 'x', error_code = 'x' WHERE id = 1",
    "evidence": "UPDATE predictions SET evidence = zeroblob(8) WHERE id = 1",
}


def _evidence(ground: Ground) -> Seen:
    case = ground.case()
    with closing(sqlite3.connect(case / "case.sqlite")) as db, db:
        (trigger,) = db.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'predictions_no_update'"
        ).fetchone()
        db.execute("DROP TRIGGER predictions_no_update")
        db.execute(COPIES["evidence"])
        db.execute(trigger)
    return _broken(case)


ATTACKS: dict[str, tuple[str, Callable[[Ground], Seen]]] = {
    "F1 always Benign under the shipped name": ("refused", always_benign),
    "F1 shipped model, class names exchanged": ("refused", permuted_classes),
    "F1 shipped model, rule switched off": ("refused", rule_switched_off),
    "F1 a name that looks like the shipped one": ("refused", lookalike_name),
    "F1 bundle without a signature": ("named on the terminal and in the report", unsigned_bundle),
    "class called needs review": ("refused", class_called_needs_review),
    "A16 newest entries cut off with their rows": ("told, not signed", tail_cut_off),
    "A17 chain recomputed": ("broken", recomputed_chain),
    "A17 chain recomputed, seals removed": ("told, not signed", recomputed_without_seals),
    "A18 chain backdated": ("broken", backdated_chain),
    "A21 older copy put back": ("told, not signed", older_copy),
    "A21 older copy put back and worked on": ("told, not signed", older_copy_worked_on),
    "A22 another case's file put in": ("told, not signed", another_cases_file),
    "case moved between stations": ("opens, names both", moved_between_stations),
    "F2 trigger in a case, classify": ("refused, file untouched", planted_trigger),
    "F2 trigger in a case, audit": ("broken", planted_trigger_audited),
    "F2 trigger in a case, repair": ("a clean file", planted_trigger_repaired),
    **{
        f"F5 {name} changed": ("broken", changed(text)) for name, text in COPIES.items() if name != "evidence"
    },
    "F5 evidence changed": ("broken", _evidence),
    "F3 case.lock is a link to a file of the user": ("refused, file untouched", planted_link),
    "forged pixel size, then a true one of another slide": ("broken", forged_size_and_a_true_one),
    "F6 signing a broken log": ("refused, rc 1", signing_a_broken_log),
    "F6 repair of a broken log": ("not called sound, rc 1", repairing_a_broken_log),
    "F8 infinite logit": ("never a class", infinite_logit),
    "F8 logits that are no numbers": ("never a class", unreadable_weights),
    "F8 NaN in the decision rule": ("refused", senseless_rule),
    "F8 temperature of 1e-320": ("refused", senseless_temperature),
    "F9 names in anonymised exports": ("none in any byte", anonymised_exports),
    "F12 file system without locks, four processes": ("one writer", no_file_locks),
    "F13 clock set back": ("a remark", clock_set_back),
    "class named “needs review”": ("refused", class_names("needs review")),
    "classes with escapes and formulas": ("refused", class_names(ESCAPE, "=1+1")),
    "terminal escapes in file names": ("replaced", hostile_file_name),
    "terminal escapes in a bundle's name": ("replaced, one line", hostile_bundle_name),
    "stdout is full": ("a sentence, rc 1", full_stdout),
    "SIGTERM of classify without a case": ("nothing left", terminated),
    "modes of settings, report and tables": ("0600, replaced ones keep theirs", world_readable),
    "mutated reports": ("no traceback", mutated_reports),
    **report_attacks.ATTACKS,
    **file_attacks.ATTACKS,
    "mutated cases": ("no traceback", mutated_cases),
    "report with data nested 5,000,000 deep": ("a sentence", deep_attachment),
    "report with data of other types": ("a sentence", odd_attachment),
    "manifest of 210 MB": ("refused fast", large_manifest),
    "two bundle.json": ("refused", two_manifests),
    "npz of 320 MB": ("refused fast", array_bomb),
    "npz that claims 2^43 doubles": ("refused fast", array_claim),
    "F11 network without end": ("a sentence about the model, no field failed", network_without_end),
    "bundle for fields of 60,000 pixels a side": ("refused fast", fields_of_a_large_size),
    "recipe of 60 MB": ("a sentence", large_recipe),
    "recipe nested 100,000 deep": ("a sentence", deep_recipe),
    "JPEG 2000 of 1 KB with 118 million pixels": ("refused, under 1 GB", large_jpeg_2000),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--result", type=Path, required=True)
    target = parser.parse_args().result
    rows = []
    with TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        os.environ[PROFILE_VARIABLE] = str(Path(folder) / "profile of the maker")
        prepare(base)
        for number, (name, (expected, attack)) in enumerate(ATTACKS.items()):
            place = Path(folder) / str(number)
            place.mkdir()
            # Each on a station of its own: one remembers what it has seen of the case.
            os.environ[PROFILE_VARIABLE] = str(place / "profile")
            seen = asdict(attack(Ground(base, place, mutants=MUTANTS)))
            seen["text"] = seen["text"].replace(folder, "…")
            rows.append({"attack": name, "expected": expected, "seen": seen["text"], "held": seen["held"]})
            sys.stdout.write(f"{'held' if seen['held'] else 'FAULT':6} {name}\n")
            shutil.rmtree(place)
    target.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")
    lines = ["| attack | expected | seen | held |", "|---|---|---|---|"]
    for row in rows:
        cells = (row["attack"], row["expected"], row["seen"], "yes" if row["held"] else "NO")
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    target.with_suffix(".md").write_text("\n".join(lines) + "\n", "utf-8")
    return int(not all(row["held"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
