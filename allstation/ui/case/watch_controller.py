"""Folder watching of a case: asked for once, remembered, resumed when the case is opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from allstation.core.text import shown_name
from allstation.processing.status_types import CaseInfo
from allstation.services.case.questions import ReadKnownFiles
from allstation.services.case.requests import AddPaths
from allstation.services.folder_watcher import WatchStatus
from allstation.services.settings import BETWEEN
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import Level, Notification
from allstation.ui.context import AppContext


class WatchController(QObject):
    """Starts, stops and resumes the watching of a folder."""

    def __init__(self, context: AppContext, *, window: QWidget) -> None:
        super().__init__(window)
        self._context = context
        self._session = context.session
        self._window = window
        self._status = WatchStatus()
        session, watcher = context.session, context.watcher
        session.opened.connect(self._case_opened)
        session.worker.closed.connect(self._case_closed)
        session.reader.known_read.connect(self._begin)
        watcher.ready.connect(self._add)
        watcher.status_changed.connect(self._status_changed)

    def actions(self) -> tuple[Action, ...]:
        """Offer watching."""
        # fmt: off
        return (
            Action("case.watch", "&Watch Folder…", self.ask, "",
                   "Take the fields of a folder, and new ones once they are completely written; "
                   "not of its sub-folders", "watch",
                   menu="&Case", place=230, enabled_when=self._context.can_write),
            Action("case.unwatch", "S&top Watching", self.stop, "", "Watch no folder",
                   menu="&Case", place=240, enabled_when=self._is_watching),
        )
        # fmt: on

    def _is_watching(self) -> bool:
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
        info = self._context.info
        if info is None:
            return
        self._remember(info.folder, folder)
        self._session.ask(ReadKnownFiles(folder))

    @Slot()
    def stop(self) -> None:
        """Watch no longer and forget the folder."""
        info = self._context.info
        if info is not None:
            self._remember(info.folder, None)
        self._context.watcher.watch(None)

    @Slot(object, object)
    def _begin(self, folder: Path, known: Mapping[str, int]) -> None:
        self._context.watcher.watch(folder, known)

    @Slot(object)
    def _case_opened(self, info: CaseInfo) -> None:
        folder = self._remembered(info.folder)
        if folder is not None and not info.read_only:
            self._session.ask(ReadKnownFiles(folder))
        else:
            self._context.watcher.watch(None)

    @Slot()
    def _case_closed(self) -> None:
        self._context.watcher.watch(None)

    @Slot(object)
    def _status_changed(self, status: WatchStatus) -> None:
        before, self._status = self._status, status
        self._context.changed.emit()
        same = before.folder == status.folder and before.reachable != status.reachable
        if status.folder is not None and same:
            name = shown_name(status.folder.name)
            if status.reachable:
                notification = Notification(Level.OK, tr("The watched folder {name} is back.", name=name))
            else:
                text = tr("The watched folder {name} cannot be read now. It is tried again.", name=name)
                notification = Notification(Level.WARNING, text)
            self._context.notifier.post(notification)

    @Slot(list)
    def _add(self, paths: list[Path]) -> None:
        self._session.submit(AddPaths(paths))

    # Remembering

    def _remembered(self, case: Path) -> Path | None:
        for entry in self._context.settings.value.watched:
            owner, _, folder = entry.partition(BETWEEN)
            if owner == str(case) and folder:
                return Path(folder)
        return None

    def _remember(self, case: Path, folder: Path | None) -> None:
        entries = [e for e in self._context.settings.value.watched if e.partition(BETWEEN)[0] != str(case)]
        if folder is not None:
            entries.append(f"{case}{BETWEEN}{folder}")
        self._context.settings.change(watched=tuple(entries))


def watch_text(status: WatchStatus) -> str:
    """Return the state of the watching for the status line, empty while nothing is watched."""
    if status.folder is None:
        return ""
    name = shown_name(status.folder.name)
    if not status.reachable:
        return tr("Watching {name}: away", name=name)
    if status.waiting:
        return tr("Watching {name}: {n} being written", name=name, n=number(status.waiting))
    return tr("Watching {name}", name=name)
