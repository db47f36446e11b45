"""Slide reader: asks confined children for facts and pixels of one slide; threads may share it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.closing import Closing
from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.slide_info import SlideInfo
from allstation.core.slide_part import Frame, Region, SlidePart
from allstation.core.text import shown_name
from allstation.frozen import child_command
from allstation.imaging.readers.kinds import readable_places
from allstation.imaging.readers.wire import from_json
from allstation.isolation.child import Budget, ChildError, ChildStartError, ChildTooSlowError
from allstation.isolation.frames import Header
from allstation.isolation.pool import ChildPool, PoolClosedError

_log = logging.getLogger(__name__)
DEFAULT_LIMITS: Final = DecodeLimits()
_BUDGET: Final = Budget(memory=3 << 30)
"""As decoders of fields have: a region of 120 million pixels fits."""
_CHILDREN: Final = 2
"""Children that read one slide at once."""
_REFUSALS: Final = frozenset(
    {
        "unreadable-slide",
        "unsupported-format",
        "unreadable-field",
        "truncated-field",
        "too-large",
        "too-small",
        "too-many-pages",
        "no-such-part",
        "decoder-missing",
    }
)
"""Codes that a child may give; one that was taken over shall not name others."""
_LONGEST: Final = 300
_LONGEST_NAME: Final = 64
Rgb = NDArray[np.uint8]


class SlideReader(Closing):
    """Open slide.

    Args:
        path: The slide's file.
        limits: Limits of a region's or page's pixels, and of the time that reading one may take.
        children: Confined children that read it at once, started when they are needed.

    Raises:
        StationError: ``not-found``, ``no-permission``, ``unsupported-format``, ``unreadable-slide``,
            ``decoder-missing``, ``decoder-died`` or ``too-slow``.
    """

    def __init__(
        self, path: Path, limits: DecodeLimits = DEFAULT_LIMITS, *, children: int = _CHILDREN
    ) -> None:
        self.path = path
        self._limits = limits
        _check_there(path)
        first = {
            "file": str(path.absolute()),
            "readable": [str(place.absolute()) for place in readable_places(path)],
            "limits": limits._asdict(),
        }
        self._pool = ChildPool(child_command("slide"), _BUDGET, first=first, most_children=children)
        self.info: SlideInfo = self._facts()

    def read(self, part: SlidePart) -> Rgb:
        """Return the pixels of a part.

        Args:
            part: A region, which may reach beyond the slide's edges (white there) but must touch it; or a
                page or frame.

        Returns:
            (h, w, 3) uint8 RGB, read-only or not.

        Raises:
            StationError: ``no-such-part``, ``too-large``, and as opening a slide does.
        """
        if isinstance(part, Frame):
            if not 1 <= part.number <= self.info.frames:
                raise self._error("no-such-part", f"has no page {part.number:,}. Choose another part.")
            return self._pixels({"ask": "page", "number": part.number}, None)
        self._check(part)
        request = {"ask": "region", "level": part.level, "x": part.x, "y": part.y}
        size = (part.height, part.width)
        return self._pixels({**request, "width": part.width, "height": part.height}, size)

    def associated(self, name: str) -> Rgb:
        """Return a picture beside the pyramid, (h, w, 3) uint8.

        Args:
            name: Of ``info.associated``.

        Raises:
            StationError: ``no-such-part``, and as opening a slide does.
        """
        if name not in self.info.associated:
            raise self._error("no-such-part", f"has no {shown_name(name)} picture.")
        return self._pixels({"ask": "associated", "name": name}, None)

    def close(self) -> None:
        """End the children; reading afterwards is an error."""
        self._pool.close()

    def end(self) -> None:
        """End the children now: what is being read on other threads raises ``slide-closed``."""
        self._pool.end()

    def _facts(self) -> SlideInfo:
        answer, _ = self._ask({"ask": "info"}, most=0)
        try:
            return from_json(answer)
        except ValueError as error:
            raise self._error(*_DAMAGED) from error

    def _check(self, region: Region) -> None:
        if not 0 <= region.level < len(self.info.levels):
            raise self._error("no-such-part", f"has no level {region.level:,}. Choose another part.")
        if region.width * region.height > self._limits.max_pixels or min(region.width, region.height) < 1:
            most = self._limits.max_pixels / 1e6
            problem = (
                f"was asked for {region.width:,} x {region.height:,} pixels; at most {most:,.0f} million "
                "are read at once. Choose a smaller part."
            )
            raise self._error("too-large", problem)
        scale = self.info.levels[region.level].downsample
        right, lower = region.x + region.width * scale, region.y + region.height * scale
        if region.x >= self.info.width or region.y >= self.info.height or right <= 0 or lower <= 0:
            problem = f"has nothing at x {region.x:,}, y {region.y:,}. Choose a part inside the slide."
            raise self._error("no-such-part", problem)

    def _pixels(self, request: Mapping[str, object], size: tuple[int, int] | None) -> Rgb:
        most = 3 * (size[0] * size[1] if size else self._limits.max_pixels)
        answer, pixels = self._ask(request, most=most)
        height, width = answer.get("height"), answer.get("width")
        if (
            not (isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0)
            or (size is not None and (height, width) != size)
            or len(pixels) != 3 * height * width
        ):
            raise self._error(*_DAMAGED)
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)

    def _ask(self, request: Mapping[str, object], *, most: int) -> tuple[Header, bytearray]:
        try:
            answer, payload = self._pool.ask(request, seconds=self._limits.max_seconds, most=most)
        except PoolClosedError as error:
            sentence = f"The slide {self._name} was closed. Open it again."
            raise StationError("slide-closed", sentence) from error
        except ChildError as error:
            _log.warning("an isolated slide reader ended: %s", error.how)
            raise self._failure(error) from error
        if answer.get("raised") == "MemoryError":
            raise self._error("out-of-memory", "needs more memory than a reader may take.")
        if answer.get("code") in _REFUSALS:
            raise self._error(str(answer["code"]), shown_name(str(answer.get("problem", ""))[:_LONGEST]))
        if "raised" in answer or "code" in answer:
            raise self._error(*_DAMAGED)
        return answer, payload

    @property
    def _name(self) -> str:
        shown = shown_name(self.path.name)
        return shown if len(shown) <= _LONGEST_NAME else f"{shown[:40]}…{shown[-20:]}"

    def _error(self, code: str, problem: str) -> StationError:
        return StationError(code, f"The slide {self._name} {problem}")

    def _failure(self, error: ChildError) -> StationError:
        if isinstance(error, ChildStartError):
            problem = (
                "cannot be read: the program's own part that reads slides does not start "
                f"({error.how}). Install ALL Station again."
            )
            return self._error("decoder-missing", problem)
        if isinstance(error, ChildTooSlowError):
            seconds = self._limits.max_seconds
            return self._error("too-slow", f"took more than {seconds:,.0f} seconds to read and was given up.")
        problem = f"ended its reader ({error.how}); nothing else was harmed. Copy it again from the scanner."
        return self._error("decoder-died", problem)


_DAMAGED: Final = ("unreadable-slide", "is a damaged slide. Copy it again from the scanner.")


def _check_there(path: Path) -> None:
    name = shown_name(path.name)
    try:
        if path.is_file():
            with path.open("rb"):
                return
    except PermissionError as error:
        sentence = f"The slide {name} may not be read. Check the file's permissions."
        raise StationError("no-permission", sentence) from error
    except (OSError, ValueError) as error:
        sentence = f"The slide {name} cannot be read. Check the file and retry."
        raise StationError("unreadable-slide", sentence) from error
    sentence = f"The slide {name} is not there. Put it back, or show where it is now."
    raise StationError("not-found", sentence)


def open_slide(
    path: Path, limits: DecodeLimits = DEFAULT_LIMITS, *, children: int = _CHILDREN
) -> SlideReader:
    """Open a slide, as :class:`SlideReader` says."""
    return SlideReader(path, limits, children=children)
