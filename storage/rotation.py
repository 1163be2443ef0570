"""Rotation: data keys from old master keys to the newest, a part at a time, beside processes that serve.

A row is written only where nobody else holds it, and only its wrapped key: contents stay sealed with the same data key.
What was done is done for good, and what is left is found by what each wrapped key begins with, so that whoever begins
again goes on where somebody was killed. Rows are found and wrapped beside everybody; SQLite's one writer is kept from
others for the updates alone.
"""

import math
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    Select,
    Table,
    bindparam,
    func,
    or_,
    select,
    update,
)

from storage import tables
from storage.crypto import KeyRing, wrap_prefix
from storage.errors import Tampered, UnknownKey
from storage.store import Store

WRAPPED: tuple[Table, ...] = tuple(one for one in tables.metadata.sorted_tables if "data_key" in one.c)
"""The tables that hold wrapped data keys, each in its column `data_key` beside an `id`."""

AT_ONCE = 200  # rows in one transaction: some milliseconds in which a turn may have to wait
REST = 0.02  # seconds between transactions, at least: SQLite has one writer, and people come first
PATIENCE = 10.0  # seconds to wait for rows that somebody else holds, or goes on writing under an old key
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Done:
    """What became of the data keys that older master keys had wrapped.

    `rewrapped`: under the newest now. `unreadable`: no key of the ring opens them. `held`: somebody else was at work
    with them all the time, or wrote them since; they are as they were.
    """

    rewrapped: int
    unreadable: int
    held: int


@dataclass(frozen=True, slots=True)
class _Part:
    rewrapped: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class Uses:
    """How many data keys each master key of a ring wraps, by its id; `strange`: those of keys that are not in it."""

    by_key: dict[str, int]
    strange: int


@dataclass(frozen=True, slots=True)
class Lost:
    """Rows whose data key no key of a ring opens: how many, and the first of them by table and id."""

    count: int
    first: tuple[str, ...]


_Anew = tuple[bytes, bytes]
"""A wrapped data key as it was read, and the same one under the newest master key."""


def rewrap(store: Store, ring: KeyRing) -> Done:
    """Bring every data key under the newest master key of `ring`, which must be on the disk and named already.

    Ends, whatever others do: once through all there is, then again for what was held, until `PATIENCE` is over. Waits
    in the caller's thread. Raises `Unavailable`; what was stored until then stays.
    """
    rewrapped, until = 0, math.inf
    while True:
        unreadable = 0
        for part in _parts(store, ring):
            rewrapped += part.rewrapped
            unreadable += part.unreadable
            if time.monotonic() > until:
                break
        until = min(until, time.monotonic() + PATIENCE)
        held = left(store, ring) - unreadable
        if held <= 0 or time.monotonic() > until:
            return Done(rewrapped, unreadable, max(held, 0))
        time.sleep(0.2)


def left(store: Store, ring: KeyRing) -> int:
    """How many data keys are not under the newest master key of `ring`."""
    return sum(store.read_now(partial(_left, ring=ring, table=table)) for table in WRAPPED)


def name_newest(conn: Connection, ring: KeyRing, name: str) -> bool:
    """Write down which master key is the newest, before any row is wrapped with it; whether that was done.

    Not where the database names a key that `ring` lacks: that one was rotated elsewhere, and this ring is an old copy.
    """
    newest = tables.key_mark.c.newest
    known = or_(newest.is_(None), newest.in_(ring.ids))
    return conn.execute(update(tables.key_mark).where(known).values(newest=name)).rowcount == 1


def named(conn: Connection) -> str | None:
    """The id of the newest master key, as the database has it."""
    return conn.execute(select(tables.key_mark.c.newest)).scalar()


def uses(conn: Connection, ring: KeyRing) -> Uses:
    """Which master keys wrap how many data keys."""
    by_key = dict.fromkeys(ring.ids, 0)
    total = 0
    for table in WRAPPED:
        total += conn.scalar(select(func.count()).where(table.c.data_key.is_not(None))) or 0
        for name in by_key:
            by_key[name] += conn.scalar(select(func.count()).where(_wrapped_by(table, name))) or 0
    return Uses(by_key, total - sum(by_key.values()))


def lost(store: Store, ring: KeyRing) -> Lost:
    """The rows that no key of `ring` opens. Tries them all, beside everybody."""
    count, first = 0, []
    for table in WRAPPED:
        for rows in _pages(store, table, table.c.data_key.is_not(None)):
            for row in rows:
                if _tried(ring.unwrap, row.data_key) is None:
                    count += 1
                    first.append(f"{table.name} {row.id}")
            del first[_SHOWN:]
    return Lost(count, tuple(first))


# ---------------------------------------------------------------- the parts


def _parts(store: Store, ring: KeyRing) -> Iterator[_Part]:
    """Once through all tables; between two transactions others have as long as one took."""
    for table in WRAPPED:
        old = _not_newest(table, ring)
        # no more parts than there were: what comes while this goes on is for the next time, or it would never end
        most = store.read_now(partial(_left, ring=ring, table=table)) // AT_ONCE + 1
        for _, rows in zip(range(most), _pages(store, table, old), strict=False):
            anew = {row.id: (row.data_key, now) for row in rows if (now := _tried(ring.rewrap, row.data_key))}
            began = time.monotonic()
            rewrapped = store.run_now(partial(_put, table=table, anew=anew)) if anew else 0
            yield _Part(rewrapped, len(rows) - len(anew))
            time.sleep(max(REST, time.monotonic() - began))


def _pages(store: Store, table: Table, which: ColumnElement[bool]) -> Iterator[Sequence[Row[Any]]]:
    """Rows by id, `AT_ONCE` at a time, each page a read by itself."""
    query = page = select(table.c.id, table.c.data_key).where(which).order_by(table.c.id).limit(AT_ONCE)
    while rows := store.read_now(partial(_all, query=query)):
        yield rows
        query = page.where(table.c.id > rows[-1].id)


def _all(conn: Connection, query: Select[Any]) -> Sequence[Row[Any]]:
    return conn.execute(query).all()


def _put(conn: Connection, table: Table, anew: Mapping[uuid.UUID, _Anew]) -> int:
    """Write these wrapped keys where the old ones are still there; how many. Rows that are locked are passed over:
    nothing waits here while it holds another row, so that no order in which others lock can end in a deadlock.
    """
    free = select(table.c.id, table.c.data_key).where(table.c.id.in_(list(anew)))
    rows = conn.execute(free.with_for_update(skip_locked=True, key_share=True)).all()
    same = [row for row in rows if row.data_key == anew[row.id][0]]
    if same:
        which = (table.c.id == bindparam("which")) & (table.c.data_key == bindparam("was"))
        changes = [{"which": row.id, "was": row.data_key, "now": anew[row.id][1]} for row in same]
        conn.execute(update(table).where(which).values(data_key=bindparam("now")), changes)
    return len(same)


def _tried(how: Callable[[bytes], bytes], data_key: bytes) -> bytes | None:
    try:
        return how(data_key)
    except (Tampered, UnknownKey):
        return None


def _left(conn: Connection, ring: KeyRing, table: Table) -> int:
    return conn.scalar(select(func.count()).where(_not_newest(table, ring))) or 0


def _wrapped_by(table: Table, name: str) -> ColumnElement[bool]:
    prefix = wrap_prefix(name)
    return func.substr(table.c.data_key, 1, len(prefix), type_=LargeBinary) == prefix


def _not_newest(table: Table, ring: KeyRing) -> ColumnElement[bool]:
    return table.c.data_key.is_not(None) & ~_wrapped_by(table, ring.newest)
