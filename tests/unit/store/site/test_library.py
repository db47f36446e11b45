"""The station's sites, and the site of a case: kept, audited, told when changed past the trail."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.core.site import PixelSize, ScaleSource, Site
from allstation.store.case import Case
from allstation.store.database import DATABASE
from allstation.store.maintenance import audit_case
from allstation.store.site.library import FILE_NAME, SiteLibrary

SITE = Site(
    id="ward-3",
    name="Ward 3",
    objective="100x",
    pixel_sizes=(PixelSize(size=0.1, source=ScaleSource.BAR, frame=(1024, 768)),),
)


def test_sites_are_kept_found_changed_and_removed(tmp_path: Path):
    library = SiteLibrary(tmp_path / "profile")
    assert library.all() == ()
    assert library.last_used() is None
    library.save(SITE)
    library.save(Site(id="b", name="a ward"))
    assert [one.id for one in library.all()] == ["b", "ward-3"]
    assert library.get("ward-3") == SITE
    library.use("ward-3")
    library.save(Site(id="ward-3", name="Ward three"))
    assert library.last_used().name == "Ward three"
    library.remove("ward-3")
    assert library.last_used() is None
    with pytest.raises(StationError, match=r"'ward-3'.*Known: b"):
        library.get("ward-3")


def test_two_sites_cannot_share_a_name(tmp_path: Path):
    library = SiteLibrary(tmp_path)
    library.save(SITE)
    with pytest.raises(StationError, match=r"'Ward 3' \(id ward-3\)") as problem:
        library.save(Site(id="another", name="ward 3 "))
    assert problem.value.code == "site-exists"
    assert [one.id for one in library.all()] == ["ward-3"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"version": 2, "sites": []}', '{"version": 1, "sites": [{"id": "X"}]}']
)
def test_a_damaged_list_is_refused_and_never_written_over(tmp_path: Path, text: str):
    path = tmp_path / FILE_NAME
    path.write_text(text, "utf-8")
    with pytest.raises(StationError) as problem:
        SiteLibrary(tmp_path).save(SITE)
    assert problem.value.code == "unreadable-sites"
    assert path.read_text("utf-8") == text


def test_a_case_keeps_its_site_and_the_trail_knows_it(tmp_path: Path):
    with Case.create(tmp_path / "a.allcase", remembered=False) as case:
        assert case.site.get() is None
        case.site.set(SITE)
        case.site.set(SITE)
        assert [entry.action for entry in case.audit.entries()].count("site-changed") == 1
    with Case.open(tmp_path / "a.allcase", read_only=True) as case:
        assert case.site.get() == SITE
    assert audit_case(tmp_path / "a.allcase").broken is None
    with sqlite3.connect(tmp_path / "a.allcase" / DATABASE) as db:
        stored = json.loads(db.execute("SELECT value FROM info WHERE key = 'site'").fetchone()[0])
        stored["pixel_sizes"][0]["size"] = 0.2
        db.execute("UPDATE info SET value = ? WHERE key = 'site'", (json.dumps(stored),))
    assert "site" in audit_case(tmp_path / "a.allcase").broken.sentence
