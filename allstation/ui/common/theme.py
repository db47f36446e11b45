"""Light and dark: the only place with colours, besides the class colours in ``core.classes``.

A widget that paints by itself asks :func:`tokens` with its own palette, so it needs no reference
to the theme and is right after a switch without being told.
"""

from __future__ import annotations

import string
from enum import StrEnum
from typing import Final, NamedTuple

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory, QWidget

from allstation import paths
from allstation.core.classes import class_style
from allstation.core.contrast import readable_ink

FONT_FAMILY: Final = "Inter"
_FONT_FILES: Final = ("Inter-Regular.ttf", "Inter-SemiBold.ttf")
BASE_POINTS: Final = 10.0
_MIDDLE_GREY: Final = 128


class Mode(StrEnum):
    """Mode that the person chose."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Tokens(NamedTuple):
    """The colours of one scheme, as ``#rrggbb``, by what they are for.

    Attributes:
        window: Behind the panels.
        panel: Docks, toolbars, cards.
        base: Lists, text fields.
        canvas: Behind a field in the viewer.
        border: Lines between things.
        text: Reading text.
        muted: Secondary text; at least 4.5:1 on panel and base.
        faint: Disabled text and placeholders.
        accent: Focus, selection, primary buttons.
        on_accent: Text on accent.
        selection: Background of selected rows.
        hover: Background under the pointer.
        track: Empty part of bars.
        ok: Finished well.
        warning: Needs attention.
        danger: Failed.
        on_danger: Text on danger.
    """

    window: str
    panel: str
    base: str
    canvas: str
    border: str
    text: str
    muted: str
    faint: str
    accent: str
    on_accent: str
    selection: str
    hover: str
    track: str
    ok: str
    warning: str
    danger: str
    on_danger: str


LIGHT: Final = Tokens(
    window="#eceef2",
    panel="#f8f9fb",
    base="#ffffff",
    canvas="#dfe2e8",
    border="#d3d7df",
    text="#1c2028",
    muted="#59616f",
    faint="#9aa1ad",
    accent="#4656c9",
    on_accent="#ffffff",
    selection="#dfe3fb",
    hover="#eceffa",
    track="#e3e6ec",
    ok="#176f43",
    warning="#8f4f00",
    danger="#bd2b2b",
    on_danger="#ffffff",
)
DARK: Final = Tokens(
    window="#15171c",
    panel="#1e2128",
    base="#191b21",
    canvas="#0f1114",
    border="#32363f",
    text="#e8eaef",
    muted="#a3a9b6",
    faint="#696f7c",
    accent="#8b98ff",
    on_accent="#10121a",
    selection="#333a63",
    hover="#292d37",
    track="#30343e",
    ok="#57c78d",
    warning="#eda84a",
    danger="#ff8a8a",
    on_danger="#10121a",
)


def tokens(palette: QPalette) -> Tokens:
    """Return the scheme a palette belongs to."""
    dark = palette.color(QPalette.ColorRole.Window).lightness() < _MIDDLE_GREY
    return DARK if dark else LIGHT


def class_colour(name: str, index: int = 0) -> QColor:
    """Return the colour of a class, the same in every scheme."""
    return QColor(class_style(name, index).colour)


def readable_on(colour: QColor) -> QColor:
    """Return white or near-black, whichever can be read on a colour."""
    return QColor(readable_ink(colour.name(), (LIGHT.on_accent, DARK.on_accent)))


def blended(over: QColor, ground: QColor) -> QColor:
    """Return what is seen where a half transparent colour lies on a ground."""
    share = over.alphaF()
    pairs = (
        (over.red(), ground.red()),
        (over.green(), ground.green()),
        (over.blue(), ground.blue()),
    )
    return QColor(*(round(share * one + (1 - share) * other) for one, other in pairs))


def _palette(scheme: Tokens) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    for target, value in (
        (role.Window, scheme.window),
        (role.WindowText, scheme.text),
        (role.Base, scheme.base),
        (role.AlternateBase, scheme.panel),
        (role.ToolTipBase, scheme.panel),
        (role.ToolTipText, scheme.text),
        (role.PlaceholderText, scheme.muted),
        (role.Text, scheme.text),
        (role.Button, scheme.panel),
        (role.ButtonText, scheme.text),
        (role.BrightText, scheme.danger),
        (role.Light, scheme.panel),
        (role.Mid, scheme.border),
        (role.Midlight, scheme.track),
        (role.Dark, scheme.border),
        (role.Highlight, scheme.accent),
        (role.HighlightedText, scheme.on_accent),
        (role.Accent, scheme.accent),
        (role.Link, scheme.accent),
    ):
        palette.setColor(target, QColor(value))
    for target in (role.Text, role.WindowText, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, target, QColor(scheme.faint))
    return palette


class Theme(QObject):
    """Applies light, dark or the system's scheme to the whole program.

    Signals:
        changed: After palette and style sheet were replaced.
    """

    changed = Signal()

    def __init__(self, app: QApplication, *, mode: Mode = Mode.SYSTEM, scale: float = 1.0) -> None:
        super().__init__(app)
        self._app = app
        self._mode = mode
        self._scale = _clamped_scale(scale)
        app.setStyle(QStyleFactory.create("Fusion"))
        _load_fonts()
        app.styleHints().colorSchemeChanged.connect(self._system_changed)
        self._apply()

    @property
    def mode(self) -> Mode:
        """Scheme that the person chose."""
        return self._mode

    def set_mode(self, mode: Mode) -> None:
        """Switch at once."""
        self._mode = mode
        self._apply()

    @property
    def scale(self) -> float:
        """Size of text, 1 for the normal one."""
        return self._scale

    def set_scale(self, scale: float) -> None:
        """Set the size of all text, 0.8 to 2.0 of the normal size."""
        self._scale = _clamped_scale(scale)
        self._apply()

    def _system_changed(self) -> None:
        if self._mode is Mode.SYSTEM:
            self._apply()

    def _dark(self) -> bool:
        if self._mode is not Mode.SYSTEM:
            return self._mode is Mode.DARK
        # Fusion's own palette follows the system. Asking Qt.ColorScheme would make the enumerations of
        # the Qt namespace, a fifth of the time in which a bare window is up.
        window = self._app.style().standardPalette().color(QPalette.ColorRole.Window)
        return window.lightness() < _MIDDLE_GREY

    def _apply(self) -> None:
        scheme = DARK if self._dark() else LIGHT
        font = QFont(FONT_FAMILY)
        font.setPointSizeF(BASE_POINTS * self._scale)
        self._app.setFont(font)
        self._app.setPalette(_palette(scheme))
        self._app.setStyleSheet(_style_sheet(scheme, self._scale))
        self.changed.emit()


def restyle(widget: QWidget, name: str, value: object) -> None:
    """Set a property of a widget that the style sheet asks for, and apply the style sheet to it again."""
    widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def _load_fonts() -> None:
    for name in _FONT_FILES:
        QFontDatabase.addApplicationFont(str(paths.resource(f"fonts/{name}")))


def _clamped_scale(scale: float) -> float:
    """Return the nearest size of text, 0.8 to 2.0, in which the window can be used."""
    return min(max(scale, 0.8), 2.0)


def _style_sheet(scheme: Tokens, scale: float) -> str:
    template = string.Template(paths.resource("styles/station.qss").read_text("utf-8"))
    icons = paths.resource("icons").as_posix()
    dark = scheme is DARK
    return template.substitute(
        scheme._asdict(),
        icons=icons,
        variant="dark" if dark else "light",
        small=f"{BASE_POINTS * scale * 0.88:.1f}pt",
        large=f"{BASE_POINTS * scale * 1.25:.1f}pt",
        huge=f"{BASE_POINTS * scale * 1.7:.1f}pt",
    )
