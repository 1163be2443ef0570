"""The lists of the desk: what one may see, by view and filter, a page at a time.

`visible` is `may(staff, "see", case)` in SQL; a property test holds the two together. Nothing of what one may not
see is listed, counted, or tells itself by a gap.
"""

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    Select,
    exists,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    union_all,
)

from bot.cases import deadlines
from bot.cases.may import OF_A_CASE, Staff
from bot.cases.statuses import STATUSES
from storage import tables

CASES, MESSAGES, EXCLUSIONS = tables.cases, tables.case_messages, tables.exclusions
MENTIONS, NOTES = tables.mentions, tables.notes

VIEWS = ("mine", "unassigned", "overdue", "waiting", "words", "mentions", "restricted", "open", "closed")
SORTS = ("deadline", "newest", "words")
PAGE = 50
MOST_PAGES = 200  # 10,000 rows: whoever wants more narrows it down
COUNTED = 99  # a view with more is counted no further

_YEARS = range(2000, 2200)  # of a date that makes sense, and to which a day can be added

NOBODY = "nobody"
"""The filter `assignee` for cases that are nobody's."""

_COLUMNS = (
    CASES.c.id, CASES.c.reference, CASES.c.version, CASES.c.kind, CASES.c.category, CASES.c.status, CASES.c.region,
    CASES.c.restricted, CASES.c.anonymous, CASES.c.opened_at, CASES.c.due_at, CASES.c.owed, CASES.c.heard_at,
    CASES.c.last_step_at, CASES.c.assignee_id, CASES.c.channel, CASES.c.language, CASES.c.entry,
)  # fmt: skip


# ---------------------------------------------------------------- who sees what


def visible(staff: Staff) -> ColumnElement[bool]:
    """The cases that `may` lets this member of staff see, as a condition on `cases`."""
    rule = OF_A_CASE["see"]
    if staff.role == "protection" and not staff.cleared:
        return false()
    ordinary: ColumnElement[bool] = false()
    if staff.role in rule.ordinary:
        ordinary = _theirs(staff)
    restricted = staff.role in rule.restricted and staff.cleared
    if not restricted:
        return CASES.c.restricted.is_(False) & ordinary & ~_excluded(staff)
    return or_(CASES.c.restricted, ordinary) & ~_excluded(staff)


def _theirs(staff: Staff) -> ColumnElement[bool]:
    if staff.role != "agent" or not staff.regions:
        return true()
    return or_(CASES.c.region.is_(None), CASES.c.region.in_(staff.regions))


def _excluded(staff: Staff) -> ColumnElement[bool]:
    """They, or their office, are named in the case."""
    return exists(select(literal(1)).where(EXCLUSIONS.c.case_id == CASES.c.id, named(staff)).correlate(CASES))


def named(staff: Staff) -> ColumnElement[bool]:
    """It is they, or their office, as a condition on `exclusions`. The command line has no name that could be."""
    if not staff.id:
        return false()
    mine = EXCLUSIONS.c.staff_id == uuid.UUID(staff.id)
    return mine | (EXCLUSIONS.c.office == staff.office) if staff.office else mine


# ---------------------------------------------------------------- views and filters


def views_of(staff: Staff) -> tuple[str, ...]:
    """The views that are there for somebody: "restricted" for those who are cleared alone."""
    cleared = staff.cleared and staff.role in OF_A_CASE["see"].restricted
    return VIEWS if cleared else tuple(view for view in VIEWS if view != "restricted")


