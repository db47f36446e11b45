"""How the writers of many things tell how far they are, and are told to stop."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with how many things are done and how many there are; may raise to give up."""


def unheard(_done: int, _of: int) -> None:
    """Tell nobody."""
