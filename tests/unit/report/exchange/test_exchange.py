"""What leaves the station for other systems, read back by the readers those systems use."""

from __future__ import annotations

import base64
import csv
import dataclasses
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from allstation.core.errors import StationError
from allstation.core.records import Review
from allstation.imaging.synthetic import draw_field, write_field
from allstation.report.content.build import build_content
from allstation.report.content.free_text import Anonymity
from allstation.report.content.options import ReportOptions
from allstation.report.exchange.annotate import annotated
from allstation.report.exchange.dicom import write_dicom
from allstation.report.exchange.fhir import fhir_bundle, write_fhir
from allstation.report.exchange.labelled import write_labelled
from allstation.report.exchange.outlines import outlines, write_outlines
from allstation.report.pdf import write_pdf
from tests.unit.report.factory import CLOCK, DETAILS, with_file

OPEN = ReportOptions(clock=CLOCK, anonymise=False, template="summary", reviewer="Dr. B", status="final")
HIDDEN = ReportOptions(clock=CLOCK, template="summary")


def of(bundle, kind):
    return [one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == kind]


# --- FHIR -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reported(factory, tmp_path_factory):
    snapshot = factory.snapshot(20, slides=2, reviewed=5)
    path = write_pdf(snapshot, tmp_path_factory.mktemp("fhir") / "r.pdf", OPEN)
    return snapshot, path


def strictly(made):
    """Read a bundle with SMART's client, generated from the definitions of FHIR 4.0.1."""
    import fhirclient.models.bundle as models

    return models.Bundle(json.loads(json.dumps(made)), strict=True)


@pytest.mark.parametrize("options", [OPEN, HIDDEN, ReportOptions(clock=CLOCK, reason="r", comment="c")])
def test_every_resource_fits_the_models_of_fhir_4_0_1(reported, options):
    snapshot, path = reported
    made = fhir_bundle(snapshot, options, pdf=path.read_bytes())
    read = strictly(made)
    assert [one.resource.resource_type for one in read.entry] == [
        one["resource"]["resourceType"] for one in made["entry"]
    ]
    assert read.as_json() == made


@pytest.mark.parametrize(
    "spoil",
    [
        lambda report: report.update(status=3),
        lambda report: report.pop("code"),
        lambda report: report.update(no_progress="of"),
        lambda report: report.update(presentedForm="no list"),
    ],
)
def test_the_models_refuse_what_they_should(reported, spoil):
    from fhirclient.models.fhirabstractbase import FHIRValidationError

    made = fhir_bundle(reported[0], OPEN)
    spoil(made["entry"][0]["resource"])
    with pytest.raises(FHIRValidationError):
        strictly(made)


def test_every_reference_leads_to_a_resource_of_the_bundle(reported):
    bundle = fhir_bundle(reported[0], OPEN)
    known = {one["fullUrl"] for one in bundle["entry"]}
    found: list[str] = []

    def walk(value) -> None:
        if isinstance(value, dict):
            if "reference" in value:
                found.append(value["reference"])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(bundle)
    assert len(found) > 20
    assert set(found) <= known


def test_observations_hold_the_report_s_figures(reported):
    content = build_content(reported[0], OPEN)
    observations = {one["code"]["text"]: one for one in of(fhir_bundle(reported[0], OPEN), "Observation")}
    for share in content.counts.shares[:-1]:
        found = observations[f"Fields of class {share.name}"]
        assert found["valueQuantity"]["value"] == share.count
        assert [part["valueQuantity"]["value"] for part in found["component"]] == [
            round(100 * value, 4) for value in (share.share, share.low, share.high)
        ]
    assert (
        observations["White cells found in the fields read"]["valueQuantity"]["value"] == content.counts.cells
    )


def test_the_pdf_travels_whole(reported):
    snapshot, path = reported
    (report,) = of(fhir_bundle(snapshot, OPEN, pdf=path.read_bytes()), "DiagnosticReport")
    (form,) = report["presentedForm"]
    data = base64.b64decode(form["data"])
    assert data == path.read_bytes()
    assert form["hash"] == base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
    assert report["status"] == "final"


