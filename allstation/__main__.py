"""The program's front door: a command when the first word is one, else the window."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command or open the window.

    Args:
        argv: Arguments without the program's name; default those of the process.

    Returns:
        The exit status.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Its matrices are small, and on a busy machine OpenBLAS's threads wait for each other for a minute.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if arguments:
        from allstation import cli

        if cli.is_command(arguments):
            return cli.main(arguments)
    if "--demo" in arguments:
        from allstation import first_look

        return first_look.run([word for word in arguments if word != "--demo"])
    # A tenth of the time until the window is up would go into looking for garbage among what is only
    # being loaded; the window sweeps by itself when it is whole.
    gc.disable()
    from allstation import app

    return app.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
