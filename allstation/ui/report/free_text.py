"""Free text before it goes: every text of the case by kind, and a box for each kind that lets it go."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from allstation.core.text import shown_name
from allstation.report.content.free_text import TITLES, FreeText, Texts
from allstation.ui.common import focus_filters
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.window_size import resize_on_screen

_HEIGHT: Final = 190
_KIND: Final = Qt.ItemDataRole.UserRole


class FreeTextBox(QWidget):
    """Tree of texts under the kinds they belong to; a ticked kind goes.

    Args:
        kinds: Kinds that the output has room for.
        parent: Of the widget.

    Signals:
        changed: Another kind is ticked.
    """

    changed = Signal()

    def __init__(self, kinds: Collection[FreeText], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kinds = kinds
        self._about = QLabel(self, wordWrap=True)
        self.tree = QTreeWidget(self)
        self.tree.setHeaderHidden(True)
        self.tree.setUniformRowHeights(True)
        self.tree.setMinimumHeight(_HEIGHT)
        self.tree.setAccessibleName(tr("Free text that is withheld unless it is ticked"))
        self.tree.itemChanged.connect(self._ticked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._about)
        layout.addWidget(self.tree)
        self.show_texts({})
        self._about.setText(tr("The free text of the case is being read."))

    def show_texts(self, texts: Texts, keep: Collection[FreeText] = ()) -> None:
        """List what people typed.

        Args:
            texts: By kind; a kind with more texts than are listed says so.
            keep: Kinds that are ticked.
        """
        shown = {kind: texts[kind] for kind in FreeText if kind in self._kinds and texts.get(kind)}
        self.tree.blockSignals(True)
        self.tree.clear()
        for kind, lines in shown.items():
            top = QTreeWidgetItem([f"{tr(TITLES[kind])} ({number(len(lines))})"])
            top.setData(0, _KIND, str(kind))
            top.setFlags(
                Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable
            )
            top.setCheckState(0, Qt.CheckState.Checked if kind in keep else Qt.CheckState.Unchecked)
            top.addChildren([QTreeWidgetItem([shown_name(line)]) for line in lines])
            self.tree.addTopLevelItem(top)
        self.tree.blockSignals(False)
        self.tree.setVisible(bool(shown))
        about = tr("Free text may name somebody, and is withheld. Look at it, and tick what may go:")
        self._about.setText(about if shown else tr("There is no free text that this output has room for."))

    def keep(self) -> frozenset[FreeText]:
        """Return the kinds that go."""
        tops = [self.tree.topLevelItem(place) for place in range(self.tree.topLevelItemCount())]
        ticked = [top for top in tops if top is not None and top.checkState(0) is Qt.CheckState.Checked]
        return frozenset(FreeText(top.data(0, _KIND)) for top in ticked)

    @Slot()
    def _ticked(self) -> None:
        self.changed.emit()


class FreeTextDialog(QDialog):
    """The box in a dialog of its own, beside the report. Nothing waits for it.

    Args:
        kinds: Kinds that the report has room for.
        parent: The report's window.
    """

    def __init__(self, kinds: Collection[FreeText], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Free text of the report"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.box = FreeTextBox(kinds, self)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.addWidget(self.box)
        layout.addWidget(buttons)
        resize_on_screen(self, 460, 420)
        focus_filters.plain_labels(self)
