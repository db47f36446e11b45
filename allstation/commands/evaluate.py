"""``allstation evaluate``: computes the figures of a model on a labelled folder, through the serving path."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from allstation import __version__
from allstation.commands import DONE, SOME_FAILED
from allstation.commands.makers import name_unknown_maker
from allstation.commands.printing import say
from allstation.commands.progress import ProgressLine
from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.errors import ModelError, StationError
from allstation.core.evaluation import Evaluation, evaluate
from allstation.core.metrics import absent_classes
from allstation.core.patients import FolderPattern, patients_text
from allstation.core.plain_json import json_text
from allstation.core.records import Prediction
from allstation.core.tables import file_key, one_value_each
from allstation.core.text import shown_name
from allstation.imaging.formats.foreign import PassedOver
from allstation.imaging.intake import Refused, find_fields
from allstation.imaging.output_kinds import FIGURES_JSON, FIGURES_PDF
from allstation.imaging.outputs import Output, check_outputs
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.engine_pool import make_engine
from allstation.inference.pipeline import Outcome, Pipeline
from allstation.inference.reference import verify_activation
from allstation.paths import config_folder
from allstation.report.atomic import write_whole
from allstation.services.settings import SettingsFile
from allstation.table_files import read_table

SPLIT: Final = "a labelled folder given by the user; whether the model was trained on it is not known here"


@dataclass(frozen=True)
class Labelled:
    """The fields to evaluate on.

    Attributes:
        paths: Files.
        classes: Class of each.
        groups: Group of each, or None when nothing is known of groups.
        by_patient: The groups are patients, and every field has one.
    """

    paths: list[Path]
    classes: list[str]
    groups: list[str] | None
    by_patient: bool


def run(options: argparse.Namespace) -> int:
    """Classify, compare, print; status 1 when some fields could not be read.

    Raises:
        StationError: ``bad-output``, as :func:`read_labelled`, ``nothing-to-evaluate``, ``bad-bundle``,
            ``not-written``.
    """
    if options.cells:
        from allstation.commands.evaluate_cells import run as run_cells

        return run_cells(options)
    wanted = (("--json", options.json, FIGURES_JSON), ("--pdf", options.pdf, FIGURES_PDF))
    check_outputs(
        [Output(name, path, kind) for name, path, kind in wanted if path],
        inputs=[path for path in (options.folder, options.model, options.groups) if path],
        force=options.force,
    )
    bundle = ModelBundle.open(options.model or default_bundle_path())
    name_unknown_maker(bundle)
    pattern = FolderPattern.parse(options.patients) if options.patients else None
    labelled = read_labelled(options.folder, bundle.classes, options.groups, pattern)
    predictions, failed = _classify(bundle, labelled.paths, options.threads)
    kept = [index for index, prediction in enumerate(predictions) if prediction is not None]
    groups = [labelled.groups[index] for index in kept] if labelled.groups else None
    if not kept:
        sentence = f"None of the {len(predictions)} fields in {options.folder.name!r} could be read."
        raise StationError("nothing-to-evaluate", sentence)
    evaluation = evaluate(
        np.array([list(p.probabilities.values()) for p in predictions if p is not None]),
        np.array([bundle.classes.index(labelled.classes[index]) for index in kept]),
        classes=bundle.classes,
        split=SPLIT,
        groups=groups,
        patients=patients_text(groups) if groups and labelled.by_patient else PATIENTS_UNKNOWN,
    )
    decisions = _decisions(predictions, labelled)
    for line in summary(bundle, evaluation, decisions):
        say(line)
    for path, error in failed:
        say(f"failed   {shown_name(str(path))}: {error.sentence}", error=True)
    remark = absent_classes(evaluation.matrix, bundle.classes)
    if remark:
        say(f"note     {remark}", error=True)
    remarks = [remark] if remark else []
    document = {**_header(bundle), **evaluation.to_json(), "decisions": decisions, "remarks": remarks}
    if options.json:
        write_whole(options.json, f"{json_text(document)}\n".encode())
    if options.pdf:
        from allstation.report.evaluation import write_evaluation_pdf

        write_evaluation_pdf(bundle.record(), evaluation, decisions, options.pdf)
    return SOME_FAILED if failed else DONE


def read_labelled(
    folder: Path, classes: tuple[str, ...], groups: Path | None, pattern: FolderPattern | None = None
) -> Labelled:
    """Find the fields of each class sub-folder.

    Args:
        folder: Class sub-folders of fields.
        classes: The model's classes.
        groups: CSV with the group or patient of each field, or None.
        pattern: Reads the patient of each field from the names of its folders; in place of a table.

    Raises:
        StationError: ``not-labelled`` when a sub-folder with fields is no class of the model, or none
            has fields; ``unreadable-folder``; ``bad-groups``.
    """
    _refuse_other_classes(folder, classes)
    paths: list[Path] = []
    names: list[str] = []
    passed = PassedOver()
    for name in classes:
        if (folder / name).is_dir():
            found = list(_fields_in(folder / name, passed))
            paths += found
            names += [name] * len(found)
    for note in passed.sentences():
        say(f"note     {note}", error=True)
    if not paths:
        sentence = (
            f"{folder.name!r} has no fields in sub-folders named {', '.join(classes)}. "
            "Name a folder with one sub-folder a class."
        )
        raise StationError("not-labelled", sentence)
    if pattern is not None:
        named = [pattern.patient_of(path.parent) for path in paths]
        return Labelled(paths, names, *_by_patient(paths, named))
    known, column = _read_groups(groups) if groups else ({}, "")
    keys = [(name, file_key(path.name)) for name, path in zip(names, paths, strict=True)]
    if groups:
        _compare_names(groups, known, keys)
    # Groups of fields are numbered within a class, as the training library reads them; patients are not.
    of_each = [
        (f"{key[0]}/{known[key]}" if column == "field_group" else known[key])
        if key in known
        else f"alone {path}"
        for key, path in zip(keys, paths, strict=True)
    ]
    # A field without a patient would count as a patient of its own.
    every = column == "patient" and all(known.get(key) for key in keys)
    return Labelled(paths, names, of_each if groups else None, every)


def _by_patient(paths: list[Path], patients: list[str]) -> tuple[list[str], bool]:
    """Return the group of each field, those without a patient alone, and whether all have one.

    Raises:
        StationError: ``bad-groups`` if no field has one.
    """
    missing = patients.count("")
    if missing == len(patients):
        sentence = (
            f"The pattern fits the folder of none of the {len(paths)} fields, such as "
            f"{shown_name(str(paths[0].parent))}. Correct it; its last name is the "
            "folder that holds the field."
        )
        raise StationError("bad-groups", sentence)
    if missing:
        note = (
            f"the pattern names no patient for {missing} of {len(paths)} fields; each is a group of its own"
        )
        say(f"note     {note}", error=True)
    groups = [patient or f"alone {path}" for path, patient in zip(paths, patients, strict=True)]
    return groups, not missing


def _fields_in(folder: Path, passed: PassedOver | None = None) -> Iterator[Path]:
    """Yield the fields of a folder; one that cannot be read must not make the figures look whole.

    Raises:
        StationError: ``unreadable-folder``.
    """
    for found in find_fields([folder], passed=passed):
        if isinstance(found, Refused):
            raise found.error
        yield found.path


def _refuse_other_classes(folder: Path, classes: tuple[str, ...]) -> None:
    """Fields of a class that the model does not know are all wrong, not absent."""
    try:
        others = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and entry.name not in classes]
    except OSError as error:
        sentence = f"The folder {shown_name(folder)} cannot be read ({error.strerror}). Check its name."
        raise StationError("unreadable-folder", sentence) from error
    for other in others:
        if not other.name.startswith(".") and any(True for _ in _fields_in(other)):
            sentence = (
                f"The sub-folder {shown_name(other)} holds fields and is no class of this model, which knows "
                f"{', '.join(classes)}. Rename it, move it away, or choose another model."
            )
            raise StationError("not-labelled", sentence)


def _read_groups(path: Path) -> tuple[dict[tuple[str, str], str], str]:
    """Read the group of each (class, file); the patient column wins over the field group."""
    table = read_table(path, ("class", "file"), code="bad-groups", also=("field_group", "patient"))
    column = "patient" if "patient" in table else "field_group"
    table.require("class", "file", column, code="bad-groups", also="patient instead of field_group")
    pairs = (((row["class"], file_key(row["file"])), row[column]) for row in table.rows)
    return one_value_each(pairs, name=shown_name(path), column=column), column


def _compare_names(path: Path, known: Mapping[tuple[str, str], str], keys: Sequence[tuple[str, str]]) -> None:
    """Refuse a table that names no field at all, and say of how many fields it says nothing.

    Raises:
        StationError: ``bad-groups``.
    """
    named = sum(key in known for key in keys)
    if not named:
        sentence = (
            f"The table {shown_name(path)} names none of the {len(keys)} fields: no row has the class and "
            f"file name of one, such as {keys[0][0]} and {keys[0][1]}. Choose the table of this folder."
        )
        raise StationError("bad-groups", sentence)
    if named < len(keys):
        note = f"{shown_name(path)} names {named} of {len(keys)} fields; each other one is a group of its own"
        say(f"note     {note}", error=True)


def _classify(
    bundle: ModelBundle, paths: list[Path], threads: int | None
) -> tuple[list[Prediction | None], list[tuple[Path, StationError]]]:
    line = ProgressLine(len(paths))
    predictions: list[Prediction | None] = []
    failed = []
    limits = SettingsFile(config_folder()).value.limits
    engine = make_engine(bundle)
    verify_activation(bundle, engine)
    with Pipeline(bundle, threads=threads, limits=limits, ready=engine) as pipeline:
        for outcome in pipeline.run((path, path) for path in paths):
            if isinstance(outcome.error, ModelError):
                raise outcome.error
            error = outcome.error or _unreadable(bundle, outcome)
            predictions.append(None if error else outcome.prediction)
            if error is not None:
                failed.append((outcome.key, error))
            line.update(len(predictions))
    line.close()
    return predictions, failed


def _unreadable(bundle: ModelBundle, outcome: Outcome[Path]) -> StationError | None:
    """Return why a prediction cannot be counted: an output that is not finite names no class."""
    if outcome.prediction is None or outcome.prediction.is_readable:
        return None
    sentence = (
        f"The model {shown_name(bundle.name)} gave an unreadable output for {shown_name(outcome.key)}: "
        "numbers that are not finite. Check the model with “allstation models verify”, or use another."
    )
    return StationError("unreadable-output", sentence)


def _decisions(predictions: list[Prediction | None], labelled: Labelled) -> dict[str, int]:
    """Count what the decision rule did with the fields."""
    counts = {"decided": 0, "decided right": 0, "needs review": 0, "unreadable": 0}
    for prediction, name in zip(predictions, labelled.classes, strict=True):
        if prediction is None:
            counts["unreadable"] += 1
        elif prediction.decision.class_name is None:
            counts["needs review"] += 1
        else:
            counts["decided"] += 1
            counts["decided right"] += prediction.decision.class_name == name
    return counts


def _header(bundle: ModelBundle) -> dict[str, Any]:
    return {
        "schema": 1,
        "app_version": __version__,
        "model": {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256},
    }


def summary(bundle: ModelBundle, evaluation: Evaluation, decisions: dict[str, int]) -> list[str]:
    """Return the evaluation as lines of text."""
    width = max(map(len, evaluation.classes))
    lines = [f"{bundle.name} {bundle.version} ({bundle.sha256[:12]})", ""]
    lines += [str(figure) for figure in evaluation.figures]
    lines += [f"intervals but that of the first resample {evaluation.resampled}"]
    lines += ["", "confusion (rows true): " + "  ".join(evaluation.classes)]
    lines += [
        f"  {name:{width}}  " + "  ".join(f"{count:6d}" for count in row)
        for name, row in zip(evaluation.classes, evaluation.matrix.tolist(), strict=True)
    ]
    lines += [""]
    lines += [
        f"{each.name:{width}}  recall {each.rates.recall:.3f} ({each.recall})"
        f"  precision {each.rates.precision:.3f} ({each.precision})"
        f"  specificity {each.rates.specificity:.3f} ({each.specificity})  n = {each.rates.support}"
        for each in evaluation.per_class
    ]
    lines += ["", "decision rule: " + ", ".join(f"{key} {count}" for key, count in decisions.items())]
    return lines
