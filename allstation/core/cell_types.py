"""Types of cells: the list that a laboratory counts by, with keys, colours and codes.

A type is a name that a person gives to a cell. No type, and no share of one, is a diagnosis.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Final

from allstation.core.errors import StationError
from allstation.core.text import storable

LONGEST_NAME: Final = 60
MOST_TYPES: Final = 64
_KEY: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")


class Counts(StrEnum):
    """Group that cells of a type count as.

    ``WHITE`` is one of the 100, 200 or 400; ``BESIDE`` is reported per 100 of them; ``NO`` is neither.
    """

    WHITE = "white"
    BESIDE = "beside"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellType:
    """Type of cell.

    Attributes:
        key: Stored with each cell that has the type: lower-case letters, digits and hyphens; never changes.
        name: Shown name.
        colour: ``#rrggbb``.
        shortcut: One key that gives a cell the type; empty for none.
        counts: What its cells count as.
        loinc: Code of its share of the white cells in blood; empty where there is none.
        snomed: SNOMED CT concept id of the cell; empty where there is none.
    """

    key: str
    name: str
    colour: str
    shortcut: str = ""
    counts: Counts = Counts.WHITE
    loinc: str = ""
    snomed: str = ""


SHIPPED_TYPES: Final[tuple[CellType, ...]] = (
    CellType(key="blast", name="Blast", colour="#d55e00", shortcut="b", loinc="26446-5", snomed="312256009"),
    CellType(
        key="lymphocyte",
        name="Lymphocyte",
        colour="#0072b2",
        shortcut="l",
        loinc="26478-8",
        snomed="56972008",
    ),
    CellType(
        key="reactive-lymphocyte",
        name="Reactive or atypical lymphocyte",
        colour="#56b4e9",
        shortcut="r",
        loinc="13046-8",
    ),
    CellType(key="hematogone", name="Hematogone", colour="#e69f00", shortcut="h"),
    CellType(
        key="band",
        name="Neutrophil, band",
        colour="#77ee55",
        shortcut="s",
        loinc="26508-2",
        snomed="702697008",
    ),
    CellType(
        key="segmented",
        name="Neutrophil, segmented",
        colour="#888866",
        shortcut="n",
        loinc="26505-8",
        snomed="80153006",
    ),
    CellType(
        key="eosinophil",
        name="Eosinophil",
        colour="#aa0000",
        shortcut="e",
        loinc="26450-7",
        snomed="14793004",
    ),
    CellType(
        key="basophil", name="Basophil", colour="#5522aa", shortcut="a", loinc="30180-4", snomed="30061004"
    ),
    CellType(
        key="monocyte", name="Monocyte", colour="#aa77ff", shortcut="m", loinc="26485-3", snomed="55918008"
    ),
    CellType(
        key="promyelocyte",
        name="Promyelocyte",
        colour="#aa11ff",
        shortcut="p",
        loinc="26524-9",
        snomed="43446009",
    ),
    CellType(key="myelocyte", name="Myelocyte", colour="#ccaa66", shortcut="y", loinc="26498-6"),
    CellType(key="metamyelocyte", name="Metamyelocyte", colour="#ccccaa", shortcut="t", loinc="28541-1"),
    CellType(
        key="plasma-cell",
        name="Plasma cell",
        colour="#881166",
        shortcut="c",
        loinc="13047-6",
        snomed="113335003",
    ),
    CellType(
        key="nucleated-red-cell",
        name="Nucleated red cell",
        colour="#aa5577",
        shortcut="x",
        counts=Counts.BESIDE,
        loinc="19048-8",
    ),
    CellType(
        key="smudge-cell",
        name="Smudge cell",
        colour="#88aabb",
        shortcut="d",
        counts=Counts.BESIDE,
        loinc="34992-8",
        snomed="34717007",
    ),
    CellType(
        key="artefact", name="Artefact", colour="#554433", shortcut="z", counts=Counts.NO, snomed="47973001"
    ),
    CellType(key="unidentified", name="Unidentified", colour="#bbdddd", shortcut="u"),
)
"""The list as shipped; a laboratory edits its own copy.

