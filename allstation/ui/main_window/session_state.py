"""Where a person was, noted down while they work, so that a crash costs nothing but a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer, Slot

from allstation.core.records import FieldRecord
from allstation.services.messages import CaseInfo
from allstation.ui.context import Services

if TYPE_CHECKING:
    from allstation.ui.main_window.window import MainWindow

_PAUSE: Final = 1_000
"""Milliseconds of staying on a field before it is noted down."""


class Session(QObject):
    """Notes the current field and goes back to it when its case is opened again."""

    def __init__(self, services: Services, window: MainWindow) -> None:
        super().__init__(window)
        self._settings = services.settings
        self._browser = window.browser
        self._looks = window.look
        self._back_to = 0
        self._current = 0
        self._later = QTimer(self, singleShot=True, interval=_PAUSE)
        self._later.timeout.connect(self.note)
        services.desk.opened.connect(self._case_opened)
        window.browser.current_changed.connect(self._current_changed)
        window.browser.listed.connect(self._listed)

    @Slot()
    def note(self) -> None:
        """Write down where the person is and how they look at it."""
        self._later.stop()
        if self._current:
            self._settings.change(last_field=self._current, **self._looks.state())

    @Slot(object)
    def _case_opened(self, info: CaseInfo) -> None:
        stored = self._settings.value
        same = stored.last_case_of_field == str(info.folder)
        self._back_to = stored.last_field if same else 0
        self._settings.change(last_case_of_field=str(info.folder), last_field=self._back_to)
        self._current = 0

    @Slot(object)
    def _current_changed(self, record: FieldRecord | None) -> None:
        if record is not None and not self._back_to:
            self._current = record.id
            self._later.start()

    @Slot(int, bool)
    def _listed(self, count: int, _filtered: bool) -> None:
        if not count or not self._back_to:
            return
        row = self._browser.model.row_of(self._back_to)
        self._back_to = 0
        if row is not None:
            self._browser.go_to_row(row)
