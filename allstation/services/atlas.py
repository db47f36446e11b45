"""Adds the reviewed fields of a case to the laboratory's reference atlas. No Qt; on any thread."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter
from allstation.core.limits import DecodeLimits
from allstation.processing.status_types import Problem
from allstation.store.atlas import Atlas
from allstation.store.case import Case

_OF_THE_ATLAS = ("not-an-atlas", "not-written")
"""Codes of what is wrong with the atlas itself: the next field would fail in the same way."""


@dataclass(frozen=True, slots=True)
class AtlasAddition:
    """Outcome of adding fields to an atlas.

    Attributes:
        added: Fields that were added.
        present: Fields that the atlas held already; they stay as they were.
        problems: Why others were not added.
        stopped: It was stopped before the end; adding again goes on.
    """

    added: int
    present: int
    problems: tuple[Problem, ...] = ()
    stopped: bool = False


def add_to_atlas(
    case_folder: Path,
    atlas: Path,
    *,
    ids: Collection[int] | None = None,
    limits: DecodeLimits | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
    stopped: Callable[[], bool] = lambda: False,
) -> AtlasAddition:
    """Copy fields that named persons gave a class to into an atlas.

    Args:
        case_folder: The case; it is only read.
        atlas: Folder of the atlas.
        ids: These fields only; None for all.
        limits: Of what is read.
        progress: Told of each field.
        stopped: Asked before each field.

    Raises:
        StationError: ``nothing-reviewed``, ``not-an-atlas``, ``not-written``, or why the case cannot be read.
    """
    kept, added, present, problems = Atlas(atlas), 0, 0, list[Problem]()
    with Case.open(case_folder, read_only=True) as case:
        reviewed = [one for one in case.fields.ids(FieldFilter(reviewed=True)) if ids is None or one in ids]
        records = [one for one in case.fields.records(reviewed) if one.review and one.review.class_name]
    if not records:
        sentence = "None of these fields has a class set by a person. Review some fields first."
        raise StationError("nothing-reviewed", sentence)
    for done, record in enumerate(records):
        if stopped():
            return AtlasAddition(added, present, tuple(problems), stopped=True)
        progress(done, len(records))
        try:
            new = kept.add(record, limits=limits)
        except StationError as error:
            if error.code in _OF_THE_ATLAS:
                raise
            problems.append(Problem.of(error, record.path.name))
        else:
            added, present = added + new, present + (not new)
    return AtlasAddition(added, present, tuple(problems))
