"""Figures of a report: counted by hand here, from the snapshot itself."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allstation.core.classes import CLASS_NAMES, NEEDS_REVIEW
from allstation.core.errors import StationError
from allstation.core.records import FieldState, Review, Slide
from allstation.core.statistics import clopper_pearson
from allstation.report.content.build import build_content, canonical_json, content_json
from allstation.report.content.free_text import Anonymity, FreeText
from allstation.report.content.identity import identity, redactor
from allstation.report.content.model_card import model_block
from allstation.report.content.options import ReportOptions
from allstation.report.content.wording import WITHHELD, interval, moment, percent, probability, too_few
from tests.makers import field
from tests.unit.report.factory import CLOCK, DETAILS


def test_counts_are_those_of_the_snapshot(factory):
    snapshot = factory.snapshot(60, slides=3, reviewed=20)
    counts = build_content(snapshot, ReportOptions(clock=CLOCK)).counts
    finals = Counter(one.final_name for one in snapshot.fields if one.prediction)
    assert {share.name: share.count for share in counts.shares} == {
        name: finals[name] for name in (*CLASS_NAMES, NEEDS_REVIEW)
    }
    assert sum(share.count for share in counts.shares) == counts.read == sum(finals.values())
    assert counts.fields == 60
    assert counts.failed == sum(one.state is FieldState.FAILED for one in snapshot.fields) > 0
    assert counts.cells == sum(one.prediction.cell_count for one in snapshot.fields if one.prediction)
    assert counts.reviewed == counts.confirmed + counts.changed + counts.another_look == 19


def test_intervals_are_exact_intervals_of_the_fields_read(factory):
    counts = build_content(factory.snapshot(40), ReportOptions(clock=CLOCK)).counts
    for share in counts.shares:
        spread = clopper_pearson(share.count, counts.read)
        assert (share.low, share.high) == (spread.low, spread.high)
        assert share.low <= share.share <= share.high


def test_counts_of_slides_sum_to_the_case(factory):
    content = build_content(factory.snapshot(50, slides=4, reviewed=9), ReportOptions(clock=CLOCK))
    for key in ("fields", "read", "failed", "needs_review", "reviewed", "cells"):
        assert sum(getattr(one.counts, key) for one in content.slides) == getattr(content.counts, key)
    assert [number for one in content.slides for number in one.numbers] == list(range(1, 51))


def test_an_empty_case_has_nothing_to_count(factory):
    content = build_content(factory.snapshot(0), ReportOptions(clock=CLOCK))
    assert content.counts.read == 0
    assert content.counts.statement == "No field has been read: there is nothing to count."
    assert all(share.share == 0 and (share.low, share.high) == (0, 1) for share in content.counts.shares)


def test_a_field_that_was_never_read_is_counted_as_waiting(factory):
    snapshot = factory.snapshot(3)
    waiting = dataclasses.replace(snapshot.fields[0], state=FieldState.QUEUED, prediction=None)
    gone = dataclasses.replace(snapshot.fields[1], state=FieldState.CANCELLED, prediction=None)
    counts = build_content(dataclasses.replace(snapshot, fields=(waiting, gone, snapshot.fields[2]))).counts
    assert (counts.waiting, counts.left_out, counts.read) == (1, 1, 1)


@pytest.mark.parametrize(
    ("fields", "cells", "said"),
    [
        (1, 500, "1 field read"),
        (40, 99, "99 white cells found"),
        (3, 1, "1 white cell found"),
        (0, 0, "No field"),
    ],
)
def test_too_few_is_said_in_words(fields, cells, said):
    assert said in too_few(fields, cells)


def test_enough_says_nothing():
    assert too_few(10, 100) == ""


def test_reviews_stand_beside_predictions(factory):
    snapshot = factory.snapshot(2)
    field = snapshot.fields[0]
    other = next(name for name in CLASS_NAMES if name != field.prediction.decision.name)
    review = Review(
        field_id=field.id, reviewer="Dr. B", class_name=other, comment="nucleus", at="2026-11-22T10:00:00Z"
    )
    changed = dataclasses.replace(
        snapshot, fields=(dataclasses.replace(field, review=review), snapshot.fields[1])
    )
    content = build_content(changed, ReportOptions(clock=CLOCK))
    (row,) = content.changes
    assert (row.decision, row.reviewed, row.final) == (field.prediction.decision.name, other, other)
    assert content.counts.changed == 1


def test_comments_on_fields_that_stand_are_listed_and_withheld_from_anonymised_reports(factory):
    snapshot = factory.snapshot(3)
    confirmed, remarked, plain = snapshot.fields
    agreed = Review(
        field_id=confirmed.id,
        reviewer="Dr. B",
        class_name=confirmed.prediction.decision.name,
        comment="as Smith said",
        at="2026-11-22T10:00:00Z",
    )
    fields = (
        dataclasses.replace(confirmed, review=agreed),
        dataclasses.replace(remarked, remark="pale, ask Smith"),
        plain,
    )
    changed = dataclasses.replace(snapshot, fields=fields)
    told = build_content(changed, ReportOptions(clock=CLOCK, anonymise=False)).comments
    assert [row.comment for row in told] == ["as Smith said", "pale, ask Smith"]
    hidden = build_content(changed, ReportOptions(clock=CLOCK)).comments
    assert [row.comment for row in hidden] == [WITHHELD, WITHHELD]


def test_anonymised_by_default_and_nothing_slips_through(factory):
    snapshot = factory.snapshot(20, reviewed=3)
    secrets = [
        DETAILS[key] for key in ("patient_name", "patient_id", "birth_date", "request_id", "requester")
    ]
    text = canonical_json(content_json(build_content(snapshot, ReportOptions(clock=CLOCK))))
    for secret in (*secrets, snapshot.name, str(factory.folder)):
        assert secret not in text
    assert DETAILS["stain"] in text
    open_text = canonical_json(
        content_json(build_content(snapshot, ReportOptions(clock=CLOCK, anonymise=False)))
    )
    for secret in (*secrets, snapshot.name):
        assert secret in open_text


def test_a_folder_called_after_the_patient_is_withheld_though_nothing_else_names_her(factory):
    snapshot = factory.snapshot(4, slides=2, details={})
    named = tuple(
        Slide(id=slide.id, name=f"Meier Anna 196{slide.id}", folder=factory.folder)
        for slide in snapshot.slides
    )
    content = build_content(dataclasses.replace(snapshot, slides=named), ReportOptions(clock=CLOCK))
    assert [slide.name for slide in content.slides] == ["Slide 1", "Slide 2"]
    assert "Meier" not in canonical_json(content_json(content))


def test_the_patient_is_taken_out_of_names_and_comments(factory):
    snapshot = factory.snapshot(2, reviewed=2)
    first = snapshot.fields[0]
    review = dataclasses.replace(first.review, comment="seen with Mrs MUSTERFRAU, pid0042")
    named = dataclasses.replace(first, path=Path("/x/musterfrau_maria_2019-03-04.jpg"), review=review)
    slides = (Slide(id=1, name="PID-0042 Maria Musterfrau left", folder=None),)
    case = dataclasses.replace(snapshot, slides=slides, fields=(named, snapshot.fields[1]))
    options = ReportOptions(clock=CLOCK, comment="Smear of Maria.", reason="asked by Musterfrau")
    text = canonical_json(content_json(build_content(case, options))).casefold()
    for secret in ("musterfrau", "maria", "0042 ", "pid0042", "pid-0042", "2019-03-04"):
        assert secret not in text
    assert '"field-0001.jpg"' in text
    let_go = dataclasses.replace(options, anonymity=Anonymity(frozenset({FreeText.NAMES, FreeText.COMMENTS})))
    text = canonical_json(content_json(build_content(case, let_go))).casefold()
    for secret in ("musterfrau", "maria", "0042 ", "pid0042", "pid-0042", "2019-03-04"):
        assert secret not in text
    assert "[withheld]_[withheld]_[withheld].jpg" in text
    assert "seen with mrs [withheld]" in text
    shown = build_content(case, dataclasses.replace(options, anonymise=False))
    assert shown.fields[0].name == "musterfrau_maria_2019-03-04.jpg"


def test_a_short_name_is_taken_out_only_where_it_stands_alone():
    redact = redactor({"name": "Li Wu-Tang"})
    assert redact("li_slide_wutang_Lithium wu.jpg") == "[withheld]_slide_wu[withheld]_Lithium [withheld].jpg"


def test_an_unknown_key_is_withheld_when_anonymised():
    patient, request, _ = identity({"Emergency-Contact": "Jane", "MRN": "17"}, anonymise=True)
    assert [(one.label, one.value, one.withheld) for one in (*patient, *request)] == [
        ("Patient id", "", True),
        ("Entry 1", "", True),
    ]
    patient, request, _ = identity({"Emergency-Contact": "Jane", "MRN": "17"}, anonymise=False)
    assert [one.value for one in (*patient, *request)] == ["17", "Jane"]


def test_the_error_of_a_failed_field_does_not_name_its_folder_when_anonymised(factory):
    snapshot = factory.snapshot(1)
    path = Path("/data/Maria Musterfrau/a.jpg")
    failed = field(
        1, path, state=FieldState.FAILED, error_code="truncated-field", error=f"{path} ends early."
    )
    content = build_content(dataclasses.replace(snapshot, fields=(failed,)), ReportOptions(clock=CLOCK))
    assert "Musterfrau" not in content.fields[0].error
    assert "truncated field" in content.fields[0].error


def test_same_snapshot_and_clock_give_equal_data(factory):
    snapshot = factory.snapshot(30, slides=2, reviewed=5)
    options = ReportOptions(clock=CLOCK)
    first, second = (content_json(build_content(snapshot, options)) for _ in range(2))
    assert first == second
    assert json.loads(canonical_json(first)) == first


def test_pictures_are_of_the_slide_and_doubtful_first(factory):
    content = build_content(factory.snapshot(120, slides=2), ReportOptions(clock=CLOCK, montage_per_slide=6))
    for index, slide in enumerate(content.slides):
        chosen = [content.fields[number - 1] for number in (*slide.representative, *slide.doubtful)]
        assert 0 < len(chosen) <= 6
        assert len({row.number for row in chosen}) == len(chosen)
        assert {row.slide for row in chosen} == {index}
        assert all(content.fields[number - 1].final == NEEDS_REVIEW for number in slide.doubtful)
        assert all(content.fields[number - 1].final != NEEDS_REVIEW for number in slide.representative)


def test_many_slides_do_not_make_many_pictures(factory):
    slides = tuple(Slide(id=i + 1, name=f"s{i}", folder=None) for i in range(200))
    snapshot = factory.snapshot(200, slides=200)
    content = build_content(dataclasses.replace(snapshot, slides=slides), ReportOptions(clock=CLOCK))
    assert sum(len(one.representative) + len(one.doubtful) for one in content.slides) <= 160


def test_classes_of_every_model_are_counted(factory):
    snapshot = factory.snapshot(5)
    other = dataclasses.replace(snapshot.models[0], sha256="1" * 64, classes=("Pre", "Mature"))
    content = build_content(dataclasses.replace(snapshot, models=(*snapshot.models, other)))
    assert [one.name for one in content.counts.shares] == [*CLASS_NAMES, "Mature", NEEDS_REVIEW]


def test_model_figures_keep_n_interval_split_and_patients(factory):
    block = model_block(factory.snapshot(1).models[0], 1)
    figure = block.figures[1]
    assert (figure.name, figure.value, figure.interval, figure.n) == (
        "balanced accuracy", "0.977", "0.955 to 0.988", "408",
    )  # fmt: skip
    assert all(one.patients == "patients unknown" and one.split for one in (*block.figures, *block.probes))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8) | st.integers(),
        lambda kids: st.lists(kids, max_size=3) | st.dictionaries(st.text(max_size=6), kids, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["figures", "training", "limits", "decision", "calibration", "network", "probes"]),
)
def test_any_bundle_information_gives_an_excerpt(part, key):
    from allstation.core.records import ModelRecord

    block = model_block(
        ModelRecord(sha256="0" * 64, name="m", version="1", classes=("A",), info={key: part}), 0
    )
    assert all(isinstance(one.value, str) for one in block.figures)
    assert all(isinstance(limit, str) for limit in block.limits)


def test_an_amended_report_names_what_changed(factory):
    snapshot = factory.snapshot(6)
    before = content_json(build_content(snapshot, ReportOptions(clock=CLOCK)))
    field = snapshot.fields[2]
    other = "Pro" if field.final_name != "Pro" else "Pre"
    review = Review(
        field_id=field.id, reviewer="Dr. B", class_name=other, comment="", at="2026-11-23T10:00:00Z"
    )
    fields = (*snapshot.fields[:2], dataclasses.replace(field, review=review), *snapshot.fields[3:5])
    options = ReportOptions(
        clock=CLOCK, status="amended", reason="second opinion", reviewer="Dr. B", previous=before
    )
    found = build_content(dataclasses.replace(snapshot, fields=fields), options).amendments
    told = {(one.what.split(",")[0], one.before, one.now) for one in found}
    assert ("Field 3", field.final_name, other) in told
    assert any(one.now == "not in the case" for one in found)
    assert ("Signed by", "none", "Dr. B") in told


def amended(snapshot, before, **options):
    wanted = {"clock": CLOCK, "status": "amended", "reason": "r", "reviewer": "Dr. B", "previous": before}
    return build_content(snapshot, ReportOptions(**{**wanted, **options})).amendments


def test_an_amended_report_names_changed_case_data(factory):
    snapshot = factory.snapshot(3)
    before = content_json(build_content(snapshot, ReportOptions(clock=CLOCK, anonymise=False)))
    details = {**snapshot.details, "stain": "Wright", "patient_name": "Marie Musterfrau"}
    del details["ward"]
    changed = dataclasses.replace(snapshot, details=details)
    told = {(one.what, one.before, one.now) for one in amended(changed, before, anonymise=False)}
    assert ("Stain", "May-Gruenwald-Giemsa", "Wright") in told
    assert ("Name", "Maria Musterfrau", "Marie Musterfrau") in told
    assert ("Ward", "Paediatric haematology", "none") in told
    hidden = {one.what for one in amended(changed, before)}
    assert not {"Stain", "Name", "Ward"} & hidden
    hidden_before = content_json(build_content(snapshot, ReportOptions(clock=CLOCK)))
    told = {(one.what, one.before, one.now) for one in amended(changed, hidden_before)}
    assert told == {("Stain", "May-Gruenwald-Giemsa", "Wright"), ("Signed by", "none", "Dr. B")}


def test_what_an_amended_report_replaces_does_not_name_the_patient_either(factory):
    snapshot = factory.snapshot(3)
    named = dataclasses.replace(
        snapshot.fields[0], path=snapshot.fields[0].path.with_name("Musterfrau PID-0042.jpg")
    )
    earlier = dataclasses.replace(snapshot, fields=(named, *snapshot.fields[1:]))
    options = ReportOptions(clock=CLOCK, anonymise=False, comment="Musterfrau came back")
    before = content_json(build_content(earlier, options))
    less = dataclasses.replace(snapshot, fields=snapshot.fields[1:])
    found = amended(less, before)
    assert any("not in the case" in one.now for one in found)
    assert not any(
        "Musterfrau" in text or "0042" in text for one in found for text in dataclasses.astuple(one)
    )


@pytest.mark.parametrize(
    "options",
    [
        {"template": "poster"},
        {"page_size": "A3"},
        {"status": "signed"},
        {"status": "final"},
        {"status": "amended", "reviewer": "Dr. B"},
    ],
)
def test_what_cannot_be_signed_is_refused(options):
    with pytest.raises(StationError) as refused:
        ReportOptions(**options)
    assert refused.value.code == "bad-report-option"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "100.0"), (0.99959, ">99.9"), (0.9994, "99.9"), (0.0, "0.0"), (0.0001, "<0.1"), (0.001, "0.1")],
)
def test_only_what_is_certain_is_written_as_certain(value, text):
    assert probability(value) == text


def test_numbers_are_written_one_way():
    assert percent(0.3) == "30.0\u00a0%"
    assert interval(0.181, 0.4544) == "18.1 to 45.4\u00a0%"
    assert moment("2026-11-22T15:34:07Z") == "22\u00a0Nov\u00a02026, 15:34 UTC"
    assert moment("yesterday") == "yesterday"
