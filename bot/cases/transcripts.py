"""What somebody wrote down of a voice note: its words, one line of what it says, its language. Sealed with the case."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, delete, select

from bot.cases import exclusions
from bot.cases.desk import Desk, NoSuchCase, NotPossible
from bot.cases.thread import staff_names
from bot.contacts import padded
from storage import insert_into, tables

TRANSCRIPTS, FILES = tables.transcripts, tables.attachments

LONGEST, LONGEST_LINE = 10_000, 140  # characters


@dataclass(frozen=True, slots=True)
class Transcript:
    """A voice note in words. `summary` is one line; `language` a code or a name, as staff wrote it."""

    text: str
    summary: str
    language: str
    name: str  # who wrote it down
    at: datetime


def write(desk: Desk, reference: str, file_id: str, *, text: str, summary: str, language: str) -> None:
    """Write down what a voice note says; all empty takes it away. Raises `NoSuchCase`, `NotPossible`.

    Whoever works here and is named in it won't see a restricted case any more: until now nobody could hear that.
    """
    row = desk.find(reference, "work")
    attachment = _sound(desk, row, file_id)
    text, summary, language = text.strip(), " ".join(summary.split()), " ".join(language.split())
    if len(text) > LONGEST or len(summary) > LONGEST_LINE or len(language) > LONGEST_LINE:
        raise NotPossible("C'est trop long : le résumé tient sur une ligne.")
    mine = TRANSCRIPTS.c.attachment_id == attachment
    if not (text or summary or language):
        desk.conn.execute(delete(TRANSCRIPTS).where(mine))
        desk.log("transcript", row, "removed")
        return
    if desk.staff_id is None:
        raise NotPossible("Dites d'abord qui vous êtes.")
    body = msgspec.json.encode({"text": text, "summary": summary, "language": language})
    sealed = desk.key(row).seal(padded(body), "transcript", attachment.bytes)
    values = {"staff_id": desk.staff_id, "at": desk.moment(row), "body": sealed}
    insert = insert_into(desk.conn.dialect.name, TRANSCRIPTS).values(attachment_id=attachment, case_id=row.id, **values)
    desk.conn.execute(insert.on_conflict_do_update(index_elements=["attachment_id"], set_=values))
    if row.restricted:
        exclusions.heed(desk.thread(row), f"{text} {summary}")
    desk.log("transcript", row)


def read(desk: Desk, row: Row[Any]) -> Mapping[str, Transcript]:
    """What was written down, by the id of the voice note."""
    query = select(TRANSCRIPTS).where(TRANSCRIPTS.c.case_id == row.id).order_by(TRANSCRIPTS.c.at)
    rows = desk.conn.execute(query).all()
    names = staff_names(desk.conn, (one.staff_id for one in rows))
    key = desk.key(row)
    found = {}
    for one in rows:
        body = msgspec.json.decode(key.open(one.body, "transcript", one.attachment_id.bytes))
        found[one.attachment_id.hex] = Transcript(**body, name=names.get(one.staff_id, ""), at=one.at)
    return found


def summary(desk: Desk, row: Row[Any]) -> str:
    """One line of what a case says, for lists; "" while nobody wrote one."""
    return next((one.summary for one in read(desk, row).values() if one.summary), "")


def _sound(desk: Desk, row: Row[Any], file_id: str) -> uuid.UUID:
    try:
        wanted = uuid.UUID(file_id)
    except ValueError:
        raise NoSuchCase(NoSuchCase.__doc__) from None
    mine = (FILES.c.id == wanted) & (FILES.c.case_id == row.id) & (FILES.c.kind == "voice")
    if desk.conn.execute(select(FILES.c.id).where(mine)).first() is None:
        raise NoSuchCase(NoSuchCase.__doc__)
    return wanted
