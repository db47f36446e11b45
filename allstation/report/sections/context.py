"""Context of a report's sections: content, typesetter, pictures, page size, and the cells they share."""

from __future__ import annotations

from dataclasses import dataclass

from allstation.core.classes import NEEDS_REVIEW, class_style
from allstation.report.content.count_types import Counts
from allstation.report.content.options import Template
from allstation.report.content.report_types import ReportContent
from allstation.report.content.wording import number
from allstation.report.drawing.fonts import BOLD
from allstation.report.drawing.grid import Cell
from allstation.report.drawing.images import Thumbnail
from allstation.report.drawing.montage import CleanPictures, Pictures
from allstation.report.drawing.typeset import Typesetter
from allstation.report.sections.cell_montage import CellPictures


@dataclass(frozen=True, slots=True)
class ReportContext:
    """The material of one report.

    Attributes:
        content: What to print.
        setter: The typesetter.
        pictures: Gives the pictures of fields.
        clean: Gives the pictures of page one.
        logo: Of the laboratory.
        width: Of a page's text area, points.
        room: Height of the first page's text area, points.
        cells: Gives the pictures of cells.
    """

    content: ReportContent
    setter: Typesetter
    pictures: Pictures
    clean: CleanPictures
    logo: Thumbnail | None
    width: float
    room: float
    cells: CellPictures

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order they are shown."""
        return tuple(one.name for one in self.content.counts.shares if one.name != NEEDS_REVIEW)

    @property
    def where_more(self) -> str:
        """Where stands what page one has no room for."""
        return "on the next pages" if self.content.template == Template.FULL else "in the full report"

    def class_cell(self, name: str, *, text: str = "", face: str = "") -> Cell:
        """Return a cell with a class's letter and name; without a letter for anything else."""
        if name != NEEDS_REVIEW and name not in self.classes:
            return Cell(text or name, face)
        style = class_style(name, self.classes.index(name) if name in self.classes else 0)
        return Cell(text or name, face, badge=(style.letter, style.colour))

    def count_cells(self, name: str, counts: Counts, *, face: str = "") -> list[Cell]:
        """Return a row of the table of slides: fields, read, each class, review, failed, cells."""
        found = {one.name: one.count for one in counts.shares}
        figures = [counts.fields, counts.read, *(found.get(one, 0) for one in self.classes)]
        figures += [counts.needs_review, counts.failed, counts.cells]
        return [Cell(name, BOLD if face else ""), *(Cell(number(figure), face) for figure in figures)]
