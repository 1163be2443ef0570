"""All of Segin in this process: worker, lanes and web server, beside the pretended providers. And how those deliver.

async with FakeTelegram(rates=False) as api, Served(url, keyring, library, lambda: [telegram(api)]) as segin:
    assert await segin.telegram(update(7, 1, text="bonjour")) == 200
    await segin.settled()
"""

import asyncio
import inspect
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.test_utils import TestServer
from sqlalchemy import Connection, and_, func, or_, select

import bot.attachments
import bot.channels.telegram.calls
import bot.channels.whatsapp.graph
import bot.halts
import bot.lanes
import bot.outbox
from bot.channels.base import Channel, Retry
from bot.channels.rates import Rates
from bot.channels.telegram import Telegram
from bot.channels.webchat import WebChat
from bot.channels.whatsapp import WhatsApp
from bot.dialogue.flow import Library
from bot.library.shelf import Shelf
from bot.settings import Settings
from bot.web import application
from bot.worker import Worker
from storage import KeyRing, Store, database_now, tables
from tests.channels.telegram.fake_api import FakeTelegram
from tests.channels.whatsapp.deliveries import delivery, messages, signed
from tests.channels.whatsapp.fake_graph import PHONE_ID, SECRET, TOKEN, VERIFY

TELEGRAM_SECRET = "a_secret-of-the-tests"
MINUTE = timedelta(minutes=1)
PATIENCE = 30.0  # seconds for anything to happen; a test that needs them has failed
LAST_RETRY = 0.5  # seconds in a hurry: doubled on and on, the waits of one who meets eight faults in a row add up to 25
MEMBERS = {"kicked": "member", "member": "kicked"}  # what the bot was before
BEGAN = int(time.time()) - 3600  # when people of WhatsApp began to write
BEGINS = (
    int(time.time()) + 3600
)  # Telegram's date of nobody's first word: taps have none, and count as said when they came
_numbers = itertools.count(1000)


def telegram(api: FakeTelegram, url: str = "", rates: Rates | None = None) -> Telegram:
    """The channel. `url`: what stands between it and the provider."""
    return Telegram(token=api.token, api_url=url or api.url, secret=TELEGRAM_SECRET, rates=rates or Rates())


def whatsapp(url: str, rates: Rates | None = None) -> WhatsApp:
    return WhatsApp(
        token=TOKEN, phone_id=PHONE_ID, app_secret=SECRET, verify_token=VERIFY, api_url=url, rates=rates or Rates()
    )


def webchat() -> WebChat:
    return WebChat(secure_cookie=False, behind_proxy=False)


# ---------------------------------------------------------------- what providers deliver


def update(chat: int, number: int, *, text: str = "", tap: str = "", member: str = "", **more: str) -> dict[str, Any]:
    """An update of Telegram: the `number`-th thing this person says or does, a second after the one before.

    `member`: what they make of the bot, "kicked" or "member". `more`: `voice` and `photo` (the id of its file),
    `contact` (a number), `location` (a latitude).
    """
    person = {"id": chat, "is_bot": False, "first_name": "Awa", "language_code": "fr"}
    there = {"id": chat, "first_name": "Awa", "type": "private"}
    if tap:
        under = {"message_id": number, "chat": there, "date": 1795425451, "text": "?"}
        query = {"id": f"{chat}-{number}", "from": person, "message": under, "chat_instance": "1", "data": tap}
        return {"update_id": next(_numbers), "callback_query": query}
    date = BEGINS + number
    if member:
        robot = {"id": 7, "is_bot": True, "first_name": "Segin"}
        before, after = ({"user": robot, "status": one} for one in (MEMBERS[member], member))
        change = {"chat": there, "from": person, "date": date, "old_chat_member": before, "new_chat_member": after}
        return {"update_id": next(_numbers), "my_chat_member": change}
    message: dict[str, Any] = {"message_id": number, "from": person, "chat": there, "date": date}
    message |= _content(chat, **more) if more else {"text": text}
    return {"update_id": next(_numbers), "message": message}


def _content(chat: int, *, voice: str = "", photo: str = "", contact: str = "", location: str = "") -> dict[str, Any]:
    """What a message of Telegram holds instead of words."""
    if voice:
        file = {"file_id": voice, "file_unique_id": voice}
        return {"voice": {**file, "duration": 3, "mime_type": "audio/ogg"}}
    if photo:
        small, large = ({"file_id": one, "file_unique_id": one} for one in (f"{photo}-small", photo))
        return {"photo": [{**small, "width": 90, "height": 67}, {**large, "width": 800, "height": 600}]}
    if contact:
        return {"contact": {"phone_number": contact, "first_name": "Awa", "user_id": chat}}
    return {"location": {"latitude": float(location), "longitude": -6.25}}


def message(address: str, number: int, *, text: str = "", tap: str = "", voice: str = "") -> dict[str, Any]:
    """A message as it stands in a delivery of WhatsApp: the `number`-th thing this person says."""
    given = {"from": address, "id": f"wamid.{address}.{number}", "timestamp": str(BEGAN + number)}
    if voice:
        return {**given, "type": "audio", "audio": {"id": voice, "mime_type": "audio/ogg; codecs=opus", "voice": True}}
    if tap:
        reply = {"type": "list_reply", "list_reply": {"id": tap, "title": "x"}}
        return {**given, "type": "interactive", "interactive": reply}
    return {**given, "type": "text", "text": {"body": text}}


# ---------------------------------------------------------------- Segin


