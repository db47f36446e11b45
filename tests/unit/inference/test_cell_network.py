"""The cell network that ships: its file, its features and what it refuses."""

import hashlib
import re

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from allstation.core.errors import StationError
from allstation.imaging.cells.crops import BACKGROUND, balanced, crop_mask, cut_cell
from allstation.imaging.cells.numbers import NAMES, crop_numbers
from allstation.imaging.cells.segmentation import segment_cells
from allstation.imaging.synthetic import draw_field
from allstation.inference.cell_network import CellNetwork, shipped_cell_network


@pytest.fixture(scope="module")
def network():
    return CellNetwork()


@pytest.fixture(scope="module")
def crops(network):
    field = draw_field("Early", 2)
    cells, even = segment_cells(field), balanced(field)
    return np.stack([cut_cell(even, 0, 0, cells.labels == label, side=network.side) for label in (1, 2, 3)])


def test_the_file_is_small_and_its_card_names_it(network):
    data = shipped_cell_network().read_bytes()
    card = shipped_cell_network().with_suffix(".md").read_text("utf-8")
    assert len(data) < 5_000_000
    assert network.sha256 == hashlib.sha256(data).hexdigest()
    assert network.sha256 in card
    assert "Apache-2.0" in card
    assert re.search(r"python -m training\.shipped\.cell_network", card)


def test_features_do_not_depend_on_the_batch(network, crops):
    together = network.features(crops)
    assert together.shape == (3, network.size)
    assert np.isfinite(together).all()
    for at in range(3):
        assert np.array_equal(CellNetwork().features(crops[at : at + 1])[0], together[at])


def test_features_hardly_depend_on_how_the_cell_lies(network, crops):
    plain = network.features(crops)[:, : -len(NAMES)]
    turned = network.features(np.ascontiguousarray(np.rot90(crops, 2, axes=(1, 2))))[:, : -len(NAMES)]
    between = np.linalg.norm(plain[0] - plain[1])
    assert np.linalg.norm(plain - turned, axis=1).max() < 0.6 * between


def test_depths_are_averaged_over_the_cell_only(network, crops):
    """An independent average of the first depth: whole pixels of the cell on its grid, on two turns."""
    interpreter = Interpreter(model_path=str(shipped_cell_network()), num_threads=1)
    run = interpreter.get_signature_runner()
    first = min(run.get_output_details(), key=lambda name: int(name.removeprefix("depth")))
    (entry,) = run.get_input_details()

    def averages(crop, mask):
        depth = run(**{entry: (crop.astype(np.float32)[None] - BACKGROUND) / 128})[first][0]
        rows, step = len(depth), network.side // len(depth)
        share = mask.reshape(rows, step, rows, step).mean(axis=(1, 3))
        return (depth * share[..., None]).sum(axis=(0, 1)) / share.sum()

    def on_two_turns(mask):
        return (averages(crops[0], mask) + averages(np.rot90(crops[0], 1), np.rot90(mask, 1))) / 2

    mask = crop_mask(crops[0])
    truth = on_two_turns(mask)
    found = network.features(crops[:1])[0, : len(truth)]
    np.testing.assert_allclose(found, truth, rtol=1e-4, atol=1e-5)
    half = mask & (np.arange(network.side) < network.side // 2)
    for other in (half, np.ones_like(mask)):
        assert not np.allclose(found, on_two_turns(other), atol=1e-3)


def test_the_numbers_of_the_crop_stand_last(network, crops):
    np.testing.assert_array_equal(network.features(crops[:1])[0, -len(NAMES) :], crop_numbers(crops[0]))


def test_a_crop_without_a_cell_was_not_measured(network, crops):
    empty = np.full_like(crops[:1], BACKGROUND)
    found = network.features(np.concatenate([crops[:1], empty]))
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
    assert network.features(crops[:0]).shape == (0, network.size)


def test_crops_of_another_shape_are_refused(network, crops):
    for odd in (crops[:, :96], crops[0], crops.astype(np.float32)):
        with pytest.raises(StationError, match="expected uint8"):
            network.features(odd)


def test_damaged_missing_and_foreign_files_are_refused(tmp_path):
    data = shipped_cell_network().read_bytes()
    broken, foreign = tmp_path / "broken.tflite", tmp_path / "foreign.tflite"
    broken.write_bytes(data[: len(data) // 2])
    foreign.write_bytes(b"no network")
    for path in (tmp_path / "missing.tflite", broken, foreign):
        with pytest.raises(StationError) as refused:
            CellNetwork(path)
        assert refused.value.code == "bad-network"
