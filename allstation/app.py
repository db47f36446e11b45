"""Application controller: shows the window, builds its contents, ends threads in order."""

from __future__ import annotations

import faulthandler
import importlib
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication

from allstation import __version__, paths
from allstation.core.errors import StationError
from allstation.services.settings import SettingsFile
from allstation.ui.application import Application
from allstation.ui.common.theme import Mode, Theme
from allstation.ui.main_window.window import MainWindow

if TYPE_CHECKING:
    from PySide6.QtCore import QEvent

    from allstation.services.crash import CrashHandler
    from allstation.services.gc_scheduler import GcScheduler
    from allstation.ui.context import AppContext
    from allstation.ui.main_window.workbench import Workbench

CANNOT_START: Final = 3
"""Exit status: the window could not be made."""
_SWITCH_SECONDS: Final = 0.002
_WITHOUT_EYES: Final = frozenset({"offscreen", "minimal", "vnc"})
_NOT_VISIBLE: Final = 1000
"""Milliseconds after which a window that is never painted, a minimised one, is filled all the same."""


class Options:
    """Options of the window's command line.

    Attributes:
        paths: Fields and folders to add.
        case: Case folder to open or to make.
        profile: Folder for everything of the user.
        demo: Open a demo case.
        threads: Threads that classify; None for one a processor.
    """

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.case: str | None = None
        self.profile: str | None = None
        self.demo = False
        self.threads: int | None = None


