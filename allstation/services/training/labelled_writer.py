"""Labelling services: reading of a source, keeping of the journal, writing of the labelled folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.files import part_path
from allstation.services.tasks import Serial
from allstation.services.training.labelling import Labelling, append_lines, open_labelling, unfinished

if TYPE_CHECKING:
    from allstation.core.records import CaseSnapshot
    from allstation.report.exchange.labelled import LabelledExport

_EVERY: Final = 0.2
_LEAST: Final = 2
"""Classes that training needs."""


class _CancelledError(Exception):
    """The person does not want the folder any more."""


class LabellingStore(QObject):
    """Opens labellings, appends to their journals and writes labelled folders, on a thread of its own.

    Args:
        journals: Folder of the journals.
        parent: Owner.

    Signals:
        opened: :class:`~allstation.services.training.labelling.Labelling`.
        listed: Sequence of :class:`~allstation.services.training.labelling.Unfinished`.
        progressed: Steps done and in all, and seconds left or None.
        written: Folder, and the :class:`~allstation.report.exchange.labelled.LabelledExport` in it.
        cancelled: Nothing was written.
        problem: A sentence.
    """

    opened = Signal(object)
    listed = Signal(object)
    progressed = Signal(int, int, object)
    written = Signal(object, object)
    cancelled = Signal()
    problem = Signal(str)

    def __init__(self, journals: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._journals = journals
        self._serial = Serial(self)
        self._wanted = False

    def open(self, place: Path, *, is_case: bool) -> None:
        """Read the fields of a folder or case; ``opened`` follows."""
        task = self._serial.run(partial(open_labelling, place, self._journals, is_case=is_case))
        task.done.connect(self.opened)
        task.failed.connect(self._failed)

    def refresh(self) -> None:
        """Tell what is unfinished; ``listed`` follows."""
        self._serial.run(partial(unfinished, self._journals)).done.connect(self.listed)

    def keep(self, labelling: Labelling, lines: Sequence[str]) -> None:
        """Append to a journal what was done."""
        if lines:
            task = self._serial.run(partial(append_lines, labelling.journal, tuple(lines)))
            task.failed.connect(self._failed)

    def write(self, labelling: Labelling, folder: Path, *, reviewer: str) -> None:
        """Write a labelled folder; ``progressed`` follows, then ``written``, ``cancelled`` or ``problem``."""
        self._wanted = True
        task = self._serial.run(partial(self._write, labelling.reviewed(reviewer), folder))
        task.done.connect(self._written)
        task.failed.connect(self._failed)

    def cancel(self) -> None:
        """Write no further; what was begun is removed."""
        self._wanted = False

    def close(self) -> None:
        """Wait for what is being kept; a folder that is being written is given up."""
        self.cancel()
        self._serial.finish()

    # On the worker's thread

    def _write(self, snapshot: CaseSnapshot, folder: Path) -> tuple[Path, LabelledExport | None]:
        from allstation.report.exchange.labelled import write_labelled

        _check_classes(snapshot)
        if folder.exists():
            sentence = (
                f"{shown_name(folder)} is there already, and nothing is written over. Name a new folder."
            )
            raise StationError("not-empty", sentence)
        part = part_path(folder)
        try:
            made = write_labelled(snapshot, part, progress=self._progress_of(time.monotonic()))
            part.rename(folder)
        except _CancelledError:
            return folder, None
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return folder, made

    def _progress_of(self, begun: float) -> Callable[[int, int], None]:
        last = [0.0]

        def progress(done: int, of: int) -> None:
            if not self._wanted:
                raise _CancelledError
            now = time.monotonic()
            if now - last[0] >= _EVERY:
                last[0] = now
                left = (now - begun) / done * (of - done) if done else None
                self.progressed.emit(done, of, left)

        return progress

    # On the asking thread

    @Slot(object)
    def _written(self, answer: tuple[Path, LabelledExport | None]) -> None:
        folder, made = answer
        if made is None:
            self.cancelled.emit()
        else:
            self.written.emit(folder, made)

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        if isinstance(error, StationError):
            self.problem.emit(error.sentence)
        elif isinstance(error, OSError):
            reason = error.strerror or type(error).__name__
            self.problem.emit(f"What was done could not be kept ({reason}). Make space, then try again.")
        else:
            raise error


def _check_classes(snapshot: CaseSnapshot) -> None:
    """Refuse what cannot be trained on: classes are told apart, so there must be two."""
    named = {field.review.class_name for field in snapshot.fields if field.review is not None}
    if len(named) < _LEAST:
        found = "no field has a class" if not named else "only one class has fields"
        sentence = f"A model learns to tell classes apart, and {found} yet. Give fields to at least two."
        raise StationError("one-class", sentence)
