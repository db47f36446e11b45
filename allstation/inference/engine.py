"""Inference engine: one LiteRT interpreter, decision rule and novelty of a model bundle."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allstation.core.cells import NewCell
from allstation.core.decision import Evidence
from allstation.core.errors import ModelError, StationError
from allstation.core.known_sizes import NO_SLIDE, NOTHING_KNOWN
from allstation.core.limits import DecodeLimits
from allstation.core.records import Prediction
from allstation.core.text import shown_name
from allstation.imaging import preprocess, quality
from allstation.imaging.cells.segmentation import background_colour
from allstation.imaging.fields import cell_finding
from allstation.imaging.fields.file import FieldFile, read_field
from allstation.imaging.fields.reading import FieldReading, View, read_at_scale
from allstation.imaging.fields.scale import FieldScale
from allstation.imaging.formats import decode
from allstation.inference.bundle import ModelBundle
from allstation.inference.bundle_kinds import FIELD, kind_of
from allstation.inference.isolated import RUN_SECONDS, IsolatedNetwork
from allstation.inference.look import Look, evidence_map, is_too_coarse, look_at_parts, part_size
from allstation.inference.network import LocalNetwork, Network, NetworkError
from allstation.inference.network_origin import is_shipped, needs_isolation
from allstation.inference.novelty import Novelty
from allstation.inference.training_optics import TrainingOptics, training_optics

_log = logging.getLogger(__name__)
FloatArray = NDArray[np.float32]


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return probabilities over the last axis, computed in float64 without overflow."""
    shifted = np.asarray(logits, np.float64)
    shifted = shifted - shifted.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


