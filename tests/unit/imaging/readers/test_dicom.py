"""DICOM whole slides, frames and single pictures, against pydicom in this process."""

from __future__ import annotations

import io
import shutil
import struct
from contextlib import closing
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import generate_frames
from pydicom.pixels import apply_color_lut, pixel_array
from pydicom.uid import ImplicitVRLittleEndian, JPEGBaseline8Bit

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.slide_part import Frame, Region, part_path
from allstation.imaging.fields.file import read_field
from allstation.imaging.formats.source import HeaderError
from allstation.imaging.intake import FieldPath, find_fields
from allstation.imaging.readers import find_slides, is_slide, open_slide, pages_of, slide_files
from allstation.imaging.readers.by_pydicom import DicomSlideBackend
from allstation.imaging.readers.dicom_pixels import DicomFile
from allstation.imaging.readers.kinds import look

from .dicom_files import MICROSCOPIC, image, write_slide
from .slides import picture

LIMITS = DecodeLimits()
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
TEST_FILES = Path(pydicom.__file__).parent / "data" / "test_files"
WAYS = ("jpeg", "jpeg2000", "jpegls", "plain")
RGB = picture(330, 250, seed=8)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("how", WAYS)
def test_a_whole_slide_is_pydicoms_own_tiles(tmp_path, how, sparse):
    path = write_slide(tmp_path / "slide", RGB, how=how, sparse=sparse)
    with closing(DicomSlideBackend(path, LIMITS)) as backend:
        assert [(at.width, at.height) for at in backend.info.levels] == [(330, 250), (165, 125), (83, 63)]
        got = backend.region(Region(level=0, x=0, y=0, width=384, height=256))
    number = 0
    own = own_frames(path)
    for row in range(4):
        for column in range(6):
            box = np.s_[row * 64 : row * 64 + 64, column * 64 : column * 64 + 64]
            if sparse and (row + column) % 3 == 0:
                assert (got[box] == 255).all()
                continue
            expected = own[number].copy()
            expected[max(250 - row * 64, 0) :] = 255
            expected[:, max(330 - column * 64, 0) :] = 255
            assert np.array_equal(got[box], expected), (row, column)
            number += 1
    assert number == len(own)


def test_a_header_of_hundreds_of_thousands_of_elements_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "a.dcm"
    made = image([picture(32, 32)], "plain", sop_class=MICROSCOPIC)
    made.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    made.save_as(path, implicit_vr=True, little_endian=True)
    whole = path.read_bytes()
    at = whole.index(b"\x28\x00\x02\x00")  # before the image's size
    many = b"".join(struct.pack("<HHI", 0x0027, number, 0) for number in range(0x1000, 0x8000))
    assert look(path) is not None
    path.write_bytes(whole[:at] + many + whole[at:])
    assert look(path) is None


@pytest.mark.parametrize(("items", "is_read"), [(1000, True), (40_000, False)])
def test_a_sequence_of_tens_of_thousands_of_empty_items_is_not_read_to_its_end(tmp_path, items, is_read):
    path = tmp_path / "a.dcm"
    image([picture(32, 32)], "plain", sop_class=MICROSCOPIC).save_as(path, enforce_file_format=True)
    whole = path.read_bytes()
    at = whole.index(b"\x28\x00\x02\x00US")
    item, end = (struct.pack("<HHI", 0xFFFE, element, 0) for element in (0xE000, 0xE0DD))
    sequence = struct.pack("<HH2sHI", 0x0018, 0x9000, b"SQ", 0, 0xFFFFFFFF) + item * items + end
    path.write_bytes(whole[:at] + sequence + whole[at:])
    assert (look(path) is not None) is is_read


def test_a_slide_says_what_its_tags_do(tmp_path):
    path = write_slide(tmp_path / "slide", RGB, how="jpegls")
    with open_slide(path) as slide:
        info = slide.info
        assert (info.format, info.pixel_um, info.objective) == ("DICOM", pytest.approx(0.25), 40.0)
        said = info.metadata
        assert (said.patient_id, said.patient_name) == ("P-17", "Dr Jane Doe")
        assert (said.specimen, said.accession, said.barcode) == ("S-26-1", "A-4711", "B-0815")
        assert (said.stain, said.scanner) == ("May-Grunwald Giemsa stain", "Maker Scan 1 S9")
        assert said.scanned_at == "2026-01-02T03:04:05"
        assert info.associated == ("label",)
        assert (slide.associated("label") == (10, 200, 30)).all()


def test_a_series_in_a_folder_is_one_slide(tmp_path):
    path = write_slide(tmp_path / "slide", RGB, how="jpeg")
    shutil.copy(TEST_FILES / "SC_rgb_jpeg_dcmtk.dcm", tmp_path / "slide" / "other.dcm")
    found = find_slides([tmp_path / "slide"])
    assert [slide.path.name for slide in found] == ["label.dcm"]
    names = {"label.dcm", "level0.dcm", "level1.dcm", "level2.dcm"}
    assert {file.name for file in found[0].files} == names
    assert {file.name for file in slide_files(path)} == names
    with open_slide(found[0].path) as slide:
        assert (slide.info.width, slide.info.height) == (330, 250)


