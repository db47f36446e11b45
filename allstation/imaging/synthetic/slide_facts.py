"""Facts and pictures that a synthetic slide carries beside its pyramid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]

_LABEL: Final = (400, 400)
_MACRO: Final = (420, 1200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Person whom a synthetic slide names; invented.

    Attributes:
        patient_id: Patient's number.
        name: As DICOM writes it, ``Family^Given``.
        accession: Number of the laboratory's order.
        specimen: Number of the specimen, also on the label.
    """

    patient_id: str = "SYN-0042"
    name: str = "Synthetic^Smear"
    accession: str = "A-2026-0042"
    specimen: str = "S26-42-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideFacts:
    """Metadata that a container holds about its slide.

    Attributes:
        seed: That the slide was drawn from.
        pixel_um: Micrometres a pixel of level 0; None to say nothing.
        tile: Side of tiles, pixels.
        quality: Of JPEG.
        patient: Whom it names.
    """

    seed: int
    pixel_um: float | None
    tile: int
    quality: int
    patient: Patient = field(default_factory=Patient)

    @property
    def objective(self) -> int | None:
        """Magnification that usually goes with the pixel size."""
        if self.pixel_um is None:
            return None
        return min((10, 20, 40, 60, 100), key=lambda one: abs(10 / one - (self.pixel_um or 0)))

    def label(self) -> Rgb:
        """Draw the label: (400, 400, 3)."""
        rgb = np.full((*_LABEL, 3), 252, np.uint8)
        lines = (
            "SYNTHETIC",
            self.patient.specimen,
            self.patient.name.replace("^", ", "),
            self.patient.patient_id,
        )
        for row, text in enumerate(lines):
            cv2.putText(
                rgb, text, (20, 60 + 60 * row), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (30, 30, 40), 2, cv2.LINE_AA
            )
        for index in range(60):
            if (self.seed * 2654435761 >> (index % 31)) & 1:
                rgb[290:370, 20 + 6 * index : 24 + 6 * index] = 20
        return rgb

    def macro(self, smallest: Rgb) -> Rgb:
        """Draw the whole glass with its label: (420, 1200, 3)."""
        rgb = np.full((*_MACRO, 3), 238, np.uint8)
        rgb[10:410, 10:410] = self.label()
        room = (370, 740)
        share = min(room[0] / smallest.shape[0], room[1] / smallest.shape[1])
        size = max(1, int(smallest.shape[1] * share)), max(1, int(smallest.shape[0] * share))
        small = cv2.resize(smallest, size, interpolation=cv2.INTER_AREA)
        rgb[25 : 25 + size[1], 440 : 440 + size[0]] = small
        return rgb
