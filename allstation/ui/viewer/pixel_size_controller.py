"""How large a pixel of a case's fields is: one line of the case data, shown as a scale bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QInputDialog

from allstation.core.pixel_size import LARGEST, micrometres, written
from allstation.services.messages import CaseInfo
from allstation.ui.common.i18n import tr
from allstation.ui.context import Services

if TYPE_CHECKING:
    from allstation.ui.main_window.window import MainWindow

_KEY: Final = "pixel_size"


class PixelSize(QObject):
    """Tells the viewer what the case data say, and asks for it where they say nothing."""

    def __init__(self, services: Services, window: MainWindow) -> None:
        super().__init__(window)
        self._desk = services.desk
        self._window = window
        self._details: dict[str, str] = {}
        desk = services.desk
        desk.opened.connect(self._case_opened)
        desk.reader.details_read.connect(self._details_read)
        desk.worker.details_changed.connect(self._show)

    @Slot()
    def ask(self) -> None:
        """Ask for the size; 0 means that it is not known, and hides the bar."""
        if self._desk.info is None:
            return
        dialog = QInputDialog(self._window)
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
        dialog.setDoubleValue(self._window.viewer.main.canvas.scene.pixel_size() or 0.0)
        dialog.doubleValueSelected.connect(self.set)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(float)
    def set(self, size: float) -> None:
        """Put the size into the case data, undoably; the bar follows what is stored."""
        from allstation.report.identity import known_key
        from allstation.ui.report.details import DetailsCommand

        if self._desk.info is None:
            return
        after = {key: text for key, text in self._details.items() if known_key(key) != _KEY}
        if size > 0:
            after[_KEY] = written(size)
        if after != self._details:
            self._window.reviews.stack.push(DetailsCommand(self._desk, self._details, after))

    def _text(self) -> str:
        from allstation.report.identity import known_key

        return next((text for key, text in self._details.items() if known_key(key) == _KEY), "")

    @Slot(object)
    def _case_opened(self, _info: CaseInfo) -> None:
        self._show({})
        self._desk.read_details()

    @Slot(int, object)
    def _details_read(self, generation: int, details: Mapping[str, str]) -> None:
        if generation == self._desk.generation:
            self._show(details)

    @Slot(object)
    def _show(self, details: Mapping[str, str]) -> None:
        self._details = dict(details)
        self._window.viewer.set_pixel_size(micrometres(self._text()))
