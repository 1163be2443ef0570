"""Later messages as they come: server-sent events, resumed by the seq of the last one.

A stream wakes on `post.news` and reads `post.since`: what it sends is always what the database holds, so a
stream may break anywhere, and may go on at another worker.
"""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress

from aiohttp import web

from bot.channels.base import Channel, Post, Said, Unavailable
from bot.channels.webchat.shell import SECURITY_HEADERS

PING = 25  # seconds; mobile networks drop what stays silent for half a minute
MAX_AGE = 600  # seconds; then the browser comes back, perhaps to another worker
PER_ADDRESS = 4  # tabs; the oldest stream ends when one more opens (often it is dead already)
RECONNECT = (3000, 6000)  # milliseconds; spread, so that a restart is no stampede


def as_json(said: Said) -> dict[str, object]:
    """A message as the page reads it."""
    message = said.message
    content: dict[str, object] = {
        "seq": said.seq,
        "text": message.text,
        "options": [{"tap": option.tap, "label": option.label} for option in message.options],
        "many": message.many,
        "accepts": list(message.accepts),
    }
    if message.language:
        content["language"] = message.language
    return content


class Streams:
    """All open streams of this worker."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._open: defaultdict[str, list[asyncio.Event]] = defaultdict(list)
        self._closed = False

    async def close(self) -> None:
        """End every stream, and any that would still begin."""
        self._closed = True
        for ends in self._open.values():
            for end in ends:
                end.set()

    async def run(self, request: web.Request, post: Post, address: str, cursor: int) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "X-Accel-Buffering": "no",  # nginx would hold messages back
                **SECURITY_HEADERS,
                "Cache-Control": "no-store",
            }
        )
        end = asyncio.Event()
        if self._closed:
            end.set()
        ends = self._open[address]
        ends.append(end)
        if len(ends) > PER_ADDRESS:
            ends[0].set()
        try:
            # A browser that went away is the ordinary end of a stream.
            with suppress(ConnectionError):
                await response.prepare(request)
                await response.write(b"retry: %d\n\n" % random.randint(*RECONNECT))  # noqa: S311 (no secret)
                await self._tell(response, post, address, cursor, end)
                await response.write(b"event: bye\ndata: {}\n\n")
                await response.write_eof()
        finally:
            ends.remove(end)
            if not ends:
                self._open.pop(address, None)
        return response

    async def _tell(
        self, response: web.StreamResponse, post: Post, address: str, cursor: int, end: asyncio.Event
    ) -> None:
        """Send what waits, then what comes, until the stream is to end or too old."""
        loop = asyncio.get_running_loop()
        old = loop.time() + MAX_AGE
        async with aclosing(_wakes(post.news(self._channel, address), end)) as wakes:
            # The first wake comes at once, when the listening has begun: nothing falls between.
            async for _ in wakes:
                try:
                    waiting = await post.since(self._channel, address, cursor)
                except Unavailable:
                    return  # the browser comes back by itself
                if waiting is None:
                    return  # erased meanwhile
                for said in waiting:
                    data = json.dumps(as_json(said), ensure_ascii=False)
                    await response.write(f"id: {said.seq}\ndata: {data}\n\n".encode())
                    cursor = max(cursor, said.seq)
                if not waiting:
                    await response.write(b": ping\n\n")
                if loop.time() >= old:
                    return


async def _wakes(news: AsyncIterator[None], end: asyncio.Event) -> AsyncGenerator[None]:
    """Yields at once, at every piece of news, and every `PING` seconds; stops when `end` is set."""

    async def next_news() -> bool:
        async for _ in news:
            return True
        return False

    ending = asyncio.ensure_future(end.wait())
    coming = asyncio.ensure_future(next_news())
    try:
        await asyncio.sleep(0)  # lets `coming` begin to listen before the first look
        yield
        while not end.is_set():
            await asyncio.wait({ending, coming}, timeout=PING, return_when=asyncio.FIRST_COMPLETED)
            if end.is_set():
                return
            if coming.done():
                if not coming.result():
                    return
                coming = asyncio.ensure_future(next_news())
                await asyncio.sleep(0)
            yield
    finally:
        ending.cancel()
        coming.cancel()
        await asyncio.gather(ending, coming, return_exceptions=True)
