"""The store: threads, transactions, and what happens when the database does not play along."""

import asyncio
import os
import socket
import sqlite3
import threading
import time
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, IntegrityError

from storage import (
    Aborted,
    Store,
    Unavailable,
    database_now,
)
from storage.engines import driver_of, trouble
from storage.tables import revisions

NOW = datetime(2026, 11, 21, 8, 30, 0, 123456, tzinfo=UTC)


def revision(number: int) -> dict:
    """A row of the simplest table."""
    return {"number": number, "at": NOW, "author": "", "note": "", "checksum": ""}


def add(number: int):
    """A work that inserts that row."""
    return lambda conn: conn.execute(insert(revisions), revision(number)) and number


def numbers(conn) -> list[int]:
    """The rows that are there."""
    return list(conn.execute(select(revisions.c.number).order_by(revisions.c.number)).scalars())


# hot statements go to the driver by themselves (storage/many.py): its trouble is the same
BY = pytest.mark.parametrize(
    "do",
    [lambda conn, sql: conn.exec_driver_sql(sql), lambda conn, sql: driver_of(conn).execute(sql)],
    ids=["", "driver"],
)


# ---------------------------------------------------------------- what errors mean


@pytest.mark.parametrize("error", [psycopg.OperationalError, psycopg.errors.ConnectionTimeout, psycopg.InterfaceError])
def test_a_server_that_was_not_heard_of_is_lost(error: type[psycopg.Error]):
    """Bare, as the driver raises it, and as SQLAlchemy does."""
    bare = error("no answer")
    wrapped = DBAPIError.instance("SELECT 1", {}, bare, psycopg.Error, dialect=postgresql.dialect())
    assert (trouble(bare), trouble(wrapped)) == ("lost", "lost")
    assert trouble(psycopg.ProgrammingError("wrong")) is None


# ---------------------------------------------------------------- order, threads, transactions


async def test_works_of_a_lane_keep_their_order(database_url: str):
    """Whatever the writers do, what was asked for first in a lane happens first in it."""
    done: list[tuple[int, int]] = []

    def work(lane: int, number: int):
        def inner(conn):
            conn.execute(insert(revisions), revision(lane * 100 + number))
            time.sleep(0.001 * (number % 3))
            done.append((lane, number))

        return inner

    with Store(database_url, writers=3) as store:
        await asyncio.gather(*(store.run(work(lane, number), lane) for number in range(10) for lane in range(5)))
    for lane in range(5):
        assert [number for at, number in done if at == lane] == list(range(10))


async def test_writers_work_side_by_side_on_postgresql(database_url: str):
    """Two lanes are two threads there; SQLite has one writer, whatever is asked for."""
    with Store(database_url, writers=2) as store:
        names = await asyncio.gather(
            *(store.run(lambda _: threading.current_thread().name, lane) for lane in (0, 1, 2, 3))
        )
        assert len(set(names)) == (1 if store.dialect == "sqlite" else 2)
        assert names[0] == names[2]
        assert threading.current_thread().name not in names


async def test_the_event_loop_goes_on(store: Store):
    """While a work takes its time, other tasks run."""
    let_go = threading.Event()
    task = asyncio.create_task(store.run(lambda _: let_go.wait(5)))
    await asyncio.sleep(0.01)
    let_go.set()  # only reached because the loop was not blocked
    assert await task is True


async def test_what_raises_leaves_nothing(store: Store):
    """The error comes out as it is, the transaction is undone, and the next work is fine."""

    def work(conn):
        conn.execute(insert(revisions), revision(1))
        raise LookupError("a mistake in the work")

    with pytest.raises(LookupError, match="a mistake"):
        await store.run(work)
    with pytest.raises(IntegrityError):
        await store.run(lambda conn: conn.execute(insert(revisions), [revision(2), revision(2)]))
    with pytest.raises(DBAPIError, match="no_such_table"):
        await store.run(lambda conn: conn.execute(text("SELECT * FROM no_such_table")))
    assert await store.run(add(3)) == 3
    assert await store.read(numbers) == [3]


async def test_errors_do_not_quote_what_was_written(store: Store):
    """The text of a database error, which may end in a log, holds no values."""
    row = revision(1) | {"note": "mon numéro est le 66 77 88 99"}
    with pytest.raises(IntegrityError) as caught:
        await store.run(lambda conn: conn.execute(insert(revisions), [row, row]))
    assert "66 77" not in str(caught.value)


async def test_a_savepoint_may_fail_alone(store: Store):
    """Inside a savepoint a faulty row is undone by itself; the rest is stored."""

    def work(conn):
        conn.execute(insert(revisions), revision(1))
        with pytest.raises(IntegrityError), conn.begin_nested():
            conn.execute(insert(revisions), [revision(2), revision(1)])
        conn.execute(insert(revisions), revision(3))

    await store.run(work)
    assert await store.read(numbers) == [1, 3]


