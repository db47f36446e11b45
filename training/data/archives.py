"""Comparison of a labelled folder with the listing of the archive it came from; nothing is unpacked."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from allstation.core.errors import StationError
from allstation.imaging.formats.suffixes import looks_like_field
from training.data.labelled_folder import LabelledSet

_MAX_ENTRIES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """File entry of an archive.

    Attributes:
        name: Path inside the archive with forward slashes.
        size: Bytes unpacked.
        crc: CRC-32 where the archive keeps one.
    """

    name: str
    size: int
    crc: int | None


def list_archive(path: Path) -> list[ArchiveEntry]:
    """List the files of a .zip, .tar (also compressed) or .rar archive.

    Raises:
        StationError: ``bad-archive`` when it cannot be read, ``unknown-archive`` for other kinds.
    """
    readers: Mapping[str, Callable[[Path], list[ArchiveEntry]]] = {".zip": _zip, ".rar": _rar, ".tar": _tar}
    kind = ".tar" if ".tar" in [suffix.lower() for suffix in path.suffixes] else path.suffix.lower()
    kind = ".tar" if kind in {".tgz", ".tbz2", ".txz"} else kind
    if kind not in readers:
        sentence = f"The archive {path.name} is of an unknown kind. Choose a .zip, .rar or .tar archive."
        raise StationError("unknown-archive", sentence)
    try:
        entries = readers[kind](path)
    except (OSError, zipfile.BadZipFile, tarfile.TarError, ValueError, zlib.error, EOFError) as error:
        raise _bad(path, error) from error
    return [entry for entry in entries[:_MAX_ENTRIES] if not entry.name.endswith("/")]


def _bad(path: Path, error: Exception) -> StationError:
    sentence = f"The archive {path.name} cannot be listed ({error}). Fetch it again, or check without it."
    return StationError("bad-archive", sentence)


def _zip(path: Path) -> list[ArchiveEntry]:
    with zipfile.ZipFile(path) as archive:
        return [
            ArchiveEntry(info.filename, info.file_size, info.CRC)
            for info in archive.infolist()
            if not info.is_dir()
        ]


def _tar(path: Path) -> list[ArchiveEntry]:
    with tarfile.open(path) as archive:
        return [ArchiveEntry(info.name, info.size, None) for info in archive if info.isfile()]


def _rar(path: Path) -> list[ArchiveEntry]:
    """List a RAR archive from its headers; no unpacking program is needed for that."""
    try:
        import rarfile
    except ImportError as error:
        sentence = (
            "RAR archives need the training edition: pip install rarfile. A .zip or .tar works without."
        )
        raise StationError("bad-archive", sentence) from error
    try:
        with rarfile.RarFile(path) as archive:
            if archive.needs_password() and not archive.infolist():
                message = "its listing is encrypted"
                raise ValueError(message)
            return [
                ArchiveEntry(info.filename, info.file_size, info.CRC)
                for info in archive.infolist()
                if not info.is_dir()
            ]
    except rarfile.Error as error:
        raise _bad(path, error) from error


def _tail(name: str) -> tuple[str, str]:
    """Class folder and file name of an entry, in lower case: systems differ in it."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return (parts[-2].lower() if len(parts) > 1 else "", parts[-1].lower())


def _head(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).parent.parent.as_posix()


def compare_with_archive(labelled: LabelledSet, entries: Sequence[ArchiveEntry]) -> dict[str, Any]:
    """List files that the folder lacks, has in addition, or has in another size or content.

    An archive may hold the same names twice (originals and segmentations): the folder inside it that
    agrees best in names and sizes is taken.

    Args:
        labelled: The labelled folder.
        entries: The archive's listing.

    Returns:
        ``folder_in_archive``, ``listed``, ``by_class`` counts listed, and the lists ``missing``,
        ``extra``, ``size_differs``, ``crc_differs`` of names.
    """
    here = {(field.class_name.lower(), field.path.name.lower()): field.path for field in labelled.fields}
    sizes = {key: path.stat().st_size for key, path in here.items()}
    classes = {name.lower() for name in labelled.classes}
    heads: dict[str, list[ArchiveEntry]] = {}
    for entry in entries:
        if _tail(entry.name)[0] in classes and looks_like_field(Path(entry.name)):
            heads.setdefault(_head(entry.name), []).append(entry)
    if not heads:
        nothing: dict[str, list[str]] = {"missing": [], "size_differs": [], "crc_differs": []}
        extra = sorted(labelled.relative(row) for row in range(len(labelled.fields)))
        return {"folder_in_archive": None, "listed": 0, "by_class": {}, "extra": extra, **nothing}
    best = max(
        heads, key=lambda head: sum(sizes.get(_tail(entry.name)) == entry.size for entry in heads[head])
    )
    listed = {_tail(entry.name): entry for entry in heads[best]}
    both = [key for key in listed if key in here]
    same_size = [key for key in both if sizes[key] == listed[key].size]
    return {
        "folder_in_archive": best,
        "listed": len(listed),
        "by_class": {name: sum(key[0] == name.lower() for key in listed) for name in labelled.classes},
        "missing": sorted(entry.name for key, entry in listed.items() if key not in here),
        "extra": sorted(labelled.relative(row) for row, field in enumerate(labelled.fields)
                        if (field.class_name.lower(), field.path.name.lower()) not in listed),
        "size_differs": sorted(listed[key].name for key in both if key not in set(same_size)),
        "crc_differs": sorted(listed[key].name for key in same_size if _differs(here[key], listed[key].crc)),
    }  # fmt: skip


def _differs(path: Path, crc: int | None) -> bool:
    return crc is not None and zlib.crc32(path.read_bytes()) & 0xFFFFFFFF != crc
