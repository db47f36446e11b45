"""Looks into every byte of a file: unpacks what is packed, and searches in every usual spelling."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

_BASE64 = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")
_PDF_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_ZLIB = re.compile(rb"x[\x01\x5e\x9c\xda]")
_DEEPEST = 6


Parts = dict[str, set[bytes]]
"""What is in each file, unpacked, by the file's name."""


def everything_in(files: Iterable[Path]) -> Parts:
    """Return the bytes of files, and whatever is packed in them; each file's name is a part of it."""
    known: dict[bytes, set[bytes]] = {}
    return {str(file): {file.name.encode(), *_unpacked(file.read_bytes(), known)} for file in files}


def _unpacked(data: bytes, known: dict[bytes, set[bytes]], depth: int = 0) -> set[bytes]:
    """Return data and whatever is packed in it: zip members, base64, streams and text of PDF, zlib."""
    digest = hashlib.sha256(data).digest()
    if digest not in known:
        known[digest] = {data}
        for one in _inner(data) if depth < _DEEPEST else ():
            known[digest] |= _unpacked(one, known, depth + 1)
    return known[digest]


def _inner(data: bytes) -> Iterator[bytes]:
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for one in archive.infolist():
                yield one.filename.encode()
                yield archive.read(one)
    start, end = data.find(b"%PDF-"), data.rfind(b"%%EOF")
    if start >= 0:
        yield from _pdf(data) if start == 0 else (data[start : end + 6],)
    yield from (part for one in _BASE64.findall(data) if (part := _decoded(one)))
    if start < 0:
        yield from (part for at in _ZLIB.finditer(data) if (part := _inflated(data[at.start() :])))


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, 1 << 24)
    except zlib.error:
        return b""


def _pdf(data: bytes) -> Iterator[bytes]:
    """Yield the text of every page as a reader sees it, the properties, outlines and every stream."""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(data))
    for page in reader.pages:
        yield page.extract_text().encode("utf-8", "replace")
    yield repr(reader.metadata).encode()
    yield repr(reader.outline).encode()
    for parts in reader.attachments.values():
        yield from parts
    for stream in _PDF_STREAM.findall(data):
        yield _inflated(stream) or _inflated(_ascii85(stream))


def _ascii85(stream: bytes) -> bytes:
    try:
        return base64.a85decode(stream.strip().removesuffix(b"~>"))
    except ValueError:
        return b""


def spellings(text: str) -> set[bytes]:
    """Return the spellings of a text that are searched, in lower case: encodings, hexadecimal, with gaps."""
    low = text.lower()
    found = {low.encode(coding) for coding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "latin-1")}
    found |= {binascii.hexlify(one) for one in found}
    found |= {low.encode("utf-16-be").hex(" ").encode(), " ".join(low).encode(), low[::-1].encode()}
    return found


def found_in(parts: Parts, texts: Iterable[str]) -> dict[str, set[str]]:
    """Return which of the texts stand in which files.

    Args:
        parts: Of the files.
        texts: Each of some characters that occur nowhere by chance, the first three the same in all.
    """
    wanted = {text: spellings(text) for text in texts}
    common = spellings(next(iter(wanted))[:3])
    seen: dict[str, set[str]] = {}
    for file, data in parts.items():
        lows = (part.lower() for part in data)
        for low in (low for low in lows if any(form in low for form in common)):
            for text, forms in wanted.items():
                if any(form in low for form in forms):
                    seen.setdefault(text, set()).add(file)
    return seen


_HASHES = re.compile(rb"[0-9a-fA-F]{16,}")
_UIDS = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|2\.25\.\d+|\d+(?:\.\d+){6,}")


def ids_in(parts: Parts) -> set[bytes]:
    """Return whatever looks like an id, a UID or a hash in files, pictures left out."""
    found: set[bytes] = set()
    for part in set().union(*parts.values()):
        if part[:2] != b"\xff\xd8" and not part.startswith(b"\x89PNG"):
            found |= {one.lower() for one in _HASHES.findall(part) if not one.isdigit()}
            found |= {one.lower() for one in _UIDS.findall(part)}
    return found
