"""Fields proposed on slides: in the monolayer, on no glass, sharp, apart, the same every time."""

from __future__ import annotations

from functools import cache
from itertools import combinations, pairwise

import numpy as np
import pytest

from allstation.core.slide_info import Level, SlideInfo
from allstation.imaging import readers
from allstation.imaging.slides.monolayer import FieldSize, everything, fill, find_fields_of_slide
from allstation.imaging.slides.scale import scale_of_slide
from allstation.imaging.slides.squares import level_for_side, make_grid
from allstation.imaging.slides.zones import EDGE, GLASS, MONOLAYER, THICK
from allstation.imaging.synthetic.slide import write_slide
from tests.unit.imaging.opened_slides import HeldSlide, OpenedSlide

SIZE = {"width": 3200, "height": 2200, "pixel_um": 0.5, "format": "svs"}
TALL = SIZE | {"width": 2200, "height": 3200}
CASES = {
    "right": SIZE | {"seed": 1},
    "left": SIZE | {"seed": 2, "toward": "left", "kind": "Early"},
    "up": TALL | {"seed": 3, "toward": "up", "kind": "Pre"},
    "down": TALL | {"seed": 4, "toward": "down", "kind": "Pro"},
    "40x": SIZE | {"seed": 8, "kind": "Benign", "pixel_um": 0.25, "width": 5200, "height": 4000},
    "100x": SIZE | {"seed": 11, "pixel_um": 0.12, "width": 7200, "height": 5400},
    "TIFF": SIZE | {"seed": 9, "format": "tiff"},
    "DICOM": SIZE | {"seed": 10, "format": "dicom", "toward": "left"},
    "no scale": SIZE | {"seed": 12, "states_scale": False},
    "nothing": SIZE | {"seed": 14, "content": "empty"},
    "head": SIZE | {"seed": 16, "content": "head"},
    "head, no scale": SIZE | {"seed": 17, "content": "head", "states_scale": False, "kind": "Early"},
}
SMEARS = [name for name, case in CASES.items() if case.get("content", "smear") == "smear"]
BARREN = [name for name in CASES if name not in SMEARS]


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    """Return a function that gives slide, truth and plan of a case, each made once."""
    folder = tmp_path_factory.mktemp("slides")

    @cache
    def made(name):
        path = folder / f"{CASES[name]['seed']}.{CASES[name]['format']}"
        truth = write_slide(path, **CASES[name])
        opened = OpenedSlide(path)
        return opened, truth, find_fields_of_slide(opened)

    made.folder = folder
    return made


def share(truth, mask, region):
    return truth.share(mask, x=region.x, y=region.y, width=region.width, height=region.height)


def held_whites(truth, region, inset=0):
    x, y = truth.white_cells[:, 0] - region.x, truth.white_cells[:, 1] - region.y
    within = (x >= inset) & (x < region.width - inset) & (y >= inset) & (y < region.height - inset)
    return int(within.sum())


@pytest.mark.parametrize("name", SMEARS)
def test_fields_lie_in_the_monolayer_in_focus_and_on_no_glass(slide, name):
    _, truth, plan = slide(name)
    assert len(plan.regions) >= 5
    inside = [share(truth, truth.monolayer, region) for region in plan.regions]
    assert min(inside) > 0.5
    assert np.mean(np.array(inside) >= 0.9) >= 0.85
    assert max(share(truth, truth.glass, region) for region in plan.regions) < 0.02
    assert max(share(truth, truth.blurred, region) for region in plan.regions) < 0.5


def test_of_all_fields_19_in_20_lie_in_the_monolayer_with_nine_tenths_of_their_area(slide):
    inside = [
        share(truth, truth.monolayer, region) >= 0.9
        for _, truth, plan in map(slide, SMEARS)
        for region in plan.regions
    ]
    assert len(inside) >= 120
    assert np.mean(inside) >= 0.95


@pytest.mark.parametrize("name", BARREN)
def test_a_slide_without_a_monolayer_gets_no_field_and_a_sentence(slide, name):
    _, _, plan = slide(name)
    assert plan.regions == ()
    assert plan.sentence.startswith("No monolayer was found on this slide: ")
    assert not (plan.map.kind == MONOLAYER).any() or CASES[name]["content"] == "head"
    if CASES[name]["content"] == "empty":
        assert (plan.map.kind == GLASS).all()
    else:
        assert (plan.map.kind == THICK).mean() > 0.4


@pytest.mark.parametrize("name", SMEARS)
def test_fields_have_the_models_size_and_none_overlaps_another_or_leaves_the_slide(slide, name):
    opened, truth, plan = slide(name)
    for region in plan.regions:
        assert region.level == 0
        assert region.width * truth.pixel_um == pytest.approx(
            112.5, rel=0.15 if plan.assumed_pixel_um else 0.03
        )
        assert region.width / region.height == pytest.approx(4 / 3, rel=0.03)
        assert 0 <= region.x <= opened.info.width - region.width
        assert 0 <= region.y <= opened.info.height - region.height
    for one, other in combinations(plan.regions, 2):
        assert abs(one.x - other.x) >= one.width or abs(one.y - other.y) >= one.height


