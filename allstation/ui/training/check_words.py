"""Words and bars of a dataset check: verdict, figures, counts per class, shortcut probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allstation.ui.common.formatting import number, percent
from allstation.ui.common.i18n import tr
from allstation.ui.training.plots.bar_chart import Bar
from allstation.ui.viewer.card_content import mark_for


def verdict(report: Mapping[str, Any]) -> str:
    """Say in one line whether this folder can be trained on."""
    errors = int(report["errors"])
    if errors:
        kinds = tr("1 error") if errors == 1 else tr("{n} errors", n=errors)
        return tr("Cannot be trained on yet: {kinds} to correct", kinds=kinds)
    warnings = sum(entry["level"] == "warning" for entry in report["findings"])
    if warnings:
        return tr("Can be trained on; read the warnings")
    return tr("Can be trained on")


def summary_lines(report: Mapping[str, Any]) -> list[str]:
    """Say the folder's figures in words."""
    sizes = report["sizes"]["table"]
    listed = ", ".join(f"{s['width']}×{s['height']}: {number(s['fields'])}" for s in sizes[:3])
    more = tr(" and {n} other sizes", n=len(sizes) - 3) if len(sizes) > 3 else ""  # noqa: PLR2004
    groups = report["groups"]
    return [
        tr("{n} fields in {k} classes; {patients}", n=number(report["fields"]), k=len(report["classes"]),
           patients=report["patients"]),
        tr("Sizes in pixels: {listed}{more}", listed=listed, more=more),
        tr("Byte-identical pairs: {n}", n=number(report["identical"]["pairs"])),
        tr("Fields that share their place with another: {n} (groups: {k})",
           n=number(groups["fields_in_larger"]), k=number(groups["larger_than_one"])),
    ]  # fmt: skip


def class_bars(counts: Mapping[str, int]) -> Sequence[Bar]:
    """Turn counts per class into bars."""
    largest = max(counts.values(), default=1) or 1
    total = sum(counts.values()) or 1
    return [
        Bar(name, n / largest, f"{number(n)}  ({percent(n / total, digits=0)})", mark_for(name, index))
        for index, (name, n) in enumerate(counts.items())
    ]


def probe_bar(probe: Mapping[str, Any]) -> Bar:
    """Turn a shortcut probe into a bar with chance as its line."""
    alarming = bool(probe["suspicious"])
    text = f"{probe['balanced_accuracy']:.3f} [{probe['low']:.3f}, {probe['high']:.3f}]"
    name = f"! {probe['name']}" if alarming else str(probe["name"])
    return Bar(name, probe["balanced_accuracy"], text, tick=probe["chance"], alarming=alarming)
