"""Pages as pictures: white paper, dark ink, one thread at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from allstation.report.content.build import build_content
from allstation.report.content.options import ReportOptions
from allstation.report.pdf import render_pdf
from allstation.report.preview import PagePictures

from .factory import CLOCK


@pytest.fixture(scope="module")
def pdf(factory):
    snapshot = factory.snapshot(8)
    options = ReportOptions(clock=CLOCK, annex=True)
    return render_pdf(snapshot, build_content(snapshot, options), options)


def pictures_of(pdf, width):
    with PagePictures(pdf) as pages:
        return [pages.picture(index, width=width) for index in range(len(pages.sizes))]


def test_every_page_is_a_picture_of_its_shape(pdf):
    pictures = pictures_of(pdf, 300)
    assert len(pictures) > 3
    for picture in pictures:
        assert picture.shape == (pytest.approx(300 * 842 / 595, abs=2), 300, 3)
        assert picture.dtype == np.uint8
        assert tuple(picture[2, 2]) == (255, 255, 255)
        assert picture.min() < 120


def test_nothing_is_printed_in_the_margins(pdf):
    """Nothing is clipped: all ink stays inside the margins, on every page."""
    for picture in pictures_of(pdf, 600):
        margin = 40
        edges = (picture[:, :margin], picture[:, -margin:], picture[:24], picture[-16:])
        assert min(int(edge.min()) for edge in edges) == 255


def test_colours_are_red_green_blue(pdf):
    """The badge of Benign is green."""
    first = pictures_of(pdf, 1200)[0].astype(int)
    green = (first[:, :, 1] - first[:, :, 0] > 100) & (first[:, :, 1] - first[:, :, 2] > 20)
    assert green.sum() > 100


def test_threads_may_ask_at_once(pdf):
    with ThreadPoolExecutor(4) as threads:
        pages = list(threads.map(lambda _: pictures_of(pdf, 100)[0], range(8)))
    assert all(np.array_equal(page, pages[0]) for page in pages)
