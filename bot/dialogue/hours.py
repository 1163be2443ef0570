"""Opening hours: weekday (0 = Monday) → spans (opens, closes) in minutes of the local day."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

Hours = Mapping[int, tuple[tuple[int, int], ...]]

LOOK_AHEAD = 60  # days; longer than any row of holidays


def is_open(hours: Hours, timezone: str, at: datetime, holidays: Collection[date] = ()) -> bool:
    here = at.astimezone(ZoneInfo(timezone))
    minute = here.hour * 60 + here.minute
    return here.date() not in holidays and any(a <= minute < b for a, b in hours.get(here.weekday(), ()))


def next_opening(hours: Hours, timezone: str, at: datetime, holidays: Collection[date] = ()) -> datetime | None:
    """The first opening after `at`, in its own zone of time; None when nothing opens in two months."""
    here = at.astimezone(ZoneInfo(timezone))
    for ahead in range(LOOK_AHEAD):
        day = here.date() + timedelta(days=ahead)
        if day in holidays:
            continue
        for opens, _ in sorted(hours.get(day.weekday(), ())):
            moment = datetime(day.year, day.month, day.day, opens // 60, opens % 60, tzinfo=here.tzinfo)
            if moment > here:
                return moment.astimezone(at.tzinfo)
    return None


def not_before_opening(hours: Hours, timezone: str, at: datetime, holidays: Collection[date] = ()) -> datetime:
    """`at`, or the next opening when nobody works then. Without hours somebody always works."""
    if not hours or is_open(hours, timezone, at, holidays):
        return at
    return next_opening(hours, timezone, at, holidays) or at
