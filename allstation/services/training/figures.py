"""The figures of finished runs as the compare page shows them, read from what the child wrote."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.errors import StationError
from allstation.core.evaluation import current_name
from allstation.core.metrics import Roc, roc
from allstation.core.tables import SUFFIXES, number
from allstation.core.text import shown_name
from allstation.services.tasks import Serial
from allstation.services.training.history import read_json, read_summary
from allstation.table_files import read_table

MODEL: Final = "model"
"""What the training program calls the given model among the compared runs."""


@dataclass(frozen=True, slots=True)
class TestField:
    """Field of a run's test set.

    Attributes:
        path: The field.
        true: Its class.
        predicted: The class the run gave it.
        probabilities: In the order of the run's classes.
    """

    __test__ = False

    path: Path
    true: str
    predicted: str
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RunFigures:
    """Figures of one run for the compare page.

    Attributes:
        folder: Run folder.
        title: For people.
        classes: Class names.
        metrics: The ``test`` part of ``metrics.json``; figures have today's names.
        fields: The test set.
        roc: Class name to its curve.
    """

    folder: Path
    title: str
    classes: tuple[str, ...]
    metrics: Mapping[str, Any]
    fields: tuple[TestField, ...]
    roc: Mapping[str, Roc]

    def cell(self, true: str, predicted: str) -> list[Path]:
        """Return the fields of one cell of the confusion matrix."""
        return [each.path for each in self.fields if (each.true, each.predicted) == (true, predicted)]


def read_figures(folder: Path) -> RunFigures | None:
    """Read a finished run; None when it has no figures.

    Raises:
        StationError: ``damaged-run`` if its figures are not what the training program writes.
    """
    summary = read_summary(folder)
    found = read_json(folder / "metrics.json")
    unread = not found and (folder / "metrics.json").is_file()
    if summary is None or not (unread or "test" in found):
        return None
    return _figures(folder, summary.title, found.get("test"), folder / "predictions.csv", summary.info)


def _figures(folder: Path, title: str, test: Any, table: Path, info: Mapping[str, Any]) -> RunFigures:  # noqa: ANN401 - parsed JSON
    """Build what the page shows, once everything it reads is known to be there."""
    try:
        classes = tuple(str(name) for name in test["classes"])
        test = {**test, "overall": {current_name(name): each for name, each in test["overall"].items()}}
        _check(test, classes)
        fields = tuple(_read_predictions(table, classes, _fields_of(info)))
        return RunFigures(folder, title, classes, test, fields, _curves(fields, classes))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        sentence = (
            f"The figures of the run {title} ({shown_name(folder)}) are damaged and cannot be shown. "
            "Choose other runs, or train this one again."
        )
        raise StationError("damaged-run", sentence) from error


def _check(test: Mapping[str, Any], classes: Sequence[str]) -> None:
    """Touch everything that is shown of a run, so that damage is found here and not while it is drawn."""
    operator.index(test["n"])
    counts = np.array([[operator.index(n) for n in row] for row in test["confusion_rows_true"]])
    if counts.shape != (len(classes), len(classes)) or not {"split", "patients"} <= test.keys():
        raise ValueError("the confusion matrix does not fit the classes, or the split is not said")
    for entry in (test["by_class"][name] for name in classes):
        operator.index(entry["support"])
        _check_numbers(entry["F1"], entry["AUC"] or 0.0)
        _check_intervals(entry[key] for key in ("precision", "recall", "specificity"))
    _check_intervals(test["overall"].values())
    for each in test["reliability"]:
        _check_numbers(each["count"], each["confidence"] or 0.0, each["accuracy"] or 0.0)


def _check_intervals(figures: Iterable[Mapping[str, Any] | None]) -> None:
    for figure in figures:
        if figure and figure.get("value") is not None:
            low, high = figure.get("interval") or (0.0, 0.0)
            _check_numbers(figure["value"], low, high, figure["n"])


def _check_numbers(*values: Any) -> None:  # noqa: ANN401 - parsed JSON
    if not all(isinstance(value, (int, float)) for value in values):
        raise TypeError(f"expected numbers, received {values}")


def read_model(folder: Path, comparison: Mapping[str, Any]) -> RunFigures | None:
    """Read a model's predictions of a run's test fields; None when there are none.

    Args:
        folder: The run whose folder holds the model's predictions.
        comparison: What the training program reported of the comparison.

    Raises:
        StationError: ``damaged-run`` if the run's figures are not what the training program writes.
    """
    about, own = comparison.get("model") or {}, read_figures(folder)
    test = comparison.get("runs", {}).get(MODEL)
    if not about or own is None or not isinstance(test, dict):
        return None
    title = f"{about['name']} {about['version']} (active)"
    table, info = folder / str(about["predictions"]), read_json(folder / "run.json")
    return _figures(Path(MODEL), title, test, table, info)


def _fields_of(info: Mapping[str, Any]) -> Path:
    """Folder that a run's fields are named from."""
    data = Path(str(info.get("recipe", {}).get("data", "")))
    return data if data.suffix.casefold() not in SUFFIXES else data.parent


