"""How things look: light or dark, text size, thumbnails; remembered between starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Slot

from allstation.core.filters import FieldGroup, FieldSort
from allstation.ui.common.theme import Mode
from allstation.ui.context import Services
from allstation.ui.viewer.card import OverlayStyle

if TYPE_CHECKING:
    from allstation.ui.main_window.window import MainWindow

_SCALES: Final = (0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)
_STEP: Final = 24


class LookActions(QObject):
    """Changes the look of a window and gives it back at the next start."""

    def __init__(self, services: Services, window: MainWindow) -> None:
        super().__init__(window)
        self._services = services
        self._window = window

    # Light and dark

    def set_mode(self, mode: Mode) -> None:
        """Switch at once and remember it."""
        self._services.settings.change(theme=mode.value)
        self._services.theme.set_mode(mode)
        self.check_mode()

    def check_mode(self) -> None:
        """Mark the mode that is on in the menu."""
        for mode in Mode:
            action = self._window.actions_table[f"view.{mode.value}"]
            action.blockSignals(True)
            action.setChecked(mode is self._services.theme.mode)
            action.blockSignals(False)

    @Slot()
    def light(self) -> None:
        """Use light colours."""
        self.set_mode(Mode.LIGHT)

    @Slot()
    def dark(self) -> None:
        """Use dark colours."""
        self.set_mode(Mode.DARK)

    @Slot()
    def system(self) -> None:
        """Follow the system."""
        self.set_mode(Mode.SYSTEM)

    # Text size

    @Slot()
    def larger_text(self) -> None:
        """Make all text larger."""
        current = self._services.settings.value.text_scale
        self._scale(next((scale for scale in _SCALES if scale > current), _SCALES[-1]))

    @Slot()
    def smaller_text(self) -> None:
        """Make all text smaller."""
        current = self._services.settings.value.text_scale
        self._scale(next((scale for scale in reversed(_SCALES) if scale < current), _SCALES[0]))

    @Slot()
    def normal_text(self) -> None:
        """Use the normal size."""
        self._scale(1.0)

    def _scale(self, scale: float) -> None:
        self._services.settings.change(text_scale=scale)
        self._services.theme.set_scale(scale)

    # Thumbnails

    @Slot()
    def larger_tiles(self) -> None:
        """Make thumbnails larger."""
        footer = self._window.browser.footer
        footer.set_width(footer.width_value() + _STEP)

    @Slot()
    def smaller_tiles(self) -> None:
        """Make thumbnails smaller."""
        footer = self._window.browser.footer
        footer.set_width(footer.width_value() - _STEP)

    @Slot()
    def grid(self) -> None:
        """Show thumbnails."""
        self._window.browser.show_view("grid")

    @Slot()
    def table(self) -> None:
        """Show a table."""
        self._window.browser.show_view("table")

    # Groups

    @Slot()
    def flat(self) -> None:
        """Show fields without headings."""
        self._window.browser.footer.set_group(FieldGroup.NONE)

    @Slot()
    def by_slide(self) -> None:
        """Put the fields of each slide together."""
        self._window.browser.footer.set_group(FieldGroup.SLIDE)

    @Slot()
    def by_decision(self) -> None:
        """Put the fields of each decision together."""
        self._window.browser.footer.set_group(FieldGroup.DECISION)

    # Remembering

    def restore(self) -> None:
        """Take the choices of the last start."""
        stored = self._services.settings.value
        browser = self._window.browser
        if stored.sort in list(FieldSort):
            browser.footer.set_sort(FieldSort(stored.sort), descending=stored.descending)
        if stored.group in list(FieldGroup):
            browser.footer.set_group(FieldGroup(stored.group))
        browser.footer.set_width(stored.thumbnail_width)
        browser.grid.set_tile_width(stored.thumbnail_width)
        browser.show_view(stored.browser_view)
        self.check_mode()
        self._window.actions_table["review.advance"].setChecked(stored.advance)
        self._window.reviews.set_advance(stored.advance)
        self._window.viewer.set_keep_view(stored.keep_view)
        if stored.overlay in list(OverlayStyle):
            self._window.viewer.set_overlay_style(OverlayStyle(stored.overlay))

    def state(self) -> dict[str, object]:
        """Return the choices to remember."""
        browser = self._window.browser
        return {
            "thumbnail_width": browser.footer.width_value(),
            "browser_view": browser.view_name(),
            "sort": browser.footer.sort().value,
            "descending": browser.footer.descending(),
            "group": browser.footer.group_wanted().value,
            "advance": self._window.reviews.advance,
            "keep_view": self._window.viewer.state_of("view.keep"),
            "overlay": self._window.viewer.layers.style.value,
        }
