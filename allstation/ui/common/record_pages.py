"""Cache of the records that a list shows, which asks for missing and outdated ones a page at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Generic, Protocol, TypeVar

PAGE: Final = 128
"""Records asked for at a time."""


class _HasId(Protocol):
    @property
    def id(self) -> int: ...


Record = TypeVar("Record", bound=_HasId)


class RecordPages(Generic[Record]):
    """Cache of records by id; the longest unseen go first.

    Args:
        most: Records kept.
        ask: Called when something is wanted: :meth:`take_wanted` is to be called soon.
    """

    def __init__(self, most: int, ask: Callable[[], None]) -> None:
        self._most = most
        self._ask = ask
        self._records: OrderedDict[int, Record] = OrderedDict()
        self._stale: set[int] = set()
        self._asked: set[int] = set()
        self._wanted: list[int] = []

    def get(self, record_id: int) -> Record | None:
        """Return a record that is here; an outdated one counts until the new one arrives."""
        return self._records.get(record_id)

    def all(self) -> Sequence[Record]:
        """Return the records that are here."""
        return tuple(self._records.values())

    def fresh(self) -> Sequence[Record]:
        """Return the records that are here and not outdated."""
        return tuple(record for key, record in self._records.items() if key not in self._stale)

    def at(self, ids: Sequence[int], row: int) -> Record | None:
        """Return the record of a row, and ask for its page if it is missing, for itself if it is outdated.

        Args:
            ids: Ids of all rows.
            row: The row.
        """
        record = self._records.get(ids[row])
        if record is None and ids[row] not in self._asked:
            first = row - row % PAGE
            for one in ids[first : first + PAGE]:
                if one not in self._records or one in self._stale:
                    self._want(one)
        elif record is not None and ids[row] in self._stale:
            self._want(ids[row])
        return record

    def add(self, records: Iterable[Record]) -> list[Record]:
        """Keep records that were read; return those that were not known or have changed."""
        changed = []
        for record in records:
            if self._records.get(record.id) != record:
                changed.append(record)
            self._records[record.id] = record
            self._records.move_to_end(record.id)
            self._asked.discard(record.id)
            self._stale.discard(record.id)
        while len(self._records) > self._most:
            self._stale.discard(self._records.popitem(last=False)[0])
        return changed

    def outdate(self, ids: Iterable[int] | None = None) -> bool:
        """Mark some records, or all, as outdated; return whether any of them is here."""
        changed = self._records.keys() if ids is None else self._records.keys() & set(ids)
        self._stale |= changed
        self._asked -= changed
        return bool(changed)

    def clear(self) -> None:
        """Drop every record and every wish."""
        self._records.clear()
        self._stale.clear()
        self._asked.clear()
        self._wanted.clear()

    def take_wanted(self) -> Iterator[list[int]]:
        """Yield the ids that are wanted, a page at a time; each counts as asked for."""
        wanted, self._wanted = self._wanted, []
        for start in range(0, len(wanted), PAGE):
            yield wanted[start : start + PAGE]

    def _want(self, record_id: int) -> None:
        if record_id not in self._asked:
            self._asked.add(record_id)
            self._wanted.append(record_id)
            self._ask()
