"""Anonymised view of a case: pseudonyms for ids and hashes, years for dates, free text withheld.

Everything textual that an anonymised export writes comes from the view that :func:`anonymised` makes; the
case itself is only asked for pixels. What may go is named here, everything else stays: spellings of dates,
telephone numbers and names of relatives need no rules of their own, because they stand in free text.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from allstation import paths
from allstation.core.cell_types import CellSummary
from allstation.core.cells import CellRecord
from allstation.core.control_release import ControlRelease
from allstation.core.pseudonyms import Pseudonyms
from allstation.core.records import CaseSnapshot, FieldCopy, FieldRecord, ModelRecord, Prediction, Review
from allstation.imaging.formats.suffixes import SUFFIXES
from allstation.keys.release import release_keys
from allstation.report.content.cell_source import CellsOfFields
from allstation.report.content.free_text import KEYS, Anonymity, FreeText, Texts, different
from allstation.report.content.identity import is_term, known_key, redactor, slide_title
from allstation.report.content.options import Letterhead, ReportOptions
from allstation.report.content.wording import WITHHELD

_SHIPPED: Final = "models/all-station.allmodel"
_YEAR: Final = 4
_SOMEBODY: Final = "another person"
"""Stands for people who drew a cell and reviewed nothing: they are not told apart."""
_MAKERS: Final = {
    "release": "signed by the release key",
    "laboratory": "signed by a laboratory key",
    "station": "signed by this station",
    "trusted": "signed by a trusted key",
    "unknown": "unknown maker",
    "unsigned": "not signed, unknown maker",
    "impostor": "bears a name that is not its own",
}
"""Wording of how far the maker of a bundle is known, by level."""


@dataclass(frozen=True, slots=True)
class _View:
    """Rules of one anonymised export.

    Attributes:
        names: Pseudonyms of the export.
        keep: Free text that goes.
        redact: Takes the patient's name and ids out of it.
        reviewers: What stands for each reviewer, in the order of their first review.
        models: What stands for each model, by its hash.
    """

    names: Pseudonyms
    keep: frozenset[FreeText]
    redact: Callable[[str], str]
    reviewers: Mapping[str, str]
    models: Mapping[str, ModelRecord]

    def reviewer(self, name: str) -> str:
        """Return what stands for a person, the same for each of their reviews and for nobody else's."""
        plain = name.strip()
        if FreeText.REVIEWERS in self.keep and self.redact(plain) == plain:
            return plain
        return self.reviewers.get(plain, _SOMEBODY) if plain else ""

    def comment(self, text: str) -> str:
        """Return a comment, or that there is one."""
        if not text.strip():
            return ""
        return self.redact(text) if FreeText.COMMENTS in self.keep else WITHHELD

    def path(self, path: Path, title: str) -> Path:
        """Return what stands for a file: its name if names go, never its folder."""
        if FreeText.NAMES in self.keep:
            return Path(self.redact(path.name) or title)
        suffix = path.suffix.lower()
        return Path(title + (suffix if suffix in SUFFIXES else ""))

    def review(self, review: Review) -> Review:
        """Return a review without the person and the day."""
        return replace(
            review,
            reviewer=self.reviewer(review.reviewer),
            comment=self.comment(review.comment),
            at=year_of(review.at),
        )

    def release(self, release: ControlRelease) -> ControlRelease:
        """Return a release of a control day without the site, the person and the day."""
        return replace(
            release,
            site="",
            day=year_of(release.day),
            by=self.reviewer(release.by),
            at=year_of(release.at),
            reason=self.comment(release.reason),
        )

    def prediction(self, made: Prediction) -> Prediction:
        """Return a prediction that names its model as the export does."""
        model = self.models.get(made.model_sha256)
        return made if model is None else replace(made, model_sha256=model.sha256)

    def field(self, field: FieldRecord, number: int) -> FieldRecord:
        """Return a field that names no file and nobody."""
        return replace(
            field,
            path=self.path(field.path, field_title(number)),
            sha256=self.names.code(field.sha256),
            error=f"The field was not read: {field.error_code.replace('-', ' ')}." if field.error else "",
            prediction=field.prediction and self.prediction(field.prediction),
            review=field.review and self.review(field.review),
            remark=self.comment(field.remark),
            added=year_of(field.added),
        )

    def cell(self, cell: CellRecord) -> CellRecord:
        """Return a cell that names nobody."""
        return replace(
            cell,
            typed_by=self.reviewer(cell.typed_by),
            made_by=self.reviewer(cell.made_by),
            typed_at=year_of(cell.typed_at),
        )

    def summary(self, cells: CellSummary) -> CellSummary:
        """Return the counts of cells with their readers numbered."""
        return replace(
            cells,
            by_reader={self.reviewer(name): counts for name, counts in cells.by_reader.items()},
            pairs={
                (self.reviewer(one), self.reviewer(two)): found for (one, two), found in cells.pairs.items()
            },
            typer_sha256=self.names.code(cells.typer_sha256) if cells.typer_sha256 else "",
        )

    def copy(self, copy: FieldCopy, number: int) -> FieldCopy:
        """Return a copy of a field that names no file."""
        return replace(copy, path=self.path(copy.path, f"copy-{number:04d}"))


