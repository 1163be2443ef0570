"""Calls of the Bot API through lines of our own, and what its refusals mean.

The token is part of every address, and aiohttp's errors carry addresses: none of them leaves this module, not even
as the cause of another.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from bot.channels.base import SEND_TIMEOUT, Blocked, Fault, GiveUp, Retry
from bot.channels.telegram.limits import FILE
from bot.channels.telegram.lines import Answer, Broken, Lines

TIMEOUT = SEND_TIMEOUT - 2  # seconds
DOWNLOAD = aiohttp.ClientTimeout(total=120, sock_connect=5, sock_read=20)
DEFAULT_WAIT = 5.0  # seconds, where a 429 names none

# Of 400: nobody is there (any more). Our other errors of 403 say the same, all of them.
NOBODY = ("chat not found", "user not found", "peer_id_invalid", "user is deactivated")
# Of 400: what operators may read in the log; the provider's own words may quote a person's.
KNOWN = ("message is too long", "message text is empty", "button_data_invalid", "file is too big", "not modified")


class Trouble(Exception):
    """The line broke, or Telegram is in trouble: tried again, later and later. Names what happened, no address."""


class _Parameters(msgspec.Struct):
    retry_after: float = 0


class _Answer(msgspec.Struct):
    ok: bool
    result: msgspec.Raw = msgspec.Raw(b"null")
    error_code: int = 0
    description: str = ""
    parameters: _Parameters | None = None


_answer = msgspec.json.Decoder(_Answer)


class Calls:
    """`api_url` is what stands before `/bot<token>/<method>`."""

    def __init__(self, token: str, api_url: str) -> None:
        self._token, self._api_url = token, api_url.rstrip("/")
        self._lines, self._path = Lines(URL(self._api_url)), URL(self._api_url).raw_path.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """For what is rare: setting up, files. Opened when it is first asked for."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=TIMEOUT, sock_connect=5)
            )
        return self._session

    async def close(self) -> None:
        self._lines.close()
        if self._session is not None:
            await self._session.close()

    async def call(self, method: str, parameters: Mapping[str, object], within: float = TIMEOUT) -> msgspec.Raw:
        """The result of a method. Raises `Retry`, `GiveUp`, `Blocked`, `Fault` or `Trouble`."""
        got: Answer | None = None
        failed: BaseException | None = None
        try:
            path = f"{self._path}/bot{self._token}/{method}"
            got = await self._lines.post(path, msgspec.json.encode(parameters), within)
        except (Broken, OSError, TimeoutError, ValueError) as error:
            failed = error
        if got is None:  # outside of `except`: an error raised there would carry the other one along
            raise Trouble(type(failed).__name__)
        answer = _read(got.body)
        if answer is None:
            raise _unread(got.status, got.after)
        if answer.ok:
            return answer.result
        wait = answer.parameters.retry_after if answer.parameters is not None else 0.0
        raise meaning(answer.error_code or got.status, answer.description, wait or _seconds(got.after))

    async def download(self, path: str) -> bytes:
        """The bytes of a file, by the `file_path` that `getFile` gave. Raises `Retry`, `GiveUp` or `Fault`."""
        url = URL(f"{self._api_url}/file/bot{self._token}/{path}")
        body = bytearray()
        failed: BaseException | None = None
        status, after = 0, ""
        try:
            async with self.session.get(url, timeout=DOWNLOAD, allow_redirects=False) as response:
                status, after = response.status, response.headers.get("Retry-After", "")
                if status == HTTPStatus.OK:
                    async for chunk in response.content.iter_any():
                        body += chunk
                        if len(body) > FILE:
                            break
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            failed = error
        if failed is not None or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Retry(DEFAULT_WAIT)
        if len(body) > FILE:
            raise GiveUp("file is too big")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise Retry(_seconds(after) or DEFAULT_WAIT)
        if status != HTTPStatus.OK:
            raise GiveUp(f"file: {status}")
        return bytes(body)


def meaning(code: int, description: str, retry_after: float = 0) -> Exception:
    """What a refusal of the Bot API means for the lane. Its own words are only looked at, never repeated."""
    words = description.lower()
    match code:
        case 429:
            return Retry(retry_after if retry_after > 0 else DEFAULT_WAIT)
        case 401 | 404:
            return Fault("credentials or address of the Bot API")
        case 403:
            return Blocked("Telegram: 403")
        case 400 if any(one in words for one in NOBODY):
            return Blocked("Telegram: nobody there")
        case 400 if "temporarily unavailable" in words:
            return Retry(30)
        case 409:
            return Fault("somebody else asks for this bot's updates")
        case _ if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Trouble(f"Telegram: {code}")
        case _:
            why = next((one for one in KNOWN if one in words), "")
            return GiveUp(f"Telegram: {code} {why}".rstrip())


def _read(body: bytes) -> _Answer | None:
    try:
        return _answer.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _unread(status: int, after: str) -> Exception:
    """No answer of Telegram's: a proxy's, a captive portal's, or half of one. A 403 of theirs blames nobody."""
    if status in {401, 404, 429}:
        return meaning(status, "", _seconds(after))
    return Trouble(f"unreadable answer, {status}")


def _seconds(header: str) -> float:
    return float(header) if header.isascii() and header.isdigit() and len(header) <= 6 else 0.0  # noqa: PLR2004 - days


def told(raw: msgspec.Raw, kind: type[Any]) -> Any:
    """A result as a struct; None when it has another shape."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
