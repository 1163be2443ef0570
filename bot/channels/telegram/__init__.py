"""Telegram: people write to a bot, in private chats alone.

Updates come by webhook (`POST /telegram/webhook`) or are asked for (polling). A 200 means that what was said is
stored, or was passed over on purpose. Groups and channels are left, edits, reactions and other people's business pass.

    __init__.py     the channel: its address, taking and sending
    limits.py       what Telegram allows, in one table
    updates.py      what Telegram tells → Incoming
    showing.py      Message → what is sent
    calls.py        calls of the Bot API, and what its refusals mean
    lines.py        connections to it, kept
    setting_up.py   registering the webhook, the menu of commands (python-telegram-bot)
    menu.py         the commands in the menu
    polling.py      asking for updates
"""

import asyncio
import hashlib
import hmac
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from msgspec.structs import replace
from telegram.error import BadRequest, InvalidToken, TelegramError

from bot.channels.acknowledging import Acknowledged
from bot.channels.base import (
    Blocked,
    Capabilities,
    Closed,
    Fault,
    GiveUp,
    Incoming,
    Post,
    Refused,
    Retry,
    TooBig,
    Unavailable,
)
from bot.channels.rates import Rates
from bot.channels.telegram.calls import DEFAULT_WAIT, Calls, Trouble, told
from bot.channels.telegram.limits import (
    API_URL,
    CAPABILITIES,
    FILE,
    REPEATS,
    SECRET,
    SECRET_HEADER,
    TOKEN,
    WEBHOOK_PORTS,
)
from bot.channels.telegram.menu import menus
from bot.channels.telegram.polling import poll
from bot.channels.telegram.setting_up import bot_of, direct, set_menus
from bot.channels.telegram.showing import shown
from bot.channels.telegram.updates import Arrived, Keyboard, NotJson, read
from bot.dialogue.model import Heard, Message
from bot.settings import BadSetting

__all__ = ["NotSetUp", "Telegram"]

log = logging.getLogger(__name__)

PATH = "/telegram/webhook"
OFFICIAL = "https://api.telegram.org"
ERRANDS = 50  # small calls that nobody waits for, at once; more are not made
KEYBOARDS = 1000  # old ones that wait for a calm moment; of more, the oldest keep their buttons
CALM = 8  # people heard or written to at once: with fewer of them, it is calm
LOOK_AGAIN = 0.05  # seconds
UNANSWERED = 10.0  # seconds after which buttons go though no reply went: not every tap brings one
TRY_AGAIN = "2"  # seconds until a webhook that was not stored shall come again
FIRST_PAUSE, LAST_PAUSE = 5.0, 60.0  # seconds between attempts to set up; doubled each time


class NotSetUp(BadSetting):
    """The settings of Telegram don't go together; the message names them."""


@dataclass(frozen=True, slots=True)
class Call:
    """A method of the Bot API that an update is answered with."""

    method: str
    parameters: Mapping[str, object] = field(default_factory=dict)


class _Sent(msgspec.Struct):
    message_id: int


class _Path(msgspec.Struct):
    file_path: str = ""
    file_size: int = 0


