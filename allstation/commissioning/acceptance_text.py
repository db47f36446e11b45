"""Acceptance report of a site's model as Markdown."""

from __future__ import annotations

from allstation.commissioning.acceptance import Acceptance, Accepted, Refused
from allstation.core.classes import RESEARCH_USE
from allstation.core.statistics import wilson


def acceptance_text(outcome: Accepted | Refused, *, name: str) -> str:
    """Return the report.

    Args:
        outcome: Accepted or refused.
        name: Of the model, for people.
    """
    verdict = f"Refused: {outcome.reason}" if isinstance(outcome, Refused) else "Accepted."
    lines = [f"# Acceptance of {_cell(name)}", "", RESEARCH_USE, "", verdict, ""]
    if outcome.acceptance is not None:
        lines += _measured(outcome.acceptance)
    return "\n".join(lines)


def _measured(found: Acceptance) -> list[str]:
    of = "patients" if found.patients_known else "groups"
    total = sum(found.learned.values())
    lines = [
        f"Learned from {total} typed cells of {len(found.learned_groups)} {of}; tested once on {found.tested}"
        f" cells of {len(found.tested_groups)} other {of}. Wanted: lower limit of balanced accuracy at least "
        f"{found.wanted.lowest_balanced:.2f}; it is {found.limit:.3f} (the lower one of groups resampled and "
        "cells counted).",
        "",
        "| figure | value | 95 % interval | n | split | patients |",
        "|---|---|---|---|---|---|",
    ]
    for figure in (found.balanced, found.auroc):
        interval = str(figure.interval) if figure.interval else "none"
        lines.append(
            f"| {figure.name} | {figure.value:.3f} | {interval} | {figure.n} cells | {figure.split} | "
            f"{figure.patients} |"
        )
    lines += [
        "",
        "| type | learned | tested | named rightly | 95 % interval (cells) | AUROC, the rest |",
    ]
    lines += ["|---|---|---|---|---|---|"]
    lines += [
        f"| {_cell(each.name)} | {found.learned.get(each.name, 0)} | {each.rates.support} | "
        f"{each.rates.hits} | {each.recall} | {each.auc:.3f} |"
        for each in found.evaluation.per_class
    ]
    spread = wilson(found.wrong, found.named)
    lines += [
        "",
        f"By itself the model names {found.named} of {found.tested} cells; {found.wrong} of these wrongly "
        f"(interval {spread}, wanted at most {found.wanted.error_rate:.2f}). A person looks at the others.",
    ]
    lines += [f"Left out: {_cell(kind)}, {why}." for kind, why in found.left_out.items()]
    return [*lines, ""]


def _cell(text: str) -> str:
    """Return a name that cannot end a cell of the table."""
    return text.replace("|", "\\|")
