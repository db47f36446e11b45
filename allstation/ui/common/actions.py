"""Every action of the window, declared once as data: menus, toolbar, palette and keys come from here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Flag, auto
from functools import partial
from typing import Final

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from allstation.ui.common import icons
from allstation.ui.common.i18n import tr


class Need(Flag):
    """What must be true for an action to be offered."""

    NOTHING = 0
    CASE = auto()
    WRITABLE = auto()
    FIELDS = auto()
    FIELD = auto()
    PREDICTION = auto()
    BUSY = auto()
    FAILED = auto()
    WAITING = auto()
    WATCHING = auto()
    SLIDE = auto()
    IN_CASE = auto()
    REMOVED = auto()


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action.

    Attributes:
        id: Stable identifier, ``area.verb``.
        text: English text; ``&`` marks the menu's access key.
        keys: Portable key sequences, the first one shown; empty for actions of the allow-list.
        tip: One sentence that says what it does.
        icon: File name in ``resources/icons`` without its suffix, or empty.
        need: When it is offered.
        checkable: It stays on.
        repeats: A held key does it again and again. Only for what goes through fields or sizes: what
            reviews, removes or writes is done once a press.
    """

    id: str
    text: str
    keys: tuple[str, ...] = ()
    tip: str = ""
    icon: str = ""
    need: Need = Need.NOTHING
    checkable: bool = False
    repeats: bool = False


def _a(  # noqa: PLR0917 - a table reads better without names
    id_: str,
    text: str,
    keys: str = "",
    tip: str = "",
    icon: str = "",
    need: Need = Need.NOTHING,
    *,
    checkable: bool = False,
    repeats: bool = False,
) -> ActionSpec:
    return ActionSpec(id_, text, tuple(keys.split()), tip, icon, need, checkable, repeats)


_WRITE: Final = Need.CASE | Need.WRITABLE
_JUDGE: Final = _WRITE | Need.FIELD | Need.IN_CASE

