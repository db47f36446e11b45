"""Pixel size of a case's fields, one a frame size: typed, or drawn along a bar; shown as a scale bar."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QInputDialog

from allstation.core.known_sizes import KnownSizes
from allstation.core.pixel_size import LARGEST, frame_sizes, with_size
from allstation.core.records import FieldRecord
from allstation.core.site import PixelSize, ScaleSource, Site
from allstation.imaging.field_file import read_field
from allstation.imaging.field_scale import doubt_of_file
from allstation.processing.status_types import CaseInfo
from allstation.report.identity import known_key
from allstation.services.questions import ReadDetails, ReadSite
from allstation.services.tasks import Serial
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.common.undo_commands import DetailsCommand, SiteCommand
from allstation.ui.context import AppContext
from allstation.ui.viewer.bar_line import BarLine
from allstation.ui.viewer.pane import ViewerPane

_KEY: Final = "pixel_size"
_USUAL_BAR: Final = 10.0
_LONGEST_BAR: Final = 10_000.0


class PixelSizeController(QObject):
    """Gives the viewer the sizes that case data and site name, and asks for one where they name none."""

    def __init__(self, context: AppContext, viewer: ViewerPane) -> None:
        super().__init__(viewer)
        self._context = context
        self._session = context.session
        self._viewer = viewer
        self._details: dict[str, str] = {}
        self._site: Site | None = None
        self._line = BarLine(viewer.main.canvas)
        self._drawn = 0.0
        self._serial = Serial(self)
        session = context.session
        session.opened.connect(self._case_opened)
        session.reader.details_read.connect(self._details_read)
        session.reader.site_read.connect(self._site_read)
        session.worker.details_changed.connect(self._show)
        session.worker.site_changed.connect(self._show_site)
        context.selection.field_changed.connect(self._field_changed)
        self._line.drawn.connect(self._ask_length)

    def actions(self) -> tuple[Action, ...]:
        """Offer to name the pixel size, or to draw along a bar of known length."""
        # fmt: off
        return (
            Action("view.pixel_size", "Pixel Si&ze…", self.ask, "Ctrl+Alt+P",
                   "Say how many micrometres a pixel is: kept for fields of this size, shown as a scale bar",
                   menu="&View", place=395, enabled_when=self._can_say),
            Action("view.measure_bar", "Measure a &Bar…", self.draw, "Ctrl+Shift+M",
                   "Draw along a burnt-in bar or a stage micrometer and type its length: the pixel size",
                   menu="&View", place=396, enabled_when=self._can_say),
        )
        # fmt: on

    def close(self) -> None:
        """Wait for what is being measured."""
        self._serial.close()

    def _can_say(self) -> bool:
        return self._context.can_write() and self._context.has_field()

    @Slot()
    def ask(self) -> None:
        """Ask for the size; 0 means that it is not known, and hides the bar."""
        if self._session.info is None:
            return
        known = self._viewer.main.canvas.scene.pixel_size() or 0.0
        text = tr(
            "Micrometres a pixel of fields of {size} pixels is wide.\n"
            "0 if it is not known: no scale bar. It is kept for fields of this size.",
            size=self._frame_text(),
        )
        dialog = self._dialog(tr("Pixel size"), text, decimals=4, most=LARGEST, value=known)
        dialog.setDoubleStep(0.01)
        dialog.doubleValueSelected.connect(self.set)
        dialog.open()

    @Slot()
    def draw(self) -> None:
        """Let a line be drawn along a bar of known length; Escape ends it."""
        if self._viewer.main.canvas.view is not None:
            self._line.begin()
            self._context.notifier.info(
                tr("Draw along the bar, from one end to the other. Escape stops."),
            )

    @Slot(float)
    def set(self, size: float) -> None:
        """Keep a size that was typed, undoably; the bar follows what is stored."""
        self._keep(size if size > 0 else None, ScaleSource.TYPED)

    @Slot(float)
    def _ask_length(self, pixels: float) -> None:
        self._drawn = pixels
        text = tr("The line is {n} pixels long.\nLength of the bar in micrometres:", n=f"{pixels:.1f}")
        dialog = self._dialog(tr("Measure a bar"), text, decimals=2, most=_LONGEST_BAR, value=_USUAL_BAR)
        dialog.doubleValueSelected.connect(self._set_by_bar)
        dialog.open()

    @Slot(float)
    def _set_by_bar(self, micrometres: float) -> None:
        size = micrometres / self._drawn if self._drawn > 0 else 0.0
        if not 0 < size <= LARGEST:
            self._context.notifier.warn(
                tr("A bar of {length} µm gives no pixel size. Draw it again.", length=f"{micrometres:g}")
            )
            return
        self._keep(size, ScaleSource.BAR)

    def _dialog(self, title: str, text: str, *, decimals: int, most: float, value: float) -> QInputDialog:
        dialog = QInputDialog(self._viewer.window())
        dialog.setWindowTitle(title)
        dialog.setLabelText(text)
        dialog.setInputMode(QInputDialog.InputMode.DoubleInput)
        dialog.setDoubleDecimals(decimals)
        dialog.setDoubleRange(0.0, most)
        dialog.setDoubleValue(value)
        dialog.finished.connect(dialog.deleteLater)
        return dialog

    def _keep(self, size: float | None, source: ScaleSource) -> None:
        """Keep a size for frames of the current field's size: with the site, or with a case without one."""
        record = self._viewer.record
        if self._session.info is None or record is None:
            return
        frame = record.width, record.height
        if size is not None and self._site is not None:
            pixel_size = PixelSize(size=round(size, 6), source=source, frame=frame)
            site = self._site.with_pixel_size(pixel_size)
            self._context.undo.push(SiteCommand(self._session, self._site, site))
            text = (
                with_size(self._text(), frame, None) if frame in frame_sizes(self._text()) else self._text()
            )
        else:
            text = with_size(self._text(), frame, size)
        self._keep_text(text)
        if size is not None:
            self._serial.run(partial(_doubt, record, size)).done.connect(self._tell)

    def _keep_text(self, text: str) -> None:
        after = {key: kept for key, kept in self._details.items() if known_key(key) != _KEY}
        if text:
            after[_KEY] = text
        if after != self._details:
            self._context.undo.push(DetailsCommand(self._session, self._details, after))

    def _frame_text(self) -> str:
        record = self._viewer.record
        return f"{record.width} × {record.height}" if record is not None else ""

    def _text(self) -> str:
        return next((text for key, text in self._details.items() if known_key(key) == _KEY), "")

    @Slot(object)
    def _tell(self, doubt: str) -> None:
        if doubt:
            self._context.notifier.warn(doubt)

    @Slot(object)
    def _field_changed(self, _record: FieldRecord | None) -> None:
        self._line.end()

    @Slot(object)
    def _case_opened(self, _info: CaseInfo) -> None:
        self._site = None
        self._show({})
        self._session.ask(ReadDetails())
        self._session.ask(ReadSite())

    @Slot(int, object)
    def _details_read(self, generation: int, details: Mapping[str, str]) -> None:
        if generation == self._session.generation:
            self._show(details)

    @Slot(int, object)
    def _site_read(self, generation: int, site: Site | None) -> None:
        if generation == self._session.generation:
            self._show_site(site)

    @Slot(object)
    def _show_site(self, site: Site | None) -> None:
        self._site = site
        self._show(self._details)

    @Slot(object)
    def _show(self, details: Mapping[str, str]) -> None:
        self._details = dict(details)
        self._viewer.set_pixel_sizes(KnownSizes(self._text(), self._site))


def _doubt(record: FieldRecord, size: float) -> str:
    """Return a sentence where the red cells of a field are of unlikely size; runs on another thread."""
    return doubt_of_file(read_field(Path(record.path)), size)
