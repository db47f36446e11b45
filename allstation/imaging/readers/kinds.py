"""Recognition of slides' files, by name and by content, and which files belong to one slide."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from allstation.core.limits import DecodeLimits
from allstation.core.text import natural_key
from allstation.imaging.formats.source import HeaderError, Source
from allstation.imaging.formats.suffixes import SLIDE_SUFFIXES
from allstation.imaging.readers.dicom_header import DicomHeader, is_dicom, read_dicom
from allstation.imaging.readers.tiff_outline import TiffOutline, is_tiff, outline

DICOM_SUFFIXES: Final = frozenset({".dcm", ".dicom"})
INDEX_SUFFIXES: Final = frozenset({".mrxs", ".vms", ".vmu"})
"""Of slides whose file names others."""
_TIFF_SUFFIXES: Final = frozenset({".tif", ".tiff", ".btf", ".tf8"})
_START: Final = 132
_LONGEST_INDEX: Final = 1 << 20
_MOST_FILES: Final = 20_000
_NAMED: Final = re.compile(r"^[A-Za-z]*(?:File|Image)[A-Za-z0-9(),]*\s*=\s*(\S.*?)\s*$", re.MULTILINE)
"""Line of Hamamatsu's index that names a file beside it."""


@dataclass(frozen=True, slots=True)
class SlideFiles:
    """Slide on disk.

    Attributes:
        path: The file that opens it; of a DICOM series its first file.
        files: Every file that it consists of, this one included.
    """

    path: Path
    files: frozenset[Path]


def looks_like_slide(path: Path) -> bool:
    """Tell by its name whether a file may be a slide; TIFF and DICOM after a look into it."""
    suffix = path.suffix.lower()
    if suffix in _TIFF_SUFFIXES | DICOM_SUFFIXES or not suffix:
        return is_slide(path) or _is_broken_off(path)
    return suffix in SLIDE_SUFFIXES


def _is_broken_off(path: Path) -> bool:
    """Tell whether a file larger than a field's begins as a TIFF and lacks its pages: opening it says so."""
    try:
        if path.suffix.lower() not in _TIFF_SUFFIXES or path.stat().st_size <= DecodeLimits().max_bytes:
            return False
        with path.open("rb") as file:
            return is_tiff(file.read(_START)) and look(path) is None
    except OSError:
        return False


def is_slide(path: Path, limits: DecodeLimits = DecodeLimits()) -> bool:  # noqa: B008 - immutable
    """Tell by its content whether a file is a slide, rather than a field or something else.

    A tiled TIFF with smaller copies of itself, or larger than a field may be, is one; so is what a scanner
    wrote, and an object of a DICOM whole slide.

    Args:
        path: The file.
        limits: Limits of a field.
    """
    found = look(path)
    if isinstance(found, DicomHeader):
        return found.is_slide
    if isinstance(found, TiffOutline):
        return _is_slide_of_tiff(found, path.stat().st_size, limits)
    return found is not None and _is_slide_of_another_kind(path, found)


def _is_slide_of_another_kind(path: Path, start: bytes) -> bool:
    suffix = path.suffix.lower()
    if suffix == ".mrxs":
        return _mirax_folder(path).is_dir()
    if suffix in {".vms", ".vmu"}:
        return start.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"[")
    return start.startswith(b"SQLite format 3\0" if suffix == ".svslide" else b"ZISRAWFILE")


def pages_of(path: Path) -> int:
    """Return the pages or frames of a file that can be fields of their own.

    1 of anything else, of a slide, whose further pages are levels, label and overview, and of a DICOM file
    that claims more frames than a field's file may have.
    """
    found = look(path)
    if isinstance(found, DicomHeader):
        return 1 if found.is_slide or found.frames > DecodeLimits().max_frames else found.frames
    if isinstance(found, TiffOutline):
        if found.scanner or found.has_levels:
            return 1
        return max(sum(not page.reduced for page in found.pages), 1)
    return 1


