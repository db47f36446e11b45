"""The reviewed fields that look most like the current one: small pictures with class and distance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from allstation.core.field_distance import FAR, SHOWN, AlikeAnswer, AlikeField, distance_words
from allstation.ui.browser.tile import facing
from allstation.ui.common import theme
from allstation.ui.common.formatting import moment, number, tip
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.card import paint_chip
from allstation.ui.viewer.card_content import mark_for
from allstation.ui.viewer.picture import image_from_rgb

_ASPECTS: Final = (0.6, 1.0)
"""Height over width that a picture's place has, at least and at most."""
_NARROWEST: Final = 56
_USUAL: Final = 84
_GAP: Final = 4.0


class AlikeTile(QAbstractButton):
    """Picture of a reviewed field over its class and how alike it is."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.field: AlikeField | None = None
        self._image: QImage | None = None
        self._classes: tuple[str, ...] = ()
        self.setAccessibleName(tr("Reviewed field"))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        # One picture alone is no larger than one of three.
        policy.setRetainSizeWhenHidden(True)
        self.setSizePolicy(policy)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def show_field(self, field: AlikeField, classes: Sequence[str]) -> None:
        """Show one field."""
        self.field, self._classes = field, tuple(classes)
        self._image = None if field.picture is None else image_from_rgb(field.picture)
        said = field.reviewed
        where = tr("in the reference atlas") if said.from_atlas else tr("on slide {slide}", slide=said.place)
        text = tr(
            "{name} by {reviewer}, {when}, {where}: {words} (distance {distance})",
            name=said.class_name,
            reviewer=said.reviewer,
            when=moment(said.at),
            where=where,
            words=self._words(),
            distance=f"{field.distance:.2f}",
        )
        does = tr("Shows it large") if said.from_atlas else tr("Goes to this field")
        self.setAccessibleName(text)
        self.setToolTip(tip(f"{text}\n{does}"))
        self.updateGeometry()
        self.update()

    def _words(self) -> str:
        return "" if self.field is None else tr(distance_words(self.field.distance, same=self.field.same))

    def second_line(self) -> str:
        """Return how alike it is, and that it is of the atlas: another patient's, as a rule."""
        from_atlas = self.field is not None and self.field.reviewed.from_atlas
        return tr("{words}, atlas", words=self._words()) if from_atlas else self._words()

    def sizeHint(self) -> QSize:
        """Room for a picture and two lines."""
        return QSize(_USUAL, self._height(max(self.width(), _NARROWEST)))

    def minimumSizeHint(self) -> QSize:
        """The narrowest picture that still shows a cell."""
        return QSize(_NARROWEST, self._height(_NARROWEST))

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - as Qt calls it
        """The picture grows with the panel."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - as Qt calls it
        """Room for a picture as wide as the tile, and two lines."""
        return self._height(width)

    def _height(self, width: int) -> int:
        line = QFontMetricsF(self._small()).height()
        return round(width * self._aspect() + (1 + self._word_lines(width)) * line + 3 * _GAP)

    def _aspect(self) -> float:
        across, down = self.field.size if self.field is not None else (4, 3)
        return min(max(down / max(across, 1), _ASPECTS[0]), _ASPECTS[1])

    def _word_lines(self, width: int) -> int:
        """Return the lines that the words take; large text needs two."""
        return 1 if QFontMetricsF(self._small()).horizontalAdvance(self.second_line()) <= width else 2

    def _small(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(max(font.pointSizeF() * 0.9, 6.0))
        return font

    def picture_area(self) -> QRectF:
        """Return where the picture is painted."""
        room = QRectF(1, 1, self.width() - 2, self.width() * self._aspect() - 2)
        if self._image is None:
            return room
        size = self._image.size().toSizeF()
        size.scale(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
        area = QRectF(room.topLeft(), size)
        area.moveCenter(room.center())
        return area

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint picture, class and words."""
        if self.field is None:
            return
        scheme = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        area = self.picture_area()
        if self._image is not None:
            painter.drawImage(area, self._image)
        else:
            painter.fillRect(area, QColor(scheme.track))
        if self.hasFocus() or self.underMouse() or self.isDown():
            painter.setPen(QPen(QColor(scheme.accent), 2))
            painter.drawRect(area)
        self._paint_lines(painter, scheme)
        painter.end()

    def _paint_lines(self, painter: QPainter, scheme: theme.Tokens) -> None:
        assert self.field is not None  # noqa: S101 - asked before
        name = self.field.reviewed.class_name
        small, strong = self._small(), self._small()
        strong.setBold(True)
        metrics = QFontMetricsF(small)
        whole = QRectF(0, 0, self.width(), self.height())
        top = self.width() * self._aspect() + _GAP
        chip = QRectF(0, top, metrics.height(), metrics.height())
        index = self._classes.index(name) if name in self._classes else 0
        paint_chip(painter, facing(painter, whole, chip), mark_for(name, index), strong)
        first = QRectF(chip.right() + _GAP, top, self.width() - chip.width() - _GAP, chip.height())
        second = QRectF(0, chip.bottom() + _GAP, self.width(), self.height() - chip.bottom() - _GAP)
        painter.setFont(strong)
        painter.setPen(QColor(scheme.text))
        shown = QFontMetricsF(strong).elidedText(name, Qt.TextElideMode.ElideRight, first.width())
        side = Qt.AlignmentFlag.AlignLeft
        painter.drawText(facing(painter, whole, first), int(side | Qt.AlignmentFlag.AlignVCenter), shown)
        painter.setFont(small)
        painter.setPen(QColor(scheme.muted))
        wrapped = int(side | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap)
        painter.drawText(facing(painter, whole, second), wrapped, self.second_line())


