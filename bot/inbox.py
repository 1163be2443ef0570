"""The inbox: everything heard passes here, in rounds.

While one round commits, what arrives meanwhile waits and makes the next: many messages, one commit. A round
locks its contacts, drops what was seen, computes every turn, writes, commits; only then are senders answered.

- A turn that raises is set aside alone: stored as failed, the person gets an apology, nobody else waits.
- A write that fails halves the round until the culprit stands alone.
- A database that is away (`Unavailable`) stores nothing and says so: the sender tries again.

One message per contact is taken a round; the next one waits for it, so order is kept.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection

from bot import contacts
from bot.channels.base import Channel, Incoming, Told, Unavailable
from bot.dialogue.model import World
from bot.gather import Gather
from bot.library.shelf import Shelf
from bot.round import Entry, Lease, Result, Round
from storage import KeyRing, Store
from storage import Unavailable as StorageUnavailable

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
        self.keyring, self.shelf = keyring, shelf
        self.clock, self.lease, self.paging = clock, lease, paging
        self._rounds = [
            Gather(
                store,
                self._round,
                lane=lane,
                most=ROUND,
                key=lambda entry: entry.address_index,
                last=self._set_aside,
                committed=after_commit,
            )
            for lane in range(lanes)
        ]

    async def hear(self, channel: Channel, incoming: Incoming) -> Told:
        """Take one message. Returns when it is stored. Raises `Unavailable`: nothing was."""
        index = contacts.address_index(self.keyring, channel.name, incoming.address)
        entry = Entry(channel, incoming, index, self.keyring.index("message", incoming.message_id))
        try:
            result = await self._rounds[index[0] % len(self._rounds)].ask(entry)
        except StorageUnavailable as error:
            raise Unavailable(str(error)) from error
        except Exception as error:
            raise Unavailable("can't be stored") from error
        return result.told

    def _round(self, conn: Connection, entries: list[Entry]) -> list[Result]:
        library = self.shelf.current(conn)
        demonstration = bool(library.organisation.missing)
        world = World(self.clock(), demonstration=demonstration, paging=not demonstration and self.paging())
        return Round(conn, self.keyring, library, world, entries, self.lease).run()

    def _set_aside(self, conn: Connection, entry: Entry) -> Result:
        """Its turn can't be written: that is, and the person gets an apology."""
        entry.failed = True
        return self._round(conn, [entry])[0]
