"""The store: where the event loop hands its work to threads that hold database connections.

A **work** is a function of a connection. It runs in one transaction in a writer's or a reader's thread, which
keeps its connection from one work to the next, so that a turn pays for its statements alone.

Works of one lane run one after the other in the order they were asked for: SQLite has a single writer anyway,
and on PostgreSQL the lane picks the writer. On SQLite, works that wait beside each other and say that they may do
share one transaction: one commit, one fsync.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from storage import audit
from storage.anchor import Anchor
from storage.engines import driver_of, is_whole, open_engine, parse_url, trouble
from storage.errors import Aborted, Unavailable

T = TypeVar("T")
Work = Callable[[Connection], T]
Insert = postgresql.Insert | sqlite.Insert


class Store:
    """One database, with its writers and readers.

    `url` is `sqlite:///path` or `postgresql://…`; `writers` counts for PostgreSQL only; `busy_seconds` is how
    long to wait for a lock that another process holds. `anchor` keeps the audit log's head after every commit that made
    it grow. Nothing connects before the first work; a connection
    that broke is replaced by the next work that needs it.
    """

    def __init__(
        self,
        url: str,
        *,
        writers: int = 2,
        readers: int = 3,
        busy_seconds: float = 5.0,
        anchor: Anchor | None = None,
    ) -> None:
        self.url = url
        self._anchor = anchor
        self.dialect = parse_url(url).get_backend_name()  # "sqlite" or "postgresql"
        self._writer_count = 1 if self.dialect == "sqlite" else writers
        self._reader_count = readers
        self._busy_seconds = busy_seconds
        self._writers: list[_Writer] = []
        self._readers: ThreadPoolExecutor | None = None
        self._free_readers: deque[_Line] = deque()

    # ------------------------------------------------------------ opening and closing

    def open(self) -> Self:
        """Start the threads. Migrates nothing: that is `storage.upgrade`."""
        writing = open_engine(self.url, busy_seconds=self._busy_seconds)
        reading = open_engine(self.url, reading=True, busy_seconds=self._busy_seconds)
        self._writers = [
            _Writer(f"segin-writer-{number}", _Line(writing, reading=False, anchor=self._anchor))
            for number in range(self._writer_count)
        ]
        self._readers = ThreadPoolExecutor(self._reader_count, "segin-reader")
        self._free_readers = deque(_Line(reading, reading=True) for _ in range(self._reader_count))
        return self

    def close(self) -> None:
        """Finish what was asked for, then close the connections. Waits: not for the event loop's thread."""
        writers, self._writers = self._writers, []
        readers, self._readers = self._readers, None
        if readers is not None:
            readers.shutdown()
        while self._free_readers:
            self._free_readers.pop().hang_up()
        for writer in writers:  # last, so that SQLite tidies up its log with a connection that may write
            writer.close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------ work

    async def run(self, work: Work[T], lane: int = 0, *, shared: bool = False) -> T:
        """What `work` returns, after its transaction was committed.

        Raises `Unavailable` when the database cannot be used; whatever else goes wrong in `work` comes out
        as it is, after a rollback. `work` must not commit, and must return plain values: a result still to
        be read from the connection is gone by then. Cancelling drops a work that still waits; one that has
        begun runs to its end and is stored.

        A `shared` work may stand in one transaction with others that say so, and what it raises undoes them all:
        what may fail in it by itself belongs into `alone`.
        """
        # on PostgreSQL commits are gathered by the server, and who locks more than one work's rows may deadlock
        return await asyncio.wrap_future(self._write(work, lane, shared=shared and self.dialect == "sqlite"))

    async def read(self, work: Work[T]) -> T:
        """What `work` returns, having read one consistent state; it cannot write. Errors as in `run`."""
        return await asyncio.wrap_future(self._read(work))

    async def scrub(self) -> None:
        """Empty SQLite's write-ahead log, in which what was deleted may still stand. Nothing on PostgreSQL.

        A reader at work keeps part of it; it goes the next time. Raises `Unavailable`.
        """
        if self.dialect == "sqlite" and self._writers:
            await asyncio.wrap_future(self._writers[0].scrub())

    def run_now(self, work: Work[T], lane: int = 0) -> T:
        """As `run`, for the command line: waits in the caller's thread."""
        return self._write(work, lane).result()

    def read_now(self, work: Work[T]) -> T:
        """As `read`, for the command line: waits in the caller's thread."""
        return self._read(work).result()

    def _write(self, work: Work[T], lane: int, *, shared: bool = False) -> "Future[T]":
        if not self._writers:
            raise Unavailable("closed")
        return self._writers[lane % len(self._writers)].submit(work, shared=shared)

    def _read(self, work: Work[T]) -> "Future[T]":
        if self._readers is None:
            raise Unavailable("closed")
        return self._readers.submit(self._read_on_any, work)

    def _read_on_any(self, work: Work[T]) -> T:
        line = self._free_readers.pop()  # there are as many lines as threads; the one used last is warm
        try:
            return line.run(work)
        finally:
            self._free_readers.append(line)


