"""The audit log: what was edited, moved, removed or cut off is found."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, update

from storage import Store, audit, random_id, uuid7
from storage.tables import audit_log

NOW = datetime(2026, 11, 21, 8, 30, 0, 123456, tzinfo=UTC)
N = audit_log.c.number


def write(store: Store, count: int) -> audit.Head:
    """Rows of every kind; the head after the last."""

    def work(conn):
        for number in range(count):
            audit.append(
                conn,
                at=NOW + timedelta(seconds=number),
                staff="awa",
                deed="read" if number % 2 else "assigned",
                case_id=random_id() if number % 3 else None,
                detail="é" * (number % 4),
            )
        return audit.head(conn)

    return store.run_now(work)


def verdict(store: Store, expected: audit.Head | None = None) -> str | None:
    """What `segin audit verify` would say."""
    return store.read_now(lambda conn: audit.verify(conn, *([expected] if expected else [])))


def test_an_untouched_log_is_whole(store: Store):
    """Nothing, one row, many rows (more than are read at once): all whole, with or without a head."""
    assert verdict(store) is None
    head = write(store, 1)
    assert verdict(store, head) is None
    later = write(store, 700)
    assert later.number == 701
    assert verdict(store) is None
    assert verdict(store, head) is None
    assert verdict(store, later) is None


@pytest.mark.parametrize(
    "change",
    [
        {"at": NOW - timedelta(days=1)},
        {"staff": "bakary"},
        {"deed": "exported"},
        {"case_id": uuid7()},
        {"detail": "nothing"},
        {"previous": bytes(32)},
        {"hash": bytes(32)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_edited_row_is_named(store: Store, change: dict):
    """A change in any column is found in its row."""
    write(store, 6)
    store.run_now(lambda conn: conn.execute(update(audit_log).where(N == 4).values(change)) and None)
    assert "row 4 was edited" in (verdict(store) or "")


def test_a_row_edited_with_care_is_named(store: Store):
    """Even when its own hash was made to fit: the next row still holds the old one."""
    write(store, 6)

    def forge(conn):
        conn.execute(delete(audit_log).where(N >= 4))
        audit.append(conn, at=NOW, staff="bakary", deed="read")

    rows = store.read_now(lambda conn: [dict(row) for row in conn.execute(select(audit_log)).mappings()])
    store.run_now(forge)
    store.run_now(lambda conn: conn.execute(insert(audit_log), [row for row in rows if row["number"] > 4]) and None)
    assert "row 5 was edited or moved: it does not follow" in (verdict(store) or "")


@pytest.mark.parametrize("number", [1, 3])
def test_a_removed_row_is_named(store: Store, number: int):
    """At the start or in the middle, and also when the rest is renumbered to close the gap."""
    write(store, 6)
    store.run_now(lambda conn: conn.execute(delete(audit_log).where(number == N)) and None)
    assert f"row {number} was removed" in (verdict(store) or "")

    def close_the_gap(conn):
        for row in range(number + 1, 7):
            conn.execute(update(audit_log).where(row == N).values(number=row - 1))

    store.run_now(close_the_gap)
    assert f"row {number} was edited or moved" in (verdict(store) or "")


def test_rows_that_changed_places_are_named(store: Store):
    """Two rows that swap numbers are found at the first of them."""
    write(store, 6)

    def swap(conn):
        for old, new in ((2, 99), (5, 2), (99, 5)):
            conn.execute(update(audit_log).where(old == N).values(number=new))

    store.run_now(swap)
    assert "row 2 was edited or moved" in (verdict(store) or "")


def test_a_row_slipped_in_is_named(store: Store):
    """A copy put before the first row is found."""
    write(store, 2)

    def slip(conn):
        row = dict(conn.execute(select(audit_log).where(N == 1)).mappings().one())
        conn.execute(insert(audit_log), {**row, "number": 0})

    store.run_now(slip)
    assert "row 1 was removed or moved: row 0" in (verdict(store) or "")


def test_a_cut_end_is_found_by_the_head(store: Store):
    """Without its last rows the chain is whole, but it does not reach the head seen earlier."""
    head = write(store, 6)
    store.run_now(lambda conn: conn.execute(delete(audit_log).where(N > 4)) and None)
    assert verdict(store) is None
    assert "row 5 was removed" in (verdict(store, head) or "")
    store.run_now(lambda conn: conn.execute(delete(audit_log)) and None)
    assert "row 1 was removed" in (verdict(store, head) or "")


def test_a_log_written_anew_is_found_by_the_head(store: Store):
    """Another chain of the same length is not the one that was seen."""
    head = write(store, 3)
    store.run_now(lambda conn: conn.execute(delete(audit_log)) and None)
    write(store, 4)
    assert verdict(store) is None
    assert "row 3 is not the one" in (verdict(store, head) or "")


def test_a_deed_undone_leaves_no_row(store: Store):
    """The row lives and dies with the caller's transaction."""

    def work(conn):
        audit.append(conn, at=NOW, staff="awa", deed="read")
        raise LookupError

    with pytest.raises(LookupError):
        store.run_now(work)
    assert store.read_now(audit.head) is None


async def test_deeds_at_the_same_time_make_one_chain(database_url: str):
    """Several writers append at once: every row is there, in one chain."""
    with Store(database_url, writers=4) as store:

        def work(conn):
            return audit.append(conn, at=NOW, staff="awa", deed="read")

        heads = await asyncio.gather(*(store.run(work, lane) for lane in range(40)))
        assert sorted(head.number for head in heads) == list(range(1, 41))
        assert await store.read(audit.verify) is None
