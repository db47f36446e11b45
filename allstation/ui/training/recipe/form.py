"""The recipe as a form, made from a table of adjustables and the options of the chosen method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QGroupBox,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from allstation.ui.common.i18n import tr
from allstation.ui.training.recipe.fields import ADJUSTABLES, SECTIONS, Adjustable

_LARGEST: Final = 2**31 - 1
_INDENT: Final = 6
"""Pixels before a number, so that it stands where the texts of the lists beside it stand."""


def _words(text: str) -> str:
    return text.replace("_", " ").replace("-", " ").capitalize()


class RecipeForm(QWidget):
    """Edits one recipe.

    Signals:
        changed: Any value was changed by the person.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editors: dict[tuple[str, str], QWidget] = {}
        self._kept: dict[str, dict[str, Any]] = {}
        self._groups: dict[str, QGroupBox] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._options_group = self._group("options", tr("Network"))
        for section, title in SECTIONS:
            group = self._group(section, tr(title))
            for entry in ADJUSTABLES:
                if entry.section == section:
                    self._add(group, entry)
        self._column.addStretch(1)

    def _group(self, section: str, title: str) -> QGroupBox:
        group = QGroupBox(title, self)
        form = QFormLayout(group)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.setVerticalSpacing(6)
        self._groups[section] = group
        self._column.addWidget(group)
        return group

    def _add(self, group: QGroupBox, entry: Adjustable) -> None:
        editor = self._editor(entry)
        editor.setToolTip(tr(entry.tip))
        editor.setAccessibleName(tr(entry.label))
        editor.setAccessibleDescription(tr(entry.tip))
        editor.installEventFilter(self)
        form = group.layout()
        if isinstance(form, QFormLayout):
            form.addRow(tr(entry.label), editor)
        self._editors[entry.section, entry.key] = editor

    def _editor(self, entry: Adjustable) -> QWidget:
        if isinstance(entry.default, bool):
            box = QCheckBox(self)
            box.toggled.connect(self.changed)
            return box
        if entry.choices:
            combo = QComboBox(self)
            for choice in entry.choices:
                combo.addItem(_words(choice), choice)
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            combo.currentIndexChanged.connect(self.changed)
            return combo
        if isinstance(entry.default, (int, float)):
            return self._number(entry)
        edit = QLineEdit(self)
        edit.textEdited.connect(self.changed)
        return edit

    def _number(self, entry: Adjustable) -> QAbstractSpinBox:
        spin: QSpinBox | QDoubleSpinBox
        if isinstance(entry.default, int):
            spin = QSpinBox(self)
            spin.setRange(int(entry.low), min(int(entry.high), _LARGEST))
            spin.setSingleStep(max(int(entry.step), 1))
        else:
            spin = QDoubleSpinBox(self)
            spin.setDecimals(6 if entry.step < 0.01 else 2)  # noqa: PLR2004 - as fine as the step
            spin.setRange(entry.low, entry.high)
            spin.setSingleStep(entry.step)
        spin.setKeyboardTracking(False)
        spin.setMinimumWidth(90)
        spin.lineEdit().setTextMargins(_INDENT, 0, 0, 0)
        spin.valueChanged.connect(self.changed)
        return spin

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A wheel that scrolls the form must not change a value it passes over."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    # Values ----------------------------------------------------------------------------------

    def set_method(self, method: Mapping[str, Any]) -> None:
        """Show the options of a method, and only the sections it uses."""
        for key in [key for key in self._editors if key[0] == "options"]:
            del self._editors[key]
        form = self._options_group.layout()
        while isinstance(form, QFormLayout) and form.rowCount():
            form.removeRow(0)
        for key, option in method["options"].items():
            self._add(self._options_group, _from_option(key, option))
        network = method["kind"] == "network"
        self._options_group.setTitle(tr("Network") if network else tr("Method"))
        self._options_group.setVisible(bool(method["options"]))
        uses = set(method.get("uses", ()))
        for section, _ in SECTIONS:
            self._show_section(section, uses, everything=network or section not in {"fit", "augmentation"})

    def _show_section(self, section: str, uses: set[str], *, everything: bool) -> None:
        """Show the rows that matter for a method: those it names, else all that its kind has."""
        form, shown = self._groups[section].layout(), False
        for (part, key), editor in self._editors.items():
            if part == section and isinstance(form, QFormLayout):
                visible = bool(uses & {section, f"{section}.{key}"}) if uses else everything
                form.setRowVisible(editor, visible)
                shown = shown or visible
        self._groups[section].setVisible(shown)

    def set_values(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Fill in a recipe; entries without an editor are kept as they are."""
        self._kept = {section: dict(entries) for section, entries in values.items()}
        for (section, key), editor in self._editors.items():
            if key in values.get(section, {}):
                with QSignalBlocker(editor):
                    _write(editor, values[section][key])

    def values(self) -> dict[str, dict[str, Any]]:
        """Return the recipe as it stands in the form."""
        result = {section: dict(entries) for section, entries in self._kept.items()}
        for (section, key), editor in self._editors.items():
            result.setdefault(section, {})[key] = _read(editor)
        return result

    def editor(self, section: str, key: str) -> QWidget:
        """Return the editor of one entry."""
        return self._editors[section, key]

    @Slot()
    def _changed(self) -> None:
        self.changed.emit()


def _from_option(key: str, option: Mapping[str, Any]) -> Adjustable:
    default = option["default"]
    low, high = option.get("low"), option.get("high")
    step = 1.0 if isinstance(default, int) else 0.05
    return Adjustable(
        "options",
        key,
        _words(key),
        default,
        str(option["text"]),
        choices=tuple(str(choice) for choice in option.get("choices", ())),
        low=0.0 if low is None else float(low),
        high=float(_LARGEST) if high is None else float(high),
        step=step,
    )


def _write(editor: QWidget, value: Any) -> None:  # noqa: ANN401 - any recipe value
    if isinstance(editor, QCheckBox):
        editor.setChecked(bool(value))
    elif isinstance(editor, QComboBox):
        editor.setCurrentIndex(max(editor.findData(value), 0))
    elif isinstance(editor, QSpinBox):
        editor.setValue(int(value))
    elif isinstance(editor, QDoubleSpinBox):
        editor.setValue(float(value))
    elif isinstance(editor, QLineEdit):
        editor.setText(str(value))


def _read(editor: QWidget) -> Any:  # noqa: ANN401 - any recipe value
    if isinstance(editor, QCheckBox):
        return editor.isChecked()
    if isinstance(editor, QComboBox):
        return editor.currentData()
    if isinstance(editor, QSpinBox):
        return editor.value()
    if isinstance(editor, QDoubleSpinBox):
        return round(editor.value(), editor.decimals())
    return editor.text() if isinstance(editor, QLineEdit) else None
