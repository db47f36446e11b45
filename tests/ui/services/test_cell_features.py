"""Features and proposals of a real case through a real session: computed apart, written first, then told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QObject, Slot
from pytestqt.qtbot import QtBot

from allstation.core.cells import CellFilter
from allstation.core.errors import StationError
from allstation.core.records import ModelRecord
from allstation.imaging.cells.finder import find_cells
from allstation.imaging.fields.cell_finding import placed
from allstation.imaging.fields.file import read_field
from allstation.imaging.synthetic import draw_field
from allstation.inference.cell_features import cell_features
from allstation.inference.cell_network import CellNetwork
from allstation.services.case.cell_requests import TypeCells
from allstation.services.case.requests import OpenCase
from allstation.services.case.session import CaseSession
from allstation.services.cells.features import CellFeatureService, FeatureProgress
from allstation.services.cells.typer import CellTypingService, FittedTyper, apply_typer, learn
from allstation.store.case import Case
from tests import makers

FIELDS = 8


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fields of four slides on disk."""
    folder = tmp_path_factory.mktemp("smears")
    for number in range(FIELDS):
        slide = folder / f"slide {number % 4}"
        slide.mkdir(exist_ok=True)
        field = draw_field("Early" if number % 2 else "Benign", number)
        cv2.imwrite(str(slide / f"{number}.png"), field[..., ::-1])
    return folder


def make_case(folder: Path, drawn: Path) -> None:
    """Make a case of the drawn fields and the cells that are found in them."""
    with Case.create(folder) as case:
        classes = ("Benign", "Early", "Pre", "Pro")
        case.models.add(ModelRecord(sha256=makers.MODEL_SHA, name="m", version="1", classes=classes, info={}))
        number = 0
        for place in sorted(drawn.iterdir()):
            slide = case.slides.add(place.name, place).id
            for path in sorted(place.iterdir()):
                number += 1
                rgb = read_field(path).pixels
                size = rgb.shape[1], rgb.shape[0]
                cells = placed(find_cells(rgb), picture=size, size=size)
                case.fields.add(slide, [makers.new_field(path, read_field(path).sha256)])
                case.queue.save_predictions([(number, makers.prediction())], {number: list(cells)})


@pytest.fixture(scope="module")
def made_case(tmp_path_factory: pytest.TempPathFactory, drawn: Path) -> Path:
    folder = tmp_path_factory.mktemp("cases") / "a.allcase"
    make_case(folder, drawn)
    return folder


@pytest.fixture
def session(
    qtbot: QtBot, tmp_path: Path, made_case: Path, nothing_left_running: None
) -> Iterator[CaseSession]:
    folder = tmp_path / "a.allcase"
    shutil.copytree(made_case, folder)
    made = CaseSession(threads=1)
    with qtbot.waitSignal(made.opened):
        made.submit(OpenCase(folder))
    yield made
    assert made.wait()


class Listener(QObject):
    """Collects a signal's values on this thread: a plain function would run on the other one."""

    def __init__(self, signal: object) -> None:
        super().__init__()
        self.all: list[object] = []
        signal.connect(self.take)

    @Slot(object)
    def take(self, value: object) -> None:
        self.all.append(value)


def finished(progress: FeatureProgress) -> bool:
    return not progress.running


def computed(qtbot: QtBot, session: CaseSession) -> CellFeatureService:
    service = CellFeatureService(session)
    with qtbot.waitSignal(service.progressed, check_params_cb=finished, timeout=60_000):
        service.start()
    return service


def test_features_are_computed_once_and_are_those_of_the_network(qtbot: QtBot, session: CaseSession) -> None:
    service = computed(qtbot, session)
    assert session.info is not None
    with Case.open(session.info.folder, read_only=True) as case:
        ids = case.cells.ids()
        known, stored = case.cells.features(ids)
        assert list(known) == list(ids)
        record = case.cells.get(ids[0])
        field = case.fields.get(record.field_id)
        assert case.cells.network_sha256 == CellNetwork().sha256
    expected = cell_features(read_field(field.path).pixels, [record], CellNetwork())
    np.testing.assert_array_equal(stored[0], expected[0].astype(np.float16))
    with qtbot.waitSignal(service.progressed, check_params_cb=finished, timeout=30_000) as again:
        service.start()
    assert again.args[0].done == 0
    assert service.close()


def test_a_field_that_is_gone_is_passed_over_and_its_cells_are_counted_as_failed(
    qtbot: QtBot, tmp_path: Path, drawn: Path, nothing_left_running: None
) -> None:
    smears = tmp_path / "smears"
    for path in list(drawn.rglob("*.png"))[:2]:
        (smears / path.parent.name).mkdir(parents=True, exist_ok=True)
        (smears / path.parent.name / path.name).write_bytes(path.read_bytes())
    make_case(tmp_path / "b.allcase", smears)
    next(iter(smears.rglob("*.png"))).unlink()
    made = CaseSession(threads=1)
    with qtbot.waitSignal(made.opened):
        made.submit(OpenCase(tmp_path / "b.allcase"))
    service = CellFeatureService(made)
    with qtbot.waitSignal(service.progressed, check_params_cb=finished, timeout=30_000) as last:
        service.start()
    assert last.args[0].failed > 0
    assert last.args[0].done > 0
    assert service.close()
    assert made.wait()


