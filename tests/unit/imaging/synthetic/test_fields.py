"""Drawn fields: deterministic, of four kinds, marked, and measured like the real ones."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import cv2
import numpy as np
import pytest

from allstation.core.classes import CLASS_NAMES
from allstation.imaging import synthetic
from allstation.imaging.formats import decode

pytestmark = pytest.mark.usefixtures("fields_drawn_anew")
SMALL = (240, 320)


def digest(rgb) -> str:
    return hashlib.sha256(rgb).hexdigest()


def background_and_white(rgb):
    """Return the median colour of the palest quarter and of the violet pixels, and their share."""
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(int)
    pale = lab[..., 0] >= np.percentile(lab[..., 0], 75)
    violet = lab[..., 1] - np.median(lab[..., 1][pale]) > 14
    return np.median(rgb[pale], axis=0), np.median(rgb[violet], axis=0), violet.mean()


@pytest.mark.parametrize("kind", CLASS_NAMES)
def test_a_field_looks_like_its_kind(kind):
    look = synthetic.LOOKS[kind]
    pales, whites, shares = zip(
        *(background_and_white(synthetic.draw_field(kind, seed)) for seed in range(4)), strict=True
    )
    assert np.abs(np.median(pales, axis=0) - look.background).max() <= 8
    assert np.abs(np.median(whites, axis=0) - look.white).max() <= 30
    assert look.white_share[0] * 0.5 < np.median(shares) < look.white_share[2] * 1.5


def test_shape_type_and_default_size():
    rgb = synthetic.draw_field("Pre", 3)
    assert rgb.shape == (768, 1024, 3)
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    with pytest.raises(KeyError):
        synthetic.draw_field("Other", 3)


@pytest.mark.parametrize("kind", CLASS_NAMES)
@pytest.mark.parametrize("size", [(224, 224), (96, 128), (64, 300), (1200, 1600)])
def test_any_size_can_be_drawn(kind, size):
    for seed in range(3 if size[0] < 1000 else 1):
        rgb = synthetic.draw_field(kind, seed, size=size)
        assert rgb.shape == (*size, 3)
        assert rgb.std() > 5


def test_same_seed_same_field_in_another_process():
    here = digest(synthetic.draw_field("Early", 7, size=SMALL))
    script = (
        "import hashlib; from allstation.imaging.synthetic import draw_field;"
        f"print(hashlib.sha256(draw_field('Early', 7, size={SMALL})).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert there.stdout.strip() == here
    others = {digest(synthetic.draw_field("Early", seed, size=SMALL)) for seed in range(8, 12)}
    kinds = {digest(synthetic.draw_field(kind, 7, size=SMALL)) for kind in CLASS_NAMES}
    assert len(others | kinds | {here}) == 8


def test_the_number_of_opencv_threads_changes_nothing():
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = digest(synthetic.draw_field("Pre", 1, size=SMALL))
        cv2.setNumThreads(4)
        assert digest(synthetic.draw_field("Pre", 1, size=SMALL)) == alone
    finally:
        cv2.setNumThreads(before)


def test_the_mark_is_there_and_clear_of_the_masked_corner(monkeypatch):
    marked = synthetic.draw_field("Pro", 2).astype(int)
    monkeypatch.setattr(synthetic, "_mark", lambda *_: None)
    plain = synthetic.draw_field("Pro", 2)
    rows, columns = np.nonzero((marked != plain).any(axis=2))
    assert len(rows) > 200
    assert rows.min() > 700
    assert columns.max() < 200


def test_defocus_lowers_sharpness():
    sharp, blurred = (
        cv2.Laplacian(
            cv2.cvtColor(synthetic.draw_field("Pro", 5, defocus=d), cv2.COLOR_RGB2GRAY), cv2.CV_64F
        ).var()
        for d in (0.0, 9.0)
    )
    assert blurred < sharp


def test_demo_slides(tmp_path):
    paths = synthetic.write_demo(tmp_path / "demo", fields=5, seed=4)
    names = [path.relative_to(tmp_path / "demo").as_posix() for path in paths]
    assert names[0] == "Slide 1/field-001.jpg"
    assert names[-1] == "Slide 2/field-005.jpg"
    assert all(decode.probe(path).width == 1024 for path in paths)
    again = synthetic.write_demo(tmp_path / "again", fields=5, seed=4)
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]


def test_demo_labelled(tmp_path):
    paths = synthetic.write_demo(tmp_path, fields=6, labelled=True)
    assert {path.parent.name for path in paths} == set(CLASS_NAMES)
    assert paths[5] == tmp_path / "Early" / "Early-002.jpg"


def test_written_fields_decode_close_to_what_was_drawn(tmp_path):
    rgb = synthetic.draw_field("Benign", 9, size=SMALL)
    path = tmp_path / "Präparat" / "骨髄.jpg"
    synthetic.write_field(path, rgb)
    assert np.abs(decode.decode(path).astype(int) - rgb).mean() < 3


@pytest.mark.real_data
def test_real_backgrounds_are_what_the_table_says(real_data):
    for kind, look in synthetic.LOOKS.items():
        files = sorted((real_data / "taleqani" / "Original" / kind).iterdir())[::40]
        pales, whites, _ = zip(*(background_and_white(decode.decode(path)) for path in files), strict=True)
        assert np.abs(np.median(pales, axis=0) - look.background).max() <= 10
        assert np.abs(np.median(whites, axis=0) - look.white).max() <= 20
