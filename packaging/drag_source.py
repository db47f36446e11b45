"""Second program of the smoke test: a drag source that photographs the screen.

python packaging/drag_source.py drag PATH
python packaging/drag_source.py grab PICTURE.png
"""

from __future__ import annotations

import sys

from PySide6.QtCore import QMimeData, Qt, QTimer, QUrl
from PySide6.QtGui import QDrag, QGuiApplication, QMouseEvent
from PySide6.QtWidgets import QApplication, QLabel


class Source(QLabel):
    """A small window whose path can be dragged away."""

    def __init__(self, path: str) -> None:
        super().__init__("drag me")
        self._path = path
        self.setWindowTitle("drag-source")
        self.setWindowFlag(Qt.WindowType.WindowStaysOnTopHint)
        self.setGeometry(20, 20, 200, 60)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Start the drag; end the program when it was let go."""
        if not event.buttons() & Qt.MouseButton.LeftButton:
            return
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(self._path)])
        drag = QDrag(self)
        drag.setMimeData(data)
        taken = drag.exec(Qt.DropAction.CopyAction)
        QTimer.singleShot(500, lambda: QApplication.exit(0 if taken == Qt.DropAction.CopyAction else 1))


def main(arguments: list[str]) -> int:
    """Drag or photograph as the arguments say."""
    app = QApplication(["drag-source"])
    if arguments[0] == "grab":
        return 0 if QGuiApplication.primaryScreen().grabWindow(0).save(arguments[1]) else 1
    source = Source(arguments[1])
    source.show()
    return app.exec()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
