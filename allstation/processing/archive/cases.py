"""One case a slide: imported, classified and kept as the window and ``classify`` do it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.records import FieldState
from allstation.core.site import Site
from allstation.imaging.intake import Refused
from allstation.inference.bundle import ModelBundle
from allstation.processing import events, retries
from allstation.processing.archive.executors import BorrowedExecutor
from allstation.processing.archive.manifest import CASES, PLACES, RowDigest, SlideEntry, refuse_symlink
from allstation.processing.archive.slides import ArchiveSlide
from allstation.processing.batch import FieldExecutor
from allstation.processing.importer import ImportOptions
from allstation.processing.processor import CaseProcessor
from allstation.processing.slide_import import SlideOptions
from allstation.store.case import Case

_PAGE: Final = 1000
_READERS: Final = 2
_RESERVE: Final = 2
Trouble = Callable[[str, Path, str, str], None]
"""Takes the slide's key, a file, a code and a sentence."""


class _Listener:
    """Takes the events of one slide's processor."""

    def __init__(self, slide: str, progressed: Callable[[int], None], trouble: Trouble) -> None:
        self._slide = slide
        self._progressed = progressed
        self._trouble = trouble
        self.refused: list[Refused] = []
        self.halted: StationError | None = None

    def take(self, event: events.Event) -> None:
        """Count an event, and remember what ends the work."""
        match event:
            case events.BatchImported(batch):
                self.refused += batch.refused
            case events.FieldsWritten(ids, failed):
                self._progressed(len(ids))
                for one in failed:
                    self._trouble(self._slide, one.path, one.error.code, one.error.sentence)
            case events.QueueHalted(error) | events.ModelFailed(_, error):
                self.halted = error
            case events.ProblemRaised(problem):
                self.halted = StationError(problem.code, problem.sentence)


class SlideCases:
    """Makes one case a slide in an archive.

    Args:
        out: The archive's folder.
        bundle: The model.
        executor: Works on all slides.
        limits: Of a field.
        site: That the fields were taken at, if it is known.
        progressed: Takes how many fields were finished.
        trouble: Takes what was refused or failed.
        slides: What is wanted of whole slides.
    """

    def __init__(
        self,
        out: Path,
        bundle: ModelBundle,
        executor: FieldExecutor,
        *,
        limits: DecodeLimits,
        site: Site | None,
        progressed: Callable[[int], None],
        trouble: Trouble,
        slides: SlideOptions | None = None,
    ) -> None:
        self._out = out
        self._slides = slides or SlideOptions()
        self._bundle = bundle
        self._executor = executor
        self._limits = limits
        self._site = site
        self._progressed = progressed
        self._trouble = trouble

    def make(self, slide: ArchiveSlide) -> SlideEntry:
        """Make or continue the case of a slide.

        Raises:
            StationError: If it cannot be written; what was finished is kept.
        """
        folder = case_folder(self._out, slide.key)
        refuse_symlink(self._out, folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        held = (folder / "case.sqlite").exists()
        with Case.open(folder) if held else Case.create(folder) as case:
            if self._site is not None and not held:
                case.site.set(self._site)
            refused = self._fill(case, slide)
            return self._entry(case, slide, refused)

    def _fill(self, case: Case, slide: ArchiveSlide) -> list[Refused]:
        woken, listener = threading.Event(), _Listener(slide.key, self._progressed, self._trouble)
        with ThreadPoolExecutor(1, thread_name_prefix="background") as background:
            processor = CaseProcessor(
                case,
                listener.take,
                wake=woken.set,
                executor=lambda _: BorrowedExecutor(self._executor),
                background=background,
                imports=ImportOptions(
                    limits=self._limits, readers=_READERS, batch=_PAGE, slides=self._slides
                ),
                chosen={self._bundle.sha256},
                reserve=_RESERVE,
            )
            try:
                retries.requeue_failed(case)
                processor.add_paths([slide.folder / name for name in slide.files])
                processor.use_model(self._bundle)
                while processor.busy and listener.halted is None:
                    woken.wait(processor.seconds_to_next())
                    woken.clear()
                    processor.process()
            except Exception as error:
                processor.stop(None if isinstance(error, StationError) else error)
                raise
            finally:
                processor.stop()
        if listener.halted is not None:
            raise listener.halted
        for one in listener.refused:
            self._trouble(slide.key, one.path, one.error.code, one.error.sentence)
        return listener.refused

    def _entry(self, case: Case, slide: ArchiveSlide, refused: list[Refused]) -> SlideEntry:
        digest, counts = digest_of(case)
        return SlideEntry(
            slide=slide.key,
            folder=str(slide.folder),
            state=slide.state,
            fields=sum(counts.values()),
            done=counts.get(FieldState.DONE, 0),
            failed=counts.get(FieldState.FAILED, 0),
            refused=len(refused),
            file=case_folder(self._out, slide.key).relative_to(self._out).as_posix(),
            digest=digest,
        )


def case_folder(out: Path, key: str) -> Path:
    """Return where the case of a slide lies."""
    return out.joinpath(PLACES[CASES], *key.split("/")).with_name(f"{key.rsplit('/', 1)[-1]}.allcase")


def digest_of(case: Case) -> tuple[str, dict[FieldState, int]]:
    """Return the digest of what a case predicts for its fields, and how many are in each state."""
    digest, counts = RowDigest(), dict[FieldState, int]()
    ids = case.fields.ids()
    for begin in range(0, len(ids), _PAGE):
        for one in case.fields.records(ids[begin : begin + _PAGE]):
            counts[one.state] = counts.get(one.state, 0) + 1
            digest.add(one.path.name, one.sha256, one.prediction, one.error_code)
    return digest.text(), counts
