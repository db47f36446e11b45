"""Smear fields drawn at a known scale, with known cells, for the tests of cell finding."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

PAPER, RED, CYTOPLASM, NUCLEUS, PLATELET = (
    (245, 248, 240),
    (196, 170, 160),
    (205, 190, 232),
    (110, 60, 170),
    (150, 110, 190),
)
RED_DIAMETER = 7.2


@dataclass
class Smear:
    """Field of a known scale; places and lengths are micrometres.

    Args:
        scale: Pixels per micrometre.
        width: Of the field.
        height: Of the field.
    """

    scale: float
    width: float = 100.0
    height: float = 100.0
    rgb: NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        size = round(self.height * self.scale), round(self.width * self.scale)
        self.rgb = np.full((*size, 3), PAPER, np.uint8)

    def disc(self, x: float, y: float, diameter: float, colour: tuple[int, int, int]) -> None:
        """Draw a disc with smooth edges."""
        fixed = [round(value * self.scale * 16) for value in (x, y, diameter / 2)]
        cv2.circle(self.rgb, (fixed[0], fixed[1]), fixed[2], colour, cv2.FILLED, cv2.LINE_AA, shift=4)

    def red_cells(
        self, *, step: float = 12.0, avoid: tuple[tuple[float, float], ...] = (), gap: float = 12.0
    ) -> None:
        """Draw red cells on a grid, away from some places."""
        for y in np.arange(step / 2, self.height, step):
            for x in np.arange(step / 2, self.width, step):
                if all((x - u) ** 2 + (y - v) ** 2 > gap**2 for u, v in avoid):
                    self.disc(float(x), float(y), RED_DIAMETER, RED)

    def lymphocyte(self, x: float, y: float, diameter: float = 8.0) -> None:
        """Draw a small round cell: a nucleus and a rim of cytoplasm."""
        self.disc(x, y, diameter, CYTOPLASM)
        self.disc(x, y, diameter * 0.88, NUCLEUS)

    def granulocyte(self, x: float, y: float, *, lobes: int = 3, diameter: float = 13.0) -> None:
        """Draw a cell with lobes of a nucleus that do not touch."""
        self.disc(x, y, diameter, CYTOPLASM)
        for index in range(lobes):
            turn = 2 * np.pi * index / lobes
            self.disc(x + 3.2 * float(np.cos(turn)), y + 3.2 * float(np.sin(turn)), 4.4, NUCLEUS)

    def finished(self) -> NDArray[np.uint8]:
        """Return the field as a lens and a camera show it: soft, with a little noise."""
        soft = cv2.GaussianBlur(self.rgb, (0, 0), max(0.25 * self.scale, 0.5))
        noise = np.random.default_rng(7).integers(-2, 3, soft.shape, dtype=np.int16)
        return np.clip(soft.astype(np.int16) + noise, 0, 255).astype(np.uint8)
