"""Is it settled? What a person says once their case is resolved, and what is done when they say nothing."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select, update

from bot import contacts
from bot.cases import filing, statuses, telling
from bot.dialogue.flow import Library
from bot.dialogue.model import Say, Settle, Text
from storage import DataKey, KeyRing, audit, tables

CASES, MESSAGES = tables.cases, tables.case_messages

SILENT_FOR = timedelta(days=14)
"""Nobody said whether it is settled: the case is closed. Two weeks let people on the road find a network twice."""


def settle(cases: filing.Filing, effect: Settle) -> bool:
    """What the person said takes effect, once. False when the case is not there or not resolved any more."""
    row = filing.find(cases.conn, cases.keyring, cases.contact, case=effect.case, receipt=effect.receipt)
    deed = "settle" if effect.yes else "unsettle"
    if row is None or not statuses.can(row.status, deed):
        return False
    at = filing.as_kept(cases.now, anonymous=row.anonymous)
    if effect.yes:
        values: dict[str, Any] = {"outcome": "settled", "closed_at": at}
    else:
        values = filing.reopening(row, cases.library, cases.now)
    _note(cases.conn, cases.keyring, row, at, "settled" if effect.yes else "not_settled")
    _change(cases.conn, row, deed, at, settled=effect.yes, heard_at=at, **values)
    return True


def silent(conn: Connection, now: datetime) -> list[uuid.UUID]:
    """Cases resolved `SILENT_FOR` ago without a word of the person since."""
    return list(conn.scalars(select(CASES.c.id).where(_silent(now)).order_by(CASES.c.resolved_at)))


def lapse(conn: Connection, keyring: KeyRing, library: Library, now: datetime, case_id: uuid.UUID) -> bool:
    """Close such a case. In an ordinary case's chat the person is told. False when they wrote meanwhile."""
    contact_id = conn.scalar(select(CASES.c.contact_id).where(CASES.c.id == case_id))
    contact = contacts.locked_by_id(conn, keyring, contact_id) if contact_id else None
    row = conn.execute(select(CASES).where(CASES.c.id == case_id, _silent(now)).with_for_update()).first()
    if row is None:
        return False
    at = filing.as_kept(now, anonymous=row.anonymous)
    _note(conn, keyring, row, at, "lapsed")
    _change(conn, row, "lapse", at, outcome="no_answer", closed_at=at)
    audit.append(conn, at=now, staff="segin", deed="lapse", case_id=row.id)
    if (contact := telling.reached(contact, row)) is not None and not row.restricted:
        telling.tell(conn, contact, Say(Text(key="words:case_lapsed")), library, now)
    return True


def _silent(now: datetime) -> ColumnElement[bool]:
    return (CASES.c.status == "resolved") & (CASES.c.resolved_at <= now - SILENT_FOR) & ~_spoken_since()


def _spoken_since() -> ColumnElement[bool]:
    """Whether the person wrote after it was resolved: then somebody must read it first.

    Of anonymous cases the day alone is known, so the order of the thread counts as well.
    """
    last = select(MESSAGES.c.author).where(MESSAGES.c.case_id == CASES.c.id)
    theirs = last.order_by(MESSAGES.c.position.desc()).limit(1).scalar_subquery() == "person"
    return (func.coalesce(CASES.c.heard_at, CASES.c.opened_at) > CASES.c.resolved_at) | theirs


def _note(conn: Connection, keyring: KeyRing, row: Row[Any], at: datetime, event: str) -> None:
    key = DataKey(keyring.unwrap(row.data_key))
    filing.Thread(conn, row.id, key, at, anonymous=row.anonymous).say("system", {"event": event})


def _change(conn: Connection, row: Row[Any], deed: str, at: datetime, **values: Any) -> None:
    values |= {"status": statuses.after(row.status, deed), "last_step_at": at, "version": CASES.c.version + 1}
    conn.execute(update(CASES).where(CASES.c.id == row.id).values(values))
