"""Appearance controller: light or dark, and the size of text; remembered between starts."""

from __future__ import annotations

from functools import partial
from typing import Final

from PySide6.QtCore import QObject

from allstation.ui.common.actions import Action
from allstation.ui.common.theme import Mode
from allstation.ui.context import AppContext

_SCALES: Final = (0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)


class AppearanceController(QObject):
    """Changes the theme of the application."""

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._context = context

    def actions(self) -> tuple[Action, ...]:
        """Offer modes and text sizes."""
        # fmt: off
        return (
            Action("view.light", "&Light", partial(self.set_mode, Mode.LIGHT), "", "Light colours",
                   "light", menu="&View", place=510, checked_when=partial(self._is_mode, Mode.LIGHT)),
            Action("view.dark", "&Dark", partial(self.set_mode, Mode.DARK), "", "Dark colours",
                   "dark", menu="&View", place=520, checked_when=partial(self._is_mode, Mode.DARK)),
            Action("view.system", "&Follow System", partial(self.set_mode, Mode.SYSTEM), "",
                   "Light or dark as the system", "settings",
                   menu="&View", place=530, checked_when=partial(self._is_mode, Mode.SYSTEM)),
            Action("view.scale_up", "Larger Te&xt", self.larger_text, "Ctrl+Shift++ Ctrl+Shift+=",
                   "Make all text larger", menu="&View", place=610, repeats=True),
            Action("view.scale_down", "&Smaller Text", self.smaller_text, "Ctrl+Shift+-",
                   "Make all text smaller", menu="&View", place=620, repeats=True),
            Action("view.scale_reset", "&Normal Text", partial(self._scale, 1.0), "Ctrl+Shift+0",
                   "Back to the normal text size", menu="&View", place=630),
        )
        # fmt: on

    def _is_mode(self, mode: Mode) -> bool:
        return self._context.theme.mode is mode

    def set_mode(self, mode: Mode, _checked: bool = False) -> None:
        """Switch at once and remember it."""
        self._context.settings.change(theme=mode.value)
        self._context.theme.set_mode(mode)
        self._context.changed.emit()

    def larger_text(self) -> None:
        """Make all text larger."""
        current = self._context.settings.value.text_scale
        self._scale(next((scale for scale in _SCALES if scale > current), _SCALES[-1]))

    def smaller_text(self) -> None:
        """Make all text smaller."""
        current = self._context.settings.value.text_scale
        self._scale(next((scale for scale in reversed(_SCALES) if scale < current), _SCALES[0]))

    def _scale(self, scale: float) -> None:
        self._context.settings.change(text_scale=scale)
        self._context.theme.set_scale(scale)
