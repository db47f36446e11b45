"""Files that are whole or not there: written beside their target, then renamed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from allstation.core.errors import StationError
from allstation.core.text import shown_name


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


@contextmanager
def beside(target: Path, data: bytes | Iterable[bytes]) -> Iterator[Path]:
    """Write bytes to a file beside ``target``; when the block ends well, rename it to the target.

    What stood at the target stays until then, and for good when anything fails.

    Args:
        target: The file wanted.
        data: Its content, whole or in parts that are asked for one after the other.

    Raises:
        StationError: ``not-written`` if the folder is missing, full or closed to us.
    """
    temporary = target.parent / f".{secrets.token_hex(8)}{target.suffix}"
    try:
        with temporary.open("xb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
        temporary.replace(target)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        sentence = (
            f"{shown_name(target)} could not be written to {shown_name(str(target.parent))}: {reason}. "
        )
        raise StationError("not-written", sentence + "Choose another folder or make space.") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_whole(
    target: Path, data: bytes | Iterable[bytes], check: Callable[[Path], None] | None = None
) -> Path:
    """Write bytes to ``target`` so that it is never seen half written.

    Args:
        target: The file wanted.
        data: Its content, whole or in parts.
        check: Looks at the written file before it takes the target's place; raises to refuse it.

    Returns:
        The target.
    """
    with beside(target, data) as written:
        if check is not None:
            check(written)
    return target
