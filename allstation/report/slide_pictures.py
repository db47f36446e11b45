"""Export of what a scanner photographed beside its slides: the label and the overview of the glass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.records import Slide
from allstation.core.text import plain_name, shown_name
from allstation.files import free_path
from allstation.report.atomic import make_folder, write_whole
from allstation.report.export_types import Progress, no_progress

_NAMES: Final = ("label", "macro")


@dataclass(frozen=True, slots=True)
class SlidePictures:
    """Pictures that were written.

    Attributes:
        written: Files, in the order of the slides.
        refused: Slides whose file cannot be read, and why.
    """

    written: tuple[Path, ...]
    refused: tuple[tuple[Slide, StationError], ...]


def check_named(*, anonymise: bool) -> None:
    """Refuse these pictures in an anonymised export: they show what people wrote on the glass.

    Raises:
        StationError: ``names-patient``.
    """
    if anonymise:
        sentence = (
            "Label and macro pictures show names and numbers that were written on the slide, so no "
            "anonymised export has them. Leave these pictures out, or export with patient data."
        )
        raise StationError("names-patient", sentence)


def write_slide_pictures(
    slides: Sequence[Slide],
    folder: Path,
    *,
    anonymise: bool,
    limits: DecodeLimits = DecodeLimits(),  # noqa: B008 - immutable
    progress: Progress = no_progress,
) -> SlidePictures:
    """Write label and macro pictures as PNG files named after their slides.

    Args:
        slides: Of a case; those that are folders of fields have none.
        folder: To write to.
        anonymise: Whether the export is anonymised, which is refused.
        limits: Of the pixels of a picture.
        progress: Told how many slides are done.

    Raises:
        StationError: ``names-patient``, ``nothing-to-export`` if no slide has a picture, ``not-written``.
    """
    check_named(anonymise=anonymise)
    scanned = [slide for slide in slides if slide.fingerprint]
    written: list[Path] = []
    refused = []
    for number, slide in enumerate(scanned):
        progress(number, len(scanned))
        try:
            pictures = _pictures_of(slide, limits)
        except StationError as error:
            refused.append((slide, error))
            continue
        for name, png in pictures:
            make_folder(folder)
            target = free_path(folder, f"{plain_name(slide.name)} {name}".lstrip(), ".png")
            written.append(write_whole(target, png))
    if not written and not refused:
        sentence = "No slide of this case is a scanner's file with a label or macro picture."
        raise StationError("nothing-to-export", sentence)
    return SlidePictures(tuple(written), tuple(refused))


def _pictures_of(slide: Slide, limits: DecodeLimits) -> list[tuple[str, bytes]]:
    """Return the pictures of a slide as PNG, read from the very file that was added."""
    import cv2

    from allstation.imaging.slides.pool import slide_pool

    path = slide.folder
    if path is None:
        return []
    with slide_pool().opened(path, limits) as opened:
        if opened.fingerprint != slide.fingerprint:
            sentence = f"The slide {shown_name(path)} is not the one that was added."
            raise StationError("changed-field", sentence)
        return [
            (name, cv2.imencode(".png", opened.reader.associated(name)[..., ::-1])[1].tobytes())
            for name in _NAMES
            if name in opened.reader.info.associated
        ]
