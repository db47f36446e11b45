"""Same-field search: finds frames that overlap and so show the same cells.

A smear is photographed field by field with overlap, and some fields twice. A random split then puts
the same cells into training and test, and every figure of the test is too good. Three steps find
such fields without comparing all pairs:

1. *Landmarks.* At 112x112, local extremes of the band-passed field are landmarks; each is described
   by the lowest DCT coefficients of the 24x24 pixels around it.
2. *Candidates.* Descriptors are hashed by random hyperplanes (Charikar 2002, STOC) into buckets that
   grow with the number of fields, so the work per field stays about the same. Two fields are a
   candidate if two landmarks agree about the shift between them, or one agrees very well.
   Neighbours in the given order are candidates too, at the shift of their phase correlation
   (Kuglin and Hines 1975).
3. *Proof.* The normalised cross-correlation of what the two fields would share at that shift.

Turned or zoomed fields, and overlaps of less than a tenth of the frame, are missed. The corner where
scale bars are burnt in takes no part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.segmentation import CORNER_SHARE
from allstation.imaging.fields.file import FieldFile, read_field

Gray = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Progress = Callable[[int, int], None]

SIDE: Final = 112
"""Fields are compared at this many pixels a side."""

_MASKED: Final = SIDE - round(SIDE * CORNER_SHARE)
"""Rows and columns from here on, together, are the corner of the scale bar."""

_REACH: Final = 12
"""Half the side of the square around a landmark that describes it."""

_FAINT: Final = 0.15
"""Band-passed grey below which an extremum is no landmark, in units of the field's contrast."""

_TABLES: Final = 10
"""Hash tables. A pair of landmarks that one misses has nine more chances."""

_NEAREST: Final = 11
"""Landmarks of a bucket that one is compared with, in the bucket's order."""

_BIN: Final = 8
"""Two landmarks agree about a shift within this many pixels."""

_ALIKE: Final = 0.8
"""Cosine of two descriptors from which they count as a vote."""

_TWINS: Final = 0.97
"""Cosine from which one vote is enough for a candidate."""

_NEIGHBOURS: Final = 4
"""Following fields, in the given order, that each is compared with in any case."""

_SLACK: Final = 5
"""Pixels by which the proof may move a candidate's shift."""

MIN_CORRELATION: Final = 0.8
"""Correlation that proves an overlap.

On 2,719 Taleqani fields 955 pairs reach it, none across classes. 861 of them lie inside the groups of
an earlier search that compared all pairs within half a frame; of the other 94, with overlaps of 12 to
23 % of the frame, 16 drawn at random were looked at and all show the same cells. Of all pairs that the
earlier groups hold, directly or in a chain, 97.8 % are in one group here.
"""

MIN_OVERLAP: Final = 0.1
"""Share of the frame that two fields must have in common."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Proven pair of fields that show the same cells.

    Attributes:
        first: Index of one field.
        second: Index of the other, larger than ``first``.
        down: Rows, at 112x112, by which the second's content lies lower in the first.
        right: Columns likewise.
        correlation: Of what they share, 0.8 to 1.
        overlap: Share of the frame that they share, 0.1 to 1.
    """

    first: int
    second: int
    down: int
    right: int
    correlation: float
    overlap: float


def same_field_groups(fields: Sequence[Path | Gray], *, progress: Progress | None = None) -> list[int]:
    """Return a group number per field: fields of one group show the same cells, directly or in a chain.

    Args:
        fields: Files, or gray pictures (h, w) uint8 of any size; best in the camera's order.
        progress: Called with fields done and fields in all, in each of two rounds.

    Returns:
        For each field the index of the first field of its group.

    Raises:
        StationError: If a file cannot be decoded.
    """
    return grouped(len(fields), same_field_pairs(fields, progress=progress))