ACTIONS: Final[tuple[ActionSpec, ...]] = (
    # Case
    _a("case.new", "&New Case…", "Ctrl+N", "Start an empty case in a folder of your choice", "case-new"),
    _a("case.open", "&Open Case…", "Ctrl+O", "Open a case folder (NAME.allcase)", "case-open"),
    _a("case.demo", "Open &Demo Case", "Ctrl+Alt+D", "Draw synthetic fields and classify them", "demo"),
    _a(
        "case.locate",
        "&Locate Moved Fields…",
        "Ctrl+Alt+L",
        "Search a folder for fields that are not where they were, by their bytes",
        "locate",
        _WRITE | Need.FIELDS,
    ),
    _a("case.close", "&Close Case", "Ctrl+W", "Close the case; everything is already saved", "", Need.CASE),
    _a("case.add_files", "Add &Fields…", "Ctrl+I", "Add image files to the case", "add-files", _WRITE),
    _a("case.add_folder", "Add Fol&der…", "Ctrl+Shift+I", "Add a folder of fields", "add-folder", _WRITE),
    _a(
        "case.watch",
        "&Watch Folder…",
        "Ctrl+Alt+W",
        "Take the fields of a folder, and new ones once they are completely written; not of its sub-folders",
        "watch",
        _WRITE,
    ),
    _a("case.unwatch", "S&top Watching", "Ctrl+Alt+Shift+W", "Watch no folder", "", Need.WATCHING),
    _a(
        "case.rename",
        "Re&name Case…",
        "Ctrl+Alt+N",
        "Give the case another name in the window and in reports; its folder keeps its own",
        "",
        _WRITE,
    ),
    _a(
        "case.data",
        "Case &Data…",
        "Ctrl+Alt+E",
        "Enter patient, request and specimen",
        "",
        Need.CASE,
    ),
    _a(
        "case.report",
        "&Report…",
        "Ctrl+E",
        "Look at the report, sign it, export it",
        "report",
        Need.CASE,
    ),
    _a("case.csv", "&CSV Table…", "Ctrl+Alt+C", "Write a table of all fields as CSV", "table", Need.FIELDS),
    _a(
        "case.xlsx",
        "&Excel Workbook…",
        "Ctrl+Alt+X",
        "Write a table as an XLSX workbook",
        "table",
        Need.FIELDS,
    ),
    _a("case.json", "&JSON Table…", "Ctrl+Alt+J", "Write all fields as JSON", "table", Need.FIELDS),
    _a(
        "case.fhir",
        "&FHIR Bundle…",
        "Ctrl+Alt+H",
        "Write an R4 DiagnosticReport bundle for a hospital's system",
        "export",
        Need.FIELDS,
    ),
    _a(
        "case.dicom",
        "&DICOM Files…",
        "Ctrl+Alt+I",
        "Write annotated fields and the report as DICOM",
        "export",
        Need.FIELDS,
    ),
    _a(
        "case.geojson",
        "Cell &Outlines for QuPath…",
        "Ctrl+Alt+G",
        "Write the outlines of white cells as GeoJSON",
        "export",
        Need.FIELDS,
    ),
    _a(
        "case.labelled",
        "&Labelled Folder for Training…",
        "Ctrl+Alt+F",
        "Copy reviewed fields into one folder a class",
        "export",
        Need.FIELDS,
    ),
    _a("app.quit", "&Quit", "Ctrl+Q", "Close the window; a running queue is asked about", ""),
    # Edit
    _a("review.undo", "&Undo", "Ctrl+Z", "Take back the last review, removal or name", "undo", _WRITE),
    _a("review.redo", "&Redo", "Ctrl+Shift+Z Ctrl+Y", "Do it again", "redo", _WRITE),
    _a("browse.find", "&Find Fields", "Ctrl+F", "Go to the text filter", "search", Need.CASE),
    _a("browse.clear", "Clear Fil&ters", "Ctrl+Shift+F", "Show every field again", "filter", Need.CASE),
    _a(
        "field.show_file",
        "Show in Fol&der",
        "Ctrl+Alt+O",
        "Open the folder of the field in the file manager",
        "case-open",
        Need.FIELD,
    ),
    _a(
        "field.copy_path",
        "Copy Pat&h",
        "Ctrl+Alt+Shift+C",
        "Copy where the selected fields lie",
        "",
        Need.FIELD,
    ),
    _a(
        "field.remove",
        "Re&move from Case",
        "Del",
        "Take the selected fields out of the case; their files stay, and they can be brought back",
        "trash",
        _JUDGE,
    ),
    _a(
        "field.restore",
        "Bring &Back into Case",
        "Ins",
        "Bring fields back that were removed, with everything that is known of them",
        "undo",
        _WRITE | Need.REMOVED,
    ),
    _a(
        "slide.remove",
        "Remove &Slide from Case",
        "Ctrl+Del",
        "Take all fields of the slide chosen in the tree out of the case",
        "",
        _WRITE | Need.SLIDE,
    ),
    _a(
        "slide.rename",
        "Re&name Slide",
        "F2",
        "Give the slide chosen in the tree another name; its folder keeps its own",
        "",
        _WRITE | Need.SLIDE,
    ),
    _a("browse.all", "Select &All Fields", "Ctrl+A", "Select every field shown", "", Need.FIELDS),
    # Go
    _a(
        "go.previous",
        "&Previous Field",
        "Left PgUp",
        "Show the field before",
        "previous",
        Need.FIELDS,
        repeats=True,
    ),
    _a("go.next", "&Next Field", "Right PgDown", "Show the field after", "next", Need.FIELDS, repeats=True),
    _a("go.first", "&First Field", "Home", "Show the first field", "", Need.FIELDS),
    _a("go.last", "&Last Field", "End", "Show the last field", "", Need.FIELDS),
    _a(
        "go.unreviewed",
        "Next &Unreviewed",
        "U",
        "Go to the next field no one reviewed",
        "next-unreviewed",
        Need.FIELDS,
        repeats=True,
    ),
    # Review
    _a(
        "review.confirm",
        "&Confirm Decision",
        "Space",
        "Agree with the network's decision",
        "confirm",
        _JUDGE | Need.PREDICTION,
    ),
    _a("review.look", "&Needs Another Look", "R", "Mark the field for another look", "another-look", _JUDGE),
    _a("review.comment", "Co&mment", "C", "Write a comment for this field", "comment", _JUDGE),
    _a(
        "review.advance",
        "&Advance After Review",
        "Ctrl+Alt+A",
        "Go to the next field when a key has set a class",
        checkable=True,
    ),
    # Queue
    _a(
        "queue.pause",
        "&Pause Queue",
        "Ctrl+P",
        "Stop after the fields in flight; go on later",
        "pause",
        Need.BUSY,
        checkable=True,
    ),
    _a(
        "queue.cancel",
        "&Cancel Queue",
        "Ctrl+Shift+X",
        "Drop the fields that still wait",
        "cancel",
        Need.BUSY,
    ),
    _a(
        "queue.resume",
        "Classify &Waiting Fields",
        "Ctrl+R",
        "Put cancelled fields back into the queue",
        "play",
        _WRITE | Need.WAITING,
    ),
    _a(
        "queue.retry",
        "&Retry Failed Fields",
        "Ctrl+Shift+R",
        "Try the failed fields once more",
        "retry",
        _WRITE | Need.FAILED,
    ),
    _a(
        "queue.again",
        "Classify A&gain",
        "Ctrl+Alt+R",
        "Classify the selected fields, or all, with the model in use",
        "model",
        _WRITE | Need.FIELDS,
    ),
    _a(
        "queue.model",
        "Classify with Another &Model Too…",
        "Ctrl+Alt+Shift+R",
        "Queue another model over the selected fields, or all; both predictions are kept",
        "",
        _WRITE | Need.FIELDS,
    ),
    # View
    _a("browse.grid", "Thumbnails", "Ctrl+1", "Show fields as thumbnails", "grid"),
    _a("browse.table", "Table", "Ctrl+2", "Show fields as a table", "table"),
    _a(
        "browse.larger",
        "Larger Thumbnails",
        "Ctrl+Alt++ Ctrl+Alt+=",
        "Make thumbnails larger",
        "",
        repeats=True,
    ),
    _a("browse.smaller", "Smaller Thumbnails", "Ctrl+Alt+-", "Make thumbnails smaller", "", repeats=True),
    _a("browse.flat", "No Groups", "Ctrl+3", "Show fields without headings", ""),
    _a("browse.by_slide", "Group by Slide", "Ctrl+4", "Put the fields of each slide under its name", "group"),
    _a(
        "browse.by_decision",
        "Group by Decision",
        "Ctrl+5",
        "Put fields of one decision together; a person's class stands before the model's",
        "group",
    ),
    _a(
        "browse.summary",
        "Su&mmary",
        "S",
        "Fractions, open questions, agreement and quality of the slide or case",
        "summary",
        Need.CASE,
    ),
    _a(
        "view.pixel_size",
        "Pixel Si&ze…",
        "Ctrl+Alt+P",
        "Say how many micrometres a pixel is: kept with the case data, shown as a scale bar",
        "",
        _WRITE,
    ),
    _a(
        "view.models",
        "Compare &Models",
        "Ctrl+Shift+D",
        "Show what another model said about the same field beside it",
        "compare",
        Need.FIELD,
        checkable=True,
    ),
    _a("view.light", "&Light", "Ctrl+Alt+1", "Light colours", "light", checkable=True),
    _a("view.dark", "&Dark", "Ctrl+Alt+2", "Dark colours", "dark", checkable=True),
    _a(
        "view.system",
        "&Follow System",
        "Ctrl+Alt+3",
        "Light or dark as the system",
        "settings",
        checkable=True,
    ),
    _a(
        "view.scale_up", "Larger Te&xt", "Ctrl+Shift++ Ctrl+Shift+=", "Make all text larger", "", repeats=True
    ),
    _a("view.scale_down", "&Smaller Text", "Ctrl+Shift+-", "Make all text smaller", "", repeats=True),
    _a("view.scale_reset", "&Normal Text", "Ctrl+Shift+0", "Back to the normal text size", ""),
    # Model and help
    _a(
        "model.change",
        "&Change Model…",
        "Ctrl+M",
        "Choose another model bundle for this case",
        "model",
        _WRITE,
    ),
    _a("model.train", "&Train a Model…", "Ctrl+T", "Learn from a labelled folder", "train"),
    _a("help.palette", "Command &Palette…", "Ctrl+Shift+P", "Find any action by typing", "palette"),
    _a("help.tour", "&Tour", "Ctrl+F1", "A short walk through the window on the demo case", ""),
    _a("help.keys", "&Keyboard Shortcuts", "F1", "List every key", "help"),
    _a("help.about", "&About ALL Station", "Shift+F1", "Versions, notices, intended use", "info"),
)
"""Set-class actions (``review.class.N``) are made per model; viewer and review widgets add their own."""

