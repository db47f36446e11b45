"""Stem outputs of sheets and fields, computed once by LiteRT and kept as half-precision numbers."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allstation.imaging.preprocess import Preprocessing, only_cells, prepare

Bytes = NDArray[np.uint8]
Half = NDArray[np.float16]
_STEP = 16


class Stem:
    """The stem as a LiteRT network, one interpreter a thread."""

    def __init__(self, network: bytes, threads: int = 0) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._threads = threads or len(os.sched_getaffinity(0))
        self._interpreters = [Interpreter(model_content=network, num_threads=1) for _ in range(self._threads)]
        for interpreter in self._interpreters:
            interpreter.allocate_tensors()

    def run(self, tensors: NDArray[np.float32]) -> Half:
        """Return stem outputs (n, r, r, c) of colours (n, h, w, 3)."""
        parts = np.array_split(np.arange(len(tensors)), self._threads)
        with ThreadPoolExecutor(self._threads) as pool:
            found = list(pool.map(self._part, self._interpreters, [tensors[rows] for rows in parts]))
        return np.concatenate([part for part in found if len(part)])

    @staticmethod
    def _part(interpreter: Any, tensors: NDArray[np.float32]) -> Half:  # noqa: ANN401
        place = interpreter.get_input_details()[0]["index"]
        output = interpreter.get_output_details()[0]
        found = np.empty((len(tensors), *output["shape"][1:]), np.float16)
        for row, tensor in enumerate(tensors):
            interpreter.set_tensor(place, tensor[None])
            interpreter.invoke()
            found[row] = interpreter.get_tensor(output["index"])[0]
        return found


def area_of(mask: NDArray[Any]) -> Half:
    """Return the share of each 16x16 square inside cells: (n, h, w) to (n, h / 16, w / 16, 1)."""
    n, height, width = mask.shape
    squares = mask.reshape(n, height // _STEP, _STEP, width // _STEP, _STEP, 1)
    return np.asarray(squares.mean((2, 4), dtype=np.float32), np.float16)


def sheet_outputs(stem: Stem, sheets: Bytes, chunk: int = 256) -> tuple[Half, Half]:
    """Return stem outputs and cell areas of training sheets (n, h, w, 4)."""
    outputs = []
    for start in range(0, len(sheets), chunk):
        part = sheets[start : start + chunk]
        tensors = np.stack([only_cells(one[:, :, :3], one[:, :, 3])[:, :, :3] for one in part])
        outputs.append(stem.run(tensors))
    return np.concatenate(outputs), area_of(sheets[:, :, :, 3])


def field_outputs(stem: Stem, rgb: Bytes, chunk: int = 128) -> tuple[Half, Half, NDArray[np.int64]]:
    """Return stem outputs, cell areas and cell counts of whole fields, prepared as serving does."""
    preprocessing = Preprocessing()
    outputs, areas, counts = [], [], []
    for start in range(0, len(rgb), chunk):
        prepared = [prepare(field, preprocessing) for field in rgb[start : start + chunk]]
        tensors = np.stack([one.tensor for one in prepared])
        outputs.append(stem.run(np.ascontiguousarray(tensors[:, :, :, :3])))
        areas.append(area_of(tensors[:, :, :, 3]))
        counts += [one.cells.count for one in prepared]
    return np.concatenate(outputs), np.concatenate(areas), np.asarray(counts, np.int64)


def arrays_on_disk(path: Path, **arrays: NDArray[Any]) -> None:
    """Write arrays beside their place and rename, so a stopped run leaves no half file."""
    beside = path.with_suffix(".part.npz")
    np.savez(beside, **arrays)
    beside.replace(path)
