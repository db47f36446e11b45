"""Putting a finished model to use, and taking that back: copied, named, kept in a sealed log."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, Signal, Slot

from allstation import __version__
from allstation.core.audit import GENESIS, AuditEntry, details_text, first_broken
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.text import plain_name
from allstation.core.times import stamp, utc_clock
from allstation.files import free_path
from allstation.keys.release import release_keys
from allstation.keys.station import station_key
from allstation.keys.trust_store import TrustStore
from allstation.services.tasks import Serial
from allstation.services.training.history import require_verified

JOURNAL: Final = "activations.jsonl"
ACTIVATED: Final = "model-activated"
TAKEN_BACK: Final = "activation-taken-back"
_SUFFIX: Final = ".allmodel"


@dataclass(frozen=True, slots=True)
class Activation:
    """A model that was put to use.

    Attributes:
        name: As the person named it.
        bundle: The model's own copy.
        before: Bundle that worked until then; None for the shipped one.
        at: ISO 8601 UTC time.
    """

    name: str
    bundle: Path
    before: Path | None
    at: str


def read_journal(folder: Path) -> list[AuditEntry]:
    """Read the journal of a folder of models; empty when there is none.

    Raises:
        StationError: ``bad-journal`` when a line is damaged or the chain is broken.
    """
    try:
        lines = (folder / JOURNAL).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StationError(
            "bad-journal", f"The list of activations cannot be read ({error.strerror})."
        ) from error
    try:
        entries = [AuditEntry(**json.loads(line)) for line in lines]
    except (ValueError, TypeError) as error:
        raise StationError(
            "bad-journal", "The list of activations is damaged: a line is no entry."
        ) from error
    broken = first_broken(entries)
    if broken is not None:
        raise StationError("bad-journal", f"The list of activations was changed. {broken.sentence}")
    return entries


def latest(entries: list[AuditEntry]) -> Activation | None:
    """Return the activation that still holds; None when there is none or it was taken back."""
    held: list[AuditEntry] = []
    for entry in entries:
        if entry.action == ACTIVATED:
            held.append(entry)
        elif held:
            held.pop()
    if not held:
        return None
    details = json.loads(held[-1].details)
    before = Path(details["before"]) if details["before"] else None
    return Activation(details["name"], Path(details["bundle"]), before, held[-1].at)


def append(folder: Path, action: str, details: dict[str, Any], *, who: str, model: str) -> AuditEntry:
    """Add a sealed entry to the journal and return it.

    Raises:
        StationError: ``bad-journal``.
        OSError: If it cannot be written.
    """
    entries = read_journal(folder)
    entry = AuditEntry(
        id=len(entries) + 1,
        at=stamp(utc_clock()),
        who=who,
        app=__version__,
        action=action,
        object="model",
        details=details_text(details),
        model=model,
        input="",
        previous=entries[-1].hash if entries else GENESIS,
        hash="",
    )
    sealed = dataclasses.replace(entry, hash=entry.seal())
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / JOURNAL).open("a", encoding="utf-8") as file:
        file.write(
            json_text(dataclasses.asdict(sealed), indent=None, sort_keys=True, ensure_ascii=True) + "\n"
        )
    return sealed


def activate(folder: Path, bundle: Path, name: str, *, before: Path | None, who: str) -> Activation:
    """Copy a bundle to the user's models under a name, and note it.

    The copy carries the name inside, so that cases and reports say it, and is signed by this station, as
    the signature of its maker was over the other name. An earlier model of the same name stays: cases that
    were classified with it still find it.

    Raises:
        StationError: ``bad-bundle``, ``other-bundle`` if it lies in a run's folder and is not what the run
            verified, ``unknown-maker`` if nobody known vouches for it, ``name-taken``, ``bad-journal``.
        OSError: If the copy cannot be written.
    """
    from allstation.inference.bundle import ModelBundle, write_bundle
    from allstation.inference.trust import require_accepted

    opened = ModelBundle.open(bundle)
    require_verified(bundle, opened.sha256)
    require_accepted(opened.trust, opened.name)
    if release_keys().bears_shipped_name(name):
        sentence = f"The name {name!r} is that of a model that ships with the program: choose another."
        raise StationError("name-taken", sentence)
    target = free_path(folder, plain_name(name) or bundle.stem, _SUFFIX)
    folder.mkdir(parents=True, exist_ok=True)
    # What somebody merely accepted must not come out as this station's own.
    known = opened.trust.is_known
    info, key = {**opened.info, "name": name}, station_key() if known else None
    made = write_bundle(target, info, opened.members, key=key)
    if not known:
        TrustStore.load().accepting(made.sha256, name=name).save()
    details = {"name": name, "bundle": str(target), "before": str(before or "")}
    noted = append(folder, ACTIVATED, details, who=who, model=made.sha256)
    return Activation(name, target, before, noted.at)


def take_back(folder: Path, *, who: str) -> Activation:
    """Note that the latest activation no longer holds; the copy stays for the cases that used it.

    Returns:
        What was taken back; its ``before`` is None where that file is gone.

    Raises:
        StationError: ``nothing-active``, ``bad-journal``.
        OSError: If it cannot be noted.
    """
    entries = read_journal(folder)
    held = latest(entries)
    if held is None:
        raise StationError("nothing-active", "There is no activation to take back.")
    append(folder, TAKEN_BACK, {"name": held.name, "bundle": str(held.bundle)}, who=who, model="")
    there = held.before is not None and held.before.is_file()
    return held if there else dataclasses.replace(held, before=None)


class Activations(QObject):
    """Activates models and takes that back, on another thread, one after the other.

    Args:
        folder: The user's models.
        who: Gives the person's name.
        parent: Owner.

    Signals:
        activated: :class:`Activation` that holds from now on.
        taken_back: :class:`Activation` that no longer holds.
        known: :class:`Activation` that holds, or None.
        failed: A sentence.
    """

    activated = Signal(object)
    taken_back = Signal(object)
    known = Signal(object)
    failed = Signal(str)

    def __init__(self, folder: Path, who: Callable[[], str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._who = who
        self._serial = Serial(self)

    def activate(self, bundle: Path, name: str, *, before: Path | None) -> None:
        """Put a bundle to use under a name."""
        who = self._who()
        self._run(partial(activate, self._folder, bundle, name, before=before, who=who), self._activated)

    def take_back(self) -> None:
        """Go back to the model before the latest activation."""
        self._run(partial(take_back, self._folder, who=self._who()), self._no_longer)

    def refresh(self) -> None:
        """Tell which activation holds; ``known`` follows."""
        self._run(self._latest, self._emit_known)

    def close(self) -> None:
        """Wait for what is being copied."""
        self._serial.finish()

    def _run(self, function: Callable[[], object], done: Callable[[Any], None]) -> None:
        task = self._serial.run(function)
        task.done.connect(done)
        task.failed.connect(self._say_failed)

    def _latest(self) -> Activation | None:
        return latest(read_journal(self._folder))

    @Slot(object)
    def _activated(self, made: Activation) -> None:
        self.activated.emit(made)
        self.refresh()

    @Slot(object)
    def _no_longer(self, held: Activation) -> None:
        self.taken_back.emit(held)
        self.refresh()

    @Slot(object)
    def _emit_known(self, held: Activation | None) -> None:
        self.known.emit(held)

    @Slot(object)
    def _say_failed(self, error: Exception) -> None:
        if isinstance(error, StationError):
            self.failed.emit(error.sentence)
        elif isinstance(error, OSError):
            self.failed.emit(
                f"The model could not be copied ({error.strerror or error}). The one in use stays."
            )
        else:
            raise error
