"""Pages of a report compared with its embedded data, as another program's reader gives their text."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from allstation.core.classes import NEEDS_REVIEW, RESEARCH_USE
from allstation.core.reports import ReportStatus
from allstation.report.content.confirmations import NAMED, share_sentence
from allstation.report.content.report_types import Confirmation
from allstation.report.content.wording import (
    HASH_PREFIX,
    MOST_PLACES,
    REPLACES,
    announced,
    count,
    interval,
    number,
    percent,
    probability,
)
from allstation.report.drawing.typeset import clean_line, spelled

if TYPE_CHECKING:
    from pypdf import PdfReader

_BEFORE_HASH: Final = 400
"""Characters before a field's hash in which its row must stand."""
_BETWEEN_ROWS: Final = 1500
"""Characters from one listed change to the next, the foot and head of a page between them included."""
_WHOLE: Final = 14
"""Characters that fit into the narrowest cell of the list of changes whatever they are."""
_END: Final = 6
"""Characters at either end of a longer text that surely are still there."""
_TURNED: Final = frozenset({"R", "AL", "AN"})
_MOST: Final = 20
"""Findings of one kind that are listed; the rest are counted."""


def page_findings(reader: PdfReader, content: Mapping[str, Any]) -> list[str]:
    """Compare the pages with the embedded data; what does not agree, one sentence each.

    Args:
        reader: The report, open.
        content: The content in the embedded data.
    """
    texts = [page.extract_text() for page in reader.pages]
    found = [*_furniture(texts, content), *_fonts(reader)]
    remark = content.get("clock_remark", "")
    if remark and _bare(remark) not in _bare(texts[0]):
        found.append("The first page does not say that the report is dated before the trail's last entry.")
    found.extend(_announced(texts[0], content))
    text = _bare("".join(texts))
    block = content.get("digital_signature") or {}
    if block.get("signed") and content["template"] != "contact":
        mark = str(block.get("certificate_sha256", ""))[:HASH_PREFIX]
        if not mark or mark not in text:
            found.append("The pages do not show the signer's certificate like the embedded data.")
    found.extend(_shares(text, content))
    found.extend(_recounted(content))
    found.extend(_confirmed(texts[0], content))
    found.extend(shortened(list(_amended(text, content))))
    if content["template"] == "full":
        found.extend(shortened(list(_differentials(text, content))))
    if content["template"] == "full" and content.get("annex", True):
        found.extend(shortened(list(_fields(text, content))))
        found.extend(shortened(list(_places_shown(text, content))))
    if content["template"] != "contact":
        found.extend(_released(text, content))
    return found


def _bare(text: str) -> str:
    """Drop what a reader may set differently: spaces, and every character that is not ASCII."""
    return re.sub(r"\s+", "", text.encode("ascii", "ignore").decode())


def _furniture(texts: list[str], content: Mapping[str, Any]) -> Iterator[str]:
    case = _bare(content["case_id"])[:24]
    for index, text in enumerate(texts, start=1):
        bare = _bare(text)
        if _bare(RESEARCH_USE) not in bare:
            yield f"Page {index} does not say {RESEARCH_USE!r}"
        if _bare(f"Page {index} of {len(texts)}") not in bare:
            yield f"Page {index} is not numbered {index} of {len(texts)}."
        if case not in bare:
            yield f"Page {index} does not carry the case id."


def _fonts(reader: PdfReader) -> Iterator[str]:
    seen: set[str] = set()
    for page in reader.pages:
        fonts: Any = page.get("/Resources", {}).get("/Font", {})
        for name in fonts:
            if name in seen:
                continue
            seen.add(name)
            font = fonts[name]
            if "/FontFile2" not in font.get("/FontDescriptor", {}):
                yield f"The font {font.get('/BaseFont', name)} is not embedded."


def _announced(text: str, content: Mapping[str, Any]) -> Iterator[str]:
    """The first page says whether the report is signed digitally; earlier versions do not."""
    block, replaces = content.get("digital_signature"), content.get("replaces", "")
    bare = _bare(text)
    if block is not None and content["status"] != ReportStatus.DRAFT:
        statement = announced(
            content["status"], signed=block["signed"], self_made=block.get("self_made", False)
        )
        if _bare(statement) not in bare:
            yield f"The first page does not say {statement!r} like the embedded data."
    if replaces and _bare(f"{REPLACES} {replaces}") not in bare:
        yield "The first page does not name the report that this one replaces like the embedded data."


def _shares(text: str, content: Mapping[str, Any]) -> Iterator[str]:
    """Compare every count, fraction and interval of the summary on the pages with the data."""
    if content["template"] == "contact":
        return
    for share in content["counts"]["shares"]:
        if not share["n"]:
            continue
        row = (
            f"{number(share['count'])} of {number(share['n'])}"
            f"{percent(share['share'])}{interval(share['low'], share['high'])}"
        )
        if _bare(row) not in text:
            yield f"The pages do not show {share['name']} as {row} like the embedded data."


def _recounted(content: Mapping[str, Any]) -> Iterator[str]:
    """Count the embedded fields again: a report without annex has their rows nowhere else."""
    finals = Counter(row.get("final", "") for row in content["fields"] if row["decision"])
    for share in content["counts"]["shares"]:
        if share["count"] != finals[share["name"]] or share["n"] != finals.total():
            yield f"The embedded data count {share['name']} otherwise than their own fields do."


