"""The layout of one page of a TIFF, and the kinds of page that are read.

Source: TIFF 6.0; compression numbers as registered in libtiff and tifffile.
"""

# ruff: noqa: PLR2004 - the numbers are the format's own

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from allstation.imaging.formats.source import FEWEST_BITS, damaged, unsupported

_COMPRESSIONS: Final = {
    6: "the JPEG of TIFF 5.0",
    9: "JBIG",
    10: "JBIG",
    22610: "JPEG XR",
    32766: "the method of NeXT",
    32809: "ThunderScan",
    32908: "PixarFilm",
    32909: "PixarLog",
    33003: "JPEG 2000",
    33004: "JPEG 2000",
    33005: "JPEG 2000",
    34661: "JBIG",
    34676: "SGI LogLuv",
    34677: "SGI LogLuv",
    34712: "JPEG 2000",
    34713: "Nikon's raw method",
    34887: "LERC",
    34892: "lossy DNG",
    34926: "ZSTD",
    34927: "WebP",
    34933: "PNG",
    34934: "JPEG XR",
    48124: "Jetraw",
    50000: "ZSTD",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
    65000: "Kodak's raw method",
}
"""What is known by name and not read."""
_PHOTOMETRICS: Final = {
    4: "a transparency mask",
    9: "ICCLab colours",
    10: "ITULab colours",
    32803: "raw sensor data",
    32844: "LogL colours",
    32845: "LogLuv colours",
    34892: "raw sensor data",
    51177: "depths instead of colours",
}
_BASE: Final = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}
"""Channels of each photometric interpretation that is read."""
FAX: Final = frozenset({2, 3, 4})
_LARGEST_FAX_TILE: Final = 1 << 26
"""Pixels of a tile of fax codes, which may be far larger than the picture and is unpacked whole."""
_PREDICTED: Final = frozenset({5, 8, 32946, 34925})
READ_COMPRESSIONS: Final = frozenset({1, 5, 7, 8, 32773, 32946, 34925})


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffPage:
    """A page that can be decoded.

    Attributes:
        width: Pixels.
        height: Pixels.
        bits: Of each sample, 1 to 16.
        samples: Channels as stored.
        signed: Whether samples may be negative.
        planar: Whether each channel is stored on its own (PlanarConfiguration 2).
        photometric: As in TIFF: 0 and 1 grey, 2 RGB, 3 palette, 5 CMYK, 6 YCbCr, 8 CIELab.
        compression: As in TIFF.
        predictor: 1 none, 2 differences of neighbours in a row.
        byte_order: ``<`` or ``>``.
        reversed_bits: FillOrder 2.
        tiled: Tiles instead of strips.
        block: Height and width of a tile, or of a strip other than the last.
        extra: ExtraSamples as stored.
        subsampling: Chroma subsampling across and down, of YCbCr alone.
        usual_luma: Whether YCbCr is mixed as ITU-R BT.601 does it, in the full range.
        white_point: CIE x and y of the white of CIELab.
        palette: Reds, greens and blues of 16 bits, of palette images alone.
        tables: What all JPEG strips share.
        segments: Offset and size of every strip or tile.
    """

    width: int
    height: int
    bits: int
    samples: int
    signed: bool
    planar: bool
    photometric: int
    compression: int
    predictor: int
    byte_order: str
    reversed_bits: bool
    tiled: bool
    block: tuple[int, int]
    extra: tuple[int, ...]
    subsampling: tuple[int, ...]
    usual_luma: bool
    white_point: tuple[float, float]
    palette: tuple[int, ...]
    tables: bytes
    segments: tuple[tuple[int, int], ...]

    @property
    def across(self) -> int:
        """Strips or tiles side by side."""
        return -(-self.width // self.block[1]) if self.block[1] else 0

    @property
    def down(self) -> int:
        """Strips or tiles below each other."""
        return -(-self.height // self.block[0]) if self.block[0] else 0

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of a strip or tile, unpacked."""
        return -(-self.block[1] * (1 if self.planar else self.samples) * self.bits // 8)

    @property
    def colours(self) -> int:
        """Channels that say the colour: grey of three channels is a composite of red, green and blue."""
        if self.photometric == 1 and self.samples == 3 and not {1, 2} & set(self.extra):
            return 3
        return _BASE[self.photometric]

    @property
    def alpha(self) -> int:
        """1 if the colours are multiplied by the alpha channel that follows them, 2 if not, 0 without one."""
        kind = self.extra[0] if self.extra and self.samples > self.colours else 0
        return kind if kind in {1, 2} else 0

    @property
    def left_out(self) -> int:
        """Channels that are not shown."""
        return self.samples - self.colours - bool(self.alpha)

    @property
    def predicted(self) -> bool:
        """Whether samples are stored as differences; codecs without a predictor pass the tag over."""
        return self.predictor != 1 and self.compression in _PREDICTED

    @property
    def by_library(self) -> bool:
        """Whether OpenCV puts the checked strips together.

        These are unusual YCbCr without JPEG, and, as it is faster, the most usual ones with LZW.
        """
        usual = (self.photometric, self.samples) in {(1, 1), (2, 3)} and not (self.planar or self.tiled)
        return (self.unusual_luma_chroma and self.compression != 7) or (
            usual and self.compression == 5 and self.bits == 8 and not self.signed
        )

    @property
    def unusual_luma_chroma(self) -> bool:
        """Whether chroma has fewer samples than luma, or is mixed otherwise than usual."""
        return self.photometric == 6 and (self.subsampling != (1, 1) or not self.usual_luma)


def check_kind(page: TiffPage) -> None:
    """Refuse by name what is not read.

    Raises:
        HeaderError: Always with the reason.
    """
    if page.compression not in READ_COMPRESSIONS | FAX:
        name = _COMPRESSIONS.get(page.compression, f"method {page.compression}")
        raise unsupported(f"a TIFF file compressed with {name}")
    if page.photometric not in _BASE:
        name = _PHOTOMETRICS.get(page.photometric, f"colours of kind {page.photometric}")
        raise unsupported(f"a TIFF file with {name}")
    if page.samples < _BASE[page.photometric]:
        raise damaged("TIFF")
    if page.photometric == 1 and page.samples > 3:
        raise unsupported(f"a TIFF file with {page.samples} channels of which none is a colour")
    _check_samples(page)
    if page.compression == 7:
        _check_jpeg(page)
    if page.compression in FAX:
        _check_fax(page)
    if page.photometric == 8 and (page.signed or page.bits not in {8, 16}):
        raise unsupported(f"a TIFF file with {page.bits}-bit CIELab colours of an unusual layout")
    if page.photometric == 6:
        _check_luma_chroma(page)


def _check_fax(page: TiffPage) -> None:
    if (page.bits, page.samples) != (1, 1) or page.signed:
        raise unsupported("a TIFF file with fax codes that are not black and white")
    if page.tiled and page.block[0] * page.block[1] > _LARGEST_FAX_TILE:
        raise unsupported("a TIFF file with fax codes in tiles of unusual size")


def _check_samples(page: TiffPage) -> None:
    if page.signed and page.bits != 8:
        raise unsupported(f"a TIFF file with signed {page.bits}-bit samples")
    if not 1 <= page.bits <= 16:
        raise unsupported(f"a TIFF file with {page.bits}-bit samples")
    if page.photometric == 3:
        if page.bits > 8:
            raise unsupported(f"a TIFF file with a palette of {page.bits} bits")
        if len(page.palette) < 3 << page.bits:
            raise damaged("TIFF")
    elif page.photometric == 5 and page.bits not in {8, 16}:
        raise unsupported(f"a TIFF file with {page.bits}-bit CMYK colours")
    elif page.bits > 1 and 3 * page.bits < FEWEST_BITS:
        raise unsupported(f"a TIFF file with {page.bits} bits a colour (too coarse for a smear)")
    if page.predictor != 1 and page.compression == 32773:
        raise unsupported("a TIFF file with a predictor before PackBits, which programs read differently")
    if page.predicted and not (page.predictor == 2 and page.bits in {8, 16}):
        raise unsupported(f"a TIFF file with predictor {page.predictor} and {page.bits}-bit samples")


def _check_jpeg(page: TiffPage) -> None:
    channels = 1 if page.planar else page.samples
    if page.bits != 8:
        raise unsupported(f"a TIFF file compressed with {page.bits}-bit JPEG")
    if channels not in {1, 3, 4} or page.photometric == 3:
        raise unsupported("a TIFF file compressed with JPEG whose channels are no colours")
    if page.photometric == 8:
        raise unsupported("a TIFF file with CIELab colours compressed with JPEG")


def _check_luma_chroma(page: TiffPage) -> None:
    if page.bits != 8 or page.signed:
        raise unsupported(f"a TIFF file with YCbCr colours of {page.bits} bits")
    if not {*page.subsampling} <= {1, 2, 4}:
        raise damaged("TIFF")
    if not page.unusual_luma_chroma:
        return
    if page.planar or page.samples != 3 or (page.compression != 7 and page.tiled):
        raise unsupported("a TIFF file with unusual YCbCr colours in planes or tiles")
    if page.compression == 34925:
        raise unsupported("a TIFF file with unusual YCbCr colours compressed with LZMA")
