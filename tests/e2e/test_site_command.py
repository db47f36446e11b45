"""``allstation site``: kept, used by a case, measured; everything comes as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from allstation.cli import main
from allstation.commands import DONE, WRONG_USAGE
from allstation.core.decision import Reason
from allstation.imaging.synthetic import draw_field, write_field
from allstation.store.case import Case

pytestmark = pytest.mark.usefixtures("fresh_profile")


def answer(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict:
    assert main(["site", *map(str, arguments)]) == DONE
    return json.loads(capsys.readouterr().out)


def test_a_site_is_added_changed_and_given_to_a_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    added = answer(capsys, "add", "Ward 3", "--objective", "100x", "--pixel-size", "110 nm", "--frame",
                   "1024x768")  # fmt: skip
    assert added["id"] == "ward-3"
    assert added["pixel_sizes"] == [
        {"size": pytest.approx(0.11), "source": "typed", "frame": [1024, 768], "interval": None}
    ]
    edited = answer(capsys, "edit", "ward-3", "--pixel-size", "0.2", "--frame", "640x480", "--stain", "MGG")
    assert [one["frame"] for one in edited["pixel_sizes"]] == [[1024, 768], [640, 480]]
    assert answer(capsys, "show", "ward-3") == edited
    with Case.create(tmp_path / "a.allcase", remembered=False):
        pass
    assert answer(capsys, "use", tmp_path / "a.allcase", "ward-3")["site"] == edited
    assert answer(capsys, "list") == {"sites": [edited], "last": "ward-3"}
    with Case.open(tmp_path / "a.allcase", read_only=True) as case:
        assert case.site().stain == "MGG"
    assert answer(capsys, "use", tmp_path / "a.allcase", "--none")["site"] is None


def test_fields_are_measured_against_a_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for seed in range(2):
        write_field(tmp_path / "slide" / f"{seed}.png", draw_field("Pre", seed, size=(384, 512)))
    answer(capsys, "add", "Ward", "--pixel-size", "0.5", "--frame", "512x384")
    first = answer(capsys, "measure", tmp_path / "slide", "--site", "ward", "--save")
    frame = first["frames"][0]
    assert (frame["frame"], frame["fields"], first["slides"][0]["slide"]) == ([512, 384], 2, "slide")
    low, high = frame["red_cell_interval"]
    assert low < frame["red_cell_pixel_size"] < high < 0.4
    assert "unlikely large" in frame["doubt"]
    assert first["site"]["white_point"] == frame["white_point"]
    assert first["site"]["pixel_sizes"][0]["size"] == 0.5
    assert answer(capsys, "measure", tmp_path / "slide", "--site", "ward")["frames"][0]["drift"] == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "nowhere"), "no site 'nowhere'"),
        (("add", "A", "--frame", "10x10"), "--pixel-size"),
        (("measure", "nothing-here"), "No field could be measured"),
        (("use", "nothing.allcase"), "--none"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["site", *arguments]) == WRONG_USAGE
    assert words in capsys.readouterr().err


def test_fields_are_classified_by_the_scale_of_a_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_field(tmp_path / "a.png", draw_field("Pre", 1, size=(224, 224)))
    answer(capsys, "add", "Ward", "--pixel-size", "0.1", "--frame", "224x224")
    paths = [str(tmp_path / "a.png"), "--case", str(tmp_path / "a.allcase"), "--site"]
    assert main(["classify", *paths, "nowhere"]) == WRONG_USAGE
    assert "no site 'nowhere'" in capsys.readouterr().err
    assert main(["classify", *paths, "ward"]) == DONE
    with Case.open(tmp_path / "a.allcase", read_only=True) as case:
        assert case.site().id == "ward"
        (field,) = case.snapshot().fields
    assert Reason.OTHER_SCALE in field.prediction.decision.reasons
