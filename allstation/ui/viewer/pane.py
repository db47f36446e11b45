"""Viewer pane: the current field, another one beside it if wanted, and the bar of layers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from allstation.core.known_sizes import KnownSizes
from allstation.core.records import FieldRecord
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.card import OverlayStyle
from allstation.ui.viewer.cell_marks import CellMark
from allstation.ui.viewer.field_view import FieldView
from allstation.ui.viewer.layer_bar import EvidenceBox, LayerBar
from allstation.ui.viewer.loader import FieldLoader
from allstation.ui.viewer.outlines import OutlineFinder, Outlines
from allstation.ui.viewer.picture import FieldPicture
from allstation.ui.viewer.scene import Layers
from allstation.ui.viewer.surface import ZoomTarget


class ViewerPane(QWidget):
    """Loads and shows the current field.

    Args:
        parent: Owner.
        loader: Reads fields; default: one of its own.
        finder: Finds cell outlines; default: one of its own.

    Signals:
        confirm_asked: Space was tapped on the field.
        state_changed: Id of a checkable action and its new state; keep the window's actions in step.
        full_screen_asked: The field wants, or no longer wants, the whole screen.
        pixel_sizes_changed: What slides, case data and site say of pixel sizes.
        notified: A sentence worth showing, for example that a picture was copied.
    """

    confirm_asked = Signal()
    state_changed = Signal(str, bool)
    full_screen_asked = Signal(bool)
    pixel_sizes_changed = Signal(object)
    notified = Signal(str)

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        loader: FieldLoader | None = None,
        finder: OutlineFinder | None = None,
    ) -> None:
        super().__init__(parent)
        self.loader = loader or FieldLoader(self)
        self.finder = finder or OutlineFinder(self)
        self._split = QSplitter(Qt.Orientation.Horizontal, self)
        self.main = FieldView(self._split)
        self.pinned = FieldView(self._split)
        self.zoom = ZoomTarget(self.main.canvas)
        self.box = EvidenceBox(self.main.canvas)
        self._states = {"view.evidence": False, "view.cells": False, "view.compare": False,
                        "view.keep": False, "view.full_screen": False}  # fmt: skip
        self._actions = {action.id: action for action in self.viewer_actions()}
        self.bar = LayerBar(tuple(self._actions.values()), self)
        self._blind = False
        self._reviewer = ""
        self._lay_out()
        self._connect()
        self._show_state()

    def _lay_out(self) -> None:
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self.main)
        self._split.addWidget(self.pinned)
        self.pinned.hide()
        self.main.canvas.setAccessibleName(tr("Field"))
        self.pinned.canvas.setAccessibleName(tr("Field to compare with"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._split, 1)
        layout.addWidget(self.bar)
        self.setFocusProxy(self.main)

    def _connect(self) -> None:
        self.loader.ready.connect(self._ready)
        self.loader.failed.connect(self._failed)
        self.finder.found.connect(self._show_outlines)
        self.main.canvas.view_changed.connect(self.bar.set_zoom)
        self.main.canvas.moved_by_hand.connect(self._main_moved)
        self.pinned.canvas.moved_by_hand.connect(self._pinned_moved)
        for canvas in (self.main.canvas, self.pinned.canvas):
            canvas.space_tapped.connect(self.confirm_asked)
        self.bar.asked.connect(self._asked)
        self.bar.toggled.connect(self._toggled)
        self.bar.style_chosen.connect(self.set_overlay_style)
        self.box.class_chosen.connect(self.set_evidence_class)
        self.box.opacity_chosen.connect(self.set_opacity)

    # Fields ----------------------------------------------------------------------------------

    @property
    def record(self) -> FieldRecord | None:
        """The current field."""
        return self.main.record

    @property
    def layers(self) -> Layers:
        """Layers drawn over the current field."""
        return self.main.canvas.scene.layers

    @Slot(object)
    def show_field(self, record: FieldRecord | None) -> None:
        """Show a field; its pixels follow as soon as they are read."""
        if record is None:
            self.loader.clear()
            self.finder.request(None)
            self.main.clear()
        else:
            moved = self.record is None or self.record.path != record.path
            self.main.set_layers(hidden=self.is_hidden(record))
            self._show(record, self.loader.request(record.path))
            if moved:
                self._want_outlines()
        self._show_state()

    @Slot(list)
    def set_neighbours(self, records: Sequence[FieldRecord]) -> None:
        """Get these fields ready, nearest first."""
        self.loader.preload([record.path for record in records])

    def is_hidden(self, record: FieldRecord) -> bool:
        """Tell whether blind review hides what others said about a field."""
        return self._blind and (record.review is None or record.review.reviewer != self._reviewer)

    def set_blind(self, on: bool, reviewer: str = "") -> None:
        """Hide predictions until this reviewer has decided."""
        self._blind, self._reviewer = on, reviewer
        for view in (self.main, self.pinned):
            if view.record is not None:
                view.set_layers(hidden=self.is_hidden(view.record))
        self._show_state()

    def set_pixel_sizes(self, sizes: KnownSizes) -> None:
        """Show a scale bar in the fields whose pixel size is known."""
        self.pixel_sizes_changed.emit(sizes)
        self._set_layers(sizes=sizes)

    def set_network_size(self, height: int, width: int) -> None:
        """Outline cells at the size the model counts them at."""
        if self.finder.size != (height, width):
            self.finder.size = (height, width)
            self._want_outlines()

    def close_workers(self) -> None:
        """Wait for reads in flight; call before the window goes."""
        self.loader.close()
        self.finder.close()

    @Slot(object, object)
    def _ready(self, path: Path, picture: FieldPicture) -> None:
        if self.record is not None and self.record.path == path:
            self._show(self.record, picture)
            self._show_state()

    def _show(self, record: FieldRecord, picture: FieldPicture | None) -> None:
        self.main.show_field(record, picture)
        if picture is not None and self.main.canvas.scene.picture is None:
            self.loader.forget(record.path)  # not the field's own bytes: they may be put back

    @Slot(object, str)
    def _failed(self, path: Path, sentence: str) -> None:
        if self.record is not None and self.record.path == path:
            self.main.show_message(sentence)

    # Layers ----------------------------------------------------------------------------------

    def viewer_actions(self) -> tuple[Action, ...]:
        """Offer zoom, layers and comparison; the layer bar has buttons for most of them."""
        zoom, field, state = self.zoom, self._has_field, self.state_of
        # fmt: off
        return (
            Action("view.fit", "&Fit to Window", zoom.fit, "F", "Show the whole field", "fit",
                   menu="&View", place=310, enabled_when=field),
            Action("view.actual", "&Actual Pixels (1:1)", zoom.actual_size, "Ctrl+0",
                   "Show each pixel of the field as one pixel of the screen", "one-to-one",
                   menu="&View", place=320, enabled_when=field),
            Action("view.zoom_in", "Zoom &In", zoom.zoom_in, "+ =", "Show the middle larger", "zoom-in",
                   menu="&View", place=330, enabled_when=field, repeats=True),
            Action("view.zoom_out", "Zoom &Out", zoom.zoom_out, "-", "Show more of the field", "zoom-out",
                   menu="&View", place=340, enabled_when=field, repeats=True),
            Action("view.keep", "&Keep View Between Fields", self.set_keep_view, "K",
                   "Stay at the same place and zoom when another field is shown",
                   menu="&View", place=350, checked_when=partial(state, "view.keep")),
            Action("view.overlay", "Next O&verlay Style", self.cycle_overlay_style, "O",
                   "Class probabilities as bars, as a badge, or off", "overlay",
                   menu="&View", place=360, enabled_when=field),
            Action("view.evidence", "&Evidence Map", self.set_evidence_visible, "E",
                   "Show where in the field the network found its class", "evidence",
                   menu="&View", place=370, field_menu=210, enabled_when=field,
                   checked_when=partial(state, "view.evidence")),
            Action("view.cells", "&Cell Outlines", self.set_outlines_visible, "L",
                   "Outline the white cells that were found and count them", "cells",
                   menu="&View", place=380, field_menu=220, enabled_when=field,
                   checked_when=partial(state, "view.cells")),
            Action("view.compare", "Compare &Side by Side", self.set_comparing, "Ctrl+D",
                   "Keep this field on the right and choose another one beside it", "compare",
                   menu="&View", place=383, field_menu=230, enabled_when=field,
                   checked_when=partial(state, "view.compare")),
            Action("view.copy", "Copy &Picture with Overlay", self.copy_picture, "Ctrl+Shift+C",
                   "Copy the field as it is shown, with its overlay, to the clipboard", "copy",
                   menu="&View", place=385, field_menu=240, enabled_when=field),
            Action("view.full_screen", "F&ull Screen", self.set_full_screen, "F11",
                   "Give the whole screen to the field; Escape comes back", "full-screen",
                   menu="&View", place=387, checked_when=partial(state, "view.full_screen")),
        )
        # fmt: on

    def _has_field(self) -> bool:
        return self.record is not None

    def state_of(self, key: str) -> bool:
        """Tell whether a checkable action is on."""
        return self._states[key]

    @Slot(object)
    def set_overlay_style(self, style: OverlayStyle) -> None:
        """Draw the probabilities as bars, as a badge, or not."""
        self._set_layers(style=style)
        self.bar.set_style(style)

    @Slot()
    def cycle_overlay_style(self) -> None:
        """Go to the next overlay style."""
        self.set_overlay_style(self.layers.style.following())

    @Slot(bool)
    def set_evidence_visible(self, on: bool) -> None:
        """Show or hide the evidence map."""
        self._set_layers(evidence=on)
        self._set_state("view.evidence", on)
        self._show_state()

    @Slot(str)
    def set_evidence_class(self, name: str) -> None:
        """Choose the class of the evidence map; empty for the top class of each field."""
        self._set_layers(evidence_class=name)

    @Slot(float)
    def set_opacity(self, opacity: float) -> None:
        """Set the opacity of the evidence map, 0 to 1."""
        self._set_layers(opacity=opacity)
        self.box.set_opacity(opacity)

    @Slot(bool)
    def set_outlines_visible(self, on: bool) -> None:
        """Show or hide the outlines of the white cells."""
        self._set_layers(outlines=on)
        self._set_state("view.cells", on)
        self._want_outlines()

    @Slot(bool)
    def set_keep_view(self, on: bool) -> None:
        """Stay at the same place and zoom from field to field."""
        self.main.keep_view = on
        self._set_state("view.keep", on)

    @Slot(bool)
    def set_comparing(self, on: bool) -> None:
        """Pin the current field on the right; the list goes on choosing the left one."""
        self._compare(on)
        if self._states["view.compare"]:
            self.notified.emit(
                tr("This field stays on the right. Choose another in the list to see it beside.")
            )

    def _compare(self, on: bool) -> None:
        scene = self.main.canvas.scene
        if on and scene.record is None:
            on = False
        if on and scene.record is not None:
            self.pinned.set_layers(hidden=self.is_hidden(scene.record))
            self.pinned.show_field(scene.record, scene.picture)
            self.pinned.set_outlines(scene.polygons)
        else:
            self.pinned.clear()
        self.pinned.setVisible(on)
        self.main.set_captioned(on)
        self.pinned.set_captioned(on)
        if on:
            self._split.setSizes([self.width() // 2, self.width() // 2])
        self._set_state("view.compare", on)

    def compare_models(self, other: FieldRecord, *, here: str, there: str) -> None:
        """Show the current field with another model's prediction on the right, each under its name."""
        picture = self.main.canvas.scene.picture
        if not self._states["view.compare"]:
            self._compare(True)
        self.pinned.set_layers(hidden=self.is_hidden(other))
        self.pinned.show_field(other, picture)
        for view, name in ((self.main, here), (self.pinned, there)):
            view.set_caption(name)

    @Slot(bool)
    def set_full_screen(self, on: bool) -> None:
        """Ask the window for the whole screen, or give it back."""
        self._set_state("view.full_screen", on)
        self.full_screen_asked.emit(on)

    @Slot()
    def copy_picture(self) -> None:
        """Copy what is shown, overlay included, to the clipboard."""
        image = (self.zoom.instead or self.main).rendered()
        if image is not None:
            QGuiApplication.clipboard().setImage(image)
            self.notified.emit(tr("Picture with overlay copied."))

    def _set_layers(self, **changes: object) -> None:
        self.main.set_layers(**changes)
        self.pinned.set_layers(**changes)

    def _set_state(self, key: str, on: bool) -> None:
        changed = self._states[key] != on
        self._states[key] = on
        self.bar.set_checked(key, on)
        if changed:
            self.state_changed.emit(key, on)

    def _show_state(self) -> None:
        scene = self.main.canvas.scene
        prediction = scene.record.prediction if scene.record is not None and not scene.layers.hidden else None
        evidence = prediction.evidence if prediction is not None else None
        classes = evidence.classes if evidence is not None else ()
        top = prediction.top_class if prediction is not None and prediction.probabilities_valid else ""
        self.bar.set_evidence_available(bool(classes))
        self.box.set_classes(classes, top=top, chosen=scene.layers.evidence_class)
        self.box.setVisible(bool(classes) and scene.layers.evidence and scene.picture is not None)
        self.bar.set_field_shown(scene.picture is not None)
        self.bar.set_style(scene.layers.style)
        self.box.set_opacity(scene.layers.opacity)
        for key, on in self._states.items():
            self.bar.set_checked(key, on)

    def _want_outlines(self) -> None:
        record = self.record
        cells = self.main.canvas.scene.cells
        wanted = self.layers.outlines and record is not None and cells is None
        if cells is not None:
            self.set_cells(cells)
            return
        self.bar.set_count(tr("Counting…") if wanted else "")
        if wanted and record is not None:
            self.finder.request(record.path, record.sha256)
        else:
            self.finder.request(None)

    @Slot(object)
    def _show_outlines(self, outlines: Outlines) -> None:
        if self.record is None or self.record.path != outlines.path:
            return
        self.main.set_outlines(outlines.polygons)
        if self.main.canvas.scene.cells is None:
            words = _areas(outlines.count)
            self.bar.set_count(tr("Not counted") if outlines.error else words)

    def set_cells(self, cells: Sequence[CellMark] | None) -> None:
        """Show the cells that the case holds of the current field; None where it holds none."""
        had = self.main.canvas.scene.cells is not None
        self.main.set_cells(cells)
        if cells is not None:
            self.finder.request(None)
            self.bar.set_count(_white_cells(sum(not cell.removed for cell in cells)))
        elif had:
            self._want_outlines()

    # Plumbing --------------------------------------------------------------------------------

    @Slot(str)
    def _asked(self, key: str) -> None:
        self._actions[key].run()

    @Slot(str, bool)
    def _toggled(self, key: str, on: bool) -> None:
        self._actions[key].run(on)

    @Slot()
    def _main_moved(self) -> None:
        self._move_along(self.main, self.pinned)

    @Slot()
    def _pinned_moved(self) -> None:
        self._move_along(self.pinned, self.main)

    def _move_along(self, source: FieldView, target: FieldView) -> None:
        relative = source.canvas.relative_view()
        if self._states["view.compare"] and relative is not None:
            target.canvas.set_relative_view(relative)


def _areas(count: int) -> str:
    """Return how many areas the model's mask has: not the cells of the case, which nobody has found yet."""
    return tr("1 area of the mask") if count == 1 else tr("{n} areas of the mask", n=number(count))


def _white_cells(count: int) -> str:
    return tr("1 white cell") if count == 1 else tr("{n} white cells", n=number(count))
