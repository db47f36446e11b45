"""Slide controller: shows the whole slide of the current field, with its fields, results and cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QStackedWidget

from allstation.core.records import FieldRecord
from allstation.core.slide_file import PAGES, SlideFieldMark, SlideFile
from allstation.core.slide_part import Region, split_part
from allstation.processing.status_types import ModelInfo
from allstation.services.case.slide_requests import SlideFields, SlideFileOf
from allstation.services.images.slide_tiles import SlideTiles
from allstation.services.images.tile_grid import TileGrid, TileKey
from allstation.services.tasks import LatestOnly
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext
from allstation.ui.slide.contents import DOUBT, WHITES, BuildContents, SlideContents
from allstation.ui.slide.panel import SlidePanel
from allstation.ui.viewer.pane import ViewerPane

_PAUSE: Final = 300
"""Milliseconds after a change until the fields are read again."""
_FIELDS_PER_MILLISECOND: Final = 50
"""Slides with more fields are read less often."""


class SlideController(QObject):
    """Switches between field and slide, and keeps the slide up to date.

    Args:
        context: Services and state.
        panel: Shows the slide.
        tiles: Reads it.
        views: Stack of the viewer and the panel.
        viewer: Shows the current field.
        browser: Makes a field the current one.

    Signals:
        template_changed: The fields of the slide were read: how large they are is known.

    Attributes:
        template: A field of the size that this slide's fields have; None while there is none.
        slide_id: The whole slide of the current field; 0 if that is a file of its own.
        file: The file of that slide.
    """

    template_changed = Signal()

    def __init__(
        self,
        context: AppContext,
        panel: SlidePanel,
        *,
        tiles: SlideTiles,
        views: QStackedWidget,
        viewer: ViewerPane,
        browser: BrowserPanel,
    ) -> None:
        super().__init__(panel)
        self._context = context
        self._session = context.session
        self._panel = panel
        self._tiles = tiles
        self._views = views
        self._viewer = viewer
        self._browser = browser
        self._fields: Sequence[SlideFieldMark] = ()
        self._map = ""
        self._closer = False
        self._wanted = 0
        self._chosen: SlideFile | None = None
        self.slide_id = 0
        self.file: Path | None = None
        self.template: Region | None = None
        self._builder = LatestOnly(self)
        self._reading = QTimer(self, singleShot=True, interval=_PAUSE)
        self._reading.timeout.connect(self._read)
        self._connect()

    def _connect(self) -> None:
        context, panel, worker = self._context, self._panel, self._session.worker
        selection = context.selection
        selection.field_changed.connect(self._field_changed)
        selection.slide_changed.connect(self._slide_chosen)
        selection.blind_changed.connect(self._blind_changed)
        selection.reviewer_changed.connect(self._blind_changed)
        selection.model_changed.connect(self._model_changed)
        for signal in (
            worker.fields_added,
            worker.fields_changed,
            worker.fields_removed,
            worker.fields_restored,
            worker.slide_file_changed,
            worker.cells_edited,
        ):
            signal.connect(self._outdated)
        self._session.reader.slide_fields_read.connect(self._take_fields)
        self._session.reader.slide_file_read.connect(self._take_file)
        self._session.opened.connect(self._forget)
        worker.closed.connect(self._forget)
        self._session.stopped.connect(self._ask_no_more)
        self._tiles.opened.connect(self._opened)
        self._tiles.failed.connect(self._failed)
        self._tiles.loaded.connect(self._loaded)
        panel.tiles_wanted.connect(self._tiles.want)
        panel.canvas.field_chosen.connect(self._browser.go_to_field)
        panel.canvas.field_opened.connect(self.open_field)
        panel.bar.map_chosen.connect(self.choose_map)
        self._viewer.state_changed.connect(self._viewer_state_changed)
        self._builder.done.connect(self._take_contents)

    def actions(self) -> tuple[Action, ...]:
        """Offer the slide view and what it shows."""
        # fmt: off
        return (
            Action("slide.show", "Whole &Slide", self.show_slide, "W",
                   "Show the whole slide that this field is a part of, or the field again", "slide",
                   menu="&View", place=410, field_menu=250, enabled_when=self.has_slide,
                   checked_when=self.is_shown),
            Action("slide.centre", "Find Field on S&lide", self.find_field, "G",
                   "Bring the current field to the middle of the slide", "centre",
                   menu="&View", place=420, enabled_when=self.has_slide),
            Action("slide.map", "Next &Density Map", self.next_map, "D",
                   "Show where on the slide fields need a person, white cells lie, a class is, or no map",
                   "density",
                   menu="&View", place=430, enabled_when=self._may_map),
        )
        # fmt: on

    # State

    def has_slide(self) -> bool:
        """Tell whether the current field is a part of a whole slide."""
        return bool(self.slide_id)

    def is_shown(self) -> bool:
        """Tell whether the slide stands in place of the field."""
        return self._views.currentWidget() is self._panel

    def is_open(self) -> bool:
        """Tell whether the slide can be seen."""
        return self.is_shown() and self._tiles.grid is not None

    def part_of(self, field_id: int) -> Region | None:
        """Return the rectangle of a field of this slide."""
        part = next((mark.part for mark in self._fields if mark.field_id == field_id), None)
        return part if isinstance(part, Region) else None

    def _may_map(self) -> bool:
        return self.has_slide() and not self._context.selection.is_blind

    @property
    def count(self) -> int:
        """Fields of the slide, as far as they are known."""
        return len(self._fields)

    # Showing

    @Slot()
    def show_whole(self) -> None:
        """Show the slide."""
        self.show_slide(True)

    def show_soon(self, slide_id: int) -> bool:
        """Show a slide now if the current field is of it, else as soon as it is; tells which."""
        if slide_id == self.slide_id:
            self.show_slide(True)
            return True
        self._wanted = slide_id
        self._session.ask(SlideFileOf(slide_id))
        return False

    def show_slide(self, on: bool) -> None:
        """Show the slide, or the field again."""
        on = on and self.has_slide()
        had_keys = self._panel.canvas.hasFocus() or self._viewer.main.canvas.hasFocus()
        shown = self._panel if on else self._viewer
        self._views.setCurrentWidget(shown)
        self._viewer.zoom.instead = self._panel if on else None
        if on:
            self._load()
        else:
            self._panel.end_tool()
        if had_keys:
            shown.setFocus()
        self._context.changed.emit()

    @Slot(int)
    def open_field(self, field_id: int) -> None:
        """Make a field the current one and show it large."""
        self._browser.go_to_field(field_id)
        self.show_slide(False)

    @Slot()
    def find_field(self) -> None:
        """Show the slide with the current field in the middle."""
        field = self._context.selection.field
        if not self.is_shown():
            self._closer = True
            self.show_slide(True)
        if field is not None:
            self._panel.show_field(field.id, closer=True)

    def _load(self) -> None:
        if self._tiles.path != self.file:
            self._panel.clear(tr("The slide is being opened…"))
            self._tiles.open(self.file)
            self._read()

    @Slot(object)
    def _opened(self, grid: TileGrid) -> None:
        self._panel.show_slide(grid, self._tiles.tile)
        self._fill_maps()
        self._build()
        self._context.changed.emit()

    @Slot(object)
    def _loaded(self, key: TileKey | None) -> None:
        if key is None and self._tiles.base is not None:
            self._panel.set_base(self._tiles.base)
        else:
            self._panel.canvas.update()

    @Slot(object, str)
    def _failed(self, _path: Path, sentence: str) -> None:
        if self._tiles.grid is None:
            self._panel.show_failure(sentence)
        else:
            self._context.notifier.warn(sentence)

    # Fields

    @Slot(object)
    def _field_changed(self, field: FieldRecord | None) -> None:
        found = split_part(field.path) if field is not None else None
        whole = field is not None and found is not None and isinstance(found[1], Region)
        if field is not None and found is not None and whole:
            self._use_slide(field.slide_id, found[0])
        elif field is None and self._chosen is not None:
            self._use_slide(self._chosen.slide_id, self._chosen.path)
        else:
            self._use_slide(0, None)
        self._panel.set_current(field.id if whole and field is not None else 0)
        if whole and field is not None and self.is_shown():
            self._panel.show_field(field.id)

    def _use_slide(self, slide_id: int, file: Path | None) -> None:
        if (slide_id, file) != (self.slide_id, self.file):
            self.slide_id, self.file = slide_id, file
            self._fields, self.template = (), None
            if self.is_shown():
                self.show_slide(bool(slide_id))
        if self._wanted and slide_id == self._wanted:
            self._wanted = 0
            self.show_slide(True)
        self._viewer.bar.show_lead(on=bool(slide_id))

    @Slot(object)
    def _slide_chosen(self, slide_id: int | None) -> None:
        self._chosen = None
        if slide_id and self._context.has_case():
            self._session.ask(SlideFileOf(slide_id))

    @Slot(int, int, object)
    def _take_file(self, generation: int, slide_id: int, file: SlideFile | None) -> None:
        """Offer a chosen slide that has no field to choose: none was found, or none is left."""
        selection = self._context.selection
        whole = file is not None and file.wanted != PAGES
        asked_for = whole and slide_id in (selection.slide, self._wanted)
        if generation != self._session.generation or not asked_for:
            return
        self._chosen = file
        if selection.field is None:
            self._field_changed(None)
            self._context.changed.emit()

    @Slot()
    def _outdated(self) -> None:
        # Not restarted while it runs: a steady stream of changes must still be shown.
        if self.is_shown() and not self._reading.isActive():
            self._reading.start(_PAUSE + len(self._fields) // _FIELDS_PER_MILLISECOND)

    @Slot()
    def _read(self) -> None:
        if self.slide_id and self._context.has_case():
            self._session.ask(SlideFields(self.slide_id))

    @Slot(int, int, list)
    def _take_fields(self, generation: int, slide_id: int, fields: list[SlideFieldMark]) -> None:
        if generation == self._session.generation and slide_id == self.slide_id:
            self._fields = fields
            self._build()

    @Slot()
    def _build(self) -> None:
        grid, selection = self._tiles.grid, self._context.selection
        if grid is None or self._tiles.path != self.file:
            return
        self._builder.run(
            BuildContents(
                self._fields,
                grid.info,
                classes=self._classes(),
                blind=selection.is_blind,
                shown_map=self._map,
            )
        )

    @Slot(object)
    def _take_contents(self, contents: SlideContents) -> None:
        if self._tiles.grid is None:
            return
        self.template = contents.template
        self.template_changed.emit()
        self._panel.canvas.tools.field_size = contents.size
        self._panel.set_marks(contents.marks)
        self._panel.set_density(contents.density)
        field = self._context.selection.field
        if self._closer and field is not None and len(contents.marks):
            self._closer = False
            self._panel.show_field(field.id, closer=True)

    # Maps

    def _classes(self) -> tuple[str, ...]:
        model = self._context.selection.model
        return model.record.classes if model is not None else ()

    def _maps(self) -> list[tuple[str, str]]:
        first = [(DOUBT, tr("Needs a person")), (WHITES, tr("Density of white cells"))]
        return [*first, *((name, name) for name in self._classes())]

    def _fill_maps(self) -> None:
        maps = [] if self._context.selection.is_blind else self._maps()
        self._panel.bar.set_maps(maps, self._map)

    @Slot(str)
    def choose_map(self, key: str) -> None:
        """Show a map of results over the slide; empty for none."""
        self._map = key
        self._fill_maps()
        self._build()

    @Slot()
    def next_map(self) -> None:
        """Go to the next map; after the last one there is none."""
        keys = ["", *(key for key, _ in self._maps())]
        place = keys.index(self._map) if self._map in keys else 0
        self.choose_map(keys[(place + 1) % len(keys)])
        if not self.is_shown():
            self.show_slide(True)

    @Slot(object)
    def _model_changed(self, _model: ModelInfo) -> None:
        if self._map and self._map not in (DOUBT, WHITES, *self._classes()):
            self._map = ""
        self._fill_maps()
        self._build()

    @Slot()
    def _blind_changed(self) -> None:
        self._fill_maps()
        self._build()

    # Plumbing

    @Slot(str, bool)
    def _viewer_state_changed(self, key: str, on: bool) -> None:
        if key == "view.cells":
            self._panel.set_outlines(on)
        elif key == "view.full_screen":
            self._panel.bar.set_checked(key, on)

    @Slot()
    def _forget(self) -> None:
        """Let go of the slide: its case was closed, or another one opened."""
        self._reading.stop()
        self._builder.drop()
        self._wanted, self._chosen = 0, None
        self._tiles.open(None)
        self.slide_id, self.file, self._fields, self.template = 0, None, (), None
        self._panel.clear()
        self.show_slide(False)

    @Slot()
    def _ask_no_more(self) -> None:
        self._reading.stop()
        self._reading.blockSignals(True)

    def close(self) -> None:
        """Wait for what is being read; call before the window goes."""
        self._ask_no_more()
        self._builder.close()
        self._tiles.stop()
