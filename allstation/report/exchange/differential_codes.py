"""Codes of a differential count for other systems: LOINC of blood, else the program's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from allstation.core.cell_types import PANEL_LOINC, CellType
from allstation.report.content.identity import known_key

LOINC_NAMES: Final[Mapping[str, str]] = {
    PANEL_LOINC: "Differential panel, method unspecified - Blood",
    "26446-5": "Blasts/Leukocytes in Blood",
    "26478-8": "Lymphocytes/Leukocytes in Blood",
    "13046-8": "Variant lymphocytes/Leukocytes in Blood",
    "26508-2": "Band form neutrophils/Leukocytes in Blood",
    "26505-8": "Segmented neutrophils/Leukocytes in Blood",
    "26450-7": "Eosinophils/Leukocytes in Blood",
    "30180-4": "Basophils/Leukocytes in Blood",
    "26485-3": "Monocytes/Leukocytes in Blood",
    "26524-9": "Promyelocytes/Leukocytes in Blood",
    "26498-6": "Myelocytes/Leukocytes in Blood",
    "28541-1": "Metamyelocytes/Leukocytes in Blood",
    "13047-6": "Plasma cells/Leukocytes in Blood",
    "34992-8": "Smudge cells/Leukocytes in Blood",
    "19048-8": "Nucleated erythrocytes/Leukocytes [Ratio] in Blood",
}
"""Names of the codes of the shipped list, as members of the panel 69738-3 are called."""
PER_HUNDRED: Final = "/100{WBCs}"
"""UCUM unit of cells that are counted beside the white ones."""
_SPECIMEN: Final = ("specimen", "source")


def is_blood(details: Mapping[str, str]) -> bool:
    """Tell whether a case's data say that its smear is of blood; what is not said is not assumed.

    Args:
        details: As stored in the case.
    """
    text = " ".join(value for key, value in details.items() if known_key(key) in _SPECIMEN).casefold()
    return "blood" in text and not any(other in text for other in ("marrow", "cord", "fluid"))


def loinc_of(kind: CellType, *, blood: bool) -> str:
    """Return the LOINC of a type's share; empty if there is none or the smear is not known to be blood."""
    return kind.loinc if blood else ""
