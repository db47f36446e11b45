"""The report in its window: pages follow the choices, what is seen is written, signing and amending."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QFileDialog, QLineEdit, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from allstation.cli import main
from allstation.core.classes import CLASS_NAMES
from allstation.core.reports import ReportStatus
from allstation.report.verification.verify import embedded_data
from allstation.store.case import Case
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.report.details import CaseDataDialog
from allstation.ui.report.free_text import FreeTextDialog
from allstation.ui.report.letterhead import LetterheadDialog
from allstation.ui.report.window import ReportWindow
from tests.ui.named import label_texts
from tests.ui.report.conftest import LONG


def ready(window: Workbench, qtbot: QtBot) -> ReportWindow:
    """Wait until the pages of the newest wish are there and the first one is drawn."""
    qtbot.waitUntil(lambda: window.report_controller.preview is not None, timeout=LONG)
    report = window.report_controller.window
    assert report is not None
    qtbot.waitUntil(lambda: report.pages.is_drawn(0), timeout=LONG)
    report.setProperty("seen", window.report_controller.preview.ticket)
    return report


def shown(window: Workbench, qtbot: QtBot) -> ReportWindow:
    window.context.settings.change(report_template="summary")
    window.actions_table["case.report"].trigger()
    return ready(window, qtbot)


def again(window: Workbench, qtbot: QtBot) -> ReportWindow:
    """Wait for the pages after a choice that was just made."""
    seen = window.report_controller.window.property("seen")

    def newer() -> bool:
        preview = window.report_controller.preview
        return preview is not None and preview.ticket > seen

    qtbot.waitUntil(newer, timeout=LONG)
    return ready(window, qtbot)


def content(window: Workbench) -> dict[str, object]:
    preview = window.report_controller.preview
    assert preview is not None
    return vars_of(preview.made.content)


def vars_of(made: object) -> dict[str, object]:
    return {name: getattr(made, name) for name in made.__slots__}  # type: ignore[attr-defined]


def choose_place(window: Workbench, qtbot: QtBot, target: Path) -> None:
    """Answer the file dialog as a person would, then wait until the file is written."""
    report = window.report_controller.window
    assert report is not None

    def dialogs() -> list[QFileDialog]:
        return [one for one in report.findChildren(QFileDialog) if one.isVisible()]

    qtbot.waitUntil(lambda: len(dialogs()) == 1, timeout=LONG)
    with qtbot.waitSignal(window.context.exports.done, timeout=LONG):
        dialogs()[0].findChild(QLineEdit).setText(str(target))  # selectFile leaves a focused box as it is
        dialogs()[0].accept()


def sign(window: Workbench, qtbot: QtBot, target: Path) -> str:
    """Go through the question and the file dialog; return what the question told."""
    report = window.report_controller.window
    assert report is not None
    qtbot.waitUntil(report.export.isEnabled, timeout=LONG)
    report.export.click()
    (box,) = [one for one in report.findChildren(QMessageBox) if one.isVisible()]
    told = f"{box.text()}\n{box.informativeText()}"
    (yes,) = [b for b in box.buttons() if box.buttonRole(b) == QMessageBox.ButtonRole.AcceptRole]
    yes.click()
    choose_place(window, qtbot, target)
    return told


def test_pages_follow_every_choice(opened: Workbench, qtbot: QtBot) -> None:
    report = shown(opened, qtbot)
    assert report.pages.count == 1
    assert content(opened)["anonymised"] is True
    report.form.template.setCurrentIndex(report.form.template.findData("full"))
    again(opened, qtbot)
    short = report.pages.count
    assert 1 < short <= 4
    report.form.annex.setChecked(True)
    again(opened, qtbot)
    assert report.pages.count > short
    report.form.paper.setCurrentText("Letter")
    again(opened, qtbot)
    assert content(opened)["page_size"] == "Letter"
    report.form.anonymise.setChecked(False)
    again(opened, qtbot)
    assert content(opened)["patient"][0].value == "Maria Musterfrau"
    report.form.conclusion.setPlainText("No blasts on this smear.")
    report.form.comment.setPlainText("Few cells.")
    again(opened, qtbot)
    shown_of = content(opened)
    assert (shown_of["conclusion"], shown_of["comment"]) == ("No blasts on this smear.", "Few cells.")
    stored = opened.context.settings.value
    assert (stored.report_template, stored.page_size, stored.anonymise) == ("full", "Letter", False)
    assert stored.report_annex is True


def test_what_was_looked_at_is_written(opened: Workbench, qtbot: QtBot, tmp_path: Path) -> None:
    report = shown(opened, qtbot)
    preview = opened.report_controller.preview
    assert preview is not None
    report.export.click()
    choose_place(opened, qtbot, tmp_path / "seen")
    assert (tmp_path / "seen.pdf").read_bytes() == preview.made.data
    with Case.open(opened.context.session.info.folder, read_only=True) as case:
        assert case.reports.all() == []


def test_a_report_that_would_replace_another_file_is_not_entered_into_the_trail(
    opened: Workbench, qtbot: QtBot, tmp_path: Path
) -> None:
    report = shown(opened, qtbot)
    theirs = tmp_path / "theirs.pdf"
    theirs.write_bytes(b"%PDF-1.4 a letter of the ward")
    made = opened.report_controller.preview.made
    opened.report_controller._going = replace(
        made, options=replace(made.options, status="final", reviewer="Ana")
    )
    opened.report_controller._write_to(str(theirs))
    qtbot.waitUntil(
        lambda: any(
            "not a report of this program" in text
            for text in report.notifications.texts() + opened.notifications.texts()
        ),
        timeout=LONG,
    )
    assert theirs.read_bytes() == b"%PDF-1.4 a letter of the ward"
    with Case.open(opened.context.session.info.folder, read_only=True) as case:
        assert case.reports.all() == []
    qtbot.waitUntil(report.export.isEnabled, timeout=LONG)


def test_only_the_newest_wish_is_made(opened: Workbench, qtbot: QtBot) -> None:
    report = shown(opened, qtbot)
    for _ in range(3):
        report.form.template.setCurrentIndex(report.form.template.findData("full"))
        report.form.template.setCurrentIndex(report.form.template.findData("contact"))
    again(opened, qtbot)
    assert content(opened)["template"] == "contact"


def test_draft_preliminary_final_amended(
    opened: Workbench, qtbot: QtBot, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole flow of a signed report, and the check of each file by the command line."""
    report = shown(opened, qtbot)
    form = report.form
    form.reviewer.setText("Dr. B")
    form.status.setCurrentIndex(form.status.findData("preliminary"))
    again(opened, qtbot)
    report.export.click()
    choose_place(opened, qtbot, tmp_path / "preliminary.pdf")
    again(opened, qtbot)
    assert form.chosen_status is ReportStatus.DRAFT

    form.status.setCurrentIndex(form.status.findData("final"))
    again(opened, qtbot)
    seen = opened.report_controller.preview.made.data
    told = sign(opened, qtbot, tmp_path / "final.pdf")
    assert "as Dr. B" in told
    assert "Not reviewed by a person: 3 of 4 fields." in told
    assert (tmp_path / "final.pdf").read_bytes() == seen
    assert "final.pdf is written" in " ".join(report.notifications.texts() + opened.notifications.texts())
    again(opened, qtbot)
    assert form.status.findData("final") < 0
    assert "Last signed: final" in label_texts(form)
    assert "those of the case" in label_texts(form)
    assert main(["verify-report", str(tmp_path / "final.pdf"), "--case", str(folder)]) == 0
    qtbot.waitUntil(lambda: "Signed by Dr. B" in label_texts(opened.status))

    record = opened.browser.current_record()
    other = "Pro" if record.final_name != "Pro" else "Pre"
    opened.actions_table[f"review.class.{CLASS_NAMES.index(other)}"].trigger()
    again(opened, qtbot)
    assert "One decision changed" in label_texts(form)
    qtbot.waitUntil(lambda: "Differs from the signed report" in label_texts(opened.status))
    assert "signed report, which is locked" in " ".join(opened.notifications.texts())
    assert other in label_texts(form)

    form.status.setCurrentIndex(form.status.findData("amended"))
    assert "reason" in report.message
    assert not report.export.isEnabled()
    form.reason.setText("second look")
    again(opened, qtbot)
    amendments = content(opened)["amendments"]
    assert [one.now for one in amendments] == [other]
    sign(opened, qtbot, tmp_path / "amended.pdf")
    again(opened, qtbot)

    check_written(folder, tmp_path)