def test_an_anonymised_bundle_names_nobody(reported):
    text = json.dumps(fhir_bundle(reported[0], HIDDEN))
    for key in ("patient_name", "patient_id", "birth_date", "request_id", "requester"):
        assert DETAILS[key] not in text
    (patient,) = of(json.loads(text), "Patient")
    assert patient["meta"]["security"][0]["code"] == "ANONYED"
    (named,) = of(fhir_bundle(reported[0], OPEN), "Patient")
    assert named["name"] == [{"text": DETAILS["patient_name"]}]
    assert (named["gender"], named["birthDate"]) == ("female", "2019-03-04")


def test_the_same_report_is_the_same_bundle_and_is_written(reported, tmp_path):
    snapshot, path = reported
    first = write_fhir(snapshot, tmp_path / "a.json", OPEN, pdf=path.read_bytes()).read_bytes()
    assert first == write_fhir(snapshot, tmp_path / "b.json", OPEN, pdf=path.read_bytes()).read_bytes()


# --- DICOM ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dicom(reported, tmp_path_factory):
    pytest.importorskip("pydicom", reason="pydicom is not installed (the optional part [dicom])")
    from allstation.report.exchange.dicom import write_dicom

    snapshot, path = reported
    one = dataclasses.replace(snapshot, fields=snapshot.fields[:1])
    pdf = path.read_bytes()
    named = write_dicom(one, tmp_path_factory.mktemp("dicom"), OPEN, pdf=pdf)
    hidden = write_dicom(one, tmp_path_factory.mktemp("dicom"), HIDDEN, pdf=None)
    return named.written[0], hidden.written[0]


def test_the_encapsulated_pdf_reads_back_whole(dicom, reported):
    import pydicom

    made = pydicom.dcmread(dicom[0])
    assert made.SOPClassUID.name == "Encapsulated PDF Storage"
    assert bytes(made.EncapsulatedDocument)[: made.EncapsulatedDocumentLength] == reported[1].read_bytes()
    assert str(made.PatientName) == DETAILS["patient_name"]
    assert made.PatientBirthDate == "20190304"
    assert made.PatientSex == "F"


def test_the_secondary_capture_holds_the_annotated_field_and_no_name(dicom, reported):
    import pydicom

    made = pydicom.dcmread(dicom[1])
    content = build_content(reported[0], HIDDEN)
    expected = annotated(reported[0].fields[0], content.fields[0], width=1024)
    assert made.SOPClassUID.name == "Secondary Capture Image Storage"
    assert np.array_equal(made.pixel_array, expected)
    assert made.BurnedInAnnotation == "NO"
    assert made.PatientIdentityRemoved == "YES"
    assert [one.CodeValue for one in made.DeidentificationMethodCodeSequence] == [
        "113100",
        "113107",
        "113108",
    ]
    assert str(made.PatientName) == ""
    assert made.PatientID == content.case_id
    assert made.StudyDate == "20260101"


def test_the_same_report_is_the_same_dicom_object(reported, dicom, tmp_path):
    from allstation.report.exchange.dicom import write_dicom

    one = dataclasses.replace(reported[0], fields=reported[0].fields[:1])
    again = write_dicom(one, tmp_path, OPEN, pdf=reported[1].read_bytes())
    assert again.written[0].read_bytes() == dicom[0].read_bytes()


def test_every_field_is_written_and_a_missing_one_is_named(reported, tmp_path):
    import pydicom

    from allstation.report.exchange.dicom import write_dicom

    gone = dataclasses.replace(reported[0].fields[1], path=tmp_path / "gone.jpg")
    fields = (reported[0].fields[0], gone, *reported[0].fields[2:])
    told: list[tuple[int, int]] = []
    done = write_dicom(
        dataclasses.replace(reported[0], fields=fields),
        tmp_path / "out",
        HIDDEN,
        progress=lambda done, of: told.append((done, of)),
    )
    assert [field.id for field, _ in done.refused] == [2]
    read = [field for field in fields if field.prediction is not None]
    assert len(done.written) == len(read) - 1
    assert told == [(n, 20) for n in range(20)]
    made = [pydicom.dcmread(path, stop_before_pixels=True) for path in done.written]
    assert len({one.SOPInstanceUID for one in made}) == len(made)
    assert {one.StudyInstanceUID for one in made} == {made[0].StudyInstanceUID}
    assert [one.InstanceNumber for one in made] == sorted(one.InstanceNumber for one in made)


