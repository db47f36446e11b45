"""What the window is given to work with."""

from __future__ import annotations

from dataclasses import dataclass

from allstation.services.case_session import CaseSession
from allstation.services.export import Exports
from allstation.services.folder_watcher import FolderWatcher
from allstation.services.logs import LogCare
from allstation.services.settings import SettingsFile
from allstation.ui.theme import Theme


@dataclass(frozen=True, slots=True)
class Services:
    """Made by ``app`` before the window, ended by it afterwards.

    Attributes:
        session: The open case.
        exports: Reports and tables.
        settings: The user's wishes.
        theme: Colours and text size.
        watch: The watched folder.
        logs: The program's log.
    """

    session: CaseSession
    exports: Exports
    settings: SettingsFile
    theme: Theme
    logs: LogCare
    watch: FolderWatcher