MENUS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("&Case", ("case.new", "case.open", "recent", "case.demo", "-", "case.add_files", "case.add_folder",
               "case.watch", "case.unwatch", "case.locate", "-", "case.rename", "case.data", "case.report",
               "exports", "-", "case.close", "app.quit")),
    ("&Edit", ("review.undo", "review.redo", "-", "browse.all", "browse.find", "browse.clear",
              "-", "field.remove", "field.restore", "-", "slide.rename", "slide.remove",
              "-", "field.show_file", "field.copy_path")),
    ("&Go", ("go.previous", "go.next", "go.first", "go.last", "-", "go.unreviewed")),
    ("&Review", ("review.confirm", "classes", "review.look", "review.comment", "-",
                 "review.advance")),
    ("&Queue", ("queue.pause", "queue.cancel", "queue.resume", "queue.retry", "-", "queue.again",
                "queue.model")),
    ("&View", ("browse.grid", "browse.table", "browse.larger", "browse.smaller", "-", "browse.flat",
               "browse.by_slide", "browse.by_decision", "browse.summary", "-", "viewer", "view.models",
               "view.pixel_size", "-",
               "view.light", "view.dark", "view.system", "-", "view.scale_up", "view.scale_down",
               "view.scale_reset", "-", "docks")),
    ("&Model", ("model.change", "model.train")),
    ("&Help", ("help.palette", "help.tour", "help.keys", "help.about")),
)  # fmt: skip
"""Menu titles and their actions; ``-`` is a line, a name without a dot is filled in by the window."""

