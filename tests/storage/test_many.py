"""One statement for many rows: the same as SQLAlchemy's own, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import bindparam, delete, insert, select, update

from storage import Unavailable, among, insert_into, many, tables, uuid7
from storage.engines import trouble

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
CONTACTS, LANES = tables.contacts, tables.lanes
FIRST = insert(LANES)
OURS = (
    update(LANES)
    .where(LANES.c.contact_id.in_(bindparam("ids", expanding=True)), LANES.c.closed_at.is_(None))
    .values(owner=bindparam("worker"), fence=LANES.c.fence + 2, until=bindparam("end"))
)
GONE = delete(LANES).where(LANES.c.contact_id.in_(bindparam("ids", expanding=True)))


def people(conn, count):
    rows = [
        {
            "id": uuid7(), "channel": "phone", "address_index": bytes([number]) * 32, "address": b"a", "data_key": b"k",
            "conversation": b"c", "last_seq": 0, "heard_at": NOW, "created_at": NOW,
        }
        for number in range(count)
    ]  # fmt: skip
    conn.execute(insert(CONTACTS), rows)
    lanes = [{"contact_id": row["id"], "fence": number, "not_before": NOW} for number, row in enumerate(rows)]
    assert many(conn, FIRST, lanes) == count
    return [row["id"] for row in rows]


@pytest.mark.parametrize("count", [1, 2, 3, 8, 33])
async def test_all_that_are_named_and_nobody_else(store, count):
    """Moments, numbers and ids arrive as they are; what the statement itself fixes counts; the last id counts once."""

    def work(conn):
        ids = people(conn, count + 2)
        end = NOW + timedelta(seconds=30)
        among(conn, OURS, ids=ids[:count], worker="w", end=end)
        rows = conn.execute(select(LANES.c.fence, LANES.c.owner, LANES.c.until).order_by(LANES.c.fence)).all()
        mine = [(number + 2, "w", end) for number in range(count)]
        others = [(number, None, None) for number in (count, count + 1)]
        assert sorted(rows, key=str) == sorted([*mine, *others], key=str)
        among(conn, OURS, ids=ids[:count], worker="w", end=None)
        among(conn, GONE, ids=ids[:count])
        assert set(conn.scalars(select(LANES.c.contact_id))) == set(ids[count:])

    await store.run(work)


FOUND = (
    select(CONTACTS.c.id, CONTACTS.c.heard_at, CONTACTS.c.blocked_at, LANES.c.fence.label("number"))
    .join(LANES, LANES.c.contact_id == CONTACTS.c.id)
    .where(
        CONTACTS.c.channel.in_(bindparam("channels", expanding=True)),
        CONTACTS.c.id.in_(bindparam("ids", expanding=True)),
    )
    .order_by(LANES.c.fence)
)
COUNTED = GONE.returning(LANES.c.contact_id, LANES.c.not_before)
ALL = select(CONTACTS.c.id)


@pytest.mark.parametrize("count", [1, 3, 8])
async def test_rows_are_those_that_sqlalchemy_gives(store, count):
    """With two lists of their own lengths; ids, moments, labels and what is none; of a change, too; without a list."""

    def work(conn):
        ids = people(conn, count + 1)
        given = {"channels": ["phone", "none", "other"], "ids": ids[:count]}
        found = among(conn, FOUND, **given)
        assert [tuple(row) for row in found] == [tuple(row) for row in conn.execute(FOUND, given)]
        assert (found[-1].id, found[-1].heard_at, found[-1].blocked_at, found[-1].number) == (
            ids[count - 1], NOW, None, count - 1,
        )  # fmt: skip
        assert among(conn, FOUND, channels=["none"], ids=ids) == []
        assert {row.id for row in among(conn, ALL)} == set(ids)
        gone = among(conn, COUNTED, ids=ids[:count])
        assert {(row.contact_id, row.not_before) for row in gone} == {(one, NOW) for one in ids[:count]}
        assert len(conn.execute(select(LANES)).all()) == 1

    await store.run(work)


async def test_a_row_that_breaks_a_rule_is_no_trouble_of_the_database(store):
    """Errors are the driver's own here; they are told apart as SQLAlchemy's are."""

    def work(conn):
        (one,) = people(conn, 1)
        with pytest.raises(Exception, match=r"(?i)unique") as twice:
            many(conn, FIRST, [{"contact_id": one, "fence": 7, "not_before": NOW}])
        assert trouble(twice.value) is None  # a row that breaks a rule is none
        raise twice.value

    with pytest.raises(Exception, match=r"(?i)unique") as caught:
        await store.run(work)
    assert not isinstance(caught.value, Unavailable)
    assert await store.run(lambda conn: among(conn, ALL)) == []


async def test_lists_are_told_apart_by_name(store):
    """However they are ordered in the call: the same statement with the same lengths, the other way round."""

    def work(conn):
        ids = people(conn, 4)
        assert len(among(conn, FOUND, channels=["phone"], ids=ids)) == 4
        assert len(among(conn, FOUND, ids=ids[:1], channels=["a", "b", "c", "phone"])) == 1

    await store.run(work)


async def test_a_parameter_that_nobody_gives_is_no_null(store):
    def work(conn):
        (one,) = people(conn, 1)
        held = update(LANES).where(LANES.c.contact_id == bindparam("lane")).values(until=bindparam("end"))
        many(conn, held, [{"lane": one}])

    with pytest.raises(Exception, match="end"):
        await store.run(work)


async def test_of_nobody_nothing(store):
    await store.run(lambda conn: among(conn, GONE, ids=[]))
    assert await store.run(lambda conn: many(conn, FIRST, [])) == 0


async def test_how_many_rows_were_changed(store):
    """An INSERT that passes over what is there tells how many it made."""

    def work(conn):
        (one,) = people(conn, 1)
        unless = insert_into(conn.dialect.name, LANES).on_conflict_do_nothing(index_elements=["contact_id"])
        return many(conn, unless, [{"contact_id": one, "fence": 7, "not_before": NOW}])

    assert await store.run(work) == 0


async def test_a_default_of_ours_is_asked_for(store):
    def work(conn):
        many(conn, insert(LANES), [{"contact_id": uuid7(), "not_before": NOW}])

    with pytest.raises(TypeError, match="fence"):
        await store.run(work)
