"""The desk: what staff do with cases. Each deed is decided by `may` and written to the audit log in its transaction."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from bot import contacts
from bot.cases import filing, numbers, statuses
from bot.cases.may import OPERATOR, Seen, Staff, may
from bot.contacts import CONTACTS
from bot.dialogue import holding
from bot.dialogue.flow import Library
from bot.dialogue.model import Say, World
from bot.wording import word
from storage import DataKey, KeyRing, audit, tables

CASES, MESSAGES, OUTBOX, STAFF = tables.cases, tables.case_messages, tables.outbox, tables.staff


class NoSuchCase(LookupError):
    """There is no such case, or it is not for you; the two look alike on purpose."""


class NotPossible(ValueError):
    """The case can't take this deed as it stands."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A case in a list. Times in UTC; the day alone for anonymous ones."""

    reference: str
    kind: str
    category: str
    status: str
    region: str | None
    opened_at: str
    due_at: str
    last_step_at: str
    restricted: bool
    anonymous: bool
    overdue: bool
    channel: str | None
    language: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a case's thread. `content` is words, or the answers of the story by name."""

    author: str
    at: str
    content: object


@dataclass(frozen=True, slots=True)
class File:
    """A voice note, photo or document of a case."""

    kind: str
    media_type: str
    body: bytes


class Desk:
    """What one member of staff does in one transaction."""

    def __init__(self, conn: Connection, keyring: KeyRing, staff: Staff, now: datetime) -> None:
        self.conn, self.keyring, self.staff, self.now = conn, keyring, staff, now

    def cases(self, *, status: str = "open") -> list[Summary]:
        """The cases this member of staff may see, the ones due first. `status`: one of them, "open" or "all"."""
        query = select(CASES).order_by(CASES.c.due_at, CASES.c.reference)
        if status == "open":
            query = query.where(CASES.c.status.in_(statuses.OPEN))
        elif status != "all":
            query = query.where(CASES.c.status == status)
        rows = [row for row in self.conn.execute(query) if self._may("see", row)]
        self._log("list", None)  # no number: the difference between two people's would count what one may not see
        return [self._summary(row) for row in rows]

    def show(self, reference: str) -> tuple[Summary, list[Line]]:
        """A case and its thread. Raises `NoSuchCase`."""
        row = self._find(reference, "see")
        self._log("show", row)
        return self._summary(row), self._thread(row)

    def file(self, reference: str, file_id: str) -> File:
        """A file of a case, opened. Raises `NoSuchCase`."""
        row = self._find(reference, "see")
        files = tables.attachments
        try:
            wanted = uuid.UUID(file_id)
        except ValueError:
            raise NoSuchCase(NoSuchCase.__doc__) from None
        found = self.conn.execute(select(files).where(files.c.case_id == row.id, files.c.id == wanted)).first()
        if found is None or not found.size:  # still with its provider, or it could not be fetched
            raise NoSuchCase(NoSuchCase.__doc__)
        self._log("file", row)
        key = DataKey(self.keyring.unwrap(row.data_key))
        return File(found.kind, found.media_type, key.open(found.bytes, "attachment", found.id.bytes))

    def answer(self, reference: str, words: str, library: Library) -> str:
        """Write to the person: into their chat, or into the mailbox that their receipt opens.

        Returns "chat" or "mailbox". Raises `NoSuchCase`, `NotPossible`.
        """
        if not words.strip():
            raise NotPossible("an answer needs words")
        contact = self._contact_of(reference)
        row = self._find(reference, "answer")
        if not statuses.can(row.status, "answer"):
            raise NotPossible(f"a case that is {row.status} can't be answered; reopen it first")
        at = filing.cut_to_day(self.now) if row.anonymous else self.now
        key = DataKey(self.keyring.unwrap(row.data_key))
        staff_id = uuid.UUID(self.staff.id) if self.staff.id else None
        thread = filing.Thread(self.conn, row.id, key, at, anonymous=row.anonymous)
        message_id = thread.say("staff", {"said": words}, staff_id=staff_id)
        status = statuses.after(row.status, "answer")
        self.conn.execute(update(CASES).where(CASES.c.id == row.id).values(status=status, last_step_at=at))
        self._log("answer", row)
        reached = contact is not None and row.in_chat and not contact.blocked
        if contact is not None and reached:
            self._deliver(contact, row, words, library, message_id)
        return "chat" if reached else "mailbox"

    # ------------------------------------------------------------ the parts

    def _contact_of(self, reference: str) -> contacts.Contact | None:
        """Whose case it is, locked before the case itself: rounds lock in that order, too."""
        whose = select(CASES.c.contact_id).where(CASES.c.reference == numbers.read_reference(reference))
        contact_id = self.conn.execute(whose).scalar()
        return contacts.locked_by_id(self.conn, self.keyring, contact_id) if contact_id else None

    def _deliver(
        self, contact: contacts.Contact, row: Row[Any], words: str, library: Library, message_id: uuid.UUID
    ) -> None:
        """Into the lane of the contact. Of a restricted case only a neutral notice: the phone may be shared."""
        case_id = row.id.hex
        # somebody answered: nobody is told any more that nobody did
        contact.call_off(self.conn, holding.hold_name(case_id))
        if row.restricted:
            say = Say(*holding.neutral_notice(case_id))
        else:
            say = Say(*holding.staff_answer(words, case_id), accepts=("voice", "photo", "document"))
            self._hold(contact, case_id, library)
        contact.say(word(say, library, contact.conversation.language), self.now, case_message_id=message_id)
        self.conn.execute(insert(OUTBOX), contact.outgoing)
        self.conn.execute(
            update(CONTACTS)
            .where(CONTACTS.c.id == contact.id)
            .values(conversation=contact.seal_conversation(), last_seq=contact.last_seq)
        )

    def _hold(self, contact: contacts.Contact, case_id: str, library: Library) -> None:
        """What is written next joins the case.

        A person in the midst of something else is not drawn out of it: they have the button to reply.
        """
        talk = contact.conversation
        held = talk.hold is not None and talk.hold.case == case_id
        idle = not talk.frames or (talk.top.flow, talk.top.step) == ("main", "menu")
        if held or (idle and talk.hold is None):
            contact.conversation = holding.hold(library, talk, case_id, World(self.now))

    def _find(self, reference: str, deed: str) -> Row[Any]:
        row = self.conn.execute(
            select(CASES).where(CASES.c.reference == numbers.read_reference(reference)).with_for_update()
        ).first()
        if row is None or not self._may(deed, row):
            raise NoSuchCase(NoSuchCase.__doc__)
        return row

    def _may(self, deed: str, row: Row[Any]) -> bool:
        return may(self.staff, deed, Seen(row.restricted, row.region))

    def _log(self, deed: str, row: Row[Any] | None, detail: str = "") -> None:
        audit.append(
            self.conn,
            at=self.now,
            staff=self.staff.name,
            deed=deed,
            case_id=row.id if row is not None else None,
            detail=detail,
        )

    def _summary(self, row: Row[Any]) -> Summary:
        when: Callable[[datetime], str] = _day if row.anonymous else _moment
        return Summary(
            row.reference,
            row.kind,
            row.category,
            row.status,
            row.region,
            when(row.opened_at),
            when(row.due_at),
            when(row.last_step_at),
            row.restricted,
            row.anonymous,
            row.due_at < self.now and row.status in ("new", "reopened"),
            row.channel,
            row.language,
        )

    def _thread(self, row: Row[Any]) -> list[Line]:
        key = DataKey(self.keyring.unwrap(row.data_key))
        when: Callable[[datetime], str] = _day if row.anonymous else _moment
        messages = self.conn.execute(select(MESSAGES).where(MESSAGES.c.case_id == row.id).order_by(MESSAGES.c.position))
        missing = filing.files_missing(self.conn, row.id)
        lines = []
        for message in messages:
            body = filing.open_body(key, message.id, message.body)
            content = _told_of_files(body.get("story", body.get("said")), missing)
            lines.append(Line(message.author, when(message.at), content))
        return lines


