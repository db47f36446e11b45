"""Training with the installed program: by hand, as the window's child, stopped by the window's end."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import parts
from person import Person, unexpected

_RECIPE = """\
name = "tiny"
export = true

[method]
kind = "compact"

[input]
height = 96
width = 96

[fit]
epochs = 1
"""

_SAID_BY_TENSORFLOW = (
    r"WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR|"
    r"I0000 .* port\.cc:\d+\] oneDNN custom operations are on\..*"
)
"""Below Python's reach, before any setting of its log is read."""

_SAID_AT_A_TERMINAL = (
    r"(checking|preparing|training|evaluating): .*|  \d+/\d+ fields (opened|compared|read).*|"
    r"Comparing the fields to find those that show the same place\.|  epoch 1/1 \(.*|finished: .*|"
    + _SAID_BY_TENSORFLOW
)
_SWITCH = "--training-child"
_ENOUGH = 5.0


def try_training(person: Person, edition: str) -> Iterator[str]:
    """One epoch in the full edition, twice: at a terminal and as the window does; else a clear sentence.

    Yields:
        What was passed.
    """
    labelled = f"{person.home}/размечено 標"
    if edition == parts.CLASSIFY_ONLY:
        sentence = r"allstation: This edition cannot train\. Install the full edition.*"
        words = ("train", "compact", "--data", labelled, "--out", f"{person.home}/run")
        person.cli(*words, status=2, expect=sentence)
        yield "training is refused with a sentence that says what to install"
        return
    drawn = "48 synthetic fields written to .*"
    person.cli("demo", labelled, "--fields", "48", "--seed", "5", "--labelled", expect=drawn)
    ran = person.cli(
        "train", "compact", "--data", labelled, "--out", f"{person.home}/run", "--epochs", "1",
        expect=_SAID_AT_A_TERMINAL,
    )  # fmt: skip
    yield f"trained one epoch at a terminal in {ran.seconds:.0f} s"
    yield _try_child(person, labelled)
    yield _try_orphan(person, labelled)


def _child(person: Person, labelled: str, name: str, errors: int) -> subprocess.Popen[str]:
    recipe = f"{person.home}/tiny.toml"
    person.see(recipe).write_text(_RECIPE, encoding="utf-8")
    words = ("--protocol", "train", recipe, "--data", labelled, "--out", f"{person.home}/{name}")
    command = person.line({}, person.program, _SWITCH, *words)
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, text=True, encoding="utf-8")


def _try_child(person: Person, labelled: str) -> str:
    """Train as the window does: every line of the child's output is an event of the protocol."""
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as errors:
        child = _child(person, labelled, "run-of-window", errors.fileno())
        assert child.stdout is not None  # noqa: S101 - for the type checker
        told = [_event(line) for line in child.stdout]
        status = child.wait(timeout=30)
        errors.seek(0)
        said = unexpected(errors.read(), _SAID_BY_TENSORFLOW)
    phases = [str(one["name"]) for one in told if one["event"] == "phase"]
    last = told[-1] if told else {}
    if status or said or last.get("state") != "finished" or phases[-1:] != ["exporting"]:
        raise SystemExit(
            f"FAILED: the training child ended with {status}: {last}, {phases}\n" + "\n".join(said)
        )
    bundles = list(person.see(f"{person.home}/run-of-window").glob("*.allmodel"))
    if len(bundles) != 1:
        raise SystemExit(f"FAILED: the run made {len(bundles)} model bundles.")
    bundle = f"{person.home}/run-of-window/{bundles[0].name}"
    person.cli("models", "verify", bundle, expect=".*")
    person.cli("classify", labelled, "--model", bundle, expect=r"done: 48|\S+: .*")
    return (
        f"trained one epoch as the window's child: {len(told)} JSON lines, phases {', '.join(phases)}; "
        f"its model bundle was verified and classified 48 fields; {time.monotonic() - begun:.0f} s"
    )


def _event(line: str) -> dict[str, object]:
    """Read one line of the protocol with the program's own reader, which refuses what it does not know."""
    if str(parts.ROOT) not in sys.path:
        sys.path.insert(0, str(parts.ROOT))
    from allstation.core import events  # noqa: PLC0415 - packaging runs beside the program, not in it

    events.decode(line)
    return dict(json.loads(line))


def _try_orphan(person: Person, labelled: str) -> str:
    """Close the child's input in the middle of training, as the end of the window does."""
    child = _child(person, labelled, "run-orphaned", subprocess.DEVNULL)
    assert child.stdin is not None  # noqa: S101 - for the type checker
    assert child.stdout is not None  # noqa: S101
    for line in child.stdout:
        told = _event(line)
        if told["event"] == "phase" and told["name"] == "training":
            break
    begun = time.monotonic()
    child.stdin.close()
    try:
        child.wait(timeout=_ENOUGH)
    except subprocess.TimeoutExpired:
        child.kill()
        raise SystemExit(f"FAILED: the training child outlived its parent by {_ENOUGH} s.") from None
    finally:
        child.stdout.close()
    return f"the training child ended {time.monotonic() - begun:.1f} s after its parent's end"
