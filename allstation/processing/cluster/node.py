"""The worker's side: models by their hash, one pipeline a model, fields classified as on one machine."""

from __future__ import annotations

import hashlib
import platform
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from allstation.core.errors import StationError
from allstation.files import write_atomically
from allstation.inference.bundle import SUFFIX, ModelBundle, default_bundle_path
from allstation.inference.pipeline import Pipeline
from allstation.keys.cluster_certificates import cluster_folder
from allstation.processing.cluster import requests
from allstation.processing.cluster.careful import CarefulClassifier
from allstation.processing.cluster.requests import Answer, MachineFacts, Request, WantedField, Work
from allstation.processing.cluster.shares import Shares, is_there

_MODELS: Final = 2
"""Pipelines kept: the one in use, and the one before."""


@dataclass(slots=True)
class _Used:
    """A pipeline and how many requests use it now."""

    pipeline: Pipeline
    users: int = 0


class Node:
    """State that one worker process keeps between its tasks. Used by several threads.

    Args:
        threads: Of each pipeline; None for one a processor.
        shares: What this machine calls the folders of others.
        store: Folder of model bundles by their hash; the profile's if None.
        low_priority: The threads work beside a person's programs, which go first.
    """

    def __init__(
        self,
        *,
        threads: int | None = None,
        shares: Shares | None = None,
        store: Path | None = None,
        low_priority: bool = True,
    ) -> None:
        self._threads = threads
        self._shares = shares or Shares()
        self._store = store or cluster_folder() / "models"
        self._low_priority = low_priority
        self._lock = threading.Lock()
        self._pipelines: dict[Work, _Used] = {}

    def classify(self, data: bytes, worker: str) -> bytes:
        """Answer a request.

        Args:
            data: A :class:`Request`.
            worker: Address of this worker.
        """
        began = time.monotonic()
        request = Request.read(data)
        if request is None:
            return Answer(requests.OTHER_VERSION, worker).to_bytes()
        bundle = self._bundle(request.work.model)
        if bundle is None:
            return Answer(requests.NEEDS_MODEL, worker).to_bytes()
        with ExitStack() as stack:
            here, absent = self._readable(request.fields, stack)
            if request.careful:
                careful = stack.enter_context(closing(CarefulClassifier(bundle.path)))
                outcomes = [careful.classify(request.work, *one) for one in here]
            else:
                pipeline = stack.enter_context(self._pipeline(bundle, request.work))
                waiting = [pipeline.submit(*one) for one in here]
                outcomes = [one.result() for one in waiting]
        seconds = time.monotonic() - began
        return Answer(requests.DONE, worker, outcomes=outcomes, absent=absent, seconds=seconds).to_bytes()

    def _readable(
        self, fields: Sequence[WantedField], stack: ExitStack
    ) -> tuple[list[tuple[int, Path, str, int]], list[int]]:
        """Return number, path, hash and slide of what can be read here, and the numbers of the rest."""
        here, absent, folder = [], [], None
        for one in fields:
            path = self._shares.local(one.path)
            if one.data is not None:
                folder = folder or Path(
                    stack.enter_context(tempfile.TemporaryDirectory(prefix="allstation-"))
                )
                # A folder of its own each: sentences about a field give the name of its file.
                path = folder / str(one.number) / Path(one.path.replace("\\", "/")).name
                path.parent.mkdir()
                path.write_bytes(one.data)
            if is_there(path):
                here.append((one.number, path, one.sha256, one.slide))
            else:
                absent.append(one.number)
        return here, absent

    # Models

    def receive_model(self, sha256: str, data: bytes) -> bool:
        """Keep a model bundle; one whose bytes have another hash is not kept.

        Returns:
            Whether it is there now.
        """
        if hashlib.sha256(data).hexdigest() != sha256:
            return False
        self._store.mkdir(parents=True, exist_ok=True)
        write_atomically(self._store / f"{sha256}{SUFFIX}", data)
        return True

    def _bundle(self, sha256: str) -> ModelBundle | None:
        with self._lock:
            for work, used in self._pipelines.items():
                if work.model == sha256:
                    return used.pipeline.bundle
        for path in (self._store / f"{sha256}{SUFFIX}", default_bundle_path()):
            try:
                bundle = ModelBundle.open(path)
            except StationError:
                continue
            if bundle.sha256 == sha256:
                return bundle
        return None

    @contextmanager
    def _pipeline(self, bundle: ModelBundle, work: Work) -> Iterator[Pipeline]:
        with self._lock:
            used = self._pipelines.get(work)
            if used is None:
                used = self._pipelines[work] = _Used(self._made(bundle, work))
            used.users += 1
            idle = [key for key, other in self._pipelines.items() if not other.users]
            ended = [self._pipelines.pop(key) for key in idle[: max(0, len(self._pipelines) - _MODELS)]]
        for other in ended:
            other.pipeline.close()
        try:
            yield used.pipeline
        finally:
            with self._lock:
                used.users -= 1

    def _made(self, bundle: ModelBundle, work: Work) -> Pipeline:
        return Pipeline(
            bundle,
            threads=self._threads,
            limits=work.limits,
            low_priority=self._low_priority,
            cells=work.cells,
            sizes=work.sizes,
        )

    # Facts

    def facts(self, sha256: str = "") -> bytes:
        """Return what this machine is; with a model, also what its network says of a reference field."""
        bundle = self._bundle(sha256) if sha256 else None
        said = reference_probabilities(bundle) if bundle is not None else ()
        return MachineFacts(platform.node(), processor_name(), probabilities=said).to_bytes()

    def close(self) -> None:
        """End every pipeline."""
        with self._lock:
            ended = [self._pipelines.pop(key) for key in list(self._pipelines)]
        for used in ended:
            used.pipeline.close()


def reference_probabilities(bundle: ModelBundle) -> tuple[float, ...]:
    """Return what this machine's network says of a bundle's first reference field; empty without one."""
    from allstation.inference.engine_pool import make_engine
    from allstation.inference.reference import MEMBER
    from allstation.inference.site_bundle import is_site_bundle

    if MEMBER not in bundle.members or is_site_bundle(bundle):
        return ()
    with closing(make_engine(bundle)) as engine:
        field = bundle.arrays(MEMBER)["rgb"][0]
        return tuple(map(float, engine.classify_rgb(field).probabilities.values()))


def processor_name() -> str:
    """Return the model of this machine's processor: equal ones compute equal bits."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
