"""Site bundles: opened only as they were written, and engines that name fields by their cells."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from allstation.commissioning.commission import write_accepted
from allstation.core.decision import Reason
from allstation.core.errors import ModelError, StationError
from allstation.core.typer.model import Typer
from allstation.inference.bundle import ModelBundle, default_bundle_path, write_bundle
from allstation.inference.bundle_kinds import SITE_FACTS, TYPER
from allstation.inference.engine import Engine
from allstation.inference.engine_pool import make_engine
from allstation.inference.network_origin import needs_isolation
from allstation.inference.pipeline import Pipeline
from allstation.inference.reference import verify_activation, verify_reference
from allstation.inference.site_engine import SiteEngine, pooled_cells
from allstation.keys.station import station_key
from tests.unit.commissioning.pictures import PIXEL_SIZE, cell_picture


@pytest.fixture(scope="module")
def base() -> ModelBundle:
    return ModelBundle.open(default_bundle_path())


@pytest.fixture(scope="module")
def bundle(commissioned, base, tmp_path_factory) -> ModelBundle:
    """A site's model; its fields have the pixel size of the pictures, and it takes no cell for strange.

    Drawn cells are so alike that their outline in a field makes them strange.
    """
    cells = replace(commissioned.cells, field_pixel_size=PIXEL_SIZE)
    target = tmp_path_factory.mktemp("site") / "ward.allmodel"
    typer = replace(commissioned.outcome.typer, limit=1e9)
    found = replace(commissioned, cells=cells, outcome=replace(commissioned.outcome, typer=typer))
    return write_accepted(target, found, name="Ward 3", base=base, key=station_key())


def parts(bundle: ModelBundle) -> tuple[dict, dict[str, bytes]]:
    info = {key: value for key, value in bundle.info.items() if key not in {"schema", "files"}}
    return json.loads(json.dumps(info)), dict(bundle.members)


def field(path: Path, kinds: str) -> Path:
    pictures = [cell_picture("large" if kind == "l" else "small", at + 1) for at, kind in enumerate(kinds)]
    whole = np.pad(np.hstack(pictures), ((60, 60), (60, 60), (0, 0)), constant_values=232)
    cv2.imwrite(str(path), whole[..., ::-1])
    return path


def test_it_says_what_it_is_and_on_what_it_stands(bundle, base):
    assert bundle.classes == ("large", "small")
    assert bundle.info["base"] == {"sha256": base.sha256, "name": base.name, "version": base.version}
    assert bundle.info["figures"][0]["n"] == 12
    assert "Accepted." in bundle.text("acceptance.md")
    assert json.loads(bundle.read("acceptance.json"))["accepted"] is True
    assert not needs_isolation(bundle)


def test_a_field_is_named_by_its_cells_and_they_come_with_it(bundle, tmp_path):
    engine = make_engine(bundle)
    assert isinstance(engine, SiteEngine)
    with pytest.raises(ModelError, match="reads cells"):
        Engine(bundle)
    verify_activation(bundle, engine)
    large, both = field(tmp_path / "l.png", "lll"), field(tmp_path / "b.png", "ls")
    empty = tmp_path / "e.png"
    cv2.imwrite(str(empty), np.full((200, 260, 3), 232, np.uint8))
    with Pipeline(bundle, threads=1, ready=engine, cells=True) as pipeline:
        found = list(pipeline.run((path, path) for path in (large, both, empty)))
    assert [outcome.error for outcome in found] == [None] * 3
    assert found[0].prediction.decision.class_name == "large"
    assert found[0].prediction.probabilities["large"] > 0.9
    assert [len(outcome.cells) for outcome in found] == [3, 2, 0]
    assert all(sum(cell.support.values()) == pytest.approx(1) for cell in found[0].cells)
    assert found[0].cells[0].pixel_size == PIXEL_SIZE
    evidence = found[0].prediction.evidence
    values = np.frombuffer(evidence.values, np.uint8).reshape(2, evidence.rows, evidence.columns)
    assert (evidence.rows, evidence.columns) == (17, 32)
    assert 0.1 < (values[0] > 128).mean() < 0.5  # where the cells are, for their type
    assert values[1].max() < 128
    assert found[2].prediction.evidence is None
    assert found[1].prediction.decision.class_name is None
    assert Reason.NO_WHITE_CELLS in found[2].prediction.decision.reasons


def test_cells_unlike_the_sites_and_a_scale_that_nobody_knows_need_review(bundle, tmp_path):
    strange = tmp_path / "s.png"
    info, members = parts(bundle)
    typer = Typer.from_bytes(members[TYPER])
    members[TYPER] = replace(typer, limit=1.0).to_bytes()
    strict = write_bundle(tmp_path / "strict.allmodel", info, members)
    made = make_engine(strict).classify(field(strange, "lll"))
    assert made.novelty > 1
    assert made.decision.reasons == (Reason.UNLIKE_TRAINING,)
    members[SITE_FACTS] = b'{"schema": 1, "pixel_size": 0.25, "field_pixel_size": 0.25}'
    other = write_bundle(tmp_path / "o.allmodel", info, members)
    made = make_engine(other).classify(field(tmp_path / "l.png", "lll"))
    assert made.decision.reasons == (Reason.SCALE_UNKNOWN,)
    assert not made.decision.probabilities_valid


def test_cells_that_were_not_measured_leave_the_others_their_say():
    shares = np.array([[0.9, 0.1], [np.nan, np.nan], [0.7, 0.3], [0.1, 0.9]])
    pooled, far = pooled_cells(shares, np.array([0.5, np.nan, 0.8, 3.0]), classes=2)
    assert pooled == pytest.approx([0.8, 0.2])
    assert far == 3.0
    pooled, far = pooled_cells(shares[1:2], np.array([np.nan]), classes=2)
    assert np.isnan([*pooled, far]).all()


def _swap_types(info, members):
    info["classes"] = info["classes"][::-1]


def _unknown_kind(info, members):
    info["kind"] = "oracle"


def _no_base(info, members):
    info["base"] = {"sha256": "0" * 64}


def _more(info, members):
    members["code.py"] = b"print()"


def _other_network(info, members):
    info["cell_network_sha256"] = "f" * 64


def _other_temperature(info, members):
    info["calibration"] = {"temperature": 1.5}


def _bad_scale(info, members):
    members[SITE_FACTS] = b'{"schema": 1, "pixel_size": -3}'


def _bad_hashes(info, members):
    members["seen.txt"] = b"../../etc/passwd\n"


def _cut(info, members):
    members[TYPER] = members[TYPER][: len(members[TYPER]) // 2]


def _pickled(info, members):
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(members[TYPER])) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "counts.npy":
                array = io.BytesIO()
                np.save(array, np.array([{"a": 1}], object), allow_pickle=True)
                data = array.getvalue()
            new.writestr(name, data)
    members[TYPER] = stream.getvalue()


@pytest.mark.parametrize(
    "change",
    [_swap_types, _unknown_kind, _no_base, _more, _other_network, _other_temperature, _bad_scale, _bad_hashes,
     _cut, _pickled],
)  # fmt: skip
def test_a_forged_one_is_refused_when_it_is_opened(bundle, tmp_path, change):
    info, members = parts(bundle)
    change(info, members)
    with pytest.raises(StationError) as refused:
        write_bundle(tmp_path / "x.allmodel", info, members)
    assert refused.value.code == "bad-bundle"


@pytest.mark.parametrize(
    "arrays", [{"rgb": np.zeros(3)}, {"features": np.zeros((1, 3)), "probabilities": np.zeros((1, 2))}]
)
def test_a_reference_of_another_kind_is_no_traceback(bundle, tmp_path, arrays):
    info, members = parts(bundle)
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    members["reference.npz"] = stream.getvalue()
    with pytest.raises(StationError):
        verify_reference(write_bundle(tmp_path / "x.allmodel", info, members))


def test_a_typer_for_another_cell_network_names_nothing(bundle, tmp_path, monkeypatch):
    from allstation.inference import site_engine

    class Other:
        sha256 = "0" * 64

    monkeypatch.setattr(site_engine, "CellNetwork", Other)
    with pytest.raises(ModelError, match="Commission the site again"):
        SiteEngine(bundle)
