"""What the viewer offers as actions, in the form of the window's action table."""

from __future__ import annotations

from typing import Final

from allstation.ui.common.actions import ActionSpec, Need

VIEWER_ACTIONS: Final = (
    ActionSpec("view.fit", "&Fit to Window", ("F",), "Show the whole field", "fit", Need.FIELD),
    ActionSpec(
        "view.actual",
        "&Actual Pixels (1:1)",
        ("Ctrl+0",),
        "Show each pixel of the field as one pixel of the screen",
        "one-to-one",
        Need.FIELD,
    ),
    ActionSpec(
        "view.zoom_in", "Zoom &In", ("+", "="), "Show the middle larger", "zoom-in", Need.FIELD, repeats=True
    ),
    ActionSpec(
        "view.zoom_out", "Zoom &Out", ("-",), "Show more of the field", "zoom-out", Need.FIELD, repeats=True
    ),
    ActionSpec(
        "view.keep",
        "&Keep View Between Fields",
        ("K",),
        "Stay at the same place and zoom when another field is shown",
        checkable=True,
    ),
    ActionSpec(
        "view.overlay",
        "Next O&verlay Style",
        ("O",),
        "Class probabilities as bars, as a badge, or off",
        "overlay",
        Need.FIELD,
    ),
    ActionSpec(
        "view.evidence",
        "&Evidence Map",
        ("E",),
        "Show where in the field the network found its class",
        "evidence",
        Need.FIELD,
        checkable=True,
    ),
    ActionSpec(
        "view.cells",
        "&Cell Outlines",
        ("L",),
        "Outline the white cells that were found and count them",
        "cells",
        Need.FIELD,
        checkable=True,
    ),
    ActionSpec(
        "view.compare",
        "Compare &Side by Side",
        ("Ctrl+D",),
        "Keep this field on the right and choose another one beside it",
        "compare",
        Need.FIELD,
        checkable=True,
    ),
    ActionSpec(
        "view.copy",
        "Copy &Picture with Overlay",
        ("Ctrl+Shift+C",),
        "Copy the field as it is shown, with its overlay, to the clipboard",
        "copy",
        Need.FIELD,
    ),
    ActionSpec(
        "view.full_screen",
        "F&ull Screen",
        ("F11",),
        "Give the whole screen to the field; Escape comes back",
        "full-screen",
        checkable=True,
    ),
)
"""``ViewerPane.handlers()`` gives the method of each; ``ViewerPane.state_of`` the checked ones."""
