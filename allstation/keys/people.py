"""People of a laboratory: how reviewers and signers are named, and the PINs of those who have one.

Kept as ``people.json`` in the folder that stations share, else in the profile. It is no secret store: whoever
can read the file can try PINs, about ten a second and processor, and whoever can write it can change it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from allstation import paths
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.text import fold, storable
from allstation.files import write_atomically
from allstation.paths import login_name

FILE: Final = "people.json"
SHARED_FOLDER: Final = "shared_folder"
"""Key in ``settings.json`` of the folder that stations share. Cases are opened below the services, so it is
read here."""
SHORTEST_PIN: Final = 6
_LONGEST: Final = 60
_COST: Final = 2**15
"""Of scrypt (RFC 7914) with blocks of 8: 32 MB and about 0.1 s a try."""
_BLOCK: Final = 8
_MEMORY: Final = 64 * 2**20
_MOST_BYTES: Final = 1 << 20


class Naming(StrEnum):
    """Way in which people are named in reviews and signatures."""

    TYPED = "typed"
    LOGIN = "login"
    PIN = "pin"


@dataclass(frozen=True, slots=True)
class Person:
    """Person with a PIN.

    Attributes:
        name: As it stands in reviews and reports.
        salt: In base64.
        hash: scrypt of the PIN, in base64.
    """

    name: str
    salt: str
    hash: str

    @classmethod
    def with_pin(cls, name: str, pin: str) -> Self:
        """Return a person with a new PIN.

        Raises:
            StationError: ``name-needed``, ``weak-pin``.
        """
        called = storable(name).strip()
        if not called or len(called) > _LONGEST:
            raise StationError("name-needed", f"A person needs a name of 1 to {_LONGEST} characters.")
        if len(pin) < SHORTEST_PIN or len(set(pin)) == 1:
            sentence = f"A PIN has at least {SHORTEST_PIN} characters, not all the same: choose another."
            raise StationError("weak-pin", sentence)
        salt = os.urandom(16)
        return cls(called, base64.b64encode(salt).decode(), base64.b64encode(_hash(pin, salt)).decode())

    def has_pin(self, pin: str) -> bool:
        """Tell whether this is the person's PIN."""
        try:
            salt, expected = (base64.b64decode(text, validate=True) for text in (self.salt, self.hash))
        except ValueError:
            return False
        return hmac.compare_digest(_hash(pin, salt), expected)


def _hash(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=_COST, r=_BLOCK, p=1, maxmem=_MEMORY, dklen=32)


@dataclass(frozen=True, slots=True)
class People:
    """Register of people: how they are named here, and who has a PIN.

    Attributes:
        naming: How.
        people: Those with a PIN.
    """

    naming: Naming = Naming.TYPED
    people: tuple[Person, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of those with a PIN."""
        return tuple(one.name for one in self.people)

    def adding(self, person: Person) -> People:
        """Return people with one more, or with another PIN for one of them."""
        others = (one for one in self.people if fold(one.name) != fold(person.name))
        return replace(self, people=(*others, person))

    def without(self, name: str) -> People:
        """Return people without one.

        Raises:
            StationError: ``unknown-person``.
        """
        others = tuple(one for one in self.people if fold(one.name) != fold(name))
        if len(others) == len(self.people):
            raise unknown_person(name)
        return replace(self, people=others)

    def named(self, naming: Naming) -> People:
        """Return people who are named in another way.

        Raises:
            StationError: ``nobody-has-a-pin``.
        """
        if naming is Naming.PIN and not self.people:
            sentence = "Nobody has a PIN yet: give one to each person first, or nobody could review."
            raise StationError("nobody-has-a-pin", sentence)
        return replace(self, naming=naming)

    def identify(self, name: str, pin: str = "") -> str:
        """Return the name that stands for a person, once it is certain who it is.

        Args:
            name: As given.
            pin: Theirs, where people are named by it.

        Raises:
            StationError: ``unknown-person``, ``wrong-pin``, ``other-login``.
        """
        if self.naming is Naming.TYPED:
            return name
        if self.naming is Naming.LOGIN:
            if name and name != login_name():
                sentence = (
                    f"People are named by their login here: this one is {login_name()!r}, not {name!r}."
                )
                raise StationError("other-login", sentence)
            return login_name()
        person = next((one for one in self.people if fold(one.name) == fold(storable(name).strip())), None)
        if person is None:
            raise unknown_person(name)
        if not person.has_pin(pin):
            raise StationError("wrong-pin", f"This is not the PIN of {person.name}: try again.")
        return person.name

    def save(self) -> Path:
        """Write the list, where it is or else into the folder that stations share, or the profile.

        Returns:
            The file.

        Raises:
            StationError: ``not-written``.
        """
        path = people_path()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json_text({"version": 1, **asdict(self)}).encode(), private=True)
        except OSError as error:
            sentence = f"The list of people cannot be written ({error.strerror or error})."
            raise StationError("not-written", sentence) from error
        return path

    @classmethod
    def load(cls) -> Self:
        """Read the list; without one people type their names.

        Raises:
            StationError: ``bad-people`` if there is one that cannot be read: nobody is to get around it so.
        """
        path = people_path()
        try:
            with path.open("rb") as file:
                stored = json.loads(file.read(_MOST_BYTES))
            return cls._from_json(stored)
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            sentence = f"The list of people, {path.name}, cannot be read: reviews and signatures need it."
            raise StationError("bad-people", sentence) from error

    @classmethod
    def _from_json(cls, stored: Mapping[str, Any]) -> Self:
        people = tuple(
            Person(str(one["name"]), str(one["salt"]), str(one["hash"])) for one in stored["people"]
        )
        return cls(Naming(stored["naming"]), people)


def unknown_person(name: str) -> StationError:
    """Return the error for somebody who has no PIN."""
    return StationError("unknown-person", f"{name!r} has no PIN here: ask who keeps the list of people.")


def shared_folder() -> Path | None:
    """Return the folder that stations share, if one is set."""
    try:
        stored = json.loads((paths.config_folder() / "settings.json").read_bytes())
        named = stored.get(SHARED_FOLDER, "")
    except (OSError, ValueError, AttributeError):
        return None
    return Path(named) if isinstance(named, str) and named else None


def people_path() -> Path:
    """Return where the list is, or is to be: the folder that stations share goes first."""
    return (shared_folder() or paths.config_folder()) / FILE
