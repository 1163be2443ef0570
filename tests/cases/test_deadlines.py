"""Deadlines in plain distances: how late, how soon, and whether it still counts."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.cases import deadlines
from bot.cases.deadlines import Calendar, due
from bot.cases.statuses import STATUSES

NOW = datetime(2026, 11, 23, 9, 17, tzinfo=UTC)  # a Monday
ALWAYS = Calendar(ZoneInfo("Africa/Bamako"))
WEEK = Calendar(ZoneInfo("Africa/Bamako"), dict.fromkeys(range(5), ((8 * 60, 17 * 60),)), {date(2026, 11, 25)})


def test_a_deadline_stands_while_an_answer_is_owed():
    """Whether it was read, taken or put off; not for what is over."""
    owed = {status for status in STATUSES if deadlines.stands(status, owed=True)}
    assert set(STATUSES) - owed == {"resolved", "closed"}
    assert not any(deadlines.stands(status, owed=False) for status in STATUSES)
    assert due(NOW - timedelta(days=9), NOW, ALWAYS, stands=False).kind == "none"
    assert deadlines.is_overdue("waiting", NOW - timedelta(minutes=1), NOW, owed=True)
    assert not deadlines.is_overdue("waiting", NOW - timedelta(days=1), NOW, owed=False)


@pytest.mark.parametrize(
    ("hours", "kind", "count"),
    [
        (1, "today", 0), (14, "today", 0), (15, "tomorrow", 0), (48, "weekday", 0), (6 * 24, "weekday", 0),
        (7 * 24, "date", 0), (-0.001, "late_minutes", 1), (-0.5, "late_minutes", 30), (-1, "late_hours", 1),
        (-23.9, "late_hours", 23), (-24, "late_days", 1), (-49, "late_days", 2),
    ],
)  # fmt: skip
def test_near_and_far(hours, kind, count):
    """By the local day ahead, by what passed behind."""
    found = due(NOW + timedelta(hours=hours), NOW, ALWAYS, stands=True)
    assert (found.kind, found.count, found.late) == (kind, count, hours < 0)


@pytest.mark.parametrize(("days", "kind"), [(0, "today"), (1, "tomorrow"), (-1, "late_days"), (3, "weekday")])
def test_of_an_anonymous_case_the_day_alone_is_told(days, kind):
    """Its hour is not known, and not made up; the whole day counts."""
    day = NOW.replace(hour=0, minute=0) + timedelta(days=days)
    found = due(day, NOW, ALWAYS, exact=False, stands=True)
    assert (found.kind, found.exact) == (kind, False)


def test_lateness_is_counted_in_working_days():
    """A weekend and a holiday make nobody later."""
    friday = datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert due(friday, datetime(2026, 11, 22, 12, tzinfo=UTC), WEEK, stands=True).kind == "late_since"
    assert due(friday, datetime(2026, 11, 24, 12, tzinfo=UTC), WEEK, stands=True).count == 2
    assert due(friday, datetime(2026, 11, 26, 12, tzinfo=UTC), WEEK, stands=True).count == 3
    assert due(friday, datetime(2026, 11, 26, 12, tzinfo=UTC), ALWAYS, stands=True).count == 6


def test_a_deadline_at_night_tells_when_the_office_is_open_before():
    """Due on Sunday: to be done on Friday until five; due on Thursday morning: on Tuesday, Wednesday is a holiday."""
    sunday, thursday = datetime(2026, 11, 29, 10, tzinfo=UTC), datetime(2026, 11, 26, 7, tzinfo=UTC)
    assert due(sunday, NOW, WEEK, stands=True).before == datetime(2026, 11, 27, 17, tzinfo=ZoneInfo("Africa/Bamako"))
    assert due(thursday, NOW, WEEK, stands=True).before == datetime(2026, 11, 24, 17, tzinfo=ZoneInfo("Africa/Bamako"))
    assert due(datetime(2026, 11, 24, 10, tzinfo=UTC), NOW, WEEK, stands=True).before is None
    assert due(sunday, NOW, ALWAYS, stands=True).before is None


def test_a_deadline_of_years_ago_takes_no_time():
    """Working days are counted at most for a year."""
    assert due(datetime(1990, 1, 1, tzinfo=UTC), NOW, WEEK, stands=True).count <= 366
