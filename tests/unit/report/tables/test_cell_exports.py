"""Cells of a case as other programs read them: workbook, GeoJSON, COCO, FHIR, DICOM SR."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess

import cv2
import numpy as np
import openpyxl
import pytest

from allstation.core.cell_types import PANEL_LOINC, SHIPPED_TYPES, CellSummary, Counts
from allstation.core.statistics import clopper_pearson
from allstation.report.content.anonymise import anonymised_cells
from allstation.report.content.free_text import Anonymity
from allstation.report.content.options import ReportOptions
from allstation.report.exchange.differential_codes import LOINC_NAMES, is_blood
from allstation.report.exchange.fhir import fhir_bundle
from allstation.report.exchange.outlines import write_outlines
from allstation.report.tables.case_tables import write_xlsx
from allstation.report.tables.cells import write_cells_csv, write_coco
from allstation.services.reports.case_cells import cells_of_case
from allstation.store.case import Case
from tests import makers
from tests.every_byte import everything_in, found_in
from tests.unit.report.exchange.test_exchange import of, strictly
from tests.unit.report.factory import CLOCK, stored_case

READERS = {"Vexbabaley": ("blast", "lymphocyte", "blast"), "Vexcabaley": ("blast", "smudge-cell", "blast")}
OPEN = ReportOptions(clock=CLOCK, template="summary", anonymise=False)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A case with three cells in each of two fields, typed by two people, one of them proposed for."""
    folder = tmp_path_factory.mktemp("cells")
    with Case.open(stored_case(folder, 3, reviewed=1)) as case:
        ids = list(case.fields.ids())[:2]
        made = [
            case.cells.add(field, makers.new_cell(number), "Vexdabaley")
            for field in ids
            for number in (1, 2, 3)
        ]
        assert made
        cells = list(case.cells.ids())
        for reader, types in READERS.items():
            for cell, kind in zip(cells, types, strict=False):
                case.cells.set_type([cell], kind, reader)
        case.cells.save_proposals([(cells[3], "monocyte", 0.93)], "ab" * 32)
        yield case


@pytest.fixture(scope="module")
def snapshot(stored):
    return stored.snapshot()


def sources(stored, snapshot):
    cells = cells_of_case(stored)
    return {"open": cells, "hidden": anonymised_cells(cells, snapshot, Anonymity())}


def test_anonymised_cells_name_nobody_and_join_with_nothing(stored, snapshot, tmp_path):
    names = [*READERS, "Vexdabaley"]
    for name, cells in sources(stored, snapshot).items():
        files = [
            write_cells_csv(cells, tmp_path / f"{name}.csv"),
            write_coco(cells, tmp_path / f"{name}.json"),
        ]
        anonymise = Anonymity() if name == "hidden" else None
        files.append(write_xlsx(snapshot, tmp_path / f"{name}.xlsx", cells=cells, anonymise=anonymise))
        done = write_outlines(snapshot, tmp_path / name, cells=cells, anonymise=anonymise)
        seen = found_in(everything_in([*files, *done.written]), names)
        assert set(seen) == (
            set() if name == "hidden" else {"Vexcabaley", "Vexdabaley"} | set(seen) & {"Vexbabaley"}
        )
    header = (tmp_path / "hidden.csv").read_text("utf-8").splitlines()[0]
    assert header.endswith(",code")
    assert "drawn_0" not in (tmp_path / "hidden.json").read_text("utf-8")
    with Case.open(stored.folder, read_only=True) as reader:
        code = (tmp_path / "hidden.csv").read_text("utf-8").splitlines()[1].rsplit(",", 1)[1]
        assert reader.trace(code) == snapshot.fields[0].sha256


def test_a_workbook_has_a_sheet_of_cells(stored, snapshot, tmp_path):
    cells = cells_of_case(stored)
    write_xlsx(snapshot, tmp_path / "t.xlsx", cells=cells)
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx")["Cells"]
    titles = [cell.value for cell in sheet[1]]
    wanted = [
        "field",
        "cell",
        "x",
        "y",
        "width",
        "height",
        "area_px",
        "area_um2",
        "edge",
        "type",
        "proposed",
        "probability",
    ]
    assert titles[:12] == wanted
    rows = [
        dict(zip(titles, [cell.value for cell in line], strict=True)) for line in sheet.iter_rows(min_row=2)
    ]
    records = stored.cells.records(stored.cells.ids())
    assert [row["cell"] for row in rows] == [one.number for one in records]
    for row, one in zip(rows, records, strict=True):
        assert row["area_px"] == pytest.approx(one.area_px)
        assert row["area_um2"] == pytest.approx(one.area_px * 0.01, rel=1e-3)
        assert (row["edge"], row["type"] or "", row["proposed"] or "") == (
            one.at_edge,
            one.type,
            one.proposed,
        )
    assert rows[3]["probability"] == pytest.approx(0.93)
    assert "Cells" not in openpyxl.load_workbook(write_xlsx(snapshot, tmp_path / "u.xlsx")).sheetnames


