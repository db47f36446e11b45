"""People controller: how reviewers are named, by typing, by login or by a PIN."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from allstation.core.errors import StationError
from allstation.keys.people import Naming, People, Person
from allstation.services.tasks import Serial, Task
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.common.pin_dialog import PinDialog
from allstation.ui.context import AppContext
from allstation.ui.review.controller import ReviewController
from allstation.ui.review.panel import ReviewPanel
from allstation.ui.review.people_dialog import PeopleDialog


class PeopleController(QObject):
    """Names the reviewer as the laboratory wants it; everything is read and checked on another thread.

    Args:
        context: Services and state.
        panel: Shows the reviewer's name.
        review: Takes the reviewer's name.
        window: Parent of dialogs.
    """

    def __init__(
        self, context: AppContext, panel: ReviewPanel, review: ReviewController, *, window: QWidget
    ) -> None:
        super().__init__(window)
        self._context = context
        self._panel = panel
        self._review = review
        self._window = window
        self._serial = Serial(self)
        self._people = People()
        self.dialog: PeopleDialog | None = None
        self.pin_dialog: PinDialog | None = None
        self._run(People.load, self._loaded)

    def actions(self) -> tuple[Action, ...]:
        """Offer to name the reviewer, and to say how people are named."""
        # fmt: off
        return (
            Action("review.identify", "Name the &Reviewer…", self.identify, "Ctrl+Shift+Y",
                   "Say who reviews from now on, by name and PIN",
                   menu="&Review", place=910, enabled_when=self._by_pin),
            Action("people.open", "&People and Stations…", self.open, "",
                   "How reviewers and signers are named, who has a PIN, and what stations share",
                   menu="&Review", place=920),
        )
        # fmt: on

    def close(self) -> None:
        """Wait for what is being read or written."""
        self._serial.close()

    def _by_pin(self) -> bool:
        return self._people.naming is Naming.PIN

    def _run(self, work: Callable[[], object], done: Callable[..., None]) -> Task:
        task = self._serial.run(work)
        task.done.connect(done)
        task.failed.connect(self._failed)
        return task

    @Slot(object)
    def _loaded(self, people: People) -> None:
        changed = people.naming is not self._people.naming
        self._people = people
        self._panel.set_name_editable(people.naming is Naming.TYPED)
        if people.naming is Naming.LOGIN:
            self._review.set_reviewer(people.identify(""))
        elif people.naming is Naming.PIN and changed:
            self._review.set_reviewer("")
            self.identify()
        if self.dialog is not None:
            self.dialog.show_people(people, self._context.settings.value.shared_folder)
        self._context.changed.emit()

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StationError):
            raise error
        if self.dialog is not None:
            self.dialog.show_problem(self._people, error.sentence)
        else:
            self._context.notifier.warn(error.sentence)

    # Who reviews

    @Slot()
    def identify(self) -> None:
        """Ask for name and PIN of who reviews from now on."""
        if self.pin_dialog is not None:
            return
        dialog = self.pin_dialog = PinDialog(self._people.names, tr("Who reviews?"), self._window)
        dialog.given.connect(self._given)
        dialog.destroyed.connect(self._pin_gone)
        dialog.open()

    @Slot()
    def _pin_gone(self) -> None:
        self.pin_dialog = None

    @Slot(str, str)
    def _given(self, name: str, pin: str) -> None:
        task = self._serial.run(lambda: People.load().identify(name, pin))
        task.done.connect(self._identified)
        task.failed.connect(self._not_identified)

    @Slot(object)
    def _identified(self, name: str) -> None:
        self._review.set_reviewer(name)
        if self.pin_dialog is not None:
            self.pin_dialog.accept()

    @Slot(object)
    def _not_identified(self, error: Exception) -> None:
        if not isinstance(error, StationError):
            raise error
        if self.pin_dialog is not None:
            self.pin_dialog.refuse(error.sentence)

    # How people are named

    @Slot()
    def open(self) -> None:
        """Show how people are named."""
        dialog = self.dialog = PeopleDialog(self._window)
        dialog.naming_chosen.connect(self._name)
        dialog.person_added.connect(self._add)
        dialog.person_removed.connect(self._remove)
        dialog.folder_chosen.connect(self._share)
        dialog.destroyed.connect(self._dialog_gone)
        dialog.show_people(self._people, self._context.settings.value.shared_folder)
        dialog.open()
        self._run(People.load, self._loaded)

    @Slot()
    def _dialog_gone(self) -> None:
        self.dialog = None

    @Slot(object)
    def _name(self, naming: Naming) -> None:
        self._run(partial(_changed, lambda people: people.named(naming)), self._loaded)

    @Slot(str, str)
    def _add(self, name: str, pin: str) -> None:
        self._run(partial(_changed, lambda people: people.adding(Person.with_pin(name, pin))), self._loaded)

    @Slot(str)
    def _remove(self, name: str) -> None:
        self._run(partial(_changed, lambda people: people.without(name)), self._loaded)

    @Slot(str)
    def _share(self, folder: str) -> None:
        self._context.settings.change(shared_folder=folder)
        self._run(People.load, self._loaded)


def _changed(change: Callable[[People], People]) -> People:
    """Change the list as it is stored now."""
    people = change(People.load())
    people.save()
    return people
