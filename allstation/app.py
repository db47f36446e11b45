"""The window's program: makes the services and the window, ends them in order."""

from __future__ import annotations

import argparse
import faulthandler
import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QMessageBox

from allstation import __version__, paths
from allstation.core.errors import StationError
from allstation.services.crash import CrashCare, describe
from allstation.services.desk import CaseDesk
from allstation.services.export import Exports
from allstation.services.logs import LogCare
from allstation.services.messages import Problem
from allstation.services.settings import SettingsFile
from allstation.services.watching import FolderWatch
from allstation.ui.main_window import MainWindow
from allstation.ui.services import Services
from allstation.ui.theme import Mode, Theme

CANNOT_START: Final = 3
"""Exit status: the window could not be made."""
_SWITCH_SECONDS: Final = 0.002
_WITHOUT_EYES: Final = frozenset({"offscreen", "minimal", "vnc"})


class Station(QObject):
    """Everything that lives as long as the program.

    Args:
        app: Qt's application.
        options: What the command line asked for.
    """

    _crashed = Signal(str)

    def __init__(self, app: QApplication, options: argparse.Namespace) -> None:
        super().__init__()
        self._app = app
        self._options = options
        settings = SettingsFile(paths.config_folder())
        logs = LogCare(paths.log_folder())
        theme = Theme(app, mode=_mode(settings.value.theme), scale=settings.value.text_scale)
        desk = CaseDesk(self, threads=options.threads)
        self.services = Services(desk, Exports(self), settings, theme, logs, FolderWatch(self))
        self._running = 3
        try:
            self.window = MainWindow(self.services)
        except BaseException:
            # A thread that still runs when its object goes would end the program without a word.
            self._join_services()
            raise
        self.window.review.set_reviewer(settings.value.reviewer or _login_name())
        self._crash = CrashCare(paths.log_folder(), self._crashed.emit)
        # Queued: a fault may happen on any thread, or in the middle of painting.
        self._crashed.connect(self.window.reporter.show_crash, Qt.ConnectionType.QueuedConnection)
        self.window.closing.connect(self._end, Qt.ConnectionType.QueuedConnection)
        desk.stopped.connect(self._services_ended)
        self.services.exports.stopped.connect(self._services_ended)
        self.services.watch.stopped.connect(self._services_ended)

    def begin(self) -> None:
        """Show the window; everything slower comes after it is up."""
        self.window.show()
        QTimer.singleShot(0, self, self._after_show)

    @Slot()
    def _after_show(self) -> None:
        self.window.actions_table.refresh_icons()
        self._load_model()
        self._open_first()

    def _load_model(self) -> None:
        from allstation.inference.bundle import default_bundle_path

        chosen = self.services.settings.value.model
        try:
            path = Path(chosen) if chosen and Path(chosen).is_file() else default_bundle_path()
        except StationError as error:
            self.window.reporter.show_problem(Problem.of(error))
            return
        self.services.desk.use_model(path)

    def _open_first(self) -> None:
        given = [Path(text).absolute() for text in self._options.paths]
        case = self._options.case
        last = self.services.settings.value.last_case
        if self._options.demo:
            self.window.cases.open_demo()
        elif case is not None:
            folder = Path(case).absolute()
            self.services.desk.open(folder, create=not (folder / "case.sqlite").exists())
            if given:
                self.services.desk.add_paths(given)
        elif given:
            self.window.cases.add_paths(given)
        elif last and (Path(last) / "case.sqlite").is_file():
            self.window.cases.open_folder(Path(last))

    @Slot()
    def _end(self) -> None:
        self.window.hide()
        self.window.close_workers()
        self.services.desk.stop()
        self.services.exports.stop()
        self.services.watch.stop()

    @Slot()
    def _services_ended(self) -> None:
        self._running -= 1
        if not self._running:
            self._app.quit()

    def join(self) -> None:
        """Wait for every thread, give the hooks back and let go of the window."""
        self.window.close_workers()
        self._crash.close()
        self._join_services()
        self.window.deleteLater()

    def _join_services(self) -> None:
        self.services.desk.wait()
        self.services.exports.wait()
        self.services.watch.wait()
        self.services.logs.close()
        self.services.theme.deleteLater()


def _mode(text: str) -> Mode:
    return Mode(text) if text in list(Mode) else Mode.SYSTEM


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "reviewer"


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the window's command line. Wrong usage leaves the program with status 2."""
    parser = argparse.ArgumentParser(prog="allstation", description="Opens the window.")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="fields or folders to add to the case")
    parser.add_argument("--case", metavar="DIR", help="open this case; made if it is not there")
    parser.add_argument("--profile", metavar="DIR", help="keep settings, logs and cases in this folder")
    parser.add_argument("--demo", action="store_true", help="open a demo case with synthetic fields")
    parser.add_argument("--threads", type=int, metavar="N", help="threads that classify")
    return parser.parse_args(list(argv))


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
    app = instance if isinstance(instance, QApplication) else QApplication(["allstation"])
    app.setApplicationName("ALL Station")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("allstation")
    app.setQuitOnLastWindowClosed(False)
    app.setWindowIcon(QIcon(str(paths.resource("icons/allstation.svg"))))
    try:
        station = Station(app, options)
    except Exception as error:  # noqa: BLE001 - whatever it is, the person must learn why no window comes
        return _tell_no_start(app, error)
    try:
        station.begin()
    except Exception as error:  # noqa: BLE001 - as above, and nothing may be left running
        station.join()
        return _tell_no_start(app, error)
    status = app.exec()
    station.join()
    return status


def _tell_no_start(app: QApplication, error: Exception) -> int:
    """Say in a terminal and in a box that the window could not be made; note it down.

    The report holds names of code only. The box is what there is to see where a program has no
    terminal; it is left out where nobody could close it.
    """
    report = describe(type(error), error.__traceback__)
    care = CrashCare(paths.log_folder(), _say_nothing)
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
