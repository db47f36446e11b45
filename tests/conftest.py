"""What every test shares: the real smears if they are there, and a profile of its own."""

from __future__ import annotations

import functools
import gc
import inspect
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from allstation.imaging import synthetic

pytest_plugins = ["tests.workers"]

ROOT = Path(__file__).resolve().parent.parent
REAL_DATA = ROOT.parent / "shared" / "data"

# Before any fixture: the application of a whole test session may be made before the first test.
os.environ["QT_QPA_PLATFORM"] = "offscreen"
# Two BLAS threads that wait for each other on a busy machine took a minute for a typer of 40 cells.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# A test of a case waits some 40 times until the disk has what was written; memory has it at once.
_MEMORY, _ROOM = Path("/dev/shm"), 3 * 2**30  # noqa: S108 - pytest makes a folder of its own in it
if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real smears, or skip with the reason."""
    if not (REAL_DATA / "taleqani" / "Original").is_dir():
        pytest.skip("the real smears are not here (expected beside the project in shared/data)")
    return REAL_DATA


_DRAWN_KEPT = 64
"""Drawn fields that a process keeps, of 2.4 MB each."""


@pytest.fixture(scope="session", autouse=True)
def fields_drawn_once() -> Iterator[None]:
    """Draw each synthetic field once a process: a hundred tests write a demo of the same seeds."""
    kept = functools.lru_cache(_DRAWN_KEPT)(synthetic.draw_field)

    @functools.wraps(synthetic.draw_field)
    def draw_field(
        kind: str, seed: int, *, size: tuple[int, int] = synthetic.FRAME, defocus: float = 0.0
    ) -> NDArray[np.uint8]:
        return kept(kind, seed, size=size, defocus=defocus).copy()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "draw_field", draw_field)
        yield


@pytest.fixture
def fields_drawn_anew(fields_drawn_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw every field, for tests of the drawing."""
    monkeypatch.setattr(synthetic, "draw_field", inspect.unwrap(synthetic.draw_field))


@pytest.fixture(autouse=True)
def garbage_at_rest() -> Iterator[None]:
    """Collect garbage between tests only, as the program does at rest: no widget may end on a worker."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True, scope="module")
def slides_closed() -> Iterator[None]:
    """Close the slides of each file of tests: their readers are processes of 100 MB."""
    yield
    pool = sys.modules.get("allstation.imaging.slides.pool")
    if pool is not None:
        pool.slide_pool().close()


_HOMES = ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")


@pytest.fixture(scope="session", autouse=True)
def shared_profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give what several tests share a home of its own: another station, as seen from a single test."""
    home = tmp_path_factory.mktemp("shared-home")
    with pytest.MonkeyPatch.context() as patch:
        for variable in _HOMES:
            patch.setenv(variable, str(home))
        yield home


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of every test's home: pytest would look through thousands for a free number each time."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def fresh_profile(homes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test its own home, so that no setting of this machine or another test matters."""
    home = Path(tempfile.mkdtemp(dir=homes))
    for variable in _HOMES:
        monkeypatch.setenv(variable, str(home))
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    return home
