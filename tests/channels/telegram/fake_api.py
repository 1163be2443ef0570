"""A Telegram Bot API on this machine: it enforces what the real one does, remembers every call, and fails on demand.

    async with FakeTelegram() as api:
        channel = Telegram(token=api.token, api_url=api.url, …)
        api.answers["sendMessage"].append(Answer(429, retry_after=3))     # the next one
        api.chats[5501234567] = blocked()                                 # every one to this chat
        …
        assert not api.violations

Answers are in the API's own words. What the API forbids is refused as there, and stands in `violations`.
"""

import asyncio
import json
import re
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
from aiohttp import web

TOKEN = "7000000001:AAFakeFakeFakeFakeFakeFakeFakeFakeFak"
BOT = {"id": 7000000001, "is_bot": True, "first_name": "Segin", "username": "segin_example_bot"}
SEND = {
    "business_connection_id", "chat_id", "message_thread_id", "text", "parse_mode", "entities", "link_preview_options",
    "disable_notification", "protect_content", "allow_paid_broadcast", "message_effect_id", "reply_parameters",
    "reply_markup",
}  # fmt: skip
FILE = 20 * 1024 * 1024


@dataclass
class Answer:
    """What a call gets instead of the usual. `body`: these bytes; `cut`: half of them; `reset`: the line breaks."""

    status: int = 200
    description: str = ""
    retry_after: int = 0
    body: bytes | None = None
    delay: float = 0.0
    cut: bool = False
    reset: bool = False


def blocked() -> Answer:
    return Answer(403, "Forbidden: bot was blocked by the user")


@dataclass
class Call:
    """One call as it came. `by`: "api", or "webhook" where it was the answer to an update."""

    method: str
    parameters: dict[str, Any]
    at: float
    by: str = "api"


class Refusal(Exception):
    """An error of the API."""

    def __init__(self, status: int, description: str, retry_after: int = 0) -> None:
        super().__init__(description)
        self.status, self.description, self.retry_after = status, description, retry_after


