"""A machine as a lab has it: a bare Debian without Python, made by debootstrap, entered by chroot.

Needs root. The caller runs in a mount namespace of its own (``in_own_namespace``): no mount is left behind.
Nothing of this machine but its clock, kernel and network is visible inside.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

_NAMESPACE = "ALLSTATION_SMOKE_NAMESPACE"
_DEVICES = {
    "null": (1, 3),
    "zero": (1, 5),
    "full": (1, 7),
    "random": (1, 8),
    "urandom": (1, 9),
    "tty": (5, 0),
}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SUITE, _MIRROR = "bookworm", "http://deb.debian.org/debian"


def in_own_namespace() -> None:
    """Start this process again in a mount namespace of its own, once.

    Raises:
        SystemExit: This user may not.
    """
    if os.environ.get(_NAMESPACE):
        return
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise SystemExit("This needs root and debootstrap (apt-get install debootstrap).")
    command = ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv]
    sys.exit(subprocess.run(command, check=False, env={**os.environ, _NAMESPACE: "1"}).returncode)


class CleanRoot:
    """A bare Debian below one folder. Use as a context manager.

    Args:
        folder: Where it lies; what lies there is removed first.
        base: Where the untouched system is kept between runs; made by debootstrap if it is not there.
    """

    def __init__(self, folder: Path, base: Path) -> None:
        self.folder = folder
        self._base = base
        self._locked: list[str] = []

    def __enter__(self) -> CleanRoot:
        if not (self._base / "etc" / "debian_version").exists():
            command = ["debootstrap", "--variant=minbase", _SUITE, str(self._base), _MIRROR]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self._remove()
        subprocess.run(["cp", "-a", "--reflink=auto", str(self._base), str(self.folder)], check=True)
        self._make_devices()
        proc = self.folder / "proc"
        subprocess.run(["mount", "-t", "proc", "proc", str(proc)], check=True)
        shutil.copyfile("/etc/resolv.conf", self.folder / "etc" / "resolv.conf")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for mounted in (*self._locked, str(self.folder / "proc")):
            subprocess.run(["umount", "--lazy", mounted], check=False)
        if error is None:
            self._remove()

    def _remove(self) -> None:
        # Never across a mount: a folder of the machine itself could hang below.
        subprocess.run(["rm", "-rf", "--one-file-system", str(self.folder)], check=True)

    def _make_devices(self) -> None:
        folder = self.folder / "dev"
        for name, (major, minor) in _DEVICES.items():
            if not (folder / name).exists():
                os.mknod(folder / name, 0o666 | stat.S_IFCHR, os.makedev(major, minor))
            (folder / name).chmod(0o666)
        (folder / "shm").mkdir(exist_ok=True)
        (folder / "shm").chmod(0o1777)

    def inside(self, path: str | Path) -> Path:
        """Return where a path of the bare system lies on this machine."""
        return self.folder / str(path).lstrip("/")

    def lock(self, path: str) -> None:
        """Make a folder read-only for everybody, root too, as a stick with its switch pushed is."""
        inside = str(self.inside(path))
        subprocess.run(["mount", "--bind", inside, inside], check=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", inside], check=True)
        self._locked.append(inside)

    def unlock(self, path: str) -> None:
        """Take ``lock`` back."""
        inside = str(self.inside(path))
        subprocess.run(["umount", inside], check=True)
        self._locked.remove(inside)

    def add_user(self, name: str, home: str) -> None:
        """Add a person with a home folder of any name."""
        self.root("useradd", "--create-home", "--home-dir", home, "--shell", "/bin/sh", name)

    def root(self, *command: str) -> str:
        """Run a command as the bare system's root and return what it wrote.

        Raises:
            SystemExit: It failed.
        """
        environment = {"PATH": _PATH, "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8", "HOME": "/root"}
        done = subprocess.run(
            ["chroot", str(self.folder), *command],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"FAILED: {' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout

    def command(self, user: str, home: str, environment: Mapping[str, str], *words: str) -> list[str]:
        """Return the command line that runs words as a person of the bare system, in her home folder.

        Args:
            user: Her name.
            home: Her home folder.
            environment: All of her environment but ``HOME`` and, unless named, ``PATH``.
            words: The program and its arguments.
        """
        wanted = {"PATH": _PATH, "LANG": "C.UTF-8", "HOME": home, **environment}
        pairs = [f"{name}={value}" for name, value in wanted.items()]
        enter = ["chroot", f"--userspec={user}:{user}", str(self.folder)]
        return [*enter, "/usr/bin/env", "-i", "-C", home, *pairs, *words]
