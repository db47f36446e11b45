"""Canvas of synthetic smears: cells that absorb light, the lens and the camera.

Every cell adds absorbance (Beer and Lambert), the background's colour is multiplied by what is left, then
come the lens (focus, a light fringe at edges) and the camera (noise).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.synthetic.looks import FRAME, Colour, Look, Quantiles

Plane = NDArray[np.uint16]
Shape = NDArray[np.float32]

_UNIT: Final = 2048
"""Absorbance 1.0 (natural logarithm) in the integer planes."""

_FLOOR: Final = 512
"""What stands for no absorbance after the lens; less than that is a fringe brighter than the light."""

_CYTOPLASM: Final = (0.40, 0.30, 0.02)
"""Absorbance of basophilic cytoplasm, RGB; tinted towards the kind's nuclei."""

_PLATELET: Final = (0.50, 0.62, 0.10)
"""Absorbance of platelets and smudged chromatin, RGB."""

_TEMPLATES: Final = 16
"""Red cells drawn per field; each appears in up to eight positions (turned and mirrored)."""

_TILE: Final = 320
"""Side of the piece of chromatin that the nuclei of a field are cut from, pixels at 1024x768."""


def _chance(rng: np.random.Generator, share: float) -> bool:
    return bool(rng.random() < share)


def _draw(rng: np.random.Generator, quantiles: Quantiles) -> float:
    """Draw from the piecewise linear distribution with these 10th, 50th and 90th percentiles."""
    low, middle, high = quantiles
    knots = (middle - 1.25 * (middle - low), low, middle, high, high + 0.25 * (high - middle))
    return float(np.interp(rng.random(), (0.0, 0.1, 0.5, 0.9, 1.0), knots))


