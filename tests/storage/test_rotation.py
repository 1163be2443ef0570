"""Rotation: every data key comes under the newest master key, a part at a time, and nothing is lost on the way."""

import itertools
import threading
import time
import uuid
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, update

from storage import DataKey, KeyRing, Store, UnknownKey, random_id, rotation, tables, uuid7

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
CONTACTS, CASES, STAFF = tables.contacts, tables.cases, tables.staff


def contact(keyring, number):
    index = number.to_bytes(4, "big")
    return {
        "id": uuid7(), "channel": "web", "address_index": index, "address": b"", "conversation": b"", "last_seq": 0,
        "data_key": keyring.wrap(DataKey.new().raw), "heard_at": NOW, "created_at": NOW,
    }  # fmt: skip


def case(keyring):
    return {
        "id": random_id(), "reference": uuid.uuid4().hex, "kind": "request", "category": "person", "status": "new",
        "restricted": False, "anonymous": False, "opened_at": NOW, "due_at": NOW, "last_step_at": NOW,
        "data_key": keyring.wrap(DataKey.new().raw), "receipt_index": uuid.uuid4().bytes,
    }  # fmt: skip


def member(name, data_key):
    return {
        "id": uuid7(), "name": name, "name_key": name, "role": "agent", "regions": [], "created_at": NOW,
        "data_key": data_key,
    }  # fmt: skip


def fill(store, keyring, contacts=7):
    def rows(conn):
        conn.execute(insert(CONTACTS), [contact(keyring, number) for number in range(contacts)])
        conn.execute(insert(CASES), [case(keyring) for _ in range(3)])
        conn.execute(insert(STAFF), [member("awa", keyring.wrap(DataKey.new().raw)), member("ben", None)])

    store.run_now(rows)


def raw_keys(store, keyring):
    """Every data key by its row, unwrapped."""

    def work(conn):
        return {
            row.id: row.data_key and keyring.unwrap(row.data_key)
            for table in (CONTACTS, CASES, STAFF)
            for row in conn.execute(select(table.c.id, table.c.data_key))
        }

    return store.read_now(work)


def used(store, keyring):
    return store.read_now(lambda conn: rotation.uses(conn, keyring))


def test_every_table_with_wrapped_keys_is_there():
    """Whoever adds a table with a wrapped key under another name finds it missing here."""
    assert {table.name for table in rotation.WRAPPED} == {"contacts", "cases", "staff"}
    assert all("id" in table.c for table in rotation.WRAPPED)
    wrapped = {
        (table.name, column.name)
        for table in tables.metadata.sorted_tables
        for column in table.c
        if "key" in column.name and type(column.type).__name__ in ("Bytes", "LargeBinary")
    }
    assert wrapped == {(table.name, "data_key") for table in rotation.WRAPPED}


def test_all_come_under_the_newest_and_stay_what_they_are(store, keyring, monkeypatch):
    """In parts smaller than a table; the old key alone opens nothing any more, the new one all."""
    monkeypatch.setattr(rotation, "AT_ONCE", 2)
    fill(store, keyring)
    before = raw_keys(store, keyring)
    ring = keyring.rotated()
    assert used(store, ring) == rotation.Uses({ring.newest: 0, "k1": 11}, 0)
    assert rotation.rewrap(store, ring) == rotation.Done(11, 0, 0)
    assert used(store, ring) == rotation.Uses({ring.newest: 11, "k1": 0}, 0)
    assert raw_keys(store, ring.without(["k1"])) == before
    with pytest.raises(UnknownKey):
        raw_keys(store, keyring)
    assert rotation.rewrap(store, ring) == rotation.Done(0, 0, 0)


def test_it_goes_on_where_it_was_stopped(store, keyring, monkeypatch):
    """Stopped in the middle, all rows open with the ring that is on the disk; the next one does the rest."""
    monkeypatch.setattr(rotation, "AT_ONCE", 2)
    fill(store, keyring)
    before, ring = raw_keys(store, keyring), keyring.rotated()
    for part, _ in zip(rotation._parts(store, ring), range(2), strict=False):
        assert part.rewrapped == 2
    assert raw_keys(store, ring) == before
    assert 0 < used(store, ring).by_key["k1"] < 11
    assert rotation.rewrap(store, ring) == rotation.Done(5, 0, 0)
    assert used(store, ring).by_key["k1"] == 0


def spoil(store, keyring):
    """One case wrapped with a key that is not in the ring, and one that was changed."""
    stranger = KeyRing({"old": bytes(32)}, bytes(32)).wrap(bytes(32))

    def work(conn):
        mine = select(CASES.c.id).order_by(CASES.c.id)
        first, second, _ = conn.scalars(mine).all()
        conn.execute(update(CASES).where(CASES.c.id == first).values(data_key=stranger))
        conn.execute(update(CASES).where(CASES.c.id == second).values(data_key=keyring.wrap(bytes(32))[:-1] + b"\0"))
        return first, second

    return store.run_now(work)


