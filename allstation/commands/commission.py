"""``allstation commission``: learns a site's model from typed cells, tests it once, writes or refuses it."""

from __future__ import annotations

import argparse
from pathlib import Path

from allstation import __version__
from allstation.commands import DONE, REFUSED
from allstation.commands.printing import say
from allstation.commands.progress import ProgressLine
from allstation.commissioning.acceptance import Accepted, Refused, Wanted
from allstation.commissioning.case_cells import typed_cells_of_case
from allstation.commissioning.commission import Commissioned, Plan, commission, write_accepted
from allstation.commissioning.typed_cells import TypedCells, read_typed_cells
from allstation.core.classes import RESEARCH_USE
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.text import shown_name
from allstation.imaging.output_kinds import FIGURES_JSON, SITE_MODEL
from allstation.imaging.outputs import Output, check_outputs
from allstation.inference.bundle import SUFFIX, ModelBundle, default_bundle_path
from allstation.inference.pipeline import default_threads
from allstation.keys.station import station_key
from allstation.paths import config_folder
from allstation.report.atomic import write_whole
from allstation.services.settings import SettingsFile

_CASE_FILE = "case.sqlite"
_NAMED = 10
"""Cells without features that are named one by one."""


def run(options: argparse.Namespace) -> int:
    """Learn, test, judge, write; status 3 if the model is refused.

    Raises:
        StationError: ``bad-output``, ``bad-wanted``, as :func:`read_typed_cells` and :func:`commission`,
            ``not-written``.
    """
    if options.out is None and options.json is None:
        sentence = "Nothing to write was named. Add --out SITE.allmodel, --json F, or both."
        raise StationError("bad-output", sentence)
    if options.out is not None and options.out.suffix.lower() != SUFFIX:
        sentence = f"--out: {shown_name(options.out)} should end in {SUFFIX}: a model is written."
        raise StationError("bad-output", sentence)
    wanted = (("--out", options.out, SITE_MODEL), ("--json", options.json, FIGURES_JSON))
    check_outputs(
        [Output(name, path, kind) for name, path, kind in wanted if path],
        inputs=[options.source],
        force=options.force,
    )
    plan = Plan(
        budget=options.budget,
        slides=options.slides,
        seed=options.seed,
        wanted=Wanted(lowest_balanced=options.lowest, error_rate=options.error_rate),
    )
    cells = read_cells(options)
    tell_unfound(cells)
    found = commission(cells, plan)
    for line in summary(found):
        say(line)
    if options.json:
        document = {"schema": 1, "app_version": __version__, **found.to_json()}
        write_whole(options.json, f"{json_text(document)}\n".encode())
    if isinstance(found.outcome, Refused):
        say(f"refused  {found.outcome.reason}", error=True)
        return REFUSED
    if options.out:
        _write(options.out, found, name=options.name or options.out.stem)
    return DONE


def read_cells(options: argparse.Namespace, *, pixel_size: float | None = None) -> TypedCells:
    """Read typed cells from the table, the case or the folder that was named.

    Args:
        options: With ``source``, ``pixel_size`` and ``threads``.
        pixel_size: Micrometres a pixel, where the person gave none.
    """
    source: Path = options.source
    line = ProgressLine(1, what="cells")

    def progress(done: int, total: int) -> None:
        line.total = total
        line.update(done)

    size = options.pixel_size or pixel_size
    if size is not None and not size > 0:
        raise StationError("bad-pixel-size", f"--pixel-size {size} is no size. Give micrometres a pixel.")
    try:
        if (source / _CASE_FILE).is_file():
            return typed_cells_of_case(source, progress=progress)
        return read_typed_cells(
            source,
            threads=options.threads or default_threads(),
            progress=progress,
            pixel_size=size,
            limits=SettingsFile(config_folder()).value.limits,
        )
    finally:
        line.close()


def tell_unfound(cells: TypedCells) -> None:
    """Name the cells that nothing could be measured of.

    Raises:
        StationError: ``no-cells`` if that is all of them: no figure of them says anything.
    """
    if not cells.unfound:
        return
    say(
        f"note     {len(cells.unfound)} of {len(cells.unfound) + len(cells.types)} cells not measured:",
        error=True,
    )
    for one in cells.unfound[:_NAMED]:
        say(f"         {shown_name(one.file)} ({shown_name(one.type)}): {one.why}", error=True)
    if len(cells.unfound) > _NAMED:
        say(f"         and {len(cells.unfound) - _NAMED} more; --json lists them", error=True)
    if not cells.types:
        sentence = f"None of the {len(cells.unfound)} cells could be measured; first: {cells.unfound[0].why}"
        raise StationError("no-cells", sentence)


def summary(found: Commissioned) -> list[str]:
    """Return what was learned and measured as lines of text."""
    cells, acceptance = found.cells, found.outcome.acceptance
    scale = f"{cells.pixel_size:.4f} µm a pixel" if cells.pixel_size else "scale"
    lines = [f"{len(cells.types)} typed cells, {cells.patients_text}"]
    if cells.pixel_size_source:
        lines[0] += f"; {scale} by {cells.pixel_size_source}"
    if acceptance is None:
        return lines
    learned = ", ".join(f"{kind} {count}" for kind, count in acceptance.learned.items())
    lines += [f"learned from {len(acceptance.learned_groups)} groups: {learned}"]
    lines += [f"left out {shown_name(kind)}: {why}" for kind, why in acceptance.left_out.items()]
    lines += [str(acceptance.balanced), str(acceptance.auroc)]
    lines += [
        f"  {shown_name(each.name)}: {each.rates.hits} of {each.rates.support} named rightly ({each.recall})"
        for each in acceptance.evaluation.per_class
    ]
    lines += [
        f"named by itself: {acceptance.named} of {acceptance.tested} cells, {acceptance.wrong} wrongly; a "
        "person looks at the others",
        f"lower limit {acceptance.limit:.3f}, wanted {acceptance.wanted.lowest_balanced:.2f}: "
        + ("accepted" if isinstance(found.outcome, Accepted) else "refused"),
        RESEARCH_USE,
    ]
    return lines


def _write(target: Path, found: Commissioned, *, name: str) -> None:
    base = ModelBundle.open(default_bundle_path())
    try:
        made = write_accepted(target, found, name=name, base=base, key=station_key())
    except OSError as error:
        sentence = f"{shown_name(target)} cannot be written ({error.strerror or error}). Name another file."
        raise StationError("not-written", sentence) from error
    say(f"written: {shown_name(str(target))} ({made.sha256[:12]}), {made.trust.text}")
