"""DICOM structured report of differential counts: TID 1500, a measurement group for each reader (PS3.16).

Needs pydicom, like all of ``dicom``, which makes the object around the content that is built here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from allstation.core.cell_types import PANEL_LOINC, CellSummary, Counts
from allstation.core.differential import Differential, TypeCount, report_of
from allstation.report.drawing.typeset import clean_line
from allstation.report.exchange.differential_codes import LOINC_NAMES, PER_HUNDRED, loinc_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SOP_CLASS: Final = "1.2.840.10008.5.1.4.1.1.88.33"
"""Comprehensive SR Storage."""
SCHEME: Final = "99ALLSTATION"
"""Designator of the program's own codes."""
_LONGEST: Final = 64
_SHORT: Final = 16
"""Characters of a code value; a longer one is a long code value (PS3.3, 8.8)."""
_DCM: Final = {
    "report": ("126000", "Imaging Measurement Report"),
    "language": ("121049", "Language of Content Item and Descendants"),
    "observer-type": ("121005", "Observer Type"),
    "device": ("121007", "Device"),
    "device-uid": ("121012", "Device Observer UID"),
    "device-name": ("121013", "Device Observer Name"),
    "person": ("121006", "Person"),
    "person-name": ("121008", "Person Observer Name"),
    "procedure": ("121058", "Procedure Reported"),
    "measurements": ("126010", "Imaging Measurements"),
    "group": ("125007", "Measurement Group"),
    "tracking": ("112039", "Tracking Identifier"),
    "tracking-uid": ("112040", "Tracking Unique Identifier"),
}
"""Codes of the scheme DCM that the template names (PS3.16, annex D)."""


def counted(summary: CellSummary) -> tuple[Differential, ...]:
    """Return the counts of readers who named a white cell."""
    return tuple(found for found in report_of(summary).readers if found.n)


def fill(
    made: Dataset, counts: Sequence[Differential], *, blood: bool, device: str, uid: Callable[[str], str]
) -> None:
    """Give an object the content of a measurement report.

    Args:
        made: Comprehensive SR with everything but its content.
        counts: By reader.
        blood: The smear is known to be of blood: LOINC is used.
        device: Name of the program with its version.
        uid: Returns a unique identifier for a name.
    """
    from pydicom.dataset import Dataset

    made.ValueType, made.ContinuityOfContent = "CONTAINER", "SEPARATE"
    made.ConceptNameCodeSequence = [_dcm("report")]
    made.ContentTemplateSequence = [_template("1500")]
    scheme = Dataset()
    scheme.CodingSchemeDesignator, scheme.CodingSchemeName = SCHEME, "Codes of ALL Station"
    scheme.CodingSchemeResponsibleOrganization = "ALL Station"
    made.CodingSchemeIdentificationSequence = [scheme]
    panel = _code(PANEL_LOINC, "LN", LOINC_NAMES[PANEL_LOINC])
    own = _code("differential-count", SCHEME, "Differential count of white cells")
    groups = [_group(found, blood=blood, uid=uid(f"count {n}")) for n, found in enumerate(counts, start=1)]
    made.ContentSequence = [
        _item("HAS CONCEPT MOD", "CODE", _dcm("language"), code=_code("en", "RFC5646", "English")),
        _item("HAS OBS CONTEXT", "CODE", _dcm("observer-type"), code=_dcm("device")),
        _item("HAS OBS CONTEXT", "UIDREF", _dcm("device-uid"), uid=uid("device")),
        _item("HAS OBS CONTEXT", "TEXT", _dcm("device-name"), text=device),
        _item("HAS CONCEPT MOD", "CODE", _dcm("procedure"), code=panel if blood else own),
        _container("CONTAINS", _dcm("measurements"), groups),
    ]


