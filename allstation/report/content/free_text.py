"""Free text of a case: what people typed, which no rule can tell from a name, by kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from allstation.core.errors import StationError
from allstation.core.pseudonyms import new_nonce


class FreeText(StrEnum):
    """Kind of free text; each is let go or withheld as a whole."""

    NAMES = "names"
    COMMENTS = "comments"
    REVIEWERS = "reviewers"
    SPECIMEN = "specimen"
    MICROSCOPE = "microscope"
    MODELS = "models"
    LETTERHEAD = "letterhead"


TITLES: Final[Mapping[FreeText, str]] = {
    FreeText.NAMES: "File and slide names",
    FreeText.COMMENTS: "Comments",
    FreeText.REVIEWERS: "Names of reviewers",
    FreeText.SPECIMEN: "Specimen and source",
    FreeText.MICROSCOPE: "Stain and microscope",
    FreeText.MODELS: "Models that did not come with the program",
    FreeText.LETTERHEAD: "Letterhead",
}
KEYS: Final[Mapping[FreeText, tuple[str, ...]]] = {
    FreeText.SPECIMEN: ("specimen", "source"),
    FreeText.MICROSCOPE: ("stain", "objective", "camera", "pixel_size"),
}
"""Case data that are free text, by kind."""

Texts = Mapping[FreeText, tuple[str, ...]]
"""Different texts by kind; a kind without texts is left out."""


@dataclass(frozen=True, slots=True)
class Anonymity:
    """Choices about an anonymised export.

    Attributes:
        keep: Free text that a person looked at and lets go. The words of the patient's name, and the ids, are
            taken out of it all the same.
        nonce: Drawn for the export; with the case's secret it makes the pseudonyms.
    """

    keep: frozenset[FreeText] = frozenset()
    nonce: str = field(default_factory=new_nonce)


def kinds(words: Iterable[str]) -> frozenset[FreeText]:
    """Return the kinds that words name.

    Raises:
        StationError: ``bad-free-text`` for a word that names none.
    """
    given = list(words)
    known = ", ".join(FreeText)
    for word in given:
        if word not in set(FreeText):
            raise StationError("bad-free-text", f"{word!r} is no kind of free text. Choose from: {known}.")
    return frozenset(map(FreeText, given))


def different(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the texts that say something, each once, in their order."""
    return tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))
