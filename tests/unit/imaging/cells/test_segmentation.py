"""White cells: found, parted, outlined, at every size; the corner never counts."""

import threading
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from allstation.imaging.cells import segmentation
from allstation.imaging.cells.segmentation import Thresholds, cell_mask, corner_of, segment_cells
from allstation.imaging.formats.decode import decode, decode_reduced
from allstation.imaging.formats.pixel_conversions import squash
from allstation.imaging.synthetic import draw_field

PURPLE, RED_CELL, BLUISH, PAPER = (120, 70, 190), (190, 150, 140), (150, 175, 200), (240, 240, 235)


def drawn(centres, *, colour=PURPLE, radius=12, size=(224, 224)):
    field = np.full((*size, 3), PAPER, np.uint8)
    for centre in centres:
        cv2.circle(field, centre, radius, colour, cv2.FILLED)
    return field


def test_counts_drawn_cells_and_leaves_red_cells():
    field = drawn([(40, 40), (100, 60), (60, 150)])
    for centre in ((150, 40), (160, 110), (120, 160)):
        cv2.circle(field, centre, 11, RED_CELL, cv2.FILLED)
    for centre in ((30, 90), (110, 110)):
        cv2.circle(field, centre, 11, BLUISH, cv2.FILLED)
    segmentation = segment_cells(field)
    assert segmentation.count == 3
    assert segmentation.area_share == pytest.approx(3 * np.pi * 144 / 224**2, rel=0.15)
    assert sorted(np.unique(segmentation.labels)) == [0, 1, 2, 3]


def test_touching_cells_are_parted():
    assert segment_cells(drawn([(80, 100), (104, 100)])).count == 2


def test_specks_are_no_cells():
    assert segment_cells(drawn([(60, 60), (120, 90)], radius=3)).count == 0


def test_an_empty_field_has_no_cells():
    segmentation = segment_cells(drawn([]))
    assert segmentation.count == 0
    assert segmentation.outlines() == []
    assert segmentation.area_share == 0
    assert not segmentation.nucleus.any()


def test_the_corner_never_counts():
    field = drawn([(60, 60)])
    rows, columns = corner_of(224, 224)
    field[rows, columns] = PURPLE
    segmentation = segment_cells(field)
    assert segmentation.count == 1
    assert not segmentation.mask[rows, columns].any()


@pytest.mark.parametrize("size", [(480, 640), (768, 1024), (224, 224)])
def test_large_frames_give_the_same_cells(size):
    height, width = size
    scale = (height * width) ** 0.5 / 224
    centres = [(round(x * width), round(y * height)) for x, y in ((0.2, 0.2), (0.5, 0.4), (0.3, 0.7))]
    segmentation = segment_cells(drawn(centres, radius=round(12 * scale), size=size))
    assert segmentation.labels.shape == size
    assert segmentation.nucleus.shape == size
    assert segmentation.count == 3


def test_outlines_follow_the_labels():
    segmentation = segment_cells(drawn([(50, 80)]))
    (outline,) = segmentation.outlines()
    assert outline.shape[1] == 2
    assert np.allclose(outline.mean(axis=0), (50, 80), atol=1.5)
    assert np.hypot(*(outline - (50, 80)).T) == pytest.approx(12, abs=2.5)


def test_nucleus_is_the_dense_part():
    field = drawn([(80, 80)], colour=(190, 150, 225), radius=16)
    cv2.circle(field, (80, 80), 9, (90, 40, 160), cv2.FILLED)
    segmentation = segment_cells(field)
    assert segmentation.nucleus[80, 80]
    assert not segmentation.nucleus[80, 93]
    assert segmentation.mask[80, 93]


def test_other_thresholds_give_another_mask():
    field = squash(draw_field("Early", 2), (224, 224))
    generous = cell_mask(field, Thresholds(floor=8, shift=-6))
    assert generous.sum() > cell_mask(field).sum() > 0
    assert np.array_equal(cell_mask(field) > 0, segment_cells(field).mask)


