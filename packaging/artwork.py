"""Draw the program's icon in the sizes and formats of each system, from one SVG in ``resources/icons``."""

from __future__ import annotations

from pathlib import Path

import parts
from PIL import Image
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

SIZES = (16, 24, 32, 48, 64, 128, 256, 512)
_WINDOWS_SIZES = (16, 24, 32, 48, 64, 128, 256)
SOURCE = parts.ROOT / "resources" / "icons" / "allstation.svg"


def draw(folder: Path) -> dict[int, Path]:
    """Draw one PNG a size, ``allstation.ico`` and ``allstation.icns``.

    Args:
        folder: Where to put them; made if it is not there.

    Returns:
        The PNG of each size in pixels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {size: _draw_one(folder / f"allstation-{size}.png", size) for size in SIZES}
    with Image.open(pictures[max(SIZES)]) as largest:
        largest.save(folder / "allstation.ico", sizes=[(size, size) for size in _WINDOWS_SIZES])
        largest.save(folder / "allstation.icns")
    return pictures


def _draw_one(target: Path, size: int) -> Path:
    image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(str(SOURCE)).render(painter, QRectF(0, 0, size, size))
    painter.end()
    if not image.save(str(target)):
        raise SystemExit(f"{target} could not be written.")
    return target
