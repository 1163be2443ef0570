"""The tables: what is written comes back, on both databases, and what must not be known is not kept."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import bindparam, func, insert, select, text, tuple_, update
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from storage import (
    DataKey,
    KeyRing,
    Store,
    database_now,
    insert_into,
    random_id,
    uuid7,
)
from storage.tables import attachments, cases, contacts, heard, outbox, revisions, staff

NOW = datetime(2026, 11, 21, 8, 30, 0, 123456, tzinfo=UTC)


def contact(ring: KeyRing, address: str, **more) -> dict:
    """A row of `contacts`."""
    key = DataKey.new()
    row = {"id": uuid7(NOW), "channel": "web", "address_index": ring.index("address", "web", address)}
    row["address"] = key.seal(address.encode(), "contacts.address", row["id"].bytes)
    row |= {"data_key": ring.wrap(key.raw), "conversation": b"", "heard_at": NOW, "created_at": NOW}
    return row | more


def revision(number: int) -> dict:
    """A row of the simplest table."""
    return {"number": number, "at": NOW, "author": "", "note": "", "checksum": ""}


async def test_rows_come_back_as_they_were(store: Store, keyring: KeyRing):
    """Ids, moments, sealed bytes, flags and lists, the same on both databases."""
    row = contact(keyring, "a", consented_at=NOW)
    key = DataKey(keyring.unwrap(row["data_key"]))
    said = "é\x00\N{PILE OF POO}".encode()
    row["conversation"] = key.seal(said, "contacts.conversation", row["id"].bytes)
    person = {"id": uuid7(), "name": "Awa Koné", "name_key": "awa koné", "role": "agent", "created_at": NOW}
    person["regions"] = ["kayes", "gao"]

    def write(conn):
        conn.execute(insert(contacts), row)
        conn.execute(insert(staff), person)

    await store.run(write)
    back = await store.read(lambda conn: conn.execute(select(contacts)).mappings().one())
    assert dict(back) == row | {"last_seq": 0, "draft_until": None, "blocked_at": None, "window_until": None}
    assert type(back["id"]) is uuid.UUID
    assert back["heard_at"].utcoffset() == timedelta(0)
    assert key.open(back["conversation"], "contacts.conversation", back["id"].bytes) == said
    back = await store.read(lambda conn: conn.execute(select(staff)).mappings().one())
    assert {name: back[name] for name in person} == person
    empty = ("data_key", "password", "totp", "ways", "setup_index", "disabled_at", "cleared_at")
    assert [back["cleared"], back["language"], back["version"], *(back[name] for name in empty)] == [
        False, "fr", 1, *[None] * len(empty),
    ]  # fmt: skip


async def test_moments_mean_the_same_everywhere(store: Store):
    """Any zone is kept as the same moment, moments compare in SQL, and a naive one is refused."""
    there = timezone(timedelta(hours=2))

    def write(conn):
        conn.execute(insert(revisions), revision(1) | {"at": NOW.astimezone(there)})
        conn.execute(insert(revisions), revision(2) | {"at": NOW + timedelta(microseconds=1)})
        conn.execute(insert(revisions), revision(3) | {"at": datetime(1960, 1, 1, tzinfo=UTC)})

    await store.run(write)
    due = await store.read(
        lambda conn: conn.execute(select(revisions.c.number).where(revisions.c.at <= NOW)).scalars().all()
    )
    assert sorted(due) == [1, 3]
    last = await store.read(lambda conn: conn.execute(select(func.max(revisions.c.at))).scalar_one())
    assert last == NOW + timedelta(microseconds=1)
    with pytest.raises(StatementError, match="time zone"):
        await store.run(
            lambda conn: conn.execute(insert(revisions), revision(4) | {"at": datetime(2026, 1, 1)})  # noqa: DTZ001
        )


async def test_the_database_tells_the_time(store: Store):
    """An aware moment, close to ours."""
    told = await store.run(database_now)
    assert abs(told - datetime.now(UTC)) < timedelta(seconds=30)


async def test_erasing_a_contact_takes_what_hangs_on_it(store: Store, keyring: KeyRing):
    """Outbox and drafts go; a case keeps its record without the link; what was heard is remembered."""
    row, case_id = contact(keyring, "a"), random_id()
    case = {
        "id": case_id,
        "reference": "K-1",
        "contact_id": row["id"],
        "kind": "request",
        "category": "health",
    }
    case |= {"status": "new", "restricted": False, "anonymous": False, "opened_at": NOW, "due_at": NOW}
    case |= {"last_step_at": NOW, "data_key": b"k", "receipt_index": b"r"}
    file = {
        "kind": "voice",
        "media_type": "audio/webm",
        "size": 3,
        "created_at": NOW,
        "bytes": b"\x00\x01\x02",
    }
    waits = {"id": uuid7(), "contact_id": row["id"], "seq": 1, "due_at": NOW, "body": b"b"}

    def write(conn):
        conn.execute(insert(contacts), row)
        conn.execute(insert(outbox), waits)
        conn.execute(insert(cases), case)
        conn.execute(insert(attachments), file | {"id": random_id(), "contact_id": row["id"], "case_id": None})
        conn.execute(insert(attachments), file | {"id": random_id(), "contact_id": None, "case_id": case_id})
        conn.execute(
            insert(heard),
            {"address_index": row["address_index"], "message_index": b"m", "at": NOW, "expires_at": NOW},
        )
        conn.execute(contacts.delete())

    await store.run(write)

    def look(conn):
        assert conn.execute(select(outbox)).all() == []
        assert conn.execute(select(cases.c.contact_id)).scalars().all() == [None]
        assert conn.execute(select(attachments.c.case_id)).scalars().all() == [case_id]
        assert len(conn.execute(select(heard)).all()) == 1

    await store.read(look)


async def test_an_anonymous_case_cannot_name_a_contact(store: Store, keyring: KeyRing):
    """The database itself refuses the link."""
    row = contact(keyring, "a")
    case = {"id": random_id(), "reference": "K-1", "kind": "complaint", "category": "delay", "status": "new"}
    case |= {"restricted": True, "anonymous": True, "opened_at": NOW, "due_at": NOW, "last_step_at": NOW}
    case |= {"data_key": b"k", "receipt_index": b"r", "contact_id": row["id"]}

    def write(conn):
        conn.execute(insert(contacts), row)
        conn.execute(insert(cases), case)

    with pytest.raises(IntegrityError, match="anonymous"):
        await store.run(write)


@pytest.mark.only_on("sqlite")
def test_the_order_of_rows_does_not_tell_when_a_case_was_filed(store: Store):
    """On SQLite, cases and their messages have no rowid, and an attachment's is drawn by chance."""
    for name in ("cases", "case_messages"):
        with pytest.raises(DBAPIError, match="rowid"):
            store.read_now(lambda conn, name=name: conn.execute(text(f"SELECT rowid FROM {name}")))
    case = {"reference": "K-1", "kind": "complaint", "category": "delay", "status": "new", "restricted": True}
    case |= {"anonymous": True, "opened_at": NOW, "due_at": NOW, "last_step_at": NOW, "data_key": b"k"}
    case |= {"id": random_id(), "receipt_index": b"r"}
    file = {"kind": "voice", "media_type": "audio/webm", "size": 1, "created_at": NOW, "bytes": b"x"}

    def write(conn):
        conn.execute(insert(cases), case)
        rows = [file | {"id": random_id(), "case_id": case["id"]} for _ in range(30)]
        conn.execute(insert(attachments), rows)
        return [row["id"] for row in rows]

    made = store.run_now(write)
    by_rowid = store.read_now(
        lambda conn: conn.execute(select(attachments.c.id).order_by(text("rowid"))).scalars().all()
    )
    assert sorted(by_rowid) == sorted(made)
    assert by_rowid != made


