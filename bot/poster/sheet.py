"""Paper: an A4 page one draws on in millimetres, from the upper left, with text that fits its box."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FONT = Path(__file__).parent / "fonts" / "Andika-Bold.ttf"
A4 = 210.0, 297.0  # millimetres
DOTS = 600  # an inch
INCH = 25.4  # millimetres
SMALLEST = 4.2  # height of letters in millimetres: about 12 points, what a page on a wall is still read at
SMALLER = 0.95  # the next size to try
LEADING = 1.3  # from line to line, in heights of letters: marks above and below find room
MISSING = "\U0010ffff"  # never a letter: shows what the font draws for those it lacks
INK, PAPER = 0, 255
Point = tuple[float, float]


class DoesNotFit(ValueError):
    """A text is too long for its place on the page, at letters that can be read; `args[0]` is the text."""


class NoLetter(ValueError):
    """The font has no such letter: `args[0]`."""


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONT, size)


@lru_cache(maxsize=1024)
def has(letter: str) -> bool:
    """Whether the font has this letter."""
    font = _font(40)
    drawn, empty = (font.getmask(one) for one in (letter, MISSING))
    return letter.isspace() or drawn.size != empty.size or bytes(drawn) != bytes(empty)


def dots(length: float) -> int:
    """Millimetres as dots of the page."""
    return round(length / INCH * DOTS)


class Sheet:
    """The page. All lengths are millimetres."""

    def __init__(self) -> None:
        self.image = Image.new("L", (dots(A4[0]), dots(A4[1])), PAPER)
        self._draw = ImageDraw.Draw(self.image)

    # ------------------------------------------------------------ text

    def text(  # each of these is a side of one box
        self,
        words: str,
        middle: float,
        top: float,
        width: float,
        height: float,
        *,
        lines: int = 1,
        ink: int = INK,
        size: float = 0,
        parts: str = "words",
    ) -> None:
        """Centred in its box, as large as it goes (or `size`), on `lines` lines at most.

        `parts`: "words", or "link", which is broken only where it says nothing wrong. Raises `DoesNotFit`, `NoLetter`.
        """
        size = size or self.size_of(words, width, height, lines=lines, parts=parts)
        font, step = _font(dots(size)), size * LEADING
        rows = _broken(words, font, dots(width), parts)
        first = top + height / 2 - (len(rows) - 1) * step / 2
        for place, row in enumerate(rows):
            self._draw.text((dots(middle), dots(first + place * step)), row, ink, font, anchor="mm")

    def size_of(self, words: str, width: float, height: float, *, lines: int = 1, parts: str = "words") -> float:
        """The largest letters, in millimetres, at which it fits. Raises `DoesNotFit`, `NoLetter`."""
        for letter in words:
            if not has(letter):
                raise NoLetter(letter)
        size = height / LEADING
        while size >= SMALLEST:
            font = _font(dots(size))
            rows = _broken(words, font, dots(width), parts)
            high = len(rows) * size * LEADING <= height + 0.01
            if len(rows) <= lines and high and all(font.getlength(row) <= dots(width) for row in rows):
                return size
            size *= SMALLER
        raise DoesNotFit(words)

    # ------------------------------------------------------------ shapes

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        *,
        radius: float = 0,
        line: float = 0,
        filled: bool = False,
    ) -> None:
        """A rectangle with round corners: a `line` around paper, or all ink."""
        corners = dots(left), dots(top), dots(right), dots(bottom)
        self._draw.rounded_rectangle(corners, dots(radius), INK if filled else PAPER, INK, dots(line))

    def disc(self, x: float, y: float, radius: float, ink: int = INK) -> None:
        """A filled circle."""
        self._draw.circle((dots(x), dots(y)), dots(radius), ink)

    def rule(self, left: float, right: float, y: float) -> None:
        """A thin line across."""
        self.line(((left, y), (right, y)), 0.6)

    def line(self, points: Sequence[Point], width: float, ink: int = INK) -> None:
        """A line through these points, round at its ends."""
        self._draw.line([(dots(x), dots(y)) for x, y in points], ink, dots(width), joint="curve")
        for x, y in points:
            self.disc(x, y, width / 2, ink)

    def shape(self, points: Sequence[Point], *, line: float = 0) -> None:
        """A shape with these corners: all ink, or a `line` around paper."""
        self._draw.polygon([(dots(x), dots(y)) for x, y in points], PAPER if line else INK)
        if line:
            self.line([*points, points[0]], line)

    def modules(self, rows: Sequence[Iterable[int]], left: float, top: float, side: float) -> None:
        """A QR code, its quiet border with it: every module has the same whole number of dots."""
        one = dots(side) // len(rows)
        spare = (dots(side) - one * len(rows)) // 2
        x0, y0 = dots(left) + spare, dots(top) + spare
        for y, row in enumerate(rows):
            for x, dark in enumerate(row):
                if dark:
                    corner = x0 + x * one, y0 + y * one
                    self._draw.rectangle((*corner, corner[0] + one - 1, corner[1] + one - 1), INK)


def _broken(words: str, font: ImageFont.FreeTypeFont, width: int, parts: str) -> list[str]:
    """Lines of at most `width` dots, where they can be had."""
    pieces = re.split(r"(?<=[/?&])(?=[^/?&])", words) if parts == "link" else words.split(" ")
    between = "" if parts == "link" else " "
    rows: list[str] = []
    for piece in pieces:
        longer = between.join([*rows[-1:], piece])
        if rows and font.getlength(longer) <= width:
            rows[-1] = longer
        else:
            rows.append(piece)
    return rows
