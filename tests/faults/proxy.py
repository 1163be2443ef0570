"""A line that breaks on demand: an HTTP proxy on this machine between Segin and a pretended provider.

    async with Proxy(api.url) as proxy:                         # proxy.url stands where the provider's would
        proxy.fault(RESET_AFTER, "sendMessage", who="77")       # the next send to 77 is taken, its answer is lost
        proxy.chance(7, {LATENCY: 0.2, HALF: 0.05}, SENDS)      # from here on, by chance, the same each time
        …
        assert proxy.ambiguous["77"] == 1

Faults after which nobody can know whether the message was taken are `AMBIGUOUS`: the only ones that may double it.
"""

import asyncio
import json
import random
import re
import socket
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

LATENCY = "latency"  # the answer comes late
RESET = "reset"  # the line breaks before the provider got anything
TOO_MANY = "429"  # with retry_after; for this chat
ALL_TOO_MANY = "429 for all"
SERVER_ERROR = "500"  # before anything was taken
RESET_AFTER = "reset after"  # taken; the line breaks instead of an answer
HALF = "half"  # taken; half an answer, then nothing more
WRONG_JSON = "wrong JSON"  # taken; somebody else's page comes back
STALLED = "stalled"  # taken; the answer never comes

AMBIGUOUS = {RESET_AFTER, HALF, WRONG_JSON, STALLED}
HARMLESS = {LATENCY, RESET, TOO_MANY, ALL_TOO_MANY, SERVER_ERROR}
BROKEN = (RESET, SERVER_ERROR, RESET_AFTER, HALF, WRONG_JSON, STALLED)
SENDS = r"/sendMessage$|/messages$"
PORTAL = b"<html><body>Please log in to the network</body></html>"


@dataclass
class Rule:
    """One line of the table: what happens to the next `times` requests whose path and person match."""

    kind: str
    where: str
    who: str = ""
    times: int = 1
    seconds: float = 0.05
    retry_after: int = 1


@dataclass
class Request:
    path: str
    raw: bytes
    who: str


