"""A network of another maker runs in a child: the same numbers, and its faults are the model's."""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from allstation.__main__ import main
from allstation.core.errors import ModelError
from allstation.core.limits import DecodeLimits
from allstation.core.records import FieldState
from allstation.imaging.synthetic import write_demo
from allstation.inference import engine as engine_module
from allstation.inference import isolated
from allstation.inference import pipeline as pipeline_module
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.engine import Engine
from allstation.inference.isolated import IsolatedNetwork
from allstation.inference.network import NetworkError
from allstation.inference.pipeline import Pipeline
from allstation.isolation.child import Budget, Child
from allstation.store.case import Case
from tests.faults.damaged_bundle import rebuilt
from tests.faults.hostile_network import endless, shipped_network
from tests.makers import child_processes, end_from_outside

HOSTILE = Path(__file__).resolve().parents[1] / "isolation" / "hostile_child.py"
SERVE = [sys.executable, "-P", str(HOSTILE), "serve"]


@pytest.fixture(scope="module")
def fields(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fields") / "Slide"
    write_demo(folder, fields=4, seed=3)
    return folder


@pytest.fixture(scope="module")
def without_end(tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("models") / "endless.allmodel"
    return rebuilt(target, network=endless(shipped_network())).path


def pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_field_gets_the_same_prediction_in_a_child(fields, monkeypatch):
    bundle = ModelBundle.open(default_bundle_path())
    here, before = Engine(bundle), child_processes()
    monkeypatch.setattr(engine_module, "needs_isolation", lambda _: True)
    with closing(Engine(bundle)) as there:
        assert len(child_processes() - before) == 1
        for path in pictures(fields):
            made = [replace(engine.classify(path), milliseconds=0.0) for engine in (here, there)]
            assert made[0] == made[1]


def test_the_child_ends_with_the_pipeline(fields, monkeypatch):
    monkeypatch.setattr(engine_module, "needs_isolation", lambda _: True)
    before = child_processes()
    with Pipeline(ModelBundle.open(default_bundle_path()), threads=2) as pipeline:
        outcomes = list(pipeline.run(enumerate(pictures(fields))))
        assert len(child_processes()) > len(before)
    assert all(outcome.prediction for outcome in outcomes)
    assert child_processes() == before


def test_a_network_without_end_is_the_models_fault_and_leaves_nothing(fields, without_end):
    before, threads = child_processes(), set(threading.enumerate())
    limits = DecodeLimits(max_seconds=3.0)
    with Pipeline(ModelBundle.open(without_end), threads=2, limits=limits) as pipeline:
        outcomes = list(pipeline.run(enumerate(pictures(fields))))
    assert all(isinstance(outcome.error, ModelError) for outcome in outcomes)
    assert {outcome.error.sentence for outcome in outcomes} == {
        "The model bundle endless.allmodel cannot be used: its network took more than 1.5 seconds for one "
        "field. Choose another model."
    }
    assert child_processes() == before
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)
        assert not thread.is_alive(), thread.name


def test_the_command_line_ends_with_a_sentence_and_no_field_is_blamed(
    fields, without_end, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(pipeline_module, "RUN_SECONDS", 1.0)
    case, began = tmp_path / "a.allcase", time.monotonic()
    command = ["classify", str(fields), "--case", str(case), "--model", str(without_end)]
    assert main(command) == 2
    assert time.monotonic() - began < 60
    said = capsys.readouterr().err
    assert said.count("took more than 1 seconds for one field") == 1
    assert "Traceback" not in said
    with Case.open(case, read_only=True) as kept:
        assert kept.queue.counts()[FieldState.FAILED] == 0
    assert main(["classify", str(fields), "--case", str(case)]) == 0


def test_as_a_second_model_it_takes_nothing_from_the_first(
    fields, without_end, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(pipeline_module, "RUN_SECONDS", 1.0)
    monkeypatch.setattr(engine_module.Engine.__init__, "__kwdefaults__", {"seconds": 1.0, "network": None})
    case, table = tmp_path / "a.allcase", tmp_path / "t.csv"
    command = ["classify", str(fields), "--case", str(case), "--model", str(default_bundle_path())]
    assert main([*command, "--model", str(without_end), "--csv", str(table)]) == 1
    said = capsys.readouterr()
    assert said.err.count("took more than 1 seconds") == 1
    assert len(table.read_text("utf-8-sig").splitlines()) == 5
    with Case.open(case, read_only=True) as kept:
        assert all(field.prediction is not None for field in kept.fields.page())
        assert kept.audit.verify() is None


def test_verify_says_so_too(tmp_path, capsys, monkeypatch):
    without_end = rebuilt(tmp_path / "m.allmodel", network=endless(shipped_network()), reference=True).path
    monkeypatch.setattr(engine_module.Engine.__init__, "__kwdefaults__", {"seconds": 1.0, "network": None})
    assert main(["models", "verify", str(without_end)]) == 2
    assert "took more than 1 seconds" in capsys.readouterr().err


ABOUT = {"input": [1, 2, 2, 1], "outputs": {"logits": [1, 4]}}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"outputs": None},
        {"outputs": [["logits", "float32", [4]]], "bytes": 15},
        {"outputs": [["logits", "float32", [4]]], "bytes": 17},
        {"outputs": [["logits", "object", [2]]], "bytes": 16},
        {"outputs": [["logits", "float32", [-4]]], "bytes": 16},
        {"outputs": [["logits", "float32", "four"]], "bytes": 16},
        {"outputs": [["logits", "float32", [1 << 40, 1 << 40]]], "bytes": 16},
        {"outputs": [["other", "float32", [4]]], "bytes": 16},
        {"outputs": [["logits", "float32", [2, 2]]], "bytes": 16},
        {"outputs": [["logits", "float32", [1000000]]], "bytes": 4000000},
        {"outputs": [[]], "bytes": 0},
        {"outputs": 7, "bytes": 0},
        {"input": [1] * 9, "outputs": {}},
        {"input": "x", "outputs": {}},
        {"input": [1], "outputs": {str(number): [1] for number in range(65)}},
    ],
    ids=str,
)
def test_answers_that_make_no_sense_are_the_models_fault(monkeypatch, answer):
    monkeypatch.setenv("HOSTILE", "answer")
    monkeypatch.setenv("HOSTILE_ANSWER", json.dumps(answer))
    if "input" in answer:
        with pytest.raises(NetworkError, match="make no sense"):
            IsolatedNetwork(b"", command=SERVE, budget=Budget(memory=1 << 30))
        return
    network = IsolatedNetwork.__new__(IsolatedNetwork)
    network.output_shapes = {"logits": (1, 4)}
    with pytest.raises(NetworkError, match="make no sense"):
        network._outputs(answer, bytearray(answer.get("bytes", 0)))


