"""Run folders: whole files or none, sentences when the disk is full or closed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from allstation.core.errors import StationError
from training.fit import runs
from training.fit.recipe import recipe_from
from training.fit.runs import RunFolder
from training.models.registry import preset


def test_a_run_is_made_read_and_updated(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", recipe_from(preset("zhang")))
    assert folder.state == "running"
    folder.update(state="finished", figure=float("nan"))
    again = RunFolder.open(tmp_path / "run")
    assert again.state == "finished"
    assert again.info["figure"] is None
    assert again.info["recipe"]["method"]["kind"] == "zhang"
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["recipe.toml", "run.json"]


def test_a_run_is_never_written_over(tmp_path: Path) -> None:
    recipe = recipe_from(preset("zhang"))
    RunFolder.create(tmp_path, recipe)
    with pytest.raises(StationError, match="already holds a run"):
        RunFolder.create(tmp_path, recipe)


def test_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(StationError, match=r"no run in"):
        RunFolder.open(tmp_path)
    (tmp_path / "run.json").write_text("{cut")
    with pytest.raises(StationError, match=r"no run in"):
        RunFolder.open(tmp_path)


def test_what_a_killed_process_left_half_written_is_swept(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", recipe_from(preset("zhang")))
    for name in (".weights.npz.4711.part", ".model.unverified.allmodel", "weights.npz"):
        (folder.path / name).write_bytes(b"x")
    folder.remove_leftovers()
    names = {path.name for path in folder.path.iterdir()}
    assert names == {"recipe.toml", "run.json", "weights.npz"}


def test_history_survives(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.read_history() == []
    folder.write_history([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    before = (tmp_path / "history.csv").read_bytes()
    assert folder.read_history() == [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]
    folder.write_history(folder.read_history())
    assert (tmp_path / "history.csv").read_bytes() == before


def test_arrays_survive_without_pickle(tmp_path: Path) -> None:
    runs.write_arrays(tmp_path / "a.npz", {"x": np.arange(3)})
    np.testing.assert_array_equal(runs.read_arrays(tmp_path / "a.npz")["x"], np.arange(3))
    np.savez(tmp_path / "bad.npz", x=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        runs.read_arrays(tmp_path / "bad.npz")


def test_a_folder_that_is_a_file_gives_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StationError, match="Choose a folder") as caught:
        RunFolder.create(tmp_path / "file" / "run", recipe_from(preset("zhang")))
    assert caught.value.code == "cannot-write"


_FULL_DISK = """
import resource, sys
from pathlib import Path
from allstation.core.errors import StationError
from training.fit import runs
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    runs.write_bytes(Path(sys.argv[1]), b"x" * 100_000)
except StationError as error:
    print(error.code, error.sentence)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_leaves_the_earlier_file(tmp_path: Path) -> None:
    target = tmp_path / "state.npz"
    target.write_bytes(b"earlier")
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(target)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("disk-full The disk is full")
    assert "Free some space" in done.stdout
    assert target.read_bytes() == b"earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]
