"""Decoder of image files from anywhere: header, limits, pixels.

A file is judged by its content. What it is and how large it claims to be is read from its header
(``headers``) before a decoder sees it; a refusal names the file, the reason and what to do.

What is rare is decoded in a process of its own (``isolated``, ``is_plain``): a fault of its codec costs the
file, never the program.

A file is decoded right, or refused with the name of what it is; ``damaged`` is said of damaged files
alone (``tests/faults/odd_files.py`` holds 17,000 files against independent decoders). simplejpeg decodes
JPEG (``jpeg``), OpenCV PNG, WebP and JPEG 2000 after or before a check of what it would pass over (``png``,
``webp``), and TIFF and BMP are put together here (``tiff_pixels``, ``bmp``): OpenCV leaves memory unfilled,
or black, where it does not know the layout, and writes a file's faults on the terminal.

Nothing of a file's metadata leaves this module but the orientation, which is applied.
"""

# ruff: noqa: PLR2004 - channel counts and sample depths speak for themselves

from __future__ import annotations

import errno
import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.text import shown_name
from allstation.imaging.formats.bmp import BmpHeader, decode_bmp
from allstation.imaging.formats.headers import read_header
from allstation.imaging.formats.isolated import decoders
from allstation.imaging.formats.jpeg import JpegHeader, decode_jpeg
from allstation.imaging.formats.pixel_conversions import (
    RgbArray,
    as_rgb,
    halved,
    over_white,
    reduction,
    squash,
    to_8_bit,
    upright,
)
from allstation.imaging.formats.png import PngHeader, decode_png
from allstation.imaging.formats.source import END_OF_IMAGE, Header, HeaderError, Source, damaged, truncated
from allstation.imaging.formats.tiff import TiffHeader
from allstation.imaging.formats.tiff_pixels import UNPACKED_HERE, decode_tiff
from allstation.imaging.formats.webp import WebpHeader, check_webp
from allstation.imaging.readers.dicom_header import DicomHeader

# A refused file is reported once, by its StationError, not also by each codec on stderr.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


_LONGEST_NAME: Final = 64
"""Characters of a file's name that a sentence bears."""

DEFAULT_LIMITS: Final = DecodeLimits()

_COSTLY: Final = {"JPEG 2000": 4}
"""Times the memory a pixel that a format takes which decodes whole, in 32-bit planes: 15 bytes a pixel."""


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """Header of a field.

    Attributes:
        format: ``JPEG``, ``PNG``, ``TIFF``, ``BMP``, ``WebP`` or ``JPEG 2000``.
        width: Pixels, after the orientation is applied.
        height: Pixels, after the orientation is applied.
        frames: Pages that can be decoded; an animation counts as its first frame.
        bytes: File size.
        channels_left_out: Channels that are stored and not shown: neither a colour nor transparency.
    """

    format: str
    width: int
    height: int
    frames: int
    bytes: int
    channels_left_out: int = 0


def probe(path: Path, limits: DecodeLimits = DEFAULT_LIMITS, *, data: bytes | None = None) -> FieldInfo:
    """Read a field's header.

    Args:
        path: The file. FIFOs, devices and sockets are refused without being opened for reading.
        limits: What to accept.
        data: The file's bytes if they are read already.

    Raises:
        StationError: ``not-found``, ``no-permission``, ``not-a-file``, ``empty-file``,
            ``not-an-image``, ``unsupported-format``, ``too-large``, ``too-small``,
            ``too-many-pages``, ``truncated-field`` or ``unreadable-field``.
    """
    with _open(path, limits) if data is None else io.BytesIO(data) as file:
        size = os.fstat(file.fileno()).st_size if data is None else len(data)
        header = _header(path, Source(file, size), limits)
    width, height = (header.height, header.width) if header.turned else (header.width, header.height)
    return FieldInfo(
        header.format, width, height, header.frames, size, channels_left_out=header.channels_left_out
    )


def read_bytes(path: Path, limits: DecodeLimits = DEFAULT_LIMITS) -> bytes:
    """Read a field's file whole, for hashing and decoding it in one go.

    Raises:
        StationError: As ``probe``, as far as it does not need the header.
    """
    with _open(path, limits) as file:
        try:
            return file.read(min(os.fstat(file.fileno()).st_size, limits.max_bytes))
        except OSError as error:
            raise _unreadable(path, error) from error


def changed(path: Path) -> StationError:
    """Return the error of a field of a case whose file holds other bytes than were added."""
    sentence = (
        f"The file {_name(path)} is not the one that was added: its bytes are others now. Put that file "
        "back and retry, or add this one as a field of its own."
    )
    return StationError("changed-field", sentence)


def decode(path: Path, limits: DecodeLimits = DEFAULT_LIMITS, *, data: bytes | None = None) -> RgbArray:
    """Decode a field at its full size; of a file with several pages the first.

    16-bit samples are scaled to 8 by the smallest of 10, 12, 14 and 16 bits that holds the brightest
    one, as microscope cameras store 12 bits in 16. Transparency is laid over white.

    Args:
        path: The file.
        limits: What to accept.
        data: The file's bytes if they are read already.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous, orientation applied.

    Raises:
        StationError: As ``probe``.
    """
    content = read_bytes(path, limits) if data is None else data
    header = _header(path, Source(io.BytesIO(content), len(content)), limits)
    return upright(_pixels(path, content, header, limits=limits), header.orientation)


