"""Manifest of an archive: one line a finished slide, so that it goes on where it was and can be verified."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, Self

from allstation import __version__
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.records import Prediction
from allstation.core.text import shown_name
from allstation.keys.signing import SignatureError
from allstation.processing.archive.signature import (
    SIGNATURE,
    ManifestSignature,
    ManifestSigner,
    read_signature,
)

MANIFEST: Final = "manifest.jsonl"
ERRORS: Final = "errors.csv"
"""Fields that were refused or failed."""
CASES, PARQUET = "cases", "parquet"
PLACES: Final = {CASES: "cases", PARQUET: "data"}
"""Folder of what each form writes."""
_KIND: Final = "allstation-archive"
_MODULUS: Final = 1 << 256


@dataclass(frozen=True, slots=True)
class SlideEntry:
    """Entry of the manifest for a finished slide.

    Attributes:
        slide: Its key.
        folder: Its folder.
        state: Of its files when it was done.
        fields: Files that are fields.
        done: Fields with a prediction.
        failed: Fields without.
        refused: Files that are no fields.
        file: Case folder or Parquet file, below the archive's folder.
        digest: Of the contents, in any order (:class:`RowDigest`).
        sha256: Of the Parquet file; empty for a case, which may be worked on.
    """

    slide: str
    folder: str
    state: str
    fields: int
    done: int
    failed: int
    refused: int
    file: str
    digest: str
    sha256: str = ""


class RowDigest:
    """Digest of rows that does not depend on their order: the sum of their SHA-256."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, name: str, sha256: str, prediction: Prediction | None, error_code: str = "") -> None:
        """Add one field; every bit of its probabilities counts."""
        if prediction is None:
            self.add_values(name, sha256, "", error_code, ())
        else:
            shares = prediction.probabilities.values()
            self.add_values(name, sha256, prediction.decision.name, "", tuple(shares))

    def add_values(
        self, name: str, sha256: str, decision: str, error_code: str, shares: Sequence[float]
    ) -> None:
        """Add one field from a table."""
        parts = [name, sha256, decision, error_code, *(float(share).hex() for share in shares)]
        row = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).digest()
        self._sum = (self._sum + int.from_bytes(row, "big")) % _MODULUS

    def text(self) -> str:
        """Return the digest, hexadecimal."""
        return f"{self._sum:064x}"