def test_qupath_reads_polygons_types_and_colours(stored, snapshot, tmp_path):
    cells = cells_of_case(stored)
    done = write_outlines(snapshot, tmp_path / "out", cells=cells)
    assert len(done.written) == 3
    blast = next(one for one in SHIPPED_TYPES if one.key == "blast")
    by_field = [found for _, found in cells.by_field()]
    for path, found in zip(done.written[:2], by_field, strict=True):
        collection = json.loads(path.read_text("utf-8"))
        assert collection["type"] == "FeatureCollection"
        assert len({one["id"] for one in collection["features"]}) == 3
        for feature, one in zip(collection["features"], found, strict=True):
            (ring,) = feature["geometry"]["coordinates"]
            assert ring[0] == ring[-1]
            points = np.array(ring, np.float32)
            assert cv2.contourArea(points) == pytest.approx(one.area_px, rel=0.05)
            corner = [one.outline.left * 512 / 224, one.outline.top * 384 / 224]
            assert points.min(axis=0) == pytest.approx(corner, abs=1.0)
            said = feature["properties"]
            assert said["objectType"] == "detection"
            assert said["measurements"]["Area px^2"] == one.area_px
            if one.type == "blast":
                colour = [int(blast.colour[at : at + 2], 16) for at in (1, 3, 5)]
                assert said["classification"] == {"name": "Blast", "color": colour}
            elif not one.type:
                assert said["classification"]["name"] == "White cell"
    proposed = json.loads(done.written[1].read_text("utf-8"))["features"][0]["properties"]
    assert proposed["metadata"]["Proposed"] == "Monocyte"
    # Classified before cells were kept: found again, as ever.
    assert json.loads(done.written[2].read_text("utf-8"))["properties"]["image"] == "drawn_02.jpg"


def test_coco_masks_decode_to_the_cells(stored, snapshot, tmp_path):
    for cells in sources(stored, snapshot).values():
        data = json.loads(write_coco(cells, tmp_path / "c.json").read_text("utf-8"))
        images = {one["id"]: one for one in data["images"]}
        names = {one["id"]: one["name"] for one in data["categories"]}
        assert len(data["annotations"]) == 6
        for one in data["annotations"]:
            height, width = one["segmentation"]["size"]
            assert (width, height) == (images[one["image_id"]]["width"], images[one["image_id"]]["height"])
            runs = one["segmentation"]["counts"]
            mask = np.repeat(np.arange(len(runs)) % 2, runs).reshape(width, height).T
            assert int(mask.sum()) == one["area"]
            ys, xs = np.nonzero(mask)
            left, top, across, down = one["bbox"]
            assert left <= xs.min() <= xs.max() < left + across
            assert top <= ys.min() <= ys.max() < top + down
        assert {names[one["category_id"]] for one in data["annotations"]} >= {"blast", "white-cell"}


def test_the_differential_is_a_panel_of_loinc_for_each_reader(snapshot):
    made = fhir_bundle(snapshot, OPEN)
    assert strictly(made).as_json() == made
    observations = of(made, "Observation")
    panels = [one for one in observations if one.get("hasMember")]
    assert [one["performer"][0]["display"] for one in panels] == sorted(READERS)
    by_url = {entry["fullUrl"]: entry["resource"] for entry in made["entry"]}
    for panel in panels:
        assert panel["code"]["coding"][0] == {
            "system": "http://loinc.org", "code": PANEL_LOINC, "display": LOINC_NAMES[PANEL_LOINC],
        }  # fmt: skip
        assert "device" not in panel
        assert any("Fewer than 100 cells" in note["text"] for note in panel["note"])
    members = [by_url[one["reference"]] for one in panels[1]["hasMember"]]
    coded = {one["code"]["coding"][0]["code"]: one for one in members}
    blast = coded["26446-5"]
    interval = clopper_pearson(2, 2)
    assert (blast["valueQuantity"]["value"], blast["valueQuantity"]["code"]) == (100.0, "%")
    parts = {one["code"]["coding"][0]["code"]: one["valueQuantity"]["value"] for one in blast["component"]}
    assert parts == {
        "cells": 2, "white-cells-counted": 2,
        "share-low": round(100 * interval.low, 4), "share-high": round(100 * interval.high, 4),
    }  # fmt: skip
    smudge = coded["34992-8"]["valueQuantity"]
    assert (smudge["value"], smudge["code"]) == (50.0, "/100{WBCs}")
    (report,) = of(made, "DiagnosticReport")
    results = {one["reference"] for one in report["result"]}
    assert not results & {one["reference"] for panel in panels for one in panel["hasMember"]}
    assert len(results) == len(observations) - sum(len(panel["hasMember"]) for panel in panels)


def test_without_knowing_that_it_is_blood_no_loinc_is_claimed(snapshot):
    marrow = dataclasses.replace(snapshot, details={"specimen": "Bone marrow aspirate"})
    assert "http://loinc.org" not in json.dumps(fhir_bundle(marrow, OPEN))
    assert "http://loinc.org" not in json.dumps(fhir_bundle(dataclasses.replace(snapshot, details={}), OPEN))
    assert is_blood({"Specimen-Type": "EDTA blood"})
    assert not is_blood({"specimen": "Cord blood"})


