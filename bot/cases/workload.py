"""Who has how much to do: open ordinary cases by member of staff, and those nobody has yet."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, func, select

from bot.cases import deadlines
from bot.cases.desk import CASES, Desk, NoSuchCase
from bot.cases.ordinary import ordinary
from bot.cases.statuses import OPEN
from storage import tables

STAFF = tables.staff
MOST = 200  # cases of one person on a page


@dataclass(frozen=True, slots=True)
class Load:
    """Open ordinary cases of one member of staff. `oldest` and `active_at`: of the cases, None without any.

    `gone`: disabled, and still has cases.
    """

    id: str
    name: str
    role: str
    regions: tuple[str, ...]
    open: int
    overdue: int
    waiting: int  # for the person
    oldest: datetime | None  # when the oldest of them was opened
    active_at: datetime | None  # the last step in any of them
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Unassigned:
    """Open ordinary cases nobody has, of one region ("": not known)."""

    region: str
    open: int
    overdue: int


def loads(desk: Desk) -> list[Load]:
    """Everybody who works with ordinary cases, and who is gone but still has some; most overdue first."""
    sums = (*_sums(desk), func.min(CASES.c.opened_at), func.max(CASES.c.last_step_at))
    found = desk.conn.execute(
        select(CASES.c.assignee_id, *sums)
        .where(_open(desk), CASES.c.assignee_id.is_not(None))
        .group_by(CASES.c.assignee_id)
    )
    theirs = {row[0]: row for row in found}
    staff = desk.conn.execute(select(STAFF).order_by(STAFF.c.name_key)).all()
    working = [one for one in staff if one.id in theirs or (one.disabled_at is None and one.role in _CASEWORKERS)]
    return sorted((_load(one, theirs.get(one.id)) for one in working), key=lambda one: (-one.overdue, -one.open))


def unassigned(desk: Desk) -> list[Unassigned]:
    """By region, most first."""
    region = func.coalesce(CASES.c.region, "").label("region")
    rows = desk.conn.execute(
        select(region, *_sums(desk)[:2]).where(_open(desk), CASES.c.assignee_id.is_(None)).group_by(region)
    )
    return sorted((Unassigned(*row) for row in rows), key=lambda one: (-one.open, one.region))


def cases_of(desk: Desk, staff_id: str) -> list[Row[Any]]:
    """The open ordinary cases of one member of staff ("": of nobody) that may be given away, the ones due first."""
    theirs = CASES.c.assignee_id == _id_of(staff_id) if staff_id else CASES.c.assignee_id.is_(None)
    query = select(CASES).where(_open(desk), theirs).order_by(CASES.c.due_at, CASES.c.reference)
    return [row for row in desk.conn.execute(query.limit(MOST)) if desk.may("assign", row)]


def name_of(desk: Desk, staff_id: str) -> str:
    """Also of somebody who is gone. Raises `NoSuchCase`: the page of nobody looks like any that is missing."""
    name: str | None = desk.conn.execute(select(STAFF.c.name).where(STAFF.c.id == _id_of(staff_id))).scalar()
    if name is None:
        raise NoSuchCase(NoSuchCase.__doc__)
    return name


def _id_of(staff_id: str) -> uuid.UUID:
    try:
        return uuid.UUID(staff_id)
    except ValueError:
        raise NoSuchCase(NoSuchCase.__doc__) from None


_CASEWORKERS = ("agent", "supervisor")  # of ordinary cases; who does protection shows here only with some


def _open(desk: Desk) -> Any:
    return ordinary(desk) & CASES.c.status.in_(OPEN)


def _sums(desk: Desk) -> tuple[Any, ...]:
    late = case((deadlines.overdue(desk.now), 1), else_=0)
    waiting = case((CASES.c.status == "waiting", 1), else_=0)
    return func.count(), func.sum(late), func.sum(waiting)


def _load(staff: Row[Any], row: Row[Any] | None) -> Load:
    many, late, waiting, oldest, active_at = tuple(row)[1:] if row is not None else (0, 0, 0, None, None)
    gone, regions = staff.disabled_at is not None, tuple(staff.regions)
    return Load(staff.id.hex, staff.name, staff.role, regions, many, late, waiting, oldest, active_at, gone)
