"""What a run is worth: matrix, classes, curves; and two or more runs side by side on the same fields."""

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
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from allstation.services.training_figures import RunFigures
from allstation.ui.text import number, tr
from allstation.ui.theme import class_colour, tokens
from allstation.ui.training.confusion import ConfusionTable
from allstation.ui.training.peek import FieldPeek
from allstation.ui.training.plotting import PlotArea, PlotLoader, style_axes, style_legend

_STYLES: Final = ("-", "--", "-.", ":")
_CLASS_COLUMNS: Final = ("Class", "Precision", "Recall", "Specificity", "F1", "AUC", "Fields")


class ComparePage(QWidget):
    """Shows figures of runs.

    Args:
        loader: Loads Matplotlib.

    Signals:
        fields_asked: Title and paths behind a cell of the matrix.
        problem: A sentence.
    """

    fields_asked = Signal(str, object)
    problem = Signal(str)

    def __init__(self, loader: PlotLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._figures: list[RunFigures] = []
        self._comparison: Mapping[str, Any] = {}
        self._build_top()
        self._tabs = QTabWidget(self)
        self._tabs.setDocumentMode(True)
        self._tabs.addTab(self._build_matrix(), tr("Confusion"))
        self._classes = _table(_CLASS_COLUMNS, tr("Figures per class"))
        self._tabs.addTab(self._classes, tr("Classes"))
        self._plots = PlotArea(loader, "", self)
        self._tabs.addTab(self._plots, tr("ROC and Reliability"))
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
        self._export.setToolTip(tr("Write the tables as CSV, or the curves as PDF, PNG or SVG"))
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
        self._overall = _table((), tr("Figures of every run"))
        self._pairs = QLabel(self, wordWrap=True)
        self._pairs.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 10, 0, 0)
        column.addWidget(self._overall, 1)
        column.addWidget(self._pairs)
        return page

    # State -----------------------------------------------------------------------------------

    def show_nothing(self, text: str = "") -> None:
        """No run was chosen, or it has no figures."""
        self._figures, self._comparison = [], {}
        self._tabs.hide()
        for widget in (self._which, self._about, self._export):
            widget.hide()
        hint = tr("Select one or more evaluated runs on the Runs page, then Evaluate and Compare.")
        self._empty.setText(text or hint)
        self._empty.show()

    def show_figures(self, figures: Sequence[RunFigures]) -> None:
        """Show runs; the paired tests follow with :meth:`show_comparison`."""
        if not figures:
            self.show_nothing(tr("These runs have no figures yet. Finish or resume them first."))
            return
        self._figures, self._comparison = with_unique_titles(figures), {}
        self._empty.hide()
        self._tabs.show()
        for widget in (self._which, self._about, self._export):
            widget.show()
        self._which.blockSignals(True)
        self._which.clear()
        self._which.addItems([each.title for each in self._figures])
        self._which.blockSignals(False)
        self._fill_overall()
        several = len(figures) > 1
        self._tabs.setTabVisible(self._tabs.count() - 1, several)
        self._pairs.setText(tr("Testing the difference on the same fields…") if several else "")
        self._show_one()

    def show_comparison(self, comparison: Mapping[str, Any]) -> None:
        """Show the paired tests of the child."""
        self._comparison = comparison
        titles = {each.folder.name: each.title for each in self._figures}
        lines = [pair_line(pair, titles) for pair in comparison.get("pairs", ())]
        self._pairs.setText("\n".join(lines))

    def show_comparison_problem(self, sentence: str) -> None:
        """The paired test could not be made."""
        self._pairs.setText(sentence)

    @property
    def _one(self) -> RunFigures | None:
        index = self._which.currentIndex()
        return self._figures[index] if 0 <= index < len(self._figures) else None

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
            _fill_row(self._classes, row, [*texts, f"{entry['F1']:.3f}", area, number(entry["support"])])
        self._classes.resizeColumnsToContents()

    def _fill_overall(self) -> None:
        names = list(self._figures[0].metrics["overall"])
        self._overall.setColumnCount(1 + len(self._figures))
        self._overall.setHorizontalHeaderLabels([tr("Figure"), *(each.title for each in self._figures)])
        self._overall.setRowCount(len(names))
        for row, name in enumerate(names):
            values = [interval_text(each.metrics["overall"].get(name)) for each in self._figures]
            _fill_row(self._overall, row, [name, *values])
        self._overall.resizeColumnsToContents()

    @Slot(str, str)
    def _cell_chosen(self, true: str, predicted: str) -> None:
        run = self._one
        if run is None:
            return
        title = tr("{true}, predicted as {predicted}", true=true, predicted=predicted)
        paths = run.cell(true, predicted)
        self.peek.show_fields(title, paths)
        self.fields_asked.emit(title, paths)

    # Curves ----------------------------------------------------------------------------------

    @Slot()
    def _draw(self) -> None:
        run = self._one
        if run is not None and (run.roc or run.metrics["reliability"]):
            self._plots.show_plot(partial(draw_figures, run=run, palette=QPalette(self.palette())))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Draw again when light and dark change."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_plots"):
            self._draw()

    # Export ----------------------------------------------------------------------------------

    def tables(self) -> list[list[str]]:
        """Return every table as it is on the screen, one after another."""
        rows: list[list[str]] = []
        for table in (self.matrix, self._classes, self._overall):
            header = [
                item.text() if (item := table.horizontalHeaderItem(c)) else ""
                for c in range(table.columnCount())
            ]
            rows.append(header)
            rows.extend(
                [item.text() if (item := table.item(r, c)) else "" for c in range(table.columnCount())]
                for r in range(table.rowCount())
            )
            rows.append([])
        return [[self._about.text()], [], *rows, *([line] for line in self._pairs.text().splitlines())]

    def export_to(self, path: Path) -> None:
        """Write the tables (``.csv``) or the curves (any other suffix).

        Raises:
            OSError: If the file cannot be written.
        """
        if path.suffix.casefold() == ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(self.tables())
        else:
            self._plots.save(str(path))

    @Slot()
    def _ask_export(self) -> None:
        dialog = QFileDialog(self, tr("Export figures"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        filters = (
            tr("CSV table (*.csv)"),
            tr("PDF drawing (*.pdf)"),
            tr("PNG picture (*.png)"),
            tr("SVG drawing (*.svg)"),
        )
        dialog.setNameFilters(list(filters))
        dialog.setDefaultSuffix("csv")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._export_selected)
        dialog.open()

    @Slot(str)
    def _export_selected(self, text: str) -> None:
        try:
            self.export_to(Path(text))
        except (OSError, ValueError) as error:
            sentence = tr("{name} could not be written ({error}).", name=Path(text).name, error=error)
            self.problem.emit(sentence)


def draw_figures(figure: Any, *, run: RunFigures, palette: QPalette) -> None:  # noqa: ANN401 - Matplotlib's
    """Draw ROC curves and the reliability diagram. Runs on the worker's thread."""
    _draw_roc(figure.add_subplot(1, 2, 1), run, palette)
    _draw_reliability(figure.add_subplot(1, 2, 2), run, palette)


def _draw_roc(axes: Any, run: RunFigures, palette: QPalette) -> None:  # noqa: ANN401 - Matplotlib's
    for index, (name, curve) in enumerate(run.roc.items()):
        colour, style = class_colour(name, index).name(), _STYLES[index % len(_STYLES)]
        label = tr("{name}: {area}", name=name, area=f"{curve.auc:.3f}")
        axes.plot(curve.false_positive, curve.true_positive, style, color=colour, label=label)
    axes.plot([0, 1], [0, 1], ":", color=tokens(palette).faint, linewidth=1)
    axes.set_aspect("equal", adjustable="box")
    style_axes(axes, palette, title=tr("ROC, each class against the rest (area)"),
               x=tr("False positive rate"), y=tr("True positive rate"))  # fmt: skip
    if run.roc:
        style_legend(axes, palette, loc="lower right")


def _draw_reliability(axes: Any, run: RunFigures, palette: QPalette) -> None:  # noqa: ANN401 - Matplotlib's
    bins = [each for each in run.metrics["reliability"] if each["count"]]
    scheme = tokens(palette)
    axes.plot([0, 1], [0, 1], ":", color=scheme.faint, linewidth=1)
    sizes = [20 + 18 * each["count"] ** 0.5 for each in bins]
    confidence, accuracy = ([each[key] for each in bins] for key in ("confidence", "accuracy"))
    axes.plot(confidence, accuracy, "-", color=scheme.accent, linewidth=1)
    axes.scatter(confidence, accuracy, s=sizes, color=scheme.accent, zorder=3)
    for each in bins:
        axes.annotate(str(each["count"]), (each["confidence"], each["accuracy"]), fontsize=7.5,
                      xytext=(6, -9), textcoords="offset points", color=scheme.muted)  # fmt: skip
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.03)
    axes.set_aspect("equal", adjustable="box")
    style_axes(axes, palette, title=tr("Reliability (fields per point)"),
               x=tr("Mean top probability"), y=tr("Share right"))  # fmt: skip


def _table(columns: Sequence[str], name: str) -> QTableWidget:
    table = QTableWidget(0, len(columns))
    table.setHorizontalHeaderLabels([tr(text) for text in columns])
    table.setAccessibleName(name)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setShowGrid(False)
    table.verticalHeader().hide()
    table.horizontalHeader().setHighlightSections(False)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    return table


def _fill_row(table: QTableWidget, row: int, texts: Sequence[str]) -> None:
    for column, text in enumerate(texts):
        table.setItem(row, column, QTableWidgetItem(text))


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
