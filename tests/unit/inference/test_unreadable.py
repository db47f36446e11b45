"""A network that answers with anything but numbers, or that is damaged inside, names no class."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from allstation.__main__ import main
from allstation.core.decision import Decision, Reason
from allstation.core.errors import StationError
from allstation.core.records import FieldState
from allstation.imaging import synthetic
from allstation.imaging.formats import decode
from allstation.inference import engine as engine_module
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.engine import Engine
from allstation.inference.look import evidence_map
from allstation.inference.novelty import Novelty
from allstation.inference.pipeline import Pipeline
from allstation.processing.model_scheduler import read_bundle
from allstation.store.case import Case
from tests.faults.damaged_bundle import rebuilt, with_bias

NAN, INF = math.nan, math.inf
UNREADABLE = Decision(None, (Reason.UNREADABLE,))


@pytest.fixture(scope="module")
def fields(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fields") / "Slide"
    synthetic.write_demo(folder, fields=6, seed=3)
    return folder


def pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def nan_model(tmp_path_factory) -> Path:
    return with_bias(tmp_path_factory.mktemp("models") / "nan.allmodel", [NAN, 0, 0, 0]).path


@pytest.mark.parametrize(
    "bias",
    [
        (NAN, 0, 0, 0),
        (NAN, NAN, NAN, NAN),
        (INF, 0, 0, 0),
        (0, -INF, -INF, -INF),
        (1e38, -1e38, 1e38, 0),
    ],
    ids=str,
)
def test_logits_that_are_not_finite_name_no_class(fields, tmp_path, bias):
    bundle = with_bias(tmp_path / "x.allmodel", bias)
    made = Engine(bundle).classify(pictures(fields)[0])
    if all(map(math.isfinite, bias)):
        assert made.is_readable
        return
    assert made.decision == UNREADABLE
    assert not made.probabilities_valid
    assert not made.is_readable
    assert (made.top_class, tuple(made.probabilities)) == ("", bundle.classes)
    assert math.isnan(made.top_probability)
    assert math.isnan(made.margin)


def test_a_novelty_that_is_not_finite_names_no_class(fields, monkeypatch):
    bundle = ModelBundle.open(default_bundle_path())
    path, real = pictures(fields)[0], Engine.run

    def broken(self, tensor):
        found = real(self, tensor)
        return {**found, "appearance": np.full_like(found["appearance"], NAN)}

    monkeypatch.setattr(Engine, "run", broken)
    assert Engine(bundle).classify(path).decision == UNREADABLE


def test_features_beyond_all_numbers_have_no_novelty():
    novelty = Novelty({"means": np.zeros((1, 2)), "whitening": np.eye(2) * 1e300, "limit": np.array(1.0)})
    assert math.isnan(novelty.score(np.array([1e38, 0], np.float32)))
    assert math.isnan(novelty.score(np.array([INF, 0], np.float32)))


def test_there_is_no_evidence_map_of_what_is_not_finite():
    assert evidence_map(np.full((2, 2, 1), NAN, np.float32), ("Pro",)) is None


def test_such_a_model_sends_every_field_to_a_person_in_case_and_tables(fields, nan_model, tmp_path, capsys):
    case, table, document = tmp_path / "a.allcase", tmp_path / "a.csv", tmp_path / "a.json"
    command = ["classify", str(fields), "--model", str(nan_model), "--case", str(case), "--csv", str(table)]
    assert main([*command, "--json", str(document), "--report", str(tmp_path / "a.pdf")]) == 0
    with Case.open(case) as kept:
        made = [field.prediction for field in kept.fields.page()]
        assert kept.audit.verify() is None
    assert [one.decision for one in made] == [UNREADABLE] * 6
    assert all(math.isnan(value) for one in made for value in one.probabilities.values())
    rows = json.loads(document.read_text("utf-8"), parse_constant=pytest.fail)["fields"]
    assert {row["decision"] for row in rows} == {"needs review"}
    assert {tuple(row["reasons"]) for row in rows} == {("unreadable output",)}
    assert {row["probabilities_valid"] for row in rows} == {False}
    with table.open(newline="", encoding="utf-8-sig") as file:
        lines = list(csv.DictReader(file))
    assert {line["reasons"] for line in lines} == {"unreadable output"}
    assert {line["p_Benign"] for line in lines} == {""}


def test_evaluate_never_counts_such_fields_as_decided(fields, nan_model, tmp_path, capsys):
    labelled = tmp_path / "labelled"
    for number, path in enumerate(pictures(fields)):
        target = labelled / ("Benign", "Pro")[number % 2] / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert main(["evaluate", str(labelled), "--model", str(nan_model)]) == 2
    said = capsys.readouterr()
    assert "None of the 6 fields" in said.err
    assert "Benign" not in said.out


def test_evaluate_leaves_single_unreadable_answers_out_and_names_them(fields, tmp_path, capsys, monkeypatch):
    labelled = tmp_path / "labelled"
    for number, path in enumerate(pictures(fields)):
        target = labelled / ("Benign", "Pro")[number % 2] / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    real, calls = Engine.probabilities, []

    def sometimes(self, logits):
        calls.append(1)
        # The first call is the reference field that is compared before the model works.
        return real(self, logits) if len(calls) != 2 else np.full(4, NAN)

    monkeypatch.setattr(Engine, "probabilities", sometimes)
    document = tmp_path / "e.json"
    assert main(["evaluate", str(labelled), "--threads", "1", "--json", str(document)]) == 1
    found = json.loads(document.read_text("utf-8"))
    assert found["decisions"]["unreadable"] == 1
    assert sum(found["decisions"][key] for key in ("decided", "needs review", "unreadable")) == 6
    assert found["figures"][0]["n"] == 5
    assert "unreadable output" in capsys.readouterr().err


def test_one_field_whose_decoder_raises_anything_fails_alone_and_is_not_tried_for_ever(
    fields, tmp_path, capsys, monkeypatch
):
    real, tried = decode.decode_shrunk, []

    def raises(path, *arguments, **options):
        if path.name == bad:
            tried.append(path)
            raise cv2.error("Assertion failed")
        return real(path, *arguments, **options)

    bad, case = pictures(fields)[2].name, tmp_path / "a.allcase"
    monkeypatch.setattr(engine_module.decode, "decode_shrunk", raises)
    command = ["classify", str(fields), "--case", str(case), "--threads", "2"]
    for tries in (1, 2, 2, 2):
        assert main(command) == 1
        said = capsys.readouterr()
        assert "done: 5, failed: 1" in said.out
        assert f"{bad}" in said.err
        assert len(tried) == tries
        with Case.open(case, read_only=True) as kept:
            (failed,) = [field for field in kept.fields.page() if field.state is FieldState.FAILED]
            assert failed.error_code == ("unexpected", "unexpected-twice")[tries - 1]
            assert kept.audit.verify() is None
    assert "Traceback" not in said.err


def test_the_traceback_of_what_nobody_foresaw_is_in_the_log(fields, monkeypatch, caplog):
    def raises(*_arguments, **_options):
        raise KeyError("nobody foresaw this")

    monkeypatch.setattr(engine_module.decode, "decode_shrunk", raises)
    with Pipeline(ModelBundle.open(default_bundle_path()), threads=1) as pipeline:
        (outcome,) = pipeline.run([(1, pictures(fields)[0])])
    assert outcome.error.code == "unexpected"
    assert "KeyError" in outcome.error.sentence
    assert "nobody foresaw this" in caplog.text


@pytest.mark.parametrize("kind", [KeyError, ValueError, RuntimeError, MemoryError, IndexError])
def test_whatever_the_runtime_raises_on_a_network_it_is_the_bundle_that_is_bad(monkeypatch, kind):
    def raises(*_arguments, **_options):
        raise kind("inside")

    monkeypatch.setattr("ai_edge_litert.interpreter.Interpreter.__init__", raises)
    with pytest.raises(StationError) as caught:
        Engine(ModelBundle.open(default_bundle_path()))
    assert caught.value.code == "bad-bundle"


def test_networks_damaged_inside_are_refused_or_run_and_never_raise_anything_else(fields, tmp_path):
    shipped = ModelBundle.open(default_bundle_path())
    network = shipped.read(shipped.info["network"]["file"])
    rng, field, codes = np.random.default_rng(17), pictures(fields)[0], []
    # The table of tensors and operators lies at the file's end, behind the weights.
    places = [*rng.integers(0, 2_000, 3), *rng.integers(len(network) - 60_000, len(network), 7)]
    for number, at in enumerate(places):
        damaged = bytearray(network)
        damaged[at] ^= int(rng.integers(1, 256))
        bundle = rebuilt(tmp_path / f"{number}.allmodel", network=bytes(damaged))
        bundle.path.unlink()
        with Pipeline(bundle, threads=1) as pipeline:
            (outcome,) = pipeline.run([(1, field)])
        codes.append(outcome.error.code if outcome.error else "done")
    assert {"bad-bundle", "done"} <= set(codes) <= {"bad-bundle", "done", "unexpected"}


def test_a_bundle_that_cannot_even_be_read_is_a_sentence_in_the_window(tmp_path, monkeypatch):
    def raises(_path):
        raise LookupError("nobody foresaw this")

    monkeypatch.setattr(ModelBundle, "open", raises)
    found = read_bundle(tmp_path / "x.allmodel")
    assert found.code == "bad-bundle"
    assert "x.allmodel" in found.sentence


def test_a_network_that_cannot_be_loaded_is_one_sentence_on_the_command_line(fields, tmp_path, capsys):
    bad = rebuilt(tmp_path / "bad.allmodel", network=b"no network at all" * 100).path
    assert main(["classify", str(fields), "--model", str(bad), "--case", str(tmp_path / "a.allcase")]) == 2
    said = capsys.readouterr().err
    assert "bad.allmodel cannot be used: its network cannot be loaded" in said
    assert "Traceback" not in said


def test_a_second_model_that_cannot_be_loaded_takes_nothing_from_the_first(fields, tmp_path, capsys):
    bad = rebuilt(tmp_path / "bad.allmodel", network=b"no network at all" * 100).path
    case = tmp_path / "a.allcase"
    command = ["classify", str(fields), "--case", str(case), "--model", str(default_bundle_path())]
    assert main([*command, "--model", str(bad)]) == 1
    said = capsys.readouterr()
    assert said.err.count("its network cannot be loaded") == 1
    assert "Traceback" not in said.err
    with Case.open(case, read_only=True) as kept:
        assert all(field.prediction is not None for field in kept.fields.page())
        assert kept.queue.counts()[FieldState.FAILED] == 0


def test_fields_of_another_laboratory_have_no_percentages_that_count(real_data):
    paths = sorted((real_data / "bccd/BCCD/JPEGImages").iterdir())[:4]
    engine = Engine(ModelBundle.open(default_bundle_path()))
    made = [engine.classify(path) for path in paths]
    assert [one.decision.class_name for one in made] == [None] * 4
    assert not any(one.probabilities_valid for one in made)


def test_a_field_without_cells_has_no_percentages_that_count(tmp_path):
    """The twin of the test above on a drawn field: plain ground, nothing on it."""
    empty = np.full((768, 1024, 3), 225, np.uint8)
    empty[::7] -= 30
    path = tmp_path / "empty.png"
    cv2.imwrite(str(path), empty)
    made = Engine(ModelBundle.open(default_bundle_path())).classify(path)
    assert Reason.NO_WHITE_CELLS in made.decision.reasons
    assert not made.probabilities_valid


def test_a_fault_beside_the_fields_does_not_come_back_for_ever(fields, tmp_path, capsys, monkeypatch):
    """Whatever stops the command itself: what was running is tried alone, then left out by name."""
    real, bad = Pipeline.submit, pictures(fields)[2].name

    def broken(self, key, path, *rest):
        if path.name == bad:
            raise KeyError("nobody foresaw this")
        return real(self, key, path, *rest)

    case = tmp_path / "a.allcase"
    monkeypatch.setattr(Pipeline, "submit", broken)
    command = ["classify", str(fields), "--case", str(case), "--threads", "1"]
    for _ in range(8):
        try:
            status = main(command)
            break
        except KeyError:
            continue
    assert status == 1
    said = capsys.readouterr()
    assert "done: 5, failed: 1" in said.out
    assert bad in said.err
