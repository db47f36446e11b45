"""Atomic writing of reports and tables, with errors as sentences for the user."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from allstation.core.classes import RESEARCH_USE
from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.files import create_private, replacing


def make_folder(folder: Path) -> Path:
    """Make a folder that files are to be written to, unless it is there.

    Returns:
        The folder.

    Raises:
        StationError: ``not-written`` if it cannot be made, or a file stands in its place.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        sentence = f"The folder {shown_name(folder)} could not be made: {reason}. Choose another folder."
        raise StationError("not-written", sentence) from error
    return folder


def write_whole(
    target: Path,
    data: bytes | Iterable[bytes],
    check: Callable[[Path], None] | None = None,
    *,
    private: bool = True,
) -> Path:
    """Write bytes to ``target`` so that it is never seen half written.

    Args:
        target: The file wanted.
        data: Its content, whole or in parts.
        check: Looks at the written file before it takes the target's place; raises to refuse it.
        private: On POSIX a new file is its owner's alone: reports and tables name patients, or files that
            are named after them. One that is replaced passes its mode on.

    Returns:
        The target.

    Raises:
        StationError: ``not-written`` if the folder is missing, full or closed to us; what stood at the
            target is still there.
    """
    try:
        with replacing(target) as part:
            with create_private(part) if private else part.open("xb") as file:
                file.writelines([data] if isinstance(data, bytes) else data)
            if check is not None:
                check(part)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        folder = shown_name(str(target.parent))
        sentence = f"{shown_name(target)} could not be written to {folder}: {reason}. "
        raise StationError("not-written", sentence + "Choose another folder or make space.") from error
    return target


def write_notice_pdf(target: Path, data: bytes) -> Path:
    """Write a PDF that names no patient, if each of its pages bears the notice of research use.

    Raises:
        StationError: ``not-written``, or ``report-broken`` if a page lacks it; what stood at the target is
            still there.
    """

    def check(written: Path) -> None:
        from pypdf import PdfReader

        pages = [page.extract_text() for page in PdfReader(written).pages]
        if not pages or not all(RESEARCH_USE in " ".join(page.split()) for page in pages):
            sentence = f"{shown_name(target)} was written but its pages are not whole."
            raise StationError("report-broken", sentence)

    return write_whole(target, data, check, private=False)
