"""Run folder: the files of one execution of a recipe.

``run.json`` (state, recipe, versions, hashes), ``recipe.toml``, ``lists.csv``, ``history.csv``,
``events.jsonl``, ``metrics.json``, ``predictions.csv``, weights, figures. Every file is written beside
its target and renamed, so that a full disk or a kill leaves the last good one.
"""

from __future__ import annotations

import csv
import errno
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.tables import number
from allstation.files import write_atomically
from allstation.imaging.outputs import check_folder
from allstation.table_files import read_table
from training.fit.recipe import Recipe, write_toml

SCHEMA: Final = 1
PATIENTS: Final = "patients"
"""``resampled`` in ``run.json`` of a run whose ``predictions.csv`` has patients for its groups."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Translate the errors of a full or forbidden disk.

    Raises:
        StationError: ``disk-full``, ``cannot-write``.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            sentence = (
                f"The disk is full: {path.name} of the run could not be written. Earlier runs are untouched. "
                "Free some space and resume the run."
            )
            raise StationError("disk-full", sentence) from error
        sentence = (
            f"{path.name} of the run could not be written in {path.parent} ({error.strerror}). "
            "Choose a folder that this user may write to."
        )
        raise StationError("cannot-write", sentence) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        StationError: ``disk-full`` or ``cannot-write``; the earlier file is still there.
    """
    with writing(path):
        write_atomically(path, data)


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, data: object) -> None:
    """Write JSON with sorted keys, whole or not at all; what is not finite becomes null."""
    write_text(path, json_text(data, sort_keys=True, ensure_ascii=True) + "\n")


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write plain arrays as ``.npz``, whole or not at all."""
    memory = io.BytesIO()
    np.savez(memory, **dict(arrays))  # type: ignore[arg-type]
    write_bytes(path, memory.getvalue())


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read plain arrays; anything that would need pickle is refused by NumPy."""
    with np.load(path, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def now() -> str:
    """ISO 8601 UTC time with seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class RunFolder:
    """Run on disk.

    Attributes:
        path: The folder.
    """

    path: Path

    @classmethod
    def create(cls, path: Path, recipe: Recipe) -> RunFolder:
        """Make a new run folder.

        Raises:
            StationError: ``run-exists`` when it holds a run already, ``not-empty`` when it holds something
                else; ``disk-full``, ``cannot-write``.
        """
        if (path / "run.json").exists():
            sentence = f"The folder {path.name!r} already holds a run. Resume it, or choose another folder."
            raise StationError("run-exists", sentence)
        text = write_toml(recipe)
        if path.is_dir() and not _begun_and_killed(path, text):
            # What lies there may be the very inputs: they have names such as recipe.toml and lists.csv.
            check_folder(path, "The run folder")
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
        folder = cls(path)
        write_text(path / "recipe.toml", text)
        folder.update(
            schema=SCHEMA, name=recipe.name, state="running", started=now(), recipe=recipe.to_json()
        )
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open an existing run folder.

        Raises:
            StationError: ``no-run`` when there is none.
        """
        folder = cls(path)
        if not folder.info:
            sentence = f"There is no run in {path.name!r}. Choose a folder with a run.json."
            raise StationError("no-run", sentence)
        return folder

    def remove_leftovers(self) -> None:
        """Remove temporary files of a process that was killed while it wrote."""
        for pattern in (".*.part", ".*.unverified.*"):
            for half in self.path.glob(pattern):
                half.unlink(missing_ok=True)

    @property
    def info(self) -> dict[str, Any]:
        """Contents of ``run.json``; empty when it is missing or unreadable."""
        try:
            data = json.loads((self.path / "run.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    @property
    def state(self) -> str:
        """``running``, ``finished``, ``stopped``, ``discarded`` or ``failed``.

        A run whose process is gone still says ``running``.
        """
        return str(self.info.get("state", ""))

    def update(self, **entries: Any) -> None:  # noqa: ANN401 - plain JSON
        """Add to ``run.json``."""
        write_json(self.path / "run.json", {**self.info, **entries})

    def write_history(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write ``history.csv``: one line an epoch, what the live curves are drawn from."""
        write_text(self.path / "history.csv", rows_to_csv(rows))

    def read_history(self) -> list[dict[str, float]]:
        """Read ``history.csv``; empty before the first epoch. Written again it gives the same bytes."""
        path = self.path / "history.csv"
        if not path.is_file():
            return []
        table = read_table(path, ("epoch",), code="no-run")
        return [
            {name: int(number(row[name])) if name == "epoch" else number(row[name]) for name in table.columns}
            for row in table.rows
        ]


def _begun_and_killed(path: Path, recipe: str) -> bool:
    """Tell whether a folder holds what a run leaves that was killed before its first entry."""
    try:
        names = {entry.name for entry in path.iterdir() if not entry.name.endswith(".part")}
        return names == {"recipe.toml"} and (path / "recipe.toml").read_text("utf-8") == recipe
    except (OSError, ValueError):
        return False


def rows_to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write dictionaries with equal keys as CSV text."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()
