"""Report of a reproduction: JSON, Markdown and PDF, made from the run folders alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from allstation.core.errors import StationError
from allstation.core.evaluation import ACCURACY_BY_FIELD
from allstation.core.statistics import wilson
from training.evaluate.comparison import read_predictions
from training.evaluate.metrics import Predicted, compare
from training.evaluate.pdf import Block, Heading, Paragraph, Picture, PictureRow, Table, write_pdf
from training.fit import runs
from training.fit.runs import RunFolder
from training.papers import published
from training.papers.plan import BOTH_EPOCHS, TABLE2, Planned, Reproduction
from training.papers.reproduce import is_done

Rows = list[list[str]]

_LEAST_P: Final = 0.0001
_NEARLY_ALL: Final = 0.98
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


@dataclass(frozen=True)
class Done:
    """A finished run, read back.

    Attributes:
        key: Name of the run folder.
        arm: Key of its row.
        seed: Its seed.
        folder: The run folder.
        metrics: What ``metrics.json`` says.
    """

    key: str
    arm: str
    seed: int
    folder: RunFolder
    metrics: Mapping[str, Any]

    def of_epoch(self, epoch: int | None) -> Mapping[str, Any]:
        """Metrics after an epoch that was kept as a snapshot, or at the end."""
        kept = self.metrics.get("snapshots", {}).get(str(epoch))
        return kept if kept is not None else self.metrics


def _read_done(asked: Reproduction, planned: Sequence[Planned]) -> list[Done]:
    done = []
    for entry in planned:
        folder = asked.folder(entry)
        if is_done(folder):
            metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
            done.append(Done(entry.key, entry.arm.key, entry.seed, RunFolder(folder), metrics))
    return done


def _accuracy(found: Mapping[str, Any], part: str = "test") -> tuple[float, int]:
    figure = found[part]["overall"][ACCURACY_BY_FIELD]
    return float(figure["value"]), int(figure["n"])


def _seeds_text(values: Sequence[float]) -> str:
    spread = f" (SD {np.std(values, ddof=1):.3f})" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}, {len(values)} seed{'s' if len(values) > 1 else ''}"


def _constant(found: Mapping[str, Any]) -> float:
    """Test accuracy of always naming the largest class."""
    supports = [int(entry["support"]) for entry in found["test"]["by_class"].values()]
    return max(supports) / max(1, sum(supports))


def _has_collapsed(found: Mapping[str, Any]) -> bool:
    """Tell whether a run names one class for practically every field: it says nothing of its settings."""
    named = np.sum(found["test"]["confusion_rows_true"], axis=0)
    return bool(named.max() >= _NEARLY_ALL * named.sum())


def _runs_text(found: Sequence[Done], *, part: str = "test", epoch: int | None = None) -> str:
    """Mean over the seeds that learned something; those that collapsed are named beside it."""
    kept = [(run.seed, run.of_epoch(epoch)) for run in found]
    learned = [_accuracy(entry, part)[0] for _, entry in kept if not _has_collapsed(entry)]
    lost = [f"seed {seed} ({_accuracy(entry, part)[0]:.3f})" for seed, entry in kept if _has_collapsed(entry)]
    if not lost:
        return _seeds_text(learned)
    mean = f"{_seeds_text(learned)} that learned" if learned else "no seed learned"
    return f"{mean}; collapsed: {', '.join(lost)}"


def _of_first_seed(found: Mapping[str, Any]) -> str:
    """Accuracy of the first seed with the interval by groups: what a single paper row compares with."""
    text = _figure_text(found["test"]["overall"]["accuracy"])
    return f"{text} (collapsed)" if _has_collapsed(found) else text


def _verdict(paper: float, values: Sequence[float]) -> str:
    if not values:
        return "not run"
    return "met or beaten" if float(np.mean(values)) >= paper - 0.0005 else "not reached"


def zhang_rows(done: Sequence[Done]) -> Rows:
    """The factorial beside the paper's four rows, with times."""
    rows: Rows = [
        ["epochs", "batch", "loss", "paper val / test (times, s)", "ours val (mean)", "ours test (mean)",
         "seed 1 test [95 % by groups]", "val / test time, warm median s (p95)", "verdict"],
    ]  # fmt: skip
    printed = {(row.epochs, row.batch, row.loss): row for row in published.ZHANG_TABLE1}
    long, short = max(BOTH_EPOCHS), min(BOTH_EPOCHS)
    for batch in (64, 32):
        for loss in ("CCE", "BCE"):
            found = [run for run in done if run.arm == f"zhang-b{batch}-{loss.lower()}"]
            for epochs in (long, short):
                paper = printed.get((epochs, batch, loss))
                rows.append([str(epochs), str(batch), loss, *_zhang_cells(found, epochs, paper)])
    return rows


