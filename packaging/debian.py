"""Make the Debian package of a frozen program: declarative only, without scripts that run as root.

The desktop's caches (menu, file types, icons) are refreshed by the triggers of the packages that own them.
Nothing below a user's home is touched at installing, upgrading or removing.
"""

from __future__ import annotations

import filecmp
import gzip
import platform
import re
import shutil
import subprocess
import textwrap
from collections.abc import Mapping
from pathlib import Path

import elf
import manual
import parts
import sbom

_HOME = Path("usr/lib/allstation")
_LINUX = Path(__file__).resolve().parent / "linux"
_PACKAGE_OF_EDITION = {parts.FULL: "allstation", parts.CLASSIFY_ONLY: "allstation-classify"}
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}

# The small edition is packed as small as can be; the full one fits without, and unpacks far sooner.
_PACKED = {parts.FULL: ("-Zzstd", "-z9"), parts.CLASSIFY_ONLY: ("-Zxz", "-z6")}

# Loaded by name or read as data, so that no table of a library says so.
_ALSO_NEEDED = ("fontconfig-config", "xkb-data", "libx11-6", "libx11-xcb1")

_DESCRIPTION = """\
A workstation for fields of peripheral blood smears in acute lymphoblastic leukemia. It classifies every field
of a slide, shows how sure it is and why, keeps what a person decides beside it, and writes a report. It needs
no network.
For Research Use Only. Not for use in diagnostic procedures.
"""


def build(program: Path, target: Path, *, edition: str, icons: Mapping[int, Path], work: Path) -> Path:
    """Make the package.

    Args:
        program: The frozen program's folder.
        target: Folder for the package.
        edition: ``full`` or ``classify-only``.
        icons: PNG of the icon by size in pixels.
        work: A folder to lay out the package in; emptied first.

    Returns:
        The package.
    """
    shutil.rmtree(work, ignore_errors=True)
    _lay_out(program, work, icons=icons, package=_PACKAGE_OF_EDITION[edition])
    control = work / "DEBIAN" / "control"
    control.parent.mkdir()
    control.write_text(_control(work, edition=edition), encoding="utf-8")
    _set_modes(work)
    name = f"{_PACKAGE_OF_EDITION[edition]}_{parts.version()}_{_architecture()}.deb"
    command = ["dpkg-deb", "--root-owner-group", *_PACKED[edition], "--build", str(work), str(target / name)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return target / name


def _lay_out(program: Path, work: Path, *, icons: Mapping[int, Path], package: str) -> None:
    shutil.copytree(program, work / _HOME, copy_function=shutil.copyfile)
    _join_equal(work / _HOME / "allstation", work / _HOME / "allstation-cli")
    for name in ("allstation", "allstation-cli"):
        link = work / "usr" / "bin" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path("..", *_HOME.parts[1:], name))
    share = work / "usr" / "share"
    _put(share / "applications" / "allstation.desktop", (_LINUX / "allstation.desktop").read_text("utf-8"))
    _put(share / "mime" / "packages" / "allstation.xml", (_LINUX / "allstation-mime.xml").read_text("utf-8"))
    metainfo = "org.allstation.allstation.metainfo.xml"
    _put(share / "metainfo" / metainfo, filled((_LINUX / metainfo).read_text("utf-8")))
    for size, picture in icons.items():
        folder = share / "icons" / "hicolor" / f"{size}x{size}" / "apps"
        folder.mkdir(parents=True)
        shutil.copyfile(picture, folder / "allstation.png")
    scalable = share / "icons" / "hicolor" / "scalable" / "apps"
    scalable.mkdir(parents=True)
    shutil.copyfile(parts.ROOT / "resources" / "icons" / "allstation.svg", scalable / "allstation.svg")
    for name in ("allstation", "allstation-cli"):
        _put_packed(share / "man" / "man1" / f"{name}.1.gz", manual.page())
    documents = share / "doc" / package
    _put(documents / "copyright", _copyright())
    _put_packed(documents / "changelog.gz", (parts.ROOT / "CHANGELOG.md").read_text("utf-8"))