def test_another_toolkit_takes_the_pdf_out(dicom, reported, tmp_path):
    tool = shutil.which("dcm2pdf")
    if tool is None:
        pytest.skip("dcm2pdf is not installed (apt-get install dcmtk)")
    subprocess.run([tool, str(dicom[0]), str(tmp_path / "out.pdf")], check=True, capture_output=True)
    taken = (tmp_path / "out.pdf").read_bytes()
    assert taken.rstrip(b"\0") == reported[1].read_bytes().rstrip(b"\0")


def test_another_toolkit_reads_the_capture(dicom, reported):
    tool = shutil.which("dcmdump")
    if tool is None:
        pytest.skip("dcmdump is not installed (apt-get install dcmtk)")
    pseudonym = build_content(reported[0], HIDDEN).case_id
    for path, patient in zip(dicom, (DETAILS["patient_id"], pseudonym), strict=True):
        done = subprocess.run([tool, "+L", str(path)], check=True, capture_output=True)
        assert done.stderr == b""
        assert patient.encode() in done.stdout
        assert (reported[0].case_id.encode() in done.stdout) is False


def test_a_dicom_validator_finds_no_error(dicom):
    tool = shutil.which("dciodvfy")
    if tool is None:
        pytest.skip("dciodvfy is not installed (apt-get install dicom3tools)")
    for path in dicom:
        done = subprocess.run([tool, str(path)], capture_output=True, check=False)
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        assert [line for line in said.splitlines() if line.startswith("Error")] == [], said


def test_without_pydicom_one_sentence_says_what_to_do(reported, tmp_path, monkeypatch):
    import sys

    from allstation.report.exchange.dicom import write_dicom

    for name in [name for name in sys.modules if name.split(".")[0] == "pydicom"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(StationError, match="pip install") as refused:
        write_dicom(reported[0], tmp_path, pdf=reported[1].read_bytes())
    assert refused.value.code == "no-dicom"


# --- outlines -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn(factory, tmp_path_factory):
    path = tmp_path_factory.mktemp("drawn") / "Pre field (1).jpg"
    write_field(path, draw_field("Pre", 3, size=(384, 512)))
    snapshot = factory.snapshot(1)
    field = with_file(snapshot.fields[0], path, width=512, height=384)
    return dataclasses.replace(snapshot, fields=(field,))


def test_outlines_are_closed_polygons_inside_the_field(drawn):
    made = outlines(drawn.fields[0], drawn.models[0])
    assert made["type"] == "FeatureCollection"
    assert len(made["features"]) >= 3
    for feature in made["features"]:
        (ring,) = feature["geometry"]["coordinates"]
        points = np.array(ring)
        assert ring[0] == ring[-1]
        assert len(ring) >= 4
        assert points.min() >= 0
        assert points[:, 0].max() <= 512
        assert points[:, 1].max() <= 384
        assert feature["properties"]["objectType"] == "detection"
        assert feature["properties"]["classification"]["name"] == "White cell"


def test_outlines_lie_on_the_cells_of_the_file(drawn):
    """Inside the outlines the field is darker in green than outside: violet cells on pale ground."""
    import cv2

    field = drawn.fields[0]
    green = cv2.imread(str(field.path))[:, :, 1].astype(float)
    inside = np.zeros(green.shape, np.uint8)
    for feature in outlines(field, drawn.models[0])["features"]:
        cv2.fillPoly(inside, [np.array(feature["geometry"]["coordinates"][0]).astype(np.int32)], 1)
    assert green[inside == 1].mean() < green[inside == 0].mean() - 30


def test_the_outlines_have_the_shape_that_qupath_writes_and_reads(drawn):
    """As QuPath 0.4 and later: a feature's id is a UUID, its properties have these names and types."""
    import jsonschema

    number, point = {"type": "number"}, {"type": "array", "items": {"type": "number"}, "minItems": 2}
    ring = {"type": "array", "items": point, "minItems": 4}
    colour = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}, "minItems": 3}
    properties = {
        "objectType": {"enum": ["detection", "annotation", "cell", "tile"]},
        "name": {"type": "string"},
        "classification": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "color": {**colour, "maxItems": 3}},
            "required": ["name", "color"],
            "additionalProperties": False,
        },
        "measurements": {"type": "object", "additionalProperties": number},
    }
    feature = {
        "type": "object",
        "properties": {
            "type": {"const": "Feature"},
            "id": {"type": "string", "format": "uuid"},
            "geometry": {
                "type": "object",
                "properties": {
                    "type": {"const": "Polygon"},
                    "coordinates": {"type": "array", "items": ring, "minItems": 1},
                },
                "required": ["type", "coordinates"],
            },
            "properties": {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            },
        },
        "required": ["type", "id", "geometry", "properties"],
        "additionalProperties": False,
    }
    made = outlines(drawn.fields[0], drawn.models[0])
    assert made["type"] == "FeatureCollection"
    checker = jsonschema.Draft202012Validator(feature, format_checker=jsonschema.FormatChecker())
    for one in made["features"]:
        checker.validate(one)
    assert len({one["id"] for one in made["features"]}) == len(made["features"])


