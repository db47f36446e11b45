"""Dialogs of the Help menu: versions and intended use, and the list of keys."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from html import escape
from typing import Final

from PySide6.QtCore import Qt, qVersion
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QTextBrowser,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from allstation import __version__
from allstation.core.classes import RESEARCH_USE
from allstation.frozen import build_stamp
from allstation.processing.status_types import ModelInfo
from allstation.ui.common import icons
from allstation.ui.common.i18n import tr
from allstation.ui.common.window_size import resize_on_screen
from allstation.ui.main_window.licences import LicencesDialog

_PARTS: Final = (
    ("PySide6", "PySide6-Essentials", "LGPL-3.0"),
    ("LiteRT", "ai-edge-litert", "Apache-2.0"),
    ("NumPy", "numpy", "BSD-3-Clause"),
    ("OpenCV", "opencv-python-headless", "Apache-2.0"),
    ("Pillow", "pillow", "MIT-CMU"),
    ("ReportLab", "reportlab", "BSD-3-Clause"),
    ("PDFium", "pypdfium2", "BSD-3-Clause, Apache-2.0"),
    ("Matplotlib", "matplotlib", "PSF-based"),
    ("Inter typeface", "", "OFL-1.1"),
)


def versions() -> list[tuple[str, str, str]]:
    """Return name, version and licence of what the program stands on."""
    from importlib import metadata

    rows = [("Python", platform.python_version(), "PSF-2.0"), ("Qt", qVersion(), "LGPL-3.0")]
    for name, package, licence in _PARTS:
        try:
            rows.append((name, metadata.version(package) if package else "", licence))
        except metadata.PackageNotFoundError:
            rows.append((name, "", licence))
    return rows


class AboutDialog(QDialog):
    """Versions, notices, intended use. Opened with ``open()``, never waited for."""

    def __init__(self, model: ModelInfo | None, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("About ALL Station"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._plain = _plain_text(model)
        icon = QLabel(self, alignment=Qt.AlignmentFlag.AlignHCenter)
        icon.setPixmap(
            icons.pixmap(
                "allstation", self.palette().windowText().color(), size=64, ratio=self.devicePixelRatioF()
            )
        )
        title = QLabel(f"ALL Station {__version__}", self, alignment=Qt.AlignmentFlag.AlignHCenter)
        title.setProperty("role", "heading")
        build = QLabel(build_stamp(), self, alignment=Qt.AlignmentFlag.AlignHCenter)
        build.setProperty("role", "small")
        notice = QLabel(RESEARCH_USE, self, alignment=Qt.AlignmentFlag.AlignHCenter)
        notice.setProperty("role", "research")
        text = QTextBrowser(self)
        text.setOpenLinks(False)
        text.setHtml(_html(model))
        text.setAccessibleName(tr("Versions and notices"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        copy = buttons.addButton(tr("Copy"), QDialogButtonBox.ButtonRole.ActionRole)
        copy.setAutoDefault(False)
        copy.clicked.connect(self._copy)
        licences = buttons.addButton(tr("Licences"), QDialogButtonBox.ButtonRole.ActionRole)
        licences.setAutoDefault(False)
        licences.clicked.connect(self._show_licences)
        buttons.button(QDialogButtonBox.StandardButton.Close).setDefault(True)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 16)
        layout.setSpacing(8)
        for part in (icon, title, build, notice, text, buttons):
            layout.addWidget(part)
        resize_on_screen(self, 520, 520)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._plain)

    def _show_licences(self) -> None:
        LicencesDialog(self).open()


def _model_line(model: ModelInfo | None) -> str:
    if model is None:
        return tr("No model is loaded.")
    record = model.record
    return tr(
        "Model: {name} {version}, {sha}", name=record.name, version=record.version, sha=record.sha256[:16]
    )


def _plain_text(model: ModelInfo | None) -> str:
    lines = [f"ALL Station {__version__}", build_stamp(), RESEARCH_USE, _model_line(model)]
    return "\n".join(lines + [f"{name} {version} ({licence})" for name, version, licence in versions()])


def _html(model: ModelInfo | None) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}&nbsp;&nbsp;</td><td>{escape(version)}&nbsp;&nbsp;</td><td>{escape(licence)}</td></tr>"
        for name, version, licence in versions()
    )
    purpose = tr(
        "ALL Station shows how a network reads blood smear fields, how sure it is and why, and leaves every "
        "decision to a person. It has not been validated for use on patients."
    )
    licence = tr("ALL Station is free software under the Apache License 2.0.")
    return (
        f"<p>{escape(purpose)}</p><p>{escape(_model_line(model))}</p>"
        f"<table>{rows}</table><p>{escape(licence)}</p>"
    )


class KeysDialog(QDialog):
    """Every action with its keys."""

    def __init__(self, actions: Sequence[QAction], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Keyboard shortcuts"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        table = QTreeWidget(self)
        table.setHeaderLabels([tr("Action"), tr("Keys"), tr("What it does")])
        table.setRootIsDecorated(False)
        table.setAlternatingRowColors(True)
        table.setAccessibleName(tr("Keyboard shortcuts"))
        for action in actions:
            keys = ", ".join(
                key.toString(QKeySequence.SequenceFormat.NativeText) for key in action.shortcuts()
            )
            if keys:
                table.addTopLevelItem(QTreeWidgetItem([action.iconText(), keys, action.statusTip()]))
        table.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(table)
        layout.addWidget(buttons)
        resize_on_screen(self, 720, 560)
