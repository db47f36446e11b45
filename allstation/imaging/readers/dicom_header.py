"""DICOM header parser: what an image is and how large, from the first megabytes of its file.

pydicom reads it, bounded: up to the pixel matrix of whole slides, never to pixels.

Sources: DICOM PS3.3 (C.7.6.3, C.8.12), PS3.5, PS3.6.
"""

from __future__ import annotations

import io
import itertools
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from allstation.core.pixel_size import sensible_size
from allstation.imaging.formats.source import Header, HeaderError, Source, damaged, unsupported

MAGIC: Final = b"DICM"
MAGIC_AT: Final = 128
WHOLE_SLIDE: Final = "1.2.840.10008.5.1.4.1.1.77.1.6"
"""SOP class of VL Whole Slide Microscopy Image Storage."""
_MICROSCOPIC: Final = frozenset(
    {
        WHOLE_SLIDE,
        *(f"1.2.840.10008.5.1.4.1.1.77.1.{kind}" for kind in (1, 2, 3, 4, 7)),
        "1.2.840.10008.5.1.4.1.1.7",
        *(f"1.2.840.10008.5.1.4.1.1.7.{kind}" for kind in (1, 2, 3, 4)),
    }
)
"""SOP classes that a microscope's pictures come in: visible light of every kind, and secondary capture."""
_HEAD: Final = 4 << 20
"""Bytes in which everything that is asked for lies: it comes before tables of frames and colour profiles."""
_MOST_ELEMENTS: Final = 10_000
"""Elements that are read; some hundred are usual."""
_MOST_READS: Final = 30_000
"""Reads of the head: pydicom takes one to three an element, and one an item of a sequence."""
_BEHIND: Final = 0x0048_0100
"""Tag behind all that is asked for."""
_DEFLATED: Final = "1.2.840.10008.1.2.1.99"
_MOST_BITS: Final = 16
_MILLIMETRE: Final = 1000.0
NATIVE: Final = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"})
JPEG: Final = frozenset({"1.2.840.10008.1.2.4.50"})
JPEG_2000: Final = frozenset({"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"})
JPEG_LS: Final = frozenset({"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"})
RLE: Final = frozenset({"1.2.840.10008.1.2.5"})
READ_SYNTAXES: Final = NATIVE | JPEG | JPEG_2000 | JPEG_LS | RLE
_NAMES: Final = {
    "1.2.840.10008.1.2.2": "with samples from the big end",
    "1.2.840.10008.1.2.4.51": "compressed with 12-bit JPEG",
    "1.2.840.10008.1.2.4.57": "compressed with lossless JPEG",
    "1.2.840.10008.1.2.4.70": "compressed with lossless JPEG",
    "1.2.840.10008.1.2.4.201": "compressed with high-throughput JPEG 2000",
    "1.2.840.10008.1.2.4.202": "compressed with high-throughput JPEG 2000",
    "1.2.840.10008.1.2.4.203": "compressed with high-throughput JPEG 2000",
}
_COLOURS: Final = {
    "MONOCHROME1": 1, "MONOCHROME2": 1, "PALETTE COLOR": 1,
    "RGB": 3, "YBR_FULL": 3, "YBR_FULL_422": 3, "YBR_RCT": 3, "YBR_ICT": 3,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DicomHeader(Header):
    """Adds what decoding, and telling a slide from a field, need to know.

    Attributes:
        sop_class: UID of the kind of object.
        series: UID of the series.
        instance: UID of the object.
        transfer_syntax: UID of how pixels are coded.
        photometric: ``RGB``, ``YBR_FULL_422``, ``MONOCHROME2`` and the like.
        matrix: Width and height of the whole slide that the frames are tiles of; (0, 0) if there is none.
        kinds: Values of Image Type: ``ORIGINAL``, ``PRIMARY``, ``VOLUME`` and the like.
        pixel_um: Micrometres that a pixel is wide, where the object itself says so.
    """

    sop_class: str = ""
    series: str = ""
    instance: str = ""
    transfer_syntax: str = ""
    photometric: str = ""
    matrix: tuple[int, int] = (0, 0)
    kinds: tuple[str, ...] = ()
    pixel_um: float | None = None

    @property
    def is_slide(self) -> bool:
        """Whether it is a part of a whole slide."""
        return self.sop_class == WHOLE_SLIDE


def is_dicom(start: bytes) -> bool:
    """Tell whether a file's first 132 bytes are those of a DICOM file."""
    return start[MAGIC_AT : MAGIC_AT + len(MAGIC)] == MAGIC


def read_dicom(source: Source) -> DicomHeader:
    """Return the header of a DICOM image.

    Raises:
        HeaderError: ``unsupported-format`` for an object without pixels or of a kind that is not read,
            ``unreadable-field`` for a damaged one, ``decoder-missing`` without pydicom.
    """
    with quiet():
        found = _dataset(source.at(0, min(source.size, _HEAD)))
        try:
            header = _header(found)
            _check(header, found)
        except HeaderError:
            raise
        except Exception as error:  # pydicom has exceptions of its own for each way a value can be wrong
            raise damaged("DICOM") from error
    return header


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom from writing values of a damaged file, which may be a patient's, to terminal and log."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _dataset(head: bytes) -> Any:  # noqa: ANN401 - pydicom's data set answers to every attribute
    try:
        from pydicom.filereader import read_partial
    except ImportError as error:
        raise HeaderError("decoder-missing", missing("pydicom")) from error
    try:
        found = read_partial(_Head(head), stop_when=_until_behind(), defer_size="1 MB", force=False)
        syntax = str(found.file_meta.TransferSyntaxUID)
        # None is asked for, and one in the place of another element would be unpacked without a limit.
        for tag in [element.tag for element in found.values() if element.VR == "SQ"]:
            del found[tag]
    except HeaderError:
        raise
    except Exception as error:  # whatever hostile bytes bring about is damage
        raise damaged("DICOM") from error
    if syntax == _DEFLATED:
        raise unsupported("a deflated DICOM file")
    return found


class _Head(io.BytesIO):
    """Beginning of a file that pydicom may read so often, and not to its end at once."""

    def __init__(self, head: bytes) -> None:
        super().__init__(head)
        self._reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes.

        Raises:
            HeaderError: If the file has more elements than any image, or is to be inflated whole.
        """
        if size is None or size < 0:  # pydicom inflates the rest of a file before it says so
            raise unsupported("a deflated DICOM file")
        self._reads += 1
        if self._reads > _MOST_READS:
            raise damaged("DICOM")
        return super().read(size)


def missing(library: str) -> str:
    """Return the rest of a sentence about a file that a library is missing for."""
    return f"needs {library}, which is missing from this installation. Install ALL Station again."


def _until_behind() -> Callable[[int, str | None, int], bool]:
    """Return what ends the reading: the first tag that is not asked for, or too many before it."""
    counted = itertools.count()
    return lambda tag, _kind, _length: tag >= _BEHIND or next(counted) > _MOST_ELEMENTS


def _header(found: Any) -> DicomHeader:  # noqa: ANN401
    if "Rows" not in found or "Columns" not in found:
        raise unsupported("a DICOM file without an image")
    width, height = int(found.Columns), int(found.Rows)
    frames = int(found.get("NumberOfFrames") or 1)
    matrix = (int(found.get("TotalPixelMatrixColumns") or 0), int(found.get("TotalPixelMatrixRows") or 0))
    kinds = found.get("ImageType") or ()
    return DicomHeader(
        "DICOM",
        width,
        height,
        depth=int(found.get("BitsStored") or 8),
        frames=max(frames, 1),
        sop_class=str(found.get("SOPClassUID") or ""),
        series=str(found.get("SeriesInstanceUID") or ""),
        instance=str(found.get("SOPInstanceUID") or ""),
        transfer_syntax=str(found.file_meta.TransferSyntaxUID),
        photometric=str(found.get("PhotometricInterpretation") or ""),
        matrix=matrix,
        kinds=(kinds,) if isinstance(kinds, str) else tuple(str(kind) for kind in kinds),
        pixel_um=_pixel_um(found),
    )


def _pixel_um(found: Any) -> float | None:  # noqa: ANN401
    for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        spacing = found.get(name)
        if spacing is not None and len(spacing) == 2:  # noqa: PLR2004 - rows and columns
            return sensible_size(float(spacing[1]) * _MILLIMETRE, float(spacing[0]) * _MILLIMETRE)
    return None


def _check(header: DicomHeader, found: Any) -> None:  # noqa: ANN401
    if header.transfer_syntax not in READ_SYNTAXES:
        how = _NAMES.get(header.transfer_syntax, "coded in a way")
        raise unsupported(f"a DICOM file {how}")
    if header.sop_class not in _MICROSCOPIC:
        raise unsupported("a DICOM file of another kind than a microscope's picture")
    if int(found.get("PixelRepresentation") or 0):
        raise unsupported("a DICOM file with negative samples")
    samples = int(found.get("SamplesPerPixel") or 1)
    if _COLOURS.get(header.photometric) != samples or not 1 <= header.depth <= _MOST_BITS:
        kind = header.photometric[:20] or "unknown colours"
        raise unsupported(f"a DICOM file with {samples} channels of {kind} and {header.depth} bits")
    if int(found.get("BitsAllocated") or 8) not in {8, 16}:
        raise unsupported("a DICOM file whose samples are not of 8 or 16 bits")
