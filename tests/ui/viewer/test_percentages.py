"""Percentages that mean nothing are drawn nowhere in the window as if they were some."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter
from PySide6.QtWidgets import QApplication, QComboBox, QLabel
from pytestqt.qtbot import QtBot

from allstation.core.classes import class_style
from allstation.core.decision import WITHOUT_PROBABILITIES, Reason
from allstation.core.records import FieldRecord, Review
from allstation.ui.browser import cells
from allstation.ui.browser.filters import FilterBar
from allstation.ui.browser.model import Column, FieldModel
from allstation.ui.browser.table import FieldTable
from allstation.ui.browser.tile import TileLook, paint_tile
from allstation.ui.review.bars import ProbabilityBars
from allstation.ui.review.panel import ReviewPanel
from allstation.ui.viewer.card import CardPainter, OverlayStyle
from allstation.ui.viewer.card_content import card_content
from allstation.ui.viewer.scene import Layers, Scene
from tests.ui.field_records import CLASSES, field, prediction
from tests.ui.named import named

pytestmark = pytest.mark.usefixtures("qapp")
SHARES = (0.02, 0.945, 0.03, 0.005)
INVALID = sorted(WITHOUT_PROBABILITIES)
WORDS = {
    Reason.UNLIKE_TRAINING: "Unlike the training data",
    Reason.NO_WHITE_CELLS: "No white cells found",
    Reason.UNREADABLE: "Unreadable output",
    Reason.SCALE_UNKNOWN: "Scale not known",
}
Pixels = NDArray[np.uint8]


def record(reason: Reason, *, review: Review | None = None) -> FieldRecord:
    made = prediction(*SHARES, reasons=(reason,))
    if reason is Reason.UNREADABLE:
        made = dataclasses.replace(
            made, probabilities=dict.fromkeys(CLASSES, math.nan), novelty=math.nan, evidence=None
        )
    return field(made=made, review=review)


def painted(size: QSizeF, ground: QColor, draw: Callable[[QPainter], object]) -> Pixels:
    """Return (h, w, 3) RGB of what a function paints."""
    image = QImage(size.toSize(), QImage.Format.Format_RGB888)
    image.fill(ground)
    painter = QPainter(image)
    draw(painter)
    painter.end()
    return pixels(image)


def pixels(image: QImage) -> Pixels:
    rgb = image.convertToFormat(QImage.Format.Format_RGB888)
    lines = np.frombuffer(rgb.constBits(), np.uint8).reshape(rgb.height(), rgb.bytesPerLine())
    # A copy: the bytes belong to the image, which ends here.
    return lines[:, : 3 * rgb.width()].reshape(rgb.height(), rgb.width(), 3).copy()


def class_pixels(picture: Pixels) -> int:
    """Count pixels in the colour of any class."""
    found = 0
    for name in CLASSES:
        colour = QColor(class_style(name).colour)
        wanted = np.array([colour.red(), colour.green(), colour.blue()])
        found += int((np.abs(picture.astype(int) - wanted).max(axis=2) <= 3).sum())
    return found


# The overlay ---------------------------------------------------------------------------------------


def overlay(shown: FieldRecord, style: OverlayStyle) -> Pixels:
    card = CardPainter(card_content(shown), QFont())
    return painted(
        QSizeF(460, 320), QColor("white"), lambda painter: card.paint(painter, QPointF(5, 5), style)
    )


@pytest.mark.parametrize("reason", INVALID)
def test_the_card_says_the_reason_in_place_of_percentages(reason: Reason) -> None:
    content = card_content(record(reason))
    assert content.heading == "Needs review"
    assert content.reasons == (WORDS[reason], "Its class percentages mean nothing")
    assert content.rows == ()
    assert "%" not in content.description()
    assert "Benign" not in content.description()
    assert WORDS[reason] in content.description()


@pytest.mark.parametrize("style", [OverlayStyle.BARS, OverlayStyle.BADGE])
@pytest.mark.parametrize("reason", INVALID)
def test_the_overlay_has_no_bar_or_letter_in_the_colour_of_a_class(
    reason: Reason, style: OverlayStyle
) -> None:
    assert class_pixels(overlay(record(reason), style)) == 0
    blurred = overlay(record(Reason.BLURRED), OverlayStyle.BARS)
    assert class_pixels(blurred) > 500


def test_the_overlay_takes_no_room_for_bars_without_figures() -> None:
    """The ground of the card is lower by more than three of the four rows, and keeps its words."""
    heights = []
    for shown in (record(Reason.UNLIKE_TRAINING), record(Reason.BLURRED)):
        dark = (overlay(shown, OverlayStyle.BARS) < 80).all(axis=2)
        heights.append(int(dark.any(axis=1).sum()))
    assert 40 < heights[0] < heights[1] - 60


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (record(Reason.UNLIKE_TRAINING), "Needs review · Unlike the training data"),
        (record(Reason.BLURRED), "Needs review · Early 94.5 %"),
        (field(made=prediction(*SHARES)), "Early 94.5 %"),
        (
            dataclasses.replace(field(made=prediction(*SHARES)), removed=True),
            "Removed from the case · Early 94.5 %",
        ),
    ],
)
def test_the_badge_says_what_matters_once(shown: FieldRecord, said: str) -> None:
    assert CardPainter(card_content(shown), QFont())._badge_text() == said


@pytest.mark.parametrize("reason", [Reason.UNLIKE_TRAINING, Reason.NO_WHITE_CELLS])
def test_no_class_is_the_default_of_the_evidence_map_where_there_is_no_top_class(reason: Reason) -> None:
    scene = Scene(record=record(reason))
    assert scene.evidence_class() == ""
    scene.layers = Layers(evidence_class="Pro")
    assert scene.evidence_class() == "Pro"


# The review panel ----------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", INVALID)
def test_the_review_panel_says_the_reason_and_leaves_the_bars_out(qtbot: QtBot, reason: Reason) -> None:
    panel = ReviewPanel()
    panel.set_reviewer("A. Example")
    panel.resize(300, 640)
    qtbot.addWidget(panel)
    panel.show()
    bars = panel.findChild(ProbabilityBars)
    for shown, coloured in ((record(Reason.BLURRED), True), (record(reason), False)):
        panel.show_field(shown)
        assert bars.isVisible() is coloured
        assert not coloured or class_pixels(pixels(bars.grab().toImage())) > 0
        assert ("%" in bars.accessibleDescription()) is coloured
    assert any(WORDS[reason] in label.text() for label in panel.findChildren(QLabel))


# Tile and table ------------------------------------------------------------------------------------


def tile(shown: FieldRecord) -> Pixels:
    look = TileLook(QApplication.palette(), QFont(), False, False, False, 60)
    return painted(
        QSizeF(190, 130),
        QColor("white"),
        lambda painter: paint_tile(painter, QRectF(0, 0, 190, 130), record=shown, picture=None, look=look),
    )


@pytest.mark.parametrize("reason", INVALID)
def test_a_tile_has_no_class_letter_and_says_the_reason(reason: Reason) -> None:
    assert class_pixels(tile(record(reason))) == 0
    assert class_pixels(tile(field(made=prediction(*SHARES)))) > 0
    # The words differ from those of a field that is only blurred.
    assert (tile(record(reason)) != tile(record(Reason.BLURRED))).any()


def test_a_tile_marks_a_field_with_a_comment_in_its_other_corner() -> None:
    plain, told = tile(field(made=prediction(*SHARES))), tile(field(made=prediction(*SHARES), remark="pale"))
    changed = np.argwhere((plain != told).any(axis=2))
    assert len(changed) > 100
    assert changed[:, 1].max() < 40, "only the upper left corner differs"
    assert changed[:, 0].max() < 40


def test_a_tile_shows_the_class_that_a_person_set() -> None:
    assert (
        class_pixels(
            tile(record(Reason.UNLIKE_TRAINING, review=Review(field_id=1, reviewer="A", class_name="Pro")))
        )
        > 0
    )


@pytest.mark.parametrize("reason", INVALID)
def test_the_words_of_the_table_and_the_tip_hold_no_percentage(reason: Reason) -> None:
    shown = record(reason)
    texts = [cells.text(shown, column) for column in Column]
    assert texts[Column.PROBABILITIES] == WORDS[reason]
    assert texts[Column.MARGIN] == ""
    assert "%" not in "".join(texts) + cells.summary(shown)
    assert str(reason) in cells.summary(shown)
    assert "Its class percentages mean nothing" in cells.summary(shown)
    blurred = record(Reason.BLURRED)
    assert "Early 94.5 %" in cells.text(blurred, Column.PROBABILITIES)
    assert cells.text(blurred, Column.MARGIN) != ""


class OneRow(QAbstractTableModel):
    """One field as the table sees it."""

    def __init__(self, shown: FieldRecord) -> None:
        super().__init__()
        self._shown = shown

    def rowCount(self, _parent: object = None) -> int:
        return 1

    def columnCount(self, _parent: object = None) -> int:
        return len(Column)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role == FieldModel.RecordRole:
            return self._shown
        return cells.text(self._shown, index.column()) if role == Qt.ItemDataRole.DisplayRole else None


@pytest.mark.parametrize("reason", [*INVALID, Reason.BLURRED])
def test_a_table_cell_has_no_bar_in_the_colour_of_a_class(qtbot: QtBot, reason: Reason) -> None:
    table = FieldTable()
    qtbot.addWidget(table)
    model = OneRow(record(reason))
    table.setModel(model)
    table.set_widths()
    table.resize(1300, 120)
    table.show()
    cell = table.visualRect(model.index(0, Column.PROBABILITIES))
    picture = pixels(table.viewport().grab(cell).toImage())
    assert (class_pixels(picture) > 0) is (reason is Reason.BLURRED)
    assert int(picture.std()) > 0


def test_fields_with_an_unreadable_output_can_be_filtered(qtbot: QtBot) -> None:
    bar = FilterBar()
    qtbot.addWidget(bar)
    box = named(bar, QComboBox, "Filter by reason or state")
    assert str(Reason.UNREADABLE) in [box.itemText(place) for place in range(box.count())]
