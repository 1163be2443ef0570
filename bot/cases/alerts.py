"""Alerts: somebody may be in danger, a restricted case waits too long, or an identity was taken in an emergency.
Whoever is on call is told (`paging`).

An alert names a contact, a case, or both, and never what was said. A contact has one open alert of distress at a
time: more words of distress make no second one. When nobody is being told any more, or whoever took it has had an hour,
such words let it begin anew.

Locks: contact, then case, then alert. Nothing here waits for a contact or a case while it holds an alert.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, insert, or_, select, update

from bot.cases import deadlines
from bot.cases.filing import as_kept
from bot.dialogue.flow import Library
from storage import random_id, tables

if TYPE_CHECKING:
    from bot.cases.desk import Desk

ALERTS, CASES, CONTACTS, STAFF = tables.alerts, tables.cases, tables.contacts, tables.staff
DISCLOSURES = tables.disclosures

OVERDUE = "overdue"
URGENT = "urgent"  # filed as urgent, and no word of distress was heard before
OVERRIDE = "override"  # somebody took an identity at once: a second person is told
GRAVEST = ("suicide", "danger", "held", URGENT)  # kinds of distress, the gravest first

AGAIN = timedelta(hours=1)  # so long whoever took an alert has it in hand
KEPT = timedelta(days=30)  # a closed alert without a case
AT_ONCE = 50

IN_OTHER_HANDS = (
    "Une collègue formée suit cette personne en ce moment. Écrivez une note ; votre réponse partira ensuite."
)

_trained = exists().where(STAFF.c.role == "protection", STAFF.c.cleared.is_(True), STAFF.c.disabled_at.is_(None))


# ---------------------------------------------------------------- by what a person writes


def raise_alert(conn: Connection, kind: str, contact_id: uuid.UUID, held: str, now: datetime) -> None:
    """Words of distress were heard. `held`: id of the case that staff hold this chat for, or "".

    Called in the turn's own transaction, with the contact locked.
    """
    case_id, held_case_id = _held(conn, contact_id, held)
    row = _open_of(conn, contact_id)
    if row is None:
        _insert(conn, kind, now, contact_id=contact_id, case_id=case_id, held_case_id=held_case_id)
        return
    values: dict[str, Any] = {}
    if _graver(kind, row.kind):
        values["kind"] = kind
    if row.held_case_id is None and held_case_id is not None:
        values["held_case_id"] = held_case_id
    if row.case_id is None and case_id is not None:
        values["case_id"] = case_id
    if _is_over(row, now):
        values |= _anew(now)
    if values:
        conn.execute(update(ALERTS).where(ALERTS.c.id == row.id).values(**values))


def join(conn: Connection, contact_id: uuid.UUID, case_id: uuid.UUID, now: datetime) -> None:
    """An urgent case was filed: it joins the alert that its contact raised before, or raises one."""
    row = _open_of(conn, contact_id)
    if row is not None and row.case_id is None:
        conn.execute(update(ALERTS).where(ALERTS.c.id == row.id).values(case_id=case_id))
    else:
        _insert(conn, URGENT, now, contact_id=contact_id, case_id=case_id)


def for_override(desk: "Desk", row: "Row[Any]") -> "Row[Any]":
    """Whoever is at this desk took the identity in a restricted case: others are told, each time anew. The alert.

    The case is locked. Its moment is that of the disclosure: by this `done_by` knows whose deed it was.
    """
    alert_id = _insert(desk.conn, OVERRIDE, desk.now, contact_id=row.contact_id, case_id=row.id)
    return desk.conn.execute(select(ALERTS).where(ALERTS.c.id == alert_id)).one()


def override_seen(conn: Connection, at: datetime, now: datetime) -> None:
    """A second person has seen what was taken at the moment `at`: nobody else need be told."""
    this = (ALERTS.c.kind == OVERRIDE) & (ALERTS.c.at == at) & ALERTS.c.closed_at.is_(None)
    conn.execute(update(ALERTS).where(this).values(closed_at=now, next_at=None, lease_until=None))


def done_by(conn: Connection, alert: "Row[Any]") -> set[uuid.UUID]:
    """Whose deed an alert tells of: they are not told of it, nor do they take or close it. Empty for other kinds."""
    if alert.kind != OVERRIDE:
        return set()
    return set(conn.scalars(select(DISCLOSURES.c.asked_by).where(ALERTS.c.id == alert.id, _DEED)))


def is_deed_of(staff_id: uuid.UUID) -> ColumnElement[bool]:
    """As `done_by`, of alerts in a query."""
    return exists(select(DISCLOSURES.c.id).where(_DEED, DISCLOSURES.c.asked_by == staff_id).correlate(ALERTS))


_DEED = (
    (ALERTS.c.kind == OVERRIDE)
    & DISCLOSURES.c.emergency
    & (DISCLOSURES.c.asked_at == ALERTS.c.at)
    & (DISCLOSURES.c.case_id == ALERTS.c.case_id)
)


def in_other_hands(desk: "Desk", row: "Row[Any]") -> bool:
    """Whether somebody trained follows the person of this ordinary case: nobody else writes into that chat meanwhile.

    Tells nothing where there is nobody trained: then no colleague follows anybody.
    """
    if row.restricted or row.contact_id is None:
        return False
    theirs = or_(ALERTS.c.contact_id == row.contact_id, ALERTS.c.held_case_id == row.id)
    found = select(ALERTS.c.id).where(theirs, ALERTS.c.closed_at.is_(None), ALERTS.c.kind.in_(GRAVEST), _trained)
    return desk.conn.execute(found.limit(1)).first() is not None


# ---------------------------------------------------------------- by what time brings


def to_do(conn: Connection, library: Library, now: datetime) -> bool:
    """Whether `look` would find anything."""
    found = (
        *_unheard_of(library, now),
        *(select(ALERTS.c.id).where(one) for one in (_merged(), _settled(), _answered())),
    )
    return any(conn.execute(one.limit(1)).first() for one in found)


def look(conn: Connection, library: Library, now: datetime) -> None:
    """Urgent cases that raised no alert yet, restricted ones that nobody read in time; alerts that are over."""
    main = select(CASES.c.merged_into).where(CASES.c.id == ALERTS.c.case_id).scalar_subquery()
    _let_be(conn, _merged(), case_id=main)
    _let_be(conn, _settled(), closed_at=now, next_at=None)
    _let_be(conn, _answered(), next_at=None)
    conn.execute(delete(ALERTS).where(ALERTS.c.case_id.is_(None), ALERTS.c.closed_at <= now - KEPT))
    for found in _unheard_of(library, now):
        for row in conn.execute(found.order_by(CASES.c.due_at).limit(AT_ONCE)).all():
            if _locked(conn, row.contact_id, row.id) and conn.execute(found.where(CASES.c.id == row.id)).first():
                _of_case(conn, row, OVERDUE if row.due_at <= now else URGENT, now)


def _let_be(conn: Connection, which: ColumnElement[bool], **values: Any) -> None:
    """Those that nobody is at work with; the others with the next look."""
    theirs = select(ALERTS.c.id).where(which).limit(AT_ONCE)
    found = conn.scalars(theirs.with_for_update(skip_locked=True)).all()
    if found:
        conn.execute(update(ALERTS).where(ALERTS.c.id.in_(found)).values(**values))


def _unheard_of(library: Library, now: datetime) -> Iterable[Any]:
    columns = (CASES.c.id, CASES.c.contact_id, CASES.c.anonymous, CASES.c.due_at)
    urgent = [category.key for category in library.categories.values() if category.urgent]
    mine = select(ALERTS.c.id).where(ALERTS.c.case_id == CASES.c.id, ALERTS.c.kind != OVERRIDE)
    if urgent:
        yield select(*columns).where(
            CASES.c.status == "new", CASES.c.restricted.is_(True), CASES.c.category.in_(urgent), ~mine.exists()
        )
    since_due = mine.where(ALERTS.c.at >= CASES.c.due_at)
    yield select(*columns).where(
        deadlines.standing(), CASES.c.restricted.is_(True), CASES.c.due_at <= now, ~since_due.exists()
    )


def _of_case(conn: Connection, row: "Row[Any]", kind: str, now: datetime) -> None:
    """An alert for a case; one that is open for it already begins anew."""
    theirs = select(ALERTS).where(ALERTS.c.case_id == row.id, ALERTS.c.closed_at.is_(None), ALERTS.c.kind != OVERRIDE)
    known = conn.execute(theirs.order_by(ALERTS.c.at.desc()).limit(1).with_for_update()).first()
    if known is None:
        _insert(conn, kind, now, contact_id=row.contact_id, case_id=row.id, anonymous=row.anonymous)
    else:
        values = _anew(now, anonymous=row.anonymous)
        conn.execute(update(ALERTS).where(ALERTS.c.id == known.id).values(**values))


def _locked(conn: Connection, contact_id: uuid.UUID | None, case_id: uuid.UUID) -> bool:
    """Keep the case where it is, and other lookers away, without waiting: who is at work with it goes first."""
    if contact_id is not None:
        contact = select(CONTACTS.c.id).where(CONTACTS.c.id == contact_id)
        if conn.execute(contact.with_for_update(read=True, key_share=True, skip_locked=True)).first() is None:
            return False
    case = select(CASES.c.id).where(CASES.c.id == case_id).with_for_update(skip_locked=True)
    return conn.execute(case).first() is not None


def _merged() -> ColumnElement[bool]:
    """Alerts whose case became part of another: they go along. What tells of a deed stays where it was done."""
    merged = CASES.c.merged_into.in_(select(CASES.c.id)) & (ALERTS.c.kind != OVERRIDE)
    return ALERTS.c.closed_at.is_(None) & exists().where(CASES.c.id == ALERTS.c.case_id, merged)


def _settled() -> ColumnElement[bool]:
    """Alerts whose case is over, or was answered after all."""
    over = CASES.c.status.in_(("resolved", "closed")) & (ALERTS.c.kind != OVERRIDE)
    answered = (ALERTS.c.kind == OVERDUE) & ~CASES.c.owed
    return ALERTS.c.closed_at.is_(None) & exists().where(CASES.c.id == ALERTS.c.case_id, or_(over, answered))


def _answered() -> ColumnElement[bool]:
    """Somebody wrote to the person: nobody else need be told."""
    written = exists().where(CASES.c.id == ALERTS.c.case_id, CASES.c.answered_at >= ALERTS.c.at)
    return ALERTS.c.next_at.is_not(None) & (ALERTS.c.kind != OVERRIDE) & written


# ---------------------------------------------------------------- the parts


def _held(conn: Connection, contact_id: uuid.UUID, held: str) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """(the alert's case, the case that others hold the chat for): a restricted case is read by those who are told."""
    if not held:
        return None, None
    theirs = select(CASES.c.id, CASES.c.restricted).where(
        CASES.c.id == uuid.UUID(held), CASES.c.contact_id == contact_id
    )
    row = conn.execute(theirs.with_for_update(read=True, key_share=True)).first()
    if row is None:
        return None, None
    return (row.id, None) if row.restricted else (None, row.id)


def _open_of(conn: Connection, contact_id: uuid.UUID) -> "Row[Any] | None":
    theirs = ALERTS.c.contact_id == contact_id
    query = select(ALERTS).where(theirs, ALERTS.c.closed_at.is_(None), ALERTS.c.kind.in_(GRAVEST))
    return conn.execute(query.order_by(ALERTS.c.at.desc()).limit(1).with_for_update()).first()


def _graver(kind: str, known: str) -> bool:
    return kind in GRAVEST and (known not in GRAVEST or GRAVEST.index(kind) < GRAVEST.index(known))


def _is_over(row: "Row[Any]", now: datetime) -> bool:
    """Whether nobody is being told of it, and whoever took it or answered has had their time."""
    return row.next_at is None and bool((row.taken_at or row.at) <= now - AGAIN)


def _anew(now: datetime, *, anonymous: bool = False) -> dict[str, Any]:
    at = as_kept(now, anonymous=anonymous)
    return {"at": at, "stage": 0, "next_at": now, "lease_until": None, "taken_by": None, "taken_at": None}


def _insert(
    conn: Connection, kind: str, now: datetime, *, anonymous: bool = False, **of: uuid.UUID | None
) -> uuid.UUID:
    """By chance, not by time: nothing beside an anonymous case tells when it came. Its id."""
    alert_id, at = random_id(), as_kept(now, anonymous=anonymous)
    conn.execute(insert(ALERTS), {"id": alert_id, "kind": kind, "at": at, "stage": 0, "next_at": now, **of})
    return alert_id
