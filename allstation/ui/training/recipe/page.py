"""Second step: how to train. Presets, every adjustable, augmented fields, and Start with its reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QPixmap, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from allstation.core.errors import StationError
from allstation.recipe_files import write_recipe
from allstation.ui.common.formatting import tip
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import scroll_area
from allstation.ui.training.plots.plotting import check_saved
from allstation.ui.training.recipe.fields import preset_values, read_recipe, recipe_data
from allstation.ui.training.recipe.form import RecipeForm

_SETTLED: Final = 700
"""Milliseconds without a change before the preview is drawn again."""

_FORMS: Final = 380
_KINDS: Final = {"network": "network", "classical": "classical", "tuning": "minutes"}


class RecipePage(QWidget):
    """Edits a recipe and asks for a run of it.

    Signals:
        start_asked: Recipe as plain data.
        settled: Recipe as plain data, when nothing was changed for a moment.
        changed: Anything in the recipe.
        problem: A sentence.
    """

    start_asked = Signal(dict)
    settled = Signal(dict)
    changed = Signal()
    problem = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._methods: dict[str, Mapping[str, Any]] = {}
        self._folder = ""
        self._refusal = tr("Choose a labelled folder first.")
        self._sheet = QPixmap()
        self.form = RecipeForm(self)
        self.form.changed.connect(self._changed)
        self._settle = QTimer(self, singleShot=True, interval=_SETTLED)
        self._settle.timeout.connect(self._emit_settled)
        split = QSplitter(Qt.Orientation.Horizontal, self)
        split.setChildrenCollapsible(False)
        split.addWidget(self._build_left())
        split.addWidget(self._build_right())
        split.setStretchFactor(1, 1)
        split.setSizes([_FORMS, 2 * _FORMS])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.addWidget(split)
        self._show_start()

    def _build_left(self) -> QWidget:
        side = QWidget(self)
        self._method = QComboBox(self)
        self._method.setAccessibleName(tr("Method"))
        self._method.activated.connect(self._method_picked)
        self._about = QLabel(self, wordWrap=True)
        self._about.setProperty("role", "small")
        self._reset = QPushButton(tr("Reset"), self)
        self._reset.setToolTip(tr("Back to the preset of this method"))
        self._reset.clicked.connect(self.reset)
        self._load = QPushButton(tr("Load…"), self)
        self._load.clicked.connect(self._ask_load)
        self._save = QPushButton(tr("Save As…"), self)
        self._save.clicked.connect(self._ask_save)
        area = scroll_area(self.form, self)
        self._area = area
        self.form.installEventFilter(self)
        buttons = QHBoxLayout()
        for button in (self._reset, self._load, self._save):
            buttons.addWidget(button)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._method)
        column.addWidget(self._about)
        column.addLayout(buttons)
        column.addWidget(area, 1)
        return side

    def _build_right(self) -> QWidget:
        side = QWidget(self)
        caption = QLabel(tr("What the network will see"), self)
        caption.setProperty("role", "heading")
        hint = QLabel(
            tr(
                "Each row: the field as it is, then what is seen of eight random changes of it. "
                "What is pale is hidden from the network."
            ),
            self,
            wordWrap=True,
        )
        hint.setProperty("role", "muted")
        self._preview = QLabel(self, alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self._preview.setMinimumSize(200, 140)
        self._preview.setProperty("role", "muted")
        self._preview.setAccessibleName(tr("Augmented fields"))
        self._name = QLineEdit(self, placeholderText=tr("Name of the run"))
        self._name.setAccessibleName(tr("Name of the run"))
        self._reason = QLabel(self, wordWrap=True)
        self._estimate = QLabel(self, wordWrap=True)
        self._estimate.setProperty("role", "muted")
        self._start = QPushButton(tr("Start Training"), self)
        self._start.setProperty("role", "primary")
        self._start.clicked.connect(self._start_clicked)
        row = QHBoxLayout()
        row.addWidget(self._name, 1)
        row.addWidget(self._start)
        column = QVBoxLayout(side)
        column.setContentsMargins(14, 0, 0, 0)
        column.addWidget(caption)
        column.addWidget(hint)
        column.addWidget(self._preview, 1)
        column.addWidget(self._estimate)
        column.addWidget(self._reason)
        column.addLayout(row)
        return side

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the form whole: it scrolls up and down only."""
        # While the page is destroyed its Python half may be gone before the form is.
        is_form = hasattr(self, "form") and watched is self.form
        if is_form and event.type() == QEvent.Type.LayoutRequest:
            bar = self._area.verticalScrollBar().sizeHint().width()
            self._area.setMinimumWidth(self.form.minimumSizeHint().width() + bar)
        return super().eventFilter(watched, event)

    # State -----------------------------------------------------------------------------------

    def set_methods(self, methods: Sequence[Mapping[str, Any]]) -> None:
        """List what this edition can train."""
        self._methods = {str(method["name"]): method for method in methods}
        self._method.clear()
        for name, method in self._methods.items():
            kind = tr(_KINDS.get(str(method["kind"]), str(method["kind"])))
            self._method.addItem(f"{method['title']}  ·  {kind}", name)
        self.reset()

    def set_folder(self, folder: Path | None, refusal: str) -> None:
        """Say what is trained on, and why it cannot be, if so."""
        self._folder = str(folder) if folder is not None else ""
        self._refusal = refusal
        self._show_start()
        self._changed()

    def set_estimate(self, text: str) -> None:
        """Say how long it will take, if that is known."""
        self._estimate.setText(text)

    @property
    def method(self) -> str:
        """Name of the chosen method."""
        return str(self._method.currentData() or "")

    def data(self) -> dict[str, Any]:
        """Return the recipe as plain data."""
        name = self._name.text().strip() or self._methods.get(self.method, {}).get("title", self.method)
        return recipe_data(name, self._folder, method=self.method, values=self.form.values())

    def preset_data(self, name: str) -> dict[str, Any]:
        """Return the preset of a method on this folder.

        Raises:
            StationError: ``no-such-method``.
        """
        if name not in self._methods:
            known = ", ".join(self._methods)
            sentence = f"{name!r} is no method of this edition. Write one of {known}."
            raise StationError("no-such-method", sentence)
        values = preset_values(self._methods[name])
        return recipe_data(name, self._folder, method=name, values=values)

    def show_preview(self, path: Path) -> None:
        """Show a sheet of augmented fields."""
        self._sheet = QPixmap(str(path))
        self._scale_preview()

    def show_preview_text(self, text: str) -> None:
        """Say why there is no sheet."""
        self._sheet = QPixmap()
        self._preview.setPixmap(QPixmap())
        self._preview.setText(text)

    def _show_start(self) -> None:
        self._start.setEnabled(not self._refusal and bool(self._methods))
        waiting = "" if self._methods else tr("The methods of this edition are being read…")
        self._reason.setText(self._refusal or waiting)
        self._reason.setVisible(bool(self._refusal or waiting))

    # Slots -----------------------------------------------------------------------------------

    @Slot()
    def reset(self) -> None:
        """Back to the preset of the chosen method."""
        method = self._methods.get(self.method)
        if method is None:
            return
        self._about.setText(str(method["text"]))
        self.form.set_method(method)
        self.form.set_values(preset_values(method))
        self._name.setToolTip(tip(tr("Without a name the run is called {name}", name=method["title"])))
        self._show_start()
        self._changed()

    def load(self, path: Path) -> None:
        """Fill the form from a recipe file."""
        try:
            name, values = read_recipe(path, list(self._methods.values()))
        except StationError as error:
            self.problem.emit(error.sentence)
            return
        self._method.setCurrentIndex(self._method.findData(name))
        self.reset()
        self.form.set_values(values)
        self._name.setText(path.stem)
        self._changed()

    @Slot()
    def _method_picked(self) -> None:
        self.reset()

    @Slot()
    def _changed(self) -> None:
        self.changed.emit()
        if self._folder and self._methods and self.isVisible():
            self._settle.start()

    @Slot()
    def _emit_settled(self) -> None:
        if self.method and self._folder:
            self.settled.emit(self.data())

    @property
    def kind(self) -> str:
        """``network``, ``classical`` or ``tuning``; empty while the methods are read."""
        return str(self._methods.get(self.method, {}).get("kind", ""))

    @property
    def has_preview(self) -> bool:
        """Whether a sheet of augmented fields is shown."""
        return not self._sheet.isNull()

    @Slot()
    def _start_clicked(self) -> None:
        self.start_asked.emit(self.data())
        self._name.clear()

    @Slot()
    def _ask_load(self) -> None:
        dialog = QFileDialog(self, tr("Load recipe"))
        dialog.setNameFilter(tr("Recipes (*.toml)"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._load_selected)
        dialog.open()

    @Slot()
    def _ask_save(self) -> None:
        dialog = QFileDialog(self, tr("Save recipe"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(tr("Recipes (*.toml)"))
        dialog.setDefaultSuffix("toml")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._save_selected)
        dialog.open()

    @Slot(str)
    def _load_selected(self, text: str) -> None:
        self.load(Path(text))

    @Slot(str)
    def _save_selected(self, text: str) -> None:
        try:
            check_saved(Path(text), "recipe")
            write_recipe(Path(text), self.data())
        except StationError as error:
            self.problem.emit(error.sentence)

    def _scale_preview(self) -> None:
        if self._sheet.isNull():
            return
        ratio = self.devicePixelRatioF()
        room = self._preview.size() * ratio
        mode = Qt.TransformationMode.SmoothTransformation
        scaled = self._sheet.scaled(room, Qt.AspectRatioMode.KeepAspectRatio, mode)
        scaled.setDevicePixelRatio(ratio)
        self._preview.setPixmap(scaled)

    def showEvent(self, event: QShowEvent) -> None:
        """Draw the preview when it is looked at."""
        super().showEvent(event)
        self._changed()

    def hideEvent(self, event: QHideEvent) -> None:
        """What nobody sees is not drawn."""
        super().hideEvent(event)
        self._settle.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the sheet as large as the room."""
        super().resizeEvent(event)
        self._scale_preview()
