"""Report of a reproduction: JSON, Markdown and PDF, made from the run folders alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from allstation.core.errors import StationError
from training.evaluate.comparison import read_predictions
from training.evaluate.pdf import Block, Heading, Paragraph, Picture, PictureRow, Table, write_pdf
from training.fit import runs
from training.fit.runs import RunFolder
from training.papers import published
from training.papers.plan import TABLE2, Planned, Reproduction
from training.papers.reproduce import is_done
from training.papers.tables import (
    FinishedRun,
    Rows,
    accuracy_of,
    arm_rows,
    blocks_rows,
    class_rows,
    confusion_rows,
    has_collapsed,
    pair_rows,
    reference_rows,
    zhang_rows,
)

_TITLES: Final = {
    "zhang": "Zhang 2024, Table 1: the grey CNN",
    "nadim": "Nadim 2024, Table 1: four classifiers",
    "table2": "Nadim 2024, Table 2: feature families, and Zhang's HOG + PCA(100)",
}
_TABLE2_PAPER: Final = {f"{row.classifier}-cells-{row.families}": row.accuracy / 100 for row in TABLE2}
_ZHANG_TOLD: Final = ("zhang-b64-cce", "zhang-careful")
_ZHANG_BEST: Final = {"zhang-careful": max(row.test for row in published.ZHANG_TABLE1)}
_OPTIMISTIC: Final = (
    "Intervals named 'by groups' resample groups of fields that show the same place (2,000 resamples). "
    "On an image-random split such fields lie on both sides, so every accuracy here is optimistic, "
    "the papers' included. Colour tells these classes apart without any cell: see the shortcut probes of "
    "`python -m training check` before believing that a colour network looks at cells."
)
_MISTAKES: Final = {
    "zhang": published.ZHANG_MISTAKES,
    "nadim": published.NADIM_MISTAKES,
    "table2": published.TABLE2_MISTAKES,
}


def _read_done(asked: Reproduction, planned: Sequence[Planned]) -> list[FinishedRun]:
    done = []
    for entry in planned:
        folder = asked.folder(entry)
        if is_done(folder):
            metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
            done.append(FinishedRun(entry.key, entry.arm.key, entry.seed, RunFolder(folder), metrics))
    return done


def _constant(found: Mapping[str, Any]) -> float:
    """Test accuracy of always naming the largest class."""
    supports = [int(entry["support"]) for entry in found["test"]["by_class"].values()]
    return max(supports) / max(1, sum(supports))


def _sections(table: str, done: Sequence[FinishedRun], planned: Sequence[Planned]) -> list[tuple[str, Rows]]:
    makers: Mapping[str, Callable[[], list[tuple[str, Rows]]]] = {
        "zhang": lambda: [
            ("Epochs x batch x loss (Table 1)", zhang_rows(done)),
            ("Number of convolution blocks (15 epochs, batch 64, CCE)", blocks_rows(done)),
            ("The same network, fitted with care", arm_rows(done, _careful(planned), _ZHANG_BEST)),
        ],
        "nadim": lambda: [("Table 1", arm_rows(done, planned, published.NADIM_TABLE1))],
        "table2": lambda: [
            ("Feature families: the references' own figures (ALL-IDB, binary)", reference_rows()),
            (
                "The same families on the four-class split (the paper's column is of another task)",
                arm_rows(done, planned, _TABLE2_PAPER),
            ),
        ],
    }
    sections = makers[table]()
    for run in _detailed(table, done):
        sections.append((f"{run.key}: by class", class_rows(run)))
        sections.append((f"{run.key}: confusion, rows true", confusion_rows(run)))
    firsts = [run for run in done if run.seed == 1]
    lost = ", ".join(run.key for run in firsts if has_collapsed(run.metrics))
    if len(firsts) > 1:
        title = "Pairs of seed 1 on the same test fields" + (
            f", without collapsed runs ({lost})" if lost else ""
        )
        sections.append((title, pair_rows(done)))
    return sections


def _why_not_reached(table: str, done: Sequence[FinishedRun]) -> list[str]:
    """Say of Zhang's runs as printed how many learned nothing, and what the same network does with care."""
    printed = [run for run in done if run.arm.startswith("zhang-b")]
    careful = [accuracy_of(run.metrics)[0] for run in done if run.arm == "zhang-careful"]
    if table != "zhang" or not printed or not careful:
        return []
    if float(np.mean(_best_printed(printed))) >= _ZHANG_BEST["zhang-careful"]:
        return []
    lost = [run.key for run in printed if has_collapsed(run.metrics)]
    values = [accuracy_of(run.metrics)[0] for run in printed if not has_collapsed(run.metrics)]
    named = f" ({', '.join(lost)})" if lost else ""
    spread = f"; the others lie between {min(values):.3f} and {max(values):.3f}" if values else ""
    return [
        f"Why rows as printed are not reached: of their {len(printed)} runs (inputs in [0, 1], constant "
        f"step, last epoch; 1 to 4 blocks) {len(lost)} collapsed{named}: they name one class for every field "
        f"(the largest: {_constant(printed[0].metrics):.3f} right). They are named in their rows, in no mean "
        f"and in no pair{spread}. The same network fitted with care reaches {min(careful):.3f} to "
        f"{max(careful):.3f} with {len(careful)} seeds. What the authors did beside what they print is not "
        "known."
    ]


def _best_printed(printed: Sequence[FinishedRun]) -> list[float]:
    """Test accuracy of the seeds of the paper's best row: 15 epochs, batch 64, CCE."""
    return [accuracy_of(run.metrics)[0] for run in printed if run.arm == _ZHANG_TOLD[0]] or [0.0]


