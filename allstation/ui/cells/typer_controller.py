"""Typer controller: proposals learned from typed cells, with figures; switched on and off, saved, loaded."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from allstation.core.cell_types import type_of
from allstation.core.cells import CellCounts, CellFilter
from allstation.core.errors import StationError
from allstation.files import write_atomically
from allstation.processing.status_types import Problem
from allstation.services.case.cell_questions import CellCountsOf
from allstation.services.case.cell_requests import ClearCellProposals
from allstation.services.cells.features import CellFeatureService, FeatureProgress
from allstation.services.cells.typer import CellTypingService, FittedTyper
from allstation.services.tasks import Serial
from allstation.ui.cells.controller import GalleryController
from allstation.ui.cells.panel import GalleryPanel
from allstation.ui.cells.typer_strip import TypeFigure, TyperState
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import kept_apart, number, percent
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext

_EVERYTHING: Final = CellFilter()
_AGAIN: Final = 10
"""Cells typed since the last fit from which on it is fitted again by itself."""
_PAUSE: Final = 250
_MANY: Final = 2_000
"""Cells measured since the last fit from which on they get proposals."""
_MOST_BYTES: Final = 64 * 1024**2
SUFFIX: Final = ".alltyper"


class TyperController(QObject):
    """Learns from typed cells on another thread and stores what it proposes.

    Args:
        context: Services and state.
        panel: The gallery; its strip shows the typer.
        gallery: Lists the cells.
        window: Owner of file dialogs.

    Attributes:
        features: Measures cells; shared with whoever else needs them measured.
    """

    def __init__(
        self,
        context: AppContext,
        panel: GalleryPanel,
        *,
        gallery: GalleryController,
        window: QWidget,
    ) -> None:
        super().__init__(panel)
        self._context = context
        self._session = context.session
        self._panel = panel
        self._gallery = gallery
        self._window = window
        self._counts = CellCounts()
        self._made: FittedTyper | None = None
        self._on = False
        self._problem = ""
        self._left = self._fitted_at = 0
        self.features = CellFeatureService(context.session, self)
        self.features.progressed.connect(self._measured)
        self.features.problem.connect(self._failed)
        self._typing = CellTypingService(context.session, self)
        self._typing.fitted.connect(self._fitted)
        self._typing.problem.connect(self._failed)
        self._disk = Serial(self)
        self._soon = QTimer(self, singleShot=True, interval=_PAUSE)
        self._soon.timeout.connect(self._count)
        strip = panel.typer
        strip.toggled.connect(self.set_on)
        strip.unsure_asked.connect(gallery.show_unsure)
        strip.clear_asked.connect(self.clear)
        worker = self._session.worker
        self._session.destroyed.connect(self._soon.stop)
        self._session.opened.connect(self._case_opened)
        worker.closed.connect(self._case_closed)
        for signal in (
            worker.cells_changed,
            worker.cells_edited,
            worker.fields_changed,
            worker.proposals_changed,
        ):
            signal.connect(self._count_soon)
        self._session.reader.cell_counts_read.connect(self._take_counts)

    def actions(self) -> tuple[Action, ...]:
        """Offer proposals."""
        context, write = self._context, self._can_write
        # fmt: off
        return (
            Action("cells.propose", "&Propose Types", self.set_on, "Ctrl+Shift+T",
                   "Propose types for cells that nobody typed, learned from those that were",
                   menu="C&ells", place=510, enabled_when=write, checked_when=lambda: self._on),
            Action("cells.clear_proposals", "C&lear Proposals", self.clear, "",
                   "Take all proposed types away; what people typed stays",
                   menu="C&ells", place=520, enabled_when=write),
            Action("cells.count_proposals", "Count Proposals &Too", self.set_counted, "",
                   "Let counts and reports include proposals, named as such; usually they do not",
                   menu="C&ells", place=530, enabled_when=context.has_case,
                   checked_when=lambda: context.settings.value.count_proposals),
            Action("cells.save_typer", "&Save Typer…", self.save, "",
                   "Write what was learned as a small file for other cases and stations", "save",
                   menu="C&ells", place=620, enabled_when=lambda: self._made is not None),
            Action("cells.load_typer", "Load T&yper…", self.load, "",
                   "Propose types by what was learned in another case", "case-open",
                   menu="C&ells", place=630, enabled_when=write),
        )
        # fmt: on

    def close(self) -> None:
        """Wait for what is being learned."""
        self._soon.stop()
        self._soon.blockSignals(True)
        self.features.close()
        self._typing.close()
        self._disk.close()

    def _can_write(self) -> bool:
        return self._context.can_write() and not self._context.selection.is_blind

    # On and off

    @Slot(bool)
    def set_on(self, on: bool) -> None:
        """Propose types from now on, or no more; proposals that were made stay until they are cleared."""
        self._on = on and self._can_write()
        self._problem = ""
        if self._on:
            self._fitted_at = 0
            self.features.start()
        else:
            self.features.stop()
        self._show()
        self._context.changed.emit()

    @Slot()
    def clear(self) -> None:
        """Take all proposals away and make no new ones."""
        self.set_on(False)
        self._panel.model.set_refused(None)
        if self._context.can_write():
            self._session.submit(ClearCellProposals())

    @Slot(bool)
    def set_counted(self, on: bool) -> None:
        """Let counts include proposals, or only what people typed."""
        self._context.settings.change(count_proposals=on)
        self._context.changed.emit()

    # Measuring what was not measured yet, then learning

    @Slot(object)
    def _measured(self, progress: FeatureProgress) -> None:
        """Learn when every cell is measured, and on the way with more cells to propose for."""
        self._left = progress.left if progress.running else 0
        if self._on and (not progress.running or progress.done - self._fitted_at >= _MANY):
            self._fitted_at = progress.done if progress.running else 0
            self._typing.fit()
        self._show()

    @Slot(object)
    def _fitted(self, made: FittedTyper) -> None:
        self._made, self._problem = made, ""
        self._panel.model.set_refused(made.refused.reason)
        self._show()
        self._context.changed.emit()

    @Slot(object)
    def _failed(self, problem: Problem) -> None:
        self._on, self._problem = False, problem.sentence
        self.features.stop()
        self._show()
        self._context.changed.emit()

    # Saving and loading

    @Slot()
    def save(self) -> None:
        """Ask where to write the typer."""
        dialog = QFileDialog(self._window, tr("Save typer"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(SUFFIX.removeprefix("."))
        dialog.setNameFilter(tr("Cell typers") + f" (*{SUFFIX})")
        dialog.fileSelected.connect(self.save_to)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def save_to(self, name: str) -> None:
        """Write the typer to a file."""
        if self._made is not None:
            task = self._disk.run(partial(_write, self._made.data, Path(name)))
            task.failed.connect(self._not_saved)

    @Slot(object)
    def _not_saved(self, error: Exception) -> None:
        if not isinstance(error, StationError):
            raise error
        self._context.notifier.warn(error.sentence, topic="cells")

    @Slot()
    def load(self) -> None:
        """Ask which typer to use."""
        dialog = QFileDialog(self._window, tr("Load typer"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter(tr("Cell typers") + f" (*{SUFFIX})")
        dialog.fileSelected.connect(self.load_from)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def load_from(self, name: str) -> None:
        """Propose types by a typer from a file."""
        if self._can_write():
            task = self._disk.run(partial(_read, Path(name)))
            task.done.connect(self._use)
            task.failed.connect(self._not_saved)

    @Slot(object)
    def _use(self, data: bytes) -> None:
        if self._can_write():
            self._problem = ""
            self._typing.use(data)
            self._show()

    # The case

    @Slot()
    def _case_opened(self) -> None:
        self._forget()
        self._panel.typer.set_writable(self._context.can_write())
        self._count()

    @Slot()
    def _case_closed(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._made, self._on, self._problem = None, False, ""
        self.features.stop()
        self._left = self._fitted_at = 0
        self._counts = CellCounts()
        self._show()

    @Slot()
    def _count_soon(self) -> None:
        if not self._soon.isActive() and not self._soon.signalsBlocked():
            self._soon.start()

    @Slot()
    def _count(self) -> None:
        self._session.ask(CellCountsOf(_EVERYTHING))

    @Slot(int, object, object)
    def _take_counts(self, generation: int, where: CellFilter, counts: CellCounts) -> None:
        if generation != self._session.generation or where is not _EVERYTHING:
            return
        self._counts = counts
        learned = self._made.typed if self._made is not None and self._made.figures is not None else 0
        more = self._made is not None and learned and self._typed() >= learned + _AGAIN
        if self._on and more and not self._typing.running and not self.features.running:
            self.features.start()
        self._show()

    def _typed(self) -> int:
        return sum(self._counts.typed.values())

    # What is shown

    def _show(self) -> None:
        made = self._made
        self._panel.typer.show_state(
            TyperState(
                typed=self._typed(),
                total=self._counts.total,
                proposed=sum(self._counts.proposed.values()),
                on=self._on,
                busy=self._busy(),
                problem=self._problem,
                figures=self._figures(made) if made is not None else "",
                types=self._types(made) if made is not None else (),
            )
        )

    def _busy(self) -> str:
        if not self._on or self._made is not None:
            return ""
        if self._left:
            return tr("Measuring cells, {n} to go…", n=number(self._left))
        return tr("Learning from them…") if self._typing.running or self.features.running else ""

    @staticmethod
    def _figures(made: FittedTyper) -> str:
        figures = made.figures
        if figures is None:
            return made.unmeasured or tr("The typer comes from another case; here it was not measured.")
        balanced, interval = figures.balanced, figures.balanced.interval
        between = (
            tr(
                " ({low} to {high})",
                low=percent(interval.low, digits=0),
                high=percent(interval.high, digits=0),
            )
            if interval is not None
            else ""
        )
        return tr(
            "Right for {share}{between} of typed cells it did not learn from, types weighing the same "
            "(n = {n}, {apart}).",
            share=percent(balanced.value, digits=0),
            between=between,
            n=number(figures.cells),
            apart=kept_apart(figures),
        )

    def _types(self, made: FittedTyper) -> tuple[TypeFigure, ...]:
        if made.figures is None:
            return ()
        types = self._gallery.types
        return tuple(
            TypeFigure(
                name=tr(type_of(types, one.type).name),
                cells=one.cells,
                share=one.recall,
                low=one.interval.low if one.interval is not None else None,
                high=one.interval.high if one.interval is not None else None,
            )
            for one in made.figures.types
        )


def _write(data: bytes, file: Path) -> None:
    """Write a typer. Runs on another thread."""
    try:
        write_atomically(file, data)
    except OSError as error:
        sentence = f"The typer could not be written to {file.name}: {error.strerror}. Choose another folder."
        raise StationError("not-written", sentence) from error


def _read(file: Path) -> bytes:
    """Read a typer's file. Runs on another thread."""
    try:
        with file.open("rb") as stream:
            return stream.read(_MOST_BYTES)
    except OSError as error:
        sentence = f"The typer {file.name} cannot be read ({error.strerror}). Choose another file."
        raise StationError("bad-typer", sentence) from error
