"""Pictures of fields on the page, drawn and real."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from allstation.core.classes import CLASS_NAMES
from allstation.core.records import EvidenceMap
from allstation.report.content.build import build_content
from allstation.report.content.options import ReportOptions
from allstation.report.drawing.images import over, thumbnails
from allstation.report.exchange.annotate import annotated
from allstation.report.exchange.outlines import outlines
from allstation.report.pdf import write_pdf
from tests.unit.report.factory import CLOCK, with_file


def pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)


def test_a_thumbnail_keeps_the_shape_and_the_colours(factory):
    field = factory.snapshot(1).fields[0]
    small, _ = thumbnails(field, width=200)
    assert (small.width, small.height) == (200, 150)
    whole = np.asarray(Image.open(field.path).resize((200, 150), Image.Resampling.BOX)).astype(int)
    assert np.abs(pixels(small.jpeg).mean(axis=(0, 1)) - whole.mean(axis=(0, 1))).max() < 2


def test_a_small_field_is_not_enlarged(factory):
    field = factory.snapshot(1).fields[0]
    small, _ = thumbnails(field, width=4000)
    assert (small.width, small.height) == (field.width, field.height)


def test_evidence_is_laid_where_it_is():
    grid = np.zeros((1, 4, 4), np.uint8)
    grid[0, 0, 0] = 255
    field = np.full((80, 80, 3), 200, np.uint8)
    made = over(field, EvidenceMap(rows=4, columns=4, classes=("Pre",), values=grid.tobytes()), "Pre").astype(
        int
    )
    assert np.ptp(made[60, 60]) == 0
    assert np.ptp(made[8, 8]) > 60


def test_there_is_no_evidence_picture_without_a_map_or_for_another_class(factory):
    field = factory.snapshot(1).fields[0]
    assert thumbnails(field, width=100, evidence_of="Pre")[1] is not None
    assert thumbnails(field, width=100, evidence_of="Mature")[1] is None
    bare = dataclasses.replace(field, prediction=dataclasses.replace(field.prediction, evidence=None))
    assert thumbnails(bare, width=100, evidence_of="Pre")[1] is None


@pytest.mark.parametrize("size", [(16, 16), (16, 4000), (4000, 16)])
def test_odd_shapes_are_placed(factory, tmp_path, size):
    path = tmp_path / "odd.png"
    Image.new("RGB", size[::-1], (200, 180, 210)).save(path)
    snapshot = factory.snapshot(1)
    field = with_file(snapshot.fields[0], path, width=size[1], height=size[0])
    odd = dataclasses.replace(snapshot, fields=(field,))
    write_pdf(odd, tmp_path / "r.pdf", ReportOptions(clock=CLOCK, template="contact"))
    assert len(PdfReader(tmp_path / "r.pdf").pages[0].images) == 1


def test_an_annotated_field_holds_the_field_and_a_band(factory):
    snapshot = factory.snapshot(1)
    row = build_content(snapshot, ReportOptions(clock=CLOCK)).fields[0]
    made = annotated(snapshot.fields[0], row, width=300)
    assert made.shape[1] == 300
    assert made.shape[0] > 225
    plain = np.asarray(Image.open(snapshot.fields[0].path).resize((300, 225))).astype(int)
    assert np.abs(made[:225].astype(int) - plain).mean() < 12
    assert np.ptp(made[225:].reshape(-1, 3), axis=0).min() > 100


@pytest.mark.real_data
def test_real_fields_are_shown_and_outlined(factory, real_data, tmp_path):
    paths = [
        path
        for name in CLASS_NAMES
        for path in sorted((real_data / "taleqani" / "Original" / name).iterdir())[:2]
    ]
    snapshot = factory.snapshot(len(paths))
    fields = tuple(
        with_file(field, path, width=224, height=224)
        for field, path in zip(snapshot.fields, paths, strict=True)
    )
    real = dataclasses.replace(snapshot, fields=fields)
    write_pdf(real, tmp_path / "r.pdf", ReportOptions(clock=CLOCK, template="contact"))
    reader = PdfReader(tmp_path / "r.pdf")
    assert sum(len(page.images) for page in reader.pages) == len(paths)
    assert "No picture" not in "".join(page.extract_text() for page in reader.pages)
    assert all(outlines(field, real.models[0])["features"] for field in fields)
