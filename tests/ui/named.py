"""Widgets as a person or a screen reader finds them: by accessible name, or by the words they show."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget

Kind = TypeVar("Kind", bound=QWidget)


def named(parent: QWidget, kind: type[Kind], name: str) -> Kind:
    """Return the widget of a kind with this accessible name."""
    (widget,) = [child for child in parent.findChildren(kind) if child.accessibleName() == name]
    return widget


def button(parent: QWidget, text: str) -> QAbstractButton:
    """Return the button that shows this text, mnemonics aside."""
    (found,) = [one for one in parent.findChildren(QAbstractButton) if one.text().replace("&", "") == text]
    return found


def label_texts(parent: QWidget) -> str:
    """Return what the labels in a widget say, a line each, also those that are behind another tab."""
    return "\n".join(label.text() for label in parent.findChildren(QLabel) if not label.isHidden())
