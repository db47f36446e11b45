"""Fields taken out of a case are in no list, count, queue or report, and come back as they were."""

from __future__ import annotations

import json

import pytest

from allstation.core.filters import FieldFilter, FieldSort
from allstation.core.records import FieldState, Review
from allstation.core.reports import DecisionChange
from allstation.store import Case, maintenance
from allstation.store.removal import ranges_of


@pytest.fixture
def two(case, maker):
    """Two slides of three classified fields each: 1 to 3 and 4 to 6."""
    maker.classify(case, maker.fill(case, 3, slide="one") + maker.fill(case, 3, slide="two", first=10))
    return case


def everything(case: Case) -> dict[str, object]:
    """What a case shows of its fields, in every place that counts or lists them."""
    with case.reading() as snapshot:
        in_report = [field.id for field in snapshot.fields]
        reviews = list(snapshot.reviews)
        models = list(snapshot.models)
    return {
        "count": case.fields.count(),
        "lists": [case.fields.ids(None, sort).tolist() for sort in FieldSort],
        "found": case.fields.ids(FieldFilter(text="field")).tolist(),
        "slides": [slide.name for slide in case.slides.all()],
        "by slide": case.slides.counts(),
        "queue": case.queue.counts(),
        "tally": case.statistics.tally(),
        "report": in_report,
        "reviews": reviews,
        "models": models,
        "missing": case.files.missing(),
        "unpredicted": case.fields.unpredicted("another"),
    }


def test_removed_fields_are_nowhere_as_if_never_added(two, maker, tmp_path):
    two.reviews.add(Review(field_id=2, reviewer="Ada", class_name="Pro"))
    two.reviews.add(Review(field_id=5, reviewer="Bob", class_name="Pro"))
    assert two.fields.remove([4, 5, 6]) == [4, 5, 6]
    with Case.create(tmp_path / "other.allcase", clock=two.connection.context.clock) as other:
        other.models.add(maker.record())
        maker.classify(other, maker.fill(other, 3, slide="one"))
        other.reviews.add(Review(field_id=2, reviewer="Ada", class_name="Pro"))
        wanted = everything(other)
    shown = everything(two)
    for one in (shown, wanted):  # when a review was written is all that may differ
        one["reviews"] = [(review.field_id, review.class_name) for review in one["reviews"]]
    assert shown == wanted


def test_restored_fields_are_as_they_were(two):
    two.reviews.add(Review(field_id=5, reviewer="Bob", class_name="Pro", comment="sure"))
    before = everything(two)
    two.fields.remove([1, 5])
    assert everything(two) != before
    assert two.fields.restore([1, 5, 6]) == [1, 5]
    assert everything(two) == before
    assert two.audit.verify() is None


def test_only_what_is_in_the_case_is_removed(two):
    assert two.fields.remove([3, 1, 99]) == [1, 3]
    assert two.fields.remove([1, 2, 3]) == [2]
    assert two.fields.remove([1, 2, 3]) == []
    assert two.fields.restore([6]) == []
    actions = [entry.action for entry in two.audit.entries()]
    assert actions.count("fields-removed") == 2
    assert actions.count("fields-restored") == 0


def test_removed_fields_can_be_looked_at(two):
    two.fields.remove([2, 6])
    gone = two.fields.page(FieldFilter(removed=True))
    assert [(field.id, field.removed) for field in gone] == [(2, True), (6, True)]
    assert gone[0].prediction is not None
    assert two.fields.ids(FieldFilter(removed=True, slide_id=gone[1].slide_id)).tolist() == [6]
    assert not any(field.removed for field in two.fields.page())
    assert two.snapshot().removed == 2


def test_the_trail_says_who_removed_which(two):
    two.user = "Grace"
    two.fields.remove([6, 4, 5, 1])
    entry = two.audit.entries(last=1)[0]
    assert (entry.who, entry.action) == ("Grace", "fields-removed")
    assert json.loads(entry.details) == {"fields": 4, "ranges": [[1, 1], [4, 6]]}


@pytest.mark.parametrize(
    ("ids", "ranges"), [([], []), ([5], [[5, 5]]), ([1, 2, 3, 7, 9, 10], [[1, 3], [7, 7], [9, 10]])]
)
def test_ranges(ids, ranges):
    assert ranges_of(ids) == ranges


# The queue


