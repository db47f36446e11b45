"""Typed cells on disk: a table or folders by type, read, cut out and measured by the cell network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.commissioning.cell_source import CellRow, PictureScale, listed_cells, only, usual_scale
from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.patients import patients_text
from allstation.imaging.cells.scale import estimate_scale
from allstation.imaging.fields.file import read_field
from allstation.imaging.formats.decode import DEFAULT_LIMITS
from allstation.inference.cell_network import CellNetwork
from allstation.inference.site_cells import features_at, picture_features

Progress = Callable[[int, int], None]

CANCELLED: Final = "cancelled"
"""Code of the error with which reading ends when nobody wants it any more."""


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A row of the table that no features could be measured of.

    Attributes:
        file: As the table names it.
        type: As the table says.
        patient: As the table says.
        why: In a sentence.
    """

    file: str
    type: str
    patient: str
    why: str


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class TypedCells:
    """Typed cells with their features.

    Attributes:
        features: (n, f) float32, finite.
        types: Type of each cell.
        patients: Patient of each cell; empty where the table names none.
        slides: Slide of each cell where slides are known; empty else.
        files: File of each cell, as the table names it.
        pictures: SHA-256 of the file of each cell.
        network_sha256: Of the cell network.
        unfound: Rows without features, and why; they are in nothing else.
        pixel_size: Micrometres a pixel of pictures of single cells; None where they differ, or where it
            could not be told and each cell was scaled to its crop.
        pixel_size_source: Where it comes from, in words.
        scale_known: Whether that is a length, or only the same for all pictures.
        from_fields: Whether the cells are of fields, not of pictures of single cells.
        field_pixel_size: Micrometres a pixel of the fields, if it was stated and the same for all.
    """

    features: NDArray[np.float32]
    types: tuple[str, ...]
    patients: tuple[str, ...]
    files: tuple[str, ...]
    pictures: tuple[str, ...]
    network_sha256: str
    unfound: tuple[NotMeasured, ...]
    pixel_size: float | None
    pixel_size_source: str
    scale_known: bool = True
    slides: tuple[str, ...] = ()
    from_fields: bool = False
    field_pixel_size: float | None = None

    @property
    def patients_known(self) -> bool:
        """Whether every cell has a patient."""
        return bool(self.patients) and all(self.patients)

    @property
    def groups(self) -> tuple[str, ...]:
        """Patient of each cell, else its slide, else each cell is its own.

        Two slides of one patient stay together also where other slides have no patient.
        """
        own = self.slides or tuple(f"cell {at}" for at in range(len(self.patients)))
        return tuple(name or other for name, other in zip(self.patients, own, strict=True))

    @property
    def patients_text(self) -> str:
        """Number of patients, or "patients unknown"."""
        return patients_text(self.patients)


