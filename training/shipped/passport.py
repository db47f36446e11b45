"""Command that measures the passport of laboratories: ``python -m training.shipped passport``.

Each laboratory is left out in turn. What was computed is kept in the work folder: cells in small parts,
figures a laboratory at a time, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from allstation import __version__
from allstation.core.plain_json import json_text
from allstation.files import write_atomically
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.cell_network import CellNetwork
from allstation.inference.engine import Engine
from allstation.inference.passport import PassportLine
from training.evaluate.carrying import AUROC, PassportRow
from training.evaluate.cell_sets import FEWEST
from training.evaluate.laboratories import (
    DRAWN,
    Laboratory,
    Picture,
    blasts_of,
    five_of,
    gathered,
    pictures_of,
)
from training.evaluate.passport import (
    CARRIED,
    COMMISSIONED,
    BaseRow,
    SiteRow,
    base_rows,
    click_rows,
    foreign_fields,
    laboratory_rows,
    site_rows,
)
from training.shipped.passport_table import HOW, base_table, sites_table, table

RESULTS: Final = Path(__file__).parent.parent / "results"
EXTRACT: Final = Path(__file__).parents[2] / "resources" / "models" / "passport.json"
BLASTS, FIVE_TYPES = "blasts and what they are mistaken for", "five normal types"
_FIELDS: Final = 60
_PICTURES: Final = 300
"""Pictures of single cells, at most, of one set that are shown to the base model."""
_SIMULATED: Final = "Baltimore"
"""Laboratory that sites are made of: the one whose patients have several types."""
_METHOD: Final = 1
"""Raised when the figures are computed in another way: what was kept of an earlier one is then left."""


@dataclass(frozen=True, kw_only=True)
class Passport:
    """Everything that was measured.

    Attributes:
        rows: One laboratory left out at a time.
        clicks: Figures over clicks.
        sites: Simulated sites.
        base: The base model on pictures of other laboratories.
        versions: Date, command, program, NumPy, hashes of cell network and base model.
    """

    rows: Sequence[PassportRow]
    clicks: Sequence[PassportRow]
    sites: Sequence[SiteRow]
    base: Sequence[BaseRow]
    versions: dict[str, str]


class Kept:
    """Figures that were computed before, by name, in a folder.

    Args:
        folder: Where they are.
        key: Of network, model and method: what was computed by others is computed again.
        progress: Takes a line on what is done.
    """

    def __init__(self, folder: Path, key: str, progress: Callable[[str], None]) -> None:
        self._folder, self._key, self._progress = folder / "figures", key, progress

    def rows(self, name: str, compute: Callable[[], Iterable[Any]], kind: type[Any]) -> list[Any]:
        """Return rows of a dataclass, read or computed."""
        path = self._folder / f"{name}-{self._key}.json"
        if not path.exists():
            began = time.monotonic()
            found = [asdict(row) for row in compute()]
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json_text(found).encode())
            self._progress(f"{name}: {time.monotonic() - began:.0f} s")
        return [kind(**row) for row in json.loads(path.read_text("utf-8"))]


def measured(
    data: Path, work: Path, *, command: str, fields: int = _FIELDS, progress: Callable[[str], None]
) -> Passport:
    """Measure everything, or read what was measured.

    Args:
        data: Folder with the sets.
        work: Folder for what can be made again.
        command: As it was given.
        fields: Fields a class of the sets of fields.
        progress: Takes a line on what is done.
    """
    network, bundle = CellNetwork(), ModelBundle.open(default_bundle_path())
    pictures = pictures_of(data, fields=fields)
    laboratories = gathered(pictures, work, progress=progress)
    key = f"{network.sha256[:8]}-{bundle.sha256[:8]}-{fields}-{_METHOD}"
    kept = Kept(work, key, progress)
    rows: list[PassportRow] = []
    for question, ask in ((BLASTS, blasts_of), (FIVE_TYPES, five_of)):
        asked = [cells for each in laboratories if (cells := ask(each)) is not None]
        for cells in asked:
            others = [each for each in asked if each is not cells and each.name != DRAWN]
            name = f"{cells.name}-{question.split()[0]}"
            rows += kept.rows(name, partial(laboratory_rows, cells, others, question), PassportRow)
    clicks, sites = _simulated(laboratories, kept)
    versions = {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "program": __version__,
        "NumPy": np.__version__,
        "cell network, SHA-256": network.sha256,
        "base model": f"{bundle.name} {bundle.version}, SHA-256 {bundle.sha256}",
    }
    base = _base(data, pictures, bundle, kept)
    return Passport(rows=rows, clicks=clicks, sites=sites, base=base, versions=versions)


def _simulated(laboratories: Sequence[Laboratory], kept: Kept) -> tuple[list[PassportRow], list[SiteRow]]:
    """Return figures over clicks, and simulated sites, of laboratories whose patients have several types."""
    clicks: list[PassportRow] = []
    sites: list[SiteRow] = []
    for each in laboratories:
        blasts = blasts_of(each)
        if each.name != _SIMULATED or blasts is None:
            continue
        clicks += kept.rows("clicks-blasts", partial(click_rows, blasts, BLASTS), PassportRow)
        sites += kept.rows("sites", partial(site_rows, blasts), SiteRow)
        names, counts = np.unique(each.types, return_counts=True)
        eight = names[np.argsort(-counts, kind="stable")][:8].tolist()
        many = each.asked({name: name for name in eight}, fewest=FEWEST)
        if many is not None:
            asked = f"{len(set(many.types.tolist()))} types"
            clicks += kept.rows("clicks-types", partial(click_rows, many, asked), PassportRow)
    return clicks, sites


def _base(data: Path, pictures: dict[str, list[Picture]], bundle: ModelBundle, kept: Kept) -> list[BaseRow]:
    """Return what the base model does with pictures of laboratories other than its own."""
    shown = foreign_fields(data)
    for name, each in pictures.items():
        if name != "Tehran":
            shown[name] = each[:: max(1, len(each) // _PICTURES)][:_PICTURES]
    rows: list[BaseRow] = []
    engine = Engine(bundle)
    for name, each in shown.items():
        rows += kept.rows(f"base-{name}", partial(base_rows, name, each, engine), BaseRow)
    return rows


def extract(passport: Passport) -> list[PassportLine]:
    """Return the lines that ship with the program: the AUROC of each laboratory and question."""
    lines = []
    areas = [row for row in passport.rows if row.measure == AUROC]
    for row in areas:
        if row.way != COMMISSIONED:
            continue
        same = (row.laboratory, row.question)
        carried = [
            each.value for each in areas if (each.laboratory, each.question) == same and each.way == CARRIED
        ]
        lines.append(
            PassportLine(
                laboratory=row.laboratory,
                question=row.question,
                patients=row.patients,
                carried=carried[0] if carried else None,
                commissioned=row.value,
                spread=row.spread,
                clicks=row.clicks,
                size_alone=row.shortcuts["size"],
            )
        )
    return lines


def render(passport: Passport) -> str:
    """Return the passport as Markdown."""
    parts = [
        "# Passport of laboratories",
        "; ".join(f"{name}: {value}" for name, value in passport.versions.items()) + ".",
        *HOW,
        "## One laboratory left out at a time",
        "\n".join(table(passport.rows)),
        "## Figures over clicks, Baltimore",
        "Below 30 typed cells the station proposes nothing; those figures are of its strongest shrinkage. A "
        "patient has at most six cells a type in this set, so that five patients cannot give 40.",
        "\n".join(table(passport.clicks)),
        "## Simulated sites, Baltimore",
        "A site around each patient who has such cells: this one and four drawn ones are typed (up to 40 "
        "cells a type), all others tested.",
        "\n".join(sites_table(passport.sites)),
        "## The base model on pictures of other laboratories",
        "Its own figures on Tehran's fields stand in `shipped-model.md`. None of these pictures should be "
        "named but the drawn fields, which are drawn after Tehran's and no laboratory's.",
        "\n".join(base_table(passport.base)),
    ]
    return "\n\n".join(parts) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write the passport."""
    parser = argparse.ArgumentParser(prog="python -m training.shipped passport", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the sets of all laboratories")
    parser.add_argument("--work", type=Path, required=True, help="folder for what can be made again")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--extract", type=Path, default=EXTRACT, help="the part that ships with the program")
    parser.add_argument("--fields", type=int, default=_FIELDS, help="fields a class of the sets of fields")
    options = parser.parse_args(argv)
    command = f"python -m training.shipped passport --data DIR --work DIR --fields {options.fields}"
    found = measured(
        options.data,
        options.work,
        command=command,
        fields=options.fields,
        progress=lambda line: print(line, file=sys.stderr, flush=True),
    )
    text = render(found)
    document = {
        name: [asdict(row) for row in getattr(found, name)] for name in ("rows", "clicks", "sites", "base")
    }
    write_atomically(options.results / "passport.md", text.encode())
    whole = json_text({**found.versions, **document}, ensure_ascii=True) + "\n"
    write_atomically(options.results / "passport.json", whole.encode())
    lines = {"date": found.versions["date"], "lines": [asdict(line) for line in extract(found)]}
    write_atomically(options.extract, (json_text(lines) + "\n").encode())
    print(text)
    return 0