def test_a_removed_field_is_not_classified_until_it_is_back(case, maker):
    ids = maker.fill(case, 3)
    case.fields.remove(ids[:1])
    assert case.queue.counts()[FieldState.QUEUED] == 2
    assert [field.id for field in case.queue.claim(5)] == ids[1:]
    maker.classify(case, ids[1:])
    assert case.model_queue.next_model() is None
    assert not case.queue.has_queued("")
    case.fields.restore(ids[:1])
    assert case.model_queue.next_model() == ""
    assert [field.id for field in case.queue.claim(5)] == ids[:1]


def test_what_is_under_way_is_kept_when_its_field_is_removed(case, maker):
    ids = maker.fill(case, 2)
    case.queue.claim(2)
    case.fields.remove(ids[:1])
    maker.classify(case, ids)
    assert case.fields.count() == 1
    case.fields.restore(ids[:1])
    assert case.fields.get(ids[0]).prediction == maker.prediction(ids[0])


def test_another_model_passes_removed_fields_over(two, maker):
    second = maker.record("second")
    two.models.add(second)
    two.model_queue.add(second.sha256, [1, 2])
    two.fields.remove([1, 2])
    assert two.model_queue.all() == []
    assert two.model_queue.start(second.sha256) == 0
    two.fields.restore([2])
    assert [plan.fields for plan in two.model_queue.all()] == [1]
    assert two.model_queue.start(second.sha256) == 1


def test_failed_and_removed_fields_are_not_tried_again(case, maker):
    ids = maker.fill(case, 2)
    for number in ids:
        case.queue.claim(1)
        case.queue.fail(number, "truncated-field", "It ends too early.")
    case.fields.remove(ids[:1])
    assert case.queue.requeue() == 1
    assert case.queue.requeue(ids) == 0


# Adding again


def test_adding_a_removed_field_again_brings_it_back(two, maker):
    two.reviews.add(Review(field_id=2, reviewer="Ada", class_name="Pro"))
    two.fields.remove([1, 2, 3])
    place = two.slides.add("one", maker.folder / "one")
    report = two.fields.add(
        place.id, [maker.field(number, f"elsewhere/{number}.jpg") for number in (0, 1, 1)]
    )
    assert (report.added, report.restored, len(report.duplicates)) == ([], [1, 2], 1)
    back = two.fields.get(2)
    assert (back.path.name, back.review.class_name) == ("1.jpg", "Pro")
    assert back.prediction is not None
    assert two.fields.count() == 5
    assert two.audit.verify() is None


def test_a_watched_folder_does_not_bring_them_back(two, maker):
    two.fields.remove([1])
    assert len(two.files.in_folder(maker.folder / "one")) == 3


# Reports


def test_a_field_removed_after_the_final_report_asks_for_an_amended_one(two):
    two.reports.add("final", "ab" * 32)
    two.fields.remove([1])
    name, was = two.fields.get(1).path.name, two.fields.get(1).final_name
    assert two.reports.amendments() == [DecisionChange(1, was, None, name=name, removed=True)]
    two.fields.restore([1])
    assert not two.reports.amendment_needed
    two.fields.remove([1])
    two.reports.add("amended", "ab" * 32, reason="Another patient's field.")
    assert not two.reports.amendment_needed
    two.fields.restore([1])
    assert two.reports.amendments() == [DecisionChange(1, None, was, name=name)]


# Damage


def test_a_repaired_case_knows_what_was_removed(two, folder):
    two.fields.remove([2, 3])
    two.close()
    content = bytearray((folder / "case.sqlite").read_bytes())
    content[:4096] = b"\xa5" * 4096
    (folder / "case.sqlite").write_bytes(content)
    assert maintenance.repair_case(folder).broken is None
    with Case.open(folder) as case:
        assert case.fields.ids(FieldFilter(removed=True)).tolist() == [2, 3]
        assert case.fields.ids().tolist() == [1, 4, 5, 6]


def test_a_file_taken_half_written_gives_way_to_the_whole_one(case, maker):
    place = case.slides.add("one", maker.folder)
    half, other = case.fields.add(place.id, [maker.field(1, "late.jpg"), maker.field(2, "b.jpg")]).added
    case.queue.claim(2)
    case.queue.fail(half, "truncated-field", "It ends too early.")
    maker.classify(case, [other])
    report = case.fields.add(place.id, [maker.field(3, "late.jpg"), maker.field(4, "b.jpg")])
    assert report.replaced == [half]
    assert sorted(case.fields.ids()) == [other, *report.added]  # one that was read stays beside the new
    assert case.queue.counts()[FieldState.FAILED] == 0
    assert case.audit.verify() is None
