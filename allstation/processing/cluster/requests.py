"""Messages between the coordinating machine and a worker: requests for fields, and their answers."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from allstation import __version__
from allstation.core.cells import NewCell
from allstation.core.errors import StationError
from allstation.core.known_sizes import NO_SLIDE, KnownSizes
from allstation.core.limits import DecodeLimits
from allstation.core.records import Prediction
from allstation.inference.pipeline import Outcome
from allstation.processing.cluster.value_types import fields_fit, fits
from allstation.processing.cluster.wire import PROTOCOL, WireError, decode, encode, pack, unpack

DONE: Final = "done"
NEEDS_MODEL: Final = "needs model"
OTHER_VERSION: Final = "other version"
_ROUNDING: Final = 1e-3
_log = logging.getLogger(__name__)
_KINDS: Final = frozenset({DONE, NEEDS_MODEL, OTHER_VERSION})
IDENTITY: Final = f"{__version__} protocol {PROTOCOL}"
"""What two machines must have in common."""


@dataclass(frozen=True, slots=True)
class WantedField:
    """One field of a request.

    Attributes:
        number: Comes back with its outcome.
        path: As the coordinating machine calls it.
        sha256: Of the bytes that are to be classified.
        data: The bytes, for a worker that cannot read the path; else None.
        slide: Id of its slide in the case, which may have a pixel size of its own.
    """

    number: int
    path: str
    sha256: str
    data: bytes | None = None
    slide: int = NO_SLIDE


@dataclass(frozen=True, slots=True)
class Work:
    """Settings that all fields of one executor share.

    Attributes:
        model: SHA-256 of the bundle.
        limits: Of a field.
        sizes: What the case says of pixel sizes.
        cells: Whether cells are brought along.
    """

    model: str
    limits: DecodeLimits = field(default_factory=DecodeLimits)
    sizes: KnownSizes = field(default_factory=KnownSizes)
    cells: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One task: some fields of one piece of work.

    Attributes:
        work: What they have in common.
        fields: The fields.
        careful: One by one in a process that may die: one of them ended a worker before.
        identity: Of the program that asks.
    """

    work: Work
    fields: Sequence[WantedField]
    careful: bool = False
    identity: str = IDENTITY

    def to_bytes(self) -> bytes:
        """Return the request as it is sent."""
        work = self.work
        return encode(
            {
                "identity": self.identity,
                "work": [work.model, work.limits, work.sizes, work.cells],
                "careful": self.careful,
                "fields": [[one.number, one.path, one.sha256, one.data, one.slide] for one in self.fields],
            }
        )

    @classmethod
    def read(cls, data: bytes) -> Request | None:
        """Return a request; None if it is of another version.

        Raises:
            WireError: If it makes no sense.
        """
        content = decode(data)
        if not isinstance(content, dict):
            raise WireError("no request")
        if content.get("identity") != IDENTITY:
            return None
        try:
            fields = tuple(WantedField(*one) for one in content["fields"])
            found = cls(Work(*content["work"]), fields, content["careful"])
        except (TypeError, KeyError) as error:
            raise WireError("no request") from error
        if not (fields_fit(found) and fields_fit(found.work) and all(map(fields_fit, fields))):
            raise WireError("a request of other types")
        return found


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer to a request.

    Attributes:
        kind: :data:`DONE`, :data:`NEEDS_MODEL` or :data:`OTHER_VERSION`.
        worker: Address of the worker.
        identity: Of its program.
        outcomes: Of the fields, under their numbers.
        absent: Numbers of fields that the worker cannot read.
        seconds: Wall time.
    """

    kind: str
    worker: str
    identity: str = IDENTITY
    outcomes: Sequence[Outcome[int]] = ()
    absent: Sequence[int] = ()
    seconds: float = 0.0

    def to_bytes(self) -> bytes:
        """Return the answer as it is sent."""
        content: dict[str, Any] = {
            name: getattr(self, name) for name in ("kind", "worker", "identity", "seconds")
        }
        content["absent"] = list(self.absent)
        content["outcomes"] = [[one.key, one.prediction, one.error, one.cells] for one in self.outcomes]
        return pack(content)

    @classmethod
    def read(cls, data: bytes) -> Answer:
        """Return an answer.

        Raises:
            WireError: If it makes no sense.
        """
        content = unpack(data)
        try:
            outcomes = [_outcome(*one) for one in content["outcomes"]]
            found = cls(**{**content, "outcomes": []})
        except (TypeError, KeyError) as error:
            raise WireError("no answer") from error
        if not fields_fit(found) or found.kind not in _KINDS or not 0 <= found.seconds < math.inf:
            raise WireError("an answer of other types")
        return replace(found, outcomes=outcomes)


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """Facts of a worker's machine.

    Attributes:
        machine: Name of the computer.
        processor: Model of its processor.
        identity: Of the program.
        probabilities: What its network says of the model's first reference field; empty if not asked.
    """

    machine: str
    processor: str
    identity: str = IDENTITY
    probabilities: tuple[float, ...] = ()

    def to_bytes(self) -> bytes:
        """Return the facts as they are sent."""
        return encode(asdict(self))

    @classmethod
    def read(cls, data: bytes) -> MachineFacts:
        """Return facts.

        Raises:
            WireError: If they make no sense.
        """
        try:
            found = cls(**decode(data))
        except TypeError as error:
            raise WireError("no facts") from error
        if not fields_fit(found):
            raise WireError("facts of other types")
        return found


def _outcome(key: Any, prediction: Any, error: Any, cells: Any) -> Outcome[int]:  # noqa: ANN401
    known = (
        fits(key, int)
        and fits(prediction, Prediction | None)
        and fits(error, StationError | None)
        and fits(cells, tuple[NewCell, ...] | None)
    )
    if not known or (prediction is None) == (error is None):
        raise WireError("an outcome that is none")
    return Outcome(key, prediction, error, cells)


def answer_of(result: object, model: str, classes: Sequence[str]) -> Answer | None:
    """Return the answer that a worker sent; None if it makes no sense, or is by another model.

    A machine that answers with another model, other classes, or numbers that are no probabilities is not
    believed: what it says would count as a result.

    Args:
        result: What arrived.
        model: SHA-256 of the bundle that was asked for.
        classes: Its classes.
    """
    try:
        answer = Answer.read(result) if isinstance(result, bytes) else None
    except WireError as error:
        _log.warning("an answer was refused: %s", error)
        return None
    if answer is None or all(_is_by(one, model, classes) for one in answer.outcomes):
        return answer
    _log.warning("an answer was refused: it is by another model, or holds no probabilities")
    return None


def _is_by(outcome: Outcome[int], model: str, classes: Sequence[str]) -> bool:
    made = outcome.prediction
    if made is None:
        return True
    shares, decided = made.probabilities, made.decision.class_name
    if made.model_sha256 != model or tuple(shares) != tuple(classes) or made.cell_count < 0:
        return False
    if not made.is_readable:
        return decided is None and all(map(math.isnan, shares.values()))
    in_range = all(0 <= share <= 1 for share in shares.values())
    sums_up = abs(sum(shares.values()) - 1) < _ROUNDING
    return in_range and sums_up and (decided is None or decided == made.top_class)
