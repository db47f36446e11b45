"""Bench keys: every letter and digit is a type, a few others go on, back and out; widget that takes them."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from allstation.services.images.field_cache import FieldCache
from allstation.ui.cells.stage import CellStage
from allstation.ui.common.focus_filters import KeyRepeat


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


class KeyBench(QWidget):
    """Widget that takes every key before the window does; held keys do nothing.

    Signals:
        key_typed: A letter or digit.
        taken_back: The latest answer is wrong.
        passed: What is shown is left for later.
    """

    key_typed = Signal(str)
    taken_back = Signal()
    passed = Signal()

    def __init__(self, parent: QWidget | None = None, kind: Qt.WindowType = Qt.WindowType.Widget) -> None:
        super().__init__(parent, kind)
        self._keys = KeyRepeat()

    def handle_key(self, meaning: BenchKey) -> bool:
        """Do what another key means here; returns whether it did anything."""
        del meaning
        return False

    def zoom(self, steps: int) -> None:
        """Show it larger (above 0) or more around it."""
        raise NotImplementedError

    def event(self, event: QEvent) -> bool:
        """Keep keys from anything else that would take them."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Do what the key means."""
        if self._keys.is_repeat(event):
            return
        meaning = bench_key(event)
        if meaning is BenchKey.TAKE_BACK:
            self.taken_back.emit()
        elif meaning is BenchKey.LATER:
            self.passed.emit()
        elif meaning in (BenchKey.LARGER, BenchKey.SMALLER):
            self.zoom(1 if meaning is BenchKey.LARGER else -1)
        elif meaning is BenchKey.TYPE:
            self.key_typed.emit(event.text())
        elif not self.handle_key(meaning):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Remember when a key was let go, to know a held one."""
        self._keys.released(event)
        super().keyReleaseEvent(event)


class BenchWidget(KeyBench):
    """Bench with a cell shown large.

    Attributes:
        stage: Shows the cell.
    """

    def __init__(
        self,
        parent: QWidget | None = None,
        kind: Qt.WindowType = Qt.WindowType.Widget,
        *,
        files: FieldCache | None = None,
    ) -> None:
        super().__init__(parent, kind)
        self.stage = CellStage(self, files=files)

    def zoom(self, steps: int) -> None:
        """Show the cell larger (above 0) or more around it."""
        self.stage.zoom(steps)
