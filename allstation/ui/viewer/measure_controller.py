"""Measuring controller: offers the tool, and keeps what was measured on each field while the case is open."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Slot

from allstation.core.measure import Measure
from allstation.core.records import FieldRecord
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import Level, Notification
from allstation.ui.context import AppContext
from allstation.ui.viewer.measure_tool import MeasureTool
from allstation.ui.viewer.pane import ViewerPane
from allstation.ui.viewer.squash_note import squash_note

_TOPIC = "measure"


class MeasureController(QObject):
    """Measures on the current field.

    Args:
        context: Services and state.
        pane: Shows the field.
    """

    def __init__(self, context: AppContext, pane: ViewerPane) -> None:
        super().__init__(pane)
        self._context, self._pane = context, pane
        self._kept: dict[int, Sequence[Measure]] = {}
        self.tool = MeasureTool(pane.main.canvas)
        self.tool.changed.connect(self._changed)
        self.tool.ended.connect(self._ended)
        context.selection.field_changed.connect(self._field_changed)
        context.session.opened.connect(self._forget)
        context.session.worker.closed.connect(self._forget)

    def actions(self) -> tuple[Action, ...]:
        """Offer to measure."""
        # fmt: off
        return (
            Action("view.measure", "&Measure", self.set_on, "M",
                   "Draw lines, areas and ellipses on the field and read their sizes; kept while the case is "
                   "open, and drawn in pictures with overlay",
                   menu="&View", place=393, field_menu=235, enabled_when=self._context.has_field,
                   checked_when=lambda: self.tool.is_on),
        )
        # fmt: on

    @Slot(bool)
    def set_on(self, on: bool) -> None:
        """Begin or end measuring."""
        if not on:
            self.tool.end()
            return
        self.tool.begin()
        self._context.changed.emit()
        text = self._remark()
        if text:
            self._context.notifier.post(Notification(Level.INFO, text, topic=_TOPIC))

    def _remark(self) -> str:
        """Return what should be known before sizes on the field are believed."""
        scene = self._pane.main.canvas.scene
        if scene.pixel_size() is None:
            return tr(
                "The scale of this field is not known, so sizes are in pixels. View, Measure a Bar gives it."
            )
        record = scene.record
        return (
            "" if record is None else squash_note(record.width, record.height, self._context.selection.model)
        )

    @Slot()
    def _ended(self) -> None:
        self._context.changed.emit()

    @Slot()
    def _changed(self) -> None:
        scene = self._pane.main.canvas.scene
        if scene.record is not None:
            self._kept[scene.record.id] = scene.measures

    @Slot(object)
    def _field_changed(self, record: FieldRecord | None) -> None:
        self.tool.field_changed()
        canvas = self._pane.main.canvas
        canvas.scene.measures = self._kept.get(record.id, ()) if record is not None else ()
        canvas.refresh()

    @Slot()
    def _forget(self) -> None:
        self._kept.clear()
        self.tool.end()
