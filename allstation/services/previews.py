"""Makes reports in memory and draws their pages, on a thread of its own; the newest wish counts."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot

from allstation.core.errors import StationError
from allstation.processing.status_types import Problem
from allstation.services import reporting
from allstation.store.case import Case

if TYPE_CHECKING:
    from allstation.report.options import ReportOptions
    from allstation.report.preview import PagePictures
    from allstation.services.reporting import MadeReport

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreviewWish:
    """A report to make.

    Attributes:
        ticket: Rises with each wish; an older one is given up.
        folder: The case.
        options: What the person chose; None to look only where the reports of the case stand.
        logo: The laboratory's, to say when it is gone.
    """

    ticket: int
    folder: Path
    options: ReportOptions | None
    logo: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """A report that can be looked at.

    Attributes:
        ticket: Of its wish.
        made: The report.
        sizes: Width and height of every page, points.
    """

    ticket: int
    made: MadeReport
    sizes: tuple[tuple[float, float], ...]


class _SupersededError(Exception):
    """A newer wish came while a report was being made."""


class _Maker(QObject):
    state_read = Signal(int, object)
    progressed = Signal(int, int)
    ready = Signal(object)
    failed = Signal(int, object)
    drawn = Signal(int, int, int, object)

    def __init__(self) -> None:
        super().__init__()
        self.newest = 0
        """Set by the asker's thread."""
        self.width = 0
        self._pages: PagePictures | None = None
        self._ticket = 0

    @Slot(object)
    def make(self, wish: PreviewWish) -> None:
        """Make a report unless a newer one is wished for."""
        if wish.ticket != self.newest:
            return
        try:
            self._make(wish)
        except _SupersededError:
            return
        except StationError as error:
            self.failed.emit(wish.ticket, Problem.of(error))
        except Exception as error:  # noqa: BLE001 - a fault in one report must reach the person, not end the thread
            _log.exception("preview failed")
            sentence = f"The report could not be made ({type(error).__name__}). The log has the details."
            self.failed.emit(wish.ticket, Problem("preview-failed", sentence))

    def _make(self, wish: PreviewWish) -> None:
        def page(number: int) -> None:
            if wish.ticket != self.newest:
                raise _SupersededError
            self.progressed.emit(wish.ticket, number)

        with Case.open(wish.folder, read_only=True) as case:
            snapshot = case.snapshot()
            state = reporting.state_of(case, snapshot, logo=wish.logo)
            self.state_read.emit(wish.ticket, state)
            if wish.options is None:
                return
            made = reporting.make(case, snapshot, wish.options, progress=page, checked=False)
        if made.status.locks:
            reporting.check(made)
        self._show(wish.ticket, made)

    def _show(self, ticket: int, made: MadeReport) -> None:
        from allstation.report.preview import PagePictures

        self.close()
        self._pages, self._ticket = PagePictures(made.data), ticket
        self.ready.emit(Preview(ticket, made, self._pages.sizes))

    @Slot(int, int, int)
    def draw(self, ticket: int, index: int, width: int) -> None:
        """Draw a page of the report that is shown, unless another width is wanted by now."""
        if self._pages is None or ticket != self._ticket or width != self.width:
            return
        self.drawn.emit(ticket, index, width, self._pages.picture(index, width=width))

    @Slot()
    def close(self) -> None:
        """Let go of the document that is shown."""
        if self._pages is not None:
            self._pages.close()
            self._pages = None


class Previews(QObject):
    """Takes wishes from the window. Lives on the window's thread; never waits.

    Signals:
        state_read: Ticket and :class:`ReportState`.
        progressed: Ticket and number of the page that was laid out.
        ready: A :class:`Preview`.
        failed: Ticket and :class:`Problem`.
        drawn: Ticket, index of the page, its width and a uint8 RGB array (height, width, 3).
    """

    state_read = Signal(int, object)
    progressed = Signal(int, int)
    ready = Signal(object)
    failed = Signal(int, object)
    drawn = Signal(int, int, int, object)

    _asked = Signal(object)
    _wanted = Signal(int, int, int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tickets = 0
        self._maker = _Maker()
        self._thread = QThread(self)
        self._thread.setObjectName("Previews")
        self._maker.moveToThread(self._thread)
        queued = Qt.ConnectionType.QueuedConnection
        self._asked.connect(self._maker.make, queued)
        self._wanted.connect(self._maker.draw, queued)
        # Direct: on the ending thread, which is the one that may touch the document.
        self._thread.finished.connect(self._maker.close, Qt.ConnectionType.DirectConnection)
        for name in ("state_read", "progressed", "ready", "failed", "drawn"):
            getattr(self._maker, name).connect(getattr(self, name))
        self._thread.start()

    def make(self, folder: Path, options: ReportOptions | None, *, logo: Path | None = None) -> int:
        """Make a report; what was wished for before is given up. Returns the ticket.

        Args:
            folder: The case.
            options: What the person chose; None to look only where the reports of the case stand.
            logo: The laboratory's, to say when it is gone.
        """
        self._tickets += 1
        self._maker.newest = self._tickets
        self._asked.emit(PreviewWish(self._tickets, folder, options, logo))
        return self._tickets

    def draw(self, ticket: int, index: int, *, width: int) -> None:
        """Draw a page, ``width`` pixels across."""
        self._maker.width = width
        self._wanted.emit(ticket, index, width)

    def give_up(self) -> None:
        """Make nothing more of what was wished for."""
        self._tickets += 1
        self._maker.newest = self._tickets

    def stop(self, milliseconds: int = 30_000) -> bool:
        """Give up, end the thread and wait for it."""
        self.give_up()
        self._thread.quit()
        return self._thread.wait(milliseconds)
