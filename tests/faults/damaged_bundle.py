"""The shipped model with something wrong inside that no checksum can show: its maker wrote it so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from allstation.inference.bundle import ModelBundle, default_bundle_path, write_bundle


def rebuilt(
    target: Path,
    *,
    network: bytes | None = None,
    info: Mapping[str, Any] | None = None,
    reference: bool = False,
) -> ModelBundle:
    """Write the shipped bundle under another name, with another network or other entries in its manifest.

    Args:
        target: The file.
        network: Another network.
        info: Other entries.
        reference: Keep the reference fields, which tell at once that another network answers.
    """
    shipped = ModelBundle.open(default_bundle_path())
    kept = {key: value for key, value in shipped.info.items() if key not in {"schema", "files", "reference"}}
    kept["name"] = "Rebuilt"
    members = {name: data for name, data in shipped.members.items() if reference or name != "reference.npz"}
    if network is not None:
        members[shipped.info["network"]["file"]] = network
    return write_bundle(target, {**kept, **(info or {})}, members)


def with_bias(target: Path, bias: Sequence[float]) -> ModelBundle:
    """Write the shipped bundle with other constants added to its four logits."""
    from ai_edge_litert.interpreter import Interpreter

    shipped = ModelBundle.open(default_bundle_path())
    network = shipped.read(shipped.info["network"]["file"])
    interpreter = Interpreter(model_content=network)
    interpreter.allocate_tensors()
    (kernel,) = (interpreter.get_tensor(one["index"]) for one in interpreter.get_tensor_details()
                 if one["name"].endswith("classes_1/convolution"))  # fmt: skip
    stored, changed = kernel.tobytes(), kernel.copy()
    changed[..., -1] = np.array(bias, np.float32)[:, None, None]  # the last input of the layer is 1
    assert network.count(stored) == 1
    return rebuilt(target, network=network.replace(stored, changed.tobytes()))
