"""Spans of days that figures and exports are made for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

KINDS = ("month", "last_month", "quarter", "last_quarter", "days")
LONGEST = timedelta(days=3 * 366)
FIRST_YEAR, LAST_YEAR = 2000, 3000
_MONTHS_OF_A_QUARTER = 3


class BadPeriod(ValueError):
    """Ces jours ne vont pas ensemble : écrivez deux jours, le premier avant le dernier, trois ans au plus."""


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day to the last, both included, in the organisation's time zone."""

    first: date
    last: date
    zone: str
    kind: str = "days"

    @property
    def begins(self) -> datetime:
        return self._midnight(self.first)

    @property
    def ends(self) -> datetime:
        """The first moment after it."""
        return self._midnight(self.last + timedelta(days=1))

    @property
    def last_moment(self) -> datetime:
        """On its last day, to be worded."""
        return self._midnight(self.last)

    @property
    def query(self) -> str:
        """As the address of a page has it."""
        return f"period=days&from={self.first}&to={self.last}"

    def day(self, at: datetime, *, cut: bool = False) -> date:
        """The day of a moment; `cut`: it tells a day of UTC already."""
        return at.date() if cut else at.astimezone(ZoneInfo(self.zone)).date()

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)


def read(given: Mapping[str, object], now: datetime, zone: str) -> Period:
    """The period of a form: `period`, and `from` and `to` where that is "days". Raises `BadPeriod`."""
    today = now.astimezone(ZoneInfo(zone)).date()
    kind = str(given.get("period", "") or ("days" if given.get("from") else "month"))
    if kind not in KINDS:
        raise BadPeriod(BadPeriod.__doc__)
    if kind == "days":
        first, last = _day(given.get("from")), _day(given.get("to"))
        if not (first <= last and last - first <= LONGEST and first.year >= FIRST_YEAR and last.year < LAST_YEAR):
            raise BadPeriod(BadPeriod.__doc__)
        return Period(first, last, zone)
    months = _MONTHS_OF_A_QUARTER if kind.endswith("quarter") else 1
    first = today.replace(day=1, month=(today.month - 1) // months * months + 1)
    if kind.startswith("last"):
        first = _months_on(first, -months)
    return Period(first, _months_on(first, months) - timedelta(days=1), zone, kind)


def _day(written: object) -> date:
    try:
        return date.fromisoformat(str(written))
    except ValueError:
        raise BadPeriod(BadPeriod.__doc__) from None


def _months_on(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
