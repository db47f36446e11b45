"""Signature of an archive's manifest: by the station that writes it, anew with every line."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from allstation.core.plain_json import json_text
from allstation.files import write_atomically
from allstation.keys.signing import Signature, SignatureError
from allstation.keys.station import station_key

SIGNATURE: Final = "manifest.sig.json"
_PURPOSE: Final = "archive manifest"
_LARGEST: Final = 16 << 10


@dataclass(frozen=True, slots=True)
class ManifestSignature:
    """Signature over the beginning of a manifest.

    Attributes:
        signature: Who signed.
        size: Bytes that are signed: all, unless a power cut came between a line and its signature.
    """

    signature: Signature
    size: int


def read_signature(folder: Path, manifest: bytes) -> ManifestSignature | None:
    """Read the signature of a manifest and hold it against its bytes.

    Returns:
        The signature; None where there is none, as in archives of earlier versions.

    Raises:
        SignatureError: If it is none, or the manifest was changed after it was signed.
    """
    try:
        with (folder / SIGNATURE).open("rb") as file:
            data = file.read(_LARGEST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SignatureError(f"its signature cannot be read ({error.strerror or error})") from error
    signature = Signature.read(data)
    size = json.loads(data).get("bytes")
    if type(size) is not int or not 0 < size <= len(manifest):
        raise SignatureError("its manifest was cut off after it was signed")
    if not signature.holds(_PURPOSE, hashlib.sha256(manifest[:size]).hexdigest()):
        raise SignatureError("its manifest was changed after it was signed, or by somebody else")
    return ManifestSignature(signature, size)


class ManifestSigner:
    """Signs a manifest that grows, with this station's key.

    Args:
        folder: The archive's folder.
        begun: What the manifest holds already.
    """

    def __init__(self, folder: Path, begun: bytes = b"") -> None:
        self._folder = folder
        self._digest = hashlib.sha256(begun)
        self._size = len(begun)

    def add(self, line: bytes) -> None:
        """Sign the manifest with one more line.

        Raises:
            OSError: If the signature cannot be written.
        """
        self._digest.update(line)
        self._size += len(line)
        made = Signature.made(station_key(), _PURPOSE, self._digest.hexdigest())
        stored = {**json.loads(made.text()), "bytes": self._size}
        text = json_text(stored, ensure_ascii=True)
        # Not synced: a line without its signature is made again, which costs a slide.
        write_atomically(self._folder / SIGNATURE, f"{text}\n".encode(), sync=False)
