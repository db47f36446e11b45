"""The evaluation of a model on a labelled folder, as a PDF."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation import __version__
from allstation.core.classes import RESEARCH_USE, class_style
from allstation.core.evaluation import ClassFigures, Evaluation
from allstation.core.metrics import Figure
from allstation.core.records import ModelRecord
from allstation.core.statistics import Interval
from allstation.report.atomic import write_whole

if TYPE_CHECKING:
    from reportlab.platypus import Flowable

    from allstation.report.canvas import StationCanvas
    from allstation.report.grid import Cell
    from allstation.report.typeset import Typesetter

_SIDE: Final = 45.0
_TOP: Final = 42.0
_BOTTOM: Final = 58.0


def write_evaluation_pdf(
    model: ModelRecord,
    evaluation: Evaluation,
    decisions: Mapping[str, int],
    target: Path,
    *,
    moment: datetime | None = None,
) -> Path:
    """Write every figure of an evaluation.

    Args:
        model: The model.
        evaluation: Its figures.
        decisions: What the decision rule did with the fields, kind to count.
        target: Where to.
        moment: Time of the document, UTC; default now.

    Returns:
        The target.

    Raises:
        StationError: ``not-written`` if the folder cannot be written to.
    """
    return write_whole(target, _render(model, evaluation, decisions, moment or datetime.now(UTC)))


def _render(
    model: ModelRecord, evaluation: Evaluation, decisions: Mapping[str, int], moment: datetime
) -> bytes:
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import SimpleDocTemplate

    from allstation.report.canvas import Properties, StationCanvas
    from allstation.report.fonts import TEXT, Fonts
    from allstation.report.typeset import Typesetter

    setter = Typesetter(Fonts())
    setter.fonts.face(TEXT)
    said = f"{model.name} {model.version}, {model.sha256[:12]}"
    data = {"model": model.sha256, **evaluation.to_json(), "decisions": dict(decisions)}
    properties = Properties(
        title=f"Evaluation of {said}",
        author=f"ALL Station {__version__}",
        subject=RESEARCH_USE,
        keywords=f"model {model.sha256}",
        creator=f"ALL Station {__version__}",
        moment=moment,
        data=json.dumps(data, sort_keys=True).encode(),
    )
    furniture = partial(_furniture, setter, f"{said} \u00b7 {moment:%d %b %Y, %H:%M} UTC")
    target = io.BytesIO()
    document = SimpleDocTemplate(
        target,
        pagesize=A4,
        leftMargin=_SIDE,
        rightMargin=_SIDE,
        topMargin=_TOP,
        bottomMargin=_BOTTOM,
        invariant=1,
        initialFontName=TEXT,
        lang="en",
    )
    document.build(
        list(_story(setter, model, evaluation, decisions)),
        canvasmaker=partial(StationCanvas, properties=properties, furniture=furniture),
    )
    return target.getvalue()


def _furniture(setter: Typesetter, said: str, canvas: StationCanvas, page: int, pages: int) -> None:
    from allstation.report import palette
    from allstation.report.fonts import MEDIUM, TEXT

    right = canvas._pagesize[0] - _SIDE
    canvas.setStrokeColor(canvas.colour(palette.LINE))
    canvas.setLineWidth(0.6)
    canvas.line(_SIDE, 44, right, 44)
    canvas.text_line(setter.line(RESEARCH_USE, MEDIUM, size=7.4), _SIDE, 33, size=7.4, colour=palette.INK)
    line = setter.fitted(said, TEXT, size=7.4, width=380)
    canvas.text_line(line, _SIDE, 22, size=7.4, colour=palette.MUTED)
    number = setter.line(f"Page {page} of {pages}", TEXT, size=7.4)
    canvas.text_line(number, right - number.width, 33, size=7.4, colour=palette.INK)


def _story(
    setter: Typesetter, model: ModelRecord, evaluation: Evaluation, decisions: Mapping[str, int]
) -> Iterator[Flowable]:
    from allstation.report.blocks import BODY, HEADING, LEAD, SMALL, TITLE, Note, Text

    first = evaluation.figures[0]
    yield Text(setter, "Evaluation of a model", TITLE, bookmark=0)
    yield Text(setter, f"{model.name} {model.version}, SHA-256 {model.sha256}", SMALL)
    yield Text(setter, f"{first.n} fields in {evaluation.groups} groups; {first.patients}.", LEAD)
    yield Note(setter, f"Split: {first.split}. Intervals resample whole groups (95 %, bootstrap).")
    yield Text(setter, "Overall", HEADING, bookmark=0)
    yield _overall(setter, evaluation.figures)
    yield Text(setter, "Confusion", HEADING, bookmark=0)
    yield Text(setter, "Rows are the true classes, columns what the model named most probable.", BODY)
    yield _confusion(setter, evaluation)
    yield Text(setter, "Each class against the rest", HEADING, bookmark=0)
    yield _classes(setter, evaluation.per_class)
    yield Text(setter, "What the decision rule did", HEADING, bookmark=0)
    yield Text(setter, ", ".join(f"{kind}: {count}" for kind, count in decisions.items()) + ".", BODY)
    yield Text(setter, "Calibration", HEADING, bookmark=0)
    yield _reliability(setter, evaluation)


def _overall(setter: Typesetter, figures: tuple[Figure, ...]) -> Flowable:
    from allstation.report.fonts import FIGURES
    from allstation.report.grid import Cell, Column, Grid

    columns = (
        Column("Figure"),
        Column("Value", 80, "right", FIGURES),
        Column("95 % interval", 130, "right", FIGURES),
        Column("n", 60, "right", FIGURES),
    )
    rows = [[Cell(f.name), Cell(f"{f.value:.4f}"), Cell(_range(f.interval)), Cell(str(f.n))] for f in figures]
    return Grid(setter, columns, rows)


def _range(interval: Interval | None) -> str:
    return f"{interval.low:.4f} to {interval.high:.4f}" if interval else "none"


def _confusion(setter: Typesetter, evaluation: Evaluation) -> Flowable:
    from allstation.report.fonts import FIGURES
    from allstation.report.grid import Cell, Column, Grid

    counts = [Column(name, 74, "right", FIGURES) for name in evaluation.classes]
    rows = [
        [_class_cell(name, index), *(Cell(_share(count, sum(row))) for count in row)]
        for index, (name, row) in enumerate(zip(evaluation.classes, evaluation.matrix.tolist(), strict=True))
    ]
    return Grid(setter, (Column("True class"), *counts), rows)


def _share(count: int, of: int) -> str:
    return f"{count} ({count / of:.1%})" if of else "0"


def _class_cell(name: str, index: int) -> Cell:
    from allstation.report.grid import Cell

    style = class_style(name, index)
    return Cell(name, badge=(style.letter, style.colour))


def _classes(setter: Typesetter, figures: tuple[ClassFigures, ...]) -> Flowable:
    from allstation.report.fonts import FIGURES
    from allstation.report.grid import Cell, Column, Grid

    titles = ("Recall", "Precision", "Specificity")
    columns = (
        Column("Class"),
        *(Column(title, 112, "right", FIGURES) for title in titles),
        Column("AUC", 44, "right", FIGURES),
        Column("n", 40, "right", FIGURES),
    )
    rows = [
        [
            _class_cell(each.name, index),
            Cell(_with_range(each.rates.recall, each.recall)),
            Cell(_with_range(each.rates.precision, each.precision)),
            Cell(_with_range(each.rates.specificity, each.specificity)),
            Cell(f"{each.auc:.4f}"),
            Cell(str(each.rates.support)),
        ]
        for index, each in enumerate(figures)
    ]
    return Grid(setter, columns, rows)


def _with_range(value: float, interval: Interval) -> str:
    return f"{value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _reliability(setter: Typesetter, evaluation: Evaluation) -> Flowable:
    from allstation.report.fonts import FIGURES
    from allstation.report.grid import Cell, Column, Grid

    columns = (
        Column("Top probability", 0, "right", FIGURES),
        Column("Mean", 110, "right", FIGURES),
        Column("Share right", 110, "right", FIGURES),
        Column("n", 60, "right", FIGURES),
    )
    rows = [
        [
            Cell(f"{b.low:.3f} to {b.high:.3f}"),
            Cell(f"{b.confidence:.4f}"),
            Cell(f"{b.accuracy:.4f}"),
            Cell(str(b.count)),
        ]
        for b in evaluation.reliability
    ]
    return Grid(setter, columns, rows)
