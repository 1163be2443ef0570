"""What somebody looks at tells that it changed: server-sent events with a digest, never with content.

A stream looks every few seconds with the rights of that moment, keeps no session alive, and ends with it.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web
from sqlalchemy import Connection

from bot.cases import lists
from bot.cases.lists import Wanted
from bot.cases.may import Staff, may
from bot.console.asking import Ask
from bot.console.routes import route
from bot.staff import sessions
from storage import Unavailable

Digest = Callable[[Connection, Staff, datetime], str]
"""What is shown to this member of staff, as a few letters that change with it. Raises `LookupError`: no more of it."""

EVERY = 3.0  # seconds between two looks
PING = 8  # looks without news, then a sign of life: networks drop what stays silent for half a minute
MAX_AGE = 600.0  # seconds; then the browser comes back, perhaps to another worker
PER_SESSION = 4  # tabs; the oldest stream ends when one more opens
RECONNECT = 5000  # milliseconds

HEADERS = {
    hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
    hdrs.CACHE_CONTROL: "no-store",
    "X-Accel-Buffering": "no",
}


class Streams:
    """All open streams of one application."""

    def __init__(self) -> None:
        self._open: defaultdict[str, list[asyncio.Event]] = defaultdict(list)
        self._closed = False

    def close(self) -> None:
        """End every stream, and any that would still begin."""
        self._closed = True
        for ends in self._open.values():
            for end in ends:
                end.set()

    @asynccontextmanager
    async def one(self, token: str) -> AsyncIterator[asyncio.Event]:
        """A stream of a session; the event is set when it must end."""
        end, ends = asyncio.Event(), self._open[token]
        if self._closed:
            end.set()
        ends.append(end)
        if len(ends) > PER_SESSION:
            ends[0].set()
        try:
            yield end
        finally:
            ends.remove(end)
            if not ends:
                self._open.pop(token, None)

    def __len__(self) -> int:
        return sum(len(ends) for ends in self._open.values())


_STREAMS: WeakKeyDictionary[web.Application, Streams] = WeakKeyDictionary()


def streams_of(app: web.Application) -> Streams:
    """The open streams of an application."""
    return _STREAMS.setdefault(app, Streams())


async def close(app: web.Application) -> None:
    """For `on_shutdown`: open streams would be waited for."""
    streams_of(app).close()


async def stream(ask: Ask, digest: Digest) -> web.StreamResponse:
    """Tell the digest now, and whenever it changed, until the session ends: `event: changed`, then `event: bye`."""
    if ask.request.method == hdrs.METH_HEAD:
        return web.Response(headers={**HEADERS, **ask.headers})
    response = web.StreamResponse(headers={**HEADERS, **ask.headers})
    async with streams_of(ask.request.app).one(ask.token) as end:
        with suppress(ConnectionError):  # a browser that went away is the ordinary end
            await response.prepare(ask.request)
            await response.write(b"retry: %d\n\n" % RECONNECT)
            over = await _tell(response, ask, digest, end)
            if over:
                await response.write(b"event: bye\ndata:\n\n")
            await response.write_eof()
    return response


async def _tell(response: web.StreamResponse, ask: Ask, digest: Digest, end: asyncio.Event) -> bool:
    """Whether it is over for good: the session ended, or what was looked at is not there any more."""
    told, silent = None, 0
    old = asyncio.get_running_loop().time() + MAX_AGE
    while not end.is_set() and asyncio.get_running_loop().time() < old:
        try:
            now = await ask.read(lambda conn: _look(conn, ask, digest))
        except (Unavailable, LookupError) as error:
            return isinstance(error, LookupError)
        if now is None:
            return True
        silent = 0 if now != told else silent + 1
        if now != told:
            await response.write(f"event: changed\ndata: {now}\n\n".encode())
            told = now
        elif silent % PING == 0:
            await response.write(b": ping\n\n")
        with suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), EVERY)
    return False


def _look(conn: Connection, ask: Ask, digest: Digest) -> str | None:
    """The digest, by the session as it is now; None once there is none."""
    session = sessions.of_token(conn, ask.console.keyring, ask.token, ask.now, idle=True)
    return digest(conn, session.staff, ask.now) if session else None


@route("GET", "/console/live", "list")
async def live(ask: Ask) -> web.StreamResponse:
    """The stream of a list: its view and filters are those of the address."""
    zone = ZoneInfo(ask.library.organisation.timezone)

    def digest(conn: Connection, staff: Staff, now: datetime) -> str:
        if not may(staff, "list"):
            raise LookupError
        wanted = Wanted.read(ask.request.query, staff)
        return lists.digest(lists.listed(conn, staff, wanted, now, zone), lists.counts(conn, staff, now), now)

    return await stream(ask, digest)
