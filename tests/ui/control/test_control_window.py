"""Control of a site in the window: a notice, charts, a held signature, and the release by a named person."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QObject, Qt, Slot
from pytestqt.qtbot import QtBot

from allstation import paths
from allstation.core.control_chart import ControlDay, judge
from allstation.core.control_metrics import Sums
from allstation.core.control_release import ControlRelease
from allstation.core.records import ModelRecord
from allstation.core.site import Site
from allstation.core.times import local_day, stamp, utc_clock
from allstation.imaging.fields.file import read_field
from allstation.processing import control
from allstation.processing.status_types import Problem, QueuePhase, QueueStatus
from allstation.report.content.options import ReportOptions
from allstation.services.case.requests import KeepReport, OpenCase, Pause, SetSite
from allstation.services.reports import reporting
from allstation.services.reports.control_hold import CONTROL_HELD
from allstation.store.case import Case
from allstation.ui.common.notifications import Notification
from allstation.ui.control.chart_view import ChartView, point_words
from allstation.ui.control.controller import ControlController
from allstation.ui.main_window.workbench import Workbench
from tests import makers


class Notes(QObject):
    """Collects notifications, and what becomes of reports, on the window's thread."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.refused: list[str] = []
        self.kept = 0

    @Slot(object, object)
    def take_refused(self, _made: object, problem: Problem) -> None:
        self.refused.append(problem.code)

    @Slot(object, object)
    def take_kept(self, _made: object, _record: object) -> None:
        self.kept += 1

    @Slot(object)
    def take(self, posted: Notification) -> None:
        self.texts.append(posted.text)


@pytest.fixture
def folder(window: Workbench, tmp_path: Path) -> Path:
    """A case of today's fields at a site whose lamp was brighter on 20 days."""
    today = date.fromisoformat(local_day(stamp(utc_clock())))
    log = control.control_log()
    for back in range(20, 0, -1):
        light = Sums.of([240.0 + back % 3 + at % 2 for at in range(10)])
        log.write("lab-1", (today - timedelta(days=back)).isoformat(), "other", {"light": light}, model="m")
    with Case.create(tmp_path / "c.allcase") as case:
        case.site.set(Site(id="lab-1", name="Laboratory 1"))
        classes = ("Benign", "Early", "Pre", "Pro")
        case.models.add(ModelRecord(sha256=makers.MODEL_SHA, name="m", version="1", classes=classes, info={}))
        slide = case.slides.add("s", tmp_path / "s")
        (tmp_path / "s").mkdir()
        for number in range(1, 5):
            path = tmp_path / "s" / f"{number}.png"
            cv2.imwrite(str(path), np.full((60, 80, 3), 220 + number, np.uint8))
            case.fields.add(slide.id, [makers.new_field(path, read_field(path).sha256)])
            case.queue.save_predictions([(number, makers.prediction("Early"))])
    return tmp_path / "c.allcase"


def controller(window: Workbench) -> ControlController:
    return next(one for one in window.features if isinstance(one, ControlController))


def made_report(folder: Path) -> reporting.MadeReport:
    options = ReportOptions(template="summary", status="final", reviewer="Dr. B", anonymise=False)
    with Case.open(folder, read_only=True) as case:
        return reporting.make(case, case.snapshot(), options, checked=False)


def released_in(folder: Path) -> tuple[ControlRelease, ...]:
    with Case.open(folder, read_only=True) as case:
        return case.control.all()


def test_a_broken_rule_is_told_holds_signing_and_is_released(
    window: Workbench, folder: Path, qtbot: QtBot
) -> None:
    notes, session = Notes(), window.context.session
    window.context.notifier.posted.connect(notes.take)
    session.worker.report_refused.connect(notes.take_refused)
    session.worker.report_kept.connect(notes.take_kept)
    window.context.settings.change(hold_signing_on_control=True)
    session.submit(Pause(True))
    session.submit(OpenCase(folder))
    qtbot.waitUntil(lambda: window.context.info is not None, timeout=20_000)
    # What the worker says when fields were classified:
    controller(window).watch._fields_changed([1, 2, 3, 4])
    controller(window).watch._queue_changed(QueueStatus(QueuePhase.IDLE))
    qtbot.waitUntil(lambda: any("not in order" in text for text in notes.texts), timeout=10_000)
    session.submit(KeepReport(made_report(folder), "r.pdf"))
    qtbot.waitUntil(lambda: notes.refused == [CONTROL_HELD], timeout=10_000)

    window.actions_table["case.control"].trigger()
    dialog = controller(window).dialog
    qtbot.waitUntil(lambda: bool(dialog.views()))
    (day,) = [dialog.day.itemText(at) for at in range(dialog.day.count())]
    assert "Brightness of the background" in dialog.message.text()
    # People know a laboratory by its name; the id is for the command line.
    assert dialog.message.text().startswith("Laboratory 1 is not in order.")
    assert any("The control of the site Laboratory 1 is not in order" in text for text in notes.texts)
    dialog.name.setText("Dr. Ada")
    qtbot.mouseClick(dialog.release, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dialog.refused.isHidden())
    assert "reason" in dialog.refused.text()
    qtbot.keyClicks(dialog.reason, "lamp changed")
    qtbot.mouseClick(dialog.release, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "charts, in order" in dialog.message.text())
    assert not dialog.day.isVisible()
    qtbot.waitUntil(lambda: bool(released_in(folder)))
    made = made_report(folder)
    (note,) = made.content.control
    assert (note.by, note.day, note.reason) == ("Dr. Ada", day, "lamp changed")
    session.submit(KeepReport(made, "r.pdf"))
    qtbot.waitUntil(lambda: notes.kept == 1, timeout=10_000)
    dialog.close()


def test_a_case_of_no_site_has_no_charts_and_no_notice(
    window: Workbench, tmp_path: Path, qtbot: QtBot
) -> None:
    Case.create(tmp_path / "d.allcase").close()
    window.context.session.submit(OpenCase(tmp_path / "d.allcase"))
    qtbot.waitUntil(lambda: window.context.info is not None, timeout=20_000)
    window.actions_table["case.control"].trigger()
    dialog = controller(window).dialog
    qtbot.waitUntil(lambda: "no site" in dialog.message.text())
    assert not paths.data_folder().joinpath("control.sqlite").exists()
    window.context.session.submit(SetSite(Site(id="lab-2", name="Laboratory 2")))
    qtbot.waitUntil(lambda: "no site" not in dialog.message.text())
    dialog.close()


def test_points_that_break_a_rule_are_drawn_in_another_colour(qtbot: QtBot) -> None:
    values = [200.0 + number % 3 for number in range(20)] + [212.0]
    sums = [Sums.of([value - 1, value + 1] * 10) for value in values]
    days = [ControlDay(f"2026-01-{at:02d}", "m", {"light": one}) for at, one in enumerate(sums, start=1)]
    (chart,) = judge(days).charts
    view = ChartView()
    qtbot.addWidget(view)
    view.resize(600, 170)
    view.show_chart(chart, charts=1)
    picture = view.grab().toImage()
    last, before = view._places()[-1], view._places()[-2]
    inside = picture.pixelColor(round(last.x()), round(last.y()))
    assert inside.red() > 150 > inside.blue()
    assert picture.pixelColor(round(before.x()), round(before.y())).name() == "#ffffff"
    assert "1-3s" in view.accessibleDescription()
    assert "of the reference" in point_words(chart.points[0])
