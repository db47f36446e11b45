"""Commands of the command line; one module a command, each with ``run(options)``."""

from typing import Final

DONE: Final = 0
"""Exit status: everything done."""
SOME_FAILED: Final = 1
"""Exit status: something failed or does not hold; it is named, the rest is done."""
WRONG_USAGE: Final = 2
"""Exit status: wrong usage, or nothing to work on."""
REFUSED: Final = 3
"""Exit status: a site's model was measured and refused; the reason is told and written, no model is."""
CSV_SEPARATORS: Final = {"comma": ",", "semicolon": ";", "tab": "\t"}
"""What ``--separator`` takes, and what it stands for."""
CSV_DECIMALS: Final = {"point": ".", "comma": ","}
"""What ``--decimal`` takes."""
FREE_TEXT: Final = ("names", "comments", "reviewers", "specimen", "microscope", "models", "letterhead")
"""What ``--keep`` takes: the kinds of ``allstation.report.content.free_text``."""
