"""Preprocessing of pixels at the network's size: one function for training and serving.

Two preparations exist, named and versioned in every bundle:

``cells``: white cells are kept, everything else becomes exactly zero, and the cells' mask is the
fourth channel. What the background, its illumination or a burnt-in mark look like cannot reach the
network, as it is not in the tensor; the colours of the cells are not balanced against the
background either, for that would let it speak after all. Version 3 finds and dims
the cells of fields of more light than any that was learned from (:mod:`allstation.imaging.fields.light`);
of all other fields it gives the bits of version 2.

``plain``: the whole field as an :class:`~allstation.imaging.inputs.InputSpec` describes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.imaging.cells.segmentation import Cells, corner_of, segment_cells
from allstation.imaging.fields.light import FieldLight, field_light
from allstation.imaging.inputs import InputSpec, finish_pixels, to_tensor

CELLS: Final = "cells"
PLAIN: Final = "plain"
VERSIONS: Final[Mapping[str, tuple[int, ...]]] = {CELLS: (2, 3), PLAIN: (1,)}
"""Versions of each preparation that this program computes. A changed result is a new version."""
_FOLLOWS_LIGHT: Final = (CELLS, 3)

NETWORK_SIDE: Final = 224
_CENTRE: Final = np.float32(127.5)
_BLANK: Final = 127
_CHANNELS: Final = 4
_INSIDE: Final = 255
"""The byte that ``_SIGNED`` turns into 1, what the mask's channel holds inside cells."""
_SIGNED: Final = ((np.arange(256, dtype=np.float32) - _CENTRE) / _CENTRE).reshape(1, 256)

Rgb = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Tensor = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """A named, versioned way from pixels to tensor.

    Attributes:
        name: ``cells`` or ``plain``.
        version: Changes whenever equal pixels would give another tensor.
        size: Height and width of the network's input.
        options: For ``plain`` the fields of an ``InputSpec`` beside height and width. For ``cells``
            ``zoom``: rows and columns of the tensor if it is larger than ``size``. Cells are about 23
            pixels wide at 224, small for a network that learned on photographs.
    """

    name: str = CELLS
    version: int = 3
    size: tuple[int, int] = (NETWORK_SIDE, NETWORK_SIDE)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what this program cannot compute, by name and version."""
        if self.version not in VERSIONS.get(self.name, ()):
            known = ", ".join(f"{name} {each}" for name, versions in VERSIONS.items() for each in versions)
            sentence = f"The preprocessing {self.name} {self.version} is unknown; this program has {known}."
            raise StationError("unknown-preprocessing", sentence)

    def to_json(self) -> dict[str, Any]:
        """Return the object stored in ``bundle.json``."""
        return {
            "name": self.name,
            "version": self.version,
            "size": list(self.size),
            "options": dict(self.options),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Preprocessing:
        """Read what ``to_json`` wrote.

        Raises:
            StationError: ``unknown-preprocessing`` for a name or version of another program.
            KeyError: If an entry is missing.
        """
        height, width = data["size"]
        size = int(height), int(width)
        return cls(str(data["name"]), int(data["version"]), size, dict(data.get("options", {})))

    @classmethod
    def plain(cls, spec: InputSpec) -> Preprocessing:
        """Return the whole-field preparation that a recipe's input describes."""
        options = spec.to_json()
        size = options.pop("height"), options.pop("width")
        return cls(PLAIN, VERSIONS[PLAIN][-1], size, options)

    @property
    def zoom(self) -> int:
        """Rows and columns of the tensor of ``cells``."""
        return int(self.options.get("zoom", self.size[0]))

    @property
    def spec(self) -> InputSpec:
        """The input description of ``plain``."""
        return InputSpec(height=self.size[0], width=self.size[1], **self.options)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A field ready for the network.

    Attributes:
        tensor: (h, w, c) float32.
        cells: White cells at the same size; also for ``plain``, as quality and decision need them.
    """

    tensor: Tensor
    cells: Cells


def prepare(rgb: Rgb, preprocessing: Preprocessing) -> Prepared:
    """Turn pixels of the network's size into its input.

    Args:
        rgb: (h, w, 3) uint8 of ``preprocessing.size``.
        preprocessing: How.

    Raises:
        StationError: ``wrong-size`` if the pixels have another size.
    """
    if rgb.shape != (*preprocessing.size, 3):
        sentence = f"The network takes {preprocessing.size} RGB pixels; {rgb.shape} were given."
        raise StationError("wrong-size", sentence)
    follows = (preprocessing.name, preprocessing.version) == _FOLLOWS_LIGHT
    light = field_light(rgb) if follows else FieldLight()
    cells = segment_cells(rgb, light.thresholds)
    if preprocessing.name == PLAIN:
        spec = preprocessing.spec
        return Prepared(to_tensor(finish_pixels(rgb, spec), spec), cells)
    mask = cells.mask.view(np.uint8)
    return Prepared(only_cells(*zoomed(light.dimmed(rgb), mask, preprocessing.zoom)), cells)


def zoomed(rgb: Rgb, mask: Mask, side: int) -> tuple[Rgb, Mask]:
    """Enlarge a field and its mask to ``side`` by ``side``; colours bit-exactly interpolated.

    The corner of burnt-in marks is blanked first, or interpolation would carry it into cells beside it.

    Returns:
        (side, side, 4) colours, a fourth channel of no meaning behind them as four are interpolated
        faster than three, or ``rgb`` itself if it has that size already; (side, side) mask.
    """
    if rgb.shape[:2] == (side, side):
        return rgb, mask
    blanked = cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA)
    blanked[corner_of(*rgb.shape[:2])] = _BLANK
    larger = cv2.resize(blanked, (side, side), interpolation=cv2.INTER_LINEAR_EXACT)
    return np.asarray(larger, np.uint8), np.asarray(
        cv2.resize(mask, (side, side), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8
    )


def only_cells(rgb: Rgb, mask: Mask) -> Tensor:
    """Return the tensor of ``cells``: colours -1 to 1 inside the mask, zero outside, mask as channel 4.

    Only pixels of cells are computed, four channels of each moved as one number.

    Args:
        rgb: (h, w, 3) or (h, w, 4) uint8; a fourth channel is not looked at.
        mask: (h, w) of 0 and 1.
    """
    padded = rgb if rgb.shape[2] == _CHANNELS else np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA), np.uint8)
    places = np.flatnonzero(mask.view(np.bool_))
    tensor = np.zeros((*mask.shape, _CHANNELS), np.float32)
    if not len(places):
        return tensor
    colours = padded.view(np.uint32).ravel().take(places).view(np.uint8).reshape(-1, _CHANNELS)
    colours[:, -1] = _INSIDE
    signed = np.asarray(cv2.LUT(colours, _SIGNED), np.float32)
    tensor.view(np.complex128).ravel()[places] = signed.view(np.complex128).ravel()
    return tensor
