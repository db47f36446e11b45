"""Dataset check: unreadable, identical and same-field images, burnt-in marks and shortcut probes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.errors import StationError
from allstation.core.patients import patients_text
from allstation.imaging import similarity
from allstation.imaging.cells.segmentation import segment_cells
from allstation.imaging.formats.foreign import PassedOver
from allstation.imaging.inputs import InputSpec, resize
from training.data import probes, splits
from training.data.archives import compare_with_archive, list_archive
from training.data.check_types import CheckReport, FieldSize, Finding, Groups, Identical, Sizes
from training.data.checked_table import write_checked
from training.data.labelled_folder import InspectedField, LabelledSet, inspect_field, read_labelled
from training.data.same_field import agreement, same_field_groups
from training.fit.protocol import EventWriter
from training.fit.recipe import SplitKind, SplitSpec

_SIDE: Final = 224
_SHOWN: Final = 400
_LISTED: Final = 2000


@dataclass
class _FieldCheck:
    """Measurements of one field, taken while it is opened once.

    Attributes:
        inspected: Size, hash and problems.
        marks: Corner to kind of burnt-in mark.
        numbers: Probe to its numbers.
        gray: Small picture by which fields are compared; None when it cannot be read.
    """

    inspected: InspectedField
    marks: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    gray: NDArray[np.uint8] | None = None


def _check_field(path: Path) -> _FieldCheck:
    inspected, file = inspect_field(path)
    if file is None:
        return _FieldCheck(inspected)
    rgb = resize(file.pixels, InputSpec(_SIDE, _SIDE, interpolation="area"))
    return _FieldCheck(
        inspected,
        probes.corner_marks(rgb),
        probes.probe_numbers(rgb, segment_cells(rgb)),
        similarity.small_gray(file),
    )


def check(
    folder: Path,
    events: EventWriter,
    *,
    archive: Path | None = None,
    groups: Path | None = None,
    split: SplitSpec | None = None,
    keep: Path | None = None,
) -> CheckReport:
    """Check a labelled folder.

    Args:
        folder: Labelled folder or CSV.
        events: Receives every step.
        archive: Archive the folder came from, to look for missing files.
        groups: Known same-field groups (class, file, field_group) to compare with.
        split: Division of the recipe that will be trained; every kind at its defaults without it.
        keep: Where to write what was found of every field, for ``fit`` (:mod:`.checked_table`).

    Returns:
        Plain JSON.

    Raises:
        StationError: When there is nothing to check: see :func:`read_labelled`.
    """
    begun = time.monotonic()
    events.phase("checking", f"Opening every field of {folder.name}")
    labelled = read_labelled(folder)
    seen = _check_fields(labelled, events)
    rows = [row for row, entry in enumerate(seen) if entry.inspected.size is not None]
    kept = LabelledSet(labelled.root, labelled.classes, tuple(labelled.fields[row] for row in rows))
    events.phase("checking", "Comparing fields to find those that show the same place")
    found = [seen[row] for row in rows]
    names = same_field_groups(kept, events, [entry.gray for entry in found if entry.gray is not None])
    if keep is not None and len(found) == len(seen):
        write_checked(keep, kept, [entry.inspected for entry in found], names)
    events.phase("checking", "Shortcut probes")
    results = _probe(kept, found, names, events)
    report: CheckReport = {
        "folder": labelled.root.name,
        "fields": len(labelled.fields),
        "classes": labelled.counts(),
        "files": _files(labelled),
        "patients": _patients(labelled),
        "sizes": _sizes(labelled, seen),
        "identical": _identical(labelled, seen),
        "groups": _groups(kept, names),
        "marks": _marks(labelled, seen),
        "probes": [asdict(result) for result in results],
        "archive": None if archive is None else compare_with_archive(labelled, list_archive(archive)),
        "other_files": [path.name for path in labelled.other_files],
        "findings": [],
        "errors": 0,
        "seconds": 0.0,
    }
    if groups is not None:
        report["groups"]["agreement"] = agreement(names, splits.groups_from_csv(kept, groups))
    _conclude(report, [*_findings(labelled, seen, report), *_split_findings(kept, names, split)], events)
    report["seconds"] = round(time.monotonic() - begun, 1)
    return report


def _conclude(report: CheckReport, findings: list[Finding], events: EventWriter) -> None:
    """Enter what was found into a report, and tell it."""
    report["findings"] = _sorted(findings)
    report["errors"] = sum(entry["level"] == "error" for entry in findings)
    for entry in report["findings"]:
        events.message(entry["sentence"], "info" if entry["level"] == "note" else "warning")


def _check_fields(labelled: LabelledSet, events: EventWriter) -> list[_FieldCheck]:
    seen = []
    with ThreadPoolExecutor(2) as pool:
        for done, entry in enumerate(pool.map(_check_field, [field.path for field in labelled.fields]), 1):
            seen.append(entry)
            events.progress(done, len(labelled.fields), "fields opened")
            if events.stopping:
                pool.shutdown(cancel_futures=True)
                raise StationError("stopped", "The check was stopped; nothing was changed.")
    return seen


def _files(labelled: LabelledSet) -> dict[str, list[str]]:
    """Class to the fields labelled so, as many as anyone will look through."""
    listed: dict[str, list[str]] = {name: [] for name in labelled.classes}
    for row, entry in enumerate(labelled.fields):
        if len(listed[entry.class_name]) < _LISTED:
            listed[entry.class_name].append(labelled.relative(row))
    return listed


def _patients(labelled: LabelledSet) -> str:
    return patients_text(field.patient for field in labelled.fields)


def _sizes(labelled: LabelledSet, seen: Sequence[_FieldCheck]) -> Sizes:
    """Width x height table, the most common first, and the fields of all other sizes."""
    counts = Counter(entry.inspected.size for entry in seen if entry.inspected.size is not None)
    if not counts:
        return {"table": [], "outliers": []}
    usual = counts.most_common(1)[0][0]
    outliers = [
        labelled.relative(row) for row, entry in enumerate(seen) if entry.inspected.size not in {usual, None}
    ]
    table: list[FieldSize] = [{"width": w, "height": h, "fields": n} for (w, h), n in counts.most_common()]
    return {"table": table, "outliers": outliers[:_SHOWN]}


def _identical(labelled: LabelledSet, seen: Sequence[_FieldCheck]) -> Identical:
    """Sets of byte-identical files, and how many pairs they make."""
    by_digest: dict[str, list[int]] = {}
    for row, entry in enumerate(seen):
        if entry.inspected.sha256:
            by_digest.setdefault(entry.inspected.sha256, []).append(row)
    sets = [rows for rows in by_digest.values() if len(rows) > 1]
    across = [rows for rows in sets if len({labelled.fields[row].class_name for row in rows}) > 1]
    return {
        "pairs": sum(len(rows) * (len(rows) - 1) // 2 for rows in sets),
        "sets": [[labelled.relative(row) for row in rows] for rows in sets][:_SHOWN],
        "across_classes": [[labelled.relative(row) for row in rows] for rows in across],
    }


def _groups(labelled: LabelledSet, names: Sequence[str]) -> Groups:
    """Same-field groups of more than one field, and those that span classes."""
    members: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        members.setdefault(name, []).append(row)
    larger = [rows for rows in members.values() if len(rows) > 1]
    across = [rows for rows in larger if len({labelled.fields[row].class_name for row in rows}) > 1]
    return {
        "count": len(members),
        "larger_than_one": len(larger),
        "fields_in_larger": sum(map(len, larger)),
        "largest": max(map(len, members.values()), default=0),
        "sets": [[labelled.relative(row) for row in rows] for rows in larger][:_SHOWN],
        "across_classes": [[labelled.relative(row) for row in rows] for rows in across],
    }


def _marks(labelled: LabelledSet, seen: Sequence[_FieldCheck]) -> dict[str, dict[str, int]]:
    """Corner and kind of mark to the number of fields of each class that bear it."""
    table: dict[str, Counter[str]] = {}
    for entry, labelled_field in zip(seen, labelled.fields, strict=True):
        for corner, kind in entry.marks.items():
            table.setdefault(f"{corner}, {kind}", Counter())[labelled_field.class_name] += 1
    return {key: {name: counts[name] for name in labelled.classes} for key, counts in sorted(table.items())}


def _probe(
    labelled: LabelledSet, seen: Sequence[_FieldCheck], groups: Sequence[str], events: EventWriter
) -> list[probes.ProbeResult]:
    results: list[probes.ProbeResult] = []
    if len(set(labelled.labels.tolist())) < 2:  # noqa: PLR2004 - nothing to tell apart
        return results
    for done, name in enumerate(probes.PROBES, 1):
        numbers = np.array([entry.numbers[name] for entry in seen])
        result = probes.run_probe(name, numbers, labelled.labels, groups=groups)
        events.progress(done, len(probes.PROBES), "probes")
        if result is not None:
            results.append(result)
    return results


def _finding(level: str, code: str, sentence: str, fields: Sequence[str] = ()) -> Finding:
    return {"level": level, "code": code, "sentence": sentence, "fields": list(fields)[:_SHOWN]}


def _findings(labelled: LabelledSet, seen: Sequence[_FieldCheck], report: CheckReport) -> list[Finding]:
    """Turn the report into findings with a sentence each: errors first, then warnings, then notes."""
    found = [
        *_field_findings(labelled, seen, report["sizes"]["outliers"]),
        *_archive_findings(report["archive"]),
        *_group_findings(report),
        *_shortcut_findings(labelled, seen, report),
    ]
    if report["patients"] == PATIENTS_UNKNOWN:
        text = "No patient ids: every figure will say 'patients unknown', and none can be a patient's."
        found.append(_finding("note", "patients-unknown", text))
    if report["other_files"]:
        text = f"{len(report['other_files'])} files are no images by their name and are left out."
        passed = PassedOver()
        for name in report["other_files"]:
            passed.see(name)
        text = " ".join([text, *passed.sentences()])
        found.append(_finding("note", "other-files", text, report["other_files"]))
    return found


def _sorted(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda entry: ("error", "warning", "note").index(entry["level"]))


def _split_findings(labelled: LabelledSet, names: Sequence[str], split: SplitSpec | None) -> list[Finding]:
    """Name the divisions that training will refuse: an error where none is left, or the recipe's own is."""
    if not labelled.fields:  # each of them is an error already
        return []
    if split is not None and split.groups:
        names = splits.groups_from_csv(labelled, Path(split.groups))
    patients = any(entry.patient for entry in labelled.fields)
    kinds = [kind for kind in get_args(SplitKind) if patients or kind != "patient"]
    specs = [SplitSpec(kind=kind) for kind in kinds] if split is None else [split]
    refused = splits.refusals(labelled, names, specs)
    level = "error" if len(refused) == len(specs) else "warning"
    by_sentence: dict[tuple[str, str], list[str]] = {}
    for spec, error in refused:
        by_sentence.setdefault((error.code, error.sentence), []).append(spec.kind)
    return [
        _finding(level, code, f"Training with the split {', '.join(where)} will be refused. {sentence}")
        for (code, sentence), where in by_sentence.items()
    ]


