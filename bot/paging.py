"""The sender of pages: looks for alerts that are due, tells whoever is on call, and keeps at it until one is reached.

A page goes by every way of everybody who is to be told, all at once: a way that fails holds up none of the others. When
one arrived the page is marked, and the ways that failed are tried again by this worker until the next page is due. When
none arrived the whole page is tried again, by any worker.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import Connection

from bot.cases import alerts, paging
from bot.cases.paging import Page, Person
from bot.channels.base import Blocked, GiveUp
from bot.channels.telegram.calls import Calls
from bot.library.shelf import NoLibrary, Shelf
from bot.round import place_of
from storage import KeyRing, Store
from storage import Unavailable as StorageUnavailable

log = logging.getLogger(__name__)

EVERY = 2.0  # seconds between looks
REFRESH_EVERY = 20.0  # seconds between looks at who could be reached
AT_ONCE = 20  # pages
SEND_TIMEOUT = 60.0  # seconds; less than half of the lease
FIRST_RETRY, LAST_RETRY = 10.0, 300.0  # seconds until a way that failed is tried again; doubled each time
FIRST_WAIT, LAST_WAIT = 5.0, 120.0  # the same, where nobody was reached
ALONE_WAIT, ALONE_LAST = 60.0, 900.0  # the same, where there is nobody

Words = Callable[[str], tuple[str, str]]
"""Subject and body of a page in a language."""


class Way(Protocol):
    """How somebody is told: `send` returns when it was taken for this address, or raises."""

    async def send(self, address: str, subject: str, body: str) -> None: ...
    async def close(self) -> None: ...


class TelegramWay:
    """A message of the organisation's bot into a chat of staff; they must have written to the bot once."""

    def __init__(self, token: str, api_url: str) -> None:
        self._calls = Calls(token, api_url)

    async def send(self, address: str, subject: str, body: str) -> None:  # noqa: ARG002 - as the port has it
        """Raises what `Calls.call` raises; none of it names the token or the chat."""
        said = {"chat_id": address, "text": body, "link_preview_options": {"is_disabled": True}}
        await self._calls.call("sendMessage", said)

    async def close(self) -> None:
        await self._calls.close()


