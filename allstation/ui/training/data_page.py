"""First step: choose a labelled folder and see what must be known about it before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QEvent, QMimeData, Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from allstation.core.events import Phase, Progress
from allstation.core.tables import SUFFIXES
from allstation.ui.common import icons, theme
from allstation.ui.common.formatting import duration, number
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import scroll_area
from allstation.ui.training.check_words import class_bars, probe_bar, summary_lines, verdict
from allstation.ui.training.field_preview import FieldPeek
from allstation.ui.training.plots.bar_chart import BarChart
from allstation.ui.training.sort_button import SortButton

_FINDING: Final = int(Qt.ItemDataRole.UserRole)
_ICONS: Final = {"error": "error", "warning": "warning", "note": "info"}
_INVITING: Final = 260
"""Height of the place to drop on while there is nothing else to see, pixels."""
_WORDS: Final = {"error": "Error", "warning": "Warning", "note": "Note"}


class DataPage(QWidget):
    """Asks for a folder, shows the check of it.

    Signals:
        folder_chosen: Folder or CSV to check.
        stop_asked: Stop the check.
        field_opened: A field was double-clicked.
        go_on_asked: The person wants the next step.
    """

    folder_chosen = Signal(object)
    stop_asked = Signal()
    field_opened = Signal(object)
    go_on_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder: Path | None = None
        self._files: Mapping[str, Sequence[str]] = {}
        self.setAcceptDrops(True)
        self._build_source()
        self._build_report()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addWidget(self._source)
        layout.addWidget(self._progress_row)
        layout.addWidget(self._report, 1)
        layout.addWidget(self._empty, 1)
        self.show_nothing()

    # Building --------------------------------------------------------------------------------

    def _build_source(self) -> None:
        self._source = QFrame(self)
        self._source.setProperty("role", "drop")
        self._title = QLabel(self, wordWrap=True)
        self._title.setProperty("role", "heading")
        self._hint = QLabel(self, wordWrap=True)
        self._hint.setProperty("role", "muted")
        self._choose = QPushButton(tr("Choose Folder…"), self)
        self._choose.clicked.connect(self._ask_folder)
        self._csv = QPushButton(tr("Choose CSV…"), self)
        self._csv.setToolTip(tr("A table with the columns path, class and, if known, patient"))
        self._csv.clicked.connect(self._ask_csv)
        self._again = QPushButton(tr("Check Again"), self)
        self._again.clicked.connect(self._check_again)
        self.sorting = SortButton(self)
        texts = QVBoxLayout()
        texts.setSpacing(2)
        texts.addStretch(1)
        texts.addWidget(self._title)
        texts.addWidget(self._hint)
        texts.addStretch(1)
        row = QHBoxLayout(self._source)
        row.setContentsMargins(16, 12, 16, 12)
        row.addLayout(texts, 1)
        for button in (self._again, self.sorting, self._csv, self._choose):
            row.addWidget(button)

    def _build_report(self) -> None:
        self._progress_row = QWidget(self)
        self._progress_text = QLabel(self)
        self._progress = QProgressBar(self, textVisible=False)
        self._progress.setAccessibleName(tr("Progress of the check"))
        self._stop = QPushButton(tr("Stop"), self)
        self._stop.clicked.connect(self.stop_asked)
        row = QHBoxLayout(self._progress_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._progress_text)
        row.addWidget(self._progress, 1)
        row.addWidget(self._stop)
        centre = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        self._empty = QLabel(self, wordWrap=True, alignment=centre)
        self._empty.setContentsMargins(0, 16, 0, 0)
        self._empty.setProperty("role", "muted")
        self._report = QSplitter(Qt.Orientation.Horizontal, self)
        self._report.setChildrenCollapsible(False)
        self._report.addWidget(self._figures())
        self._report.addWidget(self._findings())
        self._report.setStretchFactor(1, 1)
        self._report.setSizes([440, 600])

    def _figures(self) -> QWidget:
        body = QWidget(self)
        body.setProperty("role", "panel")
        column = QVBoxLayout(body)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        self._verdict = QLabel(self, wordWrap=True)
        self._verdict.setProperty("role", "heading")
        self._summary = QLabel(self, wordWrap=True)
        self._classes = BarChart(self)
        self._classes.setAccessibleName(tr("Fields per class"))
        self._classes.setCursor(Qt.CursorShape.PointingHandCursor)
        self._classes.setToolTip(tr("Click a class to see its fields"))
        self._classes.clicked.connect(self._class_chosen)
        self._probes = BarChart(self)
        self._probes.setAccessibleName(tr("Shortcut probes"))
        self._probe_note = QLabel(self, wordWrap=True)
        self._probe_note.setProperty("role", "small")
        self._next = QPushButton(tr("Go On to the Recipe"), self)
        self._next.setProperty("role", "primary")
        self._next.clicked.connect(self.go_on_asked)
        column.addWidget(self._verdict)
        column.addWidget(self._summary)
        column.addWidget(_caption(self, tr("Fields per class")))
        column.addWidget(self._classes)
        column.addWidget(_caption(self, tr("Can classes be told apart without looking at cells?")))
        column.addWidget(self._probes)
        column.addWidget(self._probe_note)
        column.addStretch(1)
        column.addWidget(self._next)
        return scroll_area(body, self, sideways=True)

    def _findings(self) -> QWidget:
        side = QSplitter(Qt.Orientation.Vertical, self)
        side.setChildrenCollapsible(False)
        self._list = QListWidget(self)
        self._list.setWordWrap(True)
        # Else sentences keep the lines that they had at the width of before, and end in an ellipsis.
        self._list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self._list.setAccessibleName(tr("Findings of the check"))
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setSpacing(2)
        self._list.currentItemChanged.connect(self._finding_chosen)
        self.peek = FieldPeek(self)
        self.peek.opened.connect(self.field_opened)
        side.addWidget(self._list)
        side.addWidget(self.peek)
        side.setStretchFactor(0, 1)
        side.setStretchFactor(1, 1)
        return side

    # What is shown ---------------------------------------------------------------------------

    def show_nothing(self) -> None:
        """Empty the page: no folder was chosen."""
        self._title.setText(tr("Drop a folder of labelled smears here"))
        self._hint.setText(
            tr(
                "One sub-folder a class, or a CSV of path, class, patient. Files are only read. "
                "No classes yet? Sort the fields into classes here, by key."
            )
        )
        self._empty.setText(
            tr(
                "Before any training the folder is checked: counts, unreadable files, duplicates, "
                "fields that show the same place, and shortcuts a network could learn instead of cells."
            )
        )
        self._again.hide()
        self._show(empty=True)
        self._source.setMinimumHeight(_INVITING)

    def show_checking(self, folder: Path) -> None:
        """A check was started."""
        self._folder = folder
        self._title.setText(folder.name)
        self._hint.setText(str(folder))
        self._progress.setRange(0, 0)
        self._progress_text.setText(tr("Checking…"))
        self._again.hide()
        self.peek.clear()
        self._show(checking=True)

    def show_event(self, event: Phase | Progress) -> None:
        """Follow the check."""
        if isinstance(event, Phase):
            self._progress.setRange(0, 0)
            self._progress_text.setText(event.text or tr("Checking…"))
            return
        self._progress.setRange(0, max(event.total, 1))
        self._progress.setValue(event.done)
        left = tr(", about {time} left", time=duration(event.seconds_left)) if event.seconds_left else ""
        words = f"{number(event.done)} / {number(event.total)} {event.text}"
        self._progress_text.setText(words + left)

    def show_problem(self, sentence: str) -> None:
        """The check could not be done."""
        self._empty.setText(sentence)
        self._again.setVisible(self._folder is not None)
        self._show(empty=True)

    def show_report(self, report: Mapping[str, Any]) -> None:
        """Show what the check found."""
        self._again.show()
        self._verdict.setText(verdict(report))
        self._summary.setText("\n".join(summary_lines(report)))
        self._files = report.get("files", {})
        self._classes.set_bars(class_bars(report["classes"]))
        probes = report.get("probes", [])
        self._probes.set_bars([probe_bar(probe) for probe in probes])
        self._probe_note.setText(
            tr(
                "Balanced accuracy of a simple classifier that sees only this; the line is chance. "
                "“!” marks what predicts the class."
            )
            if probes
            else tr("No probe could be made: too few classes or fields.")
        )
        self._next.setEnabled(not report["errors"])
        self._list.clear()
        for finding in report["findings"]:
            self._list.addItem(self._finding_item(finding))
        self._show()
        if self._list.count():
            self._list.setCurrentRow(0)

    def _show(self, *, empty: bool = False, checking: bool = False) -> None:
        self._progress_row.setVisible(checking)
        self._source.setMinimumHeight(0)
        self._report.setVisible(not empty and not checking)
        self._empty.setVisible(empty or checking)
        if checking:
            self._empty.setText(tr("The check runs beside everything else; classification goes on."))

    def _finding_item(self, finding: Mapping[str, Any]) -> QListWidgetItem:
        level = str(finding["level"])
        item = QListWidgetItem(f"{tr(_WORDS[level])}: {finding['sentence']}")
        item.setIcon(icons.icon(_ICONS[level], self.palette()))
        item.setData(_FINDING, dict(finding))
        return item

    # Slots -----------------------------------------------------------------------------------

    @Slot(QListWidgetItem, QListWidgetItem)
    def _finding_chosen(self, item: QListWidgetItem | None, _before: QListWidgetItem | None) -> None:
        if item is None or self._folder is None:
            return
        finding = item.data(_FINDING)
        paths = self._paths(finding["fields"])
        if paths:
            self.peek.show_fields(str(finding["code"]).replace("-", " ").capitalize(), paths)
        else:
            self.peek.clear(tr("This finding is about the whole folder, not about single fields."))

    @Slot(str)
    def _class_chosen(self, name: str) -> None:
        self._list.setCurrentRow(-1)
        self.peek.show_fields(name, self._paths(self._files.get(name, ())))

    def _paths(self, names: Sequence[str]) -> list[Path]:
        """Fields by their names in the report, which are those below the folder or beside the table."""
        folder = self._folder or Path()
        base = folder.parent if folder.suffix.casefold() in SUFFIXES else folder
        return [base / name for name in names]

    def changeEvent(self, event: QEvent) -> None:
        """Icons follow light and dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_list"):
            for row in range(self._list.count()):
                item = self._list.item(row)
                item.setIcon(icons.icon(_ICONS[item.data(_FINDING)["level"]], self.palette()))

    @Slot()
    def _ask_folder(self) -> None:
        dialog = QFileDialog(self, tr("Labelled folder"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        self._open(dialog)

    @Slot()
    def _ask_csv(self) -> None:
        dialog = QFileDialog(self, tr("Table of path, class, patient"))
        dialog.setNameFilter(tr("Tables (*.csv *.tsv *.txt)"))
        self._open(dialog)

    def _open(self, dialog: QFileDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._path_selected)
        dialog.open()

    @Slot(str)
    def _path_selected(self, text: str) -> None:
        if text:
            self.folder_chosen.emit(Path(text))

    @Slot()
    def _check_again(self) -> None:
        if self._folder is not None:
            self.folder_chosen.emit(self._folder)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take one folder or table."""
        if _dropped(event.mimeData()) is not None:
            self._set_drop(active=True)
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """It went away again."""
        self._set_drop(active=False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Check what was dropped."""
        self._set_drop(active=False)
        path = _dropped(event.mimeData())
        if path is not None:
            event.acceptProposedAction()
            self.folder_chosen.emit(path)

    def _set_drop(self, *, active: bool) -> None:
        theme.restyle(self._source, "active", "true" if active else "false")


def _caption(parent: QWidget, text: str) -> QLabel:
    label = QLabel(text, parent, wordWrap=True)
    label.setProperty("role", "muted")
    label.setContentsMargins(0, 8, 0, 0)
    return label


def _dropped(data: QMimeData) -> Path | None:
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    if len(paths) != 1:
        return None
    return paths[0] if paths[0].suffix.casefold() in {"", *SUFFIXES} or paths[0].is_dir() else None
