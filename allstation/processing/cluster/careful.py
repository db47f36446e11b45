"""Suspected fields, one by one in a process that may die: who ended it is then known for certain.

A worker that died had several fields in hand, and Dask blames all of them. Each is classified once more in
a child: one that ends the child twice is left out, as on one machine; all others get their prediction.
"""

from __future__ import annotations

import logging
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Final, cast

from allstation.core.errors import StationError
from allstation.core.known_sizes import NO_SLIDE
from allstation.core.text import shown_name
from allstation.frozen import child_command
from allstation.inference.pipeline import Outcome
from allstation.isolation import frames
from allstation.isolation.frames import FrameError, RawStream
from allstation.processing.cluster.requests import Answer, Request, WantedField, Work
from allstation.processing.cluster.wire import WireError

_log = logging.getLogger(__name__)
_TRIES: Final = 2
_START_SECONDS: Final = 120.0
_MOST: Final = 64 << 20
CRASHED_TWICE: Final = "crashed-twice"
"""As ``store.queue`` has it: such a field is not tried again unless a person asks."""


class CarefulClassifier:
    """Classifies fields in a child of its own. Used by one thread.

    Args:
        bundle: File of the model.
    """

    def __init__(self, bundle: Path) -> None:
        self._bundle = bundle
        self._child: subprocess.Popen[bytes] | None = None

    def classify(
        self, work: Work, number: int, path: Path, sha256: str, slide: int = NO_SLIDE
    ) -> Outcome[int]:
        """Classify one field; one that ends the child twice fails for good."""
        request = Request(work, [WantedField(number, str(path), sha256, slide=slide)]).to_bytes()
        for _ in range(_TRIES):
            try:
                answer = Answer.read(self._asked(request, work.limits.max_seconds))
                return answer.outcomes[0]
            except (OSError, EOFError, FrameError, WireError, IndexError, TimeoutError) as error:
                _log.warning("a careful child ended on one field: %s", type(error).__name__)
                self.close()
        sentence = (
            f"The program ended twice while it worked on the field {shown_name(path)}, so the field is left "
            "out. Look at the file, and use Retry if you trust it."
        )
        return Outcome(number, None, StationError(CRASHED_TWICE, sentence))

    def _asked(self, request: bytes, seconds: float) -> bytes:
        started = self._child is None
        child = self._child or self._started()
        frames.send(cast("RawStream", child.stdin), {}, request)
        answers: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()
        reader = threading.Thread(target=_read, args=(cast("IO[bytes]", child.stdout), answers), daemon=True)
        reader.start()
        try:
            found = answers.get(timeout=2 * seconds + (_START_SECONDS if started else 0))
        except queue.Empty as error:
            raise TimeoutError from error
        if isinstance(found, Exception):
            raise found
        return found

    def _started(self) -> subprocess.Popen[bytes]:
        self._child = subprocess.Popen(
            [*child_command("field"), str(self._bundle)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        return self._child

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()


def _read(stream: IO[bytes], answers: queue.SimpleQueue[bytes | Exception]) -> None:
    try:
        answers.put(bytes(frames.receive(cast("RawStream", stream), most=_MOST)[1]))
    except (OSError, EOFError, FrameError, ValueError) as error:
        answers.put(error if not isinstance(error, ValueError) else FrameError("closed"))


def serve(arguments: list[str]) -> int:
    """Answer requests until the parent is gone: the program of the child."""
    from allstation.inference.bundle import ModelBundle
    from allstation.inference.pipeline import Pipeline
    from allstation.isolation.serving import open_channel

    out = open_channel()
    requests = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 - the standard input, as it is
    bundle = ModelBundle.open(Path(arguments[0]))
    pipeline: Pipeline | None = None
    while True:
        try:
            _, data = frames.receive(requests, most=_MOST)
        except EOFError:
            return 0
        request = Request.read(bytes(data))
        if request is None:
            return 1
        work, field = request.work, request.fields[0]
        if pipeline is None:
            pipeline = Pipeline(bundle, threads=1, limits=work.limits, cells=work.cells, sizes=work.sizes)
        outcome = pipeline.submit(field.number, Path(field.path), field.sha256, field.slide).result()
        frames.send(out, {}, Answer("done", "", outcomes=[outcome]).to_bytes())


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1:]))
