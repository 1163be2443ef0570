"""Private notes: what staff write for each other about a case. The person never sees them.

`@Name` calls a colleague who may see the case; of others it says that they don't, without telling why.
"""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, func, insert, select, update

from bot.cases import search
from bot.cases.desk import Desk, NotPossible
from bot.cases.thread import staff_names
from bot.contacts import padded
from bot.staff.who import of_row
from storage import random_id, tables, uuid7

NOTES, MENTIONS, STAFF = tables.notes, tables.mentions, tables.staff

LONGEST = 10_000  # characters

_at = re.compile(r"(?<!\w)@(?=\w)")


class NotForThem(NotPossible):
    """Somebody mentioned does not work here, or may not see this case. `names`: as they were written."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__("Cette personne ne voit pas ce dossier, ou ne travaille pas ici.")
        self.names = names


@dataclass(frozen=True, slots=True)
class Note:
    """A note. `at` is the day alone for anonymous cases; `called` are the names of those it mentions."""

    name: str
    at: datetime
    text: str
    called: tuple[str, ...]
    fresh: bool  # it mentions the reader, who had not seen it yet


def write(desk: Desk, reference: str, text: str) -> None:
    """Add a note. Raises `NoSuchCase`, `NotPossible`, `NotForThem`."""
    row = desk.find(reference, "note")
    text = text.strip()
    if not text:
        raise NotPossible("Écrivez une note.")
    if len(text) > LONGEST:
        raise NotPossible("Cette note est trop longue.")
    if desk.staff_id is None:
        raise NotPossible("Dites d'abord qui vous êtes.")
    called = _called(desk, row, text)
    note_id = random_id() if row.anonymous else uuid7(desk.now)
    number = desk.conn.scalar(select(func.count()).select_from(NOTES).where(NOTES.c.case_id == row.id)) or 0
    sealed = padded(msgspec.json.encode({"number": number + 1, "text": text}))  # days and ids of chance order nothing
    body = desk.key(row).seal(sealed, "note", note_id.bytes)
    values = {"id": note_id, "case_id": row.id, "staff_id": desk.staff_id, "at": desk.moment(row), "body": body}
    desk.conn.execute(insert(NOTES), values)
    others = [{"note_id": note_id, "staff_id": one} for one in called if one != desk.staff_id]
    if others:
        desk.conn.execute(insert(MENTIONS), others)
    search.index(desk, row, text)
    desk.log("note", row)


def read(desk: Desk, row: Row[Any]) -> list[Note]:
    """The notes of a case, oldest first."""
    rows = desk.conn.execute(select(NOTES).where(NOTES.c.case_id == row.id)).all()
    if not rows:
        return []
    mentions = desk.conn.execute(select(MENTIONS).where(MENTIONS.c.note_id.in_([one.id for one in rows]))).all()
    names = staff_names(desk.conn, (one.staff_id for one in (*rows, *mentions)))
    key = desk.key(row)
    opened = [(msgspec.json.decode(key.open(one.body, "note", one.id.bytes)), one) for one in rows]
    return [
        Note(
            names.get(one.staff_id, ""),
            one.at,
            str(body["text"]),
            tuple(names.get(mention.staff_id, "") for mention in mentions if mention.note_id == one.id),
            any(_is_fresh(desk, mention) for mention in mentions if mention.note_id == one.id),
        )
        for body, one in sorted(opened, key=lambda pair: int(pair[0]["number"]))
    ]


def mark_seen(desk: Desk, row: Row[Any]) -> None:
    """This member of staff has seen where the notes of the case mention them."""
    if desk.staff_id is None:
        return
    of_case = MENTIONS.c.note_id.in_(select(NOTES.c.id).where(NOTES.c.case_id == row.id))
    mine = of_case & (MENTIONS.c.staff_id == desk.staff_id) & MENTIONS.c.seen_at.is_(None)
    desk.conn.execute(update(MENTIONS).where(mine).values(seen_at=desk.moment(row)))


def colleagues(desk: Desk, row: Row[Any]) -> dict[str, uuid.UUID]:
    """Who may see the case, by name: those who can be mentioned in it."""
    people = desk.conn.execute(select(STAFF).where(STAFF.c.disabled_at.is_(None)).order_by(STAFF.c.name_key))
    return {one.name: one.id for one in people if Desk(desk.conn, desk.keyring, of_row(one), desk.now).may("see", row)}


def _called(desk: Desk, row: Row[Any], text: str) -> list[uuid.UUID]:
    """Whom the note mentions. Raises `NotForThem` for anybody else whose name stands after an @."""
    known = sorted(colleagues(desk, row).items(), key=lambda one: -len(one[0]))  # "Awa Traoré" before "Awa"
    called, unknown = [], []
    for found in _at.finditer(text):
        rest = text[found.end() :]
        fits = (staff_id for name, staff_id in known if _begins(rest, name))
        staff_id = next(fits, None)
        if staff_id is None:
            unknown.append(re.split(r"[\s,;:.!?()]", rest, maxsplit=1)[0])
        else:
            called.append(staff_id)
    if unknown:
        raise NotForThem(tuple(dict.fromkeys(unknown)))
    return list(dict.fromkeys(called))


def _begins(rest: str, name: str) -> bool:
    said, after = rest[: len(name)], rest[len(name) : len(name) + 1]
    return said.casefold() == name.casefold() and not after.isalnum()


def _is_fresh(desk: Desk, mention: Row[Any]) -> bool:
    return mention.staff_id == desk.staff_id and mention.seen_at is None