def check_written(folder: Path, tmp_path: Path) -> None:
    """Each file says what it is, and the case holds the hashes of all three."""
    for name in ("preliminary", "final", "amended"):
        path = tmp_path / f"{name}.pdf"
        assert embedded_data(path)["content"]["status"] == name
        assert main(["verify-report", str(path)]) == 0
    assert main(["verify-report", str(tmp_path / "amended.pdf"), "--case", str(folder)]) == 0
    assert main(["verify-report", str(tmp_path / "final.pdf"), "--case", str(folder)]) == 1
    with Case.open(folder, read_only=True) as case:
        known = {one.status: one.sha256 for one in case.reports.all()}
        assert case.audit.verify() is None
        trail = {entry.input for entry in case.audit.entries() if entry.action == "report-made"}
    written = {
        name: hashlib.sha256((tmp_path / f"{name}.pdf").read_bytes()).hexdigest()
        for name in ("preliminary", "final", "amended")
    }
    assert known == written
    assert trail == set(written.values())


def test_a_final_report_needs_a_name(opened: Workbench, qtbot: QtBot) -> None:
    report = shown(opened, qtbot)
    report.form.reviewer.setText("")
    report.form.status.setCurrentIndex(report.form.status.findData("final"))
    assert "needs the name" in report.message
    assert not report.export.isEnabled()