def read_typed_cells(
    source: Path,
    *,
    threads: int = 1,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    pixel_size: float | None = None,
    limits: DecodeLimits = DEFAULT_LIMITS,
) -> TypedCells:
    """Read typed cells and measure their features.

    A row is a picture of one cell, which is found in its middle, or with ``x`` and ``y`` a cell of a field,
    which is found there. A row whose file cannot be read, shows no cell, or repeats the cell of an earlier
    row is told in ``unfound``.

    Args:
        source: CSV with the columns file, type and patient (and x, y, pixel_size if there are any), paths
            beside it; or a folder of folders named by type.
        threads: Files worked on at once.
        progress: Called with rows done and rows in all, on the calling thread.
        cancelled: Asked between files.
        pixel_size: Micrometres a pixel, where neither table nor file say; without it, it is estimated from
            red cells in the pictures.
        limits: Of files.

    Raises:
        StationError: ``bad-cells`` if the table cannot be understood; ``cancelled``.
    """
    rows = listed_cells(source)
    usual = PictureScale(pixel_size, "given", True) if pixel_size else usual_scale(rows, limits)
    rows = [
        replace(row, usual_pixel_size=usual.pixel_size) if row.place is None or pixel_size else row
        for row in rows
    ]
    measured = _measured(rows, threads=threads, progress=progress, cancelled=cancelled, limits=limits)
    kept, unfound = _first_of_each(rows, measured)
    network = CellNetwork()
    found = [measured[at].features for at in kept]
    return TypedCells(
        features=np.array(found, np.float32).reshape(len(kept), network.size),
        types=tuple(rows[at].type for at in kept),
        patients=tuple(rows[at].patient for at in kept),
        files=tuple(rows[at].file for at in kept),
        pictures=tuple(measured[at].picture for at in kept),
        network_sha256=network.sha256,
        unfound=tuple(unfound),
        pixel_size=usual.pixel_size,
        pixel_size_source=usual.source,
        scale_known=usual.known,
        from_fields=any(rows[at].place is not None for at in kept),
        field_pixel_size=only([rows[at].pixel_size for at in kept if rows[at].place is not None]),
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Measured:
    """Measurement of one row: features, or why there are none; file and place tell the same cell again."""

    features: NDArray[np.float32] | None
    why: str
    picture: str = ""
    place: bytes = b""


def _measured(
    rows: Sequence[CellRow],
    *,
    threads: int,
    progress: Progress | None,
    cancelled: Callable[[], bool] | None,
    limits: DecodeLimits,
) -> list[_Measured]:
    """Measure every row, rows of one file together."""
    files: dict[Path, list[int]] = {}
    for at, row in enumerate(rows):
        files.setdefault(row.path, []).append(at)
    local, found = threading.local(), dict[int, _Measured]()

    def work(places: list[int]) -> list[tuple[int, _Measured]]:
        if cancelled is not None and cancelled():
            raise StationError(CANCELLED, "The reading of cells was stopped.")
        if not hasattr(local, "network"):
            local.network = CellNetwork()
        return list(zip(places, _of_file([rows[at] for at in places], local.network, limits), strict=True))

    with ThreadPoolExecutor(max(1, threads), thread_name_prefix="cells") as pool:
        try:
            for done in pool.map(work, files.values()):
                found.update(done)
                if progress is not None:
                    progress(len(found), len(rows))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return [found[at] for at in range(len(rows))]


def _of_file(rows: Sequence[CellRow], network: CellNetwork, limits: DecodeLimits) -> list[_Measured]:
    """Measure the cells of one file; what cannot be read is told of each of its rows."""
    try:
        file = read_field(rows[0].path, limits)
        pixels, stated = file.pixels, file.pixel_size
    except StationError as error:
        return [_Measured(None, error.sentence) for _ in rows]
    sizes = [row.pixel_size or stated or row.usual_pixel_size for row in rows]
    found: list[_Measured | None] = [None] * len(rows)
    for at, (row, size) in enumerate(zip(rows, sizes, strict=True)):
        if row.place is None:
            scale = 1 / size if size else None
            features = picture_features(pixels, network, pixels_per_um=scale)
            found[at] = _whole(features, "no cell in the middle of the picture", file.sha256)
    for size in set(sizes):
        own = [at for at, row in enumerate(rows) if row.place is not None and sizes[at] == size]
        places = [place for at in own if (place := rows[at].place) is not None]
        scale = 1 / size if size else _estimated(pixels) if own else None
        for at, features in zip(own, features_at(pixels, places, network, pixels_per_um=scale), strict=True):
            why = f"no cell at {rows[at].place} of the field, or its scale cannot be told"
            found[at] = _whole(features, why, file.sha256)
    return [one for one in found if one is not None]


def _whole(features: NDArray[np.float32] | None, why: str, picture: str) -> _Measured:
    if features is None or not np.isfinite(features).all():
        return _Measured(None, why, picture)
    # Two places in one cell give the same features.
    return _Measured(features, "", picture, features.tobytes())


def _estimated(rgb: NDArray[np.uint8]) -> float | None:
    found = estimate_scale(rgb)
    return None if found is None else found.pixels_per_um


def _first_of_each(
    rows: Sequence[CellRow], measured: Sequence[_Measured]
) -> tuple[list[int], list[NotMeasured]]:
    """Return the rows with features, each cell once, and the others with the reason.

    A cell in two rows would be learned from and tested; one with two types is an error of the table.
    """
    first: dict[tuple[str, bytes], int] = {}
    kept, left = [], []
    for at, (row, one) in enumerate(zip(rows, measured, strict=True)):
        why = one.why
        if one.features is not None:
            before = rows[first.setdefault((one.picture, one.place), at)]
            if before is row:
                kept.append(at)
                continue
            if before.type != row.type:
                sentence = (
                    f"The rows of {before.file} and {row.file} hold the same picture with the types "
                    f"{before.type} and {row.type}. Correct the table: a cell has one type."
                )
                raise StationError("bad-cells", sentence)
            why = f"the same picture as {before.file}"
        left.append(NotMeasured(row.file, row.type, row.patient, why))
    return kept, left
