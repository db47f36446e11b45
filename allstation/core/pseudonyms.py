"""Pseudonyms of one anonymised export: an id for the case and a code for each hash, keyed and new each time.

They are made with a secret that stays in the case (HMAC-SHA256, RFC 2104) and with a number drawn for the
export. Without the secret, neither two anonymised exports nor an anonymised and an open one can be joined by
them; with it, the laboratory finds the field that a code stands for.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

_SECRET_BYTES: Final = 32
_NONCE: Final = 16
"""Hexadecimal digits of the number that is drawn for an export."""
_BEGINNING: Final = re.compile(r"[0-9a-f]{8,63}")
"""Beginning of a code, as reports print it; shorter ones could be those of several fields."""
_TAG: Final = 14
_CODE: Final = 48
_PATIENT: Final = "patient-"
_PATIENT_TAG: Final = 12
CASE_ID: Final = re.compile(rb"anon-[0-9a-f]{14}-[0-9a-f]{16}")
"""The id of a case in an anonymised export."""


def new_secret() -> bytes:
    """Draw a secret for a case: 32 bytes."""
    return secrets.token_bytes(_SECRET_BYTES)


def new_nonce() -> str:
    """Draw the number of an export: 16 hexadecimal digits."""
    return secrets.token_hex(_NONCE // 2)


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Pseudonyms of one export of one case.

    Attributes:
        secret: Of the case; never leaves it.
        nonce: Drawn for the export; 16 hexadecimal digits.
    """

    secret: bytes = field(repr=False)
    nonce: str = field(default_factory=new_nonce)

    @property
    def case_id(self) -> str:
        """``anon-``, 14 hexadecimal digits and the nonce: as many characters as a UUID."""
        return f"anon-{self._keyed('case')[:_TAG]}-{self.nonce}"

    def code(self, sha256: str) -> str:
        """Return what stands for a hash: 64 hexadecimal digits, the last 16 of them the nonce."""
        return self._keyed(f"hash {sha256}")[:_CODE] + self.nonce

    def patient(self, patient: str) -> str:
        """Return what stands for a patient's id: ``patient-`` and 12 hexadecimal digits; empty for none."""
        return f"{_PATIENT}{self._keyed(f'patient {patient}')[:_PATIENT_TAG]}" if patient else ""

    def _keyed(self, text: str) -> str:
        return hmac.new(self.secret, f"{self.nonce} {text}".encode(), hashlib.sha256).hexdigest()


def nonce_of(pseudonym: str) -> str:
    """Return the nonce of an anonymised case id or of a code; empty if the text is neither."""
    is_code = re.fullmatch(rf"[0-9a-f]{{{_CODE + _NONCE}}}", pseudonym)
    return pseudonym[-_NONCE:] if is_code or CASE_ID.fullmatch(pseudonym.encode()) else ""


def is_issued(secret: bytes, case_id: str) -> bool:
    """Tell whether an anonymised case id was given to the case that has this secret."""
    nonce = nonce_of(case_id)
    return bool(nonce) and hmac.compare_digest(Pseudonyms(secret, nonce).case_id, case_id)


def traced(secret: bytes, code: str, hashes: Iterable[str]) -> str:
    """Return the hash that a code stands for; empty if it is none of these."""
    nonce = nonce_of(code)
    if not nonce:
        return ""
    names = Pseudonyms(secret, nonce)
    return next((one for one in hashes if hmac.compare_digest(names.code(one), code)), "")


def traced_patient(secret: bytes, case_id: str, code: str, patients: Iterable[str]) -> str:
    """Return the patient that a code in an anonymised export stands for; empty if it is none of these.

    Args:
        secret: Of the case.
        case_id: Anonymised id of the case in that export.
        code: The code.
        patients: To choose from.
    """
    if not is_issued(secret, case_id):
        return ""
    names = Pseudonyms(secret, nonce_of(case_id))
    return next((one for one in patients if one and hmac.compare_digest(names.patient(one), code)), "")


def is_beginning(text: str) -> bool:
    """Tell whether a text can be the beginning of a code."""
    return _BEGINNING.fullmatch(text) is not None


def traced_beginning(secret: bytes, case_id: str, beginning: str, hashes: Iterable[str]) -> str:
    """Return the one hash whose code in an export begins so; empty if there is none, or more than one.

    Args:
        secret: Of the case.
        case_id: Anonymised id of the case in that export.
        beginning: Of the code, at least 8 hexadecimal digits.
        hashes: To choose from.
    """
    if not is_issued(secret, case_id) or not is_beginning(beginning):
        return ""
    names = Pseudonyms(secret, nonce_of(case_id))
    found = [one for one in hashes if names.code(one).startswith(beginning)]
    return found[0] if len(found) == 1 else ""
