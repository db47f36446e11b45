"""Splits into training, validation and test, and the lists that document them.

Four kinds: by image as the papers did, by same-field group, by blocks of consecutive file numbers
with an embargo, by patient. All are seeded; all work as one hold-out or as folds.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.errors import StationError
from allstation.core.patients import patients_text
from allstation.core.tables import file_key, one_value_each
from allstation.core.text import natural_key
from allstation.table_files import read_table
from training.data.labelled_folder import LabelledSet
from training.fit.recipe import SplitSpec

Rows = NDArray[np.int64]
PARTS: Final = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Split:
    """Train, validation and test rows of a labelled set.

    Attributes:
        kind: Kind of split as figures name it, such as ``image-random hold-out``.
        train: Rows to learn from.
        validation: Rows to choose by.
        test: Rows opened once, at the end.
        left_out: Rows in none of them (the embargo).
        patients: Number of patients in words, or "patients unknown".
        ids: Patient of every row, empty where it is not known; nothing where no set was divided.
    """

    kind: str
    train: Rows
    validation: Rows
    test: Rows
    left_out: Rows
    patients: str = PATIENTS_UNKNOWN
    ids: tuple[str, ...] = ()

    def patients_of(self, rows: Sequence[int] | Rows) -> list[str]:
        """Return the patient of some rows; nothing unless every row of the set has one."""
        return [self.ids[int(row)] for row in rows] if self.patients != PATIENTS_UNKNOWN else []

    def part_of(self) -> dict[int, str]:
        """Name the part of every row."""
        return {int(row): part for part in PARTS for row in getattr(self, part)} | {
            int(row): "left out" for row in self.left_out
        }


def _make(kind: str, parts: Sequence[Rows], *, left_out: Rows | None = None, ids: Sequence[str]) -> Split:
    train, validation, test = (np.sort(np.asarray(part, np.int64)) for part in parts)
    rest = np.array([], np.int64) if left_out is None else np.sort(left_out)
    return Split(kind, train, validation, test, rest, patients_text(ids), tuple(ids))


def _join(parts: Sequence[Sequence[Rows]]) -> list[Rows]:
    """Join the parts of several classes: train with train, and so on."""
    return [np.concatenate([part[index] for part in parts]) for index in range(len(PARTS))]


def image_random(labels: Rows, spec: SplitSpec) -> list[Rows]:
    """Stratified by image: per class int(train n), int(validation n), the rest.

    These counts give 2277/486/493 on the whole data set, which is what Nadim's printed accuracies
    imply (0.9238682985 = 449/486; 0.9229208827 = 455/493).
    """
    generator = np.random.default_rng(spec.seed)
    parts = []
    for index in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == index))
        first = int(spec.train * len(rows))
        second = first + int(spec.validation * len(rows))
        parts.append(np.split(rows, [first, second]))
    return _join(parts)


def grouped(labels: Rows, groups: Sequence[str], spec: SplitSpec) -> list[Rows]:
    """Whole groups go to one part; each class comes near its share in each part."""
    generator = np.random.default_rng(spec.seed)
    shares = np.array([spec.train, spec.validation, 1 - spec.train - spec.validation])
    return _deal(labels, groups, shares, generator=generator)


def _deal(
    labels: Rows, groups: Sequence[str], shares: NDArray[Any], *, generator: np.random.Generator
) -> list[Rows]:
    """Deal shuffled groups, largest first, to the part that lacks most of the group's classes."""
    classes = int(labels.max()) + 1
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    counts = np.zeros((int(codes.max()) + 1, classes))
    np.add.at(counts, (codes, labels), 1)
    order = generator.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    wanted = shares[:, None] * np.bincount(labels, minlength=classes)
    dealt = np.zeros_like(wanted)
    place = np.empty(len(counts), int)
    for group in order:
        lack = ((wanted - dealt) / np.maximum(wanted, 1e-9)) @ counts[group]
        place[group] = int(lack.argmax())
        dealt[place[group]] += counts[group]
    return [np.flatnonzero(place[codes] == part) for part in range(len(shares))]


def _folds(labels: Rows, groups: Sequence[str], spec: SplitSpec) -> list[Rows]:
    """Equal shares, dealt by group; one fold is the test set, validation is dealt from the rest."""
    generator = np.random.default_rng(spec.seed)
    folds = _deal(labels, groups, np.full(spec.folds, 1 / spec.folds), generator=generator)
    test = folds[spec.fold]
    rest = np.setdiff1d(np.arange(len(labels)), test)
    share = spec.validation / (spec.train + spec.validation)
    names = np.asarray(groups)[rest].tolist()
    inner = _deal(labels[rest], names, np.array([1 - share, share]), generator=generator)
    return [rest[inner[0]], rest[inner[1]], test]


