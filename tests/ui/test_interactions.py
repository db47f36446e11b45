"""How many keys and clicks ten tasks take, as a person does them; the table is in ``walk-through.md``."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from allstation.core.cells import CellFilter
from allstation.core.filters import FieldFilter
from allstation.core.records import FieldRecord
from allstation.core.reports import ReportStatus
from allstation.services.case.requests import OpenCase
from allstation.store.case import Case
from allstation.ui.main_window.workbench import Workbench
from tests.ui.cells.cell_case import cell_case
from tests.unit.report.factory import stored_case

LONG = 30_000
TARGETS = {
    "confirm": 1,
    "change": 1,
    "mark for another look": 1,
    "take back": 1,
    "only what needs a person": 1,
    "every field again": 1,
    "comment": 2,
    "compare two": 2,
    "open the gallery and type a cell": 3,
    "open the assistant": 1,
}
"""Keys and clicks beside the words that somebody writes."""


class Person:
    """Presses keys where the keyboard is, and counts them.

    Attributes:
        counts: Interactions by task.
    """

    def __init__(self, window: Workbench, qtbot: QtBot) -> None:
        self.counts: dict[str, int] = {}
        self._window, self._qtbot = window, qtbot
        self._task = ""

    def begin(self, task: str) -> None:
        """Count for another task."""
        self._task = task
        self.counts[task] = 0

    def press(
        self, key: Qt.Key | str, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
    ) -> None:
        """Press one key."""
        self.counts[self._task] += 1
        self._qtbot.keyClick(QApplication.focusWidget() or self._window.shell, key, modifier)

    def record(self) -> FieldRecord:
        """Return what the case holds of the first field."""
        with Case.open(self._window.context.info.folder, read_only=True) as case:
            return case.fields.page()[0]

    def typed(self) -> list[str]:
        """Return the types that the case holds."""
        with Case.open(self._window.context.info.folder, read_only=True) as case:
            return [cell.type for cell in case.cells.records(case.cells.ids(CellFilter(typed=True)))]


@pytest.fixture
def person(window: Workbench, tmp_path: Path, qtbot: QtBot) -> Person:
    """Ada at a case of three fields that may be reviewed at once."""
    case = cell_case(tmp_path, 3)
    window.context.settings.change(min_seconds_on_screen=0.0, advance=False)
    window.context.session.submit(OpenCase(case))
    qtbot.waitUntil(lambda: window.viewer.main.canvas.view is not None, timeout=LONG)
    window.review.set_reviewer("Ada")
    window.context.selection.set_reviewer("Ada")
    window.browser.focus_view()
    return Person(window, qtbot)


def test_ten_tasks_take_no_more_than_they_should(person: Person, window: Workbench, qtbot: QtBot) -> None:
    def until(done) -> None:
        qtbot.waitUntil(done, timeout=LONG)

    stack = window.context.undo
    until(lambda: window.review_controller is not None and window.context.has_field())
    for task, key in (("confirm", Qt.Key.Key_Space), ("change", "3"), ("mark for another look", "R")):
        before = stack.count()
        person.begin(task)
        window.viewer.main.canvas.repaint()
        person.press(key)
        until(lambda before=before: stack.count() == before + 1)
        window.browser.go_to_row(0)
    person.begin("take back")
    person.press("Z", Qt.KeyboardModifier.ControlModifier)
    until(lambda: stack.index() == stack.count() - 1)
    person.begin("only what needs a person")
    person.press("U", Qt.KeyboardModifier.ShiftModifier)
    assert window.browser.filters.value() == FieldFilter(needs_review=True)
    person.begin("every field again")
    person.press("F", Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert window.browser.filters.value() == FieldFilter()
    until(lambda: window.browser.model.rowCount() == 3)
    person.begin("comment")
    person.press("C")
    box = QApplication.focusWidget()
    assert isinstance(box, QPlainTextEdit)
    box.setPlainText("Few cells.")
    person.press(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    until(lambda: person.record().comment == "Few cells.")
    person.begin("compare two")
    person.press("D", Qt.KeyboardModifier.ControlModifier)
    person.press(Qt.Key.Key_Right)
    until(lambda: window.viewer.pinned.canvas.view is not None)
    window.actions_table["view.compare"].trigger()
    person.begin("open the gallery and type a cell")
    person.press("6", Qt.KeyboardModifier.ControlModifier)
    gallery = window.cells.panel.gallery
    until(lambda: window.cells.panel.model.rowCount() == 36 and QApplication.focusWidget() is gallery)
    person.press(Qt.Key.Key_Home)
    first = window.cells.panel.model.ids()[0]
    until(lambda: gallery.visibility.seconds(first) is not None)
    person.press("b")
    until(lambda: person.typed() == ["blast"])
    person.begin("open the assistant")
    person.press("7", Qt.KeyboardModifier.ControlModifier)
    until(lambda: window.commissioning.window is not None and window.commissioning.window.isVisible())
    window.commissioning.window.close()
    assert person.counts == TARGETS


def test_a_signed_pdf_takes_four(window: Workbench, tmp_path: Path, qtbot: QtBot) -> None:
    """Ctrl+G, Alt+E, Alt+S, Return; a Return in the question whose answer stays signs nothing."""
    folder = stored_case(tmp_path, 4, reviewed=1)
    window.context.settings.change(report_template="summary")
    window.context.selection.set_reviewer("Ada")
    window.case_controller.open_folder(folder)
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == 4, timeout=LONG)
    window.browser.focus_view()
    person, reports = Person(window, qtbot), window.report_controller
    person.begin("signed PDF")
    person.press("G", Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: reports.preview is not None and reports.window.export.isEnabled(), timeout=LONG)
    assert reports.preview.made.status is ReportStatus.FINAL
    reports.window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is reports.window, timeout=LONG)
    person.press("E", Qt.KeyboardModifier.AltModifier)
    question = visible(reports.window, QMessageBox, qtbot)
    qtbot.keyClick(question, Qt.Key.Key_Return)
    assert not question.isVisible()
    with Case.open(folder, read_only=True) as case:
        assert case.reports.all() == [], "Return signed nothing"
    reports.window.export.click()  # once more: a person who means it pressed the key once
    visible(reports.window, QMessageBox, qtbot)
    person.press("S", Qt.KeyboardModifier.AltModifier)
    visible(reports.window, QFileDialog, qtbot)
    with qtbot.waitSignal(window.context.exports.done, timeout=LONG) as written:
        person.press(Qt.Key.Key_Return)
    assert written.args[0].target.is_file()
    with Case.open(folder, read_only=True) as case:
        [signed] = case.reports.all()
    assert (signed.status, signed.by) == (ReportStatus.FINAL, "Ada")
    assert person.counts == {"signed PDF": 4}


def visible(window: QWidget, kind: type[QWidget], qtbot: QtBot) -> QWidget:
    """Wait for a dialog of a window until it has the keyboard."""

    def with_keyboard() -> list[QWidget]:
        focused = QApplication.focusWidget()
        dialogs = [one for one in window.findChildren(kind) if one.isVisible()]
        return [one for one in dialogs if focused is not None and one.isAncestorOf(focused)]

    qtbot.waitUntil(lambda: bool(with_keyboard()), timeout=LONG)
    return with_keyboard()[0]