@dataclass(slots=True)
class Manifest:
    """Manifest of one archive, open for adding.

    Attributes:
        folder: The archive's folder.
        form: ``cases`` or ``parquet``.
        model: SHA-256 of the bundle.
        entries: Finished slides by their keys.
        complete: It was finished.
        signature: Of the station that wrote it, if it holds; None for an archive that nobody signed.
        broken: Why a signature that is there does not hold; else empty.
        size: Bytes of the whole lines that were read.
    """

    folder: Path
    form: str
    model: str
    entries: dict[str, SlideEntry] = field(default_factory=dict)
    complete: bool = False
    signature: ManifestSignature | None = None
    broken: str = ""
    size: int = 0
    _file: BinaryIO | None = None
    _signer: ManifestSigner | None = None

    @classmethod
    def begin(cls, folder: Path, *, form: str, model: str) -> Self:
        """Open the archive's manifest, or begin one in a new or empty folder.

        Raises:
            StationError: ``other-archive``, ``not-empty``, ``cannot-write``, ``bad-signature``.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            known = (folder / MANIFEST).exists()
            if not known and any(folder.iterdir()):
                sentence = f"{shown_name(folder.name)} holds other things. Name a new folder for the archive."
                raise StationError("not-empty", sentence)
            _refuse_links(folder)
            manifest = cls.read(folder) if known else cls(folder, form, model)
            manifest._require_same(form, model)
            if known:
                manifest._cut_and_go_on()
            else:
                manifest._signer = ManifestSigner(folder)
            manifest._file = (folder / MANIFEST).open("ab")
        except OSError as error:
            sentence = f"The archive's folder cannot be written ({error.strerror or error}). Name another."
            raise StationError("cannot-write", sentence) from error
        if not known:
            manifest._write({"kind": _KIND, "version": 1, "form": form, "model": model, "by": __version__})
        return manifest

    def _cut_and_go_on(self) -> None:
        """Remove what a power cut left: half a line, and slides whose signature is missing.

        An archive that was begun without a signature stays without: it would be vouched for unseen.
        """
        if self.broken:
            sentence = (
                f"Nothing is added to the archive {shown_name(self.folder.name)}: {self.broken}. Make it "
                f"anew in another folder, or remove {SIGNATURE} to go on without a signature."
            )
            raise StationError("bad-signature", sentence)
        whole = self.size
        if self.signature is not None and self.signature.size < whole:
            whole = self.signature.size
            kept = self.read(self.folder, at_most=whole)
            self.entries, self.complete = kept.entries, kept.complete
        path = self.folder / MANIFEST
        if whole < path.stat().st_size:
            os.truncate(path, whole)
        if self.signature is not None:
            self._signer = ManifestSigner(self.folder, path.read_bytes())

    def _require_same(self, form: str, model: str) -> None:
        if (self.form, self.model) != (form, model):
            sentence = (
                f"{shown_name(self.folder.name)} is an archive of another kind: {self.form} by the model "
                f"{self.model[:12]}. Go on with that, or name a new folder."
            )
            raise StationError("other-archive", sentence)

    @classmethod
    def read(cls, folder: Path, *, at_most: int | None = None) -> Self:
        """Read a manifest without changing it; a last line that was cut off by a power cut does not count.

        Nothing in it is believed: an entry whose values are of other types, or whose file lies outside the
        archive, is damage.

        Args:
            folder: The archive's folder.
            at_most: Bytes of it that count; None for all.

        Raises:
            StationError: ``no-archive``, ``bad-manifest``.
        """
        try:
            data = (folder / MANIFEST).read_bytes()[:at_most]
        except OSError as error:
            sentence = f"{shown_name(folder.name)} is no archive: its {MANIFEST} cannot be read."
            raise StationError("no-archive", sentence) from error
        whole = data[: data.rfind(b"\n") + 1]
        lines = list(_lines(whole))
        if not lines or lines[0].get("kind") != _KIND:
            raise _damaged(folder)
        manifest = cls(folder, str(lines[0].get("form")), str(lines[0].get("model")), size=len(whole))
        try:
            manifest.signature = read_signature(folder, data) if at_most is None else None
        except SignatureError as error:
            manifest.broken = str(error)
        for line in lines[1:]:
            try:
                if "complete" in line:
                    manifest.complete = bool(line["complete"])
                else:
                    entry = _entry(line)
                    manifest.entries[entry.slide] = entry
            except (TypeError, ValueError) as error:
                raise _damaged(folder) from error
        return manifest

    def add(self, entry: SlideEntry) -> None:
        """Write a finished slide; it is on the disk when this returns."""
        self.entries[entry.slide] = entry
        self._write(asdict(entry))

    def close(self, *, complete: bool) -> None:
        """End the manifest."""
        if self._file is not None:
            self._write({"complete": complete})
            self._file.close()
            self._file = None

    def _write(self, line: dict[str, Any]) -> None:
        assert self._file is not None  # noqa: S101 - for the type checker
        data = json_text(line, indent=None, ensure_ascii=True).encode() + b"\n"
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())
        if self._signer is not None:
            self._signer.add(data)


def _lines(data: bytes) -> Iterator[dict[str, Any]]:
    for text in data.splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            line = None
        yield line if isinstance(line, dict) else {"damaged": True}


def _entry(line: dict[str, Any]) -> SlideEntry:
    """Return the entry of a line.

    Raises:
        TypeError: If a value is missing, unknown or of another type.
        ValueError: If a number is negative, or the file lies outside the archive.
    """
    entry = SlideEntry(**line)
    for one in fields(entry):
        value = getattr(entry, one.name)
        if type(value).__name__ != one.type:
            raise TypeError(one.name)
        if isinstance(value, int) and value < 0:
            raise ValueError(one.name)
    place = PurePosixPath(entry.file)
    if place.is_absolute() or ".." in place.parts or not place.parts or set(entry.file) & set("\\\0"):
        raise ValueError("file")
    return entry


def _refuse_links(folder: Path) -> None:
    """Refuse an archive of which a part is a link: what is added would go where the link points.

    Raises:
        StationError: ``unsafe-archive``.
    """
    for name in (MANIFEST, SIGNATURE, ERRORS, *PLACES.values()):
        if (folder / name).is_symlink():
            sentence = (
                f"{name} in {shown_name(folder.name)} is a link, so nothing is added to this archive: it "
                "would go into another place. Remove the link, or name a new folder."
            )
            raise StationError("unsafe-archive", sentence)


def _damaged(folder: Path) -> StationError:
    sentence = (
        f"The {MANIFEST} in {shown_name(folder.name)} is damaged. Begin the archive anew in another folder."
    )
    return StationError("bad-manifest", sentence)
