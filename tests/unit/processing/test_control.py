"""Control of a case's fields: measured by day, judged, and held until a person releases them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date, timedelta

import cv2
import numpy as np
import pytest
from pypdf import PdfReader

from allstation import cli, paths
from allstation.commands.case_facts import measure_control
from allstation.core.control_metrics import Sums
from allstation.core.errors import StationError
from allstation.core.records import ModelRecord
from allstation.core.site import Site
from allstation.core.times import local_day, stamp, utc_clock
from allstation.imaging.fields.file import read_field
from allstation.processing import control
from allstation.report.content.options import ReportOptions
from allstation.report.verification.verify import verify_report
from allstation.services.reports import report_state, reporting
from allstation.services.reports.control_hold import CONTROL_HELD
from allstation.services.settings import SettingsFile
from allstation.services.site.control_watch import read_control
from allstation.store import Case
from allstation.store.site.control_log import FILE_NAME, ControlLog
from tests import makers

FINAL = ReportOptions(template="full", status="final", reviewer="Dr. B", montage=False, anonymise=False)


@pytest.fixture
def case(tmp_path, monkeypatch):
    monkeypatch.setenv(paths.PROFILE_VARIABLE, str(tmp_path / "profile"))
    with Case.create(tmp_path / "c.allcase") as made:
        made.site.set(Site(id="lab-1", name="Laboratory 1"))
        classes = ("Benign", "Early", "Pre", "Pro")
        made.models.add(ModelRecord(sha256=makers.MODEL_SHA, name="m", version="1", classes=classes, info={}))
        slide = made.slides.add("s", tmp_path / "s")
        (tmp_path / "s").mkdir()
        for number in range(1, 5):
            path = tmp_path / "s" / f"{number}.png"
            cv2.imwrite(str(path), np.full((60, 80, 3), 220 + number, np.uint8))
            made.fields.add(slide.id, [makers.new_field(path, read_field(path).sha256)])
            made.queue.save_predictions([(number, makers.prediction("Early"))])
        yield made


@pytest.fixture(scope="module")
def brighter(tmp_path_factory):
    """A log with 20 days in which the lamp was brighter than today."""
    folder = tmp_path_factory.mktemp("log")
    today = date.fromisoformat(local_day(stamp(utc_clock())))
    for back in range(20, 0, -1):
        day, light = today - timedelta(days=back), Sums.of([240.0 + back % 3 + at % 2 for at in range(10)])
        ControlLog(folder).write("lab-1", day.isoformat(), "other", {"light": light}, model="m")
    return folder / FILE_NAME


@pytest.fixture
def log(case, brighter):
    paths.data_folder().mkdir(parents=True, exist_ok=True)
    shutil.copy(brighter, paths.data_folder() / FILE_NAME)
    return control.control_log()


def test_the_fields_of_a_day_are_measured_once(case, log):
    (day,) = control.measure_case(case, "lab-1", log)
    assert control.measure_case(case, "lab-1", log) == [day]
    measured = log.days("lab-1")[-1]
    assert measured.metrics["light"] == Sums.of([221.0, 222.0, 223.0, 224.0])
    assert measured.metrics["share Early"].mean == 1.0
    assert measured.metrics["review"].n == 4
    assert "stain" not in measured.metrics
    assert control.measure_case(case, "lab-1", log, days=["2001-01-01"]) == []
    assert control.held_days(case, "lab-1", log) == [day]


def test_a_file_that_changed_since_says_nothing(case, log):
    fields = case.fields.page()
    fields[0].path.write_bytes(fields[1].path.read_bytes())
    control.measure_case(case, "lab-1", log)
    assert log.days("lab-1")[-1].metrics["light"].n == 3


def sign(case, options=FINAL):
    made = reporting.make(case, case.snapshot(), options, checked=False)
    return reporting.keep(case, made), made


def test_signing_is_held_until_a_named_person_says_why(case, log, tmp_path, capsys):
    (day,) = control.measure_case(case, "lab-1", log)
    SettingsFile(paths.config_folder()).change(hold_signing_on_control=True)
    assert "is not in order" in report_state.state_of(case, case.snapshot()).warnings[0]
    with pytest.raises(StationError, match="Brightness of the background") as raised:
        sign(case)
    assert raised.value.code == CONTROL_HELD
    assert cli.main(["control", "lab-1"]) == 1
    assert f"NOT IN ORDER  {day}" in capsys.readouterr().out
    assert cli.main(["control", "lab-1", "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    (light,) = [chart for chart in shown["charts"] if chart["metric"] == "light"]
    assert (shown["open_days"], light["reference"]["days"]) == ([day], 20)
    assert "1-3s" in light["points"][-1]["rules"]
    before = reporting.make(case, case.snapshot(), FINAL, checked=False)
    given = ["--release", day, "--by", "Dr. Ada", "--reason", "lamp changed, fields looked at"]
    assert cli.main(["control", "lab-1", *given]) == 0
    with pytest.raises(StationError, match="was released after this report was made"):
        reporting.keep(case, before)
    _, made = sign(case)
    assert [(one.by, one.day) for one in made.content.control] == [("Dr. Ada", day)]
    (tmp_path / "r.pdf").write_bytes(made.data)
    text = " ".join("".join(page.extract_text() for page in PdfReader(tmp_path / "r.pdf").pages).split())
    assert "Control of the site" in text
    assert "lamp changed, fields looked at" in text
    assert verify_report(tmp_path / "r.pdf", case.snapshot()) == []
    assert case.audit.verify() is None
    hidden = reporting.make(
        case, case.snapshot(), replace(FINAL, anonymise=True, travels=True), checked=False
    )
    assert b"Dr. Ada" not in hidden.data
    assert [(one.day, one.reason) for one in hidden.content.control] == [(day[:4], "withheld")]


def test_the_report_command_prints_a_release_that_came_after_the_case_was_classified(
    case, log, tmp_path, capsys
):
    (day,) = control.measure_case(case, "lab-1", log)
    SettingsFile(paths.config_folder()).change(hold_signing_on_control=True)
    folder = case.folder
    case.close()
    given = ["report", str(folder), "--template", "summary", "--status", "final", "--signed-by", "Dr. B"]
    given += ["--out", str(tmp_path / "out"), "--show-patient"]
    assert cli.main(given) == 1
    assert "CONTROL" in capsys.readouterr().err
    log.release("lab-1", day, by="Dr. Ada", reason="lamp changed")
    assert cli.main(given) == 0
    text = "".join(page.extract_text() for page in PdfReader(tmp_path / "out" / "c.pdf").pages)
    assert "released by Dr. Ada, lamp changed" in " ".join(text.split())


def test_without_the_setting_a_broken_rule_holds_nothing(case, log):
    control.measure_case(case, "lab-1", log)
    sign(case, replace(FINAL, template="summary"))


def test_the_command_line_measures_what_it_classified_and_names_broken_rules(case, log, capsys):
    measure_control(case, [])
    assert len(log.days("lab-1")) == 20
    measure_control(case, [1])
    assert len(log.days("lab-1")) == 21
    assert "CONTROL  The control of the site lab-1 is not in order" in capsys.readouterr().err


def test_a_day_whose_fields_are_the_same_is_not_measured_again(case, log):
    first = read_control(case.folder, {1, 2})
    assert len(first.marks) == len(first.held) == 1
    assert read_control(case.folder, {1, 2}, seen=first.marks).marks == {}
    case.queue.save_predictions([(1, makers.prediction("Pro"))])
    assert len(read_control(case.folder, {1}, seen=first.marks).marks) == 1
    assert read_control(case.folder).marks == {}


def test_a_case_without_a_site_has_no_control(case, log):
    control.measure_case(case, "lab-1", log)
    case.site.set(None)
    assert control.site_id(case) == ""
    assert control.held_days(case, "", log) == []
    assert control.note_releases(case, "", log) == 0


def test_a_site_without_days_is_refused_in_a_sentence(case, capsys):
    assert cli.main(["control", "nowhere"]) == 2
    assert "Sites with control charts: none" in capsys.readouterr().err
