"""Several models over the fields of one case: each in its turn, nothing mixed up, nothing lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Slot
from pytestqt.qtbot import QtBot

from allstation.core.records import FieldState, Prediction
from allstation.imaging.synthetic import write_demo
from allstation.inference.bundle import ModelBundle, default_bundle_path, write_bundle
from allstation.inference.engine import Engine
from allstation.keys.trust_store import TrustStore
from allstation.processing.status_types import Problem, QueuePhase, QueueStatus
from allstation.services.case.requests import (
    AddPaths,
    CloseCase,
    DropJob,
    OpenCase,
    OrderSlides,
    Pause,
    QueueModel,
    UseModel,
)
from allstation.services.case.session import CaseSession
from allstation.store.case import Case

LONG = 60_000


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fields")
    write_demo(folder, fields=6)
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped network with another temperature: another model, with other probabilities."""
    shipped = ModelBundle.open(default_bundle_path())
    info = {key: value for key, value in shipped.info.items() if key not in ("schema", "files")}
    changed = {**info, "name": "Other", "version": "2", "calibration": {"temperature": 3.0}}
    members = {name: data for name, data in shipped.members.items() if name != "reference.npz"}
    return write_bundle(tmp_path_factory.mktemp("model") / "other.allmodel", changed, members).path


@pytest.fixture(autouse=True)
def accepted(other: Path, fresh_profile: Path) -> None:
    """The other model has no maker that anybody knows; a person accepted it."""
    TrustStore().accepting(ModelBundle.open(other).sha256, name="Other").save()


class Heard(QObject):
    """Collects what the worker says, on the test's thread."""

    def __init__(self, session: CaseSession) -> None:
        super().__init__()
        self.status: list[QueueStatus] = []
        self.problems: list[Problem] = []
        self.closed = False
        session.worker.closed.connect(self.note_closed)
        session.worker.queue_changed.connect(self.note)
        session.worker.problem.connect(self.warn)

    @Slot(object)
    def note(self, status: QueueStatus) -> None:
        self.status.append(status)

    @Slot()
    def note_closed(self) -> None:
        self.closed = True

    @Slot(object)
    def warn(self, problem: Problem) -> None:
        self.problems.append(problem)

    def counts(self, state: FieldState) -> int:
        return self.status[-1].counts.get(state, 0) if self.status else 0

    def idle(self, done: int) -> bool:
        last = self.status[-1] if self.status else QueueStatus()
        return last.phase is QueuePhase.IDLE and last.counts.get(FieldState.DONE) == done and not last.later


@pytest.fixture
def session(qtbot: QtBot, request: pytest.FixtureRequest) -> Iterator[CaseSession]:
    made = CaseSession(threads=getattr(request, "param", None))
    yield made
    assert made.wait()


def timeless(prediction: Prediction) -> Prediction:
    return replace(prediction, milliseconds=0.0)


def all_predictions(folder: Path) -> dict[str, dict[str, Prediction]]:
    """Return the newest prediction of each field by each model, and check that nothing is mixed up."""
    with Case.open(folder, read_only=True) as case:
        assert case.audit.verify() is None
        return {
            field.path.name + field.path.parent.name: {
                made.model_sha256: timeless(made) for made in reversed(case.fields.predictions(field.id))
            }
            for field in case.fields.page()
        }


