"""Table by which ``check`` hands what it found of every field to ``fit``: problems, hashes and groups."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from allstation.core.plain_json import json_text
from allstation.files import write_atomically
from training.data.labelled_folder import FieldProblem, InspectedField, LabelledSet

_SCHEMA: Final = 1


@dataclass(frozen=True, kw_only=True)
class CheckedTable:
    """Findings of a check by file; they hold for a file with the same SHA-256 only.

    Attributes:
        fields: Path below the root to the field, for every field that could be read.
        groups: Likewise its same-field group.
    """

    fields: Mapping[str, InspectedField]
    groups: Mapping[str, str]

    def field(self, name: str, sha256: str) -> InspectedField | None:
        """Return what was found of a file if its bytes are still the same, else None."""
        known = self.fields.get(name)
        return known if known is not None and known.sha256 == sha256 else None

    def groups_of(self, labelled: LabelledSet, inspected: Sequence[InspectedField]) -> list[str] | None:
        """Return the groups of a set if exactly these files were compared, else None."""
        names = [labelled.relative(row) for row in range(len(labelled.fields))]
        same = all(self.field(name, one.sha256) for name, one in zip(names, inspected, strict=True))
        return [self.groups[name] for name in names] if same and len(names) == len(self.fields) else None


def write_checked(
    target: Path, labelled: LabelledSet, inspected: Sequence[InspectedField], groups: Sequence[str]
) -> None:
    """Write the table.

    Args:
        target: The file.
        labelled: Fields that could be read.
        inspected: What was found of each.
        groups: Same-field group of each.
    """
    rows = [
        {
            "file": labelled.relative(row),
            "sha256": one.sha256,
            "size": one.size,
            "notes": [[problem.code, problem.sentence] for problem in one.problems],
            "group": group,
        }
        for row, (one, group) in enumerate(zip(inspected, groups, strict=True))
    ]
    write_atomically(target, json_text({"checked": _SCHEMA, "fields": rows}, indent=None).encode())


def read_checked(source: Path | None) -> CheckedTable:
    """Read the table; an empty one where there is none or it is damaged: everything is looked at anew."""
    try:
        rows = _rows(json.loads(source.read_bytes())) if source is not None else []
        return CheckedTable(
            fields={row["file"]: _inspected(row) for row in rows},
            groups={row["file"]: row["group"] for row in rows},
        )
    except (OSError, ValueError, KeyError, TypeError):
        return CheckedTable(fields={}, groups={})


def _rows(data: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - somebody's JSON
    if data["checked"] != _SCHEMA:
        raise ValueError("another version wrote it")
    rows: list[dict[str, Any]] = data["fields"]
    return rows


def _inspected(row: dict[str, Any]) -> InspectedField:
    width, height = row["size"]
    notes = [FieldProblem(Path(row["file"]), code, text, error=False) for code, text in row["notes"]]
    return InspectedField(size=(int(width), int(height)), sha256=row["sha256"], problems=tuple(notes))
