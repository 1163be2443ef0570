"""The inbox: everything heard passes here, in rounds.

While one round commits, what arrives meanwhile waits and makes the next: many messages, one commit. A round
locks its contacts, drops what was seen, computes every turn, writes, commits; only then are senders answered.

- A turn that raises is set aside alone: stored as failed, the person gets an apology, nobody else waits.
- A write that fails halves the round until the culprit stands alone.
- A database that is away (`Unavailable`) stores nothing and says so: the sender tries again.

One message per contact is taken a round; the next one waits for it, so order is kept.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection

from bot import contacts
from bot.channels.base import Channel, Incoming, Told, Unavailable
from bot.dialogue.model import World
from bot.library.shelf import Shelf
from bot.round import Entry, Lease, Result, Round, place_of
from storage import KeyRing, Store
from storage import Unavailable as StorageUnavailable

log = logging.getLogger(__name__)

ROUND = 256  # messages at most: a round stays well below the patience of a webhook


def utc_now() -> datetime:
    return datetime.now(UTC)


class Inbox:
    """Takes messages, gives back what is said to them once it is stored.

    `after_commit` is told the results of a round: whom to send to, what was asked of us. `lease` leases, in the round,
    the lanes of those who are sent to at once. `paging` tells whether somebody on call could be reached at this
    moment; a demonstration promises nobody.
    """

    def __init__(
        self,
        store: Store,
        keyring: KeyRing,
        shelf: Shelf,
        *,
        after_commit: Callable[[list[Result]], None] = lambda _: None,
        clock: Callable[[], datetime] = utc_now,
        lease: Lease | None = None,
        lanes: int = 1,
        paging: Callable[[], bool] = lambda: False,
    ) -> None:
        self.store, self.keyring, self.shelf = store, keyring, shelf
        self.after_commit, self.clock, self.lease = after_commit, clock, lease
        self.paging = paging
        self._waiting: list[list[Entry]] = [[] for _ in range(lanes)]
        self._drains: list[asyncio.Task[None] | None] = [None] * lanes

    async def hear(self, channel: Channel, incoming: Incoming) -> Told:
        """Take one message. Returns when it is stored. Raises `Unavailable`: nothing was."""
        index = contacts.address_index(self.keyring, channel.name, incoming.address)
        message_index = self.keyring.index("message", incoming.message_id)
        entry = Entry(channel, incoming, index, message_index, asyncio.get_running_loop().create_future())
        lane = index[0] % len(self._waiting)
        self._waiting[lane].append(entry)
        drain = self._drains[lane]
        if drain is None or drain.done():
            self._drains[lane] = asyncio.create_task(self._drain(lane))
        return await entry.told

    async def _drain(self, lane: int) -> None:
        while self._waiting[lane]:
            await self._take(self._one_each(lane), lane)

    def _one_each(self, lane: int) -> list[Entry]:
        """The oldest message of each contact, up to a round's size."""
        taken: dict[bytes, Entry] = {}
        rest: list[Entry] = []
        for entry in self._waiting[lane]:
            if entry.address_index in taken or len(taken) >= ROUND:
                rest.append(entry)
            else:
                taken[entry.address_index] = entry
        self._waiting[lane] = rest
        return list(taken.values())

    async def _take(self, entries: list[Entry], lane: int) -> None:
        try:
            results = await self.store.run(partial(self._round, entries=entries), lane)
        except StorageUnavailable as error:
            _answer(entries, Unavailable(str(error)))
        except Exception as error:  # noqa: BLE001 - a faulty write: find whose, the others go on
            if len(entries) > 1:
                half = len(entries) // 2
                await self._take(entries[:half], lane)
                await self._take(entries[half:], lane)
            elif entries[0].failed:
                log.critical("a message can't even be set aside: %s", place_of(error))
                _answer(entries, Unavailable("can't be stored"))
            else:
                entries[0].failed = True
                await self._take(entries, lane)
        else:
            for result in results:
                if not result.entry.told.done():  # the sender may have hung up
                    result.entry.told.set_result(result.told)
            try:
                self.after_commit(results)
            except Exception as error:  # noqa: BLE001 - it is stored; those who wait for the next round must not stall
                log.error("after a commit: %s", place_of(error))  # noqa: TRY400 - no content in logs

    def _round(self, conn: Connection, entries: list[Entry]) -> list[Result]:
        library = self.shelf.current(conn)
        demonstration = bool(library.organisation.missing)
        world = World(self.clock(), demonstration=demonstration, paging=not demonstration and self.paging())
        return Round(conn, self.keyring, library, world, entries, self.lease).run()


def _answer(entries: Iterable[Entry], error: Exception) -> None:
    for entry in entries:
        if not entry.told.done():
            entry.told.set_exception(error)
