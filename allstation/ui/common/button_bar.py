"""Bar of tool buttons and controls, of which the least needed are hidden where it is too narrow for all."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Final

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QPalette, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QToolButton, QWidget

from allstation.ui.common import icons
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr

_ICON: Final = 18
_GAP: Final = 5
"""Logical pixels on each side of a separator."""


class ButtonBar(QFrame):
    """Row of buttons below a view. Subclasses add what it holds and call :meth:`fit_text` in the end.

    Args:
        gives_way: Object names of what is hidden together, the least needed first; menus and keys do it too.
        parent: Owner.

    Signals:
        asked: Id of an action without a state.
        toggled: Id of an action with a state, and the state.
    """

    asked = Signal(str)
    toggled = Signal(str, bool)

    def __init__(self, gives_way: Sequence[Sequence[str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._gives_way = gives_way
        self._actions: dict[str, Action] = {}
        self._icons: dict[str, str] = {}
        self._buttons: dict[str, QToolButton] = {}
        self._longest: list[tuple[QWidget, Sequence[str], int]] = []
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(8, 4, 8, 4)
        self._row.setSpacing(3)
        self.setProperty("role", "footer")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def add_button(self, action: Action, *, text: str = "", icon: str = "") -> None:
        """Add the button of an action.

        Args:
            action: What it is named, drawn and explained by; its id is the object name.
            text: Words beside the icon; such a button does not stay down.
            icon: Another icon than the action's.
        """
        button = QToolButton(self)
        keys = f" ({action.keys.split()[0]})" if action.keys else ""
        button.setToolTip(f"{action.name}{keys}\n{tr(action.tip)}")
        button.setAccessibleName(action.name)
        button.setCheckable(action.checked_when is not None and not text)
        button.setObjectName(action.id)
        if text:
            button.setText(text)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.clicked.connect(self._clicked)
        self._actions[action.id] = action
        self._icons[action.id] = icon or action.icon
        self._buttons[action.id] = button
        self._draw(action.id)
        self._row.addWidget(button)

    def add_control(
        self, control: QWidget, *, name: str = "", longest: Sequence[str] = (), padding: int = 0
    ) -> None:
        """Add another control.

        Args:
            control: Its parent is the bar.
            name: Object name.
            longest: Texts that it always has room for.
            padding: Logical pixels around them.
        """
        if name:
            control.setObjectName(name)
        if longest:
            self._longest.append((control, longest, padding))
        self._row.addWidget(control)

    def add_separator(self) -> None:
        """Add an upright line."""
        line = QWidget(self)
        line.setFixedWidth(1)
        line.setBackgroundRole(QPalette.ColorRole.Mid)
        line.setAutoFillBackground(True)
        self._row.addSpacing(_GAP)
        self._row.addWidget(line)
        self._row.addSpacing(_GAP)

    def add_stretch(self) -> None:
        """Push what is added afterwards to the right end."""
        self._row.addStretch(1)

    # State -----------------------------------------------------------------------------------

    def set_checked(self, key: str, on: bool) -> None:
        """Show that an action is on."""
        if key in self._buttons:
            self._buttons[key].setChecked(on)

    def refresh_icons(self) -> None:
        """Draw the icons again, after a change between light and dark."""
        for key in self._buttons:
            self._draw(key)
        self.fit_text()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the text size and the colours."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.fit_text()
        elif event.type() == QEvent.Type.PaletteChange:
            self.refresh_icons()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out what the menus have too where there is no room."""
        super().resizeEvent(event)
        self.fit()

    def showEvent(self, event: QShowEvent) -> None:
        """Leave out what has no room, for the first time or after changes while nobody saw the bar."""
        super().showEvent(event)
        self.fit()

    def fit_text(self) -> None:
        """Make room for the height of a line and for the longest texts."""
        self.setMinimumHeight(round(self.fontMetrics().height() * 1.5) + 22)
        for control, longest, padding in self._longest:
            metrics = control.fontMetrics()
            control.setMinimumWidth(max(map(metrics.horizontalAdvance, longest)) + padding)
        self.fit()

    def fit(self) -> None:
        """Hide what gives way until no word is cut off; a bar that is not shown waits until it is."""
        if not self.isVisible():
            return
        gone: set[str] = set()
        for names in ((), *self._gives_way):
            gone.update(names)
            if self._needed(gone) <= self.width():
                break
        for part in self._parts():
            if self._is_giving_way(part):
                part.setVisible(part.objectName() not in gone)

    def _parts(self) -> list[QWidget]:
        items = [self._row.itemAt(place) for place in range(self._row.count())]
        return [part for item in items if item is not None and (part := item.widget()) is not None]

    def _is_giving_way(self, part: QWidget) -> bool:
        return any(part.objectName() in names for names in self._gives_way)

    def _needed(self, gone: Set[str]) -> int:
        """Return the width that everything takes but some controls and those that their feature hides."""
        margins = self._row.contentsMargins()
        needed = margins.left() + margins.right()
        for place in range(self._row.count()):
            item = self._row.itemAt(place)
            part = item.widget() if item is not None else None
            if part is not None:
                hidden = _is_hidden_on_purpose(part) and not self._is_giving_way(part)
                if not hidden and part.objectName() not in gone:
                    needed += max(part.sizeHint().width(), part.minimumWidth()) + self._row.spacing()
            elif item is not None:
                needed += item.sizeHint().width()
        return needed

    def _draw(self, key: str) -> None:
        side = icons.scaled(_ICON)
        self._buttons[key].setIconSize(QSize(side, side))
        self._buttons[key].setIcon(icons.icon(self._icons[key], self.palette()))

    def _clicked(self) -> None:
        button = self.sender()
        if not isinstance(button, QToolButton):
            return
        action = self._actions[button.objectName()]
        if action.checked_when is None:
            self.asked.emit(action.id)
        else:
            on = button.isChecked() if button.isCheckable() else not action.checked_when()
            self.toggled.emit(action.id, on)


def only_by_tab(parent: QWidget) -> None:
    """Let no click on a control take the keys away from the field."""
    for child in parent.findChildren(QWidget):
        if child.focusPolicy() != Qt.FocusPolicy.NoFocus:
            child.setFocusPolicy(Qt.FocusPolicy.TabFocus)


def _is_hidden_on_purpose(part: QWidget) -> bool:
    """Tell whether a control was hidden, and does not only wait for its bar to be shown."""
    return part.isHidden() and part.testAttribute(Qt.WidgetAttribute.WA_WState_ExplicitShowHide)
