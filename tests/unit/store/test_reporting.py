"""A final report locks what it says; what differs later is named."""

from __future__ import annotations

import pytest

from allstation.core.errors import StationError
from allstation.core.records import Review
from allstation.core.reports import DecisionChange, ReportStatus, decisions_digest, snapshot_decisions

HASH = "ab" * 32


def test_drafts_lock_nothing(case, maker):
    ids = maker.fill(case, 3)
    case.add_report("draft", HASH)
    maker.classify(case, ids)
    case.add_report(ReportStatus.PRELIMINARY, HASH)
    case.add_review(Review(field_id=ids[0], reviewer="Ada", class_name="Pro"))
    assert not case.amendment_needed
    assert case.amendments() == []


def test_review_after_the_final_report_asks_for_an_amended_one(case, maker):
    ids = maker.fill(case, 3)
    maker.classify(case, ids)
    final = case.add_report("final", HASH, file="/home/me/report.pdf", by="Ada")
    assert (final.status, final.file) == (ReportStatus.FINAL, "report.pdf")
    assert not case.amendment_needed
    was = case.field(ids[0]).final_name
    review = case.add_review(Review(field_id=ids[0], reviewer="Ada", class_name="Pro"))
    assert case.amendment_needed
    assert case.amendments() == [DecisionChange(ids[0], was, "Pro", name=case.field(ids[0]).path.name)]
    case.withdraw_review(review.id, "Ada")
    assert not case.amendment_needed
    case.restore_review(review.id, "Ada")
    amended = case.add_report("amended", HASH, by="Ada", reason="One field was reviewed again.")
    assert amended.status is ReportStatus.AMENDED
    assert not case.amendment_needed
    assert case.reports() == [final, amended]
    assert case.verify_audit() is None


def test_confirming_a_decision_changes_nothing(case, maker):
    ids = maker.fill(case, 3)
    maker.classify(case, ids)
    case.add_report("final", HASH)
    case.add_review(Review(field_id=ids[0], reviewer="Ada", class_name=case.field(ids[0]).final_name))
    assert not case.amendment_needed


def test_fields_added_later_count_once_they_are_decided(case, maker):
    maker.classify(case, maker.fill(case, 3))
    case.add_report("final", HASH)
    new = maker.fill(case, 1, slide="late", first=50)
    assert not case.amendment_needed
    maker.classify(case, new)
    late = case.field(new[0])
    assert case.amendments() == [DecisionChange(new[0], None, late.final_name, name=late.path.name)]


def test_the_report_must_hold_what_the_case_holds(case, maker):
    ids = maker.fill(case, 3)
    maker.classify(case, ids)
    digest = snapshot_decisions(case.snapshot())
    case.add_review(Review(field_id=ids[0], reviewer="Ada", class_name="Pro"))
    with pytest.raises(StationError) as caught:
        case.add_report("final", HASH, decisions_sha256=digest)
    assert caught.value.code == "case-changed"
    assert case.reports() == []
    report = case.add_report("final", HASH, decisions_sha256=snapshot_decisions(case.snapshot()))
    assert report.audit_head == case.audit_entries()[-2].hash


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
        case.add_report(kind, HASH)
    with pytest.raises(StationError) as caught:
        case.add_report(status, HASH, reason=reason)
    assert caught.value.code == code


def test_digest_does_not_depend_on_order():
    assert decisions_digest([("a", "Pro"), ("b", None)]) == decisions_digest([("b", ""), ("a", "Pro")])
    assert decisions_digest([("a", "Pro")]) != decisions_digest([("a", "Pre")])
