"""Button bar below a field: zoom, and what is drawn over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QWidget,
)

from allstation.ui.common.actions import Action
from allstation.ui.common.button_bar import ButtonBar, only_by_tab
from allstation.ui.common.formatting import together
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.card import OverlayStyle

_STYLES: Final = {OverlayStyle.BARS: "Bars", OverlayStyle.BADGE: "Badge", OverlayStyle.OFF: "Off"}
_CORNER: Final = 12
_RIGHT: Final = ("view.compare", "view.copy", "view.full_screen")
_ZOOM: Final = "zoom"
_GIVES_WAY: Final = (
    _RIGHT, ("view.zoom_out", "view.zoom_in"), ("view.actual",), ("view.fit",), ("view.cells",), (_ZOOM,),
    ("view.evidence",),
)  # fmt: skip
_WIDEST_ZOOM: Final = 40.0


class EvidenceBox(QFrame):
    """Class and opacity of the evidence map; floats in the field's top right corner.

    Signals:
        class_chosen: Class of the evidence map; empty for the top class.
        opacity_chosen: 0 to 1.
    """

    class_chosen = Signal(str)
    opacity_chosen = Signal(float)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._canvas = parent
        self.setProperty("role", "card")
        self.setAccessibleName(tr("Evidence map"))
        self._class = QComboBox(self)
        self._class.setToolTip(tr("Class whose evidence is shown"))
        self._class.setAccessibleName(tr("Class of the evidence map"))
        self._class.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._class.activated.connect(self._class_picked)
        self._opacity = QSlider(Qt.Orientation.Horizontal, self)
        self._opacity.setRange(5, 100)
        self._opacity.setPageStep(10)
        self._opacity.setMinimumWidth(90)
        self._opacity.setToolTip(tr("Opacity of the evidence map"))
        self._opacity.setAccessibleName(tr("Opacity of the evidence map"))
        self._opacity.valueChanged.connect(self._opacity_picked)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 6, 10, 6)
        layout.addWidget(self._class)
        layout.addWidget(self._opacity)
        only_by_tab(self)
        parent.installEventFilter(self)
        self.hide()

    def set_opacity(self, opacity: float) -> None:
        """Show the opacity of the evidence map."""
        with QSignalBlocker(self._opacity):
            self._opacity.setValue(round(opacity * 100))

    def set_classes(self, classes: Sequence[str], *, top: str, chosen: str = "") -> None:
        """List the classes that have an evidence map; without a top class none is shown at first."""
        self._class.clear()
        if classes:
            self._class.addItem(tr("Top class ({name})", name=top) if top else tr("No top class"), "")
        for name in classes:
            self._class.addItem(name, name)
        self._class.setCurrentIndex(max(self._class.findData(chosen), 0) if classes else -1)
        self.place()

    def place(self) -> None:
        """Go to the corner."""
        self.adjustSize()
        self.move(self._canvas.width() - self.width() - _CORNER, _CORNER)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in the corner when the field's canvas changes its size."""
        if event.type() == QEvent.Type.Resize:
            self.place()
        return super().eventFilter(watched, event)

    def _class_picked(self) -> None:
        self.class_chosen.emit(self._class.currentData())

    def _opacity_picked(self, value: int) -> None:
        self.opacity_chosen.emit(value / 100)


class LayerBar(ButtonBar):
    """Buttons for the viewer's layers.

    Args:
        actions: What the buttons are named, drawn and explained by.
        parent: Owner.

    Signals:
        style_chosen: An OverlayStyle.
    """

    style_chosen = Signal(object)

    def __init__(self, actions: Sequence[Action], parent: QWidget | None = None) -> None:
        super().__init__(_GIVES_WAY, parent)
        by_id = {action.id: action for action in actions}
        self._lead: QWidget | None = None
        for key in ("view.fit", "view.actual", "view.zoom_out"):
            self.add_button(by_id[key])
        self._zoom = QLabel("", self, alignment=Qt.AlignmentFlag.AlignCenter)
        self._zoom.setToolTip(tr("Screen pixels per field pixel"))
        self.add_control(self._zoom, name=_ZOOM, longest=(_zoom_text(_WIDEST_ZOOM),))
        self.add_button(by_id["view.zoom_in"])
        self.add_separator()
        self._build_style()
        self.add_separator()
        self.add_button(by_id["view.evidence"])
        self.add_separator()
        self.add_button(by_id["view.cells"])
        self._count = QLabel("", self)
        self._count.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.add_control(self._count)
        self.add_stretch()
        for key in _RIGHT:
            self.add_button(by_id[key])
        only_by_tab(self)
        self.fit_text()

    def set_lead(self, widget: QWidget) -> None:
        """Put a control of another feature before all others, hidden at first."""
        self._lead = widget
        widget.hide()
        self._row.insertWidget(0, widget)
        only_by_tab(self)

    def show_lead(self, *, on: bool) -> None:
        """Show that control, or hide it."""
        if self._lead is not None:
            self._lead.setVisible(on)
            self.fit()

    def _build_style(self) -> None:
        self._style = QComboBox(self)
        for style, text in _STYLES.items():
            self._style.addItem(tr(text), style)
        self._style.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._style.setToolTip(tr("How the class probabilities are drawn over the field (O)"))
        self._style.setAccessibleName(tr("Overlay style"))
        self._style.activated.connect(self._style_picked)
        self.add_control(self._style)

    # State -----------------------------------------------------------------------------------

    def set_zoom(self, zoom: float) -> None:
        """Write the zoom, in screen pixels per field pixel."""
        self._zoom.setText(_zoom_text(zoom) if zoom else "")

    def set_style(self, style: OverlayStyle) -> None:
        """Show which overlay style is in use."""
        self._style.setCurrentIndex(self._style.findData(style))

    def set_checked(self, key: str, on: bool) -> None:
        """Show that an action is on; the count belongs to the cells."""
        super().set_checked(key, on)
        if key == "view.cells":
            self._count.setVisible(on)
            self.fit()

    def set_evidence_available(self, on: bool) -> None:
        """Offer the evidence map."""
        self._buttons["view.evidence"].setEnabled(on)

    def set_count(self, text: str) -> None:
        """Write how many cells were found."""
        self._count.setText(text)
        self.fit()

    def set_field_shown(self, on: bool) -> None:
        """Offer the controls that need a field."""
        for key in ("view.fit", "view.actual", "view.zoom_in", "view.zoom_out", "view.cells", "view.copy"):
            self._buttons[key].setEnabled(on)

    def _style_picked(self) -> None:
        self.style_chosen.emit(OverlayStyle(self._style.currentData()))


def _zoom_text(zoom: float) -> str:
    return together(f"{zoom * 100:.0f} %")
