"""Pixels of DICOM images, frame by frame, strictly; in a confined child.

JPEG is decoded as everywhere in this program, with its decoder's warnings as errors; pydicom decodes the
rest: JPEG 2000 by Pillow, JPEG-LS by pyjpegls, RLE and plain samples by itself.

Sources: DICOM PS3.3 (C.7.6.3), PS3.5 (8.2, annex A.4).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from allstation.imaging.formats.jpeg import decode_segment
from allstation.imaging.formats.source import END_OF_IMAGE, HeaderError, Source, damaged, truncated
from allstation.imaging.readers.backend import no_pages
from allstation.imaging.readers.dicom_header import (
    JPEG,
    JPEG_2000,
    JPEG_LS,
    NATIVE,
    DicomHeader,
    missing,
    read_dicom,
)

Samples = NDArray[Any]
"""(H, W) or (H, W, 3), uint8 or uint16: grey or RGB."""
_PIXEL_DATA: Final = 0x7FE0_0010
_UNDEFINED: Final = 0xFFFF_FFFF
_LONG_FORMS: Final = frozenset({b"OB", b"OW", b"UN"})
_IMPLICIT: Final = "1.2.840.10008.1.2"
_MOST_FRAGMENTS: Final = 10_000_000
_PLUGINS: Final = {**dict.fromkeys(JPEG_2000, "pillow"), **dict.fromkeys(JPEG_LS, "pyjpegls")}
_OPTIONS: Final = (
    "Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation",
)  # fmt: skip


class DicomFile:
    """Open DICOM image whose frames are read when they are asked for.

    Args:
        file: Open for reading, seekable; kept.
        size: Bytes it holds.

    Attributes:
        header: What it is.
        dataset: Everything before the pixels, as pydicom reads it.

    Raises:
        HeaderError: If it is damaged or of a kind that is not read.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.header: DicomHeader = read_dicom(Source(file, size))
        self._file = file
        self._size = size
        try:
            from pydicom import dcmread
            from pydicom.pixels.decoders.base import get_decoder
        except ImportError as error:
            raise HeaderError("decoder-missing", missing("pydicom")) from error
        file.seek(0)
        try:
            self.dataset: Any = dcmread(file, stop_before_pixels=True, defer_size="64 MB")
            self._decoder = get_decoder(self.header.transfer_syntax)
            self._at, self._length = self._pixel_data(file.tell())
            self._fragments = self._frames_of_fragments() if self._length == _UNDEFINED else []
            self._check_length()
        except HeaderError:
            raise
        except Exception as error:  # whatever hostile bytes bring about is damage
            raise damaged("DICOM") from error

    @classmethod
    def open(cls, path: Path) -> DicomFile:
        """Open a file; errors as those of the class, and ``OSError``."""
        file = path.open("rb")
        try:
            return cls(file, path.stat().st_size)
        except BaseException:
            file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def frame(self, number: int) -> Samples:
        """Return a frame, from 1.

        Raises:
            HeaderError: ``no-such-part``, ``truncated-field``, or ``unreadable-field`` if it is damaged.
        """
        if not 1 <= number <= self.header.frames:
            raise no_pages(number)
        coded = self._native(number - 1) if not self._fragments else self._encapsulated(number - 1)
        try:
            samples = self._decoded(coded)
        except HeaderError:
            raise
        except Exception as error:  # decoders raise what they like
            raise damaged("DICOM") from error
        if samples.shape[:2] != (self.header.height, self.header.width):
            raise damaged("DICOM")
        return samples

    def _pixel_data(self, at: int) -> tuple[int, int]:
        """Return where the value of Pixel Data begins and its length, from the place of its tag."""
        source = Source(self._file, self._size)
        group, element = source.unpack("<HH", at)
        if group << 16 | element != _PIXEL_DATA:
            raise damaged("DICOM")
        if self.header.transfer_syntax == _IMPLICIT:
            (length,) = source.unpack("<I", at + 4)
            return at + 8, length
        if source.at(at + 4, 2) not in _LONG_FORMS:
            raise damaged("DICOM")
        (length,) = source.unpack("<I", at + 8)
        return at + 12, length

    def _check_length(self) -> None:
        """Refuse a file without room for the frames that it claims."""
        if not self._fragments:
            needed = self.header.frames * self._frame_bytes()
            if self._at + needed > self._size or needed > self._length:
                raise truncated(self._size)

    def _frames_of_fragments(self) -> list[tuple[tuple[int, int], ...]]:
        """Return place and size of the fragments of each frame (DICOM PS3.5, A.4)."""
        source = Source(self._file, self._size)
        items: list[tuple[int, int]] = []
        at = self._at
        while len(items) < _MOST_FRAGMENTS:
            group, element, length = source.unpack("<HHI", at)
            if (group, element) != (0xFFFE, 0xE000):
                break
            items.append((at + 8, length))
            at += 8 + length
        if len(items) < 2:  # noqa: PLR2004 - the table of offsets and a fragment
            raise damaged("DICOM")
        return self._grouped(items[0], items[1:], source)

    def _grouped(
        self, table: tuple[int, int], items: list[tuple[int, int]], source: Source
    ) -> list[tuple[tuple[int, int], ...]]:
        count = self.header.frames
        if count == len(items):
            return [(item,) for item in items]
        if count == 1:
            return [tuple(items)]
        offsets = source.unpack(f"<{table[1] // 4}I", table[0])
        if len(offsets) != count:
            raise damaged("DICOM")
        first = items[0][0]
        starts = [offset + first for offset in offsets]
        ends = [*starts[1:], self._size]
        return [
            tuple(item for item in items if start <= item[0] < end)
            for start, end in zip(starts, ends, strict=True)
        ]

    def _native(self, index: int) -> bytes:
        size = self._frame_bytes()
        if (index + 1) * size > self._length:
            raise truncated(self._size)
        return Source(self._file, self._size).at(self._at + index * size, size)

    def _frame_bytes(self) -> int:
        found = self.dataset
        samples = int(found.get("SamplesPerPixel") or 1)
        if self.header.photometric == "YBR_FULL_422":
            samples = 2
        return int(found.Rows) * int(found.Columns) * samples * (int(found.BitsAllocated) // 8)

    def _encapsulated(self, index: int) -> bytes:
        source = Source(self._file, self._size)
        coded = b"".join(source.at(at, size) for at, size in self._fragments[index])
        if not coded:
            raise damaged("DICOM")
        return coded

    def _decoded(self, coded: bytes) -> Samples:
        syntax, photometric = self.header.transfer_syntax, self.header.photometric
        if syntax in JPEG:
            return self._from_jpeg(coded)
        # CharLS goes on for ever in some streams that do not end where they should.
        if syntax in JPEG_2000 | JPEG_LS and coded.rstrip(b"\0")[-2:] != END_OF_IMAGE:
            raise truncated(len(coded))
        samples = self._by_pydicom(coded)
        if photometric == "PALETTE COLOR":
            return self._from_palette(samples)
        if photometric == "MONOCHROME1":
            return np.asarray((1 << self.header.depth) - 1 - samples, samples.dtype)
        return samples

    def _from_jpeg(self, coded: bytes) -> Samples:
        channels = int(self.dataset.get("SamplesPerPixel") or 1)
        transform = self.header.photometric.startswith("YBR")
        samples = decode_segment(coded.rstrip(b"\0"), b"", channels=channels, transform=transform)
        grey = samples[..., 0] if samples.ndim == 3 and channels == 1 else samples  # noqa: PLR2004
        return 255 - grey if self.header.photometric == "MONOCHROME1" else grey

    def _by_pydicom(self, coded: bytes) -> Samples:
        from pydicom.encaps import encapsulate

        native = self.header.transfer_syntax in NATIVE
        options: dict[str, Any] = {_snake(name): int(self.dataset.get(name) or 0) for name in _OPTIONS}
        if options["samples_per_pixel"] > 1:
            options["planar_configuration"] = int(self.dataset.get("PlanarConfiguration") or 0)
        options |= {
            "decoding_plugin": _PLUGINS.get(self.header.transfer_syntax, ""),
            "number_of_frames": 1,
            "photometric_interpretation": self.header.photometric,
            "pixel_keyword": "PixelData",
            "as_rgb": True,
        }
        samples, _ = self._decoder.as_array(
            coded if native else encapsulate([coded], has_bot=False), **options
        )
        return np.asarray(samples)

    def _from_palette(self, samples: Samples) -> Samples:
        from pydicom.pixels.processing import apply_color_lut

        coloured = np.asarray(apply_color_lut(samples, self.dataset))[..., :3]
        return (coloured >> 8).astype(np.uint8) if coloured.dtype == np.uint16 else coloured


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