def test_every_thread_finds_the_same():
    field = squash(draw_field("Pre", 5), (224, 224))
    found = []
    threads = [threading.Thread(target=lambda: found.append(segment_cells(field).labels)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(labels, found[0]) for labels in found)


@pytest.mark.parametrize("kind", ["Benign", "Early", "Pre", "Pro"])
def test_every_kind_of_synthetic_field_has_cells(kind):
    counts = [segment_cells(squash(draw_field(kind, seed), (224, 224))).count for seed in range(3)]
    assert min(counts) >= 1


@pytest.mark.parametrize("kind", ["Benign", "Early", "Pre", "Pro"])
def test_every_class_of_real_fields_has_cells(real_data, kind):
    paths = sorted((real_data / "taleqani/Original" / kind).glob("*.jpg"))[::40]
    counts = [segment_cells(decode_reduced(path, (224, 224))).count for path in paths]
    assert np.mean(np.array(counts) > 0) == 1.0


def boxes(annotation):
    for thing in ElementTree.parse(annotation).getroot().iter("object"):  # noqa: S314
        if thing.findtext("name") == "WBC":
            box = thing.find("bndbox")
            yield tuple(int(float(box.findtext(key))) for key in ("xmin", "ymin", "xmax", "ymax"))


def test_white_cells_of_bccd_are_found(real_data):
    folder = real_data / "bccd/BCCD"
    hit = wanted = 0
    for annotation in sorted((folder / "Annotations").glob("*.xml"))[::12]:
        mask = segment_cells(decode(folder / "JPEGImages" / f"{annotation.stem}.jpg")).mask
        for left, top, right, bottom in boxes(annotation):
            wanted += 1
            hit += mask[top:bottom, left:right].mean() > 0.2
    assert hit / wanted >= 0.9


def highest_by_definition(height, disk):
    """Compare each pixel with every other pixel of the disk, one after the other."""
    reach = disk.shape[0] // 2
    padded = np.pad(height, reach)
    rows, columns = height.shape
    shifted = [padded[y : y + rows, x : x + columns] for y, x in np.argwhere(disk)]
    return np.max(shifted, axis=0)


def assert_seeds_are_the_highest_of_their_disk(field):
    mask = cell_mask(field)
    smooth = cv2.GaussianBlur(cv2.distanceTransform(mask, cv2.DIST_L2, 3), (0, 0), 1.2)
    disk = segmentation._disk(segmentation._SEED_REACH)
    assert smooth.max() > 4
    np.testing.assert_array_equal(cv2.dilate(smooth, disk), highest_by_definition(smooth, disk))


@pytest.mark.parametrize("kind", ["Benign", "Early", "Pre", "Pro"])
def test_watershed_seeds_are_maxima_within_their_disk_on_synthetic_fields(kind):
    for seed in range(5):
        assert_seeds_are_the_highest_of_their_disk(squash(draw_field(kind, seed), (224, 224)))


@pytest.mark.real_data
def test_watershed_seeds_are_maxima_within_their_disk_on_real_fields(real_data):
    for kind in ("Benign", "Early", "Pre", "Pro"):
        for path in sorted((real_data / "taleqani/Original" / kind).glob("*.jpg"))[::60]:
            assert_seeds_are_the_highest_of_their_disk(decode_reduced(path, (224, 224)))


def flooded_slowly(labels, height, mask):
    """Flood one level after another with OpenCV's dilation."""
    level = float(height.max(initial=0.0))
    levels = []
    while level > 0:
        level -= 1.0
        levels.append(height >= level)
    for reached in [*levels, *[mask > 0] * segmentation._LAST_STEPS]:
        free = (mask > 0) & reached & (labels == 0)
        labels[free] = cv2.dilate(labels, np.ones((3, 3), np.uint8))[free]
    return labels


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_flooding_passes_over_levels_but_changes_nothing(kind):
    for seed in range(4):
        random = np.random.default_rng(seed)
        mask = (cv2.resize(random.random((9, 12)), (96, 70)) > 0.4).astype(np.uint8)
        height = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
        labels = np.zeros(mask.shape, kind)
        for number, (row, column) in enumerate(random.permutation(np.argwhere(height > 3))[:12], 1):
            labels[row, column] = number
        expected = flooded_slowly(labels.copy(), height, mask)
        places = np.flatnonzero(mask)
        components = segmentation._Components(
            mask, places, np.ones(len(places), np.uint16), np.array([False, True])
        )
        segmentation._flood(labels, height, components)
        np.testing.assert_array_equal(labels, expected)
