"""Figures of the desk: volumes, times, satisfaction, where people leave. Ordinary cases only, small numbers kept back.

Every table is a partition of the cases opened in the period, so that what is kept back in one can't be had from
another (see `small`). Two periods that overlap can still be compared: what is kept back protects what is passed on,
not those who may read every ordinary case anyway.
"""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, case, func, literal_column, select

from bot.cases import deadlines
from bot.cases.desk import CASES, Desk
from bot.cases.ordinary import ordinary
from bot.cases.periods import Period
from bot.cases.small import SMALL, Cell, Shown, alone, is_small, rounded, shown
from bot.dialogue.flow import Library
from bot.dialogue.leading import MENU
from storage import tables

STEPS = tables.step_counts

NOT_KNOWN = ""
"""The key of what a case does not tell: the region nobody asked for, the channel of somebody without a name."""

WEEKS_UP_TO = timedelta(days=100)  # longer periods are counted by month
WORST = 10  # steps
_HOUR, _DAY = 3600.0, 86400.0  # seconds


@dataclass(frozen=True, slots=True)
class Step:
    """A step that people leave: passages of all, `entered` and `left` to the nearest five, `answered` as a cell."""

    flow: str
    step: str
    entered: int
    left: int
    answered: Cell
    share: int  # of those who came, how many left: in percent, to the nearest five


@dataclass(frozen=True, slots=True)
class Times:
    """Medians; None where fewer than five cases tell, or none. Nameless cases keep no hour and are left out."""

    answer_hours: float | None
    resolution_days: float | None
    in_time: int | None  # percent of the answers that came before their deadline; None: kept back


@dataclass(frozen=True, slots=True)
class Figures:
    """All of one period. `overdue` is counted now, whenever the cases were opened."""

    period: Period
    total: Cell
    overdue: Cell
    by_time: Shown
    by_subject: Shown
    by_channel: Shown
    by_language: Shown
    by_region: Shown
    answers: Shown
    settled: Shown
    reopened: Shown
    times: Times
    steps: tuple[Step, ...]


class Counting:
    """What is counted for one period at one desk."""

    def __init__(self, desk: Desk, library: Library, period: Period) -> None:
        self.desk, self.library, self.period = desk, library, period
        opened = (CASES.c.opened_at >= period.begins) & (CASES.c.opened_at < period.ends)
        self.cases = ordinary(desk) & opened

    def all(self) -> Figures:
        return Figures(
            self.period,
            self.total(),
            self.overdue(),
            self.by_time(),
            self.by_subject(),
            self.by_channel(),
            self.by_language(),
            self.by_region(),
            self.answers(),
            self.settled(),
            self.reopened(),
            self.times(),
            worst_steps(self.desk, self.library, self.period),
        )

    # ------------------------------------------------------------ how many

    def total(self) -> Cell:
        return alone("", self._count(self.cases))

    def overdue(self) -> Cell:
        return alone("", self._count(ordinary(self.desk) & deadlines.overdue(self.desk.now)))

    def by_time(self) -> Shown:
        """By week (its Monday) or by month (its first day), without gaps; keys are ISO days."""
        rows = self.desk.conn.execute(select(CASES.c.opened_at, CASES.c.anonymous).where(self.cases))
        first = self._bucket(self.period.first)
        counted = Counter(max(first, self._bucket(self.period.day(at, cut=cut))) for at, cut in rows)
        return shown({one.isoformat(): counted[one] for one in self.buckets()})

    def buckets(self) -> list[date]:
        """The first days of all weeks or months of the period."""
        found = [self._bucket(self.period.first)]
        while (after := self._after(found[-1])) <= self.period.last:
            found.append(after)
        return found

    def by_subject(self) -> Shown:
        """By category. Kinds have no sums of their own: they would tell what is kept back within them."""
        known = [one.key for one in self.library.categories.values() if not one.restricted]
        return shown(self._by(CASES.c.category, known))

    def by_channel(self) -> Shown:
        """By the way in: a channel of the chat, or how staff came to enter it."""
        return shown(self._by(func.coalesce(CASES.c.entry, CASES.c.channel, NOT_KNOWN), [NOT_KNOWN]))

    def by_language(self) -> Shown:
        return shown(self._by(func.coalesce(CASES.c.language, NOT_KNOWN), [*self.library.languages, NOT_KNOWN]))

    def by_region(self) -> Shown:
        regions = [*self.library.directory.regions, NOT_KNOWN]
        return shown(self._by(func.coalesce(CASES.c.region, NOT_KNOWN), regions))

    # ------------------------------------------------------------ how well

    def answers(self) -> Shown:
        """What became of the promise to answer."""
        answered = CASES.c.first_answer_at.is_not(None)
        waits = deadlines.standing() & ~answered
        what = case(
            (answered & (CASES.c.first_answer_at <= func.coalesce(CASES.c.promised_at, CASES.c.due_at)), "in_time"),
            (answered, "late"),
            (waits & (CASES.c.due_at >= self.desk.now), "waits"),
            (waits, "overdue"),
            else_="without",
        )
        return shown(self._by(what, ["in_time", "late", "waits", "overdue", "without"]))

    def settled(self) -> Shown:
        """What people said when they were asked whether it is settled."""
        said = case((CASES.c.settled.is_(True), "yes"), (CASES.c.settled.is_(False), "no"), else_="unsaid")
        return shown(self._by(said, ["yes", "no", "unsaid"]))

    def reopened(self) -> Shown:
        """Open again now, or the person said that it was not settled."""
        again = (CASES.c.status == "reopened") | CASES.c.settled.is_(False)
        return shown(self._by(case((again, "yes"), else_="no"), ["yes", "no"]))

    def times(self) -> Times:
        columns = select(CASES.c.opened_at, CASES.c.first_answer_at, CASES.c.resolved_at)
        rows = self.desk.conn.execute(columns.where(self.cases, CASES.c.anonymous.is_(False))).all()
        answers, resolutions = _spans(rows, 1), _spans(rows, 2)
        told = self.answers()
        # an answer that is overdue is late as well
        known = [told.count(name) for name in ("in_time", "late", "overdue")]
        counted: list[int] = [number for number in known if number is not None]
        total = sum(counted)
        share = round(100 * counted[0] / total) if len(counted) == len(known) and total else None
        return Times(_median(answers, _HOUR), _median(resolutions, _DAY), share)

    # ------------------------------------------------------------ the parts

    def _count(self, where: ColumnElement[bool]) -> int:
        return self.desk.conn.execute(select(func.count()).select_from(CASES).where(where)).scalar_one()

    def _by(self, what: ColumnElement[str], known: Sequence[str]) -> dict[str, int]:
        """Counts by a text: those known first and in their order, zero or not, then what else is there."""
        key = what.label("key")
        query = select(key, func.count()).where(self.cases).group_by(literal_column("key"))
        counted = {str(name): int(count) for name, count in self.desk.conn.execute(query)}
        return {name: counted.get(name, 0) for name in dict.fromkeys([*known, *sorted(counted)])}

    def _bucket(self, day: date) -> date:
        return day - timedelta(days=day.weekday()) if is_weekly(self.period) else day.replace(day=1)

    def _after(self, bucket: date) -> date:
        weekly = is_weekly(self.period)
        return bucket + timedelta(days=7) if weekly else (bucket + timedelta(days=31)).replace(day=1)


