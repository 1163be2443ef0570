"""One worker of Segin: the `Post` of every channel, with its inbox, lanes, open pages and follow-ups."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import Connection

from bot import contacts
from bot.attachments import Attachments
from bot.channels.base import Channel, Incoming, Said, Status, Told, Unavailable
from bot.console.rendering import Rendering
from bot.counts import StepCounts
from bot.deliveries import Deliveries
from bot.dialogue.model import Alert, Effect, Forget, OpenCase
from bot.followups import Followups
from bot.inbox import Inbox, utc_now
from bot.leaving import leave, left
from bot.library.shelf import Shelf
from bot.mail import Mail
from bot.outbox import Lanes
from bot.pages import News, acknowledge, waiting_after
from bot.paging import Paging, TelegramWay, Way, Words
from bot.round import Result, place_of
from bot.settings import Settings
from storage import KeyRing, Store
from storage import Unavailable as StorageUnavailable

log = logging.getLogger(__name__)


class NotReal(RuntimeError):
    """Channels that reach real people refuse to serve a demonstration; SEGIN_DEMO=1 says that is wanted."""


class Worker:
    """What channels talk to."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        keyring: KeyRing,
        channels: Mapping[str, Channel],
        *,
        shelf: Shelf | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.settings, self.store, self.keyring, self.channels = settings, store, keyring, channels
        self.shelf, self.clock = shelf or Shelf(), clock
        self._scrubbing: asyncio.Task[None] | None = None
        self.metrics = CollectorRegistry()
        self._turns = Counter("segin_turns", "Messages taken", registry=self.metrics)
        self._failed = Counter("segin_failed_turns", "Turns that raised and were set aside", registry=self.metrics)
        self._faults = Counter(
            "segin_channel_faults", "Providers away or refusing us", ["channel", "why"], registry=self.metrics
        )
        self.lanes = Lanes(store, keyring, channels, on_fault=self._on_fault)
        self.deliveries = Deliveries(store, keyring, serve=self.lanes.serve, on_fault=self._on_fault)
        self.attachments = Attachments(
            store,
            keyring,
            channels,
            most_bytes=settings.file_mb * 1024 * 1024,
            shelf=self.shelf,
            clock=clock,
            serve=self.lanes.serve,
        )
        self.pages = News(store)
        self.followups = Followups(store, keyring, self.shelf, clock=clock)
        self.counts = StepCounts(store, clock=clock)
        self.paging = Paging(
            store, keyring, self.shelf, ways_of(settings), page_words(settings), metrics=self.metrics, clock=clock
        )
        self.inbox = Inbox(
            store,
            keyring,
            self.shelf,
            after_commit=self._committed,
            clock=clock,
            lease=self.lanes.lease,
            lanes=1 if store.dialect == "sqlite" else settings.writers,
            paging=lambda: self.paging.reaches,
        )

    @property
    def demonstration(self) -> bool:
        """Nobody reads, until the organisation has said who does."""
        return bool(self.shelf.library.organisation.missing)

    async def start(self) -> None:
        """Read the library and begin to serve. Raises `NoLibrary`, `NotReal`, `storage.Unavailable`."""
        await self.store.read(self._read_library)
        reaching = [name for name in self.channels if name not in ("web", "terminal")]
        if self.demonstration and reaching and not self.settings.demo:
            raise NotReal(f"{NotReal.__doc__} ({', '.join(reaching)})")
        await self.paging.start()  # before anybody is promised anything
        for channel in self.channels.values():
            await channel.start(self)
        self.lanes.start()
        self.attachments.start()
        self.pages.start()
        self.followups.start()
        self.counts.start()

    async def hang_up(self) -> None:
        """Nothing more goes out, channels end; what is still heard is stored, and answered by who comes next."""
        await self._stop_channels(pulls=True)  # open pages would be waited for
        await self.attachments.stop()
        await self.lanes.stop()
        await self._stop_channels(pulls=False)

    async def stop(self) -> None:
        await self.hang_up()
        await self.deliveries.stop()
        await self.followups.stop()
        await self.counts.stop()
        await self.paging.stop()
        await self.pages.stop()
        await asyncio.to_thread(self.store.close)

    async def _stop_channels(self, *, pulls: bool) -> None:
        for channel in self.channels.values():
            if channel.pulls == pulls:
                try:
                    await channel.stop()
                except Exception as error:  # noqa: BLE001 - the others are to end as well
                    log.error("%s does not end: %s", channel.name, place_of(error))  # noqa: TRY400 - no content in logs

    def _read_library(self, conn: Connection) -> None:
        self.shelf.current(conn)

    # ------------------------------------------------------------ the port of the channels

    async def hear(self, channel: Channel, incoming: Incoming) -> Told:
        told = await self.inbox.hear(channel, incoming)
        if channel.pulls and told.said:
            self.pages.told(self._index(channel, incoming.address), told.said[-1].seq)
        return told

    async def status(self, channel: Channel, message_id: str, status: Status) -> None:
        with _as_the_port_says():
            await self.deliveries.status(channel, message_id, status)

    async def since(self, channel: Channel, address: str, cursor: int) -> list[Said] | None:
        look = waiting_after(self.keyring, channel.name, self._index(channel, address), cursor)
        with _as_the_port_says():
            return await self.store.read(look)

    async def seen(self, channel: Channel, address: str, cursor: int) -> None:
        with _as_the_port_says():
            await self.store.run(acknowledge(channel.name, self._index(channel, address), cursor))

    def news(self, channel: Channel, address: str) -> AsyncIterator[None]:
        return self.pages.wait_for(self._index(channel, address))

    async def leave(self, channel: Channel, address: str, at: datetime | None = None) -> None:
        index = self._index(channel, address)
        dated = None if at is None else left(self.keyring, channel, index, at, self.clock())
        with _as_the_port_says():
            await self.store.run(dated or leave(channel.name, index))

    def words(self, key: str, language: str = "") -> str:
        return self.shelf.library.words(key, language)

    # ------------------------------------------------------------ after a round

    def _committed(self, results: list[Result]) -> None:
        self._turns.inc(len(results))
        for result in results:
            self.counts.take(self.shelf.library, result.passed, result.answered)
            if result.failed:
                self._failed.inc()
            if result.due is not None:
                self.lanes.go(result.due)
            elif result.pushes and result.contact_id is not None:
                self.lanes.serve(result.contact_id, result.entry.channel.name)
            if result.fetches:
                self.attachments.look()
        effects = [effect for result in results for effect in result.effects]
        if any(isinstance(effect, Alert) for effect in effects):
            self.paging.look()
        if any(_leaves_traces(effect) for effect in effects):
            self._scrubbing = asyncio.create_task(self._scrub())

    async def _scrub(self) -> None:
        """Old pages of SQLite's log still hold what was just taken out of the tables."""
        try:
            await self.store.scrub()
        except StorageUnavailable as error:
            log.warning("the log of the database is not emptied: %s", error)

    def _on_fault(self, channel: str, why: str) -> None:
        self._faults.labels(channel, why).inc()

    def _index(self, channel: Channel, address: str) -> bytes:
        return contacts.address_index(self.keyring, channel.name, address)


@contextmanager
def _as_the_port_says() -> Iterator[None]:
    """Channels know no database: its trouble reaches them as the port's own `Unavailable`."""
    try:
        yield
    except StorageUnavailable as error:
        raise Unavailable(str(error)) from error


def _leaves_traces(effect: Effect) -> bool:
    return isinstance(effect, Forget) or (isinstance(effect, OpenCase) and effect.anonymous)


def ways_of(settings: Settings) -> dict[str, Way]:
    """How staff on call can be told, as far as it is set up."""
    ways: dict[str, Way] = {}
    if settings.smtp_url:
        ways["email"] = Mail(settings.smtp_url, settings.mail_from)
    if settings.telegram_token:
        ways["telegram"] = TelegramWay(settings.telegram_token, settings.telegram_api_url)
    return ways


def page_words(settings: Settings) -> Words:
    """What a page says in a language of the console: how many alerts, where to look, nothing else."""
    rendering = Rendering(settings.library_dir / "locales", lambda: "UTC")
    link = f"{settings.public_url.rstrip('/')}/console/alerts" if settings.public_url else ""

    def words(language: str) -> tuple[str, str]:
        body = rendering.render("alerts/page.txt", language, {"link": link}).strip()
        return body.splitlines()[0], body

    return words
