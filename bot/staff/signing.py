"""Signing in: name, password, one-time code. What was wrong is never told apart, neither in words nor in time."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from bot.cases.may import Staff
from bot.staff import attempts, codes, sessions
from bot.staff.who import of_row
from storage import KeyRing, audit, tables

STAFF = tables.staff
UNKNOWN = "?"
"""The name in the audit log for somebody we don't know: what they typed may be anything, a password even."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that may go on: what to compare the password with. None: there is no such account, or not yet."""

    staff_id: uuid.UUID | None
    password: str | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Too many attempts from there: how long."""

    left: timedelta


def attempt(conn: Connection, keyring: KeyRing, name: str, place: str, now: datetime) -> Attempt | Wait:
    """Begin to sign in from the network `place`."""
    left = attempts.count(conn, attempts.whose(keyring, "sign in", name, place), now)
    if left is not None:
        return Wait(left)
    row = conn.execute(select(STAFF).where(STAFF.c.name_key == name.casefold())).first()
    return Attempt(row.id, row.password) if row is not None and is_ready(row) else Attempt(None, None)


def finish(
    conn: Connection, keyring: KeyRing, begun: Attempt, name: str, place: str, code: str, now: datetime, *, right: bool
) -> tuple[str, Staff] | None:
    """The token of a new session and whose it is, if the password was `right` and the code is right.

    None, and a line in the audit log, if not.
    """
    row = _still(conn, begun)
    step = codes.step_of(codes.opened(keyring, row), code, now, row.totp_step) if row is not None else None
    if row is None or not right or step is None:
        known = conn.execute(select(STAFF.c.name).where(STAFF.c.name_key == name.casefold())).scalar()
        audit.append(conn, at=now, staff=known or UNKNOWN, deed="sign in failed")
        return None
    attempts.forgive(conn, attempts.whose(keyring, "sign in", name, place))
    conn.execute(update(STAFF).where(STAFF.c.id == row.id).values(totp_step=step))
    audit.append(conn, at=now, staff=row.name, deed="sign in")
    attempts.tidy(conn, now)  # what is over may go; nobody waits for it
    sessions.tidy(conn, now)
    return sessions.begin(conn, keyring, row.id, now), of_row(row)


def is_ready(row: Row[Any]) -> bool:
    """Whether the account counts: it is set up to the end, and not disabled."""
    return row.disabled_at is None and row.password is not None and row.totp is not None and row.setup_index is None


def _still(conn: Connection, begun: Attempt) -> Row[Any] | None:
    """The account, locked, if it is as it was when the attempt began."""
    if begun.staff_id is None:
        return None
    row = conn.execute(select(STAFF).where(STAFF.c.id == begun.staff_id).with_for_update()).first()
    return row if row is not None and is_ready(row) and row.password == begun.password else None