class AppController(QObject):
    """Owner of everything that lives as long as the program.

    The window is painted first; the modules of everything else are then imported on a thread and the
    workbench is built in one go. Input before that builds it at once.

    Args:
        app: Qt's application.
        options: What the command line asked for.

    Attributes:
        window: The shell, and later its contents.
        context: Services and state; None until they are built.
        workbench: The contents of the window; None until it is built.
        fault: What kept the workbench from being built, if anything did.
    """

    _crashed = Signal(str)
    _imported = Signal()

    def __init__(self, app: QApplication, options: Options) -> None:
        super().__init__()
        self._app = app
        self._options = options
        self._settings = SettingsFile(paths.config_folder())
        stored = self._settings.value
        self._theme = Theme(app, mode=_mode(stored.theme), scale=stored.text_scale)
        self.window = MainWindow(self._settings)
        self.window.contents_wanted.connect(self.build)
        self.context: AppContext | None = None
        self.workbench: Workbench | None = None
        self.fault: Exception | None = None
        self._is_shown = False
        self._is_building = False
        self._running = 3
        self._collector: GcScheduler | None = None
        self._crash: CrashHandler | None = None
        self._importer: threading.Thread | None = None
        self._imported.connect(self.build)
        if isinstance(app, Application):
            app.handed_over.connect(self._open_later)

    def show(self) -> None:
        """Show the window; everything slower comes after its first paint."""
        self._is_shown = True
        self.window.start.painted.connect(self.import_modules)
        self.window.show()
        QTimer.singleShot(_NOT_VISIBLE, self, self.import_modules)

    @Slot()
    def import_modules(self) -> None:
        """Import the modules of the workbench on a thread, then build it."""
        if self._importer is not None:
            return
        self._importer = threading.Thread(target=self._import, name="importer", daemon=True)
        self._importer.start()
        handle = self.window.windowHandle()
        if handle is not None:
            handle.installEventFilter(self)

    def _import(self) -> None:
        try:
            for module in ("allstation.ui.main_window.workbench", "allstation.inference.bundle"):
                importlib.import_module(module)
        finally:
            # What goes wrong here goes wrong again, and is handled, where it is used.
            self._imported.emit()

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Build the workbench before the first input is delivered."""
        from PySide6.QtCore import QEvent

        kind = QEvent.Type
        if event.type() in (
            kind.MouseButtonPress,
            kind.KeyPress,
            kind.DragEnter,
            kind.Close,
            kind.TouchBegin,
        ):
            self.build()
        return False

    @Slot()
    def build(self) -> None:
        """Build services and workbench now, once; what goes wrong ends the program with its fault."""
        if self._is_building:
            return
        self._is_building = True
        try:
            self._build()
        except Exception as error:  # noqa: BLE001 - whatever it is, main() tells the person
            self.fault = error
            self.window.hide()
            self._app.quit()

    def _build(self) -> None:
        from PySide6.QtGui import QIcon

        from allstation.services.gc_scheduler import GcScheduler
        from allstation.ui.main_window.workbench import Workbench

        self._collector = GcScheduler(self)
        self._app.setWindowIcon(QIcon(str(paths.resource("icons/allstation.svg"))))
        self.context = self._make_context()
        self.workbench = self.window.workbench = Workbench(self.context, self.window)
        handle = self.window.windowHandle()
        if handle is not None:
            handle.removeEventFilter(self)
        self._collector.start()
        if self._is_shown:
            # The window answers once before the rest of its icons is drawn and a case is opened.
            QTimer.singleShot(0, self, self._open_first)

    def _make_context(self) -> AppContext:
        from PySide6.QtCore import Qt

        from allstation.services.case.session import CaseSession
        from allstation.services.crash import CrashHandler
        from allstation.services.folder_watcher import FolderWatcher
        from allstation.services.logs import ProgramLog
        from allstation.services.reports.export import Exports
        from allstation.ui.context import AppContext

        self._crash = CrashHandler(paths.log_folder(), self._crashed.emit)
        # Queued: a fault may happen on any thread, or in the middle of painting.
        self._crashed.connect(self._show_crash, Qt.ConnectionType.QueuedConnection)
        limits = self._settings.value.limits
        context = AppContext(
            session=CaseSession(self, threads=self._options.threads, limits=limits),
            exports=Exports(self),
            settings=self._settings,
            theme=self._theme,
            logs=ProgramLog(paths.log_folder()),
            watcher=FolderWatcher(self),
            parent=self,
        )
        for service in (context.session, context.exports, context.watcher):
            service.stopped.connect(self._service_ended)
        self.window.closing.connect(self._end, Qt.ConnectionType.QueuedConnection)
        return context

    @Slot(str)
    def _show_crash(self, report: str) -> None:
        if self.workbench is not None:
            self.workbench.show_crash(report)

    @Slot()
    def _open_first(self) -> None:
        from allstation.services.case.requests import AddPaths, OpenCase

        if self.workbench is None or self.context is None:
            return
        self.workbench.actions_table.refresh_icons()
        self._load_model(self.workbench, self.context)
        given = [Path(text).absolute() for text in self._options.paths]
        case, last, cases = self._options.case, self._settings.value.last_case, self.workbench.case_controller
        if self._options.demo:
            cases.open_demo()
        elif case is not None:
            folder = Path(case).absolute()
            self.context.session.submit(OpenCase(folder, create=not (folder / "case.sqlite").exists()))
            if given:
                self.context.session.submit(AddPaths(given))
        elif given:
            cases.add_paths(given)
        elif last and (Path(last) / "case.sqlite").is_file():
            cases.open_folder(Path(last))

    def _load_model(self, workbench: Workbench, context: AppContext) -> None:
        from allstation.inference.bundle import default_bundle_path
        from allstation.processing.status_types import Problem
        from allstation.services.case.requests import UseModel

        chosen = self._settings.value.model
        try:
            path = Path(chosen) if chosen and Path(chosen).is_file() else default_bundle_path()
        except StationError as error:
            workbench.case_controller.show_problem(Problem.of(error))
            return
        context.session.submit(UseModel(path))

    @Slot(object)
    def _open_later(self, path: Path) -> None:
        """Open what the desktop hands over while the program runs."""
        self.build()
        if self.workbench is not None:
            self.workbench.case_controller.add_paths([path])

    @Slot()
    def _end(self) -> None:
        self.window.hide()
        if self.workbench is not None:
            self.workbench.close_workers()
        if self.context is not None:
            for service in (self.context.session, self.context.exports, self.context.watcher):
                service.stop()

    @Slot()
    def _service_ended(self) -> None:
        self._running -= 1
        if not self._running:
            self._app.quit()

    def join(self) -> None:
        """Wait for every thread, give the hooks back and destroy the window."""
        self._is_building = True
        if self._collector is not None:
            self._collector.stop()
        if self._importer is not None:
            self._importer.join()
        if self.workbench is not None:
            self.workbench.close_workers()
        if self._crash is not None:
            self._crash.close()
        if self.context is not None:
            for service in (self.context.session, self.context.exports, self.context.watcher):
                service.wait()
            self.context.logs.close()
            # Its undo stack is destroyed before the window, whose actions must not ask for it any more.
            self.context.blockSignals(True)
        self._theme.deleteLater()
        self.window.deleteLater()


def _mode(text: str) -> Mode:
    return Mode(text) if text in list(Mode) else Mode.SYSTEM


def parse(argv: Sequence[str]) -> Options:
    """Read the window's command line. Wrong usage leaves the program with status 2."""
    if not argv:
        return Options()
    import argparse

    parser = argparse.ArgumentParser(prog="allstation", description="Opens the window.")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="fields or folders to add to the case")
    parser.add_argument("--case", metavar="DIR", help="open this case; made if it is not there")
    parser.add_argument("--profile", metavar="DIR", help="keep settings, logs and cases in this folder")
    parser.add_argument("--demo", action="store_true", help="open a demo case with synthetic fields")
    parser.add_argument("--threads", type=int, metavar="N", help="threads that classify")
    return parser.parse_args(list(argv), Options())


