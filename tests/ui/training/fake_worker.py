"""A stand-in for the training program: speaks its protocol from a real child process.

Usage: ``fake_worker.py --protocol COMMAND ARGUMENTS…``. What it does is chosen by the environment
variable FAKE: fit (default), nan, crash, kill, memory, full-disk, vanished, garbage, hang, orphan-child.
FAKE_HOLD names a phase in which it stays. FAKE_PAIR says how a run does against the active model: unclear
(default), better, worse, or failed when the two cannot be compared.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from fake_reports import PAIRS, SHARES, map_report  # beside this script

COMMANDS: list[str] = []
SHORT = 4
"""Epochs of a run that only its end is looked at."""
CLASSES = ["Benign", "Early", "Pre", "Pro"]


def write(line: str, stream: TextIO = sys.stdout) -> None:
    stream.write(line + "\n")
    stream.flush()


def tell(event: str, **entries: object) -> None:
    write(json.dumps({"v": 1, "event": event, **entries}))


def listen() -> None:
    for line in sys.stdin:
        COMMANDS.append(line.strip())
    os._exit(4)


def figure(value: float, n: int) -> dict[str, object]:
    interval = [max(0.0, value - 0.03), min(1.0, value + 0.03)]
    return {
        "value": value,
        "n": n,
        "interval": interval,
        "split": "same-field",
        "patients": "patients unknown",
    }


def metrics() -> dict[str, object]:
    table = {
        name: {
            "precision": figure(0.9, 10),
            "recall": figure(0.8 + index / 50, 10),
            "specificity": figure(0.97, 30),
            "F1": 0.85,
            "AUC": 0.98,
            "support": 10,
            "predicted": 10,
        }
        for index, name in enumerate(CLASSES)
    }
    test = {
        "n": 40,
        "groups": 36,
        "split": "same-field",
        "patients": "patients unknown",
        "classes": CLASSES,
        "confusion_rows_true": [[8, 1, 1, 0], [0, 9, 1, 0], [0, 1, 9, 0], [0, 0, 0, 10]],
        "overall": {"accuracy (Wilson)": figure(0.9, 40), "macro F1": figure(0.89, 40)},
        "by_class": table,
        "averages": {"macro_f1": 0.89},
        "reliability": [
            {"low": 0.6, "high": 0.8, "count": 10, "confidence": 0.7, "accuracy": 0.75},
            {"low": 0.8, "high": 1.0, "count": 30, "confidence": 0.93, "accuracy": 0.95},
        ],
        "accuracy_at_coverage": [],
    }
    return {"epochs": 4, "best_epoch": 3, "stopped": "stop" in COMMANDS, "seconds": 2.0, "test": test,
            "validation": test}  # fmt: skip


def write_predictions(folder: Path) -> None:
    counts = [[8, 1, 1, 0], [0, 9, 1, 0], [0, 1, 9, 0], [0, 0, 0, 10]]
    lines = ["part,file,field_group,class,predicted," + ",".join(CLASSES)]
    number = 0
    for true, row in enumerate(counts):
        for guess, cell in enumerate(row):
            for _ in range(cell):
                number += 1
                shares = [0.1] * 4
                shares[guess] = 0.7
                listed = ",".join(f"{share:.6f}" for share in shares)
                name = f"{CLASSES[true]}/field {number}.png"
                lines.append(f"test,{name},{number},{CLASSES[true]},{CLASSES[guess]},{listed}")
    (folder / "predictions.csv").write_text("\n".join(lines) + "\n", "utf-8")


def write_run(folder: Path, state: str, **more: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "run.json"
    before = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    data = {
        "schema": 1,
        "name": "fake",
        "started": "2026-11-22T10:00:00+00:00",
        "recipe": {
            "name": "fake",
            "data": "/data/smears",
            "method": {"kind": "compact"},
            "fit": {"epochs": 4},
        },
        "classes": CLASSES,
        "split": "same-field",
        "patients": "patients unknown",
        "data_sha256": "ab" * 32,
        "versions": {"keras": "3"},
        **before,
        "state": state,
        **more,
    }
    # As the real child does it: the window may read at any moment.
    part = path.with_suffix(".part")
    part.write_text(json.dumps(data), "utf-8")
    part.replace(path)


def epochs(folder: Path, mode: str) -> None:
    header = "epoch,seconds,loss,accuracy,val_loss,val_accuracy,learning_rate"
    rows = [header]
    planned = int(os.environ.get("FAKE_EPOCHS", "4"))
    pause = 0.03 if planned > SHORT else 0.0  # a long run is there to be stopped
    for epoch in range(1, planned + 1):
        for batch in range(1, 4):
            if COMMANDS:
                return
            tell("batch", epoch=epoch, epochs=planned, batch=batch, batches=3, loss=1.2 / epoch,
                 accuracy=0.6, seconds_left=2.5)  # fmt: skip
            time.sleep(pause)
        if mode == "nan" and epoch == 2:
            refuse(folder, "nan-loss", "The loss is no number after epoch 2. Lower the learning rate.")
        if mode == "full-disk" and epoch == 2:
            refuse(folder, "disk-full", "The disk is full: history.csv of the run could not be written.")
        if mode == "memory" and epoch == 2:
            refuse(folder, "out-of-memory", "The computer ran out of memory. Choose a smaller batch.")
        if mode == "kill" and epoch == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if mode == "crash" and epoch == 2:
            write("Fatal: something broke inside", sys.stderr)
            os._exit(3)
        values = {
            "loss": 1.2 / epoch,
            "accuracy": 0.5 + 0.1 * min(epoch, 4),
            "val_loss": 1.3 / epoch if epoch < 4 else 0.6,
            "val_accuracy": 0.5 + 0.09 * min(epoch, 4),
            "learning_rate": 0.001,
        }
        rows.append(",".join(map(str, [epoch, 0.3, *values.values()])))
        (folder / "history.csv").write_text("\n".join(rows) + "\n", "utf-8")
        tell("epoch", epoch=epoch, epochs=planned, seconds=0.3, values=values, best=epoch < 4)


def refuse(folder: Path, code: str, sentence: str) -> None:
    write_run(folder, "failed", error_code=code, error=sentence)
    tell("error", code=code, sentence=sentence)
    tell("finished", state="failed", folder=str(folder), summary={})
    sys.exit(2)


def phase(name: str, text: str) -> None:
    tell("phase", name=name, text=text)
    if os.environ.get("FAKE_HOLD") == name:
        time.sleep(600)


def fit(arguments: list[str], mode: str) -> None:
    folder = Path(arguments[arguments.index("--out") + 1])
    if mode == "orphan-child":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    if mode == "vanished":
        sentence = "The labelled folder 'smears' is not there any more. Look for it, or choose another."
        tell("error", code="no-folder", sentence=sentence)
        tell("finished", state="failed", folder="", summary={})
        sys.exit(2)
    write_run(folder, "running")
    phase("checking", "Opening every field")
    for done in (10, 20, 40):
        tell("progress", done=done, total=40, seconds_left=1.0, text="fields opened")
    tell("message", text="2 fields show the same place.", level="warning")
    phase("preparing", "Dividing and reading the fields")
    phase("training", "fake")
    if mode == "garbage":
        write("Epoch 1/15 ======")
        time.sleep(30)
    if mode == "hang":
        time.sleep(600)
    epochs(folder, mode)
    if "discard" in COMMANDS:
        tell("finished", state="discarded", folder="", summary={})
        return
    phase("evaluating", "Opening the test set once")
    found = metrics()
    (folder / "metrics.json").write_text(json.dumps(found), "utf-8")
    write_predictions(folder)
    tell("report", kind="metrics", data=found)
    phase("exporting", "Writing the bundle")
    (folder / "fake.allmodel").write_bytes(b"bundle")
    state = "stopped" if "stop" in COMMANDS else "finished"
    write_run(folder, state, seconds=2.0, ended="2026-11-22T10:00:02+00:00")
    tell("finished", state=state, folder=str(folder), summary={"test": figure(0.9, 40)})


def finding(level: str, code: str, sentence: str, *names: str) -> dict[str, object]:
    return {"level": level, "code": code, "sentence": sentence, "fields": list(names)}


def check(arguments: list[str], mode: str) -> None:
    tell("phase", name="checking", text="Opening every field")
    tell("progress", done=20, total=40, seconds_left=1.0, text="fields opened")
    found = [
        finding("warning", "identical", "2 pairs of files are byte-identical; a split by image puts copies "
                "into training and test.", "Pro/a.png", "Pro/b.png"),
        finding("warning", "shortcut", "The background alone tells the classes with balanced accuracy 0.975 "
                "(95 % interval 0.960 to 0.990, n = 40, same-field, patients unknown; chance 0.25): a high "
                "accuracy is no evidence that a network looks at the cells."),
        finding("note", "patients-unknown", "No patient ids: every figure will say 'patients unknown'."),
    ]  # fmt: skip
    if mode == "errors":
        found.insert(0, finding("error", "unreadable-field", "Early/broken.jpg is cut off after 3,012 bytes. "
                                "Copy it again or remove it.", "Early/broken.jpg"))  # fmt: skip
    errors = sum(entry["level"] == "error" for entry in found)
    report = {
        "folder": Path(arguments[0]).name,
        "fields": 40,
        "classes": {"Benign": 8, "Early": 12, "Pre": 11, "Pro": 9},
        "files": {name: [f"{name}/a.png"] for name in CLASSES},
        "patients": "patients unknown",
        "sizes": {"table": [{"width": 224, "height": 224, "fields": 40}], "outliers": []},
        "identical": {"pairs": 2, "sets": [], "across_classes": []},
        "groups": {"count": 36, "larger_than_one": 3, "fields_in_larger": 7, "largest": 3, "sets": [],
                   "across_classes": []},
        "marks": {},
        "probes": [
            {"name": "background colour", "balanced_accuracy": 0.975, "low": 0.96, "high": 0.99, "n": 40,
             "split": "same-field", "chance": 0.25, "suspicious": True},
            {"name": "file size", "balanced_accuracy": 0.3, "low": 0.2, "high": 0.4, "n": 40,
             "split": "same-field", "chance": 0.25, "suspicious": False},
        ],
        "archive": None,
        "other_files": [],
        "findings": found,
        "errors": errors,
        "seconds": 0.3,
    }  # fmt: skip
    tell("report", kind="check", data=report)
    tell("finished", state="finished", folder="", summary={"errors": errors})


def option(default: object, text: str, **more: object) -> dict[str, object]:
    return {"default": default, "text": text, "choices": [], "low": None, "high": None, **more}


def listed() -> None:
    methods = [
        {
            "name": "finetune",
            "title": "Fine-tune the shipped model",
            "kind": "tuning",
            "text": "The last layer is fitted again.",
            "options": {"copies": option(2, "altered copies", low=0, high=16)},
            "recipe": {"name": "finetune", "method": {"kind": "finetune"}, "split": {"kind": "same-field"}},
            "uses": ["split", "fit.seed"],
        },
        {
            "name": "compact",
            "title": "Compact network",
            "kind": "network",
            "text": "Small modern network.",
            "options": {"dropout": option(0.2, "dropout before the output", low=0.0, high=0.9)},
            "recipe": {"name": "compact", "method": {"kind": "compact"},
                       "input": {"height": 160, "width": 160, "mask_corner": True},
                       "fit": {"epochs": 40, "batch": 32, "schedule": "cosine"}},
        },
        {
            "name": "zhang",
            "title": "Zhang's CNN",
            "kind": "network",
            "text": "Grey 100x100 (Zhang 2024).",
            "options": {"blocks": option(3, "convolution blocks", low=1, high=4),
                        "padding": option("valid", "convolution padding", choices=["valid", "same"])},
            "recipe": {"name": "zhang", "method": {"kind": "zhang"},
                       "input": {"height": 100, "width": 100, "colour": "gray", "interpolation": "area"},
                       "fit": {"epochs": 15, "batch": 64, "keep": "last"}},
        },
        {
            "name": "knn-hog",
            "title": "k-NN on HOG",
            "kind": "classical",
            "text": "Nearest neighbours on HOG.",
            "options": {"neighbours": option(5, "neighbours", low=1, high=200)},
            "recipe": {"name": "knn-hog", "method": {"kind": "knn-hog"},
                       "input": {"height": 100, "width": 100}},
        },
    ]  # fmt: skip
    tell("report", kind="methods", data={"methods": methods})
    tell("finished", state="finished", folder="", summary={})


def side_by_side(how: str, names: list[str]) -> dict[str, dict[str, object]]:
    """Figures of runs and, last, of the model; a run at chance names one class only."""
    found = {}
    for place, name in enumerate(names):
        test = dict(metrics()["test"])  # type: ignore[call-overload]
        value = SHARES[how][place > 0]
        test["overall"] = {
            "accuracy (Wilson)": figure(value, 40),
            "balanced accuracy": figure(value, 40),
            "macro F1": figure(value - 0.01, 40),
        }
        found[name] = test
    return found


def evaluate(arguments: list[str]) -> None:
    model = {}
    how = os.environ.get("FAKE_PAIR", "unclear")
    if "--model" in arguments:
        *arguments, _, _ = arguments
        text = (Path(arguments[0]) / "predictions.csv").read_text("utf-8")
        (Path(arguments[0]) / "predictions-abc.csv").write_text(text, "utf-8")
        model = {"name": "Shipped", "version": "1.0", "sha256": "abc", "predictions": "predictions-abc.csv"}
        tell("progress", done=20, total=40, seconds_left=1.0, text="fields classified")
        if how == "failed":
            tell("error", code="other-classes", sentence="The model Shipped knows the classes A, B; the run "
                 "has Benign, Early, Pre, Pro. They cannot be compared.")  # fmt: skip
            tell("finished", state="failed", folder="", summary={})
            sys.exit(2)
    names = [*(Path(name).name for name in arguments), *(["model"] if model else [])]
    runs = side_by_side(how, names) if model else {name: metrics()["test"] for name in names}
    pairs = [{"first": a, "second": b, "n": 40, **PAIRS[how]} for a, b in itertools.pairwise(names)]
    tell("report", kind="comparison", data={"runs": runs, "pairs": pairs, "model": model})
    tell("finished", state="finished", folder="", summary={})


def mapped(arguments: list[str], mode: str) -> None:
    """Report a map, or what FAKE says instead."""
    folder = Path(arguments[0])
    tell("phase", name="preparing", text="Looking at every field")
    tell("progress", done=2, total=20, seconds_left=9.0, text="fields looked at")
    if mode == "hang-map":
        time.sleep(600)
    if mode == "no-features":
        tell("error", code="no-features", sentence="The model tells nothing of how a field looks.")
        tell("finished", state="failed", folder="", summary={})
        sys.exit(2)
    report = map_report(str(folder), CLASSES, with_parts="--run" in arguments)
    tell("report", kind="map", data=report)
    tell("finished", state="finished", folder="", summary={})


def preview(arguments: list[str]) -> None:
    from PIL import Image

    Image.new("RGB", (9 * 64, 64), (200, 120, 180)).save(arguments[1])
    tell("finished", state="finished", folder=arguments[1], summary={})


def main() -> None:
    threading.Thread(target=listen, daemon=True).start()
    command, *arguments = sys.argv[sys.argv.index("--protocol") + 1 :]
    mode = os.environ.get("FAKE", "fit")
    tell("started", pid=os.getpid(), command=command, folder="")
    if mode == "hang" and command != "fit":
        time.sleep(600)
    if command == "fit":
        fit(arguments, mode)
    elif command == "check":
        check(arguments, mode)
    elif command == "evaluate":
        evaluate(arguments)
    elif command == "map":
        mapped(arguments, mode)
    elif command == "augment-preview":
        preview(arguments)
    elif command == "estimate":
        sentence = "About 2 min and 0.4 GB of memory, measured just now on 4 fields."
        tell("report", kind="estimate", data={"seconds": 120, "megabytes": 400, "sentence": sentence})
        tell("finished", state="finished", folder="", summary={})
    else:
        listed()


if __name__ == "__main__":
    main()
