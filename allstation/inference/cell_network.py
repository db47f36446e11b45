"""Cell network: crops of white cells in, appearance features out.

The file holds the early part of a network with its ImageNet weights, eight bits a weight; nothing in it was
learned from blood cells. What its layers say is averaged over the cell's own pixels, so that the background
speaks in no feature, and measured size, shape and density stand beside it.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation import paths
from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.imaging.cells.crops import BACKGROUND, crop_mask
from allstation.imaging.cells.numbers import NAMES, crop_numbers

_log = logging.getLogger(__name__)

Single = NDArray[np.float32]

SHIPPED: Final = "models/cell-network.tflite"
TURNS: Final = 2
"""Quarter turns of a crop whose features are averaged, as a cell has no upper end; four say little more."""
_HALF_RANGE: Final = 128.0
_MOST_BYTES: Final = 64 * 1024**2
_AXES: Final = 4


def shipped_cell_network() -> Path:
    """Return the network file that ships with the program.

    Raises:
        StationError: ``missing-resource`` if it is not there.
    """
    return paths.resource(SHIPPED)


class CellNetwork:
    """Runs the cell network on one thread.

    One crop is computed at a time: for a network of this size batches are no faster, and the features of a
    cell do not depend on what else is in the batch, bit for bit.

    Attributes:
        sha256: Of the network file.
        side: Rows and columns of a crop.
        size: Number of features of a cell.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Load the network.

        Args:
            path: The file; the one that ships if it is not given.

        Raises:
            StationError: ``bad-network`` if it cannot be read, or is no cell network.
        """
        self._path = shipped_cell_network() if path is None else path
        try:
            data = self._path.read_bytes()
        except OSError as error:
            raise self._unusable("it cannot be read") from error
        if len(data) > _MOST_BYTES:
            raise self._unusable("it is larger than any cell network")
        self.sha256 = hashlib.sha256(data).hexdigest()
        try:
            self._load(data)
        except StationError:
            raise
        except Exception as error:  # a damaged network makes the runtime raise whatever it meets
            _log.exception("the cell network %s cannot be loaded", self.sha256)
            raise self._unusable(f"it cannot be loaded ({type(error).__name__})") from error

    def _load(self, data: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=data, num_threads=1)
        self._interpreter.allocate_tensors()
        (entry,) = self._interpreter.get_input_details()
        self._input = int(entry["index"])
        batch, rows, columns, channels = (int(length) for length in entry["shape"])
        self.side = rows
        self._outputs = self._find_outputs()
        shapes = self._outputs.values()
        square = (batch, rows, channels) == (1, columns, 3) and entry["dtype"] == np.float32
        if not square or not shapes or any(rows % shape[1] or shape[1] != shape[2] for shape in shapes):
            raise self._unusable("its shapes are not those of a cell network")
        self.size = sum(shape[3] for shape in shapes) + len(NAMES)

    def _find_outputs(self) -> dict[int, tuple[int, ...]]:
        """Return the tensor index and shape of each depth, the shallow ones first."""
        signatures = self._interpreter.get_signature_list()
        runner = self._interpreter.get_signature_runner(next(iter(signatures)))
        found: list[tuple[int, int, tuple[int, ...]]] = []
        for name, detail in runner.get_output_details().items():
            shape = tuple(int(length) for length in detail["shape"])
            if not name.startswith("depth") or len(shape) != _AXES:
                raise self._unusable("its outputs are not depths of a trunk")
            found.append((int(name.removeprefix("depth")), int(detail["index"]), shape))
        return {index: shape for _, index, shape in sorted(found)}

    def features(self, crops: NDArray[np.uint8]) -> Single:
        """Compute the features of cells.

        Args:
            crops: (n, side, side, 3) as ``imaging.cells.crops.cut_cell`` gives them.

        Returns:
            (n, size): means of each depth's channels over the cell, then the numbers of
            :data:`allstation.imaging.cells.numbers.NAMES`. NaN throughout for a crop without a cell, as
            nothing was measured.

        Raises:
            StationError: ``bad-cell`` if the crops have another shape; ``bad-network`` if the runtime cannot
                compute the network.
        """
        if crops.ndim != _AXES or crops.shape[1:] != (self.side, self.side, 3) or crops.dtype != np.uint8:
            sentence = (
                f"Crops of cells came as {crops.dtype} of the shape {crops.shape}; expected uint8 of "
                f"(n, {self.side}, {self.side}, 3). Cut the cells out for this network."
            )
            raise StationError("bad-cell", sentence)
        found = np.full((len(crops), self.size), np.nan, np.float32)
        for row, crop in zip(found, crops, strict=True):
            mask = crop_mask(crop)
            if mask.any():
                named = self.size - len(NAMES)
                turned = [(np.rot90(crop, turn), np.rot90(mask, turn)) for turn in range(TURNS)]
                row[:named] = np.mean([self._pooled(*each) for each in turned], axis=0)
                row[named:] = crop_numbers(crop)
        return found

    def _pooled(self, crop: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Single:
        """Run the network on one crop and average each depth over the cell."""
        tensor = (crop.astype(np.float32) - BACKGROUND) / _HALF_RANGE
        try:
            self._interpreter.set_tensor(self._input, tensor[np.newaxis])
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise self._unusable("it cannot be computed") from error
        inside = mask.astype(np.float32)
        parts = []
        for index, (_, rows, _, channels) in self._outputs.items():
            depth = self._interpreter.get_tensor(index).reshape(-1, channels)
            share = cv2.resize(inside, (rows, rows), interpolation=cv2.INTER_AREA).reshape(-1)
            parts.append(share @ depth / share.sum())
        return np.concatenate(parts)

    def _unusable(self, problem: str) -> StationError:
        sentence = (
            f"The cell network {shown_name(self._path)} cannot be used: {problem}. Choose another one, or "
            "install ALL Station again."
        )
        return StationError("bad-network", sentence)
