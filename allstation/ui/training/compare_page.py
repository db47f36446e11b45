"""Compare page: matrix, classes and curves of a run, or of several runs on the same fields."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTableWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from allstation.core.errors import StationError
from allstation.core.evaluation import ACCURACY_BY_FIELD, OVERALL
from allstation.services.training.figures import RunFigures
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.tables import fill_row, table_of
from allstation.ui.training.field_preview import FieldPeek
from allstation.ui.training.plots.compare_plots import draw_figures
from allstation.ui.training.plots.confusion import ConfusionTable
from allstation.ui.training.plots.figures_pdf import Sheet, pages
from allstation.ui.training.plots.plotting import PlotArea, PlotLoader, check_saved
from allstation.ui.training.predictions import PredictionsPage

_ORDER: Final = (ACCURACY_BY_FIELD, *OVERALL)
_CLASS_COLUMNS: Final = ("Class", "Precision", "Recall", "Specificity", "F1", "AUC", "Fields")


class ComparePage(QWidget):
    """Shows figures of runs.

    Args:
        loader: Loads Matplotlib.

    Attributes:
        figures: Figures of the runs that are shown.
        comparison: Paired comparison of them; empty until it is computed.

    Signals:
        problem: A sentence.
    """

    problem = Signal(str)

    def __init__(self, loader: PlotLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.figures: list[RunFigures] = []
        self.comparison: Mapping[str, Any] = {}
        self._loader = loader
        self._writing: Path | None = None
        loader.written.connect(self._written)
        self._build_top()
        self._tabs = QTabWidget(self)
        self._tabs.setDocumentMode(True)
        self._tabs.addTab(self._build_matrix(), tr("Confusion"))
        self._classes = table_of(_CLASS_COLUMNS, tr("Figures per class"))
        self._tabs.addTab(self._classes, tr("Classes"))
        self._plots = PlotArea(loader, "", self)
        self._tabs.addTab(self._plots, tr("ROC and Reliability"))
        self.predictions = PredictionsPage(self)
        self._tabs.addTab(self.predictions, tr("Predictions"))
        self._tabs.addTab(self._build_side_by_side(), tr("Side by Side"))
        self._empty = QLabel(self, wordWrap=True, alignment=Qt.AlignmentFlag.AlignCenter)
        self._empty.setProperty("role", "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.addLayout(self._top)
        layout.addWidget(self._tabs, 1)
        layout.addWidget(self._empty, 1)
        self.show_nothing()

    def _build_top(self) -> None:
        self._which = QComboBox(self)
        self._which.setAccessibleName(tr("Run"))
        self._which.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._which.setMinimumContentsLength(14)
        self._which.currentIndexChanged.connect(self._show_one)
        self._about = QLabel(self, wordWrap=True)
        self._about.setProperty("role", "muted")
        self._export = QPushButton(tr("Export…"), self)
        self._export.setToolTip(
            tr("Write tables and curves as PDF, the tables as CSV, or the curves as PNG or SVG")
        )
        self._export.clicked.connect(self._ask_export)
        self._top = QHBoxLayout()
        self._top.addWidget(self._which)
        self._top.addWidget(self._about, 1)
        self._top.addWidget(self._export)

    def _build_matrix(self) -> QWidget:
        page = QWidget(self)
        self.matrix = ConfusionTable(self)
        self.matrix.cell_chosen.connect(self._cell_chosen)
        self.peek = FieldPeek(self)
        hint = QLabel(
            tr("Rows: true class. Columns: predicted class. Counts and percent of the row; click a cell."),
            self,
            wordWrap=True,
        )
        hint.setProperty("role", "muted")
        left = QVBoxLayout()
        left.addWidget(hint)
        left.addWidget(self.matrix, 1)
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 10, 0, 0)
        row.addLayout(left, 1)
        row.addWidget(self.peek, 1)
        return page

    def _build_side_by_side(self) -> QWidget:
        page = QWidget(self)
        self._overall = table_of((), tr("Figures of every run"))
        self._pairs = QLabel(self, wordWrap=True)
        self._pairs.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 10, 0, 0)
        column.addWidget(self._overall, 1)
        column.addWidget(self._pairs)
        return page

    # State -----------------------------------------------------------------------------------

    def show_nothing(self, text: str = "") -> None:
        """Empty the page: no run was chosen, or it has no figures."""
        self.figures, self.comparison = [], {}
        self._tabs.hide()
        for widget in (self._which, self._about, self._export):
            widget.hide()
        hint = tr("Select one or more evaluated runs on the Runs page, then Evaluate and Compare.")
        self._empty.setText(text or hint)
        self._empty.show()

    @Slot(str)
    def show_unreadable(self, sentence: str) -> None:
        """Say which run cannot be shown: here if there is no other, else as a notice beside the others."""
        if self.figures:
            self.problem.emit(sentence)
        else:
            self.show_nothing(sentence)

    @Slot(object)
    def show_figures(self, figures: Sequence[RunFigures]) -> None:
        """Show runs; the paired tests follow with :meth:`show_comparison`."""
        if not figures:
            self.show_nothing(tr("These runs have no figures yet. Finish or resume them first."))
            return
        self.figures, self.comparison = with_unique_titles(figures), {}
        self._empty.hide()
        self._tabs.show()
        for widget in (self._which, self._about, self._export):
            widget.show()
        self._list_runs()
        self._pairs.setText(tr("Comparing on the same fields…"))
        self._show_one()

    def add_model(self, model: RunFigures) -> None:
        """Show a model beside the runs: what it says of their test fields."""
        chosen = self._which.currentIndex()
        self.figures = [*self.figures, model]
        self._list_runs()
        self._which.setCurrentIndex(chosen)
        self.show_comparison(self.comparison)

    def _list_runs(self) -> None:
        self._which.blockSignals(True)
        self._which.clear()
        self._which.addItems([each.title for each in self.figures])
        self._which.blockSignals(False)
        self._fill_overall()

    def show_comparison(self, comparison: Mapping[str, Any]) -> None:
        """Show the paired tests of the child."""
        self.comparison = comparison
        titles = {each.folder.name: each.title for each in self.figures}
        lines = [pair_line(pair, titles) for pair in comparison.get("pairs", ())]
        if comparison.get("model"):
            lines.append(tr("Whether the active model learned from some of these fields is not known here; "
                            "if so, its figures are too high."))  # fmt: skip
        self._pairs.setText("\n".join(lines) or tr("Select two runs to compare them."))

    def show_comparison_problem(self, sentence: str) -> None:
        """The paired test could not be made."""
        self._pairs.setText(sentence)

    @property
    def _one(self) -> RunFigures | None:
        index = self._which.currentIndex()
        return self.figures[index] if 0 <= index < len(self.figures) else None

    def close_workers(self) -> None:
        """Wait for fields that are being read."""
        self.peek.close_workers()
        self.predictions.peek.close_workers()

    @Slot()
    def _show_one(self) -> None:
        run = self._one
        if run is None:
            return
        test = run.metrics
        self._about.setText(
            tr("Test set: n = {n} fields, {split}, {patients}; 95 % intervals", n=number(test["n"]),
               split=test["split"], patients=test["patients"])
        )  # fmt: skip
        self.matrix.set_counts(run.classes, test["confusion_rows_true"])
        self.peek.clear(tr("Choose a cell of the matrix to see its fields."))
        self._fill_classes(run)
        self.predictions.show_run(run)
        if run.roc or test["reliability"]:
            self._draw()
        else:
            self._plots.say(tr("This run has no predictions to draw curves of."))

    def _fill_classes(self, run: RunFigures) -> None:
        self._classes.setRowCount(len(run.classes))
        for row, name in enumerate(run.classes):
            entry = run.metrics["by_class"][name]
            texts = [name, *(interval_text(entry[key]) for key in ("precision", "recall", "specificity"))]
            area = f"{entry['AUC']:.3f}" if entry["AUC"] is not None else "–"
            fill_row(self._classes, row, [*texts, f"{entry['F1']:.3f}", area, number(entry["support"])])
        self._classes.resizeColumnsToContents()

    def _fill_overall(self) -> None:
        found = self.figures[0].metrics["overall"]
        names = [*(name for name in _ORDER if name in found), *(name for name in found if name not in _ORDER)]
        self._overall.setColumnCount(1 + len(self.figures))
        self._overall.setHorizontalHeaderLabels([tr("Figure"), *(each.title for each in self.figures)])
        self._overall.setRowCount(len(names))
        for row, name in enumerate(names):
            values = [interval_text(each.metrics["overall"].get(name)) for each in self.figures]
            fill_row(self._overall, row, [name, *values])
        self._overall.resizeColumnsToContents()

    @Slot(str, str)
    def _cell_chosen(self, true: str, predicted: str) -> None:
        run = self._one
        if run is None:
            return
        title = tr("{true}, predicted as {predicted}", true=true, predicted=predicted)
        paths = run.cell(true, predicted)
        self.peek.show_fields(title, paths)

    # Curves ----------------------------------------------------------------------------------

    @Slot()
    def _draw(self) -> None:
        run = self._one
        if run is not None and (run.roc or run.metrics["reliability"]):
            self._plots.show_plot(partial(draw_figures, run=run, palette=QPalette(self.palette())))

    def changeEvent(self, event: QEvent) -> None:
        """Draw again when light and dark change."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_plots"):
            self._draw()

    # Export ----------------------------------------------------------------------------------

    def sheets(self) -> list[Sheet]:
        """Return every table as it is on the screen."""
        run = self._which.currentText()
        return [
            Sheet(tr("{run}: confusion matrix (rows true)", run=run), _texts(self.matrix, rows_named=True)),
            Sheet(tr("{run}: classes", run=run), _texts(self._classes)),
            Sheet(tr("Side by side"), _texts(self._overall)),
        ]

    def export_to(self, path: Path) -> None:
        """Write the tables (``.csv``), tables and curves (``.pdf``) or the curves (any other suffix).

        Raises:
            OSError: If a table cannot be written. A picture's failure is told by :attr:`problem`.
        """
        about, below = self._about.text(), self._pairs.text()
        if path.suffix.casefold() == ".csv":
            rows = [row for sheet in self.sheets() for row in ([sheet.title], *sheet.rows, [])]
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([[about], [], *rows, *([line] for line in below.splitlines())])
            return
        self._writing = path
        drawings = pages(self.sheets(), self.figures, about=about, below=below)
        if path.suffix.casefold() != ".pdf":
            drawings = [self._plots.drawing] if self._plots.drawing is not None else []
        if drawings:
            self._loader.write(path, drawings)

    @Slot(object, str)
    def _written(self, path: Path, reason: str) -> None:
        if path == self._writing:
            self._writing = None
            if reason:
                sentence = tr("{name} could not be written ({error}).", name=path.name, error=reason)
                self.problem.emit(sentence)

    @Slot()
    def _ask_export(self) -> None:
        dialog = QFileDialog(self, tr("Export figures"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        filters = (
            tr("PDF of tables and curves (*.pdf)"),
            tr("CSV tables (*.csv)"),
            tr("PNG picture (*.png)"),
            tr("SVG drawing (*.svg)"),
        )
        dialog.setNameFilters(list(filters))
        dialog.setDefaultSuffix("pdf")
        dialog.selectFile("figures.pdf")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._export_selected)
        dialog.open()

    @Slot(str)
    def _export_selected(self, text: str) -> None:
        try:
            check_saved(Path(text), "comparison")
            self.export_to(Path(text))
        except StationError as error:
            self.problem.emit(error.sentence)
        except OSError as error:
            sentence = tr("{name} could not be written ({error}).", name=Path(text).name, error=error)
            self.problem.emit(sentence)


def _texts(table: QTableWidget, *, rows_named: bool = False) -> list[list[str]]:
    """The texts of a table, its header first, without line breaks."""
    columns, lines = range(table.columnCount()), range(table.rowCount())
    header = [item.text() if (item := table.horizontalHeaderItem(c)) else "" for c in columns]
    body = [
        [" ".join(item.text().split()) if (item := table.item(r, c)) else "" for c in columns] for r in lines
    ]
    if not rows_named:
        return [header, *body]
    names = [item.text() if (item := table.verticalHeaderItem(r)) else "" for r in lines]
    return [["", *header], *([name, *row] for name, row in zip(names, body, strict=True))]


def with_unique_titles(figures: Sequence[RunFigures]) -> list[RunFigures]:
    """Tell runs of one name apart by their folders."""
    titles = [each.title for each in figures]
    return [
        replace(each, title=f"{each.title} ({each.folder.name})") if titles.count(each.title) > 1 else each
        for each in figures
    ]


def interval_text(figure: Mapping[str, Any] | None) -> str:
    """Write a figure with its interval and n; a dash where there is none."""
    if not figure or figure.get("value") is None:
        return "–"
    pair = figure.get("interval")
    interval = f" [{pair[0]:.3f}, {pair[1]:.3f}]" if pair else ""
    return f"{figure['value']:.3f}{interval}, n = {figure['n']}"


def pair_line(pair: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Write one paired test in words."""
    first, second = (titles.get(str(pair[key]), str(pair[key])) for key in ("first", "second"))
    low, high = pair["interval"]
    return tr(
        "{first} against {second}, the same {n} fields: accuracy difference {d} [{low}, {high}]; "
        "only the first right {a}, only the second right {b}; "
        "exact McNemar p = {p}, adjusted for all pairs (Holm) p = {q}.",
        first=first, second=second, n=number(pair["n"]), d=f"{pair['accuracy_difference']:+.3f}",
        low=f"{low:+.3f}", high=f"{high:+.3f}", a=pair["only_first_right"], b=pair["only_second_right"],
        p=f"{pair['p_mcnemar']:.3g}", q=f"{pair['p_holm']:.3g}",
    )  # fmt: skip
