"""The web chat: one page on our own server, for people with no Telegram or WhatsApp.

The page (`page/`) keeps what was typed in a queue and sends it with an id of its own making; a message
that was stored gets a 200 with all that waits for the person. Who is who: an unguessable token in a cookie,
made when the first message was stored. It is the contact's address, and all that leads back to them.

    __init__.py   the channel and its addresses
    reading.py    what the browser sent → Heard
    limits.py     floods
    stream.py     later messages, as they come (server-sent events)
    shell.py      the page and its files
    page/         HTML, CSS and JavaScript; `page/js/*.js` are joined in the order of their names
"""

import asyncio
import logging
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from bot.channels.base import Capabilities, GiveUp, Incoming, Post, Refused, Told, Unavailable
from bot.channels.rates import Rates
from bot.channels.webchat.limits import Flood, place_of
from bot.channels.webchat.reading import (
    MAX_CURSOR,
    TRY_AGAIN,
    Bounds,
    NotTaken,
    Reader,
    is_json,
    language_of,
    read_cursor,
)
from bot.channels.webchat.shell import SECURITY_HEADERS, Shell
from bot.channels.webchat.stream import Streams, as_json
from bot.dialogue.model import Message

__all__ = ["SECURITY_HEADERS", "WebChat"]

log = logging.getLogger(__name__)

COOKIE = "segin_chat"
COOKIE_DAYS = 30
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # what secrets.token_urlsafe(32) makes
MESSAGES_PER_MINUTE = 60
NEWCOMERS_PER_MINUTE = 240  # a charter of 180 people may share one address
KNOWN = 100_000  # tokens remembered as known
LEAVERS = 10_000  # people who left while the database was away


