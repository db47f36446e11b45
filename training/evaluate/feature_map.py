"""Map of a labelled folder: the two main directions of a network's appearance features, field by field.

Principal components of the centred features. No UMAP: numba and llvmlite add about 45 MB of wheels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import ModelError, StationError
from allstation.imaging.fields.file import read_field
from allstation.imaging.output_kinds import OutputKind
from allstation.imaging.preprocess import prepare
from allstation.inference.bundle import ModelBundle
from allstation.inference.engine import Engine, novelty_output
from allstation.inference.engine_pool import EnginePool
from allstation.inference.pipeline import default_threads
from allstation.table_files import read_table
from training.data.labelled_folder import LabelledSet, read_labelled
from training.evaluate.feature_cache import FeatureCache, Outputs
from training.fit.protocol import EventWriter
from training.fit.runs import RunFolder, rows_to_csv

_BATCH: Final = 32
"""Fields that are kept at a time: what an end of the program costs at most."""
_LEAST: Final = 3
HEADER: Final = ("file", "class", "part", "predicted", "x", "y")


def _is_map(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline(200).strip() == ",".join(HEADER)


MAP_CSV: Final = OutputKind("a map of a labelled folder", ".csv", _is_map)


class MappedField(TypedDict):
    """Field on the map; ``part`` is empty without a run, ``predicted`` where the model has other classes."""

    file: str
    class_name: str
    part: str
    predicted: str
    x: float
    y: float


class FeatureMap(TypedDict):
    """Map of a labelled folder.

    ``explained`` are the two axes' shares of the variance, ``output`` is the network's output that was
    looked at, ``left_out`` counts fields that could not be read, with the first one's sentence.
    """

    folder: str
    model: dict[str, str]
    classes: list[str]
    output: str
    explained: list[float]
    left_out: int
    problem: str
    fields: list[MappedField]


@dataclass(frozen=True, slots=True)
class _Measured:
    sha256: str
    outputs: Outputs | None
    problem: str = ""
    fresh: bool = False


def map_folder(
    folder: Path, bundle: ModelBundle, events: EventWriter, *, cache: Path, run: Path | None = None
) -> FeatureMap:
    """Measure every field of a labelled folder and lay them out in two dimensions.

    Args:
        folder: Labelled folder or CSV.
        bundle: The model whose features are looked at.
        events: Receives the progress.
        cache: Folder where features are kept by the hashes of field and bundle.
        run: Its split tells the part of each field.

    Raises:
        StationError: ``no-features`` if the network has none, ``too-few-fields``, ``stopped``, or as
            reading the folder, the run or the bundle.
    """
    labelled = read_labelled(folder)
    parts = parts_of_run(run) if run is not None else {}
    pool = EnginePool(bundle)
    try:
        output = _output(bundle, pool)
        measured = _measure(labelled, pool, FeatureCache(cache, bundle.sha256, output), output, events)
    finally:
        pool.close()
    rows = [row for row, one in enumerate(measured) if one.outputs is not None]
    if len(rows) < _LEAST:
        sentence = f"Only {len(rows)} fields of {folder.name} can be read; a map needs {_LEAST}. Add fields."
        raise StationError("too-few-fields", sentence)
    kept = [one.outputs for one in measured if one.outputs is not None]
    places, explained = principal_axes(np.stack([features for features, _ in kept]))
    tops = _tops(bundle, labelled, np.stack([logits for _, logits in kept]))
    fields: list[MappedField] = [
        {
            "file": labelled.relative(row),
            "class_name": labelled.fields[row].class_name,
            "part": parts.get(labelled.relative(row), ""),
            "predicted": top,
            "x": float(place[0]),
            "y": float(place[1]),
        }
        for row, place, top in zip(rows, places, tops, strict=True)
    ]
    problems = [one.problem for one in measured if one.problem]
    return {
        "folder": str(folder),
        "model": {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256},
        "classes": list(labelled.classes),
        "output": output,
        "explained": explained,
        "left_out": len(problems),
        "problem": problems[0] if problems else "",
        "fields": fields,
    }


def principal_axes(features: NDArray[np.float32]) -> tuple[NDArray[np.float64], list[float]]:
    """Return the first two principal components.

    Args:
        features: (n, f), n at least 3.

    Returns:
        Coordinates (n, 2) and the shares of the variance, 0 to 1; zeros where there is no variance.
    """
    from sklearn.decomposition import PCA

    values = features.astype(np.float64)
    if values.shape[1] < 2:  # noqa: PLR2004 - a plane has two axes
        values = np.hstack([values, np.zeros_like(values)])
    if not np.ptp(values, axis=0).any():
        return np.zeros((len(values), 2)), [0.0, 0.0]
    found = PCA(n_components=2, svd_solver="full")
    places = found.fit_transform(values)
    return np.asarray(places, np.float64), [float(share) for share in found.explained_variance_ratio_]


def to_csv(found: FeatureMap) -> str:
    """Write the coordinates as CSV text with the columns of :data:`HEADER`."""
    rows = [
        {
            "file": one["file"],
            "class": one["class_name"],
            "part": one["part"],
            "predicted": one["predicted"],
            "x": f"{one['x']:.6g}",
            "y": f"{one['y']:.6g}",
        }
        for one in found["fields"]
    ]
    return rows_to_csv(rows)


def bundle_of_run(run: Path) -> Path:
    """Return the bundle that a run exported.

    Raises:
        StationError: ``no-run`` if there is none.
    """
    found = sorted(path for path in run.glob("*.allmodel") if not path.name.startswith("."))
    if not found:
        sentence = f"The run {run.name!r} has no model bundle. Choose another run, or name one with --model."
        raise StationError("no-run", sentence)
    return found[0]


def parts_of_run(run: Path) -> dict[str, str]:
    """Return the part (train, validation, test) of each field of a run, by its name below the folder.

    Raises:
        StationError: ``no-run`` when there is no run, or its lists cannot be read.
    """
    RunFolder.open(run)
    table = read_table(run / "lists.csv", ("part", "file"), code="no-run")
    return {row.cell("file"): row["part"] for row in table.rows}


def _output(bundle: ModelBundle, pool: EnginePool) -> str:
    """Return the output that tells how a field looks: that of the novelty, else the features."""
    engine = pool.engine()
    if isinstance(engine, Engine):
        height, width = engine.preprocessing.size
        blank = prepare(np.full((height, width, 3), 255, np.uint8), engine.preprocessing)
        outputs = engine.run(blank.tensor)
        for name in (novelty_output(bundle), "features"):
            if name in outputs:
                return name
    sentence = (
        f"The model {bundle.name} tells nothing of how a field looks, so there is no map of it. "
        "Choose the shipped model, or one that was fine-tuned from it."
    )
    raise StationError("no-features", sentence)


def _measure(
    labelled: LabelledSet, pool: EnginePool, cache: FeatureCache, output: str, events: EventWriter
) -> list[_Measured]:
    events.phase("preparing", f"Looking at every field of {labelled.root.name}")
    found: list[_Measured] = []
    total = len(labelled.fields)

    def one(row: int) -> _Measured:
        return _measured(labelled.fields[row].path, pool, cache, output)

    with ThreadPoolExecutor(default_threads()) as threads:
        for rows in _batches(total):
            batch: list[_Measured] = []
            for each in threads.map(one, rows):
                batch.append(each)
                events.progress(len(found) + len(batch), total, "fields looked at")
            cache.keep({each.sha256: each.outputs for each in batch if each.fresh and each.outputs})
            found += batch
            if events.stopping:
                sentence = (
                    "The map was stopped. Fields that were looked at are kept; start it again any time."
                )
                raise StationError("stopped", sentence)
    return found


def _batches(total: int) -> Iterator[range]:
    for start in range(0, total, _BATCH):
        yield range(start, min(start + _BATCH, total))


def _measured(path: Path, pool: EnginePool, cache: FeatureCache, output: str) -> _Measured:
    try:
        file = read_field(path)
        known = cache.get(file.sha256)
        if known is not None:
            return _Measured(file.sha256, known)
        engine = pool.engine()
        assert isinstance(engine, Engine)  # noqa: S101 - another kind has no features and was refused
        tensor = prepare(file.reduced(engine.preprocessing.size), engine.preprocessing).tensor
        outputs = engine.run(tensor)
    except ModelError:
        raise
    except StationError as error:
        return _Measured("", None, error.sentence)
    features, logits = (np.asarray(outputs[name], np.float32).ravel() for name in (output, "logits"))
    if not (np.isfinite(features).all() and np.isfinite(logits).all()):
        return _Measured("", None, f"The model's output for {path.name} is unreadable; it is left out.")
    return _Measured(file.sha256, (features, logits), fresh=True)


def _tops(bundle: ModelBundle, labelled: LabelledSet, logits: NDArray[np.float32]) -> Sequence[str]:
    """Return the class that the model finds most likely, where it knows the classes of the folder."""
    if not set(labelled.classes) <= set(bundle.classes):
        return [""] * len(logits)
    return [bundle.classes[place] for place in logits.argmax(axis=1)]
