"""Names of shared folders: what one machine calls ``/data`` is drive ``Z:`` on another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from allstation.core.errors import StationError
from allstation.core.text import shown_name


@dataclass(frozen=True, slots=True)
class Shares:
    """Table of prefixes.

    Attributes:
        prefixes: What the sender calls a folder, and what this machine calls it; the longest match holds.
    """

    prefixes: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Shares:
        """Read prefixes such as ``/data=Z:/smears``, one text a folder.

        Raises:
            StationError: ``bad-share``.
        """
        pairs = []
        for text in texts:
            there, sign, here = text.partition("=")
            if not (there.strip() and sign and here.strip()):
                sentence = (
                    f"{shown_name(text)!r} names no shared folder. Write it like /data=Z:\\smears: what the "
                    "sender calls it, then what this machine calls it."
                )
                raise StationError("bad-share", sentence)
            pairs.append((_plain(there.strip()), here.strip()))
        return cls(tuple(sorted(pairs, key=lambda pair: -len(pair[0]))))

    def local(self, path: str) -> Path:
        """Return what this machine calls a path of the sender."""
        plain = _plain(path)
        for there, here in self.prefixes:
            if plain == there or plain.startswith(f"{there}/"):
                return Path(here).joinpath(*plain[len(there) :].strip("/").split("/"))
        return Path(path)


def _plain(path: str) -> str:
    """Return a path with forward slashes and no slash at its end."""
    if "\\" in path or path[1:2] == ":":
        path = PureWindowsPath(path).as_posix()
    return path.rstrip("/") or "/"


def root_of(path: Path) -> str:
    """Return the first two parts of a path: machines share whole drives or folders near the root."""
    return str(Path(*path.parts[:3]))


def is_there(path: Path) -> bool:
    """Tell whether a field can be read here: a file, or a part of a slide whose file is here."""
    return path.exists() or any(above.is_file() for above in path.parents)
