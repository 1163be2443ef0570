"""Sessions of the console, kept in the database: leaving, or being disabled, ends them at once."""

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select, update

from bot.cases.may import Staff
from bot.staff import clearing
from bot.staff.who import of_row
from storage import KeyRing, tables

SESSIONS, STAFF = tables.sessions, tables.staff

IDLE = timedelta(minutes=15)
LONGEST = timedelta(hours=8)
SEEN_EVERY = timedelta(seconds=30)  # how exactly idleness is known: not every page writes


@dataclass(frozen=True, slots=True)
class Session:
    """A session that holds. `csrf` comes back with every form.

    `cleared_news`: who else was cleared for restricted cases, and by whom, as long as they did not say they saw it.
    """

    staff: Staff
    csrf: str
    ends_at: datetime
    cleared_news: tuple[tuple[str, str], ...] = ()


def begin(conn: Connection, keyring: KeyRing, staff_id: uuid.UUID, now: datetime) -> str:
    """A new session; its token is known to the browser alone."""
    token = secrets.token_urlsafe(32)
    conn.execute(
        insert(SESSIONS),
        {
            "token_index": _index(keyring, token),
            "staff_id": staff_id,
            "csrf": secrets.token_urlsafe(32),
            "created_at": now,
            "seen_at": now,
        },
    )
    return token


def of_token(conn: Connection, keyring: KeyRing, token: str, now: datetime, *, idle: bool = False) -> Session | None:
    """The session of a token, unless it was idle too long, is too old, or its owner is disabled.

    `idle`: the browser asks by itself; that keeps no session alive.
    """
    holds = (SESSIONS.c.seen_at > now - IDLE) & (SESSIONS.c.created_at > now - LONGEST) & STAFF.c.disabled_at.is_(None)
    mine = SESSIONS.c.token_index == _index(keyring, token)
    row = conn.execute(
        select(STAFF, SESSIONS.c.csrf, SESSIONS.c.seen_at, SESSIONS.c.created_at.label("began_at"))
        .join(STAFF, STAFF.c.id == SESSIONS.c.staff_id)
        .where(mine, holds)
    ).first()
    if row is None:
        return None
    if not idle and row.seen_at < now - SEEN_EVERY:
        conn.execute(update(SESSIONS).where(mine).values(seen_at=now))
    staff = of_row(row)
    news = tuple(clearing.newly_cleared(conn, staff))
    return Session(staff, row.csrf, min(now + IDLE, row.began_at + LONGEST), news)


def end(conn: Connection, keyring: KeyRing, token: str) -> None:
    conn.execute(delete(SESSIONS).where(SESSIONS.c.token_index == _index(keyring, token)))


def end_others(conn: Connection, keyring: KeyRing, staff_id: uuid.UUID, token: str) -> int:
    """Everywhere but here. How many there were."""
    others = (SESSIONS.c.staff_id == staff_id) & (SESSIONS.c.token_index != _index(keyring, token))
    return conn.execute(delete(SESSIONS).where(others)).rowcount


def others(conn: Connection, keyring: KeyRing, staff_id: uuid.UUID, token: str, now: datetime) -> int:
    """How many sessions somebody has elsewhere that still hold."""
    holds = (SESSIONS.c.seen_at > now - IDLE) & (SESSIONS.c.created_at > now - LONGEST)
    elsewhere = (SESSIONS.c.staff_id == staff_id) & (SESSIONS.c.token_index != _index(keyring, token))
    return conn.execute(select(func.count()).select_from(SESSIONS).where(elsewhere, holds)).scalar_one()


def end_all(conn: Connection, staff_id: uuid.UUID) -> None:
    """Everywhere at once: the password changed, or the account is disabled."""
    conn.execute(delete(SESSIONS).where(SESSIONS.c.staff_id == staff_id))


def tidy(conn: Connection, now: datetime) -> None:
    conn.execute(delete(SESSIONS).where((SESSIONS.c.seen_at <= now - IDLE) | (SESSIONS.c.created_at <= now - LONGEST)))


def _index(keyring: KeyRing, token: str) -> bytes:
    return keyring.index("session", token)