def _field_findings(
    labelled: LabelledSet, seen: Sequence[_FieldCheck], outliers: Sequence[str]
) -> list[Finding]:
    by_code: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for row, entry in enumerate(seen):
        for problem in entry.inspected.problems:
            level = "error" if problem.error else "warning"
            by_code.setdefault((level, problem.code), []).append((row, problem.sentence))
    found = []
    for (level, code), rows in by_code.items():
        more = f" ({len(rows) - 1} more such fields.)" if len(rows) > 1 else ""
        found.append(_finding(level, code, rows[0][1] + more, [labelled.relative(row) for row, _ in rows]))
    if outliers:
        text = (
            f"{len(outliers)} fields have another size than most; they are resized, and may be judged worse "
            "than the figures say."
        )
        found.append(_finding("warning", "size-outliers", text, outliers))
    return found


def _archive_findings(listing: Mapping[str, Any] | None) -> list[Finding]:
    if listing is None:
        return []
    texts = {
        "missing": ("error", "files of the archive are missing in the folder; unpack it again."),
        "size_differs": ("error", "files have another size than in the archive; unpack them again."),
        "crc_differs": ("error", "files have another content than in the archive; unpack them again."),
        "extra": ("note", "fields of the folder are not in the archive."),
    }
    return [
        _finding(level, f"archive-{key}".replace("_", "-"), f"{len(listing[key])} {text}", listing[key])
        for key, (level, text) in texts.items()
        if listing[key]
    ]