def _zhang_cells(found: Sequence[Done], epochs: int, paper: published.ZhangRow | None) -> list[str]:
    theirs = "not in the paper"
    if paper:
        times = f"{paper.validation_seconds:.2f} / {paper.test_seconds:.2f}"
        theirs = f"{paper.validation:.2f} / {paper.test:.2f} ({times})"
    if not found:
        return [theirs, "not run", "not run", "not run", "not run", "not run"]
    epoch = epochs if epochs == min(BOTH_EPOCHS) else None
    kept = [run.of_epoch(epoch) for run in found]
    test = [_accuracy(entry)[0] for entry in kept]
    return [
        theirs,
        _runs_text(found, part="validation", epoch=epoch),
        _runs_text(found, epoch=epoch),
        _of_first_seed(kept[0]),
        " / ".join(_time_text(found[0].metrics[part]["time"]) for part in ("validation", "test")),
        _verdict(paper.test, test) if paper else "",
    ]


def _time_text(time: Mapping[str, Any]) -> str:
    return f"{time['median_s']:.2f} ({time['p95_s']:.2f}) for {time['fields']}"


def blocks_rows(done: Sequence[Done]) -> Rows:
    """The number of convolution blocks, which the paper calls adjustable and never tabulates."""
    rows: Rows = [
        ["blocks", "parameters", "MB float32", "test accuracy (mean)", "seed 1 test [95 % by groups]"]
    ]
    for blocks in (1, 2, 3, 4):
        key = "zhang-b64-cce" if blocks == 3 else f"zhang-blocks{blocks}"  # noqa: PLR2004 - the paper's
        rows.append([str(blocks), *_size_cells([run for run in done if run.arm == key])])
    return rows


def _size_cells(found: Sequence[Done]) -> list[str]:
    if not found:
        return ["not run"] * 4
    first = found[0].metrics
    return [
        f"{first['parameters']:,}",
        f"{first['megabytes_float32']:.2f}",
        _runs_text(found),
        _of_first_seed(first),
    ]


def arm_rows(done: Sequence[Done], planned: Sequence[Planned], paper: Mapping[str, float]) -> Rows:
    """One row an arm: the paper's accuracy, ours, balanced accuracy, size, time."""
    rows: Rows = [
        ["method", "paper", "test accuracy (mean)", "seed 1 test [95 % by groups]", "balanced accuracy",
         "parameters", "ms a field", "verdict"],
    ]  # fmt: skip
    for key, title in {entry.arm.key: entry.arm.title for entry in planned}.items():
        found = [run for run in done if run.arm == key]
        theirs = f"{paper[key]:.4f}" if key in paper else "not in the paper"
        if not found:
            rows.append([title, theirs, *["not run"] * 6])
            continue
        values = [_accuracy(run.metrics)[0] for run in found]
        first = found[0].metrics
        balanced = [run.metrics["test"]["overall"]["balanced accuracy"]["value"] for run in found]
        rows.append(
            [
                title + _input_text(found[0]),
                theirs,
                _runs_text(found),
                _of_first_seed(first),
                f"{np.mean(balanced):.3f}",
                f"{first['parameters']:,}",
                f"{first['test']['time']['median_ms_per_field']:.2f}",
                _verdict(paper[key], values) if key in paper else "",
            ]
        )
    return rows


def _input_text(run: Done) -> str:
    recipe = run.folder.info["recipe"]
    spec, fit = recipe["input"], recipe["fit"]
    text = f" ({spec['width']}x{spec['height']} {spec['colour']}"
    if "epochs" in run.metrics:
        text += f", {run.metrics['epochs']} of {fit['epochs']} epochs, weights: {recipe['method']['weights']}"
    return text + ")"


def _figure_text(figure: Mapping[str, Any]) -> str:
    low, high = figure["interval"]
    return f"{figure['value']:.3f} [{low:.3f}, {high:.3f}]"


def class_rows(run: Done) -> Rows:
    """Precision, recall and specificity of every class, with intervals and support."""
    rows: Rows = [["class", "support", "precision", "recall", "specificity", "F1", "AUC"]]
    for name, entry in run.metrics["test"]["by_class"].items():
        cells = [_figure_text(entry[key]) for key in ("precision", "recall", "specificity")]
        rows.append([name, str(entry["support"]), *cells, f"{entry['F1']:.3f}", f"{entry['AUC']:.3f}"])
    return rows


