"""Streaming pipeline: paths in, predictions out, bounded memory.

The window, the command line and the evaluation all use it, so a field gets the same prediction
everywhere. Decoding, segmentation and the network run on a few threads that each own an engine;
all three release the interpreter lock.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Hashable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import cv2

from allstation.core.cells import NewCell
from allstation.core.closing import Closing
from allstation.core.errors import ModelError, StationError, unexpected
from allstation.core.known_sizes import NO_SLIDE, NOTHING_KNOWN, KnownSizes
from allstation.core.limits import DecodeLimits
from allstation.core.records import Prediction
from allstation.core.text import shown_name
from allstation.inference.bundle import ModelBundle
from allstation.inference.engine_pool import EnginePool, FieldEngine
from allstation.inference.isolated import RUN_SECONDS
from allstation.inference.workers import Workers, in_order

_log = logging.getLogger(__name__)
Key = TypeVar("Key", bound=Hashable)
_AHEAD: Final = 4
"""Fields in flight per thread: enough to keep a thread busy while results are written."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Key]):
    """Outcome of one field: a prediction, or an error.

    Attributes:
        key: What the field was submitted under.
        prediction: What the model made of it.
        error: Why there is no prediction.
        cells: Its white cells; None where nobody asked for them.
    """

    key: Key
    prediction: Prediction | None
    error: StationError | None = None
    cells: tuple[NewCell, ...] | None = None


@dataclass(frozen=True, slots=True)
class CellsOutcome(Generic[Key]):
    """White cells of one field that was classified before, or why they could not be looked for.

    Attributes:
        key: What the field was submitted under.
        cells: Its cells.
        error: Why there are none.
    """

    key: Key
    cells: tuple[NewCell, ...] = ()
    error: StationError | None = None


def default_threads() -> int:
    """Return the processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def network_seconds(limits: DecodeLimits) -> float:
    """Return the wall time that an isolated network has for one field.

    At most half of the field's: so a network that never ends is told from a file that never ends.
    """
    return min(RUN_SECONDS, limits.max_seconds / 2)


class Pipeline(Closing):
    """Classifies field images on a few threads.

    Args:
        bundle: The model.
        threads: Worker threads; default one per usable processor.
        limits: What a field may be, and how long it may take, at most.
        low_priority: The threads work beside a window, which goes first.
        ready: An engine of the model made beforehand, for the first thread.
        cells: Whether the white cells of each field are brought along.
        sizes: What the case says of pixel sizes, and its site, which may have accepted the model.

    Example:
        ``with Pipeline(bundle) as pipeline: outcomes = list(pipeline.run(enumerate(paths)))``
    """

    def __init__(
        self,
        bundle: ModelBundle,
        *,
        threads: int | None = None,
        limits: DecodeLimits | None = None,
        low_priority: bool = False,
        ready: FieldEngine | None = None,
        cells: bool = False,
        sizes: KnownSizes = NOTHING_KNOWN,
    ) -> None:
        self.bundle = bundle
        self.threads = threads or default_threads()
        # OpenCV's own pool would compete with these threads for the same processors.
        cv2.setNumThreads(1)
        self._limits = limits or DecodeLimits()
        self._engines = EnginePool(bundle, ready, seconds=network_seconds(self._limits), sizes=sizes)
        self._cells = cells
        self._workers: Workers[Any] = Workers(
            self.threads,
            limit=self._limits.max_seconds,
            name="field",
            low_priority=low_priority,
            prepare=self._prepare if self._engines.isolated else None,
        )

    def _prepare(self) -> None:
        """Start the thread's isolated network before the time of its first field begins."""
        with suppress(StationError):
            self._engines.engine()

    def classify(self, path: Path, sha256: str = "", slide: int = NO_SLIDE) -> Prediction:
        """Classify one field on the calling thread.

        Args:
            path: The file.
            sha256: Of the bytes that are to be classified; empty for whatever the file holds.
            slide: Id of the field's slide, which may have a pixel size of its own.

        Raises:
            StationError: If the file cannot be read as a field, or holds other bytes.
        """
        return self._engines.engine().classify(path, self._limits, sha256=sha256, slide=slide)

    def submit(self, key: Key, path: Path, sha256: str = "", slide: int = NO_SLIDE) -> Future[Outcome[Key]]:
        """Classify one field on a worker thread. The future never raises for a field, whatever it meets."""
        task, given_up = partial(self._outcome, key, path, sha256, slide), partial(self._given_up, key, path)
        return self._workers.submit(task, given_up)

    def submit_cells(
        self, key: Key, path: Path, sha256: str, made: Prediction, slide: int = NO_SLIDE
    ) -> Future[CellsOutcome[Key]]:
        """Find the cells of a field that this model classified before. The future never raises.

        Args:
            key: Comes back with the cells.
            path: The file.
            sha256: Of the bytes that were classified.
            made: The prediction.
            slide: Id of the field's slide.
        """

        def given_up() -> CellsOutcome[Key]:
            return CellsOutcome(key, error=self._too_slow(path))

        return self._workers.submit(partial(self._find_cells, key, path, sha256, made, slide), given_up)

    def _find_cells(
        self, key: Key, path: Path, sha256: str, made: Prediction, slide: int
    ) -> CellsOutcome[Key]:
        try:
            engine = self._engines.engine()
            cells = engine.find_cells(path, made, self._limits, sha256=sha256, slide=slide)
            return CellsOutcome(key, cells)
        except StationError as error:
            return CellsOutcome(key, error=error)
        except Exception as error:  # noqa: BLE001 - one field must never stop the others
            _log.exception("cells of prediction %s", key)
            return CellsOutcome(key, error=unexpected(shown_name(path), error))

    def _given_up(self, key: Key, path: Path) -> Outcome[Key]:
        return Outcome(key, None, self._too_slow(path))

    def _too_slow(self, path: Path) -> StationError:
        sentence = (
            f"The field {shown_name(path)} took more than {self._limits.max_seconds:,.0f} seconds and was "
            "given up. Save it again from an image program, or raise max_seconds in settings.json and retry."
        )
        return StationError("too-slow", sentence)

    def _outcome(self, key: Key, path: Path, sha256: str, slide: int) -> Outcome[Key]:
        try:
            if not self._cells:
                return Outcome(key, self.classify(path, sha256, slide))
            engine = self._engines.engine()
            made, cells = engine.classify_with_cells(path, self._limits, sha256=sha256, slide=slide)
            return Outcome(key, made, cells=cells)
        except ModelError as error:
            self._engines.give_up(error)
            return Outcome(key, None, error)
        except StationError as error:
            return Outcome(key, None, error)
        except MemoryError:
            sentence = (
                f"The field {shown_name(path)} needs more memory than is free. "
                "Close other programs and retry."
            )
            return Outcome(key, None, StationError("out-of-memory", sentence))
        except Exception as error:  # noqa: BLE001 - one field must never stop the others
            _log.exception("field %s", key)
            return Outcome(key, None, unexpected(shown_name(path), error))

    def run(self, fields: Iterable[tuple[Key, Path] | tuple[Key, Path, str]]) -> Iterator[Outcome[Key]]:
        """Classify fields in order, a bounded number ahead of the consumer.

        Args:
            fields: Keys and paths, with the hash of the bytes that are to be classified if they are known;
                read lazily.

        Returns:
            One outcome per field, in the order of ``fields``.
        """
        submitted = (self.submit(*field) for field in fields)
        return in_order(submitted, ahead=self.threads * _AHEAD)

    def close(self) -> None:
        """Drop what has not begun and wait for the rest, for no field longer than its limit."""
        self._workers.close()
        self._engines.close()
