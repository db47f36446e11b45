"""What the coordinating machine asks of a worker, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from allstation import __version__
from allstation.core.known_sizes import KnownSizes
from allstation.core.limits import DecodeLimits
from allstation.inference.pipeline import Outcome
from allstation.processing.cluster.wire import PROTOCOL, WireError, decode, encode, pack, unpack

DONE: Final = "done"
NEEDS_MODEL: Final = "needs model"
OTHER_VERSION: Final = "other version"
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
    """

    number: int
    path: str
    sha256: str
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What all fields of one executor have in common.

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
                "fields": [[one.number, one.path, one.sha256, one.data] for one in self.fields],
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
        fields = tuple(WantedField(*one) for one in content["fields"])
        return cls(Work(*content["work"]), fields, bool(content["careful"]))


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request.

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
            content["outcomes"] = [Outcome(*one) for one in content["outcomes"]]
            return cls(**content)
        except (TypeError, KeyError) as error:
            raise WireError("no answer") from error


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What a worker says of itself.

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
            return cls(**decode(data))
        except TypeError as error:
            raise WireError("no facts") from error
