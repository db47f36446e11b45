"""Decoders side by side, and how the same-field search grows."""

from __future__ import annotations

import io
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cv2
import numpy as np
from measure import exponent, spread, table
from PIL import Image

from allstation.imaging import similarity, synthetic
from allstation.imaging.formats import decode

NAME = Path("field")
FORMATS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("JPEG", {"quality": 92}),
    ("PNG", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("BMP", {}),
    ("WEBP", {}),
    ("JPEG2000", {}),
)


def decoding(*, full: bool) -> tuple[str, dict[str, Any]]:
    """Time ``decode`` and ``decode_reduced`` against Pillow, per format, one thread, in turn."""
    cv2.setNumThreads(1)
    rounds = 7 if full else 3
    rows, figures = [], {}
    for kind, options in FORMATS:
        for size in ((224, 224), (768, 1024)):
            name = f"{kind} {options.get('compression', '')} {size[1]}x{size[0]}".replace("  ", " ")
            seconds = _race(_files(kind, size, options), rounds)
            quotient = [a / b for a, b in zip(seconds["pillow"], seconds["station"], strict=True)]
            shown = [
                spread(1000 * value for value in seconds[key])
                for key in ("station", "pillow", "reduced", "pillow reduced")
            ]
            rows.append([name, *shown, spread(quotient)])
            figures[name] = {key: statistics.median(values) for key, values in seconds.items()}
    head = [
        "format",
        "decode ms",
        "Pillow ms",
        "decode_reduced to 224 ms",
        "Pillow, bilinear to 224 ms",
        "Pillow / decode",
    ]
    return f"## Decoding, one thread, processor time\n\n{table(head, rows)}", figures


def _files(kind: str, size: tuple[int, int], options: dict[str, Any]) -> list[bytes]:
    files = []
    for seed in range(4):
        buffer = io.BytesIO()
        Image.fromarray(synthetic.draw_field("Pre", seed, size=size)).save(buffer, kind, **options)
        files.append(buffer.getvalue())
    return files


def _race(files: list[bytes], rounds: int) -> dict[str, list[float]]:
    """Return processor seconds, which other programs on the machine disturb less than wall time."""
    jobs = {
        "station": lambda data: decode.decode(NAME, data=data),
        "pillow": lambda data: np.asarray(Image.open(io.BytesIO(data)).convert("RGB")),
        "reduced": lambda data: decode.decode_reduced(NAME, (224, 224), data=data),
        "pillow reduced": lambda data: np.asarray(
            Image.open(io.BytesIO(data)).convert("RGB").resize((224, 224), Image.Resampling.BILINEAR)
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            began = time.process_time()
            for data in files:
                job(data)
            seconds[name].append((time.process_time() - began) / len(files))
    return seconds


def same_fields(*, full: bool) -> tuple[str, dict[str, Any]]:
    """Time the same-field search on growing numbers of drawn fields, one in ten an overlap of another."""
    counts = (2700, 10_000, 40_000) if full else (500, 2000)
    rows, seconds = [], []
    for count in counts:
        fields, expected = _drawn_fields(count)
        began = time.process_time()
        groups = similarity.same_field_groups(fields)
        seconds.append(time.process_time() - began)
        found = sum(groups[a] == groups[b] for a, b in expected)
        rows.append(
            [f"{count:,}", f"{seconds[-1]:.3g}", f"{count / seconds[-1]:.3g}", f"{found} of {len(expected)}"]
        )
    slope = exponent(counts, seconds)
    text = (
        f"## Same-field search\n\n{table(['fields', 's', 'fields/s', 'overlaps found'], rows)}\n\n"
        f"Processor time grows as fields to the {slope:.2f} (comparing all pairs: 2)."
    )
    return text, {"counts": counts, "seconds": seconds, "exponent": slope}


def _drawn_fields(count: int) -> tuple[list[np.ndarray], list[tuple[int, int]]]:
    """Draw small gray fields; every tenth is another cut of what the one before it was cut from.

    Discs of all sizes and greys on an uneven ground: quicker than the demo's fields, for 40,000 of them.
    """
    random = np.random.default_rng(1)
    fields, expected = [], []
    whole = np.empty(0)
    for index in range(count):
        again = index % 10 == 9
        if again:
            expected.append((index - 1, index))
        else:
            ground = random.integers(190, 240, (5, 6), dtype=np.uint8)
            whole = cv2.resize(ground, (192, 144), interpolation=cv2.INTER_CUBIC)
            for x, y, radius, grey in random.integers((0, 0, 4, 60), (192, 144, 12, 200), (60, 4)).tolist():
                cv2.circle(whole, (x, y), radius, grey, -1, cv2.LINE_AA)
        # 112x144 of 144x192; the second cut shares 82 % of the rows and 75 % of the columns.
        top, left = (20, 36) if again else (0, 0)
        cut = whole[top : top + 112, left : left + 144]
        fields.append(cv2.resize(cut, (112, 112), interpolation=cv2.INTER_AREA))
    return fields, expected
