"""Confinement by the Linux kernel: Landlock for files, seccomp for system calls, by ctypes.

Both are one-way: a process that confined itself cannot take it back, nor can code that takes it over.

Sources: Documentation/userspace-api/landlock.rst and seccomp_filter.rst of the kernel,
arch/x86/entry/syscalls/syscall_64.tbl.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP: Final = 317
"""Number of the system call on x86-64."""
_SET_FILTER, _ALL_THREADS = 1, 1

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
"""Numbers of Landlock's system calls, the same on every architecture."""
_ABI_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""Kinds of access to files that each version of the interface knows, as a number of bits."""
_READ: Final = 0b1101
"""Execute (which loading a library is), read a file, read a folder."""
_READ_FILE: Final = 0b101
_TCP_SINCE, _TCP = 4, 0b11
_SCOPES_SINCE, _SCOPES = 6, 0b11
_SYSTEM: Final = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/proc", "/sys", "/dev/urandom")
"""What libraries read of the system: other libraries, and how many processors there are."""


def no_new_privileges() -> bool:
    """Give up gaining rights by starting programs, which both confinements demand."""
    return bool(ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)


def landlock(readable: Iterable[str]) -> bool:
    """Restrict files to reading the program and the system, and close TCP; tell whether that was done.

    Args:
        readable: Files and folders that may be read besides the system's.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(_LANDLOCK_CREATE, None, 0, _ABI_VERSION)
    if abi < 1:
        return False
    files = (1 << _FILE_RIGHTS.get(abi, max(_FILE_RIGHTS.values()))) - 1
    rules = struct.pack(
        "<QQQ", files, _TCP if abi >= _TCP_SINCE else 0, _SCOPES if abi >= _SCOPES_SINCE else 0
    )
    size = 24 if abi >= _SCOPES_SINCE else 16 if abi >= _TCP_SINCE else 8
    ruleset = libc.syscall(_LANDLOCK_CREATE, rules, ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return False
    try:
        for name in {*_SYSTEM, *readable}:
            _allow(libc, ruleset, name)
        return bool(libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, name: str) -> None:
    try:
        place = os.open(name, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = _READ if Path(name).is_dir() else _READ_FILE
        libc.syscall(_LANDLOCK_ADD, ruleset, _PATH_BENEATH, struct.pack("<Qi", rights, place), 0)
    finally:
        os.close(place)


_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_AUDIT_ARCH_X86_64: Final = 0xC000003E
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16

_HARMLESS: Final = (
    0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 20, 21, 23, 24, 25, 27, 28, 32, 35, 39, 60,
    63, 79, 89, 96, 97, 98, 99, 100, 102, 104, 107, 108, 110, 131, 143, 145, 146, 147, 158, 186, 202,
    204, 217, 218, 228, 229, 230, 231, 262, 267, 269, 270, 271, 273, 309, 318, 324, 332, 334,
)  # fmt: skip
"""x86-64: read, write, close, stat, poll, memory, signals of its own, clocks, threads' locks, exit.

What is missing here is refused: sockets, starting programs, changing files, sending signals to others.
"""
_OPEN, _OPENAT, _CLONE, _KILL_CALL, _TGKILL, _PRLIMIT, _FCNTL = 2, 257, 56, 62, 234, 302, 72
_F_GETLK, _F_DUPFD_CLOEXEC = 5, 1030
"""Of fcntl, what lies between could lock files, or have signals sent to others."""
_NEWER_THAN: Final = 424
"""First of the calls for which a C library has an older one to fall back to when it is told ENOSYS."""
_CLONE_THREAD: Final = 0x10000
_TMPFILE: Final = 0x400000
"""The bit of O_TMPFILE that is not O_DIRECTORY."""
_CHANGES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | _TMPFILE
"""Flags of opening that could change a file."""


def has_filter() -> bool:
    """Tell whether there is a filter for this processor."""
    return platform.machine() == "x86_64" and sys.maxsize > 1 << 32


def seccomp() -> bool:
    """Allow computing, reading files and answering on open pipes alone; tell whether that was done."""
    if not has_filter():
        return False
    program = b"".join(_program(os.getpid()))

    class Program(ctypes.Structure):
        _fields_ = (("count", ctypes.c_ushort), ("steps", ctypes.c_void_p))

    steps = ctypes.create_string_buffer(program, len(program))
    given = Program(len(program) // 8, ctypes.addressof(steps))
    return bool(ctypes.CDLL(None).syscall(_SECCOMP, _SET_FILTER, _ALL_THREADS, ctypes.byref(given)) == 0)


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("<HBBI", code, yes, no, value)


def _program(own: int) -> Iterator[bytes]:
    """Yield the filter: an instruction tests the number or an argument and skips what does not apply."""
    allow, refuse = _step(_RETURN, _ALLOW), _step(_RETURN, _ERRNO | errno.EPERM)
    yield _step(_LOAD, _ARCH_AT)
    yield _step(_EQUAL, _AUDIT_ARCH_X86_64, yes=1)
    yield _step(_RETURN, _KILL)
    yield _step(_LOAD, _NUMBER_AT)
    for number in _HARMLESS:
        yield _step(_EQUAL, number, no=1) + allow
    # Opened for reading only; threads but no processes; signals to itself; limits looked at, not set.
    yield from _if(_OPEN, 1, _step(_ANY_BIT, _CHANGES, no=1) + refuse + allow)
    yield from _if(_OPENAT, 2, _step(_ANY_BIT, _CHANGES, no=1) + refuse + allow)
    yield from _if(_CLONE, 0, _step(_ANY_BIT, _CLONE_THREAD, yes=1) + refuse + allow)
    copies = _step(_EQUAL, _F_DUPFD_CLOEXEC, no=1) + allow
    yield from _if(_FCNTL, 1, _step(_AT_LEAST, _F_GETLK, yes=1) + allow + copies + refuse)
    for number in (_KILL_CALL, _TGKILL):
        yield from _if(number, 0, _step(_EQUAL, own, yes=1) + refuse + allow)
    upper = _step(_LOAD, _ARGUMENTS_AT + 8 * 2 + 4) + _step(_EQUAL, 0, yes=1) + refuse + allow
    yield from _if(_PRLIMIT, 2, _step(_EQUAL, 0, yes=1) + refuse + upper)
    yield _step(_AT_LEAST, _NEWER_THAN, no=1) + _step(_RETURN, _ERRNO | errno.ENOSYS)
    yield refuse


def _if(number: int, argument: int, test: bytes) -> Iterator[bytes]:
    """Yield a test of the lower half of an argument of one call; the test must return."""
    load = _step(_LOAD, _ARGUMENTS_AT + 8 * argument)
    yield _step(_EQUAL, number, no=len(load + test) // 8) + load + test