def _careful(planned: Sequence[Planned]) -> list[Planned]:
    return [entry for entry in planned if entry.arm.key == "zhang-careful"]


def _detailed(table: str, done: Sequence[FinishedRun]) -> list[FinishedRun]:
    """Runs reported in full: the first seed of every arm, not the best one, which would flatter.

    Of Zhang's, whose arms differ little, the paper's best row and the one fitted with care.
    """
    firsts = [run for run in done if run.seed == 1]
    return firsts if table != "zhang" else [run for run in firsts if run.arm in _ZHANG_TOLD]


def _provenance(done: Sequence[FinishedRun], planned: Sequence[Planned], command: str) -> list[str]:
    missing = [entry.key for entry in planned if entry.key not in {run.key for run in done}]
    lines = [
        f"Command: `{command}`",
        f"Written: {runs.now()}",
        f"Runs finished: {len(done)} of {len(planned)}.",
    ]
    if missing:
        lines.append("Not run (not finished by this date): " + ", ".join(missing) + ".")
    if done:
        info = done[0].folder.info
        counts = "/".join(str(info["counts"][part]) for part in ("train", "validation", "test"))
        versions = ", ".join(f"{name} {version}" for name, version in sorted(info["versions"].items()))
        lines += [
            f"Split: {info['split']}, seed 1, {counts} fields (train/validation/test), {info['patients']}; "
            f"lists sha256 {info['lists_sha256'][:16]}.",
            f"Data sha256 {info['data_sha256'][:16]}; versions: {versions}.",
            _OPTIMISTIC,
            _times_text(done),
        ]
    return lines


def _times_text(done: Sequence[FinishedRun]) -> str:
    """Say whether the prediction times can be compared with each other, and how busy the computer was."""
    times = [run.metrics["test"]["time"] for run in done]
    loads = [time["load_average_1_min"] for time in times if time["load_average_1_min"] is not None]
    together = all("taken" in time for time in times)
    text = "Prediction times: warm, " + (
        f"taken one run after another until {max(time['taken'] for time in times)}"
        if together
        else "taken at the end of each run beside whatever else the computer did, so they do not compare"
    )
    load = f"; load average of the computer {min(loads):.1f} to {max(loads):.1f}" if loads else ""
    return f"{text}, on {times[0]['device']}{load}."


def write_reports(asked: Reproduction, *, command: str) -> list[Path]:
    """Write ``TABLE.json``, ``TABLE.md`` and ``TABLE.pdf`` from the run folders.

    Args:
        asked: The table.
        command: As it was typed.

    Returns:
        The files.

    Raises:
        StationError: ``no-run`` when none is finished; ``cannot-write`` or ``disk-full``.
    """
    table, out, planned = asked.table, asked.out, asked.plan()
    done = _read_done(asked, planned)
    if not done:
        sentence = f"No run of {table} is finished in {out}. Start the reproduction without --report-only."
        raise StationError("no-run", sentence)
    sections = _sections(table, done, planned)
    provenance = _provenance(done, planned, command) + _why_not_reached(table, done)
    content = {
        "table": table,
        "provenance": provenance,
        "sections": [{"title": title, "rows": rows} for title, rows in sections],
        "paper_mistakes": list(_MISTAKES[table]),
        "runs": {run.key: {"metrics": run.metrics, "info": _public(run.folder.info)} for run in done},
    }
    runs.write_json(out / f"{table}.json", content)
    runs.write_text(out / f"{table}.md", _markdown(table, sections, provenance))
    write_pdf(out / f"{table}.pdf", _TITLES[table], _pdf_blocks(table, sections, provenance, done=done))
    return [out / f"{table}.{suffix}" for suffix in ("json", "md", "pdf")]


def _public(info: Mapping[str, Any]) -> dict[str, Any]:
    """A run's record without the folders of this computer."""
    recipe = {**info["recipe"], "data": Path(info["recipe"]["data"]).name}
    recipe["split"] = {**recipe["split"], "groups": Path(recipe["split"]["groups"]).name}
    return {**info, "recipe": recipe}


def _markdown(table: str, sections: Sequence[tuple[str, Rows]], provenance: Sequence[str]) -> str:
    lines = [f"# {_TITLES[table]}", "", *[f"- {line}" for line in provenance], ""]
    for title, rows in sections:
        lines += [f"## {title}", "", "| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
        lines += ["| " + " | ".join(row) + " |" for row in rows[1:]] + [""]
    lines += ["## What the paper got wrong, and what is done here", ""]
    lines += [f"- {sentence}" for sentence in _MISTAKES[table]]
    return "\n".join(lines) + "\n"


def _pdf_blocks(
    table: str,
    sections: Sequence[tuple[str, Rows]],
    provenance: Sequence[str],
    *,
    done: Sequence[FinishedRun],
) -> list[Block]:
    from training.evaluate import figures

    blocks: list[Block] = [Paragraph(line) for line in provenance]
    for title, rows in sections:
        blocks += [Heading(title), Table(rows)]
    for run in _detailed(table, done):
        predicted, _ = read_predictions(run.folder)
        blocks.append(Heading(f"{run.key}: figures of the test set"))
        history = run.folder.read_history()
        if history:
            blocks.append(Picture(figures.image_bytes(figures.learning_curves(history))))
        drawn = (figures.confusion_heat_map, figures.roc_curves, figures.reliability_diagram)
        blocks.append(PictureRow([figures.image_bytes(draw(predicted), dpi=110) for draw in drawn]))
    blocks.append(Heading("What the paper got wrong, and what is done here"))
    blocks += [Paragraph(sentence) for sentence in _MISTAKES[table]]
    return blocks
