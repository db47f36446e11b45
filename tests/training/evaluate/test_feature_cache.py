"""Kept features of fields: what a forged or damaged file among them can do, which is nothing."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from training.evaluate.feature_cache import FeatureCache

NAMES, ONES = np.array(["b" * 64]), np.ones((1, 4), np.float32)
GOOD = {"sha256": NAMES, "features": ONES, "logits": ONES}


def npy(array: object) -> bytes:
    data = io.BytesIO()
    np.save(data, np.asarray(array))
    return data.getvalue()


def claim(shape: tuple[int, ...]) -> bytes:
    data = io.BytesIO()
    np.lib.format.write_array_header_2_0(data, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return data.getvalue()


def npz(**members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return data.getvalue()


WHOLE = {name: npy(array) for name, array in GOOD.items()}


@pytest.mark.parametrize(
    "content",
    [
        npz(**WHOLE | {"features": npy(np.array([{}], object))}),
        npz(**WHOLE | {"features": npy(ONES * np.nan)}),
        npz(**WHOLE | {"features": npy(np.ones((1, 7), np.float32))}),
        npz(**WHOLE | {"features": npy(ONES[0])}),
        npz(**WHOLE | {"features": npy(["text"])}),
        npz(**WHOLE | {"features": claim((1 << 43,))}),
        npz(**WHOLE | {"features": claim((1, 1 << 25)) + bytes(1 << 27)}),
        npz(**WHOLE | {"sha256": npy("b")}),
        npz(**{name: content for name, content in WHOLE.items() if name != "logits"}),
        WHOLE["sha256"],
        b"",
    ],
)
def test_a_forged_batch_is_measured_again(content: bytes, tmp_path: Path) -> None:
    FeatureCache(tmp_path, "ab" * 32, "look").keep({"a" * 64: (ONES[0], ONES[0])})
    (folder,) = tmp_path.iterdir()
    (folder / "zz.npz").write_bytes(content)
    cache = FeatureCache(tmp_path, "ab" * 32, "look")
    assert cache.get("a" * 64) is not None
    assert cache.get("b" * 64) is None
    (folder / "zz.npz").write_bytes(npz(**WHOLE))
    assert FeatureCache(tmp_path, "ab" * 32, "look").get("b" * 64) is not None
