"""Footer of the review panel: the reviewer's name, blind review, and how far the case is reviewed."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLineEdit, QProgressBar, QVBoxLayout, QWidget

from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr


class ReviewFooter(QWidget):
    """Reviewer's name, box for blind review, and progress bar.

    Signals:
        reviewer_edited: Another name was typed.
        blind_toggled: Whether predictions are hidden until the reviewer has decided.
    """

    reviewer_edited = Signal()
    blind_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._reviewer = QLineEdit(self, placeholderText=tr("Your name"))
        self._reviewer.setAccessibleName(tr("Reviewer"))
        self._reviewer.setToolTip(tr("Stands beside every review you make"))
        self._reviewer.editingFinished.connect(self.reviewer_edited)
        self._blind = QCheckBox(tr("Blind"), self)
        self._blind.setToolTip(tr("Hide predictions and other people's reviews until you have decided"))
        self._blind.toggled.connect(self.blind_toggled)
        self._progress_text = QLabel(self)
        self._progress_text.setProperty("role", "small")
        self._progress = QProgressBar(self, textVisible=False, maximum=1)
        self._progress.setAccessibleName(tr("Progress of the review"))
        self._progress.setMaximumHeight(6)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(14, 8, 14, 10)
        rows.setSpacing(6)
        line = QHBoxLayout()
        line.addWidget(self._reviewer, 1)
        line.addWidget(self._blind)
        rows.addLayout(line)
        rows.addWidget(self._progress_text)
        rows.addWidget(self._progress)

    @property
    def is_blind(self) -> bool:
        """Whether predictions are hidden until the reviewer has decided."""
        return self._blind.isChecked()

    @property
    def reviewer(self) -> str:
        """The name the person gave."""
        return self._reviewer.text().strip()

    def set_reviewer(self, name: str) -> None:
        """Fill in the reviewer's name."""
        self._reviewer.setText(name)

    def set_name_editable(self, on: bool) -> None:
        """Let the reviewer's name be typed, or only shown."""
        self._reviewer.setReadOnly(not on)
        self._reviewer.setPlaceholderText(tr("Your name") if on else tr("Nobody is named yet"))

    def set_blind(self, on: bool) -> None:
        """Hide or show predictions before the decision."""
        self._blind.setChecked(on)

    def set_progress(self, reviewed: int, total: int) -> None:
        """Show how many fields of the case are reviewed."""
        self._progress.setMaximum(max(total, 1))
        self._progress.setValue(reviewed)
        words = tr("{done} of {total} fields reviewed", done=number(reviewed), total=number(total))
        self._progress_text.setText(words if total else "")
