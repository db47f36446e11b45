"""Sorting of fields into classes by a person: what was done is appended to a journal and read again.

Nothing here changes a field or a case; a labelled folder is made of copies (:mod:`.labelled_writer`).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from allstation.core.classes import CLASS_NAMES, class_name_problem
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.records import CaseSnapshot, FieldRecord, FieldState, Review, Slide
from allstation.core.text import escape_name, plain_name, shown_name, unescape_name
from allstation.core.times import stamp, utc_clock

KEYS: Final = "123456789abcdefghijk"
"""Keys of the classes, in their order."""
_SCHEMA: Final = 1
_SUFFIX: Final = ".jsonl"
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Class that a person gave a field.

    Attributes:
        class_name: The class; empty for a field that was skipped.
        sha256: Of the bytes that were on the screen.
        at: ISO 8601 UTC time.
    """

    class_name: str
    sha256: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """Labelling that was begun and not saved since.

    Attributes:
        place: The folder or case.
        is_case: Whether it is a case.
        labelled: Fields that have a class.
        total: Fields there were.
    """

    place: Path
    is_case: bool
    labelled: int
    total: int


class Labelling:
    """Labels of the fields of one folder or case, and what was done last.

    Args:
        source: Its fields and slides; of a case the snapshot itself.
        place: The folder or case folder.
        journal: File that what is done is appended to.
        is_case: Whether the source is a case.

    Attributes:
        classes: In the order of their keys.
        labels: By the path of the field.
    """

    def __init__(self, source: CaseSnapshot, place: Path, journal: Path, *, is_case: bool) -> None:
        self.source = source
        self.place = place
        self.journal = journal
        self.is_case = is_case
        self.classes: tuple[str, ...] = CLASS_NAMES
        self.labels: dict[Path, Label] = {}
        self.saved_to: Path | None = None
        self._steps: list[tuple[Path, Label | None]] = []
        self._begun = False

    @property
    def fields(self) -> Sequence[FieldRecord]:
        """All fields, in their order."""
        return self.source.fields

    @property
    def labelled(self) -> int:
        """Number of fields that have a class."""
        return sum(bool(label.class_name) for label in self.labels.values())

    @property
    def skipped(self) -> int:
        """Number of fields that were skipped."""
        return sum(not label.class_name for label in self.labels.values())

    @property
    def can_undo(self) -> bool:
        """Whether something can be taken back."""
        return bool(self._steps)

    def counts(self) -> dict[str, int]:
        """Return how many fields each class has."""
        found = Counter(label.class_name for label in self.labels.values())
        return {name: found[name] for name in self.classes}

    def class_of(self, field: FieldRecord) -> str:
        """Return the class of a field; empty if it has none."""
        label = self.labels.get(field.path)
        return label.class_name if label is not None else ""

    def next_open(self, after: int) -> int | None:
        """Return the row of the next field without a class, from the beginning again after the last.

        Args:
            after: Row to begin behind; fields that were skipped come only when no other is left.
        """
        count = len(self.fields)
        rows = [(after + step) % count for step in range(1, count + 1)] if count else []
        fresh = (row for row in rows if self.fields[row].path not in self.labels)
        skipped = (row for row in rows if not self.class_of(self.fields[row]))
        return next(fresh, next(skipped, None))

    # What a person does; each returns the lines to append to the journal

    def give(self, field: FieldRecord, class_name: str, sha256: str) -> list[str]:
        """Give a field a class, or skip it (empty class)."""
        label = Label(class_name=class_name, sha256=sha256, at=stamp(utc_clock()))
        self._set(field.path, label)
        entry = {"field": escape_name(str(field.path)), "class": class_name}
        return self._lines(entry | {"sha256": sha256, "at": label.at})

    def undo(self) -> tuple[Path | None, list[str]]:
        """Take the last label or skip back; returns its field."""
        if not self._steps:
            return None, []
        return self._back(), self._lines({"undo": True})

    def set_classes(self, names: Sequence[str], renamed: Mapping[str, str]) -> list[str]:
        """Set the classes, with the new names of those that were renamed.

        Raises:
            StationError: ``class-name`` if a name cannot be one, ``class-used`` if one that goes has fields.
        """
        check_classes(names)
        for name, count in self.counts().items():
            if count and renamed.get(name, name) not in names:
                sentence = (
                    f"The class {name} still has fields ({count}). Give them another class before it goes."
                )
                raise StationError("class-used", sentence)
        self._rename(names, renamed)
        return self._lines({"classes": list(names), "renamed": dict(renamed)})

    def saved(self, folder: Path) -> list[str]:
        """Note that a labelled folder was made of what is known."""
        self.saved_to = folder
        return self._lines({"saved": escape_name(str(folder))})

    def reviewed(self, reviewer: str) -> CaseSnapshot:
        """Return the source with the labels as reviews of a person, for the export as a labelled folder."""
        fields = []
        for field in self.fields:
            label = self.labels.get(field.path)
            if label is not None and label.class_name:
                made = Review(field_id=field.id, reviewer=reviewer, class_name=label.class_name, at=label.at)
                fields.append(replace(field, review=made, sha256=label.sha256 or field.sha256))
        return replace(self.source, fields=tuple(fields), reviews=())

    def _set(self, path: Path, label: Label) -> None:
        self._steps.append((path, self.labels.get(path)))
        self.labels[path] = label
        self.saved_to = None

    def _back(self) -> Path:
        path, before = self._steps.pop()
        self.saved_to = None
        if before is None:
            self.labels.pop(path, None)
        else:
            self.labels[path] = before
        return path

    def _rename(self, names: Sequence[str], renamed: Mapping[str, str]) -> None:
        def now(label: Label) -> Label:
            return replace(label, class_name=renamed.get(label.class_name, label.class_name))

        self.classes = tuple(names)
        self.labels = {path: now(label) for path, label in self.labels.items()}
        self._steps = [(path, now(label) if label else None) for path, label in self._steps]

    def _lines(self, entry: Mapping[str, Any]) -> list[str]:
        lines = [] if self._begun else [self._header()]
        self._begun = True
        return [*lines, json_text(entry, indent=None, ensure_ascii=True)]

    def _header(self) -> str:
        place = escape_name(str(self.place))
        about = {"labelling": _SCHEMA, "place": place, "case": self.is_case, "fields": len(self.fields)}
        return json_text(about, indent=None, ensure_ascii=True)

    def replay(self, lines: Iterable[str]) -> None:
        """Do again what a journal tells; a torn last line was never done.

        Raises:
            StationError: ``class-name`` of a class that cannot have been given.
            KeyError, TypeError, ValueError, AttributeError: If it is damaged.
        """
        for entry in _entries(lines):
            self._begun = True
            if "field" in entry:
                self._set(Path(unescape_name(entry["field"])), _label_of(entry))
            elif "undo" in entry and self._steps:
                self._back()
            elif "classes" in entry:
                check_classes(entry["classes"])
                self._rename(entry["classes"], entry["renamed"])
            elif "saved" in entry:
                self.saved_to = Path(unescape_name(entry["saved"]))
        here = {field.path for field in self.fields}
        self.labels = {path: label for path, label in self.labels.items() if path in here}
        self._steps = [step for step in self._steps if step[0] in here]


