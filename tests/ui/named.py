"""Widgets as a person or a screen reader finds them: by accessible name, or by the words they show."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtWidgets import QLabel, QWidget

Kind = TypeVar("Kind", bound=QWidget)


def named(parent: QWidget, kind: type[Kind], name: str) -> Kind:
    """Return the widget of a kind with this accessible name."""
    (widget,) = [child for child in parent.findChildren(kind) if child.accessibleName() == name]
    return widget


def label_texts(parent: QWidget) -> str:
    """Return what the labels in a widget say, a line each, also those that are behind another tab."""
    return "\n".join(label.text() for label in parent.findChildren(QLabel) if not label.isHidden())