def field_title(number: int) -> str:
    """Return what stands for a file's name: the field's number in the export."""
    return f"field-{number:04d}"


def year_of(stamp: str) -> str:
    """Return the year of an ISO 8601 time; empty if it does not begin with one."""
    year = stamp[:_YEAR]
    return year if year.isascii() and year.isdigit() and len(year) == _YEAR else ""


def anonymised(snapshot: CaseSnapshot, anonymity: Anonymity) -> CaseSnapshot:
    """Return a case as an anonymised export shows it.

    Args:
        snapshot: The case.
        anonymity: What a person lets go, and the number of the export.
    """
    return _shown(snapshot, _view(snapshot, anonymity))


def anonymised_with(snapshot: CaseSnapshot, options: ReportOptions) -> tuple[CaseSnapshot, ReportOptions]:
    """Return a case and the choices about its report as an anonymised report shows them.

    What a person types for this very report goes: conclusion, comment, reason, who signs, letterhead. In a
    report that travels with data to others (``options.travels``) it is free text like any other.
    """
    view = _view(snapshot, options.anonymity, signer=options.reviewer)
    if not options.travels:
        said, comment, why = map(view.redact, (options.conclusion, options.comment, options.reason))
        return _shown(snapshot, view), replace(options, conclusion=said, comment=comment, reason=why)
    chosen = replace(
        options,
        conclusion=view.comment(options.conclusion),
        comment=view.comment(options.comment),
        reason=view.comment(options.reason),
        reviewer=view.reviewer(options.reviewer),
        letterhead=options.letterhead if FreeText.LETTERHEAD in view.keep else Letterhead(),
    )
    return _shown(snapshot, view), chosen


def _shown(snapshot: CaseSnapshot, view: _View) -> CaseSnapshot:
    names = FreeText.NAMES in view.keep
    slides = tuple(
        replace(
            one,
            name=view.redact(one.name) if names else slide_title(place),
            folder=None,
            fingerprint=view.names.code(one.fingerprint) if one.fingerprint else "",
            patient=view.names.patient(one.patient),
        )
        for place, one in enumerate(snapshot.slides)
    )
    return replace(
        snapshot,
        case_id=view.names.case_id,
        name="",
        taken_at=year_of(snapshot.taken_at),
        slides=slides,
        fields=tuple(view.field(one, number) for number, one in enumerate(snapshot.fields, start=1)),
        models=tuple(view.models[one.sha256] for one in snapshot.models),
        audit_head=view.names.code(snapshot.audit_head) if snapshot.audit_head else "",
        reviews=tuple(map(view.review, snapshot.reviews)),
        copies=tuple(view.copy(one, number) for number, one in enumerate(snapshot.copies, start=1)),
        audit_at=year_of(snapshot.audit_at),
        cells=view.summary(snapshot.cells),
        control=tuple(map(view.release, snapshot.control)),
    )


def anonymised_readers(snapshot: CaseSnapshot, anonymity: Anonymity | None) -> CellSummary:
    """Return the counts of a case's cells with their readers as an export names them; None for open ones."""
    return snapshot.cells if anonymity is None else _view(snapshot, anonymity).summary(snapshot.cells)


def anonymised_cells(cells: CellsOfFields, snapshot: CaseSnapshot, anonymity: Anonymity) -> CellsOfFields:
    """Return the cells of a case as an anonymised export shows them.

    Args:
        cells: The cells.
        snapshot: Their case: it gives the fields their numbers and the reviewers theirs.
        anonymity: What a person lets go, and the number of the export.
    """
    view = _view(snapshot, anonymity)
    shown = _shown(snapshot, view)
    named = {field.id: field for field in shown.fields}

    def fields(ids: list[int]) -> list[FieldRecord]:
        return [named[one] for one in ids]

    return replace(
        cells,
        case_id=shown.case_id,
        slides={slide.id: slide.name for slide in shown.slides},
        fields=fields,
        cells=lambda: (view.cell(one) for one in cells.cells() if one.field_id in named),
        anonymised=True,
        source=lambda number: cells.fields([number])[0],
    )


def _view(snapshot: CaseSnapshot, anonymity: Anonymity, *, signer: str = "") -> _View:
    names = Pseudonyms(snapshot.secret, anonymity.nonce)
    people = different((*_reviewers(snapshot), signer))
    return _View(
        names,
        anonymity.keep,
        redactor(snapshot.details, also=[slide.patient for slide in snapshot.slides]),
        {name: f"reviewer {number}" for number, name in enumerate(people, start=1)},
        _models(snapshot, names, kept=FreeText.MODELS in anonymity.keep),
    )


def _reviewers(snapshot: CaseSnapshot) -> Iterator[str]:
    yield from (one.reviewer for one in snapshot.reviews)
    yield from (one.review.reviewer for one in snapshot.fields if one.review is not None)
    yield from snapshot.cells.by_reader
    yield from (one.by for one in snapshot.control)


