"""Differential counts as FHIR observations: a panel for each reader, an observation for each type."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

from allstation.core.cell_types import PANEL_LOINC, CellSummary, CellType, Counts
from allstation.core.differential import Differential, TypeCount, report_of
from allstation.report.drawing.typeset import clean_line
from allstation.report.exchange.differential_codes import LOINC_NAMES, PER_HUNDRED, loinc_of

Resource = dict[str, Any]
SYSTEM: Final = "urn:allstation:codes"
_LOINC: Final = "http://loinc.org"
_UCUM: Final = "http://unitsofmeasure.org"
_CATEGORY: Final = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": "laboratory",
            "display": "Laboratory",
        }
    ]
}
_METHOD: Final = "White cells of microscope fields, named one by one by a person"


def differential_observations(
    summary: CellSummary,
    *,
    blood: bool,
    base: Callable[[Resource], Resource],
    reference: Callable[[str], dict[str, str]],
) -> Iterator[tuple[str, Resource]]:
    """Yield the observations of every reader's count, each with the name it goes by in the bundle.

    Proposed types are nobody's and are not among them.

    Args:
        summary: Cells of the case, readers named as the export names them.
        blood: The smear is known to be of blood: LOINC is used.
        base: Returns an observation with a code, and what all observations of the bundle share.
        reference: Returns a reference to a named resource.
    """
    for number, found in enumerate(report_of(summary).readers, start=1):
        if not found.n:
            continue
        shown = [one for one in (*found.white, *found.beside) if one.count or one.type.counts is Counts.WHITE]
        names = [f"cells {number} {one.type.key}" for one in shown]
        panel = _counted(base(_panel_code(blood=blood)), found)
        panel["valueQuantity"] = _quantity(found.n, "{cells}", "cells")
        panel["hasMember"] = [reference(name) for name in names]
        if found.note:
            panel["note"] = [*panel["note"], {"text": found.note}]
        yield f"cells {number}", panel
        for name, one in zip(names, shown, strict=True):
            yield name, _type(_counted(base(_code(one.type, blood=blood)), found), one, found.n)


def _counted(made: Resource, found: Differential) -> Resource:
    """Return an observation that a person made: without the model, with who counted."""
    kept = {key: value for key, value in made.items() if key not in {"device", "method"}}
    reader = clean_line(found.reader)
    performer = {"performer": [{"display": reader}]} if reader else {}
    return {**kept, "category": [_CATEGORY], "method": {"text": _METHOD}, **performer}


def _type(made: Resource, one: TypeCount, n: int) -> Resource:
    share = one.type.counts is Counts.WHITE
    unit, shown = ("%", "%") if share else (PER_HUNDRED, "per 100 white cells")
    made["valueQuantity"] = _quantity(round(one.per_hundred, 4), unit, shown)
    ends = (("low", "Lower"), ("high", "Upper"))
    made["component"] = [
        _part("cells", "Cells of this type", _quantity(one.count, "{cells}", "cells")),
        _part("white-cells-counted", "White cells counted", _quantity(n, "{cells}", "cells")),
        *(
            _part(f"share-{end}", f"{word} end of the exact 95 % interval", _quantity(value, unit, shown))
            for end, word in ends
            if math.isfinite(value := round(100 * getattr(one.interval, end), 4))
        ),
    ]
    return made


def _panel_code(*, blood: bool) -> Resource:
    own = {"system": SYSTEM, "code": "differential-count", "display": "Differential count of white cells"}
    loinc = {"system": _LOINC, "code": PANEL_LOINC, "display": LOINC_NAMES[PANEL_LOINC]}
    return {"coding": [loinc, own] if blood else [own], "text": "Differential count of white cells"}


def _code(kind: CellType, *, blood: bool) -> Resource:
    name = clean_line(kind.name) or kind.key
    coding = [{"system": SYSTEM, "code": f"cell-{kind.key}", "display": name}]
    if code := loinc_of(kind, blood=blood):
        display = {"display": LOINC_NAMES[code]} if code in LOINC_NAMES else {}
        coding.insert(0, {"system": _LOINC, "code": code, **display})
    return {"coding": coding, "text": name}


def _part(code: str, text: str, quantity: Resource) -> Resource:
    coding = [{"system": SYSTEM, "code": code, "display": text}]
    return {"code": {"coding": coding, "text": text}, "valueQuantity": quantity}


def _quantity(value: float, code: str, unit: str) -> Resource:
    return {"value": value, "unit": unit, "system": _UCUM, "code": code}
