"""Sizes of windows and dialogs: room for every text, never more than the screen has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QEvent, QObject, QSize
from PySide6.QtWidgets import QDialog, QWidget

from allstation.ui.common import icons

_FRAME: Final = QSize(4, 36)
"""What a window manager draws around a window."""


def available(window: QWidget) -> QSize:
    """Return the size of the screen that a window may take, logical pixels."""
    screen = window.screen()
    return screen.availableSize() - _FRAME if screen is not None else QSize(1280, 720)


def resize_on_screen(window: QWidget, width: int, height: int) -> None:
    """Give a window a size that grows with the size of text and ends with the screen.

    Args:
        window: The window, before it is shown.
        width: Logical pixels at the normal size of text.
        height: Likewise.
    """
    window.resize(QSize(icons.scaled(width), icons.scaled(height)).boundedTo(available(window)))


def grow_with_text(dialog: QDialog, width: int) -> None:
    """Keep a dialog as large as its layout needs, wrapped sentences included.

    Qt gives up a dialog's least size when a sentence in it wraps, and a least width of its own replaces that
    of the layout: either way words are cut off at a larger size of text or in a longer language.

    Args:
        dialog: Grows when its contents do; never shrinks.
        width: Least width at the normal size of text, logical pixels.
    """
    _TextRoom(dialog, width)


def fix_width(widget: QWidget, width: int) -> None:
    """Give a widget a width that grows with the size of text, and with words that need more.

    Args:
        widget: Beside others that take what is left.
        width: Logical pixels at the normal size of text.
    """
    _ScaledWidth(widget, widget.setFixedWidth, width, grows=True)


def limit_width(widget: QWidget, width: int) -> None:
    """Let a widget be no wider than is well read, at any size of text.

    Args:
        widget: A column of text.
        width: Logical pixels at the normal size of text.
    """
    _ScaledWidth(widget, widget.setMaximumWidth, width)


class _ScaledWidth(QObject):
    def __init__(
        self, widget: QWidget, set_width: Callable[[int], object], width: int, *, grows: bool = False
    ) -> None:
        super().__init__(widget)
        self._widget = widget
        self._set_width = set_width
        self._width = width
        self._grows = grows
        widget.installEventFilter(self)
        set_width(icons.scaled(width))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.LayoutRequest, QEvent.Type.Show):
            needed = self._widget.minimumSizeHint().width() if self._grows else 0
            self._set_width(max(icons.scaled(self._width), needed))
        return super().eventFilter(watched, event)


class _TextRoom(QObject):
    def __init__(self, dialog: QDialog, width: int) -> None:
        super().__init__(dialog)
        self._dialog = dialog
        self._width = width
        dialog.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Show, QEvent.Type.LayoutRequest):
            self._grow()
        return super().eventFilter(watched, event)

    def _grow(self) -> None:
        layout = self._dialog.layout()
        if layout is None:
            return
        most = available(self._dialog)
        width = max(self._dialog.width(), icons.scaled(self._width), layout.totalMinimumSize().width())
        width = min(width, max(most.width(), self._dialog.width()))
        height = (
            layout.totalHeightForWidth(width)
            if layout.hasHeightForWidth()
            else layout.totalSizeHint().height()
        )
        height = max(self._dialog.height(), min(height, most.height()))
        if QSize(width, height) != self._dialog.size():
            self._dialog.resize(width, height)
