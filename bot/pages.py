"""Open pages: what a channel that is pulled from reads of the outbox, and when it is worth reading."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from sqlalchemy import Connection, bindparam, delete, func, select

from bot import contacts
from bot.channels.base import Said
from bot.contacts import CONTACTS
from storage import KeyRing, Store, tables
from storage import Unavailable as StorageUnavailable

log = logging.getLogger(__name__)

OUTBOX = tables.outbox


class News:
    """Wakes those who wait for an address: open pages, on whichever worker they are.

    Looks every half second for what any process wrote; a single question for all who wait.
    """

    EVERY = 0.5  # seconds

    def __init__(self, store: Store) -> None:
        self.store = store
        self._waiting: dict[bytes, set[asyncio.Event]] = {}
        self._told: dict[bytes, int] = {}  # address → seq its page was given in an answer
        self._looker: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._looker = asyncio.create_task(self._look())

    async def stop(self) -> None:
        if self._looker:
            self._looker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looker

    def told(self, address_index: bytes, seq: int) -> None:
        """The page got everything up to `seq` with its answer: no need to wake it for that (2G is dear)."""
        if address_index in self._waiting:
            self._told[address_index] = max(seq, self._told.get(address_index, 0))

    async def wait_for(self, address_index: bytes) -> AsyncIterator[None]:
        event = asyncio.Event()
        self._waiting.setdefault(address_index, set()).add(event)
        try:
            while True:
                await event.wait()
                event.clear()
                yield
        finally:
            waiting = self._waiting[address_index]
            waiting.discard(event)
            if not waiting:
                del self._waiting[address_index]
                self._told.pop(address_index, None)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self.EVERY)
            if not self._waiting:
                continue
            try:
                newest = await self.store.read(_newest(list(self._waiting)))
            except StorageUnavailable as error:
                log.warning("news can't be read: %s", error)
                continue
            except Exception as error:  # noqa: BLE001 - open pages must go on being told
                log.error("news can't be read: %s", type(error).__name__)  # noqa: TRY400 - no content in logs
                continue
            for address_index, seq in newest.items():
                if seq > self._told.get(address_index, 0):
                    self._told[address_index] = seq
                    for event in self._waiting.get(address_index, ()):
                        event.set()


_NEWEST = (
    select(CONTACTS.c.address_index, func.max(OUTBOX.c.seq).label("seq"))
    .join(OUTBOX, OUTBOX.c.contact_id == CONTACTS.c.id)
    .where(
        CONTACTS.c.address_index.in_(bindparam("indexes", expanding=True)),
        OUTBOX.c.seq > 0,
    )
    .group_by(CONTACTS.c.address_index)
)


def _newest(indexes: list[bytes]) -> Callable[[Connection], dict[bytes, int]]:
    def look(conn: Connection) -> dict[bytes, int]:
        return {row.address_index: row.seq for row in conn.execute(_NEWEST, {"indexes": indexes})}

    return look


def waiting_after(
    keyring: KeyRing, channel: str, address_index: bytes, cursor: int
) -> Callable[[Connection], list[Said] | None]:
    """What waits for a page after its cursor; None for an address nobody knows."""

    def look(conn: Connection) -> list[Said] | None:
        row = conn.execute(
            select(CONTACTS).where(CONTACTS.c.channel == channel, CONTACTS.c.address_index == address_index)
        ).first()
        if row is None or row.blocked_at is not None:
            return None
        if cursor >= row.last_seq:
            return []
        contact = contacts.of_row(keyring, row)
        rows = conn.execute(
            select(OUTBOX.c.id, OUTBOX.c.seq, OUTBOX.c.body)
            .where(OUTBOX.c.contact_id == row.id, OUTBOX.c.seq > 0, OUTBOX.c.seq > cursor)
            .order_by(OUTBOX.c.seq)
        )
        return [Said(one.seq, contact.read_message(one.id, one.body)) for one in rows]

    return look


def acknowledge(channel: str, address_index: bytes, cursor: int) -> Callable[[Connection], None]:
    """Drop what a page says it has."""

    def drop(conn: Connection) -> None:
        this = select(CONTACTS.c.id).where(CONTACTS.c.channel == channel, CONTACTS.c.address_index == address_index)
        conn.execute(
            delete(OUTBOX).where(
                OUTBOX.c.contact_id == this.scalar_subquery(), OUTBOX.c.seq > 0, OUTBOX.c.seq <= cursor
            )
        )

    return drop
