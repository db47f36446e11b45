"""Figures drawn by Matplotlib on a worker thread and shown as pictures, in the window's own colours.

A figure takes a tenth of a second of work and Matplotlib itself a second to load; neither may stop the
window, least of all while a run tells it something five times a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from allstation import paths
from allstation.files import replacing
from allstation.services.tasks import Serial, Task
from allstation.ui.common import theme
from allstation.ui.common.i18n import tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARK: Final = "ALL Station"
"""Names the creator in saved figures: only such a file is replaced by another figure."""
Drawing = Callable[["Figure"], None]
"""Fills an empty figure. Runs on the worker's thread: it may use what it captured, but no widget."""

_FONT_FILES: Final = ("Inter-Regular.ttf", "Inter-SemiBold.ttf")
_DPI: Final = 100.0
_SETTLED: Final = 120
_SAVED_INCHES: Final = (10.0, 4.0)


@dataclass(frozen=True, slots=True)
class Panel:
    """Place of a pair of axes in a picture.

    Attributes:
        box: In shares of the picture, the origin at its top left.
        low: Left limit of the x axis.
        high: Right limit of the x axis.
    """

    box: QRectF
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """A finished picture.

    Attributes:
        number: Its request.
        image: The picture.
        panels: Its axes.
        figure: What it was drawn from; to be read, not changed.
    """

    number: int
    image: QImage
    panels: tuple[Panel, ...]
    figure: Figure


def check_saved(target: Path, what: Literal["curves", "comparison", "recipe"]) -> None:
    """Refuse to save over what is no earlier output of this kind; the dialog asked about the rest.

    Args:
        target: What the person chose; curves and comparisons are tables as ``.csv``, else figures.
        what: What is saved.

    Raises:
        StationError: ``bad-output``, ``not-written``.
    """
    from allstation.imaging import output_kinds, outputs

    tables = {
        "curves": output_kinds.CURVES_CSV,
        "comparison": output_kinds.COMPARISON_CSV,
        "recipe": output_kinds.RECIPE,
    }
    table = what == "recipe" or target.suffix.lower() == ".csv"
    kind = tables[what] if table else output_kinds.drawing_kind(target)
    outputs.check_outputs([outputs.Output(tr("Save"), target, kind)], force=True)


class PlotLoader(QObject):
    """Owns the thread that figures are drawn on, and loads Matplotlib there on first use.

    Signals:
        written: A path, and why it could not be written; empty when it was.
    """

    written = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._serial = Serial(self)
        self._has_fonts = False

    def draw(self, number: int, drawing: Drawing, *, size: QSize, ratio: float) -> Task:
        """Draw a figure; the task brings a :class:`Drawn`.

        Args:
            number: Comes back with the picture.
            drawing: Fills the figure.
            size: Of the picture, device pixels.
            ratio: Device pixels of a pixel.
        """
        return self._serial.run(partial(self._draw, number, drawing, size=size, ratio=ratio))

    def _draw(self, number: int, drawing: Drawing, *, size: QSize, ratio: float) -> Drawn:
        figure = self._new_figure((size.width() / _DPI / ratio, size.height() / _DPI / ratio), _DPI * ratio)
        drawing(figure)
        figure.canvas.draw()
        return Drawn(number, _image(figure, ratio), _panels(figure), figure)

    def _new_figure(self, inches: tuple[float, float], dpi: float) -> Figure:
        """Make an empty figure. Runs on the loader's thread."""
        import logging

        # The first start on a machine builds a font cache and warns about it; that is nobody's fault.
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
        from matplotlib import font_manager
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        if not self._has_fonts:
            for name in _FONT_FILES:
                font_manager.fontManager.addfont(str(paths.resource(f"fonts/{name}")))
            self._has_fonts = True
        size = (max(inches[0], 1.0), max(inches[1], 1.0))
        figure = Figure(figsize=size, dpi=dpi, layout="constrained")
        FigureCanvasAgg(figure)
        return figure

    def write(self, path: Path, drawings: Sequence[Drawing]) -> None:
        """Write figures to a file; :attr:`written` follows.

        Args:
            path: Its suffix chooses PNG, SVG or PDF; a PDF has one page a figure, others only the first.
            drawings: At least one.
        """
        self._serial.run(partial(self._write, path, tuple(drawings))).done.connect(self._written)

    def _write(self, path: Path, drawings: Sequence[Drawing]) -> tuple[Path, str]:
        try:
            self._write_whole(path, drawings)
        except (OSError, ValueError) as error:
            return path, str(error) or type(error).__name__
        return path, ""

    def _write_whole(self, path: Path, drawings: Sequence[Drawing]) -> None:
        kind = path.suffix.lstrip(".").casefold()
        with replacing(path) as part:
            if kind == "pdf":
                from matplotlib.backends.backend_pdf import PdfPages

                with PdfPages(part, metadata={"Creator": _MARK}) as pages:
                    for drawing in drawings:
                        pages.savefig(self._drawn(drawing))
            else:
                marks = {"png": {"Software": _MARK}, "svg": {"Creator": _MARK}}.get(kind)
                self._drawn(drawings[0]).savefig(part, format=kind, dpi=2 * _DPI, metadata=marks)

    def _drawn(self, drawing: Drawing) -> Figure:
        figure = self._new_figure(_SAVED_INCHES, _DPI)
        drawing(figure)
        return figure

    @Slot(object)
    def _written(self, outcome: tuple[Path, str]) -> None:
        self.written.emit(*outcome)

    def close(self) -> None:
        """Wait for what is being drawn or written."""
        self._serial.finish()


