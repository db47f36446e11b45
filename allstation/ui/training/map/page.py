"""Map page: how a model sees the fields of the labelled folder, and the fields behind the points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from allstation.core.events import Phase, Progress
from allstation.core.text import shown_name
from allstation.services.training.history import RunSummary
from allstation.services.training.map import WRONG, FieldMap, MapColour, MapPoint
from allstation.ui.common.formatting import duration, number, percent
from allstation.ui.common.i18n import tr
from allstation.ui.training.field_preview import FieldPeek
from allstation.ui.training.field_tiles import MOST, FieldTiles
from allstation.ui.training.map.markers import MapLegend
from allstation.ui.training.map.view import MapView, point_text

_COLOURS: Final = (
    (MapColour.CLASS, "Class"),
    (MapColour.PART, "Part of the split"),
    (MapColour.ERROR, "Right or wrong"),
)


class MapPage(QWidget):
    """Asks for a model, shows the map and the chosen fields.

    Signals:
        map_asked: The run (:class:`RunSummary`) whose model is meant, or None for the model in use.
        cancel_asked: Make it no further.
    """

    map_asked = Signal(object)
    cancel_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: dict[str, RunSummary] = {}
        self._map: FieldMap | None = None
        self._build_top()
        self._summary = QLabel(self, wordWrap=True)
        self.view = MapView(self)
        self.view.chosen.connect(self._chosen)
        self.legend = MapLegend(self)
        self.legend.clicked.connect(self.view.choose_group)
        self.tiles = FieldTiles(self)
        self.tiles.current_tile.connect(self.view.set_current)
        self.view.current_changed.connect(self._current)
        self.peek = FieldPeek(self)
        self.peek.set_alone(tr("The field of the point that you are at is shown here."))
        self._tiles_title = QLabel(self, wordWrap=True)
        self._tiles_title.setProperty("role", "muted")
        split = QSplitter(Qt.Orientation.Horizontal, self)
        split.setChildrenCollapsible(False)
        split.addWidget(self.view)
        split.addWidget(self._build_side())
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        split.setSizes([620, 430])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(8)
        layout.addLayout(self._top)
        layout.addWidget(self._progress_row)
        layout.addWidget(self._summary)
        layout.addWidget(split, 1)
        self.set_runs([])
        self.set_folder(None)

    def _build_top(self) -> None:
        self._model = QComboBox(self)
        self._model.setAccessibleName(tr("Model whose features are mapped"))
        self._colour = QComboBox(self)
        self._colour.setAccessibleName(tr("Colour of the points"))
        for by, text in _COLOURS:
            self._colour.addItem(tr(text), by)
        for box, letters in ((self._model, 14), (self._colour, 9)):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(letters)
        self._colour.activated.connect(self._colour_chosen)
        self._make = QPushButton(tr("Make the Map"), self)
        self._make.setProperty("role", "primary")
        self._make.clicked.connect(self._make_clicked)
        self._fit = QPushButton(tr("Show All"), self)
        self._fit.setToolTip(tr("All points again, key F on the map"))
        self._top = QHBoxLayout()
        for text, box in ((tr("As seen by"), self._model), (tr("Colour"), self._colour)):
            label = QLabel(text, self)
            label.setBuddy(box)
            self._top.addWidget(label)
            self._top.addWidget(box)
        self._top.addStretch(1)
        self._top.addWidget(self._fit)
        self._top.addWidget(self._make)
        self._progress_row = QWidget(self)
        self._progress_text = QLabel(self)
        self._progress = QProgressBar(self, textVisible=False)
        self._progress.setAccessibleName(tr("Progress of the map"))
        cancel = QPushButton(tr("Cancel"), self)
        cancel.clicked.connect(self.cancel_asked)
        row = QHBoxLayout(self._progress_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._progress_text)
        row.addWidget(self._progress, 1)
        row.addWidget(cancel)
        self._progress_row.hide()

    def _build_side(self) -> QWidget:
        side = QWidget(self)
        self._fit.clicked.connect(self.view.fit)
        hint = QLabel(
            tr("Click a point or draw a line around some. Wheel zooms, Ctrl and drag moves, arrows walk."),
            self,
        )
        hint.setWordWrap(True)
        hint.setProperty("role", "small")
        column = QVBoxLayout(side)
        column.setContentsMargins(6, 0, 0, 0)
        column.addWidget(self.legend)
        column.addWidget(hint)
        column.addWidget(self._tiles_title)
        fields = QSplitter(Qt.Orientation.Vertical, self)
        fields.setChildrenCollapsible(False)
        fields.addWidget(self.tiles)
        fields.addWidget(self.peek)
        column.addWidget(fields, 1)
        return side

    # State -----------------------------------------------------------------------------------

    def set_runs(self, runs: Sequence[RunSummary]) -> None:
        """Offer the model in use and those of the runs that have one."""
        kept = self._model.currentData()
        self._runs = {str(run.folder): run for run in runs if run.bundle is not None}
        self._model.clear()
        self._model.addItem(tr("The model in use"), "")
        for key, run in self._runs.items():
            self._model.addItem(run.title, key)
        self._model.setCurrentIndex(max(0, self._model.findData(kept)))

    def set_folder(self, folder: Path | None) -> None:
        """Name the labelled folder that a map would be made of."""
        self._make.setEnabled(folder is not None)
        if self._map is not None and self._map.folder == folder:
            return
        self._map = None
        self._summary.clear()
        self.legend.set_markers(())
        self._colour.setEnabled(False)
        self._fit.setEnabled(False)
        words = tr("Choose a labelled folder on the Data page first.")
        if folder is not None:
            words = tr(
                "Each field of {name} becomes a point; fields that look alike to the model lie together.",
                name=shown_name(folder),
            )
        self.view.set_map(None, words)

    def show_event(self, event: Phase | Progress) -> None:
        """Follow the making of the map."""
        self._progress_row.show()
        self._make.setEnabled(False)
        if isinstance(event, Phase):
            self._progress.setRange(0, 0)
            self._progress_text.setText(tr("Starting…"))
            return
        self._progress.setRange(0, max(event.total, 1))
        self._progress.setValue(event.done)
        left = tr(", about {time} left", time=duration(event.seconds_left)) if event.seconds_left else ""
        done, total = number(event.done), number(event.total)
        self._progress_text.setText(tr("{done} of {total} fields{left}", done=done, total=total, left=left))

    def end(self, sentence: str = "") -> None:
        """Nothing is being made any more; say why, if it was not finished."""
        self._progress_row.hide()
        self._make.setEnabled(True)
        if sentence:
            self._summary.setText(sentence)

    def show_map(self, found: FieldMap) -> None:
        """Show a finished map."""
        self.end()
        self._map = found
        self._colour.setEnabled(True)
        self._fit.setEnabled(True)
        words = summary_text(found)
        self._summary.setText(words)
        self.view.set_map(found, words)
        self._colour_chosen()

    # Slots -----------------------------------------------------------------------------------

    @Slot()
    def _make_clicked(self) -> None:
        self.show_event(Phase("preparing"))
        self.map_asked.emit(self._runs.get(str(self._model.currentData())))

    @Slot()
    def _colour_chosen(self) -> None:
        self.view.set_colour(MapColour(self._colour.currentData()))
        self.legend.set_markers(self.view.markers)

    @Slot(int)
    def _current(self, row: int) -> None:
        """Show the field that the keys are at."""
        if self._map is not None:
            point = self._map.points[row]
            self.peek.show_single(point_text(point), point.path)

    @Slot(list)
    def _chosen(self, rows: list[int]) -> None:
        points = self._map.points if self._map is not None else ()
        self.tiles.show_fields([(row, points[row].path, _tile_text(points[row])) for row in rows[:MOST]])
        if len(rows) > MOST:
            words = tr("Chosen fields: {n}, the first {most} are shown", n=number(len(rows)), most=MOST)
        else:
            words = tr("Chosen fields: {n}", n=number(len(rows))) if rows else tr("No field chosen")
        self._tiles_title.setText(words)


def _tile_text(point: MapPoint) -> str:
    said = point.class_name
    if point.group(MapColour.ERROR) == WRONG:
        said = tr("{label}\nmodel: {name}", label=point.class_name, name=point.predicted)
    return f"{shown_name(point.path)}\n{said}"


def summary_text(found: FieldMap) -> str:
    """Say in words what the map shows: fields, model, how much of the variance, errors."""
    classes = ", ".join(f"{name} {number(n)}" for name, n in found.groups(MapColour.CLASS).items())
    parts = [
        tr(
            "{n} fields of {folder} as {model} sees them ({classes}). The two axes hold {first} and {second} "
            "of the variance of its features.",
            n=number(len(found.points)),
            folder=shown_name(found.folder),
            model=found.model,
            classes=classes,
            first=percent(found.explained[0], digits=0),
            second=percent(found.explained[1], digits=0),
        )
    ]
    wrong = found.groups(MapColour.ERROR).get(WRONG, 0)
    if any(point.predicted for point in found.points):
        parts.append(
            tr(
                "Fields for which it finds another class than the label most likely: {n}. It may have "
                "learned from these fields.",
                n=number(wrong),
            )
        )
    if found.left_out:
        parts.append(tr("Left out: {n}. {problem}", n=number(found.left_out), problem=found.problem))
    return " ".join(parts)
