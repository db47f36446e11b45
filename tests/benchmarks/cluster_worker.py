"""A worker whose network takes a known time, for benchmarks of everything around it."""

from __future__ import annotations

import os
import sys
import threading
import time
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from allstation.inference.bundle import ModelBundle
from allstation.inference.pipeline import Outcome
from allstation.processing.cluster import node
from tests import makers

SECONDS = "ALLSTATION_STUB_SECONDS"


class StubPipeline:
    """Sleeps for a known time instead of decoding and computing; results are a function of the hash."""

    def __init__(self, bundle: ModelBundle, *, threads: int | None = None, **_rest: Any) -> None:
        self.bundle = bundle
        self.threads = threads or 1
        self._seconds = float(os.environ.get(SECONDS, "0"))
        self._pool = ThreadPoolExecutor(self.threads)
        self._made = makers.prediction(makers.shares_of("Pre"), model_sha256=bundle.sha256)
        self._lock = threading.Lock()

    def _outcome(self, key: int, sha256: str) -> Outcome[int]:
        if self._seconds:
            time.sleep(self._seconds)
        share = 0.3 + zlib.crc32(sha256.encode()) / 2**33
        return Outcome(
            key, makers.prediction(makers.shares_of("Pre", share=share), model_sha256=self.bundle.sha256)
        )

    def submit(self, key: int, _path: Path, sha256: str = "", _slide: int = 0) -> Future[Outcome[int]]:
        if self._seconds:
            return self._pool.submit(self._outcome, key, sha256)
        done: Future[Outcome[int]] = Future()
        done.set_result(self._outcome(key, sha256))
        return done

    def close(self) -> None:
        self._pool.shutdown()


if __name__ == "__main__":
    node.Pipeline = StubPipeline  # type: ignore[assignment, misc]
    from allstation.__main__ import main

    sys.exit(main(sys.argv[1:]))
