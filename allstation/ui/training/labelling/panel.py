"""Right side of the labelling window: classes with their keys and counts, what is done, what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from allstation.core.text import shown_name
from allstation.services.training.labelling import KEYS
from allstation.ui.common.formatting import duration, number
from allstation.ui.common.i18n import tr
from allstation.ui.training.labelling.class_button import ClassButton

_KEYS_STAY: Final = Qt.FocusPolicy.NoFocus
"""Buttons with a key of their own leave the keyboard to the window."""


class LabelPanel(QWidget):
    """Shows how far the sorting is and offers everything that has a key as a button too.

    Signals:
        class_chosen: Place of a class.
        classes_asked: Change the names of the classes.
        back_asked: Take the last answer back.
        skip_asked: Leave the field for later.
        moved: -1 for the field before, 1 for the next.
        filter_changed: Whether only fields without a class are gone through.
        save_asked: Save in a folder of one's choice.
        train_asked: Save, then train on it.
        cancel_asked: Do not save any further.
    """

    class_chosen = Signal(int)
    classes_asked = Signal()
    back_asked = Signal()
    skip_asked = Signal()
    moved = Signal(int)
    filter_changed = Signal(bool)
    save_asked = Signal()
    train_asked = Signal()
    cancel_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self._buttons: list[ClassButton] = []
        self._title = self._label("heading")
        self._count = QLabel(self)
        self._skipped = self._label("muted")
        self._progress = QProgressBar(self, textVisible=False)
        self._progress.setAccessibleName(tr("Fields that have a class"))
        self._classes = QVBoxLayout()
        self._classes.setSpacing(5)
        self._change = QPushButton(tr("Change the Classes…"), self)
        self._change.clicked.connect(self.classes_asked)
        self._filter = QCheckBox(tr("Only fields without a class"), self)
        self._filter.setChecked(True)
        self._filter.setFocusPolicy(_KEYS_STAY)
        self._filter.toggled.connect(self.filter_changed)
        self._note = self._label("danger")
        self._note.hide()
        self._lay_out()

    def _label(self, role: str) -> QLabel:
        label = QLabel(self, wordWrap=True)
        label.setProperty("role", role)
        return label

    def _lay_out(self) -> None:
        self._back = self._button(tr("Take Back  (Backspace)"), tr("The last answer, as often as wanted"))
        self._skip = self._button(tr("Skip  (Space)"), tr("It comes again when no other field is left"))
        before = self._button(tr("← Before"), tr("The field before, key Left"))
        after = self._button(tr("Next →"), tr("The next field, key Right"))
        self._back.clicked.connect(self.back_asked)
        self._skip.clicked.connect(self.skip_asked)
        before.clicked.connect(self._move_back)
        after.clicked.connect(self._move_on)
        moves = QHBoxLayout()
        moves.addWidget(before)
        moves.addWidget(after)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        for label in (self._title, self._count, self._progress, self._skipped):
            column.addWidget(label)
        column.addSpacing(6)
        column.addLayout(self._classes)
        column.addWidget(self._change)
        column.addSpacing(6)
        for widget in (self._skip, self._back):
            column.addWidget(widget)
        column.addLayout(moves)
        column.addWidget(self._filter)
        column.addStretch(1)
        column.addWidget(self._note)
        self._lay_out_saving(column)

    def _lay_out_saving(self, column: QVBoxLayout) -> None:
        kept = self._label("small")
        kept.setText(tr("Kept as you go: close the window and go on later. The files stay as they are."))
        self._saving = QLabel(self, wordWrap=True)
        self._saved_bar = QProgressBar(self, textVisible=False)
        self._saved_bar.setAccessibleName(tr("Progress of saving"))
        self._cancel = QPushButton(tr("Cancel Saving"), self)
        self._cancel.clicked.connect(self.cancel_asked)
        self._save = QPushButton(tr("Save As Labelled Folder…"), self)
        self._save.setToolTip(tr("Copies of the fields, a folder a class; nothing is written over"))
        self._save.clicked.connect(self.save_asked)
        self._train = QPushButton(tr("Train on It"), self)
        self._train.setProperty("role", "primary")
        self._train.setToolTip(tr("Save a labelled folder beside your cases and open it on the Data page"))
        self._train.clicked.connect(self.train_asked)
        for widget in (kept, self._saving, self._saved_bar, self._cancel, self._save, self._train):
            column.addWidget(widget)
        self.show_saving(None)

    def _button(self, text: str, does: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(does)
        button.setFocusPolicy(_KEYS_STAY)
        return button

    # What is shown

    def set_title(self, text: str) -> None:
        """Name the folder or case."""
        self._title.setText(shown_name(text))

    def show_counts(self, counts: Mapping[str, int], *, total: int, skipped: int, current: str) -> None:
        """Show the classes with their counts and how far the sorting is.

        Args:
            counts: Class to number of fields, in the order of the keys.
            total: Fields there are.
            skipped: Fields left for later.
            current: Class of the field on the screen; empty if it has none.
        """
        done = sum(counts.values())
        self._count.setText(tr("{n} of {total}", n=number(done), total=number(total)))
        self._progress.setRange(0, max(total, 1))
        self._progress.setValue(done)
        self._skipped.setText(tr("Skipped: {n}", n=number(skipped)) if skipped else "")
        self._skipped.setVisible(bool(skipped))
        while len(self._buttons) < len(counts):
            self._add_class()
        for place, button in enumerate(self._buttons):
            button.setVisible(place < len(counts))
        for place, (name, count) in enumerate(counts.items()):
            self._buttons[place].show_class(name, count, current=name == current)

    def _add_class(self) -> None:
        place = len(self._buttons)
        button = ClassButton(place, KEYS[place], self)
        button.clicked.connect(self._class_clicked)
        self._classes.addWidget(button)
        self._buttons.append(button)

    def set_can_undo(self, on: bool) -> None:
        """Offer to take something back, or not."""
        self._back.setEnabled(on)

    def show_problem(self, sentence: str) -> None:
        """Say what did not work; empty for nothing."""
        self._note.setText(sentence)
        self._note.setVisible(bool(sentence))

    def show_saving(self, words: str | None) -> None:
        """Say that or where copies are saved; None for neither."""
        self._saving.setText(words or "")
        self._saving.setVisible(bool(words))
        self._saved_bar.hide()
        self._cancel.hide()
        self._save.show()
        self._train.show()

    def show_progress(self, done: int, total: int, seconds_left: float | None) -> None:
        """Show how far the copies are."""
        left = tr(", about {time} left", time=duration(seconds_left)) if seconds_left else ""
        self._saving.setText(tr("Saving copies and comparing them: {done} / {total}{left}",
                                done=number(done), total=number(total), left=left))  # fmt: skip
        self._saved_bar.setRange(0, max(total, 0))
        self._saved_bar.setValue(done)
        for widget in (self._saving, self._saved_bar, self._cancel):
            widget.show()
        self._save.hide()
        self._train.hide()

    # Slots

    @Slot()
    def _class_clicked(self) -> None:
        button = self.sender()
        if isinstance(button, ClassButton):
            self.class_chosen.emit(button.place)

    @Slot()
    def _move_back(self) -> None:
        self.moved.emit(-1)

    @Slot()
    def _move_on(self) -> None:
        self.moved.emit(1)
