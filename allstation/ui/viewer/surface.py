"""Zoom target: what the actions of zoom work, the field or what is shown in its place."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtGui import QImage


class Zoomable(Protocol):
    """Protocol of something that zooms."""

    def fit(self) -> None:
        """Show all of it."""

    def actual_size(self) -> None:
        """Show one of its pixels as one device pixel."""

    def zoom_in(self) -> None:
        """Zoom in by one step."""

    def zoom_out(self) -> None:
        """Zoom out by one step."""


class Surface(Zoomable, Protocol):
    """Protocol of what can stand in place of the field: it zooms, and can be copied."""

    def rendered(self) -> QImage | None:
        """Return it as it is shown."""


class ZoomTarget:
    """Passes zooming on to the field, or to what is shown in its place.

    Args:
        field: Zooms the field.

    Attributes:
        instead: What is shown in place of the field; None for the field.
    """

    def __init__(self, field: Zoomable) -> None:
        self._field = field
        self.instead: Surface | None = None

    @property
    def _shown(self) -> Zoomable:
        return self.instead or self._field

    def fit(self) -> None:
        """Show all of it."""
        self._shown.fit()

    def actual_size(self) -> None:
        """Show each of its pixels as one pixel of the screen."""
        self._shown.actual_size()

    def zoom_in(self) -> None:
        """Zoom in by one step."""
        self._shown.zoom_in()

    def zoom_out(self) -> None:
        """Zoom out by one step."""
        self._shown.zoom_out()
