"""Matplotlib, loaded on first use and away from the window's thread, in the window's own colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QObject, QRunnable, QSize, QThreadPool, Signal, Slot
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QLabel, QSizePolicy, QStackedLayout, QWidget

from allstation import paths
from allstation.ui import theme
from allstation.ui.text import tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FONT_FILES: Final = ("Inter-Regular.ttf", "Inter-SemiBold.ttf")


class _Import(QRunnable):
    def __init__(self, owner: PlotLoader) -> None:
        super().__init__()
        self._owner = owner

    def run(self) -> None:
        """Runs on the pool's thread: most of the second that Matplotlib takes is spent here."""
        import logging

        # The first start on a machine builds a font cache and warns about it; that is nobody's fault.
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
        import matplotlib.backends.backend_agg
        import matplotlib.figure
        import matplotlib.font_manager

        for name in _FONT_FILES:
            matplotlib.font_manager.fontManager.addfont(str(paths.resource(f"fonts/{name}")))
        self._owner.loaded.emit()


class PlotLoader(QObject):
    """Imports Matplotlib once.

    Signals:
        loaded: It can be used.
    """

    loaded = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._asked = False
        self.is_loaded = False
        self.loaded.connect(self._loaded)

    def load(self) -> None:
        """Start importing; ``loaded`` follows, once."""
        if not self._asked:
            self._asked = True
            self._pool.start(_Import(self))

    def close(self) -> None:
        """Wait for the import."""
        self._pool.waitForDone()

    @Slot()
    def _loaded(self) -> None:
        self.is_loaded = True


class PlotArea(QWidget):
    """A place for one figure, with a sentence while there is nothing to draw.

    Args:
        loader: Shared by all figures.
        empty: What is said while there is nothing.

    Signals:
        ready: The canvas is there; draw.
        hovered: Pointer over axes: the axes and the x and y in data units, or None outside.
    """

    ready = Signal()
    hovered = Signal(object)

    def __init__(self, loader: PlotLoader, empty: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._loader = loader
        self._canvas: Any = None
        self._wanted = False
        self._label = QLabel(empty, self, wordWrap=True)
        self._label.setProperty("role", "muted")
        self._label.setAlignment(self._label.alignment().AlignCenter)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._label)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(220, 160)
        loader.loaded.connect(self._make_canvas)

    @property
    def figure(self) -> Figure | None:
        """The figure, once Matplotlib is there."""
        return self._canvas.figure if self._canvas is not None else None

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A readable figure."""
        return QSize(420, 280)

    def want(self) -> None:
        """Show the figure as soon as Matplotlib is there; ``ready`` follows."""
        self._wanted = True
        if self._loader.is_loaded:
            self._make_canvas()
            self.ready.emit()
        else:
            self._label.setText(tr("Loading…"))
            self._loader.load()

    def say(self, text: str) -> None:
        """Show a sentence instead of the figure."""
        self._wanted = False
        self._label.setText(text)
        self._stack.setCurrentWidget(self._label)

    def redraw(self) -> None:
        """Show what was drawn."""
        if self._canvas is not None:
            self._stack.setCurrentWidget(self._canvas)
            self._canvas.draw_idle()

    def save(self, path: str) -> None:
        """Write the figure; the file's suffix chooses PNG, SVG or PDF.

        Raises:
            OSError: If the file cannot be written.
        """
        if self.figure is not None:
            self.figure.savefig(path, dpi=200)

    @Slot()
    def _make_canvas(self) -> None:
        if self._canvas is None and self._wanted:
            from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
            from matplotlib.figure import Figure

            self._canvas = FigureCanvasQTAgg(Figure(layout="constrained"))
            self._canvas.setMinimumSize(120, 100)
            self._canvas.mpl_connect("motion_notify_event", self._moved)
            self._canvas.mpl_connect("figure_leave_event", self._left)
            self._stack.addWidget(self._canvas)
            if self.sender() is not None:
                self.ready.emit()

    def _moved(self, event: Any) -> None:  # noqa: ANN401 - a Matplotlib event
        inside = event.inaxes is not None and event.xdata is not None
        self.hovered.emit((event.inaxes, event.xdata, event.ydata) if inside else None)

    def _left(self, _event: object) -> None:
        self.hovered.emit(None)


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
    """Add a legend in the window's colours."""
    scheme = theme.tokens(palette)
    legend = axes.legend(prop={"family": theme.FONT_FAMILY, "size": 8.5}, framealpha=0.9, **options)
    legend.get_frame().set_facecolor(scheme.panel)
    legend.get_frame().set_edgecolor(scheme.border)
    for text in legend.get_texts():
        text.set_color(scheme.text)
