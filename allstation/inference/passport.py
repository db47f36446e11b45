"""Passport of laboratories: what typing is worth away from the laboratory that it was learned in.

A short extract of the measured table ships with the program, for the model card and for the acceptance
report of a site, so that a site's own figures can be held against those of other laboratories.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from allstation import paths
from allstation.core.errors import StationError

SHIPPED: Final = "models/passport.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PassportLine:
    """Line of the extract.

    Attributes:
        laboratory: Whose cells were tested.
        question: Which types were told apart.
        patients: How many patients they come from, in words.
        carried: AUROC of a typer of other laboratories, without a label from here; None where there is none.
        commissioned: AUROC after typing cells of a few patients, the mean over draws; None where too few.
        spread: Standard deviation of that over draws, or None.
        clicks: Typed cells that this took.
        size_alone: AUROC by the size of cells alone after the same clicks; None where it is not known.
    """

    laboratory: str
    question: str
    patients: str
    carried: float | None
    commissioned: float | None
    spread: float | None
    clicks: int
    size_alone: float | None


def shipped_passport() -> tuple[PassportLine, ...]:
    """Return the extract that ships with the program.

    Raises:
        StationError: ``missing-resource`` if it is not there, ``bad-passport`` if it cannot be read.
    """
    try:
        document = json.loads(paths.resource(SHIPPED).read_text("utf-8"))
        return tuple(PassportLine(**line) for line in document["lines"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        sentence = "The passport of laboratories cannot be read. Install ALL Station again."
        raise StationError("bad-passport", sentence) from error


def passport_table(lines: tuple[PassportLine, ...]) -> list[str]:
    """Return the extract as rows of a Markdown table."""
    head = [
        "| laboratory | cells told apart | patients | carried | commissioned (clicks) | size alone |",
        "|---|---|---|---|---|---|",
    ]
    return head + [
        f"| {line.laboratory} | {line.question} | {line.patients} | {_shown(line.carried)} | "
        f"{_shown(line.commissioned, line.spread)} ({line.clicks}) | {_shown(line.size_alone)} |"
        for line in lines
    ]


def _shown(value: float | None, spread: float | None = None) -> str:
    if value is None:
        return "not measured"
    return f"{value:.3f}" if spread is None else f"{value:.3f}, SD {spread:.3f}"
