"""Dialog that asks whether a new model takes the place of the one in use, with both models' figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QVBoxLayout,
    QWidget,
)

from allstation.ui.common import focus_filters, icons
from allstation.ui.common.formatting import short_name
from allstation.ui.common.i18n import tr
from allstation.ui.common.tables import fill_row, table_of

_WIDTH: Final = 640
_TITLE: Final = 32
_SPARE: Final = 4


class ModelChoiceDialog(QDialog):
    """Asks for the model's name and whether to use it.

    *Keep* is the default, and nothing can be activated while the comparison runs. *Activate* becomes the
    default only once the new model is shown to be better.

    Args:
        title: Name of the new model.
        parent: Owner.

    Attributes:
        name: Name of the model.
        activate: Uses the new model.
        keep: Keeps the one in use.
    """

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self.setObjectName("activate")
        self.setWindowTitle(tr("Activate model"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(icons.scaled(_WIDTH))
        self.name = QLineEdit(title, self)
        self.name.textChanged.connect(self._show_buttons)
        self._verdict = QLabel(self, wordWrap=True)
        self._verdict.setProperty("role", "heading")
        self._about = QLabel(self, wordWrap=True)
        self._about.setProperty("role", "muted")
        self._figures = table_of((), tr("Both models on the same fields"))
        self._figures.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._figures.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self._figures.hide()
        self._pair = QLabel(self, wordWrap=True)
        self._pair.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._ready = False
        self._build_buttons()
        self._lay_out()
        focus_filters.plain_labels(self)

    def _build_buttons(self) -> None:
        self._box = QDialogButtonBox(self)
        self.keep = QPushButton(tr("&Keep the One in Use"), self)
        self.activate = QPushButton(tr("&Activate"), self)
        self._box.addButton(self.keep, QDialogButtonBox.ButtonRole.RejectRole)
        self._box.addButton(self.activate, QDialogButtonBox.ButtonRole.AcceptRole)
        self._box.accepted.connect(self.accept)
        self._box.rejected.connect(self.reject)
        self._show_buttons()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow(tr("Name of the model"), self.name)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addLayout(form)
        for widget in (self._verdict, self._about, self._figures, self._pair):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addWidget(self._box)

    @property
    def is_compared(self) -> bool:
        """Whether the comparison has ended, with figures or with a problem."""
        return self._ready

    def show_progress(self, text: str) -> None:
        """Say how far the comparison is."""
        self._verdict.setText(text)

    def show_figures(
        self, verdict: str, about: str, *, rows: Sequence[tuple[str, str, str]], active: str, pair: str
    ) -> None:
        """Show both models' figures.

        Args:
            verdict: Which is better.
            about: What they were compared on.
            rows: Name of a figure, its value of the new model, and of the one in use.
            active: Name of the one in use.
            pair: The paired test in words.
        """
        self._verdict.setText(verdict)
        self._about.setText(about)
        if rows:
            self._fill_figures(rows, active)
        self._pair.setText(pair)
        self._pair.setVisible(bool(pair))

    def show_problem(self, sentence: str) -> None:
        """Say why the models could not be compared; nothing speaks for the new one then."""
        self._verdict.setText(tr("The models could not be compared: keep the one in use."))
        self._about.setText(sentence)
        self.finish(better=False)

    def _fill_figures(self, rows: Sequence[tuple[str, str, str]], active: str) -> None:
        table = self._figures
        table.setColumnCount(3)
        titles = (short_name(self._title, _TITLE), short_name(active, _TITLE))
        table.setHorizontalHeaderLabels([tr("Figure"), titles[0], tr("{name} (in use)", name=titles[1])])
        table.setRowCount(len(rows))
        for row, texts in enumerate(rows):
            fill_row(table, row, texts)
        table.resizeColumnsToContents()
        table.resizeRowsToContents()
        height = sum(table.rowHeight(row) for row in range(table.rowCount()))
        table.setFixedHeight(
            height + table.horizontalHeader().sizeHint().height() + 2 * table.frameWidth() + _SPARE
        )
        table.show()

    def finish(self, *, better: bool) -> None:
        """End the comparison; the new model is offered by default only if it is better."""
        self._ready = True
        self._show_buttons()
        if better and self.activate.isEnabled():
            self.activate.setDefault(True)
        else:
            self.keep.setDefault(True)
        self._fit()

    def _fit(self) -> None:
        """Take the room that the table's columns and the wrapped sentences need."""
        layout, table = self.layout(), self._figures
        if layout is None:
            return
        margins = layout.contentsMargins()
        columns = table.horizontalHeader().length() + 2 * table.frameWidth() + _SPARE
        wide = margins.left() + margins.right() + columns if not table.isHidden() else 0
        width = max(self.minimumWidth(), wide)
        self.setMinimumSize(width, layout.totalHeightForWidth(width))
        self.resize(self.minimumSize())

    @Slot()
    def _show_buttons(self) -> None:
        self.activate.setEnabled(self._ready and bool(self.name.text().strip()))
        if not self.activate.isEnabled():
            self.keep.setDefault(True)
