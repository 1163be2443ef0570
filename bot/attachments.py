"""Files that are still with their provider: fetched beside the turns, sealed into their row.

The row and what is needed to fetch it (`fetches`, sealed) were committed with the turn that brought the file. One
worker at a time has a fetch (a lease, with a fence); after a crash any worker takes it up again. A file whose row
went meanwhile (an erase, a draft that was filed) is dropped: the case has a fetch of its own.

What a file is, its bytes say. Pictures are drawn anew, without place and phone. What is too large, gone or
unreadable stays as a row without bytes: staff see why, and in the same transaction the person is told in their chat,
where it may be written into. An anonymous case knows nobody who could be told.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import filetype
from sqlalchemy import Connection, Row, delete, func, or_, select, update

from bot import contacts
from bot.cases import telling
from bot.cases.filing import TOO_LARGE, UNCLEAN
from bot.channels.base import Channel, Fault, GiveUp, Retry, TooBig
from bot.channels.pictures import NoPicture, TooLarge, cleaned, is_picture
from bot.contacts import CONTACTS, Contact
from bot.dialogue.model import Say, Text
from bot.inbox import utc_now
from bot.library.shelf import Shelf
from bot.round import place_of
from storage import DataKey, KeyRing, Store, Tampered, database_now, tables
from storage import Unavailable as StorageUnavailable

log = logging.getLogger(__name__)

FILES, FETCHES, CASES = tables.attachments, tables.fetches, tables.cases

EVERY = 2.0  # seconds between looks
AT_ONCE = 4  # files in memory at a time
FETCH_TIMEOUT = 25.0  # seconds
LEASE = timedelta(seconds=40)  # longer than a fetch may take, with its picture drawn anew
FIRST_RETRY, LAST_RETRY = 2.0, 3600.0  # seconds; doubled each time
MOST_TRIES = 24  # more than half a day


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch that is ours for a while."""

    attachment_id: uuid.UUID
    channel: str
    ref: str
    fence: int
    tries: int


class NotKept(GiveUp):
    """Its bytes came, but they can't be kept as they are, nor be cleaned."""