def _join_equal(first: Path, second: Path) -> None:
    """Make two equal files one file with two names: on Linux both executables are the same."""
    if filecmp.cmp(first, second, shallow=False):
        second.unlink()
        second.hardlink_to(first)


def filled(text: str) -> str:
    """Return a text of ``packaging/linux`` with this build's version and date in it."""
    date = sbom.build_time().date().isoformat()
    return text.replace("@VERSION@", parts.version()).replace("@DATE@", date)


def _copyright() -> str:
    return textwrap.dedent("""\
        Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
        Upstream-Name: ALL Station
        Comment: The components that ship with it, their licences and the offer of Qt's source code are in
         /usr/lib/allstation/_internal/resources/notices/THIRD-PARTY-NOTICES.txt

        Files: *
        Copyright: ALL Station project
        License: Apache-2.0
         On Debian systems the text of this license is in /usr/share/common-licenses/Apache-2.0
        """)


def _control(work: Path, *, edition: str) -> str:
    other = next(name for key, name in _PACKAGE_OF_EDITION.items() if key != edition)
    description = "\n".join(textwrap.wrap(_DESCRIPTION, width=76, initial_indent=" ", subsequent_indent=" "))
    extra = "with training" if edition == parts.FULL else "without training"
    fields = {
        "Package": _PACKAGE_OF_EDITION[edition],
        "Version": parts.version(),
        "Architecture": _architecture(),
        "Maintainer": "ALL Station project <allstation@allstation.invalid>",
        "Installed-Size": str(_kibibytes(work)),
        "Depends": ", ".join(dependencies(work / _HOME)),
        "Recommends": "xdg-utils, xdg-desktop-portal",
        "Conflicts": other,
        "Replaces": other,
        "Section": "science",
        "Priority": "optional",
        "Description": f"blood smear workstation ({extra}), research use only\n{description}",
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def dependencies(program: Path) -> list[str]:
    """Return the packages that a frozen program needs of the system, with the C library's least version.

    Raises:
        SystemExit: A library is neither shipped nor known.
    """
    libraries = elf.libraries_of(program)
    shipped = {path.name for path in libraries}
    names = {name for library in libraries.values() for name in library.needed} - shipped
    packages = {_owner(name) for name in names} | set(_ALSO_NEEDED)
    least = max((_version_of(text) for one in libraries.values() for text in one.required), default=(2, 31))
    packages.discard("libc6")
    return [f"libc6 (>= {least[0]}.{least[1]})", *sorted(packages)]


def _version_of(required: str) -> tuple[int, int]:
    found = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(\.\d+)?", required)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


def _owner(library: str) -> str:
    """Return the package that a library of the system comes from."""
    cache = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    lines = re.findall(rf"^\s+{re.escape(library)} \((.*)\) => (\S+)$", cache, re.MULTILINE)
    # The same name may be there for 32 bits too.
    for _, path in sorted(lines, key=lambda line: "64" not in line[0]):
        for name in (path, str(Path(path).resolve()), f"/usr{path}", path.removeprefix("/usr")):
            done = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return done.stdout.split(":", 1)[0]
    return package_by_rule(library)


def package_by_rule(library: str) -> str:
    """Return the package of a library that is not installed here, by Debian's rule for such names.

    ``libz.so.1`` is in ``libz1``, ``libicu-3.so.1`` in ``libicu-3-1`` (Debian Policy 8.1).
    """
    name, _, version = library.partition(".so.")
    if not version:
        raise SystemExit(f"The program needs {library}, which is neither shipped nor known here.")
    return f"{name}{'-' if name[-1].isdigit() else ''}{version}".lower().replace("_", "-")


def _architecture() -> str:
    return _MACHINES.get(platform.machine(), platform.machine())


def _kibibytes(folder: Path) -> int:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    sizes = {path.stat().st_ino: path.stat().st_size for path in files}
    return sum(-(-size // 1024) for size in sizes.values())


def _set_modes(work: Path) -> None:
    for path in work.rglob("*"):
        if path.is_symlink():
            continue
        runs = path.is_dir() or path.parent == work / _HOME
        path.chmod(0o755 if runs else 0o644)
    work.chmod(0o755)


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _put_packed(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode("utf-8"), compresslevel=9, mtime=0))
