"""Grabs the window in all its states, light and dark, at 1x and 2x, in both text directions.

Usage: ``python tests/ui/screenshots.py OUTDIR [--real-screen]``. Synthetic fields only. Without
``--real-screen`` the offscreen platform is used, so it works on a machine without a display.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QLineEdit

from allstation.services.case.requests import OpenCase, UseModel
from tests.ui.story import Step, play

if TYPE_CHECKING:
    from allstation.ui.main_window.workbench import Workbench

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

SIZE = (1440, 900)
PATIENCE = 180.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--real-screen", action="store_true", help="use the display, not offscreen")
    parser.add_argument("--only", choices=sorted(PARTS), help="one part of the states")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.child:
        return run_child(options.out, options.child, options.only)
    worst = 0
    with tempfile.TemporaryDirectory(prefix="allstation-shots-") as scratch:
        for scale, look in (
            ("1", "light"),
            ("1", "dark"),
            ("2", "light"),
            ("2", "dark"),
            ("1", "mirrored"),
            ("2", "mirrored"),
        ):
            environment = os.environ | {
                "QT_SCALE_FACTOR": scale,
                "ALLSTATION_PROFILE": f"{scratch}/{scale}-{look}",
                "ALLSTATION_SHOT_FIELDS": f"{scratch}/fields",
            }
            if not options.real_screen:
                environment["QT_QPA_PLATFORM"] = "offscreen"
            command = [sys.executable, __file__, str(options.out), "--child", f"{look}@{scale}x"]
            command += ["--only", options.only] if options.only else []
            worst = max(worst, subprocess.run(command, env=environment, check=False).returncode)
    return worst


def run_child(out: Path, name: str, only: str | None) -> int:
    """Run the real program once and grab it on the way."""
    from PySide6.QtCore import QSize, Qt, QTranslator
    from PySide6.QtWidgets import QApplication

    from allstation import app as program
    from allstation.ui.common import window_size

    qt = QApplication(["allstation"])
    # The offscreen platform has 800 x 800 device pixels: no screen that anybody uses is as small.
    window_size.available = lambda _window: QSize(*SIZE)
    look = name.split("@", maxsplit=1)[0]

    class Pseudo(QTranslator):
        """Longer text in every place, so that layouts show whether they hold."""

        def isEmpty(self) -> bool:
            return False

        def translate(self, _context: str, text: str, *_rest: object) -> str:
            return f"[{text} {'·' * (len(text) // 3)}]"

    if look == "mirrored":
        translator = Pseudo(qt)
        qt.installTranslator(translator)
        qt.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    station = program.AppController(qt, program.parse([]))
    station.show()
    station.build()
    window = station.workbench
    window.shell.resize(*SIZE)
    window.actions_table["view.dark" if look == "dark" else "view.light"].trigger()
    story = (PARTS[only] if only else tell)(station.workbench, Grabber(out, name))
    return play(qt, station, story, patience=PATIENCE, name=name)


class Grabber:
    """Writes pictures as ``STATE-LOOK@SCALE.png``."""

    def __init__(self, out: Path, name: str) -> None:
        self._out = out
        self._name = name
        self._ready = 0

    def __call__(self, widget: object, state: str) -> Step:
        self._ready = 0

        def settled() -> bool:
            self._ready += 1
            if self._ready < 6:
                return False
            return widget is None or bool(widget.grab().save(str(self._out / f"{state}-{self._name}.png")))

        return settled


def make_fields(scratch: Path) -> None:
    """Two synthetic slides, one of them with files that are no fields."""
    from allstation.imaging.synthetic import write_demo

    if scratch.is_dir():
        return
    write_demo(scratch, fields=24)
    (scratch / "Slide 2").mkdir(exist_ok=True)
    whole = next(scratch.rglob("*.jpg")).read_bytes()
    (scratch / "Slide 2" / "cut off.jpg").write_bytes(whole[: len(whole) // 3])
    (scratch / "Slide 2" / "really a text.png").write_text("This is not a picture.")


def tell(window: Workbench, grab: Grabber) -> Iterator[Step]:
    """The states, in the order a first user meets them. Each step is waited for."""
    yield from tell_queue(window, grab)
    yield from tell_review(window, grab)
    yield from tell_browser(window, grab)
    yield from tell_cells(window, grab)
    yield from tell_dialogs(window, grab)
    yield from tell_site(window, grab)
    yield from tell_report(window, grab)
    yield from tell_signature(window, grab)
    yield from tell_percentages(window, grab)
    yield from tell_assistant(window, grab)
    yield from tell_whole_slides(window, grab)


def tell_assistant(window: Workbench, grab: Grabber) -> Iterator[Step]:
    """The commissioning assistant, on slides of its own."""
    from tests.ui.commissioning.story import tell_commissioning

    window.context.use_model(None)
    yield lambda: window.context.selection.model is not None
    yield from tell_commissioning(window, grab)


def tell_whole_slides(window: Workbench, grab: Grabber) -> Iterator[Step]:
    """A scanner's file, in a case of its own."""
    from tests.ui.slide.story import tell_slides

    window.context.use_model(None)
    yield lambda: window.context.selection.model is not None
    yield from tell_slides(window, grab)


