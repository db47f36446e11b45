"""Dropped URLs, sorted into local files and others without touching the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from PySide6.QtCore import QMimeData

from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr

SCANNED: Final = frozenset(
    {".svs", ".svslide", ".ndpi", ".vms", ".vmu", ".mrxs", ".scn", ".bif", ".czi", ".dcm", ".dicom"}
)
"""Suffixes of scanners' files, as the readers know them; loading those would stop what is being dragged."""


class Dropped(NamedTuple):
    """Attributes: ``paths`` of this machine; ``elsewhere``, how many lie somewhere else."""

    paths: list[Path]
    elsewhere: int


def read_drop(data: QMimeData) -> Dropped:
    """Sort dropped URLs into files of this machine and others. Reads nothing."""
    urls = data.urls()
    paths = [Path(url.toLocalFile()) for url in urls if url.isLocalFile() and url.toLocalFile()]
    return Dropped(paths, len(urls) - len(paths))


def slide_names(paths: list[Path]) -> list[str]:
    """Return the names of those that only a slide scanner writes, by their suffix. Reads nothing."""
    return [path.name for path in paths if path.suffix.lower() in SCANNED]


def elsewhere_sentence(count: int) -> str:
    """Return why things that are not on this machine were left out."""
    if count == 1:
        return tr("What was dropped is not a file on this computer. Save it to a folder first, then drop it.")
    return tr(
        "{n} things dropped are not files on this computer. Save them to a folder first, then drop it.",
        n=number(count),
    )
