"""The training library's own PDFs: text of any script is printed or spelt."""

from __future__ import annotations

from pathlib import Path

from pypdf import PdfReader

from training.evaluate.pdf import Paragraph, Table, write_pdf


def test_text_of_any_script_is_printed_or_spelt(tmp_path: Path) -> None:
    blocks = [
        Paragraph("Fr\u00fch & <b> \u738b\u5c0f\u660e \U0001f9ec"),
        Table([["class"], ["\u041f\u0440\u0438"]]),
    ]
    write_pdf(tmp_path / "t.pdf", "Check: \u767d\u8840\u75c5", blocks)
    said = " ".join(PdfReader(tmp_path / "t.pdf").pages[0].extract_text().split())
    for part in (
        "\u767d\u8840\u75c5",
        "Fr\u00fch & <b> \u738b\u5c0f\u660e [U+1F9EC DNA DOUBLE HELIX]",
        "\u041f\u0440\u0438",
    ):
        assert part in said
    assert "?" not in said
