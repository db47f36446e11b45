"""Line icons, drawn in the colour of the text next to them and sharp at any scale."""

from __future__ import annotations

import functools
import math
from typing import Final

from PySide6.QtCore import QByteArray, QRectF, QSize
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPalette, QPixmap, QPixmapCache
from PySide6.QtSvg import QSvgRenderer

from allstation import paths
from allstation.ui.common import theme

SIZES: Final = (16, 20)


def pixmap(name: str, colour: QColor, *, size: int = 20, ratio: float = 1.0) -> QPixmap:
    """Draw one icon.

    Args:
        name: File name in ``resources/icons`` without its suffix.
        colour: Replaces ``currentColor``.
        size: Logical pixels.
        ratio: Device pixels per logical pixel.
    """
    key = f"allstation/{name}/{colour.name()}/{size}/{ratio}"
    picture = QPixmap()
    if not QPixmapCache.find(key, picture):
        picture = _draw(_renderer(name, colour), size, ratio)
        QPixmapCache.insert(key, picture)
    return picture


def icon(name: str, palette: QPalette, *, colour: QColor | None = None) -> QIcon:
    """Return an icon for buttons and menus in a palette's text colour, with its disabled look.

    Args:
        name: File name in ``resources/icons`` without its suffix.
        palette: Of the widget that shows it.
        colour: Instead of the text colour.
    """
    scheme = theme.tokens(palette)
    ratio = float(math.ceil(QGuiApplication.instance().devicePixelRatio()))  # type: ignore[union-attr]
    result = QIcon()
    for mode, tint in (
        (QIcon.Mode.Normal, colour or QColor(scheme.text)),
        (QIcon.Mode.Disabled, QColor(scheme.faint)),
    ):
        for size in {*SIZES, *map(scaled, SIZES)}:
            result.addPixmap(pixmap(name, tint, size=size, ratio=ratio), mode)
    return result


def scaled(size: int) -> int:
    """Return a size in logical pixels as it is at the size of text that was chosen."""
    return round(size * QGuiApplication.font().pointSizeF() / theme.BASE_POINTS)


@functools.cache
def _source(name: str) -> str:
    return paths.resource(f"icons/{name}.svg").read_text("utf-8")


def _renderer(name: str, colour: QColor) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(_source(name).replace("currentColor", colour.name()).encode()))


def _draw(renderer: QSvgRenderer, size: int, ratio: float) -> QPixmap:
    picture = QPixmap(QSize(size, size) * ratio)
    picture.fill(QColor(0, 0, 0, 0))
    painter = QPainter(picture)
    renderer.render(painter, QRectF(0, 0, size * ratio, size * ratio))
    painter.end()
    picture.setDevicePixelRatio(ratio)
    return picture
