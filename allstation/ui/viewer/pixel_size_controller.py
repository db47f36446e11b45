"""Pixel sizes of a case's fields, by frame size and slide: typed or drawn along a bar, shown as scale bar."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QUndoCommand

from allstation.core.known_sizes import KnownSize, KnownSizes, SlideSizes
from allstation.core.pixel_size import LARGEST, SMALLEST, frame_sizes, with_size
from allstation.core.records import FieldRecord
from allstation.core.site import Frame, PixelSize, ScaleSource, Site
from allstation.core.slide_part import Region, split_part
from allstation.imaging.fields.file import read_field
from allstation.imaging.fields.scale import doubt_of_file
from allstation.processing.status_types import CaseInfo
from allstation.report.content.identity import known_key
from allstation.services.case.questions import Overview, ReadDetails, ReadSite
from allstation.services.case.slide_size_requests import ReadSlideSizes
from allstation.services.tasks import Serial
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.undo_commands import DetailsCommand, SiteCommand, SlideSizesCommand
from allstation.ui.context import AppContext
from allstation.ui.viewer.bar_line import BarLine
from allstation.ui.viewer.pane import ViewerPane
from allstation.ui.viewer.pixel_size_dialog import PixelSizeDialog
from allstation.ui.viewer.squash_note import squash_note

_KEY: Final = "pixel_size"
_USUAL_BAR: Final = 10.0
_LONGEST_BAR: Final = 10_000.0


class PixelSizeController(QObject):
    """Gives the viewer the sizes that slides, case data and site name, and asks for others.

    Which of them counts for a field is the rule of :class:`~allstation.core.known_sizes.KnownSizes`.
    """

    def __init__(self, context: AppContext, viewer: ViewerPane) -> None:
        super().__init__(viewer)
        self._context = context
        self._session = context.session
        self._viewer = viewer
        self._details: dict[str, str] = {}
        self._site: Site | None = None
        self._slides: tuple[SlideSizes, ...] = ()
        self._names: Mapping[int, str] = {}
        self._line = BarLine(viewer.main.canvas)
        self._drawn = 0.0
        self._serial = Serial(self)
        session = context.session
        session.opened.connect(self._case_opened)
        session.reader.details_read.connect(self._details_read)
        session.reader.site_read.connect(self._site_read)
        session.reader.slide_sizes_read.connect(self._slides_read)
        session.reader.overview_read.connect(self._overview_read)
        session.worker.details_changed.connect(self._show)
        session.worker.site_changed.connect(self._show_site)
        session.worker.slide_sizes_changed.connect(self._show_slides)
        context.selection.field_changed.connect(self._field_changed)
        self._line.drawn.connect(self._ask_length)

    def actions(self) -> tuple[Action, ...]:
        """Offer to name the pixel size, or to draw along a bar of known length."""
        # fmt: off
        return (
            Action("view.pixel_size", "Pixel Si&ze…", self.ask, "",
                   "Say how many micrometres a pixel is, on all slides or on this one: shown as a scale bar",
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
        text = tr("Micrometres a pixel is wide; 0 if it is not known: no scale bar.")
        dialog = self._dialog(tr("Pixel size"), text)
        if dialog is not None:
            size = self._viewer.main.canvas.scene.pixel_size() or 0.0
            dialog.set_length(size, most=LARGEST, decimals=4, step=0.01)
            dialog.chosen.connect(self.set)
            dialog.open()

    @Slot()
    def draw(self) -> None:
        """Let a line be drawn along a bar of known length; Escape ends it."""
        if self._viewer.main.canvas.view is not None:
            self._line.begin()

    @Slot(float, bool)
    def set(self, size: float, only: bool = False) -> None:
        """Keep a size that was typed, undoably; the bar follows what is stored.

        Args:
            size: Micrometres; 0 if it is not known.
            only: It holds on the slide of the current field alone.
        """
        self._keep(size if size > 0 else None, ScaleSource.TYPED, only=only)

    @Slot(float)
    def _ask_length(self, pixels: float) -> None:
        self._drawn = pixels
        text = tr("The line is {n} pixels long.\nLength of the bar in micrometres:", n=f"{pixels:.1f}")
        dialog = self._dialog(tr("Measure a bar"), text)
        if dialog is not None:
            dialog.set_length(_USUAL_BAR, most=_LONGEST_BAR, decimals=2)
            dialog.chosen.connect(self._set_by_bar)
            dialog.open()

    @Slot(float, bool)
    def _set_by_bar(self, micrometres: float, only: bool) -> None:
        size = micrometres / self._drawn if self._drawn > 0 else 0.0
        if not SMALLEST <= size <= LARGEST:
            self._context.notifier.warn(
                tr("A bar of {length} µm gives no pixel size. Draw it again.", length=f"{micrometres:g}")
            )
            return
        self._keep(size, ScaleSource.BAR, only=only)

    def _dialog(self, title: str, text: str) -> PixelSizeDialog | None:
        record = self._viewer.record
        if self._session.info is None or record is None:
            return None
        return PixelSizeDialog(
            self._viewer.window(),
            title=title,
            text=text,
            frame=(record.width, record.height),
            slide=self._names.get(record.slide_id, record.path.parent.name),
            known=self._known(),
            note=squash_note(record.width, record.height, self._context.selection.model),
        )

    def _known(self) -> KnownSize | None:
        return self._viewer.main.canvas.scene.known_size()

    def _keep(self, size: float | None, source: ScaleSource, *, only: bool) -> None:
        """Keep a size for frames of the current field's size, on its slide alone or on all slides."""
        record = self._viewer.record
        if self._session.info is None or record is None:
            return
        frame: Frame | None = record.width, record.height
        if only and _is_of_whole_slide(record):
            # Its scanner has one scale: fields proposed later have another size in pixels, and follow too.
            frame = None
        new = None if size is None else PixelSize(size=round(size, 6), source=source, frame=frame)
        # What was said of this slide goes before the case: where all slides are meant, it gives way.
        commands = self._slide_command(record.slide_id, frame, new if only else None)
        if frame is not None and not only:
            commands += self._case_commands(frame, new)
        self._push(commands)
        if not only:
            self._tell_others(record)
        if size is not None:
            self._serial.run(partial(_doubt, record, size)).done.connect(self._tell)

    def _slide_command(self, slide: int, frame: Frame | None, size: PixelSize | None) -> list[QUndoCommand]:
        before = self._sizes().of_slide(slide)
        whole = SlideSizes(slide, () if size is None else (size,))
        after = whole if frame is None else before.changed(frame, size)
        return [SlideSizesCommand(self._session, before, after)] if after != before else []

    def _case_commands(self, frame: tuple[int, int], size: PixelSize | None) -> list[QUndoCommand]:
        """Return what keeps a size with the site, or with a case without one; none there takes it out.

        A file that states a size goes before the site, not before the case: there it counts.
        """
        commands: list[QUndoCommand] = []
        text, picture = self._text(), self._viewer.main.canvas.scene.picture
        is_stated = picture is not None and picture.pixel_size is not None
        if size is not None and self._site is not None and not is_stated:
            commands.append(SiteCommand(self._session, self._site, self._site.with_pixel_size(size)))
            text = with_size(text, frame, None) if frame in frame_sizes(text) else text
        else:
            text = with_size(text, frame, None if size is None else size.size)
        after = {key: kept for key, kept in self._details.items() if known_key(key) != _KEY}
        if text:
            after[_KEY] = text
        if after != self._details:
            commands.append(DetailsCommand(self._session, self._details, after))
        return commands

    def _push(self, commands: list[QUndoCommand]) -> None:
        """Make one step of what was said at once."""
        undo = self._context.undo
        if len(commands) > 1:
            undo.beginMacro(tr("Pixel size"))
        for command in commands:
            undo.push(command)
        if len(commands) > 1:
            undo.endMacro()

    def _tell_others(self, record: FieldRecord) -> None:
        """Say how many other slides keep a size of their own for such fields."""
        sizes = self._sizes()
        others = [
            one.slide_id
            for one in self._slides
            if one.slide_id != record.slide_id
            and sizes.by_slide(record.width, record.height, slide=one.slide_id) is not None
        ]
        if others:
            text = tr("Other slides keep a pixel size of their own: {n}.", n=number(len(others)))
            self._context.notifier.info(text)

    def _sizes(self) -> KnownSizes:
        return KnownSizes(self._text(), self._site, self._slides)

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
        self._site, self._slides, self._names = None, (), {}
        self._show({})
        self._session.ask(ReadDetails())
        self._session.ask(ReadSite())
        self._session.ask(ReadSlideSizes())

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

    @Slot(int, object)
    def _slides_read(self, generation: int, slides: tuple[SlideSizes, ...]) -> None:
        if generation == self._session.generation:
            self._show_slides(slides)

    @Slot(object)
    def _show_slides(self, slides: tuple[SlideSizes, ...]) -> None:
        self._slides = slides
        self._show(self._details)

    @Slot(int, object)
    def _overview_read(self, generation: int, overview: Overview) -> None:
        if generation == self._session.generation:
            self._names = {slide.id: slide.name for slide in overview.slides}

    @Slot(object)
    def _show(self, details: Mapping[str, str]) -> None:
        self._details = dict(details)
        self._viewer.set_pixel_sizes(self._sizes())


def _is_of_whole_slide(record: FieldRecord) -> bool:
    """Tell whether a field is a rectangle of the finest level of a whole slide."""
    found = split_part(record.path)
    return found is not None and isinstance(found[1], Region) and found[1].level == 0


def _doubt(record: FieldRecord, size: float) -> str:
    """Return a sentence where the red cells of a field are of unlikely size; runs on another thread."""
    return doubt_of_file(read_field(Path(record.path)), size)