def _told_of_files(content: object, missing: Mapping[str, str]) -> object:
    """A file that is not there has no id, and says so: "file" is "pending" or "lost"."""
    if not isinstance(content, Mapping):
        return content
    if "kind" not in content:
        return {name: _told_of_files(value, missing) for name, value in content.items()}
    state = missing.get(str(content.get("id")))
    return {**content, "id": "", "file": state} if state else content


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _day(at: datetime) -> str:
    return at.date().isoformat()


# ---------------------------------------------------------------- staff


def add_staff(
    conn: Connection, name: str, role: str, *, cleared: bool, regions: tuple[str, ...], now: datetime
) -> Staff:
    """A new member of staff. Raises `NotPossible` when the name is taken."""
    if conn.execute(select(STAFF.c.id).where(STAFF.c.name_key == name.casefold())).first():
        raise NotPossible(f"{name} is already there")
    staff_id = uuid.uuid4()
    conn.execute(
        insert(STAFF),
        {
            "id": staff_id,
            "name": name,
            "name_key": name.casefold(),
            "role": role,
            "regions": list(regions),
            "cleared": cleared,
            "created_at": now,
        },
    )
    audit.append(conn, at=now, staff=OPERATOR.name, deed="staff add", detail=f"{name}: {role}, cleared={cleared}")
    return Staff(staff_id.hex, name, role, cleared, regions)


def find_staff(conn: Connection, name: str) -> Staff | None:
    """A member of staff who is not disabled."""
    row = conn.execute(select(STAFF).where(STAFF.c.name_key == name.casefold(), STAFF.c.disabled_at.is_(None))).first()
    return Staff(row.id.hex, row.name, row.role, row.cleared, tuple(row.regions)) if row else None


def disable_staff(conn: Connection, name: str, now: datetime) -> bool:
    """False when there is nobody of that name."""
    changed = conn.execute(
        update(STAFF).where(STAFF.c.name_key == name.casefold(), STAFF.c.disabled_at.is_(None)).values(disabled_at=now)
    )
    if changed.rowcount:
        audit.append(conn, at=now, staff=OPERATOR.name, deed="staff disable", detail=name)
    return bool(changed.rowcount)


def all_staff(conn: Connection) -> list[dict[str, Any]]:
    return [
        {
            "name": row.name,
            "role": row.role,
            "cleared": row.cleared,
            "regions": list(row.regions),
            "disabled": row.disabled_at is not None,
        }
        for row in conn.execute(select(STAFF).order_by(STAFF.c.name_key))
    ]
