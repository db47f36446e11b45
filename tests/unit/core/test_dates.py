"""Dates in every spelling: one meaning, or refused."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allstation.core.dates import read_date, spellings
from allstation.core.errors import StationError

DIGITS = {
    "Arabic": "٠١٢٣٤٥٦٧٨٩",
    "Persian": "۰۱۲۳۴۵۶۷۸۹",
    "Devanagari": "०१२३४५६७८९",
    "Bengali": "০১২৩৪৫৬৭৮৯",
    "Thai": "๐๑๒๓๔๕๖๗๘๙",
    "full width": "０１２３４５６７８９",
    "mathematical": "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
}


def kept(text: str, *, timed: bool = True) -> str:
    return str(read_date(text, "Received", timed=timed, year=2026))


@pytest.mark.parametrize(
    "text",
    [
        "2019-03-04",
        "2019/3/4",
        "2019.03.04",
        "20190304",
        "04.03.2019",
        "4.3.2019",
        "4. 3. 2019",
        "4 March 2019",
        "4. Mar 2019",
        "4-Mar-2019",
        "4th March 2019",
        "March 4, 2019",
        "MARCH 4 2019",
        "2019年3月4日",
        "２０１９年３月４日",
        "2019년 3월 4일",
        "  2019-03-04\n",
        "\u200e2019-03-04\u200f",
        "2019\u20113\u20114",
        "2019\u22123\u22124",
    ],
)
def test_one_date_in_many_spellings(text: str) -> None:
    assert kept(text, timed=False) == "2019-03-04"


@pytest.mark.parametrize("script", DIGITS)
def test_any_script_s_digits_count(script: str) -> None:
    table = str.maketrans("0123456789", DIGITS[script])
    assert kept("2019-03-04".translate(table)) == "2019-03-04"
    assert kept("22.11.2026 14:30".translate(table)) == "2026-11-22 14:30"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("03/04/2019", "two dates"),
        ("3-4-2019", "two dates"),
        ("2026-02-30", "calendar"),
        ("29.02.2023", "calendar"),
        ("2026-13-01", "calendar"),
        ("31/04/2026", "calendar"),
        ("0000-00-00", "calendar"),
        ("2026-11-22 25:00", "clock"),
        ("2026-11-22 14:61", "clock"),
        ("2026-11-22 14:30 +25:00", "clock"),
        ("22.11.2026 13:30 pm", "clock"),
        ("2562-03-04", "1850 to 2027"),
        ("1398-12-13", "1850 to 2027"),
        ("9999-12-31", "1850 to 2027"),
        ("04.03.19", "no date"),
        ("19-03-04", "no date"),
        ("2019", "no date"),
        ("2019-03", "no date"),
        ("yesterday", "no date"),
        ("4 Brumaire 2019", "no date"),
        ("2019-03-04 and later", "no date"),
        ("", "no date"),
        ("Ⅳ.Ⅲ.2019", "no date"),
    ],
)
def test_what_is_not_certain_or_not_possible_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(StationError, match=said) as caught:
        kept(text)
    assert caught.value.code == "bad-date"
    assert caught.value.sentence.startswith("Received: ")
    assert "Write it as YYYY-MM-DD" in caught.value.sentence


@pytest.mark.parametrize(
    ("text", "day"), [("13/04/2019", "2019-04-13"), ("04/13/2019", "2019-04-13"), ("5/5/2019", "2019-05-05")]
)
def test_slashes_are_read_where_only_one_order_is_possible(text: str, day: str) -> None:
    assert kept(text) == day


@pytest.mark.parametrize(
    ("text", "written", "instant"),
    [
        ("2026-11-22 14:30 +01:00", "2026-11-22 14:30 +01:00", "2026-11-22T14:30:00+01:00"),
        ("2026-11-22T14:30:05Z", "2026-11-22 14:30:05 +00:00", "2026-11-22T14:30:05+00:00"),
        ("22.11.2026, 2:30 pm -0500", "2026-11-22 14:30 -05:00", "2026-11-22T14:30:00-05:00"),
        ("22.11.2026 14.30 Uhr +01:00", "2026-11-22 14:30 +01:00", "2026-11-22T14:30:00+01:00"),
        ("2026-11-22", "2026-11-22", "2026-11-22"),
    ],
)
def test_a_time_of_day_is_kept_with_its_zone(text: str, written: str, instant: str) -> None:
    assert kept(text) == written
    assert kept(written) == written
    assert read_date(text, "Received", timed=True, year=2026).instant() == instant


def test_a_time_without_a_zone_takes_this_computer_s() -> None:
    instant = read_date("2026-11-22 14:30", "Received", timed=True, year=2026).instant()
    assert instant.startswith("2026-11-22T14:30:00")
    assert instant[19] in "+-"


def test_a_date_of_birth_takes_no_time() -> None:
    with pytest.raises(StationError, match="time of day"):
        kept("2019-03-04 14:30", timed=False)


@given(st.dates(date(1850, 1, 1), date(2027, 12, 31)))
def test_every_date_comes_back_from_its_own_spelling(day: date) -> None:
    assert kept(day.isoformat()) == kept(f"{day.day}.{day.month}.{day.year}") == day.isoformat()


@given(st.text(max_size=40))
def test_any_text_is_a_date_or_refused(text: str) -> None:
    try:
        found = kept(text)
    except StationError:
        return
    assert kept(found) == found


def test_the_spellings_of_a_birthday_are_known() -> None:
    assert {"2019-03-04", "04.03.2019", "4.3.2019", "03/04/2019", "20190304", "04032019"} <= set(
        spellings(date(2019, 3, 4))
    )
