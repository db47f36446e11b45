"""The cache of fields that viewer, thumbnails and outlines share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.core.slide_part import Region, part_path
from allstation.imaging.fields.file import read_field
from allstation.imaging.synthetic import draw_field, write_field
from allstation.imaging.synthetic.slide import write_slide
from allstation.services.images.field_cache import FieldCache


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    names = [tmp_path / f"{number}.jpg" for number in range(4)]
    for number, path in enumerate(names):
        write_field(path, draw_field("Pre", number, size=(120, 160)))
    return names


def test_a_field_is_read_again_only_when_its_file_changed(paths: list[Path]):
    files = FieldCache()
    first = files.read(paths[0])
    assert files.read(paths[0], first.sha256) is first
    other = paths[1].read_bytes()
    paths[0].write_bytes(other)
    os.utime(paths[0], ns=(1, 1))
    assert files.read(paths[0]).content == other
    with pytest.raises(StationError) as refused:
        files.read(paths[0], first.sha256)
    assert refused.value.code == "changed-field"


def test_a_file_that_is_gone_is_missing_although_it_was_read(paths: list[Path]):
    files = FieldCache()
    files.read(paths[0])
    paths[0].unlink()
    with pytest.raises(StationError) as refused:
        files.read(paths[0])
    assert refused.value.code == "not-found"


def test_thumbnails_do_not_push_out_what_the_viewer_reads(paths: list[Path]):
    files = FieldCache()
    shown = files.read(paths[0])
    passing = files.read(paths[1], keep=False)
    assert files.read(paths[1], keep=False) is not passing
    assert files.read(paths[0], keep=False) is shown


def test_memory_is_bounded_and_the_least_recently_used_goes(paths: list[Path]):
    each = len(paths[0].read_bytes()) + 3 * 120 * 160
    files = FieldCache(max_bytes=2 * each + each // 2)
    kept = [files.read(path) for path in paths[:2]]
    assert files.read(paths[0]) is kept[0]
    files.read(paths[2])
    assert files.read(paths[0]) is kept[0]
    assert files.read(paths[1]) is not kept[1]


def test_a_field_larger_than_the_cache_is_read_and_not_kept(paths: list[Path]):
    files = FieldCache(max_bytes=10)
    file = files.read(paths[0])
    assert file.content == read_field(paths[0]).content
    assert files.read(paths[0]) is not file


def test_a_part_of_a_slide_is_read_once_until_its_file_changes(tmp_path: Path) -> None:
    slide = tmp_path / "s.svs"
    write_slide(slide, seed=1, width=800, height=600, format="svs")
    path = part_path(slide, Region(level=0, x=100, y=100, width=300, height=225))
    cache = FieldCache()
    first = cache.read(path)
    assert cache.read(path) is first
    slide.write_bytes(slide.read_bytes() + b"more")
    assert cache.read(path) is not first
