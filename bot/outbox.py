"""The outbox: what waits to go out, one lane per contact.

A worker leases a contact's **lane**, never a row: one send in flight per lane, so order is kept, and lanes run
side by side. The lease has an end (the database's clock) and a fence (a number that grows): a worker that was
away too long finds its fence passed and marks nothing. The database is free while a message is being sent.

A retry delays its lane, a give-up frees it, "blocked by the person" closes it. After a crash between a send
and its mark the message goes out once more: at most one per contact.
"""

import asyncio
import contextlib
import logging
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, and_, delete, or_, select, update

from bot import contacts
from bot.channels.base import Blocked, Channel, GiveUp, Retry
from bot.contacts import CONTACTS
from bot.dialogue.model import Message
from storage import KeyRing, Store, database_now, insert_into, tables
from storage import Unavailable as StorageUnavailable

log = logging.getLogger(__name__)

OUTBOX, LANES = tables.outbox, tables.lanes

LEASE = timedelta(seconds=60)  # longer than any send may take
SWEEP = 1.0  # seconds between looks for lanes nobody serves
AT_ONCE = 64  # lanes this worker serves side by side
FIRST_RETRY, LAST_RETRY = 2.0, 600.0  # seconds; doubled each time
MOST_ATTEMPTS = 30


@dataclass(frozen=True, slots=True)
class Due:
    """The next message of a lane."""

    row_id: uuid.UUID
    channel: str
    address: str
    message: Message
    attempts: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A lane that is ours for a while."""

    contact_id: uuid.UUID
    fence: int


class Lanes:
    """Sends what waits for contacts of channels that are pushed to."""

    def __init__(self, store: Store, keyring: KeyRing, channels: Mapping[str, Channel]) -> None:
        self.store, self.keyring = store, keyring
        self.channels = {name: channel for name, channel in channels.items() if not channel.pulls}
        self._me = secrets.token_hex(8)
        self._serving: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._again: set[uuid.UUID] = set()  # told to serve while being served
        self._sweeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self.channels:
            self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Ends after the sends that are under way."""
        if self._sweeper:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        await self.quiet()

    async def quiet(self) -> None:
        """Returns when nothing is being sent."""
        while self._serving:
            await asyncio.gather(*self._serving.values(), return_exceptions=True)
            await asyncio.sleep(0)  # a lane that was told to serve again begins now

    def serve(self, contact_id: uuid.UUID) -> None:
        """Something new waits for this contact: send it now."""
        if contact_id in self._serving:
            self._again.add(contact_id)
        elif len(self._serving) < AT_ONCE:
            task = asyncio.create_task(self._serve(contact_id))
            self._serving[contact_id] = task
            task.add_done_callback(lambda _: self._served(contact_id))
        # else: the sweep finds it

    def _served(self, contact_id: uuid.UUID) -> None:
        self._serving.pop(contact_id, None)
        if contact_id in self._again:
            self._again.discard(contact_id)
            self.serve(contact_id)

    async def _sweep(self) -> None:
        while True:
            try:
                for contact_id in await self.store.read(self._unserved):
                    self.serve(contact_id)
            except StorageUnavailable as error:
                log.warning("the outbox can't be read: %s", error)
            except Exception as error:  # noqa: BLE001 - the looking goes on
                log.error("the outbox can't be read: %s", type(error).__name__)  # noqa: TRY400 - no content in logs
            await asyncio.sleep(SWEEP)

    async def _serve(self, contact_id: uuid.UUID) -> None:
        try:
            lease = await self.store.run(partial(self._lease, contact_id=contact_id))
            if lease is None:
                return
            due = await self.store.run(partial(self._next, lease=lease))
            while due is not None:
                outcome = await self._send(due)
                due = await self.store.run(partial(self._mark, lease=lease, sent=due, outcome=outcome))
        except StorageUnavailable as error:  # the lease runs out, the sweep takes the lane up again
            log.warning("a lane is left: %s", error)

    async def _send(self, due: Due) -> Exception | None:
        try:
            await self.channels[due.channel].send(due.address, due.message)
        except (Retry, GiveUp, Blocked) as told:
            return told
        except Exception as error:  # noqa: BLE001 - a fault of ours or of the line: tried again, later and later
            log.warning("a send failed: %s", type(error).__name__)
            return Retry(min(LAST_RETRY, FIRST_RETRY * 2**due.attempts))
        return None

    # ------------------------------------------------------------ in the database

    def _unserved(self, conn: Connection) -> list[uuid.UUID]:
        now = database_now(conn)
        free = or_(
            LANES.c.contact_id.is_(None),
            and_(
                LANES.c.closed_at.is_(None),
                or_(LANES.c.until.is_(None), LANES.c.until < now),
                LANES.c.not_before <= now,
            ),
        )
        rows = conn.execute(
            select(OUTBOX.c.contact_id)
            .join(CONTACTS, CONTACTS.c.id == OUTBOX.c.contact_id)
            .outerjoin(LANES, LANES.c.contact_id == OUTBOX.c.contact_id)
            .where(
                OUTBOX.c.due_at <= now,
                OUTBOX.c.seq > 0,
                OUTBOX.c.gave_up_at.is_(None),
                CONTACTS.c.channel.in_(list(self.channels)),
                free,
            )
            .distinct()
            .limit(AT_ONCE)
        )
        return [row.contact_id for row in rows]

    def _lease(self, conn: Connection, contact_id: uuid.UUID) -> Lease | None:
        now = database_now(conn)
        known = conn.execute(select(CONTACTS.c.id).where(CONTACTS.c.id == contact_id)).first()
        if known is None:  # erased meanwhile
            return None
        conn.execute(
            insert_into(conn.dialect.name, LANES).on_conflict_do_nothing(),
            {"contact_id": contact_id, "fence": 0, "not_before": now},
        )
        leased = conn.execute(
            update(LANES)
            .where(
                LANES.c.contact_id == contact_id,
                LANES.c.closed_at.is_(None),
                or_(LANES.c.until.is_(None), LANES.c.until < now),
                LANES.c.not_before <= now,
            )
            .values(owner=self._me, fence=LANES.c.fence + 1, until=now + LEASE)
            .returning(LANES.c.fence)
        ).first()
        return Lease(contact_id, leased.fence) if leased else None

    def _next(self, conn: Connection, lease: Lease) -> Due | None:
        """The lane's next message, with the lease made longer; without one the lane is given back."""
        now = database_now(conn)
        row = conn.execute(
            select(OUTBOX.c.id, OUTBOX.c.body, OUTBOX.c.attempts)
            .where(
                OUTBOX.c.contact_id == lease.contact_id,
                OUTBOX.c.seq > 0,
                OUTBOX.c.due_at <= now,
                OUTBOX.c.gave_up_at.is_(None),
            )
            .order_by(OUTBOX.c.seq)
            .limit(1)
        ).first()
        holder = conn.execute(select(CONTACTS).where(CONTACTS.c.id == lease.contact_id)).first() if row else None
        if row is None or holder is None:
            _keep(conn, lease, until=None)
            return None
        if not _keep(conn, lease, until=now + LEASE):
            return None
        contact = contacts.of_row(self.keyring, holder)
        message = contact.read_message(row.id, row.body)
        return Due(row.id, contact.channel, contact.open_address(), message, row.attempts)

    def _mark(self, conn: Connection, lease: Lease, sent: Due, outcome: Exception | None) -> Due | None:
        """Write down how a send ended; returns the next one."""
        now = database_now(conn)
        if not _keep(conn, lease, until=now + LEASE):
            return None  # another worker has the lane
        this = OUTBOX.c.id == sent.row_id
        match outcome:
            case None:
                conn.execute(delete(OUTBOX).where(this))
            case Retry(after=after) if sent.attempts < MOST_ATTEMPTS:
                conn.execute(update(OUTBOX).where(this).values(attempts=OUTBOX.c.attempts + 1))
                _keep(conn, lease, until=None, not_before=now + timedelta(seconds=after))
                return None
            case Blocked():
                conn.execute(delete(OUTBOX).where(OUTBOX.c.contact_id == lease.contact_id))
                conn.execute(update(CONTACTS).where(CONTACTS.c.id == lease.contact_id).values(blocked_at=now))
                _keep(conn, lease, until=None, closed_at=now)
                return None
            case _:
                conn.execute(update(OUTBOX).where(this).values(gave_up_at=now))
        return self._next(conn, lease)


def _keep(conn: Connection, lease: Lease, **values: Any) -> bool:
    """Change the lane if it is still ours."""
    ours = and_(LANES.c.contact_id == lease.contact_id, LANES.c.fence == lease.fence)
    return conn.execute(update(LANES).where(ours).values(**values)).rowcount == 1
