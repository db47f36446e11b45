"""The overlay says in words and letters what it says in colour, and fits where it is painted."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, QSizeF
from PySide6.QtGui import QColor, QFont, QImage, QPainter
from PySide6.QtWidgets import QApplication

from allstation.core.decision import Reason
from allstation.core.records import FieldState, Review
from allstation.ui.viewer.card import CardPainter, OverlayStyle
from allstation.ui.viewer.card_content import card_content
from allstation.ui.viewer.scene import Layers, Scene
from tests.ui.field_records import field, prediction

pytestmark = pytest.mark.usefixtures("qapp")


def test_every_class_appears_with_letter_name_and_percent():
    content = card_content(field(made=prediction(0.01, 0.9, 0.05, 0.04)))
    assert [(row.mark.letter, row.mark.name, row.percent) for row in content.rows] == [
        ("B", "Benign", "1.0 %"),
        ("E", "Early", "90.0 %"),
        ("P", "Pre", "5.0 %"),
        ("R", "Pro", "4.0 %"),
    ]
    assert content.heading == "Decision: Early"
    assert content.top_row is not None
    assert content.top_row.mark.name == "Early"


def test_needs_review_names_every_reason():
    made = prediction(0.3, 0.3, 0.3, 0.1, reasons=(Reason.BLURRED, Reason.LOW_CONFIDENCE))
    content = card_content(field(made=made))
    assert content.heading == "Needs review"
    assert content.reasons == ("Blurred", "Low confidence")


def test_the_review_stands_beside_the_prediction():
    review = Review(field_id=1, reviewer="A. Example", class_name="Pre")
    words = card_content(field(made=prediction(), review=review)).description()
    assert "Decision: Early" in words
    assert "Reviewed: Pre, by A. Example" in words


def test_a_certain_prediction_does_not_claim_certainty():
    content = card_content(field(made=prediction(0.00001, 0.99998, 0.00001, 0.0)))
    assert "100" not in content.rows[1].percent
    assert content.rows[0].percent == "<0.1 %"


def test_a_failed_field_says_why():
    record = field(state=FieldState.FAILED, error="The file is cut off.")
    assert card_content(record).description() == "Could not be classified. The file is cut off."


def test_blind_review_shows_nothing_others_said():
    record = field(made=prediction(), review=Review(field_id=1, reviewer="Someone Else", class_name="Pro"))
    words = card_content(record, hidden=True).description()
    for name in ("Early", "Pro", "%", "Someone"):
        assert name not in words


@pytest.mark.parametrize("style", [OverlayStyle.BARS, OverlayStyle.BADGE])
@pytest.mark.parametrize("points", [8.0, 10.0, 20.0])
def test_nothing_is_painted_outside_the_measured_card(style: OverlayStyle, points: float):
    review = Review(field_id=1, reviewer="A reviewer with quite a long name indeed", class_name=None)
    made = prediction(0.3, 0.35, 0.3, 0.05, reasons=(Reason.UNLIKE_TRAINING,))
    font = QFont()
    font.setPointSizeF(points)
    image = QImage(900, 700, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(QColor(0, 0, 0, 0))
    painter = QPainter(image)
    covered = CardPainter(card_content(field(made=made, review=review)), font).paint(
        painter, QPointF(20, 20), style
    )
    painter.end()
    pixels = image.constBits()
    stride = image.bytesPerLine()
    for x in range(0, 900, 3):
        for y in range(0, 700, 3):
            inside = covered.adjusted(-2, -2, 2, 2).contains(QPointF(x, y))
            if not inside:
                assert pixels[y * stride + 4 * x + 3] == 0, (x, y)


def test_a_small_canvas_gets_the_badge():
    scene = Scene(record=field(made=prediction()))
    assert scene.fitting_style(QSizeF(900, 600), QFont()) is OverlayStyle.BARS
    assert scene.fitting_style(QSizeF(200, 160), QFont()) is OverlayStyle.BADGE
    scene.layers = Layers(style=OverlayStyle.OFF)
    assert scene.fitting_style(QSizeF(900, 600), QFont()) is OverlayStyle.OFF


def test_the_styles_follow_each_other_in_a_circle():
    style = OverlayStyle.BARS
    seen = []
    for _ in range(3):
        seen.append(style)
        style = style.following()
    assert style is OverlayStyle.BARS
    assert len(set(seen)) == 3


def test_a_badge_says_less_where_it_has_no_room(qapp: QApplication):
    content = card_content(field(made=prediction(0.5, 0.3, 0.1, 0.1, reasons=(Reason.LOW_CONFIDENCE,))))
    whole = CardPainter(content, qapp.font()).size(OverlayStyle.BADGE).width()
    for room in (whole + 1, whole - 1, whole / 2, 60.0):
        assert CardPainter(content, qapp.font(), room=room).size(OverlayStyle.BADGE).width() <= room
    short = CardPainter(content, qapp.font(), room=whole - 1)
    assert short._badge_text() == content.heading
    assert CardPainter(content, qapp.font(), room=whole + 1).size(OverlayStyle.BADGE).width() == whole
