"""Types of ``metrics.json`` and of a comparison, which are plain JSON for the window and on disk."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from allstation.core.metrics import FigureJson


class Timing(TypedDict):
    """Prediction time: seconds for all fields, milliseconds a field, and what it was measured on.

    ``taken`` is the time at which it was taken again (:mod:`training.papers.retime`).
    """

    fields: int
    repeats: int
    median_s: float
    p95_s: float
    median_ms_per_field: float
    device: str
    load_average_1_min: float | None
    taken: NotRequired[str]


class ClassMetrics(TypedDict):
    """Figures of one class; AUC is not a number when the class has no fields."""

    precision: FigureJson
    recall: FigureJson
    specificity: FigureJson
    F1: float
    AUC: float
    support: int
    predicted: int


class PartMetrics(TypedDict):
    """Figures of a model on the validation or the test set (:mod:`allstation.core.evaluation`)."""

    n: int
    groups: int
    split: str
    patients: str
    classes: list[str]
    confusion_rows_true: list[list[int]]
    overall: dict[str, FigureJson]
    by_class: dict[str, ClassMetrics]
    averages: dict[str, float]
    reliability: list[dict[str, float]]
    accuracy_at_coverage: dict[float, float]
    time: NotRequired[Timing]


class Parts(TypedDict):
    """Figures of the validation and the test set."""

    validation: PartMetrics
    test: PartMetrics


class ModelPair(TypedDict):
    """Paired comparison of two models on the same fields; the difference is that of the first to the second.

    ``p_holm`` is the exact McNemar test adjusted for all pairs.
    """

    first: str
    second: str
    n: int
    only_first_right: int
    only_second_right: int
    accuracy_difference: float
    interval: list[float]
    p_mcnemar: float
    p_holm: float


class Comparison(TypedDict):
    """Comparison of runs, and of a model under the name ``model``, on the same fields."""

    model: dict[str, str]
    runs: dict[str, PartMetrics]
    pairs: list[ModelPair]


class RunMetrics(TypedDict, total=False):
    """Contents of ``metrics.json``; each kind of method writes its own part beside the figures."""

    validation: PartMetrics
    test: PartMetrics
    snapshots: dict[str, Parts]
    parameters: int
    megabytes_float32: float
    features: int
    epochs: int
    best_epoch: int
    seconds_per_epoch: float
    stopped: bool
    seconds: float
    bundle: str | None
    base: dict[str, str]
    base_test: PartMetrics
    against_base: ModelPair
    fitted_again: dict[str, str]
    served_difference: float
