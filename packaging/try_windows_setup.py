"""Try the Windows set-up under Wine with a stand-in program: install, install over it, remove.

    python packaging/try_windows_setup.py

Needs makensis, wine (64 bit) and xvfb-run. It tests the set-up script itself: folders with spaces and
non-Latin letters, the silent switch, both kinds of installation, upgrading, file types, and that removal
takes the program and nothing else. It installs a stand-in: PyInstaller freezes for its own system only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import parts
from windows_setup import compile_setup

# Any 64-bit program will do as a stand-in; NSIS brings this one.
_STAND_IN = Path("/usr/share/nsis/Stubs/zlib-amd64-unicode")
_PERSON = "Лаборант Ж"
_LONGEST = 170
"""Of the paths inside the program folder; build.py refuses longer ones."""
_TOOLS = ("makensis", "wine", "xvfb-run")
_UNINSTALL_KEY = r"Software\Microsoft\Windows\CurrentVersion\Uninstall\ALLStation"
_CASE_VERB = r"Software\Classes\Directory\shell\ALLStation\command"


class Windows:
    """A fresh Windows 10 in a folder, as far as Wine is one.

    Args:
        folder: Where it lies.
    """

    def __init__(self, folder: Path) -> None:
        self.drive = folder / "drive_c"
        self._environment = {
            **os.environ,
            "WINEPREFIX": str(folder),
            "USER": _PERSON,
            "LC_ALL": "C.UTF-8",
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree=;mshtml=",
        }
        self.run("wineboot", "--init")
        self.run("winecfg", "-v", "win10")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a Windows program and return what it did."""
        return subprocess.run(
            ["xvfb-run", "-a", "wine", *words],
            env=self._environment, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    def registered(self, root: str, key: str, value: str | None = None) -> str:
        """Return a value of the registry, empty if it is not there."""
        asked = ["/v", value] if value else ["/ve"]
        done = self.run("reg", "query", f"{root}\\{key}", *asked)
        return done.stdout.split("REG_SZ", 1)[1].strip() if "REG_SZ" in done.stdout else ""

    def close(self) -> None:
        """End Wine's server, so that its folder can be removed."""
        subprocess.run(["wineserver", "-k"], env=self._environment, check=False)
        subprocess.run(["wineserver", "-w"], env=self._environment, check=False, timeout=60)


def expect(condition: object, what: str) -> None:
    """Raise SystemExit when something is not as it must be."""
    if not condition:
        raise SystemExit(f"FAILED: {what}")
    print(f"  {what}", flush=True)


def stand_in(folder: Path, *, extra: str) -> Path:
    """Make a program folder with a file of its own, so that versions can be told apart."""
    (folder / "_internal" / "ordner ü").mkdir(parents=True)
    for name in ("allstation.exe", "allstation-cli.exe"):
        shutil.copyfile(_STAND_IN, folder / name)
    (folder / "_internal" / "ordner ü" / extra).write_text(extra, encoding="utf-8")
    _longest(folder).parent.mkdir(parents=True)
    _longest(folder).write_text(extra, encoding="utf-8")
    return folder


def _longest(folder: Path) -> Path:
    """Return the longest path that a program folder may hold."""
    deep = folder.joinpath("_internal", *["d" * 29] * 4)
    return deep / ("f" * (_LONGEST - len(str(deep.relative_to(folder))) - 1))


def try_for_one_person(windows: Windows, old: Path, new: Path) -> None:
    """Install silently for one person into a folder of her choice, upgrade, remove."""
    target = windows.drive / "Лаб 実験" / "ALL Station"
    # The set-up wants this one without quotes, which the words of a command get when they hold a space.
    arguments = ("/S", "/CurrentUser", r"/D=C:\Лаб", r"実験\ALL", "Station")
    expect(windows.run(str(old), *arguments).returncode == 0, "silent set-up of an older version ends with 0")
    expect((target / "_internal/ordner ü/old.txt").is_file(), "it lies in a folder with a non-Latin name")
    expect(windows.registered("HKCU", _UNINSTALL_KEY, "DisplayVersion"), "it is listed among the programs")
    command = windows.registered("HKCU", _CASE_VERB)
    # The console that shows it knows no other than Latin letters.
    expect(command.endswith(r'ALL Station\allstation.exe" "%1"'), f"case folders open with it: {command}")
    (target / "own notes.txt").write_text("mine", encoding="utf-8")
    expect(windows.run(str(new), *arguments).returncode == 0, "the newer version installs over it")
    expect((target / "_internal/ordner ü/new.txt").is_file(), "the newer version's file is there")
    expect(not (target / "_internal/ordner ü/old.txt").exists(), "the older version's file is not")
    remove(windows, target, "/CurrentUser")
    left = sorted(path.name for path in target.iterdir())
    expect(left == ["own notes.txt"], f"removal leaves the person's own file and nothing else: {left}")
    expect(not windows.registered("HKCU", _UNINSTALL_KEY, "DisplayVersion"), "it is no longer listed")
    expect(not windows.registered("HKCU", _CASE_VERB), "case folders no longer open with it")


def try_where_nobody_was_asked(windows: Windows, new: Path) -> None:
    """Install silently without a word, as a person whose name is not of Latin letters; remove."""
    home = windows.drive / "users" / _PERSON
    expect(home.is_dir(), f"the person is called {_PERSON}")
    case = home / "Documents" / "ALL Station" / "Fall 7.allcase" / "case.sqlite"
    settings = home / "AppData" / "Local" / "allstation" / "settings.json"
    for path in (case, settings):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"hers")
    expect(windows.run(str(new), "/S").returncode == 0, "silent set-up without a choice ends with 0")
    found = sorted(windows.drive.rglob("allstation.exe"))
    expect(len(found) == 1 and found[0].is_relative_to(home), "it lies below her own folder, for her alone")
    target = found[0].parent
    length = len(str(_longest(target)).removeprefix(str(windows.drive))) + 2
    expect(_longest(target).is_file(), f"its longest path is there, {length} characters with the folder")
    remove(windows, target, "/CurrentUser")
    expect(not target.exists(), "removal takes the folder")
    expect(case.read_bytes() == settings.read_bytes() == b"hers", "removal leaves her case and settings")


