"""Estimate of a run's time and memory from runs that were measured on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from allstation.services.training.history import RunSummary
from allstation.ui.common.formatting import duration
from allstation.ui.common.i18n import tr

TUNING: Final = "finetune"
"""Its steps take no time; looking at the fields does, which the training program measures."""

_MEGABYTE: Final = 1_000_000
_GIGABYTE: Final = 1_000_000_000


def _pixels(recipe: Mapping[str, Any]) -> int:
    return int(recipe["input"]["height"]) * int(recipe["input"]["width"])


def seconds_for(recipe: Mapping[str, Any], fields: int, runs: Iterable[RunSummary]) -> float | None:
    """Estimate the training time of a recipe from the newest comparable run.

    Time is taken as proportional to epochs, training fields and pixels of the input.

    Args:
        recipe: Recipe as plain data.
        fields: Fields of the labelled folder.
        runs: Known runs, the newest first.

    Returns:
        Seconds, or None when no run of this method was measured, or its time is not that of its epochs.
    """
    if recipe["method"]["kind"] == TUNING:
        return None
    for run in runs:
        made = run.info.get("recipe", {})
        trained = run.info.get("counts", {}).get("train")
        if run.method != recipe["method"]["kind"] or not trained or run.seconds_per_epoch is None:
            continue
        share = fields * float(recipe["split"]["train"]) / float(trained)
        larger = _pixels(recipe) / max(_pixels(made), 1)
        return float(recipe["fit"]["epochs"]) * run.seconds_per_epoch * share * larger
    return None


def estimate_text(recipe: Mapping[str, Any], fields: int, runs: Iterable[RunSummary]) -> str:
    """Say how long training will take, and how much memory its fields need."""
    channels = 1 if recipe["input"]["colour"] == "gray" else 3
    size = fields * _pixels(recipe) * channels
    memory = f"{size / _GIGABYTE:.1f} GB" if size > _GIGABYTE else f"{size / _MEGABYTE:.0f} MB"
    needs = tr("The fields take {memory} of memory, the network more.", memory=memory)
    seconds = seconds_for(recipe, fields, runs)
    if seconds is None:
        return tr("Its time is unknown until it is measured. {needs}", needs=needs)
    return tr(
        "About {time} of training, judged by an earlier run here. {needs}",
        time=duration(seconds),
        needs=needs,
    )
