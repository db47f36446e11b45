"""Dialog that asks for a length in micrometres and for the fields that the pixel size holds for."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QLabel,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from allstation.core.known_sizes import KnownSize, SizeOrigin
from allstation.ui.common.formatting import short_name, together
from allstation.ui.common.i18n import tr

_WIDTH: Final = 420
_LONGEST: Final = 48
_ORIGINS: Final = {
    SizeOrigin.SLIDE: "said of this slide",
    SizeOrigin.CASE: "said of the case",
    SizeOrigin.FILE: "stated by the file",
    SizeOrigin.SITE: "of the site",
}


def known_text(known: KnownSize | None) -> str:
    """Return the pixel size that counts now, with who says it."""
    if known is None:
        return tr("Now: not known.")
    size = together(f"{known.size:.4g} µm")
    return tr("Now: {size} a pixel, {origin}.", size=size, origin=tr(_ORIGINS[known.origin]))


class PixelSizeDialog(QDialog):
    """Asks for a length, and whether the size holds for all slides or for the field's own.

    Args:
        parent: The window.
        title: Of the dialog.
        text: What is asked for.
        frame: Width and height of the field, pixels.
        slide: Name of its slide.
        known: The pixel size that counts for the field now.
        note: What else should be known of lengths on the field.

    Signals:
        chosen: The length, micrometres, and whether the size holds on this slide alone.
    """

    chosen = Signal(float, bool)

    def __init__(
        self,
        parent: QWidget,
        *,
        title: str,
        text: str,
        frame: tuple[int, int],
        slide: str,
        known: KnownSize | None,
        note: str = "",
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(_WIDTH)
        self.length = QDoubleSpinBox(self)
        self.length.setSuffix(" µm")
        self.length.setAccessibleName(title)
        size = together(f"{frame[0]} × {frame[1]}")
        name = short_name(slide, _LONGEST).replace("&", "&&")
        self.everywhere = QRadioButton(tr("On &all slides, for fields of {size} pixels", size=size), self)
        self.here = QRadioButton(tr("&Only on the slide {name}", name=name), self)
        self.here.setToolTip(tr("For fields of {size} pixels on it; other slides keep theirs", size=size))
        only = known is not None and known.origin is SizeOrigin.SLIDE
        (self.here if only else self.everywhere).setChecked(True)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self
        )
        self.buttons.accepted.connect(self._choose)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(10)
        order = tr(
            "What counts for a field, the first that is known: its slide's own size, the case's, what its "
            "file states, the site's."
        )
        about = _label(order)
        about.setProperty("role", "muted")
        remarks = [_label(remark) for remark in (known_text(known), note) if remark]
        for part in (_label(text), self.length, self.everywhere, self.here, *remarks, about, self.buttons):
            layout.addWidget(part)

    def set_length(self, value: float, *, most: float, decimals: int, step: float = 1.0) -> None:
        """Show a length.

        Args:
            value: Micrometres.
            most: Largest that can be typed.
            decimals: Shown.
            step: Of the arrows.
        """
        self.length.setDecimals(decimals)
        self.length.setRange(0.0, most)
        self.length.setSingleStep(step)
        self.length.setValue(value)
        self.length.selectAll()

    @Slot()
    def _choose(self) -> None:
        self.chosen.emit(self.length.value(), self.here.isChecked())
        self.accept()


def _label(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
