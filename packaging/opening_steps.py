"""Cases and model bundles opened as a desktop opens them, and a case that is too new for this version."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from person import Person, run, unexpected
from screen import Screen, wait_for
from window_steps import TITLE, Window, accept

_DESKTOP = {"XDG_CURRENT_DESKTOP": "GNOME"}
"""Whose ``xdg-open`` is ``gio open``; the program itself would miss that desktop's message bus."""
_LATER = 999
"""A version of the case format that no program reads yet."""


def try_opening(
    person: Person, screen: Screen, keep: Path, words: Sequence[str], *, case: str, model: str
) -> Iterator[str]:
    """Open a case and a model bundle as a file manager does, by their file types.

    Args:
        person: Who does it; the desktop's own tools (``xdg-mime``, ``gio``) must be there.
        screen: Where.
        keep: Folder for the screenshots.
        words: The desktop entry's command without a path.
        case: A case folder.
        model: A model bundle.

    Yields:
        What was passed.
    """
    database = f"{case}/case.sqlite"
    profile = f"{person.home}/profile-opening"
    shown = {"DISPLAY": screen.display, "ALLSTATION_PROFILE": profile}
    for path, kind in ((database, "case"), (model, "model")):
        name = f"application/x-allstation-{kind}"
        run(person.line(_DESKTOP, "xdg-mime", "query", "filetype", path), expect=re.escape(name))
        run(person.line(_DESKTOP, "xdg-mime", "query", "default", name), expect=r"allstation\.desktop")
    title = f"{Path(case).stem} — {TITLE}"
    # A case is a folder: "Open with" hands over the folder, a double click in it the file.
    with Window(person, screen, [*words, case], {"ALLSTATION_PROFILE": profile}):
        screen.wait_for_window(title, seconds=30)
    with _opened(person, shown, database):
        _look_and_quit(screen, screen.wait_for_window(title, seconds=60), keep / "opened-case.png")
    yield f"a case opened from the desktop, as a folder and by the file in it, shows as {title!r}"
    with _opened(person, shown, model):
        window = screen.wait_for_window(f"{TITLE}$", seconds=60)
        screen.wait_for_window("^Use this model", seconds=30)
        screen.grab(keep / "opened-model.png")
        accept(screen, "^Use this model")
        settings = person.see(f"{profile}/config/settings.json")
        used = lambda: json.loads(settings.read_text("utf-8"))["model"] == model  # noqa: E731
        wait_for(used, seconds=30, what="the setting")
        _look_and_quit(screen, window, keep / "opened-model-used.png")
    yield "a model bundle opened from the desktop is offered and, once accepted, used"


@contextmanager
def _opened(person: Person, environment: Mapping[str, str], path: str) -> Iterator[None]:
    """Open a path as the desktop does; what that starts must have said nothing by the end of the block."""
    with tempfile.TemporaryFile("w+") as said:
        command = person.line(environment, "gio", "open", path)
        # The program lives on after gio, and a pipe would be waited for until its end.
        subprocess.run(
            command, check=True, timeout=60, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        yield
        said.seek(0)
        surprises = unexpected(said.read(), "")
    if surprises:
        raise SystemExit(f"FAILED: what was opened by {path} said:\n" + "\n".join(surprises))


def _look_and_quit(screen: Screen, window: str, picture: Path) -> None:
    time.sleep(2)
    screen.grab(picture)
    screen.focus(window)
    screen.press("ctrl+q")
    wait_for(lambda: screen.window(TITLE) is None, seconds=30, what="the end of the window")


def try_newer(person: Person, screen: Screen, keep: Path, words: Sequence[str], *, case: str) -> str:
    """Open a case that a later version wrote: one sentence, and not a byte of it is changed.

    Args:
        person: Who does it.
        screen: Where.
        keep: Folder for the screenshot.
        words: The desktop entry's command without a path.
        case: A case folder of this version.

    Returns:
        What was passed.
    """
    newer = f"{person.home}/newer.allcase"
    run(person.line({}, "cp", "-r", case, newer))
    database = person.see(f"{newer}/case.sqlite")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(f"PRAGMA user_version = {_LATER}")
    before = database.read_bytes()
    sentence = r"allstation: This case was written by a newer ALL Station .*"
    person.cli("audit", newer, status=2, expect=sentence)
    with Window(person, screen, [*words, newer], {"ALLSTATION_PROFILE": f"{person.home}/profile-newer"}):
        time.sleep(3)
        if screen.window(f"newer — {TITLE}"):
            raise SystemExit("FAILED: a case of a later version was opened.")
        screen.grab(keep / "newer-case.png")
    if database.read_bytes() != before:
        raise SystemExit("FAILED: a case of a later version was changed.")
    shutil.rmtree(database.parent)
    return (
        "a case of a later version is refused with one sentence, in a terminal and in the window, unchanged"
    )
