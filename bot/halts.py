"""What stops a lane, or all lanes of a channel: told by a send, or later by a status."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from bot.channels.base import Fault
from bot.contacts import CONTACTS
from storage import KeyRing, insert_into, tables

OUTBOX, LANES, PAUSES = tables.outbox, tables.lanes, tables.pauses

LONGEST_PAUSE = 900.0  # seconds


def delivery_index(keyring: KeyRing, channel: str, message_id: str) -> bytes:
    return keyring.index("delivery", channel, message_id)


def block(conn: Connection, contact_id: uuid.UUID, now: datetime) -> None:
    """The person blocked us or is gone: nothing waits for them any more. Told again, the first time counts."""
    conn.execute(delete(OUTBOX).where(OUTBOX.c.contact_id == contact_id))
    theirs = CONTACTS.c.id == contact_id, CONTACTS.c.blocked_at.is_(None)
    conn.execute(update(CONTACTS).where(*theirs).values(blocked_at=now))
    lane = LANES.c.contact_id == contact_id, LANES.c.closed_at.is_(None)
    conn.execute(update(LANES).where(*lane).values(until=None, closed_at=now))


def close_window(conn: Connection, contact_id: uuid.UUID, now: datetime) -> None:
    """The provider says that the person wrote too long ago: its clock counts."""
    conn.execute(update(CONTACTS).where(CONTACTS.c.id == contact_id).values(window_until=now))


def pause(conn: Connection, channel: str, fault: Fault, now: datetime) -> None:
    """All lanes of a channel wait, longer each time in a row. Who meets the fault during a pause makes it no longer."""
    known = conn.execute(select(PAUSES).where(PAUSES.c.channel == channel).with_for_update()).first()
    if known is not None and known.not_before > now:
        return
    streak = known.streak + 1 if known else 1
    wait = min(LONGEST_PAUSE, fault.after * 2 ** min(streak - 1, 10))
    values = {"not_before": now + timedelta(seconds=wait), "streak": streak, "why": fault.why}
    if known is None:
        conn.execute(
            insert_into(conn.dialect.name, PAUSES).on_conflict_do_nothing(), {"channel": channel, **values}
        )  # fmt: skip
    else:
        conn.execute(update(PAUSES).where(PAUSES.c.channel == channel).values(**values))
