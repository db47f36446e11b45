"""Looking through a slide is cancelled: it ends soon, leaves nothing half-made, and can be begun again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile

from allstation.core.errors import StationError
from allstation.core.slide_part import Region
from allstation.imaging.readers import open_slide
from allstation.imaging.synthetic.slide import write_slide
from allstation.processing import events
from allstation.processing.importer import ImportOptions
from allstation.processing.processor import CaseProcessor
from allstation.processing.slide_import import SlideOptions
from allstation.processing.status_types import ImportStatus
from allstation.store.case import Case

LONG = 40.0
SOON = 5.0
"""Seconds within which a person sees that it has ended."""
OPTIONS = ImportOptions(slides=SlideOptions(fields=6, hashed=False))


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slide") / "s.svs"
    write_slide(path, seed=1, width=4000, height=2800, format="svs", pixel_um=0.5)
    return path


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with Case.create(tmp_path / "c.allcase") as case:
        yield case


class Processing:
    """A case's loop, as window and command line drive it."""

    def __init__(self, case: Case) -> None:
        self.told: list[events.Event] = []
        self._woken = threading.Event()
        self._background = ThreadPoolExecutor(1)
        self.processor = CaseProcessor(
            case,
            self.told.append,
            wake=self._woken.set,
            executor=lambda _bundle: pytest.fail("no model was given"),
            background=self._background,
            imports=OPTIONS,
        )

    @property
    def status(self) -> ImportStatus:
        """The import as it was told last."""
        return next(one.status for one in reversed(self.told) if isinstance(one, events.ImportProgressed))

    def run(self, until: Callable[[], bool], *, seconds: float = LONG) -> None:
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, "took too long"
            self._woken.wait(0.05)
            self._woken.clear()
            self.processor.process()

    def close(self) -> None:
        self.processor.stop()
        self._background.shutdown()


@pytest.fixture
def processing(case: Case) -> Iterator[Processing]:
    made = Processing(case)
    yield made
    made.close()


def readers() -> int:
    """Return how many children of this process read slides."""
    children = psutil.Process().children(recursive=True)
    return sum(child.status() != psutil.STATUS_ZOMBIE for child in children)


def wait_for(so: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG
    while not so():
        assert time.monotonic() < end, "took too long"
        time.sleep(0.01)


def test_cancelled_it_ends_soon_with_nothing_half_made_and_can_be_begun_again(
    case: Case, processing: Processing, slide: Path
) -> None:
    before = readers()
    processing.processor.add_paths([slide])
    processing.run(lambda: processing.status.looked > 0.05)
    assert readers() > before
    processing.processor.cancel_import()
    processing.run(lambda: not processing.processor.busy, seconds=SOON)
    assert processing.status == ImportStatus(running=False, ids=processing.status.ids, cancelled=True)
    assert (case.slides.all(), case.slide_files.all(), case.fields.count()) == ([], [], 0)
    assert readers() == before
    assert not [one for one in processing.told if isinstance(one, events.ProblemRaised)]
    processing.processor.add_paths([slide])
    processing.run(lambda: not processing.processor.busy)
    assert (processing.status.cancelled, processing.status.added, case.fields.count()) == (False, 6, 6)
    assert case.slide_files.all()[0].is_complete


def test_slides_that_wait_are_cancelled_and_one_added_afterwards_is_not(
    case: Case, processing: Processing, slide: Path, tmp_path: Path
) -> None:
    others = [tmp_path / f"{name}.svs" for name in "ab"]
    for other in others:
        write_slide(other, seed=2, width=1200, height=900, format="svs", content="empty")
    processing.processor.add_paths([slide])
    processing.processor.add_paths([others[0]])
    processing.run(lambda: processing.status.looked > 0)
    processing.processor.cancel_import()
    processing.processor.add_paths([others[1]])
    processing.run(lambda: not processing.processor.busy)
    assert [one.name for one in case.slides.all()] == ["b"]


def test_a_slide_that_was_looked_through_as_it_was_cancelled_is_not_added(
    case: Case, processing: Processing, slide: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.svs"
    write_slide(empty, seed=2, width=1200, height=900, format="svs", content="empty")
    before = readers()
    processing.processor.add_paths([empty])
    wait_for(lambda: readers() > before)
    wait_for(lambda: readers() == before)  # all of it waits to be written
    processing.processor.cancel_import()
    processing.run(lambda: not processing.processor.busy, seconds=SOON)
    assert case.slides.all() == []


def test_a_read_of_minutes_is_ended_at_once(tmp_path: Path) -> None:
    path = tmp_path / "flat.tif"
    pixels = np.random.default_rng(1).integers(0, 255, (8_000, 8_000, 3), np.uint8)
    tifffile.imwrite(path, pixels, tile=(512, 512), photometric="rgb", compression="zlib")
    with open_slide(path) as reader, ThreadPoolExecutor(1) as threads:
        level = reader.info.levels[-1]
        assert reader.info.is_averaged(len(reader.info.levels) - 1)
        whole = Region(level=len(reader.info.levels) - 1, x=0, y=0, width=level.width, height=level.height)
        reading = threads.submit(reader.read, whole)
        time.sleep(0.2)
        assert not reading.done()
        began = time.monotonic()
        reader.end()
        with pytest.raises(StationError) as caught:
            reading.result(LONG)
        assert time.monotonic() - began < 1.0
    assert caught.value.code == "slide-closed"
