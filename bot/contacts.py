"""Contacts: one person on one channel, as a row that is locked, read, advanced and written.

Everything of a person is sealed with their own data key; erasing drops the row and with it the key.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, bindparam, delete, select

from bot.dialogue.model import Conversation, Message, Say
from storage import DataKey, KeyRing, among, tables, uuid7

CONTACTS = tables.contacts

PAD = 256  # bytes

_encode = msgspec.json.Encoder().encode
_conversation = msgspec.json.Decoder(Conversation).decode
_message = msgspec.json.Decoder(Message).decode
_say = msgspec.json.Decoder(Say).decode

_FIND = (
    select(CONTACTS)
    .where(
        CONTACTS.c.channel.in_(bindparam("channels", expanding=True)),
        CONTACTS.c.address_index.in_(bindparam("indexes", expanding=True)),
    )
    .order_by(CONTACTS.c.address_index)
    .with_for_update()
)

# Pair by pair: `a IN (…) AND m IN (…)` would make SQLite look for every message at every address (measured: 56 ms
# for a full round, 0.3 ms this way). CROSS JOIN is how SQLite is told to begin with the pairs.
_HEARD_BEFORE = (
    "SELECT heard.address_index, heard.message_index FROM (VALUES {pairs}) AS asked CROSS JOIN heard "
    "WHERE heard.address_index = asked.column1 AND heard.message_index = asked.column2"
)


def padded(body: bytes) -> bytes:
    """JSON made longer with spaces, so that the length of what is sealed does not tell what was said."""
    return body + b" " * (-len(body) % PAD)


def address_index(keyring: KeyRing, channel: str, address: str) -> bytes:
    return keyring.index("address", channel, address)


class Contact(Struct):
    """A contact under way in one transaction. Changes are gathered here; the round (or the desk) writes them."""

    id: uuid.UUID
    channel: str
    index: bytes
    key: DataKey
    wrapped_key: bytes
    address: bytes  # sealed
    conversation: Conversation
    last_seq: int
    created_at: datetime
    consented_at: datetime | None = None
    draft_until: datetime | None = None
    blocked_at: datetime | None = None
    window_until: datetime | None = None  # free words may be sent until then; none: always
    outgoing: list[dict[str, Any]] = []

    @property
    def blocked(self) -> bool:
        return self.blocked_at is not None

    def seal_conversation(self) -> bytes:
        return self.key.seal(padded(_encode(self.conversation)), "conversation", self.id.bytes)

    def say(
        self,
        message: Message,
        now: datetime,
        *,
        expires: datetime | None = None,
        case_message_id: uuid.UUID | None = None,
    ) -> int:
        """Put a worded message into this contact's lane; returns its `seq`. Unfetched, it goes when it `expires`.

        `case_message_id`: what staff wrote there; what becomes of it on the way is kept for them.
        """
        self.last_seq += 1
        self._put(self.last_seq, _encode(message), now, is_say=False, cancel=None, expires=expires)
        self.outgoing[-1]["case_message_id"] = case_message_id
        return self.last_seq

    def say_later(self, say: Say, due: datetime, cancel: str) -> None:
        """Keep a Say for later. It gets its place in the lane when it is due; until then its number is negative."""
        self.last_seq += 1
        self._put(-self.last_seq, _encode(say), due, is_say=True, cancel=cancel)

    def _put(
        self,
        seq: int,
        body: bytes,
        due: datetime,
        *,
        is_say: bool,
        cancel: str | None,
        expires: datetime | None = None,
    ) -> None:
        row_id = uuid7()
        self.outgoing.append(
            {
                "id": row_id,
                "contact_id": self.id,
                "seq": seq,
                "due_at": due,
                "body": self.key.seal(padded(body), "outbox", row_id.bytes),
                "is_say": is_say,
                "cancel": cancel,
                "attempts": 0,
                "part": 0,
                "expires_at": expires,
                "case_message_id": None,
            }
        )

    def call_off(self, conn: Connection, name: str) -> None:
        """What was to be said later under this name is not said."""
        outbox = tables.outbox
        conn.execute(delete(outbox).where(outbox.c.contact_id == self.id, outbox.c.cancel == name))

    def read_message(self, row_id: uuid.UUID, body: bytes) -> Message:
        return _message(self.key.open(body, "outbox", row_id.bytes))

    def read_say(self, row_id: uuid.UUID, body: bytes) -> Say:
        return _say(self.key.open(body, "outbox", row_id.bytes))

    def open_address(self) -> str:
        return self.key.open(self.address, "address", self.id.bytes).decode()


def of_row(keyring: KeyRing, row: Row[Any]) -> Contact:
    key = DataKey(keyring.unwrap(row.data_key))
    return Contact(
        id=row.id,
        channel=row.channel,
        index=row.address_index,
        key=key,
        wrapped_key=row.data_key,
        address=row.address,
        conversation=_conversation(key.open(row.conversation, "conversation", row.id.bytes)),
        last_seq=row.last_seq,
        created_at=row.created_at,
        consented_at=row.consented_at,
        draft_until=row.draft_until,
        blocked_at=row.blocked_at,
        window_until=row.window_until,
    )


def locked(conn: Connection, keyring: KeyRing, addresses: Iterable[tuple[str, bytes]]) -> dict[bytes, Contact]:
    """The contacts at these (channel, blind index), locked in the order of their index: no two rounds deadlock.

    A blind index covers the channel too, so it names a contact by itself.
    """
    wanted = list(addresses)
    rows = among(conn, _FIND, channels=list({c for c, _ in wanted}), indexes=[i for _, i in wanted])
    return {row.address_index: of_row(keyring, row) for row in rows}


def heard_before(conn: Connection, pairs: list[tuple[bytes, bytes]]) -> set[tuple[bytes, bytes]]:
    """Which of these (address's, message's blind index) were heard already."""
    # a few sizes only, so that the database meets the same few statements again and again
    asked = pairs + pairs[-1:] * ((1 << (len(pairs) - 1).bit_length()) - len(pairs))
    pair = "(?, ?)" if conn.dialect.name == "sqlite" else "(%s, %s)"
    statement = _HEARD_BEFORE.format(pairs=", ".join([pair] * len(asked)))
    rows = conn.exec_driver_sql(statement, tuple(value for one in asked for value in one))
    return {(bytes(address), bytes(message)) for address, message in rows}


def locked_by_id(conn: Connection, keyring: KeyRing, contact_id: uuid.UUID) -> Contact | None:
    row = conn.execute(select(CONTACTS).where(CONTACTS.c.id == contact_id).with_for_update()).first()
    return of_row(keyring, row) if row else None


def fresh(keyring: KeyRing, channel: str, index: bytes, address: str, now: datetime) -> Contact:
    """A contact nobody has heard of yet; not in the database before `row` is inserted."""
    raw = DataKey.new()
    contact_id = uuid7(now)
    return Contact(
        id=contact_id,
        channel=channel,
        index=index,
        key=raw,
        wrapped_key=keyring.wrap(raw.raw),
        address=raw.seal(address.encode(), "address", contact_id.bytes),
        conversation=Conversation(),
        last_seq=0,
        created_at=now,
    )


def new_row(contact: Contact, now: datetime) -> dict[str, Any]:
    return {
        "id": contact.id,
        "channel": contact.channel,
        "address_index": contact.index,
        "address": contact.address,
        "data_key": contact.wrapped_key,
        "conversation": contact.seal_conversation(),
        "last_seq": contact.last_seq,
        "heard_at": now,
        "created_at": contact.created_at,
        "window_until": contact.window_until,
    }