def _read_predictions(path: Path, classes: Sequence[str], base: Path) -> list[TestField]:
    try:
        table = read_table(path, ("part", "file", "class", "predicted", *classes), code="no-predictions")
    except StationError:
        return []
    rows = [row for row in table.rows if row["part"] == "test"]
    return [
        TestField(
            base / row.cell("file"),
            row.cell("class"),
            row.cell("predicted"),
            tuple(number(row[name]) for name in classes),
        )
        for row in rows
    ]


def _curves(fields: Sequence[TestField], classes: Sequence[str]) -> dict[str, Roc]:
    scores: NDArray[np.float64] = np.array([each.probabilities for each in fields]).reshape(-1, len(classes))
    curves = {}
    for index, name in enumerate(classes):
        positive = np.array([each.true == name for each in fields], bool)
        if positive.any() and not positive.all():
            curves[name] = roc(scores[:, index], positive)
    return curves


class FigureReader(QObject):
    """Reads the figures of runs on a worker thread.

    Signals:
        runs_read: Sequence of :class:`RunFigures`.
        model_read: :class:`RunFigures` of a model on the same fields.
        problem: A sentence that names a run whose figures cannot be read; follows ``runs_read``.
    """

    runs_read = Signal(object)
    model_read = Signal(object)
    problem = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._serial = Serial(self)

    def read(self, folders: Sequence[Path]) -> None:
        """Read these runs; ``found`` follows."""
        self._serial.run(partial(_read_all, tuple(folders))).done.connect(self._take)

    def read_model(self, folder: Path, comparison: Mapping[str, Any]) -> None:
        """Read a model's predictions of a run's fields; ``model_read`` follows if there are any."""
        task = self._serial.run(partial(read_model, folder, comparison))
        task.done.connect(self._take_model)
        task.failed.connect(self._failed)

    def close(self) -> None:
        """Wait for what is being read."""
        self._serial.close()

    @Slot(object)
    def _take(self, read: tuple[list[RunFigures], list[str]]) -> None:
        found, problems = read
        self.runs_read.emit(found)
        for sentence in problems:
            self.problem.emit(sentence)

    @Slot(object)
    def _take_model(self, found: RunFigures | None) -> None:
        if found is not None:
            self.model_read.emit(found)

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StationError):
            raise error
        self.problem.emit(error.sentence)


def _read_all(folders: Sequence[Path]) -> tuple[list[RunFigures], list[str]]:
    """Return the figures of runs, and a sentence for each whose figures cannot be read."""
    found, problems = [], []
    for folder in folders:
        try:
            figures = read_figures(folder)
        except StationError as error:
            problems.append(error.sentence)
        else:
            found += [figures] if figures is not None else []
    return found, problems