def find_slides(paths: Iterable[Path]) -> list[SlideFiles]:
    """Return the slides among some files, or directly in some folders, in natural order.

    Every file of a slide is named once: a folder's DICOM files of one series are one slide. What has the
    suffix of slides alone is one, also if it will turn out to be damaged.

    Args:
        paths: Files and folders. Links to folders are not followed inside a folder.
    """
    files: list[Path] = []
    for given in paths:
        path = Path(os.path.abspath(given))  # noqa: PTH100 - resolve() would replace links by targets
        files += _listed(path) if path.is_dir() else [path]
    found: list[SlideFiles] = []
    taken: set[Path] = set()
    for path in files:
        if path in taken or not looks_like_slide(path):
            continue
        slide = SlideFiles(path, frozenset(slide_files(path)))
        taken |= slide.files
        found.append(slide)
    return found


def slide_files(path: Path) -> tuple[Path, ...]:
    """Return every file that a slide consists of, the given one first, the others by name."""
    suffix = path.suffix.lower()
    if suffix == ".mrxs":
        others = _listed(_mirax_folder(path), hidden=True)
    elif suffix in {".vms", ".vmu"}:
        others = _named_in(path)
    else:
        others = _series(path)
    return (path, *sorted(other for other in others if other != path))


def readable_places(path: Path) -> tuple[Path, ...]:
    """Return the files and folders that a program needs to read a slide, and nothing else.

    An index may name any file: what it names is read only if it is one of the files of the slide, which its
    fingerprint covers. The files of a DICOM series are found by listing their folder.
    """
    if path.suffix.lower() in INDEX_SUFFIXES:
        return slide_files(path)
    return (path.parent,) if isinstance(look(path), DicomHeader) else (path,)


def _listed(folder: Path, *, hidden: bool = False) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_file() and (hidden or entry.name[:1] != ".")]
    except OSError:
        return []
    return [folder / name for name in sorted(names, key=lambda name: (natural_key(name), name))[:_MOST_FILES]]


def _mirax_folder(path: Path) -> Path:
    return path.with_suffix("")


def _named_in(index: Path) -> list[Path]:
    """Return the files that Hamamatsu's index names and that lie beside it."""
    if not index.is_file():
        return []
    try:
        with index.open("rb") as file:
            text = file.read(_LONGEST_INDEX).decode("utf-8", "replace")
    except OSError:
        return []
    named = (index.parent / name for name in _NAMED.findall(text) if Path(name).name == name)
    return [path for path in named if path.is_file()]


def _series(path: Path) -> list[Path]:
    """Return the DICOM files beside one that are of its series, whatever their names; none for other files.

    OpenSlide asks no name either; what it reads and is not among these would be in no fingerprint.
    """
    own = _series_of(path)
    return [other for other in _listed(path.parent, hidden=True) if _series_of(other) == own] if own else []


def _series_of(path: Path) -> str:
    """Return the series of a file of a DICOM whole slide; empty for any other file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ""
    return _series_in(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@lru_cache(maxsize=2 * _MOST_FILES)
def _series_in(path: Path, *_state: int) -> str:
    # Remembered, as each slide of a folder asks it of every other file there.
    header = look(path)
    return header.series if isinstance(header, DicomHeader) and header.is_slide else ""


def look(path: Path) -> DicomHeader | TiffOutline | bytes | None:
    """Return what the beginning of a regular file says: a header, or its bytes; None if it says nothing."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        with path.open("rb") as file:
            source = Source(file, os.fstat(file.fileno()).st_size)
            start = source.at(0, min(source.size, _START))
            if is_dicom(start):  # which may begin as a TIFF does
                return read_dicom(source)
            return outline(source) if is_tiff(start) else start
    except (OSError, ValueError, HeaderError):
        return None


def _is_slide_of_tiff(found: TiffOutline, size: int, limits: DecodeLimits) -> bool:
    first = found.pages[0]
    if found.scanner or found.has_levels:
        return True
    too_large = first.width * first.height > limits.max_pixels or max(first.width, first.height) > (
        limits.max_side
    )
    return too_large or (size > limits.max_bytes and len(found.pages) == 1)
