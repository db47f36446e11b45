"""Retries of failed fields: what is never tried again by itself.

A field that was being worked on when the program died twice, or that failed unexpectedly twice, is left
out of everything that is queued without being named. A person's Retry, or naming the field, counts from
the beginning.
"""

from __future__ import annotations

from allstation.core.filters import FieldFilter
from allstation.core.records import FieldRecord, FieldState
from allstation.store.case import Case
from allstation.store.queue import LEFT_OUT


def left_out(case: Case) -> list[FieldRecord]:
    """Return the fields that only a person may queue again."""
    return [record for record in _failed(case) if record.error_code in LEFT_OUT]


def all_but_left_out(case: Case) -> list[int]:
    """Return the ids of all fields of the case that may be queued without being named."""
    barred = {record.id for record in left_out(case)}
    return [number for number in case.fields.ids() if number not in barred]


def requeue_failed(case: Case) -> None:
    """Queue failed fields again without a person having asked: tries go on counting."""
    ids = [record.id for record in _failed(case) if record.error_code not in LEFT_OUT]
    if ids:
        case.queue.requeue(ids, keep_attempts=True)


def _failed(case: Case) -> list[FieldRecord]:
    return case.fields.page(FieldFilter(state=FieldState.FAILED))