async def test_a_swallowed_error_is_no_success(store: Store):
    """A work that goes on after its transaction failed is told so: nothing was stored."""

    def work(conn):
        conn.execute(insert(revisions), revision(1))
        if store.dialect == "sqlite":
            conn.exec_driver_sql("ROLLBACK")  # as SQLite does by itself when the disk is full
            return
        with pytest.raises(IntegrityError):
            conn.execute(insert(revisions), revision(1))

    with pytest.raises(Aborted, match="nothing was stored"):
        await store.run(work)
    assert await store.read(numbers) == []


async def test_readers_cannot_write(store: Store):
    """That is a mistake in the work, not trouble with the database."""
    with pytest.raises(DBAPIError, match=r"read-?only"):
        await store.read(add(1))
    assert await store.run(add(2)) == 2
    assert await store.read(numbers) == [2]


async def test_a_reader_sees_one_moment(store: Store):
    """What is committed while a reader reads is not there for it yet."""
    await store.run(add(1))
    half, go_on = threading.Event(), threading.Event()

    def slow(conn):
        first = numbers(conn)
        half.set()
        assert go_on.wait(5)
        return first, numbers(conn)

    task = asyncio.create_task(store.read(slow))
    await asyncio.to_thread(half.wait, 5)
    await store.run(add(2))
    go_on.set()
    assert await task == ([1], [1])
    assert await store.read(numbers) == [1, 2]


async def test_more_readers_than_threads_wait(store: Store):
    """Many reads at once are all answered."""
    await store.run(add(1))
    assert await asyncio.gather(*(store.read(numbers) for _ in range(50))) == [[1]] * 50


def test_works_without_an_event_loop(store: Store):
    """The command line waits in its own thread."""
    assert store.run_now(add(1)) == 1
    assert store.read_now(numbers) == [1]


async def test_a_cancelled_work_that_waited_never_runs(store: Store):
    """And one that had begun is stored."""
    began, go_on = threading.Event(), threading.Event()

    def slow(conn):
        began.set()
        assert go_on.wait(5)
        conn.execute(insert(revisions), revision(1))

    running = asyncio.create_task(store.run(slow))
    waiting = asyncio.create_task(store.run(add(2)))
    await asyncio.to_thread(began.wait, 5)
    running.cancel()
    waiting.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    go_on.set()
    await store.run(add(3))
    assert await store.read(numbers) == [1, 3]


async def test_closing_finishes_what_was_asked_for(database_url: str):
    """Works that wait are done; later ones are told that the store is closed; it can be opened again."""
    store = Store(database_url)
    with pytest.raises(Unavailable, match="closed"):
        await store.run(add(1))
    store.open()
    tasks = [asyncio.create_task(store.run(add(number))) for number in range(10)]
    await asyncio.sleep(0)
    await asyncio.to_thread(store.close)
    assert await asyncio.gather(*tasks) == list(range(10))
    for late in (store.run(add(11)), store.read(numbers)):
        with pytest.raises(Unavailable, match="closed"):
            await late
    with store:
        assert await store.read(numbers) == list(range(10))


# ---------------------------------------------------------------- trouble


async def test_a_locked_database_is_unavailable(store: Store, database_url: str):
    """Another process holds the lock longer than we wait: nothing stored, and fine again afterwards."""
    await store.run(add(1))
    with Store(database_url, writers=1) as other:
        locked, let_go = threading.Event(), threading.Event()

        def hold(conn):
            conn.execute(update(revisions).values(note="held"))
            locked.set()
            assert let_go.wait(10)

        holding = asyncio.create_task(other.run(hold))
        await asyncio.to_thread(locked.wait, 5)
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await store.run(lambda conn: conn.execute(update(revisions).values(note="ours")))
        assert caught.value.reason == "locked"
        assert not caught.value.unknown
        assert 0.1 < time.monotonic() - began < 5
        assert await store.read(numbers) == [1]  # readers never wait for a writer
        let_go.set()
        await holding
    assert await store.run(add(2)) == 2


@pytest.mark.only_on("sqlite")
@BY
async def test_a_full_disk_is_unavailable(store: Store, do):
    """SQLITE_FULL: nothing of the round is stored, and with room again everything is fine."""
    await store.run(add(1))

    def work(conn):
        conn.execute(insert(revisions), revision(2))
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
        conn.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
        do(conn, "UPDATE revisions SET note = hex(zeroblob(100000))")

    with pytest.raises(Unavailable) as caught:
        await store.run(work)
    assert caught.value.reason == "full"
    assert await store.read(numbers) == [1]
    assert await store.run(add(4)) == 4


