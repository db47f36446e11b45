"""A model is put to use only after both models were seen on the same fields, and not by two Returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QTableWidget
from pytestqt.qtbot import QtBot

from allstation.core.errors import StationError
from allstation.services.training.comparison import Outcome, read_comparison
from allstation.ui.training.activation import ActivationDialog
from allstation.ui.training.panel import TrainingPanel
from tests.ui.field_records import write_picture
from tests.ui.named import named
from tests.ui.training.conftest import Bench

TIMEOUT = 60_000

Until = Callable[[Callable[[], bool]], None]


@pytest.fixture
def until(qtbot: QtBot) -> Until:
    return lambda condition: qtbot.waitUntil(condition, timeout=TIMEOUT)


@pytest.fixture
def active(tmp_path: Path) -> list[Path | None]:
    """The model in use; a test may take it away."""
    return [tmp_path / "active.allmodel"]


@pytest.fixture
def panel(
    qtbot: QtBot, bench: Bench, tmp_path: Path, until: Until, active: list[Path | None]
) -> Iterator[TrainingPanel]:
    """The panel on the page of runs, with one finished run selected."""
    for name in ("Benign", "Early", "Pre", "Pro"):
        (tmp_path / "smears" / name).mkdir(parents=True)
        write_picture(tmp_path / "smears" / name / "a.png", (200, 150, 180), (40, 30))
    made = TrainingPanel(bench.runs, bench.base / "runs", lambda: active[0])
    made.resize(1060, 700)
    qtbot.addWidget(made)
    made.show()
    until(lambda: bool(made.recipe.method))
    made.set_folder(tmp_path / "smears")
    until(lambda: made.report is not None)
    made.start(made.recipe.data() | {"name": "one"})
    until(lambda: any(run.bundle is not None for run in made.summaries.values()))
    until(lambda: bench.runs.current is None)
    (folder,) = (bench.base / "runs").glob("one-*")
    made.pages.setCurrentWidget(made.past)
    made.past.select(folder)
    yield made
    bench.runs.close()
    made.close_workers()


def ask(panel: TrainingPanel, until: Until, *, compared: bool = True) -> ActivationDialog:
    """Press *Activate…* and wait until both models were compared."""
    button = next(each for each in panel.past.findChildren(QPushButton) if each.text() == "Activate…")
    button.click()
    dialog = panel.past.findChild(ActivationDialog)
    assert dialog is not None
    if compared:
        until(lambda: dialog.is_compared)
    return dialog


def words(dialog: ActivationDialog) -> str:
    """Everything a person can read in the dialog."""
    table = named(dialog, QTableWidget, "Both models on the same fields")
    cells = [table.item(r, c).text() for r in range(table.rowCount()) for c in range(table.columnCount())]
    heads = [table.horizontalHeaderItem(c).text() for c in range(table.columnCount())]
    return "\n".join([*(label.text() for label in dialog.findChildren(QLabel)), *heads, *cells])


def return_twice(qtbot: QtBot, dialog: ActivationDialog) -> None:
    """Press Return where the keyboard is, and again if the dialog is still there."""
    for _ in range(2):
        if QApplication.focusWidget() is not None:
            qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
        else:
            qtbot.keyClick(dialog, Qt.Key.Key_Return)


@pytest.mark.parametrize("how", ["worse", "unclear", "failed"])
def test_two_returns_keep_the_model_in_use_unless_the_new_one_is_shown_to_be_better(
    qtbot: QtBot, panel: TrainingPanel, until: Until, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("FAKE_PAIR", how)
    asked = QSignalSpy(panel.activation_asked)
    dialog = ask(panel, until)
    assert dialog.keep.isDefault()
    assert not dialog.activate.isDefault()
    return_twice(qtbot, dialog)
    until(lambda: panel.past.findChild(ActivationDialog) is None)
    assert asked.count() == 0


def test_both_models_figures_on_the_same_fields_stand_in_the_question(
    panel: TrainingPanel, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_PAIR", "worse")
    dialog = ask(panel, until)
    text = words(dialog)
    assert "Worse than the model in use, on the same 40 fields." in text
    assert "n = 40 fields, same-field, patients unknown" in text
    assert "Shipped 1.0 (in use)" in text
    assert "balanced accuracy\n0.250 [0.220, 0.280], n = 40\n0.900 [0.870, 0.930], n = 40" in text
    assert "only the first right 2, only the second right 28" in text
    assert "McNemar p = 1.2e-06" in text
    dialog.reject()


def test_a_better_model_is_the_default_and_keeps_the_name_it_is_given(
    qtbot: QtBot, panel: TrainingPanel, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_PAIR", "better")
    dialog = ask(panel, until)
    assert "Better than the model in use" in words(dialog)
    dialog.name.setText(" Ours ")
    with qtbot.waitSignal(panel.activation_asked, timeout=TIMEOUT) as asked:
        qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
    assert asked.args[0].name == "fake.allmodel"
    assert asked.args[1] == "Ours"


def test_a_worse_model_can_still_be_chosen_by_its_button_but_not_without_a_name(
    qtbot: QtBot, panel: TrainingPanel, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_PAIR", "worse")
    dialog = ask(panel, until)
    dialog.name.clear()
    assert not dialog.activate.isEnabled()
    dialog.name.setText("Ours")
    with qtbot.waitSignal(panel.activation_asked, timeout=TIMEOUT):
        qtbot.mouseClick(dialog.activate, Qt.MouseButton.LeftButton)


def test_nothing_can_be_activated_before_the_comparison_and_escape_ends_it(
    qtbot: QtBot, panel: TrainingPanel, bench: Bench, until: Until
) -> None:
    bench.behave("hang")
    asked = QSignalSpy(panel.activation_asked)
    dialog = ask(panel, until, compared=False)
    assert not dialog.activate.isEnabled()
    qtbot.mouseClick(dialog.activate, Qt.MouseButton.LeftButton)
    assert bench.runs.is_busy
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    until(lambda: panel.past.findChild(ActivationDialog) is None)
    assert not bench.runs.is_busy
    assert asked.count() == 0


def test_without_a_model_in_use_nothing_speaks_for_the_new_one(
    qtbot: QtBot, panel: TrainingPanel, until: Until, active: list[Path | None]
) -> None:
    active[0] = None
    dialog = ask(panel, until)
    assert "No model is in use" in words(dialog)
    assert dialog.keep.isDefault()
    dialog.reject()


def test_a_comparison_on_the_compare_page_is_not_ended_by_the_question(
    panel: TrainingPanel, until: Until
) -> None:
    (folder,) = panel.summaries
    panel.compare_runs([folder])
    panel.pages.setCurrentWidget(panel.past)
    dialog = ask(panel, until)
    until(lambda: bool(panel.compare.comparison))
    until(lambda: len(panel.compare.figures) == 2)
    dialog.reject()


def report(low: float, high: float, p: float, *, balanced: tuple[float, float]) -> dict[str, object]:
    def test_set(value: float) -> dict[str, object]:
        figure = {"value": value, "n": 40, "interval": [value, value]}
        overall = {"accuracy (Wilson)": figure, "balanced accuracy": figure}
        return {"split": "random", "patients": "patients unknown", "overall": overall}

    pair = {"first": "run", "second": "model", "n": 40, "only_first_right": 1, "only_second_right": 1,
            "accuracy_difference": (low + high) / 2, "interval": [low, high], "p_mcnemar": p,
            "p_holm": p}  # fmt: skip
    return {
        "runs": {"run": test_set(balanced[0]), "model": test_set(balanced[1])},
        "pairs": [pair],
        "model": {"name": "Shipped", "version": "1"},
    }


@pytest.mark.parametrize(
    ("low", "high", "p", "balanced", "outcome"),
    [
        (0.01, 0.2, 0.01, (0.9, 0.8), Outcome.BETTER),
        (0.01, 0.2, 0.06, (0.9, 0.8), Outcome.UNCLEAR),
        (0.0, 0.2, 0.01, (0.9, 0.8), Outcome.UNCLEAR),
        (0.01, 0.2, 0.01, (0.25, 0.8), Outcome.UNCLEAR),
        (0.01, 0.2, 0.01, (float("nan"), 0.8), Outcome.UNCLEAR),
        (0.01, 0.2, 0.01, (0.9, float("nan")), Outcome.UNCLEAR),
        (-0.2, -0.01, 0.01, (0.7, 0.8), Outcome.WORSE),
        (0.0, 0.0, 1.0, (0.8, 0.8), Outcome.UNCLEAR),
    ],
)
def test_better_is_what_the_paired_interval_the_exact_test_and_balanced_accuracy_say(
    low: float, high: float, p: float, balanced: tuple[float, float], outcome: Outcome
) -> None:
    assert read_comparison(report(low, high, p, balanced=balanced), "run").outcome is outcome


@pytest.mark.parametrize(
    "damage",
    [
        {"pairs": []},
        {"runs": {}},
        {"model": {}},
        {"pairs": [{"first": "run", "second": "model", "n": 40, "interval": [float("nan"), 1.0]}]},
    ],
)
def test_a_report_without_both_models_is_refused(damage: dict[str, object]) -> None:
    whole = report(0.1, 0.2, 0.01, balanced=(0.9, 0.8))
    with pytest.raises(StationError, match="both models"):
        read_comparison({**whole, **damage}, "run")
