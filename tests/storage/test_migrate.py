"""Migrations bring any database to the tables of this version."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, MetaData, Table, insert, inspect, make_url, select

from storage import Store, Unavailable, is_current, random_id, tables, upgrade


def test_tables_and_migrations_agree(empty_database_url: str):
    """A migrated database is what storage/tables.py says: nothing is left for Alembic to find."""
    upgrade(empty_database_url)

    def differences(conn):
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        return compare_metadata(context, tables.metadata)

    with Store(empty_database_url) as store:
        assert store.read_now(differences) == []


def test_constraints_agree(empty_database_url: str):
    """What Alembic does not compare: the rules of rows, and on SQLite the whole text of each table."""
    upgrade(empty_database_url)

    def checks(conn):
        look = inspect(conn)
        return {name: {one["name"] for one in look.get_check_constraints(name)} for name in look.get_table_names()}

    def definitions(conn):
        rows = conn.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").all()
        return {name: "".join(sql.split()) for name, sql in rows if name != "alembic_version"}

    with Store(empty_database_url) as store:
        found = store.read_now(checks)
        assert found["cases"] == {"ck_cases_anonymous_has_no_contact"}
        assert found["attachments"] == {"ck_attachments_one_owner"}
        assert found["case_messages"] == {"ck_case_messages_author"}
        if store.dialect == "sqlite":
            migrated = store.read_now(definitions)
            store.run_now(tables.metadata.drop_all)
            store.run_now(tables.metadata.create_all)
            created = store.read_now(definitions)
            assert {name: sorted(sql) for name, sql in migrated.items()} == {
                name: sorted(sql) for name, sql in created.items()
            }


def test_works_twice_and_says_so(empty_database_url: str):
    """A second migration changes nothing, and `is_current` knows before and after."""
    with Store(empty_database_url) as store:
        if store.dialect == "postgresql":
            assert not store.read_now(is_current)
        upgrade(empty_database_url)
        assert store.read_now(is_current)
        upgrade(empty_database_url)
        assert store.read_now(is_current)


def test_a_database_of_the_first_version_keeps_its_rows(empty_database_url: str):
    """What waits to be sent still waits, as something of which no part was sent."""
    upgrade(empty_database_url, "0001")
    now, who = datetime(2026, 11, 21, tzinfo=UTC), random_id()
    moments = {"heard_at": now, "created_at": now}
    sealed = {"address_index": b"a", "address": b"a", "data_key": b"k", "conversation": b"c"}
    with Store(empty_database_url) as store:

        def fill(conn):
            contact = {"id": who, "channel": "web", "last_seq": 1, **sealed, **moments}
            conn.execute(insert(tables.contacts).values(contact))
            row = {"id": random_id(), "contact_id": who, "seq": 1, "due_at": now, "body": b"b"}
            conn.execute(_without(tables.outbox, "part"), {**row, "is_say": False, "attempts": 0})
            conn.execute(_without(tables.lanes), {"contact_id": who, "fence": 3, "not_before": now})
            conn.execute(_without(tables.key_mark, "newest"), {"id": 1, "mark": b"m"})

        store.run_now(fill)
    upgrade(empty_database_url)
    with Store(empty_database_url) as store:
        assert store.read_now(is_current)
        (row,) = store.read_now(lambda conn: conn.execute(select(tables.outbox)).all())
        assert (row.contact_id, row.part, row.sent_at, row.case_message_id) == (who, 0, None, None)
        (lane,) = store.read_now(lambda conn: conn.execute(select(tables.lanes)).all())
        assert (lane.fence, lane.knocked_at) == (3, None)
        (contact,) = store.read_now(lambda conn: conn.execute(select(tables.contacts)).all())
        assert contact.window_until is None
        assert store.read_now(lambda conn: conn.execute(select(tables.key_mark)).one()) == (1, b"m", None)


def _without(table, *columns):
    """An INSERT as the first version had it: without columns that have a default now."""
    old = Table(table.name, MetaData(), *(Column(c.name, c.type) for c in table.columns if c.name not in columns))
    return insert(old)


def test_workers_that_start_together_wait_for_each_other(empty_database_url: str):
    """Four migrations at once: one does it, the others find it done."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(upgrade, [empty_database_url] * 4))


def test_a_new_file_is_private(tmp_path: Path):
    """The SQLite file, made in a folder that was not there, can be read by its owner alone."""
    path = tmp_path / "data" / "segin.db"
    upgrade(f"sqlite:///{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_place_that_cannot_be_written_is_unavailable(tmp_path: Path):
    """A folder that is a file: a clear error."""
    (tmp_path / "data").write_text("")
    with pytest.raises(Unavailable, match="cannot open"):
        upgrade(f"sqlite:///{tmp_path / 'data' / 'segin.db'}")


def test_a_percent_sign_in_the_address_is_fine(tmp_path: Path):
    """Alembic's settings would take it for a placeholder."""
    upgrade(f"sqlite:///{tmp_path / '100%s.db'}")
    assert (tmp_path / "100%s.db").exists()


def test_no_database_elsewhere():
    """Only the two databases are known, and SQLite only as a file."""
    for url in ("mysql://localhost/x", "sqlite://", "sqlite:///:memory:"):
        with pytest.raises(ValueError, match="SQLite"):
            upgrade(url)


def test_every_postgresql_address_uses_our_driver():
    """`postgres://`, as hosts hand it out, is understood."""
    from storage.engines import parse_url  # noqa: PLC0415

    for url in ("postgres://u@h/d", "postgresql://u@h/d", "postgresql+psycopg://u@h/d"):
        assert parse_url(url) == make_url("postgresql+psycopg://u@h/d")
