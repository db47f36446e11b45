"""Tabs whose pages scroll where large text needs more room than the screen has."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QFrame, QScrollArea, QTabWidget, QWidget


class _PageArea(QScrollArea):
    """Scrolls one page below its least size; above, the page has the area's size."""

    def __init__(self, page: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setWidget(page)

    def minimumSizeHint(self) -> QSize:
        """Return little: a page never makes the window larger than the screen."""
        return QSize(200, 120)


class PageTabs(QTabWidget):
    """Tabs that are asked for their pages, not for the areas around them."""

    def add_page(self, page: QWidget, title: str) -> None:
        """Add a page."""
        self.addTab(_PageArea(page, self), title)

    def widget(self, index: int) -> QWidget:
        """Return a page."""
        return self._page(super().widget(index))

    def currentWidget(self) -> QWidget:  # noqa: N802 - Qt's name
        """Return the page in front."""
        return self._page(super().currentWidget())

    def setCurrentWidget(self, page: QWidget) -> None:  # noqa: N802 - Qt's name
        """Bring a page to the front."""
        for index in range(self.count()):
            if self.widget(index) is page:
                self.setCurrentIndex(index)

    @staticmethod
    def _page(area: QWidget | None) -> QWidget:
        page = area.widget() if isinstance(area, _PageArea) else None
        assert page is not None  # noqa: S101 - every page has its area
        return page
