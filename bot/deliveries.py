"""What became of messages that were sent: statuses from providers, gathered into rounds.

A status finds its lane by a keyed hash of the provider's id. One that says "failed" acts on the lane as the same
error would have when sending: the message goes back to its place and waits, or the lane closes. Until a provider
says that it took a message, the sealed row is kept for that. A knock has no such row: what it tells of waits anyway;
one that failed is tried again in its time (`lanes.KNOCK_AGAIN`).
"""

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from bot.channels.base import BadTemplate, Blocked, Channel, Closed, Fault, Retry, Status
from bot.contacts import CONTACTS
from bot.gather import Gather
from bot.halts import block, close_window, delivery_index, pause
from bot.lanes import DELIVERIES, LANES, MOST_ATTEMPTS, OUTBOX
from storage import KeyRing, Store, database_now
from storage import Unavailable as StorageUnavailable
from storage.tables import KNOCK

log = logging.getLogger(__name__)

KEPT = timedelta(days=8)
UNREPORTED = timedelta(hours=1)  # a message of which nothing is told after so long went well
ORDER = {"sent": 0, "delivered": 1, "read": 2, "failed": 3}
EARLY = 3.0  # seconds after which an unknown id is looked for once more: a status may come before our own commit
MOST_EARLY = 10_000

