"""Lines to the Bot API: connections that are kept, one request at a time on each.

Calls are most of what a bot does, and a general client costs four times as much for each (measured: 73 µs of CPU, this
one 17). httptools reads the answers (llhttp, the parser of Node.js), asyncio has TLS, aiohappyeyeballs connects.
No redirect is followed, no cookie kept, nothing repeated: what is not known to have arrived is the caller's to judge.
"""

import asyncio
import ssl
import time
from dataclasses import dataclass
from socket import SOCK_STREAM
from typing import cast

import httptools
from aiohappyeyeballs import start_connection
from yarl import URL

CONNECT = 5.0  # seconds
KEPT = 15.0  # seconds for which a line that nobody uses is kept
LONGEST = 64 * 1024 * 1024  # bytes of an answer
NEXT_ADDRESS = 0.25  # seconds after which another address of the host is tried as well (RFC 8305)


class Broken(Exception):
    """The line ended before the answer did, or what came is no answer. Names nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `after` is its Retry-After."""

    status: int
    body: bytes
    after: str


class Lines:
    """Lines to one server. `url`: http or https, host and port of it count."""

    def __init__(self, url: URL) -> None:
        self._host, self._port = url.raw_host or "", url.port or 443
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._address = url.host_port_subcomponent or ""
        self._idle: list[_Line] = []  # the one used last at the end
        self._lines: set[_Line] = set()

    async def post(self, path: str, body: bytes, within: float) -> Answer:
        """The answer to JSON, `within` so many seconds. Raises `Broken`, or `OSError` where no line can be opened."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._address}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        line = self._one_kept() or await self._new()
        too_late = asyncio.get_running_loop().call_later(within, line.end)
        try:
            answer = await line.ask(head.encode("ascii") + body)
        except BaseException:  # cancelled, too: what comes now would be taken for the next answer
            line.end()
            raise
        finally:
            too_late.cancel()
        if not line.over:
            self._idle.append(line)
        return answer

    def close(self) -> None:
        """End all lines; who waits at one is told. Another `post` opens a new one."""
        for line in list(self._lines):
            line.end()
        self._idle.clear()

    def _one_kept(self) -> "_Line | None":
        while self._idle:
            line = self._idle.pop()
            if not line.over and time.monotonic() - line.used < KEPT:
                return line
            line.end()
        return None

    async def _new(self) -> "_Line":
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT):
            found = await loop.getaddrinfo(self._host, self._port, type=SOCK_STREAM)
            socket = await start_connection(found, happy_eyeballs_delay=NEXT_ADDRESS, interleave=1)
            name = self._host if self._tls else None
            try:
                _, line = await loop.create_connection(
                    lambda: _Line(self._lines), sock=socket, ssl=self._tls, server_hostname=name
                )
            except BaseException:
                socket.close()
                raise
        return line


class _Line(asyncio.Protocol):
    """One connection. Methods named `on_…` are called by httptools."""

    def __init__(self, lines: "set[_Line]") -> None:
        self._lines = lines
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Answer] | None = None
        self._body, self._after = bytearray(), ""
        self.over, self.used = False, 0.0

    def ask(self, request: bytes) -> "asyncio.Future[Answer]":
        self._answer = asyncio.get_running_loop().create_future()
        if self.over:
            self._answer.set_exception(Broken())
        else:
            self._transport.write(request)
        return self._answer

    def end(self) -> None:
        self.over = True
        self._transport.abort()

    # ------------------------------------------------------------ what asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._lines.add(self)

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():  # nobody asked
            self.end()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.end()

    def connection_lost(self, _: Exception | None) -> None:
        self.over = True
        self._lines.discard(self)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Broken())

    # ------------------------------------------------------------ what httptools tells

    def on_message_begin(self) -> None:
        self._body, self._after = bytearray(), ""
        if self._answer is None or self._answer.done():  # more than was asked for
            self.end()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._after = value.decode("ascii", "replace").strip()

    def on_body(self, part: bytes) -> None:
        self._body += part
        if len(self._body) > LONGEST:
            self.end()

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 or self._answer is None or self._answer.done():  # noqa: PLR2004 - "continue" and the like
            return
        if not self._parser.should_keep_alive():
            self.end()
        self.used = time.monotonic()
        self._answer.set_result(Answer(status, bytes(self._body), self._after))
