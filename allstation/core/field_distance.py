"""Distance between the looks of two fields, as figures and words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

_WORDS: Final = ((0.035, "very alike"), (0.08, "alike"), (0.13, "a bit alike"))
"""Distances up to which these words are used. By the shipped model on 360 fields of the laboratory that it
learned from, two pictures of one field lie 0.034 apart (median of 80 pairs), two fields of one class 0.077
(of 17,329 pairs), of two classes 0.127 (of 47,211)."""
SHOWN: Final = 3
"""Fields that are shown beside one."""
FAR: Final = "not alike"
SAME: Final = "identical"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedField:
    """Field whose class a named person set, of a case or of the reference atlas.

    Attributes:
        sha256: Of the picture that was reviewed.
        class_name: What the person called it.
        reviewer: Who did.
        at: When, ISO 8601.
        field_id: In the case; 0 for a field of the atlas.
        place: Slide of the case; empty in the atlas.
    """

    sha256: str
    class_name: str
    reviewer: str
    at: str
    field_id: int = 0
    place: str = ""

    @property
    def from_atlas(self) -> bool:
        """Whether it stands in the reference atlas."""
        return not self.field_id


@dataclass(frozen=True, slots=True, kw_only=True)
class AlikeField:
    """Reviewed field that looks like another one.

    Attributes:
        reviewed: Who called it what.
        distance: As :func:`distances` gives it.
        same: It is the same picture, byte for byte.
        path: Its file.
        sha256: Of the file's bytes.
        size: Columns and rows of the file's picture.
        picture: Small picture, uint8 RGB (rows, columns, 3); None if it cannot be read any more.
    """

    reviewed: ReviewedField
    distance: float
    same: bool
    path: Path
    sha256: str
    size: tuple[int, int]
    picture: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlikeAnswer:
    """Reviewed fields that look most like one.

    Attributes:
        field_id: The field that was asked about.
        fields: The nearest first.
        compared: Reviewed fields that were compared.
        left: Reviewed fields that were not compared yet.
        waiting: Nothing is compared while fields wait to be classified.
    """

    field_id: int
    fields: tuple[AlikeField, ...] = ()
    compared: int = 0
    left: int = 0
    waiting: bool = False


def distances(appearance: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return how far others are from one field: 0 in the same direction of appearance, 1 at a right angle.

    Appearances are brought to length 1 first, as stain and focus scale them all.

    Args:
        appearance: (f,) of the field.
        others: (n, f).

    Returns:
        (n,), 0 to 2; infinite where nothing can be said.
    """
    one, many = np.asarray(appearance, np.float64), np.asarray(others, np.float64).reshape(len(others), -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        nearness = (many @ one) / (np.linalg.norm(many, axis=1) * np.linalg.norm(one))
    return np.where(np.isfinite(nearness), np.clip(1 - nearness, 0, 2), np.inf)


def distance_words(distance: float, *, same: bool = False) -> str:
    """Return a distance in words.

    Args:
        distance: As :func:`distances` gives it.
        same: Both are one picture, byte for byte.
    """
    if same:
        return SAME
    return next((words for limit, words in _WORDS if distance < limit), FAR)
