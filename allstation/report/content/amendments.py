"""Differences between a report and the one that it amends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from allstation.core.pseudonyms import Pseudonyms, nonce_of
from allstation.report.content.free_text import FreeText
from allstation.report.content.report_types import Amendment, ReportContent
from allstation.report.content.wording import WITHHELD


def earlier_keys(previous: Mapping[str, Any] | None, hashes: Sequence[str], secret: bytes) -> Sequence[str]:
    """Return what an earlier report of the case calls the fields with these hashes: hashes, or codes."""
    nonce = nonce_of(previous["content"]["case_id"]) if previous is not None else ""
    return [Pseudonyms(secret, nonce).code(one) for one in hashes] if nonce else hashes


def amendments(
    previous: Mapping[str, Any] | None, content: ReportContent, *, keys: Sequence[str] | None = None
) -> tuple[Amendment, ...]:
    """Name what differs between the report that is amended and the present content.

    Args:
        previous: Embedded data of the earlier report, or None.
        content: The present content.
        keys: What the earlier report calls each present field; by default what the present one does.
    """
    if previous is None:
        return ()
    names = [row.sha256 for row in content.fields] if keys is None else keys
    earlier = {row["sha256"]: row for row in previous["content"]["fields"]}
    present = dict(zip(names, content.fields, strict=True))
    found = [
        Amendment(
            what=f"Field {row.number}, {row.name}",
            before=_stood(earlier.get(key)),
            now=_stands(row.final),
        )
        for key, row in present.items()
        if _stood(earlier.get(key)) != _stands(row.final)
    ]
    gone = [row for key, row in earlier.items() if key not in present]
    hidden = content.anonymised and FreeText.NAMES not in content.kept
    found.extend(
        Amendment(
            what=f"Field that was number {row['number']}" if hidden else f"Field {row['name']}",
            before=_stood(row),
            now="not in the case",
        )
        for row in gone
    )
    before = previous["content"]
    found.extend(_other_details(before, content))
    for key, label in (("conclusion", "Conclusion"), ("comment", "Comment"), ("reviewer", "Signed by")):
        stood, stands = before.get(key, ""), getattr(content, key)
        if key == "reviewer" and content.travels and FreeText.REVIEWERS not in content.kept:
            continue
        hidden = key != "reviewer" and stood and content.anonymised and not before["anonymised"]
        if stood != stands:
            found.append(
                Amendment(what=label, before=WITHHELD if hidden else stood or "none", now=stands or "none")
            )
    return tuple(found)


def _other_details(before: Mapping[str, Any], content: ReportContent) -> Iterator[Amendment]:
    """Name patient, request and specimen lines that differ, where both reports show them in the same way."""
    if before["anonymised"] != content.anonymised:
        return
    for part in ("patient", "request", "specimen"):
        stood = {one["label"]: one for one in before[part]}
        stands = {one.label: one for one in getattr(content, part)}
        for label in dict.fromkeys((*stood, *stands)):
            old, new = stood.get(label), stands.get(label)
            if (old and old["withheld"]) or (new and new.withheld):
                continue
            was, now = old["value"] if old else "", new.value if new else ""
            if was != now:
                yield Amendment(what=label, before=was or "none", now=now or "none")


def _stood(row: Mapping[str, Any] | None) -> str:
    return "not in the report" if row is None else _stands(row["final"])


def _stands(final: str) -> str:
    return final or "not read"
