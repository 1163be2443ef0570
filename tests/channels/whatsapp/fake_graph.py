"""WhatsApp's side, pretended: its API, which enforces the limits and writes down each violation.

    async with FakeGraph() as graph:
        channel = WhatsApp(**graph.settings(), rates=Rates(WHATSAPP))
        ...
        graph.must_be_content()

`graph.next(…)` says how the next sends end; `graph.always(…)` all of them. Its figures are written here once more, on
purpose: it must not believe the code it tests. It knows no more of the 24 hours than it is told (`graph.wrote`).
"""

import asyncio
import hashlib
import itertools
import json
import re
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.channels.whatsapp.deliveries import PHONE_ID, SECRET

TOKEN, VERIFY = "EAAG-a-token-that-must-not-leak", "verify me"
WINDOW, PAIR_EVERY, PAIR_BURST, A_SECOND = 24 * 3600, 6.0, 45, 80
TEXT, BUTTON_BODY, LIST_BODY, PARAMETER = 4096, 1024, 4096, 1024


# ---------------------------------------------------------------- how a send may end


@dataclass(frozen=True)
class Error:
    """An error of theirs, with words that nobody may pass on."""

    code: int
    status: int = 400
    subcode: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    transient: bool = False


@dataclass(frozen=True)
class Raw:
    """Something that is no proper answer."""

    body: bytes = b"<html>bad gateway</html>"
    status: int = 502
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Slow:
    """The right answer, late. The message is taken."""

    seconds: float


RESET, RESET_AFTER, HALF, CUT = "reset", "taken, then reset", "half the JSON", "broken off in the middle"
# RESET: the line breaks before anything is taken; the others take the message and the answer is lost.


@dataclass(frozen=True)
class Sent:
    """A message that was taken."""

    id: str
    to: str  # as an address of ours
    kind: str  # "text", "button", "list", "template"
    body: str
    options: tuple[tuple[str, str], ...] = ()  # id, title
    at: float = 0.0
    content: dict[str, Any] = field(default_factory=dict)