def test_the_map_shows_the_zones_that_were_drawn(slide):
    _, truth, plan = slide("down")
    width, height = plan.map.square
    drawn = {GLASS: truth.glass, EDGE: truth.edge, MONOLAYER: truth.monolayer, THICK: truth.head}
    rows, columns = plan.map.kind.shape
    hits: dict[int, list[bool]] = {kind: [] for kind in drawn}
    for row, column in np.ndindex(rows, columns):
        # With its neighbours, since a square's zone is told with them.
        place = {"x": (column - 1) * width, "y": (row - 1) * height, "width": 3 * width, "height": 3 * height}
        if truth.share(truth.blurred, **place) == 0:
            for kind, mask in drawn.items():
                if truth.share(mask, **place) == 1:
                    hits[kind].append(plan.map.kind[row, column] == kind)
    assert min(len(one) for one in hits.values()) > 10
    assert {kind: float(np.mean(one)) for kind, one in hits.items()} == pytest.approx(
        dict.fromkeys(drawn, 1.0), abs=0.1
    )
    middle = [plan.map.overlap[plan.map.kind == kind].mean() for kind in (GLASS, EDGE, MONOLAYER, THICK)]
    assert middle == sorted(middle)
    assert plan.map.score[plan.map.kind != MONOLAYER].max() == 0


def test_the_best_come_first_and_fewer_are_spread_over_the_same_body(slide):
    opened, truth, plan = slide("right")
    assert all(0 < score <= 1 for score in plan.scores)
    few = find_fields_of_slide(opened, count=6)
    assert len(few.regions) == 6
    assert all(a >= b for a, b in pairwise(few.scores))
    rows = [region.y + region.height / 2 for region in few.regions]
    body = np.flatnonzero(truth.monolayer.any(axis=1)) * truth.square
    assert max(rows) - min(rows) > 0.45 * (body[-1] - body[0])


def test_fields_with_white_cells_come_first_and_cut_few(slide):
    counts, all_of_it, cut, touched = [], 0, 0, 0
    for name in ("right", "up", "down", "left"):
        _, truth, plan = slide(name)
        few = plan.regions[:8]
        counts += [held_whites(truth, region) for region in few]
        clear = truth.monolayer & ~truth.blurred
        held = sum(
            bool(truth.share(clear, x=int(x), y=int(y), width=1, height=1)) for x, y in truth.white_cells
        )
        area = clear.sum() * truth.square**2 / (few[0].width * few[0].height)
        all_of_it += held / area
        radius = 5 / truth.pixel_um
        for region in few:
            wide = held_whites(truth, region, inset=-int(radius))
            touched += wide
            cut += wide - held_whites(truth, region, inset=int(radius))
    assert np.mean(counts) > 1.2 * all_of_it / 4
    # A border of 5 µm to each side holds 40 % of what touches a field of 112 x 84 µm by chance.
    assert cut < 0.25 * touched


def test_the_same_slide_gives_the_same_fields_and_through_a_confined_child_too(slide):
    opened, _, plan = slide("left")
    again = find_fields_of_slide(opened)
    assert (again.regions, again.scores, again.sentence) == (plan.regions, plan.scores, plan.sentence)
    assert np.array_equal(again.map.kind, plan.map.kind)
    with readers.open_slide(slide.folder / "2.svs") as reader:
        there = find_fields_of_slide(reader)
    assert (there.regions, there.scores) == (plan.regions, plan.scores)


def test_a_scale_that_the_file_does_not_say_comes_from_red_cells_and_is_said(slide):
    _, truth, plan = slide("no scale")
    assert plan.assumed_pixel_um == plan.pixel_um == pytest.approx(truth.pixel_um, rel=0.12)
    assert "does not say its pixel size" in plan.sentence
    assert "red cells" in plan.sentence


def test_an_objective_says_the_scale_where_the_file_names_no_pixel_size(slide):
    slide("right")
    opened = OpenedSlide(slide.folder / "1.svs", pixel_um=None)
    plan = find_fields_of_slide(opened, count=5)
    assert plan.assumed_pixel_um == 0.5
    assert "0.5 µm is assumed, as is usual for 20x" in plan.sentence
    absurd = scale_of_slide(OpenedSlide(slide.folder / "1.svs", pixel_um=353.0, objective=None))
    assert absurd.assumed
    assert absurd.pixel_um == pytest.approx(0.5, rel=0.12)
    assert "353 µm a pixel, which no microscope has" in absurd.sentence


