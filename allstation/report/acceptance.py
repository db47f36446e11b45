"""Acceptance report of a site's model, a PDF: what was learned and tested, figures, decision rule."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from reportlab.platypus import Flowable, KeepTogether

from allstation import __version__
from allstation.core.classes import RESEARCH_USE
from allstation.core.errors import StationError
from allstation.core.times import Clock, stamp, utc_clock
from allstation.report.atomic import write_notice_pdf
from allstation.report.content.build import canonical_json
from allstation.report.content.wording import PROGRAM, decimal, moment, number, percent
from allstation.report.drawing.blocks import BODY, HEADING, SMALL, SUBHEADING, TITLE, Bullet, Note, Text
from allstation.report.drawing.canvas import Properties
from allstation.report.drawing.document import Paper, compose, make_footer
from allstation.report.drawing.fonts import BOLD, FIGURES, FIGURES_BOLD, Fonts
from allstation.report.drawing.grid import Cell, Column, Grid
from allstation.report.drawing.plots import ConfusionMatrix
from allstation.report.drawing.typeset import Typesetter, clean_line

_RESAMPLED: Final = (
    "Intervals resample whole slides or patients; without a mistake they tell nothing. The lower "
    "limit above is the lower one of these and of cells counted."
)
KIND: Final = "allstation-acceptance"
_GROUPS: Final = ("patients", "slides", "cells")
_LIMITS: Final = (
    RESEARCH_USE,
    "The figures hold for slides like those of the test: of this laboratory, with this microscope and stain.",
    "A type that was not told apart is not known to the model; such a cell may get the name of another type.",
    "The test part was opened once. A second test needs slides that no test has used.",
)


@dataclass(frozen=True, slots=True)
class AcceptanceOf:
    """Model that a report is about.

    Attributes:
        name: Name of the model, or of the case where it was refused.
        sha256: Hash of its bundle; empty where there is none.
        types: Shown name of each type by its key.
    """

    name: str
    sha256: str
    types: Mapping[str, str]


def write_acceptance_pdf(
    of: AcceptanceOf, report: Mapping[str, Any], target: Path, *, clock: Clock = utc_clock
) -> Path:
    """Write the outcome of a test.

    Args:
        of: The model.
        report: As ``commissioning.acceptance.acceptance_json`` gives it; printed, never computed here.
        target: The file; what is there stays until the new one has been checked.
        clock: Gives the time; the same report and clock give the same bytes.

    Returns:
        The target.

    Raises:
        StationError: ``not-written``, or ``report-broken`` if the file does not hold what it should;
            ``bad-acceptance`` if the report lacks what is printed.
    """
    try:
        data = _render(of, report, stamp(clock()))
    except (KeyError, TypeError, ValueError) as error:
        sentence = (
            f"The acceptance report of {clean_line(of.name)} cannot be printed: it lacks what is expected of "
            "it. Commission the laboratory again with this version."
        )
        raise StationError("bad-acceptance", sentence) from error
    return write_notice_pdf(target, data)


def _render(of: AcceptanceOf, report: Mapping[str, Any], created: str) -> bytes:
    setter, name = Typesetter(Fonts()), clean_line(of.name)
    body = {"model": {"name": of.name, "sha256": of.sha256}, "created": created, "acceptance": dict(report)}
    digest = hashlib.sha256(canonical_json(body).encode()).hexdigest()
    data = {"kind": KIND, "schema": 1, "version": __version__, "sha256": digest, "content": body}
    properties = Properties(
        title=f"Acceptance of {name}",
        author=PROGRAM,
        subject=RESEARCH_USE,
        keywords=f"model {of.sha256 or 'none'}; data sha256 {digest}",
        creator=f"{PROGRAM} {__version__}",
        moment=datetime.fromisoformat(created),
        data=canonical_json(data).encode(),
    )
    foot = make_footer(
        setter,
        head=(f"Acceptance of {name}", of.sha256[:16]),
        what=(f"Model {name}", moment(created)),
        digest=digest,
    )
    return compose(list(_blocks(of, report, created, setter)), properties, foot, paper=Paper.named("A4"))


def _blocks(
    of: AcceptanceOf, report: Mapping[str, Any], created: str, setter: Typesetter
) -> Iterator[Flowable]:
    verdict = "Accepted" if report["accepted"] else "Refused"
    yield Text(setter, f"Acceptance report: {verdict}", TITLE, bookmark=0)
    model = f"{clean_line(of.name)}, SHA-256 {of.sha256}" if of.sha256 else clean_line(of.name)
    yield Text(setter, f"{model}, {moment(created)}", SMALL, limit=3)
    if report["reason"]:
        yield Note(setter, clean_line(str(report["reason"])))
    if "figures" in report:
        yield from _summary(report, setter)
        yield from _figures(report, setter)
        yield from _types(of, report, setter)
        yield from _confusion(of, report, setter)
        yield from _rule(report, setter)
    yield Text(setter, "Limits", SUBHEADING)
    for limit in _LIMITS:
        yield Bullet(setter, limit)


def _summary(report: Mapping[str, Any], setter: Typesetter) -> Iterator[Flowable]:
    learned, tested, wanted = report["learned"], report["tested"], report["wanted"]
    of = str(report.get("groups", ""))
    of = of if of in _GROUPS else "slides or patients"
    text = (
        f"Learned from {number(learned['cells'])} cells of {number(learned['groups'])} {of}; tested once on "
        f"{number(tested['cells'])} cells of {number(tested['groups'])} {of} never learned from. "
        f"Split: {clean_line(str(report['split']))}; {clean_line(str(report['patients']))}. "
        f"Lower limit of balanced accuracy {decimal(report['lower_limit'])}, wanted "
        f"{decimal(wanted['lowest_balanced'])}."
    )
    yield Text(setter, text, BODY, limit=6)


def _figures(report: Mapping[str, Any], setter: Typesetter) -> Iterator[Flowable]:
    columns = (
        Column("Figure on the test part", lines=2),
        Column("Value", 60, "right", FIGURES_BOLD),
        Column("95 % interval", 100, "right", FIGURES),
        Column("n", 50, "right", FIGURES),
    )
    rows = [
        (
            Cell(clean_line(str(one["name"]))),
            Cell("undefined" if one["value"] is None else decimal(one["value"])),
            Cell(_interval(one["interval"])),
            Cell(number(one["n"])),
        )
        for one in report["figures"]
    ]
    yield Text(setter, "Overall", HEADING, bookmark=0)
    yield Grid(setter, columns, rows)
    yield Text(setter, _RESAMPLED, SMALL)


def _interval(pair: list[float] | None) -> str:
    if pair and pair[0] == pair[1]:
        return "no mistake"
    return f"{decimal(pair[0])} to {decimal(pair[1])}" if pair else "-"


def _rate(rate: Mapping[str, Any]) -> str:
    low, high = rate["interval"]
    return f"{decimal(rate['value'])} ({decimal(low)}\u2013{decimal(high)})"


def _types(of: AcceptanceOf, report: Mapping[str, Any], setter: Typesetter) -> Iterator[Flowable]:
    columns = (
        Column("Type", face=BOLD),
        Column("Learned", 50, "right", FIGURES),
        Column("Tested", 50, "right", FIGURES),
        Column("Named rightly", 112, "right", FIGURES),
        Column("Right when named", 112, "right", FIGURES),
        Column("AUC", 42, "right", FIGURES),
    )
    by_type = report["learned"]["by_type"]
    rows = [
        (
            Cell(_type_name(of, one["class"])),
            Cell(number(by_type.get(one["class"], 0))),
            Cell(number(one["support"])),
            *(Cell(_rate(one[name])) for name in ("recall", "precision")),
            Cell("-" if one["auc"] is None else decimal(one["auc"])),
        )
        for one in report["per_type"]
    ]
    note = Text(setter, "In brackets 95 % Wilson intervals over cells.", SMALL)
    yield KeepTogether([Text(setter, "By type", HEADING, bookmark=0), Grid(setter, columns, rows), note])
    for key, why in report["types_left_out"].items():
        yield Note(setter, f"Not known to the model: {_type_name(of, key)} ({clean_line(str(why))}).")


def _confusion(of: AcceptanceOf, report: Mapping[str, Any], setter: Typesetter) -> Iterator[Flowable]:
    evaluation = report["evaluation"]
    names = [_type_name(of, key) for key in evaluation["classes"]]
    matrix = np.array(evaluation["confusion"]["counts"], np.int64)
    title = Text(setter, "Confusion", HEADING, bookmark=0)
    yield KeepTogether([title, ConfusionMatrix(setter, names, matrix)])


def _rule(report: Mapping[str, Any], setter: Typesetter) -> Iterator[Flowable]:
    rule, wanted = report["rule"], report["wanted"]
    text = (
        f"Wanted: at most {percent(wanted['error_rate'])} wrong names among those that the model gives by "
        f"itself. It names {number(rule['named'])} of {number(rule['of'])} test cells; the others go to a "
        "person."
    )
    if rule["named"]:
        low, high = rule["interval"]
        text += (
            f" Of the named ones {number(rule['wrong'])} were wrong: {percent(rule['error_rate'])}, 95 % "
            f"interval {percent(low)} to {percent(high)}."
        )
    yield KeepTogether(
        [Text(setter, "Decision rule", HEADING, bookmark=0), Text(setter, text, BODY, limit=5)]
    )


def _type_name(of: AcceptanceOf, key: str) -> str:
    return clean_line(of.types.get(key, key))
