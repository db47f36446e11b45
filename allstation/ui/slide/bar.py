"""Button bar below a whole slide: back to the field, zoom, what is drawn, and editing of the fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QPoint, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QMenu, QToolButton, QWidget

from allstation.ui.common.actions import Action
from allstation.ui.common.button_bar import ButtonBar, only_by_tab
from allstation.ui.common.i18n import tr
from allstation.ui.slide.scene import magnification_text

MAGNIFICATIONS: Final = (1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 63.0, 100.0)
_SCALE: Final = "magnification"
_MAP: Final = "map"
_GIVES_WAY: Final = (
    ("view.full_screen",), ("view.copy",), ("slide.metadata",), ("view.zoom_out", "view.zoom_in"),
    ("view.fit",), ("view.cells",), ("slide.centre",), (_MAP,),
)  # fmt: skip
_WIDEST: Final = 88.8


class SlideBar(ButtonBar):
    """Buttons for the slide view.

    Signals:
        map_chosen: Key of the map that should be shown; empty for none.
        magnification_asked: Magnification that the screen should show.
    """

    map_chosen = Signal(str)
    magnification_asked = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_GIVES_WAY, parent)
        self._scale = QToolButton(self)
        self._map = QComboBox(self)

    def set_actions(self, actions: Sequence[Action]) -> None:
        """Make the buttons, once.

        Args:
            actions: What they are named, drawn and explained by.
        """
        by_id = {action.id: action for action in actions}
        self.add_button(by_id["slide.show"], text=tr("Field"), icon="field")
        self.add_separator()
        for key in ("view.fit", "view.zoom_out"):
            self.add_button(by_id[key])
        self._build_scale()
        self.add_button(by_id["view.zoom_in"])
        self.add_separator()
        for key in ("slide.centre", "view.cells"):
            self.add_button(by_id[key])
        self._build_map()
        self.add_separator()
        for key in ("slide.edit", "slide.region"):
            self.add_button(by_id[key])
        self.add_stretch()
        for key in ("slide.metadata", "view.copy", "view.full_screen"):
            self.add_button(by_id[key])
        only_by_tab(self)
        self.fit_text()

    def _build_scale(self) -> None:
        self._scale.setToolTip(tr("Magnification on the screen, as of an objective"))
        self._scale.setAccessibleName(tr("Magnification"))
        self._scale.clicked.connect(self._show_magnifications)
        longest = (magnification_text(None), magnification_text(_WIDEST))
        self.add_control(self._scale, name=_SCALE, longest=longest, padding=16)

    def _build_map(self) -> None:
        self._map.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._map.setToolTip(tr("Density map of results over the slide (D)"))
        self._map.setAccessibleName(tr("Density map"))
        self._map.activated.connect(self._map_picked)
        self.add_control(self._map, name=_MAP)

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
        self.fit()

    # Slots -----------------------------------------------------------------------------------

    def _map_picked(self) -> None:
        self.map_chosen.emit(self._map.currentData())

    def _show_magnifications(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for value in MAGNIFICATIONS:
            menu.addAction(magnification_text(value)).setData(value)
        menu.triggered.connect(self._magnification_picked)
        menu.popup(self._scale.mapToGlobal(QPoint(0, -menu.sizeHint().height())))

    def _magnification_picked(self, action: QAction) -> None:
        self.magnification_asked.emit(action.data())
