"""Trials of a long fault run in one file: each with its command and versions, their counts added up.

A run that was cut off, or is made in slices, is several trials; nothing of an earlier one is written over.
Counts are added up of trials of the same versions only; those of others stay in the file.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_ADDED: Final = ("fields_classified", "tasks_lost_and_made_up_for", "poisoned_fields", "seconds")


class TrialFile:
    """JSON file of trials and what they come to together, with a table of them beside it.

    Args:
        path: The file, written whole at each change; None to keep nothing.

    Attributes:
        content: Of the file.
        earlier: Trials that were in it.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        known = json.loads(path.read_text("utf-8")) if path is not None and path.exists() else {}
        self.content: dict[str, Any] = known
        self.earlier: Sequence[Mapping[str, Any]] = tuple(known.get("trials", ()))

    def counted(self, kind: str, name: str, versions: Mapping[str, str]) -> int:
        """Return how often something was counted in earlier trials of these versions.

        Args:
            kind: Such as ``kills`` or ``rounds``.
            name: What of that kind.
            versions: Of the program and of what it stands on.
        """
        return sum(one[kind].get(name, 0) for one in self.earlier if one["versions"] == versions)

    def keep(self, trial: Mapping[str, Any]) -> None:
        """Write the trial under way behind the earlier ones."""
        everything = [*self.earlier, trial]
        trials = [one for one in everything if one["versions"] == trial["versions"]]
        content = self.content = {
            "what": trial["what"],
            "dates": sorted({one["date"] for one in trials}),
            "machine": trial["machine"],
            "versions": trial["versions"],
            "load_averages": [
                min(one["load_averages"][0] for one in trials),
                max(one["load_averages"][1] for one in trials),
            ],
            "kills": _sum(trials, "kills"),
            "rounds": _sum(trials, "rounds"),
            **{name: sum(one[name] for one in trials) for name in _ADDED},
            "problems": [problem for one in trials for problem in one["problems"]],
            **({"remark": self.content["remark"]} if "remark" in self.content else {}),
            "trials": everything,
        }
        if self._path is not None:
            part = self._path.with_suffix(".part")
            part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            part.replace(self._path)
            self._path.with_suffix(".md").write_text(_table(content, trials), encoding="utf-8")


def _sum(trials: Sequence[Mapping[str, Any]], kind: str) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in trials:
        total.update(one[kind])
    return dict(total)


def _table(content: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> str:
    """Return trials as Markdown."""
    low, high = content["load_averages"]
    versions = ", ".join(f"{name} {version}" for name, version in content["versions"].items())
    kills = ", ".join(f"{number:,} x {name}" for name, number in content["kills"].items())
    lines = [
        f"# {content['what']}",
        "",
        f"{' to '.join(dict.fromkeys((content['dates'][0], content['dates'][-1])))}; {content['machine']} "
        f"(load {low} to {high}); {versions}.",
        f"In all: {kills or 'nothing killed'}; {content['fields_classified']:,} fields, "
        f"{len(content['problems'])} lost, double or otherwise wrong.",
        "",
        "| command | seed | seconds | load | killed | fields | tasks lost and made up for | problems |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in trials:
        killed = ", ".join(f"{number} x {name}" for name, number in one["kills"].items())
        loads = " to ".join(map(str, one["load_averages"]))
        lines.append(
            f"| `{one['command']}` | {one['seed']} | {one['seconds']:,} | {loads} | {killed} | "
            f"{one['fields_classified']:,} | {one['tasks_lost_and_made_up_for']} | {len(one['problems'])} |"
        )
    costs = [cost for one in trials for cost in one["workers_that_a_poisoned_field_cost"]]
    waits = [wait for one in trials for wait in one["seconds_until_this_machine_went_on"]]
    if costs:
        lines += ["", f"Workers that a poisoned field cost, nobody else disturbing: {costs}."]
    if waits:
        lines += ["", f"Seconds until this machine went on alone: {min(waits)} to {max(waits)}."]
    if "remark" in content:
        lines += ["", content["remark"]]
    return "\n".join(lines) + "\n"
