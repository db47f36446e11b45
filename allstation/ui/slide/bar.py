"""The strip under the slide: back to the field, zoom, what is drawn, and editing of the fields."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Final

from PySide6.QtCore import QEvent, QPoint, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QPalette, QResizeEvent
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QMenu, QSizePolicy, QToolButton, QWidget

from allstation.ui.common import icons
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.slide.scene import magnification_text
from allstation.ui.viewer.layer_bar import only_by_tab

MAGNIFICATIONS: Final = (1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 63.0, 100.0)
_ICON: Final = 18
_SCALE: Final = "magnification"
_MAP: Final = "map"
_SPARED: Final = (
    ("view.full_screen",), ("view.copy",), ("slide.metadata",), ("view.zoom_out", "view.zoom_in"),
    ("view.fit",), ("view.cells",), ("slide.centre",), (_MAP,),
)  # fmt: skip
"""What gives way, in this order, where the bar is too narrow for all: the menus and the keys have it too."""
_WIDEST: Final = 88.8


class SlideBar(QFrame):
    """Buttons for the slide view.

    Signals:
        asked: Id of an action without a state.
        toggled: Id of an action with a state, and the state.
        map_chosen: Key of the map that should be shown; empty for none.
        magnification_asked: Magnification that the screen should show.
    """

    asked = Signal(str)
    toggled = Signal(str, bool)
    map_chosen = Signal(str)
    magnification_asked = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "footer")
        self._actions: dict[str, Action] = {}
        self._buttons: dict[str, QToolButton] = {}
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(8, 4, 8, 4)
        self._layout.setSpacing(3)
        self._scale = QToolButton(self)
        self._map = QComboBox(self)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_actions(self, actions: Sequence[Action]) -> None:
        """Make the buttons, once.

        Args:
            actions: What they are named, drawn and explained by.
        """
        self._actions = {action.id: action for action in actions}
        self._button("slide.show", text=tr("Field"))
        self._line()
        for key in ("view.fit", "view.zoom_out"):
            self._button(key)
        self._build_scale()
        self._button("view.zoom_in")
        self._line()
        self._button("slide.centre")
        self._button("view.cells")
        self._build_map()
        self._line()
        for key in ("slide.edit", "slide.region"):
            self._button(key)
        self._layout.addStretch(1)
        for key in ("slide.metadata", "view.copy", "view.full_screen"):
            self._button(key)
        only_by_tab(self)
        self._fit_text()

    def _build_scale(self) -> None:
        self._scale.setObjectName(_SCALE)
        self._scale.setToolTip(tr("Magnification on the screen, as of an objective"))
        self._scale.setAccessibleName(tr("Magnification"))
        self._scale.clicked.connect(self._show_magnifications)
        self._layout.addWidget(self._scale)

    def _build_map(self) -> None:
        self._map.setObjectName(_MAP)
        self._map.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._map.setToolTip(tr("Density map of results over the slide (D)"))
        self._map.setAccessibleName(tr("Density map"))
        self._map.activated.connect(self._map_picked)
        self._layout.addWidget(self._map)

    def _button(self, key: str, *, text: str = "") -> None:
        action = self._actions[key]
        button = QToolButton(self)
        side = icons.scaled(_ICON)
        button.setIconSize(QSize(side, side))
        button.setIcon(icons.icon(_drawn(action), self.palette()))
        keys = f" ({action.keys.split()[0]})" if action.keys else ""
        button.setToolTip(f"{action.name}{keys}\n{tr(action.tip)}")
        button.setAccessibleName(action.name)
        button.setCheckable(action.checked_when is not None and not text)
        button.setObjectName(key)
        if text:
            button.setText(text)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.clicked.connect(self._clicked)
        self._buttons[key] = button
        self._layout.addWidget(button)

    def _line(self) -> None:
        line = QWidget(self)
        line.setFixedWidth(1)
        line.setBackgroundRole(QPalette.ColorRole.Mid)
        line.setAutoFillBackground(True)
        self._layout.addSpacing(5)
        self._layout.addWidget(line)
        self._layout.addSpacing(5)

    # State -----------------------------------------------------------------------------------

    def set_magnification(self, value: float | None, *, shown: bool = True) -> None:
        """Write the magnification on the screen; None where the scale is unknown."""
        self._scale.setText(magnification_text(value) if shown else "")
        self._scale.setEnabled(shown and value is not None)

    def set_maps(self, maps: Sequence[tuple[str, str]], chosen: str) -> None:
        """List the maps that there are, as keys and names."""
        with QSignalBlocker(self._map):
            self._map.clear()
            self._map.addItem(tr("No map"), "")
            for key, name in maps:
                self._map.addItem(name, key)
            self._map.setCurrentIndex(max(self._map.findData(chosen), 0))
        self._map.setEnabled(bool(maps))
        self._fit()

    def set_checked(self, key: str, on: bool) -> None:
        """Show that an action is on."""
        button = self._buttons.get(key)
        if button is not None and button.isCheckable():
            button.setChecked(on)

    def set_enabled(self, key: str, on: bool) -> None:
        """Offer a button."""
        if key in self._buttons:
            self._buttons[key].setEnabled(on)

    def refresh_icons(self) -> None:
        """Draw the icons again, after a change between light and dark."""
        side = icons.scaled(_ICON)
        for key, button in self._buttons.items():
            button.setIconSize(QSize(side, side))
            button.setIcon(icons.icon(_drawn(self._actions[key]), self.palette()))
        self._fit_text()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the text size and the colours."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit_text()
        elif event.type() == QEvent.Type.PaletteChange and self._buttons:
            self.refresh_icons()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is no room, leave what the menus have too."""
        super().resizeEvent(event)
        self._fit()

    def _fit_text(self) -> None:
        self.setMinimumHeight(round(self.fontMetrics().height() * 1.5) + 22)
        words = (magnification_text(None), magnification_text(_WIDEST))
        wide = max(self._scale.fontMetrics().horizontalAdvance(text) for text in words)
        self._scale.setMinimumWidth(wide + 16)
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
        self._map.setVisible(_MAP not in gone)

    def _needed(self, gone: Set[str]) -> int:
        """Return the width that everything takes but some buttons."""
        margins = self._layout.contentsMargins()
        needed = margins.left() + margins.right()
        for place in range(self._layout.count()):
            item = self._layout.itemAt(place)
            part = item.widget() if item is not None else None
            if item is None:
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
            action = self._actions[button.objectName()]
            if action.checked_when is None:
                self.asked.emit(action.id)
            else:
                on = button.isChecked() if button.isCheckable() else not action.checked_when()
                self.toggled.emit(action.id, on)

    def _map_picked(self) -> None:
        self.map_chosen.emit(self._map.currentData())

    def _show_magnifications(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for value in MAGNIFICATIONS:
            menu.addAction(magnification_text(value)).setData(value)
        menu.triggered.connect(self._magnification_picked)
        menu.popup(self._scale.mapToGlobal(QPoint(0, -menu.sizeHint().height())))

    def _magnification_picked(self, action: object) -> None:
        self.magnification_asked.emit(action.data())  # type: ignore[attr-defined]


def _drawn(action: Action) -> str:
    return "field" if action.id == "slide.show" else action.icon
