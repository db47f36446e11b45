"""Dialog on the patients of slides: a pattern or table, and what it would give before it does."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from allstation.core.patients import PATIENT, SLIDE, PatientSource
from allstation.core.text import shown_name
from allstation.processing.patients import PatientProposal
from allstation.ui.common import icons, theme
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.window_size import resize_on_screen

_SIZE = (680, 520)
_COLUMN = 150
_ROWS = 2_000
"""Slides that are listed."""


class PatientsDialog(QDialog):
    """Shows slide by slide which patient it has and which one it would get.

    Args:
        pattern: That was used last; empty for none.
        parent: The window.

    Signals:
        given: A pattern that is to be tried, while it is typed.
        table_wanted: A table is to be chosen.
        agreed: The shown proposal is to be set.
    """

    given = Signal(str)
    table_wanted = Signal()
    agreed = Signal(object)

    def __init__(self, pattern: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Patients of slides"))
        resize_on_screen(self, *_SIZE)
        self._proposal: PatientProposal | None = None
        about = QLabel(
            tr(
                "Write the names of the folders from the patient's down to the slide's: {patient} is the id, "
                "{slide} and * are any text. Examples: {patient}/{slide} or P{patient}_*",
                patient=PATIENT,
                slide=SLIDE,
            ),
            self,
            wordWrap=True,
        )
        about.setTextFormat(Qt.TextFormat.PlainText)
        about.setProperty("role", "muted")
        self.pattern = QLineEdit(pattern, self)
        self.pattern.setObjectName("patients.pattern")
        self.pattern.setPlaceholderText(f"{PATIENT}/{SLIDE}")
        self.pattern.setAccessibleName(tr("Pattern of folder names"))
        self.pattern.textChanged.connect(self._typed)
        self.table = QPushButton(tr("From a &Table…"), self)
        self.table.setObjectName("patients.table")
        self.table.setToolTip(tr("A CSV file with the column patient and one of slide, folder or file"))
        self.table.setAutoDefault(False)
        self.table.clicked.connect(self.table_wanted)
        self.preview = QTreeWidget(self)
        self.preview.setObjectName("patients.preview")
        self.preview.setHeaderLabels([tr("Slide"), tr("Patient now"), tr("Patient then")])
        self.preview.setRootIsDecorated(False)
        self.preview.setUniformRowHeights(True)
        self.preview.setAccessibleName(tr("Slides and their patients"))
        self.preview.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.preview.header().setStretchLastSection(False)
        self.message = QLabel(self, wordWrap=True)
        self.message.setObjectName("patients.message")
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self._box = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Apply | QDialogButtonBox.StandardButton.Cancel, self
        )
        self.apply = self._box.button(QDialogButtonBox.StandardButton.Apply)
        self.apply.setObjectName("patients.apply")
        self.apply.setText(tr("&Set Patients"))
        self.apply.setDefault(True)
        self.apply.setEnabled(False)
        self.apply.clicked.connect(self._agree)
        self._box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(10)
        for part in (about, self.pattern, self.table, self.preview, self.message, self._box):
            layout.addWidget(part)
        for column in (1, 2):
            wanted = self.preview.header().sectionSizeHint(column)
            self.preview.setColumnWidth(column, max(icons.scaled(_COLUMN), wanted))

    def show_proposal(self, proposal: PatientProposal) -> None:
        """Show what would be given."""
        self._proposal = proposal
        self.preview.clear()
        for slide in proposal.slides[:_ROWS]:
            then = proposal.patients.get(slide.id, slide.patient)
            row = QTreeWidgetItem([shown_name(slide.name), shown_name(slide.patient), shown_name(then)])
            row.setToolTip(0, shown_name(str(slide.folder)) if slide.folder is not None else "")
            if slide.patient and then != slide.patient:
                row.setText(2, tr("{id} (another)", id=shown_name(then)))
            self.preview.addTopLevelItem(row)
        self.apply.setEnabled(bool(proposal.patients))
        self._say(_sentence(proposal), problem=not proposal.patients)

    def show_problem(self, sentence: str) -> None:
        """Say why nothing would be given."""
        self._proposal = None
        self.preview.clear()
        self.apply.setEnabled(False)
        self._say(sentence, problem=True)

    def _say(self, sentence: str, *, problem: bool) -> None:
        theme.restyle(self.message, "role", "warning" if problem else "")
        self.message.setText(sentence)

    @Slot(str)
    def _typed(self, text: str) -> None:
        self.apply.setEnabled(False)
        if text.strip():
            self.given.emit(text)
        else:
            self.show_problem("")

    @Slot()
    def _agree(self) -> None:
        if self._proposal is not None:
            self.agreed.emit(self._proposal)
            self.accept()


def _sentence(proposal: PatientProposal) -> str:
    patients = len(set(proposal.patients.values()))
    words = tr(
        "{n} of {all} slides would get one of {patients} patients.",
        n=number(len(proposal.patients)),
        all=number(len(proposal.slides)),
        patients=number(patients),
    )
    if proposal.without:
        left = number(len(proposal.without))
        words += " " + tr("{n} slides stay without: figures then say “patients unknown”.", n=left)
    if proposal.unused:
        words += " " + tr("{n} rows of the table name no slide.", n=number(proposal.unused))
    if proposal.source is PatientSource.FOLDER and not proposal.patients:
        words = tr("The pattern fits no folder of this case.")
    return words
