"""What staff on call do with alerts: see the open ones, take one, close it with an outcome."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from bot.cases import paging
from bot.cases.desk import Changed, Desk, NotPossible
from bot.cases.filing import as_kept
from storage import tables

ALERTS, CASES, STAFF = tables.alerts, tables.cases, tables.staff

OUTCOMES = ("reached", "passed_on", "unreachable", "not_asked", "mistake")
MOST = 200


class NotAsked(NotPossible):
    """La personne n'a pas demandé qu'on lui écrive : vous pouvez seulement fermer cette alerte."""


class NotOpen(NotPossible):
    """Cette alerte n'est plus ouverte, ou elle n'est pas pour vous."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An open alert as staff see it. `at` in UTC, of an anonymous case the day alone (`day_only`).

    `reference`: the case, where there is one they may see. `person`: "case", "silent" (did not agree to be written to)
    or "gone" (erased everything). `taken_by`: a name, `taken_id`: whose.
    """

    id: str
    kind: str
    at: datetime
    day_only: bool
    pages: int
    more_pages: bool
    reference: str
    person: str
    taken_by: str
    taken_id: str
    taken_at: datetime | None


def open_alerts(desk: Desk) -> list[Alert]:
    """All that this member of staff may know of, those nobody took first, then the oldest."""
    query = select(ALERTS).where(ALERTS.c.closed_at.is_(None)).order_by(ALERTS.c.at).limit(MOST)
    rows = [row for row in desk.conn.execute(query).all() if not _kept_from(desk, row)]
    desk.log("alerts", None)
    return sorted((_shown(desk, row) for row in rows), key=lambda alert: bool(alert.taken_by))


def take(desk: Desk, alert_id: str, taken_id: str = "") -> None:
    """See to an alert: nobody is paged any more. `taken_id`: who had it when the page was made.

    Raises `NotOpen`, `Changed`, `NotAsked`.
    """
    row = _find(desk, alert_id)
    if (row.taken_by.hex if row.taken_by else "") != taken_id:
        raise Changed(Changed.__doc__)
    if row.case_id is None:
        raise NotAsked(NotAsked.__doc__)
    case = _case_of(desk, row)
    values = {"taken_by": desk.staff_id, "taken_at": _moment(desk, case), "next_at": None, "lease_until": None}
    desk.conn.execute(update(ALERTS).where(ALERTS.c.id == row.id).values(**values))
    desk.log("take_alert", case)


def close(desk: Desk, alert_id: str, outcome: str) -> None:
    """It is over. Raises `NotOpen`, `NotPossible`."""
    if outcome not in OUTCOMES:
        raise NotPossible("Choisissez comment l'alerte s'est terminée.")
    row = _find(desk, alert_id)
    case = _case_of(desk, row)
    values = {"closed_at": _moment(desk, case), "next_at": None, "lease_until": None, "outcome": outcome}
    desk.conn.execute(update(ALERTS).where(ALERTS.c.id == row.id).values(**values))
    desk.log("close_alert", case, outcome)


# ---------------------------------------------------------------- the parts


def _find(desk: Desk, alert_id: str) -> "Row[Any]":
    """An open alert, locked. One that is closed, unknown or not for them: all alike."""
    try:
        wanted = uuid.UUID(alert_id)
    except ValueError:
        raise NotOpen(NotOpen.__doc__) from None
    query = select(ALERTS).where(ALERTS.c.id == wanted, ALERTS.c.closed_at.is_(None)).with_for_update()
    row = desk.conn.execute(query).first()
    if row is None or _kept_from(desk, row):
        raise NotOpen(NotOpen.__doc__)
    return row


def _kept_from(desk: Desk, row: "Row[Any]") -> bool:
    people, offices = paging.excluded(desk.conn, row)
    return desk.staff_id in people or desk.staff.office in offices


def _case_of(desk: Desk, row: "Row[Any]") -> "Row[Any] | None":
    return desk.conn.execute(select(CASES).where(CASES.c.id == row.case_id)).first() if row.case_id else None


def _moment(desk: Desk, case: "Row[Any] | None") -> datetime:
    return as_kept(desk.now, anonymous=case is not None and case.anonymous)


def _shown(desk: Desk, row: "Row[Any]") -> Alert:
    case = _case_of(desk, row)
    taken_by = ""
    if row.taken_by is not None:
        taken_by = desk.conn.execute(select(STAFF.c.name).where(STAFF.c.id == row.taken_by)).scalar() or "?"
    return Alert(
        row.id.hex,
        row.kind,
        row.at,
        case is not None and case.anonymous,
        row.stage,
        row.next_at is not None,
        case.reference if case is not None and desk.may("see", case) else "",
        "case" if case is not None else "silent" if row.contact_id is not None else "gone",
        taken_by,
        row.taken_by.hex if row.taken_by else "",
        row.taken_at,
    )