class FakeGraph:
    """`enforce`: rates are violations, else only refused as the provider does. `clock`: seconds; for the window too."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, rates: bool = True, window: bool = False
    ) -> None:
        self.clock, self.rates, self.window = clock, rates, window
        self.sent: list[Sent] = []
        self.reads: list[dict[str, Any]] = []
        self.violations: list[str] = []
        self.files: dict[str, bytes] = {}
        self.file_ends: deque[object] = deque()  # how the next downloads end: Raw, RESET, CUT
        # as the organisation submitted them: name and language → variables
        self.templates = {("message_waiting", "fr"): 0, ("message_waiting", "en"): 0}
        self.tokens_seen: list[str] = []
        self.requests = 0
        self._ends: deque[object] = deque()
        self._always: object = None
        self._ends_for: dict[str, deque[object]] = defaultdict(deque)
        self._numbers = itertools.count(1)
        self._wrote: dict[str, float] = {}
        self._pairs: dict[str, float] = {}  # when the whole burst is there again
        self._second: deque[float] = deque()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v26.0/{phone}/messages", self._messages)
        app.router.add_get("/v26.0/{media}", self._media)
        app.router.add_get("/files/{media}", self._file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}/v26.0"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def settings(self) -> dict[str, str]:
        """What the channel is built with."""
        return {
            "token": TOKEN, "phone_id": PHONE_ID, "app_secret": SECRET, "verify_token": VERIFY, "api_url": self.url,
        }  # fmt: skip

    # ------------------------------------------------------------ told by the test

    def next(self, *ends: object) -> None:
        """How the next sends end, to whomever: `Error`, `Raw`, `Slow`, RESET …; None: well."""
        self._ends.extend(ends)

    def next_to(self, address: str, *ends: object) -> None:
        """How the next sends to one person end."""
        self._ends_for[address].extend(ends)

    def always(self, end: object) -> None:
        """How all further sends end; None: well."""
        self._always = end

    def wrote(self, address: str) -> None:
        """The person writes: the window opens, and it counts among the 80 a second."""
        self._wrote[address] = self.clock()
        self._second.append(self.clock())

    def must_be_content(self) -> None:
        assert not self.violations, self.violations[:10]

    def to(self, address: str) -> list[Sent]:
        return [one for one in self.sent if one.to == address]

    # ------------------------------------------------------------ sends

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        raw = await request.read()
        if (refused := self._stranger(request)) is not None:
            return refused
        if request.match_info["phone"] != PHONE_ID:
            return _error(Error(100, 400, subcode=33))
        content = json.loads(raw)
        if content.get("messaging_product") != "whatsapp":
            return self._violation("messaging_product is missing")
        if content.get("status") == "read":
            self.reads.append(content)
            return web.json_response({"success": True})
        address = content.get("to") or f"user:{content.get('recipient')}"
        end = self._end(address)
        if end == RESET:
            return _broken(request)
        if isinstance(end, Error):
            return _error(end)
        if isinstance(end, Raw):
            return web.Response(body=end.body, status=end.status, headers=end.headers)
        refusal = self._look(content) or self._too_fast(address) or self._too_late(address, content)
        if refusal is not None:
            return refusal
        message_id = f"wamid.sent{next(self._numbers)}"
        self.sent.append(_sent(message_id, address, content, self.clock()))
        answer = {
            "messaging_product": "whatsapp",
            "contacts": [{"input": address, "wa_id": address}],
            "messages": [{"id": message_id}],
        }
        return await self._answered(request, answer, end)

    def _end(self, address: str) -> object:
        if self._ends_for[address]:
            return self._ends_for[address].popleft()
        return self._ends.popleft() if self._ends else self._always

    async def _answered(self, request: web.Request, answer: dict[str, Any], end: object) -> web.StreamResponse:
        if isinstance(end, Slow):
            await asyncio.sleep(end.seconds)
        if end == RESET_AFTER:
            return _broken(request)
        body = json.dumps(answer).encode()
        if end == HALF:
            return web.Response(body=body[: len(body) // 2], content_type="application/json")
        if end == CUT:
            return await _cut(request, body)
        return web.Response(body=body, content_type="application/json")

    def _stranger(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization", "")
        self.tokens_seen.append(given)
        return None if given == f"Bearer {TOKEN}" else _error(Error(190, 401))

    # ------------------------------------------------------------ limits

    def _violation(self, what: str, code: int = 100) -> web.Response:
        self.violations.append(what)
        return _error(Error(code, 400))

    def _too_fast(self, address: str) -> web.Response | None:
        now = self.clock()
        while self._second and self._second[0] <= now - 1:
            self._second.popleft()
        whole = max(self._pairs.get(address, now), now)
        if whole - now > (PAIR_BURST - 1) * PAIR_EVERY + 0.05:
            return self._violation("pair rate", 131056) if self.rates else _error(Error(131056))
        if len(self._second) >= A_SECOND + 5:  # clocks differ by a few milliseconds
            return self._violation("80 a second", 130429) if self.rates else _error(Error(130429))
        self._pairs[address] = whole + PAIR_EVERY
        self._second.append(now)
        return None

    def _too_late(self, address: str, content: dict[str, Any]) -> web.Response | None:
        if content["type"] == "template" or not self.window:
            return None
        if self.clock() - self._wrote.get(address, float("-inf")) <= WINDOW:
            return None
        return self._violation("free words after 24 hours", 131047)

    def _look(self, content: dict[str, Any]) -> web.Response | None:
        wrong = "; ".join(_wrong(content))
        if wrong:
            return self._violation(wrong)
        return self._look_at_template(content["template"]) if content["type"] == "template" else None

    def _look_at_template(self, template: dict[str, Any]) -> web.Response | None:
        """That it was approved in this language, has these variables, and that what fills them is allowed."""
        variables = self.templates.get((template["name"], template["language"]["code"]))
        given = _parameters(template)
        if variables is None:
            return self._violation("no such template in this language", 132001)
        if len(given) != variables:
            return self._violation(f"{len(given)} parameters for {variables} variables", 132000)
        if any(re.search(r"[\n\r\t]| {5}", one) for one in given):
            return self._violation("a parameter of several lines, or with gaps", 132018)
        return None

    # ------------------------------------------------------------ files

    async def _media(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if (refused := self._stranger(request)) is not None:
            return refused
        media = request.match_info["media"]
        if media not in self.files:
            return _error(Error(100, 400, subcode=33))
        body = self.files[media]
        url = self.url.removesuffix("/v26.0") + f"/files/{media}"
        return web.json_response(
            {"url": url, "mime_type": "audio/ogg", "sha256": hashlib.sha256(body).hexdigest(),
             "file_size": len(body), "id": media, "messaging_product": "whatsapp"}
        )  # fmt: skip

    async def _file(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if (refused := self._stranger(request)) is not None:
            return refused
        end = self.file_ends.popleft() if self.file_ends else None
        body = self.files[request.match_info["media"]]
        if end == RESET:
            return _broken(request)
        if end == HALF:
            return web.Response(body=body[: len(body) // 2])
        if end == CUT:
            return await _cut(request, body)
        if isinstance(end, Raw):
            return web.Response(body=end.body, status=end.status, headers=end.headers)
        return web.Response(body=body)


def _error(end: Error) -> web.Response:
    error = {
        "message": f"(#{end.code}) about 15550100001 and {TOKEN}", "type": "OAuthException", "code": end.code,
        "error_data": {"messaging_product": "whatsapp", "details": "15550100001"}, "fbtrace_id": "A",
    }  # fmt: skip
    if end.subcode:
        error["error_subcode"] = end.subcode
    if end.transient:
        error["is_transient"] = True
    return web.json_response({"error": error}, status=end.status, headers=end.headers)


def _broken(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _cut(request: web.Request, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


# ---------------------------------------------------------------- what a send may carry


def _wrong(content: dict[str, Any]) -> Iterable[str]:
    if bool(content.get("to")) == bool(content.get("recipient")):
        yield "either to or recipient"
    match content.get("type"):
        case "text":
            yield from _length("text", content["text"]["body"], TEXT)
        case "template":
            yield from _wrong_template(content["template"])
        case "interactive":
            yield from _wrong_interactive(content["interactive"])
        case other:
            yield f"type {other}"


def _wrong_template(template: dict[str, Any]) -> Iterable[str]:
    if not template["name"] or not template["language"]["code"]:
        yield "a template without name or language"
    if more := template.keys() - {"name", "language", "components"}:
        yield f"a template with {more}"
    components = template.get("components", [])
    if [one["type"] for one in components] not in ([], ["body"]):  # all that Segin's may have
        yield "components"
    for component in components:
        for one in component["parameters"]:
            if not isinstance(one, dict) or one.keys() != {"type", "text"} or one["type"] != "text":
                yield "a parameter that is no text"
            else:
                yield from _length("a parameter", one["text"], PARAMETER)


def _parameters(template: dict[str, Any]) -> list[str]:
    return [one["text"] for component in template.get("components", ()) for one in component["parameters"]]


def _wrong_interactive(interactive: dict[str, Any]) -> Iterable[str]:
    if interactive["type"] == "button":
        replies = [one["reply"] for one in interactive["action"]["buttons"]]
        yield from _length("body of buttons", interactive["body"]["text"], BUTTON_BODY)
        yield from _count("buttons", replies, 3)
        for reply in replies:
            yield from _length("title of a button", reply["title"], 20)
    else:
        replies = [row for section in interactive["action"]["sections"] for row in section["rows"]]
        yield from _length("body of a list", interactive["body"]["text"], LIST_BODY)
        yield from _length("button of a list", interactive["action"]["button"], 20)
        yield from _count("rows", replies, 10)
        for row in replies:
            yield from _length("title of a row", row["title"], 24)
            if "description" in row:
                yield from _length("description of a row", row["description"], 72)
    for name in ("id", "title"):
        if len({one[name].strip().casefold() for one in replies}) != len(replies):
            yield f"{name} twice"
    if any(not 0 < len(one["id"].encode()) <= 64 for one in replies):
        yield "bytes of an id"


def _length(what: str, text: str, most: int) -> Iterable[str]:
    letters = len(text.encode("utf-16-le")) // 2  # the stricter way to count
    if not text.strip() or letters > most:
        yield f"{what}: {letters} letters"


def _count(what: str, given: list[Any], most: int) -> Iterable[str]:
    if not 0 < len(given) <= most:
        yield f"{len(given)} {what}"


def _sent(message_id: str, address: str, content: dict[str, Any], at: float) -> Sent:
    if content["type"] == "text":
        return Sent(message_id, address, "text", content["text"]["body"], (), at, content)
    if content["type"] == "template":
        return Sent(message_id, address, "template", content["template"]["name"], (), at, content)
    interactive = content["interactive"]
    if interactive["type"] == "button":
        rows = [one["reply"] for one in interactive["action"]["buttons"]]
    else:
        rows = [row for section in interactive["action"]["sections"] for row in section["rows"]]
    options = tuple((row["id"], row["title"]) for row in rows)
    return Sent(message_id, address, interactive["type"], interactive["body"]["text"], options, at, content)
