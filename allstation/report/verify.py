"""Verification of a report: its pages, its embedded data and, if given, the case must agree.

The pages are read back with other programs' readers (pypdf, PDFium) than wrote them. A finding is one
sentence; no findings means that everything that was compared agrees. This is a check against mistakes
and clumsy changes, not against forgery: whoever can change the pages can change the data too. Against
forgery stands the digital signature; ``verification`` looks at both.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from allstation.core.classes import NEEDS_REVIEW, RESEARCH_USE
from allstation.core.errors import StationError
from allstation.core.pseudonyms import nonce_of
from allstation.core.records import CaseSnapshot
from allstation.core.reports import ReportStatus
from allstation.core.text import shown_name
from allstation.core.times import moment_of
from allstation.report.content import build_content, canonical_json, content_json
from allstation.report.content_types import (
    ATTACHMENT,
    KIND,
    READABLE,
    SCHEMA,
    ReportContent,
    SignatureBlock,
)
from allstation.report.free_text import Anonymity, kinds
from allstation.report.options import Letterhead, ReportOptions
from allstation.report.page_objects import additions, covered
from allstation.report.signature_check import is_signed
from allstation.report.typeset import clean_line, spelled
from allstation.report.wording import (
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

if TYPE_CHECKING:
    from pypdf import PdfReader

_log = logging.getLogger(__name__)
_MAX_BYTES: Final = 512 * 2**20
"""Largest report that is looked at; one of 2,000 fields has some tens of megabytes."""
_MAX_DATA: Final = 256 * 2**20
"""Largest embedded data."""
_PARTS: Final = frozenset(part.name for part in fields(ReportContent) if part.default is MISSING)
"""What every report holds; parts that came later have a default."""
_BLOCK: Final = frozenset(part.name for part in fields(SignatureBlock))
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


def verify_report(path: Path, snapshot: CaseSnapshot | None = None) -> list[str]:
    """Compare the pages of a report with its embedded data, and these with a case.

    Args:
        path: A report written by this program.
        snapshot: The case it was made from, as it is now; None to check the report alone.

    Returns:
        What does not agree, one sentence each; empty when all of it does.

    Raises:
        StationError: ``not-a-report`` if the file is no PDF or holds no data of this program.
    """
    return content_findings(path, read_report(path), snapshot)


def content_findings(path: Path, report: bytes, snapshot: CaseSnapshot | None = None) -> list[str]:
    """Compare pages, embedded data and case of a report in memory; see :func:`verify_report`."""
    _, findings = content_and_findings(path, report)
    if snapshot is not None:
        findings += case_findings(path, report, snapshot)
    return findings


def content_and_findings(path: Path, report: bytes) -> tuple[dict[str, Any], list[str]]:
    """Compare the pages of a report in memory with its embedded data.

    Args:
        path: Its name, for sentences.
        report: Its bytes.

    Returns:
        The content in the embedded data, and what does not agree.

    Raises:
        StationError: ``not-a-report``.
    """
    with readable(path):
        reader = _open(path, report)
        data = _embedded(reader, path)
        added = [
            *additions(report, reader, signed=is_signed(report)),
            *_shortened(list(covered(report, pictures=data["content"]["template"] == "contact"))),
        ]
        return data["content"], [*_whole(data, reader), *_pages(reader, data["content"]), *added]


def case_findings(path: Path, report: bytes, snapshot: CaseSnapshot) -> list[str]:
    """Compare the embedded data of a report in memory with a case as it is now.

    Raises:
        StationError: ``not-a-report``.
    """
    with readable(path):
        content = _embedded(_open(path, report), path)["content"]
        return _shortened(list(_against(content, snapshot)))


def problems(report: Path | bytes, content: ReportContent) -> list[str]:
    """Check a report that was just made against the content it was made from.

    Args:
        report: The file, or its bytes.
        content: What it should hold.
    """
    path = report if isinstance(report, Path) else Path("report.pdf")
    try:
        reader = _open(path, read_report(path) if isinstance(report, Path) else report)
        data = _embedded(reader, path)
    except StationError as error:
        return [error.sentence]
    if canonical_json(data) != canonical_json(content_json(content)):
        return ["The embedded data differ from the content."]
    return _pages(reader, data["content"])


def embedded_data(path: Path) -> dict[str, Any]:
    """Return the machine-readable data of a report.

    Raises:
        StationError: ``not-a-report`` if there are none.
    """
    return embedded_in(path, read_report(path))


def embedded_in(path: Path, report: bytes) -> dict[str, Any]:
    """Return the machine-readable data of a report in memory.

    Raises:
        StationError: ``not-a-report`` if there are none.
    """
    with readable(path):
        return _embedded(_open(path, report), path)


def read_report(path: Path) -> bytes:
    """Read a report once: all that is said of it is said of the same bytes.

    Raises:
        StationError: ``not-a-report`` if it cannot be read or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise _no_report(path, f"cannot be read ({error.strerror or 'the disk did not answer'})") from error
    if len(data) > _MAX_BYTES:
        raise _no_report(path, "is larger than any report")
    return data


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn whatever a damaged or hostile file makes of its reader into a sentence.

    Raises:
        StationError: ``not-a-report``.
    """
    try:
        yield
    except StationError:
        raise
    except Exception as error:
        _log.info("a report could not be read: %s", type(error).__name__)
        raise _no_report(path, "is damaged, or was not written by this program") from error


def _open(path: Path, data: bytes) -> PdfReader:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    # What is wrong with the file is said once, in a sentence, not also by the reader on stderr.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(io.BytesIO(data))
        pages = len(reader.pages)
    except (OSError, PyPdfError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _no_report(path, "cannot be read as a PDF") from error
    if not pages:
        raise _no_report(path, "has no pages")
    return reader


def _no_report(path: Path, problem: str) -> StationError:
    return StationError(
        "not-a-report", f"{shown_name(path)} {problem}. Name a report written by ALL Station."
    )


def _embedded(reader: PdfReader, path: Path) -> dict[str, Any]:
    found = reader.attachments.get(ATTACHMENT)
    if not found:
        raise _no_report(path, "holds no data of this program")
    if len(found[0]) > _MAX_DATA:
        raise _no_report(path, "holds more data than a report has")
    try:
        data = json.loads(found[0])
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise _no_report(path, "holds damaged data") from error
    if not isinstance(data, dict) or data.get("kind") != KIND or not isinstance(data.get("content"), dict):
        raise _no_report(path, "holds data of another kind")
    if data.get("schema") not in READABLE:
        version = data.get("schema")
        raise _no_report(path, f"holds data of version {version}, this program reads version {SCHEMA}")
    if not isinstance(data.get("sha256"), str) or not data["content"].keys() >= _PARTS:
        raise _no_report(path, "holds data with parts missing")
    if data["content"]["status"] not in set(ReportStatus):
        raise _no_report(path, "holds data of a status that no report has")
    return data


def _whole(data: Mapping[str, Any], reader: PdfReader) -> Iterator[str]:
    digest = hashlib.sha256(canonical_json(data["content"]).encode()).hexdigest()
    if digest != data["sha256"]:
        yield "The embedded data do not match their own checksum: they were changed after writing."
    keywords = str(reader.metadata.keywords if reader.metadata else "")
    if str(data["sha256"]) not in keywords:
        yield "The document's properties name other data than the embedded ones."


def _pages(reader: PdfReader, content: Mapping[str, Any]) -> list[str]:
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
    found.extend(_shortened(list(_amended(text, content))))
    if content["template"] == "full":
        found.extend(_shortened(list(_fields(text, content))))
        found.extend(_shortened(list(_differentials(text, content))))
        found.extend(_shortened(list(_places_shown(text, content))))
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


def _against(content: Mapping[str, Any], snapshot: CaseSnapshot) -> Iterator[str]:
    """Compare with what the case would print now with the same options."""
    pseudonym = content["anonymised"] and nonce_of(content["case_id"])
    # Versions before pseudonyms printed the case's id and hashes in anonymised reports too.
    options = options_of({**content, "anonymised": bool(pseudonym)})
    now = json.loads(canonical_json(asdict(build_content(snapshot, options))))
    if now["case_id"] != content["case_id"]:
        yield "The case has another case id than the report."
    if now["case_id"] != content["case_id"] and pseudonym:
        yield "Fields cannot be compared: the report's codes were made with the secret of another case."
        return
    for key in ("patient", "request", "specimen"):
        if not _same_shown(content[key], now[key]):
            yield f"The case has another {key} than the report."
    yield from _other_fields(content, now)
    if _counted(now["counts"]) != _counted(content["counts"]):
        yield "The counts of the case differ from the report's."
    if now.get("cells") != content.get("cells"):
        yield "The differential counts of the case differ from the report's."
    if content.get("places") not in (None, now.get("places")):
        yield "The shares of slides or patients of the case differ from the report's."
    models = [{one["sha256"] for one in side["models"]} for side in (now, content)]
    if models[0] != models[1]:
        yield "The case was read by other models than the report names."


def _counted(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return counts without the ends of intervals, which follow from them: earlier versions used Wilson's."""
    shares = [{**one, "low": None, "high": None} for one in counts["shares"]]
    return {**counts, "shares": shares}


