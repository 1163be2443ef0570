"""Figures, held to cases made by hand; restricted ones are in none, on both databases."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from bot.cases import exclusions, periods
from bot.cases.desk import Desk
from bot.cases.figures import Counting, worst_steps
from bot.cases.may import Staff
from bot.cases.periods import BadPeriod, Period
from storage import random_id, tables
from tests.cases.handmade import put
from tests.people import BEGINS, House, real_library

SUPERVISOR = Staff(random_id().hex, "Sira", "supervisor", office="Bureau de Kayes")
NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 30), "Africa/Bamako")


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


async def figures(house, period=NOVEMBER, staff=SUPERVISOR):
    return await house.store.read(
        lambda conn: Counting(Desk(conn, house.keyring, staff, house.now), house.library, period).all()
    )


def words(table):
    return {cell.key: cell.words for cell in table.cells if cell.words != "0"}


async def test_volumes(house):
    """By subject, channel, language, region and week; other months and merged cases are not there."""
    await put(house, 6, region="kayes", language="fr", channel="web")
    await put(house, 9, region="gao", language="bm", channel="telegram", opened_at=BEGINS - timedelta(days=7))
    kinds = {"kind": "complaint", "category": "delay"}
    await put(house, 12, region=None, channel=None, language=None, entry="hotline", **kinds)
    await put(house, 5, opened_at=BEGINS - timedelta(days=60))
    await put(house, 5, merged_into=random_id())
    found = await figures(house)
    assert found.total.words == "27"
    assert words(found.by_subject) == {"question": "15", "delay": "12"}
    assert words(found.by_channel) == {"web": "6", "telegram": "9", "hotline": "12"}
    assert words(found.by_language) == {"fr": "6", "bm": "9", "": "12"}
    assert words(found.by_region) == {"kayes": "6", "gao": "9", "": "12"}
    assert words(found.by_time) == {"2026-11-16": "9", "2026-11-23": "18"}
    assert [cell.key for cell in found.by_time.cells] == [
        "2026-10-26", "2026-11-02", "2026-11-09", "2026-11-16", "2026-11-23", "2026-11-30",
    ]  # fmt: skip


async def test_restricted_cases_change_no_figure(house):
    """All figures are the same to the letter, with restricted cases and without."""
    await put(house, 8, status="closed", settled=True, first_answer_at=BEGINS, resolved_at=BEGINS)
    await put(house, 7, region="gao", due_at=BEGINS - timedelta(days=1))
    before = await figures(house)
    for region, settled in (("kidal", True), ("kayes", False), (None, None)):
        await put(
            house, 9, restricted=True, category="conduct", kind="complaint", region=region, settled=settled,
            channel="phone", language="ses", due_at=BEGINS - timedelta(days=9), first_answer_at=BEGINS,
            resolved_at=BEGINS + timedelta(days=3),
        )  # fmt: skip
    assert await figures(house) == before
    assert "conduct" not in {cell.key for cell in before.by_subject.cells}


async def test_what_somebody_is_named_in_is_not_in_their_figures(house):
    references = await put(house, 8)
    assert (await figures(house)).total.words == "8"

    def keep_from(conn):
        rows = conn.execute(tables.cases.select().where(tables.cases.c.reference.in_(references[:3]))).all()
        exclusions.exclude(conn, rows[0].id, staff_id=tables_id(SUPERVISOR))
        exclusions.exclude(conn, rows[1].id, office="Bureau de Kayes")
        exclusions.exclude(conn, rows[2].id, office="Bureau de Gao")

    await house.store.run(keep_from)
    assert (await figures(house)).total.words == "6"
    assert (await figures(house, staff=replace(SUPERVISOR, id=random_id().hex, office=""))).total.words == "8"


def tables_id(staff):
    import uuid  # noqa: PLC0415

    return uuid.UUID(staff.id)


async def test_times(house):
    """Medians of named cases; the share of answers that came in time; nameless ones keep no hour."""
    for hours in (1, 2, 3, 40, 50):
        await put(house, 2, status="in_progress", first_answer_at=BEGINS + timedelta(hours=hours))
    late = {"due_at": BEGINS + timedelta(hours=1), "first_answer_at": BEGINS + timedelta(hours=3)}
    await put(house, 10, status="in_progress", resolved_at=BEGINS + timedelta(days=2, hours=12), **late)
    day = datetime(2026, 11, 23, tzinfo=UTC)
    nameless = {"anonymous": True, "opened_at": day, "due_at": day, "first_answer_at": day}
    await put(house, 5, status="in_progress", **nameless)
    found = await figures(house)
    assert words(found.answers) == {"in_time": "15", "late": "10"}
    assert (found.times.answer_hours, found.times.resolution_days, found.times.in_time) == (3.0, 2.5, 60)


async def test_too_few_tell_no_time(house):
    await put(house, 4, first_answer_at=BEGINS + timedelta(hours=1), status="in_progress")
    await put(house, 20)
    found = await figures(house)
    assert (found.times.answer_hours, found.times.in_time) == (None, None)
    assert words(found.answers) == {"in_time": "< 5", "waits": "–"}


async def test_overdue_settled_and_reopened(house):
    house.later(days=6)
    await put(house, 7)
    await put(house, 6, due_at=BEGINS + timedelta(days=30), settled=True, status="closed")
    await put(house, 8, due_at=BEGINS + timedelta(days=30), settled=False, status="in_progress")
    await put(house, 5, due_at=BEGINS + timedelta(days=30), status="reopened")
    found = await figures(house)
    assert found.overdue.words == "7"
    assert words(found.settled) == {"yes": "6", "no": "8", "unsaid": "12"}
    assert words(found.reopened) == {"yes": "13", "no": "13"}


async def test_a_period_of_months_is_counted_by_month(house):
    await put(house, 6, opened_at=datetime(2026, 8, 3, tzinfo=UTC))
    await put(house, 7)
    found = await figures(house, Period(date(2026, 7, 1), date(2026, 11, 30), "Africa/Bamako"))
    assert words(found.by_time) == {"2026-08-01": "6", "2026-11-01": "7"}
    assert len(found.by_time.cells) == 5


async def test_steps_that_people_leave(house):
    """The worst first; few and the menu are not there; numbers to the nearest five."""
    day = datetime(2026, 11, 23, tzinfo=UTC)
    counts = [
        ("person", "about", 41, 3), ("support", "region", 100, 88), ("complaint", "kind", 4, 0),
        ("main", "menu", 500, 10), ("support", "need", 30, 27), ("gone", "away", 50, 0),
    ]  # fmt: skip
    rows = [{"day": day, "flow": f, "step": s, "entered": e, "answered": a} for f, s, e, a in counts]
    await house.store.run(lambda conn: conn.execute(tables.step_counts.insert(), rows) and None)
    steps = await house.store.read(
        lambda conn: worst_steps(Desk(conn, house.keyring, SUPERVISOR, house.now), house.library, NOVEMBER)
    )
    told = [(s.flow, s.step, s.entered, s.answered.words, s.left, s.share) for s in steps]
    assert told == [("person", "about", 40, "< 5", 40, 95), ("support", "region", 100, "90", 10, 10)]
    december = Period(date(2026, 12, 1), date(2026, 12, 31), "Africa/Bamako")
    assert (
        await house.store.read(
            lambda conn: worst_steps(Desk(conn, house.keyring, SUPERVISOR, house.now), house.library, december)
        )
        == ()
    )


@pytest.mark.parametrize(
    ("given", "first", "last"),
    [
        ({}, date(2026, 11, 1), date(2026, 11, 30)),
        ({"period": "last_month"}, date(2026, 10, 1), date(2026, 10, 31)),
        ({"period": "quarter"}, date(2026, 10, 1), date(2026, 12, 31)),
        ({"period": "last_quarter"}, date(2026, 7, 1), date(2026, 9, 30)),
        ({"period": "days", "from": "2026-01-02", "to": "2026-01-02"}, date(2026, 1, 2), date(2026, 1, 2)),
    ],
)
def test_periods(given, first, last):
    period = periods.read(given, BEGINS, "Africa/Bamako")
    assert (period.first, period.last) == (first, last)


@pytest.mark.parametrize(
    "given",
    [
        {"period": "days"}, {"period": "days", "from": "2026-02-01", "to": "2026-01-01"}, {"period": "year"},
        {"period": "days", "from": "2020-01-01", "to": "2026-01-01"}, {"from": "hier", "to": "demain"},
        {"period": "days", "from": "9999-12-01", "to": "9999-12-31"},
    ],
)  # fmt: skip
def test_periods_that_can_not_be(given):
    with pytest.raises(BadPeriod):
        periods.read(given, BEGINS, "Africa/Bamako")


def test_a_day_begins_at_midnight_where_people_are():
    period = Period(date(2026, 11, 1), date(2026, 11, 1), "Africa/Nairobi")
    assert period.begins == datetime(2026, 10, 31, 21, tzinfo=UTC)
    assert period.ends - period.begins == timedelta(days=1)
