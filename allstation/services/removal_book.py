"""Fields taken out of the case by the token the window gave them, so that undo need not wait for the disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter
from allstation.store.case import Case


@dataclass(frozen=True, slots=True)
class Removal:
    """What to take out of a case, or to bring back.

    Attributes:
        ids: Fields.
        slide_id: All fields of this slide, instead.
        back: Bring them back.
    """

    ids: tuple[int, ...] = ()
    slide_id: int | None = None
    back: bool = False


class RemovalBook:
    """Does, takes back and does again what was asked about the fields of one case.

    Args:
        case: The writer's connection.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._by_token: dict[int, Removal] = {}

    def do(self, token: int, wanted: Removal) -> Removal:
        """Do what is wanted; returns which fields that changed, and remembers them for undo."""
        ids: Iterable[int] = wanted.ids
        if wanted.slide_id is not None:
            ids = self._case.fields.ids(FieldFilter(slide_id=wanted.slide_id, removed=wanted.back))
        self._by_token[token] = self._set(ids, back=wanted.back)
        return self._by_token[token]

    def undo(self, token: int) -> Removal:
        """Take back what was done under a token, and nothing that was done apart from it.

        Raises:
            StationError: ``unknown-removal`` if nothing was, for example on a full disk.
        """
        if token not in self._by_token:
            sentence = "These fields were neither removed nor brought back, so there is nothing to undo."
            raise StationError("unknown-removal", sentence)
        done = self._by_token[token]
        return self._set(done.ids, back=not done.back)

    def _set(self, ids: Iterable[int], *, back: bool) -> Removal:
        change = self._case.fields.restore if back else self._case.fields.remove
        return Removal(tuple(change(ids)), back=back)
