"""Build what this platform can of the installers: ``make installer``.

    python packaging/build.py [--edition full|classify-only] [--only program|deb|archive|…] [--out DIR]

Without options: both editions (full only where TensorFlow is installed), every form this system can make.
Afterwards ``--out`` (default ``dist``) holds the installers, their SBOM, the notices and SHA256SUMS.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import debian
import parts
import sbom
import sources
import windows_setup

BUILD = parts.ROOT / "build" / "installer"
_HERE = Path(__file__).resolve().parent
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Job:
    """Build of an edition.

    Attributes:
        edition: ``full`` or ``classify-only``.
        work: Folder for everything in between.
        out: Folder for the finished installers.
    """

    edition: str
    work: Path
    out: Path

    @property
    def program(self) -> Path:
        """The frozen program's folder."""
        return self.work / "program" / "allstation"

    @property
    def stem(self) -> str:
        """What the names of this job's files begin with."""
        return f"allstation-{parts.version()}-{self.edition}"


def freeze(job: Job) -> None:
    """Draw the icons and run PyInstaller; the program folder of an earlier build is replaced."""
    draw = [sys.executable, "-c", "import sys, artwork, pathlib; artwork.draw(pathlib.Path(sys.argv[1]))"]
    offscreen = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    subprocess.run([*draw, str(job.work / "icons")], check=True, cwd=_HERE, env=offscreen)
    (job.work / "version-info.txt").write_text(_windows_version(), encoding="utf-8")
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    command += ["--distpath", str(job.work / "program"), "--workpath", str(job.work / "pyinstaller")]
    environment = {
        **os.environ,
        parts.EDITION_VARIABLE: job.edition,
        "ALLSTATION_BUILD_FOLDER": str(job.work),
        # The same sources give the same archive.
        "PYTHONHASHSEED": "1",
        "SOURCE_DATE_EPOCH": str(int(sbom.build_time().timestamp())),
    }
    before = sources.digest(parts.ROOT)
    subprocess.run([*command, str(_HERE / "allstation.spec")], check=True, env=environment)
    if sources.digest(parts.ROOT) != before:
        # A program made of two states of its sources can pass every command and fail in the window.
        raise SystemExit(
            "The sources changed while they were being frozen. Build again, best from a fresh clone."
        )
    _check(job)


def _check(job: Job) -> None:
    """Refuse a program folder that holds what it must not, or that a lab PC could not store."""
    # Windows refuses paths over 260 characters where nobody allowed longer ones.
    longest = max((len(str(path.relative_to(job.program))) for path in job.program.rglob("*")), default=0)
    if longest > 170:  # noqa: PLR2004 - leaves 90 for the folder it is installed in
        raise SystemExit(f"A path in the program folder is {longest} characters long; at most 170 are safe.")
    internal = job.program / "_internal"
    if job.edition == parts.CLASSIFY_ONLY:
        heavy = [name for name in ("tensorflow", "keras", "sklearn", "scipy") if (internal / name).exists()]
        if heavy:
            raise SystemExit(f"The classify-only edition holds {', '.join(heavy)}.")


def _windows_version() -> str:
    numbers = (*map(int, parts.version().split(".")), 0)
    return (
        f"VSVersionInfo(ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}), kids=[StringFileInfo("
        f"[StringTable('040904B0', [StringStruct('ProductName', '{parts.APP_NAME}'), "
        f"StringStruct('ProductVersion', '{parts.version()}'), "
        f"StringStruct('FileDescription', '{parts.APP_NAME}')])]), "
        "VarFileInfo([VarStruct('Translation', [1033, 1200])])])\n"
    )


def make_deb(job: Job) -> Path:
    """Make the Debian package."""
    icons = {int(path.stem.rsplit("-", 1)[1]): path for path in (job.work / "icons").glob("allstation-*.png")}
    return debian.build(job.program, job.out, edition=job.edition, icons=icons, work=job.work / "debian")


