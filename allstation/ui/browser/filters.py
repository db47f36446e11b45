"""Filter row above the fields: text, class, review, reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QIcon, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLineEdit, QToolButton, QWidget

from allstation.core.classes import CLASS_NAMES, NEEDS_REVIEW
from allstation.core.decision import Reason
from allstation.core.filters import FieldFilter
from allstation.core.records import FieldState
from allstation.ui.common import icons
from allstation.ui.common.i18n import tr

_TYPING_PAUSE: Final = 180
_NARROWEST: Final = 180
_BOX: Final = 40
"""Logical pixels around the words of a box: margins and the arrow."""
_MARGINS: Final = 28
"""Logical pixels beside three boxes, and between them."""
_ICON: Final = 16
_FLAGS: Final = int(Qt.ItemDataRole.UserRole) - 1
"""Role in which a combo box's own model keeps an entry's flags; 0 there greys it out."""

_REVIEW_CHOICES: Final = (
    ("Any review", FieldFilter()),
    ("Needs a person", FieldFilter(needs_review=True)),
    ("Not reviewed", FieldFilter(reviewed=False)),
    ("Reviewed", FieldFilter(reviewed=True)),
    ("With a comment", FieldFilter(commented=True)),
)
_REASON_CHOICES: Final = (
    ("Any reason", FieldFilter()),
    *((str(reason), FieldFilter(reason=reason)) for reason in Reason),
    ("quality problem", FieldFilter(poor_quality=True)),
    ("failed", FieldFilter(state=FieldState.FAILED)),
    ("waiting", FieldFilter(state=FieldState.QUEUED)),
    ("cancelled", FieldFilter(state=FieldState.CANCELLED)),
    ("removed", FieldFilter(removed=True)),
)


class FilterBar(QWidget):
    """Conditions a person sets, as one :class:`FieldFilter` without the slide.

    Signals:
        changed: The filter is another one.
        left: The keyboard should go to the fields.
    """

    changed = Signal()
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = QLineEdit(self, placeholderText=tr("Find by name or slide"), clearButtonEnabled=True)
        self._text.setAccessibleName(tr("Find fields by name or slide"))
        self._search = self._text.addAction(QIcon(), QLineEdit.ActionPosition.LeadingPosition)
        self._classes = self._box(tr("Filter by decision"))
        self._reviews = self._box(tr("Filter by review"))
        self._reasons = self._box(tr("Filter by reason or state"))
        for box, choices in ((self._reviews, _REVIEW_CHOICES), (self._reasons, _REASON_CHOICES)):
            for title, part in choices:
                box.addItem(tr(title), part)
        self._blind_for: str | None = None
        self.set_classes(CLASS_NAMES)
        self._pause = QTimer(self, singleShot=True, interval=_TYPING_PAUSE)
        self._pause.timeout.connect(self.changed)
        self._text.textChanged.connect(self._typed)
        self._text.installEventFilter(self)
        self._fold = QToolButton(self)
        self._fold.setCheckable(True)
        self._fold.setAccessibleName(tr("More filters"))
        self._fold.setToolTip(tr("Filter by class, review and reason"))
        self._fold.toggled.connect(self._show_boxes)
        self._fold.hide()
        self._lay_out()
        for box in (self._classes, self._reviews, self._reasons):
            box.currentIndexChanged.connect(self._fit)
            box.currentIndexChanged.connect(self._show_boxes)
        # The boxes go below each other before their words are cut off.
        self.setMinimumWidth(_NARROWEST)
        self.refresh_icons()

    def _box(self, name: str) -> QComboBox:
        box = QComboBox(self)
        box.setAccessibleName(name)
        box.setToolTip(name)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(4)
        box.activated.connect(self._chosen)
        return box

    def _lay_out(self) -> None:
        layout = QGridLayout(self)
        layout.setContentsMargins(8, 8, 8, 4)
        layout.setSpacing(6)
        top = QHBoxLayout()
        top.addWidget(self._text, 1)
        top.addWidget(self._fold)
        layout.addLayout(top, 0, 0, 1, 6)
        for column in range(6):
            layout.setColumnStretch(column, 1)
        self._grid = layout
        self._place_boxes(1)

    def _place_boxes(self, rows: int) -> None:
        """Side by side, or in two or three rows where their words would be cut off."""
        places = {
            1: ((1, 0, 2), (1, 2, 2), (1, 4, 2)),
            2: ((1, 0, 3), (1, 3, 3), (2, 0, 6)),
            3: ((1, 0, 6), (2, 0, 6), (3, 0, 6)),
        }[rows]
        boxes = (self._classes, self._reviews, self._reasons)
        for box, (row, column, wide) in zip(boxes, places, strict=True):
            self._grid.addWidget(box, row, column, 1, wide)
        self._rows = rows

    def set_foldable(self, on: bool) -> None:
        """Show the boxes only when they are asked for or filter: beside a view that needs the height."""
        self._fold.setVisible(on)
        self._fold.setChecked(False)
        self._show_boxes()

    @Slot()
    def _show_boxes(self) -> None:
        boxes = (self._classes, self._reviews, self._reasons)
        wanted = self._fold.isHidden() or self._fold.isChecked()
        shown = wanted or any(box.currentIndex() > 0 for box in boxes)
        for box in boxes:
            box.setVisible(shown)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the boxes a second row where one is too narrow for what they say."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the size of text."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()

    @Slot()
    def _fit(self) -> None:
        metrics = self.fontMetrics()
        boxes = (self._classes, self._reviews, self._reasons)
        words = [metrics.horizontalAdvance(box.currentText()) + _BOX for box in boxes]
        room = self.width() - _MARGINS
        rows = 1 if room >= 3 * max(words) else 2 if room >= 2 * max(words[:2]) else 3
        if rows != self._rows:
            self._place_boxes(rows)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Return and Down go to what was found, Escape takes the text off first: then keys review again."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            key = event.key()
            if key in (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Down):
                if key == Qt.Key.Key_Escape:
                    self._text.clear()
                self.left.emit()
                return True
        return super().eventFilter(watched, event)

    def refresh_icons(self) -> None:
        """Draw the icons in the colours of now."""
        self._search.setIcon(icons.icon("search", self.palette()))
        self._fold.setIcon(icons.icon("filter", self.palette()))
        self._fold.setIconSize(QSize(icons.scaled(_ICON), icons.scaled(_ICON)))

    def set_classes(self, names: tuple[str, ...]) -> None:
        """Offer the classes of a model."""
        kept = self._classes.currentData()
        self._classes.clear()
        self._classes.addItem(tr("Any class"), FieldFilter())
        for name in names:
            self._classes.addItem(name, FieldFilter(final=name))
        self._classes.addItem(tr("needs review"), FieldFilter(final=NEEDS_REVIEW))
        self._classes.setCurrentIndex(self._index_of(kept))

    def _index_of(self, part: FieldFilter | None) -> int:
        """Return where a condition stands; ``findData`` compares Python objects by identity."""
        return max(0, _find(self._classes, part))

    def value(self) -> FieldFilter:
        """Return the conditions as they stand; in blind review only those that tell no prediction."""
        chosen: FieldFilter = self._classes.currentData()
        review: FieldFilter = self._reviews.currentData()
        reason: FieldFilter = self._reasons.currentData()
        if self._blind_for is not None:
            own = self._blind_for if review.reviewed is not None else None
            return FieldFilter(
                reviewed=review.reviewed,
                reviewer=own,
                state=reason.state,
                text=self._text.text(),
                removed=reason.removed,
            )
        return FieldFilter(
            final=chosen.final,
            needs_review=review.needs_review,
            reviewed=review.reviewed,
            commented=review.commented,
            reason=reason.reason,
            poor_quality=reason.poor_quality,
            state=reason.state,
            text=self._text.text(),
            removed=reason.removed,
        )

    def set_blind(self, reviewer: str | None) -> None:
        """Take no condition that would tell what the model said until this person has decided."""
        self._blind_for = reviewer
        blind = reviewer is not None
        self._classes.setEnabled(not blind)
        for box in (self._reviews, self._reasons):
            for index in range(box.count()):
                part: FieldFilter = box.itemData(index)
                telling = (
                    part.needs_review is not None
                    or part.reason is not None
                    or part.poor_quality
                    or part.commented
                )
                box.setItemData(index, 0 if blind and telling else None, _FLAGS)
        if blind:
            self.choose(self.value())

    def choose(self, where: FieldFilter) -> None:
        """Set the boxes to conditions that come from elsewhere, for example a chart; text is cleared."""
        self._set_text(where.text)
        self._classes.setCurrentIndex(self._index_of(FieldFilter(final=where.final)))
        review = FieldFilter(
            needs_review=where.needs_review, reviewed=where.reviewed, commented=where.commented
        )
        reason = FieldFilter(
            reason=where.reason,
            poor_quality=where.poor_quality,
            state=where.state,
            removed=where.removed,
        )
        for box, part in ((self._reviews, review), (self._reasons, reason)):
            box.setCurrentIndex(max(0, _find(box, part)))
        self.changed.emit()

    def _set_text(self, text: str) -> None:
        """Write into the box as if it had been typed, but tell nobody: the caller does."""
        # Its signals are not blocked: the box shows its clear button by them.
        self._text.setText(text)
        self._pause.stop()

    def is_active(self) -> bool:
        """Tell whether any condition is set."""
        return self.value() != FieldFilter()

    def show_final(self, name: str | None) -> None:
        """Choose a class from elsewhere, for example the slide tree or a chart."""
        self._classes.setCurrentIndex(self._index_of(FieldFilter(final=name)))

    def clear(self) -> None:
        """Take every condition off."""
        active = self.is_active()
        self._set_text("")
        for box in (self._classes, self._reviews, self._reasons):
            box.setCurrentIndex(0)
        if active:
            self.changed.emit()

    def focus_text(self) -> None:
        """Let the person type."""
        self._text.setFocus()
        self._text.selectAll()

    def _typed(self) -> None:
        self._pause.start()

    def _chosen(self) -> None:
        self.changed.emit()
        # A box that keeps the keyboard takes Space and Home, which are for the fields.
        self.left.emit()


def _find(box: QComboBox, part: FieldFilter | None) -> int:
    choices = (box.itemData(index) for index in range(box.count()))
    return next((index for index, choice in enumerate(choices) if choice == part), -1)


def on_slide(where: FieldFilter, slide_id: int | None) -> FieldFilter:
    """Return a filter limited to one slide."""
    return replace(where, slide_id=slide_id)
