"""Every text can be read on its ground: WCAG 2.2, 4.5:1, and 3:1 for large text, icons and marks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QSizeF
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from allstation import paths
from allstation.core import classes
from allstation.core.cell_types import SHIPPED_TYPES
from allstation.core.classes import CLASS_NAMES, NEEDS_REVIEW, ClassStyle, class_style
from allstation.core.contrast import LARGE, TEXT, contrast, luminance, readable_ink
from allstation.report.drawing import palette, plots
from allstation.report.sections.letterhead import STATUS_COLOURS
from allstation.ui.browser import tile
from allstation.ui.common import theme
from allstation.ui.training.plots import curves
from allstation.ui.training.plots.confusion import ConfusionTable
from allstation.ui.viewer import card, evidence
from tests.ui.pixels import pixels_of

SCHEMES = {"light": theme.LIGHT, "dark": theme.DARK}
GROUNDS = ("window", "panel", "base", "canvas", "selection", "hover")
MARK_COLOURS = {
    **{name: class_style(name).colour for name in (*CLASS_NAMES, NEEDS_REVIEW)},
    **{f"other class {at}": colour for at, colour in enumerate(classes._OTHERS)},
    **{kind.key: kind.colour for kind in SHIPPED_TYPES},
}
NEVER_ON = {"accent": {"selection", "canvas"}}
"""Grounds on which a colour is never a text: what is selected has the colour of reading text."""


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
def test_texts_of_a_scheme_can_be_read_on_its_grounds(scheme: theme.Tokens) -> None:
    low = [
        (text, ground)
        for text in ("text", "muted", "accent", "ok", "warning", "danger")
        for ground in GROUNDS
        if ground not in NEVER_ON.get(text, ())
        and contrast(getattr(scheme, text), getattr(scheme, ground)) < TEXT
    ]
    assert not low
    assert contrast(scheme.on_accent, scheme.accent) >= TEXT
    assert contrast(scheme.on_danger, scheme.danger) >= TEXT
    for mark in ("accent", "ok", "warning", "danger", "muted"):
        for ground in GROUNDS:
            assert contrast(getattr(scheme, mark), getattr(scheme, ground)) >= LARGE, (mark, ground)


def rules() -> Iterator[tuple[str, str, str]]:
    """Yield selector, text and ground token of each rule of the style sheet that sets a text's colour."""
    sheet = re.sub(r"/\*.*?\*/", "", paths.resource("styles/station.qss").read_text("utf-8"), flags=re.DOTALL)
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", sheet):
        text = re.search(r"(?<![-\w])color:\s*\$(\w+)", body)
        ground = re.search(r"(?<![-\w])background:\s*\$(\w+)", body)
        if text is not None:
            yield selector.strip(), text[1], ground[1] if ground is not None else ""


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
def test_texts_of_the_style_sheet_can_be_read(scheme: theme.Tokens) -> None:
    """Disabled texts are exempt (WCAG 2.2, 1.4.3); a rule without a ground lies on window, panel or base."""
    found = list(rules())
    assert len(found) > 30
    low = [
        (selector, text, ground)
        for selector, text, own in found
        if "disabled" not in selector and "badge" not in selector
        for ground in ((own,) if own else ("window", "panel", "base"))
        if contrast(getattr(scheme, text), getattr(scheme, ground)) < TEXT
    ]
    assert not low


@pytest.mark.parametrize("name", MARK_COLOURS)
def test_letters_can_be_read_on_the_colours_of_classes_and_cell_types(name: str) -> None:
    colour = MARK_COLOURS[name]
    assert contrast(theme.readable_on(QColor(colour)).name(), colour) >= TEXT
    assert contrast(palette.ink_on(colour), colour) >= TEXT


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_a_drawn_chip_has_a_letter_that_can_be_read(name: str, qapp: QApplication) -> None:
    """White on pink had 2.3:1: here the pixels are measured, ground against letter."""
    style: ClassStyle = class_style(name)
    drawn = pixels_of(tile._chip(style, QFont(theme.FONT_FAMILY), QSizeF(40, 40), 1.0).toImage())
    middle = drawn[6:34, 6:34].reshape(-1, 3)
    colours, counts = np.unique(middle, axis=0, return_counts=True)
    ground, letter = (QColor(*map(int, colours[at])).name() for at in np.argsort(counts)[::-1][:2])
    assert style.colour in {ground, letter}
    assert contrast(ground, letter) >= TEXT


@pytest.mark.parametrize("mode", SCHEMES)
def test_figures_of_the_confusion_matrix_can_be_read_at_any_shade(mode: str, qtbot: QtBot) -> None:
    scheme = SCHEMES[mode]
    table = ConfusionTable()
    qtbot.addWidget(table)
    dark = table.palette()
    dark.setColor(dark.ColorRole.Window, QColor(scheme.window))
    table.setPalette(dark)
    for right in range(0, 101, 10):
        table.set_counts(("a", "b"), [[right, 100 - right], [100 - right, right]])
        for column in (0, 1):
            item = table.item(0, column)
            ground = theme.blended(item.background().color(), QColor(scheme.base)).name()
            assert contrast(item.foreground().color().name(), ground) >= TEXT, (right, column)


def test_the_card_can_be_read_over_the_brightest_and_the_darkest_field() -> None:
    for below in ("#ffffff", "#000000"):
        ground = theme.blended(card.GROUND, QColor(below)).name()
        for text in (card._TEXT, card._QUIET, evidence._QUIET):
            assert contrast(text.name(), ground) >= TEXT, (text.name(), below)


def test_the_printed_page_can_be_read() -> None:
    for text in (palette.INK, palette.MUTED, palette.ACCENT, palette.WARNING, palette.DANGER):
        for ground in (palette.PAPER, palette.WASH, palette.WARNING_WASH):
            assert contrast(text, ground) >= TEXT, (text, ground)
    for colour in STATUS_COLOURS.values():
        assert contrast(palette.ink_on(colour), colour) >= TEXT
        assert contrast(colour, palette.PAPER) >= TEXT
    for share in np.linspace(0, 1, 21):
        shade = plots._mixed(float(share))
        assert contrast(palette.ink_on(shade), shade) >= TEXT, share


def test_curves_are_seen_in_both_schemes() -> None:
    for colour in (curves._TRAINING, curves._VALIDATION):
        for scheme in SCHEMES.values():
            assert contrast(colour, scheme.base) >= LARGE


def test_contrast_is_that_of_wcag() -> None:
    """Black on white has 21; #777777 on white has 4.48, the usual example of just too little."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert luminance("#ffffff") == pytest.approx(1)
    assert all(
        contrast(readable_ink(f"#{v:02x}{v:02x}{v:02x}", ()), f"#{v:02x}{v:02x}{v:02x}") >= TEXT
        for v in range(256)
    )
