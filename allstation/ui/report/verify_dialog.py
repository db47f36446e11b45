"""Dialog of a verified report: content, signature, signer, time stamp and case, each with its own verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from allstation.ui.common import focus_filters, icons
from allstation.ui.common.formatting import short_name
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import scroll_area
from allstation.ui.common.theme import tokens
from allstation.ui.common.window_size import resize_on_screen

if TYPE_CHECKING:
    from allstation.report.verification.parts import PartCheck, Verification

_ICON: Final = 20
_SIZE: Final = (680, 560)
_MOST: Final = 30
"""Sentences of one part that are shown."""
_MARKS: Final = {"holds": "ok", "note": "info", "fails": "error"}
_WORDS: Final = {"holds": "Holds", "note": "Note", "fails": "Does not hold"}


class VerifyDialog(QDialog):
    """Shown beside the window; nothing waits for it.

    Signals:
        another_asked: Another report is to be verified.
    """

    another_asked = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Verify report"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._shown: Verification | None = None
        self._marks: list[tuple[QLabel, str]] = []
        self._file = QLabel(self, wordWrap=True)
        self._file.setProperty("role", "small")
        self._file.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.verdict = QLabel(self, wordWrap=True)
        self.verdict.setProperty("role", "heading")
        self._scroll = scroll_area(None, self)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        another = buttons.addButton(tr("Verify another…"), QDialogButtonBox.ButtonRole.ActionRole)
        another.clicked.connect(self.another_asked)
        another.setAutoDefault(False)
        buttons.button(QDialogButtonBox.StandardButton.Close).setDefault(True)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(10)
        for part in (self.verdict, self._file):
            layout.addWidget(part)
        layout.addWidget(self._scroll, 1)
        layout.addWidget(buttons)
        resize_on_screen(self, *_SIZE)
        focus_filters.plain_labels(self)

    def show_busy(self, name: str) -> None:
        """Say that a report is being verified."""
        self._shown = None
        self.verdict.setText(tr("{name} is being verified…", name=short_name(name, 50)))
        self._file.setText("")
        self._fill(())

    def show_problem(self, sentence: str) -> None:
        """Say why a file could not be verified at all."""
        self._shown = None
        self.verdict.setText(tr("This is no report that can be verified."))
        self._file.setText(sentence)
        self._fill(())

    def show_result(self, found: Verification) -> None:
        """Show the verdict on each part."""
        self._shown = found
        if found.holds and found.is_signed:
            text = tr("Nothing speaks against this {status} report.", status=found.status)
        elif found.holds:
            text = tr("Nothing speaks against this {status} report, and nothing proves whose it is.",
                      status=found.status)  # fmt: skip
        else:
            text = tr("Do not rely on this {status} report.", status=found.status)
        self.verdict.setText(text)
        self._file.setText(tr("{name}, case {case}\nSHA-256 {digest}", name=found.name, case=found.case_id,
                              digest=found.sha256))  # fmt: skip
        self._fill(found.parts)

    @property
    def shown(self) -> Verification | None:
        """Verification that is shown, once there is one."""
        return self._shown

    def _fill(self, parts: tuple[PartCheck, ...]) -> None:
        inside = QWidget(self)
        grid = QGridLayout(inside)
        grid.setContentsMargins(0, 4, 10, 4)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        self._marks = []
        row = 0
        for part in parts:
            row = self._add(grid, part, row)
        grid.setRowStretch(row, 1)
        self._scroll.setWidget(inside)
        focus_filters.plain_labels(inside)
        self._draw_marks()

    def _add(self, grid: QGridLayout, part: PartCheck, row: int) -> int:
        line = QFrame(self)
        line.setProperty("role", "line")
        grid.addWidget(line, row, 0, 1, 2)
        mark = QLabel(self)
        self._marks.append((mark, str(part.verdict)))
        grid.addWidget(mark, row + 1, 0, Qt.AlignmentFlag.AlignTop)
        title = QLabel(f"{tr(str(part.part))}: {tr(_WORDS[part.verdict])}", self)
        title.setProperty("role", "subheading")
        grid.addWidget(title, row + 1, 1)
        left = len(part.sentences) - _MOST
        sentences = [*part.sentences[:_MOST], *([tr("and {n} more", n=left)] if left > 0 else [])]
        text = QLabel("\n".join(sentences), self, wordWrap=True)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        grid.addWidget(text, row + 2, 1)
        return row + 3

    def _draw_marks(self) -> None:
        colours = tokens(self.palette())
        tints = {"holds": colours.ok, "note": colours.muted, "fails": colours.danger}
        for label, verdict in self._marks:
            ratio = self.devicePixelRatioF()
            label.setPixmap(icons.pixmap(_MARKS[verdict], QColor(tints[verdict]), size=_ICON, ratio=ratio))
            label.setAccessibleName(tr(_WORDS[verdict]))

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of now."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw_marks()
