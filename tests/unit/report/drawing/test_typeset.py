"""Text of every script and of no good will: measured, ordered, never read as markup."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from allstation.report.drawing.fonts import REPLACEMENT, TEXT, Fonts
from allstation.report.drawing.typeset import Typesetter, clean, clean_line

SETTER = Typesetter(Fonts())
ANY_TEXT = st.text(alphabet=st.characters(), max_size=80)


def printed(text: str) -> str:
    return "".join(run.text for run in SETTER.line(text, TEXT, size=9).runs)


@pytest.mark.parametrize(
    "text",
    ["Zażółć gęślą jaźń", "Ελληνικά", "Привет", "王小明", "かな カナ", "홍길동", "ไทย", "Աբգ", "→ ≥ × µ ½"],
)
def test_every_script_has_its_glyphs(text):
    assert REPLACEMENT not in printed(text)
    assert SETTER.line(text, TEXT, size=9).logical == ""


def test_hebrew_stands_in_visual_order_with_mirrored_brackets():
    line = SETTER.line("(שלום) עולם 123", TEXT, size=9)
    assert printed("(שלום) עולם 123") == "123 םלוע (םולש)"
    assert line.rtl
    assert line.logical == "(שלום) עולם 123"


def test_arabic_letters_are_joined():
    line = SETTER.line("محمد علي", TEXT, size=9)
    assert all("\ufe70" <= char <= "\ufeff" for run in line.runs for char in run.text.replace(" ", ""))
    assert line.logical == "محمد علي"


def test_arabic_inside_latin_keeps_the_line_left_to_right():
    line = SETTER.line("Case محمد 12", TEXT, size=9)
    assert not line.rtl
    assert printed("Case محمد 12").startswith("Case ")


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("a\U0001f9ecb", "a[U+1F9EC DNA DOUBLE HELIX]b"),
        ("\U0001f468\u200d\U0001f467", "[U+1F468 MAN][U+1F467 GIRL]"),
        ("राम 3", "[DEVANAGARI U+0930 U+093E U+092E] 3"),
        ("ሰላም", "[ETHIOPIC U+1230 U+120B U+121D]"),
        ("\U00020bb7\u91ce", "[U+20BB7 CJK UNIFIED IDEOGRAPH]\u91ce"),
        ("\U0001fae8", "[U+1FAE8"),
        ("\ue000", "[U+E000]"),
        ("\ufb01eld \U0001d7ce", "field 0"),
    ],
)
def test_what_no_font_has_is_spelt_and_never_a_box(text, spelt):
    assert printed(text).startswith(spelt)
    (wrapped,) = SETTER.wrap(text, TEXT, size=9, width=500)
    assert "".join(run.text for run in wrapped.runs) == printed(text)
    assert SETTER.fitted(text, TEXT, size=9, width=500).runs == SETTER.line(text, TEXT, size=9).runs


@given(ANY_TEXT)
@example("\U0001f9ec\u2764\ufe0f राम \u25a1")
def test_every_printed_character_has_a_glyph_of_its_own(text):
    for run in SETTER.line(text, TEXT, size=9).runs:
        glyphs = SETTER.fonts.face(run.face).face.charToGlyph
        assert all(glyphs.get(ord(char), 0) != 0 for char in run.text)


def test_a_word_that_is_spelt_is_wrapped_like_any_other():
    lines = SETTER.wrap("\U0001f9ec" * 20, TEXT, size=9, width=120)
    assert len(lines) > 10
    assert all(line.width <= 120 for line in lines)


def test_marks_that_turn_the_direction_cannot_disguise_a_name():
    assert clean("photo\u202egpj.exe") == "photo\ufffdgpj.exe"


def test_control_characters_become_visible():
    assert clean_line("a\x00b\x1bc\td\ud800") == "a\ufffdb\ufffdc d\ufffd"
    assert clean("one\r\ntwo\rthree") == "one\ntwo\nthree"


@given(ANY_TEXT, st.floats(20, 300))
@example("x" * 500, 50.0)
@example("محمد" * 50, 60.0)
@example("\t01\x1f", 20.0)  # an indent before a word that fits alone only
def test_no_wrapped_line_is_wider_than_its_column(text, width):
    lines = SETTER.wrap(text, TEXT, size=9, width=width)
    assert lines
    assert all(line.width <= width + 0.01 for line in lines)


@given(ANY_TEXT, st.floats(12, 300))
@example("x" * 10_000, 80.0)
def test_a_fitted_line_fits(text, width):
    assert SETTER.fitted(text, TEXT, size=9, width=width).width <= width


def test_wrapping_loses_no_letter():
    text = "The quick brown fox /data/cases/2026/very-long-folder-name/with_parts/field.0001.jpg jumps"
    lines = SETTER.wrap(text, TEXT, size=9, width=90)
    together = "".join("".join(run.text for run in line.runs) for line in lines)
    assert together.replace(" ", "") == text.replace(" ", "")


def test_a_suffix_does_not_stand_alone():
    lines = SETTER.wrap("smear_field_0042.jpg", TEXT, size=9, width=78)
    assert [line.runs[0].text for line in lines] == ["smear_field_", "0042.jpg"]


def test_a_shortened_name_keeps_both_ends():
    line = SETTER.fitted("smear_of_a_very_long_name_field_0042.jpeg", TEXT, size=9, width=90)
    text = "".join(run.text for run in line.runs)
    assert text.startswith("smear")
    assert text.endswith("42.jpeg")
    assert "\u2026" in text
