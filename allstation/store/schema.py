"""The tables of ``case.sqlite`` and the steps that bring an older file up to date.

``PRAGMA user_version`` counts the steps a file has taken. A step is never edited once released:
a change is a new function at the end of :data:`STEPS`, with a test of its own name.

``fields`` repeats what the browser sorts and filters by (the decision, the margin, the review
that counts), so that a page of 100,000 fields is one walk along one index. ``predictions`` and
``reviews`` stay the truth; ``salvage.refresh`` rebuilds the copies from them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

Step = Callable[[sqlite3.Connection], None]

APPLICATION_ID: Final = 0x414C4C53
"""``ALLS``: distinguishes a case from any other SQLite file."""

_TABLES: Final = """
CREATE TABLE info (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE folders (
    id INTEGER PRIMARY KEY,
    relative TEXT UNIQUE,
    absolute TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE slides (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    search TEXT NOT NULL,
    folder_id INTEGER UNIQUE REFERENCES folders(id)
) STRICT;

CREATE TABLE models (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    classes TEXT NOT NULL,
    info TEXT NOT NULL,
    added TEXT NOT NULL
) STRICT;

CREATE TABLE fields (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    slide_id INTEGER NOT NULL REFERENCES slides(id),
    slide_key TEXT NOT NULL,
    folder_id INTEGER NOT NULL REFERENCES folders(id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    search TEXT NOT NULL,
    sha256 TEXT NOT NULL UNIQUE,
    bytes INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    added TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    error_code TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0,
    priority INTEGER NOT NULL DEFAULT 0,
    prediction_id INTEGER REFERENCES predictions(id),
    model_id INTEGER,
    decision TEXT,
    reasons TEXT NOT NULL DEFAULT '',
    probability REAL,
    margin REAL,
    novelty REAL,
    sharpness REAL,
    cells INTEGER,
    review_id INTEGER REFERENCES reviews(id),
    review_class TEXT,
    locked_name TEXT,
    reviewed INTEGER GENERATED ALWAYS AS (review_id IS NOT NULL) VIRTUAL,
    final TEXT GENERATED ALWAYS AS (COALESCE(review_class, decision)) VIRTUAL,
    needs_review INTEGER GENERATED ALWAYS AS (
        review_class IS NULL AND (review_id IS NOT NULL OR COALESCE(decision, '') = 'needs review')
    ) VIRTUAL
) STRICT;

CREATE TABLE predictions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    field_id INTEGER NOT NULL REFERENCES fields(id),
    model_id INTEGER NOT NULL REFERENCES models(id),
    at TEXT NOT NULL,
    probabilities TEXT NOT NULL,
    class_name TEXT,
    reasons TEXT NOT NULL,
    novelty REAL NOT NULL,
    cells INTEGER NOT NULL,
    sharpness REAL NOT NULL,
    brightness REAL NOT NULL,
    clipped REAL NOT NULL,
    cell_area REAL NOT NULL,
    evidence_shape TEXT NOT NULL DEFAULT '',
    evidence BLOB,
    milliseconds REAL NOT NULL
) STRICT;

CREATE TABLE reviews (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    field_id INTEGER NOT NULL REFERENCES fields(id),
    reviewer TEXT NOT NULL,
    class_name TEXT,
    comment TEXT NOT NULL,
    at TEXT NOT NULL,
    withdrawn INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1))
) STRICT;

CREATE TABLE plans (
    id INTEGER PRIMARY KEY,
    model_sha256 TEXT NOT NULL,
    field_id INTEGER NOT NULL REFERENCES fields(id),
    UNIQUE (model_sha256, field_id)
) STRICT;

CREATE TABLE reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    status TEXT NOT NULL CHECK (status IN ('draft', 'preliminary', 'final', 'amended')),
    sha256 TEXT NOT NULL,
    file TEXT NOT NULL,
    at TEXT NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL,
    decisions_sha256 TEXT NOT NULL,
    audit_head TEXT NOT NULL
) STRICT;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    app TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    details TEXT NOT NULL,
    model TEXT NOT NULL,
    input TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
