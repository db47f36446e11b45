"""Schedules models over the queue: the one in use first, then the others that were queued.

All methods are called on the owner's thread; bundles are read in the background.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation.core.errors import ModelError, StationError
from allstation.core.text import shown_name
from allstation.processing import retries
from allstation.processing.status_types import ModelInfo, Problem, QueueJob, UnknownModel
from allstation.store.case import Case

if TYPE_CHECKING:
    from allstation.inference.bundle import ModelBundle

_log = logging.getLogger(__name__)
_LOOK_EVERY: Final = 1.0
"""Seconds between two looks at what waits: on a long queue each takes milliseconds."""


@dataclass(frozen=True, slots=True)
class BundleLoaded:
    """The bundle of a queued model was read, or could not be.

    Attributes:
        model_sha256: The model whose turn it is.
        found: The bundle, or why there is none.
    """

    model_sha256: str
    found: ModelBundle | Problem


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """Fields to be classified by another model as well.

    Attributes:
        found: The model's bundle, or why it cannot be used.
        ids: The fields; all of the case if empty.
    """

    found: ModelBundle | Problem
    ids: tuple[int, ...]


class ModelScheduler:
    """Schedules the models of one case.

    Args:
        case: The writer's connection.
        background: Runs a function on another thread and brings back what it returns.
        skipped: Models whose fields go on waiting.
        chosen: Models that a person named just now, which are used whoever made them.
    """

    def __init__(
        self,
        case: Case,
        background: Callable[[Callable[[], object]], None],
        skipped: Collection[str] = (),
        chosen: Collection[str] = (),
    ) -> None:
        self._case = case
        self._background = background
        self._chosen = frozenset(chosen)
        self._absent = set(skipped)
        self._reading = ""
        self._names: dict[str, str] = {}
        self._jobs: tuple[QueueJob, ...] = ()
        self._looked = -_LOOK_EVERY

    def request(self, bundle: ModelBundle, ids: Sequence[int] = ()) -> None:
        """Let fields wait for the turn of a model: these, or all but those that are left out."""
        case = self._case
        case.models.add(bundle.record())
        case.model_queue.add(bundle.sha256, ids or retries.all_but_left_out(case), bundle.path.absolute())
        self._absent.discard(bundle.sha256)

    def next(self, *, in_use: bool) -> str | None:
        """Return for which model the queue waits now, empty for the one in use, None if nothing waits."""
        return self._case.model_queue.next_model(self._absent | (set() if in_use else {""}))

    def read(self, model: str) -> None:
        """Read the bundle of a model in the background; a :class:`BundleLoaded` follows."""
        if self._reading != model:
            self._reading = model
            path, asks = self._case.model_queue.bundle_path(model), model not in self._chosen
            self._background(partial(_read, model, path, asks=asks))

    def loaded(self, read: BundleLoaded) -> ModelBundle | Problem:
        """Return what was read; a model without its bundle is passed over from now on."""
        self._reading = ""
        if isinstance(read.found, Problem):
            self._absent.add(read.model_sha256)
        return read.found

    def give_up(self, model: str) -> None:
        """Pass over a model that cannot be used, until it is queued again."""
        self._absent.add(model)

    @property
    def reading(self) -> bool:
        """Whether a bundle is being read."""
        return bool(self._reading)

    def begin(self, model: str) -> int:
        """Put the fields that waited for the turn of a model into the queue; returns how many."""
        self.changed()
        return self._case.model_queue.start(model)

    def changed(self) -> None:
        """Look anew at what waits when asked the next time."""
        self._looked = -_LOOK_EVERY

    def name(self, model: str) -> str:
        """Return name and version of a model that the case knows, empty for the one in use."""
        if model and model not in self._names:
            self._names = {known.sha256: f"{known.name} {known.version}" for known in self._case.models.all()}
        return self._names.get(model, "")

    def jobs(self, *, busy: bool) -> tuple[QueueJob, ...]:
        """Return what waits; while the queue is busy, as it was at most a second ago."""
        now = time.monotonic()
        if not busy or now - self._looked >= _LOOK_EVERY:
            self._looked = now
            queued = [
                QueueJob(row.model_sha256, self.name(row.model_sha256), row.fields, row.slide_id, row.name)
                for row in self._case.queue.slides()
            ]
            planned = [
                QueueJob(plan.model_sha256, self.name(plan.model_sha256), plan.fields)
                for plan in self._case.model_queue.all()
            ]
            self._jobs = (*queued, *planned)
        return self._jobs


def read_request(path: Path, ids: tuple[int, ...]) -> ModelRequest:
    """Read and verify a bundle for some fields. In the background: the runtime takes its time to load."""
    return ModelRequest(read_bundle(path), ids)


def model_info(bundle: ModelBundle) -> ModelInfo:
    """Return what the window knows of a bundle."""
    from allstation.inference.training_optics import training_optics

    optics = training_optics(bundle)
    aspect = None if optics is None else optics.aspect
    return ModelInfo(bundle.record(), bundle.path, bundle.preprocessing.size, aspect)


def read_bundle(path: Path) -> ModelBundle | Problem:
    """Read and verify a bundle before it works. In the background, as :func:`read_request`.

    One of an unknown maker is an :class:`UnknownModel` until a person accepts it.
    """
    opened = _opened(path)
    if isinstance(opened, Problem):
        return opened
    return _unknown(opened) if opened.trust.asks else _verified(opened)


def _opened(path: Path) -> ModelBundle | Problem:
    from allstation.inference.bundle import ModelBundle

    try:
        return ModelBundle.open(path)
    except StationError as error:
        return Problem.of(error, path.name)
    except Exception as error:  # noqa: BLE001 - a bundle from elsewhere may be damaged in any way
        _log.exception("a model bundle could not be read")
        sentence = (
            f"The model bundle {shown_name(path)} cannot be read ({type(error).__name__}). "
            "Ask for it again, or choose another model."
        )
        return Problem("bad-bundle", sentence, path.name)


def _verified(bundle: ModelBundle) -> ModelBundle | Problem:
    """Return a bundle whose reference fields come out as its maker said, or what is wrong.

    One whose network cannot be loaded or computed is returned too: that is told when its fields are tried.
    """
    from allstation.inference.engine_pool import make_engine
    from allstation.inference.reference import verify_activation

    try:
        with closing(make_engine(bundle)) as engine:
            verify_activation(bundle, engine)
    except ModelError:
        return bundle
    except StationError as error:
        return Problem.of(error, bundle.path.name)
    return bundle


def _unknown(bundle: ModelBundle) -> UnknownModel:
    from allstation.inference.trust import UNKNOWN_MAKER, refusal

    trust = bundle.trust
    return UnknownModel(
        UNKNOWN_MAKER,
        refusal(trust, bundle.name),
        bundle.path.name,
        path=bundle.path,
        title=f"{bundle.name} {bundle.version}",
        sha256=bundle.sha256,
        maker=trust.text,
        impostor=trust.impostor,
    )


def _read(model: str, path: Path | None, *, asks: bool) -> BundleLoaded:
    found = Problem("no-bundle", "") if path is None else _opened(path)
    if isinstance(found, Problem) or found.sha256 != model:
        name = "of a queued model" if path is None else shown_name(path)
        sentence = (
            f"The bundle {name} is not what it was when its fields were queued. They go on waiting: "
            "queue the model again from where its bundle is now, or take it out of the queue."
        )
        return BundleLoaded(model, Problem("queued-model-missing", sentence, name))
    # A case from elsewhere may name any file of this computer as the bundle of a queued model.
    return BundleLoaded(model, _unknown(found) if asks and found.trust.asks else _verified(found))