Colours lie at least 15 apart in CIELAB for normal vision and for each of three colour deficiencies; a name or
key always stands beside them. Codes of LOINC are shares of leukocytes in blood, without a method; where no
code of exactly that meaning is known, there is none.
"""

PANEL_LOINC: Final = "69738-3"
"""LOINC of a differential count of blood, whatever its method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellExample:
    """Cell that shows what was given a type.

    Attributes:
        field_id: Its field.
        number: Its number within the field.
        type: The type that a person gave.
        box: Left, top, width and height, pixels of the file.
    """

    field_id: int
    number: int
    type: str
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSummary:
    """Types of the cells of a case, as reports and exports need them, read in one transaction.

    Attributes:
        types: The case's list of types.
        total: Cells that count.
        by_reader: Cells by type, for each person who gave types, in alphabetical order.
        proposed: Cells without a person's type, by proposed type.
        pairs: For two readers, the first in alphabetical order, and a type of each: cells that both named so.
        typer_sha256: The typer that made the proposals; empty for none.
        examples: A few cells of each type that a person gave, spread over the fields.
        by_slide: Cells by slide and the type that a person gave last, whoever it was.
    """

    types: tuple[CellType, ...] = SHIPPED_TYPES
    total: int = 0
    by_reader: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    proposed: Mapping[str, int] = field(default_factory=dict)
    pairs: Mapping[tuple[str, str], Mapping[tuple[str, str], int]] = field(default_factory=dict)
    typer_sha256: str = ""
    examples: tuple[CellExample, ...] = ()
    by_slide: Mapping[int, Mapping[str, int]] = field(default_factory=dict)


def type_of(types: Iterable[CellType], key: str) -> CellType:
    """Return the type with a key; one that the list lacks is shown in grey under its key, and counted."""
    found = next((one for one in types if one.key == key), None)
    return found or CellType(key=key, name=key, colour="#6e6e6e")


def checked_types(types: Sequence[CellType]) -> tuple[CellType, ...]:
    """Return a list of types that can be stored.

    Raises:
        StationError: ``bad-cell-types``: a key, name, colour or shortcut is wrong or stands there twice.
    """
    if not 1 <= len(types) <= MOST_TYPES:
        raise _refused(f"{len(types)} types were given; a list has 1 to {MOST_TYPES}")
    for one in types:
        name = storable(one.name).strip()
        if _KEY.fullmatch(one.key) is None:
            raise _refused(f"the key {one.key!r} is not lower-case letters, digits and hyphens")
        if not 0 < len(name) <= LONGEST_NAME:
            raise _refused(f"the name of {one.key!r} is not 1 to {LONGEST_NAME} letters long")
        if _COLOUR.fullmatch(one.colour) is None:
            raise _refused(f"the colour {one.colour!r} is not written as #rrggbb")
        if len(one.shortcut) > 1:
            raise _refused(f"the shortcut {one.shortcut!r} is more than one key")
    for what in ("key", "name", "shortcut"):
        given = [getattr(one, what) for one in types if getattr(one, what)]
        twice = sorted(value for value in set(given) if given.count(value) > 1)
        if twice:
            raise _refused(f"the {what} {twice[0]!r} stands there twice")
    return tuple(types)


def types_json(types: Sequence[CellType]) -> str:
    """Return a list of types as the JSON text that settings and cases hold."""
    return json.dumps([asdict(one) for one in types], allow_nan=False, separators=(",", ":"))


def types_from_json(text: str) -> tuple[CellType, ...]:
    """Read what :func:`types_json` wrote.

    Raises:
        StationError: ``bad-cell-types``.
    """
    try:
        entries = json.loads(text)
        return checked_types([_type_from(entry) for entry in entries])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _refused(f"it is no list of types ({type(error).__name__})") from error


def _type_from(entry: Mapping[str, object]) -> CellType:
    texts = {name: entry.get(name, "") for name in ("shortcut", "loinc", "snomed")}
    required = {name: entry[name] for name in ("key", "name", "colour")}
    values = {**texts, **required}
    if not all(isinstance(value, str) for value in values.values()):
        raise TypeError
    counts = Counts(str(entry.get("counts", Counts.WHITE)))
    return CellType(counts=counts, **{name: str(value) for name, value in values.items()})


def _refused(problem: str) -> StationError:
    sentence = f"This list of cell types cannot be used: {problem}. Correct it, or use the shipped list."
    return StationError("bad-cell-types", sentence)
