"""Drawn slides: three containers with the same pixels, and the truth of what lies where."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import openslide
import pydicom
import pytest
import tifffile

from allstation.core.errors import StationError
from allstation.imaging.synthetic.blocks import cell_bank, draw_block
from allstation.imaging.synthetic.slide import Patient, write_slide
from allstation.imaging.synthetic.smear import make_layout

SIZE = {"width": 2400, "height": 1600}
PLACE = (1000, 700)


def opened(path):
    return openslide.OpenSlide(path / "level-0.dcm" if path.is_dir() else path)


def pixels(slide, place=PLACE, level=0, size=(300, 200)):
    return np.asarray(slide.read_region(place, level, size).convert("RGB"))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Write the same smear in three containers."""
    folder = tmp_path_factory.mktemp("slides")
    names = {"tiff": "a.tif", "svs": "a.svs", "dicom": "a-dicom"}
    truths = {one: write_slide(folder / name, seed=5, format=one, **SIZE) for one, name in names.items()}
    return {one: folder / name for one, name in names.items()}, truths


@pytest.mark.parametrize(
    ("form", "vendor", "factor"), [("tiff", "generic-tiff", 2), ("svs", "aperio", 4), ("dicom", "dicom", 4)]
)
def test_openslide_opens_it_with_levels_and_pixel_size(written, form, vendor, factor):
    slide = opened(written[0][form])
    assert slide.properties["openslide.vendor"] == vendor
    assert slide.dimensions == (SIZE["width"], SIZE["height"])
    assert slide.level_dimensions[1] == (SIZE["width"] // factor, SIZE["height"] // factor)
    assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.25)
    if form != "tiff":
        assert slide.properties["openslide.objective-power"] == "40"
        assert {"label", "macro"} <= set(slide.associated_images)


