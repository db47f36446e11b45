"""Program of an isolated archive reader: the archive is its standard input, its entries go out as frames."""

from __future__ import annotations

import io
import sys
from functools import partial
from typing import Final

from allstation.imaging.archives.members import READ_ERRORS, Member, hidden, judged, members
from allstation.isolation import frames, serving

_CHUNK: Final = 1 << 20


def main() -> int:
    """Send every entry of the archive, with its bytes if it is a field; return the exit status."""
    out = serving.begin(sys.argv[1:])
    try:
        with io.BufferedReader(io.FileIO(0, closefd=False)) as file, members(file) as found:
            for member in found:
                _send(member, out)
        answer: dict[str, object] = {"done": True}
    except MemoryError:
        answer = {"refused": "memory"}
    except READ_ERRORS as error:
        answer = {"refused": "encrypted" if _is_encrypted(error) else "damaged"}
    frames.send(out, answer)
    return 0


def _send(member: Member, out: io.FileIO) -> None:
    problem = member.problem
    wanted = not hidden(member.name) and judged(member.name, problem)[0] is not None
    source = member.open() if wanted else None
    if wanted and source is None:
        problem = "not readable"
    frames.send(out, {"member": member.name, "problem": problem})
    if source is None:
        return
    with source:
        for chunk in iter(partial(source.read, _CHUNK), b""):
            frames.send(out, {}, chunk)
    frames.send(out, {"end": True})


def _is_encrypted(error: Exception) -> bool:
    return isinstance(error, RuntimeError) and "password" in str(error)


if __name__ == "__main__":
    sys.exit(main())
