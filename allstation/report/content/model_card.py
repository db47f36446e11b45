"""Model card excerpt of a report, read from the stored ``bundle.json``.

A bundle is somebody's file: whatever shape its optional parts have, the excerpt shows what can be
read and leaves out the rest. Nothing is computed from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.records import ModelRecord
from allstation.report.content.report_types import MAKER, Entry, ModelBlock, ModelFigure
from allstation.report.content.wording import decimal, number

_PROBES: Final = ("probes", "shortcut_probes", "shortcuts")
_SHARED: Final = ("n", "split", "patients")
"""Said once of a group of figures, it holds for each of them."""
_LONGEST: Final = 40
"""Most figures that are printed; a bundle can hold hundreds."""


def model_block(model: ModelRecord, fields_read: int) -> ModelBlock:
    """Return the excerpt of one model.

    Args:
        model: As the case remembers it.
        fields_read: Fields of the case that it read.
    """
    info: Mapping[str, Any] = model.info
    probes = next((info[key] for key in _PROBES if info.get(key)), None)
    limits = info.get("limits")
    return ModelBlock(
        name=model.name,
        version=model.version,
        sha256=model.sha256,
        classes=model.classes,
        fields_read=fields_read,
        facts=tuple(
            Entry(label, value) for label, value in ((MAKER, model.signed_by), *_facts(info)) if value
        ),
        figures=tuple(_figures(info.get("figures"), info))[:_LONGEST],
        probes=tuple(_figures(probes, info))[:_LONGEST],
        limits=_limits(limits),
    )


def _limits(source: object) -> tuple[str, ...]:
    if isinstance(source, str):
        return (source,)
    return tuple(_text(limit) for limit in source) if isinstance(source, list | tuple) else ()


def _part(info: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = info.get(key)
    return part if isinstance(part, Mapping) else {}


def _facts(info: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    training, rule = _part(info, "training"), _part(info, "decision")
    rule = _part(rule, "rule") or rule
    prepared, network = _part(info, "preprocessing"), _part(info, "network")
    yield "Made", _text(info.get("created"))
    yield "Network", _text(network.get("architecture") or network.get("name"))
    yield "Parameters", _text(network.get("parameters"))
    yield "Preprocessing", " ".join(_text(prepared.get(key)) for key in ("name", "version")).strip()
    yield "Trained on", _fields(training.get("fields"))
    yield "Split", _text(training.get("split"))
    yield "Patients", _patients(training)
    yield "Training list SHA-256", _text(training.get("list_sha256"))
    yield "Recipe", _text(training.get("recipe"))
    yield "Temperature", _text(_part(info, "calibration").get("temperature"))
    yield "Names a class from", _limit(rule.get("min_probability"), "probability")
    yield "Novelty limit", _text(rule.get("max_novelty"))
    yield "Sharpness limit", _text(rule.get("min_sharpness"))
    yield "Fewest cells in the model's mask", _text(rule.get("min_cells"))


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items() if _text(item))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_text(item) for item in value)
    return _scalar(value)


def _scalar(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return number(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _fields(value: object) -> str:
    text = _text(value)
    return f"{text} fields" if isinstance(value, int) else text


def _limit(value: object, what: str) -> str:
    return f"{what} {_text(value)}" if value is not None else ""


def _patients(part: Mapping[str, Any]) -> str:
    known = _text(part.get("patients"))
    return PATIENTS_UNKNOWN if known in {"", "unknown", PATIENTS_UNKNOWN} else known


def _figures(source: object, info: Mapping[str, Any]) -> Iterator[ModelFigure]:
    """Read figures from a list of objects or from an object of objects or numbers."""
    if isinstance(source, Mapping):
        shared = {key: source[key] for key in _SHARED if isinstance(source.get(key), str | int)}
        for name, value in source.items():
            if name in _SHARED:
                continue
            if isinstance(value, Mapping) and "value" in value:
                yield _figure({**shared, "name": name, **value}, info)
            elif isinstance(value, Mapping):
                yield from _nested(str(name), {**shared, **value}, info)
            elif isinstance(value, int | float):
                yield _figure({**shared, "name": name, "value": value}, info)
    elif isinstance(source, Sequence) and not isinstance(source, str):
        for item in source:
            if isinstance(item, Mapping):
                yield _figure(item, info)


def _nested(group: str, part: Mapping[str, Any], info: Mapping[str, Any]) -> Iterator[ModelFigure]:
    for figure in _figures(part, info):
        yield ModelFigure(
            f"{group}: {figure.name}",
            figure.value,
            figure.interval,
            figure.n,
            figure.split,
            figure.patients,
        )


def _figure(item: Mapping[str, Any], info: Mapping[str, Any]) -> ModelFigure:
    name = item.get("label") or item.get("name") or item.get("metric") or item.get("figure") or "figure"
    return ModelFigure(
        name=str(name).replace("_", " "),
        value=_value(item.get("value")),
        interval=_interval(item.get("interval", item.get("ci", item))),
        n=_text(item.get("n")),
        split=_text(item.get("split", _part(info, "training").get("split"))),
        patients=_patients(item if "patients" in item else _part(info, "training")),
    )


def _value(value: object) -> str:
    return decimal(value) if isinstance(value, float) else _text(value)


def _interval(source: object) -> str:
    low: object = None
    high: object = None
    if isinstance(source, Mapping):
        low, high = source.get("low"), source.get("high")
    elif isinstance(source, Sequence) and not isinstance(source, str) and len(source) == 2:  # noqa: PLR2004
        low, high = source
    if isinstance(low, int | float) and isinstance(high, int | float):
        return f"{decimal(float(low))} to {decimal(float(high))}"
    return source if isinstance(source, str) else ""
