"""Every odd file is right or refused by name: a few hundred made ones, and those beside the project."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
import tifffile
from PIL import Image

from allstation.core.errors import StationError
from allstation.imaging.formats import decode
from tests.conftest import REAL_DATA
from tests.faults import odd_files, odd_jpeg, odd_png, odd_sound, odd_tiff
from tests.faults.odd_case import Case, picture
from tests.faults.odd_judge import judge

ODD = REAL_DATA / "odd-files"


@cache
def by_family() -> dict[str, list[Case]]:
    families: dict[str, list[Case]] = defaultdict(list)
    for case in odd_files.cases(few=True):
        families[case.family].append(case)
    return families


FAMILIES = (
    *(f"tiff-{codec}" for codec in odd_tiff.CODECS),
    *(f"tiff-damaged-{codec}" for codec in odd_tiff.CODECS if codec != "none"),
    "tiff-hand",
    "tiff-hand-damaged",
    "jpeg",
    "jpeg-damaged",
    "png",
    "png-damaged",
    "bmp",
    "bmp-damaged",
    "webp",
    "webp-damaged",
    "jpeg2000",
    "jpeg2000-damaged",
    "foreign",
    *(f"sound-{name}" for name in odd_sound.ENCODERS),
)


def test_no_family_is_left_out():
    assert set(by_family()) == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_is_right_or_refused_by_name(family, tmp_path):
    outcomes = [judge(case, tmp_path) for case in by_family()[family]]
    faults = [f"{o.result}, {o.fault}: {o.name}: {o.detail}" for o in outcomes if o.fault]
    assert not faults, f"{len(faults)} of {len(outcomes)}:\n" + "\n".join(faults[:25])


def test_an_independent_reader_finds_in_each_tiff_what_was_put_in():
    kinds = [kind for kind in (*odd_tiff.FEW, *odd_tiff.pairwise(17, draws=1500)) if odd_tiff.valid(kind)]
    assert len(kinds) > 250
    for kind in kinds:
        data, stored, _ = odd_tiff.built(kind)
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            found = file.pages[0].asarray()
        if kind.planar:
            found = np.moveaxis(found, 0, -1)
        found = found.reshape(stored.shape)
        if kind.codec == "jpeg" and kind.colour == "ycbcr" and not kind.planar:
            found = odd_tiff.to_ycbcr(found)
        apart = np.abs(found.astype(np.float64) - stored.astype(np.float64)).mean()
        assert apart <= (1 if kind.codec == "jpeg" else 0), kind.name


def test_the_same_files_are_made_again():
    # LERC's encoder leaves bytes as it finds them.
    first = {name: cases for name, cases in by_family().items() if "lerc" not in name}
    again = {case.name: case.data for case in odd_files.cases(few=True)}
    assert sum(len(cases) for cases in first.values()) > 500
    assert [case.name for cases in first.values() for case in cases if again[case.name] != case.data] == []


@pytest.mark.parametrize(
    ("extra", "left_out"), [((), 0), ((1,), 0), ((2,), 0), ((0,), 1), ((2, 0), 1), ((0, 0), 2)]
)
@pytest.mark.parametrize("planar", [False, True])
def test_a_channel_that_is_left_out_is_said(extra, left_out, planar, tmp_path):
    kind = odd_tiff.Kind(extra=extra, planar=planar)
    path = tmp_path / "field.tif"
    path.write_bytes(odd_tiff.built(kind)[0])
    assert decode.probe(path).channels_left_out == left_out


def test_pages_that_are_left_out_are_counted(tmp_path):
    path = tmp_path / "field.tif"
    for name, frames in (("two", 2), ("many", 31), ("thumbnail-behind", 1), ("thumbnail-before", 1)):
        path.write_bytes(next(c.data for c in by_family()["tiff-hand"] if c.name.endswith(f"pages-{name}")))
        assert decode.probe(path).frames == frames, name


def test_files_decoded_at_once_do_not_take_each_others_warnings(tmp_path):
    good = [odd_jpeg.plain("baseline"), odd_jpeg.plain("progressive"), odd_png.png(picture(48, 64), 2, 8)]
    half = odd_jpeg.plain("420")
    bad = [half[: len(half) * size // 10] + odd_jpeg.END for size in (5, 7, 9)]
    paths = [tmp_path / f"{number}.jpg" for number in range(len(good) + len(bad))]
    for path, data in zip(paths, [*good, *bad], strict=True):
        path.write_bytes(data)
    truths = [decode.decode(path) for path in paths[: len(good)]]

    def one(number):
        index = number % len(paths)
        try:
            rgb = decode.decode(paths[index])
        except StationError:
            return index >= len(good)
        return index < len(good) and np.array_equal(rgb, truths[index])

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(one, range(600)))
    assert answers.count(False) == 0


def rows() -> list[dict[str, str]]:
    if not (ODD / "expected.csv").is_file():
        return []
    with (ODD / "expected.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.real_data
@pytest.mark.parametrize("row", rows() or [None], ids=lambda row: row["file"] if row else "none")
def test_a_file_beside_the_project_is_as_expected(row):
    if row is None:
        pytest.skip("the odd files are not here (expected beside the project in shared/data/odd-files)")
    try:
        rgb = decode.decode(ODD / row["file"])
    except StationError as error:
        damaged = error.code in {"unreadable-field", "truncated-field"}
        if damaged and row["expected"] == "right-or-refused" and "noeoi" not in row["file"]:
            pytest.fail(f"not damaged, but said to be: {error}")
        return
    assert row["expected"] == "right-or-refused"
    np.testing.assert_array_equal(rgb, decode.decode(ODD / row["file"]))
    if row["truth"]:
        with Image.open(ODD / row["truth"]) as image:
            truth = np.asarray(image.convert("RGB"))
        assert rgb.shape == truth.shape
        assert np.abs(rgb.astype(int) - truth).mean() <= 2
