"""Result types of the check of a digital signature."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from allstation.report.signing.certificates import CertificateFacts

if TYPE_CHECKING:
    pass


class Trust(StrEnum):
    """Level of trust in a certificate."""

    TRUSTED = "trusted"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    NOT_YET = "not yet valid"
    REVOKED = "revoked"
    UNFIT = "not for this use"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeStampCheck:
    """Time stamp in a signature.

    Attributes:
        at: Time that it states, UTC.
        intact: It is of this very signature and unchanged.
        authority: Certificate of the server that made it.
        trust: How far that certificate can be relied on.
    """

    at: datetime
    intact: bool
    authority: CertificateFacts
    trust: Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureCheck:
    """Result of the check of a digital signature.

    Attributes:
        damage: Why the signature does not hold for the whole file; empty if it does.
        signer: The signer's certificate; None if it cannot be read.
        trust: How far the signer's certificate can be relied on.
        anchor: Name of the trusted certificate that vouches for it, or empty.
        claimed_at: Time of the signature by the signer's own clock, UTC.
        time_stamp: Time stamp of a server, or None.
        level: PAdES baseline level, such as ``B-B``.
    """

    damage: tuple[str, ...]
    signer: CertificateFacts | None = None
    trust: Trust = Trust.UNKNOWN
    anchor: str = ""
    claimed_at: datetime | None = None
    time_stamp: TimeStampCheck | None = None
    level: str = "B-B"

    @property
    def holds(self) -> bool:
        """Whether not one byte of the file changed since it was signed."""
        return not self.damage
