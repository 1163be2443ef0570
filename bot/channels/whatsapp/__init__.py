"""WhatsApp, by the provider's Cloud API: deliveries come to an address of ours, sends go to one of theirs.

    __init__.py    the channel: what arrives, what goes out
    reading.py     a delivery → Incoming and Status (pure)
    shaping.py     Message → what a send carries (pure)
    templates.py   what may be said after 24 hours; what the organisation has to submit
    errors.py      their error codes → errors of the port
    graph.py       requests to them
    limits.py      their figures

A delivery is answered with 200 when all in it is stored, or passed over on purpose. Until then (503) they deliver it
again, for up to seven days; what was stored before is not heard twice.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import ClassVar

import msgspec
from aiohttp import web

from bot.channels.acknowledging import Acknowledged
from bot.channels.base import Capabilities, Fault, GiveUp, Incoming, Post, Refused, Retry, Told, Unavailable
from bot.channels.rates import WHATSAPP, Rates
from bot.channels.whatsapp import limits
from bot.channels.whatsapp.errors import AGAIN, GIVE_UP, TEMPLATE, Meaning, meaning
from bot.channels.whatsapp.graph import Graph, Trouble
from bot.channels.whatsapp.limits import API_URL
from bot.channels.whatsapp.reading import Walk, walk
from bot.channels.whatsapp.shaping import recipient, shaped
from bot.channels.whatsapp.templates import as_json, template_for
from bot.dialogue.model import Message

__all__ = ["API_URL", "WhatsApp"]

log = logging.getLogger(__name__)

PATH = "/whatsapp/webhook"
SIGNATURE = re.compile(r"sha256=([0-9a-fA-F]{64})")
TROUBLED = 10_000  # people whose last send failed, remembered at most


class WhatsApp:
    """The channel of one phone number. Without `app_secret` nothing that arrives can be believed: all is refused."""

    name: ClassVar[str] = "whatsapp"
    pulls: ClassVar[bool] = False
    reports: ClassVar[bool] = True
    window: ClassVar[timedelta | None] = limits.WINDOW
    repeats: ClassVar[int | None] = int(limits.REPEATS.total_seconds())
    capabilities: ClassVar[Capabilities] = Capabilities(
        text=limits.TEXT,
        body=limits.BUTTONS_BODY,
        rows_body=limits.ROWS_BODY,
        few=limits.BUTTONS,
        rows=limits.ROWS,
        label=limits.BUTTON_TITLE,
        row_label=limits.ROW_DESCRIPTION,  # below a shortened title
        utf16=True,  # see shaping.units
    )

    def __init__(
        self,
        *,
        token: str,
        phone_id: str,
        app_secret: str,
        verify_token: str,
        api_url: str = API_URL,
        rates: Rates | None = None,
    ) -> None:
        self.rates = rates if rates is not None else Rates(WHATSAPP)
        self._phone_id = phone_id.strip()
        self._app_secret, self._verify_token = app_secret.strip(), verify_token.strip()
        self._graph = Graph(token, self._phone_id, api_url or API_URL)
        self._tries: OrderedDict[str, int] = OrderedDict()  # address → sends that failed since one did not
        self._receipts: set[asyncio.Task[None]] = set()
        self._told_of_others = False
        self._post: Post | None = None

    async def start(self, post: Post) -> None:
        self._post = post
        if not (self._app_secret and self._verify_token):
            log.error("the app secret or the verify token is not set: all that WhatsApp delivers is refused")
        await self._graph.open()

    async def stop(self) -> None:
        for task in list(self._receipts):
            task.cancel()
        await asyncio.gather(*self._receipts, return_exceptions=True)
        await self._graph.close()

    def routes(self, post: Post) -> Iterable[web.RouteDef]:
        """The one address they know of us."""

        async def deliver(request: web.Request) -> web.Response:
            return await self._deliver(request, post)

        return [web.get(PATH, self._shake_hands), web.post(PATH, deliver)]

    # ------------------------------------------------------------ what goes out

    async def send(self, address: str, message: Message) -> str:
        if not message.text.strip() and not message.options:
            raise GiveUp("there is nothing to say")
        return await self._sent(address, shaped(message, self._words))

    async def knock(self, address: str, language: str) -> str:
        return await self._sent(address, {"type": "template", "template": as_json(template_for(language))})

    async def fetch(self, file_ref: str) -> bytes:
        return await self._graph.file(file_ref)

    async def _sent(self, address: str, content: dict[str, object]) -> str:
        """Their id of what was sent. Without one nobody knows whether it was: rather twice than not at all."""
        try:
            answer = await self._graph.post({"recipient_type": "individual", **recipient(address), **content})
            message_id = _id_in(answer)
        except Trouble as trouble:
            tries = self._tries.get(address, 0)
            error = trouble.typed(tries)
            _tell_operators(trouble.meant, trouble.code)
            if trouble.meant.kind == "pause" and isinstance(error, Retry):
                self.rates.pause(error.after)
            if not isinstance(error, Fault):  # of which nobody's lane is to blame
                self._tries[address] = tries + 1
                self._tries.move_to_end(address)
                if len(self._tries) > TROUBLED:
                    self._tries.popitem(last=False)
            raise error from None
        self._tries.pop(address, None)
        return message_id

    def _words(self, key: str, language: str) -> str:
        try:
            return self._post.words(key, language) if self._post else ""
        except KeyError:
            return ""

    # ------------------------------------------------------------ what arrives

    async def _shake_hands(self, request: web.Request) -> web.Response:
        """They ask once, when the organisation names this address to them."""
        given = request.query.get("hub.verify_token", "").encode(errors="replace")
        right = hmac.compare_digest(given, self._verify_token.encode())
        if not (self._verify_token and right and request.query.get("hub.mode") == "subscribe"):
            return web.Response(status=403)
        return web.Response(text=request.query.get("hub.challenge", "").encode(errors="replace").decode())

    async def _deliver(self, request: web.Request, post: Post) -> web.Response:
        signature = SIGNATURE.fullmatch(request.headers.get("X-Hub-Signature-256", ""))
        if signature is None or not self._app_secret:  # before the body: strangers cannot make us hold megabytes
            return web.Response(status=403)
        body = await _body(request)
        if isinstance(body, int):
            return web.Response(status=body)
        right = hmac.new(self._app_secret.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right, signature[1].lower()):
            return web.Response(status=403)
        try:
            found = walk(_json(body), self._phone_id)
        except (ValueError, RecursionError):
            return web.Response(status=400)
        self._say(found)
        stored = await self._take(found, post)
        return Acknowledged() if stored else web.Response(status=503, headers={"Retry-After": "5"})

    def _say(self, found: Walk) -> None:
        """What operators should know of a delivery."""
        if found.elsewhere and not self._told_of_others:
            self._told_of_others = True
            log.warning("messages for another phone number of the account arrive; they are passed over")
        if found.moved:
            log.info("somebody's number or phone changed; a new number is a new person to us")
        for code in found.errors:
            log.warning("WhatsApp reports error %d for the account", code)
        for code in found.failed:
            log.info("a message that was sent failed (error %d)", code)
            _tell_operators(meaning(code) or GIVE_UP, code)

    async def _take(self, found: Walk, post: Post) -> bool:
        """Store everything; whether all of it is. Each sender's messages one after the other, senders side by side."""
        self.rates.count(len(found.messages))
        rows: dict[tuple[str, str], list[Callable[[], Awaitable[None]]]] = {}
        for incoming in found.messages:
            rows.setdefault(("from", incoming.address), []).append(partial(self._hear, post, incoming))
        for message_id, status in found.statuses:
            rows.setdefault(("of", message_id), []).append(partial(post.status, self, message_id, status))
        return all(await asyncio.gather(*(_in_order(row) for row in rows.values())))

    async def _hear(self, post: Post, incoming: Incoming) -> None:
        try:
            told = await post.hear(self, incoming)
        except Refused:
            log.warning("a message is refused, and passed over")
        else:
            self._show_read(incoming, told)

    # ------------------------------------------------------------ read receipts

    def _show_read(self, incoming: Incoming, told: Told) -> None:
        """Two blue ticks, and "typing" while an answer has to wait. Nobody waits for either."""
        if len(self._receipts) < limits.RECEIPTS_AT_ONCE:
            typing = bool(told.said) and self.rates.backlog() > limits.TYPING_AFTER
            task = asyncio.create_task(self._receipt(incoming.message_id, typing=typing))
            self._receipts.add(task)
            task.add_done_callback(self._receipts.discard)

    async def _receipt(self, message_id: str, *, typing: bool) -> None:
        content: dict[str, object] = {"status": "read", "message_id": message_id}
        if typing:
            content["typing_indicator"] = {"type": "text"}
        try:
            await self._graph.post(content, limits.RECEIPT)
        except Trouble as trouble:
            log.debug("a read receipt is not taken: %s", trouble)