"""

_INDEXES: Final = """
CREATE INDEX fields_by_slide ON fields (slide_key, slide_id, name_key, id);
CREATE INDEX fields_by_name ON fields (name_key, id);
CREATE INDEX fields_by_decision ON fields (decision, id);
CREATE INDEX fields_by_final ON fields (final, id);
CREATE INDEX fields_by_probability ON fields (probability, id);
CREATE INDEX fields_by_margin ON fields (margin, id);
CREATE INDEX fields_by_folder ON fields (folder_id, name);
CREATE INDEX fields_counts ON fields (slide_id, state, decision, final, reviewed, needs_review);
CREATE INDEX fields_queued ON fields (attempts, priority DESC, id) WHERE state = 'queued';
CREATE INDEX fields_by_state ON fields (state, id);
CREATE INDEX fields_by_sharpness ON fields (sharpness, id);
CREATE INDEX fields_by_reviewed ON fields (reviewed, id);
CREATE INDEX fields_by_size ON fields (bytes, id);
CREATE INDEX predictions_by_field ON predictions (field_id, id);
CREATE INDEX reviews_by_field ON reviews (field_id, id);
CREATE INDEX reviews_by_reviewer ON reviews (reviewer, field_id, id);
"""

_APPEND_ONLY: Final = """
CREATE TRIGGER {table}_no_update BEFORE UPDATE{columns} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;
CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}
WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;
CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;
"""

PROTECTED: Final = ("audit", "predictions", "reviews", "reports")
"""Tables whose rows are never changed or deleted; of a review only the withdrawn mark moves."""


def run_script(db: sqlite3.Connection, script: str) -> None:
    """Run several statements inside the open transaction (``executescript`` would commit it)."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""


def step_first_tables(db: sqlite3.Connection) -> None:
    """Version 1: the tables, the indexes, and the triggers that keep history append-only."""
    run_script(db, _TABLES)
    run_script(db, _INDEXES)
    for table in PROTECTED:
        columns = " OF id, field_id, reviewer, class_name, comment, at" if table == "reviews" else ""
        run_script(db, _APPEND_ONLY.format(table=table, columns=columns))


_MANY_MODELS: Final = """
ALTER TABLE fields ADD COLUMN for_model TEXT NOT NULL DEFAULT '';
ALTER TABLE predictions ADD COLUMN beside INTEGER NOT NULL DEFAULT 0 CHECK (beside IN (0, 1));
DROP INDEX fields_queued;
CREATE INDEX fields_queued ON fields (for_model, attempts, priority DESC, id, slide_id)
WHERE state = 'queued';
"""


def step_many_models(db: sqlite3.Connection) -> None:
    """Version 2: fields can be queued for a further model than the one in use.

    ``fields.for_model`` is the hash of that bundle, empty for the model in use. A prediction marked
    ``beside`` is a secondary one: kept, but not shown while the field has one of the model in use.
    """
    run_script(db, _MANY_MODELS)


_REMOVED_FIELDS: Final = """
ALTER TABLE fields ADD COLUMN removed INTEGER NOT NULL DEFAULT 0 CHECK (removed IN (0, 1));
DROP INDEX fields_by_slide;
DROP INDEX fields_by_name;
DROP INDEX fields_by_decision;
DROP INDEX fields_by_final;
DROP INDEX fields_by_probability;
DROP INDEX fields_by_margin;
DROP INDEX fields_counts;
DROP INDEX fields_queued;
DROP INDEX fields_by_state;
DROP INDEX fields_by_sharpness;
DROP INDEX fields_by_reviewed;
DROP INDEX fields_by_size;
CREATE INDEX fields_by_slide ON fields (slide_key, slide_id, name_key, id) WHERE removed = 0;
CREATE INDEX fields_by_name ON fields (name_key, id) WHERE removed = 0;
CREATE INDEX fields_by_decision ON fields (decision, id) WHERE removed = 0;
CREATE INDEX fields_by_final ON fields (final, id) WHERE removed = 0;
CREATE INDEX fields_by_probability ON fields (probability, id) WHERE removed = 0;
CREATE INDEX fields_by_margin ON fields (margin, id) WHERE removed = 0;
CREATE INDEX fields_counts ON fields (slide_id, state, decision, final, reviewed, needs_review)
WHERE removed = 0;
CREATE INDEX fields_queued ON fields (for_model, attempts, priority DESC, id, slide_id)
WHERE state = 'queued' AND removed = 0;
CREATE INDEX fields_by_state ON fields (state, id) WHERE removed = 0;
CREATE INDEX fields_by_sharpness ON fields (sharpness, id) WHERE removed = 0;
CREATE INDEX fields_by_reviewed ON fields (reviewed, id) WHERE removed = 0;
CREATE INDEX fields_by_size ON fields (bytes, id) WHERE removed = 0;
CREATE INDEX fields_by_id ON fields (id) WHERE removed = 0;
CREATE INDEX fields_removed ON fields (slide_key, slide_id, name_key, id) WHERE removed = 1;
"""


def step_removed_fields(db: sqlite3.Connection) -> None:
    """Version 3: fields can be taken out of the case and brought back; none is ever deleted.

    Every index that lists or counts holds only the fields that are in the case, so that leaving out
    the others costs a list of 100,000 nothing.
    """
    run_script(db, _REMOVED_FIELDS)


