"""A file is taken once, when it is complete, and not before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allstation.core.file_settling import FileSettling, Sighting, is_unfinished

FILE = Sighting(1000, 1)


def test_taken_once_after_it_settled():
    watch = FileSettling(settled=3)
    assert watch.see({"a.jpg": FILE}, 0) == []
    assert watch.see({"a.jpg": FILE}, 2.9) == []
    assert watch.waiting == 1
    assert watch.see({"a.jpg": FILE}, 3) == ["a.jpg"]
    assert watch.see({"a.jpg": FILE}, 60) == []
    assert watch.waiting == 0


@pytest.mark.parametrize("other", [Sighting(1001, 1), Sighting(1000, 2)])
def test_a_change_starts_the_waiting_anew(other):
    watch = FileSettling(settled=3)
    watch.see({"a.jpg": FILE}, 0)
    watch.see({"a.jpg": other}, 2)
    assert watch.see({"a.jpg": other}, 4) == []
    assert watch.see({"a.jpg": other}, 5) == ["a.jpg"]


def test_held_or_empty_files_wait():
    watch = FileSettling(settled=3)
    for second in range(10):
        assert watch.see({"a.jpg": Sighting(10, 1, busy=True), "b.jpg": Sighting(0, 1)}, second) == []
    free = {"a.jpg": Sighting(10, 1), "b.jpg": Sighting(5, 2)}
    assert watch.see(free, 10) == []
    assert sorted(watch.see(free, 13)) == ["a.jpg", "b.jpg"]


def test_a_file_that_is_written_again_is_taken_again():
    watch = FileSettling(settled=3)
    watch.see({"a.jpg": FILE}, 0)
    watch.see({"a.jpg": FILE}, 3)
    again = Sighting(1000, 2)
    assert watch.see({"a.jpg": again}, 4) == []
    assert watch.see({"a.jpg": again}, 7) == ["a.jpg"]


def test_a_drive_that_goes_away_and_comes_back():
    watch = FileSettling(settled=3)
    watch.see({"a.jpg": FILE, "b.jpg": FILE}, 0)
    assert sorted(watch.see({"a.jpg": FILE, "b.jpg": FILE}, 3)) == ["a.jpg", "b.jpg"]
    watch.see({"a.jpg": FILE, "b.jpg": FILE, "c.jpg": FILE}, 4)
    assert watch.see(None, 5) == []
    assert watch.see({"a.jpg": FILE, "b.jpg": FILE, "c.jpg": FILE}, 8) == []
    assert watch.see({"a.jpg": FILE, "b.jpg": FILE, "c.jpg": FILE}, 11) == ["c.jpg"]


def test_a_restart_takes_only_what_is_new():
    watch = FileSettling({"a.jpg": 1000, "b.jpg": 5}, settled=3)
    now = {"a.jpg": FILE, "b.jpg": FILE, "c.jpg": FILE}
    watch.see(now, 0)
    assert watch.see(now, 3) == ["b.jpg", "c.jpg"]


def test_a_renamed_file_is_seen_under_its_new_name():
    watch = FileSettling(settled=3)
    watch.see({"a.jpg": FILE}, 0)
    watch.see({"a.jpg": FILE}, 3)
    watch.see({"b.jpg": FILE}, 4)
    assert watch.see({"b.jpg": FILE}, 7) == ["b.jpg"]
    assert watch.see({"a.jpg": FILE, "b.jpg": FILE}, 8) == []
    assert watch.see({"a.jpg": FILE, "b.jpg": FILE}, 11) == ["a.jpg"]


@pytest.mark.parametrize(
    "name", ["a.jpg.part", "a.jpg.tmp", "A.JPG.CRDOWNLOAD", ".a.jpg", "~$a.jpg", "a.jpg~", "._a.jpg"]
)
def test_unfinished_names_are_never_taken(name):
    assert is_unfinished(name)
    watch = FileSettling(settled=1)
    watch.see({name: FILE}, 0)
    assert watch.see({name: FILE}, 10) == []
    assert not is_unfinished("field 1.jpg")


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=30))
def test_nothing_is_ever_taken_while_it_changes(looks):
    """Whatever the history, a taken file had the same face for the whole settling time."""
    watch, now, faces = FileSettling(settled=3), 0.0, []
    for wait, face in looks:
        now += wait
        sighting = Sighting(10 + face, face)
        faces.append((now, sighting))
        if watch.see({"a.jpg": sighting}, now):
            same = [at for at, seen in reversed(faces)]
            count = next((i for i, (_, seen) in enumerate(reversed(faces)) if seen != sighting), len(faces))
            assert now - same[count - 1] >= 3
