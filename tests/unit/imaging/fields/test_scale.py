"""Scale of a field: the file's word goes before the site's, this before the red cells; doubt is told."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from allstation.core.errors import StationError
from allstation.core.known_sizes import KnownSizes
from allstation.core.site import PixelSize, ScaleSource, Site
from allstation.imaging.cells.scale import ScaleEstimate
from allstation.imaging.fields.file import FieldFile
from allstation.imaging.fields.scale import estimated_scale, field_scale, red_cell_doubt
from tests.unit.imaging.drawn_smears import Smear

DOTS_PER_CM = 50_000
"""0.2 µm a pixel."""


def file_of(smear: Smear, kind: str, **options: object) -> FieldFile:
    buffer = io.BytesIO()
    Image.fromarray(smear.finished()).save(buffer, kind, **options)
    return FieldFile(Path(f"field.{kind}"), buffer.getvalue())


@pytest.fixture(scope="module")
def smear() -> Smear:
    drawn = Smear(4.0)
    drawn.red_cells()
    return drawn


def by_site(size: float, interval: tuple[float, float] | None = None) -> KnownSizes:
    return KnownSizes(site=Site(id="a", name="A", pixel_sizes=(PixelSize(size=size, interval=interval),)))


def test_what_a_person_wrote_goes_before_file_and_site_as_in_the_viewer(smear: Smear):
    stating = file_of(smear, "tiff", resolution=DOTS_PER_CM, resolution_unit=3)
    known = KnownSizes("0.25 µm at 9999x9999", by_site(0.1).site)
    assert field_scale(stating, sizes=known).source is ScaleSource.FILE, "said of frames of another size"
    written = KnownSizes("0.25 µm", by_site(0.1).site)
    found = field_scale(stating, sizes=written)
    assert (found.pixels_per_um, found.source, found.is_stated) == (4.0, ScaleSource.TYPED, True)
    frame = (stating.header.width, stating.header.height)
    assert found.pixel_size == written.at(*frame, stated=stating.pixel_size)


def test_the_file_goes_before_the_site_and_the_site_before_the_red_cells(smear: Smear):
    stating = file_of(smear, "tiff", resolution=DOTS_PER_CM, resolution_unit=3)
    silent = file_of(smear, "png")
    pooled = ScaleEstimate(3.0, 2.8, 3.2, 90)
    stated = field_scale(stating, sizes=by_site(0.1), pooled=pooled)
    assert (stated.pixels_per_um, stated.source) == (pytest.approx(5.0), ScaleSource.FILE)
    sited = field_scale(silent, sizes=by_site(0.1, (0.09, 0.12)), pooled=pooled)
    assert (sited.pixels_per_um, sited.source) == (pytest.approx(10.0), ScaleSource.SITE)
    assert (sited.low, sited.high) == (pytest.approx(1 / 0.12), pytest.approx(1 / 0.09))
    by_cells = field_scale(silent, pooled=pooled)
    assert (by_cells.pixels_per_um, by_cells.low, by_cells.high) == (3.0, 2.8, 3.2)
    assert by_cells.source is ScaleSource.RED_CELLS
    alone = field_scale(silent)
    assert alone.pixels_per_um == pytest.approx(4.0, rel=0.08)
    assert alone.low < 4.0 < alone.high


def test_a_scale_is_of_the_file_however_far_it_was_shrunk_to_measure():
    drawn = Smear(32.0, width=70.0, height=60.0)
    drawn.red_cells()
    assert estimated_scale(file_of(drawn, "jpeg", quality=90)).pixels_per_um == pytest.approx(32.0, rel=0.08)


def test_nothing_is_told_without_red_cells_and_damage_is_refused():
    assert field_scale(file_of(Smear(4.0, width=30, height=30), "png")) is None
    with pytest.raises(StationError):
        field_scale(FieldFile(Path("field.png"), b"\x89PNG\r\n\x1a\n" + bytes(40)))


@pytest.mark.parametrize(
    ("stated", "kind"), [(0.1, ""), (0.13, ""), (0.05, "unlikely small"), (0.2, "unlikely large")]
)
def test_red_cells_of_unlikely_size_by_the_stated_pixel_size_are_told(smear: Smear, stated: float, kind: str):
    estimate = ScaleEstimate(9.4, 8.9, 9.9, 40)
    doubt = red_cell_doubt(field_scale(file_of(smear, "png"), sizes=by_site(stated)), estimate)
    assert kind in doubt
    assert bool(doubt) == bool(kind)
    assert red_cell_doubt(field_scale(file_of(smear, "png"), sizes=by_site(stated)), None) == ""
