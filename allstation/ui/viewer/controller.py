"""Viewer controller: shows the current field and follows blind mode, model, settings and theme."""

from __future__ import annotations

from functools import partial
from typing import Final

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from allstation.processing.status_types import ModelInfo
from allstation.services.images.field_cache import FieldCache
from allstation.ui.common.actions import Action
from allstation.ui.common.notifications import Level, Notification
from allstation.ui.context import AppContext
from allstation.ui.viewer.card import OverlayStyle
from allstation.ui.viewer.loader import FieldLoader, read_picture
from allstation.ui.viewer.measure_controller import MeasureController
from allstation.ui.viewer.outlines import OutlineFinder, find_outlines
from allstation.ui.viewer.pane import ViewerPane

_TOPIC: Final = "viewer"
_PICTURE_BYTES: Final = 96 * 1024**2
"""Fields kept decoded: about 25 of 1024x768, so that the window stays small beside a long queue."""


def make_viewer(files: FieldCache, parent: QWidget) -> ViewerPane:
    """Return a viewer whose pictures and outlines come from one reading of a file."""
    loader = FieldLoader(reader=partial(read_picture, files=files), limit=_PICTURE_BYTES)
    finder = OutlineFinder(finder=partial(find_outlines, files=files))
    viewer = ViewerPane(parent, loader=loader, finder=finder)
    loader.setParent(viewer)
    finder.setParent(viewer)
    return viewer


class ViewerController(QObject):
    """Drives the viewer pane from the selection."""

    def __init__(self, context: AppContext, pane: ViewerPane) -> None:
        super().__init__(pane)
        self._context = context
        self._pane = pane
        selection = context.selection
        selection.field_changed.connect(pane.show_field)
        selection.neighbours_changed.connect(pane.set_neighbours)
        selection.model_changed.connect(self._model_changed)
        selection.blind_changed.connect(self._blind_changed)
        selection.reviewer_changed.connect(self._blind_changed)
        context.theme.changed.connect(pane.bar.refresh_icons)
        pane.state_changed.connect(self._state_changed)
        pane.notified.connect(self._tell)
        self.measuring = MeasureController(context, pane)
        stored = context.settings.value
        pane.set_keep_view(stored.keep_view)
        if stored.overlay in list(OverlayStyle):
            pane.set_overlay_style(OverlayStyle(stored.overlay))

    def actions(self) -> tuple[Action, ...]:
        """Offer zoom, layers, comparison and measuring."""
        return (*self._pane.viewer_actions(), *self.measuring.actions())

    def view_state(self) -> dict[str, object]:
        """Return the choices to remember for the next start."""
        return {
            "keep_view": self._pane.state_of("view.keep"),
            "overlay": self._pane.layers.style.value,
        }

    @Slot(object)
    def _model_changed(self, model: ModelInfo) -> None:
        self._pane.set_network_size(*model.size)

    @Slot()
    def _blind_changed(self) -> None:
        self._pane.set_blind(self._context.selection.is_blind, self._context.selection.reviewer)

    @Slot(str)
    def _tell(self, text: str) -> None:
        self._context.notifier.post(Notification(Level.INFO, text, topic=_TOPIC))

    @Slot(str, bool)
    def _state_changed(self, key: str, on: bool) -> None:
        if key == "view.compare" and not on:
            self._context.notifier.withdraw(_TOPIC)
        self._context.changed.emit()