def test_case_data_are_stored_audited_and_undone(opened: Workbench, qtbot: QtBot, folder: Path) -> None:
    report = shown(opened, qtbot)
    report.form.anonymise.setChecked(False)
    again(opened, qtbot)
    opened.actions_table["case.data"].trigger()
    dialog = opened.report_controller.data
    assert isinstance(dialog, CaseDataDialog)
    qtbot.waitUntil(lambda: dialog.boxes["stain"].text() != "", timeout=LONG)
    assert not dialog.isModal()
    dialog.boxes["stain"].setText("Wright")
    dialog.boxes["birth_date"].setText("4 March 2019")
    assert "YYYY-MM-DD" in label_texts(dialog)
    save = dialog.buttons.button(QDialogButtonBox.StandardButton.Save)
    save.click()
    again(opened, qtbot)
    assert "Wright" in {one.value for one in content(opened)["specimen"]}
    assert opened.actions_table["review.undo"].text().endswith("Case data")
    opened.actions_table["review.undo"].trigger()
    again(opened, qtbot)
    with Case.open(folder, read_only=True) as case:
        assert case.details()["stain"] == "May-Gruenwald-Giemsa"
        actions = [entry.action for entry in case.audit.entries()]
    assert actions.count("details-changed") == 3
    assert "Wright" not in {one.value for one in content(opened)["specimen"]}


def test_what_was_typed_and_not_saved_stays(opened: Workbench, qtbot: QtBot) -> None:
    opened.actions_table["case.data"].trigger()
    dialog = opened.report_controller.data
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.boxes["stain"].text() != "", timeout=LONG)
    dialog.boxes["ward"].setText("3 B")
    dialog.show_details({"stain": "Wright", "Mother's name": "Anna"})
    assert dialog.boxes["ward"].text() == "3 B"
    assert dialog.boxes["stain"].text() == "Wright"
    assert dialog.boxes["mother's_name"].text() == "Anna"
    dialog.reject()
    qtbot.waitUntil(lambda: opened.report_controller.data is None, timeout=LONG)


def test_only_what_was_changed_is_saved(qtbot: QtBot) -> None:
    """Texts that one line cannot show, and keys of other programs, come through as they were."""
    stored = {
        "question": "first line\nsecond",
        "Camera": "C" * 900,
        "stain": "Giemsa",
        "their-key": "\u202ex",
    }
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = CaseDataDialog(parent)
    dialog.show_details(stored)
    save = dialog.buttons.button(QDialogButtonBox.StandardButton.Save)
    assert not save.isEnabled()
    dialog.boxes["ward"].setText(" 3 B ")
    dialog.boxes["stain"].clear()
    with qtbot.waitSignal(dialog.saved) as told:
        save.click()
    before, now = told.args
    assert before == stored
    assert now == {**{key: stored[key] for key in ("question", "Camera", "their-key")}, "ward": "3 B"}