def _other_fields(content: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    earlier = {row["sha256"]: row for row in content["fields"]}
    present = {row["sha256"]: row for row in now["fields"]}
    for digest, row in present.items():
        if digest not in earlier:
            yield f"Field {row['number']}, {row['name']}, is in the case and not in the report."
        else:
            yield from _differs(earlier[digest], row)
    for digest, row in earlier.items():
        if digest not in present:
            yield f"Field {row['number']}, {row['name']}, is in the report and not in the case."


def _same_shown(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> bool:
    """Compare entries with those of the case: the same ones, and the same text where it is not withheld."""
    shown = [(one["label"], one["value"]) for one in now]
    wanted = [(one["label"], None if one["withheld"] else one["value"]) for one in before]
    return len(shown) == len(wanted) and all(
        label == other and text in (None, value)
        for (label, value), (other, text) in zip(shown, wanted, strict=True)
    )


def _differs(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    what = f"Field {now['number']}, {now['name']}"
    for key in ("decision", "reviewed", "reviewer", "state"):
        if before[key] != now[key]:
            stands, stood = now[key] or "none", before[key] or "none"
            yield f"{what}: {key} is {stands!r} in the case, {stood!r} in the report."
    if before["probabilities"] != now["probabilities"]:
        yield f"{what}: the case holds other probabilities than the report."


def options_of(content: Mapping[str, Any]) -> ReportOptions:
    """Return the options of a report as far as its data hold them; its logo is not among them.

    Args:
        content: The content in the embedded data.
    """
    block = content.get("digital_signature") or {}
    return ReportOptions(
        template=content["template"],
        page_size=content["page_size"],
        anonymise=content["anonymised"],
        status=content["status"],
        reason=content["reason"],
        reviewer=content["reviewer"],
        comment=content["comment"],
        letterhead=Letterhead(content["laboratory"], tuple(content["laboratory_lines"])),
        clock=lambda: moment_of(content["created"]),
        montage=content["montage"],
        replaces=content.get("replaces", ""),
        signature=SignatureBlock(**block) if block.keys() <= _BLOCK else SignatureBlock(),
        anonymity=Anonymity(kinds(content.get("kept", ())), nonce_of(content["case_id"])),
        travels=content.get("travels", False),
        count_proposals=bool((content.get("cells") or {}).get("proposals_counted")),
    )


def _shortened(findings: list[str]) -> list[str]:
    if len(findings) <= _MOST:
        return findings
    return [*findings[:_MOST], f"... and {len(findings) - _MOST} more like these."]
