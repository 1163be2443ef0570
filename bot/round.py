"""One round: a transaction over many messages, in the writer's thread.

Contacts are locked and read, what was seen is dropped, every turn is computed, then all of it is written. A
turn with effects runs in a savepoint of its own, so that a fault in it undoes it alone.
"""

import logging
import traceback
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from bot import contacts
from bot.cases import consenting, filing, views
from bot.channels.base import Channel, Incoming, Said, Told
from bot.contacts import CONTACTS, Contact
from bot.counts import answered as answered_by
from bot.dialogue import drafts, engine, led
from bot.dialogue.flow import Library
from bot.dialogue.letters import clean
from bot.dialogue.model import Conversation, Effect, Forget, Heard, Say, Text, Turn, World
from bot.dialogue.rules import has_consented
from bot.effects import Effects, with_file
from bot.handing import Ready, first_of
from bot.lanes import Due
from bot.leaving import has_left_since
from bot.wording import word
from storage import KeyRing, among, insert_into, many, tables
from storage import Unavailable as StorageUnavailable
from storage.engines import alone, trouble

log = logging.getLogger(__name__)

Lease = Callable[[Connection, list[Ready]], dict[uuid.UUID, Due]]

HEARD, OUTBOX, LANES = tables.heard, tables.outbox, tables.lanes

MAX_NEEDS = 8  # look-ups a turn
BRIEF = timedelta(hours=1)  # how long a message that leads to an anonymous case waits to be fetched
DRAFT = timedelta(hours=24)  # how long an unfinished dialogue keeps what is sensitive
NOTHING_SAID = Told((), new=False)


class Entry(Struct, eq=False):
    """One message on its way through a round."""

    channel: Channel
    incoming: Incoming
    address_index: bytes
    message_index: bytes
    failed: bool = False  # its turn can't be written: it is set aside


class Result(Struct):
    """What became of an entry once the round is committed."""

    entry: Entry
    contact_id: uuid.UUID | None = None
    told: Told = NOTHING_SAID
    effects: tuple[Effect, ...] = ()
    passed: tuple[str, ...] = ()  # steps entered
    answered: str = ""  # the step that waited before and was answered, as "flow/step"
    failed: bool = False  # the turn raised and was set aside
    fetches: bool = False  # a file is to be fetched
    ready: Ready | None = None  # what is to be pushed first
    due: Due | None = None  # the same, with its lane leased: it may go at once

    @property
    def pushes(self) -> bool:
        """Something waits in the lane."""
        return self.ready is not None


