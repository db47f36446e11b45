"""Session state: the current field and the view, stored while a person works, for after a crash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot

from allstation.core.records import FieldRecord
from allstation.processing.status_types import CaseInfo
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.context import AppContext

_PAUSE: Final = 1_000
"""Milliseconds of staying on a field before it is noted down."""


class SessionState(QObject):
    """Stores the current field and goes back to it when its case is opened again.

    Args:
        context: Services and state.
        browser: Goes to the field.
        view_states: Give the choices of the features to remember.
    """

    def __init__(
        self,
        context: AppContext,
        browser: BrowserPanel,
        view_states: Sequence[Callable[[], dict[str, object]]],
    ) -> None:
        super().__init__(browser)
        self._settings = context.settings
        self._browser = browser
        self._view_states = view_states
        self._back_to = 0
        self._current = 0
        self._later = QTimer(self, singleShot=True, interval=_PAUSE)
        self._later.timeout.connect(self.note)
        context.session.opened.connect(self._case_opened)
        browser.current_changed.connect(self._current_changed)
        browser.listed.connect(self._listed)

    @Slot()
    def note(self) -> None:
        """Write down where the person is and how they look at it."""
        self._later.stop()
        if self._current:
            self._settings.change(last_field=self._current, **self.view_state())

    def view_state(self) -> dict[str, object]:
        """Return the choices of every feature to remember for the next start."""
        return {key: value for state in self._view_states for key, value in state().items()}

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
