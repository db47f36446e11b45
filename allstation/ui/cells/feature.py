"""The cells' panels and controllers, built together."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from allstation.services.images.field_cache import FieldCache
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.cells.chosen import ChosenCells
from allstation.ui.cells.commands import CellCommands
from allstation.ui.cells.controller import GalleryController
from allstation.ui.cells.correction_controller import CorrectionController
from allstation.ui.cells.counting_controller import CountingController
from allstation.ui.cells.field_cells import FieldCells
from allstation.ui.cells.guard import CellGuard
from allstation.ui.cells.panel import GalleryPanel
from allstation.ui.cells.typer_controller import TyperController
from allstation.ui.cells.typing_controller import TypingController
from allstation.ui.common.actions import Action
from allstation.ui.context import AppContext
from allstation.ui.viewer.pane import ViewerPane


class CellsFeature(QObject):
    """Builds gallery, typing, corrections, counting and proposals, and offers their actions.

    Args:
        context: Services and state.
        window: Owner of the panels.
        browser: Holds the gallery.
        viewer: Shows the field of a cell.
        files: Reads fields.

    Attributes:
        panel: The gallery.
        commands: Pushes undoable changes.
        gallery: Lists the cells.
        typing: Gives types.
        corrections: Corrects what was found.
        counting: Counts cells one by one.
        typer: Learns types and proposes them.
        field_cells: The cells in the viewer.
        guard: Knows which cells were seen.
    """

    def __init__(
        self,
        context: AppContext,
        *,
        window: QWidget,
        browser: BrowserPanel,
        viewer: ViewerPane,
        files: FieldCache,
    ) -> None:
        super().__init__(window)
        self.panel = panel = GalleryPanel(window, files=files)
        settings = context.settings
        self.commands = commands = CellCommands(context.session, context.undo)
        self.guard = CellGuard(
            panel.gallery, viewer.main.canvas, limit=lambda: settings.value.seconds_on_screen
        )
        self.gallery = GalleryController(context, panel, browser=browser, commands=commands)
        self.field_cells = FieldCells(context, panel, viewer)
        chosen = ChosenCells(context, panel, field_cells=self.field_cells, guard=self.guard)
        self.typing = TypingController(context, panel, gallery=self.gallery, chosen=chosen, commands=commands)
        self.counting = CountingController(
            context, window=window, gallery=self.gallery, commands=commands, files=files
        )
        self.typer = TyperController(context, panel, gallery=self.gallery, window=window)
        panel.bar.count_asked.connect(self.counting.open)
        self.corrections = CorrectionController(
            context,
            panel,
            viewer=viewer,
            field_cells=self.field_cells,
            chosen=chosen,
            commands=commands,
            files=files,
        )

    def actions(self) -> tuple[Action, ...]:
        """Offer everything about cells."""
        parts = (self.gallery, self.typing, self.corrections, self.counting, self.typer)
        return tuple(action for part in parts for action in part.actions())

    def view_state(self) -> dict[str, object]:
        """Return the choices to remember for the next start."""
        return self.gallery.view_state()

    def close_workers(self) -> None:
        """Wait for crops and outlines that are being made; call before the window is destroyed."""
        self.panel.blockSignals(True)
        self.panel.crops.stop()
        self.corrections.close()
        self.counting.close()
        self.typer.close()