def place_of(error: BaseException) -> str:
    """An error's class and where it arose: never its message, which may quote a person."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {where}"


_WAITING = (
    select(OUTBOX.c.id, OUTBOX.c.contact_id, OUTBOX.c.seq, OUTBOX.c.body)
    .where(OUTBOX.c.contact_id.in_(bindparam("contacts", expanding=True)), OUTBOX.c.seq > 0)
    .order_by(OUTBOX.c.seq)
)
_HEAR = insert(HEARD)
_SAY = insert(OUTBOX)
_ADVANCE = (
    update(CONTACTS)
    .where(CONTACTS.c.id == bindparam("contact"))
    .values(
        conversation=bindparam("conversation"),
        last_seq=bindparam("last_seq"),
        heard_at=bindparam("heard_at"),
        consented_at=bindparam("consented_at"),
        draft_until=bindparam("draft_until"),
        blocked_at=bindparam("blocked"),
        window_until=bindparam("window"),
    )
)
_ACKNOWLEDGE = delete(OUTBOX).where(
    OUTBOX.c.contact_id == bindparam("contact"), OUTBOX.c.seq > 0, OUTBOX.c.seq <= bindparam("cursor")
)
_FORGET_FAILED = (
    update(HEARD).where(HEARD.c.address_index == bindparam("mine"), HEARD.c.failed.is_not(None)).values(failed=None)
)


class Round:
    """One transaction over many messages; `world` is what every turn of it may know."""

    def __init__(
        self,
        conn: Connection,
        keyring: KeyRing,
        library: Library,
        world: World,
        entries: list[Entry],
        lease: Lease | None = None,
    ) -> None:
        self.conn, self.keyring, self.library, self.world, self.entries = conn, keyring, library, world, entries
        self.now, self.lease = world.now, lease
        self.heard_rows: list[dict[str, Any]] = []
        self.advanced: list[Contact] = []
        self.outgoing: list[dict[str, Any]] = []

    def run(self) -> list[Result]:
        addresses = [(entry.channel.name, entry.address_index) for entry in self.entries]
        found = contacts.locked(self.conn, self.keyring, addresses)
        seen = self._seen()  # behind the lock: what another worker did with the same message shows
        newcomers = self._create_missing(found, seen)
        self._acknowledge(found, newcomers)
        waiting = self._waiting(found)
        results = [
            self._one(
                entry,
                found.get(entry.address_index),
                waiting,
                seen=(entry.address_index, entry.message_index) in seen,
                new=entry.address_index in newcomers,
            )
            for entry in self.entries
        ]
        if self.lease is not None:
            self._hand_over(results, self.lease)
        self._write()
        return results

    # ------------------------------------------------------------ reading

    def _seen(self) -> set[tuple[bytes, bytes]]:
        return contacts.heard_before(self.conn, [(entry.address_index, entry.message_index) for entry in self.entries])

    def _create_missing(self, found: dict[bytes, Contact], seen: set[tuple[bytes, bytes]]) -> set[bytes]:
        """Newcomers get their row. A repeat of a message from somebody erased makes nobody."""
        missing = sorted(
            (
                entry
                for entry in self.entries
                if entry.address_index not in found and (entry.address_index, entry.message_index) not in seen
            ),
            key=lambda entry: entry.address_index,
        )
        if not missing:
            return set()
        made = [
            contacts.fresh(self.keyring, e.channel.name, e.address_index, e.incoming.address, self.now) for e in missing
        ]
        # another worker may have made them meanwhile: then theirs count, and are locked
        self.conn.execute(
            insert_into(self.conn.dialect.name, CONTACTS).on_conflict_do_nothing(),
            [contacts.new_row(contact, self.now) for contact in made],
        )
        wanted = [(contact.channel, contact.index) for contact in made]
        found.update(contacts.locked(self.conn, self.keyring, wanted))
        return {contact.index for contact in made if found[contact.index].id == contact.id}

    def _acknowledge(self, found: dict[bytes, Contact], newcomers: set[bytes]) -> None:
        """What the browser says it has is dropped here."""
        rows = [
            {"contact": found[entry.address_index].id, "cursor": entry.incoming.cursor}
            for entry in self.entries
            if entry.incoming.cursor and entry.address_index in found and entry.address_index not in newcomers
        ]
        if rows:
            self.conn.execute(_ACKNOWLEDGE, rows)

    def _waiting(self, found: dict[bytes, Contact]) -> dict[uuid.UUID, list[Said]]:
        """What was said before and not acknowledged, for channels that are pulled from."""
        behind = {
            contact.id: contact
            for entry in self.entries
            if entry.channel.pulls
            and (contact := found.get(entry.address_index)) is not None
            and (entry.incoming.cursor or 0) < contact.last_seq
        }
        waiting: dict[uuid.UUID, list[Said]] = {}
        if behind:
            for row in among(self.conn, _WAITING, contacts=list(behind)):
                message = behind[row.contact_id].read_message(row.id, row.body)
                waiting.setdefault(row.contact_id, []).append(Said(row.seq, message))
        return waiting

    # ------------------------------------------------------------ one message

    def _one(
        self,
        entry: Entry,
        contact: Contact | None,
        waiting: dict[uuid.UUID, list[Said]],
        *,
        seen: bool,
        new: bool,
    ) -> Result:
        if contact is None:
            return Result(entry)
        before = tuple(waiting.get(contact.id, ()))
        if seen:
            bare = not contact.conversation.frames and not contact.conversation.language  # erased: said again
            return Result(entry, contact.id, Told(before, new=False, erased=bare and bool(before)))
        heard, fresh = with_file(entry.incoming, entry.channel)
        fallback, failed, answered = replace_contact(contact), False, ""
        try:
            turn, known = self._advance(contact, heard, entry.incoming.start, writable=not entry.failed)
            answered = answered_by(contact.conversation, turn)
            said, keeps_before = self._carry_out(contact, turn, known, fresh)
            self._hear(entry)
        except (StorageUnavailable, MemoryError):
            raise
        except Exception as error:
            if trouble(error) is not None:  # disk full, connection lost: the whole round was not stored, and says so
                raise
            # whatever editors or we got wrong, one person's turn alone fails
            log.error("a turn failed and was set aside: %s", place_of(error))  # noqa: TRY400 - no content in logs
            contact, failed, answered = fallback, True, ""
            said, keeps_before, turn = [self._apologise(contact)], True, Turn(contact.conversation)
            self._hear(entry, failure=place_of(error), raw=(contact, heard))
        if entry.channel.window is not None:  # and a lane that waited for a word of theirs goes on
            contact.window_until = self._window_end(contact, entry.incoming, entry.channel.window)
        if contact.blocked and not entry.channel.pulls and not self._reopen(contact, entry.incoming):
            said = []
        self.advanced.append(contact)
        self.outgoing.extend(contact.outgoing)
        erased = any(isinstance(effect, Forget) for effect in turn.effects)
        told = Told((*(before if keeps_before else ()), *said), new=new, erased=erased)
        ready = None
        if said and not entry.channel.pulls:
            ready = first_of(contact, entry.incoming.address, said[0], self.now, new=new)
        fetches = bool(entry.incoming.file_ref) and fresh is not None
        return Result(entry, contact.id, told, turn.effects, turn.passed, answered, failed, fetches, ready)

    def _reopen(self, contact: Contact, incoming: Incoming) -> bool:
        """Whoever writes can be written to (a page that was left can't), unless they left after they wrote."""
        if has_left_since(self.conn, self.keyring, contact, incoming.said_at):
            contact.outgoing.clear()
            return False
        contact.blocked_at = None
        self.conn.execute(update(LANES).where(LANES.c.contact_id == contact.id).values(closed_at=None))
        return True

    def _window_end(self, contact: Contact, incoming: Incoming, window: timedelta) -> datetime:
        """A message that comes late opens it for less, or not at all; what a newer one opened stays open."""
        end = min(incoming.said_at or self.now, self.now) + window
        return max(end, contact.window_until or end)

    def _hand_over(self, results: list[Result], lease: Lease) -> None:
        ready = [result.ready for result in results if result.ready is not None and not result.ready.late]
        dues = lease(self.conn, ready) if ready else {}
        for result in results:
            if result.ready is not None:
                result.due = dues.get(result.ready.contact_id)

    def _advance(self, contact: Contact, heard: Heard, start: str, *, writable: bool) -> tuple[Turn, World]:
        """One turn; what it needs is read in this transaction, and it is taken again."""
        if not writable:
            raise Unwritable
        heard, link = led.read(self.library, heard, start)
        before = led.arriving(contact.conversation, link)
        turn, world = self._take(contact, before, heard, self.world)
        if link == led.Link() and led.LINK not in before.facts:
            return turn, world
        turn, then = led.follow(self.library, before, turn, link)
        while then is not None:
            here = turn.conversation
            more, world = self._take(contact, here, then, world)
            turn, then = led.follow(self.library, here, led.joined(turn, more), led.Link())
        return turn, world

    def _take(self, contact: Contact, talk: Conversation, heard: Heard, world: World) -> tuple[Turn, World]:
        for _ in range(MAX_NEEDS):
            turn = engine.advance(self.library, talk, heard, world)
            if not turn.needs:
                return turn, world
            read = {need: views.view(self.conn, self.keyring, contact, need.what, need.about) for need in turn.needs}
            world = replace(world, known={**world.known, **read})
        raise engine.LoopError(f"more than {MAX_NEEDS} look-ups in a turn")

    def _carry_out(
        self, contact: Contact, turn: Turn, world: World, fresh: filing.Attachment | None
    ) -> tuple[list[Said], bool]:
        """Effects first, then words. Returns what is said, and whether what waited before still counts."""
        before, contact.conversation = contact.conversation, turn.conversation
        # what names a receipt, or the case it opens, must not wait long beside the person
        brief = self.now + BRIEF if any(need.what == "case" for need in world.known) else None
        if not turn.effects:
            said = self._speak(contact, turn.says, turn.conversation.language, expires=brief)
            self._keep_file(contact, fresh)
            return said, True
        outcome = Effects(self.conn, self.keyring, self.library, contact, world, self.now, fresh)
        with alone(self.conn):  # a fault here, in the words too, undoes this turn alone
            for effect in turn.effects:
                outcome.apply(effect)
            if outcome.forgotten:
                self._forget(contact)
            elif not outcome.cases.fresh_taken:
                self._keep_file(contact, fresh)
            language = turn.conversation.language or before.language
            says = (Say(Text(key="words:apology")),) if outcome.lost else turn.says
            case = outcome.filed.values() if outcome.filed else None
            brief = self.now + BRIEF if outcome.clean_slate and not outcome.forgotten else brief
            said = self._speak(contact, says, language, case, expires=brief)
        if outcome.clean_slate:  # nor does the raw text of a turn that failed stay
            self.conn.execute(_FORGET_FAILED, {"mine": contact.index})
        return said, not outcome.clean_slate

    def _speak(
        self,
        contact: Contact,
        says: Iterable[Say],
        language: str,
        case: Mapping[str, Text] | None = None,
        *,
        expires: datetime | None = None,
    ) -> list[Said]:
        messages = [word(say, self.library, language, case) for say in says]
        return [Said(contact.say(message, self.now, expires=expires), message) for message in messages]

    def _apologise(self, contact: Contact) -> Said:
        return self._speak(contact, [Say(Text(key="words:apology"))], contact.conversation.language)[0]

    def _keep_file(self, contact: Contact, fresh: filing.Attachment | None) -> None:
        """A file is kept only where an answer points to it; one that a case took is there already."""
        if fresh is not None and any(
            isinstance(value, dict) and value.get("id") == fresh.id
            for frame in contact.conversation.frames
            for value in frame.answers.values()
        ):
            filing.keep(self.conn, fresh, contact.key, self.now, contact_id=contact.id)

    def _forget(self, contact: Contact) -> None:
        """The person is gone: key, dialogue, drafts, what waited. A bare row stays for the good-bye to be fetched."""
        consenting.erased(filing.Filing(self.conn, self.keyring, contact, self.now))
        self.conn.execute(delete(CONTACTS).where(CONTACTS.c.id == contact.id))
        bare = contacts.fresh(self.keyring, contact.channel, contact.index, contact.open_address(), self.now)
        bare.last_seq = contact.last_seq  # the browser counts on
        for name in ("id", "key", "wrapped_key", "address", "last_seq", "created_at", "consented_at", "draft_until"):
            setattr(contact, name, getattr(bare, name))
        contact.conversation = Conversation()
        contact.outgoing.clear()
        self.conn.execute(insert(CONTACTS), contacts.new_row(contact, self.now))

    # ------------------------------------------------------------ writing

    def _hear(self, entry: Entry, *, failure: str | None = None, raw: tuple[Contact, Heard] | None = None) -> None:
        repeats = entry.channel.repeats
        failed = None
        if raw is not None:
            contact, heard = raw
            heard = replace(heard, text=clean(heard.text), tap=clean(heard.tap))  # halves of letters can't be encoded
            failed = contact.key.seal(msgspec.json.encode(heard), "failed", entry.message_index)
        self.heard_rows.append(
            {
                "address_index": entry.address_index,
                "message_index": entry.message_index,
                "at": self.now if raw is not None else entry.incoming.said_at or self.now,
                "expires_at": None if repeats is None else self.now + timedelta(seconds=repeats),
                "failed": failed,
                "failure": failure,
            }
        )

    def _write(self) -> None:
        many(self.conn, _HEAR, self.heard_rows)
        many(self.conn, _ADVANCE, [self._advanced_row(contact) for contact in self.advanced])
        many(self.conn, _SAY, self.outgoing)

    def _advanced_row(self, contact: Contact) -> dict[str, Any]:
        consented = has_consented(contact.conversation.facts)
        private = not consented or drafts.has_drafts(self.library, contact.conversation)
        return {
            "contact": contact.id,
            "conversation": contact.seal_conversation(),
            "last_seq": contact.last_seq,
            "heard_at": self.now,
            "blocked": contact.blocked_at,
            "window": contact.window_until,
            "consented_at": (contact.consented_at or self.now) if consented else None,
            # before consent the day counts from the first word: that is what people are told
            "draft_until": ((contact.draft_until if not consented else None) or self.now + DRAFT) if private else None,
        }


class Unwritable(Exception):
    """The turn was computed before, but the database would not take it."""


def replace_contact(contact: Contact) -> Contact:
    """The contact as it was before its turn."""
    return replace(contact, outgoing=[])
