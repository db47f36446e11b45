"""The main job through the real ``main()``: drop, classify, look, review, undo, report, close, open again."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pypdf
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from allstation import app, paths
from allstation.core.classes import CLASS_NAMES, RESEARCH_USE
from allstation.core.filters import FieldFilter
from allstation.core.records import FieldRecord, FieldState
from allstation.imaging.synthetic import write_demo
from allstation.processing.status_types import QueuePhase, QueueStatus
from allstation.services.case.requests import Pause
from allstation.store.case import Case
from allstation.ui.browser.slide_model import Place
from allstation.ui.main_window.drop_hint import DropHint
from allstation.ui.main_window.window import MainWindow
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.viewer.card_content import card_content
from allstation.ui.viewer.visibility import identity
from tests.ui.named import label_texts, named

PATIENCE = 120_000
MANY = 100
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "profile"
    monkeypatch.setenv(paths.PROFILE_VARIABLE, str(folder))
    return folder


class Runner:
    """Runs the real ``main()``; the scenario takes the place of the event loop's waiting."""

    def __init__(self, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
        self.qtbot = qtbot
        self._patch = monkeypatch
        self._quit = False

    def __call__(self, argv: list[str], scenario: Callable[[Workbench], None]) -> None:
        self._quit = False
        faults: list[BaseException] = []

        def run(_app: QApplication) -> int:
            (shell,) = self.windows()
            self.qtbot.waitUntil(lambda: shell.isVisible() and shell.workbench is not None)
            try:
                scenario(shell.workbench)
            except BaseException as error:  # a window left open fails the tests after this
                faults.append(error)
            shell.close()
            self.qtbot.waitUntil(lambda: self._quit, timeout=PATIENCE)
            return 0

        self._patch.setattr(QApplication, "exec", run)
        self._patch.setattr(QApplication, "quit", self._note_quit)
        status = app.main(argv)
        if faults:
            raise faults[0]
        assert status == 0
        self.qtbot.waitUntil(lambda: self.windows() == [])

    def _note_quit(self) -> None:
        self._quit = True

    @staticmethod
    def windows() -> list[MainWindow]:
        return [w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow) and w.isVisible()]


