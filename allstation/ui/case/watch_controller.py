"""Watching a folder for a case: asked for once, remembered, taken up again when the case is opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog

from allstation.core.text import shown_name
from allstation.services.messages import CaseInfo
from allstation.services.settings import BETWEEN
from allstation.services.watching import WatchStatus
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import Level, Notification
from allstation.ui.context import Services

if TYPE_CHECKING:
    from allstation.ui.main_window.window import MainWindow


class WatchActions(QObject):
    """Starts, stops and resumes the watching.

    Signals:
        changed: Whether a folder is watched.
    """

    changed = Signal(bool)

    def __init__(self, services: Services, window: MainWindow) -> None:
        super().__init__(window)
        self._services = services
        self._window = window
        self._status = WatchStatus()
        desk, watch = services.desk, services.watch
        desk.opened.connect(self._case_opened)
        desk.worker.closed.connect(self._case_closed)
        desk.reader.known_read.connect(self._begin)
        watch.ready.connect(self._take)
        watch.status_changed.connect(self._status_changed)

    @property
    def watching(self) -> bool:
        """Whether a folder is watched."""
        return self._status.folder is not None

    @Slot()
    def ask(self) -> None:
        """Ask for a folder and watch it."""
        dialog = QFileDialog(self._window, tr("Watch a folder for new fields"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly, on=True)
        dialog.fileSelected.connect(self._chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _chosen(self, name: str) -> None:
        self.start(Path(name))

    def start(self, folder: Path) -> None:
        """Watch a folder for the open case and remember it."""
        info = self._services.desk.info
        if info is None:
            return
        self._remember(info.folder, folder)
        self._services.desk.read_known(folder)

    @Slot()
    def stop(self) -> None:
        """Watch no longer and forget the folder."""
        info = self._services.desk.info
        if info is not None:
            self._remember(info.folder, None)
        self._services.watch.watch(None)

    @Slot(object, object)
    def _begin(self, folder: Path, known: Mapping[str, int]) -> None:
        self._services.watch.watch(folder, known)

    @Slot(list)
    def _take(self, paths: list[Path]) -> None:
        self._services.desk.add_paths(paths)

    @Slot(object)
    def _case_opened(self, info: CaseInfo) -> None:
        folder = self._remembered(info.folder)
        if folder is not None and not info.read_only:
            self._services.desk.read_known(folder)
        else:
            self._services.watch.watch(None)

    @Slot()
    def _case_closed(self) -> None:
        self._services.watch.watch(None)

    @Slot(object)
    def _status_changed(self, status: WatchStatus) -> None:
        before, self._status = self._status, status
        self._window.status.show_watch(status_words(status), str(status.folder or ""))
        self.changed.emit(self.watching)
        same = before.folder == status.folder and before.reachable != status.reachable
        if status.folder is not None and same:
            name = shown_name(status.folder.name)
            if status.reachable:
                notification = Notification(Level.OK, tr("The watched folder {name} is back.", name=name))
            else:
                text = tr("The watched folder {name} cannot be read now. It is tried again.", name=name)
                notification = Notification(Level.WARNING, text)
            self._window.notifications.show_notification(notification)

    # Remembering

    def _remembered(self, case: Path) -> Path | None:
        for entry in self._services.settings.value.watched:
            owner, _, folder = entry.partition(BETWEEN)
            if owner == str(case) and folder:
                return Path(folder)
        return None

    def _remember(self, case: Path, folder: Path | None) -> None:
        entries = [e for e in self._services.settings.value.watched if e.partition(BETWEEN)[0] != str(case)]
        if folder is not None:
            entries.append(f"{case}{BETWEEN}{folder}")
        self._services.settings.change(watched=tuple(entries))


def status_words(status: WatchStatus) -> str:
    """Return the watching in a few words, empty while nothing is watched."""
    if status.folder is None:
        return ""
    name = shown_name(status.folder.name)
    if not status.reachable:
        return tr("Watching {name}: away", name=name)
    if status.waiting:
        return tr("Watching {name}: {n} being written", name=name, n=number(status.waiting))
    return tr("Watching {name}", name=name)