_VALID_CERTAINTY: Final = """
UPDATE fields SET probability = NULL, margin = NULL
WHERE instr(reasons, '|unlike the training data|') OR instr(reasons, '|no white cells found|');
"""


def step_valid_certainty(db: sqlite3.Connection) -> None:
    """Version 4: a field whose probabilities mean nothing has no certainty to sort or filter by.

    The predictions themselves stay as they are; ``fields`` only repeats them.
    """
    run_script(db, _VALID_CERTAINTY)


_SEALS: Final = """
CREATE TABLE seals (
    id INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    head TEXT NOT NULL,
    station TEXT NOT NULL,
    key TEXT NOT NULL,
    signature TEXT NOT NULL
) STRICT;
"""


def step_seal_table(db: sqlite3.Connection) -> None:
    """Version 5: each run of entries that one station appended to the audit log bears its signature.

    Entries before the first seal are of earlier versions and stay valid, without a key.
    """
    run_script(db, _SEALS)


_CELLS: Final = """
CREATE TABLE cells (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    field_id INTEGER NOT NULL REFERENCES fields(id),
    prediction_id INTEGER REFERENCES predictions(id),
    number INTEGER NOT NULL,
    made_by TEXT NOT NULL,
    box_left INTEGER NOT NULL,
    box_top INTEGER NOT NULL,
    box_width INTEGER NOT NULL,
    box_height INTEGER NOT NULL,
    x REAL NOT NULL,
    y REAL NOT NULL,
    area REAL NOT NULL,
    nucleus_share REAL,
    at_edge INTEGER NOT NULL CHECK (at_edge IN (0, 1)),
    pixel_size REAL,
    mask_left INTEGER NOT NULL,
    mask_top INTEGER NOT NULL,
    mask_width INTEGER NOT NULL,
    mask_height INTEGER NOT NULL,
    picture_width INTEGER NOT NULL,
    picture_height INTEGER NOT NULL,
    runs BLOB NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0 CHECK (removed IN (0, 1))
) STRICT;

CREATE TABLE prediction_cells (
    id INTEGER PRIMARY KEY REFERENCES predictions(id),
    found BLOB NOT NULL
) STRICT;

CREATE TABLE cell_reviews (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cell_id INTEGER NOT NULL REFERENCES cells(id),
    reviewer TEXT NOT NULL,
    type TEXT NOT NULL,
    at TEXT NOT NULL,
    withdrawn INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1))
) STRICT;

CREATE TABLE cell_proposals (
    id INTEGER PRIMARY KEY REFERENCES cells(id),
    type TEXT NOT NULL,
    probability REAL NOT NULL
) STRICT;

CREATE TABLE cell_features (
    id INTEGER PRIMARY KEY REFERENCES cells(id),
    features BLOB NOT NULL
) STRICT;

CREATE TABLE cell_types (
    reviewer TEXT NOT NULL,
    cell_id INTEGER NOT NULL REFERENCES cells(id),
    type TEXT NOT NULL,
    review_id INTEGER NOT NULL REFERENCES cell_reviews(id),
    PRIMARY KEY (reviewer, cell_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE cell_list (
    id INTEGER PRIMARY KEY REFERENCES cells(id),
    field_id INTEGER NOT NULL,
    slide_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at_edge INTEGER NOT NULL,
    area REAL NOT NULL,
    unmeasured INTEGER NOT NULL,
    size REAL NOT NULL,
    support_class TEXT NOT NULL DEFAULT '',
    support INTEGER NOT NULL DEFAULT 0,
    margin INTEGER NOT NULL DEFAULT 0,
    type TEXT NOT NULL DEFAULT '',
    review_id INTEGER,
    proposed TEXT NOT NULL DEFAULT '',
    probability REAL,
    found INTEGER NOT NULL,
    by_hand INTEGER NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0,
    field_removed INTEGER NOT NULL DEFAULT 0,
    shown_type TEXT GENERATED ALWAYS AS (iif(type <> '', type, proposed)) VIRTUAL,
    listed INTEGER GENERATED ALWAYS AS (
        removed = 0 AND field_removed = 0 AND (found = 1 OR by_hand = 1 OR type <> '')
    ) VIRTUAL
) STRICT;

CREATE INDEX cells_by_field ON cells (field_id, number);
CREATE INDEX cell_reviews_by_cell ON cell_reviews (cell_id, reviewer, id);
CREATE INDEX cell_types_by_cell ON cell_types (cell_id, review_id);
CREATE INDEX cell_types_by_type ON cell_types (reviewer, type, cell_id);
CREATE INDEX cell_list_by_field ON cell_list (field_id, listed, number, id);
CREATE INDEX cell_list_by_type ON cell_list (shown_type, type, id) WHERE listed = 1;
CREATE INDEX cell_list_by_size ON cell_list (unmeasured, size, id) WHERE listed = 1;
CREATE INDEX cell_list_by_support ON cell_list (support_class, support, id) WHERE listed = 1;
CREATE INDEX cell_list_by_probability ON cell_list (probability, id)
WHERE listed = 1 AND probability IS NOT NULL;
CREATE INDEX cell_list_by_margin ON cell_list (margin, id) WHERE listed = 1 AND probability IS NULL;
CREATE INDEX cell_list_removed ON cell_list (field_id, number, id) WHERE removed = 1;
"""