def test_a_stopped_service_keeps_what_was_written_and_goes_on_later(
    qtbot: QtBot, session: CaseSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allstation.services.cells.features._AT_ONCE", 5)
    service = CellFeatureService(session)
    saved = Listener(session.worker.cell_features_saved)
    service.start()
    qtbot.waitUntil(lambda: bool(saved.all), timeout=30_000)
    service.stop()
    assert not service.running
    assert service.close()
    assert session.info is not None
    with Case.open(session.info.folder, read_only=True) as case:
        known, _ = case.cells.features(case.cells.ids())
        every = case.cells.count()
    assert 0 < len(known) < every
    later = CellFeatureService(session)
    with qtbot.waitSignal(later.progressed, check_params_cb=finished, timeout=60_000) as last:
        later.start()
    assert last.args[0].done >= every - len(known) - 5
    assert later.close()


def test_a_network_that_cannot_be_used_is_a_problem(
    qtbot: QtBot, session: CaseSession, tmp_path: Path
) -> None:
    service = CellFeatureService(session, path=tmp_path / "missing.tflite")
    with qtbot.waitSignal(service.problem, timeout=30_000) as problem:
        service.start()
    assert problem.args[0].code == "bad-network"
    assert not service.running
    assert service.close()


def test_a_write_that_fails_stops_the_service(
    qtbot: QtBot, session: CaseSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StationError("disk-full", "There is no room.")

    monkeypatch.setattr("allstation.store.cells.repository.Cells.save_features", refuse)
    service = CellFeatureService(session)
    with qtbot.waitSignal(service.progressed, check_params_cb=finished, timeout=30_000) as last:
        service.start()
    assert last.args[0].done == 0
    assert not service.running
    assert service.close()


def type_by_size(session: CaseSession, qtbot: QtBot, *, share: float = 1.0) -> int:
    """Type cells as large or small, as a person who goes by size would; returns how many."""
    assert session.info is not None
    with Case.open(session.info.folder, read_only=True) as case:
        records = case.cells.records(case.cells.ids())
    middle = float(np.median([record.area_px for record in records]))
    some = records[: round(share * len(records))]
    for kind, wanted in (("blast", True), ("lymphocyte", False)):
        ids = [record.id for record in some if (record.area_px > middle) is wanted]
        changed = Listener(session.worker.cells_changed)
        session.submit(TypeCells(token=len(kind), cell_ids=ids, type=kind, reviewer="A. Reader"))
        qtbot.waitUntil(lambda listener=changed: bool(listener.all))
    return len(some)


def test_types_of_a_person_become_proposals_for_the_other_cells(qtbot: QtBot, session: CaseSession) -> None:
    features = computed(qtbot, session)
    typed = type_by_size(session, qtbot, share=0.7)
    service = CellTypingService(session)
    written, problems = Listener(session.worker.proposals_changed), Listener(service.problem)
    with qtbot.waitSignal(service.fitted, timeout=30_000) as fitted:
        service.fit()
        qtbot.waitUntil(lambda: bool(written.all or problems.all), timeout=30_000)
        assert problems.all == []
    found = fitted.args[0]
    assert isinstance(found, FittedTyper)
    assert found.typed == typed
    assert found.figures is not None
    assert found.figures.apart
    assert found.figures.balanced.value > 0.7
    assert session.info is not None
    with Case.open(session.info.folder, read_only=True) as case:
        assert case.cells.typer_sha256 == found.sha256
        proposed = case.cells.records(case.cells.ids(CellFilter(proposed=True)))
        untyped = set(case.cells.ids(CellFilter(typed=False)))
        counts = case.cells.counts_by_type()
    assert {record.id for record in proposed} <= untyped
    assert len(proposed) == len(found.proposals)
    assert sum(counts.typed.values()) == typed  # proposals are not counted as a person's
    again = apply_typer(session.info.folder, found.data)
    assert again.proposals == found.proposals
    assert again.figures is None
    assert service.close()
    assert features.close()


def test_too_few_typed_cells_are_a_problem_and_no_proposal(qtbot: QtBot, session: CaseSession) -> None:
    features = computed(qtbot, session)
    type_by_size(session, qtbot, share=0.02)
    service = CellTypingService(session)
    with qtbot.waitSignal(service.problem, timeout=30_000) as problem:
        service.fit()
    assert problem.args[0].code == "too-few-cells"
    assert service.close()
    assert features.close()


def test_a_case_without_features_teaches_nothing(made_case: Path) -> None:
    with pytest.raises(StationError, match="too few"):
        learn(made_case)