async def test_a_round(store: Store, keyring: KeyRing):
    """A hot round: repeats dropped, contacts made and locked, written back, answers queued."""
    rows = [contact(keyring, f"person {number}") for number in range(30)]
    seen = insert_into(store.dialect, heard).on_conflict_do_nothing()
    seen = seen.returning(heard.c.address_index, heard.c.message_index)
    missing = insert_into(store.dialect, contacts).on_conflict_do_nothing()
    locked = (
        select(contacts.c.id, contacts.c.address_index, contacts.c.conversation, contacts.c.last_seq)
        .where(tuple_(contacts.c.channel, contacts.c.address_index).in_(bindparam("who", expanding=True)))
        .order_by(contacts.c.address_index)
        .with_for_update()
    )
    written = (
        update(contacts)
        .where(contacts.c.id == bindparam("this"))
        .values(
            conversation=bindparam("conversation"),
            last_seq=bindparam("last_seq"),
            heard_at=bindparam("heard_at"),
        )
    )

    def play(conn, message: bytes):
        what = [{"address_index": row["address_index"], "message_index": message, "at": NOW} for row in rows]
        new = {row.address_index for row in conn.execute(seen, what)}
        if not new:
            return 0
        conn.execute(missing, rows)
        known = conn.execute(locked, {"who": [("web", index) for index in new]}).all()
        turns = [
            {"this": row.id, "conversation": message, "last_seq": row.last_seq + 1, "heard_at": NOW} for row in known
        ]
        conn.execute(written, turns)
        conn.execute(
            insert(outbox),
            [
                {
                    "id": uuid7(),
                    "contact_id": turn["this"],
                    "seq": turn["last_seq"],
                    "due_at": NOW,
                    "body": b"x",
                }
                for turn in turns
            ],
        )
        return len(known)

    assert await store.run(lambda conn: play(conn, b"one")) == 30
    assert await store.run(lambda conn: play(conn, b"one")) == 0
    assert await store.run(lambda conn: play(conn, b"two")) == 30
    assert await store.read(
        lambda conn: conn.execute(select(func.count(), func.max(outbox.c.seq)).select_from(outbox)).one()
    ) == (60, 2)
    assert await store.read(
        lambda conn: set(conn.execute(select(contacts.c.last_seq, contacts.c.conversation)).all())
    ) == {(2, b"two")}
