"""Montages: cards of fields with probabilities and evidence, and rows of a contact sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from allstation.core.classes import NEEDS_REVIEW, class_style
from allstation.report.content.field_types import FieldRow
from allstation.report.content.wording import ANOTHER_LOOK, probability
from allstation.report.drawing import palette
from allstation.report.drawing.blocks import Block, Style
from allstation.report.drawing.charts import badge
from allstation.report.drawing.fonts import BOLD, FIGURES, FIGURES_BOLD, TEXT
from allstation.report.drawing.images import Thumbnail
from allstation.report.drawing.typeset import Typesetter

Pictures = Callable[[int, int, str], tuple[Thumbnail, Thumbnail | None]]
"""Field number, width in pixels, class of the evidence (or empty) -> picture and evidence picture."""

_ABOUT: Final = 0.01
"""Part of the width that may go unseen without a word: rounding, a row of pixels."""
_NAME: Final = Style(BOLD, 7.6, 10)
_SAID: Final = Style(TEXT, 7.2, 9)
"""What stands in place of a picture."""
_QUIET: Final = Style(TEXT, 6.8, 9, palette.MUTED)


CleanPictures = Callable[[int, int, float], Thumbnail]
"""Field number, width in pixels, most height as a part of the width -> picture."""


@dataclass(frozen=True, slots=True)
class Card:
    """Field of a montage.

    Attributes:
        row: The field.
        classes: Class names in the model's order, for letters and colours.
    """

    row: FieldRow
    classes: tuple[str, ...]

    @property
    def tall(self) -> float:
        """Height of the field as a part of its width; that of usual cameras where it is not known."""
        return self.row.height / self.row.width if self.row.width and self.row.height else 0.75


class Pictured(Block):
    """Base of montage and contact sheet: places pictures and prints decisions."""

    def picture(self, thumbnail: Thumbnail, at: tuple[float, float, float, float], *, alt: str) -> None:
        """Place a picture inside a frame, shape kept, or say why there is none."""
        x, y, width, height = at
        self.canv.box(at, fill=palette.WASH)
        if thumbnail.problem:
            self.canv.box(at, line=palette.LINE)
            self.put(
                "No picture", (x + width / 2, y + height / 2 + 2), _SAID, width=width - 8, align="centre"
            )
            self.put(
                thumbnail.problem,
                (x + width / 2, y + height / 2 - 8),
                _QUIET,
                width=width - 8,
                align="centre",
            )
            return
        scale = min(width / thumbnail.width, height / thumbnail.height)
        w, h = thumbnail.width * scale, thumbnail.height * scale
        with self.canv.leaf("Figure", alt=alt):
            place = (x + (width - w) / 2, y + (height - h) / 2, w, h)
            self.canv.jpeg(thumbnail.jpeg, place, pixels=(thumbnail.width, thumbnail.height))

    def decision(self, card: Card, at: tuple[float, float], *, width: float, short: bool = False) -> None:
        """Print the class letter and name; the reviewed class beside the predicted one.

        Args:
            card: The field.
            at: Where.
            width: Points.
            short: A star for reviewed, and only the letter of what was predicted.
        """
        row, (x, y) = card.row, at
        name = row.final or "not read"
        index = card.classes.index(name) if name in card.classes else 0
        style = class_style(NEEDS_REVIEW if not row.final else name, index)
        badge(self.canv, self.setter, style.letter, colour=style.colour, at=(x, y - 1.8), side=9)
        text = name
        if row.reviewed and short:
            before = class_style(row.decision).letter
            text = f"{name} *" if row.final == row.decision else f"{before} \u2192 {name} *"
        elif row.reviewed == ANOTHER_LOOK:
            text = f"{name}, {ANOTHER_LOOK}"
        elif row.reviewed and row.reviewed != row.decision:
            text = f"{row.decision} \u2192 {row.reviewed}, reviewed"
        elif row.reviewed:
            text = f"{name}, reviewed"
        self.put(text, (x + 12, y), Style(BOLD, 7.4, 9), width=width - 12)


class MontageRow(Pictured):
    """Two cards: a field with its probabilities under it, its evidence map beside it if there is one.

    No cell is covered.
    """

    _GUTTER: Final = 15.0
    _BETWEEN: Final = 3.0
    _HEAD: Final = 14.0
    _FOOT: Final = 25.0
    _BAND: Final = 17.0
    _PIXELS: Final = 340

    def __init__(self, setter: Typesetter, cards: Sequence[Card], pictures: Pictures) -> None:
        super().__init__(setter, before=2, after=9)
        self.cards, self.pictures = cards, pictures
        self._image = 0.0

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Return the size."""
        self.width = width
        self._image = ((width - self._GUTTER) / 2 - self._BETWEEN) / 2
        self.height = self._HEAD + self._image * 0.75 + self._BAND + self._FOOT
        return width, self.height

    def draw(self) -> None:
        """Draw the cards."""
        for index, card in enumerate(self.cards):
            with self.canv.structure.group("Div"):
                self._card(card, index * (2 * self._image + self._BETWEEN + self._GUTTER))

    def _card(self, card: Card, x: float) -> None:
        row, side, tall = card.row, self._image, self._image * 0.75
        top, bottom = self.height, self.height - self._HEAD - tall
        whole = 2 * side + self._BETWEEN
        number = self.put(str(row.number), (x, top - 9), Style(TEXT, 7.6, 10, palette.MUTED))
        self.put(row.label, (x + number.width + 5, top - 9), _NAME, width=whole - number.width - 5)
        known = [name for name, _ in row.probabilities]
        shown = row.final if row.final in known else row.top
        field, evidence = self.pictures(row.number, self._PIXELS, shown)
        # Without a map the field has the room of both, without figures that of their band too.
        values = row.shown_probabilities if not field.problem else ()
        wide, low = side if evidence else whole, bottom if values else bottom - self._BAND
        self.picture(field, (x, low, wide, top - self._HEAD - low), alt=f"Field {row.number}, {row.label}")
        self._band(card, values, (x, bottom - self._BAND, wide))
        if evidence:
            right = x + side + self._BETWEEN
            self.picture(evidence, (right, bottom, side, tall), alt=f"Evidence map for {shown}")
            tag = (right, bottom - self._BAND + 7.4)
            self.put(f"Evidence for {shown}", tag, _QUIET, width=side)
        self.decision(card, (x, bottom - self._BAND - 10.5), width=whole)
        self._remark(row, (x + 12, bottom - self._BAND - 20), width=whole - 12)

    def _remark(self, row: FieldRow, at: tuple[float, float], *, width: float) -> None:
        text = ", ".join(row.reasons) or row.comment
        if text:
            self.put(text, at, _QUIET, width=width)

    def _band(self, card: Card, values: Sequence[tuple[str, float]], at: tuple[float, float, float]) -> None:
        """Probabilities under the field: letter, per cent, bar."""
        x, y, width = at
        canvas = self.canv
        each = width / max(len(values), 1)
        for index, (name, value) in enumerate(values):
            style = class_style(name, index)
            left = x + index * each
            text = f"{style.letter} {probability(value)}"
            face = FIGURES_BOLD if name == card.row.top else FIGURES
            self.put(text, (left, y + 7.4), Style(face, 6.6, 8, palette.INK), width=each - 3)
            canvas.box((left, y + 2.8, each - 6, 2), fill=palette.HAIR)
            canvas.box((left, y + 2.8, max((each - 6) * value, 0.01), 2), fill=style.colour)


