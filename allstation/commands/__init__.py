"""What each command of the command line does; one module a command, each with ``run(options)``."""

from typing import Final

DONE: Final = 0
"""Exit status: everything done."""
SOME_FAILED: Final = 1
"""Exit status: some fields or cases failed; they are named, the rest is kept."""
WRONG_USAGE: Final = 2
"""Exit status: wrong usage, or nothing to work on."""