PARTS = {"commissioning": tell_assistant, "slides": tell_whole_slides}
"""States that can be grabbed by themselves."""


def tell_queue(window: Workbench, grab: Grabber) -> Iterator[Step]:
    from allstation.core.records import FieldState

    scratch = Path(os.environ["ALLSTATION_SHOT_FIELDS"])
    make_fields(scratch)
    table = window.actions_table

    def some_done() -> bool:
        return window.queue_controller.status.counts.get(FieldState.DONE, 0) >= 1

    def idle() -> bool:
        status = window.queue_controller.status
        return status.total >= 24 and status.waiting == 0 and window.viewer.record is not None

    yield lambda: window.context.selection.model is not None
    yield grab(window.shell, "01-start")
    window.context.session.submit(
        OpenCase(Path(os.environ["ALLSTATION_PROFILE"]) / "Smith 2026.allcase", create=True)
    )
    yield lambda: window.context.session.info is not None
    yield grab(window.shell, "02-empty-case")
    window.case_controller.add_paths([scratch])
    yield some_done
    table["queue.pause"].trigger()
    yield lambda: window.browser.model.rowCount() >= 24
    yield grab(window.shell, "03-paused")
    table["queue.pause"].trigger()
    yield idle
    yield grab(window.shell, "04-done")


def looked_at(window: Workbench) -> bool:
    """Tell whether the current field has been on the screen for long enough to be reviewed."""
    from allstation.ui.viewer.visibility import identity

    record = window.viewer.record
    least = window.context.settings.value.seconds_on_screen
    visibility = window.viewer.main.canvas.visibility
    return record is not None and (visibility.seconds(identity(record)) or 0.0) > least


def tell_review(window: Workbench, grab: Grabber) -> Iterator[Step]:
    table, before = window.actions_table, window.context.undo.count()
    for done, key in enumerate(
        ("review.class.1", "review.class.2", "review.look", "review.class.0"), start=before + 1
    ):
        yield lambda: looked_at(window)
        table[key].trigger()
        yield lambda done=done: window.context.undo.count() == done
        yield grab(None, "")
    table["go.first"].trigger()
    table["view.evidence"].trigger()
    yield grab(window.shell, "05-reviewed-evidence")
    table["view.evidence"].trigger()
    table["view.cells"].trigger()
    yield grab(window.shell, "06-cells")
    table["view.cells"].trigger()
    table["view.compare"].trigger()
    table["go.last"].trigger()
    yield grab(window.shell, "07-compare")
    table["view.compare"].trigger()


def tell_browser(window: Workbench, grab: Grabber) -> Iterator[Step]:
    from PySide6.QtCore import Qt

    table, dock = window.actions_table, window.docks["browser"]
    table["browse.table"].trigger()
    window.shell.resizeDocks([dock], [700], Qt.Orientation.Horizontal)
    yield grab(window.shell, "08-table")
    window.shell.resizeDocks([dock], [400], Qt.Orientation.Horizontal)
    table["browse.grid"].trigger()
    window.browser.filters.findChild(QLineEdit).setText("nothing is called this")
    yield lambda: window.browser.model.rowCount() == 0
    yield grab(window.shell, "09-filtered")
    table["browse.clear"].trigger()
    yield lambda: window.browser.model.rowCount() >= 24
    yield from tell_removal(window, grab)
    yield from tell_summary(window, grab)


