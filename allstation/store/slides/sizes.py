"""Pixel sizes of single slides, kept in the case beside its site."""

from __future__ import annotations

import json
from typing import Final

from allstation.core.audit import canonical
from allstation.core.errors import StationError
from allstation.core.known_sizes import SlideSizes, sorted_sizes
from allstation.core.site import PixelSize
from allstation.store.audit.contents import BEFORE, CONTENT, SLIDE_SIZES, text_content
from allstation.store.connection import Repository
from allstation.store.database import damaged

_SLIDE: Final = "slide"
_SIZES: Final = "sizes"


class SlidePixelSizes(Repository):
    """Repository of the pixel sizes that hold for one slide alone."""

    def all(self) -> tuple[SlideSizes, ...]:
        """Return the slides that have sizes of their own, by ascending id.

        Raises:
            StationError: ``damaged-case`` if what is stored are no pixel sizes.
        """
        stored = self._connection.info(SLIDE_SIZES)
        try:
            return sorted_sizes(
                SlideSizes(int(one[_SLIDE]), tuple(map(PixelSize.from_json, one[_SIZES])))
                for one in (json.loads(stored) if stored else ())
            )
        except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError, StationError) as error:
            raise damaged("the pixel sizes of its slides cannot be understood") from error

    def set(self, *wanted: SlideSizes) -> None:
        """Give slides other sizes of their own, or none; the audit log names slides and sizes.

        Raises:
            StationError: ``unknown-slide``.
        """
        with self._connection.write() as db:
            known = {number for (number,) in db.execute("SELECT id FROM slides")}
            missing = next((one.slide_id for one in wanted if one.slide_id not in known), None)
            if missing is not None:
                raise StationError("unknown-slide", f"This case has no slide number {missing}.")
            before = {one.slide_id: one for one in self.all()}
            changed = [one for one in wanted if before.get(one.slide_id, SlideSizes(one.slide_id, ())) != one]
            if changed:
                after = sorted_sizes((before | {one.slide_id: one for one in changed}).values())
                stored = canonical([_json(one) for one in after]) if after else ""
                held = text_content(self._connection.info(SLIDE_SIZES))
                entry = {
                    "slides": [_json(one) for one in changed],
                    BEFORE: held,
                    CONTENT: text_content(stored),
                }
                self._connection.audit("slide-sizes-changed", "case", entry)
                self._connection.set_info(SLIDE_SIZES, stored)


def _json(slide: SlideSizes) -> dict[str, object]:
    return {_SLIDE: slide.slide_id, _SIZES: [one.to_json() for one in slide.sizes]}
