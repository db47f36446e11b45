"""Whoever changes a case past the program is found out, and told where."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

import pytest

from allstation.core.audit import GENESIS
from allstation.core.records import Review
from allstation.store import Case


@pytest.fixture
def used(case, maker):
    """A case in which everything that is sealed exists."""
    ids = maker.fill(case, 20)
    maker.classify(case, ids[:10])
    maker.classify(case, ids[10:])
    first = case.reviews.add(Review(field_id=ids[0], reviewer="Ada", class_name="Pro", comment="sure"))
    case.reviews.add(Review(field_id=ids[1], reviewer="Bob", class_name=None, comment=""))
    case.reviews.withdraw(first.id, "Ada")
    case.fields.remove([7, 8, 9])
    case.fields.restore([8])
    case.reports.add("final", "ab" * 32, file="r.pdf", by="Ada")
    assert case.audit.verify() is None
    return case


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET who = 'Eve' WHERE id = 3",
        "DELETE FROM audit WHERE id = 3",
        "DELETE FROM audit",
        "UPDATE predictions SET class_name = 'Pro'",
        "DELETE FROM predictions",
        "UPDATE reviews SET class_name = 'Benign' WHERE id = 1",
        "UPDATE reviews SET reviewer = 'Eve'",
        "DELETE FROM reviews",
        "UPDATE reports SET sha256 = 'x'",
        "DELETE FROM reports",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE id = 3",
    ],
)
def test_history_cannot_be_changed(used, statement):
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        used.connection.db.execute(statement)


CHANGES = {
    "Entry 3 was changed": ["DROP TRIGGER audit_no_update", "UPDATE audit SET who = 'Eve' WHERE id = 3"],
    "Entry 4 is missing": ["DROP TRIGGER audit_no_delete", "DELETE FROM audit WHERE id = 4"],
    "cut off": ["DROP TRIGGER audit_no_delete", "DELETE FROM audit WHERE id = (SELECT max(id) FROM audit)"],
    "Predictions that entry 6": [
        "DROP TRIGGER predictions_no_update",
        "UPDATE predictions SET probabilities = '{\"Pro\":1.0}' WHERE id = 12",
    ],
    "Predictions that entry 5": [
        "DROP TRIGGER predictions_no_delete",
        "UPDATE fields SET prediction_id = NULL",
        "DELETE FROM predictions WHERE id = 3",
    ],
    "Fields that entry": ["UPDATE fields SET sha256 = 'x' WHERE id = 5"],
    "review of entry": ["DROP TRIGGER reviews_no_update", "UPDATE reviews SET comment = 'x' WHERE id = 2"],
    "Review 2 was withdrawn": ["UPDATE reviews SET withdrawn = 1 WHERE id = 2"],
    "Review 1 was withdrawn": ["UPDATE reviews SET withdrawn = 0 WHERE id = 1"],
    "Field 3 was removed": ["UPDATE fields SET removed = 1 WHERE id = 3"],
    "Field 9 was removed or brought back": ["UPDATE fields SET removed = 0 WHERE id = 9"],
    "added past it": ["INSERT INTO reviews (field_id, reviewer, comment, at) VALUES (1, 'Eve', '', '')"],
    "report of entry": ["DROP TRIGGER reports_no_update", "UPDATE reports SET status = 'draft'"],
    "model of entry": ["UPDATE models SET version = '2'"],
    "protection": ["DROP TRIGGER audit_no_update"],
}


@pytest.mark.parametrize("word", CHANGES)
def test_changes_past_the_program_are_named(used, folder, word):
    used.close()
    db = sqlite3.connect(folder / "case.sqlite")
    for statement in CHANGES[word]:
        assert db.execute(statement).rowcount != 0
    db.commit()
    db.close()
    with Case.open(folder, read_only=True) as case:
        broken = case.audit.verify()
    assert broken is not None
    assert word in broken.sentence


@pytest.mark.parametrize(
    "details", ["{}", "[]", "no JSON", '{"review": {}}', '{"first": {}, "last": 1, "added": 1}']
)
def test_a_whole_chain_forged_with_other_details_is_broken_not_a_fault(used, folder, details):
    forged, previous = [], GENESIS
    for entry in used.audit.entries():
        said = details if entry.action == "fields-added" else entry.details
        told = replace(entry, details=said, previous=previous)
        forged.append(replace(told, hash=told.seal()))
        previous = forged[-1].hash
    used.close()
    db = sqlite3.connect(folder / "case.sqlite")
    db.execute("DROP TRIGGER audit_no_update")
    for entry in forged:
        db.execute(
            "UPDATE audit SET details = ?, previous = ?, hash = ? WHERE id = ?",
            (entry.details, entry.previous, entry.hash, entry.id),
        )
    db.commit()
    db.close()
    with Case.open(folder, read_only=True) as case:
        broken = case.audit.verify()
    assert broken is not None
    assert broken.sentence == "Entry 4 does not say what such an entry says."


def test_entries_say_who_and_what(used, maker):
    entries = used.audit.entries()
    actions = [entry.action for entry in entries]
    assert actions == [
        "case-created", "model-added", "slide-added", "fields-added", "fields-classified",
        "fields-classified", "review-added", "review-added", "review-withdrawn", "fields-removed",
        "fields-restored", "report-made",
    ]  # fmt: skip
    classified = entries[4]
    assert classified.model == maker.model
    assert classified.at.endswith("Z")
    assert [entry.who for entry in entries[6:8]] == ["Ada", "Bob"]
    assert entries[6].input == used.fields.get(1).sha256
    assert [entry.id for entry in used.audit.entries(last=2)] == [11, 12]
    assert used.audit.length() == 12


def test_the_user_can_be_changed_and_is_the_login_name_by_default(case, tmp_path):
    import getpass

    case.user = "Dr. Zhang 张"
    case.rename("other")
    assert case.audit.entries()[-1].who == "Dr. Zhang 张"
    case.user = "  "
    assert case.user == "Dr. Zhang 张"
    with Case.create(tmp_path / "own.allcase") as own:
        assert own.user == getpass.getuser()


def test_details_are_named_not_told(case):
    case.set_details({"patient_name": "Erika Mustermann", "stain": "Giemsa"})
    case.set_details({"patient_name": "Erika Mustermann", "stain": "Wright"})
    texts = [entry.details for entry in case.audit.entries()]
    assert json.loads(texts[-1])["keys"] == ["stain"]
    assert not any("Mustermann" in text for text in texts)
