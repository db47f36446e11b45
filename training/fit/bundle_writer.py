"""Writer of model bundles: Keras network to LiteRT, verified by another process."""

from __future__ import annotations

import io
import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.classes import CLASS_NAMES
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.frozen import station_command
from allstation.imaging.formats.pixel_conversions import squash
from allstation.imaging.preprocess import Preprocessing, prepare
from allstation.imaging.synthetic import draw_field
from allstation.inference.bundle import ModelBundle, write_bundle
from allstation.inference.engine import softmax
from allstation.inference.reference import MEMBER
from allstation.keys.station import station_key
from training.fit.runs import writing
from training.models.backend import KerasObject

NETWORK: Final = "network.tflite"
WEIGHTS: Final = "weights.npz"
NOVELTY: Final = "novelty.npz"
REFERENCE_FIELDS: Final = 16
_FIRST_SEED: Final = 900
"""Of the reference fields; far from the demo's seeds."""
_TIMEOUT: Final = 300
"""Seconds; the verification takes one or two."""

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Export:
    """Contents of a bundle other than the network.

    Attributes:
        info: ``bundle.json`` without ``network``, ``novelty``, ``preprocessing`` and ``reference``.
        preprocessing: How fields become the network's input.
        temperature: Divisor of the logits, also in ``info["calibration"]``.
        novelty: Arrays ``means`` (k, f), ``whitening`` (d, f), ``limit`` (); None for no novelty.
        texts: Text members, such as ``model-card.md``.
        weights: Arrays from which the network is trained further.
    """

    info: Mapping[str, Any]
    preprocessing: Preprocessing
    temperature: float = 1.0
    novelty: Arrays | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    weights: Arrays | None = None


def to_litert(model: KerasObject) -> bytes:
    """Convert a Keras model to a LiteRT flat buffer for one field at a time.

    Names of the outputs (the keys of the model's output dictionary) are kept in the signature; the input is
    called ``field``, several inputs keep their names.
    """
    import keras
    import tensorflow as tf

    specs: Any = {each.name: keras.InputSpec(shape=(1, *each.shape[1:]), dtype="float32", name=each.name)
                  for each in model.inputs}  # fmt: skip
    if len(specs) == 1:
        specs = keras.InputSpec(shape=(1, *model.inputs[0].shape[1:]), dtype="float32", name="field")
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        lambda field: model(field, training=False),
        input_signature=[specs],
    )
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serving_default"])
        return bytes(converter.convert())


def packed_arrays(arrays: Arrays) -> bytes:
    """Return arrays as the bytes of an ``.npz`` file; no pickle."""
    stream = io.BytesIO()
    plain = {name: np.asarray(value) for name, value in arrays.items()}
    np.savez_compressed(stream, allow_pickle=False, **plain)
    return stream.getvalue()


def reference_fields(size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw the synthetic fields a bundle is verified on: (n, h, w, 3)."""
    drawn = [
        draw_field(CLASS_NAMES[index % len(CLASS_NAMES)], _FIRST_SEED + index)
        for index in range(REFERENCE_FIELDS)
    ]
    return np.stack([squash(rgb, size) for rgb in drawn])


def reference_arrays(model: KerasObject, export: Export) -> Arrays:
    """Return the reference fields and Keras' probabilities of them."""
    rgb = reference_fields(export.preprocessing.size)
    tensors = np.stack([prepare(one, export.preprocessing).tensor for one in rgb])
    found = model.predict_on_batch(tensors)
    logits = found["logits"] if isinstance(found, Mapping) else found
    return {"rgb": rgb, "probabilities": softmax(np.asarray(logits) / export.temperature)}


def export_bundle(target: Path, model: KerasObject, export: Export) -> ModelBundle:
    """Write a bundle and let a new process compare it with the Keras network.

    Args:
        target: The ``.allmodel`` file; replaced only after verification.
        model: Keras network; output ``logits`` (k,), optionally ``features`` and ``evidence``.
        export: Everything else.

    Returns:
        The verified bundle.

    Raises:
        StationError: ``export-differs`` with what the verifying process said.
    """
    outputs = sorted(model.output) if isinstance(model.output, Mapping) else ["logits"]
    network = {"outputs": outputs, "parameters": int(model.count_params())}
    reference = reference_arrays(model, export)
    return pack_bundle(target, to_litert(model), export, network=network, reference=reference)


def pack_bundle(
    target: Path,
    litert: bytes,
    export: Export,
    *,
    network: Mapping[str, Any],
    reference: Arrays,
    signed: bool = True,
) -> ModelBundle:
    """Write a bundle round a LiteRT network, signed by this station, and let a new process verify it.

    Args:
        target: The ``.allmodel`` file; replaced only after verification.
        litert: The network.
        export: Everything else.
        network: ``outputs`` and ``parameters`` of the network.
        reference: ``rgb`` and the ``probabilities`` it must give, by another way of computing them.
        signed: Sign as this station; not a bundle that a release signs.

    Raises:
        StationError: ``export-differs`` with what the verifying process said; ``disk-full``.
    """
    members = {NETWORK: litert, MEMBER: packed_arrays(reference)}
    members |= {name: text.encode() for name, text in export.texts.items()}
    info = dict(export.info)
    info["network"] = {"file": NETWORK, **network}
    info["preprocessing"] = export.preprocessing.to_json()
    info["calibration"] = {**info.get("calibration", {}), "temperature": export.temperature}
    info["reference"] = {
        "file": MEMBER,
        "seeds": [_FIRST_SEED + index for index in range(len(reference["rgb"]))],
        "probabilities": reference["probabilities"].tolist(),
    }
    if export.novelty is not None:
        members[NOVELTY] = packed_arrays(export.novelty)
        info["novelty"] = {"file": NOVELTY, **info.get("novelty", {})}
    if export.weights is not None:
        members[WEIGHTS] = packed_arrays(export.weights)
        info["retraining"] = {"file": WEIGHTS, **info.get("retraining", {})}
    beside = target.with_name(f".{target.stem}.unverified{target.suffix}")
    try:
        with writing(target):
            write_bundle(beside, json.loads(json_text(info)), members, key=station_key())
        verify_in_new_process(beside)
        if not signed:  # verified with a signature, as nobody's bundle may bear the shipped one's name
            with writing(target):
                write_bundle(beside, json.loads(json_text(info)), members)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return ModelBundle.open(target)


def verify_in_new_process(bundle: Path) -> None:
    """Run ``allstation models verify`` on a bundle in a process that has loaded nothing yet.

    Raises:
        StationError: ``export-differs`` if it fails or does not end.
    """
    command = [*station_command(), "models", "verify", str(bundle)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        sentence = f"The verification of the exported model took more than {_TIMEOUT} s. Export it again."
        raise StationError("export-differs", sentence) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
        raise StationError("export-differs", f"The exported model did not pass its verification: {said[0]}")
