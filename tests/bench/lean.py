"""HTTP as lean as it goes: a pretended provider, and a line for those who ask. A comfortable one would be the limit."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


def message(given: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Head, body and the rest, once a whole message is there. Every side here tells its length, or has no body."""
    end = given.find(b"\r\n\r\n")
    if end < 0:
        return None
    length = LENGTH.search(given, 0, end)
    whole = end + 4 + (int(length[1]) if length else 0)
    if len(given) < whole:
        return None
    return given[:end], given[end + 4 : whole], given[whole:]


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class Provider(asyncio.Protocol):
    """`told(path, body)` gives the body of the answer, `delay` seconds later."""

    def __init__(self, told: Callable[[bytes, bytes], bytes], delay: float = 0.0) -> None:
        self.told, self.delay, self._got = told, delay, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        while (found := message(self._got)) is not None:
            head, body, self._got = found
            said = answer(self.told(head.split(b" ", 2)[1], body))
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self._write, said)
            else:
                self.transport.write(said)

    def _write(self, said: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(said)


class Line(asyncio.Protocol):
    """One kept connection; `answered(status, body)` for each request, in order."""

    def __init__(self, answered: Callable[[int, bytes], None]) -> None:
        self.answered, self._got = answered, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def post(self, path: bytes, headers: bytes, body: bytes) -> None:
        self.transport.write(
            b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s"
            % (path, headers, len(body), body)
        )

    def data_received(self, data: bytes) -> None:
        self._got += data
        while (found := message(self._got)) is not None:
            head, body, self._got = found
            self.answered(int(head[9:12]), body)


def percentile(sorted_values: list[float], part: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(part * len(sorted_values)))] if sorted_values else 0.0
