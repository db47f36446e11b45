"""Labelling window: one field after the other is sorted into a class by a key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from allstation.core.text import shown_name
from allstation.services.training.labelling import KEYS, Labelling
from allstation.ui.cells.bench_keys import BenchKey, KeyBench
from allstation.ui.common import focus_filters
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import VerticalScrollArea
from allstation.ui.common.window_size import fix_width, resize_on_screen
from allstation.ui.training.labelling.panel import LabelPanel
from allstation.ui.viewer.card import OverlayStyle
from allstation.ui.viewer.field_view import FieldView
from allstation.ui.viewer.loader import FieldLoader
from allstation.ui.viewer.picture import FieldPicture
from allstation.ui.viewer.visibility import identity

_SIZE: Final = (1180, 800)
_PANEL: Final = 285
_BYTES: Final = 96 * 1024 * 1024
_AHEAD: Final = 3


class LabelWindow(KeyBench):
    """Shows a field large and takes the keys of the classes; a field that is not on the screen gets none.

    Signals:
        kept: Lines for the journal of the labelling that is open.
        save_asked: Save in a folder of one's choice.
        train_asked: Save and train on it.
        classes_asked: Change the names of the classes.
        closed: The window was closed.
    """

    kept = Signal(list)
    save_asked = Signal()
    train_asked = Signal()
    classes_asked = Signal()
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(tr("Sort fields into classes — ALL Station"))
        self._labelling: Labelling | None = None
        self._row = 0
        self._only_open = True
        self._loader = FieldLoader(self, limit=_BYTES)
        self._loader.ready.connect(self._ready)
        self._loader.failed.connect(self._failed)
        self.view = FieldView(self)
        # Nothing that a model said may lead the eye.
        self.view.set_layers(style=OverlayStyle.OFF, hidden=True)
        self.view.set_captioned(True)
        self.view.canvas.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.canvas.setAccessibleName(tr("Field to sort"))
        self.panel = LabelPanel(self)
        area = VerticalScrollArea(self.panel, self)
        fix_width(area, _PANEL)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.view, 1)
        row.addWidget(area)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        focus_filters.plain_labels(self)
        resize_on_screen(self, *_SIZE)
        self._connect()

    def _connect(self) -> None:
        panel = self.panel
        self.key_typed.connect(self._typed)
        self.taken_back.connect(self._take_back)
        self.passed.connect(self._skip)
        panel.class_chosen.connect(self._give)
        panel.classes_asked.connect(self.classes_asked)
        panel.back_asked.connect(self._take_back)
        panel.skip_asked.connect(self._skip)
        panel.moved.connect(self._move)
        panel.filter_changed.connect(self._filter)
        panel.save_asked.connect(self.save_asked)
        panel.train_asked.connect(self.train_asked)

    # What is sorted

    @property
    def labelling(self) -> Labelling | None:
        """The labelling that is open."""
        return self._labelling

    def set_labelling(self, labelling: Labelling) -> None:
        """Sort the fields of this one, from the first that has no class."""
        self._labelling = labelling
        self.panel.set_title(labelling.place.name.removesuffix(".allcase"))
        self.panel.show_problem("")
        saved = labelling.saved_to
        self.panel.show_saving(tr("Saved as {name}.", name=saved.name) if saved is not None else None)
        first = labelling.next_open(-1)
        self._show(first if first is not None else 0)
        self.setFocus()

    def set_classes(self, lines: Sequence[str]) -> None:
        """Take lines of changed classes, which the labelling holds already."""
        self.kept.emit(list(lines))
        self._refresh()

    @Slot(int)
    def _give(self, place: int) -> None:
        """Give the field on the screen a class."""
        found = self._labelling
        if found is None or place >= len(found.classes):
            return
        picture, record = self.view.canvas.scene.picture, self.view.record
        # What was not painted was not seen: neither a key pressed too early nor a file that cannot be read.
        if picture is None or record is None or self.view.canvas.visibility.seconds(identity(record)) is None:
            self.panel.show_problem(tr("This field is not on the screen yet. Wait for it, or skip it."))
            return
        self._answered(found.give(found.fields[self._row], found.classes[place], picture.sha256))

    @Slot()
    def _skip(self) -> None:
        found = self._labelling
        if found is not None and not found.class_of(found.fields[self._row]):
            self._answered(found.give(found.fields[self._row], "", ""))
        else:
            self._move(1)

    def _answered(self, lines: list[str]) -> None:
        self.panel.show_problem("")
        self.panel.show_saving(None)
        self.kept.emit(lines)
        found = self._labelling
        if found is None:
            return
        following = found.next_open(self._row) if self._only_open else self._row + 1
        last = len(found.fields) - 1
        self._show(min(self._row if following is None else following, last))
        if found.labelled == len(found.fields):
            self.panel.show_saving(tr("Every field has a class. Save them, or train on them."))

    @Slot()
    def _take_back(self) -> None:
        found = self._labelling
        path, lines = found.undo() if found is not None else (None, [])
        if found is None or path is None:
            return
        self.kept.emit(lines)
        self.panel.show_saving(None)
        self._show(next(row for row, field in enumerate(found.fields) if field.path == path))

    @Slot(int)
    def _move(self, step: int) -> None:
        """Show another field, one without a class if only these are gone through."""
        found = self._labelling
        if found is None:
            return
        rows = range(self._row + step, len(found.fields) if step > 0 else -1, step)
        fits = (row for row in rows if not (self._only_open and found.class_of(found.fields[row])))
        row = next(fits, None)
        if row is not None:
            self._show(row)

    @Slot(bool)
    def _filter(self, on: bool) -> None:
        self._only_open = on

    @Slot(str)
    def _typed(self, text: str) -> None:
        place = KEYS.find(text.lower())
        if place >= 0:
            self._give(place)

    # What is shown

    def _show(self, row: int) -> None:
        found = self._labelling
        if found is None:
            return
        self._row = row
        field = found.fields[row]
        self.view.show_field(field, self._loader.request(field.path))
        coming = [found.fields[at].path for at in range(row + 1, min(row + 1 + _AHEAD, len(found.fields)))]
        self._loader.preload(coming)
        self._refresh()

    def _refresh(self) -> None:
        found = self._labelling
        if found is None:
            return
        name = found.class_of(found.fields[self._row])
        self.panel.show_counts(found.counts(), total=len(found.fields), skipped=found.skipped, current=name)
        self.panel.set_can_undo(found.can_undo)
        shown = shown_name(found.fields[self._row].path)
        place = tr("Field {n} of {total}", n=number(self._row + 1), total=number(len(found.fields)))
        self.view.set_caption(f"{place} · {shown} · {name}" if name else f"{place} · {shown}")

    @Slot(object, object)
    def _ready(self, path: Path, picture: FieldPicture) -> None:
        record = self.view.record
        if record is not None and record.path == path:
            self.view.show_field(record, picture)
            self._refresh()

    @Slot(object, str)
    def _failed(self, path: Path, sentence: str) -> None:
        record = self.view.record
        if record is not None and record.path == path:
            self.view.show_message(sentence)

    # Keys and the end

    def zoom(self, steps: int) -> None:
        """Show the middle of the field larger (above 0) or more of it."""
        if steps > 0:
            self.view.canvas.zoom_in()
        else:
            self.view.canvas.zoom_out()

    def handle_key(self, meaning: BenchKey) -> bool:
        """Close with Escape, train with Ctrl and Enter."""
        if meaning is BenchKey.END:
            self.close()
        elif meaning is BenchKey.GO:
            self.train_asked.emit()
        return meaning in (BenchKey.END, BenchKey.GO)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to the next field or the one before with an arrow; do what other keys mean."""
        arrows: dict[int, int] = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.key() in arrows:
            self._move(arrows[event.key()])
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell that nobody sorts any more."""
        super().closeEvent(event)
        self.closed.emit()

    def close_workers(self) -> None:
        """Wait for reads in flight."""
        self._loader.close()
