"""Several folders dropped at once: one case, the open one if there is one, or one a folder.

Asked once with and once without an open case, and remembered.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from allstation import paths
from allstation.core.errors import StationError
from allstation.core.patients import FolderPattern
from allstation.core.text import shown_name
from allstation.imaging.formats.suffixes import looks_like_field
from allstation.processing.several_cases import MadeCases, make_cases
from allstation.services.case.requests import CloseCase
from allstation.services.settings import MAX_RECENT
from allstation.services.tasks import Serial
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import number, short_name
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import Level, Notification
from allstation.ui.common.window_size import grow_with_text
from allstation.ui.context import AppContext

ASK, ONE, EACH = "", "one", "each"
_CHOICES: Final = (
    (ASK, "&Ask About Several Folders", "Ask each time whether several folders are one case or several"),
    (
        ONE,
        "Several Folders: &One Case",
        "Make one case of folders dropped together, with a slide a folder",
    ),
    (EACH, "Several Folders: A Case for &Each", "Make a case of each folder that is dropped"),
)
_CHOICES_INTO: Final = (
    (ASK, "With a Case Open: As&k", "Ask each time whether several folders belong to the open case"),
    (
        ONE,
        "With a Case Open: A&dd to It",
        "Add folders dropped together to the open case, with a slide a folder",
    ),
    (
        EACH,
        "With a Case Open: A &New Case for Each",
        "Make a new case of each folder; the open case stays open",
    ),
)
_MENU: Final = "&Case/Se&veral Folders Dropped"
_MENU_PARTS: Final = (("several", False, 110, _CHOICES), ("into", True, 210, _CHOICES_INTO))
_NAMED: Final = 6
_WIDTH: Final = 460
_TOPIC: Final = "several-folders"


class FoldersQuestion(QDialog):
    """Question whether folders are one case or several; the window goes on meanwhile.

    Args:
        folders: What was dropped.
        patients: Their patients by the pattern of folder names, in that order; empty where none is known.
        parent: The window.
        into: Name of the open case; empty without one.

    Signals:
        answered: One of ``ONE`` and ``EACH``, and whether it is to be done so from now on.
    """

    answered = Signal(str, bool)

    def __init__(
        self, folders: Sequence[Path], patients: Sequence[str], parent: QWidget, *, into: str = ""
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("{n} folders", n=number(len(folders))))
        names = ", ".join(short_name(shown_name(folder.name), 24) for folder in folders[:_NAMED])
        more = tr(" and {n} more", n=number(len(folders) - _NAMED)) if len(folders) > _NAMED else ""
        asked = tr("Are these folders one case, or a case each?")
        if into:
            asked = tr("Add these folders to {case}, or make a new case of each?", case=short_name(into, 32))
        question = QLabel(asked, self, wordWrap=True)
        question.setProperty("role", "heading")
        about = QLabel(f"{names}{more}", self, wordWrap=True)
        hint = QLabel(_hint(patients), self, wordWrap=True)
        hint.setProperty("role", "muted")
        self.remember = QCheckBox(tr("Do the same from now on (changed under Case)"), self)
        self.remember.setChecked(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        role = QDialogButtonBox.ButtonRole.ActionRole
        self.one = buttons.addButton(tr("&Add to this case") if into else tr("&One case"), role)
        each = tr("{n} new &cases") if into else tr("{n} &cases")
        self.each = buttons.addButton(each.format(n=number(len(folders))), role)
        apart = len(set(patients)) > 1 and "" not in patients
        (self.each if apart else self.one).setDefault(True)
        self.one.clicked.connect(self._one)
        self.each.clicked.connect(self._each)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(10)
        for part in (question, about, hint, self.remember, buttons):
            if isinstance(part, QLabel):
                part.setTextFormat(Qt.TextFormat.PlainText)
            layout.addWidget(part)
        grow_with_text(self, _WIDTH)

    @Slot()
    def _one(self) -> None:
        self.answered.emit(ONE, self.remember.isChecked())
        self.accept()

    @Slot()
    def _each(self) -> None:
        self.answered.emit(EACH, self.remember.isChecked())
        self.accept()


def _hint(patients: Sequence[str]) -> str:
    if patients and "" not in patients:
        known = list(dict.fromkeys(patients))
        if len(known) == 1:
            return tr("By their names they are of one patient, {name}.", name=known[0])
        return tr("By their names they are of {n} patients. A case is one patient's.", n=number(len(known)))
    return tr("A case is one patient's: slides of one patient are one case, of several patients one each.")


class SeveralFolders(QObject):
    """Tells folders from files, asks what they are, and makes the further cases in the background.

    Args:
        context: Services and state.
        window: Parent of the question.

    Signals:
        one_wanted: Paths that go into one new case.
        recent_changed: The list of recent cases is another one.
    """

    one_wanted = Signal(list)
    recent_changed = Signal()
    _stepped = Signal(int, int)

    def __init__(self, context: AppContext, *, window: QWidget) -> None:
        super().__init__(window)
        self._context, self._window = context, window
        self._serial = Serial(self)
        self._given: list[Path] = []
        self._folders: list[Path] = []
        self._further: list[Path] = []
        self._is_one_instead = False
        self._into, self._generation = "", 0
        self._stop = threading.Event()
        context.session.opened.connect(self._case_opened)
        context.session.worker.closed.connect(self._case_closed)
        self.question: FoldersQuestion | None = None
        self._stepped.connect(self._show_step)

    def actions(self) -> tuple[Action, ...]:
        """Offer to change what is done with several folders, without and with an open case."""
        return tuple(
            Action(f"case.{name}.{key or 'ask'}", text, partial(self._choose, key, into=into), "", tip,
                   menu=_MENU, place=place + at, checked_when=partial(self._is_chosen, key, into=into))
            for name, into, place, choices in _MENU_PARTS
            for at, (key, text, tip) in enumerate(choices)
        )  # fmt: skip

    def close(self) -> None:
        """Stop making cases, and wait for the one under way."""
        self._stop.set()
        self._serial.close()

    def takes(self, given: Sequence[Path]) -> bool:
        """Take paths that were given, if they may be several folders and it is not settled what they become.

        Returns:
            Whether it does; ``one_wanted`` or further cases follow then.
        """
        if not self.may_part(given):
            return False
        info = self._context.session.info
        self._into = shown_name(info.name) if info is not None else ""
        self._generation = self._context.session.generation
        task = self._serial.run(partial(_folders_of, list(given)))
        task.done.connect(self._sorted)
        return True

    def may_part(self, given: Sequence[Path]) -> bool:
        """Tell by their names whether paths may become several cases."""
        several = sum(not looks_like_field(path) for path in given) > 1
        return several and not self._is_chosen(ONE, into=self._context.session.info is not None)

    def _is_chosen(self, key: str, *, into: bool) -> bool:
        stored = self._context.settings.value
        chosen = stored.folders_into_case if into else stored.several_folders
        return (chosen if chosen in (ONE, EACH) else ASK) == key

    def _choose(self, key: str, _on: bool = True, *, into: bool) -> None:
        if into:
            self._context.settings.change(folders_into_case=key)
        else:
            self._context.settings.change(several_folders=key)
        self._context.changed.emit()

    def _is_other_case(self) -> bool:
        """Whether the case that was open when folders came is open no more."""
        session = self._context.session
        return bool(self._into) and (session.info is None or session.generation != self._generation)

    @Slot(object)
    def _sorted(self, found: tuple[list[Path], list[Path]]) -> None:
        self._given, self._folders = found
        if self._is_other_case():
            return
        if len(self._folders) < 2:  # noqa: PLR2004 - one folder is one case
            self.one_wanted.emit(self._given)
        elif self._is_chosen(EACH, into=bool(self._into)):
            self._make_each()
        else:
            self._ask()

    def _ask(self) -> None:
        if self.question is not None:
            self.question.close()
        patients = self._patients()
        question = self.question = FoldersQuestion(self._folders, patients, self._window, into=self._into)
        question.answered.connect(self._answered)
        question.destroyed.connect(self._gone)
        question.show()

    @Slot(QObject)
    def _gone(self, _question: QObject) -> None:
        self.question = None

    def _patients(self) -> list[str]:
        """Return the patients that the folders' names give, where there is a pattern."""
        text = self._context.settings.value.patient_pattern
        try:
            pattern = FolderPattern.parse(text) if text else None
        except StationError:
            pattern = None
        return [] if pattern is None else [pattern.patient_of(folder) for folder in self._folders]

    @Slot(str, bool)
    def _answered(self, key: str, remember: bool) -> None:
        if remember:
            self._choose(key, into=bool(self._into))
        if key == ONE:
            self.one_wanted.emit(self._given)
        else:
            self._make_each()

    def _make_each(self) -> None:
        """Open a case with the first folder and what is no folder; make the others behind it.

        An open case stays open: it gets what is no folder, and all cases are made behind it.
        """
        loose = [path for path in self._given if path not in self._folders]
        if self._into:
            if loose:
                self.one_wanted.emit(loose)
            self._make(self._folders)
            return
        self._further = self._folders[1:]
        self.one_wanted.emit([self._folders[0], *loose])

    @Slot()
    def _case_closed(self) -> None:
        self._further = []
        if self.question is not None and self._into:
            self.question.close()
        if self._is_one_instead:
            self._is_one_instead = False
            self.one_wanted.emit(self._given)

    @Slot()
    def _case_opened(self) -> None:
        """Make the further cases once the first one has its place: two folders may have one name."""
        if self._further:
            further, self._further = self._further, []
            self._make(further)

    def _make(self, folders: list[Path]) -> None:
        self._stop = threading.Event()
        work = partial(
            make_cases,
            folders,
            paths.cases_folder(),
            limits=self._context.settings.value.limits,
            stopping=self._stop,
            progress=self._stepped.emit,
        )
        self._serial.run(work).done.connect(self._made)

    @Slot(int, int)
    def _show_step(self, done: int, of: int) -> None:
        if not self._stop.is_set():
            text = tr("New cases are being made: {done} of {of}.", done=number(done), of=number(of))
            self._context.notifier.post(
                Notification(Level.INFO, text, tr("Stop"), self._stop.set, topic=_TOPIC)
            )

    @Slot(object)
    def _made(self, made: MadeCases) -> None:
        stored = self._context.settings.value
        known = [text for text in stored.recent if text not in map(str, made.cases)]
        recent = (*known[:1], *map(str, made.cases), *known[1:])[:MAX_RECENT]
        self._context.settings.change(recent=recent)
        self.recent_changed.emit()
        names = ", ".join(short_name(shown_name(case.stem), 24) for case in made.cases[:_NAMED])
        told = tr("New cases: {names}. Their fields are classified when they are opened.", names=names)
        parts = [told if made.cases else tr("No case was made.")]
        if made.stopped:
            parts.append(tr("It was stopped: drop the other folders again."))
        parts += [problem.sentence for problem in made.problems[:2]]
        level = Level.WARNING if made.problems else Level.OK
        instead = tr("Add to This Case Instead") if self._into else tr("One Case Instead")
        if self._is_other_case():
            post = Notification(level, " ".join(parts), topic=_TOPIC)
        else:
            post = Notification(level, " ".join(parts), instead, self._one_instead, topic=_TOPIC)
        self._context.notifier.post(post)

    @Slot()
    def _one_instead(self) -> None:
        """Take it back: all in one case, the open one or a new one; what was made stays on the disk."""
        if self._is_other_case():
            return
        self._choose(ASK, into=bool(self._into))
        if self._into:
            self.one_wanted.emit(self._folders)
            return
        self._is_one_instead = True
        self._context.session.submit(CloseCase())


def _folders_of(given: list[Path]) -> tuple[list[Path], list[Path]]:
    """Return what was given, and the folders among it; asks the disk, so it runs on another thread."""
    return given, [path for path in given if path.is_dir()]
