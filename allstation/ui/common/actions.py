"""Actions: text, keys, place in menus, handler and condition in one literal, offered by the controllers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from allstation.ui.common import icons
from allstation.ui.common.i18n import tr


def always() -> bool:
    """Condition of an action that is offered at any time."""
    return True


@dataclass(frozen=True, slots=True)
class Action:
    """Action of a feature.

    Attributes:
        id: Stable identifier, ``area.verb``.
        text: English text; ``&`` marks the menu's access key.
        run: Handler; a checkable action's handler receives the new state.
        keys: Portable key sequences between spaces, the first one shown.
        tip: One sentence that says what it does.
        icon: File name in ``resources/icons`` without its suffix, or empty.
        menu: Title of its menu, with a submenu after a slash.
        place: Order in the menu; another hundred begins a group of its own.
        toolbar: Order in the toolbar, in the same way; 0 for none.
        field_menu: Order in the context menu of a field, in the same way; 0 for none.
        enabled_when: Condition under which it is offered; asked after every ``AppContext.changed``.
        checked_when: State of a checkable action; None for an action without a state.
        label: Text of now, where it changes.
        repeats: A held key runs it again and again. Only for what goes through fields or sizes: what
            reviews, removes or writes is done once a press.
    """

    id: str
    text: str
    run: Callable[..., object]
    keys: str = ""
    tip: str = ""
    icon: str = ""
    menu: str = ""
    place: int = 0
    toolbar: int = 0
    field_menu: int = 0
    enabled_when: Callable[[], bool] = always
    checked_when: Callable[[], bool] | None = None
    label: Callable[[], str] | None = None
    repeats: bool = False

    @property
    def name(self) -> str:
        """Translated text without access key and dots."""
        return plain(tr(self.text))


GROUP: Final = 100
"""Places of one group share their hundreds; menus and the toolbar draw a line between groups."""


class ActionTable:
    """Qt actions of a window by id.

    Args:
        window: Owns the actions; their keys work anywhere in it.

    Attributes:
        is_repeating: Tells whether the key that is being handled is the repeat of a held one.
    """

    def __init__(self, window: QWidget) -> None:
        self._window = window
        self._actions: dict[str, Action] = {}
        self._made: dict[str, QAction] = {}
        self._drawn = False
        self.is_repeating: Callable[[], bool] = _never

    def add(self, actions: Iterable[Action]) -> None:
        """Make the Qt actions of a feature."""
        for action in actions:
            self._make(_mirrored(action) if self._window.isRightToLeft() else action)

    def _make(self, action: Action) -> None:
        made = QAction(tr(action.text), self._window)
        made.setObjectName(action.id)
        # Its name in lists, whatever the text says later: Undo names what it takes back.
        made.setIconText(action.name)
        made.setShortcuts([QKeySequence(key) for key in action.keys.split()])
        made.setAutoRepeat(action.repeats)
        made.setCheckable(action.checked_when is not None)
        made.setToolTip(_tool_tip(action))
        made.setStatusTip(tr(action.tip))
        if action.checked_when is not None:
            made.triggered.connect(action.run)
        else:
            made.triggered.connect(partial(self._run, action))
        self._window.addAction(made)
        self._actions[action.id] = action
        self._made[action.id] = made
        self._refresh(action)
        # Icons of menus can wait until the window is up; those of the toolbar are seen at once.
        if action.toolbar or self._drawn:
            self._draw(action)

    def _run(self, action: Action, _checked: bool = False) -> None:
        """Run an action once a press, also where the repeat of a held key is not marked as one."""
        if action.repeats or not self.is_repeating():
            action.run()

    def remove(self, prefix: str) -> None:
        """Drop the actions whose id starts so, for example when another model brings other classes."""
        for key in [key for key in self._made if key.startswith(prefix)]:
            made = self._made.pop(key)
            self._window.removeAction(made)
            made.deleteLater()
            del self._actions[key]

    def __getitem__(self, key: str) -> QAction:
        return self._made[key]

    def all(self) -> tuple[Action, ...]:
        """Return every action in the order of making."""
        return tuple(self._actions.values())

    def ordered(self, place: Callable[[Action], int]) -> list[tuple[int, QAction]]:
        """Return the actions with a place above 0, and it, in its order."""
        placed = [(place(action), self._made[key]) for key, action in self._actions.items()]
        return sorted((pair for pair in placed if pair[0]), key=lambda pair: pair[0])

    def refresh(self) -> None:
        """Offer, check and name the actions by their conditions of now."""
        for action in self._actions.values():
            self._refresh(action)

    def _refresh(self, action: Action) -> None:
        made = self._made[action.id]
        made.setEnabled(action.enabled_when())
        if action.checked_when is not None:
            made.setChecked(action.checked_when())
        if action.label is not None:
            made.setText(action.label())

    def refresh_icons(self) -> None:
        """Draw all icons: once the window is up, and after a change between light and dark."""
        self._drawn = True
        for action in self._actions.values():
            self._draw(action)

    def _draw(self, action: Action) -> None:
        if action.icon:
            self._made[action.id].setIcon(icons.icon(action.icon, self._window.palette()))


def plain(text: str) -> str:
    """Return a text without access keys and dots."""
    return text.replace("&", "").rstrip("…")


def _never() -> bool:
    return False


def _mirrored(action: Action) -> Action:
    """Return an action as it is where writing runs from right to left: the next field lies on the left."""
    other = {"Left": "Right", "Right": "Left", "previous": "next", "next": "previous"}
    keys = " ".join(other.get(key, key) for key in action.keys.split())
    return replace(action, keys=keys, icon=other.get(action.icon, action.icon))


def _tool_tip(action: Action) -> str:
    keys = ""
    if action.keys:
        first = QKeySequence(action.keys.split()[0])
        keys = f"  ({first.toString(QKeySequence.SequenceFormat.NativeText)})"
    return f"{action.name}{keys}\n{tr(action.tip)}" if action.tip else f"{action.name}{keys}"
