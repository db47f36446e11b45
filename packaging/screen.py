"""A screen of its own for tests of the window: X server, window manager, keyboard, mouse, screenshots."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

_HELPER = Path(__file__).resolve().parent / "drag_source.py"
_MANAGERS = ("icewm", "openbox", "metacity", "xfwm4")


class Screen:
    """An X server without a monitor. Use as a context manager.

    Args:
        keep: Folder for a screenshot of whatever is there when a step fails.
        number: Display number.
        size: Width and height in pixels.

    Raises:
        SystemExit: A program that is needed is not installed.
    """

    def __init__(self, keep: Path, *, number: int = 87, size: tuple[int, int] = (1600, 1000)) -> None:
        missing = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
        manager = next((name for name in _MANAGERS if shutil.which(name)), None)
        if missing or manager is None:
            raise SystemExit("The smoke test needs: apt-get install xvfb xdotool icewm")
        self.display = f":{number}"
        self._keep = keep
        self._size = size
        self._manager = manager
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Screen:
        width, height = self._size
        self._start(
            "Xvfb", self.display, "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp", "-noreset"
        )
        wait_for(self._is_up, seconds=20, what="the X server")
        self._start(self._manager)
        time.sleep(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.grab_failure()
        for process in reversed(self._processes):
            process.terminate()
            process.wait(timeout=20)

    def environment(self) -> dict[str, str]:
        """Return this process's environment with this screen in it."""
        # Titles of windows are compared in UTF-8.
        return {**os.environ, "DISPLAY": self.display, "QT_QPA_PLATFORM": "xcb", "LC_ALL": "C.UTF-8"}

    def _start(self, *command: str) -> None:
        quiet = subprocess.DEVNULL
        self._processes.append(subprocess.Popen(command, env=self.environment(), stdout=quiet, stderr=quiet))

    def _is_up(self) -> bool:
        return not self._xdotool("getmouselocation").returncode

    def _xdotool(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["xdotool", *words], env=self.environment(), capture_output=True, text=True, check=False
        )

    def window(self, title: str) -> str | None:
        """Return the id of the visible window whose title contains a text, the newest one."""
        found = self._xdotool("search", "--onlyvisible", "--name", title).stdout.split()
        return found[-1] if found else None

    def wait_for_window(self, title: str, *, seconds: float) -> str:
        """Wait for a window and return its id."""
        wait_for(lambda: self.window(title), seconds=seconds, what=f"a window named {title!r}")
        return str(self.window(title))

    def appears(self, title: str, *, seconds: float) -> bool:
        """Wait for a window and tell whether it came."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.window(title) is None:
            time.sleep(0.1)
        return self.window(title) is not None

    def press(self, *keys: str) -> None:
        """Press key combinations, one after the other, in the window that has the focus."""
        for key in keys:
            self._xdotool("key", "--clearmodifiers", key)
            time.sleep(0.3)

    def write(self, text: str) -> None:
        """Write a text into the window that has the focus."""
        self._xdotool("type", "--delay", "30", text)

    def focus(self, window: str) -> None:
        """Bring a window to the front."""
        self._xdotool("windowactivate", "--sync", window)

    def grab(self, target: Path) -> None:
        """Keep a screenshot."""
        self._help("grab", str(target))

    def grab_failure(self) -> None:
        """Keep a screenshot of what is there now that a step failed, the first one."""
        if not (self._keep / "failed.png").exists():
            self.grab(self._keep / "failed.png")

    def _help(self, *words: str) -> None:
        subprocess.run([sys.executable, str(_HELPER), *words], env=self.environment(), check=True, timeout=60)

    def drop(self, path: str, window: str) -> None:
        """Drag a file or folder from another program and let it go over a window, as a person would.

        Args:
            path: As the program with the window names it.
            window: The window's id.
        """
        helper = subprocess.Popen([sys.executable, str(_HELPER), "drag", path], env=self.environment())
        try:
            source = self.wait_for_window("drag-source", seconds=20)
            self._xdotool("mousemove", "--window", source, "60", "30")
            self._xdotool("mousedown", "1")
            width, height = self._size
            for step in range(1, 21):
                self._xdotool("mousemove", "--window", source, str(60 + 4 * step), "30")
                time.sleep(0.02)
            for share in (0.3, 0.4, 0.45, 0.5):
                self._xdotool("mousemove", str(int(width * share)), str(int(height * 0.5)))
                time.sleep(0.3)
            self._xdotool("mouseup", "1")
            helper.wait(timeout=20)
        finally:
            if helper.poll() is None:
                helper.terminate()
        self.focus(window)


def wait_for(ask: Callable[[], object], *, seconds: float, what: str) -> None:
    """Ask until the answer is true.

    Raises:
        SystemExit: It was not within the time.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ask():
            return
        time.sleep(0.02)
    raise SystemExit(f"FAILED: waited {seconds:.0f} s for {what}.")
