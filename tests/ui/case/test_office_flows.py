"""What offices do, in the window: doubles on two slides, archives of a Mac, pictures of other kinds."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from allstation.imaging.synthetic import write_demo
from allstation.processing.status_types import ImportStatus
from allstation.services.case.requests import AddPaths, OpenCase, Pause
from allstation.store.case import Case
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.queue.panel import intake_sentence

LONG = 30_000


@pytest.fixture
def smear(tmp_path: Path) -> Path:
    write_demo(tmp_path / "drawn", fields=3)
    folder = tmp_path / "Slide A"
    folder.mkdir()
    for number, path in enumerate(sorted((tmp_path / "drawn").rglob("*.jpg")), start=1):
        shutil.copy(path, folder / f"{number}.jpg")
    return folder


@pytest.fixture
def opened(window: Workbench, tmp_path: Path, qtbot: QtBot) -> Workbench:
    """Return the window on an empty case whose queue rests."""
    window.context.session.submit(Pause(True))
    with qtbot.waitSignal(window.context.session.opened, timeout=LONG):
        window.context.session.submit(OpenCase(tmp_path / "c.allcase", create=True))
    return window


def added(window: Workbench, qtbot: QtBot, *given: Path) -> ImportStatus:
    """Add what a person drops and return what became of it."""
    told: list[ImportStatus] = []
    window.context.session.worker.import_changed.connect(told.append)
    window.context.session.submit(AddPaths(list(given)))
    qtbot.waitUntil(lambda: bool(told) and not told[-1].running, timeout=LONG)
    window.context.session.worker.import_changed.disconnect(told.append)
    return told[-1]


def test_the_same_picture_on_two_slides_is_warned_of(
    opened: Workbench, smear: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    other = tmp_path / "Slide B"
    other.mkdir()
    shutil.copy(smear / "2.jpg", other / "x.jpg")
    status = added(opened, qtbot, smear, other)
    assert (status.added, status.duplicates, status.mix_ups) == (3, 1, 1)
    wanted = "lies on slide Slide A (2.jpg) and on slide Slide B (x.jpg): that is what a mix-up looks like"
    assert any(wanted in problem.sentence for problem in status.same)
    qtbot.waitUntil(lambda: any("a mix-up?" in text for text in opened.notifications.texts()), timeout=LONG)
    assert any(wanted in problem.sentence for problem in opened.queue.not_added)
    with Case.open(tmp_path / "c.allcase", read_only=True) as case:
        assert [copy.path for copy in case.copies.all()] == [other / "x.jpg"]


def test_a_double_on_its_own_slide_is_no_mix_up(opened: Workbench, smear: Path, qtbot: QtBot) -> None:
    shutil.copy(smear / "2.jpg", smear / "9.jpg")
    status = added(opened, qtbot, smear)
    assert (status.added, status.duplicates, status.mix_ups) == (3, 1, 0)
    assert added(opened, qtbot, smear).mix_ups == 0


def test_a_zip_made_on_a_mac_comes_in_without_a_refusal(
    opened: Workbench, smear: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as made:
        for field in sorted(smear.iterdir()):
            made.write(field, f"Slide 2/{field.name}")
            made.writestr(f"__MACOSX/Slide 2/._{field.name}", b"\0\x05\x16\x07")
        made.writestr("Slide 2/.DS_Store", b"Bud1")
        made.writestr("Slide 2/old.heic", b"x")
    status = added(opened, qtbot, tmp_path / "x.zip")
    assert (status.added, status.refused_count) == (3, 0)
    assert [problem.sentence[:32] for problem in status.passed] == ["1 HEIC file was passed over (old"]
    again = added(opened, qtbot, tmp_path / "x.zip")
    assert (again.duplicates, again.mix_ups) == (3, 0)


@pytest.mark.real_data
def test_the_zip_of_the_office_comes_in(opened: Workbench, real_data: Path, qtbot: QtBot) -> None:
    status = added(opened, qtbot, real_data / "odd-files" / "mac-zip-resource-forks.zip")
    assert (status.added + status.duplicates, status.refused_count) == (2, 0)


def test_pictures_of_other_kinds_are_counted_in_the_summary(
    opened: Workbench, smear: Path, qtbot: QtBot
) -> None:
    for name in ("a.HEIC", "b.heic", "c.lif"):
        (smear / name).write_bytes(b"x")
    status = added(opened, qtbot, smear)
    assert status.added == 3
    assert "2 HEIC files were passed over (the first: a.HEIC)" in intake_sentence(status)
    qtbot.waitUntil(lambda: any("whole-slide" in text for text in opened.notifications.texts()), timeout=LONG)


def test_a_folder_of_other_pictures_alone_says_which(opened: Workbench, tmp_path: Path, qtbot: QtBot) -> None:
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone" / "a.heic").write_bytes(b"x")
    added(opened, qtbot, tmp_path / "phone")
    qtbot.waitUntil(
        lambda: any("HEIC file was passed over" in text for text in opened.notifications.texts()),
        timeout=LONG,
    )