def test_one_file_a_field_and_failures_are_named(drawn, tmp_path):
    gone = dataclasses.replace(drawn.fields[0], id=2, path=tmp_path / "gone.jpg")
    done = write_outlines(dataclasses.replace(drawn, fields=(*drawn.fields, gone)), tmp_path / "out")
    assert [path.name for path in done.written] == ["0001_Pre field _1_.geojson"]
    assert json.loads(done.written[0].read_text())["properties"]["sha256"] == drawn.fields[0].sha256
    assert done.refused[0][0].id == 2


# --- labelled folder ------------------------------------------------------------------------


@pytest.fixture
def reviewed(factory, tmp_path):
    """Three fields of one name: two reviewed as Pre, one as Pro; a fourth not reviewed."""
    snapshot = factory.snapshot(5)
    fields = []
    for index, class_name in enumerate(("Pre", "Pre", "Pro", None, None)):
        path = tmp_path / f"slide{index}" / "field.jpg"
        path.parent.mkdir()
        path.write_bytes(factory.picture(index).read_bytes())
        review = (
            Review(
                field_id=index + 1,
                reviewer="Dr. B",
                class_name=class_name,
                comment="",
                at="2026-11-22T10:00:00Z",
            )
            if index < 4
            else None
        )
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        fields.append(dataclasses.replace(snapshot.fields[index], path=path, sha256=digest, review=review))
    return dataclasses.replace(snapshot, fields=tuple(fields))


def test_reviewed_fields_become_a_labelled_folder(reviewed, tmp_path):
    done = write_labelled(reviewed, tmp_path / "out")
    assert done.counts == {"Pre": 2, "Pro": 1}
    assert sorted(path.parent.name for path in (tmp_path / "out").rglob("*.jpg")) == ["Pre", "Pre", "Pro"]
    with done.table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["patient"] for row in rows} == {reviewed.case_id}
    for row, field in zip(rows, reviewed.fields, strict=False):
        copy = done.table.parent / row["path"]
        assert hashlib.sha256(copy.read_bytes()).hexdigest() == row["sha256"] == field.sha256
        assert row["class"] == field.review.class_name == copy.parent.name


def test_the_training_panel_reads_what_was_exported(reviewed, tmp_path):
    labelled_folder = pytest.importorskip("training.data.labelled_folder")
    from training.data.splits import groups_from_csv

    done = write_labelled(reviewed, tmp_path / "out")
    read = labelled_folder.read_labelled(done.table)
    assert sorted(field.patient for field in read.fields) == [reviewed.case_id] * 3
    assert not any(name.endswith("/alone") for name in groups_from_csv(read, done.lists))


