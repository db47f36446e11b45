"""The window's program: makes the services and the window, ends them in order."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from time import perf_counter
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

    from allstation.services.crash import CrashCare
    from allstation.services.sweeping import Sweeper
    from allstation.ui.context import Services

CANNOT_START: Final = 3
"""Exit status: the window could not be made."""
_SWITCH_SECONDS: Final = 0.002
_WITHOUT_EYES: Final = frozenset({"offscreen", "minimal", "vnc"})
_SLICE: Final = 0.008
"""Seconds for parts of the window at a time, while it is on screen and has to answer."""
_UNSEEN: Final = 1000
"""Milliseconds after which a window that nobody sees, a minimised one, is made whole all the same."""


class Options:
    """What the command line asked for.

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


class Station(QObject):
    """Everything that lives as long as the program.

    The window comes first, then, in small steps behind it, everything that works; the modules for that
    are loaded on a thread beside. Whoever needs the whole at once calls :meth:`complete`.

    Args:
        app: Qt's application.
        options: What the command line asked for.

    Attributes:
        fault: What kept the window from being made whole, if anything did.
    """

    services: Services
    _crash: CrashCare

    _crashed = Signal(str)
    _loaded = Signal()

    def __init__(self, app: QApplication, options: Options) -> None:
        super().__init__()
        self._app = app
        self._options = options
        self._sweeper: Sweeper | None = None
        self._settings = SettingsFile(paths.config_folder())
        stored = self._settings.value
        self._theme = Theme(app, mode=_mode(stored.theme), scale=stored.text_scale)
        self.window = MainWindow(self._settings)
        self.window.wanted.connect(self.complete)
        self.fault: Exception | None = None
        self._begun = False
        self._running = 3
        self._has_services = False
        self._loader: threading.Thread | None = None
        self._loaded.connect(self._go_on)
        self._steps = self._make()
        if isinstance(app, Application):
            app.handed_over.connect(self._open_later)

    def begin(self) -> None:
        """Show the window; everything slower comes after its first paint."""
        self._begun = True
        self.window.start.painted.connect(self._load)
        self.window.show()
        QTimer.singleShot(_UNSEEN, self, self._load)

    @Slot()
    def _load(self) -> None:
        """Load the modules of everything else, beside the window."""
        if self._loader is not None:
            return
        self._loader = threading.Thread(target=self._import, name="loader", daemon=True)
        self._loader.start()
        handle = self.window.windowHandle()
        if handle is not None:
            handle.installEventFilter(self)

    def _import(self) -> None:
        try:
            from allstation.services import desk, export, logs, watching  # noqa: F401
            from allstation.ui.main_window import build  # noqa: F401
        finally:
            # What goes wrong here goes wrong again, and is told, where it is used.
            self._loaded.emit()

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Whatever a person does to the window before it is whole finds it whole."""
        from PySide6.QtCore import QEvent

        kind = QEvent.Type
        if event.type() in (
            kind.MouseButtonPress,
            kind.KeyPress,
            kind.DragEnter,
            kind.Close,
            kind.TouchBegin,
        ):
            self.complete()
        return False

    @Slot()
    def _go_on(self) -> None:
        """Make parts for a moment, then let the window answer."""
        until = perf_counter() + _SLICE
        try:
            for _ in self._steps:
                if perf_counter() > until:
                    QTimer.singleShot(0, self, self._go_on)
                    return
        except Exception as error:  # noqa: BLE001 - whatever it is, main() tells the person
            self._give_up(error)

    @Slot()
    def complete(self) -> None:
        """Make everything now."""
        try:
            for _ in self._steps:
                pass
        except Exception as error:
            self._give_up(error)
            raise

    def _give_up(self, error: Exception) -> None:
        self.fault = error
        self.window.hide()
        self._app.quit()

    def _make(self) -> Generator[None]:
        """Make services, then the window's parts, then begin what the command line asked for."""
        from PySide6.QtGui import QIcon

        from allstation.services.sweeping import Sweeper

        self._sweeper = Sweeper(self)
        self._app.setWindowIcon(QIcon(str(paths.resource("icons/allstation.svg"))))
        yield from self._make_services()
        yield from self.window.furnish(self.services)
        stored = self._settings.value
        self.window.review.set_reviewer(stored.reviewer or paths.login_name("reviewer"))
        if self._begun:
            self.window.actions_table.refresh_icons()
            yield
            self._load_model()
            self._open_first()
        handle = self.window.windowHandle()
        if handle is not None:
            handle.removeEventFilter(self)
        self._sweeper.start()

    def _make_services(self) -> Iterator[None]:
        from PySide6.QtCore import Qt

        from allstation.services.crash import CrashCare
        from allstation.services.desk import CaseDesk
        from allstation.services.export import Exports
        from allstation.services.logs import LogCare
        from allstation.services.watching import FolderWatch
        from allstation.ui.context import Services

        self._crash = CrashCare(paths.log_folder(), self._crashed.emit)
        # Queued: a fault may happen on any thread, or in the middle of painting.
        self._crashed.connect(self._show_crash, Qt.ConnectionType.QueuedConnection)
        logs = LogCare(paths.log_folder())
        yield
        limits = self._settings.value.limits
        desk, exports = CaseDesk(self, threads=self._options.threads, limits=limits), Exports(self)
        watch = FolderWatch(self)
        self.services = Services(desk, exports, self._settings, self._theme, logs, watch)
        self._has_services = True
        for service in (desk, exports, watch):
            service.stopped.connect(self._services_ended)
        self.window.closing.connect(self._end, Qt.ConnectionType.QueuedConnection)
        yield

    @Slot(str)
    def _show_crash(self, report: str) -> None:
        if self.window.is_furnished:
            self.window.reporter.show_crash(report)

    def _load_model(self) -> None:
        from allstation.inference.bundle import default_bundle_path
        from allstation.services.messages import Problem

        chosen = self._settings.value.model
        try:
            path = Path(chosen) if chosen and Path(chosen).is_file() else default_bundle_path()
        except StationError as error:
            self.window.reporter.show_problem(Problem.of(error))
            return
        self.services.desk.use_model(path)

    def _open_first(self) -> None:
        given = [Path(text).absolute() for text in self._options.paths]
        case = self._options.case
        last = self._settings.value.last_case
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

    @Slot(object)
    def _open_later(self, path: Path) -> None:
        """Open what the desktop hands over while the program runs."""
        self.complete()
        self.window.cases.add_paths([path])

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
        self._steps.close()
        if self._sweeper is not None:
            self._sweeper.stop()
        if self._loader is not None:
            self._loader.join()
        if self.window.is_furnished:
            self.window.close_workers()
        if self._has_services:
            self._join_services()
        self._theme.deleteLater()
        self.window.deleteLater()

    def _join_services(self) -> None:
        self._crash.close()
        self.services.desk.wait()
        self.services.exports.wait()
        self.services.watch.wait()
        self.services.logs.close()


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
    return status if station.fault is None else _tell_no_start(app, station.fault)


def _tell_no_start(app: QApplication, error: Exception) -> int:
    """Say in a terminal and in a box that the window could not be made; note it down.

    The report holds names of code only. The box is what there is to see where a program has no
    terminal; it is left out where nobody could close it.
    """
    from PySide6.QtWidgets import QMessageBox

    from allstation.services.crash import CrashCare, describe

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