@dataclass
class FakeTelegram:
    """The server. `rates`: whether too many messages a second are refused. `latency`: seconds before each answer."""

    token: str = TOKEN
    rates: bool = True
    latency: float = 0.0
    clock: Callable[[], float] = time.monotonic
    calls: list[Call] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    answers: dict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    chats: dict[int, Answer] = field(default_factory=dict)  # sends to them are answered so
    files: dict[str, bytes] = field(default_factory=dict)  # file_id → bytes
    updates: list[dict[str, Any]] = field(default_factory=list)  # unconfirmed
    confirmed: int = 0  # the highest offset asked for
    webhook: dict[str, Any] = field(default_factory=dict)
    menus: dict[str, list[dict[str, str]]] = field(default_factory=dict)  # by language of the app
    messages: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    url: str = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/bot{token}/{method}", self._call)
        app.router.add_get("/file/bot{token}/{path:.*}", self._download)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        self._more = asyncio.Event()
        self._next, self._sends, self._last, self._barred = 1000, deque(), {}, {}
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    # ------------------------------------------------------------ for tests

    def sent(self, chat: int | None = None) -> list[dict[str, Any]]:
        """Messages that were taken, oldest first."""
        return [message for (to, _), message in self.messages.items() if chat is None or to == chat]

    def named(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    def tell(self, *updates: dict[str, Any]) -> None:
        """Updates for those who ask (polling)."""
        self.updates.extend(updates)
        self._more.set()

    async def deliver(self, update: dict[str, Any], to: str, secret: str = "") -> int:
        """One update by webhook; a method in the answer is carried out. Returns the status."""
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
        async with aiohttp.ClientSession() as session, session.post(to, json=update, headers=headers) as response:
            body = await response.read()
        if response.status == 200 and body:
            answer = json.loads(body)
            self._carry_out(answer.pop("method"), answer, by="webhook")
        return response.status

    # ------------------------------------------------------------ requests

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        parameters = await _parameters(request)
        if self.latency:
            await asyncio.sleep(self.latency)
        if request.match_info["token"] != self.token:
            return _refused(Refusal(401, "Unauthorized"))
        scripted = self.answers[method].popleft() if self.answers[method] else None
        if scripted is None and method == "sendMessage":
            scripted = self.chats.get(_whole(parameters.get("chat_id")))
        if scripted is not None:
            self.calls.append(Call(method, parameters, self.clock()))
            return await self._as_scripted(request, scripted, parameters)
        try:
            if method == "getUpdates":
                return _result(await self._get_updates(parameters))
            return _result(self._carry_out(method, parameters))
        except Refusal as refusal:
            return _refused(refusal)

    async def _as_scripted(
        self, request: web.Request, answer: Answer, parameters: dict[str, Any]
    ) -> web.StreamResponse:
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if answer.reset:
            request.transport.abort()
            return web.Response()
        if answer.retry_after:
            self._barred[_whole(parameters.get("chat_id"))] = self.clock() + answer.retry_after
        if answer.body is None and answer.status != 200:
            return _refused(Refusal(answer.status, answer.description or "Error", answer.retry_after))
        body = answer.body if answer.body is not None else b'{"ok":true,"result":true}'
        if answer.cut:
            response = web.StreamResponse(headers={"Content-Length": str(len(body))})
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
            request.transport.close()
            return response
        return web.Response(status=answer.status, body=body, content_type="application/json")

    def _carry_out(self, method: str, parameters: dict[str, Any], by: str = "api") -> Any:
        self.calls.append(Call(method, parameters, self.clock(), by))
        does = METHODS.get(method)
        if does is None:
            raise Refusal(404, "Not Found")
        return does(self, parameters)

    def _must(self, right: bool, description: str) -> None:
        if not right:
            self.violations.append(description)
            raise Refusal(400, f"Bad Request: {description}")

    # ------------------------------------------------------------ messages

    def _send_message(self, given: dict[str, Any]) -> dict[str, Any]:
        chat, text = _whole(given.get("chat_id")), given.get("text")
        self._must(chat > 0, "chat not found")
        self._must(isinstance(text, str) and bool(text.strip()), "message text is empty")
        # in letters or UTF-16 units: nowhere written; the stricter reading
        self._must(len(text.encode("utf-16-le")) // 2 <= 4096, "message is too long")
        self._must(set(given) <= SEND, f"unknown parameters {set(given) - SEND}")
        self._check_markup(given.get("reply_markup"))
        self._admit(chat)
        self._next += 1
        message = {"message_id": self._next, "from": BOT, "chat": {"id": chat, "type": "private"}, "date": 1795425451}
        message |= {"text": text, **({"reply_markup": given["reply_markup"]} if "reply_markup" in given else {})}
        self.messages[chat, self._next] = message
        return message

    def _check_markup(self, markup: Any) -> None:
        if markup is None:
            return
        self._must(isinstance(markup, dict) and isinstance(markup.get("inline_keyboard"), list), "reply_markup")
        rows = markup["inline_keyboard"]
        self._must(all(0 < len(row) <= 8 for row in rows), "BUTTONS_A_ROW_INVALID")
        buttons = [button for row in rows for button in row]
        self._must(len(buttons) <= 100, "REPLY_MARKUP_TOO_LONG")
        for button in buttons:
            self._must(set(button) == {"text", "callback_data"} and button["text"].strip() != "", "button")
            self._must(1 <= len(button["callback_data"].encode()) <= 64, "BUTTON_DATA_INVALID")

    def _admit(self, chat: int) -> None:
        if not self.rates:
            return
        now = self.clock()
        while self._sends and self._sends[0] <= now - 1:
            self._sends.popleft()
        early = max(self._last.get(chat, -9.0) + 1, self._barred.get(chat, -9.0)) - now
        if early > 0 or len(self._sends) >= 30:
            self.violations.append(f"too fast, {'to one chat' if early > 0 else 'in all'}")
            raise Refusal(429, "Too Many Requests: retry later", max(1, round(early + 0.5)))
        self._sends.append(now)
        self._last[chat] = now

    def _edit_markup(self, given: dict[str, Any]) -> dict[str, Any]:
        message = self.messages.get((_whole(given.get("chat_id")), _whole(given.get("message_id"))))
        if message is None:
            raise Refusal(400, "Bad Request: message to edit not found")
        markup = given.get("reply_markup") or {"inline_keyboard": []}
        self._check_markup(markup)
        if message.get("reply_markup", {"inline_keyboard": []}) == markup:
            raise Refusal(400, "Bad Request: message is not modified")
        message["reply_markup"] = markup
        return message

    def _answer_callback(self, given: dict[str, Any]) -> bool:
        self._must(isinstance(given.get("callback_query_id"), str), "query is too old or invalid")
        self._must(len(given.get("text", "")) <= 200, "MESSAGE_TOO_LONG")
        return True

    # ------------------------------------------------------------ set-up, updates, files

    def _set_webhook(self, given: dict[str, Any]) -> bool:
        found = re.fullmatch(r"https://[^/:]+(?::(\d+))?/.*", given.get("url", ""))
        if found is None:
            raise Refusal(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        if found[1] not in {None, "443", "80", "88", "8443"}:
            raise Refusal(400, "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
        self._must(re.fullmatch(r"[A-Za-z0-9_-]{0,256}", given.get("secret_token", "")) is not None, "secret token")
        self._must(1 <= _whole(given.get("max_connections", 40)) <= 100, "max_connections")
        self.webhook = given
        return True

    def _delete_webhook(self, _: dict[str, Any]) -> bool:
        self.webhook = {}
        return True

    def _set_commands(self, given: dict[str, Any]) -> bool:
        commands = given.get("commands", [])
        self._must(len(commands) <= 100, "too many commands")
        for one in commands:
            self._must(re.fullmatch(r"[a-z0-9_]{1,32}", one["command"]) is not None, "BOT_COMMAND_INVALID")
            self._must(1 <= len(one["description"]) <= 256, "BOT_COMMAND_DESCRIPTION_INVALID")
        self.menus[given.get("language_code", "")] = commands
        return True

    async def _get_updates(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        self.calls.append(Call("getUpdates", given, self.clock()))
        if self.webhook:
            raise Refusal(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook")
        if "offset" in given:
            self.confirmed = _whole(given["offset"])
            self.updates = [one for one in self.updates if one["update_id"] >= self.confirmed]
        if not self.updates:
            self._more.clear()
            try:
                await asyncio.wait_for(self._more.wait(), _whole(given.get("timeout", 0)))
            except TimeoutError:
                return []
        return self.updates[: _whole(given.get("limit", 100))]

    def _get_file(self, given: dict[str, Any]) -> dict[str, Any]:
        body = self.files.get(given.get("file_id", ""))
        if body is None:
            raise Refusal(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        if len(body) > FILE:
            raise Refusal(400, "Bad Request: file is too big")
        path = f"voice/{given['file_id']}.oga"
        return {"file_id": given["file_id"], "file_unique_id": "u", "file_size": len(body), "file_path": path}

    async def _download(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self.token:
            return web.Response(status=401)
        scripted = self.answers["download"].popleft() if self.answers["download"] else None
        if scripted is not None:
            return await self._as_scripted(request, scripted, {})
        body = self.files.get(request.match_info["path"].rpartition("/")[2].removesuffix(".oga"))
        return web.Response(body=body) if body is not None else web.Response(status=404)


def _yes(_: FakeTelegram, __: dict[str, Any]) -> bool:
    return True


METHODS: dict[str, Callable[[FakeTelegram, dict[str, Any]], Any]] = {
    "getMe": lambda _, __: BOT,
    "sendMessage": FakeTelegram._send_message,
    "editMessageReplyMarkup": FakeTelegram._edit_markup,
    "answerCallbackQuery": FakeTelegram._answer_callback,
    "setWebhook": FakeTelegram._set_webhook,
    "deleteWebhook": FakeTelegram._delete_webhook,
    "getWebhookInfo": lambda api, _: {"url": api.webhook.get("url", ""), "pending_update_count": len(api.updates)},
    "setMyCommands": FakeTelegram._set_commands,
    "getFile": FakeTelegram._get_file,
    "leaveChat": _yes,
    "deleteMessage": _yes,
    "sendChatAction": _yes,
}


async def _parameters(request: web.Request) -> dict[str, Any]:
    """From the address, a form, or JSON; what looks like JSON in a form is JSON."""
    if request.content_type == "application/json":
        given = json.loads(await request.read() or b"{}")
    else:
        given = dict(await request.post())
        for name, value in given.items():
            if value[:1] in {"{", "["} or value in {"true", "false"}:
                given[name] = json.loads(value)
    return {**request.query, **given}


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _result(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _refused(refusal: Refusal) -> web.Response:
    answer: dict[str, Any] = {"ok": False, "error_code": refusal.status, "description": refusal.description}
    if refusal.retry_after:
        answer["parameters"] = {"retry_after": refusal.retry_after}
    return web.json_response(answer, status=refusal.status)
