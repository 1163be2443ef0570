"""Three pictures that need no reading: a phone that scans, one that writes, one that is answered.

Each is drawn around `x`, from `y` on; 40 millimetres high.
"""

from collections.abc import Callable

from bot.poster.sheet import PAPER, Sheet

LINE = 1.3  # millimetres
HALF, HIGH = 11.0, 38.0  # of a phone


def _phone(sheet: Sheet, x: float, y: float) -> None:
    sheet.box(x - HALF, y, x + HALF, y + HIGH, radius=3, line=LINE)
    sheet.line(((x - 2.5, y + 3), (x + 2.5, y + 3)), 0.9)
    sheet.disc(x, y + HIGH - 3.2, 1.1)


def scan(sheet: Sheet, x: float, y: float) -> None:
    """A code between the four corners of a camera."""
    _phone(sheet, x, y)
    top, left, side = y + 10.0, x - 7.5, 15.0
    for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        corner = left + side * right, top + side * down
        across, along = (-4.0 if right else 4.0), (-4.0 if down else 4.0)
        sheet.line(((corner[0] + across, corner[1]), corner, (corner[0], corner[1] + along)), 1.0)
    for dx, dy in ((-5.0, 2.5), (1.0, 2.5), (-5.0, 8.5)):  # the eyes of a QR code
        sheet.box(x + dx, top + dy, x + dx + 4, top + dy + 4, line=1.0)
    for dx, dy in ((1, 8.5), (3.5, 8.5), (2.2, 10.5), (1, 11.5), (4, 11.5)):
        sheet.box(x + dx, top + dy, x + dx + 1.2, top + dy + 1.2, filled=True)


def write(sheet: Sheet, x: float, y: float) -> None:
    """One's own words on the right, and a pencil."""
    _phone(sheet, x, y)
    sheet.box(x - 4, y + 9, x + 8.5, y + 20, radius=2.5, line=1.0)
    for place, end in enumerate((6.0, 3.0)):
        sheet.line(((x - 1.2, y + 12.8 + place * 3.4), (x + end, y + 12.8 + place * 3.4)), 0.9)
    pencil = ((x + 3, y + 31), (x + 4.5, y + 26.5), (x + 16.5, y + 14.5), (x + 19.5, y + 17.5), (x + 7.5, y + 29.5))
    sheet.shape(pencil, line=1.0)
    sheet.shape(((x + 3, y + 31), (x + 3.8, y + 28.6), (x + 5.4, y + 30.2)))
    sheet.line(((x + 14, y + 17), (x + 17, y + 20)), 0.9)


def answer(sheet: Sheet, x: float, y: float) -> None:
    """One's own words, and the answer: a speech bubble larger than the phone."""
    _phone(sheet, x, y)
    sheet.box(x, y + 7, x + 8.5, y + 13, radius=2, line=1.0)
    sheet.line(((x + 2.3, y + 10), (x + 6, y + 10)), 0.9)
    sheet.shape(((x - 13, y + 27), (x - 13, y + 33.5), (x - 6, y + 28)))
    sheet.box(x - 16, y + 16, x + 6, y + 29, radius=3, filled=True)
    for place, end in enumerate((2.5, 2.5, -4.0)):
        sheet.line(((x - 12.5, y + 19.3 + place * 3.2), (x + end, y + 19.3 + place * 3.2)), 1.0, PAPER)


def arrow(sheet: Sheet, x: float, y: float) -> None:
    """What comes next is on the right."""
    sheet.line(((x - 4, y), (x + 3, y)), 1.4)
    sheet.shape(((x + 1.5, y - 3), (x + 6, y), (x + 1.5, y + 3)))


PICTURES: tuple[Callable[[Sheet, float, float], None], ...] = (scan, write, answer)
