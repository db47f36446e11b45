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

_UNVERSIONED = "Base"
"""What ``objdump`` calls the version of a symbol that has none."""

# OpenCV is linked against FFmpeg for its video part, against OpenBLAS for large systems of equations and
# against a codec for AVIF files; this program has no use for any of them (tests/contracts sees to that).
# Libraries of the same names and versions whose functions stop the program are enough to load it.
_UNUSED_BY_OPENCV = (
    "opencv_python*.libs/lib[as][vw][!i]*.so*",
    "opencv_python*.libs/libopenblas*.so*",
    "opencv_python*.libs/libaom*.so*",
)
_OPENCV = ("cv2/*.so", "opencv_python*.libs/libavif*.so*")

# Wheels that carry their linker's tables, of use to nobody who runs them: a quarter of TensorFlow's size.
# Libraries under the LGPL, and libraries that were patched after linking, are left as they came.
_STRIPPED_WHEELS = (
    "tensorflow/*.so*", "ai_edge_litert/*.so", "fontTools/*.so", "kiwisolver/*.so", "matplotlib/*.so",
    "contourpy/*.so",
)  # fmt: skip


@dataclass(frozen=True)
class Library:
    """What one shared library asks for and offers.

    Attributes:
        needed: Names of the libraries it is linked against.
        defined: Names of the symbol versions it defines, its own name left out.
        required: Symbol versions it requires, such as ``GLIBC_2.34``.
    """

    needed: tuple[str, ...]
    defined: tuple[str, ...]
    required: tuple[str, ...]


def read(path: Path) -> Library:
    """Read one shared library; anything that is none has no needs."""
    done = subprocess.run(["objdump", "-p", str(path)], capture_output=True, text=True, check=False)
    dynamic, _, rest = done.stdout.partition("Version definitions:")
    definitions, _, references = rest.partition("Version References:")
    if not rest:
        references = dynamic.partition("Version References:")[2]
    needed = tuple(re.findall(r"^\s+NEEDED\s+(\S+)", dynamic, re.MULTILINE))
    # Flag 0x01 marks the library's own name.
    defined = tuple(re.findall(r"^\d+ 0x00 0x[0-9a-f]+ (\S+)", definitions, re.MULTILINE))
    required = tuple(re.findall(r"^\s+0x[0-9a-f]+ 0x[0-9a-f]+ \d+ (\S+)", references, re.MULTILINE))
    return Library(needed=needed, defined=defined, required=required)


def without_unneeded(entries: Iterable[Entry]) -> list[Entry]:
    """Leave out the libraries that nothing kept is linked against any more.

    Only libraries that are there for others are judged: those of the system, which lie at the top of the
    folder, and those in the ``*.libs`` folders of wheels. Modules and plug-ins are loaded by name.
    """
    entries = list(entries)
    helpers = {Path(dest).name: (dest, source) for dest, source, _ in entries if _is_helper(dest)}
    waiting = [Path(source) for dest, source, kind in entries if not _is_helper(dest) and kind != "SYMLINK"]
    seen: set[str] = set()
    while waiting:
        for name in read(waiting.pop()).needed:
            if name in helpers and name not in seen:
                seen.add(name)
                waiting.append(Path(helpers[name][1]))
    return [entry for entry in entries if not _is_helper(entry[0]) or Path(entry[0]).name in seen]


def _is_helper(destination: str) -> bool:
    parent = Path(destination).parent.as_posix()
    name = Path(destination).name
    return ".so" in name and not name.startswith("libpython") and (parent == "." or parent.endswith(".libs"))


def with_stubs(entries: Iterable[Entry], folder: Path) -> list[Entry]:
    """Put empty libraries in place of those that OpenCV needs and this program does not, given a C compiler.

    Args:
        entries: The freezer's table of binaries.
        folder: Where to make the empty libraries.
    """
    entries = list(entries)
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return entries
    folder.mkdir(parents=True, exist_ok=True)
    users = [Path(source) for dest, source, _ in entries if _matches(dest, _OPENCV)]
    wanted = {pair for user in users for pair in undefined(user)}
    return [
        (dest, str(_stub(Path(source), folder, wanted=wanted, compiler=compiler)), kind)
        if _matches(dest, _UNUSED_BY_OPENCV) and kind != "SYMLINK"
        else (dest, source, kind)
        for dest, source, kind in entries
    ]


def _matches(destination: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatch(destination, pattern) for pattern in patterns)


def undefined(path: Path) -> set[tuple[str, str]]:
    """Return (symbol version, symbol) of everything that a library wants from others."""
    done = subprocess.run(["objdump", "-T", str(path)], capture_output=True, text=True, check=False)
    line = r"\*UND\*\s+[0-9a-f]+\s+(?:\(?(\w[\w.]*)\)?\s+)?(\w+)$"
    return {(version or _UNVERSIONED, name) for version, name in re.findall(line, done.stdout, re.MULTILINE)}


def _exported(path: Path) -> set[str]:
    command = ["nm", "-D", "--defined-only", "--format=posix", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {line.split("@")[0].split()[0] for line in done.stdout.splitlines()}


def _stub(library: Path, folder: Path, *, wanted: set[tuple[str, str]], compiler: str) -> Path:
    """Make a library of the same name and symbol versions, each of whose functions stops the program."""
    code, script, made = folder / "stub.c", folder / "stub.map", folder / library.name
    versions = read(library).defined
    exported = _exported(library)
    offered = {
        version: sorted(name for of, name in wanted if of == version and name in exported)
        for version in versions or (_UNVERSIONED,)
    }
    names = [name for of_version in offered.values() for name in of_version]
    code.write_text(
        "".join(f"void {name}(void) {{ __builtin_trap(); }}\n" for name in names), encoding="ascii"
    )
    blocks = (
        f"{version.replace(_UNVERSIONED, '')} {{ {''.join(f'{name}; ' for name in names)}}};\n"
        for version, names in offered.items()
    )
    script.write_text("".join(blocks), encoding="ascii")
    options = [f"-Wl,-soname,{library.name}", "-Wl,--build-id=none", f"-Wl,--version-script={script}"]
    silent = ["-shared", "-nostdlib", "-fPIC", "-s", "-w"]
    subprocess.run([compiler, *silent, *options, "-o", str(made), str(code)], check=True)
    return made


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
    return stripped(without_unneeded(with_stubs(entries, folder / "stubs")), folder / "stripped")


def libraries_of(folder: Path) -> dict[Path, Library]:
    """Read every shared library and program below a folder."""
    return {path: read(path) for path in sorted(folder.rglob("*")) if _is_elf(path)}


def _is_elf(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"
