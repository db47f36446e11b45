"""Robustness on fields of held-out blocks: what disturbances cost networks that never saw the block.

The trunk sees each disturbed field once; the head of every fold is then judged on the fields of its own
test block, in NumPy, as the exported network computes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.shipped.cache import Trunk, arrays_on_disk, field_means
from training.shipped.fields import Fields
from training.shipped.fit import Linear
from training.shipped.measure import DISTURBANCES

Rows = NDArray[np.int64]

EVERY: Final = 5
"""Of each class's file numbers, one in so many: sittings interleave in pairs, which 2 would not mix."""


@dataclass(frozen=True)
class Disturbed:
    """Fields under each disturbance.

    Attributes:
        rows: Of the fields, ascending.
        means: What the trunk says of these fields (n, c), in this order, by name of the disturbance.
    """

    rows: Rows
    means: Mapping[str, NDArray[np.float32]]

    def right(self, head: Linear, labels: Rows, rows: Rows) -> NDArray[np.bool_]:
        """Judge a head on those of some fields that were disturbed.

        Returns:
            (disturbances, those of ``rows`` that were disturbed): whether the top class is the true one.
        """
        own = np.flatnonzero(np.isin(self.rows, rows))
        true = labels[self.rows[own]]
        found = [head.logits(means[own]).argmax(axis=1) for means in self.means.values()]
        return np.asarray(np.stack(found) == true)


def block_sample(fields: Fields, every: int = EVERY) -> Rows:
    """Return rows of one field in ``every``, in each class by file number."""
    chosen = []
    for label in np.unique(fields.labels):
        rows = np.flatnonzero(fields.labels == label)
        chosen.append(rows[np.argsort(fields.numbers[rows], kind="stable")][::every])
    return np.sort(np.concatenate(chosen))


def disturbed_fields(trunk: Trunk, fields: Fields, work: Path) -> Disturbed:
    """Return the sample of fields under each disturbance; what is on disk is not computed again."""
    rows, found = block_sample(fields), {}
    for number, (name, change) in enumerate(DISTURBANCES.items()):
        kept = work / f"means-disturbed-{len(rows)}-{number}.npz"
        if not kept.exists():
            changed = np.stack([change(field) for field in fields.rgb[rows]])
            arrays_on_disk(kept, means=field_means(trunk, changed)[0])
        with np.load(kept) as archive:
            found[name] = archive["means"]
    return Disturbed(rows, found)
