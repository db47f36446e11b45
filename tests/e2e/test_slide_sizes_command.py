"""``classify --pixel-size``: two slides with frames of one size, each read and reported at its own scale."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import jsonschema
import pytest
from pypdf import PdfReader

from allstation.cli import main
from allstation.commands import DONE, WRONG_USAGE
from allstation.imaging.synthetic import draw_field, write_field
from allstation.paths import resource
from allstation.report.content.options import ReportOptions
from allstation.report.pdf import write_pdf
from allstation.report.verification.verify import verify_report
from allstation.store.case import Case

pytestmark = pytest.mark.usefixtures("fresh_profile")


@pytest.fixture(scope="module")
def smears(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smears")
    for seed, slide in enumerate("ABC"):
        write_field(folder / slide / "field.png", draw_field("Pre", seed, size=(384, 512)))
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def scale_of(cell: dict[str, str]) -> float:
    return round((float(cell["area_um2"]) / float(cell["area_px"])) ** 0.5, 3)


def test_every_output_has_the_size_of_the_slide(
    smears: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, case = tmp_path / "sizes.csv", tmp_path / "a.allcase"
    table.write_text("slide;pixel_size\nB;0,25 at 512x384\nnowhere;0,1\n", "utf-8")
    given = [
        "--detail",
        "pixel_size=0.2",
        "--pixel-size",
        f"{smears / 'A'}=100 nm",
        "--pixel-size",
        str(table),
    ]
    files = {option: tmp_path / option for option in ("csv", "json", "cells")}
    written = [part for option, path in files.items() for part in (f"--{option}", str(path))]
    assert main(["classify", str(smears), "--case", str(case), *given, *written]) == DONE
    said = capsys.readouterr()
    assert "pixel sizes: 2 of 3 slides have their own" in said.out
    assert "1 rows of tables name no slide" in said.err
    assert "A: At 0.1 µm a pixel the red cells would be" in said.err
    assert {row["slide"]: scale_of(row) for row in rows_of(files["cells"])} == {"A": 0.1, "B": 0.25, "C": 0.2}
    fields = [(one["slide"], one["pixel_size_um"], one["pixel_size_of"]) for one in rows_of(files["csv"])]
    assert fields == [("A", "0.1", "slide"), ("B", "0.25", "slide"), ("C", "0.2", "case")]
    data = json.loads(files["json"].read_text("utf-8"))
    jsonschema.validate(data, json.loads(resource("schemas/fields-2.schema.json").read_text("utf-8")))
    assert [one["pixel_size"]["micrometres"] for one in data["fields"]] == [0.1, 0.25, 0.2]
    with Case.open(case, read_only=True) as stored:
        assert_reported(stored, tmp_path / "a.pdf")


def assert_reported(case: Case, target: Path) -> None:
    """See that page one names the slides with their sizes, and the annex every size."""
    write_pdf(case.snapshot(), target, ReportOptions(anonymise=False, annex=True, montage=False))
    with PdfReader(target) as reader:
        pages = [" ".join(page.extract_text().split()) for page in reader.pages]
        data = json.loads(reader.attachments["report.json"][0])
    own = "pixel size 0.2, on the slide A pixel size 0.1 µm, on the slide B pixel size 0.25 µm"
    assert own in pages[0]
    annex = next(text for text in pages[1:] if "Pixel sizes" in text)
    for line in ("A 512 × 384 1 0.1 this slide", "B 512 × 384 1 0.25 this slide", "C 512 × 384 1 0.2 all"):
        assert line in annex
    jsonschema.validate(data, json.loads(resource("schemas/report-2.schema.json").read_text("utf-8")))
    assert not verify_report(target, snapshot=case.snapshot())


def test_a_size_of_a_slide_that_is_not_there_is_refused_and_nothing_is_classified(
    smears: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = tmp_path / "a.allcase"
    assert main(["classify", str(smears), "--case", str(case), "--pixel-size", "D=0.1"]) == WRONG_USAGE
    assert "'D' is no slide of this case; its slides: A, B, C" in capsys.readouterr().err
    with Case.open(case, read_only=True) as stored:
        assert stored.queue.counts()["queued"] == stored.fields.count() == 3
        assert stored.slide_sizes.all() == ()
