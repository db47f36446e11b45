"""Conversion between the facts of a slide and their text in ``slide_files``."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, replace

from allstation.core.audit import canonical
from allstation.core.slide_info import Level, SlideInfo, SlideMetadata
from allstation.store.database import damaged
from allstation.store.folders import has_slide_files


def info_text(info: SlideInfo) -> str:
    """Return the facts of a slide as they are stored: without those of patient, specimen and scan."""
    return canonical(asdict(replace(info, metadata=SlideMetadata())))


def info_of(stored: str) -> SlideInfo:
    """Return the facts of a slide as they are stored.

    Raises:
        StationError: ``damaged-case`` if they make no sense.
    """
    try:
        known = json.loads(stored)
        levels = tuple(Level(**level) for level in known.pop("levels"))
        known.pop("metadata", None)
        associated = tuple(map(str, known.pop("associated")))
        return SlideInfo(levels=levels, associated=associated, **known)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise damaged("the facts of a slide cannot be understood") from error


def scanned_slides(db: sqlite3.Connection) -> dict[int, tuple[str, tuple[float, ...]]]:
    """Return fingerprint, and downsampling by level, of each slide that is a scanner's file."""
    if not has_slide_files(db):
        return {}
    rows = db.execute("SELECT id, fingerprint, info FROM slide_files").fetchall()
    return {row[0]: (row[1], tuple(one.downsample for one in info_of(row[2]).levels)) for row in rows}
