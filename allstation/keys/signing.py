"""Ed25519 keys and signatures (RFC 8032) over canonical JSON, one purpose apart from another."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

from allstation.core.audit import canonical
from allstation.core.plain_json import json_text

KIND: Final = "allstation-signature"
_SCHEMA: Final = 1
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_LONGEST: Final = 16 * 1024
"""Bytes of a signature as text, at most; one of this program has some 400."""
_LONGEST_NAME: Final = 120
_GROUPS: Final = 6
_GROUP: Final = 4


class SignatureError(ValueError):
    """A text that is no signature, or a signature that does not belong to what it is held against."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Public half of an Ed25519 key.

    Attributes:
        raw: 32 bytes.
    """

    raw: bytes

    def __post_init__(self) -> None:
        """Refuse what cannot be a key."""
        if len(self.raw) != _KEY_BYTES:
            raise SignatureError(f"a public key has {_KEY_BYTES} bytes, not {len(self.raw)}")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a key as :attr:`text` writes it.

        Raises:
            SignatureError: If it is none.
        """
        return cls(_decoded(text))

    @property
    def text(self) -> str:
        """The key in base64."""
        return base64.b64encode(self.raw).decode()

    @property
    def fingerprint(self) -> str:
        """The first 96 bits of the key's SHA-256, in groups that can be read out."""
        digest = hashlib.sha256(self.raw).hexdigest()
        return " ".join(digest[at * _GROUP : (at + 1) * _GROUP] for at in range(_GROUPS))

    def verifies(self, signature: bytes, purpose: str, value: object) -> bool:
        """Tell whether a signature was made with this key over a value for a purpose."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, _message(purpose, value))
        except (InvalidSignature, ValueError):
            return False
        return True


class SigningKey:
    """Private Ed25519 key with the name that its holder goes by.

    Args:
        secret: The 32 bytes of the private key.
        name: Who signs.
        role: ``release``, ``laboratory`` or ``station``; what the signer says, not what is believed.
    """

    def __init__(self, secret: bytes, *, name: str, role: str) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if len(secret) != _KEY_BYTES:
            raise SignatureError(f"a private key has {_KEY_BYTES} bytes, not {len(secret)}")
        self._secret = secret
        self._private = Ed25519PrivateKey.from_private_bytes(secret)
        self.name = name
        self.role = role

    @cached_property
    def public(self) -> PublicKey:
        """The public half."""
        return PublicKey(self._private.public_key().public_bytes_raw())

    def as_role(self, role: str) -> SigningKey:
        """Return the same key in another role."""
        return SigningKey(self._secret, name=self.name, role=role)

    def sign(self, purpose: str, value: object) -> bytes:
        """Sign a value for a purpose; the same value gives the same 64 bytes.

        Args:
            purpose: Keeps a signature for one thing from passing for another.
            value: Plain data.
        """
        return self._private.sign(_message(purpose, value))


def new_secret() -> bytes:
    """Return the 32 bytes of a new private key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate().private_bytes_raw()


def _message(purpose: str, value: object) -> bytes:
    return f"ALL Station {purpose} 1\n{canonical(value)}".encode()


@dataclass(frozen=True, slots=True)
class Signature:
    """Signature as a text of its own, such as the member of a bundle or the file beside it.

    Attributes:
        key: Who signed.
        name: What the signer calls itself; covered by the signature, but anybody can choose it.
        role: What the signer says it is.
        signature: 64 bytes.
    """

    key: PublicKey
    name: str
    role: str
    signature: bytes

    @classmethod
    def made(cls, key: SigningKey, purpose: str, digest: str) -> Self:
        """Sign a hash.

        Args:
            key: Signs.
            purpose: What the hash is of.
            digest: SHA-256 in hexadecimal.
        """
        return cls(key.public, key.name, key.role, key.sign(purpose, _signed(digest, key.name, key.role)))

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read a signature as :meth:`text` writes it.

        Raises:
            SignatureError: If it is none.
        """
        if len(data) > _LONGEST:
            raise SignatureError(f"it has {len(data)} bytes")
        try:
            found: dict[str, Any] = json.loads(data)
            if found["kind"] != KIND or found["schema"] != _SCHEMA or found["algorithm"] != "Ed25519":
                raise SignatureError("it is of another kind")
            name, role = found["name"], found["role"]
            key, signature = PublicKey.from_text(found["key"]), _decoded(found["signature"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise SignatureError(f"it cannot be read ({error})") from error
        texts = all(isinstance(text, str) and len(text) <= _LONGEST_NAME for text in (name, role))
        if not texts or len(signature) != _SIGNATURE_BYTES:
            raise SignatureError("it holds other things than a signature")
        return cls(key, name, role, signature)

    def text(self) -> bytes:
        """Return the signature as JSON."""
        stored = {
            "kind": KIND,
            "schema": _SCHEMA,
            "algorithm": "Ed25519",
            "key": self.key.text,
            "name": self.name,
            "role": self.role,
            "signature": base64.b64encode(self.signature).decode(),
        }
        return f"{json_text(stored, ensure_ascii=True)}\n".encode()

    def holds(self, purpose: str, digest: str) -> bool:
        """Tell whether this is a signature of a hash for a purpose."""
        return self.key.verifies(self.signature, purpose, _signed(digest, self.name, self.role))


def _signed(digest: str, name: str, role: str) -> dict[str, str]:
    return {"sha256": digest, "name": name, "role": role}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise SignatureError("it is not base64") from error
