"""Tiles of a slide: read on other threads, nearest first, what is out of view is dropped, memory bounded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from allstation.core.errors import StationError
from allstation.services.images.slide_tiles import SlideTiles
from allstation.services.images.tile_grid import TILE, TileGrid, TileKey
from tests.ui.slide.pictured import PicturedSlide, colour_at

SLIDE = Path("patient.svs")


@pytest.fixture
def slide() -> PicturedSlide:
    return PicturedSlide()


@pytest.fixture
def tiles(qapp: object, slide: PicturedSlide) -> Iterator[SlideTiles]:
    made = SlideTiles(opener=slide.open, max_bytes=6 * 4 * TILE * TILE)
    yield made
    if slide.gate is not None:
        slide.gate.set()
    made.stop()
    assert slide.closed <= 1


def opened(tiles: SlideTiles, qtbot: QtBot) -> TileGrid:
    with qtbot.waitSignal(tiles.opened):
        tiles.open(SLIDE)
    qtbot.waitUntil(lambda: tiles.base is not None)
    assert tiles.grid is not None
    return tiles.grid


def test_opening_gives_the_whole_slide_as_one_picture(tiles: SlideTiles, slide: PicturedSlide, qtbot: QtBot):
    opened(tiles, qtbot)
    assert tiles.base is not None
    height, width, _ = tiles.base.shape
    assert (width, height) == (1024, 768)
    for x, y in ((5_000, 3_000), (39_000, 29_000)):
        blue, green, red, _ = tiles.base[round(y * height / 30_720), round(x * width / 40_960)]
        assert (red, green, blue) == colour_at(x, y)
    assert threading.get_ident() not in slide.threads
    assert {part.level for part in slide.read_parts} == {len(slide.info.levels) - 1}


def test_closing_gives_up_a_slide_whose_small_picture_has_to_be_made(qapp: object, qtbot: QtBot):
    slide = PicturedSlide()
    slide.seconds = 0.3
    tiles = SlideTiles(opener=slide.open)
    with qtbot.waitSignal(tiles.opened):
        tiles.open(SLIDE)
    qtbot.waitUntil(lambda: len(slide.read_parts) >= 2)
    assert max(part.width for part in slide.read_parts) <= 128, "nothing could be given up meanwhile"
    tiles.stop()
    assert slide.closed == 1
    assert len(slide.read_parts) <= 4


@pytest.mark.parametrize("zoom", [0, 1, 2, 3])
def test_a_tile_has_the_pixels_of_its_place(zoom: int, tiles: SlideTiles, qtbot: QtBot):
    grid = opened(tiles, qtbot)
    key = TileKey(zoom, 3, 2)
    with qtbot.waitSignal(tiles.loaded):
        tiles.want([key])
    pixels, box = tiles.tile(key), grid.box(key)
    assert pixels is not None
    assert pixels.shape == (TILE, TILE, 4)
    for share in (0.1, 0.9):
        at = int(share * TILE)
        blue, green, red, _ = pixels[at, at]
        assert (red, green, blue) == colour_at(box.x + box.width * share, box.y + box.height * share)


def test_tiles_at_the_edge_are_smaller(tiles: SlideTiles, qtbot: QtBot):
    grid = opened(tiles, qtbot)
    key = TileKey(4, 4, 3)
    with qtbot.waitSignal(tiles.loaded):
        tiles.want([key])
    pixels = tiles.tile(key)
    assert pixels is not None
    assert (pixels.shape[1], pixels.shape[0]) == grid.size(key) == (512, 384)


def test_what_is_no_longer_wanted_is_not_read(tiles: SlideTiles, slide: PicturedSlide, qtbot: QtBot):
    opened(tiles, qtbot)
    before = len(slide.read_parts)
    slide.gate = threading.Event()
    first, then = [TileKey(0, column, 0) for column in range(12)], [TileKey(0, 40, 30), TileKey(0, 41, 30)]
    tiles.want(first)
    qtbot.waitUntil(lambda: len(slide.read_parts) == before + 2)
    tiles.want(then)
    slide.gate.set()
    qtbot.waitUntil(lambda: tiles.is_idle)
    read = [(part.x, part.y) for part in slide.read_parts[before:]]
    assert sorted(read[:2]) == [(0, 0), (512, 0)]
    assert read[2:] == [(40 * 512, 30 * 512), (41 * 512, 30 * 512)]


def test_memory_stays_bounded_and_the_last_ones_are_kept(tiles: SlideTiles, qtbot: QtBot):
    opened(tiles, qtbot)
    keys = [TileKey(0, column, 1) for column in range(20)]
    tiles.want(keys)
    qtbot.waitUntil(lambda: tiles.is_idle)
    assert tiles.bytes <= 6 * 4 * TILE * TILE
    assert tiles.tile(keys[0]) is None
    assert tiles.tile(keys[-1]) is not None


def test_a_damaged_place_is_told_once_and_the_rest_is_shown(
    tiles: SlideTiles, slide: PicturedSlide, qtbot: QtBot
):
    opened(tiles, qtbot)
    slide.broken = lambda part: part.x < 1024 and part.level == 0
    told: list[str] = []
    tiles.failed.connect(lambda _path, sentence: told.append(sentence))
    keys = [TileKey(0, column, 0) for column in range(4)]
    tiles.want(keys)
    qtbot.waitUntil(lambda: tiles.is_idle and bool(told))
    assert told == ["This part of the slide is damaged."]
    assert [tiles.tile(key) is None for key in keys] == [True, True, False, False]
    read = len(slide.read_parts)
    tiles.want(keys)
    qtbot.waitUntil(lambda: tiles.is_idle)
    assert len(slide.read_parts) == read, "what cannot be read was read again"


def test_a_slide_that_cannot_be_opened_says_why(qapp: object, qtbot: QtBot):
    def refuse(_path: Path) -> PicturedSlide:
        raise StationError("unreadable-slide", "This is no slide.")

    tiles = SlideTiles(opener=refuse)
    with qtbot.waitSignal(tiles.failed) as failed:
        tiles.open(SLIDE)
    assert failed.args == [SLIDE, "This is no slide."]
    tiles.stop()


def test_another_slide_takes_the_place_of_the_last_one_which_is_closed(qapp: object, qtbot: QtBot):
    slides = {Path("a.svs"): PicturedSlide(8_192, 8_192), Path("b.svs"): PicturedSlide(4_096, 2_048)}
    tiles = SlideTiles(opener=slides.__getitem__)
    tiles.open(Path("a.svs"))
    with qtbot.waitSignal(tiles.opened) as found:
        tiles.open(Path("b.svs"))
    if found.args[0].info.width != 4_096:
        qtbot.waitUntil(lambda: tiles.grid is not None and tiles.grid.info.width == 4_096)
    qtbot.waitUntil(lambda: slides[Path("a.svs")].closed == 1 or not slides[Path("a.svs")].read_parts)
    assert slides[Path("b.svs")].closed == 0
    tiles.stop()
    assert slides[Path("b.svs")].closed == 1


def test_a_function_gets_the_open_slide_on_another_thread(tiles: SlideTiles, qtbot: QtBot):
    assert tiles.run(lambda source: source.info.width) is None
    opened(tiles, qtbot)
    task = tiles.run(lambda source: (source.info.width, threading.get_ident()))
    assert task is not None
    with qtbot.waitSignal(task.done) as done:
        pass
    assert done.args[0][0] == 40_960
    assert done.args[0][1] != threading.get_ident()
