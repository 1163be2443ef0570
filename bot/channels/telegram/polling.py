"""Asking for updates instead of being told: one worker, no public address.

Telegram keeps what was not confirmed for 24 hours, and an update counts as confirmed once a later offset is asked for:
the offset moves on only when all of a batch was stored. What is told twice is dropped as a repeat.

The updates are read as they come, by the same reader as the webhook's. python-telegram-bot's `get_updates` builds its
types first: an update they can't hold would stop all that come after it, and it writes the whole batch into the log.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import count

import msgspec

from bot.channels.base import Blocked, Fault, GiveUp, Retry, Unavailable
from bot.channels.telegram.calls import Calls, Trouble, told
from bot.channels.telegram.limits import POLL, UPDATES
from bot.channels.telegram.updates import Arrived, NotJson, read

log = logging.getLogger(__name__)

FIRST_PAUSE, LAST_PAUSE = 1.0, 60.0  # seconds; doubled while it lasts
BREATH = 0.1  # seconds between questions that brought nothing
TIMEOUT = POLL + 15.0  # seconds


class _Numbered(msgspec.Struct):
    update_id: int


async def poll(calls: Calls, take: Callable[[Arrived], Awaitable[None]]) -> None:
    """Ask for updates for ever and hand them over. `take` raises `Unavailable` when nothing was stored."""
    offset: int | None = None
    pauses = _pauses()
    while True:
        try:
            asked = {"timeout": POLL, "allowed_updates": UPDATES} | ({} if offset is None else {"offset": offset})
            batch = told(await calls.call("getUpdates", asked, TIMEOUT), list[msgspec.Raw]) or []
            await take_all(batch, take)
            # With nothing left unconfirmed there is no offset: after a quiet week the numbers begin anew, at random.
            offset = max((one.update_id + 1 for one in map(_numbered, batch) if one is not None), default=None)
            pauses = _pauses()
            if offset is None:
                await asyncio.sleep(BREATH)
        except Retry as error:
            await asyncio.sleep(error.after)
        except (Trouble, Fault, GiveUp, Blocked, Unavailable) as error:
            log.warning("updates of Telegram wait: %s", error if isinstance(error, Fault) else type(error).__name__)
            await asyncio.sleep(next(pauses))


async def take_all(batch: Iterable[bytes], take: Callable[[Arrived], Awaitable[None]]) -> None:
    """Each person's updates in their order, people side by side. Raises `Unavailable` if one was not stored."""
    by_person: dict[str, list[Arrived]] = {}
    for update in batch:
        try:
            arrived = read(bytes(update))
        except NotJson:  # halves of letters: passed over, those behind it wait
            continue
        address = arrived.incoming.address if arrived.incoming is not None else arrived.gone
        by_person.setdefault(address, []).append(arrived)

    async def one_by_one(updates: list[Arrived]) -> None:
        for arrived in updates:
            await take(arrived)

    outcomes = await asyncio.gather(*map(one_by_one, by_person.values()), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Unavailable):
            raise outcome
        if isinstance(outcome, asyncio.CancelledError):
            raise outcome
        if outcome is not None:  # a fault of ours: it would come again for a day, and everybody would wait
            log.error("an update of Telegram is passed over: %s", type(outcome).__name__)


def _numbered(update: msgspec.Raw) -> _Numbered | None:
    found: _Numbered | None = told(update, _Numbered)
    return found


def _pauses() -> Iterator[float]:
    return (min(LAST_PAUSE, FIRST_PAUSE * 2**times) for times in count())
