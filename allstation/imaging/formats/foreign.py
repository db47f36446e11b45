"""Unsupported picture formats, and archives that lie in a folder or in another archive.

They are named and counted, so that no smear is passed over in silence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from allstation.core.text import shown_name
from allstation.imaging.formats.suffixes import looks_like_field

_SAVE: Final = "save {them} as JPEG, PNG or TIFF"
_DEVELOP: Final = "develop {them} and save {them} as PNG or TIFF"
_CUT: Final = "export the fields of {them} as PNG or TIFF"
_UNPACK: Final = "unpack {them}"

_ADVICE: Final = (
    (_SAVE, "AVIF", (".avif", ".avifs")),
    (_SAVE, "GIF", (".gif",)),
    (_SAVE, "HEIC", (".heic", ".heics", ".heif", ".heifs", ".hif")),
    (_SAVE, "JPEG XL", (".jxl",)),
    (_SAVE, "JPEG XR", (".jxr", ".wdp", ".hdp")),
    (_SAVE, "JPEG 2000", (".j2c", ".jpc", ".jpf", ".jpm", ".jph")),
    (_SAVE, "JPEG-LS", (".jls",)),
    (_SAVE, "PNM", (".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".pfm")),
    (_SAVE, "Photoshop", (".psd", ".psb")),
    (_SAVE, "GIMP", (".xcf",)),
    (_SAVE, "TGA", (".tga",)),
    (_SAVE, "PCX", (".pcx",)),
    (_SAVE, "OpenEXR", (".exr",)),
    (_SAVE, "BPG", (".bpg",)),
    (_SAVE, "MPO", (".mpo",)),
    (_SAVE, "BigTIFF", (".btf", ".tf8")),
    (
        _DEVELOP,
        "camera raw",
        (".raw", ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".rw2",
         ".raf", ".pef", ".srw", ".x3f", ".3fr", ".iiq", ".erf", ".mrw", ".rwl", ".dcr", ".kdc", ".mef"),
    ),
    (
        _CUT,
        "whole-slide or microscope image",
        (".svs", ".ndpi", ".ndpis", ".scn", ".mrxs", ".vms", ".vmu", ".bif", ".svslide", ".czi", ".zvi",
         ".lif", ".lof", ".nd2", ".vsi", ".ets", ".oib", ".oif", ".oir", ".lsm", ".stk", ".ims", ".qptiff",
         ".isyntax", ".tmap", ".kfb", ".mdsx", ".sdpc", ".dzi"),
    ),
    (_CUT, "DICOM", (".dcm", ".dicom")),
    (
        _UNPACK,
        "archive",
        (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".rar", ".7z"),
    ),
)  # fmt: skip

_KINDS: Final = {suffix: (name, advice) for advice, name, suffixes in _ADVICE for suffix in suffixes}


def foreign_kind(name: str) -> str:
    """Return the kind of a picture or archive that is not read, by its name alone; else nothing."""
    path = Path(name)
    return "" if looks_like_field(path) else _KINDS.get(path.suffix.lower(), ("", ""))[0]


@dataclass(slots=True)
class PassedOver:
    """Counts pictures of other kinds, and archives, while folders and archives are walked.

    Attributes:
        counts: Files of each kind, in the order in which the kinds were met.
        first: Name of the first file of each kind.
    """

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def see(self, name: str) -> bool:
        """Count a file if it is such a picture, and tell whether it is.

        Args:
            name: Its name, with or without folders.
        """
        kind = foreign_kind(name)
        if kind:
            self.counts[kind] += 1
            self.first.setdefault(kind, shown_name(Path(name)))
        return bool(kind)

    def add(self, other: PassedOver) -> None:
        """Count what another walk passed over as well."""
        self.counts.update(other.counts)
        self.first = {**other.first, **self.first}

    def sentences(self) -> list[str]:
        """Return one sentence a kind: how many, which was the first, and what to do."""
        advice = dict(_KINDS.values())
        return [
            _sentence(kind, number, self.first[kind], advice[kind]) for kind, number in self.counts.items()
        ]


def _sentence(kind: str, number: int, first: str, advice: str) -> str:
    noun = kind if kind.endswith(("image", "archive")) else f"{kind} file"
    them = "it" if number == 1 else "them"
    if number == 1:
        return f"1 {noun} was passed over ({first}): {advice.format(them=them)} and add it again."
    said = f"{number:,} {noun}s were passed over (the first: {first})"
    return f"{said}: {advice.format(them=them)} and add them again."
