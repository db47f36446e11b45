"""Fields that show the same cells are found; fields that do not are left apart."""

from __future__ import annotations

import csv
from itertools import combinations

import cv2
import numpy as np
import pytest

from allstation.core.errors import StationError
from allstation.imaging import similarity, synthetic

FRAME = (384, 512)


def gray(rgb):
    return cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (224, 224), interpolation=cv2.INTER_AREA)


def shot(whole, top, left, seed=0):
    """Photograph a part of a large drawn field, with noise and another exposure of its own."""
    part = whole[top : top + FRAME[0], left : left + FRAME[1]].astype(float)
    noise = np.random.default_rng(seed).normal(0, 3, part.shape)
    return gray(np.clip(part * (0.9 + 0.02 * seed) + noise, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def slides():
    """Return a large drawn field of each kind, 800x1100 pixels."""
    return [synthetic.draw_field(kind, 3, size=(800, 1100)) for kind in synthetic.LOOKS]


def pairs(groups):
    return {(a, b) for a, b in combinations(range(len(groups)), 2) if groups[a] == groups[b]}


def test_overlapping_frames_are_one_field_and_others_are_not(slides):
    fields, expected, start = [], set(), 0
    for whole in slides:
        places = [(100, 100), (100, 100), (120, 200), (30, 180), (416, 588)]
        fields += [shot(whole, *place, seed) for seed, place in enumerate(places)]
        expected |= set(combinations(range(start, start + 4), 2))
        start += 5
    assert pairs(similarity.same_field_groups(fields)) == expected


def test_it_finds_them_far_apart_in_the_order(slides):
    others = [
        gray(synthetic.draw_field(kind, seed, size=FRAME)) for kind in synthetic.LOOKS for seed in range(12)
    ]
    fields = [shot(slides[1], 100, 100, 1), *others, shot(slides[1], 160, 220, 2)]
    assert pairs(similarity.same_field_groups(fields)) == {(0, len(fields) - 1)}


def test_links_tell_the_shift_and_the_overlap(slides):
    fields = [shot(slides[2], 100, 100, 1), shot(slides[2], 196, 228, 2)]
    (link,) = similarity.same_field_pairs(fields)
    assert (link.first, link.second) == (0, 1)
    # 96 of 384 rows and 128 of 512 columns are a quarter of the frame: 28 of 112.
    assert abs(link.down - 28) <= 1
    assert abs(link.right - 28) <= 1
    assert link.overlap == pytest.approx(0.75**2, abs=0.03)
    assert 0.8 <= link.correlation <= 1


def test_a_shared_scale_bar_makes_no_pair():
    fields = [gray(synthetic.draw_field("Pro", seed, size=FRAME)) for seed in range(6)]
    for field in fields:
        cv2.rectangle(field, (192, 200), (220, 220), 0, -1)
        cv2.line(field, (190, 195), (222, 195), 255, 2)
    assert pairs(similarity.same_field_groups(fields)) == set()


def test_blank_few_and_no_fields():
    blank = np.full((224, 224), 200, np.uint8)
    assert similarity.same_field_groups([]) == []
    assert similarity.same_field_groups([blank]) == [0]
    assert len(set(similarity.same_field_groups([blank, blank, blank]))) == 3


def test_groups_are_chains_named_by_their_first_field():
    link = similarity.Overlap(0, 0, 0, 0, 1.0, 1.0)
    links = [similarity.Overlap(a, b, 0, 0, 1.0, 1.0) for a, b in ((4, 5), (1, 4), (2, 3))]
    assert similarity.grouped(6, [link, *links]) == [0, 1, 2, 2, 1, 1]


def test_progress_rises_to_its_end(slides):
    seen = []
    fields = [shot(slides[0], 100, 100), shot(slides[0], 120, 120)]
    similarity.same_field_groups(fields, progress=lambda done, of: seen.append((done, of)))
    assert seen[-1] == (4, 4)
    assert seen == sorted(seen)


def test_files_are_read_and_the_order_changes_nothing(slides, tmp_path):
    paths = []
    for index, (top, left) in enumerate([(0, 0), (60, 90), (400, 500)]):
        path = tmp_path / f"{index}.jpg"
        synthetic.write_field(path, slides[3][top : top + FRAME[0], left : left + FRAME[1]])
        paths.append(path)
    assert similarity.same_field_groups(paths) == [0, 0, 2]
    assert similarity.same_field_groups(paths[::-1]) == [0, 1, 1]
    (tmp_path / "3.jpg").write_bytes(b"no image")
    with pytest.raises(StationError):
        similarity.same_field_groups([*paths, tmp_path / "3.jpg"])


@pytest.mark.real_data
def test_real_groups_agree_with_the_list(real_data):
    """Of the listed pairs of 240 fields nearly all are found; what is found besides are real overlaps."""
    with (real_data / "taleqani" / "field_groups.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["class"] == "Pre"][:240]
    paths = [real_data / "taleqani" / "Original" / row["class"] / row["file"] for row in rows]
    listed = pairs([row["field_group"] for row in rows])
    found = pairs(similarity.same_field_groups(paths))
    assert len(listed) > 20
    assert len(found & listed) >= 0.9 * len(listed)
    assert len(found) < 2 * len(listed)
