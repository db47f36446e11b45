"""Cases and bundles that earlier versions wrote open in this one; what a later one wrote is refused."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.reference import verify_reference
from allstation.store import Case

HERE = Path(__file__).resolve().parent
VERSIONS = sorted(path.parent for path in (HERE / "fixtures").glob("*/facts.json"))


def _maker():
    spec = importlib.util.spec_from_file_location("make_case", HERE / "make_case.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=VERSIONS, ids=lambda folder: folder.name)
def earlier(request, tmp_path) -> Path:
    """Return a copy of a case of an earlier version; the fixture itself is never opened for writing."""
    shutil.copytree(request.param / "case.allcase", tmp_path / "case.allcase")
    return tmp_path / "case.allcase"


def _expected(folder: Path) -> dict[str, object]:
    return json.loads((folder / "facts.json").read_text("utf-8"))


def test_there_is_a_fixture():
    assert VERSIONS


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_a_case_of_an_earlier_version_shows_what_it_showed(folder, tmp_path):
    shutil.copytree(folder / "case.allcase", tmp_path / "case.allcase")
    expected = _expected(folder)
    with Case.open(tmp_path / "case.allcase", user="anna") as case:
        shown = _maker().facts(case)
        assert case.audit.verify() is None
    # Opening may add to the trail, such as the step to a newer schema; it may take nothing away.
    assert shown.pop("audit_entries") >= expected.pop("audit_entries")
    shown.pop("audit_head")
    expected.pop("audit_head")
    assert shown == expected


def test_a_case_of_an_earlier_version_can_be_worked_on(earlier):
    with Case.open(earlier, user="anna") as case:
        failed = [field.id for field in case.fields.page() if field.error_code]
        assert case.queue.requeue(failed) == len(failed)
        assert case.audit.verify() is None
    with Case.open(earlier, user="anna") as case:
        assert not [field for field in case.fields.page() if field.error_code]


def test_a_case_of_a_later_version_is_refused_in_one_sentence(earlier):
    with sqlite3.connect(earlier / "case.sqlite") as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    command = [sys.executable, "-m", "allstation", "audit", str(earlier)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    said = done.stderr.strip().splitlines()
    assert len(said) == 1
    assert "newer" in said[0]


def test_writing_the_fixture_again_writes_the_same_facts(tmp_path):
    """The maker itself works, so that the next release can keep its case too."""
    written = _maker().write(tmp_path / "case.allcase")
    newest = _expected(VERSIONS[-1])
    for name in ("name", "details", "slides", "models", "fields"):
        assert written[name] == newest[name]


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_a_bundle_of_an_earlier_version_says_and_answers_what_it_did(folder):
    bundle = ModelBundle.open(folder / "bundle.allmodel")
    assert _maker().bundle_facts(bundle) == json.loads((folder / "bundle-facts.json").read_text("utf-8"))
    assert verify_reference(bundle) < 1e-4


def test_a_bundle_of_a_later_version_is_refused_in_one_sentence(tmp_path):
    later = tmp_path / "later.allmodel"
    with zipfile.ZipFile(VERSIONS[-1] / "bundle.allmodel") as before, zipfile.ZipFile(later, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            if name == "bundle.json":
                content = json.dumps({**json.loads(content), "schema": 999}).encode()
            after.writestr(name, content)
    with pytest.raises(StationError) as raised:
        ModelBundle.open(later)
    assert "schema 999; this program reads schema 1" in raised.value.sentence


def test_the_shipped_bundle_opens():
    assert ModelBundle.open(default_bundle_path()).classes
