"""Seals and anchors: whatever is done to a case past the program, a station that has seen it says so."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from allstation import paths
from allstation.core.audit import GENESIS
from allstation.core.errors import StationError
from allstation.keys.people import SHARED_FOLDER
from allstation.keys.signing import SigningKey, new_secret
from allstation.keys.station import station_key
from allstation.keys.trust_store import TrustStore
from allstation.store.audit import anchors
from allstation.store.audit.anchors import Anchor, AnchorFile, own_anchors
from allstation.store.audit.seal import _write, read_seal_table
from allstation.store.case import Case
from allstation.store.maintenance import audit_case, compare_with_anchor, repair_case, write_anchor


@pytest.fixture
def worked_on(folder: Path) -> Path:
    """Return a case with six entries, closed."""
    with Case.create(folder) as case:
        for name in "abcde":
            case.rename(name)
    return folder


def changed(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "case.sqlite")) as db, db:
        kept = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in kept:
            db.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            db.execute(statement)
        for _, sql in kept:
            db.execute(sql)


def forge(folder: Path, *, at: str | None = None, key: SigningKey | None = None, seals: bool = True) -> None:
    """Rewrite the whole log under another name, and seal it with another key or not at all."""
    with Case.open(folder, read_only=True) as case:
        entries, previous = case.audit.entries(), GENESIS
    forged = []
    for entry in entries:
        told = replace(entry, who="Eve", at=at or entry.at, previous=previous)
        if not seals and entry.action == "case-created":
            told = replace(told, details=entry.details.replace(station_key().public.fingerprint, "")
                           .replace('"key":"",', ""))  # fmt: skip
        elif key is not None and entry.action == "case-created":
            told = replace(told, details=entry.details.replace(
                station_key().public.fingerprint, key.public.fingerprint))  # fmt: skip
        forged.append(replace(told, hash=told.seal()))
        previous = forged[-1].hash
    told = "UPDATE audit SET who = '{who}', at = '{at}', details = '{details}', previous = '{previous}', "
    told += "hash = '{hash}' WHERE id = {id}"
    rows = [told.format(**{name: getattr(one, name) for name in one.__slots__}) for one in forged]
    changed(folder, *rows, *([] if seals and key is None else ["DELETE FROM seals"]))
    if key is not None:
        with closing(sqlite3.connect(folder / "case.sqlite")) as db, db:
            case_id = db.execute("SELECT value FROM info WHERE key = 'case_id'").fetchone()[0]
            _write(db, key, None, first=1, entry=forged[-1], case_id=case_id)


def slowly(share: Callable[..., None]) -> Callable[..., None]:
    def after_a_while(*given: object) -> None:
        time.sleep(0.1)
        share(*given)

    return after_a_while


def another_station(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setenv(paths.PROFILE_VARIABLE, str(place))


def test_one_seal_covers_what_one_station_wrote(worked_on: Path) -> None:
    with Case.open(worked_on) as case:
        (run,) = case.provenance.sealed_by()
        assert (run.first, run.last, run.known) == (1, 6, "this station")
        case.rename("f")
        (run,) = case.provenance.sealed_by()
        assert run.last == 7
        assert case.audit.verify() is None
    assert "this station" in audit_case(worked_on).text()


def test_what_was_rolled_back_leaves_no_seal(worked_on: Path) -> None:
    with Case.open(worked_on) as case:
        with suppress(ZeroDivisionError), case.connection.write():
            case.rename("f")
            _ = 1 / 0
        case.rename("g")
        assert case.provenance.sealed_by()[0].last == 7
        assert case.audit.verify() is None


@pytest.mark.parametrize("at", [None, "2019-01-02T03:04:05Z"])
def test_a_recomputed_chain_has_no_seal_that_fits(worked_on: Path, at: str | None) -> None:
    forge(worked_on, at=at)
    with Case.open(worked_on, read_only=True) as case:
        assert "sealed" in case.audit.verify().sentence
    with Case.open(worked_on) as case:  # going on does not make it sound
        case.rename("f")
        assert "sealed" in case.audit.verify().sentence
        assert case.provenance.remark


def test_a_recomputed_chain_without_seals_is_another_trail_to_who_has_seen_it(
    worked_on: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge(worked_on, seals=False)
    with Case.open(worked_on) as case:
        assert "another trail" in case.provenance.remark
    another_station(monkeypatch, tmp_path / "elsewhere")
    finding = audit_case(worked_on)
    assert finding.broken is None
    assert "No entry bears a key" in finding.text()


def test_a_chain_sealed_by_a_forger_names_the_forger(
    worked_on: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge(worked_on, key=SigningKey(new_secret(), name="Lab 3", role="station"))
    finding = audit_case(worked_on)
    assert "another trail" in finding.older
    assert not finding.intact
    another_station(monkeypatch, tmp_path / "elsewhere")
    finding = audit_case(worked_on)
    assert (finding.intact, finding.sealed[0].known) == (True, "unknown here")
    assert "Lab 3 (unknown here" in finding.text()


def test_removed_seals_are_noticed_although_the_chain_was_not_touched(worked_on: Path) -> None:
    changed(worked_on, "DELETE FROM seals", "DELETE FROM audit WHERE id > 4")
    with Case.open(worked_on, read_only=True) as case:
        assert case.audit.verify() is not None


def test_entries_behind_the_seal_are_noticed(worked_on: Path) -> None:
    with Case.open(worked_on, read_only=True) as case:
        last = case.audit.entries(last=1)[0]
    more = replace(last, id=7, previous=last.hash)
    values = (*(getattr(more, name) for name in more.__slots__[:-1]), more.seal())
    with closing(sqlite3.connect(worked_on / "case.sqlite")) as db, db:
        db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        db.execute("UPDATE info SET value = 'e' WHERE key = 'name'")
    with Case.open(worked_on) as case:
        assert "from 7 on bear no seal" in case.audit.verify().sentence
        case.rename("f")
        assert case.audit.verify() is not None


def test_a_case_moves_between_stations_and_says_who_sealed_what(
    worked_on: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = station_key()
    another_station(monkeypatch, tmp_path / "two")
    with Case.open(worked_on) as case:
        assert (case.audit.verify(), case.provenance.remark, case.read_only) == (None, "", False)
        assert case.provenance.sealed_by()[0].known == "unknown here"
        case.rename("there")
        runs = case.provenance.sealed_by()
        assert [(run.first, run.last, run.known) for run in runs] == [
            (1, 6, "unknown here"),
            (7, 8, "this station"),
        ]
        assert case.audit.verify() is None
    TrustStore().trusting(first.public, name="Haematology 1").save()
    assert "Haematology 1 (trusted" in audit_case(worked_on).text()
    monkeypatch.delenv(paths.PROFILE_VARIABLE)
    with Case.open(worked_on) as case:  # back again, longer than it was
        assert (case.audit.verify(), case.provenance.remark) == (None, "")
        case.rename("back")
        assert [run.last for run in case.provenance.sealed_by()] == [6, 8, 10]
        assert case.audit.verify() is None


def test_an_older_copy_put_back_is_told_and_cannot_be_signed_until_somebody_says_why(
    worked_on: Path, tmp_path: Path
) -> None:
    from allstation.services.reports.reporting import require_latest

    kept = tmp_path / "kept.sqlite"
    shutil.copy(worked_on / "case.sqlite", kept)
    with Case.open(worked_on) as case:
        case.rename("f")
    shutil.copy(kept, worked_on / "case.sqlite")
    assert "longer trail of this case: 7 entries" in audit_case(worked_on).text()
    with Case.open(worked_on) as case:
        assert "longer trail" in case.provenance.remark
        assert case.audit.verify() is None
        for number in range(5):  # longer than what was seen, and still another one
            case.rename(f"other {number}")
        with pytest.raises(StationError, match="say why") as caught:
            require_latest(case)
        assert caught.value.code == "older-trail"
        with pytest.raises(StationError, match="few words"):
            case.provenance.accept(" ")
        case.provenance.accept("the disk failed, this is last night's backup")
        require_latest(case)
        entry = case.audit.entries(last=1)[0]
        assert (entry.action, "last night" in entry.details) == ("trail-accepted", True)
    with Case.open(worked_on) as case:
        assert (case.provenance.remark, case.audit.verify()) == ("", None)


@pytest.mark.parametrize("known", [False, True])
def test_another_cases_file_in_a_folder_is_told(worked_on: Path, tmp_path: Path, known: bool) -> None:
    with Case.create(tmp_path / "other.allcase") as case:
        case.rename("other")
    foreign = tmp_path / "foreign"
    shutil.copytree(tmp_path / "other.allcase", foreign)
    if not known:  # this station has never seen that case
        own_anchors().path.unlink()
        Case.open(worked_on).close()
    shutil.copy(foreign / "case.sqlite", worked_on / "case.sqlite")
    with Case.open(worked_on) as case:
        assert "another case was in this folder" in case.provenance.remark
        case.rename("goes on")
    with Case.open(worked_on) as case:
        assert "another case was in this folder" in case.provenance.remark
        case.provenance.accept("folders were exchanged on purpose")
    with Case.open(worked_on) as case:
        assert case.provenance.remark == ""


def test_folders_that_are_moved_and_used_again_are_no_alarm(worked_on: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.allcase"
    worked_on.rename(moved)
    Case.open(moved).close()
    with Case.create(tmp_path / "other.allcase") as case:
        case.rename("other")
    (tmp_path / "other.allcase").rename(worked_on)
    with Case.open(worked_on) as case:
        assert case.provenance.remark == ""
    shutil.rmtree(worked_on)
    with Case.create(worked_on) as case:
        assert case.provenance.remark == ""
        case.rename("new")
    with Case.open(worked_on) as case:
        assert case.provenance.remark == ""


def test_a_seal_of_another_case_does_not_fit(worked_on: Path, tmp_path: Path) -> None:
    with Case.open(worked_on, read_only=True) as case:
        (seal,) = read_seal_table(case.connection.db)
        assert seal.holds(case.case_id)
        assert not seal.holds("another")
        assert not replace(seal, station="another").holds(case.case_id)


def test_an_anchor_is_kept_elsewhere_and_compared(worked_on: Path, tmp_path: Path) -> None:
    target = tmp_path / "anchor.json"
    assert "6 entries" in write_anchor(worked_on, target)
    with Case.open(worked_on) as case:
        case.rename("f")
    compared = compare_with_anchor(worked_on, target)
    assert (compared.holds, "1 added since" in compared.text) == (True, True)
    stored = json.loads(target.read_text())
    target.write_text(json.dumps(stored | {"length": 5}))
    with pytest.raises(StationError, match="was changed"):
        compare_with_anchor(worked_on, target)
    target.write_text(json.dumps(stored))
    forge(worked_on, seals=False)
    compared = compare_with_anchor(worked_on, target)
    assert (compared.holds, "another trail" in compared.text) == (False, True)


def test_a_shared_folder_tells_what_another_station_has_seen(
    worked_on: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anchors, "_SHARED_WAIT", 60.0)  # a busy machine takes its time
    monkeypatch.setattr(anchors, "share", slowly(anchors.share))  # as a network does: the next line is due
    shared, kept = tmp_path / "share", tmp_path / "kept.sqlite"
    shared.mkdir()
    for name in ("one", "two"):
        another_station(monkeypatch, tmp_path / name)
        paths.config_folder().mkdir(parents=True)
        (paths.config_folder() / "settings.json").write_text(json.dumps({SHARED_FOLDER: str(shared)}))
        if name == "one":
            shutil.copy(worked_on / "case.sqlite", kept)
            with Case.open(worked_on) as case:
                case.rename("f")
            shutil.copy(kept, worked_on / "case.sqlite")
    with Case.open(worked_on) as case:
        assert case.provenance.remark == ""
        assert "has seen a longer trail" in case.provenance.conflict(shared=True)
        case.provenance.accept("that one was lost")
        assert case.provenance.conflict(shared=True) == ""
    assert len(list(shared.glob("anchors-*.jsonl"))) == 2


def test_a_shared_folder_that_is_gone_stops_nothing(worked_on: Path, tmp_path: Path) -> None:
    paths.config_folder().mkdir(parents=True, exist_ok=True)
    stored = {SHARED_FOLDER: str(tmp_path / "gone" / "far")}
    (paths.config_folder() / "settings.json").write_text(json.dumps(stored))
    with Case.open(worked_on) as case:
        case.rename("f")
        assert case.provenance.conflict(shared=True) == ""


def test_a_case_that_is_soon_gone_is_not_remembered(tmp_path: Path) -> None:
    with Case.create(tmp_path / "t.allcase", remembered=False) as case:
        case.rename("f")
    assert not own_anchors().path.exists()


def test_the_list_of_anchors_stays_small_and_keeps_each_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anchors, "_LARGEST", 20_000)
    file = AnchorFile(tmp_path / "a.jsonl")
    file.append(Anchor("rare", 3, "ab", "then").signed())
    for number in range(200):
        file.append(Anchor("often", number, "cd", "now").signed())
    assert file.path.stat().st_size < 3 * 20_000
    assert file.last("case", "rare").length == 3
    assert file.last("case", "often").length == 199


def test_lines_that_do_not_hold_are_passed_over(tmp_path: Path) -> None:
    file = AnchorFile(tmp_path / "a.jsonl")
    file.append(Anchor("a", 3, "ab", "then").signed())
    with file.path.open("ab") as stream:
        stream.write(Anchor("a", 9, "ab", "then").text().encode() + b"\n" + b'{"case":"a", torn')
    file.append(Anchor("b", 1, "ab", "then").signed())
    assert file.last("case", "a").length == 3
    assert file.last("case", "b").length == 1


_MANY = """
import sys
from pathlib import Path
from allstation.store.audit import anchors
from allstation.store.audit.anchors import Anchor, AnchorFile
anchors._LARGEST = 4000
for number in range(60):
    AnchorFile(Path(sys.argv[1])).append(Anchor(sys.argv[2], number, "ab", "now").signed())
"""


def test_several_processes_append_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    children = [subprocess.Popen([sys.executable, "-c", _MANY, str(path), name]) for name in "xyz"]
    assert [child.wait() for child in children] == [0, 0, 0]
    assert [AnchorFile(path).last("case", name).length for name in "xyz"] == [59, 59, 59]


def test_a_repair_seals_what_it_saved(worked_on: Path) -> None:
    changed(worked_on, "CREATE TRIGGER t AFTER UPDATE ON fields BEGIN SELECT 1; END")
    assert repair_case(worked_on).broken is None
    with Case.open(worked_on) as case:
        assert case.audit.verify() is None
        assert case.provenance.sealed_by()[-1].last == case.audit.length()
        assert case.provenance.remark == ""
