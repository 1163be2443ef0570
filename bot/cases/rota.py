"""The rota: who is on call when, in the organisation's own time. Spans lie within a day; a night is two of them."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from bot.cases import paging
from bot.cases.desk import Desk, NotPossible
from bot.cases.paging import Person
from storage import KeyRing, random_id, tables

ROTA, STAFF = tables.rota, tables.staff

DAY = 24 * 60
WEEK = range(7)

Span = tuple[int, int]
"""From minute to minute of a day; the end is not part of it."""


class NotPageable(NotPossible):
    """Cette personne ne peut pas être de garde : il faut le rôle protection, l'habilitation et une adresse."""


class WrongSpan(NotPossible):
    """Écrivez deux heures différentes, comme 08:00 et 17:00, et choisissez au moins un jour."""


class Overlap(NotPossible):
    """Cette personne est déjà de garde à un de ces moments."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One span of one person. `able`: a page can reach them."""

    id: str
    name: str
    opens: int
    closes: int
    able: bool


@dataclass(frozen=True, slots=True)
class Rota:
    """The week. `gaps`: weekday → spans with nobody on duty whom a page reaches. `told`: where that differs from what
    people are told: weekday → (spans told without anybody on duty, spans of duty nobody is told of).
    """

    turns: Mapping[int, tuple[Turn, ...]]
    people: tuple[Person, ...]
    now: tuple[str, ...]
    gaps: Mapping[int, tuple[Span, ...]]
    told: Mapping[int, tuple[tuple[Span, ...], tuple[Span, ...]]]


def week(
    conn: Connection,
    keyring: KeyRing,
    set_up: Collection[str],
    zone: str,
    told: Mapping[int, Iterable[Span]],
    now: datetime,
) -> Rota:
    """The rota as it stands. `told`: the hours people are told of, by weekday."""
    people = paging.protection(conn, keyring, set_up)
    able = {person.id for person in people if person.ways}
    rows = conn.execute(
        select(ROTA, STAFF.c.name)
        .join(STAFF, STAFF.c.id == ROTA.c.staff_id)
        .order_by(ROTA.c.weekday, ROTA.c.opens, STAFF.c.name_key)
    ).all()
    duty = paging.on_duty(conn, zone, now)
    covered = {day: _joined((row.opens, row.closes) for row in rows if _on(row, day, able)) for day in WEEK}
    hours = {day: _joined(told.get(day, ())) for day in WEEK}
    differs = {day: (_without(hours[day], covered[day]), _without(covered[day], hours[day])) for day in WEEK}
    return Rota(
        turns={day: tuple(_turn(row, able) for row in rows if row.weekday == day) for day in WEEK},
        people=tuple(people),
        now=tuple(person.name for person in people if person.id in duty and person.id in able),
        gaps={day: _without(((0, DAY),), covered[day]) for day in WEEK},
        told={day: both for day, both in differs.items() if any(both)} if any(hours.values()) else {},
    )


def add(desk: Desk, set_up: Collection[str], staff_id: str, days: Iterable[str], opens: str, closes: str) -> None:
    """A person is on duty on these weekdays ("0" = Monday) from `opens` to `closes` ("08:00").

    Until midnight is "00:00" or "24:00"; a span that ends before it begins goes on the next day.
    Raises `NotPageable`, `WrongSpan`, `Overlap`.
    """
    person = next(
        (one for one in paging.protection(desk.conn, desk.keyring, set_up) if one.id.hex == staff_id and one.ways), None
    )
    if person is None:
        raise NotPageable(NotPageable.__doc__)
    # locked, so that two administrators don't give one person two spans at one time
    desk.conn.execute(select(STAFF.c.id).where(STAFF.c.id == person.id).with_for_update())
    for day, begin, end in _spans(days, opens, closes):
        same = (ROTA.c.staff_id == person.id) & (ROTA.c.weekday == day)
        if desk.conn.execute(select(ROTA.c.id).where(same, ROTA.c.opens < end, ROTA.c.closes > begin)).first():
            raise Overlap(Overlap.__doc__)
        values = {"id": random_id(), "staff_id": person.id, "weekday": day, "opens": begin, "closes": end}
        desk.conn.execute(insert(ROTA), values)
        desk.log("add_rota", None, f"{person.name}: {day} {clock(begin)}-{clock(end)}")


def remove(desk: Desk, span_id: str) -> None:
    """One span goes; one that is gone already is no fault."""
    try:
        wanted = uuid.UUID(span_id)
    except ValueError:
        return
    row = desk.conn.execute(
        select(ROTA, STAFF.c.name).join(STAFF, STAFF.c.id == ROTA.c.staff_id).where(ROTA.c.id == wanted)
    ).first()
    if row is not None and desk.conn.execute(delete(ROTA).where(ROTA.c.id == wanted)).rowcount:
        desk.log("remove_rota", None, f"{row.name}: {row.weekday} {clock(row.opens)}-{clock(row.closes)}")


def clock(minute: int) -> str:
    """A minute of the day as 08:00; the end of the day is 24:00."""
    return f"{minute // 60:02}:{minute % 60:02}"


# ---------------------------------------------------------------- the parts


def _spans(days: Iterable[str], opens: str, closes: str) -> list[tuple[int, int, int]]:
    """(weekday, from, to) of each part; sorted, so that locks and messages come in one order."""
    begin, end = _minute(opens), _minute(closes)
    chosen = sorted({int(day) for day in days if day in {str(one) for one in WEEK}})
    if begin is None or end is None or not chosen or begin == DAY:
        raise WrongSpan(WrongSpan.__doc__)
    end = end or DAY
    if begin == end:
        raise WrongSpan(WrongSpan.__doc__)
    if begin < end:
        return [(day, begin, end) for day in chosen]
    return sorted(part for day in chosen for part in ((day, begin, DAY), ((day + 1) % 7, 0, end)))


def _minute(written: str) -> int | None:
    """08:00 as a minute of the day, None for what is no time."""
    hour, colon, minute = written.strip().partition(":")
    if not (colon and hour.isascii() and hour.isdigit() and minute[:2].isascii() and minute[:2].isdigit()):
        return None
    found = int(hour) * 60 + int(minute[:2])
    return found if found <= DAY and int(minute[:2]) < 60 else None  # noqa: PLR2004 - minutes of an hour


def _on(row: "Row[Any]", day: int, able: Collection[uuid.UUID]) -> bool:
    return row.weekday == day and row.staff_id in able


def _turn(row: "Row[Any]", able: Collection[uuid.UUID]) -> Turn:
    return Turn(row.id.hex, row.name, row.opens, row.closes, row.staff_id in able)


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans that touch or overlap as one."""
    joined: list[Span] = []
    for opens, closes in sorted(spans):
        if joined and opens <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], closes))
        else:
            joined.append((opens, closes))
    return tuple(joined)


def _without(these: tuple[Span, ...], those: tuple[Span, ...]) -> tuple[Span, ...]:
    """The parts of `these` that `those` leave; both joined."""
    left: list[Span] = []
    for opens, closes in these:
        edges = [opens, *(edge for span in those for edge in span if opens < edge < closes), closes]
        left += [
            part for part in pairwise(edges) if not any(span[0] <= part[0] and part[1] <= span[1] for span in those)
        ]
    return tuple(left)
