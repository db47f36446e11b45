"""Fields that were right before a change: are they read still, and are the pixels the same?

    PYTHONPATH=BEFORE python tests/faults/compare_pixels.py --hash before.json FOLDER...
    PYTHONPATH=. python tests/faults/compare_pixels.py --hash after.json FOLDER...
    python tests/faults/compare_pixels.py before.json after.json --out PATH

The first form decodes every field below some folders with the program that ``PYTHONPATH`` names and keeps a
hash of the pixels, whole and squashed to the network's size. The second compares two such files.
"""

# ruff: noqa: T201 - a program, whose answer is what it prints

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

NETWORK = (224, 224)
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".jp2", ".j2k")


def hashed(folders: list[Path]) -> dict[str, dict[str, str]]:
    """Return a hash of the pixels of each field, or the code with which it is refused."""
    from allstation.core.errors import StationError
    from allstation.imaging.formats import decode

    found: dict[str, dict[str, str]] = {}
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
            name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
            try:
                whole, squashed = decode.decode(path), decode.decode_reduced(path, NETWORK)
            except StationError as error:
                found[name] = {"refused": error.code}
                continue
            found[name] = {
                "whole": hashlib.sha256(repr(whole.shape).encode() + whole.tobytes()).hexdigest(),
                "squashed": hashlib.sha256(squashed.tobytes()).hexdigest(),
            }
    return found


def compared(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> dict[str, object]:
    """Return counts by folder, and the names of fields that are refused or look otherwise now."""
    folders: dict[str, Counter[str]] = {}
    lost, changed = [], []
    for name, then in before.items():
        now = after.get(name, {"refused": "not read"})
        counts = folders.setdefault(name.partition("/")[0], Counter())
        counts["fields"] += 1
        if "refused" in then:
            counts["refused before"] += 1
        elif "refused" in now:
            lost.append(f"{name}: {now['refused']}")
        elif now == then:
            counts["same pixels"] += 1
        else:
            changed.append(name)
    total: Counter[str] = Counter()
    for counts in folders.values():
        total.update(counts)
    return {
        "total": dict(total),
        "folders": {name: dict(counts) for name, counts in sorted(folders.items())},
        "refused now": lost,
        "other pixels": changed,
    }


def main() -> int:
    """Run as a program; 0 if no field was lost or changed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", type=Path, nargs="+", help="folders, or the two files to compare")
    parser.add_argument("--hash", type=Path, help="decode the folders and write this file")
    parser.add_argument("--out", type=Path, help="path without suffix; .json is written")
    arguments = parser.parse_args()
    if arguments.hash:
        arguments.hash.write_text(json.dumps(hashed(arguments.paths), indent=1) + "\n", encoding="utf-8")
        return 0
    before, after = (json.loads(path.read_text(encoding="utf-8")) for path in arguments.paths)
    data = {
        "command": "python tests/faults/compare_pixels.py before.json after.json",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "versions": {
            "python": platform.python_version(),
            "opencv": cv2.__version__,
            "numpy": np.__version__,
        },
        "system": f"{platform.system()} {platform.machine()}",
        **compared(before, after),
    }
    text = json.dumps(data, indent=1) + "\n"
    if arguments.out:
        arguments.out.with_suffix(".json").write_text(text, encoding="utf-8")
    print(text)
    return 1 if data["refused now"] or data["other pixels"] else 0


if __name__ == "__main__":
    sys.exit(main())
