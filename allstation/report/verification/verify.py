"""Verification of a report: its pages, its embedded data and, if given, the case must agree.

The pages are read back with other programs' readers (pypdf, PDFium) than wrote them. A finding is one
sentence; no findings means that everything that was compared agrees. This is a check against mistakes
and clumsy changes, not against forgery: whoever can change the pages can change the data too. Against
forgery stands the digital signature; :mod:`.parts` looks at both.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from allstation.core.errors import StationError
from allstation.core.pseudonyms import nonce_of
from allstation.core.records import CaseSnapshot
from allstation.core.reports import ReportStatus
from allstation.core.text import shown_name
from allstation.core.times import moment_of
from allstation.report.content.build import build_content, canonical_json, content_json
from allstation.report.content.free_text import Anonymity, kinds
from allstation.report.content.options import Letterhead, ReportOptions
from allstation.report.content.report_types import (
    ATTACHMENT,
    KIND,
    READABLE,
    SCHEMA,
    ReportContent,
    SignatureBlock,
)
from allstation.report.content.selection import PAGE_ONE
from allstation.report.signing.check import is_signed
from allstation.report.verification.page_objects import additions, covered
from allstation.report.verification.pages import page_findings, shortened

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
            *shortened(list(covered(report, pictures=_pictures(data["content"])))),
        ]
        return data["content"], [*_whole(data, reader), *page_findings(reader, data["content"]), *added]


def case_findings(path: Path, report: bytes, snapshot: CaseSnapshot) -> list[str]:
    """Compare the embedded data of a report in memory with a case as it is now.

    Raises:
        StationError: ``not-a-report``.
    """
    with readable(path):
        content = _embedded(_open(path, report), path)["content"]
        return shortened(list(_against(content, snapshot)))


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
    return page_findings(reader, data["content"])


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


def _pictures(content: Mapping[str, Any]) -> int | None:
    """Return how many pictures of fields page one may show; None for any number, as on a contact sheet."""
    if content["template"] == "contact":
        return None
    # Reports of earlier versions have no annex to leave out, and no pictures on page one.
    shows = "annex" in content and content["montage"]
    return min(PAGE_ONE, sum(bool(row["decision"]) for row in content["fields"])) if shows else 0


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
        conclusion=content.get("conclusion", ""),
        annex=content.get("annex", True),
        letterhead=Letterhead(content["laboratory"], tuple(content["laboratory_lines"])),
        clock=lambda: moment_of(content["created"]),
        montage=content["montage"],
        replaces=content.get("replaces", ""),
        signature=SignatureBlock(**block) if block.keys() <= _BLOCK else SignatureBlock(),
        anonymity=Anonymity(kinds(content.get("kept", ())), nonce_of(content["case_id"])),
        travels=content.get("travels", False),
        count_proposals=bool((content.get("cells") or {}).get("proposals_counted")),
    )
