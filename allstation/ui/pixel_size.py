"""How large a pixel of a case's fields is: asked once, kept for the case, shown as a scale bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QInputDialog

from allstation.services.messages import CaseInfo
from allstation.services.settings import BETWEEN
from allstation.ui.services import Services
from allstation.ui.text import tr

if TYPE_CHECKING:
    from allstation.ui.main_window import MainWindow

_LARGEST: Final = 100.0


class PixelSize(QObject):
    """Asks for micrometres per pixel and tells the viewer."""

    def __init__(self, services: Services, window: MainWindow) -> None:
        super().__init__(window)
        self._desk = services.desk
        self._settings = services.settings
        self._window = window
        services.desk.opened.connect(self._case_opened)

    @Slot()
    def ask(self) -> None:
        """Ask for the size; 0 means that it is not known, and hides the bar."""
        info = self._desk.info
        if info is None:
            return
        dialog = QInputDialog(self._window)
        dialog.setWindowTitle(tr("Pixel size"))
        dialog.setLabelText(
            tr("Micrometres a pixel of this case's fields is wide.\n0 if it is not known: no scale bar.")
        )
        dialog.setInputMode(QInputDialog.InputMode.DoubleInput)
        dialog.setDoubleDecimals(4)
        dialog.setDoubleRange(0.0, _LARGEST)
        dialog.setDoubleStep(0.01)
        dialog.setDoubleValue(self.stored(info))
        dialog.doubleValueSelected.connect(self.set)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(float)
    def set(self, micrometres: float) -> None:
        """Keep the size for the open case and show it."""
        info = self._desk.info
        if info is None:
            return
        stored = self._settings.value.pixel_sizes
        others = tuple(entry for entry in stored if entry.partition(BETWEEN)[0] != str(info.folder))
        own = (f"{info.folder}{BETWEEN}{micrometres:g}",) if micrometres > 0 else ()
        self._settings.change(pixel_sizes=(*others, *own))
        self._window.viewer.set_pixel_size(micrometres or None)

    def stored(self, info: CaseInfo) -> float:
        """Return micrometres per pixel as they were given for a case; 0 while unknown."""
        for entry in self._settings.value.pixel_sizes:
            owner, _, size = entry.partition(BETWEEN)
            if owner == str(info.folder):
                try:
                    return min(max(float(size), 0.0), _LARGEST)
                except ValueError:
                    return 0.0
        return 0.0

    @Slot(object)
    def _case_opened(self, info: CaseInfo) -> None:
        self._window.viewer.set_pixel_size(self.stored(info) or None)
