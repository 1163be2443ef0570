"""Paging: whom an alert goes to now, and when it goes again.

A page is leased by the database's clock: one worker sends it. It is marked when somebody was reached; where a worker
dies before, another one sends it again. No page names anything: "1 alerte" and a link.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select, update

from bot.cases import alerts
from bot.staff import accounts
from storage import KeyRing, database_now, tables

ALERTS, CASES, EXCLUSIONS, ROTA, STAFF = (
    tables.alerts,
    tables.cases,
    tables.exclusions,
    tables.rota,
    tables.staff,
)

GAPS = (timedelta(minutes=15), timedelta(minutes=45))  # from one page to the next: at once, at 15 and at 60 minutes
LEASE = timedelta(minutes=2)  # longer than a page takes, whatever its ways do
LATE = timedelta(minutes=1)  # a page due for so long reached nobody


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to be paged: `ways` is way → address, of the ways that are set up."""

    id: uuid.UUID
    name: str
    office: str
    language: str
    ways: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """An alert's page that is ours to send until `lease`. `by_rota`: the people are on duty; else all of protection."""

    alert_id: uuid.UUID
    stage: int
    lease: datetime
    people: tuple[Person, ...]
    by_rota: bool


# ---------------------------------------------------------------- who


def protection(conn: Connection, keyring: KeyRing, set_up: Collection[str]) -> list[Person]:
    """All who may be told of alerts. `set_up`: the ways there are; whoever has none of them has no `ways`."""
    query = select(STAFF).where(STAFF.c.role == "protection", STAFF.c.cleared.is_(True), STAFF.c.disabled_at.is_(None))
    return [
        Person(row.id, row.name, row.office, row.language, _ways(conn, keyring, row.id, set_up))
        for row in conn.execute(query.order_by(STAFF.c.name_key)).all()
    ]


def reaches(conn: Connection, keyring: KeyRing, set_up: Collection[str]) -> bool:
    """Whether a page could reach anybody."""
    return bool(set_up) and any(person.ways for person in protection(conn, keyring, set_up))


def on_duty(conn: Connection, zone: str, now: datetime) -> set[uuid.UUID]:
    """Ids of staff whom the rota names for this moment, in the organisation's own time."""
    here = now.astimezone(ZoneInfo(zone))
    minute = here.hour * 60 + here.minute
    spans = (ROTA.c.weekday == here.weekday()) & (ROTA.c.opens <= minute) & (ROTA.c.closes > minute)
    return set(conn.scalars(select(ROTA.c.staff_id).where(spans)))


def excluded(conn: Connection, alert: "Row[Any]") -> tuple[set[uuid.UUID], set[str]]:
    """Accounts and offices that are not told of an alert: kept out of any case of its person, or it is their deed."""
    its = CASES.c.id.in_([one for one in (alert.case_id, alert.held_case_id) if one is not None])
    if alert.contact_id is not None:
        its |= CASES.c.contact_id == alert.contact_id
    theirs = EXCLUSIONS.c.case_id.in_(select(CASES.c.id).where(its))
    rows = conn.execute(select(EXCLUSIONS.c.staff_id, EXCLUSIONS.c.office).where(theirs)).all()
    people = {row.staff_id for row in rows if row.staff_id} | alerts.done_by(conn, alert)
    return people, {row.office for row in rows if row.office}


def not_excluded(conn: Connection, people: list[Person], alert: "Row[Any]") -> list[Person]:
    """Those of these people who may be told of an alert."""
    kept_out, offices = excluded(conn, alert)
    return [one for one in people if one.id not in kept_out and one.office not in offices]


def _ways(conn: Connection, keyring: KeyRing, staff_id: uuid.UUID, set_up: Collection[str]) -> dict[str, str]:
    return {way: to for way, to in accounts.ways_of(conn, keyring, staff_id).items() if way in set_up}


def _told(
    conn: Connection, everybody: list[Person], duty: set[uuid.UUID], alert: "Row[Any]"
) -> tuple[tuple[Person, ...], bool]:
    able = [one for one in not_excluded(conn, everybody, alert) if one.ways]
    here = [one for one in able if one.id in duty]
    return tuple(here or able), bool(here)


# ---------------------------------------------------------------- when


def due(conn: Connection, now: datetime) -> bool:
    """Whether a page waits for a worker."""
    return conn.execute(select(ALERTS.c.id).where(_is_due(conn, now)).limit(1)).first() is not None


def lease(
    conn: Connection, keyring: KeyRing, set_up: Collection[str], zone: str, now: datetime, most: int
) -> list[Page]:
    """Pages that are ours from here on."""
    query = select(ALERTS).where(_is_due(conn, now)).order_by(ALERTS.c.next_at).limit(most)
    rows = conn.execute(query.with_for_update(skip_locked=True)).all()
    if not rows:
        return []
    until = database_now(conn) + LEASE
    conn.execute(update(ALERTS).where(ALERTS.c.id.in_([row.id for row in rows])).values(lease_until=until))
    everybody, duty = protection(conn, keyring, set_up), on_duty(conn, zone, now)
    return [Page(row.id, row.stage, until, *_told(conn, everybody, duty, row)) for row in rows]


def mark(conn: Connection, page: Page, now: datetime) -> int:
    """Somebody was reached: on to the next page. Pages whose time has passed meanwhile are this one.

    Returns how many pages there were, -1 when this one is no longer ours.
    """
    row = conn.execute(select(ALERTS).where(_ours(page)).with_for_update()).first()
    if row is None:
        return -1
    stage, next_at = row.stage, row.next_at
    while next_at is not None and next_at <= now:
        next_at = next_at + GAPS[stage] if stage < len(GAPS) else None
        stage += 1
    conn.execute(update(ALERTS).where(ALERTS.c.id == row.id).values(stage=stage, next_at=next_at, lease_until=None))
    return int(stage)


def put_off(conn: Connection, page: Page, seconds: float) -> None:
    """Nobody was reached: again in so many seconds, by whichever worker."""
    later = database_now(conn) + timedelta(seconds=seconds)
    conn.execute(update(ALERTS).where(_ours(page)).values(lease_until=later))


def wanted(conn: Connection, page: Page, stage: int) -> bool:
    """Whether nobody took the alert, and no page went since `stage`: a way that failed is still worth trying."""
    this = (ALERTS.c.id == page.alert_id) & (ALERTS.c.stage == stage)
    waits = ALERTS.c.closed_at.is_(None) & ALERTS.c.taken_by.is_(None)
    return conn.execute(select(ALERTS.c.id).where(this, waits)).first() is not None


def unheard(conn: Connection, now: datetime) -> int:
    """How many alerts have a page that should have reached somebody by now."""
    waits = ALERTS.c.next_at.is_not(None) & (ALERTS.c.next_at <= now - LATE)
    return conn.scalar(select(func.count()).select_from(ALERTS).where(waits, ALERTS.c.closed_at.is_(None))) or 0


def _is_due(conn: Connection, now: datetime) -> ColumnElement[bool]:
    free = or_(ALERTS.c.lease_until.is_(None), ALERTS.c.lease_until < database_now(conn))
    return (ALERTS.c.next_at <= now) & ALERTS.c.closed_at.is_(None) & ALERTS.c.taken_by.is_(None) & free


def _ours(page: Page) -> ColumnElement[bool]:
    return (ALERTS.c.id == page.alert_id) & (ALERTS.c.lease_until == page.lease)
