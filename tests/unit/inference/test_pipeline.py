"""The same field gets the same prediction, whatever runs beside it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from allstation.core.errors import StationError
from allstation.core.records import Prediction
from allstation.imaging import synthetic
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.engine import Engine, novelty_output, softmax
from allstation.inference.look import evidence_map
from allstation.inference.novelty import Novelty
from allstation.inference.pipeline import Pipeline
from allstation.inference.reference import TOLERANCE, verify_reference


@pytest.fixture(scope="module")
def bundle() -> ModelBundle:
    return ModelBundle.open(default_bundle_path())


@pytest.fixture(scope="module")
def fields(tmp_path_factory) -> list[Path]:
    return synthetic.write_demo(tmp_path_factory.mktemp("fields"), fields=12, seed=3)


def timeless(prediction: Prediction | None) -> Prediction | None:
    return replace(prediction, milliseconds=0.0) if prediction else None


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_do_not_depend_on_threads_or_order(bundle, fields, threads):
    engine = Engine(bundle)
    alone = {path: timeless(engine.classify(path)) for path in fields}
    backwards = list(reversed(fields))
    with Pipeline(bundle, threads=threads) as pipeline:
        together = [
            timeless(outcome.prediction) for outcome in pipeline.run(zip(backwards, backwards, strict=True))
        ]
    assert together == [alone[path] for path in backwards]


def test_a_bad_file_is_named_and_the_rest_goes_on(bundle, fields, tmp_path):
    bad = tmp_path / "broken.jpg"
    bad.write_bytes(fields[0].read_bytes()[:500])
    with Pipeline(bundle, threads=2) as pipeline:
        outcomes = list(pipeline.run(enumerate([fields[0], bad, fields[1]])))
    assert [outcome.key for outcome in outcomes] == [0, 1, 2]
    assert [outcome.prediction is not None for outcome in outcomes] == [True, False, True]
    assert "broken.jpg" in outcomes[1].error.sentence


def test_the_pipeline_reads_only_a_bounded_number_ahead(bundle, fields):
    taken = []

    def endless():
        for number in range(10_000):
            taken.append(number)
            yield number, fields[number % len(fields)]

    with Pipeline(bundle, threads=2) as pipeline:
        run = pipeline.run(endless())
        next(run)
        run.close()
    assert len(taken) <= 16


def test_a_prediction_is_complete(bundle, fields):
    prediction = Engine(bundle).classify(fields[0])
    assert tuple(prediction.probabilities) == bundle.classes
    assert sum(prediction.probabilities.values()) == pytest.approx(1.0, abs=1e-9)
    assert prediction.model_sha256 == bundle.sha256
    assert prediction.evidence is not None
    assert prediction.evidence.classes == bundle.classes
    assert prediction.novelty > 0
    assert prediction.milliseconds > 0


def test_this_machine_agrees_with_the_maker(bundle):
    assert verify_reference(bundle) <= TOLERANCE


def test_a_changed_reference_is_noticed(bundle):
    member = "reference.npz"
    arrays = bundle.arrays(member)
    buffer = io.BytesIO()
    np.savez(buffer, rgb=arrays["rgb"], probabilities=arrays["probabilities"] + 1e-3)
    info, members = {**bundle.info, "name": "Other"}, {**bundle.members, member: buffer.getvalue()}
    with pytest.raises(StationError, match="differs"):
        verify_reference(ModelBundle(bundle.path, bundle.sha256, info, members))
    with pytest.raises(StationError, match="carries other reference fields"):
        verify_reference(ModelBundle(bundle.path, bundle.sha256, bundle.info, members))


def test_softmax_keeps_its_feet_with_large_logits():
    assert softmax(np.array([1000.0, 1000.0])) == pytest.approx([0.5, 0.5])


def test_novelty_is_one_at_the_limit():
    novelty = Novelty({"means": np.zeros((2, 3)), "whitening": 2 * np.eye(3), "limit": np.array(4.0)})
    assert novelty.score(np.array([2.0, 0, 0], np.float32)) == pytest.approx(1.0)


def with_novelty(bundle: ModelBundle, **changed: np.ndarray | None) -> ModelBundle:
    member = str(bundle.info["novelty"]["file"])
    arrays = {
        name: value for name, value in {**bundle.arrays(member), **changed}.items() if value is not None
    }
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return replace(bundle, members={**bundle.members, member: buffer.getvalue()})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"limit": None}, "lacks limit"),
        ({"means": None, "whitening": None}, "lacks means, whitening"),
        ({"means": np.zeros(3)}, "its shapes are"),
        ({"means": np.zeros((4, 3))}, "its shapes are"),
        ({"limit": np.array(["far", "farther"])}, "do not fit"),
        ({"limit": np.array(0.0)}, "limit is not positive"),
        ({"means": np.zeros((4, 3)), "whitening": np.eye(3)}, "for 3 features, its network has"),
    ],
)
def test_novelty_figures_that_do_not_fit_are_refused_before_the_first_field(bundle, changed, said):
    with pytest.raises(StationError, match=said) as refused:
        Engine(with_novelty(bundle, **changed))
    assert refused.value.code == "bad-bundle"
    assert bundle.path.name in refused.value.sentence


def test_novelty_is_told_from_the_output_the_bundle_names(bundle):
    named = {**bundle.info["novelty"], "output": "looks"}
    with pytest.raises(StationError, match="its network has no output named looks"):
        Engine(replace(bundle, info={**bundle.info, "novelty": named}))
    unnamed = {key: value for key, value in named.items() if key != "output"}
    assert novelty_output(replace(bundle, info={**bundle.info, "novelty": unnamed})) == "features"


@pytest.mark.parametrize("entry", [{"limit": 1}, ["novelty.npz"]])
def test_a_novelty_entry_that_names_no_file_is_refused(bundle, entry):
    with pytest.raises(StationError, match="novelty figures do not fit"):
        Engine(replace(bundle, info={**bundle.info, "novelty": entry}))


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("appearance", "no output named appearance"),
        ("logits", "one logit per class"),
    ],
)
def test_a_network_that_lacks_an_output_is_refused_before_the_first_field(bundle, output, said):
    file = str(bundle.info["network"]["file"])
    renamed = bundle.members[file].replace(output.encode(), output[::-1].encode())
    assert renamed != bundle.members[file]
    with pytest.raises(StationError, match=said):
        Engine(replace(bundle, members={**bundle.members, file: renamed}))


def test_a_network_without_evidence_classifies_without_a_map(bundle, fields):
    file = str(bundle.info["network"]["file"])
    renamed = bundle.members[file].replace(b"evidence", b"ecnedive")
    prediction = Engine(replace(bundle, members={**bundle.members, file: renamed})).classify(fields[0])
    assert prediction.evidence is None


def test_the_evidence_map_keeps_planes_apart_and_drops_negative_support():
    activation = np.zeros((2, 2, 2), np.float32)
    activation[0, 1, 0], activation[1, 0, 1], activation[1, 1, 1] = 2.0, 1.0, -5.0
    stored = evidence_map(activation, ("A", "B"))
    assert list(stored.values) == [0, 255, 0, 0, 0, 0, 128, 0]
    assert evidence_map(None, ("A", "B")) is None


def test_a_field_without_support_gives_an_empty_map():
    assert set(evidence_map(np.full((2, 2, 1), -1, np.float32), ("A",)).values) == {0}


def test_cells_come_along_and_change_no_prediction(bundle, fields):
    with Pipeline(bundle, threads=2) as plain, Pipeline(bundle, threads=2, cells=True) as finding:
        pairs = list(zip(plain.run(enumerate(fields)), finding.run(enumerate(fields)), strict=True))
    for one, other in pairs:
        assert timeless(one.prediction) == timeless(other.prediction)
        assert one.cells is None
        assert len(other.cells) >= 1
        assert all(set(cell.support) == set(bundle.classes) for cell in other.cells)
        assert all(0 <= share <= 1 for cell in other.cells for share in cell.support.values())


def test_cells_that_follow_are_those_that_come_along(bundle, fields):
    with Pipeline(bundle, threads=1, cells=True) as finding:
        along = list(finding.run(enumerate(fields[:2])))
        later = [finding.submit_cells(one.key, fields[one.key], "", one.prediction).result() for one in along]
        missing = finding.submit_cells(7, fields[0].with_name("gone.jpg"), "", along[0].prediction).result()
    assert [one.cells for one in later] == [one.cells for one in along]
    assert missing.cells == ()
    assert missing.error is not None


@pytest.mark.real_data
def test_cells_of_camera_frames_lie_in_the_frame(bundle, real_data):
    """Twin of the synthetic test above, at 1024x768: cells in pixels of the file, the same prediction."""
    paths = sorted((real_data / "taleqani-highres" / "Pre").iterdir())[:3]
    engine = Engine(bundle)
    for path in paths:
        made, cells = engine.classify_with_cells(path)
        assert timeless(made) == timeless(engine.classify(path))
        assert len(cells) >= 1
        for cell in cells:
            assert 0 <= cell.left <= cell.x <= cell.left + cell.width <= 1024
            assert 0 <= cell.top <= cell.y <= cell.top + cell.height <= 768
            assert cell.area_px <= cell.width * cell.height
