"""How fast messages may go out: all together, and to one address. One table per channel; counted in this worker.

Whoever asks first goes first. A place that is more than `PATIENCE` away is not taken: `NotYet` says when to come
again, and nobody else waits for that.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

PATIENCE = 1.0  # seconds
ADDRESSES = 100_000  # remembered at most; who was not written to for so long has their whole burst again


class NotYet(Exception):
    """It is too early for this address; nothing was sent. Come again `after` seconds."""

    def __init__(self, after: float) -> None:
        super().__init__(f"not for {after:.1f} s")
        self.after = after


@dataclass(frozen=True, slots=True)
class Table:
    """`per_second`: messages to all addresses. `interval`: seconds between messages to one address, after a
    `burst` of so many at once.
    """

    per_second: float
    interval: float
    burst: int = 1


# A little below what the providers allow (30 a second, 1 a second and chat; 80 a second, 1 in 6 seconds and
# person with 45 at once), because what leaves us evenly arrives less evenly.
TELEGRAM = Table(per_second=28, interval=1.05)
WHATSAPP = Table(per_second=75, interval=6.1, burst=43)  # in and out together: the channel counts what comes in


class Rates:
    """Admission by one table; without one, everything may go at once."""

    def __init__(self, table: Table | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.table, self._clock = table, clock
        self._next = 0.0  # when the next message to anybody may go
        self._promised = 0.0  # until when people were told to come again: each has a time of their own
        self._whole: OrderedDict[str, float] = OrderedDict()  # address → when its burst is whole again

    async def wait(self, address: str, patience: float = PATIENCE) -> None:
        """Returns when a message to this address may go. Raises `NotYet`: no place was taken."""
        if self.table is None:
            return
        delay = self._take_of_address(self.table, address, patience)
        if delay > 0:
            await asyncio.sleep(delay)
        delay = self._take_of_all()  # only now: those who waited for themselves must not go all at once
        if delay > 0:
            late = self._clock() + delay + self.table.interval  # it goes later than was counted
            self._whole[address] = max(self._whole.get(address, late), late)
            await asyncio.sleep(delay)

    def count(self, messages: int = 1) -> None:
        """Messages that came, or went by another way, and count as well."""
        if self.table is not None:
            self._next = max(self._next, self._clock()) + messages / self.table.per_second

    def pause(self, seconds: float) -> None:
        """The provider says that all together go too fast."""
        if self.table is not None:
            self._next = max(self._next, self._clock() + seconds)

    def backlog(self) -> float:
        """Seconds until a message to anybody may go."""
        return 0.0 if self.table is None else max(0.0, self._next - self._clock())

    def room(self, patience: float = PATIENCE) -> float:
        """How many messages may go within this time."""
        return math.inf if self.table is None else max(0.0, patience - self.backlog()) * self.table.per_second

    def _take_of_address(self, table: Table, address: str, patience: float) -> float:
        now = self._clock()
        whole = max(self._whole.get(address, now), now)
        delay = max(0.0, whole - (table.burst - 1) * table.interval - now)
        if self.backlog() > patience:
            self._promised = max(self._promised, self._next) + 1 / table.per_second
            raise NotYet(max(delay, self._promised - now))
        if delay > patience:
            raise NotYet(delay)
        self._whole[address] = max(whole, now + delay) + table.interval
        self._whole.move_to_end(address)
        while len(self._whole) > ADDRESSES or next(iter(self._whole.values())) <= now:
            self._whole.popitem(last=False)
        return delay

    def _take_of_all(self) -> float:
        delay = self.backlog()
        self.count()
        return delay
