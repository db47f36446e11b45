"""Finds the reviewed fields that look most like one, in the case and in the laboratory's reference atlas."""

from __future__ import annotations

import hashlib
import heapq
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from allstation import paths
from allstation.core.errors import StationError
from allstation.core.field_distance import SHOWN, AlikeAnswer, AlikeField, ReviewedField, distances
from allstation.core.filters import FieldFilter, FieldSort
from allstation.core.known_sizes import NO_SLIDE, NOTHING_KNOWN, KnownSizes
from allstation.core.records import FieldRecord
from allstation.processing.status_types import QueuePhase, QueueStatus
from allstation.services.case.session import CaseSession
from allstation.services.images.field_cache import FieldCache
from allstation.services.tasks import LatestOnly
from allstation.store.appearance import AppearanceCache
from allstation.store.atlas import Atlas
from allstation.store.case import Case

if TYPE_CHECKING:
    from allstation.inference.engine import Engine

_log = logging.getLogger(__name__)
_MOST: Final = 500
"""Reviewed fields of a case that are compared, the latest added ones; and fields of the atlas."""
_AT_ONCE: Final = 8
"""Fields computed between two answers: less than half a second."""
_PICTURE: Final = 144
"""Rows of a small picture: enough for twice the usual text size."""
_WIDEST: Final = 2.0
"""Columns over rows of a small picture, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    reviewed: ReviewedField
    path: Path
    sha256: str
    size: tuple[int, int]
    slide: int = NO_SLIDE

    @property
    def in_atlas(self) -> bool:
        return self.reviewed.from_atlas


@dataclass(frozen=True, slots=True)
class _Asked:
    """Input of one step of the search."""

    folder: Path
    field_id: int
    atlas: Path | None
    bundle: Path
    computing: bool


class AlikeFields(QObject):
    """Compares in steps of a few fields, and answers after each; nothing is computed while fields wait.

    Appearances are kept in the station's cache (:mod:`allstation.store.appearance`), so that each field is
    computed once a model.

    Args:
        session: The open case.
        files: Reads pictures; shared with the viewer.
        parent: Owner.

    Signals:
        found: An :class:`AlikeAnswer`.
    """

    found = Signal(object)

    def __init__(self, session: CaseSession, files: FieldCache, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._finder = session, _Finder(files)
        self._bundle: Path | None = None
        self._asked: _Asked | None = None
        self._idle = True
        self._closed = False
        self._steps = LatestOnly(self)
        self._steps.done.connect(self._done)
        self._steps.failed.connect(self._failed)
        session.worker.queue_changed.connect(self.queue_changed)
        session.worker.closed.connect(self.drop)

    @property
    def running(self) -> bool:
        """Whether something is being compared."""
        return self._steps.running

    def use_model(self, bundle: Path) -> None:
        """Compare by the appearances of another model."""
        self._bundle = bundle

    def ask(self, field_id: int, *, atlas: Path | None) -> None:
        """Find the reviewed fields that look most like one; ``found`` follows, again while more are compared.

        Args:
            field_id: In the open case.
            atlas: Folder of the reference atlas; None for none.
        """
        info = self._session.info
        if info is None or self._bundle is None or self._closed:
            return
        self._asked = _Asked(info.folder, field_id, atlas, self._bundle, computing=self._idle)
        self._steps.run(partial(self._finder.step, self._asked))

    @Slot()
    def drop(self) -> None:
        """Want no answer any more."""
        self._asked = None
        self._steps.drop()

    def close(self) -> None:
        """Want no answer any more and wait for the thread."""
        self._closed = True
        self.drop()
        self._steps.close()
        self._finder.close()

    @Slot(object)
    def queue_changed(self, status: QueueStatus) -> None:
        """Compare only while no field waits."""
        idle = status.phase is not QueuePhase.RUNNING
        again, self._idle = idle and not self._idle, idle
        if again and self._asked is not None:
            self.ask(self._asked.field_id, atlas=self._asked.atlas)

    @Slot(object)
    def _done(self, answer: AlikeAnswer) -> None:
        asked = self._asked
        if asked is None or asked.field_id != answer.field_id:
            return
        self.found.emit(answer)
        if answer.left and asked.computing and self._asked is asked:
            self.ask(asked.field_id, atlas=asked.atlas)

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StationError):
            raise error
        # What cannot be compared is no reason to interrupt a review: there is just nothing to show.
        _log.info("nothing is compared: %s", error.sentence)
        if self._asked is not None:
            self.found.emit(AlikeAnswer(field_id=self._asked.field_id))


class _Finder:
    """Computes and compares; on the service's thread."""

    def __init__(self, files: FieldCache) -> None:
        self._files = files
        self._cache = AppearanceCache(paths.data_folder())
        self._engine: Engine | None = None
        self._engine_of: Path | None = None
        self._model = ""
        self._unreadable: set[str] = set()
        self._atlas: tuple[object, list[_Candidate]] = (None, [])

    def close(self) -> None:
        """End the process of a network that has one."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def step(self, asked: _Asked) -> AlikeAnswer:
        """Compare what is known, after computing a few appearances that were missing."""
        with Case.open(asked.folder, read_only=True) as case:
            records = case.fields.records([asked.field_id])
            candidates = _of_case(case, asked.field_id)
            sizes = case.site.known_sizes()
        inside = {one.sha256 for one in candidates}
        candidates += [one for one in self._of_atlas(asked.atlas) if one.reviewed.sha256 not in inside]
        if not records or not candidates:
            return AlikeAnswer(field_id=asked.field_id)
        self._load(asked.bundle)
        own = records[0]
        known = self._known(own, candidates, sizes, computing=asked.computing)
        compared = [one for one in candidates if one.sha256 in known]
        left = sum(one.sha256 not in known and one.sha256 not in self._unreadable for one in candidates)
        if own.sha256 not in known:
            left = 0 if own.sha256 in self._unreadable else left
            return AlikeAnswer(field_id=own.id, left=left, waiting=not asked.computing)
        return AlikeAnswer(
            field_id=own.id,
            fields=self._nearest(own.sha256, compared, known),
            compared=len(compared),
            left=left,
            waiting=bool(left) and not asked.computing,
        )

    def _of_atlas(self, folder: Path | None) -> list[_Candidate]:
        """Return fields of the atlas, from memory as long as nothing was added to its folder."""
        try:
            state = None if folder is None else (folder, folder.stat().st_mtime_ns)
        except OSError:
            state = None
        if folder is None or state is None:
            return []
        if self._atlas[0] != state:
            fields = Atlas(folder).fields(most=_MOST)
            self._atlas = (
                state,
                [
                    _Candidate(
                        reviewed=one.reviewed,
                        path=one.path,
                        sha256=one.picture_sha256,
                        size=(one.width, one.height),
                    )
                    for one in fields
                ],
            )
        return self._atlas[1]

    def _load(self, path: Path) -> None:
        if self._engine is not None and self._engine_of == path:
            return
        from allstation.inference.bundle import ModelBundle, default_bundle_path
        from allstation.inference.bundle_kinds import FIELD, kind_of
        from allstation.inference.engine import Engine

        self.close()
        bundle = ModelBundle.open(path)
        if kind_of(bundle.info) != FIELD:  # it looks at cells alone
            bundle = ModelBundle.open(default_bundle_path())
        self._engine, self._engine_of, self._model = Engine(bundle), path, bundle.sha256
        self._unreadable.clear()

    def _known(
        self, own: FieldRecord, candidates: Sequence[_Candidate], sizes: KnownSizes, *, computing: bool
    ) -> dict[str, NDArray[np.float32]]:
        """Return appearances by the hash of the file, the field's own first to be computed."""
        places = {one.sha256: (one.path, one.slide, one.in_atlas) for one in candidates}
        places[own.sha256] = own.path, own.slide_id, False
        key, plain = _key(self._model, sizes), _key(self._model, NOTHING_KNOWN)
        inside = [name for name, (*_, in_atlas) in places.items() if not in_atlas]
        outside = [name for name, (*_, in_atlas) in places.items() if in_atlas]
        known = {**self._cache.read(plain, outside), **self._cache.read(key, inside)}
        missing = [
            name
            for name in (own.sha256, *(one.sha256 for one in candidates))
            if name not in known and name not in self._unreadable
        ]
        for name in list(dict.fromkeys(missing))[: _AT_ONCE if computing else 0]:
            path, slide, in_atlas = places[name]
            made = self._appearance(path, name, NOTHING_KNOWN if in_atlas else sizes, slide)
            if made is None:
                self._unreadable.add(name)
            else:
                known[name] = made
                self._cache.write(plain if in_atlas else key, {name: made})
        return known

    def _appearance(
        self, path: Path, sha256: str, sizes: KnownSizes, slide: int
    ) -> NDArray[np.float32] | None:
        assert self._engine is not None  # noqa: S101 - loaded before
        try:
            self._engine.sizes = sizes
            made = self._engine.appearance(path, self._files.limits, sha256=sha256, slide=slide)
        except StationError as error:
            _log.info("no appearance of a field: %s", error.code)
            return None
        return made if np.isfinite(made).all() else None

    def _nearest(
        self, own: str, compared: Sequence[_Candidate], known: dict[str, NDArray[np.float32]]
    ) -> tuple[AlikeField, ...]:
        if not compared:
            return ()
        far = distances(known[own], np.array([known[one.sha256] for one in compared]))
        near = heapq.nsmallest(SHOWN, range(len(compared)), key=lambda at: far[at])
        return tuple(
            AlikeField(
                reviewed=compared[at].reviewed,
                distance=float(far[at]),
                same=compared[at].reviewed.sha256 == own,
                path=compared[at].path,
                sha256=compared[at].sha256,
                size=compared[at].size,
                picture=self._picture(compared[at]),
            )
            for at in near
            if np.isfinite(far[at])
        )

    def _picture(self, field: _Candidate) -> NDArray[np.uint8] | None:
        try:
            width = round(_PICTURE * min(field.size[0] / max(field.size[1], 1), _WIDEST))
            return self._files.read(field.path, field.sha256, keep=False).thumbnail((_PICTURE, max(width, 1)))
        except (StationError, MemoryError):
            return None


def _key(model: str, sizes: KnownSizes) -> str:
    """Return the key of a model in the cache: what a field looks like depends on its scale as well."""
    if sizes == NOTHING_KNOWN:
        return model
    return f"{model}-{hashlib.sha256(repr(sizes).encode()).hexdigest()[:16]}"


def _of_case(case: Case, field_id: int) -> list[_Candidate]:
    """Return the fields of a case that a named person gave a class, but one."""
    ids = case.fields.ids(FieldFilter(reviewed=True), FieldSort.ADDED, descending=True)[:_MOST]
    slides = {slide.id: slide.name for slide in case.slides.all()}
    found = []
    for record in case.fields.records(ids):
        review = record.review
        if record.id == field_id or review is None or not review.class_name or not review.reviewer.strip():
            continue
        reviewed = ReviewedField(
            sha256=record.sha256,
            class_name=review.class_name,
            reviewer=review.reviewer,
            at=review.at,
            field_id=record.id,
            place=slides.get(record.slide_id, ""),
        )
        found.append(
            _Candidate(
                reviewed=reviewed,
                path=record.path,
                sha256=record.sha256,
                size=(record.width, record.height),
                slide=record.slide_id,
            )
        )
    return found
