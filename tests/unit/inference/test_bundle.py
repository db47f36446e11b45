"""A bundle opens only if every byte of it is what its maker wrote."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from allstation.core.errors import StationError
from allstation.inference.bundle import ModelBundle, default_bundle_path, write_bundle


@pytest.fixture(scope="module")
def shipped() -> ModelBundle:
    return ModelBundle.open(default_bundle_path())


def parts(bundle: ModelBundle) -> tuple[dict, dict[str, bytes]]:
    info = {key: value for key, value in bundle.info.items() if key not in {"schema", "files"}}
    return info, dict(bundle.members)


def rewrite(bundle: ModelBundle, target: Path, *, manifest=None, extra=(), raw=None) -> Path:
    """Write a bundle by hand, without the checks of write_bundle."""
    info = json.loads(json.dumps(bundle.info))
    if manifest:
        manifest(info)
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("bundle.json", raw if raw is not None else json.dumps(info))
        for name, data in (*bundle.members.items(), *extra):
            archive.writestr(name, data)
    return target


def refusal(path: Path) -> str:
    with pytest.raises(StationError) as caught:
        ModelBundle.open(path)
    assert caught.value.code == "bad-bundle"
    assert path.name in caught.value.sentence
    return caught.value.sentence


def test_writing_twice_gives_the_same_bytes_and_reads_back(shipped, tmp_path):
    first = write_bundle(tmp_path / "a.allmodel", *parts(shipped))
    second = write_bundle(tmp_path / "b.allmodel", *parts(shipped))
    assert first.sha256 == second.sha256
    assert first.members == shipped.members
    assert first.record().classes == shipped.classes
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.allmodel", "b.allmodel"]


def test_a_bundle_that_would_be_refused_never_replaces_a_good_one(shipped, tmp_path):
    target = tmp_path / "model.allmodel"
    good = write_bundle(target, *parts(shipped))
    info, members = parts(shipped)
    with pytest.raises(StationError):
        write_bundle(target, {**info, "calibration": {"temperature": 0.0}}, members)
    assert ModelBundle.open(target).sha256 == good.sha256
    assert list(tmp_path.iterdir()) == [target]


def test_a_flipped_byte_in_the_network_is_found(shipped, tmp_path):
    name = shipped.info["network"]["file"]
    damaged = dict(shipped.members)
    network = bytearray(damaged[name])
    network[len(network) // 2] ^= 1
    damaged[name] = bytes(network)
    broken = ModelBundle(shipped.path, shipped.sha256, shipped.info, damaged)
    assert "checksum" in refusal(rewrite(broken, tmp_path / "x.allmodel"))


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a\\..\\b", "c:evil"])
def test_a_part_that_climbs_out_is_refused(shipped, tmp_path, name):
    def listed(info):
        info["files"][name] = {"sha256": "0" * 64, "bytes": 1}

    path = rewrite(shipped, tmp_path / "x.allmodel", manifest=listed, extra=[(name, b"x")])
    assert "unsafe name" in refusal(path)


def test_parts_that_are_not_listed_are_refused(shipped, tmp_path):
    assert "other parts" in refusal(rewrite(shipped, tmp_path / "x.allmodel", extra=[("more", b"x")]))


@pytest.mark.parametrize("schema", [0, 2, "1", None])
def test_an_unknown_schema_is_refused(shipped, tmp_path, schema):
    path = rewrite(shipped, tmp_path / "x.allmodel", manifest=lambda info: info.update(schema=schema))
    assert "reads schema 1" in refusal(path)


@pytest.mark.parametrize("raw", ["not json", "[]", '"text"', "[" * 100_000])
def test_a_manifest_that_is_no_object_is_refused(shipped, tmp_path, raw):
    refusal(rewrite(shipped, tmp_path / "x.allmodel", raw=raw))


@pytest.mark.parametrize("key", ["classes", "network", "decision", "calibration", "training"])
def test_a_missing_entry_is_named(shipped, tmp_path, key):
    path = rewrite(shipped, tmp_path / "x.allmodel", manifest=lambda info: info.pop(key))
    assert key in refusal(path)


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ["Pro", "Pro"]},
        {"classes": ["Pro"]},
        {"preprocessing": {"name": "no_progress-of"}},
        {"decision": {"min_mood": 1}},
        {"network": {"file": "elsewhere.tflite"}},
    ],
)
def test_a_model_this_program_cannot_run_is_refused(shipped, tmp_path, change):
    refusal(rewrite(shipped, tmp_path / "x.allmodel", manifest=lambda info: info.update(change)))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\0" * 1000])
def test_a_file_that_is_no_bundle_is_refused(tmp_path, content):
    path = tmp_path / "x.allmodel"
    path.write_bytes(content)
    assert "zip" in refusal(path)


def test_a_bundle_that_is_not_there_is_refused(tmp_path):
    assert "cannot be read" in refusal(tmp_path / "x.allmodel")


def test_a_bundle_with_any_byte_changed_is_refused_or_the_same(shipped, tmp_path):
    """Damage inside packed data stops the unpacker before any checksum is looked at."""
    few = {name: data[:500] for name, data in shipped.members.items()}
    whole = write_bundle(tmp_path / "few.allmodel", shipped.info, few)
    data, copy, refused = whole.path.read_bytes(), tmp_path / "copy.allmodel", 0
    for at in range(0, len(data), 11):
        copy.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            assert ModelBundle.open(copy).members == whole.members
        except StationError:
            refused += 1
    assert refused > len(data) / 11 / 2


def test_arrays_never_read_pickles(shipped):
    buffer = io.BytesIO()
    np.savez(buffer, evil=np.array([{"a": 1}], dtype=object))
    bundle = ModelBundle(shipped.path, shipped.sha256, shipped.info, {"evil.npz": buffer.getvalue()})
    with pytest.raises(StationError, match="cannot be read"):
        bundle.arrays("evil.npz")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_manifest_with_a_number_that_is_not_finite_is_refused(shipped, tmp_path, number):
    raw = json.dumps({**shipped.info, "extra": "HERE"}).replace('"HERE"', number)
    assert "where a number is expected" in refusal(rewrite(shipped, tmp_path / "x.allmodel", raw=raw))


def test_a_manifest_that_names_something_twice_is_refused(shipped, tmp_path):
    """Another program would show the other one."""
    raw = json.dumps(shipped.info).replace('"classes":', '"classes": ["Pro", "Pre"], "classes":', 1)
    assert "names 'classes' twice" in refusal(rewrite(shipped, tmp_path / "x.allmodel", raw=raw))


def test_two_manifests_are_refused(shipped, tmp_path):
    more = [("bundle.json", json.dumps(shipped.info))]
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = rewrite(shipped, tmp_path / "x.allmodel", extra=more)
    assert "has 2 bundle.json" in refusal(path)


@pytest.mark.parametrize("temperature", [1e-320, 1e-9, 1e9, "nan", "inf", -1.0])
def test_a_temperature_that_no_fit_gives_is_refused(shipped, tmp_path, temperature):
    change = {"calibration": {"temperature": temperature}}
    path = rewrite(shipped, tmp_path / "x.allmodel", manifest=lambda info: info.update(change))
    assert "sensible temperature" in refusal(path)


@pytest.mark.parametrize(
    "entry", [{"size": [60_000, 60_000]}, {"size": [0, 224]}, {"options": {"zoom": 9000}}]
)
def test_fields_of_a_size_that_fills_the_memory_are_refused(shipped, tmp_path, entry):
    change = {"preprocessing": {**shipped.info["preprocessing"], **entry}}
    path = rewrite(shipped, tmp_path / "x.allmodel", manifest=lambda info: info.update(change))
    assert "pixels a side" in refusal(path)


def test_only_zlib_unpacks_a_bundle(shipped, tmp_path):
    path = tmp_path / "x.allmodel"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("bundle.json", json.dumps(shipped.info))
    assert "packed in another way" in refusal(path)


def test_a_rule_with_a_limit_that_is_no_number_is_refused(shipped, tmp_path):
    change = {"decision": {**shipped.info["decision"], "min_probability": "nan"}}
    path = rewrite(shipped, tmp_path / "x.allmodel", manifest=lambda info: info.update(change))
    assert "min_probability" in refusal(path)


def test_arrays_that_claim_more_memory_than_there_is_are_refused(shipped):
    header = io.BytesIO()
    about = {"descr": "<f8", "fortran_order": False, "shape": (2**43,)}
    np.lib.format.write_array_header_1_0(header, about)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("means.npy", header.getvalue())
    bundle = ModelBundle(shipped.path, shipped.sha256, shipped.info, {"novelty.npz": packed.getvalue()})
    with pytest.raises(StationError, match="cannot be read"):
        bundle.arrays("novelty.npz")


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ["Benign", "needs review", "Pre", "Pro"]},
        {"classes": ["Benign", "Early", "Pre", "\x1b[2J"]},
        {"classes": ["Benign", "Early", "Pre", "=1+1"]},
        {"classes": ["Benign", "Early", "Pre", "<b>Pro</b>"]},
        {"classes": ["Benign", "Early", "Pre", "P" * 9000]},
        {"name": "n" * 9000},
    ],
)
def test_names_that_could_pass_for_something_else_are_refused(shipped, tmp_path, change):
    path = rewrite(shipped, tmp_path / "x.allmodel", manifest=lambda info: info.update(change))
    said = refusal(path)
    assert len(said) < 500
    assert "\x1b" not in said
