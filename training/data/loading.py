"""Loading of a labelled set: read, checked and grouped once a process."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.imaging.inputs import InputSpec
from training.data import splits
from training.data.fields_in_memory import load_pixels
from training.data.labelled_folder import (
    FieldProblem,
    LabelledSet,
    inspect_field,
    read_labelled,
    require_readable,
)
from training.data.same_field import same_field_groups
from training.fit.protocol import EventWriter
from training.fit.recipe import Recipe


@dataclass
class Data:
    """Labelled set with cached groups, pixels and features, shared by the runs of one process.

    Attributes:
        labelled: The fields.
        groups: Same-field group of each field.
        sha256: Hash of the fields' bytes and classes.
        pixels: Fields in memory by input description.
        features: Measured features of the classical methods, by what was measured.
    """

    labelled: LabelledSet
    groups: list[str]
    sha256: str
    pixels: dict[InputSpec, NDArray[np.uint8]] = field(default_factory=dict)
    features: dict[str, dict[str, NDArray[np.float64]]] = field(default_factory=dict)

    def prepared(self, spec: InputSpec, events: EventWriter) -> NDArray[np.uint8]:
        """Return all fields as bytes of the network's size, read at most once."""
        if spec not in self.pixels:

            def on_progress(done: int, total: int) -> None:
                events.progress(done, total, "fields read")
                _end_if_asked(events)

            self.pixels[spec] = load_pixels(
                [entry.path for entry in self.labelled.fields], spec, on_progress=on_progress
            )
        return self.pixels[spec]


def _end_if_asked(events: EventWriter) -> None:
    """Stop between two fields: before training there is nothing to keep."""
    if events.stopping:
        sentence = "Training was stopped before its first epoch was complete, so there is nothing to keep."
        raise StationError("stopped-early", sentence)


def open_data(recipe: Recipe, events: EventWriter) -> Data:
    """Read and check the recipe's labelled folder.

    Raises:
        StationError: As :func:`read_labelled`, and ``unreadable-fields``.
    """
    events.phase("checking", "Opening every field")
    labelled = read_labelled(Path(recipe.data))
    problems: list[FieldProblem] = []
    for done, entry in enumerate(labelled.fields, 1):
        problems.extend(inspect_field(entry.path)[1])
        events.progress(done, len(labelled.fields), "fields opened")
        _end_if_asked(events)
    for problem in problems:
        if not problem.error:
            events.message(problem.sentence, "warning")
    require_readable(problems)
    return Data(labelled, find_groups(labelled, recipe, events), labelled.sha256())


def find_groups(labelled: LabelledSet, recipe: Recipe, events: EventWriter) -> list[str]:
    """Same-field groups from the recipe's table, else by comparing the fields."""
    if recipe.split.groups:
        return splits.groups_from_csv(labelled, Path(recipe.split.groups))
    events.message("Comparing the fields to find those that show the same place.")
    return same_field_groups(labelled, events)
