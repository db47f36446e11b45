"""Last layers that all networks share, and the names that other modules rely on."""

from __future__ import annotations

import keras
from keras import layers

from allstation.imaging.inputs import InputSpec
from training.models.backend import KerasObject


def network_input(spec: InputSpec) -> KerasObject:
    """The input of a network: prepared fields as float32."""
    return keras.Input(spec.shape, name="field", dtype="float32")


def close(
    inputs: KerasObject, features: KerasObject, *, classes: int, outputs: str, name: str
) -> keras.Model:
    """Add logits and probabilities, both in float32 whatever the precision inside.

    Args:
        inputs: The network's input.
        features: Flat features, batch by f.
        classes: Number of classes.
        outputs: ``softmax``, or ``sigmoid`` for one-versus-rest training.
        name: Name of the model.
    """
    named = layers.Activation("linear", name="features", dtype="float32")(features)
    logits = layers.Dense(classes, name="logits", dtype="float32")(named)
    probabilities = layers.Activation(outputs, name="probabilities", dtype="float32")(logits)
    return keras.Model(inputs, probabilities, name=name)
