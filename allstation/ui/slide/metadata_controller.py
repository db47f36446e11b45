"""Offer of the scanner's data: read from the slide's file when asked for, taken over only as ticked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from allstation.core.errors import StationError
from allstation.services.case.questions import ReadDetails
from allstation.services.images.slide_tiles import SlideTiles
from allstation.services.tasks import LatestOnly
from allstation.ui.common.actions import Action
from allstation.ui.common.undo_commands import DetailsCommand
from allstation.ui.context import AppContext
from allstation.ui.slide.controller import SlideController
from allstation.ui.slide.metadata_dialog import MetadataDialog, Offer, offers_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class _ScannerData:
    path: Path
    offers: list[Offer]
    label: NDArray[np.uint8] | None


class SlideMetadataController(QObject):
    """Reads what a scanner wrote, and shows it beside the case data.

    Args:
        context: Services and state.
        tiles: Opens slides.
        slide: Knows the slide of the current field.
        window: Parent of the dialog.
    """

    def __init__(
        self, context: AppContext, *, tiles: SlideTiles, slide: SlideController, window: QWidget
    ) -> None:
        super().__init__(window)
        self._context = context
        self._session = context.session
        self._tiles = tiles
        self._slide = slide
        self._window = window
        self._data: _ScannerData | None = None
        self._reader = LatestOnly(self)
        self._reader.done.connect(self._read)
        self._reader.failed.connect(self._not_read)
        self._session.reader.details_read.connect(self._details_read)
        self._session.worker.closed.connect(self._forget)
        self.dialog: MetadataDialog | None = None

    def actions(self) -> tuple[Action, ...]:
        """Offer the scanner's data."""
        return (
            Action(
                "slide.metadata",
                "Sca&nner's Data…",
                self.show,
                "",
                "See what the scanner wrote about patient and specimen, and take over what you tick",
                "info",
                menu="&Case",
                place=322,
                enabled_when=self._slide.has_slide,
            ),
        )

    @Slot()
    def show(self) -> None:
        """Read the file of the current field's slide and show what it says."""
        if self._slide.file is not None:
            self.show_of(self._slide.file)

    def show_of(self, path: Path) -> None:
        """Read the file of a slide and show what it says."""
        self._data = None
        self._reader.run(_Read(self._tiles, path))

    @Slot(object)
    def _read(self, data: _ScannerData) -> None:
        if self._context.has_case():
            self._data = data
            self._session.ask(ReadDetails())

    @Slot(object)
    def _not_read(self, error: Exception) -> None:
        why = error.sentence if isinstance(error, StationError) else str(error)
        self._context.notifier.warn(why)

    @Slot(int, object)
    def _details_read(self, generation: int, details: dict[str, str]) -> None:
        data, self._data = self._data, None
        if data is None or generation != self._session.generation:
            return
        if self.dialog is not None:
            self.dialog.close()
        dialog = MetadataDialog(
            self._window, name=data.path.name, offers=data.offers, label=data.label, stored=details
        )
        dialog.set_writable(self._context.can_write())
        dialog.taken.connect(self._take)
        dialog.destroyed.connect(self._closed)
        self.dialog = dialog
        dialog.open()

    @Slot(object, object)
    def _take(self, before: dict[str, str], after: dict[str, str]) -> None:
        self._context.undo.push(DetailsCommand(self._session, before, after))

    @Slot()
    def _closed(self) -> None:
        if self.sender() is self.dialog or self.dialog is None:
            self.dialog = None

    @Slot()
    def _forget(self) -> None:
        self._data = None
        self._reader.drop()
        if self.dialog is not None:
            self.dialog.close()

    def close(self) -> None:
        """Wait for what is being read; call before the window goes."""
        self._data = None
        self._reader.close()


class _Read:
    """Reads what a slide's file says, and its label. Runs on another thread."""

    def __init__(self, tiles: SlideTiles, path: Path) -> None:
        self._tiles = tiles
        self._path = path

    def __call__(self) -> _ScannerData:
        source = self._tiles.open_source(self._path)
        try:
            label = source.associated("label") if "label" in source.info.associated else None
            return _ScannerData(self._path, offers_of(source.info), label)
        finally:
            source.close()