def decode_reduced(
    path: Path,
    size: tuple[int, int],
    limits: DecodeLimits = DEFAULT_LIMITS,
    *,
    data: bytes | None = None,
) -> RgbArray:
    """Decode a field and squash it to one size by bit-exact bilinear sampling.

    Training and serving both use it: the same file gives the same bytes on every thread. Of 16
    interpolations tried on 40 camera frames of 1024x768 whose 224x224 twins are in the Taleqani set, full
    decoding and bilinear sampling gave the twins back best: median difference 0.93 grey levels and 1.02 of
    their sharpness (area averaging 1.02 and 0.68, half-size decoding with area averaging 1.07 and 0.63).

    Args:
        path: The file.
        size: Height and width wanted, pixels.
        limits: What to accept.
        data: The file's bytes if they are read already.

    Returns:
        (h, w, 3) uint8 RGB, C-contiguous, orientation applied.

    Raises:
        StationError: As ``probe``.
    """
    return squash(decode_shrunk(path, size, limits, data=data), size)


def decode_shrunk(
    path: Path,
    size: tuple[int, int],
    limits: DecodeLimits = DEFAULT_LIMITS,
    *,
    data: bytes | None = None,
    most: int = 8,
) -> RgbArray:
    """Decode a field to the picture that :func:`decode_reduced` samples: a few times as large as wanted.

    Args:
        path: The file.
        size: Height and width wanted, pixels.
        limits: What to accept.
        data: The file's bytes if they are read already.
        most: How far to shrink at most: 1, 2, 4 or 8.

    Returns:
        (h, w, 3) uint8 RGB, orientation applied, of the file's size or a half, quarter or eighth of it.

    Raises:
        StationError: As ``probe``.
    """
    content = read_bytes(path, limits) if data is None else data
    header = _header(path, Source(io.BytesIO(content), len(content)), limits)
    wanted = size[::-1] if header.turned else size
    shrink = min(reduction((header.height, header.width), wanted), most)
    return upright(_pixels(path, content, header, limits=limits, shrink=shrink), header.orientation)


def _open(path: Path, limits: DecodeLimits) -> io.BufferedReader:
    """Open a regular file for reading, and nothing else.

    The kind is checked before opening, as opening a FIFO or a tape has effects, and again on the
    open file, as it may have been swapped in between. O_NONBLOCK keeps that second case from hanging.
    """
    try:
        _check_kind(path, path.stat(), limits)
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        file = os.fdopen(os.open(path, flags), "rb")
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    try:
        _check_kind(path, os.fstat(file.fileno()), limits)
    except StationError:
        file.close()
        raise
    return file


def _check_kind(path: Path, status: os.stat_result, limits: DecodeLimits) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device, pipe or socket"
        sentence = f"{_name(path)} is {kind}, not an image file. Choose image files."
        raise StationError("not-a-file", sentence)
    if status.st_size == 0:
        sentence = (
            f"The field {_name(path)} is empty (0 bytes). Copy it again from the camera or the archive."
        )
        raise StationError("empty-file", sentence)
    if status.st_size > limits.max_bytes:
        raise _too_many_bytes(path, status.st_size, limits)


def _too_many_bytes(path: Path, size: int, limits: DecodeLimits) -> StationError:
    sentence = (
        f"The field {_name(path)} has {size / 2**20:,.0f} MiB; at most {limits.max_bytes / 2**20:,.0f} MiB "
        f"are read. Save it smaller, or raise max_megabytes in settings.json."
    )
    return StationError("too-large", sentence)


def _unreadable(path: Path, error: OSError | ValueError) -> StationError:
    number = error.errno if isinstance(error, OSError) else None
    name = _name(path)
    if number in {errno.ENOENT, errno.ENOTDIR}:
        sentence = f"The field {name} is not there any more. Put it back, or show where it is now."
        return StationError("not-found", sentence)
    if number in {errno.EACCES, errno.EPERM}:
        return StationError(
            "no-permission", f"The field {name} may not be read. Check the file's permissions."
        )
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "its name is not valid"
    return StationError(
        "unreadable-field", f"The field {name} cannot be read ({reason}). Check the file and retry."
    )


def _name(path: Path) -> str:
    """Return a file's name fit for a sentence: no control characters, and not too long."""
    shown = shown_name(path.name or str(path))
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[:40]}…{shown[-20:]}"


def _refused(path: Path, problem: HeaderError) -> StationError:
    return StationError(problem.code, f"The field {_name(path)} {problem.problem}")