class CleanRow(Pictured):
    """Fields of page one, at least 55 mm wide and with nothing over them; number, class, reasons below.

    Args:
        setter: The typesetter.
        cards: At most :attr:`ACROSS`.
        pictures: Gives their pictures.
        tallest: Most height as a part of the width; of a taller field the middle is shown.
    """

    ACROSS: Final = 3
    WIDTH: Final = 158.0
    """Points: 55.7 mm."""
    _FOOT: Final = 12.0
    _PIXELS: Final = 620

    def __init__(
        self, setter: Typesetter, cards: Sequence[Card], pictures: CleanPictures, *, tallest: float
    ) -> None:
        super().__init__(setter, before=0, after=3)
        self.cards, self.pictures, self.tallest = cards, pictures, tallest
        self._shape = min(tallest, max(card.tall for card in cards))

    @property
    def cuts(self) -> bool:
        """Whether of a field its middle alone is shown."""
        return any(card.tall > self.tallest + _ABOUT for card in self.cards)

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Return the size."""
        self.width, self.height = width, self.WIDTH * self._shape + self._FOOT
        return width, self.height

    def draw(self) -> None:
        """Draw the pictures."""
        step = self.WIDTH + (self.width - self.ACROSS * self.WIDTH) / (self.ACROSS - 1)
        for index, card in enumerate(self.cards):
            with self.canv.structure.group("Div"):
                self._clean(card, index * step)

    def _clean(self, card: Card, x: float) -> None:
        row, tall = card.row, self.WIDTH * self._shape
        picture = self.pictures(row.number, self._PIXELS, self.tallest)
        self.picture(picture, (x, self._FOOT, self.WIDTH, tall), alt=f"Field {row.number}, {row.label}")
        number = self.put(str(row.number), (x, self._FOOT - 8.6), _QUIET)
        left = x + number.width + 4
        room = self.WIDTH - number.width - 4
        why = ", ".join(row.reasons) if row.final == NEEDS_REVIEW else ""
        if why:
            words = self.setter.fitted(why, _QUIET.face, size=_QUIET.size, width=room - 72).width
            self.put(why, (x + self.WIDTH, self._FOOT - 8.6), _QUIET, width=room - 72, align="right")
            room -= words + 4
        self.decision(card, (left, self._FOOT - 8.6), width=room, short=True)


class ContactRow(Pictured):
    """Small pictures side by side with number, name, decision and top probability."""

    ACROSS: Final = 5
    _GUTTER: Final = 8.0
    _FOOT: Final = 25.0
    _PIXELS: Final = 240

    def __init__(self, setter: Typesetter, cards: Sequence[Card], pictures: Pictures) -> None:
        super().__init__(setter, before=0, after=7)
        self.cards, self.pictures = cards, pictures
        self._image = 0.0

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Return the size."""
        self.width = width
        self._image = (width - self._GUTTER * (self.ACROSS - 1)) / self.ACROSS
        self.height = self._image * 0.75 + self._FOOT
        return width, self.height

    def draw(self) -> None:
        """Draw the pictures."""
        for index, card in enumerate(self.cards):
            with self.canv.structure.group("Div"):
                self._small(card, index * (self._image + self._GUTTER))

    def _small(self, card: Card, x: float) -> None:
        row, side = card.row, self._image
        field, _ = self.pictures(row.number, self._PIXELS, "")
        self.picture(field, (x, self._FOOT, side, side * 0.75), alt=f"Field {row.number}, {row.label}")
        number = self.put(str(row.number), (x, self._FOOT - 9), _QUIET)
        self.put(
            row.label,
            (x + number.width + 3, self._FOOT - 9),
            Style(TEXT, 6.8, 9),
            width=side - number.width - 3,
        )
        values = row.shown_probabilities
        figure = f"{probability(max(value for _, value in values))}\u00a0%" if values else ""
        printed = self.put(figure, (x + side, self._FOOT - 19.5), Style(FIGURES_BOLD, 7, 9), align="right")
        self.decision(card, (x, self._FOOT - 19.5), width=side - printed.width - 4, short=True)
