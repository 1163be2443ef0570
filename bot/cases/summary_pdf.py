"""The page that a service gets: what the person agreed to, and nothing else.

It is French, as the offices here work. The same facts make the same bytes: no clock, no name of a machine.
"""

import logging
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fpdf import FPDF

FONT = Path(__file__).resolve().parent.parent / "poster" / "fonts" / "Andika-Bold.ttf"
"""It has the letters of Mali's languages (ɛ ɔ ɲ ŋ)."""

LABELS = {
    "name": "Nom",
    "phone": "Comment joindre la personne",
    "region": "Région",
    "summary": "En résumé",
    "story": "Les mots de la personne",
}
HOW = {"chat": "dans la discussion", "oral": "de vive voix, mots lus", "paper": "par écrit"}

CONFIDENTIAL = (
    "Confidentiel. La personne a accepté que seul ce service lise cette page. Ne la copiez pas, ne la montrez à "
    "personne d'autre. Si elle change d'avis, nous vous le disons : détruisez alors cette page."
)
NO_CONTACT = "(contacts de l'organisation à compléter)"

_GREY, _INK, _LINE = (90, 90, 90), (20, 20, 20), (170, 170, 170)
_MISSING = "?"
_MARGIN, _LEADING = 18, 6  # mm

# it would log the letters a font lacks, which are a person's
logging.getLogger("fpdf").setLevel(logging.ERROR)
logging.getLogger("fontTools").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Page:
    """What stands on it. `told`: field → words, only what was agreed. `revision`: of the words agreed to."""

    reference: str
    day: date
    service: str
    organisation: str
    contacts: tuple[str, ...]
    told: Mapping[str, str] = field(repr=False)
    consented_on: date
    how: str
    revision: int
    language: str


def draw(page: Page) -> bytes:
    """The page as a PDF, A4; long words go on to a second page."""
    from fpdf import FPDF  # noqa: PLC0415 - a fifth of the start-up, for a page that few starts draw

    pdf = FPDF(format="A4")
    pdf.set_creation_date(datetime(page.day.year, page.day.month, page.day.day, tzinfo=UTC))
    pdf.set_producer("Segin")
    pdf.set_lang("fr")
    pdf.set_title("Demande d'orientation")
    pdf.set_margin(_MARGIN)
    pdf.set_auto_page_break(auto=True, margin=_MARGIN)
    pdf.add_font("andika", fname=FONT)
    pdf.add_page()
    _Writer(pdf).whole(page)
    return bytes(pdf.output())


class _Writer:
    def __init__(self, pdf: "FPDF") -> None:
        self.pdf = pdf
        self.letters: Container[int] = pdf.fonts["andika"].cmap  # type: ignore[union-attr]

    def whole(self, page: Page) -> None:
        self._line("Demande d'orientation", 17)
        self._line(f"{page.reference} · {_day(page.day)}", 11, _GREY)
        self._gap()
        self._fact("Pour", page.service)
        self._fact("De la part de", page.organisation or NO_CONTACT)
        self._fact("Rappeler", "\n".join(page.contacts) or NO_CONTACT)
        self._rule()
        for name in (name for name in LABELS if name in page.told):
            self._fact(LABELS[name], page.told[name])
        self._rule()
        agreed = f"{_day(page.consented_on)}, {HOW.get(page.how, page.how)}"
        self._fact("Accord de la personne", f"{agreed} (texte {page.revision}, {page.language})")
        self._line(CONFIDENTIAL, 10)

    def _fact(self, label: str, words: str) -> None:
        self._line(label, 9, _GREY, _LEADING - 1)
        self._line(words, 12)
        self._gap(2)

    def _line(self, words: str, size: float, colour: tuple[int, int, int] = _INK, height: float = 0) -> None:
        self.pdf.set_font("andika", size=size)
        self.pdf.set_text_color(*colour)
        height = height or max(_LEADING, size * 0.5)
        self.pdf.multi_cell(0, height, _drawable(words, self.letters), align="L", new_x="LMARGIN", new_y="NEXT")

    def _gap(self, height: float = 3) -> None:
        self.pdf.ln(height)

    def _rule(self) -> None:
        self.pdf.set_draw_color(*_LINE)
        at = self.pdf.get_y() + 1
        self.pdf.line(_MARGIN, at, self.pdf.w - _MARGIN, at)
        self._gap(5)


def _day(day: date) -> str:
    return day.strftime("%d/%m/%Y")


def _drawable(words: str, letters: Container[int]) -> str:
    """What the font can't draw stands as "?"; tabs and the like as spaces."""
    return "".join(
        letter if letter == "\n" or ord(letter) in letters else " " if letter.isspace() else _MISSING
        for letter in words.strip()
    )
