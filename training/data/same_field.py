"""Same-field groups of a labelled set: fields that overlap or repeat, found by comparing pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from allstation.imaging import similarity
from training.data.check_types import Agreement
from training.data.labelled_folder import LabelledSet
from training.fit.protocol import EventWriter


def same_field_groups(
    labelled: LabelledSet, events: EventWriter, pictures: Sequence[similarity.Gray]
) -> list[str]:
    """Name the group of every field; a field that resembles no other is a group of its own.

    Args:
        labelled: The fields, all readable.
        events: Receives the progress.
        pictures: Of each field, as :func:`~allstation.imaging.similarity.small_gray` makes it.

    Returns:
        One name a field: the relative path of the group's first field.
    """

    def on_progress(done: int, total: int) -> None:
        events.progress(done, total, "fields compared")

    groups = similarity.same_field_groups(pictures, progress=on_progress)
    return [labelled.relative(first) for first in groups]


def agreement(ours: Sequence[str], known: Sequence[str]) -> Agreement:
    """Compare two groupings of the same fields pair by pair.

    Returns:
        Pairs of fields in one group in ``ours`` and in ``known``, pairs in both (``found``), recall,
        precision, and the fields whose group has exactly the same members in both.
    """
    pairs_ours, pairs_known = _pairs(Counter(ours)), _pairs(Counter(known))
    together = Counter(zip(ours, known, strict=True))
    found = _pairs(together)
    sizes_ours, sizes_known = Counter(ours), Counter(known)
    same = sum(count for (a, b), count in together.items() if count == sizes_ours[a] == sizes_known[b])
    return {
        "fields": len(ours),
        "pairs_known": pairs_known,
        "pairs_ours": pairs_ours,
        "found": found,
        "recall": found / pairs_known if pairs_known else 1.0,
        "precision": found / pairs_ours if pairs_ours else 1.0,
        "fields_same_group": same,
    }


def _pairs(counts: Counter[str] | Counter[tuple[str, str]]) -> int:
    return sum(count * (count - 1) // 2 for count in counts.values())
