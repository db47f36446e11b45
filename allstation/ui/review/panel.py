"""The reviewer's panel: what the network decided, what people decided, and the keys to decide now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import QEvent, QSize, Signal, Slot
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from allstation.core.classes import CLASS_NAMES
from allstation.core.field_distance import AlikeAnswer
from allstation.core.records import FieldRecord, ModelRecord, Review
from allstation.ui.common import icons
from allstation.ui.common.formatting import field_name, short_name, tip
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import VerticalScrollArea
from allstation.ui.review.alike import AlikeRow
from allstation.ui.review.bars import ProbabilityBars
from allstation.ui.review.class_buttons import ClassButtons
from allstation.ui.review.comment import CommentEdit
from allstation.ui.review.footer import ReviewFooter
from allstation.ui.review.history import HistoryList
from allstation.ui.viewer.card_content import CardContent, card_content
from allstation.ui.viewer.reasons import explained_reasons, rule_of

_ICON: Final = 18


class ReviewPanel(QWidget):
    """Shows one field's decision and takes the reviewer's. Writes nothing by itself.

    Signals:
        reviewed: A :class:`~allstation.core.records.Review`; the window stores it, undoably.
        next_asked: Go to the next field without a review.
        reviewer_changed: The name the person gave.
        blind_changed: Whether predictions are hidden until the reviewer has decided.
    """

    reviewed = Signal(object)
    next_asked = Signal()
    reviewer_changed = Signal(str)
    blind_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._record: FieldRecord | None = None
        self._remark = ""
        self._writable = True
        self._model: ModelRecord | None = None
        self._allows: Callable[[FieldRecord, str | None], bool] = _always
        self._build()
        self._refresh_icons()
        self.set_classes(CLASS_NAMES)
        self.show_field(None)

    # Building --------------------------------------------------------------------------------

    def _build(self) -> None:
        body = QWidget(self)
        body.setProperty("role", "panel")
        column = QVBoxLayout(body)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        self._build_decision(column)
        self._build_buttons(column)
        self._build_history(column)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(VerticalScrollArea(body, self), 1)
        self._footer = ReviewFooter(self)
        self._footer.reviewer_edited.connect(self._reviewer_edited)
        self._footer.blind_toggled.connect(self._blind_toggled)
        outer.addWidget(self._footer)

    def _build_decision(self, column: QVBoxLayout) -> None:
        self._name = QLabel(self)
        self._name.setProperty("role", "small")
        self._decision = QLabel(self, wordWrap=True)
        self._decision.setProperty("role", "heading")
        self._reasons = QLabel(self, wordWrap=True)
        self._reasons.setProperty("role", "muted")
        self.alike = AlikeRow(self)
        self._bars = ProbabilityBars(self)
        for widget in (self._name, self._decision, self._reasons, self.alike, self._bars):
            column.addWidget(widget)
        column.addWidget(self._line())

    def _build_buttons(self, column: QVBoxLayout) -> None:
        self._confirm = QPushButton(self)
        self._confirm.setProperty("role", "primary")
        self._confirm.clicked.connect(self.confirm)
        column.addWidget(self._confirm)
        self._class_buttons = ClassButtons(self)
        self._class_buttons.clicked.connect(self.set_class)
        column.addWidget(self._class_buttons)
        self._look = QPushButton(" " + tr("Needs another look  (R)"), self)
        self._look.setToolTip(tr("Mark the field for someone else's eyes, or your own later (R)"))
        self._look.clicked.connect(self.ask_for_another_look)
        self._next = QPushButton(" " + tr("Next unreviewed  (U)"), self)
        self._next.clicked.connect(self.next_asked)
        column.addWidget(self._look)
        column.addWidget(self._next)
        self._comment = CommentEdit(self)
        self._comment.finished.connect(self._comment_finished)
        column.addWidget(self._comment)
        column.addWidget(self._line())

    def _build_history(self, column: QVBoxLayout) -> None:
        self._history_title = QLabel(tr("Reviews of this field"), self)
        self._history_title.setProperty("role", "muted")
        self._history = HistoryList(self)
        column.addWidget(self._history_title)
        column.addWidget(self._history)

    def _line(self) -> QWidget:
        line = QWidget(self)
        line.setProperty("role", "line")
        line.setFixedHeight(1)
        line.setBackgroundRole(QPalette.ColorRole.Mid)
        line.setAutoFillBackground(True)
        return line

    def set_guard(self, allows: Callable[[FieldRecord, str | None], bool]) -> None:
        """Ask before each review of a class, or for another look, whether the field may be reviewed.

        Args:
            allows: Takes the field and the class, None for another look; says itself why it refuses.
        """
        self._allows = allows

    # What is shown ---------------------------------------------------------------------------

    @property
    def is_blind(self) -> bool:
        """Whether predictions are hidden until the reviewer has decided."""
        return self._footer.is_blind

    @property
    def reviewer(self) -> str:
        """The name the person gave."""
        return self._footer.reviewer

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that are offered."""
        return self._class_buttons.classes

    def set_reviewer(self, name: str) -> None:
        """Fill in the reviewer's name."""
        self._footer.set_reviewer(name)
        self._show()

    def set_name_editable(self, on: bool) -> None:
        """Let the reviewer's name be typed, or only shown."""
        self._footer.set_name_editable(on)

    def set_blind(self, on: bool) -> None:
        """Hide or show predictions before the decision."""
        self._footer.set_blind(on)

    def set_writable(self, on: bool) -> None:
        """Offer reviewing, or only looking."""
        self._writable = on
        self._show()

    def set_classes(self, names: Sequence[str]) -> None:
        """Offer the classes of a model, with the keys 1 to 9."""
        if tuple(names) != self.classes:
            self._class_buttons.set_classes(names, after=self._confirm)
            self._show()

    def set_model(self, model: ModelRecord) -> None:
        """Tell reasons with the limits of the model in use, for the fields that it classified."""
        self._model = model
        self._show()

    def _reason_lines(self, record: FieldRecord, content: CardContent) -> tuple[str, ...]:
        prediction, model = record.prediction, self._model
        if prediction is None or prediction.decision.class_name is not None or not content.reasons:
            return content.reasons
        known = model if model is not None and model.sha256 == prediction.model_sha256 else None
        told = explained_reasons(prediction, rule_of(known))
        return (*content.reasons[: -len(told)], *told)

    def show_alike(self, answer: AlikeAnswer | None) -> None:
        """Show the reviewed fields that look most like the current one; None for none."""
        record = self._record
        fits = answer is not None and record is not None and answer.field_id == record.id
        self.alike.show_answer(answer if fits and not self.is_blind else None, self.classes)

    def set_progress(self, reviewed: int, total: int) -> None:
        """Show how far the review of the case is."""
        self._footer.set_progress(reviewed, total)

    def set_history(self, reviews: Sequence[Review]) -> None:
        """List every review and remark of the current field, oldest first."""
        said = [one for one in reviews if one.comment or not one.is_remark]
        self._history.set_reviews(said, self.classes)
        own = [one.comment for one in reviews if one.is_remark and one.reviewer == self.reviewer]
        self._remark = own[-1] if own else ""
        if not self._comment.hasFocus():
            self._comment.set_text(self._own_comment())
        self._show_history()

    @property
    def remark(self) -> str:
        """This person's stored remark about the current field."""
        return self._remark

    @Slot(object)
    def show_field(self, record: FieldRecord | None) -> None:
        """Show a field's decision and its review."""
        before = self._record
        if before is not None and (record is None or record.id != before.id):
            self._comment.finish()
        if before is None or record is None or record.id != before.id:
            self._remark = ""
        self._record = record
        self._comment.set_text(self._own_comment())
        single = (record.review,) if record is not None and record.review is not None else ()
        self._history.set_reviews(single, self.classes)
        self._show()

    def _own_comment(self) -> str:
        """Return this person's comment: someone else's must never be stored again under their name."""
        review = self._record.review if self._record is not None else None
        return review.comment if review is not None and review.reviewer == self.reviewer else self._remark

    def _is_hidden(self) -> bool:
        record = self._record
        if record is None or not self.is_blind:
            return False
        return record.review is None or record.review.reviewer != self.reviewer

    def _show(self) -> None:
        record, hidden = self._record, self._is_hidden()
        content = card_content(record, hidden=hidden) if record is not None else None
        shown = short_name(field_name(record.path), 44) if record is not None else ""
        self._name.setText(shown)
        self._name.setToolTip(tip(str(record.path)) if record is not None else "")
        heading = tr("No field selected")
        self._decision.setText(content.heading if content is not None else heading)
        lines = self._reason_lines(record, content) if record is not None and content is not None else ()
        reasons = "\n".join(lines)
        self._reasons.setText(reasons)
        self._reasons.setVisible(bool(reasons))
        self._bars.set_rows(content.rows if content is not None else ())
        self._show_buttons()
        self._show_history()

    def _show_buttons(self) -> None:
        record, hidden = self._record, self._is_hidden()
        able = self._may_review
        decided = self._decided_class()
        self._confirm.setEnabled(able and decided is not None and not hidden)
        words = (
            tr("Confirm {name}  (Space)", name=decided) if decided and not hidden else tr("Confirm  (Space)")
        )
        self._confirm.setText(words)
        chosen = record.review.class_name if record is not None and record.review is not None else None
        self._class_buttons.show_review(None if hidden else chosen, able=able)
        self._look.setEnabled(able)
        self._next.setEnabled(record is not None)
        self._comment.setEnabled(able)

    def _show_history(self) -> None:
        filled = self._history.count() > 0 and not self._is_hidden()
        self._history.setVisible(filled)
        self._history_title.setVisible(filled)

    def _decided_class(self) -> str | None:
        prediction = self._record.prediction if self._record is not None else None
        return prediction.decision.class_name if prediction is not None else None

    # What the reviewer does ------------------------------------------------------------------

    @Slot()
    def confirm(self) -> bool:
        """Agree with the network's decision; does nothing where it named no class.

        Returns:
            Whether the field was reviewed.
        """
        decided = self._decided_class()
        return decided is not None and not self._is_hidden() and self._review(decided)

    @Slot(str)
    def set_class(self, name: str) -> bool:
        """Say what the field is; returns whether it was reviewed."""
        return self._review(name)

    @Slot()
    def ask_for_another_look(self) -> bool:
        """Say that someone has to look again; returns whether that was stored."""
        return self._review(None)

    @Slot()
    def write_comment(self) -> None:
        """Put the cursor into the comment."""
        self._comment.begin()

    @property
    def _may_review(self) -> bool:
        """Whether there is a field that is in the case, which can be written."""
        return self._writable and self._record is not None and not self._record.removed

    def _review(self, class_name: str | None) -> bool:
        record = self._record
        if record is None or not self._may_review or not self._allows(record, class_name):
            self._show_buttons()
            return False
        text = self._comment.take_text()
        self.reviewed.emit(
            Review(field_id=record.id, reviewer=self.reviewer, class_name=class_name, comment=text)
        )
        self._show_buttons()
        return True

    @Slot(str)
    def _comment_finished(self, text: str) -> None:
        record = self._record
        if record is None or not self._may_review:
            return
        # A comment decides nothing: neither what the model said nor what somebody else did.
        own = record.review if record.review is not None and record.review.reviewer == self.reviewer else None
        self.reviewed.emit(
            Review(
                field_id=record.id,
                reviewer=self.reviewer,
                class_name=own.class_name if own is not None else "",
                comment=text,
            )
        )

    @Slot()
    def _reviewer_edited(self) -> None:
        self.reviewer_changed.emit(self.reviewer)
        self._comment.set_text(self._own_comment())
        self._show()

    @Slot(bool)
    def _blind_toggled(self, on: bool) -> None:
        self._show()
        self.blind_changed.emit(on)

    def changeEvent(self, event: QEvent) -> None:
        """Draw the icons again when light and dark change."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._refresh_icons()

    def _refresh_icons(self) -> None:
        self._look.setIcon(icons.icon("another-look", self.palette()))
        self._next.setIcon(icons.icon("next-unreviewed", self.palette()))
        for button in (self._look, self._next):
            button.setIconSize(QSize(icons.scaled(_ICON), icons.scaled(_ICON)))


def _always(_record: FieldRecord, _class_name: str | None) -> bool:
    return True
