"""How long a case is kept: the days of its category, unless it is held for a court."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete

from bot.dialogue.flow import Library
from storage import audit, tables

CASES = tables.cases

NOTICE = timedelta(days=30)
"""So long before, staff see that a case is about to go: time to hold it, or to write down what must stay elsewhere."""


def expires_at(library: Library, row: Row[Any]) -> datetime | None:
    """When the case will be removed; None for one that is held, or of a category nobody knows any more."""
    category = library.categories.get(row.category)
    if row.legal_hold or category is None:
        return None
    opened: datetime = row.opened_at
    return opened + timedelta(days=category.keep_days)


def expires_soon(library: Library, row: Row[Any], now: datetime) -> datetime | None:
    """When the case will be removed, if that is at most `NOTICE` away."""
    at = expires_at(library, row)
    return at if at is not None and at - now <= NOTICE else None


def expire(conn: Connection, library: Library, now: datetime) -> None:
    """Cases go when their category's days are over: that is what people agreed to."""
    for category in library.categories.values():
        old = CASES.c.opened_at <= now - timedelta(days=category.keep_days)
        theirs = (CASES.c.category == category.key) & CASES.c.legal_hold.is_(False)
        gone = conn.execute(delete(CASES).where(theirs, old).returning(CASES.c.id)).all()
        for row in gone:
            audit.append(conn, at=now, staff="segin", deed="expire", case_id=row.id)
