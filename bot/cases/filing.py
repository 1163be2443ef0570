"""Filing: how a case comes to be, and how what a person says joins it.

An anonymous case keeps nothing that leads back: random ids, times cut to the day, no contact, no channel, and
what was drafted under the contact's key (voice notes, photos) is sealed anew under the case's and removed
there, all in the turn's own commit.
"""

import uuid
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from bot.cases import numbers, statuses
from bot.contacts import Contact
from bot.dialogue.flow import Category
from bot.dialogue.model import AddToCase, CaseView, OpenCase, Text, literal
from storage import DataKey, KeyRing, random_id, tables, uuid7

CASES, MESSAGES, FILES, OUTBOX = tables.cases, tables.case_messages, tables.attachments, tables.outbox

# Built once: SQLAlchemy takes as long to build a statement as SQLite to carry it out, and a case needs seven.
_OPEN = insert(CASES)
_SAY = insert(MESSAGES)
_TAKEN = select(CASES.c.id).where(CASES.c.reference == bindparam("reference"))
_LAST = select(func.max(MESSAGES.c.position)).where(MESSAGES.c.case_id == bindparam("case"))
_DROP_DRAFTS = delete(FILES).where(FILES.c.contact_id == bindparam("contact"))
_DROP_SAID = delete(OUTBOX).where(OUTBOX.c.contact_id == bindparam("contact"), OUTBOX.c.seq > 0)


@dataclass(slots=True)
class Filed:
    """A case just filed. `receipt` is known here and to the person, nowhere else."""

    id: uuid.UUID
    reference: str
    receipt: str
    due_at: datetime

    def values(self) -> dict[str, Text]:
        """What the turn's words may name."""
        return {
            "case.reference": literal(self.reference),
            "case.receipt": literal(numbers.grouped(self.receipt)),
            "case.deadline": Text(moment=self.due_at),
        }


@dataclass(slots=True)
class Attachment:
    """A file that came with a message, not yet anywhere."""

    id: str
    kind: str
    media_type: str
    body: bytes = field(repr=False)