def _direction(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a random vector of length 1."""
    vector = rng.random(2) - 0.5 + 1e-6
    return np.asarray(vector / np.sqrt(vector @ vector))


def _absorbance(colour: Colour, background: Colour) -> NDArray[np.float64]:
    """Return the absorbance, RGB, that turns the background into a colour."""
    return np.maximum(-np.log(np.divide(colour, background)), 0.0)


def _ramp(value: Shape, low: float, high: float) -> Shape:
    """Rise smoothly from 0 at ``low`` to 1 at ``high`` (or fall, if ``high`` is below)."""
    step = np.clip((value - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return np.asarray(step * step * (3 - 2 * step))


def _distance(rng: np.random.Generator, diameter: float, *, axis: float, wobble: float) -> Shape:
    """Return a patch of distances from a cell's centre, 1.0 on its outline.

    The outline is an ellipse of the given axis ratio, turned at random, with harmonics of the third
    to fifth order; cos(n t) and sin(n t) come by the addition theorems, without trigonometry.
    """
    radius = diameter / 2
    reach = int(radius * (1.12 + 2 * wobble) / np.sqrt(axis)) + 2
    line = np.arange(-reach, reach + 1, dtype=np.float32)
    cos, sin = _direction(rng).astype(np.float32)
    x = (line * cos + line[:, None] * sin) * np.float32(np.sqrt(axis))
    y = (line[:, None] * cos - line * sin) * np.float32(1 / np.sqrt(axis))
    length = np.sqrt(x * x + y * y) + np.float32(1e-6)
    x, y = x / length, y / length
    real, imaginary = x * x - y * y, 2 * x * y
    outline = np.full_like(length, radius)
    for order in (3, 4, 5):
        real, imaginary = real * x - imaginary * y, real * y + imaginary * x
        a, b = ((rng.random(2) - 0.5) * (radius * wobble * 6 / order)).astype(np.float32)
        outline += a * real + b * imaginary
    return np.asarray(length / outline)


class Canvas:
    """Canvas of a field: a plane of absorbance for each stain.

    Args:
        look: What to draw.
        rng: Source of everything random.
        size: Height and width, pixels.
        scale: Times the lengths of the look; by the canvas's area if none is given.
    """

    def __init__(
        self, look: Look, rng: np.random.Generator, size: tuple[int, int], *, scale: float | None = None
    ) -> None:
        self._look = look
        self._rng = rng
        self._size = size
        self.scale = scale or float(np.sqrt(size[0] * size[1] / (FRAME[0] * FRAME[1])))
        self._red, self._white, self._cytoplasm, self._small, self._covered = (
            np.zeros(size, np.uint16) for _ in range(5)
        )
        self._chromatin = self._texture()
        self._whites: list[tuple[float, float, float]] = []

    def _texture(self) -> Shape:
        """Return a tile of nuclear texture around 1: three grains, added."""
        whole = max(_TILE, int(_TILE * self.scale))
        tile = np.zeros((whole, whole), np.float32)
        for grain, weight in ((18.0, 0.5), (7.5, 0.9), (3.4, 1.2)):
            side = max(int(whole / (grain * self.scale)), 3)
            grid = self._rng.integers(0, 256, (side, side), dtype=np.uint8)
            smooth = cv2.resize(grid, (whole, whole), interpolation=cv2.INTER_CUBIC)
            tile += (smooth.astype(np.float32) - 128) * np.float32(weight)
        return np.asarray(1 + tile * np.float32(self._look.texture / 5000))

    def add_white_cells(self) -> None:
        """Place white cells until they cover the share of the field drawn for it."""
        wanted = _draw(self._rng, self._look.white_share) * self._size[0] * self._size[1]
        covered = 0.0
        for _ in range(60):
            diameter = _draw(self._rng, self._look.white_diameter) * self.scale
            if covered + 0.4 * diameter * diameter > wanted and self._whites:
                break
            row, column = self._free_place(diameter)
            self._whites.append((row, column, diameter / 2))
            self._white_cell(row, column, diameter)
            covered += 0.785 * diameter * diameter

    def add_one_white_cell(self) -> float:
        """Place one white cell in the middle; return its diameter, pixels."""
        diameter = _draw(self._rng, self._look.white_diameter) * self.scale
        self._white_cell(self._size[0] // 2, self._size[1] // 2, diameter)
        return diameter

    def _free_place(self, diameter: float) -> tuple[float, float]:
        """Find a place that touches no white cell drawn so far, often beside one."""
        placed = np.asarray(self._whites).reshape(-1, 3)
        place = np.zeros(2)
        for _ in range(25):
            place = self._rng.random(2) * self._size
            if len(placed) and _chance(self._rng, 0.4):
                near = placed[int(self._rng.random() * len(placed))]
                place = near[:2] + _direction(self._rng) * (near[2] + diameter / 2) * 1.02
            gaps = ((placed[:, :2] - place) ** 2).sum(axis=1)
            free = bool(np.all(gaps > ((placed[:, 2] + diameter / 2) * 0.97) ** 2))
            if free and np.all(place >= 0) and np.all(place < self._size):
                break
        return float(place[0]), float(place[1])

    def _white_cell(self, row: float, column: float, diameter: float) -> None:
        """Draw nucleus and cytoplasm, and note what they cover."""
        rng, soft = self._rng, 2.4 / diameter
        body = _distance(
            rng, diameter, axis=_draw(rng, (0.77, 0.87, 0.95)), wobble=0.01 + 0.04 * rng.random() ** 2
        )
        whole = _ramp(body, 1 + soft, 1 - soft)
        self._stamp(self._covered, 224 * whole, row, column)
        rim = rng.random() ** 2 * 0.16
        nucleus = _moved(body, (rng.random(2) - 0.5) * rim * diameter) * np.float32(1 / (1 - rim))
        inside = _ramp(nucleus, 1 + soft, 1 - soft)
        depth = self._cut_of_chromatin(body.shape) * (0.88 + 0.28 * _ramp(nucleus, 0.5, 0.97))
        for _ in range(int(rng.random() * 3)):
            depth *= 1 - np.float32(0.14) * self._nucleolus(body.shape, diameter)
        depth *= np.float32(_draw(rng, self._look.depth) * _UNIT)
        self._stamp(self._white, np.maximum(depth, 0) * inside, row, column)
        rest = whole * (1 - np.float32(0.8) * inside) * (0.6 + 0.5 * _ramp(body, 0.5, 1.0))
        self._stamp(self._cytoplasm, rest * np.float32((0.7 + 0.6 * rng.random()) * _UNIT), row, column)

    def _cut_of_chromatin(self, shape: tuple[int, ...]) -> Shape:
        """Return a piece of the texture, turned at random; the tile is larger than any nucleus."""
        tile = np.rot90(self._chromatin, int(self._rng.random() * 4))
        room = [max(len(tile) - count, 1) for count in shape]
        top, left = (int(self._rng.random() * space) for space in room)
        cut = tile[top : top + shape[0], left : left + shape[1]]
        return cut.copy()

    def _nucleolus(self, shape: tuple[int, ...], diameter: float) -> Shape:
        """Return a pale spot somewhere in the inner half of a nucleus, 0 to 1."""
        middle = (np.asarray(shape) - 1) / 2 + (self._rng.random(2) - 0.5) * 0.5 * diameter
        rows, columns = (
            (np.arange(count) - at).astype(np.float32) for count, at in zip(shape, middle, strict=True)
        )
        return _ramp(rows[:, None] ** 2 + columns**2, (0.13 * diameter) ** 2, (0.05 * diameter) ** 2)

    def add_red_cells(self) -> None:
        """Scatter red cells, partly against each other, over the share of the field drawn for them."""
        rng, look = self._rng, self._look
        templates = [self._red_cell() for _ in range(_TEMPLATES)]
        step = look.red_diameter[1] * self.scale
        share = _draw(rng, look.red_share) * (1 + 0.35 * look.clumping) * (1 + 0.35 * look.pallor)
        hidden = sum(3.14 * radius * radius for *_, radius in self._whites)
        area = self._size[0] * self._size[1]
        # Cells that fall at random leave exp(-sum of their areas) free (Poisson); this many are needed.
        wanted = -np.log(max(1 - share * area / max(area - hidden, area / 2), 0.2))
        count = int(wanted * area / (0.785 * step * step))
        for row, column in self._scatter(count, step):
            turned = np.rot90(templates[int(rng.random() * _TEMPLATES)], int(rng.random() * 4))
            self._stamp(self._red, turned if _chance(rng, 0.5) else turned[:, ::-1], row, column)
        self._red = _STACKED[self._red]
        self._red = _product(self._red, np.uint16(256) - np.minimum(self._covered, np.uint16(224)), shift=8)

    def add_one_red_cell(self) -> None:
        """Place one red cell in the middle."""
        self._stamp(self._red, self._red_cell(), self._size[0] // 2, self._size[1] // 2)

    def _red_cell(self) -> Shape:
        """Draw a red cell's absorbance: a rim and a pale middle."""
        rng, look = self._rng, self._look
        diameter = _draw(rng, look.red_diameter) * self.scale
        body = _distance(
            rng, diameter, axis=_draw(rng, (0.74, 0.88, 0.97)), wobble=0.012 + 0.04 * rng.random()
        )
        pallor = min(look.pallor * (0.4 + 0.9 * rng.random()), 0.9)
        profile = (0.85 + 0.3 * _ramp(body, 0.35, 0.8)) * (
            1 - pallor * _ramp(body, 0.75, 0.15 + 0.25 * rng.random())
        )
        return np.asarray(np.float32((0.75 + 0.4 * rng.random()) * _UNIT) * profile * _ramp(body, 1.04, 0.93))

    def _scatter(self, count: int, step: float) -> Iterator[tuple[float, float]]:
        """Yield places: some against an earlier cell, the others away from all so far."""
        places = np.empty((count, 2))
        for index in range(count):
            if index and _chance(self._rng, self._look.clumping):
                tries = self._touching_places(places[:index], step)
            else:
                tries = self._rng.random((5, 2)) * (np.add(self._size, 2 * step)) - step
            gaps = ((tries[:, None] - places[None, :index]) ** 2).sum(axis=2)
            place = tries[int(gaps.min(axis=1).argmax())] if index else tries[0]
            places[index] = place
            yield float(place[0]), float(place[1])

    def _touching_places(self, places: NDArray[np.float64], step: float) -> NDArray[np.float64]:
        """Return three places against one of the last cells."""
        near = places[len(places) - 1 - int(self._rng.random() ** 2 * min(len(places) - 1, 8))]
        reach = step * (0.6 + 0.35 * self._rng.random())
        return np.asarray([near + _direction(self._rng) * reach for _ in range(3)])

    def add_platelets(self) -> None:
        """Add a few platelets, and now and then the smudge of a broken cell."""
        rng = self._rng
        for _ in range(int(rng.random() ** 2 * 9)):
            place = rng.random(2) * self._size
            dot = 0.9 * _UNIT * _ramp(_distance(rng, 7 * self.scale, axis=0.75, wobble=0.06), 1.3, 0.4)
            for _ in range(1 + int(rng.random() * 7)):
                row, column = place + (rng.random(2) - 0.5) * 20 * self.scale
                self._stamp(self._small, np.float32(0.5 + 0.6 * rng.random()) * dot, row, column)
        if _chance(rng, 0.3):
            smudge = _distance(rng, (110 + 60 * rng.random()) * self.scale, axis=0.7, wobble=0.1)
            row, column = rng.random(2) * self._size
            patch = 0.35 * _UNIT * _ramp(smudge, 1.15, 0.2) * self._cut_of_chromatin(smudge.shape)
            self._stamp(self._small, patch, row, column)

    def _stamp(self, plane: Plane, patch: Shape, row: float, column: float) -> None:
        """Add a patch to a plane, centred, cut at the borders."""
        top, left = int(row) - patch.shape[0] // 2, int(column) - patch.shape[1] // 2
        rows = slice(max(top, 0), min(top + patch.shape[0], plane.shape[0]))
        columns = slice(max(left, 0), min(left + patch.shape[1], plane.shape[1]))
        if rows.start < rows.stop and columns.start < columns.stop:
            cut = patch[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
            plane[rows, columns] += (cut + np.float32(0.5)).astype(np.uint16)

    def develop(self, defocus: float) -> NDArray[np.uint8]:
        """Turn absorbance into a picture: light, lens, camera."""
        passed = _TRANSMITTED[self._blurred_absorbance(defocus)]
        light = _product(self._light(), passed, shift=12)
        height, width = self._size
        grain = self._rng.integers(0, 25, (height + 2, width + 2), dtype=np.uint16)
        noise = cv2.merge([grain[index : index + height, index : index + width] for index in range(3)])
        # Light and noise are in quarters of a grey level; 12 is the mean of the noise.
        return np.asarray(cv2.convertScaleAbs(cv2.add(light, noise), alpha=0.25, beta=-3.0), np.uint8)

    def absorbance(self) -> Shape:
        """Return what the lens lets see of the cells: (h, w, 3), natural logarithms, below 0 in fringes."""
        return np.asarray((self._blurred_absorbance(0.0).astype(np.float32) - _FLOOR) / _UNIT, np.float32)

    def _blurred_absorbance(self, defocus: float) -> Plane:
        """Return absorbance behind the lens: (h, w, 3), in units above the floor."""
        red_blur, white_blur = (
            max(self.scale * (blur * (0.7 + 0.6 * self._rng.random()) + defocus), 0.4)
            for blur in self._look.blur
        )
        stained = np.asarray(cv2.merge([self._white, self._cytoplasm, self._small]), np.uint16)
        layers = cv2.merge([_fringed(self._red, red_blur), _blurred(stained, white_blur)])
        return np.asarray(cv2.transform(layers, self._stains()), np.uint16)

    def _stains(self) -> NDArray[np.float64]:
        """Return the matrix from layers to absorbance, RGB; its entries are whole 256ths."""
        look = self._look
        white = _absorbance(look.white, look.background)
        cytoplasm = np.add(_CYTOPLASM, white) * 0.5
        columns = [_absorbance(look.red, look.background), white, cytoplasm, np.asarray(_PLATELET)]
        matrix = np.rint(np.stack(columns, axis=1) * 256) / 256
        return np.column_stack([matrix, _FLOOR - matrix[:, 0] * _FLOOR])

    def _light(self) -> Plane:
        """Return the empty field in quarters of a grey level: its colour, uneven as a lamp's."""
        grid = self._rng.integers(0, 256, (3, 4), dtype=np.uint8)
        uneven = cv2.resize(grid, self._size[::-1], interpolation=cv2.INTER_CUBIC).astype(np.uint16)
        level = np.asarray(self._look.background, np.float64)
        spread = np.rint(10 + (255 - level) * 0.9)
        cast = np.rint((self._rng.random(3) - 0.5) * 16)
        matrix = np.column_stack([spread * 4 / 256, level * 4 + cast - spread * 2])
        return np.asarray(cv2.transform(uneven, matrix), np.uint16)


def _moved(distance: Shape, shift: NDArray[np.float64]) -> Shape:
    """Return a patch moved by whole pixels, kept from growing over the cell's outline."""
    rows, columns = (int(value) for value in shift)
    moved = np.roll(distance, (rows, columns), axis=(0, 1))
    return np.asarray(np.maximum(moved, distance * np.float32(0.9)))


def _product(first: Plane, second: Plane, *, shift: int) -> Plane:
    """Return first * second / 2**shift; exact up to the rounding at the end while below 2**24."""
    return np.asarray(cv2.multiply(first, second, scale=1.0 / (1 << shift)), np.uint16)


def _blurred(planes: Plane, blur: float) -> Plane:
    """Blur by a Gaussian cut off at 2.5 standard deviations (OpenCV's default is 4)."""
    side = 2 * int(2.5 * blur + 0.5) + 1
    return np.asarray(cv2.GaussianBlur(planes, (side, side), blur), np.uint16)


def _fringed(plane: Plane, blur: float) -> Plane:
    """Blur a plane, then lift its edges as a lens does: a light fringe outside, darker inside.

    OpenCV's blurs of 16-bit integers and sums of quarters are exact, the same on every processor.
    """
    near = _blurred(plane + np.uint16(_FLOOR), blur)
    return np.asarray(cv2.addWeighted(near, 1.5, cv2.blur(near, (11, 11)), -0.5, 0), np.uint16)


def _stacking() -> Plane:
    """Return what absorbance becomes where red cells lie on each other: they flatten and part."""
    depth = np.arange(65_536, dtype=np.float64)
    return np.rint(np.minimum(depth, 1.05 * _UNIT + 0.2 * np.maximum(depth - 1.05 * _UNIT, 0))).astype(
        np.uint16
    )


_STACKED: Final = _stacking()
_TRANSMITTED: Final = np.minimum(np.rint(4096 * np.exp((_FLOOR - np.arange(65_536)) / _UNIT)), 65_535).astype(
    np.uint16
)
"""Share of the light that passes, in 1/4096, by absorbance in units above the floor."""
