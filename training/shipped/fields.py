"""Labelled fields in memory and their splits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.classes import CLASS_NAMES
from allstation.core.errors import StationError
from allstation.imaging.formats.decode import decode_reduced
from allstation.imaging.formats.suffixes import looks_like_field
from allstation.imaging.preprocess import NETWORK_SIDE
from allstation.table_files import read_table

Rows = NDArray[np.int64]
Pixels = NDArray[np.uint8]
_NUMBER: Final = re.compile(r"(\d+)\D*$")


@dataclass(frozen=True)
class Fields:
    """Every labelled field, at the network's size.

    Attributes:
        names: ``class/file``.
        rgb: (n, 224, 224, 3) uint8.
        labels: Class indices into ``CLASS_NAMES``.
        groups: Same-field group of each; never shared between classes.
        numbers: File numbers, which follow the order of capture.
    """

    names: tuple[str, ...]
    rgb: Pixels
    labels: Rows
    groups: tuple[str, ...]
    numbers: Rows

    @property
    def sha256(self) -> str:
        """Hash of names and pixels: which fields the model was made from."""
        digest = hashlib.sha256("\n".join(self.names).encode())
        digest.update(np.ascontiguousarray(self.rgb).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Division:
    """Split of the fields.

    Attributes:
        name: For files and tables, such as ``blocks-2``.
        kind: Kind of split in words.
        train: Rows to learn from.
        validation: Rows to calibrate on; no field of them shares a group with ``train``.
        test: Rows opened at the end.
    """

    name: str
    kind: str
    train: Rows
    validation: Rows
    test: Rows


def read_fields(root: Path, groups_csv: Path | None) -> Fields:
    """Read class folders named as ``CLASS_NAMES``.

    Raises:
        StationError: ``no-fields`` if a class has none; as ``decode_reduced`` for a broken file.
    """
    paths = [
        (index, path)
        for index, name in enumerate(CLASS_NAMES)
        for path in sorted((root / name).glob("*"))
        if looks_like_field(path)
    ]
    labels = np.array([index for index, _ in paths], np.int64)
    if len(np.unique(labels)) < len(CLASS_NAMES):
        sentence = f"{root.name!r} needs the class folders {', '.join(CLASS_NAMES)} with fields in each."
        raise StationError("no-fields", sentence)
    names = tuple(f"{path.parent.name}/{path.name}" for _, path in paths)
    rgb = np.stack([decode_reduced(path, (NETWORK_SIDE, NETWORK_SIDE)) for _, path in paths])
    return Fields(names, rgb, labels, _groups(names, groups_csv), _numbers(names))


def _groups(names: Sequence[str], table: Path | None) -> tuple[str, ...]:
    known: dict[str, str] = {}
    if table is not None:
        known = {
            f"{row['class']}/{row['file']}": f"{row['class']}/{row['field_group']}"
            for row in read_table(table, ("class", "file", "field_group"), code="bad-groups").rows
        }
    return tuple(known.get(name, name) for name in names)


def _numbers(names: Sequence[str]) -> Rows:
    found = [_NUMBER.search(Path(name).stem) for name in names]
    return np.array([int(match.group(1)) if match else place for place, match in enumerate(found)], np.int64)


@dataclass(frozen=True, slots=True)
class CalibrationBlocks:
    """Blocks of training fields that the temperature is fitted on.

    Attributes:
        folds: Blocks that each class's training fields are cut into.
        blocks: Numbers of the blocks to use, from 0; each costs one more fit of the head.
        embargo: File numbers on both sides that the fit leaves out.
    """

    folds: int
    blocks: Sequence[int]
    embargo: int


def held_block(fields: Fields, rows: Rows, *, folds: int, fold: int, embargo: int) -> tuple[Rows, Rows]:
    """Hold out one block of consecutive file numbers of each class.

    Args:
        fields: All fields.
        rows: Those to divide.
        folds: Blocks of each class.
        fold: Which block to hold out, from 0.
        embargo: Fields at most this many file numbers away from the block are in neither part.

    Returns:
        The rest, which shares no same-field group with the block, and the block.
    """
    names = np.asarray(fields.groups)
    held, near = np.zeros(len(names), bool), np.zeros(len(names), bool)
    for label in np.unique(fields.labels[rows]):
        own = rows[fields.labels[rows] == label]
        own = own[np.argsort(fields.numbers[own], kind="stable")]
        block = np.array_split(own, folds)[fold]
        held[block] = True
        distance = np.abs(fields.numbers[own, None] - fields.numbers[None, block]).min(axis=1)
        near[own[distance <= embargo]] = True
    keep = ~held & ~near & ~np.isin(names, names[held])
    return rows[keep[rows]], np.flatnonzero(held)


def block_folds(fields: Fields, *, folds: int, embargo: int, validation: float, seed: int) -> list[Division]:
    """Cut each class's file numbers into contiguous blocks; block k of every class is test set k.

    Training fields keep a distance of more than ``embargo`` file numbers from the test block and share
    no same-field group with it. Validation is dealt from the rest by same-field group.
    """
    names = np.asarray(fields.groups)
    divisions = []
    for fold in range(folds):
        rest, test = held_block(fields, np.arange(len(names)), folds=folds, fold=fold, embargo=embargo)
        train, held = _deal(names[rest], validation, seed + fold)
        kind = f"contiguous blocks, {folds} folds, embargo {embargo}"
        divisions.append(Division(f"blocks-{fold + 1}", kind, rest[train], rest[held], test))
    return divisions


def calibrating(fields: Fields, division: Division, calibration: CalibrationBlocks) -> int:
    """Count the fields that a division's temperature is fitted on."""
    return sum(
        len(held_block(fields, division.train, folds=calibration.folds, fold=fold, embargo=0)[1])
        for fold in calibration.blocks
    )


