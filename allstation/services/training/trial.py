"""Trial of a model bundle on single pictures: on another thread, kept nowhere, seen by no case."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.text import shown_name
from allstation.services.tasks import Serial
from allstation.services.training.history import require_verified

if TYPE_CHECKING:
    from allstation.core.decision import DecisionRule
    from allstation.core.records import Prediction
    from allstation.inference.pipeline import Pipeline

MOST: Final = 200
"""Pictures of a folder that are tried at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialModel:
    """Model that pictures are tried on.

    Attributes:
        name: As the bundle says it.
        version: Likewise.
        classes: In the order of its outputs.
        rule: Its limits.
    """

    name: str
    version: str
    classes: tuple[str, ...]
    rule: DecisionRule


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFields:
    """Pictures found among what was dropped.

    Attributes:
        paths: To be tried, in their order.
        problems: Sentences about the rest.
    """

    paths: tuple[Path, ...]
    problems: tuple[str, ...] = ()


class Trial(QObject):
    """Classifies pictures with one bundle, one after the other.

    Args:
        limits: What a picture may be at most.
        parent: Owner.

    Signals:
        opened: :class:`TrialModel` whose answers follow.
        unusable: A sentence: the bundle cannot be used.
        listed: :class:`TrialFields` among what was given.
        tried: Path and :class:`~allstation.core.records.Prediction`.
        failed: Path and a sentence.
    """

    opened = Signal(object)
    unusable = Signal(str)
    listed = Signal(object)
    tried = Signal(object, object)
    failed = Signal(object, str)

    def __init__(self, limits: DecodeLimits | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._limits = limits or DecodeLimits()
        self._serial = Serial(self)
        self._pipeline: Pipeline | None = None  # of the worker's thread alone
        self._number = 0

    def use(self, bundle: Path) -> None:
        """Try pictures on another bundle from now on; answers of the last one come no more."""
        self._number += 1
        self._run(partial(self._open, bundle, self._number))

    def try_paths(self, given: Iterable[Path]) -> None:
        """Try pictures, and those of folders; ``listed`` and an answer for each follow."""
        task = self._serial.run(partial(_find, tuple(given), self._number))
        task.done.connect(self._try_listed)

    def close(self) -> None:
        """Want no answers, wait for the picture under way, end the bundle's process if it has one."""
        self._number += 1
        self._serial.run(self._close_pipeline)
        self._serial.finish()

    # On the worker's thread

    def _open(self, bundle: Path, number: int) -> tuple[int, TrialModel | str]:
        from allstation.inference.bundle import ModelBundle
        from allstation.inference.pipeline import Pipeline

        self._close_pipeline()
        if number != self._number:
            return number, ""
        try:
            opened = ModelBundle.open(bundle)
            require_verified(bundle, opened.sha256)
            self._pipeline = Pipeline(opened, threads=1, limits=self._limits, low_priority=True)
        except StationError as error:
            return number, error.sentence
        except OSError as error:
            name = shown_name(bundle)
            return number, f"The model bundle {name} cannot be read ({error.strerror}). Choose another run."
        made = TrialModel(name=opened.name, version=opened.version, classes=opened.classes, rule=opened.rule)
        return number, made

    def _close_pipeline(self) -> None:
        if self._pipeline is not None:
            self._pipeline.close()
            self._pipeline = None

    def _classify(self, path: Path, number: int) -> tuple[int, Path, Prediction | str]:
        if number != self._number or self._pipeline is None:
            return number, path, "No model is chosen to try this picture on. Choose a finished run first."
        outcome = self._pipeline.submit(0, path).result()
        if outcome.prediction is not None:
            return number, path, outcome.prediction
        return number, path, outcome.error.sentence if outcome.error is not None else ""

    # On the asking thread

    def _run(self, function: partial[tuple[int, TrialModel | str]]) -> None:
        self._serial.run(function).done.connect(self._opened)

    @Slot(object)
    def _opened(self, answer: tuple[int, TrialModel | str]) -> None:
        number, made = answer
        if number != self._number:
            return
        if isinstance(made, str):
            self.unusable.emit(made)
        else:
            self.opened.emit(made)

    @Slot(object)
    def _try_listed(self, answer: tuple[int, TrialFields]) -> None:
        number, fields = answer
        if number != self._number:
            return
        self.listed.emit(fields)
        for path in fields.paths:
            self._serial.run(partial(self._classify, path, number)).done.connect(self._classified)

    @Slot(object)
    def _classified(self, answer: tuple[int, Path, Prediction | str]) -> None:
        number, path, made = answer
        if number != self._number:
            return
        if isinstance(made, str):
            self.failed.emit(path, made)
        else:
            self.tried.emit(path, made)


def _find(given: tuple[Path, ...], number: int) -> tuple[int, TrialFields]:
    from allstation.imaging.intake import Refused, find_fields

    entries = list(islice(find_fields(given), MOST + 1))
    problems = [entry.error.sentence for entry in entries if isinstance(entry, Refused)]
    paths = [entry.path for entry in entries if not isinstance(entry, Refused)]
    if len(entries) > MOST:
        problems.append(f"Only the first {MOST} pictures are tried. Classify larger folders as a case.")
    elif not entries:
        named = shown_name(given[0]) if given else "What was dropped"
        problems.append(f"{named} holds no pictures of fields. Drop JPEG, PNG, TIFF or BMP files.")
    return number, TrialFields(paths=tuple(paths[:MOST]), problems=tuple(problems))