def test_fields_that_show_the_same_cells_are_dealt_to_one_part(factory, tmp_path):
    snapshot = factory.snapshot(12)
    fields = []
    for index in range(30):
        path = tmp_path / "in" / f"{index:02d}.jpg"
        path.parent.mkdir(exist_ok=True)
        # Of each drawn field one copy more: other bytes, the same cells.
        path.write_bytes(factory.picture(index % 10).read_bytes() + b"\0" * (index // 10))
        review = Review(
            field_id=index + 1,
            reviewer="Dr. B",
            class_name=("Pre", "Pro")[index % 2],
            comment="",
            at="2026-11-22T10:00:00Z",
        )
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        one = dataclasses.replace(snapshot.fields[0], id=index + 1, path=path, sha256=digest, review=review)
        fields.append(one)
    done = write_labelled(dataclasses.replace(snapshot, fields=tuple(fields)), tmp_path / "out")
    with done.lists.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    parts = {}
    for row in rows:
        assert parts.setdefault(row["field_group"], row["part"]) == row["part"]
    assert 6 <= len(parts) <= 10
    assert {row["part"] for row in rows} == {"train", "validation", "test"}
    assert sum(row["part"] == "train" for row in rows) >= 15


def test_an_anonymised_folder_names_nobody(reviewed, tmp_path):
    path = reviewed.fields[0].path.with_name("Musterfrau PID-0042.jpg")
    path.write_bytes(reviewed.fields[0].path.read_bytes())
    fields = (dataclasses.replace(reviewed.fields[0], path=path), *reviewed.fields[1:])
    done = write_labelled(
        dataclasses.replace(reviewed, fields=fields), tmp_path / "out", anonymise=Anonymity()
    )
    said = done.table.read_text("utf-8") + done.lists.read_text("utf-8")
    names = " ".join(one.name for one in (tmp_path / "out").rglob("*"))
    assert "Musterfrau" not in said + names
    assert "0042" not in (said + names).replace(reviewed.case_id, "")


def test_a_field_that_changed_since_its_review_is_left_out(reviewed, tmp_path):
    reviewed.fields[0].path.write_bytes(b"other")
    reviewed.fields[1].path.unlink()
    done = write_labelled(reviewed, tmp_path / "out")
    assert [field.id for field in done.missing] == [1, 2]
    assert done.counts == {"Pro": 1}


@pytest.mark.parametrize("class_name", ["../../up", "CON", "a/b", "..", " ", "x" * 300, "=1+1", "\u202egnp"])
def test_a_class_name_never_leaves_the_folder(reviewed, tmp_path, class_name):
    review = dataclasses.replace(reviewed.fields[0].review, class_name=class_name)
    fields = (dataclasses.replace(reviewed.fields[0], review=review),)
    done = write_labelled(dataclasses.replace(reviewed, fields=fields), tmp_path / "out")
    copies = [path for path in (tmp_path / "out").rglob("*") if path.suffix == ".jpg"]
    assert len(copies) == 1
    assert copies[0].resolve().parent.parent == done.table.parent.resolve()


def test_nothing_reviewed_and_full_folders_are_refused(factory, reviewed, tmp_path):
    with pytest.raises(StationError) as refused:
        write_labelled(factory.snapshot(2), tmp_path / "out")
    assert refused.value.code == "nothing-reviewed"
    full = Path(tmp_path / "full")
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    with pytest.raises(StationError) as refused:
        write_labelled(reviewed, full)
    assert refused.value.code == "not-empty"


@pytest.mark.parametrize("write", [write_dicom, write_outlines, write_labelled])
def test_a_folder_that_cannot_be_made_is_one_sentence(reviewed, tmp_path, write):
    (tmp_path / "taken").write_text("a file")
    for place in ("taken", "taken/below"):
        with pytest.raises(StationError, match="could not be made") as refused:
            write(reviewed, tmp_path / place)
        assert refused.value.code == "not-written"
