"""Exception type whose text is meant for the user."""

from __future__ import annotations

from typing import Final

UNEXPECTED: Final = "unexpected"
"""Code of a failure that the program did not foresee: it belongs to the field that was worked on."""


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


class ModelError(StationError):
    """A problem of the model, whatever field it was met with: no field is to blame for it."""


def unexpected(name: str, error: BaseException) -> StationError:
    """Return the failure of one field for an exception that nobody foresaw.

    Args:
        name: The field's file, as it is shown.
        error: The exception; its traceback belongs in the log.
    """
    sentence = (
        f"The field {name} could not be worked on: a fault in the program ({type(error).__name__}) that its "
        "log describes. The other fields go on. Save the field again from an image program, or report the "
        "fault with the log."
    )
    return StationError(UNEXPECTED, sentence)