@dataclass
class Served:
    """Segin on one database. `speaks`: False leaves what is said in the outbox. May be entered again: a restart."""

    url: str
    keyring: KeyRing
    library: Library
    channels: Callable[[], list[Channel]]
    speaks: bool = True
    busy_seconds: float = 5.0
    clock: Callable[[], Any] | None = None
    at: str = field(default="", init=False)

    async def __aenter__(self) -> Self:
        self.store = Store(self.url, busy_seconds=self.busy_seconds).open()
        more = {"clock": self.clock} if self.clock else {}
        self.worker = Worker(
            Settings(demo=True, data_dir="nowhere"),  # type: ignore[arg-type] # nothing is kept there
            self.store,
            self.keyring,
            {channel.name: channel for channel in self.channels()},
            shelf=Shelf(fixed=self.library),
            **more,
        )
        self.worker.lanes._stopped = not self.speaks
        self.server = TestServer(application(self.worker))
        await self.server.start_server()
        self.at = str(self.server.make_url("")).rstrip("/")
        self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.close()
        await self.server.close()

    # ------------------------------------------------------------ what providers do

    async def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        async with self.http.post(self.at + path, data=body, headers=headers) as response:
            return response.status, await response.read()

    async def telegram(self, given: dict[str, Any] | bytes) -> int:
        """One update; the status it is answered with."""
        body = given if isinstance(given, bytes) else json.dumps(given).encode()
        status, _ = await self.post("/telegram/webhook", body, telegram_headers())
        return status

    async def whatsapp(self, *given: dict[str, Any] | bytes) -> int:
        """One delivery, of these messages, or of these bytes."""
        body = given[0] if given and isinstance(given[0], bytes) else json.dumps(delivery(messages(*given))).encode()
        status, _ = await self.post("/whatsapp/webhook", body, signed(body))
        return status

    async def say(self, channel: str, person: int, number: int, **what: str) -> int:
        if channel == "telegram":
            return await self.telegram(update(person, number, **what))
        return await self.whatsapp(message(str(person), number, **what))

    async def insist(self, channel: str, person: int, number: int, **what: str) -> None:
        """Deliver until it is taken, as providers do."""

        async def taken() -> bool:
            return await self.say(channel, person, number, **what) == 200

        await until(taken)

    # ------------------------------------------------------------ waiting

    async def settled(self) -> None:
        """Nothing is left that could go out now, nothing is being fetched."""

        async def is_quiet() -> bool:
            await self.worker.lanes.quiet()
            await self.worker.attachments.quiet()
            return not await self.store.read(_under_way)

        await until(is_quiet)

    async def read(self, work: Callable[[Connection], Any]) -> Any:
        return await self.store.read(work)

    def failed_turns(self) -> float:
        return self.worker.metrics.get_sample_value("segin_failed_turns_total") or 0.0


async def until(holds: Callable[[], Any]) -> None:
    """Wait until it holds; a coroutine function is asked again and again as well."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = holds()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.01)


def telegram_headers() -> dict[str, str]:
    return {"X-Telegram-Bot-Api-Secret-Token": TELEGRAM_SECRET, "Content-Type": "application/json"}


def _under_way(conn: Connection) -> bool:
    """Something is to be sent or fetched; what waits for more than a minute, or for its person, doesn't count."""
    outbox, lanes, contacts, pauses = tables.outbox, tables.lanes, tables.contacts, tables.pauses
    now = database_now(conn)
    open_lane = or_(lanes.c.contact_id.is_(None), and_(lanes.c.closed_at.is_(None), lanes.c.not_before <= now + MINUTE))
    in_time = or_(contacts.c.window_until.is_(None), contacts.c.window_until > now, lanes.c.knocked_at.is_(None))
    paused = select(pauses.c.channel).where(pauses.c.not_before > now + MINUTE)
    sends = (
        select(func.count())
        .select_from(outbox.join(contacts).outerjoin(lanes, lanes.c.contact_id == outbox.c.contact_id))
        .where(outbox.c.seq > 0, outbox.c.due_at <= now, outbox.c.sent_at.is_(None), outbox.c.gave_up_at.is_(None))
        .where(contacts.c.channel != "web", contacts.c.channel.not_in(paused), open_lane, in_time)
    )
    fetches = select(func.count()).select_from(tables.fetches).where(tables.fetches.c.not_before <= now + MINUTE)
    return bool(conn.scalar(sends) or conn.scalar(fetches))


# ---------------------------------------------------------------- a faster life


def hurry(patch: Callable[[Any, str, Any], None]) -> None:
    """Retries, leases and looks in a fraction of their seconds: `hurry(monkeypatch.setattr)`."""
    for module in (bot.outbox, bot.lanes):
        patch(module, "LEASE", timedelta(seconds=3))
    patch(bot.outbox, "SWEEP", 0.05)
    patch(bot.outbox, "SEND_TIMEOUT", 0.7)
    patch(bot.outbox, "FIRST_RETRY", 0.05)
    patch(bot.outbox, "LAST_RETRY", LAST_RETRY)
    patch(bot.halts, "LONGEST_PAUSE", 0.3)
    patch(bot.attachments, "EVERY", 0.05)
    patch(bot.attachments, "FIRST_RETRY", 0.05)
    patch(bot.attachments, "FETCH_TIMEOUT", 1.0)
    patch(bot.attachments, "LEASE", timedelta(seconds=3))
    for of_telegram in (bot.channels.telegram, bot.channels.telegram.calls):
        patch(of_telegram, "DEFAULT_WAIT", 0.05)
    original = bot.channels.whatsapp.graph.typed_error

    def sooner(*given: Any, **more: Any) -> Exception:
        error = original(*given, **more)
        if not isinstance(error, Retry):
            return error
        return Retry(max(more.get("after", 0.0), min(LAST_RETRY, error.after / 40)))

    patch(bot.channels.whatsapp.graph, "typed_error", sooner)
