"""A backup brings everything back, on either database; a broken one changes nothing."""

import io
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select

from storage import DataKey, KeyRing, Store, audit, backup, random_id, tables, upgrade, uuid7

ALL = tables.metadata.sorted_tables
NOW = datetime(2026, 11, 21, 8, 30, 0, 123456, tzinfo=UTC)


def fill(conn):
    """Rows of many kinds of columns."""
    keyring, case = KeyRing.new(), uuid7()
    key = DataKey.new()
    values = {
        "id": case, "reference": "K4T-9QM7", "kind": "request", "category": "person", "status": "new",
        "restricted": False, "anonymous": False, "region": "kayes", "opened_at": NOW, "due_at": NOW,
        "last_step_at": NOW, "in_chat": True, "data_key": keyring.wrap(key.raw), "receipt_index": b"\x00\xff" * 16,
    }  # fmt: skip
    conn.execute(insert(tables.cases), values)
    for position in range(5):
        message = {"id": random_id(), "case_id": case, "position": position, "author": "person", "at": NOW}
        conn.execute(insert(tables.case_messages), {**message, "body": bytes([position]) * 400_000})
    staff = {"id": uuid7(), "name": "Awa", "name_key": "awa", "role": "agent", "regions": ["kayes"], "created_at": NOW}
    conn.execute(insert(tables.staff), staff)
    audit.append(conn, at=NOW, staff="awa", deed="show", case_id=case)


def everything(conn):
    return {
        table.name: {repr(tuple(row)) for row in conn.execute(select(table))} for table in tables.metadata.sorted_tables
    }


@pytest.fixture
def written(store):
    """The file, and what was stored."""
    store.run_now(fill)
    file = io.BytesIO()
    counts = store.read_now(lambda conn: backup.write(conn, file))
    assert (counts["cases"], counts["case_messages"], counts["audit"]) == (1, 5, 1)
    return file.getvalue(), store.read_now(everything)


@pytest.mark.parametrize("into", ["sqlite", "same"])
def test_everything_comes_back(written, into, store, database_url, tmp_path):
    """Into the other kind of database as well: that is how one outgrows SQLite."""
    body, before = written
    if into == "same":
        store.run_now(
            lambda conn: [conn.execute(table.delete()) for table in reversed(tables.metadata.sorted_tables)] and None
        )
        url = database_url
    else:
        url = f"sqlite:///{tmp_path / 'other.db'}"
        upgrade(url)
    with Store(url) as other:
        other.run_now(lambda conn: backup.read_back(conn, io.BytesIO(body)))
        assert other.read_now(everything) == before
        assert other.read_now(audit.verify) is None


def test_nothing_is_brought_into_a_database_that_has_something(written, store):
    body, before = written
    with pytest.raises(backup.NotEmpty):
        store.run_now(lambda conn: backup.read_back(conn, io.BytesIO(body)))
    assert store.read_now(everything) == before


@pytest.mark.parametrize("part", [0, 3, 40, -1, -30])
def test_a_file_that_is_not_whole_changes_nothing(written, part, tmp_path):
    body, _ = written
    url = f"sqlite:///{tmp_path / 'other.db'}"
    upgrade(url)
    with Store(url) as other:
        with pytest.raises(backup.BadBackup):
            other.run_now(lambda conn: backup.read_back(conn, io.BytesIO(body[:part])))
        assert not any(other.read_now(everything).values())