def test_the_containers_hold_the_same_pixels_and_a_smaller_level_the_same_smear(written):
    slides = {form: opened(path) for form, path in written[0].items()}
    pieces = [pixels(slide) for slide in slides.values()]
    assert pieces[0].std() > 10
    assert np.array_equal(pieces[0], pieces[1])
    assert np.abs(pieces[0].astype(int) - pieces[2]).mean() < 1
    for form, slide in slides.items():
        factor = round(slide.level_downsamples[1])
        place = tuple(factor * (one // factor) for one in PLACE)
        large = pixels(slide, place, 0, (factor * 80, factor * 60))
        small = pixels(slide, place, 1, (80, 60))
        expected = cv2.resize(large, (80, 60), interpolation=cv2.INTER_AREA)
        assert np.corrcoef(expected[..., 1].ravel(), small[..., 1].ravel())[0, 1] > 0.97, form


def test_a_block_drawn_alone_is_a_cut_of_a_larger_one():
    layout = make_layout(8, (2600, 1600), pixel_um=0.25)
    bank = cell_bank("Pink", 8, 0.25)
    whole = draw_block(layout, bank, (0, 0, 2600, 1600))
    for box in ((1024, 0, 2048, 1024), (700, 1300, 1100, 1501), (100, 400, 500, 700)):
        left, top, right, bottom = box
        alone = draw_block(layout, bank, box)
        assert np.array_equal(alone, whole[top:bottom, left:right])


def test_the_same_seed_writes_the_same_bytes_and_another_one_others(tmp_path, written):
    again = write_slide(tmp_path / "b.tif", seed=5, **SIZE)
    other = write_slide(tmp_path / "c.tif", seed=6, **SIZE)
    digests = [
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (written[0]["tiff"], tmp_path / "b.tif", tmp_path / "c.tif")
    ]
    assert digests[0] == digests[1] != digests[2]
    assert np.array_equal(again.white_cells, written[1]["tiff"].white_cells)
    assert not np.array_equal(again.monolayer, other.monolayer)


def test_the_truth_is_what_the_pixels_show(written):
    paths, truths = written
    truth, slide = truths["svs"], opened(paths["svs"])
    zones = [truth.monolayer, truth.glass, truth.head, truth.edge]
    assert np.array_equal(sum(zone.astype(int) for zone in zones), np.ones(truth.glass.shape, int))
    assert min(zone.mean() for zone in zones) > 0.03
    whole = pixels(slide, (0, 0), 1, slide.level_dimensions[1])
    green = cv2.resize(whole[..., 1], truth.glass.shape[::-1], interpolation=cv2.INTER_AREA).astype(float)
    means = [
        green[zone & ~truth.blurred].mean() for zone in (truth.head, truth.monolayer, truth.edge, truth.glass)
    ]
    assert means == sorted(means)
    assert (green[truth.glass] > 238).mean() > 0.97  # cells reach over the border
    sharp = [
        (x, y)
        for x, y in truth.white_cells
        if truth.share(truth.monolayer & ~truth.blurred, x=int(x), y=int(y), width=1, height=1)
    ]
    blue = [pixels(slide, (int(x) - 8, int(y) - 8), 0, (16, 16)).astype(int) for x, y in sharp]
    violet = [piece[..., 2].mean() - piece[..., 1].mean() > 25 for piece in blue]
    assert len(violet) >= 3
    assert np.mean(violet) > 0.8  # a scratch may have taken one


def test_the_feathered_edge_lies_where_it_was_asked_for(tmp_path):
    centres = {}
    for toward in ("right", "left", "up", "down"):
        layout = make_layout(5, (3000, 2000), pixel_um=0.25, toward=toward)
        rows, columns = np.nonzero(layout.square_mask(1))
        heads = np.nonzero(layout.square_mask(3))
        centres[toward] = (columns.mean() - heads[1].mean(), rows.mean() - heads[0].mean())
    assert centres["right"][0] > 50 > -50 > centres["left"][0]
    assert centres["down"][1] > 50 > -50 > centres["up"][1]


def test_nothing_and_thickness_alone_can_be_drawn():
    empty = make_layout(1, (3000, 2000), pixel_um=0.25, content="empty")
    assert empty.square_mask(0).all()
    block = draw_block(empty, cell_bank("Pink", 1, 0.25), (0, 0, 512, 512))
    assert block.min() > 225
    head = make_layout(1, (3000, 2000), pixel_um=0.25, content="head")
    assert not head.square_mask(2).any()
    assert head.square_mask(3).mean() > 0.5


def test_a_file_that_says_no_pixel_size_and_names_another_patient(tmp_path):
    ann = Patient(patient_id="P-7", name="Doe^Ann", accession="A-7", specimen="S-7")
    write_slide(tmp_path / "a.svs", seed=1, format="svs", states_scale=False, patient=ann, **SIZE)
    slide = openslide.OpenSlide(tmp_path / "a.svs")
    assert "openslide.mpp-x" not in slide.properties
    assert "openslide.objective-power" not in slide.properties
    assert slide.properties["aperio.Barcode"] == "S-7"
    write_slide(tmp_path / "d", seed=1, format="dicom", patient=ann, **SIZE)
    data = pydicom.dcmread(tmp_path / "d" / "level-0.dcm", stop_before_pixels=True)
    assert (data.PatientID, str(data.PatientName), data.AccessionNumber) == ("P-7", "Doe^Ann", "A-7")


def test_other_readers_agree_and_nothing_temporary_is_left(written):
    paths, _ = written
    with tifffile.TiffFile(paths["tiff"]) as file:
        assert file.pages[0].tilewidth == 256
        own = file.pages[0].asarray()[700:900, 1000:1300]
    assert np.abs(own.astype(int) - pixels(opened(paths["tiff"]))).mean() < 1
    data = pydicom.dcmread(paths["dicom"] / "level-1.dcm")
    assert data.NumberOfFrames == 6
    assert sorted(path.name for path in paths["tiff"].parent.iterdir()) == ["a-dicom", "a.svs", "a.tif"]


@pytest.mark.parametrize(
    "wrong", [{"width": 100, "height": 2000}, {"width": 200_000, "height": 2000}, SIZE | {"tile": 100}]
)
def test_sizes_that_cannot_be_drawn_are_refused(tmp_path, wrong):
    with pytest.raises(StationError, match="cannot be drawn"):
        write_slide(tmp_path / "a.tif", seed=1, **wrong)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_kept(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"a smear")
    with pytest.raises(StationError, match="is kept"):
        write_slide(tmp_path / "a.tif", seed=1, **SIZE)
    assert (tmp_path / "a.tif").read_bytes() == b"a smear"
