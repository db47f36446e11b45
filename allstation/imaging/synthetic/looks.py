"""Looks of synthetic smears: colours, sizes and densities that were measured on real fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Colour = tuple[int, int, int]
Quantiles = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Look:
    """Appearance of fields of one kind. Quantiles are the 10th, 50th and 90th percentile.

    Colours, densities and counts were measured on 1,361 fields of 224x224 (every second of the
    2,719 Taleqani fields: 204 Benign, 416 Early, 404 Pre, 337 Pro), diameters and texture on 40
    camera frames of 1024x768 (10 a kind; 19, 29, 89 and 36 whole white cells; 10, 40, 38 and 53
    single red cells). White cells: Lab a* above the pale background, Otsu's threshold with a floor,
    opening; red cells: darker than the background by Otsu's threshold and not white.

    Attributes:
        background: Median RGB of the pale background.
        red: Median RGB of red cells.
        white: Median RGB of white cells.
        red_share: Share of the field under red cells.
        white_share: Share of the field under white cells.
        red_diameter: Pixels at 1024x768.
        white_diameter: Pixels at 1024x768.
        texture: Standard deviation of gray inside nuclei after a high pass of 6 pixels, grey levels.
        depth: Absorbance of single white cells relative to that of ``white``; set so that drawn fields
            measure like real ones.
        pallor: How pale red cells are in the middle, 0 to 1 (judged by eye).
        clumping: Share of red cells that lie against another one (judged by eye).
        blur: Focus blur of red cells and of white cells, pixels; set so that the variance of the
            Laplacian of drawn fields at 224x224 comes near that of real ones.
    """

    background: Colour
    red: Colour
    white: Colour
    red_share: Quantiles
    white_share: Quantiles
    red_diameter: Quantiles
    white_diameter: Quantiles
    texture: float
    depth: Quantiles
    pallor: float
    clumping: float
    blur: tuple[float, float]


LOOKS: Final = {
    "Benign": Look(
        background=(248, 254, 243),
        red=(191, 202, 219),
        white=(160, 136, 245),
        red_share=(0.26, 0.39, 0.48),
        white_share=(0.03, 0.061, 0.107),
        red_diameter=(52.0, 59.3, 65.9),
        white_diameter=(60.8, 81.7, 108.3),
        texture=9.0,
        depth=(0.65, 0.9, 1.7),
        pallor=0.25,
        clumping=0.45,
        blur=(1.8, 1.4),
    ),
    "Early": Look(
        background=(243, 254, 249),
        red=(174, 189, 221),
        white=(152, 128, 250),
        red_share=(0.31, 0.36, 0.41),
        white_share=(0.041, 0.069, 0.108),
        red_diameter=(60.3, 65.3, 72.1),
        white_diameter=(80.3, 96.5, 107.3),
        texture=9.3,
        depth=(0.8, 0.93, 1.15),
        pallor=0.2,
        clumping=0.7,
        blur=(3.0, 1.4),
    ),
    "Pre": Look(
        background=(237, 253, 251),
        red=(153, 181, 237),
        white=(158, 143, 251),
        red_share=(0.21, 0.26, 0.29),
        white_share=(0.149, 0.21, 0.272),
        red_diameter=(57.3, 71.4, 83.2),
        white_diameter=(75.7, 92.2, 109.8),
        texture=7.1,
        depth=(0.72, 0.92, 1.2),
        pallor=0.6,
        clumping=0.4,
        blur=(2.6, 1.6),
    ),
    "Pro": Look(
        background=(254, 255, 250),
        red=(200, 209, 229),
        white=(220, 178, 252),
        red_share=(0.26, 0.30, 0.335),
        white_share=(0.023, 0.044, 0.068),
        red_diameter=(55.9, 61.8, 67.8),
        white_diameter=(75.8, 86.8, 95.4),
        texture=5.2,
        depth=(0.65, 0.87, 1.15),
        pallor=0.65,
        clumping=0.15,
        blur=(1.6, 1.5),
    ),
}

FRAME: Final = (768, 1024)
"""Height and width at which the lengths of ``LOOKS`` hold."""

FRAME_PIXEL_UM: Final = 0.11
"""Micrometres a pixel of such a frame, by its red cells (``inference.training_optics``)."""
