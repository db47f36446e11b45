"""What a report says on its first page: of a clock that is wrong, and of characters that no font has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pypdfium2
import pytest
from pypdf import PdfReader

from allstation.__main__ import main
from allstation.core.records import Review
from allstation.report.drawing.fonts import REPLACEMENT
from allstation.store.case import Case
from tests.unit.report.factory import stored_case

REMARK = "before the last entry of the case's audit trail"


def page_one(path: Path) -> str:
    return " ".join(PdfReader(path).pages[0].extract_text().split())


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return stored_case(tmp_path, 3)


def reviewed_at(case: Path, moment: datetime) -> None:
    with Case.open(case, clock=lambda: moment) as stored:
        stored.reviews.add(Review(field_id=stored.fields.page()[0].id, reviewer="Ana", class_name="Pre"))


@pytest.mark.parametrize("template", ["full", "summary", "contact"])
def test_a_report_before_the_last_entry_of_the_trail_says_so(
    template: str, case: Path, tmp_path: Path, capsys
) -> None:
    reviewed_at(case, datetime.now(UTC) + timedelta(days=400))
    assert main(["report", str(case), "--template", template, "--out", str(tmp_path / "o")]) == 0
    said = page_one(tmp_path / "o" / "Musterfrau.pdf")
    assert REMARK in said
    assert "The clock of a computer is or was wrong" in said
    assert REMARK in capsys.readouterr().err
    assert main(["verify-report", str(tmp_path / "o" / "Musterfrau.pdf"), "--case", str(case)]) == 0


def test_a_report_after_the_last_entry_says_nothing_of_clocks(case: Path, tmp_path: Path, capsys) -> None:
    reviewed_at(case, datetime.now(UTC) - timedelta(seconds=30))
    assert main(["report", str(case), "--out", str(tmp_path / "o")]) == 0
    assert "audit trail (" not in page_one(tmp_path / "o" / "Musterfrau.pdf")
    assert "note" not in capsys.readouterr().err


def test_emoji_and_rare_scripts_are_spelt_on_the_page(case: Path, tmp_path: Path) -> None:
    comment = "\U0001f9ec seen by राम \U0001f44d\U0001f3fd, \u2764\ufe0f, \U0001fae8"
    words = ["--template", "summary", "--comment", comment, "--out", str(tmp_path / "o")]
    assert main(["report", str(case), *words]) == 0
    report = tmp_path / "o" / "Musterfrau.pdf"
    said = page_one(report)
    for part in (
        "[U+1F9EC DNA DOUBLE HELIX] seen by [DEVANAGARI U+0930 U+093E U+092E]",
        "[U+1F44D THUMBS UP SIGN]",
        "\u2764",
        "[U+1FAE8",
    ):
        assert part in said
    for box in (REPLACEMENT, "\u25a1", "\u25a0"):
        assert box not in said
    page = pypdfium2.PdfDocument(report)[0].get_textpage()
    assert "[U+1F9EC DNA DOUBLE HELIX]" in " ".join(page.get_text_range().split())
    assert main(["verify-report", str(report), "--case", str(case)]) == 0
