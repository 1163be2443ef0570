"""A page to hang up: a QR code, its link in plain letters, and three pictures. Pure but for the fonts it brings.

Black on white alone, drawn twice as fine as it is shown: printers of any kind, and copies of copies, keep it. Nothing
of the machine's own fonts is used. What it says is given: words, links and who serves here come from elsewhere.

    __init__.py     the page and its files
    sheet.py        paper: text that fits its box, in millimetres
    pictures.py     scan, write, get an answer
    fonts/          Andika by SIL, made for people who learn to read; OFL.txt is its licence
"""

import io
from dataclasses import dataclass
from itertools import pairwise

import segno
from PIL import Image

from bot.poster.pictures import PICTURES, arrow
from bot.poster.sheet import DOTS, DoesNotFit, NoLetter, Sheet

__all__ = ["DoesNotFit", "NoLetter", "Poster", "draw", "pdf", "png"]

LEFT, RIGHT, MIDDLE = 14.0, 196.0, 105.0  # millimetres, as all below
TOP, BOTTOM = 12.0, 285.0
WIDTH = RIGHT - LEFT
QUIET = 4  # modules around a QR code, as its standard asks
SMALLEST_CODE, LARGEST_CODE = 70.0, 120.0
CODE_MARGIN = 4.0  # between a code and its frame
DEMONSTRATION, TITLE, INVITATION, CHANNEL, OR, LINK, STEPS = 13.0, 23.0, 12.0, 12.0, 8.0, 14.0, 60.0  # heights
LINE = 7.5  # of the foot
WORDS = 19.0  # below a picture
GAP = 4.0


@dataclass(frozen=True, kw_only=True)
class Poster:
    """What stands on the page.

    `link`: what the code says; `shown`: the same as people type it. `steps`: scan, write, get an answer.
    `demonstration` is "" in service. `foot`: who serves here, one line each; `place`: the region, or "".
    """

    language: str
    title: str
    invitation: str
    channel: str
    link: str
    or_type: str
    shown: str
    steps: tuple[str, str, str]
    demonstration: str = ""
    foot: tuple[str, ...] = ()
    place: str = ""


def draw(poster: Poster) -> Image.Image:
    """The page, A4, in greys. Raises `DoesNotFit`, `NoLetter`."""
    sheet = Sheet()
    y = TOP
    if poster.demonstration:
        sheet.box(LEFT, y, RIGHT, y + DEMONSTRATION, radius=2, filled=True)
        sheet.text(poster.demonstration, MIDDLE, y + 1, WIDTH - 8, DEMONSTRATION - 2, ink=255)
        y += DEMONSTRATION + GAP
    sheet.text(poster.title, MIDDLE, y, WIDTH, TITLE, lines=2)
    y += TITLE
    sheet.text(poster.invitation, MIDDLE, y, WIDTH, INVITATION)
    y += INVITATION + GAP

    bottom = BOTTOM - _foot(sheet, poster)
    steps = bottom - STEPS
    _steps(sheet, poster.steps, steps)
    code = steps - GAP - LINK - OR - GAP - y - CHANNEL - 2 * CODE_MARGIN
    if code < SMALLEST_CODE:
        raise DoesNotFit(poster.foot[0] if poster.foot else poster.title)
    y = _code(sheet, poster, y, min(code, LARGEST_CODE))
    sheet.text(poster.or_type, MIDDLE, y, WIDTH, OR)
    sheet.text(poster.shown, MIDDLE, y + OR, WIDTH, LINK, lines=2, parts="link")
    return sheet.image


def _code(sheet: Sheet, poster: Poster, y: float, side: float) -> float:
    """The code in its frame, below the name of the channel; returns where the next thing begins."""
    rows = [list(row) for row in segno.make_qr(poster.link, error="q").matrix_iter(border=QUIET)]
    half = side / 2 + CODE_MARGIN
    end = y + CHANNEL + side + CODE_MARGIN + 1
    sheet.box(MIDDLE - half, y, MIDDLE + half, end, radius=5, line=1.4)
    sheet.text(poster.channel, MIDDLE, y + 2, 2 * half - 8, CHANNEL - 1)
    sheet.modules(rows, MIDDLE - side / 2, y + CHANNEL + 1, side)
    return end + GAP


def _steps(sheet: Sheet, words: tuple[str, str, str], y: float) -> None:
    wide = WIDTH / len(words)
    middles = [LEFT + wide * (place + 0.5) for place in range(len(words))]
    size = min(sheet.size_of(word, wide - 4, WORDS, lines=2) for word in words)  # alike, all three
    for number, (middle, word, picture) in enumerate(zip(middles, words, PICTURES, strict=True), 1):
        picture(sheet, middle, y)
        sheet.disc(middle - 24, y + 8, 6)
        sheet.text(str(number), middle - 24, y + 3, 10, 10, ink=255)
        sheet.text(word, middle, y + 40, wide - 4, WORDS, size=size)
    for left, right in pairwise(middles):
        arrow(sheet, (left + right) / 2, y + 22)


def _foot(sheet: Sheet, poster: Poster) -> float:
    """Who serves here, at the bottom; returns how high it is."""
    lines = [*poster.foot]
    if poster.place:
        lines[:1] = [f"{lines[0]} · {poster.place}" if lines else poster.place]
    high = len(lines) * LINE
    for place, line in enumerate(lines):
        sheet.text(line, MIDDLE, BOTTOM - high + place * LINE, WIDTH, LINE)
    if not lines:
        return 0
    sheet.rule(LEFT, RIGHT, BOTTOM - high - 2)
    return high + GAP


def png(page: Image.Image) -> bytes:
    """The page as PNG, for screens and for sending, 300 dots an inch."""
    out = io.BytesIO()
    small = page.resize((page.width // 2, page.height // 2), Image.Resampling.BOX)
    small.quantize(16).save(out, "PNG", optimize=True, dpi=(DOTS / 2, DOTS / 2))
    return out.getvalue()


def pdf(page: Image.Image, title: str) -> bytes:
    """The page as PDF, for printers: black and white, 600 dots an inch."""
    out = io.BytesIO()
    page.point(lambda grey: 255 if grey > 127 else 0).convert("1").save(out, "PDF", resolution=DOTS, title=title)  # noqa: PLR2004 - half
    return out.getvalue()
