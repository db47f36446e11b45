"""Slides in the layouts of several makers, through a confined child; what their properties say."""

from __future__ import annotations

import base64

import numpy as np
import openslide
import pytest

from allstation.core.slide_info import SlideMetadata
from allstation.core.slide_part import Region, part_path
from allstation.imaging.fields.file import read_field
from allstation.imaging.readers import find_slides, is_slide, open_slide
from allstation.imaging.readers.metadata import metadata_of
from allstation.imaging.slides.pool import slide_pool

from . import scanner_files
from .slides import picture

RGB = picture(512, 384, seed=9)
LAYOUTS = {
    "a.ndpi": (scanner_files.write_ndpi, "Hamamatsu", 1, (0, 0)),
    "a.vms": (scanner_files.write_vms, "Hamamatsu", 4, (0, 0)),
    "a.scn": (scanner_files.write_scn, "Leica SCN", 1, (4000, 8000)),
    "a.mrxs": (scanner_files.write_mrxs, "3DHISTECH MRXS", 4, (0, 0)),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_makers_layout_is_read_within_the_confinement(tmp_path, name):
    write, known_as, files, origin = LAYOUTS[name]
    path = tmp_path / name
    write(path, RGB)
    (tmp_path / "own.jpg").write_bytes(b"another file")
    assert is_slide(path)
    (slide,) = find_slides([tmp_path])
    assert (slide.path, len(slide.files)) == (path, files)
    region = Region(level=0, x=origin[0] + 30, y=origin[1] + 50, width=300, height=225)
    with openslide.OpenSlide(path) as own:
        expected = np.asarray(own.read_region((region.x, region.y), 0, (300, 225)))[..., :3]
    with open_slide(path) as opened:
        assert (opened.info.format, opened.info.objective) == (known_as, 40.0)
        got = opened.read(region)
    assert np.array_equal(got, expected)
    assert np.abs(got.astype(int) - RGB[50:275, 30:330]).mean() < 1
    assert np.array_equal(read_field(part_path(path, region)).pixels, got)
    slide_pool().close()


DICOM = {
    "dicom.PatientID": "P-17",
    "dicom.PatientName": "Doe^Jane^Mary^Dr^MD=ドウ",
    "dicom.AccessionNumber": "A-1",
    "dicom.ContainerIdentifier": "C-1",
    "dicom.Manufacturer": "Maker",
    "dicom.ManufacturerModelName": "Maker",
    "dicom.AcquisitionDateTime": "20260102030405.123+0100",
}
APERIO = {"aperio.Date": "12/29/09", "aperio.Time": "09:59:15", "aperio.ScanScope ID": "SS1302"}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, SlideMetadata()),
        (
            DICOM,
            SlideMetadata(
                patient_id="P-17",
                patient_name="Dr Jane Mary Doe MD",
                accession="A-1",
                specimen="C-1",
                scanner="Maker",
                scanned_at="2026-01-02T03:04:05",
            ),
        ),
        ({"dicom.PatientName": "^^^^"}, SlideMetadata()),
        (APERIO, SlideMetadata(scanner="SS1302", scanned_at="2009-12-29T09:59:15")),
        (
            {"leica.barcode": base64.b64encode(b"B-0815").decode(), "leica.device-model": "SCN400"},
            SlideMetadata(barcode="B-0815", scanner="SCN400"),
        ),
        ({"leica.barcode": "not base 64"}, SlideMetadata(barcode="not base 64")),
        (
            {
                "mirax.GENERAL.SLIDE_NAME": "S-1",
                "mirax.GENERAL.SLIDE_CREATIONDATETIME": "02/01/2026 03:04:05",
            },
            SlideMetadata(specimen="S-1", scanned_at="02/01/2026 03:04:05"),
        ),
        (
            {"tiff.DateTime": "2026:01:02 03:04:05", "tiff.Make": "Hamamatsu", "tiff.Model": "NanoZoomer"},
            SlideMetadata(scanned_at="2026-01-02T03:04:05", scanner="Hamamatsu NanoZoomer"),
        ),
        ({"tiff.DateTime": "some day"}, SlideMetadata(scanned_at="some day")),
    ],
)
def test_what_a_makers_properties_say(properties, expected):
    assert metadata_of(properties) == expected


def test_what_properties_say_cannot_steer_a_terminal():
    said = metadata_of({"dicom.PatientID": "a\x1b[31mb\n" + "x" * 999})
    assert said.patient_id.startswith("a")
    assert said.patient_id.isprintable()
    assert len(said.patient_id) <= 200
