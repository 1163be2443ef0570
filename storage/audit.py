"""The audit log: every reading and changing of a case by staff, chained by hash.

Each row holds the hash of the row before it and a hash of its own content, so that a row edited, moved or
removed breaks the chain there. Rows cut off at the end leave a whole chain behind: that is found by comparing
with heads kept elsewhere (`storage.anchor`; printed by `segin audit verify`; in a backup).
"""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from storage.crypto import framed
from storage.tables import audit_log

GROWN = "audit grown"  # in Connection.info, until the transaction ends: what the store's anchor is to keep

_START = bytes(32)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD_LOCK = 0x5E61_4E01  # PostgreSQL advisory lock: whoever appends holds it until their commit

_last = select(audit_log.c.number, audit_log.c.hash).order_by(audit_log.c.number.desc()).limit(1)
_page = (
    select(audit_log)
    .where(audit_log.c.number > bindparam("after"))
    .order_by(audit_log.c.number)
    .limit(500)  # rows read at a time
)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the number and the hash of the last row."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Grown:
    """What one transaction added: the head before it (None: the log was empty) and after."""

    before: Head | None
    head: Head


def append(
    conn: Connection,
    *,
    at: datetime,
    staff: str,
    deed: str,
    case_id: uuid.UUID | None = None,
    detail: str = "",
) -> Head:
    """Write down one deed in the caller's transaction, and return the new head.

    Staff who act at the same time wait here for each other's commit: two rows must not follow the same one.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(_HEAD_LOCK)))
    before = head(conn)
    number, previous = (before.number + 1, before.hash) if before else (1, _START)
    row = {
        "number": number,
        "at": at,
        "staff": staff,
        "deed": deed,
        "case_id": case_id,
        "detail": detail,
        "previous": previous,
    }
    digest = _hash(row)
    conn.execute(insert(audit_log), {**row, "hash": digest})
    after = Head(number, digest)
    earlier: Grown | None = conn.info.get(GROWN)
    conn.info[GROWN] = Grown(earlier.before if earlier else before, after)
    return after


def grown(conn: Connection) -> Grown | None:
    """What this transaction added, a moment before its commit; None for one that added nothing."""
    noted: Grown | None = conn.info.pop(GROWN, None)
    end = head(conn) if noted else None  # read anew: a savepoint may have taken rows back
    return None if noted is None or end is None or end == noted.before else Grown(noted.before, end)


def head(conn: Connection) -> Head | None:
    """The end of the chain, or None while the log is empty."""
    row = conn.execute(_last).first()
    return Head(row.number, row.hash) if row else None


def verify(conn: Connection, *expected: Head) -> str | None:
    """What is wrong with the first bad row, or None if the chain is whole.

    `expected` are heads seen earlier: the chain must still contain each, or its end was cut off (or all of it
    was written anew).
    """
    seen: dict[int, set[bytes]] = {}
    for one in expected:
        seen.setdefault(one.number, set()).add(one.hash)
    number, previous = 0, _START
    after = -(1 << 62)  # a row slipped in before the first one is found, too
    while rows := conn.execute(_page, {"after": after}).mappings().all():
        for row in rows:
            fault = _fault(row, number + 1, previous)
            if fault is None and seen.get(row["number"], set()) - {row["hash"]}:
                fault = f"row {row['number']} is not the one seen earlier: the log was cut off or written anew"
            if fault is not None:
                return fault
            number, previous = row["number"], row["hash"]
        after = rows[-1]["number"]
    last = max(seen, default=0)
    if number < last:
        return f"row {number + 1} was removed, and all after it up to row {last} at least"
    return None


def _fault(row: Mapping[Any, Any], number: int, previous: bytes) -> str | None:
    if row["number"] != number:
        return f"row {number} was removed or moved: row {row['number']} comes in its place"
    if row["hash"] != _hash(row):
        return f"row {number} was edited or moved: its content does not match its hash"
    if row["previous"] != previous:
        return f"row {number} was edited or moved: it does not follow the row before it"
    return None


def _hash(row: Mapping[Any, Any]) -> bytes:
    moment = (row["at"] - _EPOCH) // timedelta(microseconds=1)
    case_id: uuid.UUID | None = row["case_id"]
    content = framed(
        row["previous"],
        str(row["number"]).encode(),
        str(moment).encode(),
        row["staff"].encode(),
        row["deed"].encode(),
        case_id.bytes if case_id else b"",
        row["detail"].encode(),
    )
    return hashlib.sha256(content).digest()
