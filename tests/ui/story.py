"""Stories of pictures: what is waited for one after the other while the real program runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from allstation.app import AppController

Step = Callable[[], bool]
"""Whether what a story waits for is there."""
_EVERY = 0.1


def play(
    qt: QApplication, station: AppController, story: Iterator[Step], *, patience: float, name: str
) -> int:
    """Run the program until a story ends; 1 if it failed, or a step took more than ``patience`` seconds."""
    from PySide6.QtCore import QTimer

    window = station.workbench
    waiting: list[Step] = []
    clock = {"left": patience}
    failed: list[str] = []

    def end(why: str) -> None:
        failed.append(why)
        ticker.stop()
        window.leave()

    def advance() -> None:
        clock["left"] -= _EVERY
        if clock["left"] < 0:
            end(f"a state was never reached: {place_of(story)}")
            return
        try:
            if waiting and not waiting[0]():
                return
            waiting.clear()
            waiting.append(next(story))
            clock["left"] = patience
        except StopIteration:
            ticker.stop()
            window.leave()
        except Exception as error:
            end(f"{type(error).__name__}: {error}")

    ticker = QTimer(interval=round(1000 * _EVERY))
    ticker.timeout.connect(advance)
    ticker.start()
    qt.exec()
    station.join()
    if failed:
        sys.stderr.write(f"{name}: {failed[0]}\n")
    return 1 if failed else 0


def place_of(story: Iterator[Step]) -> str:
    """Return the line at which a story waits."""
    inner = story
    while getattr(inner, "gi_yieldfrom", None) is not None:
        inner = inner.gi_yieldfrom
    return f"{Path(inner.gi_code.co_filename).name}, line {inner.gi_frame.f_lineno}"
