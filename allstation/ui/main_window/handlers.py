"""Which method each action of the table calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from allstation.services.export import ExportKind
from allstation.ui.main_window.about import AboutDialog, KeysDialog

if TYPE_CHECKING:
    from allstation.ui.main_window.window import MainWindow


def handlers(window: MainWindow) -> dict[str, Callable[..., object]]:
    """Return the handler of every action in ``actions.ACTIONS``, by id."""
    return _of_the_case(window) | _of_the_view(window)


def _of_the_case(window: MainWindow) -> dict[str, Callable[..., object]]:
    cases, reviews, desk = window.cases, window.reviews, window.services.desk
    return {
        "case.new": cases.new,
        "case.open": cases.open,
        "case.demo": cases.open_demo,
        "case.close": desk.close_case,
        "case.add_files": cases.add_files,
        "case.add_folder": cases.add_folder,
        "case.watch": window.watching.ask,
        "case.unwatch": window.watching.stop,
        "case.locate": cases.locate,
        "case.rename": window.naming.rename_case,
        "case.data": window.reports.show_data,
        "case.report": window.reports.show,
        "case.csv": partial(_export, window, ExportKind.CSV),
        "case.xlsx": partial(_export, window, ExportKind.XLSX),
        "case.json": partial(_export, window, ExportKind.JSON),
        "case.fhir": partial(_export, window, ExportKind.FHIR),
        "case.dicom": partial(_export, window, ExportKind.DICOM),
        "case.geojson": partial(_export, window, ExportKind.GEOJSON),
        "case.labelled": partial(_export, window, ExportKind.LABELLED),
        "app.quit": window.close,
        "review.undo": reviews.stack.undo,
        "review.redo": reviews.stack.redo,
        "slide.rename": window.naming.rename_slide,
        "slide.remove": window.removals.remove_slide,
        "field.remove": window.removals.remove,
        "field.restore": window.removals.restore,
        "field.show_file": window.field_menu.show_file,
        "field.copy_path": window.field_menu.copy_path,
        "review.confirm": reviews.confirm,
        "review.look": reviews.another_look,
        "review.comment": window.comment,
        "review.advance": reviews.set_advance,
        "queue.pause": desk.pause,
        "queue.cancel": desk.cancel,
        "queue.resume": desk.resume_cancelled,
        "queue.retry": desk.retry_failed,
        "queue.again": partial(_again, window),
        "queue.model": window.queueing.ask_model,
        "model.train": window.training.show,
        "model.change": window.models.change,
    }


def _of_the_view(window: MainWindow) -> dict[str, Callable[..., object]]:
    look, browser = window.look, window.browser
    return {
        "browse.find": window.find_field,
        "browse.clear": browser.show_all,
        "browse.all": browser.select_all,
        "go.previous": partial(_step, window, -1),
        "go.next": partial(_step, window, 1),
        "go.first": partial(_to_row, window, 0),
        "go.last": browser.go_to_last,
        "go.unreviewed": browser.go_to_unreviewed,
        "browse.grid": look.grid,
        "browse.table": look.table,
        "browse.flat": look.flat,
        "browse.by_slide": look.by_slide,
        "browse.by_decision": look.by_decision,
        "browse.summary": window.summary.show,
        "view.pixel_size": window.pixel_size.ask,
        "view.models": window.model_comparison.set_on,
        "help.tour": window.tour.start,
        "browse.larger": look.larger_tiles,
        "browse.smaller": look.smaller_tiles,
        "view.light": look.light,
        "view.dark": look.dark,
        "view.system": look.system,
        "view.scale_up": look.larger_text,
        "view.scale_down": look.smaller_text,
        "view.scale_reset": look.normal_text,
        "help.palette": partial(_palette, window),
        "help.keys": partial(_keys, window),
        "help.about": partial(_about, window),
    }


def _step(window: MainWindow, by: int, _checked: bool = False) -> None:
    window.browser.step(by)


def _to_row(window: MainWindow, row: int, _checked: bool = False) -> None:
    window.browser.go_to_row(row)


def _again(window: MainWindow, _checked: bool = False) -> None:
    selected = window.browser.selected_ids()
    window.services.desk.classify_again(selected if len(selected) > 1 else None)


def _export(window: MainWindow, kind: ExportKind, _checked: bool = False) -> None:
    window.exporting.ask(kind)


def _palette(window: MainWindow, _checked: bool = False) -> None:
    window.palette_box.open_with(window.all_actions())


def _keys(window: MainWindow, _checked: bool = False) -> None:
    KeysDialog(window.all_actions(), window).open()


def _about(window: MainWindow, _checked: bool = False) -> None:
    AboutDialog(window.model, window).open()
