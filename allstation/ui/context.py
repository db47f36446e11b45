"""Application context: services, undo stack, notifier and selection, made before the window."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QUndoStack

from allstation.core.cells import CellRecord
from allstation.core.records import FieldRecord
from allstation.processing.status_types import CaseInfo, ModelInfo, UnknownModel
from allstation.services.case.requests import AcceptModel, UseModel
from allstation.services.case.session import CaseSession
from allstation.services.folder_watcher import FolderWatcher
from allstation.services.logs import ProgramLog
from allstation.services.reports.export import Exports
from allstation.services.settings import SettingsFile
from allstation.ui.common.notifications import Notifier
from allstation.ui.common.theme import Theme


class Selection(QObject):
    """Current field, slide, listing, reviewer, blind mode and model: the news between features.

    The feature that lets a person choose sets a value; every other one listens.

    Attributes:
        field: The current field, with what is known of it by now.
        slide: Id of the chosen slide; None for the whole case.
        count: Fields shown.
        is_filtered: Whether a filter hides others.
        reviewer: Name of the person who reviews.
        is_blind: Whether predictions are hidden until that person has decided.
        model: The model that classifies.
        cell: The current cell.

    Signals:
        field_changed: ``field``, also when only more is known of it.
        neighbours_changed: Records next to the current one, nearest first.
        slide_changed: ``slide``.
        listing_changed: ``count`` and ``is_filtered``.
        reviewer_changed: ``reviewer``.
        blind_changed: ``is_blind``.
        model_changed: ``model`` (:class:`ModelInfo`).
        cell_changed: ``cell``, also when only more is known of it.
        bundle_given: Path of a model bundle that was dropped or opened.
        training_asked: A labelled folder to train on.
    """

    field_changed = Signal(object)
    neighbours_changed = Signal(list)
    slide_changed = Signal(object)
    listing_changed = Signal(int, bool)
    reviewer_changed = Signal(str)
    blind_changed = Signal(bool)
    model_changed = Signal(object)
    cell_changed = Signal(object)
    bundle_given = Signal(object)
    training_asked = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.field: FieldRecord | None = None
        self.slide: int | None = None
        self.count = 0
        self.is_filtered = False
        self.reviewer = ""
        self.is_blind = False
        self.model: ModelInfo | None = None
        self.cell: CellRecord | None = None

    @Slot(object)
    def set_field(self, record: FieldRecord | None) -> None:
        """Make a field the current one, or give what is known of it by now."""
        self.field = record
        self.field_changed.emit(record)

    @Slot(object)
    def set_cell(self, cell: CellRecord | None) -> None:
        """Make a cell the current one, or give what is known of it by now."""
        self.cell = cell
        self.cell_changed.emit(cell)

    @Slot(list)
    def set_neighbours(self, records: Sequence[FieldRecord]) -> None:
        """Name the fields next to the current one, nearest first."""
        self.neighbours_changed.emit(records)

    def set_slide(self, slide_id: int | None) -> None:
        """Choose a slide, or the whole case."""
        self.slide = slide_id
        self.slide_changed.emit(slide_id)

    @Slot(int, bool)
    def set_listing(self, count: int, is_filtered: bool) -> None:
        """Say how many fields are shown and whether a filter hides others."""
        self.count, self.is_filtered = count, is_filtered
        self.listing_changed.emit(count, is_filtered)

    @Slot(str)
    def set_reviewer(self, name: str) -> None:
        """Name the person who reviews."""
        self.reviewer = name
        self.reviewer_changed.emit(name)

    @Slot(bool)
    def set_blind(self, on: bool) -> None:
        """Hide predictions until the reviewer has decided, or show them."""
        self.is_blind = on
        self.blind_changed.emit(on)

    @Slot(object)
    def set_model(self, model: ModelInfo) -> None:
        """Take the model that classifies from now on."""
        self.model = model
        self.model_changed.emit(model)


class AppContext(QObject):
    """Services and state of the application, given to every controller.

    Args:
        session: The open case: the writer's and the reader's thread.
        exports: Writer of reports and tables.
        settings: The user's settings.
        theme: Colours and text size.
        logs: The program's log.
        watcher: The watched folder.
        parent: Owner.

    Attributes:
        undo: Stack of everything that can be undone in the open case.
        notifier: Shows notifications in the main window.
        selection: What is chosen and shown.

    Signals:
        changed: The condition of an action may have changed.
    """

    changed = Signal()

    def __init__(
        self,
        *,
        session: CaseSession,
        exports: Exports,
        settings: SettingsFile,
        theme: Theme,
        logs: ProgramLog,
        watcher: FolderWatcher,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.session = session
        self.exports = exports
        self.settings = settings
        self.theme = theme
        self.logs = logs
        self.watcher = watcher
        self.undo = QUndoStack(self)
        self.notifier = Notifier(self)
        self.selection = Selection(self)
        selection, undo = self.selection, self.undo
        session.worker.model_changed.connect(selection.set_model)
        session.opened.connect(self._case_opened)
        session.worker.closed.connect(self._case_closed)
        for signal in (
            selection.field_changed,
            selection.slide_changed,
            selection.listing_changed,
            undo.indexChanged,
        ):
            signal.connect(self._emit_changed)

    # Conditions of actions

    @property
    def info(self) -> CaseInfo | None:
        """The open case."""
        return self.session.info

    def has_case(self) -> bool:
        """Tell whether a case is open."""
        return self.info is not None

    def can_write(self) -> bool:
        """Tell whether a case is open for writing."""
        return self.info is not None and not self.info.read_only

    def has_fields(self) -> bool:
        """Tell whether fields are shown."""
        return self.selection.count > 0

    def can_write_fields(self) -> bool:
        """Tell whether fields are shown and the case can be written."""
        return self.can_write() and self.has_fields()

    def has_field(self) -> bool:
        """Tell whether there is a current field."""
        return self.selection.field is not None

    def can_review(self) -> bool:
        """Tell whether the current field is in the case and can be written."""
        field = self.selection.field
        return self.can_write() and field is not None and not field.removed

    def use_model(self, bundle: Path | None) -> None:
        """Classify with a bundle from now on, and at the next start; None is the shipped one."""
        from allstation.inference.bundle import default_bundle_path

        self.settings.change(model=str(bundle or ""))
        self.session.submit(UseModel(bundle or default_bundle_path()))

    def accept_model(self, asked: UnknownModel) -> None:
        """Classify with a bundle of an unknown maker from now on, and at the next start."""
        self.settings.change(model=str(asked.path))
        self.session.submit(AcceptModel(asked))

    @Slot()
    def keep_model(self) -> None:
        """Stay with the model in use, also at the next start; with the shipped one if there is none."""
        from allstation.inference.bundle import default_bundle_path

        used = self.selection.model
        if used is None:
            self.use_model(None)
        else:
            self.settings.change(model="" if used.path == default_bundle_path() else str(used.path))

    @Slot()
    def _emit_changed(self) -> None:
        self.changed.emit()

    @Slot()
    def _case_opened(self) -> None:
        self.undo.clear()
        self.changed.emit()

    @Slot()
    def _case_closed(self) -> None:
        self.undo.clear()
        self.changed.emit()