class AlikeRow(QWidget):
    """The most alike reviewed fields in a row, under a line that says what they are.

    Signals:
        chosen: The :class:`AlikeField` that was clicked.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = QLabel(self, wordWrap=True)
        self._title.setProperty("role", "small")
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self.tiles = tuple(AlikeTile(self) for _ in range(SHOWN))
        row = QHBoxLayout()
        row.setSpacing(8)
        for tile in self.tiles:
            tile.clicked.connect(self._clicked)
            row.addWidget(tile, 1, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._title)
        layout.addLayout(row)
        self.setAccessibleName(tr("Most alike reviewed fields"))
        self.hide()

    @property
    def text(self) -> str:
        """Caption above the pictures."""
        return self._title.text()

    def show_answer(self, answer: AlikeAnswer | None, classes: Sequence[str]) -> None:
        """Show what was found; nothing is shown where nothing can be compared."""
        fields = answer.fields if answer is not None else ()
        self.setVisible(answer is not None and bool(fields or answer.left))
        for place, tile in enumerate(self.tiles):
            tile.setVisible(place < len(fields))
            if place < len(fields):
                tile.show_field(fields[place], classes)
        if answer is not None:
            self._title.setText(_title(answer))

    @Slot()
    def _clicked(self) -> None:
        tile = self.sender()
        if isinstance(tile, AlikeTile) and tile.field is not None:
            self.chosen.emit(tile.field)


def _title(answer: AlikeAnswer) -> str:
    if answer.waiting:
        return tr("Most alike reviewed fields: compared when no field waits")
    if answer.left:
        done, total = number(answer.compared), number(answer.compared + answer.left)
        return tr("Most alike reviewed fields, {done} of {total} compared so far", done=done, total=total)
    if answer.fields and distance_words(answer.fields[0].distance, same=answer.fields[0].same) == FAR:
        return tr("None of {n} reviewed fields is alike; the nearest:", n=number(answer.compared))
    if answer.compared == 1:
        return tr("The one reviewed field beside this one")
    return tr("Most alike of {n} reviewed fields", n=number(answer.compared))
