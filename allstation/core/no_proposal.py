"""Reasons why the typer has no proposal for a cell; small, as the window loads it without NumPy."""

from __future__ import annotations

from enum import IntEnum


class NoProposal(IntEnum):
    """Reason why a cell has no proposed type."""

    NONE = 0
    """It has one."""
    UNSURE = 1
    """No type is probable enough."""
    UNLIKE = 2
    """The cell is unlike every typed one."""
    UNMEASURED = 3
    """It has no features, or one that is not finite."""
