"""Engines: how each of the two databases is opened, and what its errors mean.

Transactions are begun by an explicit statement (`BEGIN IMMEDIATE` and so on) on drivers that are told not
to begin any themselves. So a lock that is not free and a connection that is gone are met before any work
is done.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError

from storage.errors import Unavailable

_POSTGRESQL = ("postgres", "postgresql", "postgresql+psycopg")
_SQLITE = ("sqlite", "sqlite+pysqlite")

# https://www.sqlite.org/rescode.html, primary result codes
_SQLITE_TROUBLES = {
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_PROTOCOL: "locked",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR: "i/o",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_CANTOPEN: "cannot open",
    sqlite3.SQLITE_NOMEM: "out of resources",
    sqlite3.SQLITE_READONLY: "read-only",
}

# https://www.postgresql.org/docs/current/errcodes-appendix.html; whole codes first, then classes
_POSTGRESQL_TROUBLES = {
    "53100": "full",
    "55P03": "locked",  # lock_timeout
    "25006": "read-only",  # a standby after a failover
    "XX001": "damaged",
    "XX002": "damaged",
    "08": "lost",
    "40": "conflict",  # serialisation, deadlock
    "53": "out of resources",
    "57": "lost",  # shut down, cancelled
    "58": "i/o",
}
_NOTHING_HEARD = {"OperationalError", "InterfaceError"}  # psycopg's, where the server gave no code


def parse_url(url: str) -> URL:
    """A database address with its driver; raises ValueError for what is neither of the two databases."""
    parsed = make_url(url)
    if parsed.drivername in _POSTGRESQL:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername in _SQLITE:
        if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
            raise ValueError("SQLite needs the path of a file: sqlite:///data/segin.db")
        return parsed.set(drivername="sqlite+pysqlite")
    raise ValueError(f"Segin keeps its data in SQLite or PostgreSQL, not in {parsed.drivername!r}")


def open_engine(
    url: str,
    *,
    reading: bool = False,
    creating: bool = False,
    busy_seconds: float = 5.0,
    foreign_keys: bool = True,
) -> Engine:
    """An engine whose every connection is new (who wants to keep one, holds it); opens nothing yet.

    `busy_seconds`: how long to wait for another's lock. `creating`: make the SQLite file if there is none.
    """
    parsed = parse_url(url)
    if parsed.drivername.startswith("sqlite"):
        return _sqlite(parsed, reading, creating, busy_seconds, foreign_keys)
    return _postgresql(parsed, reading, busy_seconds)


def trouble(error: BaseException, *, reading: bool = False) -> str | None:
    """The reason why the database is not available, or None if the error says something else.

    Only trouble from outside counts; a statement that is wrong, or a row that breaks a rule, does not.
    """
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    reason: str | None = None
    if isinstance(cause, sqlite3.Error):
        reason = _SQLITE_TROUBLES.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
    elif hasattr(cause, "sqlstate"):  # psycopg's
        if cause.sqlstate:
            reason = _POSTGRESQL_TROUBLES.get(cause.sqlstate) or _POSTGRESQL_TROUBLES.get(cause.sqlstate[:2])
        elif _NOTHING_HEARD & {kind.__name__ for kind in type(cause).__mro__}:
            reason = "lost"
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        reason = reason or "lost"
    # A reader that tries to write is a mistake in the work, whatever the disk is like.
    return None if reading and reason == "read-only" else reason


def is_whole(conn: Connection) -> bool:
    """Whether the transaction is still one that COMMIT would store.

    SQLite undoes it by itself after some errors, and PostgreSQL answers the COMMIT of a failed one with a
    silent ROLLBACK.
    """
    driver = driver_of(conn)
    if conn.dialect.name == "sqlite":
        return bool(driver.in_transaction)
    return int(driver.info.transaction_status) == 2  # noqa: PLR2004 libpq's PQTRANS_INTRANS


def driver_of(conn: Connection) -> Any:
    """The driver's connection; what it raises is its own, and `trouble` knows it."""
    return conn.connection.driver_connection


@contextmanager
def alone(conn: Connection) -> Iterator[None]:
    """What fails in here is undone by itself: a savepoint. (SQLAlchemy's own costs five times as much.)

    Raises `Unavailable` where the database undid all of the transaction.
    """
    driver = driver_of(conn)
    driver.execute("SAVEPOINT alone")
    try:
        yield
    except BaseException as error:
        try:
            driver.execute("ROLLBACK TO SAVEPOINT alone")  # it stays, and would be taken for the one around it
            driver.execute("RELEASE SAVEPOINT alone")
        except conn.dialect.loaded_dbapi.Error:  # what follows would stand outside of it
            raise Unavailable(trouble(error) or "lost") from error
        raise
    driver.execute("RELEASE SAVEPOINT alone")


def _sqlite(url: URL, reading: bool, creating: bool, busy_seconds: float, foreign_keys: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"timeout": busy_seconds, "isolation_level": None},
    )
    path = Path(str(url.database))
    pragmas = [
        "synchronous=FULL",
        f"foreign_keys={'ON' if foreign_keys else 'OFF'}",
        "secure_delete=ON",  # measured: 3 % of a turn; erased means erased
        "temp_store=MEMORY",  # sorting leaves nothing in other files
        # KiB. A round of 256 touches some 6,000, of which 4,000 are enough (measured: 1 %); a reader asks for little
        f"cache_size=-{2048 if reading else 4096}",
    ]

    @event.listens_for(engine, "do_connect")
    def _look(*_: object) -> None:
        if path.exists():  # never opened here: closing a descriptor would drop SQLite's own locks
            return
        if not creating:
            raise FileNotFoundError(path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its side files the same mode

    @event.listens_for(engine, "connect")
    def _prepare(driver: Any, _: object) -> None:
        for pragma in pragmas:
            driver.execute(f"PRAGMA {pragma}")
        if reading:
            driver.execute("PRAGMA query_only=ON")
        else:
            _use_wal(driver, busy_seconds)

    _begin_with(engine, "BEGIN" if reading else "BEGIN IMMEDIATE")
    return engine


def _use_wal(driver: Any, busy_seconds: float) -> None:
    """Switch to the write-ahead log, which the file remembers; several may try at once on a new file."""
    last_try = time.monotonic() + busy_seconds
    while True:
        try:
            driver.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # For this one statement SQLite does not wait for the lock by itself.
            if trouble(error) != "locked" or time.monotonic() > last_try:
                raise
            time.sleep(0.02)
        else:
            return


def _postgresql(url: URL, reading: bool, busy_seconds: float) -> Engine:
    defaults = {
        "connect_timeout": 5,
        "keepalives_idle": 30,
        "tcp_user_timeout": 15_000,  # ms; a line that is dead is noticed
        "application_name": "segin",
    }
    engine = create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={key: value for key, value in defaults.items() if key not in url.query},
    )
    settings = (
        "SET synchronous_commit TO on",
        "SET TIME ZONE 'UTC'",
        f"SET lock_timeout TO {int(busy_seconds * 1000)}",
        "SET idle_in_transaction_session_timeout TO 60000",  # a worker that froze gives its locks back
    )

    @event.listens_for(engine, "connect")
    def _prepare(driver: Any, _: object) -> None:
        driver.autocommit = True  # transactions begin with our own BEGIN
        driver.execute("; ".join(settings))

    # A reader sees one moment throughout, as it does on SQLite.
    _begin_with(
        engine,
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        if reading
        else "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    )
    return engine


def _begin_with(engine: Engine, statement: str) -> None:
    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        conn.exec_driver_sql(statement)
