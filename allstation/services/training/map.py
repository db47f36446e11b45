"""Map of a labelled folder as the training program reports it, and what a person finds on it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.core.tables import SUFFIXES

PARTS: Final = ("train", "validation", "test")
RIGHT, WRONG, UNKNOWN = "right", "wrong", "not known"


class MapColour(StrEnum):
    """Property that the points are coloured by."""

    CLASS = "class"
    PART = "part"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPoint:
    """Field on the map.

    Attributes:
        path: The field.
        class_name: As labelled.
        part: Of the run's split; empty where it is not known.
        predicted: Class that the model finds most likely; empty where it has other classes.
    """

    path: Path
    class_name: str
    part: str
    predicted: str

    def group(self, by: MapColour) -> str:
        """Return the group that the point is coloured as."""
        if by is MapColour.CLASS:
            return self.class_name
        if by is MapColour.PART:
            return self.part or UNKNOWN
        if not self.predicted:
            return UNKNOWN
        return RIGHT if self.predicted == self.class_name else WRONG


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMap:
    """Fields of a labelled folder in two dimensions.

    Attributes:
        folder: Labelled folder or table.
        model: Name and version of the model whose features they are.
        classes: Of the folder.
        explained: Shares of the variance on the two axes, 0 to 1.
        left_out: Fields that could not be read.
        problem: Sentence about the first of these.
        points: The fields.
        places: (n, 2) coordinates.
    """

    folder: Path
    model: str
    classes: tuple[str, ...]
    explained: tuple[float, float]
    left_out: int
    problem: str
    points: tuple[MapPoint, ...]
    places: NDArray[np.float64]

    def groups(self, by: MapColour) -> dict[str, int]:
        """Return the groups in their order, with their numbers of fields."""
        found = Counter(point.group(by) for point in self.points)
        orders = {
            MapColour.CLASS: self.classes,
            MapColour.PART: (*PARTS, UNKNOWN),
            MapColour.ERROR: (WRONG, RIGHT, UNKNOWN),
        }
        order = [*orders[by], *sorted(set(found) - set(orders[by]))]
        return {name: found[name] for name in order if found[name]}

    def within(self, polygon: NDArray[np.float64]) -> list[int]:
        """Return the points inside a closed line by the even-odd rule.

        Args:
            polygon: (m, 2) corners.
        """
        x, y = self.places[:, 0, None], self.places[:, 1, None]
        following = np.roll(polygon, -1, axis=0)
        (x1, y1), (x2, y2) = polygon.T, following.T
        with np.errstate(divide="ignore", invalid="ignore"):
            crosses = ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
        return np.flatnonzero(crosses.sum(axis=1) % 2).tolist()

    def towards(self, start: int, direction: tuple[int, int]) -> int:
        """Return the nearest point within 45 degrees of a direction; the same one if there is none.

        Args:
            start: The point.
            direction: Unit step in x and y.
        """
        steps = self.places - self.places[start]
        along = steps @ np.array(direction, np.float64)
        across = np.abs(steps @ np.array((direction[1], -direction[0]), np.float64))
        ahead = (along > 0) & (across <= along)
        if not ahead.any():
            return start
        distance = np.where(ahead, along + 2 * across, np.inf)  # straight on before aside
        return int(distance.argmin())


def read_map(report: Mapping[str, Any]) -> FieldMap:
    """Read what the training program reported.

    Raises:
        StationError: ``damaged-map`` if it is not what the training program writes.
    """
    try:
        return _read(report)
    except (KeyError, TypeError, ValueError) as error:
        sentence = "The map is damaged and cannot be shown. Make it again with the same edition."
        raise StationError("damaged-map", sentence) from error


def _read(report: Mapping[str, Any]) -> FieldMap:
    folder = Path(report["folder"])
    base = folder.parent if folder.suffix.casefold() in SUFFIXES else folder
    points = tuple(_point(entry, base) for entry in report["fields"])
    places = np.array([[float(one["x"]), float(one["y"])] for one in report["fields"]])
    first, second = (float(share) for share in report["explained"])
    if not (points and np.isfinite(places).all() and math.isfinite(first + second)):
        raise ValueError("no points, or places that are no numbers")
    return FieldMap(
        folder=folder,
        model=f"{report['model']['name']} {report['model']['version']}",
        classes=tuple(str(name) for name in report["classes"]),
        explained=(first, second),
        left_out=int(report["left_out"]),
        problem=str(report["problem"]),
        points=points,
        places=places,
    )


def _point(entry: Mapping[str, Any], base: Path) -> MapPoint:
    return MapPoint(
        path=base / str(entry["file"]),
        class_name=str(entry["class_name"]),
        part=str(entry["part"]),
        predicted=str(entry["predicted"]),
    )
