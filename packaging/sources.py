"""Notice when the sources change while a program is being made of them."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest(root: Path) -> str:
    """Return one number for everything of the project that goes into the program."""
    whole = hashlib.sha256()
    for name in ("allstation", "training", "resources"):
        for path in sorted((root / name).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                whole.update(path.relative_to(root).as_posix().encode())
                whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()
