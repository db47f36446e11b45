"""Site engine: names a field by its cells, found at native scale and typed by the model of one laboratory."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.cells import NewCell
from allstation.core.decision import Decision, Evidence, Reason
from allstation.core.errors import ModelError, StationError
from allstation.core.known_sizes import NO_SLIDE, NOTHING_KNOWN
from allstation.core.limits import DecodeLimits
from allstation.core.records import EvidenceMap, Prediction
from allstation.core.site import ScaleSource
from allstation.core.text import shown_name
from allstation.core.typer.statistics import FloatArray
from allstation.imaging import preprocess, quality
from allstation.imaging.cells.finder import find_cells
from allstation.imaging.cells.scale import estimate_scale
from allstation.imaging.fields.cell_finding import placed
from allstation.imaging.fields.file import read_field
from allstation.imaging.fields.scale import exact_scale, field_scale, stated_scale
from allstation.imaging.formats import decode, pixel_conversions
from allstation.inference.bundle import ModelBundle
from allstation.inference.cell_features import cell_features
from allstation.inference.cell_network import CellNetwork
from allstation.inference.site_bundle import site_facts, site_typer

Rgb = NDArray[np.uint8]

LIKE: Final = 0.75
"""Share of a field's cells that must be like the site's: its novelty is this quantile of theirs."""
MOST_CELLS: Final = 400
"""Cells of a field that are typed, evenly spread over it; more say nothing else and take minutes."""
_GRID: Final = 32
"""Areas of the evidence map along the longer side of a field."""


@dataclass(frozen=True, slots=True)
class _Area:
    """Area of white cells, for the quality of a field."""

    area_share: float


class SiteEngine:
    """Names fields by the model of a site, on one thread; the public methods are those of ``Engine``."""

    def __init__(self, bundle: ModelBundle) -> None:
        """Load typer and cell network; the latter is the program's own and runs in this process.

        Args:
            bundle: Of a site.

        Raises:
            ModelError: ``bad-bundle`` if the typer cannot be used, or is for another cell network.
        """
        self._bundle = bundle
        try:
            self._network = CellNetwork()
            self._check(bundle)
            self._typer = site_typer(bundle)
            self._facts = site_facts(bundle)
        except ModelError:
            raise
        except StationError as error:
            raise _unusable(bundle, error.sentence) from error
        self.sizes = NOTHING_KNOWN
        """What the case says of pixel sizes, and its site."""
        self._classes = bundle.classes
        self._rule = bundle.rule
        self.preprocessing: preprocess.Preprocessing = bundle.preprocessing

    def _check(self, bundle: ModelBundle) -> None:
        """Refuse a typer of other features before it is solved."""
        made_for = str(bundle.info.get("cell_network_sha256", ""))
        if made_for != self._network.sha256:
            problem = (
                f"it is for the cell network {made_for[:12]}, and this program has "
                f"{self._network.sha256[:12]}. Commission the site again with this version"
            )
            raise _unusable(bundle, problem)

    def close(self) -> None:
        """End nothing: there is no process of its own."""

    def warm_up(self) -> None:
        """Classify an empty field, for what is made once in a process when it is first needed."""
        self.classify_rgb(np.full((*self.preprocessing.size, 3), 255, np.uint8))

    def classify(
        self,
        path: Path,
        limits: DecodeLimits = decode.DEFAULT_LIMITS,
        *,
        sha256: str = "",
        slide: int = NO_SLIDE,
    ) -> Prediction:
        """Name one field image; arguments and errors as of ``Engine.classify``."""
        return self.classify_with_cells(path, limits, sha256=sha256, slide=slide)[0]

    def classify_with_cells(
        self,
        path: Path,
        limits: DecodeLimits = decode.DEFAULT_LIMITS,
        *,
        sha256: str = "",
        slide: int = NO_SLIDE,
    ) -> tuple[Prediction, tuple[NewCell, ...]]:
        """Name one field image by its cells, which come along with their probabilities as support."""
        started = time.perf_counter()
        file = read_field(path, limits, sha256=sha256)
        scale = stated_scale(file, self.sizes, slide=slide)
        if scale is None and self._facts.field_pixel_size is not None:
            # As the fields were that its cells were typed in.
            scale = exact_scale(self._facts.field_pixel_size, ScaleSource.SITE)
        scale = scale or field_scale(file)
        return self._named(file.pixels, None if scale is None else scale.pixels_per_um, started)

    def find_cells(
        self,
        path: Path,
        made: Prediction,
        limits: DecodeLimits = decode.DEFAULT_LIMITS,
        *,
        sha256: str = "",
        slide: int = NO_SLIDE,
    ) -> tuple[NewCell, ...]:
        """Find the cells that a field was named by; arguments and errors as of ``Engine.find_cells``."""
        del made  # the same pixels give the same cells
        return self.classify_with_cells(path, limits, sha256=sha256, slide=slide)[1]

    def classify_rgb(self, rgb: Rgb, *, started: float | None = None) -> Prediction:
        """Name pixels of a field whose file is not known; the scale is told from its red cells.

        Args:
            rgb: (H, W, 3) uint8, of any size.
            started: ``time.perf_counter()`` when work on the field began, for its milliseconds.
        """
        found = estimate_scale(rgb)
        scale = None if found is None else found.pixels_per_um
        return self._named(rgb, scale, time.perf_counter() if started is None else started)[0]

    def _named(self, rgb: Rgb, scale: float | None, started: float) -> tuple[Prediction, tuple[NewCell, ...]]:
        """Find, measure and type the cells, and name the field by them."""
        size = (rgb.shape[1], rgb.shape[0])
        found = () if scale is None else find_cells(rgb, cell_scale=scale)
        cells = placed(found, picture=size, size=size, pixel_size=None if scale is None else 1 / scale)
        asked = _spread([at for at, cell in enumerate(cells) if not cell.at_edge] or list(range(len(cells))))
        shares, novelty = self._typed(rgb, [cells[at] for at in asked])
        pooled, far = pooled_cells(shares, novelty, classes=len(self._classes))
        area = sum(cell.area_px for cell in cells) / (rgb.shape[0] * rgb.shape[1])
        figures = quality.assess(
            pixel_conversions.squash(rgb, self.preprocessing.size), _Area(min(1.0, area))
        )
        evidence = Evidence(pooled, far, figures.sharpness, len(cells))
        decision = self._rule.decide(self._classes, evidence)
        if scale is None or self._scaled_otherwise:
            decision = Decision(None, (Reason.SCALE_UNKNOWN,))
        made = Prediction(
            model_sha256=self._bundle.sha256,
            probabilities=dict(zip(self._classes, pooled, strict=True)),
            decision=decision,
            novelty=far,
            cell_count=len(cells),
            quality=figures,
            evidence=painted(cells, asked, shares, size=size, classes=self._classes),
            milliseconds=(time.perf_counter() - started) * 1000,
        )
        return made, self._supported(cells, asked, shares)

    @property
    def _scaled_otherwise(self) -> bool:
        """Whether the typed cells had no scale, so that cells of a field cannot be compared with them."""
        return not self._facts.scale_known

    def _typed(self, rgb: Rgb, cells: Sequence[NewCell]) -> tuple[FloatArray, FloatArray]:
        """Return probabilities (n, k) and novelty (n,), NaN where a cell could not be measured."""
        features = cell_features(rgb, cells, self._network).astype(np.float64)
        shares = np.full((len(cells), len(self._classes)), math.nan)
        novelty = np.full(len(cells), math.nan)
        known = np.isfinite(features).all(axis=1)
        if known.any():
            shares[known] = self._typer.probabilities(features[known])
            novelty[known] = self._typer.novelty(features[known])
        return shares, novelty

    def _supported(
        self, cells: Sequence[NewCell], asked: Sequence[int], shares: FloatArray
    ) -> tuple[NewCell, ...]:
        """Return the cells with their probabilities as support; one that was not measured has none."""
        made = list(cells)
        for at, row in zip(asked, shares.tolist(), strict=True):
            if all(map(math.isfinite, row)):
                support = dict(zip(self._classes, row, strict=True))
                made[at] = dataclasses.replace(cells[at], support=support)
        return tuple(made)


def pooled_cells(shares: FloatArray, novelty: FloatArray, *, classes: int) -> tuple[list[float], float]:
    """Pool the cells of a field.

    The mean over the cells that are like the site's, or over all where none is: a field of two kinds of
    cells is sure of neither. One cell that could not be measured leaves the others their say; if none could,
    nothing is known.

    Args:
        shares: (n, classes) probabilities, NaN where a cell could not be measured.
        novelty: (n,), 1 is the limit.
        classes: Number of types.

    Returns:
        Probabilities of the field, and its novelty; NaN if no cell could be measured, equal shares and 0 if
        there is no cell.
    """
    if not len(shares):
        return [1 / classes] * classes, 0.0
    measured = np.isfinite(novelty) & np.isfinite(shares).all(axis=1)
    if not measured.any():
        return [math.nan] * classes, math.nan
    far = float(np.quantile(novelty[measured], LIKE, method="higher"))
    alike = measured & (novelty <= 1)
    pooled = shares[alike if alike.any() else measured].mean(axis=0)
    return (pooled / pooled.sum()).tolist(), far


def painted(
    cells: Sequence[NewCell],
    asked: Sequence[int],
    shares: FloatArray,
    *,
    size: tuple[int, int],
    classes: tuple[str, ...],
) -> EvidenceMap | None:
    """Return a map of what spoke for each type: the boxes of the cells, as bright as they are probable.

    Args:
        cells: Of the field.
        asked: Which of them were typed.
        shares: (n, classes) of these, NaN where a cell could not be measured.
        size: Width and height of the field.
        classes: Types.

    Returns:
        None where no cell was measured.
    """
    known = [(cells[at], row) for at, row in zip(asked, shares, strict=True) if np.isfinite(row).all()]
    if not known:
        return None
    long = max(size)
    columns, rows = (max(1, round(side / long * _GRID)) for side in size)
    planes = np.zeros((len(classes), rows, columns), np.uint8)
    for cell, row in known:
        left, right = (int(x / size[0] * columns) for x in (cell.left, cell.left + cell.width - 1))
        top, bottom = (int(y / size[1] * rows) for y in (cell.top, cell.top + cell.height - 1))
        part = planes[:, top : bottom + 1, left : right + 1]
        np.maximum(part, np.rint(row * 255).astype(np.uint8)[:, None, None], out=part)
    return EvidenceMap(rows=rows, columns=columns, classes=classes, values=planes.tobytes())


def _spread(rows: list[int]) -> list[int]:
    """Return at most some hundred of them, evenly spread."""
    if len(rows) <= MOST_CELLS:
        return rows
    return [rows[at] for at in np.linspace(0, len(rows) - 1, MOST_CELLS).astype(int).tolist()]


def _unusable(bundle: ModelBundle, problem: str) -> ModelError:
    sentence = f"The model bundle {shown_name(bundle.path)} cannot be used: {problem}. Choose another model."
    return ModelError("bad-bundle", sentence)
