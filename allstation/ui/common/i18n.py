"""Translation of every sentence that a person sees."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QCoreApplication

_CONTEXT: Final = "ALL Station"


def tr(text: str, /, **values: Any) -> str:  # noqa: ANN401 - whatever str.format takes
    """Translate a text and fill in its named places.

    Args:
        text: English text, with ``{name}`` places.
        **values: What fills the places; put in after the translation.
    """
    translated = QCoreApplication.translate(_CONTEXT, text)
    return translated.format(**values) if values else translated
