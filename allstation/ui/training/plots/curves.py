"""Loss and accuracy, epoch by epoch: training and validation, the best epoch marked, values on hover."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from allstation.core.errors import StationError
from allstation.ui.common import theme
from allstation.ui.common.i18n import tr
from allstation.ui.training.plots.plotting import PlotArea, PlotLoader, check_saved, style_axes, style_legend

# Okabe-Ito; the validation curve is dashed and has marks, so that it is told apart without colour.
_TRAINING: Final = "#0072b2"
_VALIDATION: Final = "#d55e00"
_PANELS: Final = (("loss", "Loss"), ("accuracy", "Accuracy"))
_MARKED_UP_TO: Final = 40


def best_epoch(rows: Sequence[Mapping[str, float]]) -> int:
    """Return the epoch that was kept, if the run says so, else the one with the lowest validation loss.

    Without validation it is the lowest training loss; 0 without epochs.
    """
    for row in rows:
        if row.get("kept") == 1:
            return round(row["epoch"])
    best, lowest = 0, math.inf
    for row in rows:
        value = row.get("val_loss", math.nan)
        value = row.get("loss", math.nan) if math.isnan(value) else value
        if value < lowest:
            best, lowest = round(row["epoch"]), value
    return best


def value_line(rows: Sequence[Mapping[str, float]], epoch: int) -> str:
    """Write the values of one epoch; an empty string when there is none."""
    row = next((row for row in rows if round(row["epoch"]) == epoch), None)
    if row is None:
        return ""
    words = {"loss": tr("loss"), "val_loss": tr("validation loss"), "accuracy": tr("accuracy"),
             "val_accuracy": tr("validation accuracy")}  # fmt: skip
    parts = [
        f"{text} {row[key]:.4f}" for key, text in words.items() if not math.isnan(row.get(key, math.nan))
    ]
    best = tr(" (best)") if epoch == best_epoch(rows) else ""
    return tr("Epoch {n}{best}: {values}", n=epoch, best=best, values=", ".join(parts))


class CurvesView(QWidget):
    """Two figures side by side, a line of values, and exports.

    Args:
        loader: Loads Matplotlib.

    Signals:
        problem: A sentence, when a file could not be written.
    """

    problem = Signal(str)

    def __init__(self, loader: PlotLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[dict[str, float]] = []
        self._hovered = 0
        self._loader = loader
        self._writing: Path | None = None
        loader.written.connect(self._written)
        self._chance: float | None = None
        self._nothing = tr("Curves appear after the first epoch.")
        self.area = PlotArea(loader, self._nothing, self)
        self.area.setAccessibleName(tr("Curves of loss and accuracy"))
        self.area.hovered.connect(self._hover)
        self._log = QCheckBox(tr("Logarithmic loss"), self)
        self._log.toggled.connect(self._draw)
        self._values = QLabel(self, wordWrap=True)
        self._values.setProperty("role", "muted")
        self._values.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._export = QPushButton(tr("Export…"), self)
        self._export.setToolTip(tr("Write the curves as PNG or SVG, or their numbers as CSV"))
        self._export.clicked.connect(self._ask_export)
        row = QHBoxLayout()
        row.addWidget(self._values, 1)
        row.addWidget(self._log)
        row.addWidget(self._export)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.area, 1)
        layout.addLayout(row)
        self.set_rows([])

    @property
    def rows(self) -> list[dict[str, float]]:
        """The epochs shown."""
        return self._rows

    def set_rows(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Show a run's history: ``epoch``, ``loss``, ``accuracy``, ``val_loss``, ``val_accuracy``."""
        self._rows = [dict(row) for row in rows]
        self._hovered = 0
        self.area.set_guide(None)
        self._export.setEnabled(bool(rows))
        self._show_values()
        if self._rows:
            self._draw()
        else:
            self.area.say(self._nothing)

    def set_chance(self, share: float | None) -> None:
        """Draw a line at the accuracy of guessing, 0 to 1; None for none."""
        self._chance = share
        self._draw()

    def set_nothing(self, words: str) -> None:
        """Say this where there are no epochs to draw."""
        self._nothing = words
        if not self._rows:
            self.area.say(words)

    def add_epoch(self, epoch: int, values: Mapping[str, float | None]) -> None:
        """Add an epoch, or replace it."""
        row = {key: math.nan if value is None else float(value) for key, value in values.items()}
        kept = [old for old in self._rows if round(old["epoch"]) < epoch]
        self.set_rows([*kept, {"epoch": float(epoch), **row}])

    def save(self, path: Path) -> None:
        """Write the curves: ``.csv`` has the numbers; any other suffix the picture, on another thread.

        Raises:
            OSError: If the numbers cannot be written. A picture's failure is told by :attr:`problem`.
        """
        if path.suffix.casefold() == ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(self._rows[0]))
                writer.writeheader()
                writer.writerows(self._rows)
        elif self.area.drawing is not None:
            self._writing = path
            self._loader.write(path, [self.area.drawing])

    # Drawing ---------------------------------------------------------------------------------

    @Slot()
    def _draw(self) -> None:
        if self._rows:
            rows, palette, log = list(self._rows), QPalette(self.palette()), self._log.isChecked()
            draw = partial(draw_curves, rows=rows, palette=palette, log=log, chance=self._chance)
            self.area.show_plot(draw)

    @Slot(object)
    def _hover(self, x: float | None) -> None:
        epoch = round(x) if x is not None else 0
        epoch = epoch if any(round(row["epoch"]) == epoch for row in self._rows) else 0
        if epoch != self._hovered:
            self._hovered = epoch
            self._show_values()
            self.area.set_guide(float(epoch) if epoch else None)

    def _show_values(self) -> None:
        last = round(self._rows[-1]["epoch"]) if self._rows else 0
        self._values.setText(value_line(self._rows, self._hovered or last))

    def changeEvent(self, event: QEvent) -> None:
        """Draw again when light and dark change."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "area"):
            self._draw()

    # Export ----------------------------------------------------------------------------------

    @Slot()
    def _ask_export(self) -> None:
        dialog = QFileDialog(self, tr("Export curves"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([tr("PNG picture (*.png)"), tr("SVG drawing (*.svg)"), tr("CSV table (*.csv)")])
        dialog.setDefaultSuffix("png")
        dialog.selectFile("curves.png")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.export_to)
        dialog.open()

    @Slot(str)
    def export_to(self, text: str) -> None:
        """Write the curves to a path that a person chose; :attr:`problem` carries a refusal."""
        try:
            check_saved(Path(text), "curves")
            self.save(Path(text))
        except StationError as error:
            self.problem.emit(error.sentence)
        except OSError as error:
            self._written_not(Path(text), str(error))

    @Slot(object, str)
    def _written(self, path: Path, reason: str) -> None:
        if path == self._writing:
            self._writing = None
            if reason:
                self._written_not(path, reason)

    def _written_not(self, path: Path, reason: str) -> None:
        words = tr("The curves could not be written to {name} ({error}).", name=path.name, error=reason)
        self.problem.emit(words)


def draw_curves(
    figure: Any,  # noqa: ANN401 - Matplotlib is loaded elsewhere
    *,
    rows: Sequence[Mapping[str, float]],
    palette: QPalette,
    log: bool,
    chance: float | None = None,
) -> None:
    """Draw loss and accuracy side by side. Runs on the worker's thread.

    Args:
        figure: An empty Matplotlib figure.
        rows: The epochs.
        palette: Of the window.
        log: Logarithmic loss.
        chance: Accuracy of guessing, 0 to 1; None where it is not known.
    """
    for index, (key, title) in enumerate(_PANELS, 1):
        axes = figure.add_subplot(1, 2, index)
        _draw_panel(axes, key, rows, palette=palette)
        if key == "accuracy":
            _whole_scale(axes, chance, palette=palette)
        if log and key == "loss":
            axes.set_yscale("log")
        style_axes(axes, palette, title=tr(title), x=tr("Epoch"))
    # Below both: no curve can run under it, whatever their shape.
    style_legend(figure, palette, handles=figure.axes[0].get_lines(), loc="outside lower center", ncols=3)


def _whole_scale(axes: Any, chance: float | None, *, palette: QPalette) -> None:  # noqa: ANN401
    """Show accuracy on its whole scale: 0.21 to 0.32 filling the picture looks like success."""
    axes.set_ylim(0, 1.02)
    if chance is not None:
        ink = theme.tokens(palette).muted
        axes.axhline(chance, color=ink, linewidth=1, linestyle=(0, (1, 3)))
        axes.annotate(
            tr("chance {share}", share=f"{chance:.2f}"),
            (1, chance),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 3),
            textcoords="offset points",
            ha="right",
            color=ink,
            fontsize=8,
        )


def _draw_panel(axes: Any, key: str, rows: Sequence[Mapping[str, float]], *, palette: QPalette) -> None:  # noqa: ANN401
    from matplotlib.ticker import MaxNLocator

    epochs = [row["epoch"] for row in rows]
    marker = "o" if len(epochs) <= _MARKED_UP_TO else ""
    for name, colour, style, text in (
        (key, _TRAINING, "-", tr("Training")),
        (f"val_{key}", _VALIDATION, "--", tr("Validation")),
    ):
        values = [row.get(name, math.nan) for row in rows]
        if not all(map(math.isnan, values)):
            axes.plot(epochs, values, style, color=colour, label=text, marker=marker, markersize=3.5)
    best = best_epoch(rows)
    if best or any(row.get("kept") == 1 for row in rows):
        ink = theme.tokens(palette).muted
        axes.axvline(best, color=ink, linewidth=1, linestyle=":", label=tr("Best: {n}", n=best))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(epochs) == 1:
        axes.set_xlim(epochs[0] - 0.5, epochs[0] + 0.5)
        axes.set_xticks(epochs)
