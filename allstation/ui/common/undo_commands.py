"""Undo commands that more than one feature pushes."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtGui import QUndoCommand

from allstation.core.known_sizes import SlideSizes
from allstation.core.site import Site
from allstation.services.case.requests import SetDetails, SetSite
from allstation.services.case.session import CaseSession
from allstation.services.case.slide_size_requests import SetSlideSizes
from allstation.ui.common.i18n import tr


class DetailsCommand(QUndoCommand):
    """Change of the case data; undo puts the former texts back."""

    def __init__(self, session: CaseSession, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        super().__init__(tr("Case data"))
        self._session = session
        self._before, self._after = dict(before), dict(after)

    def redo(self) -> None:
        """Store the new texts."""
        self._session.submit(SetDetails(self._after))

    def undo(self) -> None:
        """Store the former texts."""
        self._session.submit(SetDetails(self._before))


class SiteCommand(QUndoCommand):
    """Change of the case's site; undo puts the former one back."""

    def __init__(self, session: CaseSession, before: Site | None, after: Site | None) -> None:
        super().__init__(tr("Site"))
        self._session = session
        self._before, self._after = before, after

    def redo(self) -> None:
        """Store the new site."""
        self._session.submit(SetSite(self._after))

    def undo(self) -> None:
        """Store the former site."""
        self._session.submit(SetSite(self._before))


class SlideSizesCommand(QUndoCommand):
    """Change of the pixel sizes of one slide; undo puts the former ones back."""

    def __init__(self, session: CaseSession, before: SlideSizes, after: SlideSizes) -> None:
        super().__init__(tr("Pixel size"))
        self._session = session
        self._before, self._after = before, after

    def redo(self) -> None:
        """Store the new sizes."""
        self._session.submit(SetSlideSizes(self._after))

    def undo(self) -> None:
        """Store the former sizes."""
        self._session.submit(SetSlideSizes(self._before))