EXPORTS: Final = (
    "case.csv", "case.xlsx", "case.json", "case.fhir", "case.dicom", "case.geojson", "case.labelled",
)  # fmt: skip

TOOLBAR: Final = (
    "case.new", "case.open", "case.add_files", "case.add_folder", "-",
    "review.undo", "review.redo", "-",
    "go.previous", "go.next", "go.unreviewed", "-",
    "review.confirm", "review.look", "review.comment", "-",
    "case.report",
)  # fmt: skip


class ActionTable:
    """The window's actions, by id.

    Args:
        window: Owns the actions; their keys work anywhere in it.
        specs: What to make.
        handlers: What each action calls, by id; a checkable one receives its new state.

    Attributes:
        is_repeating: Tells whether the key that is being handled is the repeat of a held one.
    """

    def __init__(
        self, window: QWidget, specs: Iterable[ActionSpec], handlers: Mapping[str, Callable[..., object]]
    ) -> None:
        self._window = window
        self._specs: dict[str, ActionSpec] = {}
        self._actions: dict[str, QAction] = {}
        self._state = Need.NOTHING
        self._drawn = False
        self.is_repeating: Callable[[], bool] = _never
        for spec in specs:
            self.add(spec, handlers[spec.id])

    def add(self, spec: ActionSpec, handler: Callable[..., object]) -> QAction:
        """Make one more action."""
        if self._window.isRightToLeft():
            spec = _turned(spec)
        action = QAction(tr(spec.text), self._window)
        action.setObjectName(spec.id)
        # Its name in lists, whatever the text says later: Undo names what it takes back.
        action.setIconText(tr(spec.text).replace("&", "").rstrip("…"))
        action.setShortcuts([QKeySequence(key) for key in spec.keys])
        action.setAutoRepeat(spec.repeats)
        action.setCheckable(spec.checkable)
        action.setToolTip(_tool_tip(spec))
        action.setStatusTip(tr(spec.tip))
        if spec.checkable:
            action.toggled.connect(handler)
        else:
            action.triggered.connect(handler if spec.repeats else partial(self._once, handler))
        self._window.addAction(action)
        self._specs[spec.id] = spec
        self._actions[spec.id] = action
        action.setEnabled(spec.need in self._state)
        # Icons of menus can wait until the window is up; those of the toolbar are seen at once.
        if spec.id in TOOLBAR or self._drawn:
            self._draw(spec.id)
        return action

    def _once(self, handler: Callable[..., object], _checked: bool = False) -> None:
        """Do what is not repeated by a held key, also where a repeat is not marked as one."""
        if not self.is_repeating():
            handler()

    def remove(self, prefix: str) -> None:
        """Drop the actions whose id starts so, for example when another model brings other classes."""
        for key in [key for key in self._actions if key.startswith(prefix)]:
            action = self._actions.pop(key)
            self._window.removeAction(action)
            action.deleteLater()
            del self._specs[key]

    def __getitem__(self, key: str) -> QAction:
        return self._actions[key]

    def __contains__(self, key: object) -> bool:
        return key in self._actions

    def specs(self) -> tuple[ActionSpec, ...]:
        """Return every action's declaration, in the order of their making."""
        return tuple(self._specs.values())

    def starting_with(self, prefix: str) -> list[QAction]:
        """Return the actions whose id starts so."""
        return [action for key, action in self._actions.items() if key.startswith(prefix)]

    def update(self, state: Need) -> None:
        """Offer exactly the actions whose needs are met."""
        if state == self._state:
            return
        self._state = state
        for key, spec in self._specs.items():
            self._actions[key].setEnabled(spec.need in state)

    def refresh_icons(self) -> None:
        """Draw all icons: once the window is up, and after a change between light and dark."""
        self._drawn = True
        for key in self._actions:
            self._draw(key)

    def _draw(self, key: str) -> None:
        spec = self._specs[key]
        if spec.icon:
            self._actions[key].setIcon(icons.icon(spec.icon, self._window.palette()))


def _never() -> bool:
    return False


def _turned(spec: ActionSpec) -> ActionSpec:
    """Return an action as it is where writing runs from right to left: the next field lies on the left."""
    other = {"Left": "Right", "Right": "Left", "previous": "next", "next": "previous"}
    keys = tuple(other.get(key, key) for key in spec.keys)
    return replace(spec, keys=keys, icon=other.get(spec.icon, spec.icon))


def _tool_tip(spec: ActionSpec) -> str:
    plain = tr(spec.text).replace("&", "").rstrip("…")
    keys = ""
    if spec.keys:
        keys = f"  ({QKeySequence(spec.keys[0]).toString(QKeySequence.SequenceFormat.NativeText)})"
    return f"{plain}{keys}\n{tr(spec.tip)}" if spec.tip else f"{plain}{keys}"