def _group(found: Differential, *, blood: bool, uid: str) -> Dataset:
    """Return the count of one reader (TID 1501)."""
    reader = clean_line(found.reader) or "a reader without a name"
    n = _code("white-cells-counted", SCHEME, "White cells counted")
    shown = [one for one in (*found.white, *found.beside) if one.count or one.type.counts is Counts.WHITE]
    children = [
        _item("HAS OBS CONTEXT", "TEXT", _dcm("tracking"), text=f"Differential count by {reader}"),
        _item("HAS OBS CONTEXT", "UIDREF", _dcm("tracking-uid"), uid=uid),
        _item("HAS OBS CONTEXT", "CODE", _dcm("observer-type"), code=_dcm("person")),
        _item("HAS OBS CONTEXT", "PNAME", _dcm("person-name"), name=reader),
        _number("CONTAINS", n, found.n, "{cells}"),
        *(item for one in shown for item in _type(one, blood=blood)),
    ]
    return _container("CONTAINS", _dcm("group"), children, template="1501")


def _type(one: TypeCount, *, blood: bool) -> Iterator[Dataset]:
    """Yield number and share of a type, the share with the ends of its interval."""
    key, name = one.type.key, clean_line(one.type.name) or one.type.key
    yield _number("CONTAINS", _code(f"{key}-cells", SCHEME, f"{name}: cells"), one.count, "{cells}")
    unit = "%" if one.type.counts is Counts.WHITE else PER_HUNDRED
    loinc = loinc_of(one.type, blood=blood)
    concept = _code(f"{key}-share", SCHEME, f"{name}: share of the white cells")
    if loinc:
        concept = _code(loinc, "LN", LOINC_NAMES.get(loinc, name))
    share = _number("CONTAINS", concept, one.per_hundred, unit)
    ends = (("low", "Lower"), ("high", "Upper"))
    share.ContentSequence = [
        _number(
            "HAS PROPERTIES",
            _code(f"share-{end}", SCHEME, f"{word} end of the exact 95 % interval"),
            value,
            unit,
        )
        for end, word in ends
        if math.isfinite(value := 100 * getattr(one.interval, end))
    ]
    yield share


def _dcm(name: str) -> Dataset:
    value, meaning = _DCM[name]
    return _code(value, "DCM", meaning)


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    from pydicom.dataset import Dataset

    made = Dataset()
    if len(value) > _SHORT:
        made.LongCodeValue = value
    else:
        made.CodeValue = value
    made.CodingSchemeDesignator, made.CodeMeaning = scheme, meaning[:_LONGEST].strip()
    return made


def _template(number: str) -> Dataset:
    from pydicom.dataset import Dataset

    made = Dataset()
    made.MappingResource, made.TemplateIdentifier = "DCMR", number
    return made


def _item(
    relation: str,
    kind: str,
    concept: Dataset,
    *,
    code: Dataset | None = None,
    text: str = "",
    uid: str = "",
    name: str = "",
) -> Dataset:
    from pydicom.dataset import Dataset

    made = Dataset()
    made.RelationshipType, made.ValueType = relation, kind
    made.ConceptNameCodeSequence = [concept]
    if code is not None:
        made.ConceptCodeSequence = [code]
    elif kind == "TEXT":
        made.TextValue = text
    elif kind == "UIDREF":
        made.UID = uid
    elif kind == "PNAME":
        made.PersonName = name.replace("^", " ").replace("=", " ").replace("\\", "/")[:_LONGEST]
    return made


def _container(
    relation: str, concept: Dataset, children: Sequence[Dataset], *, template: str = ""
) -> Dataset:
    made = _item(relation, "CONTAINER", concept)
    made.ContinuityOfContent = "SEPARATE"
    if template:
        made.ContentTemplateSequence = [_template(template)]
    made.ContentSequence = list(children)
    return made


def _number(relation: str, concept: Dataset, value: float, unit: str) -> Dataset:
    from pydicom.dataset import Dataset

    made, measured = _item(relation, "NUM", concept), Dataset()
    measured.NumericValue = f"{value:.4f}".rstrip("0").rstrip(".")
    measured.MeasurementUnitsCodeSequence = [_code(unit, "UCUM", _UNITS[unit])]
    made.MeasuredValueSequence = [measured]
    return made


_UNITS: Final = {"%": "percent", "{cells}": "cells", PER_HUNDRED: "per 100 white cells"}
