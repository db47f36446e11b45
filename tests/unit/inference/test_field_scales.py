"""Fields of other scales: larger ones are read in parts, smaller ones go to a person, squashed ones stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from allstation.core.decision import Reason
from allstation.core.known_sizes import NOTHING_KNOWN, KnownSizes, SlideSizes
from allstation.core.site import PixelSize, Site
from allstation.imaging.cells.segmentation import segment_cells
from allstation.imaging.formats.pixel_conversions import squash
from allstation.imaging.synthetic import draw_field
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.engine import Engine
from allstation.inference.engine_pool import EnginePool
from allstation.inference.training_optics import training_optics
from allstation.processing.model_scheduler import model_info

OWN_SIZE = 113 / 512
"""Micrometres a pixel of a field of 512x384 that shows as much as the model's fields."""
ELSEWHERE = {Reason.UNLIKE_TRAINING, Reason.OTHER_SCALE}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(ModelBundle.open(default_bundle_path()))


@pytest.fixture(autouse=True)
def no_site(engine: Engine) -> None:
    engine.sizes = NOTHING_KNOWN


@pytest.fixture(scope="module")
def quarters() -> list[np.ndarray]:
    return [draw_field("Pro", seed, size=(384, 512)) for seed in range(4)]


def joined(quarters: list[np.ndarray]) -> np.ndarray:
    return np.vstack([np.hstack(quarters[:2]), np.hstack(quarters[2:])])


def site_with(size: float, frame: tuple[int, int], *, bundle: str = "") -> Site:
    return Site(id="a", name="A", pixel_sizes=(PixelSize(size=size, frame=frame),), bundle_sha256=bundle)


def saved(rgb: np.ndarray, folder: Path) -> Path:
    path = folder / "field.png"
    Image.fromarray(rgb).save(path)
    return path


def test_a_larger_field_is_read_in_parts_and_pooled_over_its_cells(engine, quarters, tmp_path):
    path = saved(joined(quarters), tmp_path)
    engine.sizes = KnownSizes(site=site_with(OWN_SIZE, (1024, 768)))
    made, cells = engine.classify_with_cells(path)
    assert set(made.decision.reasons) >= ELSEWHERE
    assert made.top_class == "Pro"
    counts = [segment_cells(squash(one, (224, 224))).count for one in quarters]
    assert made.cell_count == pytest.approx(sum(counts), rel=0.25)
    assert sum(made.probabilities.values()) == pytest.approx(1)
    whole = engine.classify_rgb(squash(quarters[0], (224, 224)))
    assert (made.evidence.rows, made.evidence.columns) == (
        2 * whole.evidence.rows,
        2 * whole.evidence.columns,
    )
    assert {one.pixel_size for one in cells} == {OWN_SIZE}
    engine.sizes = KnownSizes(f"{OWN_SIZE} µm at 1024x768", site_with(9.0, (1024, 768)))
    assert engine.classify(path).probabilities == made.probabilities, "a bar drawn in a case without a site"


def test_two_slides_with_frames_of_one_size_are_read_at_their_own_scales(engine, quarters, tmp_path):
    path = saved(quarters[0], tmp_path)
    own = tuple(
        SlideSizes(slide, (PixelSize(size=size, frame=(512, 384)),))
        for slide, size in ((1, OWN_SIZE), (2, OWN_SIZE / 2))
    )
    engine.sizes = KnownSizes("9.0", slides=own)
    (first, cells), (second, others) = (engine.classify_with_cells(path, slide=slide) for slide in (1, 2))
    assert not ELSEWHERE & set(first.decision.reasons)
    assert set(second.decision.reasons) >= ELSEWHERE
    assert [{one.pixel_size for one in found} for found in (cells, others)] == [{OWN_SIZE}, {OWN_SIZE / 2}]
    assert engine.find_cells(path, second, slide=2) == others
    assert (engine.appearance(path, slide=1) == engine.appearance(path, slide=2)).all(), (
        "one look at the whole"
    )


