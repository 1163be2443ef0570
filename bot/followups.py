"""What time brings: words due later, drafts that have lain too long, and what may be forgotten.

Each look is one short transaction; several workers may look at once without harm.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, Connection, delete, select, update

from bot import contacts, deliveries
from bot.cases import retention, settling
from bot.contacts import CONTACTS
from bot.dialogue import drafts
from bot.inbox import utc_now
from bot.library.shelf import NoLibrary, Shelf
from bot.round import place_of
from bot.wording import word
from storage import KeyRing, Store, tables
from storage import Unavailable as StorageUnavailable

log = logging.getLogger(__name__)

HEARD, OUTBOX, FILES, CASES = tables.heard, tables.outbox, tables.attachments, tables.cases

EVERY = 1.0  # seconds between looks for words that are due
TIDY_EVERY = 600.0  # seconds between looks for what may be forgotten
AT_ONCE = 100
FORGET_AT_ONCE = 500
DRAFT = timedelta(hours=24)
IDLE = timedelta(days=365)  # nothing heard for so long: the contact is forgotten


class Followups:
    """Says what is due, forgets what is owed to be forgotten."""

    def __init__(
        self, store: Store, keyring: KeyRing, shelf: Shelf, *, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.store, self.keyring, self.shelf, self.clock = store, keyring, shelf, clock
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._again(self._said_due, EVERY)),
            asyncio.create_task(self._again(self._tidied, TIDY_EVERY)),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _again(self, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            try:
                await work()
            except (StorageUnavailable, NoLibrary) as error:
                log.warning("what time brings is put off: %s", type(error).__name__)
            except Exception as error:  # noqa: BLE001 - one row that can't be read must not end the looking
                log.error("what time brings: %s", place_of(error))  # noqa: TRY400 - no content in logs
            await asyncio.sleep(seconds)

    async def _said_due(self) -> None:
        if await self.store.read(self._anything_due):
            await self.store.run(self.say_due)

    async def _tidied(self) -> None:
        more = True
        while more:
            more = await self.store.run(self.tidy)
        await self._lapsed()
        await self.store.scrub()

    async def _lapsed(self) -> None:
        """Close what was resolved long ago and left unanswered. One case a transaction: contacts are locked in it."""
        for case_id in await self.store.read(lambda conn: settling.silent(conn, self.clock())):
            await self.store.run(partial(self._lapse, case_id))

    def _lapse(self, case_id: uuid.UUID, conn: Connection) -> None:
        settling.lapse(conn, self.keyring, self.shelf.current(conn), self.clock(), case_id)

    def _anything_due(self, conn: Connection) -> bool:
        due = select(OUTBOX.c.id).where(OUTBOX.c.is_say.is_(True), OUTBOX.c.due_at <= self.clock()).limit(1)
        return conn.execute(due).first() is not None

    def say_due(self, conn: Connection) -> None:
        """Word what is due now and put it into its lane."""
        now, library = self.clock(), self.shelf.current(conn)
        due = conn.execute(
            select(OUTBOX.c.id, OUTBOX.c.contact_id, OUTBOX.c.body, CONTACTS.c.address_index)
            .join(CONTACTS, CONTACTS.c.id == OUTBOX.c.contact_id)
            .where(OUTBOX.c.is_say.is_(True), OUTBOX.c.due_at <= now)
            .order_by(OUTBOX.c.due_at)
            .limit(AT_ONCE)
        ).all()
        for row in sorted(due, key=lambda row: row.address_index):  # contacts first, in the order rounds lock them
            contact = contacts.locked_by_id(conn, self.keyring, row.contact_id)
            if contact is None or not conn.execute(delete(OUTBOX).where(OUTBOX.c.id == row.id)).rowcount:
                continue  # erased, called off or said meanwhile
            say = contact.read_say(row.id, row.body)
            contact.say(word(say, library, contact.conversation.language), now)
            conn.execute(OUTBOX.insert(), contact.outgoing)
            conn.execute(update(CONTACTS).where(CONTACTS.c.id == contact.id).values(last_seq=contact.last_seq))

    def tidy(self, conn: Connection) -> bool:
        """Forget: strangers after a day, unfinished drafts after a day, message ids nobody will repeat.

        A part at a time; True when there may be more.
        """
        now, library = self.clock(), self.shelf.current(conn)
        strangers = self._forget_where(conn, CONTACTS.c.consented_at.is_(None) & (CONTACTS.c.draft_until <= now))
        idle = self._forget_where(conn, CONTACTS.c.heard_at <= now - IDLE)
        lying = select(CONTACTS.c.id).where(CONTACTS.c.draft_until <= now, CONTACTS.c.consented_at.is_not(None))
        late = conn.execute(lying.order_by(CONTACTS.c.address_index).limit(AT_ONCE)).all()
        for row in late:
            contact = contacts.locked_by_id(conn, self.keyring, row.id)
            if contact is not None:
                contact.conversation = drafts.without_drafts(library, contact.conversation)
                conn.execute(
                    update(CONTACTS)
                    .where(CONTACTS.c.id == contact.id)
                    .values(conversation=contact.seal_conversation(), draft_until=None)
                )
        conn.execute(delete(FILES).where(FILES.c.contact_id.is_not(None), FILES.c.created_at <= now - DRAFT))
        conn.execute(delete(HEARD).where(HEARD.c.expires_at <= now))
        conn.execute(update(HEARD).where(HEARD.c.failed.is_not(None), HEARD.c.at <= now - DRAFT).values(failed=None))
        conn.execute(delete(OUTBOX).where(OUTBOX.c.expires_at <= now))
        deliveries.tidy(conn, now)
        retention.expire(conn, library, now)
        self._blend(conn, now)
        return FORGET_AT_ONCE in (strangers, idle) or len(late) == AT_ONCE

    @staticmethod
    def _forget_where(conn: Connection, condition: ColumnElement[bool]) -> int:
        """Contacts nobody is talking with at this moment, and the ids of their messages that never expire."""
        found = select(CONTACTS.c.id, CONTACTS.c.address_index).where(condition).order_by(CONTACTS.c.address_index)
        rows = conn.execute(found.limit(FORGET_AT_ONCE).with_for_update(skip_locked=True)).all()
        if rows:
            conn.execute(delete(CONTACTS).where(CONTACTS.c.id.in_([row.id for row in rows])))
            theirs = HEARD.c.address_index.in_([row.address_index for row in rows])
            conn.execute(delete(HEARD).where(theirs, HEARD.c.expires_at.is_(None)))
        return len(rows)

    @staticmethod
    def _blend(conn: Connection, now: datetime) -> None:
        """PostgreSQL marks each row with the transaction that wrote it, and so an anonymous case with the contact
        that was written beside it. Writing the anonymous cases of these days anew, all at once, takes that mark away.
        """
        if conn.dialect.name != "postgresql":
            return
        recent = CASES.c.anonymous & (CASES.c.opened_at >= now - timedelta(days=2))
        conn.execute(update(CASES).where(recent).values(status=CASES.c.status))
        theirs = select(CASES.c.id).where(recent)
        for table in (tables.case_messages, FILES):
            conn.execute(update(table).where(table.c.case_id.in_(theirs)).values(case_id=table.c.case_id))
