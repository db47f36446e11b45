"""Answers the dialog about a pixel size as a person does."""

from __future__ import annotations

from PySide6.QtWidgets import QDialogButtonBox

from allstation.ui.viewer.pixel_size_dialog import PixelSizeDialog


def answer(dialog: PixelSizeDialog, micrometres: float, *, only: bool = False) -> None:
    """Type a length, choose the slides it holds for, and press OK."""
    dialog.length.setValue(micrometres)
    (dialog.here if only else dialog.everywhere).click()
    dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).click()
