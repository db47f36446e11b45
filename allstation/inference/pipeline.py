"""The one streaming pipeline: paths in, predictions out, bounded memory.

The window, the command line and the evaluation all use it, so a field gets the same prediction
everywhere. Decoding, segmentation and the network run on a few threads that each own an engine;
all three release the interpreter lock.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

import cv2

from allstation.core.errors import StationError
from allstation.core.records import Prediction
from allstation.inference.bundle import ModelBundle
from allstation.inference.engine import EnginePool

Key = TypeVar("Key", bound=Hashable)
_AHEAD = 4
"""Fields in flight per thread: enough to keep a thread busy while results are written."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Key]):
    """What became of one field: a prediction, or the reason why there is none."""

    key: Key
    prediction: Prediction | None
    error: StationError | None = None


def default_threads() -> int:
    """Return the processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


class Pipeline:
    """Classifies field images on a few threads.

    Args:
        bundle: The model.
        threads: Worker threads; default one per usable processor.

    Example:
        ``with Pipeline(bundle) as pipeline: outcomes = list(pipeline.run(enumerate(paths)))``
    """

    def __init__(self, bundle: ModelBundle, *, threads: int | None = None) -> None:
        self.bundle = bundle
        self.threads = threads or default_threads()
        # OpenCV's own pool would compete with these threads for the same processors.
        cv2.setNumThreads(1)
        self._engines = EnginePool(bundle)
        self._executor = ThreadPoolExecutor(self.threads, thread_name_prefix="field")

    def classify(self, path: Path) -> Prediction:
        """Classify one field on the calling thread.

        Raises:
            StationError: If the file cannot be read as a field.
        """
        return self._engines.engine().classify(path)

    def submit(self, key: Key, path: Path) -> Future[Outcome[Key]]:
        """Classify one field on a worker thread. The future never raises for a bad field."""
        return self._executor.submit(self._outcome, key, path)

    def _outcome(self, key: Key, path: Path) -> Outcome[Key]:
        try:
            return Outcome(key, self.classify(path))
        except StationError as error:
            return Outcome(key, None, error)
        except MemoryError:
            sentence = (
                f"The field {path.name!r} needs more memory than is free. Close other programs and retry."
            )
            return Outcome(key, None, StationError("out-of-memory", sentence))

    def run(self, fields: Iterable[tuple[Key, Path]]) -> Iterator[Outcome[Key]]:
        """Classify fields in order, a bounded number ahead of the consumer.

        Args:
            fields: Keys and paths; read lazily.

        Yields:
            One outcome per field, in the order of ``fields``.
        """
        waiting: deque[Future[Outcome[Key]]] = deque()
        try:
            for key, path in fields:
                waiting.append(self.submit(key, path))
                if len(waiting) >= self.threads * _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """Drop what has not begun and wait for the threads."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