@pytest.mark.parametrize("session", [1, 3], indirect=True)
def test_two_models_keep_both_predictions_whatever_order_and_threads(
    session: CaseSession, fields: Path, other: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    folder, heard = tmp_path / "a.allcase", Heard(session)
    session.submit(OpenCase(folder, create=True))
    session.submit(AddPaths([fields]))
    qtbot.waitUntil(lambda: heard.counts(FieldState.QUEUED) == 6, timeout=LONG)
    session.submit(QueueModel(other))
    qtbot.waitUntil(lambda: heard.status[-1].later == 6, timeout=LONG)
    session.submit(UseModel(default_bundle_path()))
    qtbot.waitUntil(lambda: heard.idle(6), timeout=LONG)
    assert any("Other 2" in status.model for status in heard.status)
    assert heard.status[-1].memory > 2**20
    engines = {
        b.sha256: Engine(b) for b in (ModelBundle.open(default_bundle_path()), ModelBundle.open(other))
    }
    shipped = next(iter(engines))
    for made in all_predictions(folder).values():
        assert set(made) == set(engines)
    with Case.open(folder, read_only=True) as case:
        for field in case.fields.page():
            for made in case.fields.predictions(field.id):
                assert timeless(made) == timeless(engines[made.model_sha256].classify(field.path))
            assert field.prediction.model_sha256 == shipped  # the model in use is what a field shows
    assert heard.problems == []


def test_the_turn_of_a_model_goes_on_after_a_restart(
    session: CaseSession, fields: Path, other: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    folder, heard = tmp_path / "a.allcase", Heard(session)
    bundle = ModelBundle.open(other)
    write_demo(tmp_path / "few", fields=2)
    session.submit(OpenCase(folder, create=True))
    session.submit(AddPaths([tmp_path / "few"]))
    qtbot.waitUntil(lambda: heard.counts(FieldState.QUEUED) == 2, timeout=LONG)
    session.submit(Pause(True))
    session.submit(QueueModel(other))
    qtbot.waitUntil(lambda: heard.status[-1].later == 2, timeout=LONG)
    session.submit(CloseCase())
    qtbot.waitUntil(lambda: heard.closed, timeout=LONG)
    with Case.open(folder) as case:  # ... as if its turn had begun
        case.queue.cancel()
        assert case.model_queue.start(bundle.sha256) == 2
    session.submit(OpenCase(folder))
    qtbot.waitUntil(lambda: heard.idle(2), timeout=LONG)
    assert [set(made) for made in all_predictions(folder).values()] == [{bundle.sha256}] * 2


def test_a_model_that_is_gone_waits_and_says_so(
    session: CaseSession, fields: Path, other: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    folder, heard = tmp_path / "a.allcase", Heard(session)
    gone = Path(shutil.copy(other, tmp_path / "gone.allmodel"))
    session.submit(OpenCase(folder, create=True))
    session.submit(AddPaths([fields]))
    qtbot.waitUntil(lambda: heard.counts(FieldState.QUEUED) == 6, timeout=LONG)
    session.submit(Pause(True))
    session.submit(QueueModel(gone))
    qtbot.waitUntil(lambda: heard.status[-1].later == 6, timeout=LONG)
    gone.unlink()
    session.submit(UseModel(default_bundle_path()))
    session.submit(Pause(False))
    qtbot.waitUntil(lambda: bool(heard.problems), timeout=LONG)
    assert heard.problems[0].code == "queued-model-missing"
    assert "gone.allmodel" in heard.problems[0].sentence
    assert heard.status[-1].later == 6
    session.submit(QueueModel(other))  # from where it is now
    qtbot.waitUntil(lambda: heard.idle(6), timeout=LONG)
    assert len(heard.problems) == 1


def test_order_and_taking_out(
    session: CaseSession, fields: Path, other: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    folder, heard = tmp_path / "a.allcase", Heard(session)
    session.submit(OpenCase(folder, create=True))
    session.submit(AddPaths([fields]))
    qtbot.waitUntil(lambda: heard.counts(FieldState.QUEUED) == 6, timeout=LONG)
    session.submit(Pause(True))  # or the turn of the other model comes in between
    session.submit(QueueModel(other))
    qtbot.waitUntil(lambda: len(heard.status[-1].jobs) == 3, timeout=LONG)
    one, two, later = heard.status[-1].jobs
    assert [(job.slide, job.fields) for job in (one, two, later)] == [("Slide 1", 3), ("Slide 2", 3), ("", 6)]
    session.submit(OrderSlides("", [two.slide_id, one.slide_id]))
    qtbot.waitUntil(
        lambda: [job.slide for job in heard.status[-1].jobs][:2] == ["Slide 2", "Slide 1"], timeout=LONG
    )
    session.submit(DropJob("", one.slide_id))
    qtbot.waitUntil(lambda: heard.counts(FieldState.CANCELLED) == 3, timeout=LONG)
    session.submit(DropJob(later.model_sha256, 0))
    qtbot.waitUntil(lambda: len(heard.status[-1].jobs) == 1, timeout=LONG)
