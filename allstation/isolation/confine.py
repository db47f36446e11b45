"""Confinement of the process that calls it: memory, processor time, files, network, as the system allows."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MEMORY: Final = "memory"
PROCESSOR: Final = "processor time"
OPEN_FILES: Final = "open files"
WRITING: Final = "no file written"
PROGRAMS: Final = "no program started"
NETWORK: Final = "no network"
READING: Final = "only the program's files read"
EVERYTHING: Final = (MEMORY, PROCESSOR, OPEN_FILES, WRITING, PROGRAMS, NETWORK, READING)
_FILES: Final = 64


@dataclass(slots=True)
class Confinement:
    """Limits of a process that confines itself.

    Attributes:
        applied: Of :data:`EVERYTHING`, what the system enforces now.
    """

    applied: set[str] = field(default_factory=set)

    @property
    def missing(self) -> list[str]:
        """Of :data:`EVERYTHING`, what this system does not enforce."""
        return [name for name in EVERYTHING if name not in self.applied]


def confine(*, memory: int, cpu_seconds: int, readable: Iterable[str] = ()) -> Confinement:
    """Confine this process for the rest of its life.

    Args:
        memory: Bytes of address space it may add to what it has.
        cpu_seconds: Processor time of its whole life, after which the system ends it.
        readable: Files and folders that it may read besides the program's and the system's.

    Returns:
        What was applied. On Windows the parent applies limits (:mod:`allstation.isolation.windows`).
    """
    done = Confinement()
    if sys.platform == "win32":
        _no_error_boxes()
        return done
    _limit(done, memory, cpu_seconds)
    if sys.platform == "linux":
        from allstation.isolation import linux

        allowed = linux.no_new_privileges()
        if allowed and linux.landlock({*_own_files(), *readable}):
            done.applied |= {WRITING, READING}
        if allowed and linux.seccomp():
            done.applied |= {WRITING, PROGRAMS, NETWORK}
    return done


def _own_files() -> set[str]:
    """Return where this program and its Python lie."""
    frozen = getattr(sys, "_MEIPASS", None)
    roots = {sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path(sys.executable).resolve().parent)}
    roots |= {str(Path(__file__).resolve().parents[1]), *([frozen] if frozen else [])}
    return roots | {entry for entry in sys.path if Path(entry).is_absolute()}


def _limit(done: Confinement, memory: int, cpu_seconds: int) -> None:
    import resource

    wanted = (
        # macOS takes this limit and does not enforce it.
        (MEMORY if sys.platform == "linux" else "", resource.RLIMIT_AS, _address_space() + memory),
        (PROCESSOR, resource.RLIMIT_CPU, cpu_seconds),
        (OPEN_FILES, resource.RLIMIT_NOFILE, _FILES),
        ("", resource.RLIMIT_FSIZE, 0),
        ("", resource.RLIMIT_CORE, 0),
    )
    for name, kind, value in wanted:
        _, most = resource.getrlimit(kind)
        limit = value if most == resource.RLIM_INFINITY else min(value, most)
        try:
            resource.setrlimit(kind, (limit, limit))
        except (OSError, ValueError):
            continue
        done.applied |= {name} - {""}


def _address_space() -> int:
    import resource

    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except OSError:
        return 1 << 30
    return pages * resource.getpagesize()


def _no_error_boxes() -> None:
    """Let Windows end a process that crashes without asking the person to close a box."""
    import ctypes

    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - exists on Windows only
    kernel.SetErrorMode(0x0001 | 0x0002 | 0x8000)
