"""The confusion matrix: a chosen cell keeps the colour that says whether it is right."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from allstation.ui.common import theme
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.training.plots.confusion import ConfusionTable


def test_a_chosen_error_stays_red_in_a_frame(window: Workbench, qtbot: QtBot) -> None:
    """With the program's style sheet, whose blue of selections looked like that of right answers."""
    table = ConfusionTable()
    qtbot.addWidget(table)
    table.set_counts(("a", "b"), [[1, 9], [2, 8]])
    table.resize(400, 300)
    table.show()
    qtbot.waitExposed(table)
    chosen: list[tuple[str, str]] = []
    table.cell_chosen.connect(lambda true, predicted: chosen.append((true, predicted)))
    place = table.visualItemRect(table.item(0, 1))
    before = table.viewport().grab(place).toImage()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place.center())
    QApplication.sendPostedEvents()
    after = table.viewport().grab(place).toImage()
    assert chosen == [("a", "b")]
    inner = place.width() // 4, place.height() // 4
    assert after.pixelColor(*inner) == before.pixelColor(*inner)
    assert after.pixelColor(*inner).red() > after.pixelColor(*inner).blue() + 40
    frame = QColor(theme.tokens(table.palette()).text)
    assert after.pixelColor(1, place.height() // 2) == frame != before.pixelColor(1, place.height() // 2)