class WebChat:
    """The channel that is pulled from.

    `secure_cookie`: the public address is https. `title`: what the page calls itself (neutral: it is read
    over shoulders). `behind_proxy`: one proxy of ours stands in front, so the last X-Forwarded-For entry is
    the browser's address and X-Forwarded-Host may name the host; otherwise both headers are ignored, as
    anyone can write them.
    """

    name: ClassVar[str] = "web"
    pulls: ClassVar[bool] = True
    capabilities: ClassVar[Capabilities] = Capabilities(text=10_000)
    repeats: ClassVar[int | None] = None  # a phone may stay off for months with a message in its queue
    window: ClassVar[timedelta | None] = None
    reports: ClassVar[bool] = False
    rates: ClassVar[Rates] = Rates()

    def __init__(
        self,
        *,
        secure_cookie: bool,
        title: str = "Segin",
        behind_proxy: bool = False,
        bounds: Bounds = Bounds(),  # noqa: B008 - it cannot be changed
    ) -> None:
        self.secure_cookie = secure_cookie
        self.behind_proxy = behind_proxy
        # /chat: the console and the pages never see it
        self._cookie_rules = f"Max-Age={COOKIE_DAYS * 24 * 3600}; Path=/chat; HttpOnly; SameSite=Strict"
        if secure_cookie:
            self._cookie_rules += "; Secure"
        self._shell = Shell(title)
        self._streams = Streams(self)
        self._reader = Reader(bounds)
        self._messages = Flood(MESSAGES_PER_MINUTE)
        self._looks = Flood(MESSAGES_PER_MINUTE)  # streams opened and acknowledgements, for each token
        self._newcomers = Flood(NEWCOMERS_PER_MINUTE)
        self._lookups = Flood(NEWCOMERS_PER_MINUTE)  # tokens the database was asked about, for each place
        self._known: OrderedDict[str, None] = OrderedDict()  # tokens in use, the oldest first
        self._left = 0  # how many people have left: an older answer of the database no longer counts
        self._leavers: set[str] = set()  # those whom the database could not be told about yet
        self._leaving: asyncio.Task[None] | None = None
        self._warned = False

    def routes(self, post: Post) -> Iterable[web.RouteDef]:
        """The page and the four addresses it speaks to."""

        async def messages(request: web.Request) -> web.Response:
            return await self._messages_route(request, post)

        async def stream(request: web.Request) -> web.StreamResponse:
            return await self._stream_route(request, post)

        async def seen(request: web.Request) -> web.Response:
            return await self._seen_route(request, post)

        async def leave(request: web.Request) -> web.Response:
            return await self._leave_route(request, post)

        return [
            *self._shell.routes(),
            web.post("/chat/messages", messages),
            web.get("/chat/stream", stream),
            web.post("/chat/seen", seen),
            web.post("/chat/leave", leave),
        ]

    async def start(self, post: Post) -> None:
        """Nothing has to be opened."""

    async def send(self, address: str, message: Message) -> str:
        """Nothing is pushed: the browser asks (`pulls`)."""
        raise NotImplementedError("the web chat is pulled from")

    async def knock(self, address: str, language: str) -> str:
        """As `send`."""
        raise NotImplementedError("the web chat is pulled from")

    async def fetch(self, file_ref: str) -> bytes:  # noqa: ARG002 - as the port has it
        """The browser sends the bytes themselves."""
        raise GiveUp("files of the web chat come with their message")

    async def stop(self) -> None:
        """End the open streams; the application calls it when it begins to shut down."""
        await self._streams.close()
        if self._leaving is not None:
            self._leaving.cancel()
            await asyncio.gather(self._leaving, return_exceptions=True)

    # ------------------------------------------------------------ the addresses

    async def _messages_route(self, request: web.Request, post: Post) -> web.Response:
        try:
            self._must_be_our_page(request)
            # Who it is, before the body: strangers cannot make us hold megabytes.
            token = await self._known_token(request, post)
            self._must_not_flood(request, token)
            if is_json(request):
                given = await self._reader.message(request)
            elif token is not None:
                given = await self._reader.file(request)
            else:
                raise NotTaken(409, "unknown")  # noqa: TRY301 - the page says "start", then sends the file again
            # A token we never gave opens nothing: it is replaced. (Who was erased while this worker knew them
            # keeps theirs; it leads to nothing any more, and the answer says `new`.)
            address = token if token is not None else secrets.token_urlsafe(32)
            told = await post.hear(
                self,
                Incoming(
                    address=address,
                    message_id=given.id,
                    heard=given.heard,
                    body=given.body,
                    cursor=given.cursor if token is not None else None,
                    start=given.start,
                ),
            )
        except NotTaken as error:
            return _refusal(request, post, error)
        except Refused as error:
            return _refusal(request, post, NotTaken(400, "refused", error.say))
        except Unavailable:
            return _unavailable(request, post)
        response = _answer(_conversation(told, post))
        if told.erased:
            response.headers["Clear-Site-Data"] = '"cache"'  # the page does the rest: it still shows the good-bye
        self._keep(response, address)
        return response

    async def _stream_route(self, request: web.Request, post: Post) -> web.StreamResponse:
        # The browser's own memory of where the stream broke off is newer than the address it opened.
        cursor = read_cursor(request.headers.get("Last-Event-ID")) or read_cursor(request.query.get("cursor"))
        try:
            token = await self._known_token(request, post)
            if token is not None:
                _must_wait(self._looks, token)
            # Asked again, as they may have been erased since: else the browser would come back for ever.
            if token is None or not await self._look_up(token, post):
                return _refusal(request, post, NotTaken(401, "unknown"))
        except NotTaken as error:
            return _refusal(request, post, error)
        except Unavailable:
            return _unavailable(request, post)
        return await self._streams.run(request, post, token, cursor or 0)

    async def _seen_route(self, request: web.Request, post: Post) -> web.Response:
        try:
            self._must_be_our_page(request)
            token = await self._known_token(request, post)
            if token is None:
                return _refusal(request, post, NotTaken(401, "unknown"))
            _must_wait(self._looks, token)
            await post.seen(self, token, await self._reader.seen(request))
        except NotTaken as error:
            return _refusal(request, post, error)
        except Unavailable:
            return _unavailable(request, post)
        return _nothing()

    async def _leave_route(self, request: web.Request, post: Post) -> web.Response:
        try:
            self._must_be_our_page(request)
            token = self._token(request)
            if token is not None and token not in self._known:
                _must_wait(self._lookups, self._place(request))
            if token is not None:
                await self._leave(token, post)
        except NotTaken as error:
            return _refusal(request, post, error)
        response = _nothing()
        response.del_cookie(COOKIE, path="/chat", secure=self.secure_cookie, httponly=True, samesite="Strict")
        return response

    # ------------------------------------------------------------ who asks

    def _must_be_our_page(self, request: web.Request) -> None:
        # A form of another site can send neither this header nor our cookie (SameSite=Strict).
        if request.headers.get("X-Segin") != "chat":
            raise NotTaken(403, "not our page")
        origin = request.headers.get("Origin")
        if origin is None:
            return
        hosts = {request.host.lower()}
        if self.behind_proxy and "X-Forwarded-Host" in request.headers:
            hosts.add(request.headers["X-Forwarded-Host"].strip().lower())
        try:
            netloc = urlsplit(origin).netloc.lower()
        except ValueError:  # "http://["
            netloc = ""
        if netloc not in hosts:
            raise NotTaken(403, "not our page")

    def _token(self, request: web.Request) -> str | None:
        token = request.cookies.get(COOKIE, "")
        return token if TOKEN.fullmatch(token) else None

    async def _known_token(self, request: web.Request, post: Post) -> str | None:
        """The token, if somebody wrote from there before. Raises `NotTaken` when a place asks about too many."""
        token = self._token(request)
        if token is None:
            return None
        if token not in self._known:
            _must_wait(self._lookups, self._place(request))
        return token if await self._is_known(token, post) else None

    async def _is_known(self, token: str, post: Post) -> bool:
        """Whether somebody wrote from here before; asked of the database once for each token and worker."""
        if token in self._known:
            self._known.move_to_end(token)
            return True
        return await self._look_up(token, post)

    async def _look_up(self, token: str, post: Post) -> bool:
        if token in self._leavers:
            return False
        left = self._left
        if await post.since(self, token, MAX_CURSOR) is None:
            self._known.pop(token, None)
            return False
        if left == self._left:
            self._known[token] = None
            if len(self._known) > KNOWN:
                self._known.popitem(last=False)
        return True

    async def _leave(self, token: str, post: Post) -> None:
        """The token is dead from here on. The phone may be somebody else's: it does not wait for the database."""
        try:
            if not await self._is_known(token, post):
                return
            await post.leave(self, token)
        except Unavailable:
            if len(self._leavers) < LEAVERS:
                self._leavers.add(token)
                if self._leaving is None or self._leaving.done():
                    self._leaving = asyncio.create_task(self._leave_later(post))
        self._left += 1
        self._known.pop(token, None)

    async def _leave_later(self, post: Post) -> None:
        """A restart forgets them: then what waits stays until it expires, and nobody has the token."""
        while self._leavers:
            await asyncio.sleep(TRY_AGAIN)
            with suppress(Unavailable):
                for token in list(self._leavers):
                    await post.leave(self, token)
                    self._leavers.discard(token)

    def _must_not_flood(self, request: web.Request, token: str | None) -> None:
        """Slow down, never lock out: the page keeps the message and sends it later by itself."""
        if token is not None:
            _must_wait(self._messages, token)
        else:
            _must_wait(self._newcomers, self._place(request))

    def _place(self, request: web.Request) -> str:
        """The network a request comes from."""
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", ()))
        if forwarded and not self.behind_proxy and not self._warned:
            self._warned = True
            log.warning(
                "X-Forwarded-For arrives, but SEGIN_BEHIND_PROXY is not set: "
                "all who come through that proxy are counted as one"
            )
        if not self.behind_proxy:
            return place_of(request.remote)
        # The entry our own proxy appended; those before it are the visitor's to invent.
        return place_of(forwarded.rpartition(",")[2].strip()) or place_of(request.remote)

    def _keep(self, response: web.Response, token: str) -> None:
        # Written by hand: a token needs no quoting, and http.cookies takes 20 µs for it at every message.
        response.headers["Set-Cookie"] = f"{COOKIE}={token}; {self._cookie_rules}"