def tell_removal(window: Workbench, grab: Grabber) -> Iterator[Step]:
    from allstation.core.filters import FieldFilter

    table, model = window.actions_table, window.browser.model
    before = model.rowCount()
    window.notifications.clear()
    table["go.first"].trigger()
    table["field.remove"].trigger()
    yield lambda: model.rowCount() == before - 1
    yield grab(window.shell, "34-removed")
    window.browser.filters.choose(FieldFilter(removed=True))
    yield lambda: model.rowCount() == 1
    yield grab(window.shell, "35-bring-back")
    table["field.restore"].trigger()
    yield lambda: model.rowCount() == 0
    table["browse.clear"].trigger()
    yield lambda: model.rowCount() == before
    window.notifications.clear()


def tell_summary(window: Workbench, grab: Grabber) -> Iterator[Step]:
    from allstation.ui.summary.share_bars import BarButton

    table = window.actions_table
    window.notifications.clear()
    table["browse.summary"].trigger()
    yield lambda: bool(window.summary.findChildren(BarButton))
    window.summary.findChildren(BarButton)[1].setFocus()
    yield grab(window.shell, "14-summary")
    table["browse.by_decision"].trigger()
    yield lambda: len(window.browser.model.sections()) > 2
    yield grab(window.shell, "15-groups")
    table["browse.table"].trigger()
    yield grab(window.shell, "16-groups-table")
    table["browse.grid"].trigger()
    table["browse.flat"].trigger()
    window.docks["review"].raise_()
    window.review.set_blind(True)
    table["go.last"].trigger()
    yield grab(window.shell, "17-blind")
    window.review.set_blind(False)
    table["help.tour"].trigger()
    yield grab(window.shell, "18-tour")
    window.tour.end()
    for step in ("down", "down", "up", "up", "up", "up", "up", "up", "up"):
        table[f"view.scale_{step}"].trigger()
        if window.context.settings.value.text_scale in (0.8, 2.0):
            yield grab(window.shell, f"19-text-{round(window.context.settings.value.text_scale * 100)}")
    table["view.scale_reset"].trigger()
    table["go.first"].trigger()


def tell_cells(window: Workbench, grab: Grabber) -> Iterator[Step]:
    """The gallery, a cell in its field, counting, the list of types."""
    from allstation.services.case.cell_requests import SaveCellProposals, TypeCells
    from allstation.ui.cells.types_dialog import TypesDialog

    table, panel, session = window.actions_table, window.cells.panel, window.context.session
    window.context.selection.set_reviewer("Ada")
    table["cells.gallery"].trigger()
    yield lambda: panel.model.rowCount() > 40
    ids = list(panel.model.ids())
    names = ("blast", "lymphocyte", "hematogone", "segmented", "monocyte", "smudge-cell")
    for number, name in enumerate(names):
        session.submit(TypeCells(70_000 + number, ids[number :: len(names) * 2], name, "Ada"))
    rows = [
        (cell, names[at % 4], 0.55 + at % 9 / 20) for at, cell in enumerate(ids) if at % 12 in {6, 7, 8, 9}
    ]
    session.submit(SaveCellProposals(rows, "c" * 64))
    yield lambda: any(kind.key == "blast" for kind in panel.model.types) and len(panel.model.sections()) > 6
    window.notifications.clear()
    panel.gallery.setCurrentIndex(panel.model.index(2))
    panel.gallery.setFocus()
    yield grab(window.shell, "40-cells-by-type")
    table["cells.by_field"].trigger()
    table["cells.outlines"].trigger()
    yield lambda: panel.bar.arrangement() == "field"
    yield grab(window.shell, "41-cells-by-field")
    table["cells.outlines"].trigger()
    table["cells.unsure"].trigger()
    yield grab(window.shell, "42-cells-unsure")
    panel.gallery.setFocus()
    table["cells.show_field"].trigger()
    table["view.cells"].trigger()
    yield grab(window.shell, "43-cell-in-field")
    table["view.cells"].trigger()
    table["cells.count"].trigger()
    counting = window.cells.counting
    yield lambda: counting.window is not None and bool(counting.window.tally.rows())
    for key in "bblnb":
        shown = counting.window.stage.visibility
        yield lambda shown=shown: (shown.seconds(counting.current_cell) or 0) > 0.4
        counting.window.key_typed.emit(key)
    yield lambda: "counted by" in counting.window.sentences() and "more cells" in counting.window.sentences()
    yield grab(counting.window, "44-count")
    counting.window.close()
    table["cells.types"].trigger()
    dialog = window.shell.findChild(TypesDialog)
    yield grab(dialog, "45-cell-types")
    dialog.reject()
    window.notifications.clear()
    table["browse.grid"].trigger()
    table["go.first"].trigger()


