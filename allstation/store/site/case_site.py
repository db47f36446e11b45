"""Site of a case: where its fields were taken, kept in the case as it was given it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Final

from allstation.core.audit import canonical
from allstation.core.errors import StationError
from allstation.core.known_sizes import KnownSizes, SlideSizes
from allstation.core.site import Site
from allstation.store.audit.contents import BEFORE, CONTENT, SITE, text_content
from allstation.store.connection import Repository
from allstation.store.database import damaged
from allstation.store.slides.sizes import SlidePixelSizes

_PIXEL_SIZE: Final = "pixel_size"
"""Key of the case data."""


class CaseSite(Repository):
    """Repository of the one site of a case."""

    def get(self) -> Site | None:
        """Return the site that the fields were taken at; None if nobody said.

        Raises:
            StationError: ``damaged-case`` if what is stored is no site.
        """
        stored = self._connection.info(SITE)
        try:
            return Site.from_json(json.loads(stored)) if stored else None
        except (ValueError, TypeError, ArithmeticError, RecursionError, StationError) as error:
            raise damaged("the site cannot be understood") from error

    def known_sizes(self) -> KnownSizes:
        """Return what is said of pixel sizes; nothing of what cannot be understood."""
        said, site = "", None
        slides: tuple[SlideSizes, ...] = ()
        with suppress(ValueError, AttributeError, RecursionError):
            said = str(json.loads(self._connection.info("details", "{}")).get(_PIXEL_SIZE, ""))
        with suppress(StationError):
            site = self.get()
        with suppress(StationError):
            slides = SlidePixelSizes(self._connection).all()
        return KnownSizes(said, site, slides)

    def set(self, site: Site | None) -> None:
        """Say at which site the fields were taken, or that nobody knows; the audit log keeps its digest."""
        stored = canonical(site.to_json()) if site is not None else ""
        with self._connection.write():
            held = self._connection.info(SITE)
            if stored != held:
                digests = {BEFORE: text_content(held), CONTENT: text_content(stored)}
                entry = {"id": site.id if site is not None else "", **digests}
                self._connection.audit("site-changed", "case", entry)
                self._connection.set_info(SITE, stored)
