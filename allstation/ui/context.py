"""What the window is given to work with."""

from __future__ import annotations

from dataclasses import dataclass

from allstation.services.desk import CaseDesk
from allstation.services.export import Exports
from allstation.services.logs import LogCare
from allstation.services.settings import SettingsFile
from allstation.services.watching import FolderWatch
from allstation.ui.common.theme import Theme


@dataclass(frozen=True, slots=True)
class Services:
    """Made by ``app`` before the window, ended by it afterwards.

    Attributes:
        desk: The open case.
        exports: Reports and tables.
        settings: The user's wishes.
        theme: Colours and text size.
        watch: The watched folder.
        logs: The program's log.
    """

    desk: CaseDesk
    exports: Exports
    settings: SettingsFile
    theme: Theme
    logs: LogCare
    watch: FolderWatch
