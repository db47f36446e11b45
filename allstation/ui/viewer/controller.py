"""The viewer's own actions, put into the window's table."""

from __future__ import annotations

from allstation.ui.common.actions import ActionTable
from allstation.ui.viewer.commands import VIEWER_ACTIONS
from allstation.ui.viewer.pane import ViewerPane


def add(table: ActionTable, viewer: ViewerPane) -> None:
    """Add the viewer's actions to the table."""
    handlers = viewer.handlers()
    for spec in VIEWER_ACTIONS:
        table.add(spec, handlers[spec.id])
