"""The dataset check as JSON and PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from training.data.check_types import CheckReport
from training.evaluate.pdf import Block, Heading, Paragraph, Picture, Table, write_pdf
from training.fit.runs import write_json

_LISTED: Final = 30


def write_report(found: CheckReport, *, json_path: Path | None, pdf_path: Path | None) -> None:
    """Write a check report.

    Raises:
        StationError: ``cannot-write`` or ``disk-full``.
    """
    if json_path is not None:
        write_json(json_path, found)
    if pdf_path is not None:
        write_pdf(pdf_path, f"Dataset check: {found['folder']}", _blocks(found))


def _blocks(found: CheckReport) -> list[Block]:
    from training.evaluate import figures

    chart = figures.image_bytes(figures.class_distribution(found["classes"]))
    summary = f"{found['fields']} fields, {found['patients']}; {found['errors']} errors forbid training."
    blocks: list[Block] = [Paragraph(summary), Heading("Fields of each class"), Picture(chart, width=0.6)]
    findings = [["level", "finding"], *([entry["level"], entry["sentence"]] for entry in found["findings"])]
    blocks += [Heading("Findings"), Table(findings, (0.12, 0.88))]
    sizes = [["width", "height", "fields"]]
    sizes += [
        [str(row[key]) for key in ("width", "height", "fields")] for row in found["sizes"]["table"][:_LISTED]
    ]
    blocks += [Heading("Sizes"), Table(sizes)]
    blocks += _probe_blocks(found)
    blocks += _group_blocks(found)
    for entry in found["findings"]:
        if entry["fields"]:
            shown = ", ".join(entry["fields"][:_LISTED])
            more = f" and {len(entry['fields']) - _LISTED} more" if len(entry["fields"]) > _LISTED else ""
            blocks += [Heading(f"Fields: {entry['code']}"), Paragraph(shown + more)]
    return blocks


def _probe_blocks(found: CheckReport) -> list[Block]:
    rows = [["probe", "balanced accuracy", "95 % interval", "accuracy", "chance", "n", "split"]]
    for entry in found["probes"]:
        interval = f"{entry['low']:.3f} to {entry['high']:.3f}"
        figures = [
            f"{entry['balanced_accuracy']:.3f}",
            interval,
            f"{entry['accuracy']:.3f}",
            f"{entry['chance']:.2f}",
        ]
        rows.append([entry["name"], *figures, str(entry["n"]), f"{entry['split']}, {found['patients']}"])
    marks = [["mark", *found["classes"]]]
    marks += [[key, *map(str, counts.values())] for key, counts in found["marks"].items()]
    return [Heading("Shortcut probes"), Table(rows), Heading("Burnt-in corner marks"), Table(marks)]


def _group_blocks(found: CheckReport) -> list[Block]:
    groups, identical = found["groups"], found["identical"]
    across = len(groups["across_classes"])
    text = (
        f"{identical['pairs']} byte-identical pairs. {groups['count']} groups of fields that show the "
        f"same place; {groups['larger_than_one']} hold more than one field "
        f"({groups['fields_in_larger']} fields, the largest {groups['largest']}); "
        f"{across} span classes."
    )
    blocks: list[Block] = [Heading("Repeated fields"), Paragraph(text)]
    agreed = groups.get("agreement")
    if agreed:
        text = (
            f"Against the known groups: of {agreed['pairs_known']} known pairs {agreed['found']} are found "
            f"(recall {agreed['recall']:.3f}), of {agreed['pairs_ours']} pairs found {agreed['found']} "
            f"are known (precision {agreed['precision']:.3f}); {agreed['fields_same_group']} of "
            f"{agreed['fields']} fields have exactly the same group."
        )
        blocks.append(Paragraph(text))
    return blocks
