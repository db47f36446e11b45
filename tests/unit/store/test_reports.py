"""A final report locks what it says; what differs later is named."""

from __future__ import annotations

import pytest

from allstation.core.errors import StationError
from allstation.core.records import Review
from allstation.core.reports import DecisionChange, ReportStatus, decisions_digest, snapshot_decisions

HASH = "ab" * 32


def test_drafts_lock_nothing(case, maker):
    ids = maker.fill(case, 3)
    case.reports.add("draft", HASH)
    maker.classify(case, ids)
    case.reports.add(ReportStatus.PRELIMINARY, HASH)
    case.reviews.add(Review(field_id=ids[0], reviewer="Ada", class_name="Pro"))
    assert not case.reports.amendment_needed
    assert case.reports.amendments() == []


def test_review_after_the_final_report_asks_for_an_amended_one(case, maker):
    ids = maker.fill(case, 3)
    maker.classify(case, ids)
    final = case.reports.add("final", HASH, file="/home/me/report.pdf", by="Ada")
    assert (final.status, final.file) == (ReportStatus.FINAL, "report.pdf")
    assert not case.reports.amendment_needed
    was = case.fields.get(ids[0]).final_name
    review = case.reviews.add(Review(field_id=ids[0], reviewer="Ada", class_name="Pro"))
    assert case.reports.amendment_needed
    assert case.reports.amendments() == [
        DecisionChange(ids[0], was, "Pro", name=case.fields.get(ids[0]).path.name)
    ]
    case.reviews.withdraw(review.id, "Ada")
    assert not case.reports.amendment_needed
    case.reviews.restore(review.id, "Ada")
    amended = case.reports.add("amended", HASH, by="Ada", reason="One field was reviewed again.")
    assert amended.status is ReportStatus.AMENDED
    assert not case.reports.amendment_needed
    assert case.reports.all() == [final, amended]
    assert case.audit.verify() is None


def test_confirming_a_decision_changes_nothing(case, maker):
    ids = maker.fill(case, 3)
    maker.classify(case, ids)
    case.reports.add("final", HASH)
    case.reviews.add(Review(field_id=ids[0], reviewer="Ada", class_name=case.fields.get(ids[0]).final_name))
    assert not case.reports.amendment_needed


def test_fields_added_later_count_once_they_are_decided(case, maker):
    maker.classify(case, maker.fill(case, 3))
    case.reports.add("final", HASH)
    new = maker.fill(case, 1, slide="late", first=50)
    assert not case.reports.amendment_needed
    maker.classify(case, new)
    late = case.fields.get(new[0])
    assert case.reports.amendments() == [DecisionChange(new[0], None, late.final_name, name=late.path.name)]


def test_the_report_must_hold_what_the_case_holds(case, maker):
    ids = maker.fill(case, 3)
    maker.classify(case, ids)
    digest = snapshot_decisions(case.snapshot())
    case.reviews.add(Review(field_id=ids[0], reviewer="Ada", class_name="Pro"))
    with pytest.raises(StationError) as caught:
        case.reports.add("final", HASH, decisions_sha256=digest)
    assert caught.value.code == "case-changed"
    assert case.reports.all() == []
    report = case.reports.add("final", HASH, decisions_sha256=snapshot_decisions(case.snapshot()))
    assert report.audit_head == case.audit.entries()[-2].hash


@pytest.mark.parametrize(
    ("before", "status", "reason", "code"),
    [
        ([], "amended", "because", "not-final-yet"),
        (["final"], "final", "", "already-final"),
        (["final"], "amended", " ", "reason-needed"),
    ],
)
def test_order_of_reports(case, before, status, reason, code):
    for kind in before:
        case.reports.add(kind, HASH)
    with pytest.raises(StationError) as caught:
        case.reports.add(status, HASH, reason=reason)
    assert caught.value.code == code


def test_digest_does_not_depend_on_order():
    assert decisions_digest([("a", "Pro"), ("b", None)]) == decisions_digest([("b", ""), ("a", "Pro")])
    assert decisions_digest([("a", "Pro")]) != decisions_digest([("a", "Pre")])