def _id_in(answer: dict[str, object]) -> str:
    sent = answer.get("messages")
    first = sent[0] if isinstance(sent, list) and sent else None
    message_id = first.get("id") if isinstance(first, dict) else None
    if not isinstance(message_id, str) or not message_id:
        raise Trouble(AGAIN)
    return message_id


def _tell_operators(meant: Meaning, code: int) -> None:
    """What somebody has to look after: nothing else will mend it."""
    if meant is TEMPLATE:
        log.error("a template is not taken (error %d): look at it in WhatsApp Manager", code)
    elif meant.kind == "fault":
        log.error("WhatsApp refuses us: %s (error %d)", meant.why, code)


async def _in_order(row: Iterable[Callable[[], Awaitable[None]]]) -> bool:
    """One after the other, until one is not stored: what comes after it must not be heard before it."""
    for one in row:
        try:
            await one()
        except Unavailable:
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not stored: they deliver it again
            log.error("a delivery could not be taken: %s", type(error).__name__)  # noqa: TRY400 - no content in logs
            return False
    return True


async def _body(request: web.Request) -> bytes | int:
    """The body, or the status that refuses it."""
    if (request.content_length or 0) > limits.BODY:
        return 413
    body = bytearray()
    try:
        async with asyncio.timeout(limits.BODY_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limits.BODY:
                    return 413
    except TimeoutError:
        return 408
    except (ConnectionError, web.RequestPayloadError):
        return 400
    return bytes(body)


def _json(body: bytes) -> object:
    """JSON as they write it. Raises ValueError, RecursionError."""
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:  # half an emoji is an error to msgspec and none to them
        return json.loads(body)