def _group_findings(report: CheckReport) -> list[Finding]:
    found = []
    for key, what, across in (
        ("identical", "Byte-identical fields", report["identical"]["across_classes"]),
        ("groups", "Fields of the same place", report["groups"]["across_classes"]),
    ):
        if across:
            sets = "1 set" if len(across) == 1 else f"{len(across)} sets"
            text = f"{what} lie in different classes ({sets}): a label is wrong. Correct it."
            found.append(
                _finding("error", f"{key}-across-classes", text, [name for rows in across for name in rows])
            )
    pairs, groups = report["identical"]["pairs"], report["groups"]
    if pairs:
        counted = "1 pair of files is" if pairs == 1 else f"{pairs} pairs of files are"
        text = (
            f"{counted} byte-identical; a split by image puts copies into training and test, "
            "and its figures come out too high."
        )
        found.append(
            _finding("warning", "identical", text, [n for rows in report["identical"]["sets"] for n in rows])
        )
    if groups["larger_than_one"]:
        text = (
            f"{groups['fields_in_larger']} of {report['fields']} fields show a place that another field "
            f"shows too (groups: {groups['larger_than_one']}): choose a split that keeps groups together, "
            "else the figures come out too high."
        )
        found.append(_finding("warning", "same-field", text, [n for rows in groups["sets"] for n in rows]))
    return found


