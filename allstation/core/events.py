"""Event protocol of the training program: one JSON object a line, versioned and typed.

The child writes with :func:`encode`, the parent reads with :func:`decode`. An event that is not
listed here is an error, never ignored: two editions that disagree must not train in silence.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, NoReturn

from allstation.core.errors import StationError
from allstation.core.plain_json import plain
from allstation.core.value_types import fields_fit

PROTOCOL: Final = 1
"""Version of the lines; a reader refuses any other."""

STOP: Final = "stop"
"""Command on the child's standard input: keep the best weights so far and evaluate."""

DISCARD: Final = "discard"
"""Command on the child's standard input: end now, the run is not wanted."""

TYPED_AS: Final = "ALLSTATION_TYPED_AS"
"""Environment variable with the program a person typed, for the usage lines of the child."""

STATES: Final = frozenset({"finished", "stopped", "discarded", "failed"})
"""How a child can have ended."""

PHASES: Final = ("checking", "preparing", "training", "evaluating", "exporting")
"""The phases of a run, in their order."""


@dataclass(frozen=True, slots=True)
class Started:
    """First line of every child.

    Attributes:
        pid: Process id of the child.
        command: Subcommand, such as ``fit`` or ``check``.
        folder: Run folder, or an empty string when the command makes none.
    """

    pid: int
    command: str
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase begins.

    Attributes:
        name: One of :data:`PHASES`.
        text: What is done, for the status bar.
    """

    name: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of the current phase; at most five a second.

    Attributes:
        done: Units done.
        total: Units in all.
        seconds_left: Estimate, or None while there is none.
        text: What a unit is, for example ``"fields read"``.
    """

    done: int
    total: int
    seconds_left: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Progress within the current epoch; at most five a second.

    Attributes:
        epoch: Epoch, from 1.
        epochs: Epochs planned.
        batch: Batches done in this epoch.
        batches: Batches in an epoch.
        loss: Mean training loss of the epoch so far.
        accuracy: Mean training accuracy of the epoch so far.
        seconds_left: Estimate for the whole training.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float | None
    accuracy: float | None
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Epoch:
    """An epoch is complete and stands in the run's history file.

    Attributes:
        epoch: Epoch, from 1.
        epochs: Epochs planned.
        seconds: Wall time of the epoch.
        values: ``loss``, ``accuracy``, ``val_loss``, ``val_accuracy``, ``learning_rate``.
        best: Whether these are the best weights so far.
    """

    epoch: int
    epochs: int
    seconds: float
    values: Mapping[str, float | None]
    best: bool


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence for the log view.

    Attributes:
        text: The sentence.
        level: ``"info"`` or ``"warning"``.
    """

    text: str
    level: str = "info"


@dataclass(frozen=True, slots=True)
class Report:
    """A result that is more than a sentence.

    Attributes:
        kind: ``"check"``, ``"metrics"``, ``"methods"`` and the like.
        data: Plain JSON.
    """

    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """The command could not be done. The last event, unless ``Finished`` follows with that state.

    Attributes:
        code: Short identifier of the :class:`~allstation.core.errors.StationError`.
        sentence: For the person at the window.
    """

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last line of every child that ended by itself.

    Attributes:
        state: One of :data:`STATES`.
        folder: Run folder, or an empty string.
        summary: A few figures, plain JSON.
    """

    state: str
    folder: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)


Event = Started | Phase | Progress | Batch | Epoch | Message | Report | Failed | Finished

_NAMES: Final[Mapping[str, type[Event]]] = {
    "started": Started,
    "phase": Phase,
    "progress": Progress,
    "batch": Batch,
    "epoch": Epoch,
    "message": Message,
    "report": Report,
    "error": Failed,
    "finished": Finished,
}
_KINDS: Final = {kind: name for name, kind in _NAMES.items()}


def encode(event: Event) -> str:
    """Write an event as one line without its line end."""
    data = {"v": PROTOCOL, "event": _KINDS[type(event)], **plain(asdict(event))}
    return json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _refuse(line: str, reason: str) -> StationError:
    shown = line.strip()[:80]
    sentence = (
        f"The training program wrote a line this window does not understand ({reason}): {shown!r}. "
        "Use the training program of the same edition."
    )
    return StationError("protocol", sentence)


def decode(line: str) -> Event:
    """Read one line.

    Raises:
        StationError: ``protocol``, when the line is not an event of this version.
    """
    try:
        data = json.loads(line, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise _refuse(line, "not JSON") from error
    if not isinstance(data, dict) or data.pop("v", None) != PROTOCOL:
        raise _refuse(line, f"not of version {PROTOCOL}")
    kind = _NAMES.get(str(data.pop("event", None)))
    if kind is None:
        raise _refuse(line, "an unknown event")
    if not set(data) <= {entry.name for entry in fields(kind)}:
        raise _refuse(line, "with unknown parts")
    try:
        event = kind(**data)
    except TypeError as error:
        raise _refuse(line, "with missing parts") from error
    if not fields_fit(event) or (isinstance(event, Finished) and event.state not in STATES):
        raise _refuse(line, "with parts of another kind")
    return event


def _finite(text: str) -> float:
    """Return a number; one that is too large for any figure is none.

    Raises:
        ValueError: If it is infinite.
    """
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


def _no_number(name: str) -> NoReturn:
    """Refuse what :func:`encode` never writes.

    Raises:
        ValueError: Always.
    """
    raise ValueError(name)
