"""The child that reads a slide: what it may read, how it ends, and answers that make no sense."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.slide_info import Level, SlideInfo, SlideMetadata
from allstation.core.slide_part import Region
from allstation.frozen import child_command
from allstation.imaging.formats.source import HeaderError
from allstation.imaging.readers import client, open_slide
from allstation.imaging.readers.by_openslide import OpenSlideBackend
from allstation.imaging.readers.kinds import readable_places, slide_files
from allstation.imaging.readers.wire import from_json, to_json
from allstation.isolation.child import Budget, Child
from allstation.isolation.confine import NETWORK, PROGRAMS, READING, WRITING
from allstation.isolation.linux import has_filter

from .dicom_files import write_slide
from .scanner_files import write_mrxs, write_vms
from .slides import picture, write_svs

LINUX = pytest.mark.skipif(
    sys.platform != "linux" or not has_filter(), reason="what the Linux kernel refuses on x86-64"
)
READS_WHAT_IT_IS_TOLD = """
import sys
from pathlib import Path
from allstation.isolation import serving

def answer(request, _):
    return {"bytes": len(Path(request["path"]).read_bytes())}, ()

first = serving.first_request()
sys.exit(serving.serve(answer, sys.argv[1:], most=0, readable=first["readable"]))
"""
PART = Region(level=0, x=0, y=0, width=32, height=32)


@LINUX
def test_a_child_reads_the_slide_and_nothing_beside_it(tmp_path):
    slide, other = tmp_path / "a.svs", tmp_path / "b.svs"
    for path in (slide, other):
        path.write_bytes(b"x" * 100)
    first = {"readable": [str(place) for place in readable_places(slide)]}
    command = [sys.executable, "-c", READS_WHAT_IT_IS_TOLD]
    with closing(Child(command, Budget(memory=1 << 30), first=first)) as child:
        answers = [child.ask({"path": str(path)}, seconds=60, most=0)[0] for path in (slide, other)]
    assert answers == [{"bytes": 100}, {"raised": "PermissionError"}]


@LINUX
def test_what_the_system_refuses_to_a_reader(tmp_path):
    path = tmp_path / "a.svs"
    write_svs(path, width=300, height=200, levels=1)
    first = {"file": str(path), "readable": [str(path)], "limits": DecodeLimits()._asdict()}
    with closing(Child(child_command("slide"), Budget(memory=1 << 30), first=first)) as child:
        assert {READING, WRITING, NETWORK, PROGRAMS} <= child.applied


def test_each_slide_has_the_places_that_it_needs(tmp_path):
    mirax, folder = tmp_path / "a.mrxs", tmp_path / "a"
    folder.mkdir()
    mirax.write_bytes(b"index")
    hamamatsu = tmp_path / "b.vms"
    hamamatsu.write_text("[Virtual Microscope Specimen]\nImageFile=b.jpg\nMapFile=../c.jpg\n")
    for file in (folder / "Slidedat.ini", folder / ".Data.dat", tmp_path / "b.jpg"):
        file.write_bytes(b"x")
    dicom = write_slide(tmp_path / "series", picture(100, 80), how="plain")
    assert readable_places(mirax) == (mirax, folder / ".Data.dat", folder / "Slidedat.ini")
    assert readable_places(hamamatsu) == (hamamatsu, tmp_path / "b.jpg")
    assert readable_places(dicom) == (dicom.parent,)
    assert readable_places(tmp_path / "c.svs") == (tmp_path / "c.svs",)


def test_an_index_that_names_a_file_of_another_slide_is_refused(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    write_vms(other / "b.vms", picture(512, 512))
    write_vms(tmp_path / "a.vms", picture(512, 512))
    write_mrxs(tmp_path / "c.mrxs", picture(128, 128))
    (tmp_path / "c" / "Data0000.dat").rename(other / "Data0000.dat")
    index, part = tmp_path / "c" / "Slidedat.ini", tmp_path / "a.vms"
    index.write_text(index.read_text().replace("=Data0000.dat", "=../other/Data0000.dat"))
    part.write_text(part.read_text().replace("=image.jpg", "=other/image.jpg"))
    slides = (part, tmp_path / "c.mrxs")
    if sys.platform == "linux":
        for path in slides:
            with pytest.raises(StationError, match="is damaged or incomplete"):
                open_slide(path)
    for path in slides:  # where the system confines no reading
        with pytest.raises(HeaderError, match="names a file that is not its own"):
            OpenSlideBackend(path)


def test_every_file_that_shows_in_a_dicom_slide_is_in_its_fingerprint(tmp_path):
    slide = write_slide(tmp_path / "series", picture(100, 80), how="plain")
    for name in (".hidden.dcm", "level.bin"):
        (slide.parent / name).write_bytes(slide.read_bytes())
    assert {path.name for path in slide_files(slide)} >= {slide.name, ".hidden.dcm", "level.bin"}


def stand_in(monkeypatch, code: str) -> None:
    """Let another program answer in the place of the reader."""
    whole = f"import sys, os, time\nfrom allstation.isolation import serving\nserving.first_request()\n{code}"
    monkeypatch.setattr(client, "child_command", lambda _: [sys.executable, "-c", whole])


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("os._exit(3)", "decoder-died"),
        ("time.sleep(60)", "too-slow"),
        ("{'levels': [[10, 10, 1.0]]}", "unreadable-slide"),
        ("{'code': 'not-a-code', 'problem': 'x'}", "unreadable-slide"),
        ("{'code': 'unsupported-format', 'problem': 'is\\x1b[31m odd.'}", "unsupported-format"),
    ],
)
def test_a_reader_that_dies_hangs_or_lies_is_one_sentence(tmp_path, monkeypatch, answer, code):
    path = tmp_path / "a.svs"
    path.write_bytes(b"x")
    stand_in(monkeypatch, f"serving.serve(lambda *_: ({answer}, ()), sys.argv[1:], most=0)")
    began = time.monotonic()
    with pytest.raises(StationError, match=r"^The slide a\.svs [^\x1b]+\.$") as refused:
        open_slide(path, DecodeLimits(max_seconds=2.0 if code == "too-slow" else 60.0))
    assert refused.value.code == code
    assert time.monotonic() - began < 50


def test_pixels_of_another_size_are_not_believed(tmp_path, monkeypatch):
    path = tmp_path / "a.svs"
    path.write_bytes(b"x")
    info = to_json(SlideInfo(format="TIFF", vendor="", width=99, height=99, levels=(Level(99, 99, 1.0),)))
    stand_in(
        monkeypatch,
        f"info = {info!r}\n"
        "def answer(request, _):\n"
        "    if request['ask'] == 'info':\n"
        "        return info, ()\n"
        "    return {'height': 32, 'width': 31}, (bytes(2976),)\n"
        "serving.serve(answer, sys.argv[1:], most=0)",
    )
    with open_slide(path) as reader, pytest.raises(StationError, match="is a damaged slide"):
        reader.read(PART)


def test_a_missing_slide_and_a_closed_reader_are_one_sentence(tmp_path):
    path = tmp_path / "a.svs"
    with pytest.raises(StationError, match=r"The slide a\.svs is not there\.") as gone:
        open_slide(path)
    assert gone.value.code == "not-found"
    write_svs(path, width=300, height=200, levels=1)
    reader = open_slide(path)
    assert reader.read(PART).dtype == np.uint8
    reader.close()
    with pytest.raises(StationError, match="was closed"):
        reader.read(PART)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.svs", b""), ("a.mrxs", b"none"), ("a.svs", b"II*\0" + bytes(40)), ("a.dcm", bytes(128) + b"DICM")],
)
def test_no_slide_is_one_sentence(tmp_path: Path, name: str, content: bytes):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(StationError, match=rf"^The slide {name} .+\.$") as refused:
        open_slide(path)
    assert refused.value.code in {"unsupported-format", "unreadable-field", "unreadable-slide"}


INFO = SlideInfo(
    format="TIFF",
    vendor="generic",
    width=100,
    height=80,
    levels=(Level(100, 80, 1.0), Level(50, 40, 2.0)),
    pixel_um=0.25,
    objective=40.0,
    associated=("label",),
    frames=3,
    metadata=SlideMetadata(patient_name="Jane Doe"),
)


def test_facts_come_back_as_they_went():
    assert from_json(to_json(INFO)) == INFO


@pytest.mark.parametrize(
    "lie",
    [
        {"levels": []},
        {"levels": [[100, 80, 2.0]]},
        {"levels": [[0, 80, 1.0]]},
        {"levels": [[100, 80, float("nan")]]},
        {"levels": [[1 << 40, 80, 1.0]]},
        {"levels": [[100, 80, 1.0]] * 99},
        {"levels": "many"},
        {"pixel_um": -1.0},
        {"pixel_um": "0.25"},
        {"frames": 0},
        {"frames": 10**9},
        {"metadata": 7},
    ],
)
def test_facts_that_make_no_sense_are_refused(lie):
    with pytest.raises(ValueError, match=r".+"):
        from_json({**to_json(INFO), **lie})
