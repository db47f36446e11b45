"""The slide's panel and controllers, built together."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QStackedWidget, QToolButton, QWidget

from allstation.services.images.slide_tiles import SlideTiles
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.common import icons
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext
from allstation.ui.slide.cells_controller import SlideCellsController
from allstation.ui.slide.controller import SlideController
from allstation.ui.slide.edit_controller import SlideEditController
from allstation.ui.slide.metadata_controller import SlideMetadataController
from allstation.ui.slide.panel import SlidePanel
from allstation.ui.slide.proposal_bar import ProposalBar
from allstation.ui.slide.proposal_controller import ProposalController
from allstation.ui.slide.scale_controller import SlideScaleController
from allstation.ui.viewer.pane import ViewerPane


class SlideFeature(QObject):
    """Builds the slide view, editing, proposals and the offer of the scanner's data; offers their actions.

    Args:
        context: Services and state.
        window: Owner of the dialogs.
        views: Filled with the viewer and the slide, one in place of the other.
        browser: Makes a field the current one.
        viewer: Shows the current field.
        tiles: Reads slides; default: the program's readers.

    Attributes:
        views: The stack.
        panel: The slide.
        proposals: Strip above them about slides that were added.
        slide: Shows the slide of the current field.
        editing: Adds, moves and fills.
        metadata: Offers what the scanner wrote.
    """

    def __init__(
        self,
        context: AppContext,
        *,
        window: QWidget,
        views: QStackedWidget,
        browser: BrowserPanel,
        viewer: ViewerPane,
        tiles: SlideTiles | None = None,
    ) -> None:
        super().__init__(window)
        self.tiles = tiles or SlideTiles(self)
        self.views = views
        self.panel = panel = SlidePanel(views)
        self.views.addWidget(viewer)
        self.views.addWidget(panel)
        self.proposals = ProposalBar(window)
        self.slide = SlideController(
            context, panel, tiles=self.tiles, views=self.views, viewer=viewer, browser=browser
        )
        self._scale = SlideScaleController(panel, tiles=self.tiles, slide=self.slide, viewer=viewer)
        self._cells = SlideCellsController(context, panel)
        self.editing = SlideEditController(
            context, panel, tiles=self.tiles, slide=self.slide, browser=browser
        )
        self.metadata = SlideMetadataController(context, tiles=self.tiles, slide=self.slide, window=window)
        self.proposing = ProposalController(
            context, self.proposals, slide=self.slide, browser=browser, window=window
        )
        panel.set_actions([*self.actions(), *viewer.viewer_actions()])
        self._button = _slide_button(self.slide)
        viewer.bar.set_lead(self._button)
        context.theme.changed.connect(self._theme_changed)
        self._theme_changed()

    def actions(self) -> tuple[Action, ...]:
        """Offer what the controllers do."""
        parts = (self.slide, self.editing, self.metadata, self.proposing)
        return tuple(action for part in parts for action in part.actions())

    def _theme_changed(self) -> None:
        self._button.setIcon(icons.icon("slide", self._button.palette()))

    def close_workers(self) -> None:
        """Wait for what is being read; call before the window goes."""
        for part in (self.slide, self.metadata, self.proposing):
            part.close()


def _slide_button(slide: SlideController) -> QToolButton:
    """Return the button under the field that shows its slide."""
    button = QToolButton()
    button.setText(tr("Slide"))
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setToolTip(tr("Show the whole slide that this field is a part of (W)"))
    button.setAccessibleName(tr("Whole slide"))
    button.setObjectName("slide.show")
    button.clicked.connect(slide.show_whole)
    return button