def cut_to_day(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


class Filing:
    """What one turn of one person does to cases. `fresh` is the file that came with the very message."""

    def __init__(
        self,
        conn: Connection,
        keyring: KeyRing,
        contact: Contact,
        now: datetime,
        *,
        fresh: Attachment | None = None,
    ) -> None:
        self.conn, self.keyring, self.contact, self.now, self.fresh = conn, keyring, contact, now, fresh
        self.fresh_taken = False  # a case has it: no draft of it is kept

    def open(self, category: Category, effect: OpenCase) -> Filed:
        """File a case."""
        anonymous, contact = effect.anonymous, self.contact
        at = cut_to_day(self.now) if anonymous else self.now
        due_at = self.now + category.reply_within
        case_id = random_id() if anonymous else uuid7()
        filed = Filed(case_id, _unused_reference(self.conn), numbers.new_receipt(), due_at)
        key = DataKey.new()
        self.conn.execute(
            _OPEN,
            {
                "id": filed.id,
                "reference": filed.reference,
                "contact_id": None if anonymous else contact.id,
                "kind": effect.kind,
                "category": effect.category,
                "status": "new",
                "restricted": category.restricted,
                "anonymous": anonymous,
                "region": effect.story.get("region"),
                "language": None if anonymous else contact.conversation.language,
                "channel": None if anonymous else contact.channel,
                "in_chat": effect.in_chat and not anonymous,
                "opened_at": at,
                "due_at": cut_to_day(due_at) if anonymous else due_at,
                "last_step_at": at,
                "data_key": self.keyring.wrap(key.raw),
                "receipt_index": self.keyring.index("receipt", filed.receipt),
            },
        )
        thread = Thread(self.conn, filed.id, key, at, anonymous=anonymous)
        story = {name: self._moved_in(thread, value) for name, value in effect.story.items()}
        thread.say("person", {"story": story}, position=1)
        if anonymous:  # what was drafted and said on the way here goes in the same commit
            self.conn.execute(_DROP_DRAFTS, {"contact": contact.id})
            self.conn.execute(_DROP_SAID, {"contact": contact.id})
        return filed

    def add(self, effect: AddToCase) -> bool:
        """What the person said joins their case, or the case of a receipt. False when there is no such case."""
        case = self._case_of(effect)
        if case is None:
            return False
        at = cut_to_day(self.now) if case.anonymous else self.now
        key = DataKey(self.keyring.unwrap(case.data_key))
        thread = Thread(self.conn, case.id, key, at, anonymous=case.anonymous)
        thread.say("person", {"said": self._moved_in(thread, effect.content)})
        status = statuses.after(case.status, "hear") if statuses.can(case.status, "hear") else case.status
        self.conn.execute(update(CASES).where(CASES.c.id == case.id).values(last_step_at=at, status=status))
        return True

    def _case_of(self, effect: AddToCase) -> Row[Any] | None:
        if effect.receipt:
            return _by_receipt(self.conn, self.keyring, effect.receipt)
        return _own(self.conn, self.contact, effect.case)

    def _moved_in(self, thread: "Thread", value: object) -> object:
        """A file becomes the case's: sealed with its key, under a new id; the draft goes. Others stay as they are."""
        if not (isinstance(value, Mapping) and "id" in value):
            return value
        file_id = str(value["id"])
        self.fresh_taken = self.fresh_taken or bool(self.fresh and self.fresh.id == file_id)
        attachment = self.fresh if self.fresh and self.fresh.id == file_id else self._take_draft(file_id)
        if attachment is None:
            return {**value, "id": "", "lost": True}
        moved = replace(attachment, id=thread.new_id().hex)
        keep(self.conn, moved, thread.key, thread.at, case_id=thread.case_id)
        return {**value, "id": moved.id}

    def _take_draft(self, file_id: str) -> Attachment | None:
        """A draft's bytes, out of the contact's keeping; None when it is gone (after a day)."""
        mine = (FILES.c.id == uuid.UUID(file_id)) & (FILES.c.contact_id == self.contact.id)
        row = self.conn.execute(select(FILES).where(mine)).first()
        if row is None:
            return None
        self.conn.execute(delete(FILES).where(mine))
        body = self.contact.key.open(row.bytes, "attachment", row.id.bytes)
        return Attachment(file_id, row.kind, row.media_type, body)


@dataclass(frozen=True, slots=True)
class Thread:
    """What both sides said about a case, sealed with the case's key. `at` is cut to the day for anonymous ones."""

    conn: Connection
    case_id: uuid.UUID
    key: DataKey
    at: datetime
    _: KW_ONLY
    anonymous: bool

    def new_id(self) -> uuid.UUID:
        """An id that does not tell when, where that must not be told."""
        return random_id() if self.anonymous else uuid7()

    def say(
        self, author: str, body: Mapping[str, Any], *, staff_id: uuid.UUID | None = None, position: int | None = None
    ) -> None:
        """One more message: `{"story": {answer: …}}` or `{"said": …}`; `position` where it is known."""
        message_id = self.new_id()
        if position is None:
            position = (self.conn.execute(_LAST, {"case": self.case_id}).scalar() or 0) + 1
        self.conn.execute(
            _SAY,
            {
                "id": message_id,
                "case_id": self.case_id,
                "position": position,
                "author": author,
                "staff_id": staff_id,
                "at": self.at,
                "body": self.key.seal(msgspec.json.encode(body), "case_message", message_id.bytes),
            },
        )


def view(conn: Connection, keyring: KeyRing, contact: Contact, what: str, about: str) -> object:
    """What the engine asked for: `cases` of this chat, the `case` of a receipt, or the `answers` of a case by id."""
    match what:
        case "cases":
            # a restricted case is shown by its receipt alone: whoever shares the phone must not learn of it
            found = select(CASES).where(CASES.c.contact_id == contact.id, CASES.c.restricted.is_(False))
            rows = conn.execute(found.order_by(CASES.c.opened_at).limit(20)).all()
            return tuple(_view(conn, keyring, row) for row in rows)
        case "case":
            row = _by_receipt(conn, keyring, about)
            return () if row is None else (_view(conn, keyring, row),)
        case "answers":
            row = _own(conn, contact, about)
            return () if row is None else _view(conn, keyring, row).answers
    raise LookupError(f"nobody knows how to look up {what!r}")


# ---------------------------------------------------------------- the parts


def _unused_reference(conn: Connection) -> str:
    while True:
        reference = numbers.new_reference()
        if conn.execute(_TAKEN, {"reference": reference}).first() is None:
            return reference


def _own(conn: Connection, contact: Contact, case: str) -> Row[Any] | None:
    """A contact's own case, by its id."""
    try:
        case_id = uuid.UUID(case)
    except ValueError:  # a tap somebody made up
        return None
    return conn.execute(select(CASES).where(CASES.c.id == case_id, CASES.c.contact_id == contact.id)).first()


def _by_receipt(conn: Connection, keyring: KeyRing, typed: str) -> Row[Any] | None:
    receipt = numbers.read_receipt(typed)
    if receipt is None:
        return None
    return conn.execute(select(CASES).where(CASES.c.receipt_index == keyring.index("receipt", receipt))).first()


def _view(conn: Connection, keyring: KeyRing, row: Any) -> CaseView:
    key = DataKey(keyring.unwrap(row.data_key))
    said = conn.execute(
        select(MESSAGES.c.id, MESSAGES.c.body)
        .where(MESSAGES.c.case_id == row.id, MESSAGES.c.author == "staff")
        .order_by(MESSAGES.c.position)
    )
    answers = tuple(str(open_body(key, message.id, message.body)["said"]) for message in said)
    return CaseView(row.id.hex, row.reference, row.status, row.last_step_at, answers)


def open_body(key: DataKey, message_id: uuid.UUID, body: bytes) -> dict[str, Any]:
    """A message of a case: `{"story": {answer: …}}` or `{"said": …}`."""
    opened: dict[str, Any] = msgspec.json.decode(key.open(body, "case_message", message_id.bytes))
    return opened


def keep(
    conn: Connection,
    attachment: Attachment,
    key: DataKey,
    at: datetime,
    *,
    contact_id: uuid.UUID | None = None,
    case_id: uuid.UUID | None = None,
) -> None:
    """Store a file, sealed, with its contact (a draft) or its case."""
    file_id = uuid.UUID(attachment.id)
    conn.execute(
        insert(FILES),
        {
            "id": file_id,
            "contact_id": contact_id,
            "case_id": case_id,
            "kind": attachment.kind,
            "media_type": attachment.media_type,
            "size": len(attachment.body),
            "created_at": at,
            "bytes": key.seal(attachment.body, "attachment", file_id.bytes),
        },
    )
