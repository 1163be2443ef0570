"""Rotation: data keys from old master keys to the newest, a part at a time, beside processes that serve.

A row is written only where nobody else holds it, and only its wrapped key: contents stay sealed with the same data key.
What was done is done for good, and what is left is found by what each wrapped key begins with, so that whoever begins
again goes on where somebody was killed.
"""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy import ColumnElement, Connection, LargeBinary, Table, bindparam, func, select, update

from storage import tables
from storage.crypto import KeyRing, wrap_prefix
from storage.errors import Tampered, UnknownKey
from storage.store import Store

WRAPPED: tuple[Table, ...] = tuple(one for one in tables.metadata.sorted_tables if "data_key" in one.c)
"""The tables that hold wrapped data keys, each in its column `data_key` beside an `id`."""

AT_ONCE = 200  # rows in one transaction: some milliseconds in which a turn may have to wait
REST = 0.02  # seconds between transactions, at least: SQLite has one writer, and people come first
PATIENCE = 10.0  # seconds to wait for rows that somebody else holds


@dataclass(frozen=True, slots=True)
class Done:
    """What became of the data keys that older master keys had wrapped.

    `rewrapped`: under the newest now. `unreadable`: no key of the ring opens them. `held`: somebody else was at work
    with them all the time; they are as they were.
    """

    rewrapped: int
    unreadable: int
    held: int


@dataclass(frozen=True, slots=True)
class _Part:
    last: uuid.UUID | None  # None: there were no more
    rewrapped: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class Uses:
    """How many data keys each master key of a ring wraps, by its id; `strange`: those of keys that are not in it."""

    by_key: dict[str, int]
    strange: int


def rewrap(store: Store, ring: KeyRing) -> Done:
    """Bring every data key under the newest master key of `ring`, which must be on the disk already.

    Waits in the caller's thread. Raises `Unavailable`; what was stored until then stays.
    """
    rewrapped, patient_until = 0, time.monotonic() + PATIENCE
    while True:
        unreadable = 0
        before = rewrapped
        for part in _parts(store, ring):
            rewrapped += part.rewrapped
            unreadable += part.unreadable
        left = store.read_now(lambda conn: _left(conn, ring)) - unreadable
        if left <= 0:
            return Done(rewrapped, unreadable, 0)
        if rewrapped > before:
            patient_until = time.monotonic() + PATIENCE
        elif time.monotonic() > patient_until:
            return Done(rewrapped, unreadable, left)
        time.sleep(0.2)


def uses(conn: Connection, ring: KeyRing) -> Uses:
    """Which master keys wrap how many data keys."""
    by_key = dict.fromkeys(ring.ids, 0)
    total = 0
    for table in WRAPPED:
        total += conn.scalar(select(func.count()).where(table.c.data_key.is_not(None))) or 0
        for name in by_key:
            by_key[name] += conn.scalar(select(func.count()).where(_wrapped_by(table, name))) or 0
    return Uses(by_key, total - sum(by_key.values()))


# ---------------------------------------------------------------- the parts


def _parts(store: Store, ring: KeyRing) -> Iterator[_Part]:
    """Once through all tables; between two transactions others have as long as one took."""
    for table in WRAPPED:
        last: uuid.UUID | None = None
        while True:
            began = time.monotonic()
            part = store.run_now(partial(_rewrap_some, ring=ring, table=table, after=last))
            yield part
            if part.last is None:
                break
            last = part.last
            time.sleep(max(REST, time.monotonic() - began))


def _rewrap_some(conn: Connection, ring: KeyRing, table: Table, after: uuid.UUID | None) -> _Part:
    """The next rows by id. Rows that are locked are passed over: nothing waits here while it holds another row, so that
    no order in which others lock can end in a deadlock.
    """
    found = select(table.c.id, table.c.data_key).where(_not_newest(table, ring)).order_by(table.c.id).limit(AT_ONCE)
    if after is not None:
        found = found.where(table.c.id > after)
    rows = conn.execute(found.with_for_update(skip_locked=True, key_share=True)).all()
    changed, unreadable = [], 0
    for row in rows:
        try:
            changed.append({"which": row.id, "was": row.data_key, "now": ring.rewrap(row.data_key)})
        except (Tampered, UnknownKey):
            unreadable += 1
    if changed:
        same = (table.c.id == bindparam("which")) & (table.c.data_key == bindparam("was"))
        conn.execute(update(table).where(same).values(data_key=bindparam("now")), changed)
    return _Part(rows[-1].id if rows else None, len(changed), unreadable)


def _left(conn: Connection, ring: KeyRing) -> int:
    return sum(conn.scalar(select(func.count()).where(_not_newest(table, ring))) or 0 for table in WRAPPED)


def _wrapped_by(table: Table, name: str) -> ColumnElement[bool]:
    prefix = wrap_prefix(name)
    return func.substr(table.c.data_key, 1, len(prefix), type_=LargeBinary) == prefix


def _not_newest(table: Table, ring: KeyRing) -> ColumnElement[bool]:
    return table.c.data_key.is_not(None) & ~_wrapped_by(table, ring.newest)
