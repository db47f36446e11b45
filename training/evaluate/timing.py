"""Prediction times of a model, with what they were measured on."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from training.evaluate.types import Timing

Timer = Callable[[NDArray[np.int64]], Timing]
"""Times predicting rows of a labelled set (:func:`time_prediction`)."""


def time_prediction(predict: Callable[[], object], fields: int, *, repeats: int = 5) -> Timing:
    """Time a prediction: one warm-up, then median and 95th percentile of the repeats.

    Args:
        predict: Predicts all fields once.
        fields: How many that are.
        repeats: Timed calls.

    Returns:
        Seconds for all fields, milliseconds a field, and what it ran on, its load included.
    """
    predict()
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        predict()
        seconds.append(time.perf_counter() - begun)
    median = float(np.median(seconds))
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "fields": fields,
        "repeats": repeats,
        "median_s": median,
        "p95_s": float(np.percentile(seconds, 95)),
        "median_ms_per_field": 1000 * median / max(1, fields),
        "device": f"{platform.machine()}, {os.cpu_count()} processors",
        "load_average_1_min": load,
    }
