"""Dialog on the audit trail of the case: who sealed it, its head, and whether a later one was seen."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from allstation.store.maintenance import AuditFinding
from allstation.ui.common.i18n import tr
from allstation.ui.common.window_size import grow_with_text

_WIDTH = 620


class AuditDialog(QDialog):
    """Shows what the verification found; asks why an older copy is gone on with.

    Args:
        parent: The window.

    Signals:
        anchor_wanted: The signed head is to be written to a file.
        comparison_wanted: The case is to be compared with such a file.
        accepted_because: Reason for going on with a trail that is not the latest one seen.
    """

    anchor_wanted = Signal()
    comparison_wanted = Signal()
    accepted_because = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Audit trail"))
        grow_with_text(self, _WIDTH)
        self.text = self._label()
        self.text.setText(tr("The trail is being verified…"))
        self.warning = self._label()
        self.warning.setProperty("role", "warning")
        self.warning.hide()
        self.reason = QLineEdit(self)
        self.reason.setPlaceholderText(tr("Why this copy of the case is the one to go on with"))
        self.reason.setAccessibleName(tr("Reason"))
        self.reason.hide()
        self.accept_copy = QPushButton(tr("Go On with This Copy"), self)
        self.accept_copy.hide()
        self.accept_copy.clicked.connect(self._accept_copy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(10)
        for part in (self.text, self.warning, self.reason, self.accept_copy, self._buttons()):
            layout.addWidget(part)

    def _label(self) -> QLabel:
        label = QLabel(self)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return label

    def _buttons(self) -> QDialogButtonBox:
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        box.button(QDialogButtonBox.StandardButton.Close).setDefault(True)
        action = QDialogButtonBox.ButtonRole.ActionRole
        copy, save, compare = (
            box.addButton(text, action)
            for text in (tr("Copy"), tr("Save Anchor…"), tr("Compare with Anchor…"))
        )
        copy.clicked.connect(self._copy)
        save.clicked.connect(self.anchor_wanted)
        compare.clicked.connect(self.comparison_wanted)
        for button in (copy, save, compare, self.accept_copy):
            button.setAutoDefault(False)
        box.rejected.connect(self.reject)
        return box

    def show_finding(self, finding: AuditFinding, *, can_write: bool) -> None:
        """Show what was found.

        Args:
            finding: Of the verification.
            can_write: Whether the case can be gone on with here.
        """
        self.text.setText(finding.text())
        broken = finding.broken is not None
        self.warning.setVisible(broken or bool(finding.older))
        self.warning.setText(
            tr("Do not rely on what this case shows; compare it with a backup.")
            if broken
            else tr("Nothing can be signed from this case until it is said why it is used.")
        )
        asks = bool(finding.older) and not broken and can_write
        self.reason.setVisible(asks)
        self.accept_copy.setVisible(asks)
        self.adjustSize()

    def show_problem(self, sentence: str) -> None:
        """Say why the trail could not be read."""
        self.text.setText(sentence)

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.text())

    @Slot()
    def _accept_copy(self) -> None:
        reason = self.reason.text().strip()
        if reason:
            self.accepted_because.emit(reason)
        else:
            self.reason.setFocus()