class Paging:
    """Pages that go out from one worker. `ways`: those that are set up, by name."""

    def __init__(
        self,
        store: Store,
        keyring: KeyRing,
        shelf: Shelf,
        ways: Mapping[str, Way],
        words: Words,
        *,
        metrics: CollectorRegistry,
        clock: Callable[[], datetime],
    ) -> None:
        self.store, self.keyring, self.shelf, self.ways, self.words = store, keyring, shelf, ways, words
        self.clock = clock
        self.reaches = False
        self._tries: dict[tuple[object, int], int] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # pages
        self._retries: set[asyncio.Task[None]] = set()  # ways that failed
        self._looker: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._refreshed = float("-inf")
        self._pages = Counter("segin_pages", "Pages to staff on call", ["way", "how"], registry=metrics)
        self._unheard = Gauge("segin_alerts_unheard", "Alerts that nobody could be told of", registry=metrics)
        for way in ways:
            for how in ("sent", "failed"):
                self._pages.labels(way, how)

    # ------------------------------------------------------------ begin and end

    async def start(self) -> None:
        """Learn who could be reached, and begin to look. Raises `storage.Unavailable`."""
        await self.refresh()
        self._looker = asyncio.create_task(self._look_again())

    async def stop(self) -> None:
        """What was not sent is sent by whoever comes next, after the lease."""
        tasks = [*self._tasks, *self._retries, *([self._looker] if self._looker else [])]
        self._looker = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for way in self.ways.values():
            with contextlib.suppress(Exception):
                await way.close()

    def look(self) -> None:
        """There may be a page to send."""
        self._news.set()

    async def quiet(self) -> None:
        """Returns when no page is on its way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _look_again(self) -> None:
        while True:
            self._news.clear()
            try:
                await self.take()
                if time.monotonic() - self._refreshed >= REFRESH_EVERY:
                    await self.refresh()
            except (StorageUnavailable, NoLibrary) as error:
                log.warning("alerts can't be read: %s", type(error).__name__)
            except Exception as error:  # noqa: BLE001 - the looking goes on
                log.error("alerts can't be read: %s", place_of(error))  # noqa: TRY400 - no content in logs
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._news.wait()

    async def refresh(self) -> None:
        """Whether anybody could be reached at this moment: what the chat may promise."""
        self.reaches, unheard = await self.store.read(self._state)
        self._refreshed = time.monotonic()
        self._unheard.set(unheard)

    def _state(self, conn: Connection) -> tuple[bool, int]:
        return paging.reaches(conn, self.keyring, self.ways), paging.unheard(conn, self.clock())

    # ------------------------------------------------------------ one look

    async def take(self) -> None:
        """Find what has become an alert, and begin to send what is due."""
        more, waits = await self.store.read(self._anything)
        if more:
            await self.store.run(lambda conn: alerts.look(conn, self.shelf.current(conn), self.clock()))
        room = AT_ONCE - len(self._tasks)
        if (more or waits) and room > 0:
            for page in await self.store.run(partial(self._lease, most=room)):
                _begin(self._page(page), self._tasks)

    def _anything(self, conn: Connection) -> tuple[bool, bool]:
        now = self.clock()
        return alerts.to_do(conn, self.shelf.current(conn), now), paging.due(conn, now)

    def _lease(self, conn: Connection, most: int) -> list[Page]:
        zone = self.shelf.current(conn).organisation.timezone
        return paging.lease(conn, self.keyring, self.ways, zone, self.clock(), most)

    # ------------------------------------------------------------ one page

    async def _page(self, page: Page) -> None:
        try:
            await self._send_all(page)
        except StorageUnavailable as error:  # the lease runs out, and it goes again
            log.warning("a page is not marked: %s", error)
        except Exception as error:  # noqa: BLE001 - one page's trouble is its own; its lease runs out
            log.error("a page is not marked: %s", place_of(error))  # noqa: TRY400 - no content in logs

    async def _send_all(self, page: Page) -> None:
        if not page.people:
            log.error("an alert waits, and there is nobody who can be told")
            await self._put_off(page, ALONE_WAIT, ALONE_LAST)
            return
        if not page.by_rota:
            log.warning("an alert waits, and nobody is on duty: all of protection is told")
        targets = [(person, way) for person in page.people for way in person.ways]
        went = await asyncio.gather(*(self._sent(person, way) for person, way in targets))
        if True not in went:
            await self._put_off(page, FIRST_WAIT, LAST_WAIT)
            return
        self._tries.pop((page.alert_id, page.stage), None)
        stage = await self.store.run(lambda conn: paging.mark(conn, page, self.clock()))
        failed = [target for target, how in zip(targets, went, strict=True) if how is False]
        if failed:
            _begin(self._try_again(page, stage, failed), self._retries)

    async def _put_off(self, page: Page, first: float, last: float) -> None:
        tried = self._tries.get((page.alert_id, page.stage), 0)
        self._tries[page.alert_id, page.stage] = tried + 1
        seconds = min(last, first * 2 ** min(tried, 20))
        await self.store.run(lambda conn: paging.put_off(conn, page, seconds))

    async def _sent(self, person: Person, way: str) -> bool | None:
        """Whether it was taken; None when it never will be (a chat that does not exist)."""
        subject, body = self.words(person.language)
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await self.ways[way].send(person.ways[way], subject, body)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other ways must not wait for it
            log.warning("a page by %s was not taken: %s", way, place_of(error))
            self._pages.labels(way, "failed").inc()
            return None if isinstance(error, Blocked | GiveUp) else False
        self._pages.labels(way, "sent").inc()
        return True

    async def _try_again(self, page: Page, stage: int, failed: list[tuple[Person, str]]) -> None:
        """Ways that failed while another arrived; what is lost here comes with the next page."""
        gap = paging.GAPS[min(page.stage, len(paging.GAPS) - 1)].total_seconds()
        ends, wait = time.monotonic() + gap, FIRST_RETRY
        while failed and time.monotonic() + wait < ends:
            await asyncio.sleep(wait)
            wait = min(LAST_RETRY, wait * 2)
            try:
                if not await self.store.read(partial(paging.wanted, page=page, stage=stage)):
                    return
            except StorageUnavailable:
                continue
            went = await asyncio.gather(*(self._sent(person, way) for person, way in failed))
            failed = [target for target, how in zip(failed, went, strict=True) if how is False]


def _begin(work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
