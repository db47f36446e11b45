"""``allstation evaluate --cells``: every figure of a site's model on typed cells of slides it never saw."""

from __future__ import annotations

import argparse
from typing import Any

from allstation import __version__
from allstation.commands import DONE, SOME_FAILED
from allstation.commands.commission import read_cells, tell_unfound
from allstation.commands.models import name_unknown_maker
from allstation.commands.printing import say
from allstation.commissioning.cell_evaluation import CellEvaluation, evaluate_cells
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.text import shown_name
from allstation.imaging.output_kinds import FIGURES_JSON
from allstation.imaging.outputs import Output, check_outputs
from allstation.inference.bundle import ModelBundle
from allstation.inference.reference import verify_reference
from allstation.inference.site_bundle import is_site_bundle, site_facts
from allstation.report.atomic import write_whole


def run(options: argparse.Namespace) -> int:
    """Measure, compare, print; status 1 when some cells could not be measured.

    Raises:
        StationError: ``bad-output``, ``bad-bundle``, ``not-a-site-model``, as ``read_typed_cells``,
            ``nothing-to-evaluate``, ``not-written``.
    """
    if options.pdf or options.groups:
        sentence = "With --cells leave --pdf and --groups out: the table itself names patients."
        raise StationError("bad-output", sentence)
    if options.model is None:
        raise StationError(
            "not-a-site-model", "With --cells name the model of a site: --model SITE.allmodel."
        )
    outputs = [Output("--json", options.json, FIGURES_JSON)] if options.json else []
    check_outputs(outputs, inputs=[options.folder, options.model], force=options.force)
    bundle = ModelBundle.open(options.model)
    if not is_site_bundle(bundle):
        sentence = (
            f"{shown_name(bundle.path)} reads fields, not cells. Name the model of a site, as “allstation "
            "commission” writes it, or leave --cells out."
        )
        raise StationError("not-a-site-model", sentence)
    name_unknown_maker(bundle)
    verify_reference(bundle)
    options.source = options.folder
    cells = read_cells(options, pixel_size=site_facts(bundle).pixel_size)
    tell_unfound(cells)
    found = evaluate_cells(bundle, cells)
    for line in summary(bundle, found):
        say(line)
    if options.json:
        write_whole(options.json, f"{json_text(document(bundle, found))}\n".encode())
    return SOME_FAILED if cells.unfound else DONE


def document(bundle: ModelBundle, found: CellEvaluation) -> dict[str, Any]:
    """Return everything as a JSON object."""
    return {
        "schema": 1,
        "app_version": __version__,
        "model": {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256},
        **found.to_json(),
    }


def summary(bundle: ModelBundle, found: CellEvaluation) -> list[str]:
    """Return the evaluation as lines of text."""
    lines = [f"{bundle.name} {bundle.version} ({bundle.sha256[:12]})", ""]
    figures = found.evaluation.figures
    lines += [str(figure) for figure in figures]
    if any(one.interval is not None and one.interval.low == one.interval.high for one in figures):
        lines.append("without a mistake resampled intervals tell nothing: look at n")
    lines += [
        f"  {shown_name(each.name)}: recall {each.rates.recall:.3f} ({each.recall}), n = {each.rates.support}"
        for each in found.evaluation.per_class
    ]
    lines += [
        f"named by itself: {found.named} of {found.cells} cells, {found.wrong} wrongly",
        f"not in the figures: {found.seen} cells of pictures or slides that were learned from, "
        f"{sum(found.other_types.values())} of types that the model does not know (of which it names "
        f"{found.others_named}), {found.unfound} not measured",
    ]
    return lines