def test_readers_of_an_anonymised_bundle_are_numbered(snapshot):
    panels = [
        one
        for one in of(fhir_bundle(snapshot, ReportOptions(clock=CLOCK)), "Observation")
        if one.get("hasMember")
    ]
    assert sorted(one["performer"][0]["display"] for one in panels) == ["reviewer 2", "reviewer 3"]


@pytest.mark.parametrize("code", sorted({*LOINC_NAMES, *(one.loinc for one in SHIPPED_TYPES if one.loinc)}))
def test_a_loinc_is_spelled_right_and_has_a_name(code):
    """The last digit checks the others (LOINC Users' Guide, appendix: mod 10)."""
    digits, check = code.split("-")
    odd, even = digits[::-1][::2], digits[::-1][1::2]
    total = sum(map(int, str(int(odd) * 2))) + sum(map(int, even))
    assert -total % 10 == int(check)
    assert code in LOINC_NAMES


# --- DICOM ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counts(snapshot, tmp_path_factory):
    pytest.importorskip("pydicom", reason="pydicom is not installed (the optional part [dicom])")
    from allstation.report.exchange.dicom import write_dicom

    made = {}
    for name, options in (("open", OPEN), ("hidden", ReportOptions(clock=CLOCK))):
        folder = tmp_path_factory.mktemp(name)
        write_dicom(dataclasses.replace(snapshot, fields=()), folder, options)
        made[name] = folder / "cell-counts.dcm"
    return made


def items(dataset):
    for one in dataset.get("ContentSequence", ()):
        yield one
        yield from items(one)


def test_a_structured_report_holds_the_counts(counts):
    import pydicom

    made = pydicom.dcmread(counts["open"])
    assert made.SOPClassUID.name == "Comprehensive SR Storage"
    assert made.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    groups = [one for one in items(made) if one.ConceptNameCodeSequence[0].CodeMeaning == "Measurement Group"]
    assert len(groups) == 2
    numbers = {
        one.ConceptNameCodeSequence[0].get(
            "CodeValue", one.ConceptNameCodeSequence[0].get("LongCodeValue")
        ): (
            float(one.MeasuredValueSequence[0].NumericValue),
            one.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue,
        )
        for one in groups[1].ContentSequence
        if one.ValueType == "NUM"
    }
    assert numbers["white-cells-counted"] == (2, "{cells}")
    assert numbers["blast-cells"] == (2, "{cells}")
    assert numbers["26446-5"] == (100, "%")
    assert numbers["34992-8"] == (50, "/100{WBCs}")
    white = [one.loinc for one in SHIPPED_TYPES if one.counts is Counts.WHITE and one.loinc]
    assert set(white) <= set(numbers)
    blast = next(
        one
        for one in groups[1].ContentSequence
        if one.ConceptNameCodeSequence[0].get("CodeValue") == "26446-5"
    )
    low, high = (float(one.MeasuredValueSequence[0].NumericValue) for one in blast.ContentSequence)
    interval = clopper_pearson(2, 2)
    assert (low, high) == (pytest.approx(100 * interval.low, abs=1e-3), pytest.approx(100 * interval.high))


def test_an_anonymised_structured_report_numbers_its_readers(counts):
    import pydicom

    made = pydicom.dcmread(counts["hidden"])
    people = [str(one.PersonName) for one in items(made) if one.ValueType == "PNAME"]
    assert sorted(people) == ["reviewer 2", "reviewer 3"]
    assert found_in(everything_in([counts["hidden"]]), [*READERS, "Vexdabaley"]) == {}
    assert set(READERS) == set(found_in(everything_in([counts["open"]]), [*READERS]))


@pytest.mark.skipif(
    shutil.which("dsrdump") is None, reason="dsrdump is not installed (apt-get install dcmtk)"
)
def test_another_toolkit_reads_the_structured_report(counts):
    done = subprocess.run(["dsrdump", "+Pc", counts["open"]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"^E:", done.stderr, re.MULTILINE), done.stderr
    assert "Imaging Measurement Report" in done.stdout
    assert 'NUM:(26446-5,LN,"Blasts/Leukocytes in Blood")="100"' in done.stdout


@pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="dciodvfy is not installed (apt-get install dicom3tools)"
)
@pytest.mark.parametrize("name", ["open", "hidden"])
def test_a_validator_finds_no_error_in_the_structured_report(counts, name):
    done = subprocess.run(["dciodvfy", "-new", counts[name]], capture_output=True, text=True, check=False)
    assert not [line for line in done.stderr.splitlines() if line.startswith("Error")], done.stderr


def test_without_a_count_there_is_no_structured_report(snapshot, tmp_path):
    pytest.importorskip("pydicom", reason="pydicom is not installed (the optional part [dicom])")
    from allstation.report.exchange.dicom import write_dicom

    none = dataclasses.replace(snapshot, fields=(), cells=CellSummary(by_reader={"A": {"artefact": 3}}))
    assert write_dicom(none, tmp_path / "d", OPEN).written == ()
