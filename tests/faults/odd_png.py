"""PNG files of every colour type, depth and chunk, written by hand, and damaged ones."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tests.faults.odd_case import (
    EXACT,
    REFUSED,
    ROUNDED,
    Case,
    Pixels,
    Samples,
    as_rgb,
    over_white,
    picture,
    scaled,
    srgb_profile,
    upright,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _paeth(left: Samples, above: Samples, corner: Samples) -> Samples:
    guess = left.astype(int) + above - corner
    far = [np.abs(guess - side) for side in (left.astype(int), above.astype(int), corner.astype(int))]
    second = np.where(far[1] <= far[2], above, corner)
    return np.where((far[0] <= far[1]) & (far[0] <= far[2]), left, second)


def filtered(raw: Samples, depth: int) -> bytes:
    """Return samples (H, W, C) packed and filtered, each row by another of the five filters."""
    flat = raw.reshape(raw.shape[0], -1)
    if depth == 16:
        rows = np.ascontiguousarray(flat.astype(">u2")).view(np.uint8)
    elif depth == 8:
        rows = flat.astype(np.uint8)
    else:
        shifts = np.arange(depth - 1, -1, -1)
        rows = np.packbits((flat[..., None] >> shifts & 1).astype(np.uint8).reshape(len(flat), -1), axis=1)
    step = max(raw.shape[2] * depth // 8, 1)
    above = np.zeros(rows.shape[1], np.uint8)
    out = b""
    for number, row in enumerate(rows):
        left, corner = (np.concatenate([np.zeros(step, np.uint8), line])[: len(row)] for line in (row, above))
        kind = number % 5
        guess = (0, left, above, (left.astype(int) + above) // 2, _paeth(left, above, corner))[kind]
        out += bytes([kind]) + ((row.astype(int) - guess) & 255).astype(np.uint8).tobytes()
        above = row
    return out


def image_data(raw: Samples, depth: int, *, interlaced: bool) -> bytes:
    """Return the compressed pixels."""
    if not interlaced:
        return zlib.compress(filtered(raw, depth))
    parts = [raw[y::dy, x::dx] for y, x, dy, dx in PASSES]
    return zlib.compress(b"".join(filtered(part, depth) for part in parts if part.size))


def png(
    raw: Samples,
    colour: int,
    depth: int,
    *,
    interlaced: bool = False,
    before: bytes = b"",
    pieces: int = 1,
    tail: bytes = b"",
) -> bytes:
    """Return a file; ``before`` holds the chunks between the header and the pixels."""
    head = struct.pack(">IIBBBBB", raw.shape[1], raw.shape[0], depth, colour, 0, 0, int(interlaced))
    data = image_data(raw, depth, interlaced=interlaced) + tail
    size = -(-len(data) // pieces)
    body = b"".join(chunk(b"IDAT", data[at : at + size]) for at in range(0, len(data), size))
    return SIGNATURE + chunk(b"IHDR", head) + before + body + chunk(b"IEND", b"")


def palette(depth: int) -> Samples:
    """Return a colour table without order."""
    return np.random.default_rng(depth + 20).integers(0, 256, (1 << depth, 3), dtype=np.uint8)


def samples_of(colour: int, depth: int, size: tuple[int, int]) -> Samples:
    """Return what a file of a colour type stores."""
    base = picture(*size)
    alpha = np.clip(np.mgrid[0 : size[0], 0 : size[1]][1] * 5 - 20, 0, 255).astype(np.uint8)
    stored = {
        0: lambda: base[..., 1:2],
        2: lambda: base,
        3: lambda: base[..., 1:2],
        4: lambda: np.dstack([base[..., 1], alpha]),
        6: lambda: np.dstack([base, alpha]),
    }[colour]()
    if depth == 16:
        return stored.astype(np.uint16) * 257
    return stored >> (8 - depth)


def truth_of(raw: Samples, colour: int, depth: int, clear: bytes = b"") -> Pixels:
    """Return the pixels that the documented rules give; ``clear`` is the body of tRNS."""
    flat = raw[..., :1] if colour == 3 else scaled(raw, depth)
    if colour == 3:
        rgb = palette(depth)[flat[..., 0]]
        alphas = np.full(256, 255, np.uint8)
        alphas[: len(clear)] = np.frombuffer(clear, np.uint8)
        return over_white(rgb, alphas[flat[..., 0]])
    rgb = as_rgb(flat[..., 0]) if colour in {0, 4} else flat[..., :3].astype(np.uint8)
    if colour in {4, 6}:
        return over_white(rgb, flat[..., -1])
    if clear:
        hidden = (raw == np.frombuffer(clear, ">u2").astype(np.uint16)).all(axis=2)
        rgb = np.where(hidden[..., None], 255, rgb)
    return np.asarray(rgb, np.uint8)


def case(name: str, data: bytes, truth: Pixels, *, rounded: bool = False) -> Case:
    """Return an undamaged case."""
    tolerance = ROUNDED if rounded else EXACT
    return Case(name=f"png/{name}", suffix=".png", data=data, truth=truth, tolerance=tolerance, words="PNG")


def kinds(*, few: bool) -> Iterator[Case]:
    """Yield colour type by depth by interlacing by transparent colour."""
    for colour, interlaced, clear, size in itertools.product(
        CHANNELS, (False, True), (False, True), ((48, 64), (50, 67))
    ):
        for depth in DEPTHS[colour]:
            if clear and colour in {4, 6}:
                continue
            if few and size != (48, 64) and not (interlaced and depth < 8):
                continue
            raw = samples_of(colour, depth, size)
            body = b""
            if clear and colour == 3:
                body = bytes((number * 37) % 256 for number in range(min(1 << depth, 9)))
            elif clear:
                body = raw[size[0] // 2, size[1] // 2].astype(">u2").tobytes()
            before = chunk(b"PLTE", palette(depth).tobytes()) if colour == 3 else b""
            before += chunk(b"tRNS", body) if body else b""
            words = [f"colour{colour}-{depth}bit", *(["interlaced"] if interlaced else [])]
            name = "-".join([*words, *(["trns"] if clear else []), f"{size[1]}x{size[0]}"])
            rounded = depth == 16 or colour in {4, 6} or clear
            data = png(raw, colour, depth, interlaced=interlaced, before=before)
            yield case(name, data, truth_of(raw, colour, depth, body), rounded=rounded)


def chunks() -> Iterator[Case]:
    """Yield what other chunks may say: gamma, profiles, orientation, animation."""
    raw = samples_of(2, 8, (48, 64))
    base = picture(48, 64)
    said = {
        "gama-1": chunk(b"gAMA", struct.pack(">I", 100_000)),
        "gama-22": chunk(b"gAMA", struct.pack(">I", 45_455)),
        "srgb": chunk(b"sRGB", b"\0"),
        "chrm": chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)),
        "iccp-broken": chunk(b"iCCP", b"name\0\0" + zlib.compress(b"no profile")),
        "iccp": chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile())),
        "bkgd": chunk(b"bKGD", struct.pack(">3H", 255, 0, 0)),
        "text": chunk(b"tEXt", b"Comment\0IEND IDAT"),
        "phys": chunk(b"pHYs", struct.pack(">IIB", 100, 200, 1)),
        "sbit": chunk(b"sBIT", bytes([5, 6, 5])),
        "unknown": chunk(b"abCd", bytes(100)),
        "hint-palette": chunk(b"PLTE", palette(8).tobytes()),
    }
    for name, before in said.items():
        yield case(f"chunk-{name}", png(raw, 2, 8, before=before), base)
    deep = samples_of(2, 16, (48, 64))
    yield case("held-12", png(deep >> 4, 2, 16), scaled(deep >> 4, 16), rounded=True)
    yield case(
        "held-10-gray", png(deep[..., 1:2] >> 6, 0, 16), as_rgb(scaled(deep[..., 1] >> 6, 16)), rounded=True
    )
    yield case("gama-16", png(deep, 2, 16, before=said["gama-1"]), scaled(deep, 16), rounded=True)
    alpha = samples_of(6, 8, (48, 64))
    yield case("bkgd-alpha", png(alpha, 6, 8, before=said["bkgd"]), truth_of(alpha, 6, 8), rounded=True)
    yield case("many-idat", png(raw, 2, 8, pieces=40), base)
    yield case("bytes-behind", png(raw, 2, 8) + b"behind", base)
    for turn in range(1, 9):
        tiff = b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 274, 3, 1, turn, 0, 0)
        yield case(f"exif-{turn}", png(raw, 2, 8, before=chunk(b"eXIf", tiff)), upright(base, turn))
    yield case("animated", _animated(), base)
    whole = png(raw, 2, 8)
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 274, 3, 1, 6, 0, 0)
    yield case("exif-behind", whole[:-12] + chunk(b"eXIf", tiff) + whole[-12:], upright(base, 6))
    apple = SIGNATURE + chunk(b"CgBI", b"P\0 \2") + whole[8:]
    yield replace(case("apple", apple, base), words="Apple|CgBI|PNG", damaged=True)
    for name, data in (
        ("text-sum", whole[:33] + chunk(b"tEXt", b"Comment\0x")[:-1] + b"!" + whole[33:]),
        ("pixels-sum", whole[:-17] + bytes([whole[-17] ^ 1]) + whole[-16:]),
        ("bytes-in-stream", png(raw, 2, 8, tail=b"behind the stream")),
        ("no-end", whole[:-12]),
    ):
        yield replace(case(f"wrong-{name}", data, base), damaged=True)


def _animated() -> bytes:
    first, second = samples_of(2, 8, (48, 64)), samples_of(2, 8, (48, 64))[::-1]
    control = [struct.pack(">IIIIIHHBB", number, 64, 48, 0, 0, 1, 10, 0, 0) for number in (0, 1)]
    body = chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"fcTL", control[0])
    whole = png(first, 2, 8, before=body)
    more = struct.pack(">I", 2) + image_data(second, 8, interlaced=False)
    return whole[:-12] + chunk(b"fcTL", control[1]) + chunk(b"fdAT", more) + whole[-12:]


def without_colours() -> Iterator[Case]:
    """Yield indexed files whose colour table is missing or too short for its indices."""
    raw = samples_of(3, 8, (48, 64))
    clear = chunk(b"tRNS", bytes(9))
    made = {
        "no-table": b"",
        "no-table-trns": clear,
        "table-short": chunk(b"PLTE", palette(8).tobytes()[:30]),
        "table-odd": chunk(b"PLTE", palette(8).tobytes()[:31]),
    }
    for name, before in made.items():
        yield Case(
            name=f"png-damaged/{name}",
            suffix=".png",
            data=png(raw, 3, 8, before=before),
            truth=None,
            verdict=REFUSED,
            damaged=True,
        )


def damaged(*, few: bool) -> Iterator[Case]:
    """Yield files whose pixels have a hole, a wrong checksum, or end early inside a whole file."""
    for colour, depth, interlaced in (
        (2, 8, False),
        (2, 8, True),
        (0, 16, False),
        (3, 8, False),
        (6, 8, False),
    ):
        raw = samples_of(colour, depth, (48, 64))
        before = chunk(b"PLTE", palette(depth).tobytes()) if colour == 3 else b""
        data = image_data(raw, depth, interlaced=interlaced)
        head = SIGNATURE + chunk(
            b"IHDR", struct.pack(">IIBBBBB", 64, 48, depth, colour, 0, 0, int(interlaced))
        )
        rng = np.random.default_rng([colour, depth])
        for number in range(3 if few else 20):
            at = int(rng.integers(4, len(data) - 40))
            hole = data[:at] + (bytes(24) if number % 2 else rng.bytes(24)) + data[at + 24 :]
            short = zlib.compress(zlib.decompress(data)[: -int(rng.integers(1, 3000))])
            bodies = {
                "hole": chunk(b"IDAT", hole),
                "hole-old-sum": chunk(b"IDAT", data)[:8] + hole + chunk(b"IDAT", data)[-4:],
                "rows-missing": chunk(b"IDAT", short),
                "cut-stream": chunk(b"IDAT", data[:at]),
            }
            for what, body in bodies.items():
                yield Case(
                    name=f"png-damaged/colour{colour}-{depth}bit{'-interlaced' * interlaced}-{what}{number}",
                    suffix=".png",
                    data=head + before + body + chunk(b"IEND", b""),
                    truth=None,
                    verdict=REFUSED,
                    damaged=True,
                )


def cases(*, few: bool) -> Iterator[Case]:
    """Yield all PNG cases."""
    yield from kinds(few=few)
    yield from chunks()
    yield from without_colours()
    yield from damaged(few=few)
