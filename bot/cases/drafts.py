"""An answer not yet sent: kept sealed, one for each member of staff and case, dropped when it is sent."""

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Row, delete, select

from bot.contacts import padded
from storage import insert_into, tables

if TYPE_CHECKING:
    from bot.cases.desk import Desk

DRAFTS = tables.reply_drafts
MOST = 10_000  # characters


def save(desk: "Desk", reference: str, words: str) -> None:
    """Keep what somebody is writing to the person; nothing written is no draft. Raises `NoSuchCase`."""
    row = desk.find(reference, "answer")
    if desk.staff_id is None:
        return
    if not words.strip():
        drop(desk, row)
        return
    body = desk.key(row).seal(padded(msgspec.json.encode(words[:MOST])), "draft", _owner(desk, row))
    values = {"at": desk.moment(row), "body": body}
    insert = insert_into(desk.conn.dialect.name, DRAFTS).values(case_id=row.id, staff_id=desk.staff_id, **values)
    desk.conn.execute(insert.on_conflict_do_update(index_elements=["case_id", "staff_id"], set_=values))


def read(desk: "Desk", row: Row[Any]) -> str:
    """What this member of staff left unsent; "" for nothing."""
    found = desk.conn.execute(select(DRAFTS.c.body).where(*_mine(desk, row))).scalar() if desk.staff_id else None
    return "" if found is None else str(msgspec.json.decode(desk.key(row).open(found, "draft", _owner(desk, row))))


def drop(desk: "Desk", row: Row[Any]) -> None:
    """It was sent, or emptied."""
    if desk.staff_id is not None:
        desk.conn.execute(delete(DRAFTS).where(*_mine(desk, row)))


def _mine(desk: "Desk", row: Row[Any]) -> tuple[Any, Any]:
    return DRAFTS.c.case_id == row.id, DRAFTS.c.staff_id == desk.staff_id


def _owner(desk: "Desk", row: Row[Any]) -> bytes:
    return bytes(row.id.bytes) + (desk.staff_id.bytes if desk.staff_id else b"")
