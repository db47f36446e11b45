"""Dialog of the case's site: chosen, made, changed and measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from allstation.core.errors import StationError
from allstation.core.pixel_size import micrometres
from allstation.core.site import LONGEST_TEXT, Frame, PixelSize, ScaleSource, Site, White, new_id
from allstation.core.text import shown_name
from allstation.imaging.fields.site_measure import completed, with_white
from allstation.services.site.measuring import MeasuredSite
from allstation.ui.common.i18n import tr
from allstation.ui.common.window_size import grow_with_text
from allstation.ui.sites.words import frame_text, measured_text, source_text, white_text

_TEXTS: Final = {
    "name": "Name",
    "microscope": "Microscope",
    "camera": "Camera",
    "objective": "Objective",
    "stain": "Stain",
}
_EXAMPLES: Final = {
    "name": "Ward 3",
    "microscope": "Olympus BX43",
    "camera": "DP27",
    "objective": "100x/1.25 oil",
    "stain": "May-Grünwald-Giemsa",
}
_WIDTH: Final = 620
_SWATCH: Final = 22


class SiteDialog(QDialog):
    """Shows one site; *Save* gives it to the case and keeps it on the station.

    Args:
        sites: The station's.
        site: The case's.
        frame: Width and height of the current field; None without one.
        parent: The window.

    Signals:
        chosen: The :class:`Site` that the case is to have, or None.
        measuring_asked: Measure the case against the :class:`Site` that is shown, or None.
    """

    chosen = Signal(object)
    measuring_asked = Signal(object)

    def __init__(
        self, sites: Sequence[Site], site: Site | None, frame: Frame | None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Site"))
        self.setObjectName("site-dialog")
        grow_with_text(self, _WIDTH)
        self._sites = {one.id: one for one in sites}
        if site is not None:
            self._sites[site.id] = site
        self._frame = frame
        self._site: Site | None = None
        self._measured: MeasuredSite | None = None
        self._sizes: list[tuple[PixelSize | None, Frame | None, QLineEdit]] = []
        self._lay_out()
        self._fill_choice(site)
        self._chosen_changed()
        self.choice.currentIndexChanged.connect(self._chosen_changed)

    def _lay_out(self) -> None:
        self.choice = QComboBox(self)
        self.choice.setObjectName("site-choice")
        self.choice.setAccessibleName(tr("Site of this case"))
        self.texts = {key: QLineEdit(self, maxLength=LONGEST_TEXT) for key in _TEXTS}
        self._form = QWidget(self)
        form = QFormLayout(self._form)
        form.setContentsMargins(0, 0, 0, 0)
        for key, box in self.texts.items():
            box.setObjectName(f"site-{key}")
            box.setPlaceholderText(_EXAMPLES[key])
            box.textChanged.connect(self._check)
            form.addRow(tr(_TEXTS[key]), box)
        self._grid = QGridLayout()
        self._grid.setColumnStretch(3, 1)
        form.addRow(tr("Pixel size"), self._grid)
        form.addRow(tr("White point"), self._white_row())
        self._result = QLabel(self, wordWrap=True)
        self._result.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._hint = QLabel(self, wordWrap=True)
        self._hint.setProperty("role", "warning")
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel, parent=self
        )
        self.buttons.accepted.connect(self._save)
        self.buttons.rejected.connect(self.reject)
        for label, name in ((self._white, "white"), (self._result, "measured"), (self._hint, "hint")):
            label.setObjectName(f"site-{name}")
        layout = QVBoxLayout(self)
        about = QLabel(
            tr("Where the fields of this case were taken. A new case takes the site that was used last."),
            self,
        )
        about.setWordWrap(True)
        about.setProperty("role", "muted")
        for part in (about, self.choice, self._form):
            layout.addWidget(part)
        layout.addLayout(self._measure_row())
        for part in (self._result, self._hint):
            layout.addWidget(part)
        layout.addStretch(1)
        layout.addWidget(self.buttons)

    def _white_row(self) -> QHBoxLayout:
        self._swatch = QFrame(self)
        self._swatch.setFixedSize(_SWATCH, _SWATCH)
        self._swatch.setFrameShape(QFrame.Shape.Box)
        self._swatch.setAutoFillBackground(True)
        self._white = QLabel(self)
        row = QHBoxLayout()
        row.addWidget(self._swatch)
        row.addWidget(self._white, 1)
        return row

    def _measure_row(self) -> QHBoxLayout:
        self.measure = QPushButton(tr("&Measure This Case"), self)
        self.measure.setToolTip(tr("Scale from red cells and white point of up to 24 fields of this case"))
        self.measure.clicked.connect(self._ask_measuring)
        self.take = QPushButton(tr("&Take What Was Measured"), self)
        self.take.clicked.connect(self._take_measured)
        self.take.setEnabled(False)
        for button, name in ((self.measure, "measure"), (self.take, "take")):
            button.setObjectName(f"site-{name}")
            button.setAutoDefault(False)
        row = QHBoxLayout()
        row.addWidget(self.measure)
        row.addWidget(self.take)
        row.addStretch(1)
        return row

    def _fill_choice(self, site: Site | None) -> None:
        self.choice.addItem(tr("Not said"), "")
        for one in sorted(self._sites.values(), key=lambda known: known.name.casefold()):
            self.choice.addItem(shown_name(one.name), one.id)
        self.choice.addItem(tr("New site…"), None)
        self.choice.setCurrentIndex(0 if site is None else self.choice.findData(site.id))

    # What is shown

    @Slot()
    def _chosen_changed(self) -> None:
        site_id = self.choice.currentData()
        self._show_site(self._sites.get(site_id) if site_id else None)
        if site_id is None:
            self.texts["name"].setFocus()

    def _show_site(self, site: Site | None) -> None:
        self._site = site
        for key, box in self.texts.items():
            box.setText(getattr(site, key) if site is not None else "")
        self._show_sizes(site.pixel_sizes if site is not None else ())
        self._show_white(site.white_point if site is not None else None)
        self._form.setEnabled(self.choice.currentData() != "")
        self._check()

    def _show_sizes(self, sizes: Sequence[PixelSize]) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self._sizes = []
        for size in sizes:
            self._add_size(size, size.frame)
        frames = {size.frame for size in sizes}
        if self._frame is not None and self._frame not in frames:
            self._add_size(None, self._frame)
        if not self._sizes:
            self._add_size(None, None)

    def _add_size(self, size: PixelSize | None, frame: Frame | None) -> None:
        row = len(self._sizes)
        box = QLineEdit("" if size is None else f"{size.size:.4g}", self)
        box.setFixedWidth(box.fontMetrics().averageCharWidth() * 12)
        box.setPlaceholderText("0.11")
        box.setAccessibleName(tr("Micrometres a pixel of fields of {frame}", frame=frame_text(frame)))
        box.setObjectName(f"site-size-{row}")
        box.textChanged.connect(self._check)
        source = QLabel("" if size is None else source_text(size), self)
        source.setProperty("role", "muted")
        parts = QLabel(frame_text(frame), self), box, QLabel(tr("µm a pixel"), self), source
        for column, part in enumerate(parts):
            self._grid.addWidget(part, row, column)
        self._sizes.append((size, frame, box))

    def _show_white(self, white: White | None) -> None:
        self._white.setText(white_text(white))
        self._swatch.setVisible(white is not None)
        if white is not None:
            palette = self._swatch.palette()
            palette.setColor(self._swatch.backgroundRole(), QColor(*(round(part) for part in white)))
            self._swatch.setPalette(palette)

    # Measuring

    @Slot()
    def _ask_measuring(self) -> None:
        self.measure.setEnabled(False)
        self._result.setText(tr("Measuring…"))
        self.measuring_asked.emit(self._site)

    def show_measured(self, measured: MeasuredSite) -> None:
        """Show what was measured of the case."""
        self._measured = measured
        self._result.setText(measured_text(measured))
        self.measure.setEnabled(True)
        self._check()

    def show_problem(self, sentence: str) -> None:
        """Say why nothing could be measured."""
        self._result.setText(sentence)
        self.measure.setEnabled(True)

    @Slot()
    def _take_measured(self) -> None:
        site = self._edited()
        if site is None or self._measured is None:
            return
        site = completed(with_white(site, self._measured.frames), self._measured.frames)
        self._site = site
        self._show_sizes(site.pixel_sizes)
        self._show_white(site.white_point)
        self._check()

    # Saving

    def _edited(self) -> Site | None:
        """Return the site as it stands in the dialog; None while it is not complete."""
        try:
            return self._read() if not self._problem() else None
        except StationError:
            return None

    def _read(self) -> Site:
        texts = {key: box.text().strip() for key, box in self.texts.items()}
        known = self._site
        if known is None or self.choice.currentData() is None:
            white = known.white_point if known is not None else None
            known = Site(id=new_id(texts["name"], list(self._sites)), name=texts["name"], white_point=white)
        sizes = [_typed(size, frame, box.text()) for size, frame, box in self._sizes if box.text().strip()]
        return replace(
            known,
            name=texts["name"],
            microscope=texts["microscope"],
            camera=texts["camera"],
            objective=texts["objective"],
            stain=texts["stain"],
            pixel_sizes=tuple(one for one in sizes if one is not None),
        )

    def _problem(self) -> str:
        if self.choice.currentData() == "":
            return ""
        if not self.texts["name"].text().strip():
            return tr("Give the site a name.")
        if self._is_name_taken():
            return tr("Another site has this name. Give this one a name of its own.")
        wrong = [
            box.text() for _, _, box in self._sizes if box.text().strip() and not micrometres(box.text())
        ]
        return tr("“{text}” is no pixel size such as 0.11.", text=wrong[0]) if wrong else ""

    def _is_name_taken(self) -> bool:
        name, chosen = self.texts["name"].text().strip().casefold(), self.choice.currentData()
        return any(one.name.casefold() == name for one in self._sites.values() if one.id != chosen)

    @Slot()
    def _check(self) -> None:
        problem = self._problem()
        self._hint.setText(problem)
        self._hint.setVisible(bool(problem) and self._form.isEnabled())
        self.buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(not problem)
        self.take.setEnabled(
            self._measured is not None and self._edited() is not None and self._form.isEnabled()
        )

    @Slot()
    def _save(self) -> None:
        site = None if self.choice.currentData() == "" else self._edited()
        if site is not None or self.choice.currentData() == "":
            self.chosen.emit(site)
            self.accept()


def _typed(size: PixelSize | None, frame: Frame | None, text: str) -> PixelSize | None:
    """Return the pixel size in a box: the one that stood there if it was not changed."""
    value = micrometres(text)
    if size is not None and text.strip() == f"{size.size:.4g}":
        return size
    return None if value is None else PixelSize(size=value, source=ScaleSource.TYPED, frame=frame)
