"""Window of a site's control: every chart, what is broken, and the release of a day."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from allstation.services.site.control_watch import ControlReading
from allstation.ui.common import theme
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import scroll_area
from allstation.ui.common.window_size import resize_on_screen
from allstation.ui.control.chart_view import ChartView

_SIZE = (720, 640)
_SHOWN = 5
"""Days that are named in words."""


class ControlDialog(QDialog):
    """Shows the charts of a site; asks who releases a day, and why.

    Args:
        name: Of the person at the window.
        parent: The window.

    Signals:
        release_wanted: Day, name, reason and PIN.
    """

    release_wanted = Signal(str, str, str, str)

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Control of the site"))
        resize_on_screen(self, *_SIZE)
        self.message = self._label("control.message")
        self.message.setText(tr("The charts are being read…"))
        self._views: list[ChartView] = []
        self._body = QWidget(self)
        self._body.setProperty("role", "panel")
        self._column = QVBoxLayout(self._body)
        self._column.addStretch(1)
        area = scroll_area(self._body, self, sideways=True)
        area.setAccessibleName(tr("Control charts"))
        self._box = self._release_box(name)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(10)
        layout.addWidget(self.message)
        layout.addWidget(area, 1)
        layout.addWidget(self._box)
        layout.addWidget(buttons)

    def _label(self, name: str) -> QLabel:
        label = QLabel(self, wordWrap=True)
        label.setObjectName(name)
        label.setTextFormat(Qt.TextFormat.PlainText)
        return label

    def _release_box(self, name: str) -> QWidget:
        box = QWidget(self)
        self.day = QComboBox(box)
        self.day.setObjectName("control.day")
        self.day.setAccessibleName(tr("Day"))
        self.name = QLineEdit(name, box)
        self.name.setObjectName("control.name")
        self.name.setAccessibleName(tr("Name"))
        self.reason = QLineEdit(box)
        self.reason.setObjectName("control.reason")
        self.reason.setAccessibleName(tr("Reason"))
        self.reason.setPlaceholderText(tr("What was looked at, and why the results may be used"))
        self.pin = QLineEdit(box, echoMode=QLineEdit.EchoMode.Password)
        self.pin.setObjectName("control.pin")
        self.pin.setAccessibleName(tr("PIN"))
        self.release = QPushButton(tr("&Release the Day"), box)
        self.release.setObjectName("control.release")
        self.release.setAutoDefault(False)
        self.release.clicked.connect(self._release)
        self.refused = self._label("control.refused")
        self.refused.setProperty("role", "danger")
        self.refused.hide()
        self._form = QFormLayout(box)
        self._form.setContentsMargins(0, 0, 0, 0)
        for text, field in (
            (tr("Day"), self.day),
            (tr("Released by"), self.name),
            (tr("Reason"), self.reason),
            (tr("PIN"), self.pin),
        ):
            self._form.addRow(text, field)
        self._form.addRow(self.refused)
        self._form.addRow(self.release)
        box.hide()
        return box

    def show_reading(self, reading: ControlReading) -> None:
        """Show charts, and what of them is not in order."""
        charts = reading.standing.charts
        while len(self._views) < len(charts):
            view = ChartView(self._body)
            self._column.insertWidget(len(self._views), view)
            self._views.append(view)
        for place, view in enumerate(self._views):
            view.setVisible(place < len(charts))
            if place < len(charts):
                view.show_chart(charts[place], charts=len(charts))
        open_days = reading.standing.open_days()
        self.message.setText(_words(reading, open_days))
        theme.restyle(self.message, "role", "warning" if open_days else "")
        self._box.setVisible(bool(open_days))
        self._form.setRowVisible(self.pin, reading.needs_pin)
        self.day.clear()
        self.day.addItems(list(reversed(open_days)))
        self.refused.hide()
        self.reason.clear()
        self.pin.clear()
        self.release.setEnabled(True)

    def show_problem(self, sentence: str) -> None:
        """Say why a day was not released."""
        self.refused.setText(sentence)
        self.refused.show()
        self.release.setEnabled(True)

    def views(self) -> list[ChartView]:
        """Return the charts shown."""
        return [view for view in self._views if not view.isHidden()]

    @Slot()
    def _release(self) -> None:
        self.release.setEnabled(False)
        self.release_wanted.emit(
            self.day.currentText(), self.name.text(), self.reason.text(), self.pin.text()
        )


def _words(reading: ControlReading, open_days: tuple[str, ...]) -> str:
    if not reading.site:
        return tr("This case belongs to no site, so there are no control charts.")
    if not reading.standing.charts:
        return tr("No fields of the site {site} were measured yet.", site=reading.name or reading.site)
    if not open_days:
        return tr(
            "{site}: {n} charts, in order.",
            site=reading.name or reading.site,
            n=number(len(reading.standing.charts)),
        )
    parts = [f"{day}: {reading.standing.sentence(day)}" for day in open_days[-_SHOWN:]]
    if len(open_days) > _SHOWN:
        parts.insert(0, tr("{n} earlier days", n=number(len(open_days) - _SHOWN)))
    return tr("{site} is not in order.", site=reading.name or reading.site) + "\n" + "\n".join(parts)