def _must_wait(flood: Flood, key: str) -> None:
    wait = flood.wait(key)
    if wait:
        raise NotTaken(429, "too fast", "words:unavailable", retry_after=wait)


# ---------------------------------------------------------------- answers

NO_STORE = {"Cache-Control": "no-store", **SECURITY_HEADERS}


def _conversation(told: Told, post: Post) -> dict[str, object]:
    """`new` tells the browser that seqs count from the beginning again, `erased` that it is to forget all."""
    answer: dict[str, object] = {
        "messages": [as_json(one) for one in told.said],
        "demonstration": post.demonstration,
        "new": told.new,
    }
    languages = [one.message.language for one in told.said if one.message.language]
    if languages:
        answer["language"] = languages[-1]
    if told.erased:
        answer["erased"] = True
    return answer


def _answer(content: dict[str, object], status: int = 200, **headers: str) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(content),
        content_type="application/json",
        charset="utf-8",
        status=status,
        headers={**NO_STORE, **headers},
    )


def _nothing() -> web.Response:
    return web.Response(status=204, headers=NO_STORE)


def _refusal(request: web.Request, post: Post, error: NotTaken) -> web.Response:
    say = post.words(error.say, language_of(request))
    for name, value in error.values.items():
        say = say.replace("{" + name + "}", value)
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    return _answer({"error": error.why, "say": say}, error.status, **headers)


def _unavailable(request: web.Request, post: Post) -> web.Response:
    return _refusal(request, post, NotTaken(503, "unavailable", "words:unavailable", retry_after=TRY_AGAIN))
