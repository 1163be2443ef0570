"""The desk: what staff do with cases. Each deed is decided by `may` and written to the audit log in its transaction."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from bot.cases import alerts, deadlines, drafts, filing, knowing, numbers, replies, statuses, telling, thread
from bot.cases.may import Seen, Staff, may
from bot.cases.thread import Line
from bot.contacts import Contact
from bot.dialogue import holding
from bot.dialogue.flow import Library
from bot.dialogue.model import Say
from storage import DataKey, KeyRing, audit, tables

CASES = tables.cases
EXCLUSIONS = tables.exclusions


class NoSuchCase(LookupError):
    """There is no such case, or it is not for you; the two look alike on purpose."""


class NotPossible(ValueError):
    """The case can't take this deed as it stands."""


class Changed(NotPossible):
    """Somebody else changed the case meanwhile; nothing was stored."""


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
class File:
    """A voice note, photo or document of a case."""

    kind: str
    media_type: str
    body: bytes


class Desk:
    """What one member of staff does in one transaction."""

    def __init__(self, conn: Connection, keyring: KeyRing, staff: Staff, now: datetime) -> None:
        self.conn, self.keyring, self.staff, self.now = conn, keyring, staff, now

    # ------------------------------------------------------------ what every deed is made of

    @property
    def staff_id(self) -> uuid.UUID | None:
        """None for the command line."""
        return uuid.UUID(self.staff.id) if self.staff.id else None

    def find(self, reference: str, deed: str, version: int | None = None) -> Row[Any]:
        """The case, locked, if `deed` may be done with it. `version` is what the staff member saw.

        Raises `NoSuchCase`, `Changed`.
        """
        row = self.conn.execute(
            select(CASES).where(CASES.c.reference == numbers.read_reference(reference)).with_for_update()
        ).first()
        if row is None or not self.may("see", row) or not self.may(deed, row):
            raise NoSuchCase(NoSuchCase.__doc__)
        if version is not None and version != row.version:
            raise Changed(Changed.__doc__)
        return row

    def may(self, deed: str, row: Row[Any]) -> bool:
        """Whether this member of staff may do `deed` with the case."""
        return may(self.staff, deed, self.seen(row))

    def seen(self, row: Row[Any]) -> Seen:
        """What decides about the case for this member of staff."""
        staff_id = self.staff_id
        if staff_id is None or (row.restricted and not self.staff.cleared):
            # nothing more can decide; and what is looked for longer than a case that is not there tells that it is
            return Seen(row.restricted, row.region)
        mine = EXCLUSIONS.c.staff_id == staff_id
        if self.staff.office:
            mine |= EXCLUSIONS.c.office == self.staff.office
        excluded = self.conn.execute(select(EXCLUSIONS.c.id).where(EXCLUSIONS.c.case_id == row.id, mine)).first()
        knows, asked = (False, False)
        if row.restricted:
            knows, asked = knowing.standing(self.conn, row.id, staff_id, self.now)
        return Seen(row.restricted, row.region, excluded is not None, knows, asked)

    def change(self, row: Row[Any], **values: Any) -> None:
        """Change the case; whoever looks at the version before is told. Raises `Changed`."""
        same = (CASES.c.id == row.id) & (CASES.c.version == row.version)
        if not self.conn.execute(update(CASES).where(same).values(version=CASES.c.version + 1, **values)).rowcount:
            raise Changed(Changed.__doc__)

    def moment(self, row: Row[Any]) -> datetime:
        """Now, as this case may keep it: the day alone for an anonymous one."""
        return filing.as_kept(self.now, anonymous=row.anonymous)

    def key(self, row: Row[Any]) -> DataKey:
        return DataKey(self.keyring.unwrap(row.data_key))

    def thread(self, row: Row[Any]) -> filing.Thread:
        """What both sides said about the case, to be written to."""
        return filing.Thread(self.conn, row.id, self.key(row), self.moment(row), anonymous=row.anonymous)

    def note_event(self, row: Row[Any], event: str, **more: str) -> None:
        """A line of the system in the thread, sealed like all of it (`bot/console/stories.py` words it)."""
        self.thread(row).say("system", {"event": event, **more}, staff_id=self.staff_id)

    def log(self, deed: str, row: Row[Any] | None, detail: str = "") -> None:
        """Into the audit log, in this transaction. `detail` never has words of a person."""
        audit.append(
            self.conn,
            at=self.now,
            staff=self.staff.name,
            deed=deed,
            case_id=row.id if row is not None else None,
            detail=detail,
        )

    # ------------------------------------------------------------ reading and answering

    def cases(self, *, status: str = "open") -> list[Summary]:
        """The cases this member of staff may see, the ones due first. `status`: one of them, "open" or "all"."""
        query = select(CASES).order_by(CASES.c.due_at, CASES.c.reference)
        if status == "open":
            query = query.where(CASES.c.status.in_(statuses.OPEN))
        elif status != "all":
            query = query.where(CASES.c.status == status)
        rows = [row for row in self.conn.execute(query) if self.may("see", row)]
        self.log("list", None)  # no number: the difference between two people's would count what one may not see
        return [self.summary(row) for row in rows]

    def show(self, reference: str) -> tuple[Summary, list[Line]]:
        """A case and its thread. Raises `NoSuchCase`."""
        row = self.find(reference, "see")
        self.log("show", row)
        return self.summary(row), thread.lines(self, row)

    def file(self, reference: str, file_id: str) -> File:
        """A file of a case, opened. Raises `NoSuchCase`."""
        row = self.find(reference, "see")
        files = tables.attachments
        try:
            wanted = uuid.UUID(file_id)
        except ValueError:
            raise NoSuchCase(NoSuchCase.__doc__) from None
        found = self.conn.execute(select(files).where(files.c.case_id == row.id, files.c.id == wanted)).first()
        if found is None or not found.size:  # still with its provider, or it could not be fetched
            raise NoSuchCase(NoSuchCase.__doc__)
        self.log("file", row)
        key = self.key(row)
        return File(found.kind, found.media_type, key.open(found.bytes, "attachment", found.id.bytes))

    def answer(
        self, reference: str, words: str, library: Library, version: int | None = None, *, ask: bool = False
    ) -> str:
        """Write to the person: into their chat, or into the mailbox that their receipt opens.

        `ask`: an answer of theirs is awaited. Returns "chat" or "mailbox". Raises `NoSuchCase`, `NotPossible`,
        `Changed`.
        """
        if not words.strip():
            raise NotPossible("Écrivez une réponse.")
        if replies.blanks_in(words):
            raise NotPossible("Il reste un blanc à remplir : les mots entre […  …].")
        if len(words) > drafts.MOST:
            raise NotPossible("Cette réponse est trop longue.")
        contact = telling.contact_of(self.conn, self.keyring, reference)
        row = self.find(reference, "answer", version)
        status = self._answered(row, ask=ask)
        at = self.moment(row)
        reached = telling.reached(contact, row)
        to = "chat" if reached else "mailbox"
        message_id = self.thread(row).say("staff", {"said": words, "to": to}, staff_id=self.staff_id)
        self.change(
            row,
            status=status,
            last_step_at=at,
            owed=False,
            answered_at=at,
            first_answer_at=row.first_answer_at or at,
            assignee_id=row.assignee_id or self.staff_id,  # whoever answers follows it, or nobody would
        )
        drafts.drop(self, row)
        self.log("answer", row)
        if reached is not None:
            self._deliver(reached, row, words, library, message_id)
        return to

    # ------------------------------------------------------------ the parts

    def _answered(self, row: Row[Any], *, ask: bool) -> str:
        """The status after an answer. Raises `NotPossible`."""
        if alerts.in_other_hands(self, row):
            raise NotPossible(alerts.IN_OTHER_HANDS)
        if not statuses.can(row.status, "answer"):
            raise NotPossible("Ce dossier est fermé. Rouvrez-le, puis répondez.")
        if ask and statuses.can(row.status, "ask"):
            return statuses.after(row.status, "ask")
        return row.status if ask and row.status == "waiting" else statuses.after(row.status, "answer")

    def _deliver(self, contact: Contact, row: Row[Any], words: str, library: Library, message_id: uuid.UUID) -> None:
        """Into the lane of the contact. Of a restricted case only a neutral notice: the phone may be shared."""
        case_id = row.id.hex
        # somebody answered: nobody is told any more that nobody did
        contact.call_off(self.conn, holding.hold_name(case_id))
        if row.restricted:
            say = Say(*holding.neutral_notice(case_id))
        else:
            say = Say(*holding.staff_answer(words, case_id), accepts=("voice", "photo", "document"))
            telling.may_hold(contact, case_id, library, self.now)
        telling.tell(self.conn, contact, say, library, self.now, message_id)

    def summary(self, row: Row[Any]) -> Summary:
        """The case as a list tells it."""
        return Summary(
            row.reference,
            row.kind,
            row.category,
            row.status,
            row.region,
            thread.when(row, row.opened_at),
            thread.when(row, row.due_at),
            thread.when(row, row.last_step_at),
            row.restricted,
            row.anonymous,
            deadlines.is_overdue(row.status, row.due_at, self.now, owed=row.owed),
            row.channel,
            row.language,
        )
