"""The case on disk: what was added, predicted, reviewed and reported, and who did it."""

from allstation.store.case import Case

__all__ = ["Case"]
