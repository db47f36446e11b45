"""Label and macro pictures leave a case only when they are asked for, and never anonymised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from allstation.cli import main
from allstation.commands import DONE, WRONG_USAGE
from allstation.core.errors import StationError
from allstation.core.records import Slide
from allstation.core.slide_info import Level, SlideInfo
from allstation.imaging.slides.identity import fingerprint
from allstation.imaging.slides.pool import slide_pool
from allstation.processing.slide_import import identify
from allstation.report.slide_pictures import write_slide_pictures
from allstation.store.case import Case
from tests.unit.imaging.readers.slides import write_svs


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("slide") / "a.svs"
    write_svs(path, width=300, height=260, levels=1)
    yield Slide(id=1, name="Meier/1", folder=path, fingerprint=fingerprint(path))
    slide_pool().close()


def test_label_and_macro_are_written_as_they_are_stored(slide: Slide, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    folder = Slide(id=2, name="fields", folder=tmp_path)
    changed = replace(slide, fingerprint="0" * 64)
    done = write_slide_pictures(
        [slide, folder, changed, slide],
        tmp_path / "out",
        anonymise=False,
        progress=lambda *step: told.append(step),
    )
    names = ["Meier_1 label.png", "Meier_1 macro.png", "Meier_1 label 2.png", "Meier_1 macro 2.png"]
    assert [path.name for path in done.written] == names
    greys = [cv2.imread(str(path)).mean() for path in done.written[:2]]
    assert greys == [pytest.approx(200, abs=2), pytest.approx(90, abs=2)]
    assert cv2.imread(str(done.written[0])).shape == (90, 120, 3)
    assert [one.code for _, one in done.refused] == ["changed-field"]
    assert told == [(0, 3), (1, 3), (2, 3)]


def test_an_anonymised_export_has_none(slide: Slide, tmp_path: Path) -> None:
    with pytest.raises(StationError, match="no anonymised export has them") as refused:
        write_slide_pictures([slide], tmp_path / "out", anonymise=True)
    assert refused.value.code == "names-patient"
    assert not (tmp_path / "out").exists()


def test_a_case_without_scanned_slides_says_so(tmp_path: Path) -> None:
    with pytest.raises(StationError, match="No slide of this case") as refused:
        write_slide_pictures([Slide(id=1, name="s", folder=tmp_path)], tmp_path / "out", anonymise=False)
    assert refused.value.code == "nothing-to-export"


def test_the_command_refuses_them_without_patient_data(
    slide: Slide, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Case.create(tmp_path / "c.allcase") as case:
        info = SlideInfo(format="x", vendor="x", width=300, height=260, levels=(Level(300, 260, 1.0),))
        case.slide_files.add("a", slide.folder, identify(slide.folder), info)
    asked = ["export", str(tmp_path / "c.allcase"), "--slide-pictures", str(tmp_path / "out")]
    assert main(asked) == WRONG_USAGE
    assert "--slide-pictures" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*asked, "--show-patient"]) == DONE
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a label.png", "a macro.png"}