def test_a_site_that_accepted_the_model_gets_names(engine, quarters, tmp_path):
    path = saved(joined(quarters), tmp_path)
    bundle = ModelBundle.open(default_bundle_path())
    engine.sizes = KnownSizes(site=site_with(OWN_SIZE, (1024, 768), bundle=bundle.sha256))
    made = engine.classify(path)
    assert not ELSEWHERE & set(made.decision.reasons)


def test_parts_without_cells_are_skipped(engine, quarters, tmp_path, monkeypatch):
    empty = np.full_like(quarters[0], 250)
    runs = []
    usual = engine.run
    monkeypatch.setattr(engine, "run", lambda tensor: runs.append(1) or usual(tensor))
    engine.sizes = KnownSizes(site=site_with(OWN_SIZE, (1024, 768)))
    made = engine.classify(saved(joined([quarters[0], empty, empty, empty]), tmp_path))
    assert 1 <= len(runs) <= 4
    assert made.cell_count >= 1
    runs.clear()
    nothing = engine.classify(saved(joined([empty] * 4), tmp_path))
    assert len(runs) == 1
    assert Reason.NO_WHITE_CELLS in nothing.decision.reasons


def test_a_field_that_shows_much_less_goes_to_a_person(engine, quarters, tmp_path):
    path = saved(quarters[0], tmp_path)
    without = engine.classify(path)
    engine.sizes = KnownSizes(site=site_with(OWN_SIZE / 2, (512, 384)))
    with_site = engine.classify(path)
    assert set(with_site.decision.reasons) >= ELSEWHERE
    assert with_site.probabilities == without.probabilities
    engine.sizes = KnownSizes(site=site_with(OWN_SIZE, (512, 384)))
    assert engine.classify(path).decision == without.decision


def test_a_squashed_field_is_what_it_was_whatever_its_red_cells_seem(engine, quarters, tmp_path):
    small = squash(quarters[1], (224, 224))
    made, direct = engine.classify(saved(small, tmp_path)), engine.classify_rgb(small)
    assert replace(made, milliseconds=0) == replace(direct, milliseconds=0)


def test_a_background_that_the_laboratory_never_has_goes_to_a_person(engine, quarters, tmp_path):
    dim = np.clip(quarters[2] * [0.85, 0.85, 0.8], 0, 255).astype(np.uint8)
    made = engine.classify(saved(dim, tmp_path))
    assert set(made.decision.reasons) >= {Reason.UNLIKE_TRAINING, Reason.OTHER_COLOURS}
    engine.sizes = KnownSizes(
        site=Site(id="a", name="A", bundle_sha256=ModelBundle.open(default_bundle_path()).sha256)
    )
    assert Reason.OTHER_COLOURS not in engine.classify(saved(dim, tmp_path)).decision.reasons
    engine.sizes = NOTHING_KNOWN
    squashed = engine.classify(saved(squash(dim, (224, 224)), tmp_path))
    assert Reason.OTHER_COLOURS not in squashed.decision.reasons, (
        "frames of the network's size stay as they were"
    )


def test_optics_come_from_the_bundle_or_from_the_shipped_network():
    bundle = ModelBundle.open(default_bundle_path())
    assert training_optics(bundle).pixels_per_um == pytest.approx(2.30)
    assert model_info(bundle).aspect == pytest.approx(4 / 3)
    said = {"pixels_per_um": 3.0, "aspect": 1.0, "darkest": [200, 201, 202]}
    assert training_optics(replace(bundle, info={**bundle.info, "optics": said})).darkest == (200, 201, 202)
    for bad in ({}, {"pixels_per_um": -1, "aspect": 1, "darkest": [1, 2, 3]}, {"pixels_per_um": 1}):
        assert training_optics(replace(bundle, info={**bundle.info, "optics": bad})) is None
    assert training_optics(replace(bundle, info={})) is None


def test_engines_of_a_pool_know_the_site():
    site = Site(id="a", name="A")
    pool = EnginePool(ModelBundle.open(default_bundle_path()), sizes=KnownSizes(site=site))
    assert pool.engine().sizes.site == site
    pool.close()
