"""List of the laboratory's machines that work on the queue, with their rates and memory."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QAbstractItemView, QTreeWidget, QTreeWidgetItem, QWidget

from allstation.core.text import shown_name
from allstation.processing.status_types import MachineStatus
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr

_ROWS: Final = 5
_WHOLE_RATES: Final = 10


class MachineList(QTreeWidget):
    """Shows :class:`MachineStatus`; hidden while this machine works alone."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._machines: tuple[MachineStatus, ...] = ()
        self.setHeaderLabels([tr("Machine"), tr("Fields/s"), tr("Memory")])
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setAccessibleName(tr("Machines that work on the queue"))
        self.header().resizeSection(0, 220)
        self.setMaximumHeight((_ROWS + 2) * self.fontMetrics().height() * 3 // 2)
        self.setVisible(False)

    def show_machines(self, machines: tuple[MachineStatus, ...]) -> None:
        """Show who works."""
        if machines == self._machines:
            return
        self._machines = machines
        self.clear()
        for machine in machines:
            rate = f"{machine.rate:.1f}" if machine.rate < _WHOLE_RATES else f"{machine.rate:.0f}"
            words = rate if machine.used else tr("other version")
            memory = tr("{n} MB", n=number(round(machine.memory / 2**20)))
            self.addTopLevelItem(QTreeWidgetItem([shown_name(machine.name), words, memory]))
        self.setVisible(bool(machines))
