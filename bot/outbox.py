"""The outbox: what waits to go out, one lane per contact, served side by side (`bot/lanes.py` has the rules).

Lanes are taken and marked many in one transaction, and the database is free while messages are being sent. A lane
that waits (for its own rate, a retry, the person) holds no slot: others are sent to meanwhile. After a crash
between a send and its mark the message goes out once more: at most one per contact.
"""

import asyncio
import contextlib
import logging
import secrets
import time
import uuid
from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from bot.channels.base import SEND_TIMEOUT, BadTemplate, Blocked, Channel, Closed, Fault, GiveUp, Retry
from bot.channels.rates import PATIENCE, NotYet
from bot.gather import Gather
from bot.handing import Ready, lease
from bot.lanes import LEASE, MOST_ATTEMPTS, Desk, Due, Ended, Outcome, Sent, Take
from bot.round import place_of
from storage import KeyRing, Store
from storage import Unavailable as StorageUnavailable

log = logging.getLogger(__name__)

SWEEP, SOON = 1.0, 0.05  # seconds between looks for lanes nobody serves, and where more than fitted are known to wait
AT_ONCE = 256  # sends under way for each channel
LANES_AT_ONCE = 1024  # lanes this worker has in hand, those included that wait a moment for their rate
SWEPT = 256  # lanes taken up in one look
FIRST_RETRY, LAST_RETRY = 2.0, 600.0  # seconds; doubled each time
MARK_FOR, MARK_AGAIN = 120.0, 0.5  # seconds for which, and after which, a mark is tried again
LAST_SENDS = 5.0  # seconds that sends under way have when we stop
WAKE = 30.0  # seconds; who waits no longer is woken here, others by a sweep


