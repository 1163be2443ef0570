"""Canned replies: words of the editors (content/replies.yaml) with what is known of the case filled in.

What only the member of staff knows stands as a blank, `[… jour …]`, and must be filled before the answer goes.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row

from bot.dialogue.flow import Library
from bot.dialogue.model import SOURCE_LANGUAGE
from bot.wording import BULLET, moment

if TYPE_CHECKING:
    from bot.cases.desk import Desk

PREFIX = "reply:"

BLANKS = {
    "blank.day": "jour",
    "blank.hour": "heure",
    "blank.place": "lieu",
    "blank.paper": "papier",
    "blank.what": "à écrire",
    "case.deadline": "jour",
    "staff.name": "votre nom",
    "organisation.name": "organisation",
    "organisation.contact": "contact",
    "on_call.name": "de garde",
    "on_call.contact": "numéro de garde",
    "on_call.hours": "heures de garde",
}
"""What stands for a placeholder that nobody can fill but the member of staff."""

_blank = re.compile(r"\[…[^\[\]\n]*…\]")
_placeholder = re.compile(r"\{([a-z_][a-z0-9_.]*)\}")


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply to choose: its key, how it begins, in the language of the person."""

    key: str
    words: str

    @property
    def title(self) -> str:
        """Its first words, for a list."""
        line = " ".join(_placeholder.sub("…", self.words).split())
        return line if len(line) <= 60 else f"{line[:57]}…"  # noqa: PLR2004 - what a small screen shows


def language_of(row: Row[Any], library: Library) -> str:
    """The person's language; French where it is not known."""
    return row.language if row.language in library.languages else SOURCE_LANGUAGE


def all_of(row: Row[Any], library: Library) -> tuple[Reply, ...]:
    """The replies in the person's language, in the editors' order."""
    language = language_of(row, library)
    keys = (key for key in library.texts[SOURCE_LANGUAGE] if key.startswith(PREFIX))
    return tuple(Reply(key.removeprefix(PREFIX), library.words(key, language)) for key in keys)


def filled(desk: "Desk", row: Row[Any], key: str, library: Library, told: Callable[[str], str] = str) -> str:
    """The words of a reply with its blanks filled in, as far as they are known. Raises `KeyError`.

    `told` puts the name of a blank into the language of whoever writes.
    """
    language = language_of(row, library)

    def value(found: re.Match[str]) -> str:
        return _value(desk, row, found[1], library, language) or f"[… {told(BLANKS.get(found[1], found[1]))} …]"

    return _placeholder.sub(value, library.words(PREFIX + key, language))


def blanks_in(words: str) -> tuple[str, ...]:
    """What is still to be filled in."""
    return tuple(_blank.findall(words))


def _value(desk: "Desk", row: Row[Any], name: str, library: Library, language: str) -> str:
    organisation = library.organisation
    known: dict[str, Callable[[], str]] = {
        "case.reference": lambda: str(row.reference),
        "case.status": lambda: library.words(f"status:{row.status}", language),
        "case.deadline": lambda: _deadline(desk, row, language, organisation.timezone),
        "staff.name": lambda: desk.staff.name if desk.staff_id else "",
        "organisation.name": lambda: organisation.name,
        "organisation.contact": lambda: "\n".join(f"{BULLET}{contact}" for contact in organisation.contacts),
        "on_call.name": lambda: organisation.on_call.name,
        "on_call.contact": lambda: organisation.on_call.contact,
        "on_call.hours": lambda: organisation.on_call.hours_text,
    }
    return known[name]() if name in known else ""


def _deadline(desk: "Desk", row: Row[Any], language: str, timezone: str) -> str:
    """Nobody promises a day that is over."""
    if row.due_at < desk.now:
        return ""
    return moment(row.due_at, "day" if row.anonymous else "moment", language, timezone)