@pytest.fixture
def run_main(profile: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    runner = Runner(qtbot, monkeypatch)
    yield runner
    assert not list((profile / "logs").glob("crash-*")), "the program noted a fault of its own"


def drop(window: Workbench, given: list[Path | str]) -> None:
    """Drop files, folders and addresses the way the window system does."""
    data = QMimeData()
    data.setUrls([QUrl(g) if isinstance(g, str) else QUrl.fromLocalFile(str(g)) for g in given])
    where, none = QPointF(window.shell.width() / 2, window.shell.height() / 2), Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(where.toPoint(), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, none)
    QApplication.sendEvent(window.shell, enter)
    assert enter.isAccepted()
    event = QDropEvent(where, Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, none)
    QApplication.sendEvent(window.shell, event)
    assert event.isAccepted()


def wait_for_fields(runner: Runner, window: Workbench, count: int) -> None:
    """Wait until that many fields are listed and every one of them is done."""

    def done() -> bool:
        status = window.queue.status
        return status.counts.get(FieldState.DONE, 0) == count and status.waiting == 0

    runner.qtbot.waitUntil(done, timeout=PATIENCE)
    runner.qtbot.waitUntil(lambda: window.browser.model.rowCount() == count, timeout=PATIENCE)


def shown(window: Workbench) -> FieldRecord:
    record = window.viewer.record
    assert record is not None
    return record


def stored(case: Path) -> Case:
    return Case.open(case, read_only=True)


def export_pdf(runner: Runner, window: Workbench, target: Path) -> None:
    """Look at the report, then write it to a place, as a person would."""
    window.actions_table["case.report"].trigger()
    report = window.report_controller.window
    assert report is not None
    runner.qtbot.waitUntil(report.export.isEnabled, timeout=PATIENCE)
    with runner.qtbot.waitSignal(window.context.exports.done, timeout=PATIENCE):
        report.export.click()
        runner.qtbot.waitUntil(lambda: report.findChild(QFileDialog) is not None)
        chooser = report.findChild(QFileDialog)
        chooser.selectFile(str(target))
        chooser.accept()


def whole_job(runner: Runner, fields: Path, count: int, tmp_path: Path) -> None:
    """The flow that every user takes; the same for real and synthetic fields."""
    case = tmp_path / "Smith.allcase"
    target = tmp_path / "report.pdf"
    reviewed: list[FieldRecord] = []

    def first(window: Workbench) -> None:
        runner.qtbot.waitUntil(lambda: window.context.selection.model is not None, timeout=PATIENCE)
        drop(window, [fields, fields / "notes.txt", "https://example.org/smear.jpg"])
        runner.qtbot.waitUntil(lambda: any("on this computer" in t for t in window.notifications.texts()))
        wait_for_fields(runner, window, count)
        check_layout(runner, window)
        check_drop_hint(window, fields)
        check_overlay(runner, window, case)
        reviewed.append(review_and_undo(runner, window, case))
        assert any(problem.name == "notes.txt" for problem in window.queue.not_added)
        export_pdf(runner, window, target)

    def again(window: Workbench) -> None:
        wait_for_fields(runner, window, count)
        runner.qtbot.waitUntil(lambda: window.viewer.record is not None, timeout=PATIENCE)
        window.browser.go_to_field(reviewed[0].id)
        runner.qtbot.waitUntil(lambda: shown(window).id == reviewed[0].id)
        assert shown(window) == reviewed[0]
        assert window.shell.windowTitle().startswith("Smith")

    runner(["--case", str(case)], first)
    check_report(target, count, reviewed[0])
    runner([], again)


def check_layout(runner: Runner, window: Workbench) -> None:
    """The field has most of the window when nothing runs, on small screens and large ones."""
    before = window.shell.size()
    for width, height in ((1280, 720), (1600, 1000)):
        window.shell.resize(width, height)
        canvas = window.viewer.main.canvas
        runner.qtbot.waitUntil(lambda width=width: window.shell.width() == width)
        runner.qtbot.waitUntil(lambda canvas=canvas, width=width: canvas.width() >= 0.55 * width)
        runner.qtbot.waitUntil(lambda canvas=canvas, height=height: canvas.height() >= 0.75 * height)
    window.shell.resize(before)
    assert not window.docks["queue"].isVisible()
    named(window.status, QToolButton, "Show the queue").click()
    assert window.docks["queue"].isVisible()
    window.docks["queue"].close()


def check_drop_hint(window: Workbench, dragged: Path) -> None:
    """Over the field stands what becomes of files that are dragged, as long as they are."""
    hint = window.shell.findChild(DropHint)
    data, none = QMimeData(), Qt.KeyboardModifier.NoModifier
    data.setUrls([QUrl.fromLocalFile(str(dragged))])
    where = QPoint(window.shell.width() // 2, window.shell.height() // 2)
    enter = QDragEnterEvent(where, Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, none)
    QApplication.sendEvent(window.shell, enter)
    assert hint.isVisible()
    assert "Drop to add to Smith" in label_texts(hint)
    QApplication.sendEvent(window.shell, QDragLeaveEvent())
    assert not hint.isVisible()


def check_overlay(runner: Runner, window: Workbench, case: Path) -> None:
    """What the viewer draws for three fields is what the case holds."""
    with stored(case) as kept:
        for _ in range(3):
            runner.qtbot.waitUntil(lambda: shown(window).prediction is not None)
            # Cells are found after the field is classified.
            runner.qtbot.waitUntil(lambda: shown(window).cells is not None, timeout=PATIENCE)
            record = shown(window)
            on_disk = kept.fields.get(record.id)
            assert record == on_disk
            rows = card_content(record).rows
            assert [row.share for row in rows] == list(on_disk.prediction.probabilities.values())
            before = record.id
            window.actions_table["go.next"].trigger()
            runner.qtbot.waitUntil(lambda before=before: shown(window).id != before)


def review_and_undo(runner: Runner, window: Workbench, case: Path) -> FieldRecord:
    """Set a class by key, take it back by name, do it again; return the field as it ends."""
    window.review_controller.set_advance(False)
    field_id = shown(window).id
    window.browser.focus_view()
    visibility = window.viewer.main.canvas.visibility
    least = window.context.settings.value.seconds_on_screen
    runner.qtbot.waitUntil(lambda: (visibility.seconds(identity(shown(window))) or 0.0) > least)
    runner.qtbot.keyClick(window.shell, Qt.Key.Key_3)
    runner.qtbot.waitUntil(lambda: shown(window).review is not None)
    assert shown(window).review.class_name == CLASS_NAMES[2]
    with stored(case) as kept:
        assert kept.fields.get(field_id).review == shown(window).review
    undo = window.actions_table["review.undo"]
    assert CLASS_NAMES[2] in undo.text()
    undo.trigger()
    runner.qtbot.waitUntil(lambda: shown(window).review is None)
    with stored(case) as kept:
        assert kept.fields.get(field_id).review is None
    window.actions_table["review.redo"].trigger()
    runner.qtbot.waitUntil(lambda: shown(window).review is not None)
    return shown(window)


def check_report(target: Path, count: int, reviewed: FieldRecord) -> None:
    pages = [page.extract_text() for page in pypdf.PdfReader(target).pages]
    text = " ".join(" ".join(pages).split())
    assert RESEARCH_USE in text
    assert f"{count}" in text
    for name in CLASS_NAMES:
        assert name in text
    # Anonymised, as reports are unless somebody says otherwise: the case has a code, its files no names.
    assert "Case anon-" in text
    assert reviewed.path.name not in text
    assert reviewed.sha256[:8] not in text


def test_whole_job_on_synthetic_fields(run_main: Runner, tmp_path: Path) -> None:
    fields = tmp_path / "Slide A"
    write_demo(fields, fields=8, seed=5)
    (fields / "notes.txt").write_text("not a field")
    whole_job(run_main, fields, 8, tmp_path)


@pytest.mark.real_data
def test_whole_job_on_real_fields(run_main: Runner, real_data: Path, tmp_path: Path) -> None:
    fields = tmp_path / "Smears"
    for name in CLASS_NAMES:
        (fields / name).mkdir(parents=True)
        for path in sorted((real_data / "taleqani" / "Original" / name).iterdir())[:10]:
            shutil.copy(path, fields / name)
    (fields / "notes.txt").write_text("not a field")
    whole_job(run_main, fields, 40, tmp_path)


def test_a_drop_without_a_case_starts_one(run_main: Runner, profile: Path, tmp_path: Path) -> None:
    fields = tmp_path / "Monday"
    write_demo(fields, fields=2, seed=3)

    def scenario(window: Workbench) -> None:
        drop(window, [fields])
        wait_for_fields(run_main, window, 2)
        assert window.context.session.info.name == "Monday"

    run_main([], scenario)
    assert (profile / "cases" / "Monday.allcase" / "case.sqlite").is_file()


def other_window(fields: Path, case: Path) -> subprocess.Popen[bytes]:
    """Start the program on a case as a process of its own."""
    command = [sys.executable, "-m", "allstation", str(fields), "--case", str(case), "--threads", "1"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_after_a_kill_everything_finished_is_there_and_the_rest_goes_on(
    run_main: Runner, profile: Path, tmp_path: Path
) -> None:
    fields, case = tmp_path / "Many", tmp_path / "Killed.allcase"
    write_demo(fields, fields=6, seed=6)
    child = other_window(fields, case)
    try:
        run_main.qtbot.waitUntil(lambda: finished_in(case) >= 2, timeout=PATIENCE)
    finally:
        child.kill()
        child.wait()
    with stored(case) as kept:
        before = [field for field in kept.fields.page() if field.prediction is not None]
    assert len(before) >= 2

    def scenario(window: Workbench) -> None:
        window.case_controller.add_paths([fields])
        wait_for_fields(run_main, window, 6)

    run_main([], scenario)
    with stored(case) as kept:
        for field in before:
            assert kept.fields.get(field.id).prediction == field.prediction


def test_a_second_window_on_a_case_only_looks_and_says_who_holds_it(
    run_main: Runner, profile: Path, tmp_path: Path
) -> None:
    fields, case = tmp_path / "Few", tmp_path / "Shared.allcase"
    write_demo(fields, fields=2, seed=8)
    child = other_window(fields, case)

    def scenario(window: Workbench) -> None:
        wait_for_fields(run_main, window, 2)
        info = window.context.session.info
        assert info.read_only
        assert str(child.pid) in info.why_read_only
        assert "looking only" in window.shell.windowTitle()

    try:
        run_main.qtbot.waitUntil(lambda: finished_in(case) == 2, timeout=PATIENCE)
        run_main(["--case", str(case)], scenario)
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()
    with Case.open(case) as kept:
        assert not kept.read_only


def finished_in(case: Path) -> int:
    """Return how many fields of a case that another process writes are done."""
    if not (case / "case.sqlite").is_file():
        return 0
    with stored(case) as kept:
        return kept.queue.counts()[FieldState.DONE]


def test_closing_while_the_queue_runs_asks_first(run_main: Runner, tmp_path: Path) -> None:
    fields = tmp_path / "Many"
    (source,) = write_demo(fields, fields=1, seed=4)
    for number in range(MANY - 1):  # other bytes, same picture: long enough to be caught running
        (fields / f"copy {number}.jpg").write_bytes(source.read_bytes() + bytes([number]))
    case = tmp_path / "Many.allcase"

    def scenario(window: Workbench) -> None:
        # Opening a case lifts a pause, so the pause has to come after it.
        run_main.qtbot.waitUntil(lambda: window.context.session.info is not None, timeout=PATIENCE)
        window.context.session.submit(Pause(True))
        drop(window, [fields])
        run_main.qtbot.waitUntil(lambda: window.browser.model.rowCount() == MANY, timeout=PATIENCE)
        # Told by hand: a few fields would be done before the state could be seen.
        window.queue_controller.status = QueueStatus(QueuePhase.RUNNING, {FieldState.QUEUED: 4})
        window.shell.close()
        box = next(w for w in window.shell.children() if w.metaObject().className() == "QMessageBox")
        assert window.shell.isVisible()
        next(b for b in box.findChildren(QPushButton) if "quit" in b.text()).click()

    run_main(["--case", str(case), "--threads", "1"], scenario)
    with stored(case) as kept:
        states = kept.queue.counts()
    assert states[FieldState.RUNNING] == 0
    assert states[FieldState.DONE] + states[FieldState.QUEUED] == MANY


def slides_by_name(window: Workbench) -> dict[str, int]:
    tree = window.browser.tree
    known = {place.slide_id for place in tree.slides.places()} - {None}
    return {tree.name_of(number): number for number in known}


def test_a_wrong_folder_is_taken_out_while_its_queue_runs_and_dropped_again(
    run_main: Runner, tmp_path: Path
) -> None:
    """Nothing of it is classified until it is back, and then all of it."""
    right, wrong, case = tmp_path / "right", tmp_path / "wrong", tmp_path / "Two.allcase"
    write_demo(right, fields=2, seed=3)
    wrong.mkdir()
    many, picture = MANY, io.BytesIO()
    Image.open(next(right.rglob("*.jpg"))).resize((224, 224)).save(picture, "JPEG")
    for number in range(many):  # other bytes, same picture: long enough to be caught running
        (wrong / f"copy {number}.jpg").write_bytes(picture.getvalue() + number.to_bytes(2, "big"))

    def scenario(window: Workbench) -> None:
        runner, tree = run_main, window.browser.tree
        runner.qtbot.waitUntil(lambda: window.context.selection.model is not None, timeout=PATIENCE)
        drop(window, [right])
        wait_for_fields(runner, window, 2)
        drop(window, [wrong])
        runner.qtbot.waitUntil(lambda: window.queue.status.total == 2 + many, timeout=PATIENCE)
        runner.qtbot.waitUntil(lambda: window.queue.status.waiting > many // 3, timeout=PATIENCE)
        runner.qtbot.waitUntil(lambda: "wrong" in slides_by_name(window), timeout=PATIENCE)
        tree.choose(Place(slides_by_name(window)["wrong"]))
        window.actions_table["slide.remove"].trigger()
        wait_for_fields(runner, window, 2)
        with stored(case) as kept:
            gone = kept.fields.page(FieldFilter(removed=True))
            assert len(gone) == many
            assert any(field.prediction is None for field in gone)
        drop(window, [wrong])
        wait_for_fields(runner, window, 2 + many)

    run_main(["--case", str(case), "--threads", "1"], scenario)
    with stored(case) as kept:
        assert kept.audit.verify() is None
        assert all(field.prediction is not None for field in kept.fields.page())
