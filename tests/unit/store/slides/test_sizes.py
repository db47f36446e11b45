"""Pixel sizes of single slides in a case: kept, audited, told when changed past the trail."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from allstation.core.errors import StationError
from allstation.core.known_sizes import SlideSizes
from allstation.core.patients import PatientSource
from allstation.core.site import PixelSize, ScaleSource
from allstation.store import Case
from allstation.store.audit.contents import SLIDE_SIZES
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
    odd = ('[{"slide":1e999,"sizes":[]}]', '[{"slide":1,"sizes":[{"size":1%s}]}]' % ("0" * 400))
    for stored in ('[{"sizes":[{"size":0.9}],"slide":1}]', '[{"slide":"x"}]', *odd):
        with closing(sqlite3.connect(folder / DATABASE)) as db, db:
            db.execute("UPDATE info SET value = ? WHERE key = ?", (stored, SLIDE_SIZES))
        with Case.open(folder, read_only=True) as again:
            assert "pixel sizes of slides" in again.audit.verify().sentence
            if "0.9" in stored:
                continue
            with pytest.raises(StationError, match="pixel sizes of its slides cannot be understood"):
                again.slide_sizes.all()
            assert again.site.known_sizes().slides == (), "the fields are shown all the same"


def test_a_forged_size_does_not_become_genuine_with_the_next_change(case: Case, maker, folder) -> None:
    maker.fill(case, 1)
    maker.fill(case, 1, slide="slide 2", first=1)
    case.slide_sizes.set(SlideSizes(1, (BAR,)))
    case.set_details({"patient_name": "A", "pixel_size": "0.2 µm"})
    case.slides.set_patients({1: "P1"}, source=PatientSource.TYPED)
    assert case.audit.verify() is None
    case.close()
    forgeries = (
        ("UPDATE info SET value = replace(value, '0.11', '0.9') WHERE key LIKE 'slide%'", "pixel sizes"),
        ("UPDATE info SET value = replace(value, '\"A\"', '\"B\"') WHERE key = 'details'", "patient's data"),
        ("UPDATE slides SET patient = 'P9' WHERE id = 1", "patients of the slides"),
    )
    for statement, words in forgeries:
        copy = folder.with_name(f"{words[:8]}.allcase")
        shutil.copytree(folder, copy)
        with closing(sqlite3.connect(copy / DATABASE)) as db, db:
            assert db.execute(statement).rowcount == 1
        with Case.open(copy) as again:
            again.slide_sizes.set(SlideSizes(2, (BAR,)))
            again.set_details({**again.details(), "specimen": "blood"})
            again.slides.set_patients({2: "P2"}, source=PatientSource.TYPED)
            assert words in again.audit.verify().sentence
