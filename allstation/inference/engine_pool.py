"""Engines of a bundle, whatever its kind: one for each thread that asks."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from allstation.core.errors import ModelError
from allstation.core.known_sizes import NOTHING_KNOWN, KnownSizes
from allstation.inference.bundle import ModelBundle
from allstation.inference.engine import Engine
from allstation.inference.isolated import RUN_SECONDS
from allstation.inference.network_origin import needs_isolation

if TYPE_CHECKING:
    from allstation.inference.site_engine import SiteEngine

FieldEngine: TypeAlias = "Engine | SiteEngine"


def make_engine(bundle: ModelBundle, *, seconds: float | None = None) -> FieldEngine:
    """Make the engine that a bundle's kind needs.

    Args:
        bundle: The model.
        seconds: Wall time that a network in a process of its own has for one field; None for the usual.

    Raises:
        ModelError: ``bad-bundle`` if it cannot be used.
    """
    if bundle.is_site:
        from allstation.inference.site_engine import SiteEngine

        return SiteEngine(bundle)
    return Engine(bundle) if seconds is None else Engine(bundle, seconds=seconds)


class EnginePool:
    """Pool of engines: one per thread, made when a thread first asks.

    Args:
        bundle: The model.
        ready: An engine of it that nobody uses yet: the first thread takes it.
        seconds: Wall time that a network in a process of its own has for one field.
        sizes: What the case says of pixel sizes, and its site.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        ready: FieldEngine | None = None,
        *,
        seconds: float = RUN_SECONDS,
        sizes: KnownSizes = NOTHING_KNOWN,
    ) -> None:
        self.bundle = bundle
        self._sizes = sizes
        self.isolated = needs_isolation(bundle)
        self._seconds = seconds
        self._local = threading.local()
        self._ready: deque[FieldEngine] = deque([ready] if ready else [])
        self._engines: deque[FieldEngine] = deque(self._ready)
        self._fault: ModelError | None = None

    def engine(self) -> FieldEngine:
        """Return the calling thread's engine.

        Raises:
            ModelError: If the network cannot be used, now or when another thread tried.
        """
        if self._fault is not None:
            raise self._fault
        engine: FieldEngine | None = getattr(self._local, "engine", None)
        if engine is None:
            try:
                engine = self._ready.pop()
            except IndexError:
                engine = self._made()
            engine.sizes = self._sizes
            self._local.engine = engine
        return engine

    def _made(self) -> FieldEngine:
        try:
            engine = make_engine(self.bundle, seconds=self._seconds)
            self._engines.append(engine)
            if self.isolated:
                engine.warm_up()
        except ModelError as error:
            self.give_up(error)
            raise
        return engine

    def give_up(self, fault: ModelError) -> None:
        """Let nobody try again what cannot be used."""
        self._fault = fault

    def close(self) -> None:
        """End the processes of networks that have one."""
        while self._engines:
            self._engines.pop().close()
