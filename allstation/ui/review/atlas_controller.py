"""Controller of the reference atlas: asks for its folder once, and adds reviewed fields in the background."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from allstation import paths
from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.services.atlas import AtlasAddition, add_to_atlas
from allstation.services.tasks import Serial
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import Level, Notification
from allstation.ui.context import AppContext

_TOPIC = "atlas"


class AtlasController(QObject):
    """Offers to choose the atlas and to add to it.

    Args:
        context: Services and state.
        browser: Says which fields are selected.
        window: Parent of the dialog.

    Signals:
        changed: The atlas is another one, or holds more.
    """

    changed = Signal()
    _stepped = Signal(int, int)

    def __init__(self, context: AppContext, *, browser: BrowserPanel, window: QWidget) -> None:
        super().__init__(window)
        self._context, self._browser, self._window = context, browser, window
        self._serial = Serial(self)
        self._stop: threading.Event | None = None
        self._adding = False
        self._stepped.connect(self._show_step)

    def actions(self) -> tuple[Action, ...]:
        """Offer the atlas."""
        # fmt: off
        return (
            Action("atlas.add", "Add Reviewed Fields to the &Atlas…", self.add, "",
                   "Copy reviewed fields to the laboratory's reference atlas: the selected ones if there are "
                   "several, else all. Pictures without metadata, class, reviewer and date",
                   menu="&Review", place=310, enabled_when=self._may_add),
            Action("atlas.folder", "Reference Atlas &Folder…", self.choose, "",
                   "Choose the folder of reviewed fields that others are compared with",
                   menu="&Review", place=320),
        )
        # fmt: on

    def close(self) -> None:
        """Stop after the field under way, and wait for it."""
        self.stop()
        self._serial.close()

    def _may_add(self) -> bool:
        return self._context.has_case() and self._stop is None

    @Slot()
    def add(self) -> None:
        """Add the selected reviewed fields, or all; asks for the folder the first time."""
        self._adding = True
        if self._context.settings.value.atlas_folder:
            self._begin()
        else:
            self._ask()

    @Slot()
    def choose(self) -> None:
        """Ask for the folder."""
        self._adding = False
        self._ask()

    @Slot()
    def stop(self) -> None:
        """Stop after the field under way."""
        if self._stop is not None:
            self._stop.set()

    def _ask(self) -> None:
        dialog = QFileDialog(self._window, tr("Folder of the reference atlas"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly, True)
        folder = self._context.settings.value.atlas_folder
        dialog.setDirectory(folder or str(paths.cases_folder()))
        dialog.fileSelected.connect(self.take_folder)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def take_folder(self, name: str) -> None:
        """Keep a folder as the atlas, and add to it if that was wanted."""
        self._context.settings.change(atlas_folder=name)
        if self._adding:
            self._begin()
        else:
            self._say(Level.OK, tr("The reference atlas is {name}.", name=shown_name(name)))
            self.changed.emit()

    def _begin(self) -> None:
        info = self._context.info
        if info is None or self._stop is not None:
            return
        selected = self._browser.selected_ids()
        self._stop = threading.Event()
        settings = self._context.settings.value
        work = partial(
            add_to_atlas,
            info.folder,
            Path(settings.atlas_folder),
            ids=frozenset(selected) if len(selected) > 1 else None,
            limits=settings.limits,
            progress=self._stepped.emit,
            stopped=self._stop.is_set,
        )
        task = self._serial.run(work)
        task.done.connect(self._added)
        task.failed.connect(self._failed)
        self._context.changed.emit()

    @Slot(int, int)
    def _show_step(self, done: int, of: int) -> None:
        if self._stop is not None and not self._stop.is_set() and (done % 10 == 0):
            text = tr("Adding to the reference atlas: {done} of {of}.", done=number(done), of=number(of))
            self._context.notifier.post(Notification(Level.INFO, text, tr("Stop"), self.stop, topic=_TOPIC))

    @Slot(object)
    def _added(self, made: AtlasAddition) -> None:
        self._end()
        parts = [tr("{n} fields were added to the reference atlas.", n=number(made.added))]
        if made.present:
            parts.append(tr("{n} were in it already and stay as they were.", n=number(made.present)))
        if made.stopped:
            parts.append(tr("It was stopped; adding again goes on."))
        if made.problems:
            first = made.problems[0].sentence
            parts.append(tr("{n} could not be added: {why}", n=number(len(made.problems)), why=first))
        self._say(Level.WARNING if made.problems else Level.OK, " ".join(parts))

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        self._end()
        if not isinstance(error, StationError):
            raise error
        self._say(Level.WARNING, error.sentence)

    def _end(self) -> None:
        self._stop = None
        self._context.changed.emit()
        self.changed.emit()

    def _say(self, level: Level, text: str) -> None:
        self._context.notifier.post(Notification(level, text, topic=_TOPIC))
