"""When an answer is due: the one rule for whether a deadline still stands, and how far away it is.

A deadline is the promise that a person reads and answers. It stands while an answer is owed (`owed`): from the filing,
and again from the first word the person adds after an answer, or from reopening. Reading, taking or waiting keeps no
promise; an answer does, and what is resolved or closed owes none.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal

from sqlalchemy import ColumnElement, and_, literal_column

from bot.dialogue.hours import Hours
from storage import tables

CASES = tables.cases

OVER = ("resolved", "closed")

Kind = Literal[
    "none", "today", "tomorrow", "weekday", "date", "late_minutes", "late_hours", "late_since", "late_days",
    "late_working_days",
]  # fmt: skip

_WEEK, _YEAR = 7, 366  # days
_SEARCHED = 10  # days back for an hour at which the office is open


def stands(status: str, *, owed: bool) -> bool:
    """Whether the deadline of a case still counts."""
    return owed and status not in OVER


def is_overdue(status: str, due_at: datetime, now: datetime, *, owed: bool) -> bool:
    return stands(status, owed=owed) and due_at < now


def standing() -> ColumnElement[bool]:
    """`stands` in SQL. Literals: a partial index is found by its very words."""
    over: list[ColumnElement[str]] = [literal_column(f"'{status}'") for status in OVER]
    return and_(literal_column("cases.owed"), CASES.c.status.not_in(over))


def overdue(now: datetime) -> ColumnElement[bool]:
    """`is_overdue` in SQL."""
    return standing() & (CASES.c.due_at < now)


@dataclass(frozen=True, slots=True)
class Due:
    """How far away a deadline is, to be worded. `at` is local; `exact`: its hour may be told.

    `count`: minutes, hours or days. `before`: the last moment at which the office is open, when it is closed then.
    """

    kind: Kind
    at: datetime
    count: int = 0
    exact: bool = True
    before: datetime | None = None

    @property
    def late(self) -> bool:
        return self.kind.startswith("late")


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of the office: local time, and when it works. Without `hours` nobody said when."""

    zone: tzinfo
    hours: Hours = field(default_factory=dict)
    holidays: Collection[date] = ()

    def spans(self, day: date) -> tuple[tuple[int, int], ...]:
        """When it is open on a day, in minutes of the day."""
        return () if day in self.holidays else self.hours.get(day.weekday(), ())

    def working_days(self, after: date, until: date) -> int:
        """The days on which it opens, after one day until another; at most as many as make a year."""
        days = range(1, min((until - after).days, _YEAR) + 1)
        return sum(1 for day in days if self.spans(after + timedelta(days=day)))

    def open_before(self, at: datetime) -> datetime | None:
        """The last moment it is open before `at`; None when it is open then, or was not for days."""
        minute = at.hour * 60 + at.minute
        if any(opens <= minute <= closes for opens, closes in self.spans(at.date())):
            return None
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        for back in range(_SEARCHED):
            day = midnight - timedelta(days=back)
            ends = [closes for _, closes in self.spans(day.date()) if back or closes <= minute]
            if ends:
                return day + timedelta(minutes=max(ends))
        return None


def due(due_at: datetime, now: datetime, calendar: Calendar, *, stands: bool, exact: bool = True) -> Due:
    """How far away the deadline of a case is. Not `exact`: the case keeps the day alone, and so do the words.

    Where the working hours are known, lateness is counted in working days.
    """
    at = due_at.astimezone(calendar.zone) if exact else due_at.replace(tzinfo=calendar.zone)
    here = now.astimezone(calendar.zone)
    if not stands:
        return Due("none", at, exact=exact)
    days = (at.date() - here.date()).days
    if (at < here and exact) or days < 0:
        return _late(at, here, calendar, exact=exact)
    kind: Kind = "today" if days == 0 else "tomorrow" if days == 1 else "weekday" if days < _WEEK else "date"
    before = calendar.open_before(at) if calendar.hours and exact else None
    return Due(kind, at, exact=exact, before=before if before and before > here else None)


def _late(at: datetime, here: datetime, calendar: Calendar, *, exact: bool) -> Due:
    passed = here - at
    if exact and passed < timedelta(hours=1):
        return Due("late_minutes", at, max(1, int(passed / timedelta(minutes=1))))
    if exact and passed < timedelta(days=1):
        return Due("late_hours", at, int(passed / timedelta(hours=1)))
    if not calendar.hours:
        return Due("late_days", at, passed.days if exact else (here.date() - at.date()).days, exact)
    worked = calendar.working_days(at.date(), here.date())
    return Due("late_working_days" if worked else "late_since", at, worked, exact)