@dataclass(slots=True, eq=False)
class _Job:
    """A work on its way to the writer's thread."""

    work: Work[Any]
    shared: bool
    future: "Future[Any]" = field(default_factory=Future)


class _Writer:
    """A thread that holds a connection, and the works that wait for it."""

    def __init__(self, name: str, line: "_Line") -> None:
        self._thread, self._line = ThreadPoolExecutor(1, name), line
        self._waiting: deque[_Job] = deque()

    def submit(self, work: Work[T], *, shared: bool) -> "Future[T]":
        job = _Job(work, shared)
        self._waiting.append(job)
        self._thread.submit(self._go)  # one for each: those that find nothing any more return at once
        return job.future

    def scrub(self) -> "Future[None]":
        return self._thread.submit(self._line.scrub)

    def close(self) -> None:
        self._thread.shutdown()
        self._line.hang_up()

    def _go(self) -> None:
        jobs = self._next()
        if not jobs:
            return
        try:
            results = self._line.run(lambda conn: [job.work(conn) for job in jobs])
        except BaseException as error:  # noqa: BLE001 - whoever asked is told
            for job in jobs:
                job.future.set_exception(error)
        else:
            for job, result in zip(jobs, results, strict=True):
                job.future.set_result(result)

    def _next(self) -> list[_Job]:
        """The work whose turn it is, and those behind it that share with it."""
        jobs: list[_Job] = []
        while self._waiting and (not jobs or (jobs[0].shared and self._waiting[0].shared)):
            job = self._waiting.popleft()
            if job.future.set_running_or_notify_cancel():
                jobs.append(job)
        return jobs


class _Line:
    """A connection that one thread at a time holds, and opens anew when it broke."""

    def __init__(self, engine: Engine, *, reading: bool, anchor: Anchor | None = None) -> None:
        self._engine = engine
        self._anchor = anchor
        self._reading = reading
        self._conn: Connection | None = None
        self._driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error

    def run(self, work: Work[T]) -> T:
        """Do `work` in one transaction."""
        conn = self._begin()
        conn.info.pop(audit.GROWN, None)  # of a work that was rolled back
        try:
            result = work(conn)
            if not is_whole(conn):
                raise Aborted  # noqa: TRY301 it has to be rolled back like any other
            grown = audit.grown(conn) if self._anchor else None
        except BaseException as error:
            self._roll_back(conn)
            reason = trouble(error, reading=self._reading)
            if reason is None:
                raise
            self.hang_up()
            raise Unavailable(reason) from error
        try:
            conn.commit()
        except SQLAlchemyError as error:
            self.hang_up()
            reason = trouble(error, reading=self._reading)
            if reason is None:
                raise
            raise Unavailable(reason, unknown=True) from error
        if self._anchor and grown:
            self._anchor.keep(grown)
        return result

    def scrub(self) -> None:
        """Empty the write-ahead log; outside any transaction, as SQLite asks."""
        conn = self._begin()
        self._roll_back(conn)
        try:
            driver_of(conn).execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except self._driver_error as error:
            raise Unavailable(trouble(error) or "i/o") from error
        finally:
            self._roll_back(conn)

    def hang_up(self) -> None:
        """Let go of the connection, whatever state it is in."""
        conn, self._conn = self._conn, None
        if conn is None:
            return
        try:
            conn.invalidate()
        finally:
            conn.close()

    def _begin(self) -> Connection:
        """A connection inside a fresh transaction; one that broke while it was idle is replaced, once."""
        was_held = self._conn is not None
        try:
            return self._try_to_begin()
        except Unavailable as unavailable:
            if not was_held or unavailable.reason == "locked":
                raise
        return self._try_to_begin()

    def _try_to_begin(self) -> Connection:
        try:
            if self._conn is None:
                self._conn = self._engine.connect()
            self._conn.begin()
        except (SQLAlchemyError, OSError, self._driver_error) as error:
            self.hang_up()
            reason = trouble(error)
            raise Unavailable("cannot open" if reason in {None, "lost"} else str(reason)) from error
        return self._conn

    def _roll_back(self, conn: Connection) -> None:
        try:
            conn.rollback()
        except SQLAlchemyError:
            # What matters is the error that led here; the database undoes what it cannot be told to.
            self.hang_up()


def insert_into(dialect: str, table: Table) -> Insert:
    """An INSERT that knows `on_conflict_do_nothing` and `…_do_update`; `dialect` is `Store.dialect`."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def database_now(conn: Connection) -> datetime:
    """The present moment by the clock that all workers of this database share."""
    if conn.dialect.name == "sqlite":
        return datetime.now(UTC)  # one machine, one clock
    moment: datetime = conn.execute(select(func.clock_timestamp())).scalar_one()
    return moment.astimezone(UTC)