def _confirmed(text: str, content: Mapping[str, Any]) -> Iterator[str]:
    """Page one says who confirmed which share; a name that is laid out from right to left is not compared."""
    if content["template"] == "contact":
        return
    found = [Confirmation(**one) for one in content.get("confirmations", ())]
    for one in found[:NAMED]:
        if _bare(share_sentence(one)) not in _bare(text):
            yield f"The first page does not say what {one.reviewer[:60]} confirmed like the embedded data."


def _amended(text: str, content: Mapping[str, Any]) -> Iterator[str]:
    """Their number stands on the first page; a full report lists them all, in order."""
    if content["status"] != "amended":
        return
    found = content["amendments"]
    count_line = f"{count(len(found), 'change')} since the earlier report"
    if found and _bare(count_line) not in text:
        yield f"The pages do not say {count_line!r} like the embedded data."
    if content["template"] != "full":
        return
    at = max(text.find(_bare("What changed since the earlier report")), 0)
    for one in found:
        row = "".join(_cell(one[key]) for key in ("what", "before", "now"))
        match = re.compile(row).search(text, at, at + _BETWEEN_ROWS)
        if match is None:
            yield f"The change of {one['what'][:60]} is not listed on the pages like in the embedded data."
        else:
            at = match.end()


def _differentials(text: str, content: Mapping[str, Any]) -> Iterator[str]:
    """Look for each counted type with its figures."""
    for block in (content.get("cells") or {"counts": ()})["counts"]:
        for row in (*block["white"], *block["beside"]):
            if row["count"] and _bare(f"{row['name']}{number(row['count'])}") not in text:
                yield f"The page lacks the count of {row['name']} by {block['reader']}."


def _places_shown(text: str, content: Mapping[str, Any]) -> Iterator[str]:
    """Look for each share of a slide or patient, and for how many patients there are."""
    block = content.get("places")
    if not block:
        return
    if _bare(block["patients"]) not in text:
        yield f"The pages do not say {block['patients']} like the embedded data."
    for row in block["rows"][:MOST_PLACES]:
        for one in (*row["fields"], *row["cells"]):
            shown = f"{number(one['count'])}{percent(one['share'])}{interval(one['low'], one['high'])}"
            if one["count"] and _bare(shown) not in text:
                yield f"The page lacks the share of {one['name']} of {row['level']} {row['name']}."


def _released(text: str, content: Mapping[str, Any]) -> Iterator[str]:
    """Look for each release of a control day."""
    for one in content.get("control", ()):
        if re.search(f"{_cell(one['day'])}.{{0,400}}?{_cell(one['by'].split(chr(10))[0])}", text) is None:
            yield f"The pages lack the release of the control day {one['day']}."


def _cell(value: str) -> str:
    """Return a pattern for a cell of one line; a long one lost its middle on the page."""
    line = clean_line(spelled(value))
    if any(unicodedata.bidirectional(char) in _TURNED for char in line):
        return ".{0,200}?"  # Laid out from right to left: read back in another order.
    if len(line) <= _WHOLE:
        return re.escape(_bare(line))
    return f"{re.escape(_bare(line[:_END]))}.{{0,100}}?{re.escape(_bare(line[-_END:]))}"


def _fields(text: str, content: Mapping[str, Any]) -> Iterator[str]:
    """The row of every field stands before its hash; the whole hash stands in the appendix."""
    places = _places(text)
    classes = [one["name"] for one in content["counts"]["shares"]]
    for row in content["fields"]:
        what = f"Field {row['number']}, {row['name'][:60]}"
        spots = places.get(row["sha256"][:HASH_PREFIX], ())
        if not any(text.startswith(row["sha256"], at) for at in spots):
            yield f"{what}: its file's hash is not on the pages."
        if row["decision"] and not any(_row_before(text, at, row, classes) for at in spots):
            yield f"{what}: its row on the pages differs from the embedded data."


def _places(text: str) -> dict[str, list[int]]:
    """Index runs of hexadecimal digits that may be hashes by their first characters."""
    places: dict[str, list[int]] = {}
    for found in re.finditer(f"(?=([0-9a-f]{{{HASH_PREFIX}}}))", text):
        places.setdefault(found[1], []).append(found.start())
    return places


def _row_before(text: str, at: int, row: Mapping[str, Any], classes: list[str]) -> bool:
    values = dict(row["probabilities"]) if row.get("probabilities_valid", True) else {}
    shown = [probability(values[name]) if name in values else "-" for name in classes if name != NEEDS_REVIEW]
    parts = ["".join(shown), row["decision"], *row["reasons"], row["reviewed"], str(row["cells"])]
    window, start = text[max(0, at - _BEFORE_HASH) : at], 0
    if not window.endswith(str(row["cells"])):
        return False
    for part in filter(None, (_bare(spelled(part))[:24] for part in parts)):
        start = window.find(part, start)
        if start < 0:
            return False
    return True


def shortened(findings: list[str]) -> list[str]:
    """Return the first findings of a kind and how many more there are."""
    if len(findings) <= _MOST:
        return findings
    return [*findings[:_MOST], f"... and {len(findings) - _MOST} more like these."]
