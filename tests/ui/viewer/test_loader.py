"""Reading fields: the newest request wins, neighbours wait ready, memory stays bounded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from allstation.core.errors import StationError
from allstation.ui.viewer.loader import FieldLoader, PictureCache
from allstation.ui.viewer.picture import FieldPicture, image_from_rgb
from tests.ui.field_records import write_picture

A, B, C = Path("a.jpg"), Path("b.jpg"), Path("c.jpg")


class Decoder:
    """Decodes a path into one colour, but only when the test lets it."""

    def __init__(self) -> None:
        self.calls: list[Path] = []
        self.gates: dict[Path, threading.Event] = {}
        self.threads: set[int] = set()

    def __call__(self, path: Path) -> FieldPicture:
        self.calls.append(path)
        self.threads.add(threading.get_ident())
        if path in self.gates:
            assert self.gates[path].wait(10)
        if path.name.startswith("bad"):
            raise StationError("unreadable-field", "This file is no picture.")
        return FieldPicture.from_rgb(np.full((30, 40, 3), ord(path.name[0]), np.uint8))


@pytest.fixture
def decoder() -> Decoder:
    return Decoder()


@pytest.fixture
def loader(qapp: object, decoder: Decoder) -> Iterator[FieldLoader]:
    made = FieldLoader(reader=decoder)
    yield made
    for gate in decoder.gates.values():
        gate.set()
    made.close()


def test_a_field_is_decoded_on_another_thread(qtbot: QtBot, loader: FieldLoader, decoder: Decoder):
    with qtbot.waitSignal(loader.ready) as ready:
        assert loader.request(A) is None
    path, picture = ready.args
    assert path == A
    assert picture.levels[0].pixelColor(3, 3) == QColor(97, 97, 97)
    assert threading.get_ident() not in decoder.threads


def test_a_field_that_was_read_comes_at_once(qtbot: QtBot, loader: FieldLoader, decoder: Decoder):
    with qtbot.waitSignal(loader.ready):
        loader.request(A)
    assert loader.request(A) is not None
    assert decoder.calls == [A]


def test_a_late_result_is_never_shown(qtbot: QtBot, loader: FieldLoader, decoder: Decoder):
    decoder.gates[A] = threading.Event()
    shown: list[Path] = []
    loader.ready.connect(lambda path, _picture: shown.append(path))
    loader.request(A)
    qtbot.waitUntil(lambda: A in decoder.calls)
    with qtbot.waitSignal(loader.ready):
        loader.request(B)
    decoder.gates[A].set()
    with qtbot.assertNotEmitted(loader.ready, wait=150):
        pass
    assert shown == [B]


def test_a_request_overtaken_before_its_turn_is_not_even_decoded(
    qtbot: QtBot, loader: FieldLoader, decoder: Decoder
):
    decoder.gates[A], decoder.gates[B] = threading.Event(), threading.Event()
    for path in (A, B):
        loader.request(path)
        qtbot.waitUntil(lambda path=path: path in decoder.calls)
    loader.request(C)
    loader.request(Path("d.jpg"))
    with qtbot.waitSignal(loader.ready):
        decoder.gates[A].set()
        decoder.gates[B].set()
    assert C not in decoder.calls


def test_neighbours_are_ready_when_they_are_asked_for(qtbot: QtBot, loader: FieldLoader):
    with qtbot.waitSignal(loader.ready):
        loader.request(A)
    loader.preload([B, C])
    qtbot.waitUntil(lambda: B in loader.cache and C in loader.cache)
    assert loader.request(C) is not None


def test_a_broken_field_says_so_and_does_not_stop_the_next(qtbot: QtBot, loader: FieldLoader):
    with qtbot.waitSignal(loader.failed) as failed:
        loader.request(Path("bad.jpg"))
    assert failed.args == [Path("bad.jpg"), "This file is no picture."]
    with qtbot.waitSignal(loader.ready):
        loader.request(A)


def test_closing_waits_and_stays_silent(qtbot: QtBot, loader: FieldLoader, decoder: Decoder):
    loader.request(A)
    loader.close()
    with qtbot.assertNotEmitted(loader.ready, wait=80):
        pass


def test_real_files_are_read_with_the_projects_decoder(qtbot: QtBot, tmp_path: Path):
    path = write_picture(tmp_path / "größe 血.png", (200, 30, 60))
    loader = FieldLoader()
    with qtbot.waitSignal(loader.ready) as ready:
        loader.request(path)
    loader.close()
    assert ready.args[1].levels[0].pixelColor(10, 10) == QColor(200, 30, 60)


@pytest.mark.real_data
def test_a_real_field_is_read_at_its_full_size(qtbot: QtBot, real_data: Path):
    path = next((real_data / "taleqani-highres" / "Pro").glob("*.jpg"))
    loader = FieldLoader()
    with qtbot.waitSignal(loader.ready) as ready:
        loader.request(path)
    loader.close()
    assert (ready.args[1].size.width(), ready.args[1].size.height()) == (1024, 768)


def test_the_cache_is_bounded_by_bytes_and_drops_the_least_recently_used():
    picture = FieldPicture.from_rgb(np.zeros((100, 100, 3), np.uint8))
    cache = PictureCache(3 * picture.bytes)
    for path in (A, B, C):
        cache.put(path, picture)
    cache.get(A)
    cache.put(Path("d.jpg"), picture)
    assert B not in cache
    assert A in cache
    assert cache.bytes == 3 * picture.bytes


def test_one_field_larger_than_the_cache_is_still_kept():
    picture = FieldPicture.from_rgb(np.zeros((100, 100, 3), np.uint8))
    cache = PictureCache(10)
    cache.put(A, picture)
    cache.put(B, picture)
    assert B in cache
    assert A not in cache


def test_an_array_with_an_odd_width_keeps_its_pixels():
    rgb = np.random.default_rng(3).integers(0, 255, (17, 13, 3), np.uint8)
    image = image_from_rgb(rgb)
    assert image.pixelColor(12, 16).getRgb()[:3] == tuple(rgb[16, 12])


def test_zoomed_out_fields_are_averaged_not_sampled():
    stripes = np.zeros((1024, 1024, 3), np.uint8)
    stripes[:, ::2] = 255
    level = FieldPicture.from_rgb(stripes).level_for(0.4)
    assert level.width() == 512
    assert 100 < level.pixelColor(200, 200).red() < 155