class Engine:
    """Runs a bundle's network on one thread.

    LiteRT is asked for one thread and one field at a time: on the CPU that is the fastest way to
    serve a MobileNet-sized network from several engines, and it makes every result independent of
    batch size and thread count, bit for bit.
    """

    def __init__(
        self, bundle: ModelBundle, *, seconds: float = RUN_SECONDS, network: Network | None = None
    ) -> None:
        """Load the network: in this process if it is trusted, else in one of its own.

        Args:
            bundle: The model.
            seconds: Wall time that a network in a process of its own has for one field.
            network: The bundle's network, loaded already by whoever has just made it; None loads it.

        Raises:
            ModelError: ``bad-bundle`` if the network cannot be loaded or its shapes do not fit
                what the bundle says of it.
        """
        try:
            self._load(bundle, seconds, network)
        except StationError:
            raise
        except NetworkError as error:
            raise _unusable(bundle, str(error)) from error
        except Exception as error:  # a damaged network makes the runtime raise whatever it meets
            _log.exception("the network of %s cannot be loaded", bundle.sha256)
            raise _unusable(bundle, f"its network cannot be loaded ({type(error).__name__})") from error

    def _load(self, bundle: ModelBundle, seconds: float, network: Network | None) -> None:
        if kind_of(bundle.info) != FIELD:
            raise _unusable(bundle, "it reads cells, not fields")
        self._bundle = bundle
        self._optics = training_optics(bundle)
        self.sizes = NOTHING_KNOWN
        """What the case says of pixel sizes, and its site."""
        self._classes = bundle.classes
        self._rule = bundle.rule
        self._temperature = bundle.temperature
        self.preprocessing: preprocess.Preprocessing = bundle.preprocessing
        self._novelty, self._novelty_output = _novelty(bundle), novelty_output(bundle)
        # What is like the fields that the shipped model learned from has their scale.
        self._knows_scale = is_shipped(bundle)
        self._network: Network = network or _loaded(bundle, seconds)
        try:
            self._check_outputs(self._network.output_shapes)
        except ModelError:
            self.close()
            raise

    def _check_outputs(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Refuse now what would fail at the first field."""
        if not shapes:
            raise _unusable(self._bundle, "its network has no signature")
        classes, logits, features = len(self._classes), shapes.get("logits"), shapes.get(self._novelty_output)
        if logits != (1, classes):
            raise _unusable(self._bundle, "its network does not give one logit per class")
        evidence = shapes.get("evidence")
        if evidence is not None and evidence[3:] != (classes,):
            raise _unusable(self._bundle, "its network does not give one map of evidence per class")
        if self._novelty is not None and features != (1, self._novelty.features):
            wanted = f"its novelty figures are for {self._novelty.features} features"
            name = self._novelty_output
            found = f"no output named {name}" if features is None else f"{name} of shape {features}"
            raise _unusable(self._bundle, f"{wanted}, its network has {found}")

    def run(self, tensor: FloatArray) -> dict[str, FloatArray]:
        """Run the network on one prepared field.

        Args:
            tensor: (h, w, c) float32, as ``preprocess.prepare`` gives it.

        Returns:
            Output name to array without the batch axis: ``logits`` (k,), and if the network has
            them ``features`` (f,), ``appearance`` (a,) and ``evidence`` (rows, columns, k).

        Raises:
            ModelError: ``bad-bundle`` if the runtime cannot compute the network.
        """
        expected = self._network.input_shape[1:]
        if tensor.shape != expected:
            raise _unusable(
                self._bundle, f"its network takes {expected}, its preprocessing gives {tensor.shape}"
            )
        try:
            return self._network.run(tensor)
        except NetworkError as error:
            raise _unusable(self._bundle, str(error)) from error

    def close(self) -> None:
        """End the process of a network that has one."""
        self._network.close()

    def warm_up(self) -> None:
        """Classify an empty field, for what is made once in a process when it is first needed.

        OpenCV's tables for CIELAB are most of it: 155 ms of processor time.

        Raises:
            ModelError: ``bad-bundle`` if even that cannot be classified.
        """
        try:
            self.classify_rgb(np.full((*self.preprocessing.size, 3), 255, np.uint8))
        except StationError:
            raise
        except Exception as error:
            _log.exception("an empty field cannot be classified by %s", self._bundle.sha256)
            raise _unusable(self._bundle, f"it classifies nothing ({type(error).__name__})") from error

    def probabilities(self, logits: FloatArray) -> NDArray[np.float64]:
        """Return calibrated probabilities (k,) of one field's logits (k,), all NaN if one is not finite.

        A single infinite logit would otherwise make its class, or the only finite one, certain. The
        exponentials are the C library's: NumPy's own differ in the last bit between AVX2 and AVX-512.
        """
        with np.errstate(all="ignore"):
            scaled = logits / self._temperature
        finite = np.isfinite(logits).all() and np.isfinite(scaled).all()
        if not finite:
            return np.full(len(logits), math.nan)
        top = float(scaled.max())
        parts = [math.exp(float(value) - top) for value in scaled]
        return np.array(parts) / math.fsum(parts)

    def classify(
        self,
        path: Path,
        limits: DecodeLimits = decode.DEFAULT_LIMITS,
        *,
        sha256: str = "",
        slide: int = NO_SLIDE,
    ) -> Prediction:
        """Decode, prepare and classify one field image.

        Args:
            path: The file.
            limits: What to accept.
            sha256: Of the bytes that are to be classified; empty for whatever the file holds.
            slide: Id of the field's slide, which may have a pixel size of its own.

        Raises:
            StationError: If the file cannot be read as a field, or holds other bytes.
        """
        started = time.perf_counter()
        file = read_field(path, limits, sha256=sha256)
        return self._classified(file, self._reading(file, slide), started)

    def classify_with_cells(
        self,
        path: Path,
        limits: DecodeLimits = decode.DEFAULT_LIMITS,
        *,
        sha256: str = "",
        slide: int = NO_SLIDE,
    ) -> tuple[Prediction, tuple[NewCell, ...]]:
        """Classify one field image and find its cells, in one reading and, as a rule, one decoding of it.

        The prediction is the one of :meth:`classify`.

        Raises:
            StationError: As :meth:`classify`.
        """
        started = time.perf_counter()
        file = read_field(path, limits, sha256=sha256)
        reading = self._reading(file, slide)
        made = self._classified(file, reading, started)
        return made, self._cells_of(file, reading, made)

    def find_cells(
        self,
        path: Path,
        made: Prediction,
        limits: DecodeLimits = decode.DEFAULT_LIMITS,
        *,
        sha256: str = "",
        slide: int = NO_SLIDE,
    ) -> tuple[NewCell, ...]:
        """Find the cells of a field that this model classified before, those of :meth:`classify_with_cells`.

        Args:
            path: The file.
            made: The prediction.
            limits: What to accept.
            sha256: Of the bytes that were classified; empty for whatever the file holds.
            slide: Id of the field's slide.

        Raises:
            StationError: As :meth:`classify`.
        """
        file = read_field(path, limits, sha256=sha256)
        return self._cells_of(file, self._reading(file, slide), made)

    def appearance(
        self,
        path: Path,
        limits: DecodeLimits = decode.DEFAULT_LIMITS,
        *,
        sha256: str = "",
        slide: int = NO_SLIDE,
    ) -> FloatArray:
        """Return what the network says of how a field looks, from the look that classifies it.

        Args:
            path: The file.
            limits: What to accept.
            sha256: Of the bytes that were added; empty for whatever the file holds.
            slide: Id of the field's slide.

        Returns:
            (f,) float32; of a field that is looked at in parts the mean over its cells.

        Raises:
            StationError: As :meth:`classify`.
        """
        file = read_field(path, limits, sha256=sha256)
        return self._assessed(file, self._reading(file, slide))[0].appearance

    def _cells_of(self, file: FieldFile, reading: FieldReading, made: Prediction) -> tuple[NewCell, ...]:
        return cell_finding.find_in_file(
            file,
            reading.sampled,
            reading.network_rgb,
            made.evidence,
            familiar=self._knows_scale and made.novelty <= 1 and reading.view is View.ALIKE,
            scale=reading.cells_scale,
        )

    def classify_rgb(self, rgb: NDArray[np.uint8], *, started: float | None = None) -> Prediction:
        """Classify pixels that already have the network's size, taken for a field of the model's own scale.

        Args:
            rgb: (h, w, 3) uint8 at the preprocessing's size.
            started: ``time.perf_counter()`` when work on the field began, for its milliseconds.
        """
        began = time.perf_counter() if started is None else started
        return self._prediction(self._look(rgb, preprocess.prepare(rgb, self.preprocessing)), began)

    def _reading(self, file: FieldFile, slide: int) -> FieldReading:
        own = None if self._optics is None else self._optics.pixels_per_um
        return read_at_scale(file, self.preprocessing.size, own=own, sizes=self.sizes, slide=slide)

    def _classified(self, file: FieldFile, reading: FieldReading, started: float) -> Prediction:
        look, other_scale, other_colours = self._assessed(file, reading)
        return self._prediction(look, started, other_scale=other_scale, other_colours=other_colours)

    def _assessed(self, file: FieldFile, reading: FieldReading) -> tuple[Look, bool, bool]:
        """Look at a field whole if it shows as much as those the model learned from, else in parts.

        Returns:
            The look, whether the field is of another scale, and whether it is of other colours.
        """
        rgb, optics = reading.network_rgb, self._optics
        if optics is None:
            return self._look(rgb, preprocess.prepare(rgb, self.preprocessing)), False, False
        site = self.sizes.site
        accepted = site is not None and site.bundle_sha256 == self._bundle.sha256
        squashed = (file.header.height, file.header.width) == self.preprocessing.size
        colours = not (accepted or squashed) and bool((background_colour(rgb) < optics.darkest).any())
        if reading.view is View.MORE and reading.scale is not None:
            look = self._look_at_parts(file, reading.scale, optics)
            if look is not None:
                return look, not accepted, colours
        look = self._look(rgb, preprocess.prepare(rgb, self.preprocessing))
        return look, reading.view is not View.ALIKE, colours

    def _look_at_parts(self, file: FieldFile, scale: FieldScale, optics: TrainingOptics) -> Look | None:
        """Look at a field in parts of the model's own scale; None if they would have too few pixels."""
        size, header = self.preprocessing.size, file.header
        whole = part_size(scale.pixels_per_um, own=optics.pixels_per_um, aspect=optics.aspect, size=size)
        if is_too_coarse(whole, size):
            return None
        wanted = math.ceil(size[0] * header.height / whole[1]), math.ceil(size[1] * header.width / whole[0])
        picture = file.shrunk(wanted)
        share = picture.shape[1] / header.width
        return look_at_parts(
            picture,
            (whole[0] * share, whole[1] * share),
            size,
            prepare=partial(preprocess.prepare, preprocessing=self.preprocessing),
            look=self._look,
        )

    def _look(self, rgb: NDArray[np.uint8], prepared: preprocess.Prepared) -> Look:
        figures = quality.assess(rgb, prepared.cells)
        outputs = self.run(prepared.tensor)
        shares = self.probabilities(outputs["logits"]).tolist()
        return Look(
            probabilities=tuple(value if math.isfinite(value) else math.nan for value in shares),
            novelty=self._novelty.score(outputs[self._novelty_output]) if self._novelty else 0.0,
            cell_count=prepared.cells.count,
            quality=figures,
            activation=outputs.get("evidence"),
            appearance=_appearance(outputs),
        )

    def _prediction(
        self, look: Look, began: float, *, other_scale: bool = False, other_colours: bool = False
    ) -> Prediction:
        evidence = Evidence(
            look.probabilities,
            look.novelty,
            look.quality.sharpness,
            look.cell_count,
            other_scale=other_scale,
            other_colours=other_colours,
        )
        return Prediction(
            model_sha256=self._bundle.sha256,
            probabilities=dict(zip(self._classes, look.probabilities, strict=True)),
            decision=self._rule.decide(self._classes, evidence),
            novelty=look.novelty,
            cell_count=look.cell_count,
            quality=look.quality,
            evidence=evidence_map(look.activation, self._classes),
            milliseconds=(time.perf_counter() - began) * 1000,
        )


def _appearance(outputs: Mapping[str, FloatArray]) -> FloatArray:
    """Return how a field looks to a network; networks that do not say it have features, or logits alone."""
    name = next((name for name in ("appearance", "features") if name in outputs), "logits")
    return outputs[name]


def _loaded(bundle: ModelBundle, seconds: float) -> Network:
    content = bundle.read(str(bundle.info["network"]["file"]))
    return IsolatedNetwork(content, seconds=seconds) if needs_isolation(bundle) else LocalNetwork(content)


def novelty_output(bundle: ModelBundle) -> str:
    """Return the name of the network's output that a bundle's novelty is told from."""
    entry = bundle.info.get("novelty")
    return str(entry.get("output", "features")) if isinstance(entry, Mapping) else "features"


def _novelty(bundle: ModelBundle) -> Novelty | None:
    entry = bundle.info.get("novelty")
    if not entry:
        return None
    try:
        return Novelty(bundle.arrays(str(entry["file"])))
    except (TypeError, KeyError, ValueError) as error:
        raise _unusable(bundle, f"its novelty figures do not fit ({error})") from error


def _unusable(bundle: ModelBundle, problem: str) -> ModelError:
    sentence = f"The model bundle {shown_name(bundle.path)} cannot be used: {problem}. Choose another model."
    return ModelError("bad-bundle", sentence)