def _header(path: Path, source: Source, limits: DecodeLimits) -> Header:
    """Read the header and hold it against the limits."""
    try:
        header = read_header(source, max_frames=limits.max_frames)
        check_size(header, limits)
        if header.end > source.size:
            raise truncated(source.size)
    except HeaderError as problem:
        raise _refused(path, problem) from problem
    except OSError as error:
        raise _unreadable(path, error) from error
    return header


def check_size(header: Header, limits: DecodeLimits) -> None:
    """Hold a header's size against the limits.

    Raises:
        HeaderError: ``too-large``, ``too-small``, or ``unreadable-field`` if it names no size.
    """
    width, height = header.width, header.height
    if min(width, height) < 1:
        raise damaged(header.format)
    most = limits.max_pixels // _COSTLY.get(header.format, 1)
    if width * height > most or max(width, height) > limits.max_side:
        # No setting moves the longest side: it is libjpeg's own (JPEG_MAX_DIMENSION).
        or_else = (
            ", or raise max_megapixels in settings.json" if max(width, height) <= limits.max_side else ""
        )
        problem = (
            f"claims {width:,} x {height:,} pixels; at most {most / 1e6:,.0f} million and "
            f"{limits.max_side:,} a side are read. Save it smaller{or_else}."
        )
        raise HeaderError("too-large", problem)
    if min(width, height) < limits.min_side:
        problem = (
            f"has {width} x {height} pixels; at least {limits.min_side} a side are needed. "
            "Choose another file."
        )
        raise HeaderError("too-small", problem)


def _pixels(path: Path, content: bytes, header: Header, *, limits: DecodeLimits, shrink: int = 1) -> RgbArray:
    """Decode as stored, without orientation, shrunk by 1, 2, 4 or 8.

    Raises:
        StationError: If the file is truncated or damaged, or its decoder died of it.
    """
    try:
        if is_plain(header):
            return pixels_here(content, header, shrink)
        return decoders().pixels(content, header, shrink=shrink, limits=limits)
    except HeaderError as problem:
        raise _refused(path, problem) from problem


def is_plain(header: Header) -> bool:
    """Tell whether pixels may be decoded in this process.

    Those of the usual 8-bit JPEG and PNG: their decoders are those of every browser, and get nothing but
    what was checked here. Those of BMP, and of TIFF without compression or with LZW, Deflate or PackBits:
    this project unpacks them with NumPy and zlib, without another decoder.
    """
    if isinstance(header, JpegHeader):
        return header.scalable
    if isinstance(header, PngHeader):
        return header.depth <= 8 and not header.interlaced
    if isinstance(header, TiffHeader):
        return all(page.compression in UNPACKED_HERE and not page.by_library for page in header.pages)
    return isinstance(header, BmpHeader)


def pixels_here(content: bytes, header: Header, shrink: int) -> RgbArray:
    """Decode in this process, as stored, shrunk by 1, 2, 4 or 8.

    Args:
        content: The file.
        header: Its header.
        shrink: How far to shrink.

    Raises:
        HeaderError: If the file is truncated or damaged.
    """
    if isinstance(header, JpegHeader):
        scaled = shrink if header.scalable else 1
        return halved(decode_jpeg(content, header, reduction=scaled), shrink // scaled)
    if isinstance(header, TiffHeader):
        raw: NDArray[Any] = decode_tiff(content, header)
    elif isinstance(header, BmpHeader):
        raw = decode_bmp(content, header)
    elif isinstance(header, PngHeader):
        raw = decode_png(content, header)
    elif isinstance(header, DicomHeader):
        raw = _from_dicom(content)
    else:
        raw = _by_opencv(content, header)
        if isinstance(header, WebpHeader):
            check_webp(content, header)
    return halved(as_rgb(over_white(to_8_bit(raw), header)), shrink)


def _from_dicom(content: bytes) -> NDArray[Any]:
    # Here, in a child: its library takes a while to load.
    from allstation.imaging.readers.dicom_pixels import DicomFile

    return DicomFile(io.BytesIO(content), len(content)).frame(1)


def _by_opencv(content: bytes, header: Header) -> NDArray[Any]:
    """Decode WebP or JPEG 2000: grey, RGB, or either with alpha.

    Raises:
        HeaderError: If the file is truncated or damaged.
    """
    if header.data_at and content.rfind(END_OF_IMAGE, header.data_at) < 0:
        raise truncated(len(content))
    data = np.frombuffer(content, np.uint8)
    raw = None
    if header.depth <= 8 and not header.alpha:
        raw = _decoded(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if raw is None:  # Also grey JPEG 2000 without boxes, which OpenCV does not turn into colours.
        raw = _decoded(data, cv2.IMREAD_UNCHANGED)
    if (
        raw is None
        or raw.shape[:2] != (header.height, header.width)
        or raw.dtype not in (np.uint8, np.uint16)
    ):
        raise damaged(header.format)
    channels = 1 if raw.ndim == 2 else raw.shape[2]
    order = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}.get(channels)
    return np.asarray(raw if order is None else cv2.cvtColor(raw, order))


def _decoded(data: NDArray[np.uint8], flags: int) -> NDArray[Any] | None:
    try:
        return cv2.imdecode(data, flags)
    except cv2.error:
        return None