def tell_dialogs(window: Workbench, grab: Grabber) -> Iterator[Step]:
    from allstation.ui.main_window.about import AboutDialog

    table = window.actions_table
    table["help.palette"].trigger()
    yield grab(window.shell, "10-palette")
    window.palette.hide()
    table["help.about"].trigger()
    dialog = window.shell.findChild(AboutDialog)
    yield grab(dialog, "12-about")
    dialog.reject()
    window.docks["log"].show()
    window.docks["log"].raise_()
    yield grab(window.shell, "13-log")


def tell_site(window: Workbench, grab: Grabber) -> Iterator[Step]:
    from PySide6.QtCore import QPointF

    from allstation.ui.viewer.bar_line import BarLine

    window.docks["log"].hide()
    window.actions_table["case.site"].trigger()
    yield lambda: window.sites_controller.dialog is not None
    dialog = window.sites_controller.dialog
    dialog.choice.setCurrentIndex(dialog.choice.count() - 1)
    for key, text in (("name", "Ward 3"), ("microscope", "Olympus BX43"), ("objective", "100x/1.25 oil")):
        dialog.texts[key].setText(text)
    yield grab(dialog, "21-site-new")
    dialog.measure.click()
    yield dialog.take.isEnabled
    dialog.take.click()
    yield grab(dialog, "22-site-measured")
    dialog.buttons.accepted.emit()
    yield lambda: "Ward 3" in window.sites_controller.badge.text()
    canvas = window.viewer.main.canvas
    window.actions_table["view.measure_bar"].trigger()
    line = canvas.findChild(BarLine)
    middle = QPointF(canvas.rect().center())
    line.show_line(middle - QPointF(90, 0), middle + QPointF(90, 0))
    yield grab(window.shell, "23-measure-a-bar")
    line.end()


def tell_report(window: Workbench, grab: Grabber) -> Iterator[Step]:
    from PySide6.QtWidgets import QMessageBox

    from allstation.ui.report.export_controller import ExportDialog
    from allstation.ui.report.letterhead import LetterheadDialog

    table, reports = window.actions_table, window.report_controller

    def drawn() -> bool:
        return reports.preview is not None and reports.window.pages.is_drawn(0)

    table["case.report"].trigger()
    yield drawn
    yield grab(reports.window, "20-report")
    reports.window.pages.fit_page()
    reports.window.pages.go_to_page(2)
    yield grab(reports.window, "21-report-page")
    form = reports.window.form
    form.reviewer.setText("Dr. B. Reviewer")
    form.comment.setPlainText("Few cells in the last fields; a second smear was asked for.")
    form.status.setCurrentIndex(form.status.findData("final"))
    yield lambda: drawn() and reports.preview.made.options.status == "final"
    reports.export()
    box = reports.window.findChild(QMessageBox)
    yield grab(box, "22-report-sign")
    box.reject()
    form.reviewer.clear()
    yield lambda: "name" in reports.window.message
    yield grab(reports.window, "23-report-missing")
    reports.show_data()
    yield grab(reports.data, "24-case-data")
    reports.data.reject()
    reports.show_letterhead()
    dialog = reports.window.findChild(LetterheadDialog)
    yield grab(dialog, "25-letterhead")
    dialog.reject()
    reports.window.hide()
    for number, key in enumerate(("csv", "xlsx", "fhir", "labelled"), start=26):
        table[f"case.{key}"].trigger()
        (dialog,) = [one for one in window.shell.findChildren(ExportDialog) if one.isVisible()]
        yield grab(dialog, f"{number}-export-{key}")
        dialog.reject()
    window.export_controller.strip.begin("Smith 2026 DICOM")
    window.export_controller.strip.step(120, 400)
    yield grab(window.shell, "30-exporting")
    window.export_controller.strip.hide()