def _label_of(entry: Mapping[str, Any]) -> Label:
    made = Label(class_name=entry["class"], sha256=entry["sha256"], at=entry["at"])
    if not all(isinstance(text, str) for text in (made.class_name, made.sha256, made.at)):
        raise TypeError("label")
    if made.class_name and class_name_problem(made.class_name):
        raise ValueError("class")
    return made


def check_classes(names: Sequence[str]) -> None:
    """Refuse names that cannot be those of the classes of a labelled folder.

    Raises:
        StationError: ``class-name``.
    """
    for name in names:
        if problem := class_name_problem(name):
            sentence = f"The class {shown_name(name)!r} {problem}. Give it another name."
            raise StationError("class-name", sentence)
    twins = [name for name, count in Counter(name.casefold() for name in names).items() if count > 1]
    if twins or len(names) < 2:  # noqa: PLR2004 - nothing to tell apart
        same = f"Two classes are called {twins[0]!r}." if twins else "There is only one class."
        raise StationError("class-name", f"{same} Name at least two classes, each in another way.")
    if len(names) > len(KEYS):
        raise StationError("class-name", f"More than {len(KEYS)} classes have no keys. Name fewer.")


def _entries(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            return
        if isinstance(entry, dict):
            yield entry


def journal_of(place: Path, folder: Path) -> Path:
    """Return the journal of a folder or case.

    Args:
        place: The folder or case.
        folder: Of the journals.
    """
    code = hashlib.sha256(escape_name(str(place)).encode()).hexdigest()[:12]
    return folder / f"{plain_name(place.name) or 'fields'}-{code}{_SUFFIX}"


def open_labelling(place: Path, journals: Path, *, is_case: bool = False) -> Labelling:
    """Read the fields of a folder or case, and what was done with them before.

    Raises:
        StationError: ``no-fields`` if there are none, or why the case cannot be read.
    """
    source = _case_source(place) if is_case else _folder_source(place)
    if not source.fields:
        sentence = f"{shown_name(place)} holds no fields. Choose a folder with pictures of fields."
        raise StationError("no-fields", sentence)
    journal = journal_of(place, journals)
    made = Labelling(source, place, journal, is_case=is_case)
    if journal.is_file():
        try:
            made.replay(journal.read_text("utf-8", "replace").splitlines())
        except (OSError, KeyError, TypeError, ValueError, AttributeError, StationError) as error:
            sentence = (
                f"What was done with {shown_name(place)} before cannot be read ({type(error).__name__}). "
                f"Move {journal.name} away from {shown_name(journal.parent)} to begin anew."
            )
            raise StationError("bad-journal", sentence) from error
    return made


def _case_source(folder: Path) -> CaseSnapshot:
    from allstation.store.case import Case

    with Case.open(folder, read_only=True) as case:
        return case.snapshot()


def _folder_source(place: Path) -> CaseSnapshot:
    from allstation.imaging.intake import FieldPath, find_fields

    slides: dict[Path, Slide] = {}
    fields: list[FieldRecord] = []
    for found in find_fields([place]):
        if isinstance(found, FieldPath):
            slide = Slide(id=len(slides) + 1, name=found.folder.name, folder=found.folder)
            slide = slides.setdefault(found.folder, slide)
            fields.append(
                FieldRecord(
                    id=len(fields) + 1,
                    slide_id=slide.id,
                    path=found.path,
                    sha256="",
                    width=0,
                    height=0,
                    state=FieldState.QUEUED,
                )
            )
    # No id: the fields of a folder may be of many patients, and none is known.
    return CaseSnapshot(
        case_id="",
        name=place.name,
        taken_at=stamp(utc_clock()),
        details={},
        slides=tuple(slides.values()),
        fields=tuple(fields),
        models=(),
        audit_head="",
    )


def append_lines(journal: Path, lines: Sequence[str]) -> None:
    """Append to a journal.

    Raises:
        OSError: What the system answered.
    """
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


def unfinished(journals: Path) -> list[Unfinished]:
    """Return what was begun and not saved since, the latest first."""
    found = []
    try:
        files = sorted(journals.glob(f"*{_SUFFIX}"), key=lambda path: -path.stat().st_mtime)
    except OSError:
        return []
    for path in files:
        try:
            state = _unfinished(path.read_text("utf-8", "replace").splitlines())
        except (OSError, KeyError, TypeError):
            continue
        if state is not None and state.place.exists():
            found.append(state)
    return found[:_SHOWN]


def _unfinished(lines: Sequence[str]) -> Unfinished | None:
    entries = list(_entries(lines))
    if not entries or "saved" in entries[-1]:
        return None
    place = Path(unescape_name(entries[0]["place"]))
    classes: dict[str, str] = {}
    steps: list[tuple[str, str]] = []
    for entry in entries[1:]:
        if "field" in entry:
            steps.append((entry["field"], classes.get(entry["field"], "")))
            classes[entry["field"]] = entry["class"]
        elif "undo" in entry and steps:
            field, before = steps.pop()
            classes[field] = before
    labelled = sum(bool(name) for name in classes.values())
    return Unfinished(
        place=place, is_case=bool(entries[0]["case"]), labelled=labelled, total=int(entries[0]["fields"])
    )
