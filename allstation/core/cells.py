"""Cells of a case: where they are, who gave them which type, how they are filtered and sorted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from allstation.core.filters import FieldFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOutline:
    """Mask of a cell, in pixels of the picture that the finder saw.

    Attributes:
        runs: Run lengths of the mask, as ``imaging.cells.masks.encode_mask`` writes them.
        left: Column of the mask's first pixel in that picture.
        top: Row of it.
        width: Columns of the mask.
        height: Rows of the mask.
        picture: Width and height of that picture; the file may be larger.
    """

    runs: bytes
    left: int
    top: int
    width: int
    height: int
    picture: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellGeometry:
    """Place and shape of a cell, in pixels of the field's file.

    Attributes:
        left: Left edge of the bounding box.
        top: Top edge of the bounding box.
        width: Width of the bounding box.
        height: Height of the bounding box.
        x: Column of the centre of area.
        y: Row of the centre of area.
        area_px: Area.
        nucleus_share: Share of the area that is nucleus, 0 to 1; NaN where it was not measured.
        at_edge: Cut by the edge of the field, or by the corner that scale bars are burnt into.
        outline: The mask.
        pixel_size: Width of a pixel in micrometres; None where it is not known.
    """

    left: int
    top: int
    width: int
    height: int
    x: float
    y: float
    area_px: float
    nucleus_share: float
    at_edge: bool
    outline: CellOutline
    pixel_size: float | None = None

    @property
    def area_um2(self) -> float | None:
        """Area in square micrometres; None where the pixel size is not known."""
        return None if self.pixel_size is None else self.area_px * (self.pixel_size * self.pixel_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCell(CellGeometry):
    """A cell that was found, or drawn by hand, and is not yet in the case.

    Attributes:
        support: Mean of the evidence map inside the cell, 0 to 1, by class; empty without such a map.
    """

    support: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRecord(CellGeometry):
    """Cell of a case with everything known about it.

    Attributes:
        id: Row id in the case; stays when the field is classified again.
        field_id: The field.
        slide_id: Its slide.
        prediction_id: The prediction that found it; None for a cell made by hand.
        number: Number within the field, from 1; never given to another cell.
        support: Mean of the shown prediction's evidence map inside the cell, 0 to 1, by class; empty
            without such a map, or where that prediction did not find the cell.
        made_by: Who made it by hand; empty for a found cell.
        type: Key of the type that a person gave; empty where nobody did.
        typed_by: Who; empty where nobody did.
        typed_at: When, ISO 8601 UTC; empty where nobody did.
        proposed: Key of the type that the typer proposes; empty where there is none. Never counted as
            a person's.
        probability: Calibrated probability of the proposed type, 0 to 1; None where there is none.
        removed: It was taken out by hand and counts nowhere.
    """

    id: int
    field_id: int
    slide_id: int
    prediction_id: int | None
    number: int
    support: Mapping[str, float] = field(default_factory=dict)
    made_by: str = ""
    type: str = ""
    typed_by: str = ""
    typed_at: str = ""
    proposed: str = ""
    probability: float | None = None
    removed: bool = False

    @property
    def shown_type(self) -> str:
        """The type a person gave, else the proposed one; empty for neither."""
        return self.type or self.proposed

    @property
    def support_class(self) -> str:
        """The class with most support; empty without an evidence map or where it supports none."""
        top = max(self.support, key=self.support.__getitem__, default="")
        return top if top and self.support[top] > 0 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellReview:
    """Type that a named person gave to a cell.

    Attributes:
        cell_id: The cell.
        reviewer: Name as the person gave it.
        type: Key of the type; empty takes this person's earlier type back.
        at: ISO 8601 UTC time with seconds.
        id: Row id; 0 before it is stored.
        withdrawn: It no longer counts.
    """

    cell_id: int
    reviewer: str
    type: str
    at: str = ""
    id: int = 0
    withdrawn: bool = False


class CellOrder(StrEnum):
    """Sort order of cells. The value is stored in settings.

    ``FIELD``: slide, field, number. ``TYPE``: the shown type in the order that is given with it, typed by a
    person first. ``SIZE``: area, in µm² where it is known, before those in pixels. ``SUPPORT``: class with
    most support, then how much. ``UNCERTAINTY``: least certain proposal first, then cells without one by the
    difference of their two strongest classes. ``SIMILARITY``: by appearance, the most similar to a given cell
    first, then cells that were not measured by field.
    """

    FIELD = "field"
    TYPE = "type"
    SIZE = "size"
    SUPPORT = "support"
    UNCERTAINTY = "uncertainty"
    SIMILARITY = "similarity"


class CellGroup(StrEnum):
    """Grouping of listed cells: slides or fields in the order ``FIELD``, classes in the order ``SUPPORT``."""

    SLIDE = "slide"
    FIELD = "field"
    SUPPORT = "support"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFilter:
    """Conditions that must all hold. None, or an empty tuple, leaves a condition out.

    Attributes:
        types: Keys of shown types: given by a person or, where nobody gave one, proposed.
        slides: Cells of these slides only.
        field_id: Cells of this field only.
        fields: Cells of fields that meet this filter.
        decisions: Cells of fields whose final name is one of these.
        support_classes: The class with most support is one of these.
        typed: Whether a person gave a type; with ``reviewer``, whether this person did.
        proposed: Whether nobody gave a type and one is proposed.
        at_edge: Whether the cell is cut by the edge.
        min_area: At least this area, pixels of the file.
        max_area: At most this area, pixels of the file.
        reviewer: Types are those that this person gave, instead of the latest of anyone; what others gave is
            then no type.
        removed: Cells that were taken out by hand, instead of those that count.
    """

    types: tuple[str, ...] = ()
    slides: tuple[int, ...] = ()
    field_id: int | None = None
    fields: FieldFilter | None = None
    decisions: tuple[str, ...] = ()
    support_classes: tuple[str, ...] = ()
    typed: bool | None = None
    proposed: bool | None = None
    at_edge: bool | None = None
    min_area: float | None = None
    max_area: float | None = None
    reviewer: str | None = None
    removed: bool = False


@dataclass(frozen=True, slots=True)
class CellCounts:
    """Cells by type.

    Attributes:
        typed: Cells that a person gave a type, by its key.
        proposed: Cells without a person's type, by the key of the proposed one.
        untyped: Cells with neither.
    """

    typed: Mapping[str, int] = field(default_factory=dict)
    proposed: Mapping[str, int] = field(default_factory=dict)
    untyped: int = 0

    @property
    def total(self) -> int:
        """All cells that were counted."""
        return sum(self.typed.values()) + sum(self.proposed.values()) + self.untyped