def test_rows_that_nobody_can_open_are_counted_and_stay(store, keyring):
    """A key that is not in the ring, and one that was changed, hold up none of the others."""
    fill(store, keyring)
    assert rotation.lost(store, keyring) == rotation.Lost(0, ())
    first, second = spoil(store, keyring)
    assert rotation.lost(store, keyring) == rotation.Lost(2, (f"cases {first}", f"cases {second}"))
    assert rotation.lost(store, KeyRing.new()).count == 11
    ring = keyring.rotated()
    assert rotation.rewrap(store, ring) == rotation.Done(9, 2, 0)
    assert used(store, ring) == rotation.Uses({ring.newest: 9, "k1": 1}, 1)


def test_the_newest_key_is_named_by_rings_that_know_the_one_before(store, keyring):
    """Two copies of a ring that are rotated apart: the second finds that it is not to."""
    one, other = keyring.rotated(), keyring.rotated()

    def name(ring):
        return store.run_now(lambda conn: rotation.name_newest(conn, ring, ring.newest))

    store.run_now(lambda conn: conn.execute(insert(tables.key_mark).values(id=1, mark=b"m")) and None)
    assert store.read_now(rotation.named) is None
    assert [name(keyring), name(one), name(one), name(other), name(keyring)] == [True, True, True, False, False]
    assert store.read_now(rotation.named) == one.newest
    assert name(one.rotated())


def test_a_row_that_changed_since_it_was_read_is_left(store, keyring, monkeypatch):
    """Erased and filled anew between finding and writing, it keeps what it has."""
    fill(store, keyring)
    ring, fresh = keyring.rotated(), keyring.wrap(DataKey.new().raw)
    put, times = rotation._put, []

    def meanwhile(conn, table, anew):
        if not times:
            conn.execute(update(table).where(table.c.id == min(anew)).values(data_key=fresh))
        times.append(len(anew))
        return put(conn, table, anew)

    monkeypatch.setattr(rotation, "_put", meanwhile)
    assert rotation.rewrap(store, ring) == rotation.Done(11, 0, 0)
    assert sum(times) == 12
    assert keyring.unwrap(fresh) in raw_keys(store, ring).values()


def test_the_writer_is_not_held_while_rows_are_found(store, keyring, monkeypatch):
    """Finding and wrapping are reads: only updates by id stand in SQLite's one writer."""
    fill(store, keyring)
    seen = []
    run_now = store.run_now

    def spy(work):
        seen.append((work.func, len(work.keywords["anew"])))
        return run_now(work)

    monkeypatch.setattr(store, "run_now", spy)
    monkeypatch.setattr(rotation, "AT_ONCE", 4)
    assert rotation.rewrap(store, keyring.rotated()).rewrapped == 11
    assert {how for how, _ in seen} == {rotation._put}
    assert max(size for _, size in seen) == 4


def test_it_ends_beside_a_writer_that_does_not_follow(store, keyring, database_url, monkeypatch):
    """Old keys come as fast as they go: what is left is told, and never waited for without end."""
    fill(store, keyring)
    monkeypatch.setattr(rotation, "PATIENCE", 0.5)
    monkeypatch.setattr(rotation, "AT_ONCE", 2)
    ring, stop = keyring.rotated(), threading.Event()

    def write():
        for number in itertools.count(1000, 20):
            if stop.is_set():
                return
            rows = [contact(keyring, one) for one in range(number, number + 20)]
            other.run_now(lambda conn, rows=rows: conn.execute(insert(CONTACTS), rows) and None)

    with Store(database_url, busy_seconds=20) as other, Store(database_url, busy_seconds=20) as ours:
        worker = threading.Thread(target=write)
        worker.start()
        began = time.monotonic()
        try:
            done = rotation.rewrap(ours, ring)
        finally:
            took = time.monotonic() - began
            stop.set()
            worker.join()
        assert (done.rewrapped >= 11, done.unreadable, done.held > 0) == (True, 0, True)
        assert took < 15
        monkeypatch.setattr(rotation, "AT_ONCE", 200)
        assert rotation.rewrap(ours, ring).held == 0


@pytest.mark.only_on("postgresql")
def test_rows_in_use_are_waited_for_and_hold_up_no_others(store, keyring, database_url, monkeypatch):
    """A turn that holds a contact is not waited for with other rows in hand: what is left comes when it is free."""
    fill(store, keyring)
    held, free = threading.Event(), threading.Event()

    def hold(conn):
        conn.execute(select(CONTACTS.c.id).where(CONTACTS.c.address_index == bytes(4)).with_for_update()).all()
        held.set()
        free.wait(20)

    ring = keyring.rotated()
    monkeypatch.setattr(rotation, "PATIENCE", 0.3)
    with Store(database_url) as other:
        turn = threading.Thread(target=other.run_now, args=(hold,))
        turn.start()
        assert held.wait(20)
        assert rotation.rewrap(store, ring) == rotation.Done(10, 0, 1)
        monkeypatch.setattr(rotation, "PATIENCE", 20)
        threading.Timer(0.3, free.set).start()
        assert rotation.rewrap(store, ring) == rotation.Done(1, 0, 0)
        turn.join()
