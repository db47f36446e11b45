"""Reviews: the latest that is not withdrawn counts, undo and redo hold, nothing is deleted."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter
from allstation.core.records import NewField, Review
from allstation.store import Case
from tests.makers import end_as_killed


def test_review_gets_id_and_time(case, maker):
    ids = maker.fill(case, 1)
    stored = case.reviews.add(Review(field_id=ids[0], reviewer=" Ada ", class_name="Pro", comment="a\nb"))
    assert (stored.id, stored.reviewer, stored.comment) == (1, "Ada", "a\nb")
    assert stored.at.startswith("2026-01-02T03:")
    assert case.reviews.of_field(ids[0]) == [stored]


def test_second_reviewer_is_kept_apart(case, maker):
    ids = maker.fill(case, 2)
    ada = case.reviews.add(Review(field_id=ids[0], reviewer="Ada", class_name="Pro"))
    bob = case.reviews.add(Review(field_id=ids[0], reviewer="Bob", class_name="Pre"))
    assert case.fields.get(ids[0]).review == bob
    assert case.fields.get(ids[0], reviewer="Ada").review == ada
    assert case.fields.get(ids[0], reviewer="Eve").review is None
    assert case.reviews.reviewers() == ["Ada", "Bob"]
    assert list(case.fields.ids(FieldFilter(reviewer="Ada", reviewed=False))) == ids[1:]
    with pytest.raises(StationError) as caught:
        case.reviews.withdraw(ada.id, "Bob")
    assert caught.value.code == "not-your-review"


def test_another_look_is_no_class(case, maker):
    ids = maker.fill(case, 1)
    maker.classify(case, ids)
    case.reviews.add(Review(field_id=ids[0], reviewer="Ada", class_name=None, comment="which cell?"))
    field = case.fields.get(ids[0])
    assert field.final_name == field.prediction.decision.name
    assert list(case.fields.ids(FieldFilter(needs_review=True))) == ids


def test_a_comment_is_found_and_shown_with_its_field_whoever_reviewed_it(case, maker):
    ids = maker.fill(case, 3)
    case.reviews.add(Review(field_id=ids[0], reviewer="Ada", class_name="Pro", comment="two nuclei"))
    case.reviews.add(Review(field_id=ids[1], reviewer="Ada", class_name="", comment="pale"))
    taken = case.reviews.add(Review(field_id=ids[2], reviewer="Ada", class_name="Pro", comment="wrong"))
    case.reviews.withdraw(taken.id, "Ada")
    assert [case.fields.get(one).comment for one in ids] == ["two nuclei", "pale", ""]
    assert list(case.fields.ids(FieldFilter(commented=True))) == ids[:2]
    assert list(case.fields.ids(FieldFilter(commented=False))) == ids[2:]
    assert case.fields.get(ids[1], reviewer="Bob").comment == "", "another person's, in blind review"


@pytest.mark.parametrize("name", ["", "  ", "\n"])
def test_nobody_cannot_review(case, maker, name):
    ids = maker.fill(case, 1)
    with pytest.raises(StationError) as caught:
        case.reviews.add(Review(field_id=ids[0], reviewer=name, class_name="Pro"))
    assert caught.value.code == "empty-name"


def test_unknown_field_and_review(case):
    with pytest.raises(StationError) as caught:
        case.reviews.add(Review(field_id=99, reviewer="Ada", class_name="Pro"))
    assert caught.value.code == "unknown-field"
    with pytest.raises(StationError) as caught:
        case.reviews.withdraw(99, "Ada")
    assert caught.value.code == "unknown-review"


def test_withdrawing_twice_is_said_once(case, maker):
    ids = maker.fill(case, 1)
    review = case.reviews.add(Review(field_id=ids[0], reviewer="Ada", class_name="Pro"))
    case.reviews.withdraw(review.id)
    length = case.audit.length()
    case.reviews.withdraw(review.id)
    assert case.audit.length() == length
    assert case.reviews.of_field(ids[0]) == []
    assert case.reviews.of_field(ids[0], withdrawn=True) == [review]


FIELDS, NAMES = (1, 2, 3), ("Ada", "Bob")


class Reviewing(RuleBasedStateMachine):
    """The case against a plain list, also over closing, crashing and opening."""

    live = Bundle("live")
    taken = Bundle("taken")

    @initialize()
    def begin(self):
        self.place = tempfile.TemporaryDirectory()
        self.folder = Path(self.place.name) / "m.allcase"
        self.case = Case.create(self.folder, user="Ada")
        slide = self.case.slides.add("s")
        self.case.fields.add(
            slide.id,
            [
                NewField(path=Path(f"/f{i}.jpg"), sha256=f"{i}" * 64, bytes=1, width=1, height=1)
                for i in FIELDS
            ],
        )
        self.model: list[Review] = []
        self.withdrawn: set[int] = set()

    @rule(
        target=live,
        field=st.sampled_from(FIELDS),
        name=st.sampled_from(NAMES),
        comment=st.text(max_size=9),
        choice=st.sampled_from(["Pro", "Pre", None]),
    )
    def add(self, field, name, comment, choice):
        stored = self.case.reviews.add(
            Review(field_id=field, reviewer=name, class_name=choice, comment=comment)
        )
        self.model.append(stored)
        return stored

    @rule(target=taken, review=consumes(live))
    def undo(self, review):
        self.case.reviews.withdraw(review.id, review.reviewer)
        self.withdrawn.add(review.id)
        return review

    @rule(target=live, review=consumes(taken))
    def redo(self, review):
        self.case.reviews.restore(review.id, review.reviewer)
        self.withdrawn.discard(review.id)
        return review

    @rule(clean=st.booleans())
    def open_again(self, clean):
        if clean:
            self.case.close()
        else:
            end_as_killed(self.case)
        self.case = Case.open(self.folder, user="Ada")

    @invariant()
    def same_as_the_list(self):
        if not hasattr(self, "case"):
            return
        for field in FIELDS:
            everything = [review for review in self.model if review.field_id == field]
            counting = [review for review in everything if review.id not in self.withdrawn]
            assert self.case.reviews.of_field(field, withdrawn=True) == everything
            assert self.case.reviews.of_field(field) == counting
            assert self.case.fields.get(field).review == (counting[-1] if counting else None)
            for name in NAMES:
                own = [review for review in counting if review.reviewer == name]
                assert self.case.fields.get(field, reviewer=name).review == (own[-1] if own else None)

    def teardown(self):
        if hasattr(self, "case"):
            assert self.case.audit.verify() is None
            self.case.close()
            self.place.cleanup()


Reviewing.TestCase.settings = settings(
    max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestReviewing = Reviewing.TestCase
