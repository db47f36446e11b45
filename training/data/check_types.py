"""Types of the check report, which is plain JSON for the window and on disk."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Finding(TypedDict):
    """Finding of a check; ``level`` is ``error`` (forbids training), ``warning`` or ``note``."""

    level: str
    code: str
    sentence: str
    fields: list[str]


class FieldSize(TypedDict):
    """Number of fields of one size in pixels."""

    width: int
    height: int
    fields: int


class Sizes(TypedDict):
    """Sizes of the fields, the most common first, and the fields of all others."""

    table: list[FieldSize]
    outliers: list[str]


class Identical(TypedDict):
    """Byte-identical files: pairs, sets, and the sets that span classes."""

    pairs: int
    sets: list[list[str]]
    across_classes: list[list[str]]


class Agreement(TypedDict):
    """Agreement of the groups found with known ones, pair by pair."""

    fields: int
    pairs_known: int
    pairs_ours: int
    found: int
    recall: float
    precision: float
    fields_same_group: int


class Groups(TypedDict):
    """Same-field groups: how many, those of more than one field, and those that span classes."""

    count: int
    larger_than_one: int
    fields_in_larger: int
    largest: int
    sets: list[list[str]]
    across_classes: list[list[str]]
    agreement: NotRequired[Agreement]


class CheckReport(TypedDict):
    """Report of a dataset check; ``marks`` counts fields of each class by corner and kind of mark.

    ``probes`` are :class:`training.data.probes.ProbeResult`, ``archive`` the differences by kind.
    """

    folder: str
    fields: int
    classes: dict[str, int]
    files: dict[str, list[str]]
    patients: str
    sizes: Sizes
    identical: Identical
    groups: Groups
    marks: dict[str, dict[str, int]]
    probes: list[dict[str, Any]]
    archive: dict[str, Any] | None
    other_files: list[str]
    findings: list[Finding]
    errors: int
    seconds: float