@pytest.mark.parametrize("how", WAYS)
def test_a_single_picture_is_an_ordinary_field(tmp_path, how):
    path = tmp_path / "a.dcm"
    made = image([RGB], how, sop_class=MICROSCOPIC)
    made.PixelSpacing = [0.0001, 0.0001]
    made.save_as(path, enforce_file_format=True)
    assert not is_slide(path)
    field = read_field(path)
    assert np.array_equal(field.pixels, own_frames(path)[0])
    assert (field.header.format, field.header.width, field.header.height) == ("DICOM", 330, 250)
    assert field.pixel_size == pytest.approx(0.1)


@pytest.mark.parametrize("how", WAYS)
def test_every_frame_of_a_picture_is_a_field(tmp_path, how):
    path = tmp_path / "a.dcm"
    frames = [picture(120, 90, seed=seed) for seed in range(3)]
    image(frames, how, sop_class="1.2.840.10008.5.1.4.1.1.77.1.4").save_as(path, enforce_file_format=True)
    assert pages_of(path) == 3
    own = own_frames(path)
    for number in range(3):
        field = read_field(part_path(path, Frame(number=number + 1)))
        assert np.array_equal(field.pixels, own[number])
    with pytest.raises(StationError, match="has no page 4"):
        read_field(part_path(path, Frame(number=4)))


def own_frames(path: Path) -> np.ndarray:
    """Return the frames of a file: those of JPEG as libjpeg turns them into colours, others as pydicom does.

    Of JPEG pydicom mixes the colours by itself, which differs by a grey level or two.
    """
    dataset = pydicom.dcmread(path)
    own = pixel_array(dataset, raw=False)
    own = own if own.ndim == 4 else own[np.newaxis]
    if dataset.file_meta.TransferSyntaxUID != JPEGBaseline8Bit:
        return own
    coded = generate_frames(dataset.PixelData, number_of_frames=len(own))
    by_pillow = np.stack([np.asarray(Image.open(io.BytesIO(frame)).convert("RGB")) for frame in coded])
    assert np.abs(by_pillow.astype(int) - own).max() <= 3
    return by_pillow


def read_files() -> list[str]:
    """Return pydicom's own test files of the kinds that the program reads."""
    found = []
    for path in sorted(TEST_FILES.glob("*.dcm")):
        try:
            DicomFile.open(path).close()
        except HeaderError:
            continue
        found.append(path.name)
    return found


def test_pydicoms_own_files_are_read_as_pydicom_does():
    names = read_files()
    assert len(names) >= 20
    for name in names:
        if name == "GDCMJ2K_TextGBR.dcm":  # Pillow calls it a broken stream, in pydicom too
            continue
        opened = DicomFile.open(TEST_FILES / name)
        dataset = pydicom.dcmread(TEST_FILES / name)
        own = pixel_array(dataset, raw=False)
        if opened.header.photometric == "PALETTE COLOR":
            own = (apply_color_lut(own, dataset) >> 8).astype(np.uint8)
        own = own if opened.header.frames > 1 else own[np.newaxis]
        for number in range(opened.header.frames):
            assert np.array_equal(opened.frame(number + 1), own[number]), name
        opened.close()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("CT_small.dcm", "of another kind than a microscope's picture"),
        ("JPEG-lossy.dcm", "compressed with 12-bit JPEG"),
        ("image_dfl.dcm", "a deflated DICOM file"),
        ("SC_rgb_rle_32bit.dcm", "and 32 bits"),
        ("rtplan.dcm", "without an image"),
    ],
)
def test_what_is_not_read_is_named(tmp_path, name, reason):
    with pytest.raises(StationError, match=reason) as refused:
        _ = read_field(TEST_FILES / name).header
    assert refused.value.code == "unsupported-format"


def test_a_part_of_a_slide_is_no_field(tmp_path):
    path = write_slide(tmp_path / "slide", RGB, how="jpeg")
    with pytest.raises(StationError, match="is a part of a DICOM whole slide") as refused:
        _ = read_field(path).header
    assert refused.value.code == "unsupported-format"


def test_more_frames_than_there_are_or_may_be_are_refused(tmp_path):
    path = tmp_path / "a.dcm"
    made = image([RGB], "plain", sop_class=MICROSCOPIC)
    for frames, code in ((2, "truncated-field"), (2**31 - 1, "too-many-pages")):
        made.NumberOfFrames = frames
        made.save_as(path, enforce_file_format=True)
        with pytest.raises(StationError) as refused:
            _ = read_field(path).pixels
        assert refused.value.code == code
    assert pages_of(path) == 1
    assert list(find_fields([path], pages=True)) == [FieldPath(path, path.parent)]


def test_a_number_of_a_wrong_length_is_damage(tmp_path):
    path = write_slide(tmp_path / "slide", RGB, how="plain")
    content = path.read_bytes()
    at = content.index(bytes.fromhex("48000600") + b"UL") + 6
    path.write_bytes(content[:at] + b"\x05\x00" + b"\0" + content[at + 2 :])
    assert not is_slide(path)
    with pytest.raises(StationError, match="damaged DICOM file") as refused:
        _ = read_field(path).header
    assert refused.value.code == "unreadable-field"


def test_a_cut_file_is_refused(tmp_path):
    path = tmp_path / "a.dcm"
    image([RGB], "jpeg", sop_class=MICROSCOPIC).save_as(path, enforce_file_format=True)
    content = path.read_bytes()
    for share in (0.2, 0.5, 0.9, 0.99):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(StationError, match=r"^The field a\.dcm .+\.$") as refused:
            _ = read_field(path).pixels
        assert refused.value.code in {"truncated-field", "unreadable-field"}
