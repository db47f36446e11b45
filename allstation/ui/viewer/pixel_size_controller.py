"""Pixel size of a case's fields: one line of the case data, shown as a scale bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QInputDialog

from allstation.core.pixel_size import LARGEST, micrometres, written
from allstation.processing.status_types import CaseInfo
from allstation.report.identity import known_key
from allstation.services.questions import ReadDetails
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.common.undo_commands import DetailsCommand
from allstation.ui.context import AppContext
from allstation.ui.viewer.pane import ViewerPane

_KEY: Final = "pixel_size"


class PixelSizeController(QObject):
    """Gives the viewer the size that the case data name, and asks for it where they name none."""

    def __init__(self, context: AppContext, viewer: ViewerPane) -> None:
        super().__init__(viewer)
        self._context = context
        self._session = context.session
        self._viewer = viewer
        self._details: dict[str, str] = {}
        session = context.session
        session.opened.connect(self._case_opened)
        session.reader.details_read.connect(self._details_read)
        session.worker.details_changed.connect(self._show)

    def actions(self) -> tuple[Action, ...]:
        """Offer to name the pixel size."""
        # fmt: off
        return (
            Action("view.pixel_size", "Pixel Si&ze…", self.ask, "",
                   "Say how many micrometres a pixel is: kept with the case data, shown as a scale bar",
                   menu="&View", place=395, enabled_when=self._context.can_write),
        )
        # fmt: on

    @Slot()
    def ask(self) -> None:
        """Ask for the size; 0 means that it is not known, and hides the bar."""
        if self._session.info is None:
            return
        dialog = QInputDialog(self._viewer.window())
        dialog.setWindowTitle(tr("Pixel size"))
        dialog.setLabelText(
            tr(
                "Micrometres a pixel of this case's fields is wide.\n"
                "0 if it is not known: no scale bar. It is kept with the case data."
            )
        )
        dialog.setInputMode(QInputDialog.InputMode.DoubleInput)
        dialog.setDoubleDecimals(4)
        dialog.setDoubleRange(0.0, LARGEST)
        dialog.setDoubleStep(0.01)
        # What the file says stands there already and need only be confirmed for the whole case.
        dialog.setDoubleValue(self._viewer.main.canvas.scene.pixel_size() or 0.0)
        dialog.doubleValueSelected.connect(self.set)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(float)
    def set(self, size: float) -> None:
        """Put the size into the case data, undoably; the bar follows what is stored."""
        if self._session.info is None:
            return
        after = {key: text for key, text in self._details.items() if known_key(key) != _KEY}
        if size > 0:
            after[_KEY] = written(size)
        if after != self._details:
            self._context.undo.push(DetailsCommand(self._session, self._details, after))

    def _text(self) -> str:
        return next((text for key, text in self._details.items() if known_key(key) == _KEY), "")

    @Slot(object)
    def _case_opened(self, _info: CaseInfo) -> None:
        self._show({})
        self._session.ask(ReadDetails())

    @Slot(int, object)
    def _details_read(self, generation: int, details: Mapping[str, str]) -> None:
        if generation == self._session.generation:
            self._show(details)

    @Slot(object)
    def _show(self, details: Mapping[str, str]) -> None:
        self._details = dict(details)
        self._viewer.set_pixel_size(micrometres(self._text()))
