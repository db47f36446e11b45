"""Optics of a case: a slide with a pixel size of its own says nothing about the others."""

from __future__ import annotations

import hashlib
from pathlib import Path

from allstation.core.known_sizes import SlideSizes
from allstation.core.limits import DecodeLimits
from allstation.core.records import NewField
from allstation.core.site import PixelSize
from allstation.imaging.synthetic import draw_field, write_field
from allstation.services.site.measuring import measure_case
from allstation.store.case import Case

FRAME = (320, 240)


def test_a_slide_with_its_own_size_is_left_out_of_what_is_pooled(tmp_path: Path) -> None:
    folder, limits = tmp_path / "a.allcase", DecodeLimits()
    with Case.create(folder, remembered=False) as case:
        for seed, name in enumerate("AB"):
            path = tmp_path / name / "field.png"
            write_field(path, draw_field("Pre", seed, size=FRAME[::-1]))
            data = path.read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            new = NewField(path=path, sha256=digest, bytes=len(data), width=FRAME[0], height=FRAME[1])
            case.fields.add(case.slides.add(name, path.parent).id, [new])
        first, second = (slide.id for slide in case.slides.all())
        assert [one.fields for one in measure_case(folder, None, limits).frames] == [2]
        case.slide_sizes.set(SlideSizes(second, (PixelSize(size=0.3),)))
        found = measure_case(folder, None, limits)
        assert [one.fields for one in found.frames] == [1]
        assert [name for name, _ in found.slides] == ["A", "B"]
        case.slide_sizes.set(SlideSizes(first, (PixelSize(size=0.3),)))
        assert [one.fields for one in measure_case(folder, None, limits).frames] == [2], (
            "nothing else is left"
        )
