"""Pixel sizes of a case: which of those that are known counts for a field."""

from __future__ import annotations

from allstation.core.known_sizes import KnownSizes, SizeOrigin, SlideSizes, sorted_sizes
from allstation.core.site import PixelSize, Site

FRAME = (1024, 768)
OTHER = (640, 480)
SITE = Site(id="a", name="A", pixel_sizes=(PixelSize(size=0.4),))


def sizes_of(slide: int, **sizes: float) -> SlideSizes:
    frames = {"frame": FRAME, "other": OTHER, "every": None}
    return SlideSizes(slide, tuple(PixelSize(size=size, frame=frames[name]) for name, size in sizes.items()))


def test_the_narrowest_word_counts_and_a_person_goes_before_the_file() -> None:
    known = KnownSizes("0.2 µm at 1024x768", SITE, (sizes_of(3, frame=0.1),))
    assert known.find(*FRAME, slide=3, stated=0.3) == (0.1, SizeOrigin.SLIDE)
    assert known.find(*FRAME, slide=2, stated=0.3) == (0.2, SizeOrigin.CASE)
    assert known.find(*OTHER, slide=3, stated=0.3) == (0.3, SizeOrigin.FILE)
    assert known.find(*OTHER, slide=3) == (0.4, SizeOrigin.SITE)
    assert KnownSizes(slides=known.slides).find(*OTHER, slide=3) is None
    assert (known.at(*FRAME, slide=3), known.by_person(*OTHER, slide=3)) == (0.1, None)


def test_a_size_without_a_frame_holds_for_the_slides_other_frames() -> None:
    known = KnownSizes("0.2", slides=(sizes_of(1, every=0.5), sizes_of(7, frame=0.1, every=0.6)))
    assert [known.at(*one, slide=7) for one in (FRAME, OTHER)] == [0.1, 0.6]
    assert [known.at(*FRAME, slide=number) for number in (0, 1, 2, 8)] == [0.2, 0.5, 0.2, 0.2]


def test_a_change_touches_frames_of_one_size_alone() -> None:
    before = sizes_of(1, frame=0.1, other=0.2)
    assert before.changed(FRAME, PixelSize(size=0.3, frame=FRAME)) == sizes_of(1, frame=0.3, other=0.2)
    assert before.changed(FRAME, None) == sizes_of(1, other=0.2)
    assert sizes_of(1, every=0.1).changed(FRAME, None) == SlideSizes(1, ()), "it would stand for them again"
    assert sorted_sizes([sizes_of(9, frame=1.0), SlideSizes(4, ()), sizes_of(2, frame=1.0)]) == (
        sizes_of(2, frame=1.0),
        sizes_of(9, frame=1.0),
    )
