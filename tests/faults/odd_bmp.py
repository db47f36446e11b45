"""BMP files of every header, depth, mask and run-length, written by hand.

Sources: Microsoft's BITMAPCOREHEADER to BITMAPV5HEADER, OS/2's 16- and 64-byte headers.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence

import numpy as np

from tests.faults.odd_case import EXACT, REFUSED, ROUNDED, Case, Pixels, Samples, over_white, picture

MASKS: dict[str, tuple[int, tuple[int, int, int, int]]] = {
    "555": (16, (0x7C00, 0x03E0, 0x001F, 0)),
    "565": (16, (0xF800, 0x07E0, 0x001F, 0)),
    "bgr565": (16, (0x001F, 0x07E0, 0xF800, 0)),
    "444": (16, (0x0F00, 0x00F0, 0x000F, 0)),
    "4444": (16, (0x0F00, 0x00F0, 0x000F, 0xF000)),
    "1555": (16, (0x7C00, 0x03E0, 0x001F, 0x8000)),
    "332": (16, (0x00E0, 0x001C, 0x0003, 0)),
    "xrgb": (32, (0x00FF0000, 0x0000FF00, 0x000000FF, 0)),
    "xbgr": (32, (0x000000FF, 0x0000FF00, 0x00FF0000, 0)),
    "rgbx": (32, (0xFF000000, 0x00FF0000, 0x0000FF00, 0)),
    "bgrx": (32, (0x0000FF00, 0x00FF0000, 0xFF000000, 0)),
    "argb": (32, (0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000)),
    "rgba": (32, (0xFF000000, 0x00FF0000, 0x0000FF00, 0x000000FF)),
    "2-10-10-10": (32, (0x3FF00000, 0x000FFC00, 0x000003FF, 0)),
    "shifted": (32, (0x0FF00000, 0x000FF000, 0x00000FF0, 0)),
}


def header(
    size: int,
    shape: tuple[int, int],
    bits: int,
    compression: int,
    *,
    colours: int = 0,
    masks: Sequence[int] = (),
) -> bytes:
    """Return an info header of ``size`` bytes; negative heights are top-down."""
    height, width = shape
    if size == 12:
        return struct.pack("<IHHHH", 12, width, height, 1, bits)
    if size == 16:
        return struct.pack("<IiiHH", 16, width, height, 1, bits)
    out = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, 0, 2835, 2835, colours, 0)
    out += b"".join(struct.pack("<I", mask) for mask in masks) if size >= 52 and size != 64 else b""
    if size >= 108:
        out = out.ljust(56, b"\0") + b"BGRs"
    return out.ljust(size, b"\0")


def bmp(head: bytes, table: bytes, pixels: bytes, *, gap: int = 0) -> bytes:
    """Return a file; ``gap`` bytes lie between the table and the pixels."""
    at = 14 + len(head) + len(table) + gap
    return struct.pack("<2sIHHI", b"BM", at + len(pixels), 0, 0, at) + head + table + bytes(gap) + pixels


def rows(lines: Samples, *, top_down: bool = False) -> bytes:
    """Return lines of bytes (H, N) padded to four, last line first."""
    padded = np.pad(lines, ((0, 0), (0, -lines.shape[1] % 4)))
    return (padded if top_down else padded[::-1]).tobytes()


def packed(indices: Samples, bits: int) -> Samples:
    """Return indices (H, W) as lines of bytes."""
    shifts = np.arange(bits - 1, -1, -1)
    return np.packbits((indices[..., None] >> shifts & 1).astype(np.uint8).reshape(len(indices), -1), axis=1)


def palette(bits: int) -> Samples:
    """Return a colour table without order, RGB."""
    return np.random.default_rng(bits + 40).integers(0, 256, (1 << bits, 3), dtype=np.uint8)


def table_of(colours: Samples, *, wide: int) -> bytes:
    """Return a table of BGR (3) or BGR0 (4) entries."""
    return np.pad(colours[:, ::-1], ((0, 0), (0, wide - 3))).tobytes()


def masked(rgb: Pixels, alpha: Samples, bits: int, masks: Sequence[int]) -> tuple[bytes, Pixels, Samples]:
    """Return pixels packed by masks, and the colours and alpha that are left of them."""
    whole = np.zeros(rgb.shape[:2], np.uint64)
    left = []
    for channel, mask in zip((*np.moveaxis(rgb, -1, 0), alpha), masks, strict=True):
        if not mask:
            left.append(np.full(alpha.shape, 255.0))
            continue
        low = (mask & -mask).bit_length() - 1
        top = mask >> low
        value = np.round(channel.astype(float) * top / 255).astype(np.uint64)
        whole |= value << np.uint64(low)
        left.append(np.round(value.astype(float) * 255 / top))
    kind = "<u2" if bits == 16 else "<u4"
    lines = np.ascontiguousarray(whole.astype(kind)).view(np.uint8)
    kept = np.stack(left, axis=-1).astype(np.uint8)
    return rows(lines.reshape(len(rgb), -1)), kept[..., :3], kept[..., 3]


def runs(indices: Samples, bits: int, *, absolute: bool) -> bytes:
    """Return RLE4 or RLE8 pixels, last line first."""
    out = bytearray()
    for line in indices[::-1]:
        at = 0
        while at < len(line):
            same = next((n for n in range(at, len(line)) if line[n] != line[at]), len(line)) - at
            if absolute and same < 3 and len(line) - at >= 4:
                piece = line[at : at + min(len(line) - at, 16)]
                coded = piece.astype(np.uint8).tobytes() if bits == 8 else packed(piece[None], 4).tobytes()
                out += bytes([0, len(piece)]) + coded + b"\0" * (len(coded) % 2)
                at += len(piece)
            else:
                same = min(same, 255)
                out += bytes([same, int(line[at]) * (1 if bits == 8 else 17)])
                at += same
        out += b"\0\0"
    return bytes(out[:-2]) + b"\0\1"


def case(name: str, data: bytes, truth: Pixels, *, tolerance: int = EXACT) -> Case:
    """Return an undamaged case."""
    return Case(
        name=f"bmp/{name}",
        suffix=".bmp",
        data=data,
        truth=truth,
        tolerance=tolerance,
        words="BMP|bitmap",
    )


def plain() -> Iterator[Case]:
    """Yield header by depth by direction."""
    for size, bits, top_down, shape in itertools.product(
        (12, 16, 40, 52, 56, 64, 108, 124), (1, 2, 4, 8, 16, 24, 32), (False, True), ((48, 64), (50, 67))
    ):
        if (top_down and size in {12, 16, 64}) or (bits in {2, 16, 32} and size in {12, 16, 64}):
            continue
        base = picture(*shape)
        table = b""
        if bits <= 8:
            indices = base[..., 1] >> (8 - bits)
            truth = palette(bits)[indices]
            table = table_of(palette(bits), wide=3 if size == 12 else 4)
            lines = packed(indices, bits)
        elif bits == 16:
            values = (base >> 3).astype(np.uint16)
            whole = values[..., 0] << 10 | values[..., 1] << 5 | values[..., 2]
            truth = np.round(values * 255 / 31).astype(np.uint8)
            lines = np.ascontiguousarray(whole).view(np.uint8).reshape(len(base), -1)
        else:
            truth = base
            stored = base[..., ::-1]
            if bits == 32:
                stored = np.dstack([stored, base[::-1, :, 1]])
            lines = np.ascontiguousarray(stored).reshape(len(base), -1)
        height = -shape[0] if top_down else shape[0]
        head = header(size, (height, shape[1]), bits, 0)
        name = f"header{size}-{bits}bit{'-top-down' * top_down}-{shape[1]}x{shape[0]}"
        tolerance = 8 if bits == 16 else EXACT
        yield case(name, bmp(head, table, rows(lines, top_down=top_down)), truth, tolerance=tolerance)


def with_masks() -> Iterator[Case]:
    """Yield bit fields, in headers that hold the masks and behind those that do not."""
    for size, name, opaque in itertools.product((40, 52, 56, 108, 124), MASKS, (True, False)):
        bits, masks = MASKS[name]
        if (masks[3] and size < 56) or (not masks[3] and not opaque):
            continue
        base = picture(50, 67)
        alpha = np.clip(np.mgrid[0:50, 0:67][1] * 5, 30, 255) if not opaque else np.full((50, 67), 255)
        pixels, left, shown = masked(base, alpha, bits, masks)
        truth = left if opaque else over_white(left, shown)
        head = header(size, (50, 67), bits, 3, masks=masks)
        table = b"".join(struct.pack("<I", mask) for mask in masks[:3]) if size == 40 else b""
        tolerance = 8 if bits == 16 and name != "332" else 40 if name == "332" else ROUNDED
        kind = f"masks-{name}-header{size}{'' if opaque else '-clear'}"
        yield case(kind, bmp(head, table, pixels), truth, tolerance=tolerance)


def run_lengths() -> Iterator[Case]:
    """Yield RLE4 and RLE8 with and without absolute runs, short tables and gaps."""
    for bits, absolute, shape in itertools.product((4, 8), (False, True), ((48, 64), (50, 67))):
        indices = picture(*shape)[..., 1] >> (8 - bits)
        data = runs(indices, bits, absolute=absolute)
        head = header(40, shape, bits, {8: 1, 4: 2}[bits])
        truth = palette(bits)[indices]
        name = f"rle{bits}{'-absolute' * absolute}-{shape[1]}x{shape[0]}"
        yield case(name, bmp(head, table_of(palette(bits), wide=4), data), truth)
    indices = picture(48, 64)[..., 1] // 3
    colours = palette(8)[:86]
    head = header(40, (48, 64), 8, 0, colours=86)
    yield case("short-table", bmp(head, table_of(colours, wide=4), rows(indices)), colours[indices])
    stored = np.ascontiguousarray(picture(48, 64)[..., ::-1]).reshape(48, -1)
    head = header(40, (48, 64), 24, 0)
    yield case("gap", bmp(head, b"", rows(stored), gap=102), picture(48, 64))
    yield case("bytes-behind", bmp(head, b"", rows(stored)) + b"behind", picture(48, 64))
    table = table_of(palette(8), wide=4)
    head = header(40, (48, 64), 24, 0, colours=256)
    yield case("needless-table", bmp(head, table, rows(stored)), picture(48, 64))


def unusual() -> Iterator[Case]:
    """Yield headers with fields that programs leave wrong, and pixels skipped by run-length deltas."""
    base = picture(48, 64)
    pixels = rows(np.ascontiguousarray(base[..., ::-1]).reshape(48, -1))
    head = header(40, (48, 64), 24, 0)
    good = bmp(head, b"", pixels)
    yield case("file-size-0", good[:2] + bytes(4) + good[6:], base)
    yield case("file-size-wrong", good[:2] + struct.pack("<I", 77) + good[6:], base)
    yield case("image-size", bmp(head[:20] + struct.pack("<I", len(pixels)) + head[24:], b"", pixels), base)
    v5 = header(124, (48, 64), 24, 0)
    profile = v5[:56] + b"DEBM" + v5[60:112] + struct.pack("<II", 124 + len(pixels), 100) + v5[120:]
    yield case("profile-behind", bmp(profile, b"", pixels) + bytes(100), base)
    yield case("array", b"BA" + struct.pack("<IIHH", 40, 0, 0, 0) + good, base)
    gray = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, 1)
    index = base[..., 1]
    data = bmp(header(40, (48, 64), 8, 0), table_of(gray, wide=4), rows(index))
    yield case("gray-table", data, np.repeat(index[..., None], 3, 2))


def embedded() -> Iterator[Case]:
    """Yield a bitmap around a JPEG and around a PNG (printers' own kind)."""
    from tests.faults.odd_jpeg import read, saved
    from tests.faults.odd_png import png

    jpeg = saved(picture(48, 64))
    for name, kind, data, truth in (
        ("jpeg", 4, jpeg, read(jpeg)),
        ("png", 5, png(picture(48, 64), 2, 8), picture(48, 64)),
    ):
        yield case(
            f"embedded-{name}", bmp(header(40, (48, 64), 0, kind), b"", data), truth, tolerance=ROUNDED
        )


def damaged(*, few: bool) -> Iterator[Case]:
    """Yield cut files and run-lengths that end early or run over."""
    indices = picture(48, 64)[..., 1]
    table = table_of(palette(8), wide=4)
    coded = runs(indices, 8, absolute=True)
    stored = rows(np.ascontiguousarray(picture(48, 64)[..., ::-1]).reshape(48, -1))
    whole = {
        "rle8": (header(40, (48, 64), 8, 1), table, coded),
        "24bit": (header(40, (48, 64), 24, 0), b"", stored),
        "8bit": (header(40, (48, 64), 8, 0), table, rows(indices)),
    }
    for name, (head, colours, pixels) in whole.items():
        for place in np.linspace(1, len(pixels) - 10, 4 if few else 30).astype(int):
            yield Case(
                name=f"bmp-damaged/{name}-cut-{place}",
                suffix=".bmp",
                data=bmp(head, colours, pixels[:place]),
                truth=None,
                verdict=REFUSED,
                damaged=True,
            )
    for place in np.linspace(1, len(coded) - 10, 4 if few else 30).astype(int):
        yield Case(
            name=f"bmp-damaged/rle8-cut-end-{place}",
            suffix=".bmp",
            data=bmp(whole["rle8"][0], table, coded[: place // 2 * 2] + b"\0\1"),
            truth=None,
            verdict=REFUSED,
            damaged=True,
        )


def cases(*, few: bool) -> Iterator[Case]:
    """Yield all BMP cases."""
    made = [*plain(), *with_masks()]
    yield from made[::3] if few else made
    yield from run_lengths()
    yield from embedded()
    yield from unusual()
    yield from damaged(few=few)