def make_archive(job: Job) -> Path:
    """Make the archive that runs from wherever it is unpacked."""
    name = f"{job.stem}-{platform.system().lower()}-{platform.machine()}"
    top = f"allstation-{parts.version()}"
    target = job.out / f"{name}.tar.xz"
    with target.open("wb") as stream:
        packer = subprocess.Popen(["xz", "-6", "-T0", "-c"], stdin=subprocess.PIPE, stdout=stream)
    with (
        cast(IO[bytes], packer.stdin) as pipe,
        tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        archive.add(job.program, arcname=top, filter=_without_console_program)
        # Both executables are the same on Linux, and a stick's file system knows no links.
        for name in ("allstation-cli", "start-portable.sh"):
            archive.add(_HERE / "linux" / name, arcname=f"{top}/{name}", filter=_executable)
    if packer.wait():
        raise SystemExit("xz failed; is the disk full?")
    return target


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = int(sbom.build_time().timestamp())
    return entry


def _without_console_program(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if entry.name.endswith("/allstation-cli") else _anonymous(entry)


def _executable(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mode = 0o755
    return _anonymous(entry)


def make_setup(job: Job) -> Path:
    """Make the set-up for Windows of a program frozen on Windows."""
    target = job.out / f"ALLStation-{parts.version()}-{job.edition}-windows.exe"
    icon = job.work / "icons" / "allstation.ico"
    return windows_setup.compile_setup(job.program, target, edition=job.edition, icon=icon)


def make_dmg(job: Job) -> Path:
    """Make the disk image of the app bundle (macOS)."""
    target = job.out / f"ALLStation-{parts.version()}-{job.edition}-macos-{platform.machine()}.dmg"
    app = job.work / "program" / f"{parts.APP_NAME}.app"
    subprocess.run(["sh", str(_HERE / "macos" / "make-dmg.sh"), str(app), str(target)], check=True)
    return target


FORMS: dict[str, tuple[str, str, Callable[[Job], Path]]] = {
    "deb": ("linux", "dpkg-deb", make_deb),
    "archive": ("linux", "xz", make_archive),
    "setup": ("win32", "makensis", make_setup),
    "dmg": ("darwin", "hdiutil", make_dmg),
}
"""What can be made: of a program frozen on which system, with which tool, by which function."""


def possible_forms() -> list[str]:
    """Return the forms that this system can make, naming those that only lack their tool."""
    forms = []
    for name, (system, tool, _) in FORMS.items():
        if system == sys.platform and shutil.which(tool):
            forms.append(name)
        elif system == sys.platform:
            print(f"No {name}: {tool} is not installed.")
    return forms


def possible_editions() -> list[str]:
    """Return the editions that the installed packages allow."""
    if importlib.util.find_spec("tensorflow") is not None:
        return list(parts.EDITIONS)
    print("No full edition: TensorFlow is not installed (make setup).")
    return [parts.CLASSIFY_ONLY]


def build(job: Job, forms: Iterable[str], *, reuse: bool = False) -> list[Path]:
    """Freeze one edition, unless its last freezing is to be used again, and make the forms asked for."""
    begun = time.monotonic()
    job.work.mkdir(parents=True, exist_ok=True)
    job.out.mkdir(parents=True, exist_ok=True)
    if not (reuse and job.program.is_dir()):
        print(f"Freezing the {job.edition} edition …", flush=True)
        freeze(job)
    size = sum(path.stat().st_size for path in job.program.rglob("*") if path.is_file())
    print(f"  program folder: {size / _MEBIBYTE:.0f} MiB, {time.monotonic() - begun:.0f} s", flush=True)
    made = []
    for name in forms:
        made.append(FORMS[name][2](job))
        print(f"  {made[-1].name}: {made[-1].stat().st_size / _MEBIBYTE:.1f} MiB", flush=True)
    for name in ("THIRD-PARTY-NOTICES.txt", "sbom.cdx.json"):
        made.append(job.out / f"{job.stem}-{sys.platform}-{name}")
        shutil.copyfile(job.work / "notices" / name, made[-1])
    return made


def write_checksums(folder: Path) -> None:
    """Write SHA256SUMS of everything in a folder of installers, in the form that ``sha256sum -c`` reads."""
    lines = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != "SHA256SUMS":
            with path.open("rb") as stream:
                lines.append(f"{hashlib.file_digest(stream, 'sha256').hexdigest()}  {path.name}\n")
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Build as the arguments say."""
    parser = argparse.ArgumentParser(description="Build the installers that this platform can make.")
    parser.add_argument(
        "--edition", choices=parts.EDITIONS, action="append", help="default: every possible one"
    )
    parser.add_argument(
        "--only", choices=("program", *FORMS), action="append", help="default: every possible one"
    )
    parser.add_argument("--out", type=Path, default=parts.ROOT / "dist", help="where the installers go")
    parser.add_argument("--reuse", action="store_true", help="pack what was frozen last time")
    options = parser.parse_args(arguments)
    forms = [name for name in options.only or possible_forms() if name in FORMS]
    for edition in options.edition or possible_editions():
        build(
            Job(edition=edition, work=BUILD / edition, out=options.out.resolve()), forms, reuse=options.reuse
        )
    write_checksums(options.out.resolve())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
