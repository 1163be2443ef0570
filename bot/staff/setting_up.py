"""Setting an account up: a code that an administrator hands over, then a password and one-time codes of one's own.

The set-up code is known to nobody but who was given it (only its keyed hash is stored), holds for three days, and is
used up when the first one-time code was right. Until then the account does not count.
"""

import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from bot.cases.may import OPERATOR
from bot.staff import accounts, codes, sessions
from storage import KeyRing, audit, tables

STAFF = tables.staff

HOLDS = timedelta(hours=72)
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike
_GROUPS, _SIZE = 4, 5  # 20 letters: 98 bits


def new_code(conn: Connection, keyring: KeyRing, staff_id: uuid.UUID, now: datetime, by: str = OPERATOR.name) -> str:
    """A set-up code, to be shown once. Password and one-time codes of before are gone, every session ends.

    `by` might come in with it: of a cleared account the others who are cleared are told, as when it was cleared.
    """
    code = "-".join("".join(secrets.choice(_LETTERS) for _ in range(_SIZE)) for _ in range(_GROUPS))
    values = {
        "setup_index": _index(keyring, code),
        "setup_until": now + HOLDS,
        "password": None,
        "totp": None,
        "totp_step": None,
        "version": STAFF.c.version + 1,
    }
    conn.execute(update(STAFF).where(STAFF.c.id == staff_id).values(values))
    cleared = {"told_at": func.coalesce(STAFF.c.told_at, STAFF.c.cleared_at), "cleared_at": now, "cleared_by": by}
    conn.execute(update(STAFF).where(STAFF.c.id == staff_id, STAFF.c.cleared).values(cleared))
    sessions.end_all(conn, staff_id)
    return code


def find(conn: Connection, keyring: KeyRing, name: str, code: str, now: datetime) -> Row[Any] | None:
    """The account that name and set-up code open, locked."""
    given = STAFF.c.setup_index == _index(keyring, code)
    holds = (STAFF.c.setup_until > now) & STAFF.c.disabled_at.is_(None) & (STAFF.c.name_key == name.casefold())
    return conn.execute(select(STAFF).where(given, holds).with_for_update()).first()


def choose(conn: Connection, keyring: KeyRing, row: Row[Any], password: str) -> str:
    """Store the password (hashed), and a new secret for one-time codes. Returns the secret."""
    row = accounts.with_key(conn, keyring, row)
    secret = codes.new_secret()
    values = {"password": password, "totp": codes.sealed(keyring, row, secret), "totp_step": None}
    conn.execute(update(STAFF).where(STAFF.c.id == row.id).values(values))
    return secret


def finish(conn: Connection, keyring: KeyRing, row: Row[Any], code: str, now: datetime) -> str | None:
    """The account counts once a one-time code is right: the token of its first session, or None."""
    if row.password is None or row.totp is None:
        return None
    step = codes.step_of(codes.opened(keyring, row), code, now, None)
    if step is None:
        return None
    values = {"totp_step": step, "setup_index": None, "setup_until": None, "version": STAFF.c.version + 1}
    conn.execute(update(STAFF).where(STAFF.c.id == row.id).values(values))
    audit.append(conn, at=now, staff=row.name, deed="set up")
    audit.append(conn, at=now, staff=row.name, deed="sign in")
    sessions.end_all(conn, row.id)
    return sessions.begin(conn, keyring, row.id, now)


def _index(keyring: KeyRing, code: str) -> bytes:
    return keyring.index("setup", "".join(one for one in code.casefold() if one.isalnum()))
