"""A whole slide on the command line: its rectangles are fields in tables, report, outlines and folders."""

from __future__ import annotations

import csv
import hashlib
import json
import zipfile
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest
from openpyxl import load_workbook

from allstation.__main__ import main
from allstation.core.pseudonyms import nonce_of
from allstation.core.records import Review
from allstation.core.slide_part import Region, parse_part
from allstation.imaging.fields.file import read_field
from allstation.imaging.slides.identity import fingerprint
from allstation.imaging.synthetic.slide import write_slide
from allstation.paths import resource
from allstation.report.verification.verify import verify_report
from allstation.store.case import Case

NAME = "Meier_P-4711"
PLACE = ("region_x", "region_y", "region_width", "region_height", "region_level")


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scans") / f"{NAME}.svs"
    write_slide(path, seed=7, width=5000, height=3500, format="svs")
    return path


@pytest.fixture(scope="module")
def made(slide: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a case of one slide, and everything that the command writes."""
    folder = tmp_path_factory.mktemp("made")
    status = main(
        ["classify", str(slide), "--fields", "12", "--case", str(folder / "a.allcase"),
         "--csv", str(folder / "a.csv"), "--json", str(folder / "a.json"), "--xlsx", str(folder / "a.xlsx"),
         "--cells", str(folder / "cells.csv"), "--report", str(folder / "a.pdf")]
    )  # fmt: skip
    assert status == 0
    with Case.open(folder / "a.allcase") as case:
        for number in list(case.fields.ids())[:3]:
            case.reviews.add(Review(field_id=number, reviewer="Ada", class_name="Pro"))
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def everything(folder: Path) -> bytes:
    """Return all bytes below a folder, those inside workbooks unpacked."""
    found = b""
    for path in sorted(folder.rglob("*")):
        found += path.name.encode()
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as book:
                found += b"".join(book.read(name) for name in book.namelist())
        elif path.is_file():
            found += path.read_bytes()
    return found


def test_tables_name_the_file_and_the_place_of_each_field(made: Path, slide: Path) -> None:
    rows = rows_of(made / "a.csv")
    assert len(rows) == 12
    for row in rows:
        part = parse_part(row["field"])
        assert isinstance(part, Region)
        values = [part.x, part.y, part.width, part.height, part.level]
        assert [int(row[name]) for name in PLACE] == values
        assert (row["slide_file"], row["slide_fingerprint"]) == (str(slide), fingerprint(slide))
        assert (row["page"], row["status"]) == ("", "done")
    data = json.loads((made / "a.json").read_text("utf-8"))
    schema = json.loads(resource("schemas/fields-2.schema.json").read_text("utf-8"))
    jsonschema.validate(data, schema)
    assert [one["slide_part"]["x"] for one in data["fields"]] == [int(row["region_x"]) for row in rows]
    sheet = load_workbook(made / "a.xlsx", read_only=True)["Fields"]
    header, first = list(sheet.iter_rows(values_only=True))[:2]
    values = dict(zip(header, first, strict=True))
    assert [values[name] for name in PLACE] == [int(rows[0][name]) for name in PLACE]
    assert not verify_report(made / "a.pdf")


def test_cells_come_with_it(made: Path) -> None:
    rows = rows_of(made / "cells.csv")
    with Case.open(made / "a.allcase", read_only=True) as case:
        assert len(rows) == case.cells.count() > 0
    assert scales(rows) == pytest.approx([0.25], rel=0.01), "as the slide states it"


def scales(rows: list[dict[str, str]]) -> list[float]:
    """Return the different micrometres a pixel that areas were computed with."""
    found = {round((float(row["area_um2"]) / float(row["area_px"])) ** 0.5, 2) for row in rows}
    return sorted(found)


def test_what_a_person_said_of_the_slide_goes_before_the_case_and_the_file(
    slide: Path, tmp_path: Path
) -> None:
    cells = tmp_path / "c.csv"
    said = ["--detail", "pixel_size=0.4", "--pixel-size", f"{slide}=0.3"]
    assert main(["classify", str(slide), "--fields", "3", "--cells", str(cells), *said]) == 0
    assert scales(rows_of(cells)) == pytest.approx([0.3], rel=0.01)


def test_fields_of_a_new_slide_are_as_wide_as_its_own_size_says(slide: Path, tmp_path: Path) -> None:
    table = tmp_path / "f.csv"
    said = ["--fields", "3", "--csv", str(table), "--pixel-size", f"{slide.name}=0.3"]
    assert main(["classify", str(slide), *said]) == 0
    assert [0.3 * int(row["region_width"]) for row in rows_of(table)] == pytest.approx([112.5] * 3, rel=0.01)


def test_the_same_again_adds_nothing(made: Path, slide: Path) -> None:
    assert main(["classify", str(slide), "--fields", "12", "--case", str(made / "a.allcase")]) == 0
    with Case.open(made / "a.allcase") as case:
        assert (case.fields.count(), len(case.slides.all())) == (12, 1)
        assert case.audit.verify() is None


def test_without_slides_tables_have_no_such_columns(tmp_path: Path) -> None:
    from allstation.imaging.synthetic import write_demo

    write_demo(tmp_path / "fields", fields=1)
    assert main(["classify", str(tmp_path / "fields"), "--csv", str(tmp_path / "a.csv")]) == 0
    assert not set(PLACE) & set(rows_of(tmp_path / "a.csv")[0])


def test_outlines_lie_in_the_coordinates_of_the_slide(made: Path, slide: Path, tmp_path: Path) -> None:
    target = tmp_path / "outlines"
    assert main(["export", str(made / "a.allcase"), "--geojson", str(target), "--show-patient"]) == 0
    (file,) = target.glob("*.geojson")
    collection = json.loads(file.read_text("utf-8"))
    assert collection["properties"]["image"] == slide.name
    fields = [one for one in collection["features"] if one["properties"]["objectType"] == "annotation"]
    cells = [one for one in collection["features"] if one["properties"]["objectType"] == "detection"]
    with Case.open(made / "a.allcase", read_only=True) as case:
        parts = [field.part for field in case.snapshot().fields]
        stored = {cell.field_id: cell for cell in reversed(case.cells.page())}
        where = {field.id: (number, field.part) for number, field in enumerate(case.snapshot().fields, 1)}
        total = case.cells.count()
    of_case = [one for one in cells if "Area µm^2" in one["properties"]["measurements"]]
    assert len(of_case) == total > 0
    assert [tuple(one["geometry"]["coordinates"][0][0]) for one in fields] == [(p.x, p.y) for p in parts]
    assert [tuple(one["geometry"]["coordinates"][0][2]) for one in fields] == [
        (p.x + p.width, p.y + p.height) for p in parts
    ]
    for field_id, cell in stored.items():
        number, part = where[field_id]
        wanted = f"Field {number}, cell {cell.number}"
        feature = next(one for one in cells if one["properties"]["name"] == wanted)
        points = np.concatenate([np.reshape(ring, (-1, 2)) for ring in _rings(feature)])
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        expected = (part.x + cell.left + cell.width / 2, part.y + cell.top + cell.height / 2)
        assert middle == pytest.approx(expected, abs=3)


def _rings(feature: dict) -> list:
    polygons = feature["geometry"]["coordinates"]
    return (
        polygons if feature["geometry"]["type"] == "Polygon" else [ring for one in polygons for ring in one]
    )


def test_a_labelled_folder_gets_the_pixels_as_png(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "labelled"
    assert main(["export", str(made / "a.allcase"), "--labelled", str(target), "--show-patient"]) == 0
    rows = rows_of(target / "labels.csv")
    assert len(rows) == 3
    with Case.open(made / "a.allcase", read_only=True) as case:
        by_source = {f"{field.path.parent.name}/{field.path.name}": field for field in case.fields.page()}
    for row in rows:
        written = cv2.cvtColor(cv2.imread(str(target / row["path"])), cv2.COLOR_BGR2RGB)
        assert row["path"].endswith(".png")
        field = by_source[row["source"]]
        assert np.array_equal(written, read_field(field.path, sha256=field.sha256).pixels)
    assert not list(made.glob("a.allcase/**/*.png")), "nothing is copied that was not asked for"


def test_an_anonymised_export_holds_neither_name_nor_metadata(
    made: Path, slide: Path, tmp_path: Path
) -> None:
    case = str(made / "a.allcase")
    options = [
        "--geojson",
        str(tmp_path / "g"),
        "--labelled",
        str(tmp_path / "l"),
        "--dicom",
        str(tmp_path / "d"),
    ]
    assert main(["export", case, *options, "--fhir", str(tmp_path / "f.json")]) == 0
    assert main(["cells", case, "--csv", str(tmp_path / "c.csv"), "--anonymised"]) == 0
    assert main(["report", case, "--out", str(tmp_path)]) == 0
    found = everything(tmp_path)
    for private in (NAME, "P-4711", "Meier", slide.suffix, fingerprint(slide), "SYNTHETIC", "S26-42"):
        assert private.encode() not in found, private
    (file,) = (tmp_path / "g").glob("*.geojson")
    about = json.loads(file.read_text("utf-8"))["properties"]
    assert nonce_of(about["fingerprint"])
    assert nonce_of(about["fingerprint"]) == nonce_of(about["code"])


def test_every_square_with_tissue(tmp_path: Path) -> None:
    slide = tmp_path / "small.svs"
    write_slide(slide, seed=1, width=1600, height=1000, format="svs")
    status = main(["classify", str(slide), "--fields", "all", "--csv", str(tmp_path / "a.csv")])
    assert status == 0
    rows = rows_of(tmp_path / "a.csv")
    assert len(rows) >= 5
    assert len({tuple(row[name] for name in PLACE) for row in rows}) == len(rows)


def test_nothing_is_written_where_a_part_of_the_export_cannot_be(
    slide: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case, fhir = tmp_path / "a.allcase", tmp_path / "f.json"
    assert main(["classify", str(slide), "--fields", "1", "--case", str(case)]) == 0
    for words, why in (
        (["--shares", str(tmp_path / "s.csv")], "no shares to write"),
        (["--labelled", str(tmp_path / "l")], "has a class set by a person"),
    ):
        assert main(["export", str(case), "--fhir", str(fhir), *words]) == 2
        assert why in capsys.readouterr().err
        assert not fhir.exists()


def test_a_byte_that_no_fingerprint_sees_is_found_when_the_whole_slide_is_read(
    slide: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, case = tmp_path / "a.svs", tmp_path / "a.allcase"
    path.write_bytes(slide.read_bytes() + bytes(16 << 20))
    assert main(["classify", str(path), "--fields", "1", "--case", str(case)]) == 0
    with Case.open(case) as opened:
        for file in opened.slide_files.unhashed():
            opened.slide_files.forget_pieces(file.slide_id)
            opened.slide_files.add_piece(file.slide_id, 0, hashlib.sha256(path.read_bytes()).digest())
            opened.slide_files.finish_hash(file.slide_id)
    assert main(["audit", str(case), "--slides"]) == 0
    assert "a.svs: every byte is as it was added" in capsys.readouterr().out
    known, size = fingerprint(path), path.stat().st_size
    with path.open("r+b") as changed:
        changed.seek((size - (1 << 16)) * 40 // 63 + (1 << 16) + 100)
        changed.write(b"\1")
    assert fingerprint(path) == known
    assert main(["audit", str(case)]) == 0
    assert main(["audit", str(case), "--slides"]) == 1
    assert "a.svs: its bytes are others than those that were added" in capsys.readouterr().out
    path.unlink()
    assert main(["audit", str(case), "--slides"]) == 1
