"""Makes reports in memory and draws their pages on another thread; the newest request counts."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from allstation.core.errors import StationError
from allstation.processing.status_types import Problem
from allstation.services.reports import report_state, reporting
from allstation.services.tasks import Serial
from allstation.store.case import Case

if TYPE_CHECKING:
    from allstation.report.content.options import ReportOptions
    from allstation.report.preview import PagePictures
    from allstation.services.reports.reporting import MadeReport

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """A report to make.

    Attributes:
        ticket: Rises with each request; an older one is given up.
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
        ticket: Of its request.
        made: The report.
        sizes: Width and height of every page, points.
    """

    ticket: int
    made: MadeReport
    sizes: tuple[tuple[float, float], ...]


class _SupersededError(Exception):
    """A newer request came while a report was being made."""


class Previews(QObject):
    """Takes requests from the window. Lives on the window's thread; never waits.

    The one other thread emits the signals and alone touches the document that is shown.

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

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._newest = self._width = 0
        self._serial = Serial(self)
        self._pages: PagePictures | None = None
        self._shown = 0

    def make(self, folder: Path, options: ReportOptions | None, *, logo: Path | None = None) -> int:
        """Make a report; what was asked for before is given up. Returns the ticket.

        Args:
            folder: The case.
            options: What the person chose; None to look only where the reports of the case stand.
            logo: The laboratory's, to say when it is gone.
        """
        self._newest += 1
        self._serial.run(partial(self._make, PreviewRequest(self._newest, folder, options, logo)))
        return self._newest

    def draw(self, ticket: int, index: int, *, width: int) -> None:
        """Draw a page, ``width`` pixels across."""
        self._width = width
        self._serial.run(partial(self._draw, ticket, index, width))

    def give_up(self) -> None:
        """Make nothing more of what was asked for."""
        self._newest += 1

    def stop(self, milliseconds: int = 30_000) -> bool:
        """Give up, end the thread and wait for it."""
        self.give_up()
        self._serial.run(self._close)
        return self._serial.finish(milliseconds)

    # On the other thread

    def _make(self, request: PreviewRequest) -> None:
        """Make a report unless a newer one is asked for."""
        if request.ticket != self._newest:
            return
        try:
            self._make_pages(request)
        except _SupersededError:
            return
        except StationError as error:
            self.failed.emit(request.ticket, Problem.of(error))
        except Exception as error:  # noqa: BLE001 - a fault in one report must reach the person
            _log.exception("preview failed")
            sentence = f"The report could not be made ({type(error).__name__}). The log has the details."
            self.failed.emit(request.ticket, Problem("preview-failed", sentence))

    def _make_pages(self, request: PreviewRequest) -> None:
        def page(number: int) -> None:
            if request.ticket != self._newest:
                raise _SupersededError
            self.progressed.emit(request.ticket, number)

        with Case.open(request.folder, read_only=True) as case:
            snapshot = case.snapshot()
            state = report_state.state_of(case, snapshot, logo=request.logo)
            self.state_read.emit(request.ticket, state)
            if request.options is None:
                return
            made = reporting.make(case, snapshot, request.options, progress=page, checked=False)
        if made.status.locks:
            reporting.check(made)
        self._show(request.ticket, made)

    def _show(self, ticket: int, made: MadeReport) -> None:
        from allstation.report.preview import PagePictures

        self._close()
        self._pages, self._shown = PagePictures(made.data), ticket
        self.ready.emit(Preview(ticket, made, self._pages.sizes))

    def _draw(self, ticket: int, index: int, width: int) -> None:
        """Draw a page of the report that is shown, unless another width is wanted by now."""
        if self._pages is not None and ticket == self._shown and width == self._width:
            self.drawn.emit(ticket, index, width, self._pages.picture(index, width=width))

    def _close(self) -> None:
        """Let go of the document that is shown."""
        if self._pages is not None:
            self._pages.close()
            self._pages = None