def test_the_letterhead_is_printed(opened: Workbench, qtbot: QtBot, tmp_path: Path) -> None:
    report = shown(opened, qtbot)
    opened.report_controller.show_letterhead()
    dialog = report.findChild(LetterheadDialog)
    dialog.name.setText("Haematology Musterstadt")
    dialog.lines.setPlainText("Street 1\n\nTown\nTel 1\nAccredited\nToo much")
    dialog.set_logo(str(tmp_path / "gone.png"))
    dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Save).click()
    again(opened, qtbot)
    assert content(opened)["laboratory"] == "Haematology Musterstadt"
    assert content(opened)["laboratory_lines"] == ("Street 1", "Town", "Tel 1", "Accredited")
    assert "gone.png" in label_texts(report.form)


def test_a_case_that_is_only_looked_at_gives_drafts(window: Workbench, qtbot: QtBot, folder: Path) -> None:
    with Case.open(folder):
        window.case_controller.open_folder(folder)
        qtbot.waitUntil(lambda: window.browser.model.rowCount() == 4, timeout=LONG)
        report = shown(window, qtbot)
        assert report.export.isEnabled()
        report.form.status.setCurrentIndex(report.form.status.findData("preliminary"))
        again(window, qtbot)
        assert not report.export.isEnabled()
        assert "looking only" in report.message


def test_the_report_goes_with_its_case(opened: Workbench, qtbot: QtBot) -> None:
    report = shown(opened, qtbot)
    report.form.comment.setPlainText("of this case")
    again(opened, qtbot)
    opened.actions_table["case.close"].trigger()
    qtbot.waitUntil(lambda: report.pages.count == 0, timeout=LONG)
    assert not report.export.isEnabled()
    assert report.form.comment.toPlainText() == ""


def test_keys_and_wheel_move_through_the_pages(opened: Workbench, qtbot: QtBot) -> None:
    report = shown(opened, qtbot)
    report.resize(report.width(), 500)  # so low that a page in full is narrower than the window
    report.form.template.setCurrentIndex(report.form.template.findData("full"))
    again(opened, qtbot)
    pages, told = report.pages, []
    pages.page_changed.connect(lambda page, _count: told.append(page))
    qtbot.keyClick(pages, Qt.Key.Key_PageDown)
    assert told[-1] == 2
    qtbot.keyClick(pages, Qt.Key.Key_End)
    assert told[-1] == pages.count
    qtbot.waitUntil(lambda: pages.is_drawn(pages.count - 1), timeout=LONG)
    qtbot.keyClick(pages, Qt.Key.Key_Home)
    assert told[-1] == 1
    before = pages.scale
    turn = QWheelEvent(
        QPointF(50, 50), QPointF(50, 50), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.ControlModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(pages.viewport(), turn)
    assert pages.scale > before
    qtbot.waitUntil(lambda: pages.is_drawn(0), timeout=LONG)
    pages.fit_page()
    assert pages.scale < before
    qtbot.waitUntil(lambda: pages.is_drawn(0), timeout=LONG)


def test_free_text_of_the_report_is_withheld_until_it_is_ticked(opened: Workbench, qtbot: QtBot) -> None:
    report = shown(opened, qtbot)
    assert report.form.free_text.text() == "Free text: withheld…"
    assert {one.label for one in content(opened).get("specimen") if one.withheld} == {"Source", "Camera"}
    report.form.free_text.click()
    dialog = report.findChild(FreeTextDialog)
    qtbot.waitUntil(lambda: dialog.box.tree.topLevelItemCount() > 2, timeout=LONG)
    tops = [dialog.box.tree.topLevelItem(place) for place in range(dialog.box.tree.topLevelItemCount())]
    (specimen,) = [top for top in tops if top.text(0) == "Specimen and source (1)"]
    assert specimen.child(0).text(0) == "Venous, EDTA"
    specimen.setCheckState(0, Qt.CheckState.Checked)
    again(opened, qtbot)
    assert [one.value for one in content(opened)["specimen"] if one.label == "Source"] == ["Venous, EDTA"]
    assert content(opened)["kept"] == ("specimen",)
    assert report.form.free_text.text() == "Free text: 1 kind goes…"
    dialog.close()
    report.form.start_anew()
    assert report.form.keep == frozenset()