def same_field_pairs(fields: Sequence[Path | Gray], *, progress: Progress | None = None) -> list[Overlap]:
    """Return every proven pair of fields that show the same cells, by index.

    Args:
        fields: As for ``same_field_groups``.
        progress: Likewise.
    """
    if len(fields) < 2:  # noqa: PLR2004
        return []
    report = progress or _silent
    bands = np.empty((len(fields), SIDE, SIDE), np.float32)
    for index, field in enumerate(fields):
        bands[index] = band_passed(small_gray(read_field(field) if isinstance(field, Path) else field))
        report(index + 1, 2 * len(fields))
    candidates = sorted({*_candidates(bands), *_neighbours(bands)})
    links: dict[tuple[int, int], Overlap] = {}
    for step, (first, second, down, right) in enumerate(candidates):
        if step % 256 == 0:
            report(len(fields) + step * len(fields) // len(candidates), 2 * len(fields))
        link = _proof(bands, (first, second), (down, right))
        known = links.get((first, second))
        if link and (known is None or link.correlation > known.correlation):
            links[first, second] = link
    report(2 * len(fields), 2 * len(fields))
    return [links[pair] for pair in sorted(links)]


def grouped(count: int, links: Iterable[Overlap]) -> list[int]:
    """Return for each of ``count`` fields the first index of the chain of links it belongs to."""
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for link in links:
        first, second = sorted((root(link.first), root(link.second)))
        parent[second] = first
    return [root(index) for index in range(count)]


def _silent(_done: int, _of: int) -> None:
    """Report nothing."""


def small_gray(field: FieldFile | Gray) -> Gray:
    """Return the picture (112, 112) by which a field is compared."""
    if isinstance(field, FieldFile):
        rgb = field.reduced((2 * SIDE, 2 * SIDE))
        field = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    if field.shape == (SIDE, SIDE):
        return field
    return np.asarray(cv2.resize(field, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def band_passed(gray: Gray) -> Floats:
    """Return a field (112, 112) without lighting and noise, in units of its own contrast.

    The corner of the scale bar is 0, the mean.
    """
    plain = gray.astype(np.float32)
    band = cv2.GaussianBlur(plain, (0, 0), 1.0) - cv2.GaussianBlur(plain, (0, 0), 12.0)
    band[_MASKED:, _MASKED:] = 0
    return np.asarray(band / (band.std() + 1e-3), np.float32)


def _basis() -> Floats:
    """Return the lowest 20 two-dimensional DCT functions on 8x8 without the constant, (64, 20)."""
    angle = np.pi * (np.arange(8)[:, None] + 0.5) * np.arange(6) / 8
    waves = np.cos(angle)
    orders = [(u, v) for u in range(6) for v in range(6) if 0 < u + v < 6]  # noqa: PLR2004
    return np.stack([np.outer(waves[:, u], waves[:, v]).ravel() for u, v in orders], axis=1).astype(
        np.float32
    )


def _landmarks(band: Floats) -> tuple[Ints, Floats]:
    """Return the landmarks of one field and their raw descriptors.

    Returns:
        (n, 2) rows and columns, and (n, 20) DCT coefficients.
    """
    smooth = np.abs(cv2.GaussianBlur(band, (0, 0), 2.5))
    peaks = (smooth >= cv2.dilate(smooth, np.ones((9, 9), np.uint8))) & (smooth > _FAINT)
    inner = slice(_REACH, SIDE - _REACH + 1)
    allowed = np.zeros_like(peaks)
    allowed[inner, inner] = True
    allowed[_MASKED - _REACH :, _MASKED - _REACH :] = False
    places = np.argwhere(peaks & allowed)
    step = np.arange(8) * 3 - _REACH + 1
    cells = cv2.blur(band, (3, 3))
    rows, columns = places[:, 0, None] + step, places[:, 1, None] + step
    patches = cells[rows[:, :, None], columns[:, None, :]].reshape(len(places), 64)
    return places, patches @ _basis()


def _candidates(bands: Floats) -> Iterator[tuple[int, int, int, int]]:
    """Yield (first, second, down, right) for pairs of fields whose landmarks agree."""
    found = [_landmarks(band) for band in bands]
    owner = np.repeat(np.arange(len(bands)), [len(places) for places, _ in found])
    if len(owner) < 2:  # noqa: PLR2004
        return
    places = np.concatenate([places for places, _ in found])
    descriptors = np.concatenate([values for _, values in found])
    descriptors /= descriptors.std(axis=0) + 1e-6
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True) + 1e-6
    pairs = np.unique(np.concatenate(list(_alike(descriptors, owner))), axis=0)
    shift = places[pairs[:, 0]] - places[pairs[:, 1]]
    fields = owner[pairs]
    twins = _cosine(descriptors, pairs) > _TWINS
    yield from zip(*fields[twins].T.tolist(), *shift[twins].T.tolist(), strict=True)
    yield from _agreed(fields, shift)


def _cosine(descriptors: Floats, pairs: Ints) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", descriptors[pairs[:, 0]], descriptors[pairs[:, 1]]))


def _alike(descriptors: Floats, owner: Ints) -> Iterator[Ints]:
    """Yield (n, 2) landmark pairs of different fields that fall into one bucket and are alike."""
    rng = np.random.default_rng(2275)
    bits = max(int(np.ceil(np.log2(len(descriptors)))), 4)
    for _ in range(_TABLES):
        planes = rng.standard_normal((descriptors.shape[1], bits)).astype(np.float32)
        code = (descriptors @ planes > 0) @ (1 << np.arange(bits))
        order = np.argsort(code, kind="stable")
        for lag in range(1, min(_NEAREST, len(order) - 1) + 1):
            together = code[order[lag:]] == code[order[:-lag]]
            pairs = np.stack([order[:-lag][together], order[lag:][together]], axis=1)
            # A stable sort keeps landmarks of one bucket in the order of their fields.
            pairs = pairs[owner[pairs[:, 0]] != owner[pairs[:, 1]]]
            yield pairs[_cosine(descriptors, pairs) > _ALIKE]


def _agreed(fields: Ints, shift: Ints) -> Iterator[tuple[int, int, int, int]]:
    """Yield field pairs with at least two landmark pairs in one bin of shifts.

    Bins overlap by half, so that two near shifts are together in one of them.
    """
    for offset in ((0, 0), (0, _BIN // 2), (_BIN // 2, 0), (_BIN // 2, _BIN // 2)):
        bins = (shift + np.asarray(offset) + 2 * SIDE) // _BIN
        keys = (
            (fields[:, 0] * (fields[:, 1].max(initial=0) + 1) + fields[:, 1]) * 4096
            + bins[:, 0] * 64
            + bins[:, 1]
        )
        _, first, counts = np.unique(keys, return_index=True, return_counts=True)
        chosen = first[counts > 1]
        yield from zip(*fields[chosen].T.tolist(), *shift[chosen].T.tolist(), strict=True)


def _neighbours(bands: Floats) -> Iterator[tuple[int, int, int, int]]:
    """Yield each field with the next few, at the two best shifts of their phase correlation."""
    half = np.stack(
        [cv2.resize(band, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA) for band in bands]
    )
    spectra: dict[int, NDArray[Any]] = {}
    for first in range(len(half)):
        for index in range(first, min(first + _NEIGHBOURS + 1, len(half))):
            if index not in spectra:
                spectra[index] = np.fft.rfft2(half[index], (SIDE, SIDE))
        for second in range(first + 1, min(first + _NEIGHBOURS + 1, len(half))):
            yield (first, second, *_phase_shift(spectra[first], spectra[second]))
        del spectra[first]


def _phase_shift(first: NDArray[Any], second: NDArray[Any]) -> tuple[int, int]:
    """Return the shift, at 112x112, where two zero-padded half-size spectra agree best."""
    cross = first * np.conj(second)
    peak = np.fft.irfft2(cross / (np.sqrt(np.abs(cross)) + 1e-3)).argmax()
    down, right = divmod(int(peak), SIDE)
    return 2 * (down - SIDE * (down > SIDE // 2)), 2 * (right - SIDE * (right > SIDE // 2))


def _proof(bands: Floats, pair: tuple[int, int], shift: tuple[int, int]) -> Overlap | None:
    """Correlate what two fields share, moving the shift by up to 5 pixels, and judge it."""
    down, right = shift
    rows = slice(max(0, down), min(SIDE, SIDE + down))
    columns = slice(max(0, right), min(SIDE, SIDE + right))
    height, width = rows.stop - rows.start - 2 * _SLACK, columns.stop - columns.start - 2 * _SLACK
    if min(height, width) < 2 * _SLACK or height * width < MIN_OVERLAP * SIDE * SIDE * 0.6:
        return None
    top, left = rows.start - down + _SLACK, columns.start - right + _SLACK
    shared = bands[pair[1]][top : top + height, left : left + width]
    if shared.std() < _FAINT:
        return None
    scores = cv2.matchTemplate(bands[pair[0]][rows, columns], shared, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(scores)
    down, right = down + y - _SLACK, right + x - _SLACK
    overlap = (SIDE - abs(down)) * (SIDE - abs(right)) / SIDE**2
    if best < MIN_CORRELATION or overlap < MIN_OVERLAP:
        return None
    return Overlap(pair[0], pair[1], down, right, float(best), overlap)
