"""The provider's API: requests out, typed errors back. Neither the token nor a word of theirs is in any error."""

import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec

from bot.channels.base import Fault, GiveUp, Retry, TooBig
from bot.channels.whatsapp import limits
from bot.channels.whatsapp.errors import AGAIN, GIVE_UP, NO_SUCH_OBJECT, Meaning, meaning, meaning_of_http
from bot.channels.whatsapp.errors import typed as typed_error

log = logging.getLogger(__name__)

Json = dict[str, object]

ANSWER_BYTES = 1024 * 1024
CHUNK = 64 * 1024
LONGEST_WAIT = 3600.0  # seconds they may ask for themselves
THEIR_HOSTS = (".fbsbx.com", ".facebook.com", ".whatsapp.net", ".whatsapp.com", ".fbcdn.net")  # may see the token


class Trouble(Exception):
    """The provider said no, or nothing understandable; `meant` says what follows from it, `code` is theirs or 0."""

    def __init__(self, meant: Meaning, code: int = 0, after: float = 0.0) -> None:
        super().__init__(f"{meant.kind} ({code})")
        self.meant, self.code, self.after = meant, code, after

    def typed(self, tries: int) -> Exception:
        """The error of the port, when it was tried `tries` times in vain before."""
        return typed_error(self.meant, self.code, tries=tries, after=self.after)


class Graph:
    """One phone number's side of the API."""

    def __init__(self, token: str, phone_id: str, api_url: str) -> None:
        self._api_url = api_url.strip().rstrip("/")
        self._messages_url = f"{self._api_url}/{quote(phone_id, safe='')}/messages"
        self._phone_id = phone_id
        self._headers = {"Authorization": f"Bearer {token.strip()}"}
        self._http: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        if self._http is None:
            # No limit of its own: who may send at once is decided where sends begin.
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
            self._http = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async def close(self) -> None:
        if self._http is not None:
            http, self._http = self._http, None
            await http.close()

    async def post(self, content: Json, seconds: float = limits.ANSWER) -> Json:
        """Send something. Raises `Trouble`."""
        body = msgspec.json.encode({"messaging_product": "whatsapp", **content})
        headers = {**self._headers, "Content-Type": "application/json"}
        async with self._asked("POST", self._messages_url, headers, seconds, body) as response:
            return await _answer(response)

    async def file(self, ref: str) -> bytes:
        """The bytes of a file, in two steps: where it is, then the file. Raises `Retry`, `GiveUp` or `Fault`."""
        for _ in range(2):  # what they say of where it is holds for five minutes
            try:
                return await self._bytes(await self._place(ref))
            except Trouble as trouble:
                if trouble.meant is not MOVED:
                    raise _of_file(trouble) from None
        raise GiveUp("the file is gone")

    # ------------------------------------------------------------ in steps

    async def _place(self, ref: str) -> Json:
        url = f"{self._api_url}/{quote(ref, safe='')}?phone_number_id={quote(self._phone_id, safe='')}"
        async with self._asked("GET", url, self._headers, limits.ANSWER) as response:
            place = await _answer(response)
        if _size(place) > limits.FILE:
            raise TooBig("the file is too big")
        return place

    async def _bytes(self, place: Json) -> bytes:
        url = str(place.get("url"))
        headers = self._headers if self._may_see_the_token(url) else {}
        if not headers:
            log.error("a file is kept somewhere unknown; it is asked for without the token")
        async with self._asked("GET", url, headers, limits.FILE_SECONDS) as response:
            if response.status in (404, 410):
                raise Trouble(MOVED)
            if response.status != 200:  # noqa: PLR2004 - anything else is no file
                raise Trouble(meaning_of_http(response.status), after=_after(response.headers))
            body = bytearray()
            async for chunk in response.content.iter_chunked(CHUNK):
                body += chunk
                if len(body) > limits.FILE:
                    raise TooBig("the file is too big")
        if not body or _size(place) not in (0, len(body)):
            raise Trouble(AGAIN)  # half a file
        return bytes(body)

    def _may_see_the_token(self, url: str) -> bool:
        try:
            there, ours = urlsplit(url), urlsplit(self._api_url)
            host = there.hostname or ""
        except ValueError:
            return False
        return host == ours.hostname or (there.scheme == "https" and host.endswith(THEIR_HOSTS))

    @asynccontextmanager
    async def _asked(
        self, method: str, url: str, headers: Mapping[str, str], seconds: float, body: bytes | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Raises `Trouble` for whatever the line does. aiohttp's own errors may quote addresses: they end here."""
        if self._http is None:
            await self.open()
        assert self._http is not None
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=limits.CONNECT)
        follow = method == "GET"  # files move; aiohttp shows the token to no other host then
        try:
            async with self._http.request(
                method, url, headers=headers, data=body, timeout=timeout, allow_redirects=follow
            ) as response:
                yield response
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            raise Trouble(GIVE_UP if method == "GET" else ADDRESS) from None
        except (TimeoutError, aiohttp.ClientError, OSError):
            raise Trouble(AGAIN) from None


MOVED = Meaning("give up", "the file is not where they said")
ADDRESS = Meaning("fault", "address", 60)


def _of_file(trouble: Trouble) -> Exception:
    """A file that is not there is no fault of the number; the waits grow where files are asked for."""
    error = trouble.typed(tries=2)
    if isinstance(error, Retry | GiveUp | Fault):
        return error
    return GiveUp(f"error {trouble.code}")


async def _answer(response: aiohttp.ClientResponse) -> Json:
    """The JSON of an answer. Raises `Trouble` for an error, and for what is no whole JSON object."""
    raw = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        raw += chunk
        if len(raw) > ANSWER_BYTES:
            raise Trouble(AGAIN)
    try:
        answer = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = None
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict):
        raise _trouble(response, error)
    if response.status >= 300 or not isinstance(answer, dict):  # noqa: PLR2004 - no redirect is expected
        raise Trouble(meaning_of_http(response.status), after=_after(response.headers))
    return answer


def _trouble(response: aiohttp.ClientResponse, error: Json) -> Trouble:
    code, subcode = _int(error.get("code")), _int(error.get("error_subcode"))
    after = _after(response.headers)
    if response.method == "GET" and (code, subcode) == (100, NO_SUCH_OBJECT):
        return Trouble(GIVE_UP, code)  # no such file, or no longer
    meant = meaning(code, subcode) if "code" in error else None
    if meant is None:
        meant = AGAIN if error.get("is_transient") is True else meaning_of_http(response.status)
    return Trouble(meant, code, after)


def _after(headers: Mapping[str, str]) -> float:
    said = headers.get("Retry-After", "")
    return min(LONGEST_WAIT, float(said)) if re.fullmatch(r"[0-9]{1,9}", said) else 0.0


def _size(place: Json) -> int:
    return max(0, _int(place.get("file_size")))


def _int(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
