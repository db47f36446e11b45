"""Entry point of the frozen program, windowed and console executable alike."""

import multiprocessing
import os
import sys


def _give_streams() -> None:
    """Give a windowed program on Windows, which has no streams, somewhere to write."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123


if __name__ == "__main__":
    multiprocessing.freeze_support()
    _give_streams()
    from allstation.__main__ import main
    from allstation.frozen import start

    sys.exit(start(main))
