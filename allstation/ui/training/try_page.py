"""Trial of a finished run on any picture: probabilities, decision with its reasons, evidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from allstation.core.records import FieldRecord, FieldState, Prediction
from allstation.core.text import shown_name
from allstation.services.training.history import RunSummary
from allstation.services.training.trial import TrialModel
from allstation.ui.common.formatting import tip
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import VerticalScrollArea
from allstation.ui.training.picture_drop import PictureDrop
from allstation.ui.training.plots.bar_chart import Bar, BarChart
from allstation.ui.viewer.card import OverlayStyle
from allstation.ui.viewer.card_content import card_content
from allstation.ui.viewer.field_view import FieldView
from allstation.ui.viewer.loader import FieldLoader
from allstation.ui.viewer.picture import FieldPicture
from allstation.ui.viewer.reasons import explained_reasons

_PATH: Final = int(Qt.ItemDataRole.UserRole)
_BYTES: Final = 64 * 1024 * 1024


class TryPage(QWidget):
    """Shows what one run's model says of pictures that are dropped here.

    Signals:
        run_chosen: The :class:`RunSummary` to try, or None.
        pictures_given: Paths to try.
    """

    run_chosen = Signal(object)
    pictures_given = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: dict[str, RunSummary] = {}
        self._model: TrialModel | None = None
        self._answers: dict[Path, Prediction | str] = {}
        self._loader = FieldLoader(self, limit=_BYTES)
        self._loader.ready.connect(self._ready)
        self._loader.failed.connect(self._unread)
        self._build_top()
        split = QSplitter(Qt.Orientation.Horizontal, self)
        split.setChildrenCollapsible(False)
        for widget, share in ((self._build_list(), 2), (self._build_view(), 5), (self._build_answer(), 3)):
            split.addWidget(widget)
            split.setStretchFactor(split.count() - 1, share)
        split.setSizes([190, 560, 310])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addLayout(self._top)
        layout.addWidget(self.drop)
        layout.addWidget(self._note)
        layout.addWidget(split, 1)
        self.set_runs([])
        self._show(None)

    def _build_top(self) -> None:
        label = QLabel(tr("Try the model of"), self)
        self._choice = QComboBox(self)
        self._choice.setAccessibleName(tr("Run to try"))
        self._choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._choice.setMinimumContentsLength(18)
        self._choice.activated.connect(self._chosen)
        label.setBuddy(self._choice)
        self._about = QLabel(self, wordWrap=True)
        self._about.setProperty("role", "muted")
        self._top = QHBoxLayout()
        self._top.addWidget(label)
        self._top.addWidget(self._choice)
        self._top.addWidget(self._about, 1)
        self.drop = PictureDrop(
            tr("Drop pictures of fields here, one or many. Nothing is kept, and no case is touched."), self
        )
        self.drop.given.connect(self._given)
        self._note = QLabel(self, wordWrap=True)
        self._note.setProperty("role", "danger")
        self._note.hide()
        self.drop.refused.connect(self.show_problem)

    def _build_list(self) -> QWidget:
        side = QWidget(self)
        self._list = QListWidget(self)
        self._list.setAccessibleName(tr("Tried pictures"))
        self._list.setMinimumWidth(150)
        self._list.setWordWrap(True)
        self._list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.currentItemChanged.connect(self._picture_chosen)
        self._clear = QPushButton(tr("Clear the List"), self)
        self._clear.clicked.connect(self.clear)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._list, 1)
        column.addWidget(self._clear)
        return side

    def _build_view(self) -> QWidget:
        self.view = FieldView(self)
        self.view.set_layers(style=OverlayStyle.OFF)
        self.view.setMinimumSize(180, 140)
        self.view.canvas.setAccessibleName(tr("Picture that is tried"))
        return self.view

    def _build_answer(self) -> QWidget:
        body = QWidget(self)
        body.setProperty("role", "panel")
        self._decision = QLabel(self, wordWrap=True)
        self._decision.setProperty("role", "heading")
        self._reasons = QLabel(self, wordWrap=True)
        self._bars = BarChart(self)
        self._bars.setAccessibleName(tr("Probabilities"))
        self._bars.setToolTip(tr("Click a class to see its evidence; the line is the model's limit"))
        self._bars.clicked.connect(self._show_evidence_of)
        self._evidence = QComboBox(self)
        self._evidence.setAccessibleName(tr("Evidence"))
        self._evidence.setToolTip(tr("Where in the picture the network found a class"))
        self._evidence.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._evidence.setMinimumContentsLength(11)
        self._evidence.activated.connect(self._evidence_chosen)
        self._evidence_row = QWidget(self)
        label = QLabel(tr("Evidence"), self)
        label.setBuddy(self._evidence)
        row = QHBoxLayout(self._evidence_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label)
        row.addWidget(self._evidence, 1)
        self._figures = QLabel(self, wordWrap=True)
        self._figures.setProperty("role", "small")
        column = QVBoxLayout(body)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(10)
        for widget in (self._decision, self._reasons, self._bars, self._evidence_row, self._figures):
            column.addWidget(widget)
        column.addStretch(1)
        return VerticalScrollArea(body, self, least=(230, 120))

    # What is known ---------------------------------------------------------------------------

    def set_runs(self, runs: Sequence[RunSummary]) -> None:
        """Offer the runs that have a model bundle; the chosen one stays chosen."""
        kept = self._choice.currentData()
        self._runs = {str(run.folder): run for run in runs if run.bundle is not None}
        self._choice.clear()
        for key, run in self._runs.items():
            self._choice.addItem(run.title, key)
        self._choice.setCurrentIndex(self._choice.findData(kept) if kept in self._runs else -1)
        self._choice.setEnabled(bool(self._runs))
        if not self._runs:
            self._about.setText(tr("No run has a model yet. Train one, then try it here."))
        self.drop.setEnabled(self._choice.currentIndex() >= 0)

    def choose(self, folder: Path) -> bool:
        """Choose a run as a person would; returns whether it can be tried."""
        place = self._choice.findData(str(folder))
        if place < 0:
            return False
        self._choice.setCurrentIndex(place)
        self._chosen(place)
        return True

    def show_model(self, model: TrialModel) -> None:
        """The model is ready: pictures that were tried before are tried on it again."""
        self._model = model
        self._about.setText(tr("{name} {version}", name=model.name, version=model.version))
        self._evidence.clear()
        self._evidence.addItem(tr("No evidence"), None)
        self._evidence.addItem(tr("Of the likeliest class"), "")
        for name in model.classes:
            self._evidence.addItem(tr("Of {name}", name=name), name)
        self._evidence_chosen()
        self._note.hide()
        again = [self._path(row) for row in range(self._list.count())]
        if again:
            self.pictures_given.emit(again)

    @Slot(str)
    def show_problem(self, sentence: str) -> None:
        """Say what was wrong with what was given, or with the model."""
        self._note.setText(sentence)
        self._note.setVisible(bool(sentence))

    def add_pictures(self, paths: Sequence[Path]) -> None:
        """List pictures that are being tried and show the first new one."""
        first: QListWidgetItem | None = None
        for path in paths:
            self._answers.pop(path, None)
            item = self._item(path)
            if item is None:
                item = QListWidgetItem(self._list)
                item.setData(_PATH, str(path))
                item.setToolTip(tip(str(path)))
                first = first or item
            item.setText(self._line(path))
        if first is not None:
            self._list.setCurrentItem(first)
        elif paths:
            self._show(self.current)

    def set_answer(self, path: Path, answer: Prediction | str) -> None:
        """Enter what the model said of a picture, or why it said nothing."""
        item = self._item(path)
        if item is None:  # cleared meanwhile
            return
        self._answers[path] = answer
        item.setText(self._line(path))
        if self.current == path:
            self._show(path)

    @Slot()
    def clear(self) -> None:
        """Forget the pictures."""
        self._answers.clear()
        self._list.clear()
        self.show_problem("")
        self._show(None)

    def close_workers(self) -> None:
        """Wait for reads in flight."""
        self._loader.close()

    @property
    def current(self) -> Path | None:
        """The picture that is shown."""
        item = self._list.currentItem()
        return Path(item.data(_PATH)) if item is not None else None

    def _path(self, row: int) -> Path:
        return Path(self._list.item(row).data(_PATH))

    def _item(self, path: Path) -> QListWidgetItem | None:
        rows = range(self._list.count())
        return next((self._list.item(row) for row in rows if self._path(row) == path), None)

    def _line(self, path: Path) -> str:
        answer = self._answers.get(path)
        if answer is None:
            said = tr("being classified…")
        elif isinstance(answer, str):
            said = tr("cannot be classified")
        else:
            said = answer.decision.class_name or tr("needs review")
        return f"{shown_name(path)}\n{said}"

    # What is shown ---------------------------------------------------------------------------

    def _show(self, path: Path | None) -> None:
        answer = self._answers.get(path) if path is not None else None
        made = answer if isinstance(answer, Prediction) else None
        if path is None:
            self._loader.clear()
            self.view.clear()
            self.view.show_message(tr("No picture yet"))
        else:
            self.view.show_field(_record(path, made), self._loader.request(path))
        self._clear.setEnabled(path is not None)
        self._bars.setVisible(made is not None)
        self._evidence_row.setVisible(made is not None and made.evidence is not None)
        self._figures.setVisible(made is not None)
        if made is not None and path is not None:
            self._show_prediction(_record(path, made), made)
            return
        self._reasons.clear()
        self._decision.clear()
        if isinstance(answer, str):
            self._decision.setText(tr("Cannot be classified"))
            self._reasons.setText(answer)
        elif path is not None:
            self._decision.setText(tr("Being classified…"))

    def _show_prediction(self, record: FieldRecord, made: Prediction) -> None:
        content = card_content(record)
        told = self._model is not None and made.probabilities_valid
        limit = self._model.rule.min_probability if self._model is not None and told else None
        self._decision.setText(content.heading)
        rule = self._model.rule if self._model is not None else None
        reasons = explained_reasons(made, rule) if made.decision.reasons else content.reasons
        self._reasons.setText("\n".join(reasons))
        self._reasons.setVisible(bool(reasons))
        self._bars.setVisible(bool(content.rows))
        self._bars.set_bars(
            [Bar(row.mark.name, row.share, row.percent, row.mark, tick=limit) for row in content.rows]
        )
        self._figures.setText(
            tr(
                "White cells: {n}. Novelty {novelty}, of which 1.00 is the limit. {ms} ms.",
                n=made.cell_count,
                novelty=f"{made.novelty:.2f}",
                ms=f"{made.milliseconds:.0f}",
            )
        )

    @Slot(QListWidgetItem, QListWidgetItem)
    def _picture_chosen(self, item: QListWidgetItem | None, _before: QListWidgetItem | None) -> None:
        self._show(Path(item.data(_PATH)) if item is not None else None)

    @Slot()
    def _evidence_chosen(self) -> None:
        name = self._evidence.currentData()
        self.view.set_layers(evidence=name is not None, evidence_class=name or "")

    @Slot(str)
    def _show_evidence_of(self, name: str) -> None:
        self._evidence.setCurrentIndex(self._evidence.findData(name))
        self._evidence_chosen()

    @Slot(object, object)
    def _ready(self, path: Path, picture: FieldPicture) -> None:
        record = self.view.record
        if record is not None and record.path == path:
            self.view.show_field(record, picture)

    @Slot(object, str)
    def _unread(self, path: Path, sentence: str) -> None:
        record = self.view.record
        if record is not None and record.path == path:
            self.view.show_message(sentence)

    @Slot(int)
    def _chosen(self, place: int) -> None:
        run = self._runs.get(str(self._choice.itemData(place)))
        self.drop.setEnabled(run is not None)
        if run is not None:
            self._about.setText(tr("The model is being opened…"))
            self._model = None
            self.run_chosen.emit(run)

    @Slot(list)
    def _given(self, paths: list[Path]) -> None:
        self.show_problem("")
        self.pictures_given.emit(paths)


def _record(path: Path, made: Prediction | None) -> FieldRecord:
    return FieldRecord(
        id=1, slide_id=0, path=path, sha256="", width=0, height=0, state=FieldState.DONE, prediction=made
    )