def first_view(staff: Staff, numbers: Mapping[str, int]) -> str:
    """Where somebody begins who asked for no view: supervisors with what nobody follows, or what is overdue."""
    views = ("unassigned", "overdue") if staff.role == "supervisor" else ()
    return next((view for view in views if numbers[view]), "mine")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to see: a view, filters ("" for none), a sort, a page from 1."""

    view: str = "mine"
    region: str = ""
    kind: str = ""
    category: str = ""
    status: str = ""
    channel: str = ""
    language: str = ""
    assignee: str = ""  # the hex of an id, or NOBODY
    entry: str = ""
    opened_from: date | None = None
    opened_to: date | None = None
    sort: str = ""
    page: int = 1

    @classmethod
    def read(cls, query: Mapping[str, str], staff: Staff, otherwise: str = "mine") -> "Wanted":
        """What an address asks for; what makes no sense is left out. `otherwise`: the view where it names none."""
        view = query.get("view", "")
        status = query.get("status", "")
        sort = query.get("sort", "")
        page = query.get("page", "")
        return cls(
            view=view if view in views_of(staff) else otherwise,
            status=status if status in STATUSES else "",
            opened_from=_day(query.get("from", "")),
            opened_to=_day(query.get("to", "")),
            sort=sort if sort in SORTS else "",
            page=min(max(int(page), 1), MOST_PAGES) if page.isascii() and page.isdigit() and len(page) < 6 else 1,  # noqa: PLR2004
            assignee=_assignee(query.get("assignee", "")),
            **{
                name: _key(query.get(name, ""))
                for name in ("region", "kind", "category", "channel", "language", "entry")
            },
        )

    def query(self, **changed: object) -> str:
        """As it stands in an address, with some of it changed."""
        found: dict[str, object] = {
            "view": self.view, "region": self.region, "kind": self.kind, "category": self.category,
            "status": self.status, "channel": self.channel, "language": self.language, "assignee": self.assignee,
            "entry": self.entry, "from": self.opened_from, "to": self.opened_to, "sort": self.sort,
            "page": self.page if self.page > 1 else "", **changed,
        }  # fmt: skip
        return urlencode({name: str(value) for name, value in found.items() if value})

    @property
    def filters(self) -> int:
        """How many filters are set."""
        names = ("region", "kind", "category", "status", "channel", "language", "assignee", "entry")
        return sum(bool(getattr(self, name)) for name in (*names, "opened_from", "opened_to"))

    @property
    def sorted_by(self) -> str:
        """The sort wanted, or the one of the view."""
        return self.sort or {"closed": "newest", "words": "words"}.get(self.view, "deadline")


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a list. Times in UTC; the day alone for anonymous ones. `words`: of the person, and unanswered."""

    id: uuid.UUID
    reference: str
    version: int
    kind: str
    category: str
    status: str
    region: str | None
    restricted: bool
    anonymous: bool
    opened_at: datetime
    due_at: datetime
    owed: bool
    heard_at: datetime | None
    last_step_at: datetime
    assignee_id: uuid.UUID | None
    channel: str | None
    language: str | None
    entry: str | None
    words: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list; `more` when another follows."""

    rows: tuple[Listed, ...]
    more: bool


def listed(conn: Connection, staff: Staff, wanted: Wanted, now: datetime, zone: tzinfo) -> Page:
    """One page of what `staff` may see of what is `wanted`. `zone`: whose days the filters mean."""
    rows = conn.execute(page_query(staff, wanted, now, zone)).all()
    return Page(tuple(line(row) for row in rows[:PAGE]), len(rows) > PAGE)


def page_query(staff: Staff, wanted: Wanted, now: datetime, zone: tzinfo) -> Select[Any]:
    """The statement of `listed`: one row more than a page, to know whether there is another."""
    where = _filtered(wanted, zone) & visible(staff)
    begin, size = (wanted.page - 1) * PAGE, PAGE + 1
    if wanted.sorted_by == "deadline":
        return _by_deadline(where, wanted, (staff, now), begin, size)
    where &= _view(wanted.view, staff, now)
    column = CASES.c.opened_at if wanted.sorted_by == "newest" else CASES.c.heard_at
    order = column.desc() if wanted.sorted_by == "newest" else column.desc().nulls_last()
    return lines().where(where).order_by(order, CASES.c.id.desc()).limit(size).offset(begin)


def lines() -> Select[Any]:
    """What `line` reads."""
    return select(*_COLUMNS, new_words().label("words"))


def line(row: Row[Any]) -> Listed:
    return Listed(**{name: getattr(row, name) for name in Listed.__slots__})


def counts(conn: Connection, staff: Staff, now: datetime) -> dict[str, int]:
    """How many cases each view has for `staff`, up to one more than `COUNTED`. Closed ones are not counted."""
    row = conn.execute(counts_query(staff, now)).one()
    return {str(view): int(number) for view, number in row._mapping.items()}  # noqa: SLF001 - its public name


def counts_query(staff: Staff, now: datetime) -> Select[Any]:
    """The statement of `counts`."""
    counted: list[Any] = [count(staff, view, now).label(view) for view in views_of(staff) if view != "closed"]
    return select(*counted)


def count(staff: Staff, view: str, now: datetime) -> ScalarSelect[int]:
    """How many cases one view has, as part of a statement."""
    return capped(select(literal(1).label("one")).select_from(CASES).where(_view(view, staff, now) & visible(staff)))


def capped(found: Select[Any]) -> ScalarSelect[int]:
    """How many rows there are, up to one more than `COUNTED`."""
    return select(func.count()).select_from(found.limit(COUNTED + 1).subquery()).scalar_subquery()


def digest(page: Page, numbers: Mapping[str, int], now: datetime) -> str:
    """Changes when a page or a count does: of what is shown to this very person, nothing else."""
    told: list[object] = [sorted(numbers.items()), page.more]
    told += [
        (row.reference, row.version, row.status, str(row.due_at), str(row.heard_at), str(row.last_step_at),
         str(row.assignee_id), row.region, row.category, row.restricted, row.words,
         deadlines.is_overdue(row.status, row.due_at, now, owed=row.owed))
        for row in page.rows
    ]  # fmt: skip
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


# ---------------------------------------------------------------- the conditions


def _open() -> ColumnElement[bool]:
    """With a literal: a partial index is found by its very words."""
    return CASES.c.status != literal_column("'closed'")


def _view(view: str, staff: Staff, now: datetime) -> ColumnElement[bool]:
    me = uuid.UUID(staff.id) if staff.id else None
    match view:
        case "mine":
            return _open() & (CASES.c.assignee_id == me) if me else false()
        case "unassigned":
            return _open() & CASES.c.assignee_id.is_(None)
        case "overdue":
            return deadlines.overdue(now)
        case "waiting":
            return CASES.c.status == literal_column("'waiting'")
        case "words":
            return new_words()
        case "mentions":
            return CASES.c.id.in_(_mentioned(me)) if me else false()
        case "restricted":
            return _open() & CASES.c.restricted
        case "closed":
            return CASES.c.status == literal_column("'closed'")
        case _:
            return _open()


def _mentioned(me: uuid.UUID) -> Select[Any]:
    unread = (MENTIONS.c.staff_id == me) & MENTIONS.c.seen_at.is_(None)
    return select(NOTES.c.case_id).join(MENTIONS, MENTIONS.c.note_id == NOTES.c.id).where(unread)


def new_words() -> ColumnElement[bool]:
    """The person said something after the last answer, or after the filing where there is none.

    Of an anonymous case the day alone is known: on the same day, whoever spoke last decides. A closed case is none:
    whoever writes to one opens it again.
    """
    since = func.coalesce(CASES.c.answered_at, CASES.c.opened_at)
    spoke = (CASES.c.heard_at > since) | (CASES.c.anonymous & CASES.c.answered_at.is_not(None) & _they_spoke_last())
    # the first condition is that of an index, and holds whenever the others do
    return (CASES.c.heard_at >= since) & _open() & spoke


def _they_spoke_last() -> ColumnElement[bool]:
    last = select(MESSAGES.c.author).where(MESSAGES.c.case_id == CASES.c.id).order_by(MESSAGES.c.position.desc())
    return last.limit(1).correlate(CASES).scalar_subquery() == "person"


def _filtered(wanted: Wanted, zone: tzinfo) -> ColumnElement[bool]:
    where: ColumnElement[bool] = true()
    for name in ("region", "kind", "category", "status", "channel", "language", "entry"):
        if value := getattr(wanted, name):
            where &= CASES.c[name] == value
    if wanted.assignee:
        nobody = wanted.assignee == NOBODY
        where &= CASES.c.assignee_id.is_(None) if nobody else CASES.c.assignee_id == uuid.UUID(wanted.assignee)
    if wanted.opened_from:
        where &= CASES.c.opened_at >= datetime.combine(wanted.opened_from, time(), zone)
    if wanted.opened_to:
        where &= CASES.c.opened_at < datetime.combine(wanted.opened_to, time(), zone) + timedelta(days=1)
    return where


def _by_deadline(
    where: ColumnElement[bool], wanted: Wanted, whose: tuple[Staff, datetime], begin: int, size: int
) -> Select[Any]:
    """First those whose deadline stands, then the answered ones, the oldest first. Each part goes along its index."""
    view = _view(wanted.view, *whose)
    conditions: list[ColumnElement[bool]] = []
    if (wanted.status or wanted.view) not in deadlines.OVER:
        # that a case is open need not be said twice: it would lead SQLite to the larger index
        also = {"open": true(), "restricted": CASES.c.restricted}.get(wanted.view, view)
        conditions.append(also & deadlines.standing())
    if wanted.view != "overdue":
        conditions.append(view & ~deadlines.standing())
    if len(conditions) == 1:
        return lines().where(where & conditions[0]).order_by(CASES.c.due_at, CASES.c.id).limit(size).offset(begin)
    parts = [
        lines()
        .add_columns(literal_column(str(place)).label("part"))
        .where(where & condition)
        .order_by(CASES.c.due_at, CASES.c.id)
        .limit(begin + size)
        .subquery()
        for place, condition in enumerate(conditions)
    ]
    both = union_all(*(select(part) for part in parts)).subquery()
    return select(both).order_by(both.c.part, both.c.due_at, both.c.id).limit(size).offset(begin)


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in _YEARS else None


def _key(text: str) -> str:
    """As keys are written; else none."""
    return text if re.fullmatch(r"[a-z0-9_-]{1,40}", text) else ""


def _assignee(text: str) -> str:
    if text == NOBODY:
        return text
    try:
        return uuid.UUID(text).hex
    except ValueError:
        return ""