def confusion_rows(run: Done) -> Rows:
    """Counts, rows true."""
    classes = run.metrics["test"]["classes"]
    matrix = run.metrics["test"]["confusion_rows_true"]
    return [["true \\ predicted", *classes]] + [
        [name, *map(str, row)] for name, row in zip(classes, matrix, strict=True)
    ]


def pair_rows(done: Sequence[Done]) -> Rows:
    """Exact McNemar and paired group bootstrap of the first seed's runs, Holm over all pairs.

    Runs that collapsed are in no pair: they say which seeds were drawn, not what the rows differ in.
    """
    firsts: list[tuple[str, Predicted]] = []
    for run in done:
        if run.seed == 1 and not _has_collapsed(run.metrics):
            firsts.append((run.key, read_predictions(run.folder)[0]))
    rows: Rows = [
        ["first", "second", "difference of accuracy [95 %]", "only first / second right", "p (Holm)"]
    ]
    for pair in compare(firsts):
        low, high = pair["interval"]
        rows.append(
            [
                pair["first"],
                pair["second"],
                f"{pair['accuracy_difference']:+.3f} [{low:+.3f}, {high:+.3f}]",
                f"{pair['only_first_right']} / {pair['only_second_right']}",
                f"{pair['p_holm']:.4f}" if pair["p_holm"] >= _LEAST_P else f"< {_LEAST_P}",
            ]
        )
    return rows


def _sections(table: str, done: Sequence[Done], planned: Sequence[Planned]) -> list[tuple[str, Rows]]:
    makers: Mapping[str, Callable[[], list[tuple[str, Rows]]]] = {
        "zhang": lambda: [
            ("Epochs x batch x loss (Table 1)", zhang_rows(done)),
            ("Number of convolution blocks (15 epochs, batch 64, CCE)", blocks_rows(done)),
            ("The same network, fitted with care", arm_rows(done, _careful(planned), _ZHANG_BEST)),
        ],
        "nadim": lambda: [("Table 1", arm_rows(done, planned, published.NADIM_TABLE1))],
        "table2": lambda: [
            ("Feature families: the references' own figures (ALL-IDB, binary)", _references()),
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
    lost = ", ".join(run.key for run in firsts if _has_collapsed(run.metrics))
    if len(firsts) > 1:
        title = "Pairs of seed 1 on the same test fields" + (
            f", without collapsed runs ({lost})" if lost else ""
        )
        sections.append((title, pair_rows(done)))
    return sections


def _why_not_reached(table: str, done: Sequence[Done]) -> list[str]:
    """Say of Zhang's runs as printed how many learned nothing, and what the same network does with care."""
    printed = [run for run in done if run.arm.startswith("zhang-b")]
    careful = [_accuracy(run.metrics)[0] for run in done if run.arm == "zhang-careful"]
    if table != "zhang" or not printed or not careful:
        return []
    if float(np.mean(_best_printed(printed))) >= _ZHANG_BEST["zhang-careful"]:
        return []
    lost = [run.key for run in printed if _has_collapsed(run.metrics)]
    values = [_accuracy(run.metrics)[0] for run in printed if not _has_collapsed(run.metrics)]
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


def _best_printed(printed: Sequence[Done]) -> list[float]:
    """Test accuracy of the seeds of the paper's best row: 15 epochs, batch 64, CCE."""
    return [_accuracy(run.metrics)[0] for run in printed if run.arm == _ZHANG_TOLD[0]] or [0.0]


def _careful(planned: Sequence[Planned]) -> list[Planned]:
    return [entry for entry in planned if entry.arm.key == "zhang-careful"]


def _detailed(table: str, done: Sequence[Done]) -> list[Done]:
    """Runs reported in full: the first seed of every arm, not the best one, which would flatter.

    Of Zhang's, whose arms differ little, the paper's best row and the one fitted with care.
    """
    firsts = [run for run in done if run.seed == 1]
    return firsts if table != "zhang" else [run for run in firsts if run.arm in _ZHANG_TOLD]


def _references() -> Rows:
    rows: Rows = [
        ["reference", "families here", "classifier", "its test images", "its accuracy %", "95 % of that n"]
    ]
    for row in TABLE2:
        interval = wilson(row.accuracy / 100 * row.test_set, row.test_set)
        rows.append(
            [
                row.reference,
                row.families,
                row.classifier.upper(),
                str(row.test_set),
                f"{row.accuracy}",
                str(interval),
            ]
        )
    return rows


def _provenance(done: Sequence[Done], planned: Sequence[Planned], command: str) -> list[str]:
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


def _times_text(done: Sequence[Done]) -> str:
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
    table: str, sections: Sequence[tuple[str, Rows]], provenance: Sequence[str], *, done: Sequence[Done]
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
