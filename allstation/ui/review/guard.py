"""Refuses to store reviews of fields whose pictures nobody can have seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import QObject, Signal

from allstation.core.records import FieldRecord
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.common.formatting import field_name, number, short_name
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.canvas import FieldCanvas
from allstation.ui.viewer.visibility import identity, message_key

_HELD: Final = 0.12
"""Seconds. A press that follows a refused one faster is a held key whose repeats are not marked as such,
as some remote desktops send them; without this one field would be reviewed every time the limit is over."""
_NAME: Final = 40


class ReviewGuard(QObject):
    """Decides from what was painted whether a review may be stored.

    Args:
        canvas: Shows the current field.
        browser: Shows thumbnails.
        limit: Gives the seconds for which a picture must have been on the screen.
        parent: Owner.

    Signals:
        refused: A sentence that says why nothing was reviewed.
    """

    refused = Signal(str)

    def __init__(
        self, canvas: FieldCanvas, browser: BrowserPanel, *, limit: Callable[[], float], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._browser = browser
        self._limit = limit
        self._refused_at = float("-inf")

    def allows(self, record: FieldRecord, class_name: str | None) -> bool:
        """Tell whether the current field may be reviewed; if not, ``refused`` says why.

        Args:
            record: The current field.
            class_name: The class to set; None asks for another look, for which the sentence that a
                picture cannot be shown is enough.
        """
        now = self._canvas.visibility.clock()
        held = now - self._refused_at < _HELD
        reason = self._reason(record, class_name)
        if not reason and not held:
            return True
        self._refused_at = now
        self.refused.emit(reason or self._too_short(record))
        return False

    def shown_before(self, ids: Sequence[int]) -> list[int]:
        """Return the fields whose thumbnail or whole picture has been on the screen for long enough."""
        return [field_id for field_id in ids if self._was_shown(field_id)]

    def _was_shown(self, field_id: int) -> bool:
        record = self._browser.model.record(field_id)
        times = [self._browser.grid.visibility.longest(field_id)]
        if record is not None:
            times.append(self._canvas.visibility.longest(identity(record)))
        return any(seconds is not None and seconds >= self._limit() for seconds in times)

    def refuse_many(self, left_out: int, total: int) -> None:
        """Say how many of the selected fields were not reviewed because nobody has seen them."""
        self.refused.emit(
            tr(
                "{n} of {total} selected fields were not reviewed: their pictures were not on the screen for "
                "{seconds} s yet. Scroll through their thumbnails, or look at them one by one.",
                n=number(left_out),
                total=number(total),
                seconds=f"{self._limit():g}",
            )
        )

    def _reason(self, record: FieldRecord, class_name: str | None) -> str:
        """Return why a field may not be reviewed; empty if it may."""
        seconds, limit = self._canvas.visibility.seconds(identity(record)), self._limit()
        if seconds is not None:
            return "" if seconds >= limit else self._too_short(record)
        explained = self._canvas.visibility.seconds(message_key(record))
        if explained is None:
            return tr(
                "Not reviewed: the picture of {name} is not on the screen yet. Wait for it, then try again.",
                name=_name(record),
            )
        if class_name is None and explained >= limit:
            return ""
        return tr(
            "Not reviewed: the picture of {name} cannot be shown, so nobody has seen it. Bring the file "
            "back, or ask for another look (R).",
            name=_name(record),
        )

    def _too_short(self, record: FieldRecord) -> str:
        return tr(
            "Not reviewed: {name} has been on the screen for less than {seconds} s. Look at it, then "
            "try again.",
            name=_name(record),
            seconds=f"{self._limit():g}",
        )


def _name(record: FieldRecord) -> str:
    return short_name(field_name(record.path), _NAME)