CELLS_PROTECTED: Final = {
    "cells": " OF id, field_id, prediction_id, number, made_by, box_left, box_top, box_width, box_height, x, "
    "y, area, nucleus_share, at_edge, pixel_size, mask_left, mask_top, mask_width, mask_height, "
    "picture_width, picture_height, runs",
    "prediction_cells": "",
    "cell_reviews": " OF id, cell_id, reviewer, type, at",
}
"""Append-only tables of the cells, and the columns of theirs that never change."""


def step_cells(db: sqlite3.Connection) -> None:
    """Cells are kept with the predictions that found them, and have types that people gave them.

    ``cells``, ``prediction_cells`` (by the prediction's id: which cells it found, and the support of each
    class for them) and ``cell_reviews`` are append-only; only the marks ``removed`` and ``withdrawn`` move.
    ``cell_types`` repeats each person's type that counts, and ``cell_list`` what the gallery sorts and
    filters by; both are rebuilt from the others. Cases of earlier versions have no cells until their fields
    are classified again.
    """
    run_script(db, _CELLS)
    for table, columns in CELLS_PROTECTED.items():
        run_script(db, _APPEND_ONLY.format(table=table, columns=columns))


_PATIENTS: Final = """
ALTER TABLE slides ADD COLUMN patient TEXT NOT NULL DEFAULT '';
ALTER TABLE slides ADD COLUMN patient_source TEXT NOT NULL DEFAULT '';
"""


def step_patients(db: sqlite3.Connection) -> None:
    """Version 7: a slide may carry the id of its patient, and where that id came from."""
    run_script(db, _PATIENTS)


_SLIDE_FILES: Final = """
CREATE TABLE slide_files (
    id INTEGER PRIMARY KEY REFERENCES slides(id),
    folder_id INTEGER NOT NULL UNIQUE REFERENCES folders(id),
    fingerprint TEXT NOT NULL UNIQUE,
    bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    info TEXT NOT NULL,
    pieces BLOB NOT NULL DEFAULT x'',
    full_hash TEXT NOT NULL DEFAULT '',
    wanted TEXT NOT NULL DEFAULT '',
    proposed INTEGER NOT NULL DEFAULT 0,
    added INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE slide_plans (
    id INTEGER PRIMARY KEY REFERENCES slide_files(id),
    parts TEXT NOT NULL
) STRICT;

CREATE TABLE moved_folders (
    id INTEGER PRIMARY KEY REFERENCES folders(id),
    relative TEXT,
    absolute TEXT NOT NULL
) STRICT;
"""


def step_slide_files(db: sqlite3.Connection) -> None:
    """Version 8: a slide may be one file of a scanner, and its fields parts of that file.

    ``slide_files`` (by the slide's id): the file, which stands in ``folders`` as the folder of its fields;
    its fingerprint, the hash of the whole file with the hashes of its pieces so far, the scanner's facts
    without those of the patient, and how many of the proposed fields are in the case. ``slide_plans`` holds
    the names of the proposed parts, a line each. ``moved_folders``: where such a file is now.
    """
    run_script(db, _SLIDE_FILES)


STEPS: Final[tuple[Step, ...]] = (
    step_first_tables,
    step_many_models,
    step_removed_fields,
    step_valid_certainty,
    step_seal_table,
    step_cells,
    step_patients,
    step_slide_files,
)
"""Step number n brings a file from version n to n + 1."""


def version_of(db: sqlite3.Connection) -> int:
    """Return how many steps the file has taken."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def upgrade(db: sqlite3.Connection, steps: Sequence[Step]) -> None:
    """Take the missing steps in one transaction: after a crash the file is old or new, never between."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for number in range(version_of(db), len(steps)):
            steps[number](db)
        db.execute(f"PRAGMA user_version = {len(steps)}")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
