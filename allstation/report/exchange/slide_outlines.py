"""GeoJSON of the fields and cells of one whole slide, in the slide's own coordinates: QuPath lays it over."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from allstation.core.classes import class_style
from allstation.core.plain_json import json_text
from allstation.core.records import FieldRecord
from allstation.core.slide_part import Region

_NAMESPACE: Final = uuid.UUID("2f3a9a0c-6f0e-5c8e-9c4b-5b1d0b0c7e52")


Scales = Sequence[float]


def slide_parts(
    about: Mapping[str, Any], fields: Iterable[tuple[FieldRecord, int, Mapping[str, Any]]], scale: Scales
) -> Iterator[bytes]:
    """Yield the FeatureCollection of a slide a field at a time, as JSON.

    Args:
        about: Properties of the collection.
        fields: Fields as the export names them, their numbers, and the collections of their cells, which
            are in pixels of the field.
        scale: Downsampling by level.
    """
    yield b'{"type": "FeatureCollection", "features": ['
    first = True
    for field, number, collection in fields:
        for feature in _features(field, number, collection, scale):
            yield (b"" if first else b",") + b"\n" + _encoded(feature)
            first = False
    yield b'\n], "properties": ' + _encoded(about) + b"}\n"


def _features(
    field: FieldRecord, number: int, collection: Mapping[str, Any], scale: Scales
) -> Iterator[dict[str, Any]]:
    """Yield the field as an annotation, then its cells, all in pixels of the slide's largest level."""
    region = field.part
    if not isinstance(region, Region):
        return
    factor = scale[region.level] if region.level < len(scale) else 1.0
    name = field.final_name
    right, bottom = region.x + region.width * factor, region.y + region.height * factor
    corners = [
        [region.x, region.y],
        [right, region.y],
        [right, bottom],
        [region.x, bottom],
        [region.x, region.y],
    ]
    properties: dict[str, Any] = {"objectType": "annotation", "name": f"Field {number}", "isLocked": True}
    if name:
        colour = class_style(name).colour
        rgb = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
        properties["classification"] = {"name": name, "color": rgb}
    yield {
        "type": "Feature",
        "id": str(uuid.uuid5(_NAMESPACE, field.sha256)),
        "geometry": {"type": "Polygon", "coordinates": [corners]},
        "properties": properties,
    }
    for feature in collection["features"]:
        geometry = feature["geometry"]
        moved = _moved(geometry["coordinates"], region, factor)
        named = {**feature["properties"], "name": f"Field {number}, {feature['properties']['name'].lower()}"}
        yield {**feature, "geometry": {**geometry, "coordinates": moved}, "properties": named}


def _moved(coordinates: list[Any], region: Region, factor: float) -> list[Any]:
    """Return points of a field, nested as GeoJSON nests them, as points of the slide."""
    if coordinates and isinstance(coordinates[0], int | float):
        x, y = coordinates
        return [round(region.x + x * factor, 2), round(region.y + y * factor, 2)]
    return [_moved(one, region, factor) for one in coordinates]


def _encoded(value: object) -> bytes:
    return json_text(value, indent=None, ensure_ascii=True).encode()