class PlotArea(QWidget):
    """A place for one figure, with a sentence while there is nothing to draw.

    Args:
        loader: Shared by all figures.
        empty: What is said while there is nothing.

    Signals:
        hovered: The x in data units under the pointer, or None outside all axes.
        changed: Another picture is shown.
    """

    hovered = Signal(object)
    changed = Signal()

    def __init__(self, loader: PlotLoader, empty: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._loader = loader
        self._text = empty
        self._drawing: Drawing | None = None
        self._asked: Drawing | None = None
        self._drawn: Drawn | None = None
        self._number = 0
        self._flying = False
        self._guide: float | None = None
        self._settle = QTimer(self, singleShot=True, interval=_SETTLED)
        self._settle.timeout.connect(self._start)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(220, 160)

    @property
    def figure(self) -> Figure | None:
        """The figure whose picture is shown; to be read, not changed."""
        return self._drawn.figure if self._drawn is not None else None

    def sizeHint(self) -> QSize:
        """A readable figure."""
        return QSize(420, 280)

    def show_plot(self, drawing: Drawing) -> None:
        """Draw a figure; the picture follows. The newest request wins."""
        self._drawing = drawing
        self._start()

    def say(self, text: str) -> None:
        """Show a sentence instead of a figure."""
        self._drawing, self._drawn, self._guide = None, None, None
        self._number += 1
        self._text = text
        self.update()

    def set_guide(self, x: float | None) -> None:
        """Draw a line through all axes at an x in data units."""
        self._guide = x
        self.update()

    @property
    def drawing(self) -> Drawing | None:
        """Drawing shown here, or None."""
        return self._drawing

    @Slot()
    def _start(self) -> None:
        if self._drawing is None or not self.isVisible() or self._flying:
            return
        self._flying = True
        self._number += 1
        self._asked = self._drawing
        ratio = self.devicePixelRatioF()
        task = self._loader.draw(self._number, self._drawing, size=self.size() * ratio, ratio=ratio)
        task.done.connect(self._take)

    @Slot(object)
    def _take(self, drawn: Drawn) -> None:
        self._flying = False
        if drawn.number == self._number and self._drawing is not None:
            self._drawn = drawn
            self.update()
            self.changed.emit()
        if self._drawing is not None and (self._drawing is not self._asked or drawn.number != self._number):
            self._start()

    # Qt --------------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Show the picture with its guide, or the sentence."""
        scheme = theme.tokens(self.palette())
        painter = QPainter(self)
        if self._drawn is None:
            painter.setPen(QColor(scheme.muted))
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(20, 20, -20, -20), flags, self._text)
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self.rect(), self._drawn.image)
            painter.setPen(QPen(QColor(scheme.text), 1))
            for panel in self._drawn.panels if self._guide is not None else ():
                self._paint_guide(painter, panel, self._guide or 0.0)
        painter.end()

    def _paint_guide(self, painter: QPainter, panel: Panel, x: float) -> None:
        if not panel.low <= x <= panel.high:
            return
        share = panel.box.left() + panel.box.width() * (x - panel.low) / (panel.high - panel.low)
        at = share * self.width()
        painter.drawLine(
            QPointF(at, panel.box.top() * self.height()), QPointF(at, panel.box.bottom() * self.height())
        )

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell which x is under the pointer."""
        at = QPointF(event.position().x() / self.width(), event.position().y() / self.height())
        panels = self._drawn.panels if self._drawn is not None else ()
        panel = next((each for each in panels if each.box.contains(at)), None)
        if panel is None:
            self.hovered.emit(None)
        else:
            share = (at.x() - panel.box.left()) / panel.box.width()
            self.hovered.emit(panel.low + share * (panel.high - panel.low))

    def leaveEvent(self, event: QEvent) -> None:
        """The pointer is gone."""
        super().leaveEvent(event)
        self.hovered.emit(None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw at the new size once it has settled."""
        super().resizeEvent(event)
        if self._drawing is not None:
            self._settle.start()

    def showEvent(self, event: Any) -> None:  # noqa: ANN401 - Qt's name and type
        """Draw what was asked for while nobody looked."""
        super().showEvent(event)
        if self._drawing is not None:
            self._start()

    def hideEvent(self, event: Any) -> None:  # noqa: ANN401 - Qt's name and type
        """What nobody sees is not drawn."""
        super().hideEvent(event)
        self._settle.stop()


