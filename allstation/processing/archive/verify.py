"""Holds an archive against its manifest: every count, every digest, every file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from allstation.core.errors import StationError
from allstation.core.records import FieldState
from allstation.core.text import shown_name
from allstation.inference.trust import TrustLevel, trust_of
from allstation.processing.archive.cases import digest_of
from allstation.processing.archive.manifest import CASES, Manifest, RowDigest, SlideEntry
from allstation.processing.archive.parquet import require_pyarrow, rows_of
from allstation.store.case import Case


def signer_of(folder: Path) -> str:
    """Return in one line who signed an archive's manifest.

    Raises:
        StationError: ``no-archive``, ``bad-manifest``.
    """
    manifest = Manifest.read(folder)
    if manifest.broken:
        return f"the signature does not hold: {manifest.broken}"
    if manifest.signature is None:
        return (
            "nobody signed this archive: whoever can write it could have changed tables and manifest together"
        )
    signature = manifest.signature.signature
    trust = trust_of("an archive", "", (signature,))
    if trust.level is TrustLevel.UNKNOWN:
        return f"signed by a key unknown here ({trust.key}) that calls itself {shown_name(signature.name)}"
    return trust.text


def verify_archive(folder: Path) -> Iterator[tuple[SlideEntry | None, str]]:
    """Yield each slide with what is wrong with it, empty if nothing is; at last the archive as a whole.

    Raises:
        StationError: ``no-archive``, ``bad-manifest``, ``no-parquet``.
    """
    manifest = Manifest.read(folder)
    if manifest.broken:
        yield None, manifest.broken
    check = _case_problem if manifest.form == CASES else _table_problem
    if manifest.form != CASES:
        require_pyarrow()
    for entry in manifest.entries.values():
        yield entry, check(folder / entry.file, entry)
    known = {entry.file for entry in manifest.entries.values()}
    pattern = "cases/**/*.allcase" if manifest.form == CASES else "data/*/*.parquet"
    for path in sorted(folder.glob(pattern)):
        if path.relative_to(folder).as_posix() not in known:
            yield None, f"{path.relative_to(folder).as_posix()} is in no line of the manifest"
    if manifest.signature is not None and manifest.signature.size < manifest.size:
        yield None, "the last lines of its manifest are not signed; give the command again to go on"
    if not manifest.complete:
        yield None, "the archive is not finished; give the command again to go on"


def _case_problem(path: Path, entry: SlideEntry) -> str:
    if not (path / "case.sqlite").is_file():
        return "its case is not there"
    try:
        with Case.open(path, read_only=True) as case:
            digest, counts = digest_of(case)
            broken = case.audit.verify()
    except StationError as error:
        return error.sentence
    if broken is not None:
        return f"its audit trail is broken: {broken}"
    done, failed = counts.get(FieldState.DONE, 0), counts.get(FieldState.FAILED, 0)
    return _difference(entry, sum(counts.values()), done, failed, digest=digest)


def _table_problem(path: Path, entry: SlideEntry) -> str:
    try:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
                return "its file was changed"
        digest, done, failed = RowDigest(), 0, 0
        for name, sha256, decision, code, shares in rows_of(path):
            digest.add_values(name, sha256, decision, code, shares)
            done += bool(decision)
            failed += not decision
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError, NotImplementedError) as error:
        return f"its file cannot be read ({shown_name(str(error))})"
    return _difference(entry, done + failed, done, failed, digest=digest.text())


def _difference(entry: SlideEntry, fields: int, done: int, failed: int, *, digest: str) -> str:
    found, wanted = (fields, done, failed), (entry.fields, entry.done, entry.failed)
    if found != wanted:
        return "fields, done, failed are {}, {}, {}; the manifest says {}, {}, {}".format(*found, *wanted)
    return "" if digest == entry.digest else "its predictions are not those of the manifest"