def blocks(
    labelled: LabelledSet, order: Sequence[str], groups: Sequence[str], *, spec: SplitSpec
) -> tuple[list[Rows], Rows]:
    """Contiguous blocks of file numbers per class, with fields left out on both sides of each border.

    The ring of a class's numbers is cut into test, validation and training; ``seed`` (hold-out) or
    ``fold`` turns it. Fields that share a same-field group with another part are left out too. What the
    embargo takes comes from training.

    Returns:
        The three parts and the rows left out.

    Raises:
        StationError: ``too-few-fields``, when a class is too small to keep the embargo.
    """
    labels = labelled.labels
    parts = []
    for index, name in enumerate(labelled.classes):
        rows = np.flatnonzero(labels == index)
        parts.append(
            _ring(rows[np.argsort([order[row] for row in rows.tolist()], kind="stable")], spec, name)
        )
    kept = _join(parts)
    names = np.asarray(groups)
    for earlier, later in ((2, 1), (2, 0), (1, 0)):
        shared = np.isin(names[kept[later]], names[kept[earlier]])
        kept[later] = kept[later][~shared]
    left_out = np.setdiff1d(np.arange(len(labels)), np.concatenate(kept))
    return kept, left_out


def _ring(rows: Rows, spec: SplitSpec, name: str) -> tuple[Rows, Rows, Rows]:
    """Cut the rows of one class, by file number, into training, validation and test."""
    n = len(rows)
    if spec.folds:
        start = spec.fold * n // spec.folds
        length = (spec.fold + 1) * n // spec.folds - start
    else:
        start = int(np.random.default_rng(spec.seed).integers(n)) if n else 0
        length = n - int(spec.train * n) - int(spec.validation * n)
    turned = np.roll(rows, -start)
    test, rest = turned[:length], turned[length:]
    second, gap = int(len(rest) * spec.validation / (spec.train + spec.validation)), spec.embargo
    # The ring closes: the fields before the test block border it as well. Numbers 1 and n do not
    # touch in life, but leaving a gap there too keeps every fold alike.
    gaps = 3 if second else 2
    if len(rest) - second <= gaps * gap:
        widest = max(0, (len(rest) - second - 1) // gaps)
        sentence = (
            f"The class {name} has {n} fields, too few for blocks that keep {gap} fields of distance: "
            f"its train part would be empty. Set the embargo to at most {widest}, add fields or choose "
            "another split."
        )
        raise StationError("too-few-fields", sentence)
    validation, train = rest[gap : gap + second], rest[(gaps - 1) * gap + second : len(rest) - gap]
    return train, validation, test


def kept_gap(labels: Rows, order: Sequence[str], parts: Sequence[Rows]) -> int:
    """Return the least number of fields, by file number in a class, between fields of different parts."""
    place = np.full(len(labels), -1)
    for number, rows in enumerate(parts):
        place[rows] = number
    least = len(labels)
    for index in np.unique(labels):
        rows = np.flatnonzero(labels == index)
        placed = place[rows[np.argsort([order[row] for row in rows.tolist()], kind="stable")]]
        used = np.flatnonzero(placed >= 0)
        borders = np.diff(placed[used]) != 0
        least = min([least, *(np.diff(used)[borders] - 1).tolist()])
    return least


def patient_ids(labelled: LabelledSet, spec: SplitSpec) -> list[str | None]:
    """Patient of every field from the labelled CSV, a patient CSV or a file-name pattern.

    Raises:
        StationError: ``bad-patients``, when the CSV cannot be used.
    """
    ids = [field.patient or None for field in labelled.fields]
    if spec.patients:
        table = _patient_table(Path(spec.patients))
        ids = [
            table.get(file_key(field.path.name), known)
            for field, known in zip(labelled.fields, ids, strict=True)
        ]
    if spec.patient_pattern:
        pattern = re.compile(spec.patient_pattern)
        found = [pattern.search(field.path.name) for field in labelled.fields]
        ids = [match.group(1) if match else known for match, known in zip(found, ids, strict=True)]
    return ids


def _patient_table(path: Path) -> dict[str, str]:
    table = read_table(path, ("file", "patient"), code="bad-patients")
    return {file_key(row["file"]): row["patient"] for row in table.rows if row["patient"]}


def groups_from_csv(labelled: LabelledSet, path: Path) -> list[str]:
    """Same-field group of every field from a CSV with the columns class, file, field_group.

    A field that the table does not name is a group of its own.

    Raises:
        StationError: ``bad-groups``, when the table cannot be used.
    """
    rows = read_table(path, ("class", "file", "field_group"), code="bad-groups").rows
    pairs = (((row["class"], file_key(row["file"])), row["field_group"]) for row in rows)
    named = one_value_each(pairs, name=path.name, column="field_group")
    table = {key: f"{key[0]}/{group}" for key, group in named.items()}
    keys = [(field.class_name, file_key(field.path.name)) for field in labelled.fields]
    if keys and not any(key in table for key in keys):
        sentence = (
            f"The table {path.name} names none of the {len(keys)} fields: no row has the class and file name "
            f"of one, such as {keys[0][0]} and {keys[0][1]}. Choose the table of this folder."
        )
        raise StationError("bad-groups", sentence)
    return [
        table.get(key, f"{key[0]}/{field.path.name}/alone")
        for key, field in zip(keys, labelled.fields, strict=True)
    ]


def make_split(labelled: LabelledSet, spec: SplitSpec, groups: Sequence[str]) -> Split:
    """Divide a labelled set as a recipe says.

    Args:
        labelled: The fields.
        spec: How.
        groups: Same-field group of each field, kept together by every kind but ``image-random``.

    Raises:
        StationError: ``no-patients`` when the kind needs patient ids that are not there;
            ``too-few-fields`` when a part would have no field of some class, or no room for the embargo.
    """
    labels = labelled.labels
    ids = patient_ids(labelled, spec)
    known = all(ids)
    if spec.kind == "patient":
        _need_patients(ids)
        groups = [str(name) for name in ids]
    elif known and spec.kind == "same-field":
        groups = [str(name) for name in ids]
    alone = [str(index) for index in range(len(labels))]
    makers: Mapping[str, Callable[[], list[Rows]]] = {
        "image-random": lambda: _folds(labels, alone, spec) if spec.folds else image_random(labels, spec),
        "same-field": lambda: (_folds if spec.folds else grouped)(labels, groups, spec),
        "patient": lambda: (_folds if spec.folds else grouped)(labels, groups, spec),
    }
    left_out, gap = None, 0
    if spec.kind == "blocks":
        order = [natural_key(field.path.name) for field in labelled.fields]
        parts, left_out = blocks(labelled, order, groups, spec=spec)
        gap = kept_gap(labels, order, parts)
    else:
        parts = makers[spec.kind]()
    split = _make(_named(spec, gap), parts, left_out=left_out, ids=[name or "" for name in ids])
    _need_every_class(split, labelled)
    return split


def _named(spec: SplitSpec, gap: int) -> str:
    ending = f"fold {spec.fold + 1} of {spec.folds}" if spec.folds else "hold-out"
    block = f"contiguous blocks, embargo {spec.embargo} (kept: {gap} fields)"
    kind = {"same-field": "same-field grouped", "patient": "patient-grouped", "blocks": block}.get(
        spec.kind, spec.kind
    )
    return f"{kind} {ending}"


def _need_patients(ids: Sequence[str | None]) -> None:
    missing = sum(1 for name in ids if not name)
    if missing:
        sentence = (
            f"A split by patient was asked for, but {missing} of {len(ids)} fields have no patient id. "
            "Give a CSV with the columns file and patient, or a file-name pattern, or choose another split."
        )
        raise StationError("no-patients", sentence)


def _need_every_class(split: Split, labelled: LabelledSet) -> None:
    for part in PARTS:
        counts = np.bincount(labelled.labels[getattr(split, part)], minlength=len(labelled.classes))
        for name, count in zip(labelled.classes, counts.tolist(), strict=True):
            if not count and not (part == "validation" and len(split.validation) == 0):
                total = int((labelled.labels == labelled.classes.index(name)).sum())
                sentence = (
                    f"The class {name} has {total} fields, too few for this split: its {part} part would be "
                    "empty. Add fields of this class or choose other shares."
                )
                raise StationError("too-few-fields", sentence)


def refusals(
    labelled: LabelledSet, groups: Sequence[str], specs: Sequence[SplitSpec]
) -> list[tuple[SplitSpec, StationError]]:
    """Return the divisions that :func:`make_split` would refuse, with its own sentences."""
    refused: list[tuple[SplitSpec, StationError]] = []
    for spec in specs:
        try:
            make_split(labelled, spec, groups)
        except StationError as error:
            refused.append((spec, error))
    return refused


def lists_csv(labelled: LabelledSet, split: Split, groups: Sequence[str]) -> str:
    """Write which field went where, one a line, sorted: the record a result stands on."""
    ids = split.ids or [field.patient for field in labelled.fields]
    parts = split.part_of()
    rows = sorted(
        (parts[row], field.class_name, labelled.relative(row), groups[row], ids[row])
        for row, field in enumerate(labelled.fields)
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("part", "class", "file", "field_group", "patient"))
    writer.writerows(rows)
    return text.getvalue()


def lists_sha256(text: str) -> str:
    """Hash of the lists, printed beside every figure that stands on them."""
    return hashlib.sha256(text.encode()).hexdigest()