@pytest.mark.only_on("postgresql")
@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("53100", "full"),
        ("53300", "out of resources"),
        ("40P01", "conflict"),
        ("57P01", "lost"),
        ("58030", "i/o"),
        ("55P03", "locked"),
        ("XX001", "damaged"),
        ("25006", "read-only"),
    ],
)
@BY
async def test_what_postgresql_complains_of(store: Store, state: str, reason: str, do):
    """Its error codes from outside the work become `Unavailable`; the next work is fine."""

    def work(conn):
        conn.execute(insert(revisions), revision(1))
        do(conn, f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$")

    with pytest.raises(Unavailable) as caught:
        await store.run(work)
    assert caught.value.reason == reason
    assert await store.run(add(2)) == 2
    assert await store.read(numbers) == [2]


@pytest.mark.only_on("postgresql")
@BY
@pytest.mark.parametrize("told", [True, False])
async def test_a_connection_lost_at_work_is_unavailable(store: Store, do, told: bool):
    """PostgreSQL ends our connection in the middle, or it just ends: nothing stored; the next work has a new one."""

    def work(conn):
        conn.execute(insert(revisions), revision(1))
        if told:
            do(conn, "SELECT pg_terminate_backend(pg_backend_pid())")
        with socket.socket(fileno=os.dup(driver_of(conn).fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
        do(conn, "SELECT 1")

    for _ in range(3):
        with pytest.raises(Unavailable) as caught:
            await store.run(work)
        assert caught.value.reason == "lost"
        assert not caught.value.unknown
    assert await store.run(add(2)) == 2
    assert await store.read(numbers) == [2]


@pytest.mark.only_on("postgresql")
async def test_a_connection_lost_while_idle_is_not_felt(store: Store):
    """PostgreSQL was restarted overnight: in the morning, the first work and the first read just work."""
    await asyncio.gather(*(store.run(database_now, lane) for lane in range(2)))
    await asyncio.gather(*(store.read(numbers) for _ in range(10)))

    def end_all(conn):
        others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
        return conn.exec_driver_sql(f"SELECT count(pg_terminate_backend(pid, 5000)) {others}").scalar_one()

    assert await store.run(end_all) >= 2
    assert await store.run(add(1), lane=1) == 1
    assert await asyncio.gather(*(store.read(numbers) for _ in range(10))) == [[1]] * 10


@pytest.mark.only_on("postgresql")
async def test_a_connection_lost_while_committing_may_have_stored(store: Store):
    """The answer to COMMIT never came: `Unavailable` says that the outcome is unknown."""

    def work(conn):
        conn.exec_driver_sql(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
        )
        conn.exec_driver_sql(
            "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON revisions DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION die()"
        )

    await store.run(work)
    with pytest.raises(Unavailable) as caught:
        await store.run(add(1))
    assert caught.value.unknown
    assert "while committing" in str(caught.value)
    assert await store.read(numbers) == []


async def test_a_server_that_is_not_there_is_unavailable(database_url: str, tmp_path):
    """No file, or nobody at the address: `Unavailable`, and no file is made by accident."""
    if database_url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path / 'none.db'}"
    else:
        url = f"postgresql://postgres@/none?host={tmp_path}"
    with Store(url) as store:
        for ask in (store.run(add(1)), store.read(numbers)):
            with pytest.raises(Unavailable) as caught:
                await ask
            assert caught.value.reason == "cannot open"
    assert not (tmp_path / "none.db").exists()


async def test_a_file_that_is_no_database_is_unavailable(tmp_path):
    """Damage is trouble with the database, not a fault of the message that met it."""
    (tmp_path / "segin.db").write_bytes(b"not a database at all" * 500)
    with Store(f"sqlite:///{tmp_path / 'segin.db'}") as store:
        with pytest.raises(Unavailable) as caught:
            await store.run(add(1))
        assert caught.value.reason == "damaged"


# ---------------------------------------------------------------- what SQLite was told


@pytest.mark.only_on("sqlite")
def test_sqlite_is_durable_and_private(store: Store, database_url: str):
    """Every commit is on the disk (WAL with FULL), foreign keys hold, deleted content is overwritten."""

    def settings(conn):
        names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "temp_store")
        return [conn.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]

    assert store.run_now(settings) == ["wal", 2, 1, 1, 2]
    store.run_now(lambda conn: conn.execute(insert(revisions), revision(1) | {"note": "Kayes" * 50}) and None)
    store.run_now(lambda conn: conn.execute(revisions.delete()) and None)
    store.close()
    path = database_url.removeprefix("sqlite:///")
    with open(path, "rb") as file:  # noqa: PTH123
        assert b"KayesKayes" not in file.read()
    checked = sqlite3.connect(path)
    try:
        assert checked.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        checked.close()


@pytest.mark.only_on("postgresql")
def test_postgresql_is_durable(store: Store):
    """A commit is on the disk when it is answered, in UTC, and waits for locks only so long."""

    def settings(conn):
        names = ("synchronous_commit", "TimeZone", "lock_timeout", "transaction_isolation")
        return [conn.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]

    assert store.run_now(settings) == ["on", "UTC", "200ms", "read committed"]