def try_for_everybody(windows: Windows, new: Path) -> None:
    """Install silently for everybody, remove."""
    expect(
        windows.run(str(new), "/S", "/AllUsers").returncode == 0, "silent set-up for everybody ends with 0"
    )
    target = windows.drive / "Program Files" / parts.APP_NAME
    expect((target / "allstation.exe").is_file(), "it lies in Program Files")
    menu = windows.drive / "ProgramData/Microsoft/Windows/Start Menu/Programs" / parts.APP_NAME
    expect((menu / f"{parts.APP_NAME}.lnk").is_file(), "it is in everybody's Start menu")
    expect(windows.registered("HKLM", _UNINSTALL_KEY, "DisplayVersion"), "it is listed for everybody")
    remove(windows, target, "/AllUsers")
    expect(not target.exists() and not menu.exists(), "removal takes folder and menu")


def remove(windows: Windows, target: Path, kind: str) -> None:
    """Remove silently; ``_?=`` keeps the uninstaller in this process, so that its end can be waited for."""
    where = str(target).removeprefix(str(windows.drive)).replace("/", "\\")
    done = windows.run(str(target / "uninstall.exe"), kind, "/S", *f"_?=C:{where}".split(" "))
    expect(done.returncode == 0, "silent removal ends with 0")
    # Run this way it cannot delete its own file.
    (target / "uninstall.exe").unlink(missing_ok=True)
    if target.exists() and not any(target.iterdir()):
        target.rmdir()


def _compiled(folder: Path, name: str) -> Path:
    payload = stand_in(folder / name, extra=f"{name}.txt")
    return compile_setup(payload, folder / f"ALLStation-{name}.exe", edition=parts.CLASSIFY_ONLY)


def main() -> int:
    """Try both kinds of installation."""
    missing = [name for name in _TOOLS if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"This needs {', '.join(missing)} (apt-get install nsis wine64 wine xvfb).")
    with tempfile.TemporaryDirectory(prefix="setup-") as text:
        folder = Path(text)
        old, new = (_compiled(folder, name) for name in ("old", "new"))
        windows = Windows(folder / "wine")
        try:
            try_for_one_person(windows, old, new)
            try_where_nobody_was_asked(windows, new)
            try_for_everybody(windows, new)
        finally:
            windows.close()
    print("set-up tried")
    return 0


if __name__ == "__main__":
    sys.exit(main())
