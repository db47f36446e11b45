"""Folders of fields to measure with: the real ones where they are, else drawn ones.

Every file differs by a few bytes behind the image's end, so that no program can skip a duplicate.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))
REAL = ROOT.parent / "shared" / "data"
KEPT = 10_000
"""A folder of more fields than this is taken away after use: 100,000 are 2 GB."""


def small(work: Path, count: int) -> tuple[Path, str]:
    """Return a folder of 224x224 fields and what they are."""
    real = sorted((REAL / "taleqani" / "Original").glob("*/*.jpg"))
    if real:
        # Evenly over all of them, or the classes that come last would be missing.
        chosen = real if count >= len(real) else [real[at * len(real) // count] for at in range(count)]
        return _filled(work / f"fields-{count}", chosen, count), "real"
    return _filled(work / f"fields-{count}", _drawn(work, (224, 224)), count), "synthetic"


def frames(work: Path, count: int) -> tuple[Path, str]:
    """Return a folder of 1024x768 frames and what they are."""
    real = sorted((REAL / "taleqani-highres").glob("*/*.jpg"))
    if real:
        return _filled(work / f"frames-{count}", real, count), "real"
    return _filled(work / f"frames-{count}", _drawn(work, (768, 1024)), count), "synthetic"


def _filled(folder: Path, sources: list[Path], count: int) -> Path:
    """Copy sources in turn until there are enough, in sub-folders by class."""
    if folder.is_dir() and sum(1 for _ in folder.rglob("*.jpg")) == count:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    for index in range(count):
        source = sources[index % len(sources)]
        target = folder / source.parent.name / f"{index // len(sources):03d}-{source.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes() + index.to_bytes(8, "big"))
    return folder


def _drawn(work: Path, size: tuple[int, int]) -> list[Path]:
    from PIL import Image

    from allstation.imaging.synthetic import LOOKS, draw_field

    paths = []
    for kind in LOOKS:
        for seed in range(10):
            path = work / "drawn" / f"{size[1]}x{size[0]}" / kind / f"{kind}-{seed:02d}.jpg"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                buffer = io.BytesIO()
                Image.fromarray(draw_field(kind, seed, size=size)).save(buffer, "JPEG", quality=92)
                path.write_bytes(buffer.getvalue())
            paths.append(path)
    return paths
