"""How long somebody knows the identity in a restricted case: no leave is for ever."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from storage import tables

DISCLOSURES = tables.disclosures

KNOWN_FOR = timedelta(days=30)
"""Since a second person said yes. A case is worked on for weeks; who needs longer says again why."""

EMERGENCY_FOR = timedelta(hours=72)
"""Since somebody took it at once. Enough to bring a person to safety over a weekend, and no way round the yes."""


def until(row: Row[Any]) -> datetime | None:
    """When a leave ends; None for one that was not given."""
    if not row.granted or row.decided_at is None:
        return None
    at: datetime = row.decided_at
    return at + (EMERGENCY_FOR if row.emergency else KNOWN_FOR)


def standing(conn: Connection, case_id: uuid.UUID, staff_id: uuid.UUID, now: datetime) -> tuple[bool, bool]:
    """(they know the identity now, they asked and nobody decided yet)."""
    theirs = select(DISCLOSURES).where(DISCLOSURES.c.case_id == case_id, DISCLOSURES.c.asked_by == staff_id)
    rows = conn.execute(theirs).all()
    ends = [end for row in rows if (end := until(row)) is not None]
    return any(now < end for end in ends), any(row.granted is None for row in rows)
