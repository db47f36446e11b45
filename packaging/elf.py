"""Linux only: what shared libraries need of each other, and making the frozen folder smaller by it.

Reads libraries with ``objdump``, which PyInstaller needs on Linux as well.
"""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

Entry = tuple[str, str, str]

# Wheels that carry their linker's tables, of use to nobody who runs them: a quarter of TensorFlow's size.
# Libraries under the LGPL, and libraries that were patched after linking, are left as they came.
_STRIPPED_WHEELS = (
    "tensorflow/*.so*", "ai_edge_litert/*.so", "fontTools/*.so", "kiwisolver/*.so", "matplotlib/*.so",
    "contourpy/*.so",
)  # fmt: skip


@dataclass(frozen=True)
class Library:
    """Requirements of a shared library.

    Attributes:
        needed: Names of the libraries it is linked against.
        required: Symbol versions it requires, such as ``GLIBC_2.34``.
    """

    needed: tuple[str, ...]
    required: tuple[str, ...]


def read(path: Path) -> Library:
    """Read one shared library; anything that is none has no needs."""
    done = subprocess.run(["objdump", "-p", str(path)], capture_output=True, text=True, check=False)
    dynamic, _, references = done.stdout.partition("Version References:")
    dynamic = dynamic.partition("Version definitions:")[0]
    needed = tuple(re.findall(r"^\s+NEEDED\s+(\S+)", dynamic, re.MULTILINE))
    required = tuple(re.findall(r"^\s+0x[0-9a-f]+ 0x[0-9a-f]+ \d+ (\S+)", references, re.MULTILINE))
    return Library(needed=needed, required=required)


def without_unneeded(entries: Iterable[Entry]) -> list[Entry]:
    """Leave out the libraries that nothing kept is linked against any more.

    Only libraries that are there for others are judged: those of the system, which lie at the top of the
    folder, and those in the ``*.libs`` folders of wheels. Modules, some of which lie at the top as well, and
    plug-ins are loaded by name.
    """
    entries = list(entries)
    helpers = {Path(entry[0]).name: entry for entry in entries if _is_helper(entry)}
    waiting = [Path(entry[1]) for entry in entries if not _is_helper(entry) and entry[2] != "SYMLINK"]
    seen: set[str] = set()
    while waiting:
        for name in read(waiting.pop()).needed:
            if name in helpers and name not in seen:
                seen.add(name)
                waiting.append(Path(helpers[name][1]))
    return [entry for entry in entries if not _is_helper(entry) or Path(entry[0]).name in seen]


def _is_helper(entry: Entry) -> bool:
    if entry[2] == "EXTENSION":
        return False
    parent = Path(entry[0]).parent.as_posix()
    name = Path(entry[0]).name
    return ".so" in name and not name.startswith("libpython") and (parent == "." or parent.endswith(".libs"))


def _matches(destination: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatch(destination, pattern) for pattern in patterns)


def stripped(entries: Iterable[Entry], folder: Path) -> list[Entry]:
    """Take out the linker's tables of Python's own libraries and of the wheels that carry large ones."""
    entries = list(entries)
    if shutil.which("strip") is None:
        return entries
    return [
        (dest, str(_strip(Path(source), folder / dest)), kind)
        if _carries_tables(dest, source, kind)
        else (dest, source, kind)
        for dest, source, kind in entries
    ]


def _carries_tables(destination: str, source: str, kind: str) -> bool:
    if kind == "SYMLINK" or ".so" not in Path(source).name:
        return False
    own = Path(source).resolve().is_relative_to(Path(sys.base_prefix).resolve())
    return own or _matches(destination, _STRIPPED_WHEELS)


def _strip(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["strip", "--strip-unneeded", "-o", str(target), str(source)], check=False)
    return source if done.returncode else target


def slim(entries: Iterable[Entry], folder: Path) -> list[Entry]:
    """Return a freezer's table of binaries with everything of this module applied."""
    return stripped(without_unneeded(entries), folder / "stripped")


def libraries_of(folder: Path) -> dict[Path, Library]:
    """Read every shared library and program below a folder."""
    return {path: read(path) for path in sorted(folder.rglob("*")) if _is_elf(path)}


def _is_elf(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"
