"""Those who are cleared for restricted cases learn who else is: nobody is let in unseen."""

import uuid
from datetime import datetime

from sqlalchemy import Connection, select, update

from bot.cases.may import OPERATOR, Staff
from storage import audit, tables

STAFF = tables.staff


def newly_cleared(conn: Connection, staff: Staff) -> list[tuple[str, str]]:
    """Who was cleared for restricted cases, and by whom, since this cleared person last said that they saw it.

    Also who is cleared no more: an hour is enough to read.
    """
    if staff.role != "protection" or not staff.cleared:
        return []
    mine = conn.execute(
        select(STAFF.c.told_at, STAFF.c.cleared_at, STAFF.c.created_at).where(STAFF.c.id == uuid.UUID(staff.id))
    ).one()
    since = mine.told_at or mine.cleared_at or mine.created_at
    others = (STAFF.c.cleared_at > since) & (STAFF.c.id != uuid.UUID(staff.id))
    found = conn.execute(select(STAFF.c.name, STAFF.c.cleared_by).where(others).order_by(STAFF.c.cleared_at))
    return [(row.name, row.cleared_by or OPERATOR.name) for row in found]


def told(conn: Connection, staff: Staff, now: datetime, shown: datetime | None = None) -> None:
    """They saw who was cleared, on a page made at `shown` (now, when that is not known)."""
    upto = now if shown is None else min(shown, now)
    conn.execute(update(STAFF).where(STAFF.c.id == uuid.UUID(staff.id)).values(told_at=upto))
    audit.append(conn, at=now, staff=staff.name, deed="told of cleared")