def _image(figure: Figure, ratio: float) -> QImage:
    canvas: Any = figure.canvas
    width, height = canvas.get_width_height()
    image = QImage(canvas.buffer_rgba(), width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
    image.setDevicePixelRatio(ratio)
    return image


def _panels(figure: Figure) -> tuple[Panel, ...]:
    panels = []
    for axes in figure.axes:
        box: Any = axes.get_position()
        low, high = axes.get_xlim()
        panels.append(Panel(QRectF(box.x0, 1 - box.y1, box.width, box.height), float(low), float(high)))
    return tuple(panels)


def style_axes(axes: Any, palette: QPalette, *, title: str = "", x: str = "", y: str = "") -> None:  # noqa: ANN401
    """Give axes the colours and the font of the window."""
    scheme = theme.tokens(palette)
    font = {"family": theme.FONT_FAMILY}
    axes.figure.set_facecolor(scheme.panel)
    axes.set_facecolor(scheme.base)
    axes.set_title(title, color=scheme.text, fontsize=10, fontweight="semibold", loc="left", **font)
    axes.set_xlabel(x, color=scheme.muted, fontsize=9, **font)
    axes.set_ylabel(y, color=scheme.muted, fontsize=9, **font)
    axes.tick_params(colors=scheme.muted, labelsize=8.5, length=3)
    for tick in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
        tick.set_fontfamily(theme.FONT_FAMILY)
    axes.grid(visible=True, color=scheme.border, linewidth=0.6)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(scheme.border)


def style_legend(axes: Any, palette: QPalette, **options: Any) -> None:  # noqa: ANN401 - Matplotlib's
    """Add a legend in the window's colours to axes, or to a whole figure."""
    scheme = theme.tokens(palette)
    legend = axes.legend(prop={"family": theme.FONT_FAMILY, "size": 8.5}, framealpha=0.9, **options)
    legend.get_frame().set_facecolor(scheme.panel)
    legend.get_frame().set_edgecolor(scheme.border)
    for text in legend.get_texts():
        text.set_color(scheme.text)
