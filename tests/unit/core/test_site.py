"""Sites: what is stored is what was said, one pixel size a frame size, and what is no site is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from allstation.core.errors import StationError
from allstation.core.site import PixelSize, ScaleSource, Site, new_id

SITE = Site(
    id="ward-3",
    name="Ward 3",
    microscope="Olympus BX43",
    camera="DP27",
    objective="100x/1.25",
    stain="May-Grünwald-Giemsa",
    pixel_sizes=(
        PixelSize(size=0.12, source=ScaleSource.RED_CELLS, frame=(1024, 768), interval=(0.11, 0.13)),
        PixelSize(size=0.06, source=ScaleSource.BAR, frame=(2048, 1536)),
    ),
    white_point=(236.0, 230.0, 238.0),
    bundle_sha256="ab" * 32,
)


def test_a_site_is_read_back_as_it_was_written():
    assert Site.from_json(json.loads(json.dumps(SITE.to_json()))) == SITE
    bare = Site(id="a", name="A")
    assert Site.from_json({"id": "a", "name": "A"}) == bare
    assert bare.pixel_size is None
    assert bare.frame is None


def test_each_frame_size_has_a_pixel_size_of_its_own():
    assert SITE.pixel_size_of(1024, 768).size == 0.12
    assert SITE.pixel_size_of(2048, 1536).size == 0.06
    assert SITE.pixel_size_of(640, 480) is None
    assert (SITE.pixel_size, SITE.frame, SITE.pixel_size_source) == (0.12, (1024, 768), "red cells")
    anywhere = SITE.with_pixel_size(PixelSize(size=0.2))
    assert anywhere.pixel_size_of(640, 480).size == 0.2
    assert anywhere.pixel_size_of(1024, 768).size == 0.12
    again = anywhere.with_pixel_size(PixelSize(size=0.1, source=ScaleSource.BAR, frame=(1024, 768)))
    assert again.pixel_size_of(1024, 768).size == 0.1
    assert len(again.pixel_sizes) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "../x"},
        {"id": ""},
        {"name": " "},
        {"name": 3},
        {"camera": "x" * 500},
        {"white_point": [1, 2]},
        {"white_point": [1, 2, 300]},
        {"white_point": "abc"},
        {"pixel_sizes": {"size": 0.1}},
        {"pixel_sizes": [{"size": 0}]},
        {"pixel_sizes": [{"size": True}]},
        {"pixel_sizes": [{"size": float("nan")}]},
        {"pixel_sizes": [{"size": 0.1, "source": "guess"}]},
        {"pixel_sizes": [{"size": 0.1, "interval": [0.2, 0.3]}]},
        {"pixel_sizes": [{"size": 0.1, "frame": [0, 9]}]},
        {"pixel_sizes": [7]},
    ],
)
def test_what_is_no_site_is_refused(changes: dict[str, Any]):
    with pytest.raises(StationError, match="of the site is") as problem:
        Site.from_json({**SITE.to_json(), **changes})
    assert problem.value.code == "bad-site"


def test_ids_follow_names_and_are_not_given_twice():
    assert new_id("Ward 3 / Öl") == "ward-3-l"
    assert new_id("Ward 3", ["ward-3", "ward-3-2"]) == "ward-3-3"
    assert new_id("!!") == "site"
    Site(id=new_id("x" * 200), name="x")
