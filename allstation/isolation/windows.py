"""Confinement of a child by a Windows job object: memory, processor time, one process, ended with its parent.

Source: JOBOBJECT_EXTENDED_LIMIT_INFORMATION in the Windows API reference (winnt.h).
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

from allstation.isolation.confine import MEMORY, PROCESSOR, PROGRAMS

_EXTENDED: Final = 9
_PROCESS_TIME, _ACTIVE_PROCESS, _PROCESS_MEMORY = 0x2, 0x8, 0x100
_DIE_ON_FAULT, _KILL_ON_CLOSE = 0x400, 0x2000
_TICKS: Final = 10_000_000
"""Units of 100 ns in a second."""


class _Basic(ctypes.Structure):
    _fields_ = (
        ("process_time", ctypes.c_int64),
        ("job_time", ctypes.c_int64),
        ("flags", ctypes.c_uint32),
        ("least_set", ctypes.c_size_t),
        ("most_set", ctypes.c_size_t),
        ("processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority", ctypes.c_uint32),
        ("scheduling", ctypes.c_uint32),
    )


class _Extended(ctypes.Structure):
    _fields_ = (
        ("basic", _Basic),
        ("io", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process", ctypes.c_size_t),
        ("peak_job", ctypes.c_size_t),
    )


class Job:
    """Job object around one process; closing it ends the process.

    Args:
        process: Handle of the process.
        memory: Bytes it may commit.
        cpu_seconds: Processor time of its whole life.
    """

    def __init__(self, process: int, *, memory: int, cpu_seconds: int) -> None:
        self.applied: set[str] = set()
        kernel: Any = getattr(ctypes, "WinDLL")("kernel32", use_last_error=True)  # noqa: B009 - Windows only
        kernel.CreateJobObjectW.restype = ctypes.c_void_p
        self._kernel, self._job = kernel, kernel.CreateJobObjectW(None, None)
        if not self._job:
            return
        limits = _Extended()
        limits.basic.flags = (
            _PROCESS_TIME | _ACTIVE_PROCESS | _PROCESS_MEMORY | _DIE_ON_FAULT | _KILL_ON_CLOSE
        )
        limits.basic.process_time = cpu_seconds * _TICKS
        limits.basic.processes = 1
        limits.process_memory = memory
        job = ctypes.c_void_p(self._job)
        size = ctypes.sizeof(limits)
        if not kernel.SetInformationJobObject(job, _EXTENDED, ctypes.byref(limits), size):
            return
        if kernel.AssignProcessToJobObject(job, ctypes.c_void_p(process)):
            self.applied = {MEMORY, PROCESSOR, PROGRAMS}

    def close(self) -> None:
        """Give the job up, which ends its process."""
        if self._job:
            self._kernel.CloseHandle(ctypes.c_void_p(self._job))
            self._job = None
