"""Pixel sizes of single slides in a case: kept, audited, told when changed past the trail."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from allstation.core.errors import StationError
from allstation.core.known_sizes import SlideSizes
from allstation.core.site import PixelSize, ScaleSource
from allstation.store import Case
from allstation.store.audit_contents import SLIDE_SIZES
from allstation.store.database import DATABASE

BAR = PixelSize(size=0.11, source=ScaleSource.BAR, frame=(1024, 768))


def test_a_slide_keeps_its_sizes_beside_the_case_data(case: Case, maker, folder) -> None:
    maker.fill(case, 1)
    maker.fill(case, 1, slide="slide 2", first=1)
    first, second = case.slides.all()
    case.set_details({"pixel_size": "0.2 µm"})
    wanted = SlideSizes(second.id, (BAR, PixelSize(size=0.3)))
    case.slide_sizes.set(wanted)
    case.slide_sizes.set(wanted)
    assert [entry.action for entry in case.audit.entries()].count("slide-sizes-changed") == 1
    known = case.site.known_sizes()
    assert [known.at(1024, 768, slide=one.id) for one in (first, second)] == [0.2, 0.11]
    assert known.at(10, 10, slide=second.id) == 0.3
    case.close()
    with Case.open(folder) as again:
        assert again.slide_sizes.all() == (wanted,)
        assert again.snapshot().sizes == known
        again.slide_sizes.set(SlideSizes(second.id, ()))
        assert again.slide_sizes.all() == ()
        assert again.audit.verify() is None


def test_a_slide_that_is_not_there_gets_none(case: Case) -> None:
    with pytest.raises(StationError, match="no slide number 5"):
        case.slide_sizes.set(SlideSizes(5, (BAR,)))


def test_sizes_that_were_changed_or_damaged_past_the_trail_are_told(case: Case, maker, folder) -> None:
    maker.fill(case, 1)
    case.slide_sizes.set(SlideSizes(1, (BAR,)))
    case.close()
    for stored in ('[{"sizes":[{"size":0.9}],"slide":1}]', '[{"slide":"x"}]'):
        with closing(sqlite3.connect(folder / DATABASE)) as db, db:
            db.execute("UPDATE info SET value = ? WHERE key = ?", (stored, SLIDE_SIZES))
        with Case.open(folder, read_only=True) as again:
            assert "pixel sizes of slides" in again.audit.verify().sentence
    with Case.open(folder, read_only=True) as again:
        with pytest.raises(StationError, match="pixel sizes of its slides cannot be understood"):
            again.slide_sizes.all()
        assert again.site.known_sizes().slides == (), "the fields are shown all the same"
