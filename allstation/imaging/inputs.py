"""Network input of a field on disk, as a recipe describes it.

One function for training, evaluation and serving: what differs between them is only who calls it,
so that the numbers are equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging import stain_normalisation
from allstation.imaging.cells.segmentation import corner_of
from allstation.imaging.formats.decode import decode, decode_reduced

Pixels = NDArray[np.uint8]
Tensor = NDArray[np.float32]

ColourMode = Literal["rgb", "gray"]
Interpolation = Literal["station", "nearest", "bilinear", "bicubic", "area", "lanczos"]
Fit = Literal["squash", "crop", "pad"]
Scaling = Literal["unit", "signed", "imagenet", "caffe", "bytes"]
Stain = Literal["none", "reinhard", "macenko"]

INTERPOLATIONS: Final[Mapping[str, int]] = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}
"""Named by what they do; ``station`` besides is the project's own scaled decoding."""

_CORNER_GREY: Final = 200
_IMAGENET_MEAN: Final = np.array([0.485, 0.456, 0.406], np.float32)
_IMAGENET_SPREAD: Final = np.array([0.229, 0.224, 0.225], np.float32)
_CAFFE_MEAN_BGR: Final = np.array([103.939, 116.779, 123.68], np.float32)


@dataclass(frozen=True, slots=True)
class InputSpec:
    """Description of a network's input: size, colour, interpolation, scaling, stain.

    Attributes:
        height: Pixels of the network's input.
        width: Pixels of the network's input.
        colour: ``rgb``, or ``gray`` (ITU-R BT.601 weights).
        interpolation: How the size is changed; ``station`` is :func:`decode_reduced`.
        fit: ``squash`` to the shape, ``crop`` the centre, or ``pad`` with grey.
        scaling: ``unit`` 0..1; ``signed`` -1..1; ``imagenet`` mean and spread; ``caffe`` BGR less the
            mean (the Keras ResNet50); ``bytes`` 0..255.
        mask_corner: Replace the bottom right corner, where scale bars are, by plain grey.
        stain: Stain normalisation.
    """

    height: int = 224
    width: int = 224
    colour: ColourMode = "rgb"
    interpolation: Interpolation = "station"
    fit: Fit = "squash"
    scaling: Scaling = "unit"
    mask_corner: bool = False
    stain: Stain = "none"

    @property
    def channels(self) -> int:
        """1 for gray, 3 for RGB."""
        return 1 if self.colour == "gray" else 3

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.height, self.width, self.channels

    def to_json(self) -> dict[str, Any]:
        """Return the description as a JSON object."""
        return asdict(self)


def read_pixels(path: Path, spec: InputSpec) -> Pixels:
    """Read one field as bytes of the network's size.

    Args:
        path: An image file.
        spec: How.

    Returns:
        uint8 array of ``spec.shape``.

    Raises:
        StationError: If the field cannot be read.
    """
    return finish_pixels(rgb_pixels(path, spec), spec)


def rgb_pixels(path: Path, spec: InputSpec) -> Pixels:
    """Read one field as RGB bytes of the network's size, before mask, stain and gray."""
    if spec.interpolation == "station" and spec.fit == "squash":
        return decode_reduced(path, (spec.height, spec.width))
    return resize(decode(path), spec)


def resize(rgb: Pixels, spec: InputSpec) -> Pixels:
    """Bring an RGB array to the network's height and width by the named method."""
    height, width = rgb.shape[:2]
    method = INTERPOLATIONS.get(spec.interpolation, cv2.INTER_AREA)
    if spec.fit == "squash":
        return _scaled(rgb, (spec.height, spec.width), method)
    pick = max if spec.fit == "crop" else min
    scale = pick(spec.height / height, spec.width / width)
    inner = max(1, round(height * scale)), max(1, round(width * scale))
    scaled = _scaled(rgb, inner, method)
    return _centred(scaled, spec)


def _scaled(rgb: Pixels, size: tuple[int, int], method: int) -> Pixels:
    if rgb.shape[:2] == size:
        return np.ascontiguousarray(rgb)
    return np.asarray(cv2.resize(rgb, (size[1], size[0]), interpolation=method), np.uint8)


def _centred(rgb: Pixels, spec: InputSpec) -> Pixels:
    """Cut or pad around the centre to the network's size."""
    canvas = np.full((spec.height, spec.width, 3), _CORNER_GREY, np.uint8)
    places = []
    for have, want in zip(rgb.shape[:2], (spec.height, spec.width), strict=True):
        take, shift = min(have, want), (want - have) // 2
        places.append(
            (slice(max(0, -shift), max(0, -shift) + take), slice(max(0, shift), max(0, shift) + take))
        )
    (rows_from, rows_to), (columns_from, columns_to) = places
    canvas[rows_to, columns_to] = rgb[rows_from, columns_from]
    return canvas


def finish_pixels(rgb: Pixels, spec: InputSpec) -> Pixels:
    """Apply stain normalisation, corner mask and gray, in this order.

    Args:
        rgb: uint8 (h, w, 3) of the network's size.
        spec: How.

    Returns:
        uint8 (h, w, 1 or 3).
    """
    if spec.stain == "reinhard":
        rgb = stain_normalisation.reinhard(rgb)
    elif spec.stain == "macenko":
        rgb = stain_normalisation.macenko(rgb)
    if spec.mask_corner:
        rgb = rgb.copy()
        rgb[corner_of(spec.height, spec.width)] = _CORNER_GREY
    if spec.colour == "gray":
        return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)[:, :, None]
    return rgb


def to_tensor(pixels: Pixels, spec: InputSpec) -> Tensor:
    """Scale bytes to the network's numbers.

    Args:
        pixels: uint8 (..., h, w, c): one field or a batch, c as ``spec.channels``.
        spec: How.

    Returns:
        float32 array of the same shape.
    """
    values = pixels.astype(np.float32)
    if spec.scaling == "bytes":
        return values
    if spec.scaling == "signed":
        return values / np.float32(127.5) - np.float32(1)
    if spec.scaling == "caffe":
        return values[..., ::-1] - _for_channels(_CAFFE_MEAN_BGR, spec)
    values /= np.float32(255)
    if spec.scaling == "imagenet":
        values = (values - _for_channels(_IMAGENET_MEAN, spec)) / _for_channels(_IMAGENET_SPREAD, spec)
    return values


def _for_channels(constants: Tensor, spec: InputSpec) -> Tensor:
    """The constants of three channels, or their mean for gray."""
    return constants if spec.channels == len(constants) else constants.mean(keepdims=True)