class Attachments:
    """Fetches what channels only told of. `most_bytes`: what is larger is not kept.

    `serve` is told, after the commit, whose lane has a new message.
    """

    def __init__(
        self,
        store: Store,
        keyring: KeyRing,
        channels: Mapping[str, Channel],
        *,
        most_bytes: int,
        shelf: Shelf,
        clock: Callable[[], datetime] = utc_now,
        serve: Callable[[uuid.UUID, str], None] = lambda _contact_id, _channel: None,
    ) -> None:
        self.store, self.keyring, self.channels, self.most_bytes = store, keyring, channels, most_bytes
        self.shelf, self.clock, self.serve = shelf, clock, serve
        self._fetching: set[asyncio.Task[None]] = set()
        self._looker: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    def start(self) -> None:
        if any(not channel.pulls for channel in self.channels.values()):
            self._looker = asyncio.create_task(self._look_again())

    async def stop(self) -> None:
        """Fetches under way are broken off; after their lease another worker takes them up."""
        tasks = [*self._fetching, *([self._looker] if self._looker else [])]
        self._looker = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def look(self) -> None:
        """There is something to fetch."""
        self._news.set()

    async def quiet(self) -> None:
        """Returns when nothing is being fetched."""
        while self._fetching:
            await asyncio.wait(self._fetching)

    async def _look_again(self) -> None:
        while True:
            self._news.clear()
            try:
                await self.take()
            except StorageUnavailable as error:
                log.warning("files to fetch can't be read: %s", error)
            except Exception as error:  # noqa: BLE001 - the looking goes on
                log.error("files to fetch can't be read: %s", place_of(error))  # noqa: TRY400 - no content in logs
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._news.wait()

    async def take(self) -> None:
        """Begin to fetch what waits, as many files as there is room for."""
        room = AT_ONCE - len(self._fetching)
        if room <= 0 or not await self.store.read(self._any):
            return
        for wanted in await self.store.run(lambda conn: self._lease(conn, room)):
            task = asyncio.create_task(self._fetch(wanted))
            self._fetching.add(task)
            task.add_done_callback(self._fetched)

    def _fetched(self, task: asyncio.Task[None]) -> None:
        self._fetching.discard(task)
        self._news.set()

    async def _fetch(self, wanted: Wanted) -> None:
        try:
            outcome = await self._bytes(wanted)
            told = await self.store.run(lambda conn: self._mark(conn, wanted, outcome))
            if told is not None:
                self.serve(told, wanted.channel)
        except StorageUnavailable as error:  # the lease runs out
            log.warning("a file is not stored: %s", error)
        except Exception as error:  # noqa: BLE001 - one file's trouble is its own; its lease runs out
            log.error("a file is not stored: %s", place_of(error))  # noqa: TRY400 - no content in logs

    async def _bytes(self, wanted: Wanted) -> tuple[str, bytes] | Exception:
        """Type and bytes, or why there are none."""
        try:
            async with asyncio.timeout(FETCH_TIMEOUT):
                body = await self.channels[wanted.channel].fetch(wanted.ref)
                if len(body) > self.most_bytes:
                    return TooBig("too large")
                if not body:
                    return GiveUp("empty")
                if is_picture(body):
                    body = await cleaned(body)
                return filetype.guess_mime(body) or "application/octet-stream", body
        except TooLarge:
            return TooBig("too large a picture")
        except NoPicture:
            return NotKept("an unreadable picture")
        except (Retry, GiveUp, Fault) as told:
            return told
        except Exception as error:  # noqa: BLE001 - a fault of ours or of the line: tried again, later and later
            log.warning("a file was not fetched: %s", place_of(error))
            return Retry(0)

    # ------------------------------------------------------------ in the database

    def _ready(self, conn: Connection) -> Any:
        now = database_now(conn)
        return (
            (FETCHES.c.not_before <= now)
            & or_(FETCHES.c.until.is_(None), FETCHES.c.until < now)
            & FETCHES.c.channel.in_([name for name, channel in self.channels.items() if not channel.pulls])
        )

    def _any(self, conn: Connection) -> bool:
        return conn.execute(select(FETCHES.c.attachment_id).where(self._ready(conn)).limit(1)).first() is not None

    def _lease(self, conn: Connection, most: int) -> list[Wanted]:
        now = database_now(conn)
        rows = conn.execute(
            select(FETCHES)
            .where(self._ready(conn))
            .order_by(FETCHES.c.not_before)
            .limit(most)
            .with_for_update(skip_locked=True)
        ).all()
        wanted = []
        for row in rows:
            key = self._key(conn, row.attachment_id)
            this = FETCHES.c.attachment_id == row.attachment_id
            if key is None:
                continue  # it goes with its attachment, at this moment
            try:
                ref = key.open(row.ref, "fetch", row.attachment_id.bytes).decode()
            except Tampered:
                log.error("a file to fetch can't be read; it is given up")  # noqa: TRY400 - nothing to add
                conn.execute(delete(FETCHES).where(this))
                continue
            values = {"fence": row.fence + 1, "until": now + LEASE}
            conn.execute(update(FETCHES).where(this).values(**values))
            wanted.append(Wanted(row.attachment_id, row.channel, ref, row.fence + 1, row.tries))
        return wanted

    def _key(self, conn: Connection, attachment_id: uuid.UUID) -> DataKey | None:
        """The key of the contact or case that has the file now."""
        row = conn.execute(
            select(CONTACTS.c.data_key.label("contact"), CASES.c.data_key.label("case"))
            .select_from(FILES)
            .outerjoin(CONTACTS, CONTACTS.c.id == FILES.c.contact_id)
            .outerjoin(CASES, CASES.c.id == FILES.c.case_id)
            .where(FILES.c.id == attachment_id)
        ).first()
        wrapped = (row.contact or row.case) if row else None
        return DataKey(self.keyring.unwrap(wrapped)) if wrapped else None

    def _mark(self, conn: Connection, wanted: Wanted, outcome: tuple[str, bytes] | Exception) -> uuid.UUID | None:
        """Write down how a fetch ended, if it is still ours and still wanted. Returns who is told of it."""
        over = isinstance(outcome, GiveUp) or (isinstance(outcome, Retry) and wanted.tries >= MOST_TRIES)
        # whoever is to be told comes first: rounds lock in that order, too
        contact = self._whose(conn, wanted.attachment_id) if over else None
        this = FETCHES.c.attachment_id == wanted.attachment_id
        # then the file's row: whoever erases or files it locks it before its fetch
        file = select(FILES.c.id, FILES.c.case_id).where(FILES.c.id == wanted.attachment_id).with_for_update()
        if (found := conn.execute(file).first()) is None:
            return None
        row = conn.execute(select(FETCHES).where(this).with_for_update()).first()
        if row is None or row.fence != wanted.fence:
            return None
        match outcome:
            case (media_type, body):
                self._store(conn, row, str(media_type), body)
                conn.execute(delete(FETCHES).where(this))
            case Fault(after=after):
                later = database_now(conn) + timedelta(seconds=after)
                conn.execute(update(FETCHES).where(this).values(until=None, not_before=later))
            case Retry(after=after) if not over:
                wait = max(after, min(LAST_RETRY, FIRST_RETRY * 2**wanted.tries))
                later = database_now(conn) + timedelta(seconds=wait)
                conn.execute(
                    update(FETCHES).where(this).values(until=None, not_before=later, tries=FETCHES.c.tries + 1)
                )
            case _:
                log.warning("%s: a file could not be fetched", wanted.channel)
                conn.execute(delete(FETCHES).where(this))
                return self._give_up(conn, wanted, found.case_id, contact, outcome)
        return None

    def _whose(self, conn: Connection, attachment_id: uuid.UUID) -> Contact | None:
        """The contact who sent a file, locked; None when no link to them is kept."""
        theirs = (
            select(func.coalesce(FILES.c.contact_id, CASES.c.contact_id))
            .select_from(FILES)
            .outerjoin(CASES, CASES.c.id == FILES.c.case_id)
            .where(FILES.c.id == attachment_id)
        )
        contact_id = conn.execute(theirs).scalar()
        return contacts.locked_by_id(conn, self.keyring, contact_id) if contact_id else None

    def _give_up(
        self, conn: Connection, wanted: Wanted, case_id: uuid.UUID | None, contact: Contact | None, why: Exception
    ) -> uuid.UUID | None:
        """The row stays and says why, for staff. The person is told where their chat may be written into."""
        reason = TOO_LARGE if isinstance(why, TooBig) else UNCLEAN if isinstance(why, NotKept) else ""
        conn.execute(update(FILES).where(FILES.c.id == wanted.attachment_id).values(media_type=reason))
        if case_id is not None:
            case = conn.execute(select(CASES).where(CASES.c.id == case_id)).one()
            contact = telling.reached(contact, case)
        if contact is None or contact.blocked:
            return None
        say = Say(Text(key="words:file_not_kept" if reason else "words:file_lost"))
        telling.tell(conn, contact, say, self.shelf.current(conn), self.clock())
        return contact.id

    def _store(self, conn: Connection, row: Row[Any], media_type: str, body: bytes) -> None:
        key = self._key(conn, row.attachment_id)
        if key is not None:
            sealed = key.seal(body, "attachment", row.attachment_id.bytes)
            conn.execute(
                update(FILES)
                .where(FILES.c.id == row.attachment_id)
                .values(bytes=sealed, size=len(body), media_type=media_type)
            )
