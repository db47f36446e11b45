"""Controller of the laboratory's machines: keeps what was chosen, tests it, tells when they are gone."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from allstation.core.errors import StationError
from allstation.keys.cluster_certificates import Certificates, JoinFile
from allstation.processing.cluster.address import require_cluster
from allstation.services.case.machine_requests import UseMachines
from allstation.services.machines import MachinesState, joined, tested
from allstation.services.tasks import Serial
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext
from allstation.ui.machines.dialog import MachinesDialog


class MachinesController(QObject):
    """Lets a person name the laboratory's machines; they are used again at the next start.

    Args:
        context: Services and state.
        window: Parent of the dialog.

    Attributes:
        state: How the connection stands.
        dialog: While it is open.
    """

    def __init__(self, context: AppContext, *, window: QWidget) -> None:
        super().__init__(window)
        self._context = context
        self._window = window
        self._serial = Serial(self)
        self.state = MachinesState()
        self.dialog: MachinesDialog | None = None
        machines = context.session.worker.machines
        machines.state_changed.connect(self._state_changed)
        machines.noted.connect(context.notifier.warn)
        if context.settings.value.cluster_used:
            self._use()

    def actions(self) -> tuple[Action, ...]:
        """Offer to name the machines."""
        return (
            Action(
                "machines.open",
                "&Laboratory Machines…",
                self.open,
                "",
                "Let other computers of the laboratory work on the queue",
                menu="&Queue",
                place=310,
            ),
        )

    def close(self) -> None:
        """Wait for what is being tried."""
        self._serial.close()

    @Slot()
    def open(self) -> None:
        """Show which machines are used."""
        try:
            require_cluster()
        except StationError as error:
            self._context.notifier.warn(error.sentence)
            return
        stored = self._context.settings.value
        dialog = self.dialog = MachinesDialog(self._window)
        dialog.join_chosen.connect(self._read_join_file)
        dialog.test_asked.connect(self._test)
        dialog.use_asked.connect(self._change)
        dialog.runs_chosen.connect(self._change_runs)
        dialog.destroyed.connect(self._dialog_gone)
        dialog.show_settings(stored.cluster_address, used=stored.cluster_used, runs=stored.cluster_runs)
        dialog.show_message(state_sentence(self.state))
        dialog.open()

    @Slot()
    def _dialog_gone(self) -> None:
        self.dialog = None

    def _say(self, sentence: str) -> None:
        if self.dialog is not None:
            self.dialog.show_message(sentence)

    # What a person wants

    @Slot(str)
    def _read_join_file(self, name: str) -> None:
        task = self._serial.run(partial(joined, Path(name)))
        task.done.connect(self._joined)
        task.failed.connect(self._failed)

    @Slot(object)
    def _joined(self, found: tuple[JoinFile, Certificates]) -> None:
        content, certificates = found
        stored = self._context.settings.value
        used = stored.cluster_used
        self._context.settings.change(
            cluster_address=content.address, cluster_certificates=str(certificates.folder)
        )
        if self.dialog is not None:
            self.dialog.show_settings(content.address, used=used, runs=stored.cluster_runs)
        self._say(tr("The join file is kept; the stick can go. Test the connection now."))
        if used:
            self._use()

    @Slot(str)
    def _test(self, address: str) -> None:
        task = self._serial.run(partial(tested, address, self._certificates()))
        task.done.connect(self._tested)
        task.failed.connect(self._failed)

    @Slot(object)
    def _tested(self, state: MachinesState) -> None:
        self._say(state_sentence(state))

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StationError):
            raise error
        self._say(error.sentence)

    @Slot(str, bool)
    def _change(self, address: str, used: bool) -> None:
        self._context.settings.change(cluster_address=address, cluster_used=used and bool(address))
        self._use()

    @Slot(str)
    def _change_runs(self, folder: str) -> None:
        if folder and not Path(folder).is_dir():
            self._say(
                tr("{folder} is no folder. Name one that every machine sees under this name.", folder=folder)
            )
            return
        self._context.settings.change(cluster_runs=folder)

    def _certificates(self) -> Certificates | None:
        folder = self._context.settings.value.cluster_certificates
        return Certificates(Path(folder)) if folder else None

    def _use(self) -> None:
        stored, certificates = self._context.settings.value, self._certificates()
        address = stored.cluster_address if stored.cluster_used else ""
        folder = None if certificates is None else certificates.folder
        self._context.session.submit(UseMachines(address, folder))

    # What became of it

    @Slot(object)
    def _state_changed(self, state: MachinesState) -> None:
        self.state = state
        self._say(state_sentence(state))


def state_sentence(state: MachinesState) -> str:
    """Return in one line how the connection stands."""
    if state.connected:
        return (
            tr("Connected: {n} workers", n=state.workers) if state.workers != 1 else tr("Connected: 1 worker")
        )
    return state.sentence or tr("This machine works alone.")
