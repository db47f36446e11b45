"""Cells of a file: one decoding, places in pixels of the file, support pooled over the cell."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from allstation.core.records import EvidenceMap
from allstation.imaging import synthetic
from allstation.imaging.cells.finder import DetectedCell
from allstation.imaging.cells.masks import decode_mask
from allstation.imaging.cells.shapes import geometry
from allstation.imaging.fields.cell_finding import find_in_file, placed, pooled_support
from allstation.imaging.fields.file import read_field
from allstation.imaging.formats import decode, pixel_conversions
from allstation.imaging.overlay import evidence_plane

NETWORK = (224, 224)


def found(left, top, mask):
    rows, columns = np.nonzero(mask)
    return DetectedCell(
        left=left,
        top=top,
        width=mask.shape[1],
        height=mask.shape[0],
        x=left + float(columns.mean()),
        y=top + float(rows.mean()),
        area=float(len(rows)),
        nucleus_share=0.5,
        at_edge=False,
        mask=mask,
        nucleus=mask,
    )


def evidence(rows=2, columns=2, **planes):
    values = b"".join(bytes(plane) for plane in planes.values())
    return EvidenceMap(rows=rows, columns=columns, classes=tuple(planes), values=values)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A synthetic field of 224x224, enlarged to 1792x1344 and saved without loss."""
    [path] = synthetic.write_demo(tmp_path_factory.mktemp("fields"), fields=1, seed=5)
    rgb = cv2.resize(decode.decode(path), (1792, 1344), interpolation=cv2.INTER_CUBIC)
    target = path.with_suffix(".png")
    assert cv2.imwrite(str(target), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return target


def test_cells_lie_in_pixels_of_the_file(large):
    file = read_field(large)
    sampled = file.shrunk(NETWORK)
    assert sampled.shape[:2] == (672, 896)
    assert np.array_equal(pixel_conversions.squash(sampled, NETWORK), file.reduced(NETWORK))
    cells = find_in_file(file, sampled, file.reduced(NETWORK), None)
    assert len(cells) >= 3
    for cell in cells:
        assert cell.outline.picture == (896, 672)
        mask = decode_mask(cell.outline.runs, cell.outline.width, cell.outline.height)
        assert cell.area_px == pytest.approx(4 * int(mask.sum()))
        assert (cell.left, cell.top) == (2 * cell.outline.left, 2 * cell.outline.top)
        assert cell.left <= cell.x <= cell.left + cell.width <= 1792
        assert cell.top <= cell.y <= cell.top + cell.height <= 1344
        assert cell.support == {}


def test_place_and_hand_drawn_geometry_agree():
    mask = np.zeros((9, 7), bool)
    mask[1:8, :] = True
    mask[:, 3] = True
    [cell] = placed([found(20, 30, mask)], picture=(224, 224), size=(1024, 768))
    made = geometry(mask, 20, 30, picture=(224, 224), size=(1024, 768), nucleus_share=0.5, at_edge=False)
    for name in ("left", "top", "width", "height", "area_px", "outline", "at_edge"):
        assert getattr(cell, name) == getattr(made, name)
    assert (cell.x, cell.y) == (pytest.approx(made.x), pytest.approx(made.y))


def test_support_is_the_mean_of_the_map_inside_the_cell():
    whole = np.ones((20, 20), bool)
    cells = [found(5, 5, whole), found(190, 190, whole), found(102, 102, whole)]
    flat = evidence(A=[51] * 4, B=[255, 0, 0, 0])
    first, last, middle = pooled_support(cells, (224, 224), flat)
    assert first == pytest.approx({"A": 0.2, "B": 1.0})
    assert last == pytest.approx({"A": 0.2, "B": 0.0})
    assert middle["B"] == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("picture", [(224, 224), (896, 672), (333, 250)])
def test_support_follows_the_map_as_it_is_drawn(picture):
    rng = np.random.default_rng(3)
    grid = evidence(7, 7, A=rng.integers(0, 256, 49).tolist(), B=rng.integers(0, 256, 49).tolist())
    mask = np.zeros((picture[1] // 8, picture[0] // 8), bool)
    mask[2:-2, 3:-3] = True
    left, top = picture[0] // 3, picture[1] // 2
    [support] = pooled_support([found(left, top, mask)], picture, grid)
    for name in "AB":
        plane = evidence_plane(grid, name).astype(np.float32)
        drawn = cv2.resize(plane, picture, interpolation=cv2.INTER_LINEAR)
        expected = drawn[top : top + mask.shape[0], left : left + mask.shape[1]][mask].mean() / 255
        assert support[name] == pytest.approx(expected, abs=0.03)


def test_no_cells_and_no_map_give_no_support():
    assert pooled_support([], (224, 224), evidence(A=[1] * 4)) == []
    assert pooled_support([found(0, 0, np.ones((2, 2), bool))], (224, 224), None) == []


def test_fine_pixels_are_shrunk_and_coarse_ones_are_not(large, monkeypatch):
    """At 0.1 µm a cell is large enough in half the file; at 0.4 µm it is looked for in all of it."""
    for size, width in ((0.1, 896), (0.4, 1792)):
        monkeypatch.setattr("allstation.imaging.fields.file.stated_pixel_size", lambda _content, s=size: s)
        file = read_field(large)
        cells = find_in_file(file, file.shrunk(NETWORK), file.reduced(NETWORK), None)
        assert {cell.outline.picture[0] for cell in cells} == {width}
        assert {cell.pixel_size for cell in cells} == {size}
