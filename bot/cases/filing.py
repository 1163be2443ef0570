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

from bot.cases import exclusions, merged, numbers, statuses
from bot.contacts import Contact
from bot.dialogue.flow import Category, Library
from bot.dialogue.model import AddToCase, OpenCase, Text, literal
from storage import DataKey, KeyRing, database_now, insert_into, many, random_id, tables, uuid7

CASES, MESSAGES, FILES, OUTBOX = tables.cases, tables.case_messages, tables.attachments, tables.outbox
FETCHES = tables.fetches

TOO_LARGE, UNCLEAN = "too_large", "unclean"
"""Why a file is not kept, where it is not just lost. It stands in place of the media type of a file without bytes."""

# Built once: SQLAlchemy takes as long to build a statement as SQLite to carry it out, and a case needs seven.
_OPEN = {
    name: insert_into(name, CASES).on_conflict_do_nothing(index_elements=["reference"])
    for name in ("sqlite", "postgresql")
}
_SAY = insert(MESSAGES)
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
    """A file that came with a message, not yet anywhere. With `ref` its bytes are still with the provider of `channel`.

    Without bytes and `ref` it could not be fetched.
    """

    id: str
    kind: str
    media_type: str = ""
    body: bytes = field(default=b"", repr=False)
    ref: str = field(default="", repr=False)
    channel: str = ""


@dataclass(frozen=True, slots=True)
class New:
    """A case to be filed, by whatever way it came. `id` and `receipt` are drawn by chance where they are not given.

    `entry`: how it came, if not by chat. `in_chat`: staff may answer into the chat of `contact_id`.
    """

    kind: str
    category: Category
    anonymous: bool
    region: str | None = None
    language: str | None = None
    channel: str | None = None
    contact_id: uuid.UUID | None = None
    in_chat: bool = False
    entry: str | None = None
    due_at: datetime | None = None
    id: uuid.UUID | None = None
    receipt: str = field(default="", repr=False)


def cut_to_day(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def as_kept(at: datetime, *, anonymous: bool) -> datetime:
    """A moment as a case may keep it: of an anonymous one the day alone."""
    return cut_to_day(at) if anonymous else at


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
        library: Library | None = None,
    ) -> None:
        self.conn, self.keyring, self.contact, self.now, self.fresh = conn, keyring, contact, now, fresh
        self.library = library
        self.fresh_taken = False  # a case has it: no draft of it is kept

    def open(self, category: Category, effect: OpenCase) -> Filed:
        """File a case."""
        anonymous, contact = effect.anonymous, self.contact
        region = effect.story.get("region")
        new = New(
            effect.kind,
            category,
            anonymous,
            str(region) if region is not None else None,
            contact.conversation.language,
            contact.channel,
            contact.id,
            effect.in_chat,
            due_at=due(self.library, category, self.now),
        )
        filed, thread = file_case(self.conn, self.keyring, new, self.now)
        story = {name: self._moved_in(thread, value) for name, value in effect.story.items()}
        tell_story(thread, story, restricted=category.restricted)
        if anonymous:  # what was drafted and said on the way here goes in the same commit
            self.conn.execute(_DROP_DRAFTS, {"contact": contact.id})
            self.conn.execute(_DROP_SAID, {"contact": contact.id})
        return filed

    def add(self, effect: AddToCase) -> bool:
        """What the person said joins their case, or the case of a receipt. False when there is no such case."""
        case = find(self.conn, self.keyring, self.contact, case=effect.case, receipt=effect.receipt)
        if case is None:
            return False
        case = merged.goes_on_in(self.conn, case)
        at = as_kept(self.now, anonymous=case.anonymous)
        key = DataKey(self.keyring.unwrap(case.data_key))
        thread = Thread(self.conn, case.id, key, at, anonymous=case.anonymous)
        content = self._moved_in(thread, effect.content)
        thread.say("person", {"said": content})
        if case.restricted:
            exclusions.heed(thread, content)
        values: dict[str, Any] = {"last_step_at": at, "heard_at": at}
        if not case.owed:  # a new promise; further words do not put it off
            values |= {"owed": True, "due_at": due_again(case, self.library, self.now)}
        if statuses.can(case.status, "hear"):
            status = statuses.after(case.status, "hear")
            values |= {"status": status, "version": CASES.c.version + 1}  # staff who look at it are told
            if status == "reopened":
                values |= reopening(case, self.library, self.now)
        self.conn.execute(update(CASES).where(CASES.c.id == case.id).values(values))
        return True

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
        # locked: whoever fetches it stores its bytes before, or finds it gone
        row = self.conn.execute(select(FILES).where(mine).with_for_update()).first()
        if row is None:
            return None
        fetch = self.conn.execute(select(FETCHES).where(FETCHES.c.attachment_id == row.id)).first()
        self.conn.execute(delete(FILES).where(mine))
        key = self.contact.key
        if fetch is not None:
            ref = key.open(fetch.ref, "fetch", row.id.bytes).decode()
            return Attachment(file_id, row.kind, ref=ref, channel=fetch.channel)
        return Attachment(file_id, row.kind, row.media_type, key.open(row.bytes, "attachment", row.id.bytes))


