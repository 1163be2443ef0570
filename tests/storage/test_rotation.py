"""Rotation: every data key comes under the newest master key, a part at a time, and nothing is lost on the way."""

import threading
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
    assert used(store, ring) == rotation.Uses({"k2": 0, "k1": 11}, 0)
    assert rotation.rewrap(store, ring) == rotation.Done(11, 0, 0)
    assert used(store, ring) == rotation.Uses({"k2": 11, "k1": 0}, 0)
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
    assert rotation.rewrap(store, ring).rewrapped == used(store, ring).by_key["k2"] - 6
    assert used(store, ring).by_key["k1"] == 0


def test_rows_that_nobody_can_open_are_counted_and_stay(store, keyring):
    """A key that is not in the ring, and one that was changed, hold up none of the others."""
    fill(store, keyring)
    stranger = KeyRing({"old": bytes(32)}, bytes(32)).wrap(bytes(32))

    def spoil(conn):
        mine = select(CASES.c.id).order_by(CASES.c.id)
        first, second, _ = conn.scalars(mine).all()
        conn.execute(update(CASES).where(CASES.c.id == first).values(data_key=stranger))
        conn.execute(update(CASES).where(CASES.c.id == second).values(data_key=keyring.wrap(bytes(32))[:-1] + b"\0"))

    store.run_now(spoil)
    ring = keyring.rotated()
    assert rotation.rewrap(store, ring) == rotation.Done(9, 2, 0)
    assert used(store, ring) == rotation.Uses({"k2": 9, "k1": 1}, 1)


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