def main(argv: Sequence[str]) -> int:
    """Open the window and run until it is closed.

    Args:
        argv: Arguments without the program's name.

    Returns:
        The exit status.
    """
    options = parse(argv)
    if options.profile:
        os.environ[paths.PROFILE_VARIABLE] = options.profile
    if sys.stderr is not None and not faulthandler.is_enabled():
        faulthandler.enable()
    # The window's thread waits at most this long for a worker to let go of the interpreter.
    sys.setswitchinterval(_SWITCH_SECONDS)
    instance = QApplication.instance()
    app = instance if isinstance(instance, QApplication) else Application(["allstation"])
    app.setApplicationName("ALL Station")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("allstation")
    app.setQuitOnLastWindowClosed(False)
    try:
        controller = AppController(app, options)
    except Exception as error:  # noqa: BLE001 - whatever it is, the person must learn why no window comes
        return _report_start_failure(app, error)
    try:
        controller.show()
    except Exception as error:  # noqa: BLE001 - as above, and nothing may be left running
        controller.join()
        return _report_start_failure(app, error)
    status = app.exec()
    controller.join()
    return status if controller.fault is None else _report_start_failure(app, controller.fault)


def _report_start_failure(app: QApplication, error: Exception) -> int:
    """Say in a terminal and in a box that the window could not be made; note it down.

    The report holds names of code only. The box is what there is to see where a program has no
    terminal; it is left out where nobody could close it.
    """
    from PySide6.QtWidgets import QMessageBox

    from allstation.services.crash import CrashHandler, describe

    report = describe(type(error), error.__traceback__)
    care = CrashHandler(paths.log_folder(), _say_nothing)
    care.handle(type(error), error, error.__traceback__)
    care.close()
    sentence = (
        "ALL Station could not start: a fault in the program. A report without names, paths or "
        "pictures was kept in the log folder; nothing was sent."
    )
    if sys.stderr is not None:
        sys.stderr.write(f"{sentence}\n{paths.log_folder()}\n{report}\n")
    if app.platformName() not in _WITHOUT_EYES:
        box = QMessageBox(QMessageBox.Icon.Critical, "ALL Station", sentence)
        box.setDetailedText(report)
        box.finished.connect(app.quit)
        box.open()
        app.exec()
    return CANNOT_START


def _say_nothing(_report: str) -> None:
    """The report is told by its caller."""
