"""One Parquet data set for research: a file a slide, a row a field, written as results come."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from allstation.core.decision import Reason
from allstation.core.errors import StationError
from allstation.core.records import NewField, Prediction
from allstation.files import part_path
from allstation.processing.archive.manifest import PARQUET, PLACES, RowDigest, SlideEntry, refuse_symlink
from allstation.processing.archive.slides import ArchiveSlide

if TYPE_CHECKING:
    from allstation.inference.pipeline import Outcome

_ROWS: Final = 4096
"""Rows written at a time: what is held in memory of a slide."""
_LONGEST: Final = 200
_SHARE: Final = "probability_"


def require_pyarrow() -> None:
    """Refuse in the edition without it.

    Raises:
        StationError: ``no-parquet``.
    """
    if importlib.util.find_spec("pyarrow") is None:
        sentence = (
            "This edition writes no Parquet. Install the full edition of ALL Station, or leave out --parquet."
        )
        raise StationError("no-parquet", sentence)


def parquet_file(out: Path, key: str) -> Path:
    """Return the file of a slide: a partition by slide, as readers of Parquet data sets know it."""
    name = quote(key, safe=" ")
    if len(name) > _LONGEST:
        name = f"{name[: _LONGEST - 20]}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    return out / PLACES[PARQUET] / f"slide={name}" / "fields.parquet"


class SlideTable:
    """Table of one slide, written beside its place and renamed when it is whole.

    Args:
        out: The archive's folder.
        slide: The slide.
        classes: Of the model, in its order.
    """

    def __init__(self, out: Path, slide: ArchiveSlide, classes: Sequence[str]) -> None:
        self._out = out
        self.slide = slide
        self._classes = tuple(classes)
        self._target = parquet_file(out, slide.key)
        refuse_symlink(out, self._target)
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._part = part_path(self._target)
        self._schema = _schema(self._classes)
        self._writer: Any = None
        self._rows: list[dict[str, Any]] = []
        self._digest = RowDigest()
        self._done = self._failed = 0
        self.refused = 0
        self.open = 0
        """Fields whose outcome has not come."""
        self.read = False
        """All files of the slide were looked at."""

    def add(self, field: NewField, outcome: Outcome[int]) -> None:
        """Add the row of a field."""
        made, error = outcome.prediction, outcome.error
        self._done += made is not None
        self._failed += made is None
        code = "" if error is None or made is not None else error.code
        self._digest.add(field.path.name, field.sha256, made, code)
        about = {
            "field": field.path.name,
            "path": str(field.path),
            "sha256": field.sha256,
            "width": field.width,
            "height": field.height,
            "error_code": code,
            "error": "" if error is None or made is not None else error.sentence,
        }
        self._rows.append({**about, **_values(made)})
        if len(self._rows) >= _ROWS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._writer is None:
            self._writer = pq.ParquetWriter(self._part, self._schema, compression="zstd")
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []

    def finish(self) -> SlideEntry:
        """Write the rest, rename the file to its place and return what the manifest says of it."""
        self._flush()
        self._writer.close()
        with self._part.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self._part.replace(self._target)
        return SlideEntry(
            slide=self.slide.key,
            folder=str(self.slide.folder),
            state=self.slide.state,
            fields=self._done + self._failed,
            done=self._done,
            failed=self._failed,
            refused=self.refused,
            file=self._target.relative_to(self._out).as_posix(),
            digest=self._digest.text(),
            sha256=sha256,
        )

    def drop(self) -> None:
        """Remove the unfinished file."""
        if self._writer is not None:
            self._writer.close()
        self._part.unlink(missing_ok=True)


Waiting = tuple[SlideTable, NewField, "Future[Outcome[int]]"]


def rows_of(file: Path) -> Iterator[tuple[str, str, str, str, tuple[float, ...]]]:
    """Yield name, hash, decision, error code and probabilities of each row."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as table:
        shares = [name for name in table.schema_arrow.names if name.startswith(_SHARE)]
        for batch in table.iter_batches(_ROWS):
            for row in batch.to_pylist():
                found = () if row["decision"] is None else tuple(row[name] for name in shares)
                yield row["field"], row["sha256"], row["decision"] or "", row["error_code"], found


def _schema(classes: Sequence[str]) -> Any:  # noqa: ANN401 - pyarrow has no types
    import pyarrow as pa

    texts = {"field", "path", "sha256", "decision", "reasons", "model_sha256", "error_code", "error"}
    kinds = [
        *((name, pa.int32()) for name in ("width", "height", "white_cells")),
        *((name, pa.float64()) for name in ("novelty", "sharpness", "brightness", "clipped", "cell_area")),
        *((f"{_SHARE}{name}", pa.float64()) for name in classes),
        ("probabilities_valid", pa.bool_()),
    ]
    order = ("field", "path", "sha256", "decision", "reasons")
    rest = sorted(texts - set(order))
    return pa.schema([(name, pa.string()) for name in order] + kinds + [(name, pa.string()) for name in rest])


def _values(made: Prediction | None) -> dict[str, Any]:
    if made is None:
        return {}
    reasons = "; ".join(str(reason.value) for reason in made.decision.reasons if isinstance(reason, Reason))
    return {
        "decision": made.decision.name,
        "reasons": reasons,
        "model_sha256": made.model_sha256,
        "white_cells": made.cell_count,
        "novelty": made.novelty,
        "sharpness": made.quality.sharpness,
        "brightness": made.quality.brightness,
        "clipped": made.quality.clipped,
        "cell_area": made.quality.cell_area,
        "probabilities_valid": made.probabilities_valid,
        **{f"{_SHARE}{name}": share for name, share in made.probabilities.items()},
    }
