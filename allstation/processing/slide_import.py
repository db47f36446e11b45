"""Import of whole slides: looked through once, then their proposed fields come a batch at a time.

No field is hashed or decoded: the fingerprint of the slide's file and the field's place identify it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from allstation.core.errors import StationError, unexpected
from allstation.core.known_sizes import NO_SLIDE, KnownSize, KnownSizes, SlideSizes
from allstation.core.limits import DecodeLimits
from allstation.core.records import NewField
from allstation.core.site import PixelSize
from allstation.core.slide_file import (
    EVERYTHING,
    PAGES,
    SlideFile,
    SlideIdentity,
    SlidePlanRecord,
    part_field,
)
from allstation.core.slide_info import SlideInfo
from allstation.core.slide_part import Frame, Region, SlidePart, part_path
from allstation.core.text import shown_name
from allstation.processing.slide_cover import apart_from
from allstation.processing.slide_fields import propose, whole_of_small

if TYPE_CHECKING:
    from allstation.imaging.readers import SlideReader

_log = logging.getLogger(__name__)
DEFAULT_FIELDS: Final = 200
_DICOM: Final = frozenset({".dcm", ".dicom", ""})


def _no_sizes(_path: Path, _name: str) -> tuple[PixelSize, ...]:
    return ()


class ImportStoppedError(Exception):
    """The import was given up; raised by whoever is told how far a slide is looked through."""


@dataclass(frozen=True, slots=True)
class SlideOptions:
    """Options of the import of whole slides.

    Attributes:
        fields: How many of the best fields are proposed; None for every square with tissue.
        pages: Every page of a file of several pages, or frame of a DICOM file, is a field; else the first.
        hashed: Whole files are hashed in the background; not for a case that is soon gone.
        sizes: Gives what a person said of the pixels of a slide that comes now, by its file and name.
    """

    fields: int | None = DEFAULT_FIELDS
    pages: bool = False
    hashed: bool = True
    sizes: Callable[[Path, str], tuple[PixelSize, ...]] = _no_sizes

    @property
    def wanted(self) -> str:
        """Number of fields that is wanted, or all, as the case keeps it."""
        return EVERYTHING if self.fields is None else str(self.fields)


@dataclass(frozen=True, slots=True)
class SlideSearch:
    """Progress of looking through a slide.

    Attributes:
        name: Name of its file.
        share: How far it is, 0 to 1.
    """

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Looked:
    """Result of opening a slide and searching it.

    Attributes:
        info: Facts of it.
        parts: Proposed fields, the best first.
        note: A sentence for the person, such as the scale that was assumed; may be empty.
        kept: How many of them, from the first, an earlier plan proposed and the case holds.
    """

    info: SlideInfo
    parts: tuple[SlidePart, ...]
    note: str = ""
    kept: int = 0


@dataclass(frozen=True, slots=True)
class NewSlide:
    """Slide that was looked through, to be written before its fields.

    Attributes:
        path: Its file.
        name: Name for the slide.
        identity: By which the file is known again.
        info: Facts of it.
        wanted: What was asked for, see :attr:`~allstation.core.slide_file.SlideFile.wanted`.
        looked: What was found in it; None if the case holds the slide with this very plan.
    """

    path: Path
    name: str
    identity: SlideIdentity
    wanted: str
    looked: Looked | None = None


@dataclass(frozen=True, slots=True)
class SlideStep:
    """Step through the proposed fields of a slide, written with the fields of a batch.

    Attributes:
        fingerprint: Of the slide's file.
        added: How many of the proposed fields are in the case after it.
    """

    fingerprint: str
    added: int


@dataclass(frozen=True, slots=True)
class SlideBatch:
    """Some of the proposed fields of a slide, ready to be added.

    Attributes:
        path: The slide's file.
        fields: The fields.
        refused: Paths of parts that cannot be read, and why.
        step: What is written with them.
    """

    path: Path
    fields: tuple[NewField, ...]
    refused: tuple[tuple[Path, StationError], ...]
    step: SlideStep


class KnownSlides(Protocol):
    """Whole slides that a case holds; asked on any thread."""

    def known(self, fingerprint: str) -> SlideFile | None:
        """Return the slide file that has this fingerprint."""

    def plan(self, slide_id: int) -> SlidePlanRecord | None:
        """Return the proposed fields of a slide."""

    def parts(self, slide_id: int) -> list[SlidePart]:
        """Return the parts of a slide that are fields of the case."""

    def known_sizes(self) -> KnownSizes:
        """Return what slides, case data and site say of pixel sizes."""

    def refuse_other(self, path: Path, fingerprint: str) -> None:
        """Refuse a file in the place of another slide of the case."""


def slide_name(path: Path) -> str:
    """Return the name for a slide: its file's, without the suffix; of a DICOM series its folder's."""
    if path.suffix.lower() in _DICOM and path.parent.name:
        return path.parent.name
    return path.stem or "slide"


def identify(path: Path) -> SlideIdentity:
    """Return by what the file of a slide is known again; reads a few megabytes of it.

    Raises:
        StationError: If it cannot be read.
    """
    from allstation.imaging.readers import slide_files
    from allstation.imaging.slides.identity import fingerprint_of, stamp

    files = slide_files(path)
    stamps = stamp(path, files)
    return SlideIdentity(
        fingerprint=fingerprint_of(path, files),
        bytes=sum(size for _, size, *_ in stamps),
        mtime_ns=max(changed for _, _, changed, _ in stamps),
    )


def look_through(
    path: Path,
    options: SlideOptions,
    *,
    limits: DecodeLimits,
    known: KnownSlides | None = None,
    progress: Callable[[SlideSearch], None] = lambda _: None,
) -> NewSlide:
    """Open a slide and propose its fields, or take the plan that the case holds for what is wanted.

    Args:
        path: The slide's file, or a file of several pages.
        options: What is wanted of it.
        limits: What a region may be.
        known: Slides of the case.
        progress: Told how far it is; may raise to give up.

    Raises:
        StationError: If it cannot be read, or is not the slide that the case holds from that place;
            ``unexpected`` for whatever else reading it raised.
    """
    from allstation.imaging.readers import open_slide, pages_of

    progress(SlideSearch(path.name, 0.0))
    identity = identify(path)
    wanted = PAGES if options.pages and pages_of(path) > 1 else options.wanted
    held = None
    if known is not None:
        known.refuse_other(path, identity.fingerprint)
        held = known.known(identity.fingerprint)
    place = held.path if held is not None and held.path.exists() else path
    found = NewSlide(place, slide_name(path), identity, wanted)
    if held is not None and held.wanted == wanted and known is not None and known.plan(held.slide_id):
        return found
    try:
        with open_slide(path, limits) as reader:
            given = options.sizes(place, found.name)
            known_size = _known_size(reader.info, known, held, given)
            looked = _looked(
                reader, path, options, wanted, limits=limits, progress=progress, known_size=known_size
            )
        if held is not None and known is not None and wanted != PAGES:
            looked = _merged_with_case(looked, held.slide_id, known, options.fields)
        return replace(found, looked=looked)
    except (StationError, ImportStoppedError):
        raise
    except Exception as error:
        _log.exception("a slide could not be looked through")
        raise unexpected(shown_name(path), error) from error


def _known_size(
    info: SlideInfo, known: KnownSlides | None, held: SlideFile | None, given: tuple[PixelSize, ...]
) -> KnownSize | None:
    """Return the pixel size that counts for fields of a slide whose size in pixels is not known yet."""
    if known is None:
        return None
    slide = held.slide_id if held is not None else NO_SLIDE
    sizes = known.known_sizes()
    if given:
        sizes = replace(sizes, slides=(SlideSizes(slide, given),))
    return sizes.find(info.width, info.height, slide=slide, stated=info.pixel_um)


def _report_share(progress: Callable[[SlideSearch], None], name: str, share: float) -> None:
    progress(SlideSearch(name, share))


def _looked(
    reader: SlideReader,
    path: Path,
    options: SlideOptions,
    wanted: str,
    *,
    limits: DecodeLimits,
    progress: Callable[[SlideSearch], None],
    known_size: KnownSize | None,
) -> Looked:
    if wanted == PAGES:
        return Looked(reader.info, tuple(Frame(number=page + 1) for page in range(reader.info.frames)))
    small = whole_of_small(path, reader.info, least=limits.min_side, known_size=known_size)
    if small is not None:
        return Looked(reader.info, *small)
    report = partial(_report_share, progress, path.name)
    parts, note = propose(reader, options.fields, report, known_size=known_size)
    return Looked(reader.info, parts, note)


def _merged_with_case(looked: Looked, slide_id: int, known: KnownSlides, count: int | None) -> Looked:
    """Return the proposed fields that go on from those that the case holds, which stay and come first.

    Args:
        looked: What was found, as if the case held nothing of the slide.
        slide_id: The slide.
        known: Slides of the case.
        count: How many fields the case is to have in the end; None for all.
    """
    taken = known.parts(slide_id)
    held, plan = set(taken), known.plan(slide_id)
    kept = [part for part in plan.parts if part in held] if plan is not None else []
    new = [part for part in looked.parts if part not in held]
    beside = apart_from(looked.info, taken, new)
    note = looked.note
    if other := _other_size(kept, beside):
        note = f"{note} {other}".strip()
    if left_out := len(new) - len(beside):
        note = f"{note} {_left_out(left_out)}".strip()
    room = len(beside) if count is None else max(0, count - len(taken))
    if not beside and (count is None or room):
        note = f"{note} No field was added{'' if left_out else ': the case has them all'}.".strip()
    return replace(looked, parts=(*kept, *beside[:room]), note=note, kept=len(kept))


def _other_size(kept: Sequence[SlidePart], new: Sequence[SlidePart]) -> str:
    """Return a sentence where new fields have another size than those that an earlier proposal left."""
    before, now = next(iter(kept), None), next(iter(new), None)
    if not (isinstance(before, Region) and isinstance(now, Region)):
        return ""
    if (before.width, before.height) == (now.width, now.height):
        return ""
    return (
        f"Fields that were proposed before keep their {before.width:,} x {before.height:,} pixels; new ones "
        f"have {now.width:,} x {now.height:,}, by the pixel size that counts now."
    )


def _left_out(count: int) -> str:
    which = "1 proposed field lies" if count == 1 else f"{count:,} proposed fields lie"
    were = "was" if count == 1 else "were"
    return f"{which} over fields that the case has and {were} left out, so that no cell counts twice."


def slide_batches(
    path: Path,
    options: SlideOptions,
    *,
    limits: DecodeLimits,
    known: KnownSlides | None,
    size: int,
    progress: Callable[[SlideSearch], None] = lambda _: None,
) -> Iterator[NewSlide | SlideBatch]:
    """Yield a slide and then its proposed fields, as they are to be written.

    Args:
        path: The slide's file, or a file of several pages.
        options: What is wanted of it.
        limits: What a region may be.
        known: Slides of the case; whoever takes a :class:`NewSlide` has written it before the next item is
            written, not before it is asked for.
        size: Fields of a batch.
        progress: As for :func:`look_through`.

    Raises:
        StationError: As :func:`look_through`.
    """
    found = look_through(path, options, limits=limits, known=known, progress=progress)
    yield found
    if found.looked is not None:
        looked = found.looked
        yield from _steps(
            found.path, found.identity.fingerprint, looked.info, looked.parts, size=size, start=looked.kept
        )
        return
    held = known.known(found.identity.fingerprint) if known is not None else None
    if held is not None and known is not None:
        yield from plan_batches(held, known, size=size, again=True)


def plan_batches(
    file: SlideFile, known: KnownSlides, *, size: int, again: bool = False
) -> Iterator[SlideBatch]:
    """Yield the proposed fields of a slide that are not in the case yet.

    Args:
        file: The slide.
        known: Slides of the case.
        size: Fields of a batch.
        again: Of a slide whose fields were all added, yield all: those that were removed come back.
    """
    plan = known.plan(file.slide_id)
    if plan is None:
        return
    start = 0 if again and file.is_complete else plan.added
    # Fields that a person added or moved since may lie over places of the plan.
    wanted = set(apart_from(file.info, known.parts(file.slide_id), plan.parts[start:]))
    yield from _steps(
        file.path, file.identity.fingerprint, file.info, plan.parts, size=size, start=start, wanted=wanted
    )


def _steps(
    path: Path,
    fingerprint: str,
    info: SlideInfo,
    parts: Sequence[SlidePart],
    *,
    size: int,
    start: int = 0,
    wanted: Collection[SlidePart] | None = None,
) -> Iterator[SlideBatch]:
    for place in range(start, len(parts), size):
        chunk = parts[place : place + size]
        fields, refused = [], []
        for part in chunk:
            if wanted is not None and part not in wanted:
                continue
            try:
                fields.append(_new_field(path, fingerprint, info, part))
            except StationError as error:
                refused.append((part_path(path, part), error))
        yield SlideBatch(path, tuple(fields), tuple(refused), SlideStep(fingerprint, place + len(chunk)))


def _new_field(path: Path, fingerprint: str, info: SlideInfo, part: SlidePart) -> NewField:
    """Return a part as a field; only pages are read for that, which may differ in size."""
    made = part_field(path, fingerprint, info, part)
    if isinstance(part, Region):
        return made
    from allstation.imaging.fields.file import read_field

    header = read_field(made.path, sha256=made.sha256).header
    return replace(made, width=header.width, height=header.height, bytes=3 * header.width * header.height)