@dataclass
class Proxy:
    """`upstream` is the provider's URL; `url` is ours, with the same path."""

    upstream: str
    table: list[Rule] = field(default_factory=list)
    seconds: float = 0.02  # of latency, where chance decides
    url: str = ""
    done: list[tuple[str, str]] = field(default_factory=list)  # fault, whom it met
    ambiguous: Counter[str] = field(default_factory=Counter)  # by person
    passed: list[tuple[float, str]] = field(default_factory=list)  # when a send of whom came by, refused or not
    plain: Counter[str] = field(default_factory=Counter)  # by person: sends handed on, their answers as well

    async def __aenter__(self) -> Self:
        there = urlsplit(self.upstream)
        self._to = (there.hostname, there.port)
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._dice: random.Random | None = None
        self._odds: Mapping[str, float] = {}
        self._where = SENDS
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{there.path}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    # ------------------------------------------------------------ what the test asks for

    def fault(self, kind: str, where: str = SENDS, **more: Any) -> None:
        """One more line of the table; see `Rule`."""
        self.table.append(Rule(kind, where, **more))

    def chance(self, seed: int, odds: Mapping[str, float], where: str = SENDS) -> None:
        """Faults by chance, after the table has had its say; no odds: none."""
        self._dice, self._odds, self._where = random.Random(seed), odds, where

    def _fault(self, request: Request) -> Rule | None:
        for rule in self.table:
            if rule.times and re.search(rule.where, request.path) and rule.who in ("", request.who):
                rule.times -= 1
                return rule
        if self._dice is None or not re.search(self._where, request.path):
            return None
        thrown = self._dice.random()
        for kind, odds in self._odds.items():
            thrown -= odds
            if thrown < 0:
                return Rule(kind, "", seconds=self._dice.random() * self.seconds)
        return None

    # ------------------------------------------------------------ a connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        try:
            while (raw := await _message(reader)) is not None:
                if not await self._one(_request(raw), writer):
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self._open.discard(writer)
            writer.close()

    async def _one(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; False when the line is over."""
        rule = self._fault(request)
        if request.who and re.search(SENDS, request.path):
            self.passed.append((asyncio.get_running_loop().time(), request.who))
        if (rule is None or rule.kind == LATENCY) and re.search(SENDS, request.path):
            self.plain[request.who] += 1  # before the provider has it: it is never behind what arrived
        if rule is None:
            return await self._hand_on(request, writer)
        self.done.append((rule.kind, request.who))
        if rule.kind in AMBIGUOUS:
            self.ambiguous[request.who] += 1
        match rule.kind:
            case "latency":
                await asyncio.sleep(rule.seconds)
                return await self._hand_on(request, writer)
            case "reset":
                return _broken(writer)
            case "429" | "429 for all":
                return await _say(writer, 429, _too_many(request, rule), rule.retry_after)
            case "500":
                return await _say(writer, 500, b"Internal Server Error")
        return await self._lose(await self._ask(request), rule.kind, writer)

    async def _lose(self, answer: bytes, kind: str, writer: asyncio.StreamWriter) -> bool:
        """The provider took it, and we are not to know."""
        match kind:
            case "half":
                writer.write(answer[: len(answer) - max(1, len(answer.partition(b"\r\n\r\n")[2]) // 2)])
                await writer.drain()
                return False
            case "wrong JSON":
                return await _say(writer, 200, PORTAL)
            case "stalled":
                await asyncio.sleep(3600)
        return _broken(writer)

    async def _hand_on(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        answer = await self._ask(request)
        writer.write(answer)
        await writer.drain()
        return bool(answer)

    async def _ask(self, request: Request) -> bytes:
        """The provider's answer, as far as it goes; a connection for each request."""
        reader, writer = await asyncio.open_connection(*self._to)
        self._open.add(writer)
        try:
            writer.write(request.raw)
            try:
                return await _message(reader) or b""
            except asyncio.IncompleteReadError as error:
                return error.partial
        finally:
            self._open.discard(writer)
            writer.close()


# ---------------------------------------------------------------- HTTP, as much as is needed


async def _message(reader: asyncio.StreamReader) -> bytes | None:
    """One request or answer, whole; None at the end of the line. Raises `IncompleteReadError` with what there is."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
        return head + await reader.readuntil(b"0\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    try:
        return head + (await reader.readexactly(int(length[1])) if length else b"")
    except asyncio.IncompleteReadError as error:
        raise asyncio.IncompleteReadError(head + error.partial, None) from error


def _request(raw: bytes) -> Request:
    head, _, body = raw.partition(b"\r\n\r\n")
    path = head.split(b" ", 2)[1].decode().partition("?")[0]
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        given = {}
    return Request(path, raw, str(given.get("chat_id") or given.get("to") or given.get("recipient") or ""))


def _too_many(request: Request, rule: Rule) -> bytes:
    after = rule.retry_after
    if request.path.endswith("/messages"):
        code = 131056 if rule.kind == TOO_MANY else 130429
        return json.dumps({"error": {"message": "(#1) too many", "type": "OAuthException", "code": code}}).encode()
    told = {"ok": False, "error_code": 429, "description": f"Too Many Requests: retry after {after}"}
    return json.dumps({**told, "parameters": {"retry_after": after}}).encode()


async def _say(writer: asyncio.StreamWriter, status: int, body: bytes, retry_after: int = 0) -> bool:
    more = b"Retry-After: %d\r\n" % retry_after if retry_after else b""
    kind = b"application/json" if body[:1] == b"{" else b"text/html"
    head = b"HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n" % (status, kind, len(body), more)
    writer.write(head + body)
    await writer.drain()
    return True


def _broken(writer: asyncio.StreamWriter) -> bool:
    """The other side hears a reset, not an end."""
    there = writer.get_extra_info("socket")
    there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False
