"""What a database holds, in words: opened, sorted, and without what differs from run to run (ids, moments, lots)."""

import json
import re
import uuid
from collections import Counter
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from bot import contacts
from storage import DataKey, KeyRing, tables
from tests.faults.people import plain

ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)?")
RECEIPT = re.compile(r"(\d{4}[\s\u00a0\u202f]?){4}")


def contents(conn: Connection, keyring: KeyRing) -> dict[str, Any]:
    """Everybody's conversation and what waits for them, every case with its thread and files, and some counts."""
    return {
        "people": sorted(_person(conn, keyring, row) for row in conn.execute(select(tables.contacts))),
        "cases": sorted(_case(conn, keyring, row) for row in conn.execute(select(tables.cases))),
        "heard": len(conn.execute(select(tables.heard.c.message_index)).all()),
        "failed": conn.scalars(select(tables.heard.c.failure).where(tables.heard.c.failure.is_not(None))).all(),
        "statuses": sorted(Counter(conn.scalars(select(tables.deliveries.c.status))).items()),
        "fetches": len(conn.execute(select(tables.fetches.c.attachment_id)).all()),
    }


def masked(text: str) -> str:
    """Without ids, moments, references, receipts, days and hours."""
    return plain(RECEIPT.sub("RECEIPT", MOMENT.sub("MOMENT", ID.sub("ID", text))))


def _person(conn: Connection, keyring: KeyRing, row: Row[Any]) -> tuple[Any, ...]:
    contact = contacts.of_row(keyring, row)
    waiting = conn.execute(
        select(tables.outbox).where(tables.outbox.c.contact_id == row.id).order_by(tables.outbox.c.seq)
    )
    lane = [
        (one.seq, one.is_say, masked(contact.key.open(one.body, "outbox", one.id.bytes).decode("utf-8", "replace")))
        for one in waiting
    ]
    return (
        contact.channel,
        contact.open_address(),
        contact.last_seq,
        masked(msgspec.json.encode(contact.conversation).decode()),
        row.consented_at is not None,
        row.blocked_at is not None,
        tuple(lane),
        tuple(_files(conn, contact.key, tables.attachments.c.contact_id == row.id)),
    )


def _case(conn: Connection, keyring: KeyRing, row: Row[Any]) -> tuple[Any, ...]:
    key = DataKey(keyring.unwrap(row.data_key))
    messages = tables.case_messages
    thread = conn.execute(select(messages).where(messages.c.case_id == row.id).order_by(messages.c.position))
    said = [(one.author, masked(json.dumps(_opened(key, one.id, one.body), sort_keys=True))) for one in thread]
    fixed = (row.kind, row.category, row.status, row.restricted, row.anonymous, row.channel or "", row.language or "")
    return (*fixed, tuple(said), tuple(_files(conn, key, tables.attachments.c.case_id == row.id)))


def _opened(key: DataKey, message_id: uuid.UUID, body: bytes) -> Any:
    return json.loads(key.open(body, "case_message", message_id.bytes))


def _files(conn: Connection, key: DataKey, mine: Any) -> list[tuple[str, str, bytes]]:
    rows = conn.execute(select(tables.attachments).where(mine))
    return sorted((one.kind, one.media_type, key.open(one.bytes, "attachment", one.id.bytes)) for one in rows)