def file_case(conn: Connection, keyring: KeyRing, new: New, now: datetime) -> tuple[Filed, "Thread"]:
    """A case without its story yet, and its thread. An anonymous one keeps no contact, channel, language or hour."""
    anonymous = new.anonymous
    at = as_kept(now, anonymous=anonymous)
    due_at = new.due_at or due(None, new.category, now)
    case_id = new.id or (random_id() if anonymous else uuid7())
    filed = Filed(case_id, numbers.new_reference(), new.receipt or numbers.new_receipt(), due_at)
    key = DataKey.new()
    row = {
        "id": filed.id,
        "reference": filed.reference,
        "contact_id": None if anonymous else new.contact_id,
        "kind": new.kind,
        "category": new.category.key,
        "status": "new",
        "restricted": new.category.restricted,
        "anonymous": anonymous,
        "region": new.region,
        "language": None if anonymous else new.language,
        "channel": None if anonymous else new.channel,
        "in_chat": new.in_chat and not anonymous,
        "entry": new.entry,
        "opened_at": at,
        "due_at": as_kept(due_at, anonymous=anonymous),
        "promised_at": as_kept(due_at, anonymous=anonymous),
        "last_step_at": at,
        "heard_at": at,
        "data_key": keyring.wrap(key.raw),
        "receipt_index": keyring.index("receipt", filed.receipt),
        "owed": True,
        "version": 1,
        "legal_hold": False,
    }
    while not many(conn, _OPEN[conn.dialect.name], [row]):  # somebody has this number
        filed.reference = row["reference"] = numbers.new_reference()
    return filed, Thread(conn, filed.id, key, at, anonymous=anonymous)


def tell_story(thread: "Thread", story: Mapping[str, object], *, restricted: bool) -> None:
    """The first words of a case. Whoever works here and is named in a restricted one won't know of it."""
    thread.say("person", {"story": story}, position=1)
    if restricted:
        exclusions.heed(thread, story)


def due(library: Library | None, category: Category, now: datetime) -> datetime:
    """Until when a person reads."""
    if library is None:
        return now + category.reply_within
    return library.organisation.deadline(now, category.reply_within, restricted=category.restricted)


def reopening(row: Row[Any], library: Library | None, now: datetime) -> dict[str, Any]:
    """What changes besides the status when a case is open again: a new deadline, nothing of its end."""
    over = dict.fromkeys(("outcome", "resolved_at", "closed_at", "merged_into"))
    return {**over, "owed": True, "due_at": due_again(row, library, now)}


def due_again(row: Row[Any], library: Library | None, now: datetime) -> datetime:
    """Until when a person reads what was said now."""
    category = library.categories.get(row.category) if library else None
    due_at = due(library, category, now) if category else row.due_at
    return as_kept(due_at, anonymous=row.anonymous)


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
    ) -> uuid.UUID:
        """One more message: `{"story": {answer: …}}` or `{"said": …}`; `position` where it is known. Returns its id."""
        message_id = self.new_id()
        if position is None:
            position = (self.conn.execute(_LAST, {"case": self.case_id}).scalar() or 0) + 1
        row = {
            "id": message_id,
            "case_id": self.case_id,
            "position": position,
            "author": author,
            "staff_id": staff_id,
            "at": self.at,
            "body": self.key.seal(msgspec.json.encode(body), "case_message", message_id.bytes),
        }
        many(self.conn, _SAY, [row])
        return message_id


# ---------------------------------------------------------------- the parts


def find(conn: Connection, keyring: KeyRing, contact: Contact, *, case: str = "", receipt: str = "") -> Row[Any] | None:
    """A contact's own case by its id, or the one of a receipt; locked."""
    if receipt:
        return by_receipt(conn, keyring, receipt, locked=True)
    return own(conn, contact, case, locked=True)


def own(conn: Connection, contact: Contact, case: str, *, locked: bool = False) -> Row[Any] | None:
    """A contact's own case, by its id."""
    try:
        case_id = uuid.UUID(case)
    except ValueError:  # a tap somebody made up
        return None
    found = select(CASES).where(CASES.c.id == case_id, CASES.c.contact_id == contact.id)
    return conn.execute(found.with_for_update() if locked else found).first()


def by_receipt(conn: Connection, keyring: KeyRing, typed: str, *, locked: bool = False) -> Row[Any] | None:
    receipt = numbers.read_receipt(typed)
    if receipt is None:
        return None
    found = select(CASES).where(CASES.c.receipt_index == keyring.index("receipt", receipt))
    return conn.execute(found.with_for_update() if locked else found).first()


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
    """Store a file, sealed, with its contact (a draft) or its case; what is still to be fetched is noted beside it."""
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
    if attachment.ref:
        fetch = {"attachment_id": file_id, "channel": attachment.channel, "tries": 0, "fence": 0}
        sealed = key.seal(attachment.ref.encode(), "fetch", file_id.bytes)
        conn.execute(insert(FETCHES), {**fetch, "ref": sealed, "not_before": database_now(conn)})


def files_missing(conn: Connection, case_id: uuid.UUID) -> dict[str, str]:
    """Files of a case whose bytes are not there: id → why.

    "pending" (being fetched), "lost" (could not be fetched), "too_large", or "unclean" (broken, or of a kind whose
    place and phone can't be taken out).
    """
    rows = conn.execute(
        select(FILES.c.id, FILES.c.media_type, FETCHES.c.attachment_id)
        .outerjoin(FETCHES, FETCHES.c.attachment_id == FILES.c.id)
        .where(FILES.c.case_id == case_id, FILES.c.size == 0)
    )
    return {row.id.hex: "pending" if row.attachment_id else _why_lost(row.media_type) for row in rows}


def _why_lost(media_type: str) -> str:
    return media_type if media_type in (TOO_LARGE, UNCLEAN) else "lost"