def is_weekly(period: Period) -> bool:
    """Whether volumes are counted by week, and not by month."""
    return period.last - period.first <= WEEKS_UP_TO


def worst_steps(desk: Desk, library: Library, period: Period) -> tuple[Step, ...]:
    """Where people leave: of the steps that wait, those with the largest share of leavers.

    Steps that fewer than five came to or left are not there. One step's answers come to the next: so numbers are
    rounded. The menu is where people rest, and no place to leave.
    """
    first, last = period.begins.replace(hour=0, minute=0), period.ends
    query = select(STEPS.c.flow, STEPS.c.step, func.sum(STEPS.c.entered), func.sum(STEPS.c.answered))
    query = query.where(STEPS.c.day >= first, STEPS.c.day < last).group_by(STEPS.c.flow, STEPS.c.step)
    found = []
    for flow, step, came, went_on in desk.conn.execute(query):
        known = library.flows[flow].steps.get(step) if flow in library.flows else None
        entered, answered = int(came), min(int(went_on), int(came))
        if known is None or not known.WAITS or (flow, step) == MENU or min(entered, entered - answered) < SMALL:
            continue
        told = alone("", answered) if is_small(answered) else Cell("", rounded(answered))
        left = entered - answered
        found.append(Step(flow, step, rounded(entered), rounded(left), told, rounded(round(100 * left / entered))))
    found.sort(key=lambda one: (-one.share, -one.entered, one.flow, one.step))
    return tuple(found[:WORST])


def _spans(rows: Sequence[Sequence[datetime | None]], ends: int) -> list[float]:
    """Seconds from the first column to another, where there is one."""
    return [(row[ends] - row[0]).total_seconds() for row in rows if row[ends] is not None]  # type: ignore[operator]


def _median(seconds: Sequence[float], unit: float) -> float | None:
    """To one digit."""
    return round(statistics.median(seconds) / unit, 1) if len(seconds) >= SMALL else None


def shares(table: Shown) -> Mapping[str, int]:
    """Percent by key, where nothing is kept back and there is anything."""
    total = table.total.count
    if not table.exact or not total:
        return {}
    return {cell.key: round(100 * (cell.count or 0) / total) for cell in table.cells}
