"""Dialog on what the scanner wrote about patient, specimen and scan; nothing is taken over unless ticked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from allstation.core.slide_info import SlideInfo
from allstation.core.text import shown_name
from allstation.ui.common import focus_filters
from allstation.ui.common.formatting import short_name
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import scroll_area
from allstation.ui.common.window_size import resize_on_screen
from allstation.ui.viewer.picture import image_from_rgb

_WIDTH: Final = 580
_HEIGHT: Final = 620
_LOW: Final = 160
_LABEL: Final = QSize(420, 160)
_LONGEST: Final = 80


@dataclass(frozen=True, slots=True)
class Offer:
    """A text of the scanner that the case data could have.

    Attributes:
        key: Of the case data.
        title: What it is.
        text: The text.
    """

    key: str
    title: str
    text: str


def offers_of(info: SlideInfo) -> list[Offer]:
    """Return what the file of a slide says, as far as the case data have a place for it."""
    told = info.metadata
    objective = f"{info.objective:g}x" if info.objective else ""
    size = f"{info.pixel_um:.4g} µm" if info.pixel_um else ""
    pairs = (
        ("patient_name", "Patient name", told.patient_name),
        ("patient_id", "Patient id", told.patient_id),
        ("request_id", "Order or accession number", told.accession),
        ("specimen", "Specimen", told.specimen),
        ("stain", "Stain", told.stain),
        ("objective", "Objective", objective),
        ("pixel_size", "Pixel size", size),
        ("camera", "Scanner", told.scanner),
        ("scanned_at", "Scanned at", told.scanned_at),
        ("barcode", "Barcode", told.barcode),
    )
    return [Offer(key, title, text.strip()) for key, title, text in pairs if text.strip()]


class MetadataDialog(QDialog):
    """Lists what the scanner wrote, each with a box to tick.

    Args:
        parent: The window.
        name: Of the slide's file.
        offers: What it says.
        label: Picture of the glass's label, uint8 RGB (height, width, 3); None if there is none.
        stored: The case data as they are.

    Signals:
        taken: The case data as they were and as they should be, by key.
    """

    taken = Signal(object, object)

    def __init__(
        self,
        parent: QWidget,
        *,
        name: str,
        offers: Sequence[Offer],
        label: NDArray[np.uint8] | None,
        stored: Mapping[str, str],
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Scanner's data"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._offers = {offer.key: offer for offer in offers}
        self._stored = dict(stored)
        self.boxes: dict[str, QCheckBox] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(12)
        layout.addWidget(self._about(name, has_any=bool(offers)))
        layout.addWidget(self._scrolled(offers, label), 1)
        layout.addWidget(self._buttons())
        focus_filters.plain_labels(self)
        resize_on_screen(self, _WIDTH, _HEIGHT if offers else _LOW)

    def set_writable(self, on: bool) -> None:
        """Let things be ticked, or only read."""
        for box in self.boxes.values():
            box.setEnabled(on)

    def _scrolled(self, offers: Sequence[Offer], label: NDArray[np.uint8] | None) -> QScrollArea:
        inside = QWidget(self)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 10, 0)
        column.setSpacing(12)
        column.addLayout(self._rows(offers))
        if label is not None:
            column.addWidget(self._picture(label), 0, Qt.AlignmentFlag.AlignLeft)
            column.addWidget(self._small(tr("The label is shown here only. It is not kept in the case.")))
        column.addStretch(1)
        return scroll_area(inside, self)

    def _about(self, name: str, *, has_any: bool) -> QLabel:
        shown = short_name(shown_name(name), _LONGEST)
        if has_any:
            words = tr(
                "{name} says this. Tick what the case data should have; nothing is taken over by itself. "
                "Reports and exports leave out whatever may name somebody unless you choose otherwise.",
                name=shown,
            )
        else:
            words = tr("{name} says nothing about patient, specimen or scan.", name=shown)
        return self._small(words)

    def _small(self, words: str) -> QLabel:
        made = QLabel(words, self, wordWrap=True)
        made.setProperty("role", "small")
        return made

    def _rows(self, offers: Sequence[Offer]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        for row, offer in enumerate(offers):
            box = QCheckBox(tr(offer.title), self)
            box.setAccessibleName(tr("Take over into the case data: {what}", what=tr(offer.title)))
            box.toggled.connect(self._ticked)
            value = QLabel(short_name(offer.text, _LONGEST), self, wordWrap=True)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self.boxes[offer.key] = box
            grid.addWidget(box, 2 * row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, 2 * row, 1)
            now = self._stored.get(offer.key, "")
            if now and now != offer.text:
                words = tr("takes the place of {text}", text=short_name(now, _LONGEST))
                grid.addWidget(self._small(words), 2 * row + 1, 1)
            elif now:
                grid.addWidget(self._small(tr("as in the case data")), 2 * row + 1, 1)
        return grid

    def _picture(self, label: NDArray[np.uint8]) -> QLabel:
        made = QLabel(self)
        made.setAccessibleName(tr("Label of the glass"))
        ratio = self.devicePixelRatioF()
        picture = QPixmap.fromImage(image_from_rgb(label)).scaled(
            _LABEL * ratio, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        picture.setDevicePixelRatio(ratio)
        made.setPixmap(picture)
        return made

    def _buttons(self) -> QDialogButtonBox:
        standard = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(standard.Close, self)
        self.take = QPushButton(tr("Take Over"), self)
        self.take.setEnabled(False)
        buttons.addButton(self.take, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self._take)
        buttons.rejected.connect(self.reject)
        return buttons

    @Slot()
    def _ticked(self) -> None:
        self.take.setEnabled(any(box.isChecked() for box in self.boxes.values()))

    @Slot()
    def _take(self) -> None:
        wanted = {key: self._offers[key].text for key, box in self.boxes.items() if box.isChecked()}
        if wanted:
            self.taken.emit(dict(self._stored), {**self._stored, **wanted})
        self.accept()