class Telegram:
    """The channel.

    `api_url`: anything before `/bot<token>/<method>`. `mode`: "webhook" or "polling" (one worker alone may poll).
    `public_url`: where people reach Segin; with it, a webhook registers itself. `secret`: what Telegram shows at
    every webhook. Left empty where the webhook registers itself, one is derived from the token, so that all workers
    have the same and it outlives restarts; without a public address nobody could learn it: `NotSetUp`.
    """

    name: ClassVar[str] = "telegram"
    pulls: ClassVar[bool] = False
    capabilities: ClassVar[Capabilities] = CAPABILITIES
    repeats: ClassVar[int | None] = REPEATS
    window: ClassVar[timedelta | None] = None
    reports: ClassVar[bool] = False

    def __init__(
        self,
        *,
        token: str,
        api_url: str = OFFICIAL,
        secret: str = "",
        mode: str = "webhook",
        public_url: str = "",
        rates: Rates | None = None,
    ) -> None:
        if mode not in {"webhook", "polling"}:
            raise NotSetUp("SEGIN_TELEGRAM_MODE is webhook or polling")
        if not TOKEN.fullmatch(token):
            raise NotSetUp("SEGIN_TELEGRAM_TOKEN has letters that no token has")
        if not API_URL.fullmatch(api_url):
            raise NotSetUp("SEGIN_TELEGRAM_API_URL is an address such as https://api.telegram.org")
        if mode == "webhook" and not secret:
            if not public_url:
                raise NotSetUp("a webhook of Telegram needs SEGIN_TELEGRAM_SECRET, or SEGIN_PUBLIC_URL to register")
            secret = hmac.new(token.encode(), b"segin telegram webhook", hashlib.sha256).hexdigest()
        if secret and not SECRET.fullmatch(secret):
            raise NotSetUp("SEGIN_TELEGRAM_SECRET takes 1 to 256 letters of A-Z, a-z, 0-9, _ and -")
        self._polls, self._secret = mode == "polling", secret
        self._webhook = f"{public_url.rstrip('/')}{PATH}" if public_url and not self._polls else ""
        self._rates = rates if rates is not None else Rates()
        self._calls = Calls(token, api_url)
        self._bot = bot_of(token, api_url, self._calls)
        self._post: Post | None = None
        self._running: list[asyncio.Task[None]] = []  # setting up, polling
        self._errands: set[asyncio.Task[None]] = set()
        self._keyboards: deque[tuple[Keyboard, float]] = deque(maxlen=KEYBOARDS)  # and when they were tapped
        self._unanswered: set[str] = set()  # chats whose tap brought no message yet
        self._retiring: asyncio.Task[None] | None = None
        self._busy = 0  # people being heard or written to

    @property
    def rates(self) -> Rates:
        return self._rates

    # ------------------------------------------------------------ begin and end

    async def start(self, post: Post) -> None:
        self._post = post
        self._running.append(asyncio.create_task(self._set_up(post)))

    async def stop(self) -> None:
        running = [*self._running, *filter(None, [self._retiring])]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._running.clear()
        if self._errands:
            _, late = await asyncio.wait(self._errands, timeout=1)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._calls.close()

    async def _set_up(self, post: Post) -> None:
        """Say where updates go, then what is in the menu: nobody waits for that."""
        if self._polls or self._webhook:
            await self._until_taken(lambda: direct(self._bot, webhook=self._webhook, secret=self._secret))
        if self._polls:
            polling = poll(self._calls, lambda arrived: self._take_polled(arrived, post))
            self._running.append(asyncio.create_task(polling))
        await self._until_taken(lambda: set_menus(self._bot, menus(post.words)))

    async def _until_taken(self, say: Callable[[], Awaitable[None]]) -> None:
        pause = FIRST_PAUSE
        while not await self._is_taken(say):
            await asyncio.sleep(pause)
            pause = min(LAST_PAUSE, pause * 2)

    async def _is_taken(self, say: Callable[[], Awaitable[None]]) -> bool:
        try:
            await say()
        except InvalidToken:  # its own words quote the token
            log.error("Telegram does not know SEGIN_TELEGRAM_TOKEN (or SEGIN_TELEGRAM_API_URL is wrong)")  # noqa: TRY400
        except BadRequest as error:
            port = urlsplit(self._webhook).port or 443
            ports = "" if not self._webhook or port in WEBHOOK_PORTS else f"; a webhook has a port of {WEBHOOK_PORTS}"
            log.error("Telegram refuses to be set up: %s%s", error.message, ports)  # noqa: TRY400 - the reason is told
        except TelegramError as error:
            log.warning("Telegram can't be set up yet: %s", type(error).__name__)
        else:
            return True
        return False

    # ------------------------------------------------------------ what arrives

    def routes(self, post: Post) -> Iterable[web.RouteDef]:
        async def webhook(request: web.Request) -> web.Response:
            return await self._webhook_route(request, post)

        return () if self._polls else (web.post(PATH, webhook),)

    async def _webhook_route(self, request: web.Request, post: Post) -> web.Response:
        shown_secret = request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(shown_secret, self._secret.encode()):  # before the body: strangers cost nothing
            return web.Response(status=403)
        try:
            arrived = read(await request.read())
        except (NotJson, ConnectionError, web.RequestPayloadError):
            return web.Response(status=400)
        try:
            answer = await self._take(arrived, post)
        except Unavailable:
            return web.Response(status=503, headers={"Retry-After": TRY_AGAIN})
        if answer is None:
            return Acknowledged()
        return Acknowledged(msgspec.json.encode({"method": answer.method, **answer.parameters}))

    async def _take_polled(self, arrived: Arrived, post: Post) -> None:
        answer = await self._take(arrived, post)
        if answer is not None:
            self._errand(answer)

    async def _take(self, arrived: Arrived, post: Post) -> Call | None:
        """Store one update; returns what it is answered with. Raises `Unavailable`: nothing was stored."""
        self._busy += 1
        try:
            if arrived.incoming is not None:
                await self._hear(arrived.incoming, post)
            if arrived.gone:
                await post.leave(self, arrived.gone, arrived.gone_at)
        finally:
            self._busy -= 1
        if arrived.keyboard is not None:
            self._retire(arrived.keyboard)
        if arrived.tapped:
            return Call("answerCallbackQuery", {"callback_query_id": arrived.tapped})
        if arrived.intruded is not None:
            return Call("leaveChat", {"chat_id": arrived.intruded})
        return None

    async def _hear(self, incoming: Incoming, post: Post) -> None:
        try:
            await post.hear(self, incoming)
        except Refused:  # nothing was stored; they are told that it can't be read
            with suppress(Refused):
                await post.hear(self, replace(incoming, heard=Heard("unknown"), file_ref="", start=""))

    def _retire(self, keyboard: Keyboard) -> None:
        """Take the buttons of an answered question away: after the reply, one by one, when nothing more urgent waits.

        A late tap does no harm, so nothing is lost where it never comes to that.
        """
        self._keyboards.append((keyboard, time.monotonic()))
        self._unanswered.add(str(keyboard.chat))
        if self._retiring is None or self._retiring.done():
            self._retiring = asyncio.create_task(self._retire_all())

    async def _retire_all(self) -> None:
        while self._keyboards:
            await asyncio.sleep(LOOK_AGAIN)
            for _ in range(len(self._keyboards)):
                if self._busy >= CALM or self._rates.backlog() > 0:
                    break
                keyboard, since = self._keyboards.popleft()
                if str(keyboard.chat) in self._unanswered and time.monotonic() - since < UNANSWERED:
                    self._keyboards.append((keyboard, since))
                    continue
                self._unanswered.discard(str(keyboard.chat))
                empty = {"inline_keyboard": ()}
                what = {"chat_id": keyboard.chat, "message_id": keyboard.message, "reply_markup": empty}
                await self._run(Call("editMessageReplyMarkup", what))
        self._unanswered.clear()

    def _errand(self, call: Call) -> None:
        """A call that nobody waits for; it may fail."""
        if len(self._errands) < ERRANDS:
            task = asyncio.create_task(self._run(call))
            self._errands.add(task)
            task.add_done_callback(self._errands.discard)

    async def _run(self, call: Call) -> None:
        try:
            await self._calls.call(call.method, call.parameters)
        except (Retry, GiveUp, Blocked, Fault, Trouble) as error:
            log.debug("%s: %s", call.method, type(error).__name__)

    # ------------------------------------------------------------ what goes out

    async def send(self, address: str, message: Message) -> str:
        self._busy += 1
        try:
            sent = told(await self._calls.call("sendMessage", shown(address, message, self._words)), _Sent)
        finally:
            self._busy -= 1
            self._unanswered.discard(address)
        return str(sent.message_id) if sent is not None else ""

    async def knock(self, address: str, language: str) -> str:  # noqa: ARG002 - as the port has it
        """Never asked: `window` is None."""
        raise Closed("Telegram has no templates")

    async def fetch(self, file_ref: str) -> bytes:
        try:
            found = told(await self._calls.call("getFile", {"file_id": file_ref}), _Path)
        except Trouble as error:
            raise Retry(DEFAULT_WAIT) from error
        except Blocked as error:
            raise GiveUp("the file is not ours to fetch") from error
        if found is None or not found.file_path:
            raise GiveUp("the file is gone")
        if found.file_size > FILE:
            raise TooBig("file is too big")
        return await self._calls.download(found.file_path)

    def _words(self, key: str, language: str) -> str:
        if self._post is None:
            raise KeyError(key)
        return self._post.words(key, language)