def _models(snapshot: CaseSnapshot, names: Pseudonyms, *, kept: bool) -> dict[str, ModelRecord]:
    """Return what stands for each model; the one that came with the program is described by the program."""
    shipped = _shipped() if snapshot.models else None
    usual = set() if shipped is None else set(_texts(shipped.info))
    shown = {}
    for number, model in enumerate(snapshot.models, start=1):
        if kept:
            shown[model.sha256] = model
        elif shipped is not None and model.sha256 == shipped.sha256:
            info = {**shipped.info, **_maker(model)}
            shown[model.sha256] = replace(shipped, classes=model.classes, info=info)
        else:
            shown[model.sha256] = replace(
                model,
                sha256=names.code(model.sha256),
                name=f"Model {number}",
                version="",
                info={
                    **{key: _usual(value, usual) for key, value in model.info.items() if key in usual},
                    **_maker(model),
                },
            )
    return shown


def _maker(model: ModelRecord) -> dict[str, object]:
    """Return how far the maker of a model is known, without the maker's name and key."""
    trust = model.info.get("trust")
    level = trust.get("level") if isinstance(trust, Mapping) else None
    text = _MAKERS.get(level) if isinstance(level, str) else None
    if level == "release" and isinstance(trust, Mapping):
        # The program's own names say more, such as that a key is no release's; a case can say anything.
        known = {f"signed by {name}" for name in release_keys().names.values()}
        text = trust["text"] if trust.get("text") in known else text
    return {"trust": {"level": level, "text": text}} if text else {}


def _usual(value: object, usual: Collection[str]) -> object:
    """Return the part of a model's card that is no free text: numbers, and words of the program's own."""
    if isinstance(value, Mapping):
        return {key: _usual(item, usual) for key, item in value.items() if key in usual}
    if isinstance(value, list | tuple):
        return [_usual(item, usual) for item in value if not isinstance(item, str) or item in usual]
    return value if not isinstance(value, str) or value in usual else None


def _shipped() -> ModelRecord | None:
    """Return the bundle that came with the program, if it is there, as that file describes itself."""
    try:
        path = paths.resource(_SHIPPED)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        with zipfile.ZipFile(path) as bundle:
            info = json.loads(bundle.read("bundle.json"))
        name, version = str(info["name"]), str(info["version"])
        return ModelRecord(sha256=sha256, name=name, version=version, classes=(), info=info)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None


def free_texts(
    snapshot: CaseSnapshot, options: ReportOptions | None = None, *, most: int | None = None
) -> Texts:
    """Return the free text of a case by kind, as a person must see it before any of it goes.

    Args:
        snapshot: The case.
        options: Of the report that travels along: its conclusion, comment, reason, signer and letterhead.
        most: Texts of each kind that are named, and fields that are looked at for their names; None for all.
    """
    chosen = options or ReportOptions()
    details = {known_key(key): value for key, value in snapshot.details.items()}
    fields = snapshot.fields if most is None else snapshot.fields[:most]
    head = chosen.letterhead
    found = {
        FreeText.NAMES: (
            *(one.name for one in snapshot.slides),
            *(one.folder.name for one in snapshot.slides if one.fingerprint and one.folder is not None),
            *(one.path.name for one in fields if one.part is None),
            *(one.path.name for one in snapshot.copies),
        ),
        FreeText.COMMENTS: (
            chosen.conclusion,
            chosen.comment,
            chosen.reason,
            *(one.comment for one in snapshot.reviews),
            *(one.reason for one in snapshot.control),
            *(one.review.comment for one in fields if one.review is not None),
            *(one.remark for one in fields),
        ),
        FreeText.REVIEWERS: (
            *(one.reviewer for one in snapshot.reviews),
            *(one.review.reviewer for one in fields if one.review is not None),
            *snapshot.cells.by_reader,
            *(one.by for one in snapshot.control),
            chosen.reviewer,
        ),
        FreeText.MODELS: tuple(_cards(snapshot)),
        FreeText.LETTERHEAD: (head.name, *head.lines, head.logo.name if head.logo else ""),
        **{kind: tuple(_unlisted(details, keys)) for kind, keys in KEYS.items()},
    }
    said = {kind: different(found[kind])[:most] for kind in FreeText}
    return {kind: texts for kind, texts in said.items() if texts}


def _unlisted(details: Mapping[str, str], keys: Iterable[str]) -> Iterator[str]:
    """Yield the entries that are no usual term, which is no free text."""
    for key in keys:
        if not is_term(key, details.get(key, "")):
            yield details.get(key, "")


def _cards(snapshot: CaseSnapshot) -> Iterator[str]:
    """Yield name and card of each model that did not come with the program, but for what goes unasked."""
    shipped = _shipped() if snapshot.models else None
    usual = set() if shipped is None else set(_texts(shipped.info))
    for model in snapshot.models:
        if shipped is None or model.sha256 != shipped.sha256:
            yield f"{model.name} {model.version}".strip()
            yield from (text for text in _texts(model.info) if text not in usual)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