class Lanes:
    """Sends what waits for contacts of channels that are pushed to. `on_fault` is told channel and why."""

    def __init__(
        self,
        store: Store,
        keyring: KeyRing,
        channels: Mapping[str, Channel],
        *,
        on_fault: Callable[[str, str], None] = lambda _channel, _why: None,
    ) -> None:
        self.store = store
        self.channels = {name: channel for name, channel in channels.items() if not channel.pulls}
        self.desk = Desk(keyring, self.channels, secrets.token_hex(8))
        self.on_fault = on_fault
        self._steps: Gather[Take | Ended, Due | None] = Gather(store, self.desk.step, last=self.desk.step_blindly)
        self._slots = {name: asyncio.Semaphore(AT_ONCE) for name in self.channels}
        self._serving: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._handed: dict[uuid.UUID, Due] = {}  # leased by a round while the task before was leaving
        self._again: set[uuid.UUID] = set()  # told to serve while being served
        self._sweeper: asyncio.Task[None] | None = None
        self._crowded: set[str] = set()  # channels that somebody was turned away from: all slots were taken
        self._room_again = asyncio.Event()
        self._stopped = False  # no lane is taken any more; what a round leased meanwhile still goes
        self._closed = False

    def start(self) -> None:
        if self.channels:
            self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Ends after the sends that are under way, or breaks them off when they take too long."""
        self._stopped = True
        if self._sweeper:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
            self._sweeper = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_SENDS):
                await self.quiet()
        self._closed = True
        for task in self._serving.values():
            task.cancel()
        await asyncio.gather(*self._serving.values(), return_exceptions=True)

    async def quiet(self) -> None:
        """Returns when nothing is being sent."""
        while self._serving:
            await asyncio.wait(self._serving.values())
            await asyncio.sleep(0)  # a lane that was told to serve again begins now

    def serve(self, contact_id: uuid.UUID, channel: str = "") -> None:
        """Something new waits for this contact: send it now, or when its channel has room."""
        if self._stopped or (channel and not self._has_room(channel)):
            return  # a sweep finds it
        if contact_id in self._serving:
            self._again.add(contact_id)
        elif len(self._serving) < LANES_AT_ONCE:
            self._begin(contact_id)

    def lease(self, conn: Connection, ready: list[Ready]) -> dict[uuid.UUID, Due]:
        """In a round, in the writer's thread: what `go` may be told once it is committed."""
        room = {name: self._room(name) for name in self.channels}
        return lease(conn, ready, room, self.channels, self.desk.worker)

    def go(self, due: Due) -> None:
        """The round that leased this lane is committed: send."""
        if due.contact_id in self._serving:  # whoever had the lane before is just leaving
            self._handed[due.contact_id] = due
        elif not self._closed:
            self._begin(due.contact_id, due)

    def _begin(self, contact_id: uuid.UUID, due: Due | None = None) -> None:
        task = asyncio.create_task(self._serve(contact_id, due))
        self._serving[contact_id] = task
        task.add_done_callback(lambda _: self._served(contact_id))

    def _has_room(self, channel: str) -> bool:
        return self.channels[channel].rates.backlog() <= PATIENCE and self._has_slot(channel)

    def _has_slot(self, channel: str) -> bool:
        """Whether one is free; if none is, whoever asked is thought of when there is again."""
        if self._slots[channel].locked():
            self._crowded.add(channel)
            return False
        return True

    def _room(self, channel: str) -> float:
        """How many more lanes of this channel can be served now."""
        if self._stopped or self._slots[channel].locked():
            return 0
        return min(LANES_AT_ONCE - len(self._serving), self.channels[channel].rates.room())

    def _served(self, contact_id: uuid.UUID) -> None:
        self._serving.pop(contact_id, None)
        if self._crowded and (relieved := {name for name in self._crowded if not self._slots[name].locked()}):
            self._crowded -= relieved
            self._room_again.set()
        due = self._handed.pop(contact_id, None)
        if due is not None and not self._closed:
            self._begin(contact_id, due)
        elif contact_id in self._again:
            self._again.discard(contact_id)
            self.serve(contact_id)

    async def _sweep(self) -> None:
        while True:
            self._room_again.clear()
            full = False
            for channel in self.channels:
                full = await self._look(channel) == SWEPT or full
            await asyncio.sleep(SOON)
            if not full:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SWEEP - SOON):
                        await self._room_again.wait()

    async def _look(self, channel: str) -> int:
        """Take up what nobody serves; how much that was."""
        room = min(SWEPT, LANES_AT_ONCE - len(self._serving))
        if room <= 0 or not self._has_room(channel):
            return 0
        try:
            found = await self.store.read(lambda conn: self.desk.unserved(conn, channel, room))
        except StorageUnavailable as error:
            log.warning("the outbox can't be read: %s", error)
            return 0
        except Exception as error:  # noqa: BLE001 - the looking goes on
            log.error("the outbox can't be read: %s", place_of(error))  # noqa: TRY400 - no content in logs
            return 0
        for contact_id in found:
            self.serve(contact_id, channel)
        return len(found)

    async def _serve(self, contact_id: uuid.UUID, due: Due | None = None) -> None:
        try:
            if due is None:
                self._again.discard(contact_id)  # what is written by now is seen
                due = await self._steps.ask(Take(contact_id))
            while due is not None:
                outcome = await self._send(due)
                if isinstance(outcome, NotYet) and outcome.after <= WAKE:
                    asyncio.get_running_loop().call_later(outcome.after + 0.05, self.serve, contact_id)
                self._again.discard(contact_id)
                due = await self._mark(Ended(due, outcome))
        except StorageUnavailable as error:  # the lease runs out, the sweep takes the lane up again
            log.warning("a lane is left: %s", error)
        except Exception as error:  # noqa: BLE001 - one lane's trouble is its own
            log.error("a lane is left: %s", place_of(error))  # noqa: TRY400 - no content in logs

    async def _mark(self, ended: Ended) -> Due | None:
        """Write down how a send ended. While the database is away that is tried again: else it would go out twice."""
        last = asyncio.get_running_loop().time() + MARK_FOR
        while True:
            try:
                return await self._steps.ask(ended)
            except StorageUnavailable:
                if self._stopped or asyncio.get_running_loop().time() > last:
                    raise
            await asyncio.sleep(MARK_AGAIN)

    async def _send(self, due: Due) -> Outcome:
        """Send, or knock."""
        channel = self.channels[due.channel]
        try:
            await channel.rates.wait(due.address)  # holds no slot
            async with self._slots[due.channel]:
                if time.monotonic() - due.since > LEASE.total_seconds() / 4:
                    return NotYet(0)  # another worker might have the lane before this send is over
                async with asyncio.timeout(SEND_TIMEOUT):
                    if due.knock:
                        return Sent(await channel.knock(due.address, due.message.language))
                    return Sent(await channel.send(due.address, due.message))
        except (Retry, GiveUp, Blocked, Closed, NotYet) as told:
            if isinstance(told, BadTemplate):
                self.on_fault(due.channel, "template")
            return told
        except Fault as fault:
            log.error("%s: nothing can be sent now (%s)", due.channel, fault.why)  # noqa: TRY400 - no content in logs
            self.on_fault(due.channel, fault.why)
            return fault
        except Exception as error:  # noqa: BLE001 - a fault of ours or of the line: tried again, later and later
            log.warning("a send failed: %s", place_of(error))
            if due.attempts >= MOST_ATTEMPTS:
                return GiveUp("too often")
            return Retry(min(LAST_RETRY, FIRST_RETRY * 2**due.attempts))
