"""A report from its first bytes to its amendment: kept, entered into the trail, compared."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import pytest

from allstation.__main__ import main
from allstation.core.errors import StationError
from allstation.core.records import NewField, Review
from allstation.core.reports import ReportStatus
from allstation.keys import people
from allstation.keys.people import Naming, People, Person
from allstation.paths import login_name
from allstation.report.content.build import build_content
from allstation.report.content.options import ReportOptions
from allstation.report.verification.verify import embedded_data, verify_report
from allstation.services.reports import report_state, reporting
from allstation.services.settings import Settings
from allstation.store.audit.contents import REPORTS_FOLDER
from allstation.store.case import Case
from tests.unit.report.factory import CLOCK, stored_case

FINAL = ReportOptions(clock=CLOCK, template="summary", status="final", reviewer="Dr. B")
AMENDED = replace(FINAL, status="amended", reason="second opinion")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return stored_case(tmp_path, 5, reviewed=2)


def signed(folder: Path, options: ReportOptions = FINAL) -> Path:
    with Case.open(folder, clock=CLOCK) as case:
        made = reporting.make(case, case.snapshot(), options)
        reporting.keep(case, made, file="out.pdf")
        path = reporting.kept(case)
        assert path is not None
        assert path.read_bytes() == made.data
        return path


def decide(folder: Path, class_name: str) -> None:
    with Case.open(folder) as case:
        first = next(iter(case.fields.page()))
        case.reviews.add(Review(field_id=first.id, reviewer="Dr. C", class_name=class_name))


def other_class(folder: Path) -> str:
    with Case.open(folder, read_only=True) as case:
        return "Pro" if next(iter(case.fields.page())).final_name != "Pro" else "Pre"


def test_a_field_that_came_after_the_snapshot_is_no_fault(folder: Path) -> None:
    signed(folder)
    with Case.open(folder) as case:
        earlier = case.snapshot()
        (slide, *_), (known, *_) = case.slides.all(), case.fields.page()
        late = NewField(
            path=known.path.with_name("late.jpg"),
            sha256="f" * 64,
            bytes=1,
            width=known.width,
            height=known.height,
        )
        (new,) = case.fields.add(slide.id, [late]).added
        assert known.prediction is not None
        case.queue.save_predictions([(new, known.prediction)])
        assert [change.field_id for change in case.reports.amendments()] == [new]
        assert report_state.state_of(case, earlier).changes == ()
        assert len(report_state.state_of(case, case.snapshot()).changes) == 1


def test_a_field_removed_after_signing_is_named_and_asks_for_an_amended_report(folder: Path) -> None:
    signed(folder)
    with Case.open(folder) as case:
        first = next(iter(case.fields.page()))
        case.fields.remove([first.id])
        snapshot = case.snapshot()
        (said,) = report_state.state_of(case, snapshot).changes
        assert said == f"{first.path.name}: {first.final_name} → removed from the case"
        content = build_content(snapshot, ReportOptions())
        assert first.sha256 not in {row.sha256 for row in content.fields}
        assert content.removed == 1


def test_a_signed_report_is_kept_and_in_the_trail(folder: Path) -> None:
    path = signed(folder)
    with Case.open(folder, read_only=True) as case:
        (record,) = case.reports.all()
        entry = case.audit.entries(last=1)[0]
        assert case.audit.verify() is None
    assert record.sha256 == entry.input == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (record.status, record.by, record.file) == (ReportStatus.FINAL, "Dr. B", "out.pdf")
    assert embedded_data(path)["content"]["status"] == "final"


def test_the_same_case_and_clock_give_the_same_report(folder: Path) -> None:
    with Case.open(folder, read_only=True, clock=CLOCK) as case:
        made = [reporting.make(case, case.snapshot(), FINAL) for _ in range(2)]
    assert made[0].data == made[1].data


def test_a_second_final_report_is_refused_and_leaves_nothing(folder: Path) -> None:
    signed(folder)
    before = sorted((folder / REPORTS_FOLDER).iterdir())
    with pytest.raises(StationError) as refused:
        signed(folder, replace(FINAL, comment="again"))
    assert refused.value.code == "already-final"
    assert sorted((folder / REPORTS_FOLDER).iterdir()) == before


def test_a_later_change_makes_an_amended_report_that_names_it(folder: Path) -> None:
    signed(folder)
    now = other_class(folder)
    decide(folder, now)
    with Case.open(folder, read_only=True) as case:
        state = report_state.state_of(case, case.snapshot())
        assert state.last is not None
        assert len(state.changes) == 1
        assert state.changes[0].endswith(f"→ {now}")
    path = signed(folder, AMENDED)
    told = embedded_data(path)["content"]["amendments"]
    assert [(one["what"].split(",")[0], one["now"]) for one in told] == [("Field 1", now)]
    with Case.open(folder, read_only=True) as case:
        assert not case.reports.amendment_needed
        assert verify_report(path, case.snapshot()) == []


def test_an_amended_report_is_compared_with_the_amended_one_before(folder: Path) -> None:
    signed(folder)
    decide(folder, other_class(folder))
    signed(folder, AMENDED)
    path = signed(folder, replace(AMENDED, comment="one word more", reason="a comment was forgotten"))
    told = embedded_data(path)["content"]["amendments"]
    assert [(one["what"], one["now"]) for one in told] == [("Comment", "one word more")]


@pytest.mark.parametrize("change", ["decision", "details"])
def test_a_report_of_a_case_that_changed_meanwhile_is_not_kept(folder: Path, change: str) -> None:
    with Case.open(folder, clock=CLOCK) as case:
        made = reporting.make(case, case.snapshot(), FINAL)
        first = next(iter(case.fields.page()))
        if change == "decision":
            case.reviews.add(
                Review(
                    field_id=first.id,
                    reviewer="Dr. C",
                    class_name="Pro" if first.final_name != "Pro" else "Pre",
                )
            )
        else:
            case.set_details({**case.details(), "stain": "Wright"})
        with pytest.raises(StationError) as refused:
            reporting.keep(case, made)
        assert refused.value.code == "case-changed"
        assert case.reports.all() == []
    assert list((folder / REPORTS_FOLDER).glob("*")) == []


def test_a_report_is_not_kept_in_another_case(folder: Path, tmp_path: Path) -> None:
    with Case.open(folder, read_only=True, clock=CLOCK) as case:
        made = reporting.make(case, case.snapshot(), FINAL)
    with Case.create(tmp_path / "other.allcase") as other, pytest.raises(StationError) as refused:
        reporting.keep(other, made)
    assert refused.value.code == "other-case"


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"%PDF-1.7 other")])
def test_a_missing_or_changed_signed_report_is_said(folder: Path, spoil) -> None:
    spoil(signed(folder))
    with pytest.raises(StationError, match=r"out\.pdf") as refused:
        signed(folder, AMENDED)
    assert refused.value.code == "no-earlier-report"


def test_a_logo_that_is_gone_is_said(folder: Path, tmp_path: Path) -> None:
    with Case.open(folder, read_only=True) as case:
        state = report_state.state_of(case, case.snapshot(), logo=tmp_path / "logo.png")
    assert "logo.png" in state.warnings[0]


def test_the_signed_report_travels_while_it_holds(folder: Path) -> None:
    def travelling(*, anonymise: bool, path: Path) -> tuple[str, bool]:
        with Case.open(folder, read_only=True, clock=CLOCK) as case:
            options, pdf = reporting.for_exchange(
                case, case.snapshot(), ReportOptions(clock=CLOCK, template="summary", anonymise=anonymise)
            )
        return str(options.status), pdf == path.read_bytes()

    path = signed(folder)
    # With an anonymised export goes a copy with pseudonyms of its own.
    assert travelling(anonymise=True, path=path) == ("final", False)
    # The signed one is anonymised, so it is not the one that was asked for.
    assert travelling(anonymise=False, path=path) == ("draft", False)
    decide(folder, other_class(folder))
    assert travelling(anonymise=True, path=path) == ("draft", False)
    named = signed(folder, replace(AMENDED, anonymise=False))
    assert travelling(anonymise=False, path=named) == ("amended", True)
    assert travelling(anonymise=True, path=named) == ("amended", False)


def test_the_letterhead_comes_from_the_settings() -> None:
    made = reporting.letterhead(Settings(laboratory="Lab", laboratory_lines=("Street",), logo="/a/b.png"))
    assert (made.name, made.lines, made.logo) == ("Lab", ("Street",), Path("/a/b.png"))
    assert reporting.letterhead(Settings()).logo is None


def test_signing_asks_for_the_signers_pin_where_the_laboratory_wants_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "_COST", 2**4)
    People().adding(Person.with_pin("Dr. B", "246810")).named(Naming.PIN).save()
    with Case.open(folder, clock=CLOCK) as case:
        assert report_state.state_of(case, case.snapshot()).needs_pin
        made = reporting.make(case, case.snapshot(), FINAL)
        for pin in ("", "111111"):
            with pytest.raises(StationError, match="not the PIN of Dr"):
                reporting.keep(case, made, pin=pin)
        stranger = reporting.make(case, case.snapshot(), replace(FINAL, reviewer="Dr. X"))
        with pytest.raises(StationError, match="has no PIN here"):
            reporting.keep(case, stranger, pin="246810")
        assert case.reports.all() == []
        assert reporting.keep(case, made, pin="246810").by == "Dr. B"
        assert '"named":"pin"' in case.audit.entries(last=1)[0].details
        assert case.audit.verify() is None


def test_who_signs_by_login_is_who_is_logged_in(folder: Path) -> None:
    People().named(Naming.LOGIN).save()
    with Case.open(folder, clock=CLOCK) as case:
        assert not report_state.state_of(case, case.snapshot()).needs_pin
        made = reporting.make(case, case.snapshot(), FINAL)
        with pytest.raises(StationError, match="named by their login"):
            reporting.keep(case, made)
        own = reporting.make(case, case.snapshot(), replace(FINAL, reviewer=login_name()))
        assert reporting.keep(case, own).by == login_name()


def test_the_command_line_asks_for_the_pin_too(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(people, "_COST", 2**4)
    for words, pins in ((["add", "Dr. B"], "246810\n246810\n"), (["pin"], "")):
        monkeypatch.setattr("sys.stdin", io.StringIO(pins))
        assert main(["people", *words]) == 0
    command = ["report", str(folder), "--out", str(tmp_path / "out"), "--status", "final", "--signed-by"]
    for name, pin, status in (("Dr. B", "1", 1), ("Dr. X", "246810", 1), ("Dr. B", "246810", 0)):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{pin}\n"))
        assert main([*command, name]) == status
    assert "246810" not in capsys.readouterr().out
    assert main(["people", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == ["named by: pin", "Dr. B"]
