"""The optional data of a case: patient, request, specimen and microscope."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QGroupBox,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from allstation.core.errors import StationError
from allstation.core.pixel_size import frame_sizes
from allstation.report.content.identity import DATES, GROUPS, dicom_problem, entered, known_key
from allstation.ui.common import focus_filters, theme
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import scroll_area
from allstation.ui.common.window_size import resize_on_screen

_LONGEST: Final = 500
_EXAMPLES: Final = {
    "sex": "female, male, other",
    "specimen": "Peripheral blood",
    "source": "Venous, EDTA",
    "stain": "May-Grünwald-Giemsa",
    "objective": "100× oil",
    "pixel_size": "0.1 µm",
}


class CaseDataDialog(QDialog):
    """Stays open beside the window while the person reads on elsewhere.

    Signals:
        saved: The texts as they were and as they should be, by key.
    """

    saved = Signal(object, object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Case data"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.boxes: dict[str, QLineEdit] = {}
        self._names: list[QLabel] = []
        self._stored: dict[str, str] = {}
        self._shown: dict[str, str] = {}
        self._own_sizes = 0
        """What the boxes made of the stored texts: a line has no line breaks."""
        self._hint = QLabel(self, wordWrap=True)
        self._hint.setProperty("role", "small")
        self._inside = QWidget(self)
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(0, 0, 10, 0)
        self._column.setSpacing(12)
        for title, labels in GROUPS:
            self._add_group(tr(title), labels)
        widest = max(name.sizeHint().width() for name in self._names)
        for name in self._names:
            name.setMinimumWidth(widest)
        self._others = QGroupBox(tr("Other"), self)
        self._other_rows = QFormLayout(self._others)
        self._others.hide()
        self._column.addWidget(self._others)
        self._column.addStretch(1)
        self._lay_out()
        focus_filters.no_drops_into_text(self)
        focus_filters.plain_labels(self)
        self.show_details({})

    def _add_group(self, title: str, labels: Mapping[str, str]) -> None:
        group = QGroupBox(title, self._inside)
        rows = QFormLayout(group)
        rows.setVerticalSpacing(8)
        for key, label in labels.items():
            box = self._box(key)
            box.setPlaceholderText(tr("YYYY-MM-DD") if key in DATES else tr(_EXAMPLES.get(key, "")))
            name = QLabel(tr(label), group)
            name.setBuddy(box)
            self._names.append(name)
            rows.addRow(name, box)
        self._column.addWidget(group)

    def _box(self, key: str) -> QLineEdit:
        box = QLineEdit(self)
        box.setMaxLength(_LONGEST)
        box.textChanged.connect(self._typed)
        self.boxes[key] = box
        return box

    def _lay_out(self) -> None:
        scroll = scroll_area(self._inside, self)
        about = QLabel(
            tr(
                "Everything is optional. It stays in this case; reports and exports leave out whatever may "
                "name somebody unless you choose otherwise. The audit trail says that it changed, not what."
            ),
            self,
            wordWrap=True,
        )
        about.setProperty("role", "small")
        standard = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(standard.Save | standard.Cancel, self)
        self.buttons.accepted.connect(self._save)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(12)
        layout.addWidget(about)
        layout.addWidget(scroll, 1)
        layout.addWidget(self._hint)
        layout.addWidget(self.buttons)
        resize_on_screen(self, 540, 760)

    def show_details(self, details: Mapping[str, str]) -> None:
        """Show what the case holds; what was typed and not saved yet is left alone."""
        typed = self._differences()
        self._stored = dict(details)
        shown = {known_key(key): value for key, value in details.items()}
        for key in shown:
            if key not in self.boxes:
                self._other_rows.addRow(key.replace("_", " ").capitalize(), self._box(key))
                self._others.show()
        for key, box in self.boxes.items():
            value = shown.get(key, "")
            if key not in typed:
                box.setMaxLength(max(_LONGEST, len(value)))
                box.setText(value)
                box.setCursorPosition(0)
                self._shown[key] = box.text()
        self._typed()

    def _differences(self) -> set[str]:
        return {key for key, box in self.boxes.items() if box.text() != self._shown.get(key, "")}

    def set_own_sizes(self, slides: int) -> None:
        """Say how many slides have a pixel size of their own, which the case's does not change."""
        self._own_sizes = slides
        self._typed()

    def set_writable(self, writable: bool) -> None:
        """Let the texts be read only where the case may not be changed."""
        for box in self.boxes.values():
            box.setReadOnly(not writable)
        self.buttons.button(QDialogButtonBox.StandardButton.Save).setVisible(writable)

    @Slot()
    def _typed(self) -> None:
        problems = self._date_problems()
        said = [*problems.values(), *self._remarks(problems)]
        for key in DATES:
            self._mark(key, problems.get(key, ""))
        size = self.boxes["pixel_size"].text().strip()
        if size and not frame_sizes(size):
            said.append(
                tr("The pixel size is no length such as 0.1 µm: fields are shown without a scale bar.")
            )
        if self._own_sizes:
            said.append(
                tr(
                    "Slides with a pixel size of their own, which goes before this one: {n}.",
                    n=self._own_sizes,
                )
            )
        self._hint.setText("\n".join(said))
        self._hint.setVisible(bool(said))
        changed = self._differences()
        save = self.buttons.button(QDialogButtonBox.StandardButton.Save)
        save.setEnabled(bool(changed) and not changed & problems.keys())

    def _date_problems(self) -> dict[str, str]:
        """Return why a date cannot be kept, by key."""
        problems = {}
        for key in DATES:
            try:
                entered(key, self.boxes[key].text())
            except StationError as error:
                problems[key] = error.sentence
        return problems

    def _remarks(self, problems: Container[str]) -> Iterator[str]:
        """Say how dates will be kept, and what DICOM would refuse."""
        for key in DATES:
            text = self.boxes[key].text().strip()
            kept = entered(key, text) if key not in problems else text
            if kept != text:
                yield tr("Dates are kept as YYYY-MM-DD: {given} as {kept}.", given=text, kept=kept)
        said = (dicom_problem(key, box.text().strip()) for key, box in self.boxes.items())
        yield from (tr("{problem} A DICOM export will be refused.", problem=one) for one in said if one)

    def _mark(self, key: str, problem: str) -> None:
        """Show at the box itself that its date cannot be kept, and why."""
        box = self.boxes[key]
        box.setToolTip(problem)
        box.setAccessibleDescription(problem)
        if bool(box.property("refused")) != bool(problem):
            theme.restyle(box, "refused", bool(problem))

    @Slot()
    def _save(self) -> None:
        changed = self._differences()
        now = {key: value for key, value in self._stored.items() if known_key(key) not in changed}
        now |= {key: text for key in sorted(changed) if (text := entered(key, self.boxes[key].text()))}
        if changed:
            self.saved.emit(dict(self._stored), now)
        self.accept()
