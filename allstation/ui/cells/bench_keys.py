"""Keys of a bench counter: every letter and digit is a type, a few others go on, back and out."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent


class BenchKey(StrEnum):
    """Meaning of a key."""

    END = "end"
    TAKE_BACK = "take back"
    GO = "go"
    LATER = "later"
    UNSURE = "unsure"
    LARGER = "larger"
    SMALLER = "smaller"
    TYPE = "type"
    OTHER = "other"


def bench_key(event: QKeyEvent) -> BenchKey:
    """Return what a pressed key means."""
    key = event.key()
    if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
        with_control = {
            Qt.Key.Key_Z: BenchKey.TAKE_BACK,
            Qt.Key.Key_Return: BenchKey.GO,
            Qt.Key.Key_Enter: BenchKey.GO,
        }
        return with_control.get(Qt.Key(key), BenchKey.OTHER)
    plain: dict[int, BenchKey] = {
        Qt.Key.Key_Escape: BenchKey.END,
        Qt.Key.Key_Backspace: BenchKey.TAKE_BACK,
        Qt.Key.Key_Space: BenchKey.LATER,
        Qt.Key.Key_Plus: BenchKey.LARGER,
        Qt.Key.Key_Equal: BenchKey.LARGER,
        Qt.Key.Key_Minus: BenchKey.SMALLER,
    }
    if event.text() == "?":
        return BenchKey.UNSURE
    typed = BenchKey.TYPE if event.text().strip().isalnum() else BenchKey.OTHER
    return plain.get(key, typed)
