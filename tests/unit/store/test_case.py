"""What was put into a case is there again when it is opened."""

from __future__ import annotations

import inspect
import os
import stat
import sys

import pytest

from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter, FieldSort
from allstation.core.pseudonyms import Pseudonyms, new_secret
from allstation.core.records import FieldState, Review
from allstation.store import Case


def test_everything_is_there_after_reopening(case, folder, maker):
    ids = maker.fill(case, 12)
    maker.classify(case, ids[:8])
    case.queue.fail(ids[8], "unreadable-field", "It cannot be read.")
    review = case.reviews.add(Review(field_id=ids[0], reviewer="Ada", class_name="Pro", comment="clear"))
    case.set_details({"patient": "Frau Müller", "request": ""})
    before = case.snapshot()
    case.close()
    with Case.open(folder) as again:
        after = again.snapshot()
        assert after.fields == before.fields
        assert (after.case_id, after.slides, after.models) == (before.case_id, before.slides, before.models)
        assert after.details == {"patient": "Frau Müller"}
        assert after.reviews == (review,)
        assert again.audit.verify() is None
        assert not again.recovered.queued_again
    assert after.fields[0].prediction == maker.prediction(ids[0])
    assert after.fields[0].review == review
    assert after.fields[8].error == "It cannot be read."


@pytest.mark.skipif(sys.platform == "win32", reason="rights of a folder are a POSIX matter")
def test_a_new_case_folder_is_its_owners_alone_and_an_old_one_keeps_its_rights(tmp_path):
    def rights(folder):
        return stat.S_IMODE(folder.stat().st_mode)

    before = os.umask(0o022)
    try:
        Case.create(tmp_path / "lab" / "new.allcase").close()
        shared = tmp_path / "shared.allcase"
        shared.mkdir()
        shared.chmod(0o775)
        Case.create(shared).close()
    finally:
        os.umask(before)
    assert rights(tmp_path / "lab" / "new.allcase") == 0o700
    assert rights(tmp_path / "lab") == 0o755
    assert rights(shared) == 0o775
    Case.open(shared).close()
    assert rights(shared) == 0o775


def test_name_comes_from_the_folder(case):
    assert case.name == "Müller"
    case.rename("Frau Müller")
    assert case.name == "Frau Müller"


def test_duplicates_are_reported_not_added(case, maker):
    slide = case.slides.add("one", None)
    first = case.fields.add(slide.id, [maker.field(1), maker.field(2), maker.field(1, "again.jpg")])
    assert (len(first.added), first.duplicates) == (2, [maker.field(1, "again.jpg")])
    second = case.fields.add(case.slides.add("two", None).id, [maker.field(2), maker.field(3)])
    assert (len(second.added), second.duplicates) == (1, [maker.field(2)])
    assert case.fields.count() == 3


def test_adding_a_folder_twice_gives_the_same_slide(case, tmp_path):
    assert case.slides.add("a", tmp_path / "a") == case.slides.add("other name", tmp_path / "a")
    assert len(case.slides.all()) == 1


def test_second_window_is_read_only_and_says_who(case, folder):
    with Case.open(folder) as second:
        assert second.read_only
        assert second.held_by is not None
        assert "process" in second.why_read_only
        with pytest.raises(StationError) as caught:
            second.rename("other")
        assert caught.value.code == "read-only-case"
    case.close()
    with Case.open(folder) as third:
        assert not third.read_only


def test_reader_sees_what_was_saved(case, maker):
    with case.reader() as reader:
        ids = maker.fill(case, 3)
        maker.classify(case, ids)
        assert reader.fields.count(FieldFilter(state=FieldState.DONE)) == 3
        assert reader.read_only


def test_claim_save_and_counts(case, maker):
    ids = maker.fill(case, 5)
    taken = case.queue.claim(3)
    assert [field.id for field in taken] == ids[:3]
    assert {field.state for field in taken} == {FieldState.RUNNING}
    case.queue.save_prediction(ids[0], maker.prediction(ids[0]))
    counts = case.queue.counts()
    assert (counts[FieldState.QUEUED], counts[FieldState.RUNNING], counts[FieldState.DONE]) == (2, 2, 1)
    by_slide = case.slides.counts()
    assert by_slide[taken[0].slide_id].total == 5


def test_fields_sort_naturally(case, maker):
    maker.fill(case, 12)
    names = [field.path.name for field in case.fields.page(sort=FieldSort.NAME)]
    assert names == [f"field {i}.jpg" for i in range(12)]
    assert [field.path.name for field in case.fields.page(offset=9, limit=2)] == [
        "field 9.jpg",
        "field 10.jpg",
    ]


def test_the_key_of_pseudonyms_is_drawn_once_and_an_earlier_case_gets_one(case, folder, maker):
    ids = maker.fill(case, 3)
    secret, hashes = case.secret, [case.fields.get(one).sha256 for one in ids]
    assert len(secret) == 32
    names = Pseudonyms(secret)
    codes = [names.code(one) for one in hashes]
    assert [case.trace(one) for one in codes] == hashes
    assert case.holds(codes)
    assert case.holds([*codes, hashes[0]])
    assert not case.holds([codes[0], Pseudonyms(secret).code("0" * 64)])
    assert not case.holds([codes[0], Pseudonyms(secret).code(hashes[1])])
    assert case.issued(names.case_id)
    assert case.issued(case.case_id)
    assert not case.issued(Pseudonyms(new_secret()).case_id)
    assert secret.hex() not in str(list(case.audit.entries()))
    with case.connection.write() as db:
        db.execute("DELETE FROM info WHERE key = 'pseudonyms'")
    assert (case.secret, case.trace(codes[0])) == (b"", "")
    assert case.snapshot().secret != case.snapshot().secret
    case.close()
    with Case.open(folder) as again:
        assert len(again.secret) == 32
        assert again.snapshot().secret == again.secret
        assert again.audit.verify() is None


def test_no_object_of_a_case_is_over_400_lines_with_all_it_inherits(case):
    """A case is composed, not stacked: the size that counts is that of the object, not of one class."""
    kinds = {type(case), *(type(value) for value in vars(case).values())}
    own = {kind for kind in kinds if kind.__module__.startswith("allstation.store")}
    assert len(own) > 10
    for kind in own:
        parts = [part for part in kind.__mro__ if part.__module__.startswith("allstation.store")]
        assert sum(len(inspect.getsourcelines(part)[0]) for part in parts) <= 400, kind