def capture_blocks(fields: Fields, rows: Rows, size: int) -> list[str]:
    """Return the block of ``size`` consecutive file numbers of a class that each field lies in."""
    return [f"{fields.labels[row]}/{fields.numbers[row] // size}" for row in rows]


def share_near_training(fields: Fields, division: Division) -> float:
    """Return the share of test fields whose class has a training field with the next file number."""
    known = {(fields.labels[row], fields.numbers[row]) for row in division.train}
    beside = [
        any((fields.labels[row], fields.numbers[row] + step) in known for step in (-1, 1))
        for row in division.test
    ]
    return float(np.mean(beside))


def random_division(fields: Fields, seed: int) -> Division:
    """Divide by image, stratified 70/15/15, as the papers did."""
    generator = np.random.default_rng(seed)
    parts: list[list[Rows]] = [[], [], []]
    for label in np.unique(fields.labels):
        rows = generator.permutation(np.flatnonzero(fields.labels == label))
        cuts = [int(0.70 * len(rows)), int(0.70 * len(rows)) + int(0.15 * len(rows))]
        for part, chosen in zip(parts, np.split(rows, cuts), strict=True):
            part.append(chosen)
    train, validation, test = (np.sort(np.concatenate(part)) for part in parts)
    return Division(f"random-{seed}", "image-random 70/15/15", train, validation, test)


def grouped_division(fields: Fields, *, held: float, seed: int) -> Division:
    """Hold out a share of the same-field groups; half of them to calibrate on, half to test."""
    groups = np.asarray(fields.groups)
    train, rest = _deal(groups, held, seed)
    validation, test = _deal(groups[rest], 0.5, seed + 1)
    return Division("shipped", "same-field groups held out", train, rest[validation], rest[test])


def _deal(groups: NDArray[np.str_], share: float, seed: int) -> tuple[Rows, Rows]:
    """Split rows by group; the group's draw depends on its name and the seed only."""
    kinds, codes = np.unique(groups, return_inverse=True)
    held = np.random.default_rng(seed).random(len(kinds)) < share
    return np.flatnonzero(~held[codes]), np.flatnonzero(held[codes])