_FIND = select(DELIVERIES).where(DELIVERIES.c.message_index.in_(bindparam("indexes", expanding=True)))
_CHANGE = (
    update(DELIVERIES)
    .where(DELIVERIES.c.message_index == bindparam("index"))
    .values(status=bindparam("new"), at=bindparam("now"))
)
_HOLDERS = (
    select(CONTACTS.c.id, CONTACTS.c.heard_at)
    .where(CONTACTS.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(CONTACTS.c.address_index)
    .with_for_update()
)
_TAKEN = delete(OUTBOX).where(OUTBOX.c.id.in_(bindparam("rows", expanding=True)), OUTBOX.c.sent_at.is_not(None))


@dataclass(frozen=True, slots=True)
class Told:
    """One status, on its way into a round."""

    index: bytes
    channel: str
    status: Status


@dataclass(frozen=True, slots=True)
class Known:
    """Whose message it was; `again`: their lane has something to send; `fault`: what operators must look after."""

    contact_id: uuid.UUID
    again: bool = False
    fault: str = ""


class Deliveries:
    """Takes statuses. `serve` is told whose lane goes on, `on_fault` channel and why."""

    def __init__(
        self,
        store: Store,
        keyring: KeyRing,
        *,
        serve: Callable[[uuid.UUID], None] = lambda _: None,
        on_fault: Callable[[str, str], None] = lambda _channel, _why: None,
    ) -> None:
        self.keyring, self.serve, self.on_fault = keyring, serve, on_fault
        self._told: Gather[Told, Known | None] = Gather(store, _round, most=1000)
        self._early: set[asyncio.Task[None]] = set()

    async def status(self, channel: Channel, message_id: str, status: Status) -> None:
        """Returns when it is stored. Raises `storage.Unavailable`."""
        if status.kind not in ORDER:
            return
        told = Told(delivery_index(self.keyring, channel.name, message_id), channel.name, status)
        known = await self._told.ask(told)
        if known is not None:
            self._pass_on(told, known)
        elif len(self._early) < MOST_EARLY:
            task = asyncio.create_task(self._once_more(told))
            self._early.add(task)
            task.add_done_callback(self._early.discard)

    async def stop(self) -> None:
        for task in list(self._early):
            task.cancel()
        await asyncio.gather(*self._early, return_exceptions=True)

    async def _once_more(self, told: Told) -> None:
        await asyncio.sleep(EARLY)
        try:
            known = await self._told.ask(told)
        except StorageUnavailable:
            return
        if known is not None:
            self._pass_on(told, known)

    def _pass_on(self, told: Told, known: Known) -> None:
        if known.fault:
            self.on_fault(told.channel, known.fault)
        if known.again:
            self.serve(known.contact_id)


def tidy(conn: Connection, now: datetime) -> None:
    """Forget what is over."""
    conn.execute(delete(DELIVERIES).where(DELIVERIES.c.at <= now - KEPT))
    conn.execute(delete(OUTBOX).where(OUTBOX.c.sent_at <= now - UNREPORTED))
    conn.execute(delete(OUTBOX).where(OUTBOX.c.gave_up_at <= now - KEPT))


# ---------------------------------------------------------------- in the database


def _round(conn: Connection, told: list[Told]) -> list[Known | None]:
    indexes = list({one.index for one in told})
    found = {row.message_index: row for row in conn.execute(_FIND, {"indexes": indexes})}
    news = _news(told, found)
    now = database_now(conn)
    again = _failed(conn, [one for one in news.values() if one[2].kind == "failed"], now)
    if news:
        rows = [{"index": index, "new": status.kind, "now": now} for index, (_, _, status) in sorted(news.items())]
        conn.execute(_CHANGE, rows)
        taken = [row.outbox_id for row, _, status in news.values() if status.kind != "failed" and row.part != KNOCK]
        if taken:
            conn.execute(_TAKEN, {"rows": taken})
    return [_known(one, found.get(one.index), news, again) for one in told]


def _known(
    one: Told, row: Row[Any] | None, news: dict[bytes, tuple[Row[Any], str, Status]], again: set[uuid.UUID]
) -> Known | None:
    if row is None:
        return None
    is_news = one.index in news and news[one.index][2] is one.status  # a fault counts once, however often it is told
    return Known(row.contact_id, row.contact_id in again, _fault(one.status) if is_news else "")


def _fault(status: Status) -> str:
    match status.why:
        case Fault() as fault:
            return fault.why
        case BadTemplate():
            return "template"
    return ""


def _news(told: list[Told], found: dict[bytes, Row[Any]]) -> dict[bytes, tuple[Row[Any], str, Status]]:
    """What is new of each message; statuses come more than once, and in any order."""
    news: dict[bytes, tuple[Row[Any], str, Status]] = {}
    for one in told:
        row = found.get(one.index)
        if row is None:
            continue
        last = news[one.index][2].kind if one.index in news else row.status
        if one.status.kind == "failed" and last != "sent":
            continue  # it arrived
        if ORDER[one.status.kind] > ORDER[last] or one.status.kind == last == "sent":
            news[one.index] = (row, one.channel, one.status)
    return news


def _failed(conn: Connection, failures: list[tuple[Row[Any], str, Status]], now: datetime) -> set[uuid.UUID]:
    """What failed goes back to its place, or its lane closes; the contacts whose lanes have something to do."""
    if not failures:
        return set()
    asked = {"ids": [row.contact_id for row, _, _ in failures]}
    heard = {row.id: row.heard_at for row in conn.execute(_HOLDERS, asked)}
    again = set()
    for row, channel, status in failures:
        if row.contact_id not in heard:
            continue  # erased meanwhile
        if _comes_back(conn, row, channel, status.why, heard[row.contact_id], now):
            _bring_back(conn, row)
            again.add(row.contact_id)
    return again


def _comes_back(
    conn: Connection, row: Row[Any], channel: str, why: Exception | None, heard_at: datetime, now: datetime
) -> bool:
    """Do what the error says; whether the message is to be sent again.

    A knock never comes back: its window is known to be over, and nobody's next word is to wait for it.
    """
    is_knock = row.part == KNOCK
    match why:
        case Blocked():
            block(conn, row.contact_id, now)
            return False
        case Fault() as fault:
            pause(conn, channel, fault, now)
        case _ if is_knock:
            log.warning("%s: a knock that was sent did not arrive: %s", channel, type(why).__name__)
        case Closed():
            if heard_at <= row.at:  # nothing was heard since
                close_window(conn, row.contact_id, now)
        case Retry(after=after):
            lane = LANES.c.contact_id == row.contact_id
            later = now + timedelta(seconds=after)
            conn.execute(update(LANES).where(lane, LANES.c.not_before < later).values(not_before=later))
        case _:
            log.warning("%s: a message that was sent did not arrive: %s", channel, type(why).__name__)
            conn.execute(_TAKEN, {"rows": [row.outbox_id]})
            return False
    return not is_knock


def _bring_back(conn: Connection, row: Row[Any]) -> None:
    """The message waits at its place again; one that failed too often is given up."""
    this = (OUTBOX.c.id == row.outbox_id) & OUTBOX.c.sent_at.is_not(None)
    back = {"sent_at": None, "part": row.part, "attempts": OUTBOX.c.attempts + 1}
    conn.execute(update(OUTBOX).where(this, OUTBOX.c.attempts < MOST_ATTEMPTS).values(**back))
    conn.execute(update(OUTBOX).where(this).values(sent_at=None, gave_up_at=OUTBOX.c.sent_at))
