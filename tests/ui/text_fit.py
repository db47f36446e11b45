"""Measure of clipped texts: the room that a text needs against the room that its widget gives it."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QGroupBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QStyle,
    QStyleOptionButton,
    QStyleOptionComboBox,
    QStyleOptionGroupBox,
    QTabBar,
    QToolButton,
    QWidget,
)

SLACK = 1
"""Pixels that metrics may be off: rounded widths of fractional advances."""
_MNEMONIC = Qt.TextFlag.TextShowMnemonic
_WRAP = Qt.TextFlag.TextWordWrap
_TOOL_BUTTON_EDGES = (14, 10)
"""Padding and border of a tool button by the style sheet, logical pixels."""
_TAB_PADDING = 24
_HEADER_PADDING = 16


def clipped(window: QWidget) -> Iterator[tuple[QWidget, str, QSize, QSize]]:
    """Yield each visible widget below a window whose text has less room than it needs.

    Yields:
        Widget, text, needed and given size in logical pixels.
    """
    for widget in window.findChildren(QWidget):
        if not widget.isVisible() or widget.window() is not window.window():
            continue
        for text, needed, given in _texts(widget):
            if not text:
                continue
            visible = given.boundedTo(_shown(widget).size()) if not isinstance(widget, QTabBar) else given
            if visible.isEmpty() and not isinstance(widget, QLineEdit):
                continue  # behind another tab, or scrolled away
            if needed.width() > visible.width() + SLACK or needed.height() > visible.height() + SLACK:
                yield widget, text, needed, visible


def _texts(widget: QWidget) -> Iterator[tuple[str, QSize, QSize]]:
    match widget:
        case QLabel():
            yield from _label(widget)
        case QAbstractButton():
            yield from _button(widget)
        case QTabBar():
            yield from _tabs(widget)
        case QHeaderView():
            yield from _headings(widget)
        case QComboBox():
            yield from _combo(widget)
        case QLineEdit():
            yield from _line(widget)
        case QGroupBox():
            option = QStyleOptionGroupBox()
            widget.initStyleOption(option)
            needed = widget.fontMetrics().size(_MNEMONIC, widget.title())
            yield widget.title(), needed, QSize(widget.width() - 10, needed.height())


def _label(label: QLabel) -> Iterator[tuple[str, QSize, QSize]]:
    text = label.text()
    if not text or label.textFormat() is Qt.TextFormat.RichText:
        return
    flags = _MNEMONIC if label.buddy() is not None else Qt.TextFlag(0)
    room = label.contentsRect().adjusted(label.margin(), label.margin(), -label.margin(), -label.margin())
    metrics = label.fontMetrics()
    if not label.wordWrap():
        yield text, metrics.size(flags, text), room.size()
        return
    bounds = metrics.boundingRect(QRect(0, 0, room.width(), 10_000), flags | _WRAP, text)
    yield text, bounds.size(), room.size()


def _button(button: QAbstractButton) -> Iterator[tuple[str, QSize, QSize]]:
    text = button.text()
    needed = button.fontMetrics().size(_MNEMONIC, text)
    match button:
        case QToolButton():
            if not text or button.toolButtonStyle() is Qt.ToolButtonStyle.ToolButtonIconOnly:
                return
            if button.toolButtonStyle() is Qt.ToolButtonStyle.ToolButtonTextBesideIcon:
                needed.setWidth(needed.width() + button.iconSize().width() + 4)
            yield text, needed, button.size() - QSize(*_TOOL_BUTTON_EDGES)
        case QCheckBox() | QRadioButton():
            option = QStyleOptionButton()
            button.initStyleOption(option)
            element = (
                QStyle.SubElement.SE_CheckBoxContents
                if isinstance(button, QCheckBox)
                else QStyle.SubElement.SE_RadioButtonContents
            )
            yield text, needed, button.style().subElementRect(element, option, button).size()
        case QPushButton():
            option = QStyleOptionButton()
            button.initStyleOption(option)
            room = button.style().subElementRect(QStyle.SubElement.SE_PushButtonContents, option, button)
            if not button.icon().isNull():
                needed.setWidth(needed.width() + button.iconSize().width() + 4)
            yield text, needed, room.size()


def _tabs(bar: QTabBar) -> Iterator[tuple[str, QSize, QSize]]:
    for index in range(bar.count()):
        if bar.isTabVisible(index):
            needed = bar.fontMetrics().size(_MNEMONIC, bar.tabText(index))
            yield bar.tabText(index), needed, bar.tabRect(index).size() - QSize(_TAB_PADDING, 0)


def _headings(header: QHeaderView) -> Iterator[tuple[str, QSize, QSize]]:
    model = header.model()
    for section in range(header.count()) if model is not None else ():
        if header.isSectionHidden(section) or header.orientation() is not Qt.Orientation.Horizontal:
            continue
        text = str(model.headerData(section, header.orientation()) or "")
        needed = header.fontMetrics().size(_MNEMONIC, text)
        yield text, needed, QSize(header.sectionSize(section) - _HEADER_PADDING, header.height())


def _combo(combo: QComboBox) -> Iterator[tuple[str, QSize, QSize]]:
    option = QStyleOptionComboBox()
    combo.initStyleOption(option)
    part = QStyle.SubControl.SC_ComboBoxEditField
    room = combo.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, combo)
    yield combo.currentText(), combo.fontMetrics().size(Qt.TextFlag(0), combo.currentText()), room.size()


def _line(line: QLineEdit) -> Iterator[tuple[str, QSize, QSize]]:
    if isinstance(line.parentWidget(), QComboBox):
        return
    is_spin = isinstance(line.parentWidget(), QAbstractSpinBox)
    text = line.displayText() if is_spin else line.placeholderText()
    if text and (is_spin or not line.text()):
        yield text, line.fontMetrics().size(Qt.TextFlag(0), text), line.contentsRect().size() - QSize(4, 0)


def _shown(widget: QWidget) -> QRect:
    """Return the part of a widget that its parents show, apart from what can be scrolled to."""
    rect = widget.rect()
    inside = widget
    while (parent := inside.parentWidget()) is not None and not inside.isWindow():
        rect = rect.translated(inside.pos())
        if isinstance(parent.parentWidget(), QAbstractScrollArea):
            break
        rect = rect.intersected(parent.rect())
        inside = parent
    return rect
