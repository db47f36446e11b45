"""The one exception type whose text is meant for the person at the window."""

from __future__ import annotations


class StationError(Exception):
    """A problem the user can understand and act on.

    Args:
        code: Short stable identifier in lower case with hyphens, for example ``"unreadable-field"``.
            It is stored beside failed fields and never translated.
        sentence: What came in, what was expected, what to do. Shown as it is.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
