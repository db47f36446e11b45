"""Loading of a labelled set: read, checked and grouped once a process."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.imaging.fields.file import read_field
from allstation.imaging.inputs import InputSpec
from allstation.imaging.similarity import Gray, small_gray
from training.data import splits
from training.data.checked_table import CheckedTable, read_checked
from training.data.fields_in_memory import load_pixels
from training.data.labelled_folder import (
    FieldProblem,
    InspectedField,
    LabelledSet,
    inspect_file,
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


def open_data(recipe: Recipe, events: EventWriter, *, checked: Path | None = None) -> Data:
    """Read and check the recipe's labelled folder.

    Args:
        recipe: The recipe.
        events: Receives the progress.
        checked: Table of a check of the folder: of fields whose bytes are still the same nothing is
            decoded or compared again.

    Raises:
        StationError: As :func:`read_labelled`, and ``unreadable-fields``.
    """
    events.phase("checking", "Opening every field")
    labelled = read_labelled(Path(recipe.data))
    table = read_checked(checked)
    inspected: list[InspectedField] = []
    pictures: list[Gray | None] = []
    for row, entry in enumerate(labelled.fields):
        found, picture = _inspected(entry.path, labelled.relative(row), table)
        inspected.append(found)
        pictures.append(picture)
        events.progress(row + 1, len(labelled.fields), "fields opened")
        _end_if_asked(events)
    problems = [problem for one in inspected for problem in one.problems]
    for problem in problems:
        if not problem.error:
            events.message(problem.sentence, "warning")
    require_readable(problems)
    groups = _groups(labelled, recipe, events, known=table.groups_of(labelled, inspected), pictures=pictures)
    return Data(labelled, groups, labelled.sha256(one.sha256 for one in inspected))


def _inspected(path: Path, name: str, table: CheckedTable) -> tuple[InspectedField, Gray | None]:
    """Return what is known of a field by its bytes, or look at it, with its picture for the comparison."""
    try:
        file = read_field(path)
        known = table.field(name, file.sha256)
        return (known, None) if known is not None else (inspect_file(file), small_gray(file))
    except StationError as error:
        problem = FieldProblem(path, error.code, error.sentence, error=True)
        return InspectedField(size=None, sha256="", problems=(problem,)), None


def _groups(
    labelled: LabelledSet,
    recipe: Recipe,
    events: EventWriter,
    *,
    known: list[str] | None,
    pictures: list[Gray | None],
) -> list[str]:
    """Same-field groups from the recipe's table, else from the check, else by comparing the fields."""
    if recipe.split.groups:
        return splits.groups_from_csv(labelled, Path(recipe.split.groups))
    if known is not None:
        return known
    events.message("Comparing the fields to find those that show the same place.")
    paths = [entry.path for entry in labelled.fields]
    small = [
        small_gray(read_field(path)) if gray is None else gray
        for path, gray in zip(paths, pictures, strict=True)
    ]
    return same_field_groups(labelled, events, small)
