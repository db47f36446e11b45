"""Slides of a case: added, named, given patients, counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from allstation.core.errors import StationError
from allstation.core.patients import PatientSource, checked_patient
from allstation.core.records import FieldState, Slide
from allstation.core.text import fold, natural_key, unescape_name
from allstation.store.audit.contents import BEFORE, CONTENT, patients_content
from allstation.store.connection import Repository
from allstation.store.rows import Row, required_name
from allstation.store.slides.rows import scanned_slides

_NO_FILE: Final[tuple[str, tuple[float, ...]]] = ("", ())

_SHOWN_SLIDE: Final = (
    "(EXISTS (SELECT 1 FROM fields INDEXED BY fields_counts WHERE slide_id = slides.id AND removed = 0) "
    "OR NOT EXISTS (SELECT 1 FROM fields INDEXED BY fields_removed "
    "WHERE slide_id = slides.id AND slide_key = slides.name_key AND removed = 1))"
)


@dataclass(frozen=True, slots=True)
class SlideCounts:
    """Counts of the fields of one slide.

    Attributes:
        slide_id: The slide.
        total: Fields on it.
        states: Fields per place in the queue.
        decisions: Fields per decision of the model.
        finals: Fields per final name (reviewed class, else decision).
        reviewed: Fields with a review that counts.
        needs_review: Fields a person should look at.
    """

    slide_id: int
    total: int = 0
    states: dict[FieldState, int] = field(default_factory=dict)
    decisions: dict[str, int] = field(default_factory=dict)
    finals: dict[str, int] = field(default_factory=dict)
    reviewed: int = 0
    needs_review: int = 0


class Slides(Repository):
    """Repository of the slides."""

    def all(self) -> list[Slide]:
        """Return the slides in natural order, without those whose fields were all removed."""
        columns = "id, name, folder_id, patient, patient_source"
        query = f"SELECT {columns} FROM slides WHERE {_SHOWN_SLIDE} ORDER BY name_key, id"  # noqa: S608
        with self._connection.consistent_read() as db:
            rows = db.execute(query).fetchall()
            files = scanned_slides(db)
            return [
                Slide(
                    id=row[0],
                    name=row[1],
                    folder=self._connection.folders.path(db, row[2]) if row[2] else None,
                    patient=row[3],
                    patient_source=row[4],
                    fingerprint=files.get(row[0], _NO_FILE)[0],
                    downsamples=files.get(row[0], _NO_FILE)[1],
                )
                for row in rows
            ]

    def files(self) -> list[tuple[int, Path]]:
        """Return slide and path of every file of the case: of its fields, and of whole slides."""
        query = "SELECT slide_id, folder_id, name FROM fields WHERE removed = 0 ORDER BY id"
        with self._connection.consistent_read() as db:
            rows = db.execute(query).fetchall()
            scanned = scanned_slides(db)
            folders = {row[1]: self._connection.folders.path(db, row[1]) for row in rows}
        whole = {slide_id: folders[folder] for slide_id, folder, _ in rows if slide_id in scanned}
        plain = (row for row in rows if row[0] not in scanned)
        return [*whole.items(), *((row[0], folders[row[1]] / unescape_name(row[2])) for row in plain)]

    def add(self, name: str, folder: Path | None = None) -> Slide:
        """Add a slide, or return the one of this folder if there is one.

        Without a folder (fields dropped one by one) the name decides.
        """
        new = required_name(name, "slide")
        with self._connection.write() as db:
            place = None if folder is None else self._connection.folders.remember(db, folder)
            row = db.execute(
                "SELECT id, name FROM slides WHERE folder_id IS ? AND (folder_id IS NOT NULL OR name = ?)",
                (place, new),
            ).fetchone()
            known = ("", "")
            if row is None:
                added = db.execute(
                    "INSERT INTO slides (name, name_key, search, folder_id) VALUES (?, ?, ?, ?)",
                    (new, natural_key(new), fold(new), place),
                )
                row = (int(added.lastrowid or 0), new)
                self._connection.audit("slide-added", f"slide {row[0]}", {"name": new})
            else:
                query = "SELECT patient, patient_source FROM slides WHERE id = ?"
                known = db.execute(query, (row[0],)).fetchone()
            return Slide(
                id=row[0],
                name=row[1],
                folder=None if place is None else self._connection.folders.path(db, place),
                patient=known[0],
                patient_source=known[1],
            )

    def rename(self, slide_id: int, name: str) -> None:
        """Give a slide another shown name.

        Raises:
            StationError: ``unknown-slide``.
        """
        new, key = required_name(name, "slide"), natural_key(name)
        with self._connection.write() as db:
            row = db.execute("SELECT name FROM slides WHERE id = ?", (slide_id,)).fetchone()
            if row is None:
                raise StationError("unknown-slide", f"This case has no slide number {slide_id}.")
            self._connection.audit("slide-renamed", f"slide {slide_id}", {"from": row[0], "to": new})
            values = (new, key, fold(new), slide_id)
            db.execute("UPDATE slides SET name = ?, name_key = ?, search = ? WHERE id = ?", values)
            db.execute("UPDATE fields SET slide_key = ? WHERE slide_id = ?", (key, slide_id))

    def set_patients(self, patients: Mapping[int, str], *, source: PatientSource) -> list[int]:
        """Give slides their patients. The audit log names the slides that changed, never the patients.

        Args:
            patients: Id of the patient by slide; an empty one takes it away.
            source: Where the ids come from.

        Returns:
            Slides that changed.

        Raises:
            StationError: ``unknown-slide``, or ``bad-patient`` for an id that is too long.
        """
        return self.restore_patients(
            {number: (checked_patient(patient), source) for number, patient in patients.items()}
        )

    def restore_patients(self, patients: Mapping[int, tuple[str, str]]) -> list[int]:
        """Give slides patients with a source each, as they were before a change.

        Raises:
            StationError: ``unknown-slide``.
        """
        with self._connection.write() as db:
            changed, held = [], patients_content(db)
            for number, (patient, source) in patients.items():
                row = db.execute(
                    "SELECT patient, patient_source FROM slides WHERE id = ?", (number,)
                ).fetchone()
                if row is None:
                    raise StationError("unknown-slide", f"This case has no slide number {number}.")
                wanted = (patient, str(source) if patient else "")
                if tuple(row) != wanted:
                    db.execute(
                        "UPDATE slides SET patient = ?, patient_source = ? WHERE id = ?", (*wanted, number)
                    )
                    changed.append(number)
            if changed:
                sources = sorted({str(patients[number][1]) for number in changed if patients[number][0]})
                digests = {BEFORE: held, CONTENT: patients_content(db)}
                details = {"slides": changed, "sources": sources, **digests}
                self._connection.audit("patients-changed", "case", details)
            return changed

    def counts(self) -> dict[int, SlideCounts]:
        """Return the counts of every slide, in natural order, from one index scan."""
        query = (
            "SELECT slide_id, state, decision, final, sum(reviewed), sum(needs_review), count(*) "
            "FROM fields WHERE removed = 0 GROUP BY slide_id, state, decision, final"
        )
        with self._connection.consistent_read() as db:
            ids = [slide.id for slide in self.all()]
            groups: dict[int, list[Row]] = {number: [] for number in ids}
            for row in db.execute(query):
                groups[row[0]].append(row[1:])
        return {number: _slide_counts(number, rows) for number, rows in groups.items()}


def _slide_counts(slide_id: int, rows: Iterable[Row]) -> SlideCounts:
    states: dict[FieldState, int] = {}
    decisions: dict[str, int] = {}
    finals: dict[str, int] = {}
    total = reviewed = needing = 0
    for state, decision, final, seen, needs, number in rows:
        states[FieldState(state)] = states.get(FieldState(state), 0) + number
        for counts, name in ((decisions, decision), (finals, final)):
            if name is not None:
                counts[name] = counts.get(name, 0) + number
        total, reviewed, needing = total + number, reviewed + seen, needing + needs
    return SlideCounts(slide_id, total, states, decisions, finals, reviewed, needing)
