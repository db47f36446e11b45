"""Server of RFC 3161 time stamps: its address, and one question to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from allstation.core.errors import StationError
from allstation.core.text import shown_name

_SECONDS: Final = 10
"""Time that the server has for an answer."""
_LARGEST_ANSWER: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class TimeStampServer:
    """Server of RFC 3161 time stamps; asked only where the laboratory configured one.

    Attributes:
        address: ``http://`` or ``https://``.
    """

    address: str

    def __post_init__(self) -> None:
        """Refuse what is no address of a server."""
        try:
            parts = urlsplit(self.address)
            good = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            good = False
        if not good:
            sentence = (
                f"{shown_name(self.address[:80])!r} is no address of a time stamp server: it begins with "
                "http:// or https://."
            )
            raise StationError("bad-time-stamp-server", sentence)

    @property
    def host(self) -> str:
        """Its name, as the report prints it."""
        return shown_name(str(urlsplit(self.address).hostname))

    def ask(self, query: bytes) -> bytes:
        """Send a query (DER) and return the answer.

        Raises:
            StationError: ``no-time-stamp``.
        """
        from urllib.error import URLError
        from urllib.request import HTTPRedirectHandler, Request, build_opener

        class Stay(HTTPRedirectHandler):
            """Follows no redirection: no other server is asked than the one that was configured."""

            def redirect_request(self, *_arguments: object, **_named: object) -> None:
                return None

        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        request = Request(self.address, data=query, headers=headers, method="POST")  # noqa: S310 - checked above
        try:
            with build_opener(Stay).open(request, timeout=_SECONDS) as answer:
                data: bytes = answer.read(_LARGEST_ANSWER + 1)
        except (OSError, URLError, ValueError) as error:
            reason = getattr(error, "reason", None) or error.__class__.__name__
            raise self.refused(str(reason)) from error
        if len(data) > _LARGEST_ANSWER:
            raise self.refused("its answer is too large")
        return data

    def refused(self, reason: str) -> StationError:
        """Return the error of a server that gave no time stamp."""
        sentence = (
            f"The time stamp server {self.host} gave no time stamp ({reason[:120]}). Nothing was signed: try "
            "again, or take the server out of the settings."
        )
        return StationError("no-time-stamp", sentence)
