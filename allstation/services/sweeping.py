"""Keeps Python's full sweeps for garbage from stopping the window while a worker makes a great deal."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_RARE: Final = 1000
_USUAL: Final = 10


@contextmanager
def rare_sweeps() -> Iterator[None]:
    """Sweep the youngest objects as ever, all of them hardly ever, while the block runs.

    A full sweep holds the interpreter for as long as it takes: with the 200,000 objects of a report of
    1,000 fields 60 to 250 ms, again and again while they become more. One such sweep comes afterwards.
    Workers that overlap may end each other's calm early, which costs nothing but that.
    """
    first, second, _ = gc.get_threshold()
    gc.set_threshold(first, second, _RARE)
    try:
        yield
    finally:
        gc.set_threshold(first, second, _USUAL)