@pytest.mark.parametrize(
    ("do", "said"),
    [
        ("exit", "ended the process it runs in"),
        ("spin", "took more than 0.5 seconds for one field"),
        ("eat", "cannot be computed"),
    ],
)
def test_a_child_that_does_harm_is_the_models_fault(monkeypatch, tmp_path, do, said):
    before = child_processes()
    script = tmp_path / "turns.py"
    script.write_text(
        "import os, sys\n"
        f"sys.path.insert(0, {str(HOSTILE.parent)!r})\n"
        "import hostile_child\n"
        "from allstation.isolation import serving\n"
        "def turns(request, content):\n"
        f"    if request['do'] == 'load': return {ABOUT!r}, ()\n"
        f"    return hostile_child.obey({{'do': {do!r}}}, content)\n"
        "sys.exit(serving.serve(turns, sys.argv[1:], most=1 << 30))\n"
    )
    budget = Budget(memory=1 << 30)
    with closing(
        IsolatedNetwork(b"", seconds=0.5, command=[sys.executable, "-P", str(script)], budget=budget)
    ) as network:
        assert network.output_shapes == {"logits": (1, 4)}
        with pytest.raises(NetworkError, match=said):
            network.run(np.zeros((2, 2, 1), np.float32))
    assert child_processes() == before


def test_a_child_ended_from_outside_is_made_up_for(fields, monkeypatch):
    bundle = ModelBundle.open(default_bundle_path())
    truth = Engine(bundle).classify(pictures(fields)[0]).probabilities
    monkeypatch.setattr(engine_module, "needs_isolation", lambda _: True)
    before = child_processes()
    with closing(Engine(bundle)) as engine:
        for _ in range(3):
            (child,) = child_processes() - before
            end_from_outside(child)
            assert engine.classify(pictures(fields)[0]).probabilities == truth
        assert child_processes() > before
        with monkeypatch.context() as here:
            here.setattr(Child, "worn", True)
            assert engine.classify(pictures(fields)[0]).probabilities == truth
        assert child_processes() == before
        assert engine.classify(pictures(fields)[0]).probabilities == truth


def test_a_child_that_cannot_start_is_said(monkeypatch):
    monkeypatch.setattr(isolated, "child_command", lambda _: ["/no/such/program"])
    with pytest.raises(NetworkError, match="part that runs it does not start"):
        IsolatedNetwork(b"")
