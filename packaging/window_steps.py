"""The installed window: started from its desktop entry, used by mouse and keyboard, quit."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pypdf
from person import Person, unexpected
from screen import Screen, wait_for

FIELDS = 6
"""How many fields each step draws and classifies."""

TITLE = "ALL Station"
"""Every window of the program ends its title with it."""


def desktop_command(entry: Path, paths: Sequence[str] = ()) -> list[str]:
    """Return the command line of a desktop entry, as a desktop would start it with these paths."""
    text = entry.read_text("utf-8")
    found = re.search(r"^Exec=(.*)$", text, re.MULTILINE)
    if found is None:
        raise SystemExit(f"FAILED: {entry} has no Exec line.")
    words: list[str] = []
    for word in shlex.split(found.group(1)):
        words += list(paths) if word == "%F" else [word]
    return words


def count_done(database: Path) -> int:
    """Return how many fields of a case are classified, 0 while it is not there."""
    if not database.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            query = "SELECT count(*) FROM fields WHERE state = 'done'"
            return int(connection.execute(query).fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def check_pdf(path: Path) -> int:
    """Read a report back and return how many pages it has."""
    reader = pypdf.PdfReader(path)
    text = "".join(page.extract_text() for page in reader.pages)
    if "Research Use Only" not in text:
        raise SystemExit("FAILED: the report does not say that it is for research use only.")
    return len(reader.pages)


class Window:
    """The running window of a person.

    Args:
        person: Who started it.
        screen: Where it is shown.
        words: The command that starts it.
        environment: Beside ``HOME``.
    """

    def __init__(
        self, person: Person, screen: Screen, words: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        self._screen = screen
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the window
        begun = time.monotonic()
        self._process = subprocess.Popen(
            person.line({**environment, "DISPLAY": screen.display}, *words),
            stdout=self._output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.id = screen.wait_for_window(TITLE, seconds=60)
        self.seconds = time.monotonic() - begun
        screen.focus(self.id)

    def __enter__(self) -> Window:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.quit()
            return
        self._screen.grab_failure()
        status = self._process.poll()
        self._process.kill()
        self._process.wait()
        raise SystemExit(f"{error}\nThe window (status {status}) said:\n{self._said()}")

    def _said(self) -> str:
        self._output.seek(0)
        return self._output.read()

    def quit(self) -> None:
        """Quit by the keyboard; the program must end with 0 and have said nothing."""
        for _ in range(3):
            # A window that is still being filled hears no key.
            self._screen.focus(self.id)
            self._screen.press("ctrl+q")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=10)
                break
        else:
            self._screen.grab_failure()
            self._process.terminate()
            raise SystemExit("FAILED: the window did not end within 30 s after Ctrl+Q.")
        status = self._process.returncode
        said = unexpected(self._said(), "")
        if status or said:
            raise SystemExit(f"FAILED: the window ended with {status} and said:\n" + "\n".join(said))


def try_window(
    person: Person,
    screen: Screen,
    words: Sequence[str],
    keep: Path,
    *,
    name: str = "",
    environment: Mapping[str, str] | None = None,
    cases: str = "",
) -> str:
    """Drop a folder on the window, wait until it is classified, export the report, quit.

    Args:
        person: Who does it.
        screen: Where.
        words: The command that starts the window.
        keep: Folder for the screenshots and the report.
        name: Tells this use apart from others of the same person.
        environment: Beside ``HOME``; a profile of its own unless ``cases`` is given.
        cases: Where the program will make the case, when it is to use its usual folders.

    Returns:
        What was passed.
    """
    folder = f"{person.home}/Мазки{name}"
    person.cli("demo", folder, "--fields", str(FIELDS), "--seed", "9", expect=".*synthetic fields.*")
    profile: dict[str, str] = {} if cases else {"ALLSTATION_PROFILE": f"{person.home}/profile{name}"}
    at = cases or f"{person.home}/profile{name}/cases"
    case = person.see(f"{at}/{Path(folder).name}.allcase")
    target = case.with_suffix(".pdf")
    with Window(person, screen, words, {**(environment or {}), **profile}) as window:
        time.sleep(1)
        screen.grab(keep / f"window{name}-1-started.png")
        screen.drop(folder, window.id)
        done = lambda: count_done(case / "case.sqlite") == FIELDS  # noqa: E731
        wait_for(done, seconds=120, what=f"{FIELDS} classified fields in {case}")
        time.sleep(2)
        screen.grab(keep / f"window{name}-2-classified.png")
        export(screen, window, keep, name)
        wait_for(target.exists, seconds=60, what=f"the report {target.name}")
        time.sleep(1)
        screen.grab(keep / f"window{name}-4-exported.png")
    refuse_crashes(person)
    shutil.copyfile(target, keep / f"report{name}.pdf")
    return (
        f"window up in {window.seconds:.1f} s, folder dropped, {FIELDS} fields classified, report of "
        f"{check_pdf(target)} pages exported, quit without a word"
    )


def refuse_crashes(person: Person) -> None:
    """Fail if the program kept a report of a fault anywhere in a person's home."""
    found = sorted(person.see(person.home).rglob("crash-*.txt"))
    if found:
        raise SystemExit(f"FAILED: the program had {len(found)} faults.\n{found[0].read_text('utf-8')}")


def export(screen: Screen, window: Window, keep: Path, name: str) -> None:
    """Open the report by its key, look at its pages, export it and accept the place that is offered."""
    for _ in range(5):
        screen.focus(window.id)
        screen.press("ctrl+e")
        if screen.appears("^Report — ", seconds=10):
            break
    report = screen.wait_for_window("^Report — ", seconds=1)
    for _ in range(20):
        # The button can be pressed once the pages are made.
        screen.focus(report)
        screen.press("alt+e")
        if screen.appears("^Export report$", seconds=3):
            break
    screen.grab(keep / f"window{name}-3-exporting.png")
    accept(screen, "^Export report$")


def accept(screen: Screen, title: str) -> None:
    """Press Return in a dialog until it is gone; one that is still being built hears no key."""
    dialog = screen.wait_for_window(title, seconds=5)
    for _ in range(20):
        screen.focus(dialog)
        screen.press("Return")
        time.sleep(1)
        if screen.window(title) is None:
            return
    raise SystemExit(f"FAILED: the dialog {title} stays.")


def compare_starts(starts: Mapping[str, Callable[[int], Window]], *, rounds: int = 7) -> dict[str, float]:
    """Measure starts by turns, so that whatever else the machine does falls on all alike.

    Args:
        starts: Starts a window for the number of its round, by name. Round 0 warms the disk's cache.
        rounds: How many are counted.

    Returns:
        Median seconds until the window is up, by name.
    """
    taken: dict[str, list[float]] = {name: [] for name in starts}
    for number in range(rounds + 1):
        for name, start in starts.items():
            window = start(number)
            time.sleep(0.5)
            window.quit()
            taken[name] += [window.seconds] if number else []
    return {name: statistics.median(values) for name, values in taken.items()}