def test_another_models_field_is_as_large_as_its_own_fields_were(slide):
    opened, truth, _ = slide("right")
    size = FieldSize.for_model(4.6, aspect=1.0, side=224)
    plan = find_fields_of_slide(opened, count=10, field=size)
    side = 224 / 4.6 / truth.pixel_um
    assert plan.regions[0].width == pytest.approx(side, rel=0.05)
    assert plan.regions[0].height == pytest.approx(side, rel=0.05)
    shipped = FieldSize.for_model(2.30, aspect=4 / 3, side=224)
    assert (shipped.width_um, shipped.height_um) == pytest.approx((112.5, 84.4), rel=0.002)


def test_everything_covers_what_is_stained_row_by_row_and_no_glass(slide):
    opened, truth, _ = slide("right")
    regions = list(everything(opened))
    corners = [(region.y, region.x) for region in regions]
    assert corners == sorted(set(corners))
    covered = np.zeros((opened.info.height, opened.info.width), bool)
    for region in regions:
        covered[region.y : region.y + region.height, region.x : region.x + region.width] = True
        around = {"x": region.x - 40, "y": region.y - 40, "width": region.width + 80}
        assert truth.share(truth.glass, height=region.height + 80, **around) < 1
    at = (np.arange(side) * truth.square + truth.square // 2 for side in truth.glass.shape)
    rows, columns = (np.minimum(one, most - 1) for one, most in zip(at, covered.shape, strict=True))
    smear = covered[rows[:, None], columns][~truth.glass]
    assert smear.mean() > 0.97
    blank, _, _ = slide("nothing")
    assert list(everything(blank)) == []


def test_a_polygon_is_filled_side_by_side(slide):
    opened, _, _ = slide("right")
    square = [(400, 300), (2000, 300), (2000, 1500), (400, 1500)]
    regions = fill(opened, square)
    assert len(regions) in range(7 * 6, 8 * 8)
    assert {region.level for region in regions} == {0}
    for one, other in combinations(regions, 2):
        assert abs(one.x - other.x) >= one.width or abs(one.y - other.y) >= one.height
    triangle = fill(opened, [(400, 300), (2000, 300), (400, 1500)])
    assert 0.35 < len(triangle) / len(regions) < 0.65
    for region in triangle:
        x, y = region.x + region.width / 2, region.y + region.height / 2
        assert (x - 400) / 1600 + (y - 300) / 1200 <= 1 + 1e-6
    beyond = fill(opened, [(-500, -500), (9000, -500), (9000, 9000), (-500, 9000)])
    info = opened.info
    assert all(
        0 <= one.x <= info.width - one.width and 0 <= one.y <= info.height - one.height for one in beyond
    )
    assert len(beyond) == (info.width // beyond[0].width) * (info.height // beyond[0].height)
    assert fill(opened, [(10, 10), (12, 10), (12, 12)]) == ()


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (128, 60, 140)])
@pytest.mark.parametrize("size", [(40, 40), (16, 700), (900, 1200)])
def test_flat_and_tiny_slides_get_no_field(colour, size):
    rgb = np.full((*size, 3), colour, np.uint8)
    plan = find_fields_of_slide(HeldSlide(rgb, pixel_um=0.25))
    assert plan.regions == ()
    assert "No monolayer" in plan.sentence


def test_noise_is_no_smear():
    rgb = np.random.default_rng(1).integers(0, 256, (1500, 2000, 3), dtype=np.uint8)
    for pixel_um in (0.25, None):
        assert find_fields_of_slide(HeldSlide(rgb, pixel_um=pixel_um)).regions == ()


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["CMU-1-Small-Region.svs", "tcga-ts1.svs", "boxes.tiff"])
def test_real_slides_of_tissue_are_no_smears(real_data, name):
    opened = OpenedSlide(real_data / "slides" / name)
    assert isinstance(opened.info, SlideInfo)
    plan = find_fields_of_slide(opened)
    assert plan.regions == ()
    assert plan.sentence.startswith("No monolayer was found on this slide: ")


def test_of_a_very_large_slide_a_coarser_level_is_read():
    def level(width, height, pixel_um, factors):
        levels = tuple(Level(width // one, height // one, float(one)) for one in factors)
        info = SlideInfo(format="x", vendor="x", width=width, height=height, levels=levels, pixel_um=pixel_um)
        return level_for_side(info, make_grid(info, pixel_um, FieldSize()), 20)

    assert level(20_000, 20_000, 0.25, (1, 4, 16)) == 1
    assert level(100_000, 60_000, 0.25, (1, 4, 16)) == 1
    assert level(20_000, 20_000, 0.5, (1, 4, 16)) == 0
    assert level(100_000, 60_000, 0.5, (1, 4, 16)) == 1
    assert level(100_000, 60_000, 0.25, (1, 2, 4, 8, 16)) == 2
    assert level(100_000, 100_000, 0.5, (1, 16)) == 0
