"""PIN of who signs a report, asked for once a signature and forgotten after it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from allstation.ui.common.i18n import tr
from allstation.ui.common.pin_dialog import PinDialog


class SignerPin(QObject):
    """Asks for the PIN where people are named by it; it is checked when the report is kept."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._pin = ""
        self._then: Callable[[], None] | None = None

    def ask(self, name: str, window: QWidget, then: Callable[[], None]) -> None:
        """Ask, then go on.

        Args:
            name: Who signs.
            window: Below the dialog.
            then: Called on this thread once there is a PIN; not if the person cancels.
        """
        self._then = then
        dialog = PinDialog([name], tr("Sign the report"), window)
        dialog.given.connect(self._given)
        dialog.given.connect(dialog.accept)
        dialog.open()

    @Slot(str, str)
    def _given(self, _name: str, pin: str) -> None:
        self._pin = pin
        if self._then is not None:
            self._then()

    def take(self) -> str:
        """Return the PIN, empty if none was asked for, and forget it."""
        pin, self._pin = self._pin, ""
        return pin
