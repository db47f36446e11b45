"""The strip under the field: zoom, and what is drawn over it."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Final

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QToolButton,
    QWidget,
)

from allstation.ui.common import icons
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import together
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.card import OverlayStyle

_STYLES: Final = {OverlayStyle.BARS: "Bars", OverlayStyle.BADGE: "Badge", OverlayStyle.OFF: "Off"}
_ICON: Final = 18
_CORNER: Final = 12
_RIGHT: Final = ("view.compare", "view.copy", "view.full_screen")
_ZOOM: Final = "zoom"
_SPARED: Final = (_RIGHT, ("view.zoom_out", "view.zoom_in"), ("view.actual",), ("view.fit",), ("view.cells",),
                 (_ZOOM,), ("view.evidence",))  # fmt: skip
"""What gives way, in this order, where the bar is too narrow for all: the menus and the keys have it too."""
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


def only_by_tab(parent: QWidget) -> None:
    """Let no click on a control take the keys away from the field."""
    for child in parent.findChildren(QWidget):
        if child.focusPolicy() != Qt.FocusPolicy.NoFocus:
            child.setFocusPolicy(Qt.FocusPolicy.TabFocus)


def _zoom_text(zoom: float) -> str:
    return together(f"{zoom * 100:.0f} %")


class LayerBar(QFrame):
    """Buttons for the viewer's layers.

    Args:
        actions: What the buttons are named, drawn and explained by.
        parent: Owner.

    Signals:
        asked: Id of an action without a state, such as ``view.fit``.
        toggled: Id of an action with a state, and the state.
        style_chosen: An OverlayStyle.
    """

    asked = Signal(str)
    toggled = Signal(str, bool)
    style_chosen = Signal(object)

    def __init__(self, actions: Sequence[Action], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "footer")
        self._actions = {action.id: action for action in actions}
        self._buttons: dict[str, QToolButton] = {}
        self._lead: QWidget | None = None
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(8, 4, 8, 4)
        self._layout.setSpacing(3)
        self._build_zoom()
        self._build_style()
        self._build_evidence()
        self._build_cells()
        self._layout.addStretch(1)
        for key in _RIGHT:
            self._button(key)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        only_by_tab(self)
        self._fit_text()

    def set_lead(self, widget: QWidget) -> None:
        """Put a control of another feature before all others, hidden at first."""
        self._lead = widget
        widget.hide()
        self._layout.insertWidget(0, widget)
        only_by_tab(self)

    def show_lead(self, *, on: bool) -> None:
        """Show that control, or hide it."""
        if self._lead is not None:
            self._lead.setVisible(on)
            self._fit()

    def _build_zoom(self) -> None:
        for key in ("view.fit", "view.actual", "view.zoom_out"):
            self._button(key)
        self._zoom = QLabel("", self, alignment=Qt.AlignmentFlag.AlignCenter)
        self._zoom.setObjectName(_ZOOM)
        self._zoom.setToolTip(tr("Screen pixels per field pixel"))
        self._layout.addWidget(self._zoom)
        self._button("view.zoom_in")
        self._line()

    def _build_style(self) -> None:
        self._style = QComboBox(self)
        for style, text in _STYLES.items():
            self._style.addItem(tr(text), style)
        self._style.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._style.setToolTip(tr("How the class probabilities are drawn over the field (O)"))
        self._style.setAccessibleName(tr("Overlay style"))
        self._style.activated.connect(self._style_picked)
        self._layout.addWidget(self._style)
        self._line()

    def _build_evidence(self) -> None:
        self._button("view.evidence")
        self._line()

    def _build_cells(self) -> None:
        self._button("view.cells")
        self._count = QLabel("", self)
        self._count.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._layout.addWidget(self._count)

    def _button(self, key: str) -> None:
        action = self._actions[key]
        button = QToolButton(self)
        button.setIconSize(QSize(icons.scaled(_ICON), icons.scaled(_ICON)))
        button.setIcon(icons.icon(action.icon, self.palette()))
        button.setToolTip(f"{action.name} ({action.keys.split()[0]})\n{tr(action.tip)}")
        button.setAccessibleName(action.name)
        button.setCheckable(action.checked_when is not None)
        button.setObjectName(key)
        button.clicked.connect(self._clicked)
        self._buttons[key] = button
        self._layout.addWidget(button)

    def _line(self) -> None:
        line = QWidget(self)
        line.setFixedWidth(1)
        line.setBackgroundRole(QPalette.ColorRole.Mid)
        line.setAutoFillBackground(True)
        self._layout.addSpacing(6)
        self._layout.addWidget(line)
        self._layout.addSpacing(6)

    # State -----------------------------------------------------------------------------------

    def set_zoom(self, zoom: float) -> None:
        """Write the zoom, in screen pixels per field pixel."""
        self._zoom.setText(_zoom_text(zoom) if zoom else "")

    def set_style(self, style: OverlayStyle) -> None:
        """Show which overlay style is in use."""
        self._style.setCurrentIndex(self._style.findData(style))

    def set_checked(self, key: str, on: bool) -> None:
        """Show that an action is on."""
        if key in self._buttons:
            self._buttons[key].setChecked(on)
        if key == "view.cells":
            self._count.setVisible(on)
            self._fit()

    def set_evidence_available(self, on: bool) -> None:
        """Offer the evidence map."""
        self._buttons["view.evidence"].setEnabled(on)

    def set_count(self, text: str) -> None:
        """Write how many cells were found."""
        self._count.setText(text)
        self._fit()

    def set_field_shown(self, on: bool) -> None:
        """Offer the controls that need a field."""
        for key in ("view.fit", "view.actual", "view.zoom_in", "view.zoom_out", "view.cells", "view.copy"):
            self._buttons[key].setEnabled(on)

    def refresh_icons(self) -> None:
        """Draw the icons again, after a change between light and dark."""
        side = icons.scaled(_ICON)
        for key, button in self._buttons.items():
            button.setIconSize(QSize(side, side))
            button.setIcon(icons.icon(self._actions[key].icon, self.palette()))
        self._fit_text()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the text size."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit_text()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is no room, leave what the menus have too."""
        super().resizeEvent(event)
        self._fit()

    def _fit_text(self) -> None:
        self.setMinimumHeight(round(self.fontMetrics().height() * 1.5) + 22)
        self._zoom.setMinimumWidth(self._zoom.fontMetrics().horizontalAdvance(_zoom_text(_WIDEST_ZOOM)))
        self._fit()

    def _fit(self) -> None:
        """Let buttons give way until no word is cut off."""
        gone: set[str] = set()
        for keys in ((), *_SPARED):
            gone.update(keys)
            if self._needed(gone) <= self.width():
                break
        for key, button in self._buttons.items():
            button.setVisible(key not in gone)
        self._zoom.setVisible(_ZOOM not in gone)

    def _needed(self, gone: Set[str]) -> int:
        """Return the width that everything takes but some buttons."""
        margins = self._layout.contentsMargins()
        needed = margins.left() + margins.right()
        for number in range(self._layout.count()):
            item = self._layout.itemAt(number)
            part = item.widget() if item is not None else None
            if item is None or (part is not None and part in (self._count, self._lead) and part.isHidden()):
                continue
            if part is None:
                needed += item.sizeHint().width()
            elif part.objectName() not in gone:
                needed += max(part.sizeHint().width(), part.minimumWidth()) + self._layout.spacing()
        return needed

    # Slots -----------------------------------------------------------------------------------

    def _clicked(self) -> None:
        button = self.sender()
        if isinstance(button, QToolButton):
            if button.isCheckable():
                self.toggled.emit(button.objectName(), button.isChecked())
            else:
                self.asked.emit(button.objectName())

    def _style_picked(self) -> None:
        self.style_chosen.emit(OverlayStyle(self._style.currentData()))
