"""Item model of the slide tree: the case, its slides, and the classes below each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from allstation.core.classes import CLASS_NAMES, NEEDS_REVIEW
from allstation.core.text import shown_name
from allstation.services.case.questions import Overview
from allstation.ui.common.formatting import number, tip
from allstation.ui.common.i18n import tr

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Place:
    """Row of the tree: the case, a slide, or a class of one.

    Attributes:
        slide_id: The slide, or None for the whole case.
        final: The class below it, or None for all of them.
    """

    slide_id: int | None = None
    final: str | None = None


@dataclass(slots=True)
class Line:
    """A slide, or the whole case.

    Attributes:
        slide_id: The slide, or None for the whole case.
        name: As it is shown.
        total: Fields.
        reviewed: Fields that somebody reviewed.
        counts: Fields per class.
        children: Classes below it, in the order shown; one that was there once stays.
        patient: Id of the slide's patient; empty where it is not known.
        source: Where that id comes from.
        inside: Name of the folder that it lies in, where another slide has its name; else empty.
    """

    slide_id: int | None
    name: str
    total: int = 0
    reviewed: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    children: tuple[str, ...] = ()
    patient: str = ""
    source: str = ""
    inside: str = ""

    @property
    def title(self) -> str:
        """Name that tells it from the other slides of the case."""
        return f"{self.name} · {self.inside}" if self.inside else self.name


class SlideModel(QAbstractItemModel):
    """Holds one line a slide; what a row says is worked out when it is painted.

    A case may have thousands of slides, and while it is classified their counts change several times a
    second: taking other counts costs as much as reading them, whatever is on screen.

    Signals:
        name_typed: Id of a slide and the name it should have. It is shown when the case has taken it.
        patient_typed: Id of a slide and its patient, empty to take it away; likewise.
    """

    name_typed = Signal(int, str)
    patient_typed = Signal(int, str)

    NAME: Final = 0
    COUNT: Final = 1
    PATIENT: Final = 2
    """Columns."""

    PlaceRole: Final = int(Qt.ItemDataRole.UserRole)
    SharesRole: Final = PlaceRole + 1

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lines: list[Line] = []
        self._rows: dict[int | None, int] = {}
        self.classes: tuple[str, ...] = CLASS_NAMES

    # What the tree asks

    def index_of(self, place: Place, column: int = 0) -> QModelIndex:
        """Return the row that stands for a place; an invalid one if none does."""
        row = self._rows.get(place.slide_id)
        if row is None or place.final is None:
            return QModelIndex() if row is None else self.index(row, column)
        children = self._lines[row].children
        if place.final not in children:
            return QModelIndex()
        return self.index(children.index(place.final), column, self.index(row, 0))

    def place_of(self, index: Index) -> Place:
        """Return what a row stands for; the whole case for none."""
        if not index.isValid():
            return Place()
        if not index.internalId():
            return Place(self._lines[index.row()].slide_id)
        line = self._lines[index.internalId() - 1]
        return Place(line.slide_id, line.children[index.row()])

    def name_of(self, slide_id: int) -> str:
        """Return a slide's name; empty while it is not known."""
        row = self._rows.get(slide_id)
        return self._lines[row].name if row is not None else ""

    def title_of(self, slide_id: int) -> str:
        """Return a slide's name with what tells it from others of that name; empty while it is not known."""
        row = self._rows.get(slide_id)
        return self._lines[row].title if row is not None else ""

    def patient_of(self, slide_id: int) -> tuple[str, str]:
        """Return a slide's patient and where that id comes from; empty ones while they are not known."""
        row = self._rows.get(slide_id)
        return (self._lines[row].patient, self._lines[row].source) if row is not None else ("", "")

    def longest_patient(self) -> str:
        """Return the longest id of a patient; empty where no slide has one."""
        return max((line.patient for line in self._lines), key=len, default="")

    def places(self) -> list[Place]:
        """Return the place of every row."""
        return [Place(line.slide_id, name) for line in self._lines for name in (None, *line.children)]

    def most(self) -> int:
        """Return the largest count shown."""
        return max((line.total for line in self._lines), default=0)

    # What arrives

    def clear(self) -> None:
        """Forget the slides."""
        self._replace([])

    def leave_out_classes(self) -> None:
        """Show slides alone."""
        self._replace([replace(line, counts={}, children=()) for line in self._lines])

    def can_take(self, lines: Sequence[Line]) -> bool:
        """Tell whether lines have the same rows as those that are here, with other counts."""
        return len(lines) == len(self._lines) and all(
            new.slide_id == old.slide_id and new.children == old.children
            for new, old in zip(lines, self._lines, strict=True)
        )

    def take(self, lines: Sequence[Line]) -> None:
        """Show lines; whoever shows them must choose and open its rows anew unless :meth:`can_take`."""
        if not self.can_take(lines):
            self._replace(lines)
            return
        self._lines = list(lines)
        if lines:
            self.dataChanged.emit(self.index(0, 0), self.index(len(lines) - 1, self.PATIENT))

    def _replace(self, lines: Iterable[Line]) -> None:
        self.beginResetModel()
        self._lines = list(lines)
        self._rows = {line.slide_id: row for row, line in enumerate(self._lines)}
        self.endResetModel()

    def lines_of(self, overview: Overview, *, blind: bool) -> list[Line]:
        """Return what an overview says, the whole case first; ``blind`` leaves out classes."""
        case = Line(None, tr("All fields"))
        lines, sums = [case], dict[str, int]()
        bearers = Counter(slide.name for slide in overview.slides)
        for slide in overview.slides:
            found = overview.counts.get(slide.id)
            line = Line(
                slide.id,
                shown_name(slide.name),
                patient=shown_name(slide.patient),
                source=slide.patient_source,
            )
            if bearers[slide.name] > 1 and slide.folder is not None:
                line.inside = shown_name(slide.folder.parent.name)
            if found is not None:
                line.total, line.reviewed = found.total, found.reviewed
                line.counts = {} if blind else found.finals
            lines.append(line)
            case.total, case.reviewed = case.total + line.total, case.reviewed + line.reviewed
            for name, count in line.counts.items():
                sums[name] = sums.get(name, 0) + count
        case.counts = sums
        for line in lines:
            row = self._rows.get(line.slide_id)
            before = () if row is None or blind else self._lines[row].children
            line.children = self.ordered({*before, *line.counts})
        return lines

    def ordered(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return classes in the model's order, then others, then what needs review."""
        there = set(names)
        known = [name for name in self.classes if name in there]
        others = sorted(there - set(known) - {NEEDS_REVIEW})
        return (*known, *others, *([NEEDS_REVIEW] if NEEDS_REVIEW in there else []))

    # What Qt asks. The internal number of a class's row is one more than the row of its slide.

    def index(self, row: int, column: int, parent: Index | None = None) -> QModelIndex:
        """Return a row."""
        below = parent is not None and parent.isValid()
        if not self.hasIndex(row, column, parent if below and parent is not None else QModelIndex()):
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if below and parent is not None else 0)

    def parent(self, index: Index) -> QModelIndex:  # type: ignore[override] # Qt overloads the name
        """Return the slide of a class."""
        above = index.internalId() if index.isValid() else 0
        return self.createIndex(above - 1, 0, 0) if above else QModelIndex()

    def rowCount(self, parent: Index | None = None) -> int:
        """Return the number of slides and one, or of a slide's classes."""
        if parent is None or not parent.isValid():
            return len(self._lines)
        return 0 if parent.internalId() or parent.column() else len(self._lines[parent.row()].children)

    def columnCount(self, parent: Index | None = None) -> int:  # noqa: ARG002 - Qt's name
        """Return 3: names, counts and patients."""
        return self.PATIENT + 1

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:  # noqa: ANN401
        """Return what a row says."""
        if not index.isValid():
            return None
        if role == self.PlaceRole:
            return self.place_of(index)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            counted = index.column() == self.COUNT
            side = Qt.AlignmentFlag.AlignRight if counted else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        if index.internalId():
            line = self._lines[index.internalId() - 1]
            name = line.children[index.row()]
            return self._class_data(name, line.counts.get(name, 0), index.column(), role)
        return self._line_data(self._lines[index.row()], index.column(), role)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Let the names and patients of slides be typed."""
        place = self.place_of(index)
        named = index.column() != self.COUNT and place.slide_id is not None and place.final is None
        return super().flags(index) | (Qt.ItemFlag.ItemIsEditable if named else Qt.ItemFlag.NoItemFlags)

    def setData(
        self,
        index: Index,
        value: Any,  # noqa: ANN401 - Qt's
        role: int = int(Qt.ItemDataRole.EditRole),
    ) -> bool:
        """Tell what was typed; a name that is empty, or what is there already, changes nothing."""
        slide_id, name = self.place_of(index).slide_id, str(value).strip()
        if role != Qt.ItemDataRole.EditRole or slide_id is None:
            return False
        if index.column() == self.PATIENT:
            if name == self.patient_of(slide_id)[0]:
                return False
            self.patient_typed.emit(slide_id, name)
            return True
        if name in {"", self.name_of(slide_id)}:
            return False
        self.name_typed.emit(slide_id, name)
        return True

    def _class_data(self, name: str, count: int, column: int, role: int) -> str | None:
        if column == self.PATIENT:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return number(count) if column else tr(name)
        return f"{tr(name)}: {number(count)}" if role == Qt.ItemDataRole.AccessibleTextRole else None

    def _line_data(self, line: Line, column: int, role: int) -> Any:  # noqa: ANN401 - as data()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            name = line.title if role == Qt.ItemDataRole.DisplayRole else line.name
            return (name, number(line.total), line.patient)[column]
        if role == self.SharesRole:
            return [(name, line.counts[name] / max(line.total, 1)) for name in self.ordered(line.counts)]
        if role not in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        words = tr("{total} fields, {done} reviewed", total=number(line.total), done=number(line.reviewed))
        if line.patient:
            words = tr("{words}, patient {id}", words=words, id=line.patient)
        said = ", ".join(f"{name} {number(line.counts[name])}" for name in self.ordered(line.counts))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{line.title}: {words}. {said}"
        return tip("\n".join(part for part in (line.title if line.inside else "", words, said) if part))