def _shortcut_findings(
    labelled: LabelledSet, seen: Sequence[_FieldCheck], report: CheckReport
) -> list[Finding]:
    found = []
    for key, counts in report["marks"].items():
        shares = [count / max(1, report["classes"][name]) for name, count in counts.items()]
        if max(shares) - min(shares) > 0.1:  # noqa: PLR2004 - a tenth
            listed = ", ".join(f"{name} {count}" for name, count in counts.items())
            text = (
                f"Burnt-in marks ({key}) differ between classes ({listed}): mask the corner, "
                "else the figures may speak of the marks instead of the cells."
            )
            bearing = [
                labelled.relative(row)
                for row, entry in enumerate(seen)
                if any(f"{corner}, {kind}" == key for corner, kind in entry.marks.items())
            ]
            found.append(_finding("warning", "corner-marks", text, bearing))
    for result in report["probes"]:
        if result["suspicious"]:
            text = (
                f"The {result['name']} alone tells the classes with balanced accuracy "
                f"{result['balanced_accuracy']:.3f} "
                f"(95 % interval {result['low']:.3f} to {result['high']:.3f}, n = {result['n']}, "
                f"{result['split']}, {report['patients']}; chance {result['chance']:.2f}): "
                "a high accuracy is no evidence that a network looks at the cells."
            )
            found.append(_finding("warning", "shortcut", text))
    return found
