"""Evaluation report of a model on labelled fields, a PDF: every figure with n, interval and split."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from reportlab.platypus import Flowable, KeepTogether

from allstation import __version__
from allstation.core.classes import PATIENTS_UNKNOWN, RESEARCH_USE
from allstation.core.evaluation import ACCURACY_BY_FIELD, Evaluation
from allstation.core.metrics import Figure, absent_classes
from allstation.core.records import ModelRecord
from allstation.core.times import Clock, stamp, utc_clock
from allstation.report.atomic import write_notice_pdf
from allstation.report.content.build import canonical_json
from allstation.report.content.wording import LIMITS, PROGRAM, decimal, moment, number, percent
from allstation.report.drawing.blocks import BODY, HEADING, SMALL, SUBHEADING, TITLE, Bullet, Note, Text
from allstation.report.drawing.canvas import Properties
from allstation.report.drawing.document import Paper, compose, make_footer
from allstation.report.drawing.fonts import BOLD, FIGURES, FIGURES_BOLD, TEXT, Fonts
from allstation.report.drawing.grid import Cell, Column, Grid
from allstation.report.drawing.plots import ConfusionMatrix, Reliability
from allstation.report.drawing.typeset import Typesetter, clean_line

KIND: Final = "allstation-evaluation"
_NOTE: Final = (
    "Intervals of overall figures are 95 % percentile bootstraps that resample whole groups of fields; "
    "those of recall, precision and specificity are 95 % Wilson intervals over fields."
)
_NOTE_BY_PATIENT: Final = (
    f"Intervals are 95 % percentile bootstraps that resample whole patients; that of {ACCURACY_BY_FIELD} "
    "alone takes fields for independent. Of one patient there is no interval."
)


def write_evaluation_pdf(
    model: ModelRecord,
    evaluation: Evaluation,
    decisions: Mapping[str, int],
    target: Path,
    *,
    clock: Clock = utc_clock,
) -> Path:
    """Write the evaluation of one model on one labelled set of fields.

    Args:
        model: The model.
        evaluation: Its figures; printed, never computed here.
        decisions: What its decision rule did, name to number of fields.
        target: The file; what is there stays until the new one has been checked.
        clock: Gives the time; the same evaluation and clock give the same bytes.

    Returns:
        The target.

    Raises:
        StationError: ``not-written``, or ``report-broken`` if the file does not hold what it should.
    """
    made = _Evaluated(model, evaluation, dict(decisions), stamp(clock()))
    data = _render(made)
    return write_notice_pdf(target, data)


@dataclass(frozen=True, slots=True)
class _Evaluated:
    """Model, evaluation and decisions to print."""

    model: ModelRecord
    evaluation: Evaluation
    decisions: dict[str, int]
    created: str

    @property
    def name(self) -> str:
        """Name and version of the model."""
        return clean_line(f"{self.model.name} {self.model.version}")

    def data(self) -> dict[str, object]:
        """Return the embedded machine-readable data."""
        body = {
            "model": {"name": self.model.name, "version": self.model.version, "sha256": self.model.sha256},
            "created": self.created,
            "evaluation": self.evaluation.to_json(),
            "decisions": self.decisions,
        }
        digest = hashlib.sha256(canonical_json(body).encode()).hexdigest()
        return {"kind": KIND, "schema": 1, "version": __version__, "sha256": digest, "content": body}


def _render(made: _Evaluated) -> bytes:
    setter, data = Typesetter(Fonts()), made.data()
    properties = Properties(
        title=f"Evaluation of {made.name}",
        author=PROGRAM,
        subject=RESEARCH_USE,
        keywords=f"model {made.model.sha256}; data sha256 {data['sha256']}",
        creator=f"{PROGRAM} {__version__}",
        moment=datetime.fromisoformat(made.created),
        data=canonical_json(data).encode(),
    )
    foot = make_footer(
        setter,
        head=(f"Evaluation of {made.name}", made.model.sha256[:16]),
        what=(f"Model {made.name}", moment(made.created)),
        digest=str(data["sha256"]),
    )
    return compose(list(_blocks(made, setter)), properties, foot, paper=Paper.named("A4"))


def _blocks(made: _Evaluated, setter: Typesetter) -> Iterator[Flowable]:
    n = int(made.evaluation.matrix.sum())
    split = made.evaluation.figures[0].split if made.evaluation.figures else "not given"
    patients = made.evaluation.figures[0].patients if made.evaluation.figures else PATIENTS_UNKNOWN
    yield Text(setter, "Model evaluation", TITLE, bookmark=0)
    yield Text(setter, f"{made.name}, SHA-256 {made.model.sha256}, {moment(made.created)}", SMALL, limit=3)
    text = (
        f"{number(n)} labelled fields in {number(made.evaluation.groups)} groups; split: {split}; {patients}."
    )
    yield Text(setter, text, BODY, limit=4)
    remark = absent_classes(made.evaluation.matrix, made.evaluation.classes)
    if remark:
        yield Note(setter, remark)
    yield from _figures(made, setter)
    yield from _confusion(made, setter)
    yield from _classes(made, setter)
    yield from _calibration(made, setter)
    yield from _decisions(made, setter)
    yield Text(setter, "Limits", SUBHEADING)
    for limit in LIMITS:
        yield Bullet(setter, limit)


def _figures(made: _Evaluated, setter: Typesetter) -> Iterator[Flowable]:
    columns = (
        Column("Figure", lines=2),
        Column("Value", 44, "right", FIGURES_BOLD),
        Column("95 % interval", 88, "right", FIGURES),
        Column("n", 36, "right", FIGURES),
        Column("", 8),
        Column("Split", 124, lines=3),
        Column("Patients", 84),
    )
    rows = [
        (
            Cell(one.name),
            Cell("undefined" if one.reason else decimal(one.value)),
            Cell(_interval(one)),
            Cell(number(one.n)),
            Cell(""),
            Cell(one.split),
            Cell(one.patients),
        )
        for one in made.evaluation.figures
    ]
    yield Text(setter, "Overall", HEADING, bookmark=0)
    yield Grid(setter, columns, rows)
    known = bool(made.evaluation.figures) and made.evaluation.figures[0].patients != PATIENTS_UNKNOWN
    yield Text(setter, _NOTE_BY_PATIENT if known else _NOTE, SMALL)


def _interval(figure: Figure) -> str:
    spread = figure.interval
    if spread is None or not math.isfinite(spread.low + spread.high):
        return "-"
    return f"{decimal(spread.low)} to {decimal(spread.high)}"


def _confusion(made: _Evaluated, setter: Typesetter) -> Iterator[Flowable]:
    title = Text(setter, "Confusion", HEADING, bookmark=0)
    yield KeepTogether([title, ConfusionMatrix(setter, made.evaluation.classes, made.evaluation.matrix)])


def _classes(made: _Evaluated, setter: Typesetter) -> Iterator[Flowable]:
    columns = (
        Column("Class", face=BOLD),
        Column("Fields", 44, "right", FIGURES),
        Column("Recall", 104, "right", FIGURES),
        Column("Precision", 104, "right", FIGURES),
        Column("Specificity", 104, "right", FIGURES),
        Column("F1", 38, "right", FIGURES),
        Column("AUC", 38, "right", FIGURES),
    )
    rows = [
        (
            Cell(one.name),
            Cell(number(one.rates.support)),
            *(
                Cell(f"{decimal(value)} ({decimal(spread.low)}\u2013{decimal(spread.high)})")
                for value, spread in (
                    (one.rates.recall, one.recall),
                    (one.rates.precision, one.precision),
                    (one.rates.specificity, one.specificity),
                )
            ),
            Cell(decimal(one.rates.f1)),
            Cell(decimal(one.auc) if one.auc == one.auc else "-"),
        )
        for one in made.evaluation.per_class
    ]
    yield KeepTogether([Text(setter, "By class", HEADING, bookmark=0), Grid(setter, columns, rows)])


def _calibration(made: _Evaluated, setter: Typesetter) -> Iterator[Flowable]:
    if not made.evaluation.reliability:
        return
    text = (
        "Top probability against the share of fields that are right; the area of a dot follows their number."
    )
    yield KeepTogether(
        [
            Text(setter, "Calibration", HEADING, bookmark=0),
            Text(setter, text, SMALL),
            Reliability(setter, made.evaluation.reliability),
        ]
    )


def _decisions(made: _Evaluated, setter: Typesetter) -> Iterator[Flowable]:
    total = sum(value for key, value in made.decisions.items() if key != "decided right")
    rows = [
        (Cell(name, TEXT), Cell(number(value)), Cell(percent(value / total) if total else "-"))
        for name, value in made.decisions.items()
    ]
    columns = (
        Column("What the decision rule did"),
        Column("Fields", 70, "right", FIGURES),
        Column("Share of all", 80, "right", FIGURES),
    )
    yield KeepTogether([Text(setter, "Decisions", HEADING, bookmark=0), Grid(setter, columns, rows)])