def tell_signature(window: Workbench, grab: Grabber) -> Iterator[Step]:
    """A certificate is made, a final report is signed with it, and verified, whole and changed."""
    from PySide6.QtWidgets import QFileDialog

    from allstation.services.reports import reporting, signatures
    from allstation.ui.report.make_certificate import MakeCertificateDialog

    table, reports = window.actions_table, window.report_controller
    profile = Path(os.environ["ALLSTATION_PROFILE"])
    table["case.report"].trigger()
    reports.show_signature()
    dialog = reports.signatures.dialog
    yield grab(dialog, "40-signature-none")
    dialog.make_asked.emit()
    making = dialog.findChild(MakeCertificateDialog)
    making.name.setText("Dr. Berta Beispiel")
    making.laboratory.setText("Example Laboratory")
    for box in (making.password, making.again):
        box.setText("correct horse")
    yield grab(making, "41-make-certificate")
    making.go.click()
    place = dialog.findChild(QFileDialog)
    place.selectFile(str(profile / "signer.p12"))
    place.accept()
    yield lambda: dialog.trusted.count() == 1
    yield grab(dialog, "42-signature")
    dialog.close()
    form = reports.window.form
    form.reviewer.setText("Dr. Berta Beispiel")
    form.template.setCurrentIndex(form.template.findData("summary"))
    form.status.setCurrentIndex(form.status.findData("final"))
    yield lambda: reports.preview is not None and reports.preview.made.content.digital_signature.signed
    yield lambda: reports.window.pages.is_drawn(0)
    yield grab(reports.window, "43-report-to-sign")
    made = reports.preview.made
    reports.signatures.sign(made, reports.window)
    asking = reports.signatures.asking
    asking.show_problem("The password does not open signer.p12, or the file is damaged. Try again.")
    yield grab(asking, "44-password")
    asking.reject()
    reports.window.hide()
    signed = signatures.sign_with_file(made, profile / "signer.p12", "correct horse")
    reporting.write(signed, profile / "signed.pdf")
    (profile / "changed.pdf").write_bytes(signed.data + b"\n% more\n")
    (profile / "plain.txt").write_text("no report")
    for number, name in enumerate(("signed.pdf", "changed.pdf", "plain.txt"), start=45):
        window.verify_controller.verify(str(profile / name))
        found = window.verify_controller.dialog
        yield lambda found=found: "verified…" not in found.verdict.text()
        yield grab(found, f"{number}-verify-{name.partition('.')[0]}")
    found.close()


def tell_percentages(window: Workbench, grab: Grabber) -> Iterator[Step]:
    """Fields whose percentages mean nothing: a second case, read by a model to which all of them are new."""
    from PySide6.QtCore import Qt

    from allstation.inference.bundle import ModelBundle, default_bundle_path
    from allstation.keys.trust_store import TrustStore
    from tests.faults.damaged_bundle import rebuilt

    table, dock = window.actions_table, window.docks["browser"]
    profile = Path(os.environ["ALLSTATION_PROFILE"])
    rule = ModelBundle.open(default_bundle_path()).rule.to_json()
    strange = rebuilt(profile / "strange.allmodel", info={"decision": {**rule, "max_novelty": 0.1}})
    TrustStore().accepting(strange.sha256, name=strange.name).save()
    window.context.session.submit(OpenCase(profile / "Elsewhere.allcase", create=True))
    yield (lambda: window.context.session.info is not None and window.browser.model.rowCount() == 0)
    window.context.session.submit(UseModel(strange.path))
    yield (
        lambda: (
            window.context.selection.model is not None and window.context.selection.model.path == strange.path
        )
    )
    window.case_controller.add_paths([Path(os.environ["ALLSTATION_SHOT_FIELDS"])])
    yield lambda: window.browser.model.rowCount() >= 24
    yield lambda: window.queue_controller.status.waiting == 0 and window.viewer.record is not None
    table["go.first"].trigger()
    window.notifications.clear()
    yield grab(window.shell, "36-no-percentages")
    table["browse.table"].trigger()
    table["view.overlay"].trigger()
    window.shell.resizeDocks([dock], [700], Qt.Orientation.Horizontal)
    yield grab(window.shell, "37-no-percentages-table")
    window.shell.resizeDocks([dock], [400], Qt.Orientation.Horizontal)
    table["browse.grid"].trigger()


if __name__ == "__main__":
    sys.exit(main())
