"""``allstation atlas``: reviewed fields of cases go to the laboratory's folder, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from allstation import cli, paths
from allstation.commands import DONE, WRONG_USAGE
from allstation.core.records import Review
from allstation.store.case import Case
from tests.ui.pixels import mosaic_case


@pytest.fixture(autouse=True)
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paths.PROFILE_VARIABLE, str(tmp_path / "profile"))


@pytest.fixture
def case(tmp_path: Path) -> Path:
    folder = mosaic_case(tmp_path, 3)
    with Case.open(folder) as opened:
        opened.reviews.add(Review(field_id=1, reviewer="Ada", class_name="Pre"))
        opened.reviews.add(Review(field_id=2, reviewer="Ben", class_name=None))
    return folder


def test_reviewed_fields_are_added_once_and_listed(tmp_path: Path, case: Path, capsys: pytest.CaptureFixture):
    atlas = tmp_path / "atlas"
    assert cli.main(["atlas", "use", str(atlas)]) == DONE
    assert cli.main(["atlas", "add", str(case)]) == DONE
    assert "1 added, 0 were in the atlas already" in capsys.readouterr().out
    assert cli.main(["atlas", "add", str(case), "--atlas", str(atlas)]) == DONE
    assert "0 added, 1 were in the atlas already" in capsys.readouterr().out
    assert cli.main(["atlas", "list"]) == DONE
    [field] = json.loads(capsys.readouterr().out)["fields"]
    assert (field["class"], field["reviewer"]) == ("Pre", "Ada")
    assert (atlas / field["picture"]).is_file()


def test_without_an_atlas_or_reviews_it_says_what_to_do(
    tmp_path: Path, case: Path, capsys: pytest.CaptureFixture
):
    assert cli.main(["atlas", "add", str(case)]) == WRONG_USAGE
    assert "allstation atlas use FOLDER" in capsys.readouterr().err
    other = mosaic_case(tmp_path / "other", 1)
    assert cli.main(["atlas", "add", str(other), "--atlas", str(tmp_path / "atlas")]) == WRONG_USAGE
    assert "Review some fields first" in capsys.readouterr().err
    assert not (tmp_path / "atlas").exists()
