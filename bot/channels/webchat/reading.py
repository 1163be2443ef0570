"""What the browser sent, read with suspicion: `read_message` gives a `Given` or raises `NotTaken`.

Invisible characters pass: the engine cleans what people write, whatever the channel.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import filetype
from aiohttp import web

from bot.channels.base import START
from bot.channels.pictures import NoPicture, cleaned, is_picture
from bot.dialogue.model import MAX_TAP_BYTES, File, Heard, Place

MAX_TEXT = 10_000  # characters
MAX_FILE = 5 * 1024 * 1024  # bytes
MAX_JSON = 256 * 1024  # bytes: a text of MAX_TEXT with every character escaped, and room
MAX_CURSOR = 2**63 - 1
MAX_SECONDS = 3600
TRY_AGAIN = 5  # seconds; by then the database may be back, or another's file stored

ID = re.compile(r"[!-~]{1,64}")
SOUNDS = {
    "audio/aac",
    "audio/amr",  # the recorder of old Android phones
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/x-wav",
    "video/3gpp",  # sound alone in a container that could hold pictures looks like a film
    "video/mp4",
    "video/webm",
}
PAPERS = {"application/pdf"}


@dataclass(eq=False)
class NotTaken(Exception):
    """Answered with `status`; `say` is the key of the kind words, `values` fill their placeholders."""

    status: int
    why: str
    say: str = "words:apology"
    values: Mapping[str, str] = field(default_factory=dict)
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a body may take, and how many files may come at once: slow senders hold little for little time."""

    json_seconds: float = 30
    file_seconds: float = 300  # 5 MB at 17 kB a second; what the page sends is far smaller
    files: int = 20  # each holds its body, up to 5 MB, until its turn was taken


@dataclass(frozen=True, slots=True)
class Given:
    """One message as the browser gave it."""

    id: str
    heard: Heard
    body: bytes | None
    cursor: int | None
    start: str = ""  # what a link carried


def language_of(request: web.Request) -> str:
    """The language the page shows: it puts that one first."""
    return re.split(r"[,;-]", request.headers.get("Accept-Language", ""), maxsplit=1)[0].strip().lower()


def read_cursor(value: object) -> int | None:
    """A cursor from JSON, a header or a query; None for anything that is none."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_CURSOR:
        return value
    return None


class Reader:
    """Reads bodies within their bounds."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._files = 0  # coming in now

    async def message(self, request: web.Request) -> Given:
        """One message in JSON."""
        too_long = NotTaken(413, "too long", *_too_long())
        return _read_json(await _body(request, MAX_JSON, too_long, self._bounds.json_seconds))

    async def file(self, request: web.Request) -> Given:
        """One voice note, photo or document."""
        with self._one_more():
            return await _read_file(request, self._bounds.file_seconds)

    async def seen(self, request: web.Request) -> int:
        """The cursor of an acknowledgement."""
        given = _object(await _body(request, MAX_JSON, NotTaken(413, "too long"), self._bounds.json_seconds))
        return _cursor(given.get("cursor"))

    @contextmanager
    def _one_more(self) -> Iterator[None]:
        if self._files >= self._bounds.files:
            raise NotTaken(503, "busy", "words:unavailable", retry_after=TRY_AGAIN)
        self._files += 1
        try:
            yield
        finally:
            self._files -= 1


def is_json(request: web.Request) -> bool:
    return request.content_type == "application/json"


# ---------------------------------------------------------------- words, taps, places


def _too_long() -> tuple[str, dict[str, str]]:
    return "words:too_long", {"limit": str(MAX_TEXT)}


def _object(body: bytes) -> dict[str, object]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotTaken(400, "not JSON") from error
    if not isinstance(given, dict):
        raise NotTaken(400, "not an object")
    return given


def _cursor(value: object) -> int:
    cursor = read_cursor(value)
    if cursor is None:
        raise NotTaken(400, "bad cursor")
    return cursor


def _read_json(body: bytes) -> Given:
    given = _object(body)
    cursor = _cursor(given["cursor"]) if given.get("cursor") is not None else None
    heard = _heard(given)
    return Given(_id(given.get("id")), heard, None, cursor, _start(given.get("start")) if heard.kind == "start" else "")


def _heard(given: dict[str, object]) -> Heard:
    match given.get("kind"):
        case "start":
            return Heard("start")
        case "text":
            return Heard("text", text=_text(given.get("text")))
        case "tap":
            tap = given.get("tap")
            if not isinstance(tap, str) or not 0 < len(_whole(tap).encode()) <= MAX_TAP_BYTES:
                raise NotTaken(400, "bad tap")
            return Heard("tap", tap=_whole(tap))
        case "location":
            return Heard("location", place=Place(_degrees(given, "latitude", 90), _degrees(given, "longitude", 180)))
        case _:
            raise NotTaken(400, "unknown kind", "words:not_handled")


def _start(carried: object) -> str:
    """What the link carried; nonsense in it must not keep anybody from beginning."""
    return carried if isinstance(carried, str) and START.fullmatch(carried) else ""


def _text(text: object) -> str:
    if not isinstance(text, str) or not text:
        raise NotTaken(400, "no text")
    if len(text) > MAX_TEXT:
        raise NotTaken(413, "too long", *_too_long())
    return _whole(text)


def _whole(text: str) -> str:
    # Half a surrogate pair is valid JSON and cannot be stored as UTF-8.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _degrees(given: dict[str, object], name: str, most: int) -> float:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotTaken(400, f"bad {name}")
    if not -most <= value <= most:  # false for NaN as well; no float is made of an int that may be too large
        raise NotTaken(400, f"bad {name}")
    return float(value)


def _id(value: object) -> str:
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise NotTaken(400, "bad id")
    return value


# ---------------------------------------------------------------- voice, photos, documents


async def _read_file(request: web.Request, seconds: float) -> Given:
    message_id = _id(request.headers.get("X-Message-Id"))
    if request.headers.get("X-Message-Kind") not in {"voice", "photo", "document"}:
        raise NotTaken(400, "unknown kind", "words:not_handled")
    cursor = _cursor(request.headers["X-Cursor"]) if "X-Cursor" in request.headers else None
    too_big = NotTaken(413, "too big", "words:file_too_big", {"limit": str(MAX_FILE // 1024 // 1024)})
    body = await _body(request, MAX_FILE, too_big, seconds)
    if not body:
        raise NotTaken(400, "empty file")
    # What it is, its bytes say; the headers are only what somebody claimed.
    kind = _kind(body)
    if kind == "photo":
        try:
            body = await cleaned(body)
        except NoPicture as error:
            raise NotTaken(415, "unreadable picture", "words:not_handled") from error
    plays = _seconds(request.headers.get("X-Seconds", "")) if kind == "voice" else 0
    return Given(message_id, Heard(kind, file=File("", kind, plays)), body, cursor)


def _kind(body: bytes) -> str:
    if is_picture(body):
        return "photo"
    mime = filetype.guess_mime(body)
    if mime in SOUNDS:
        return "voice"
    if mime in PAPERS:
        return "document"
    raise NotTaken(415, "unknown type of file", "words:not_handled")


def _seconds(value: str) -> int:
    """How long it plays, as the browser measured it; a voice note is not lost for a wrong figure."""
    try:
        return max(0, min(MAX_SECONDS, round(float(value))))
    except (ValueError, OverflowError):
        return 0


async def _body(request: web.Request, limit: int, too_big: NotTaken, seconds: float) -> bytes:
    """The body, read by ourselves: aiohttp's own limit is one for all addresses of the application, and it waits."""
    if (request.content_length or 0) > limit:
        raise too_big
    body = bytearray()
    try:
        if request.content.is_eof():  # it came with its head, as most do: there is nothing to wait for
            body += request.content.read_nowait()
        else:
            async with asyncio.timeout(seconds):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > limit:
                        raise too_big
    except TimeoutError as error:
        raise NotTaken(408, "too slow", "words:unavailable") from error
    except (ConnectionError, web.RequestPayloadError) as error:  # gone, or chunks that are none
        raise NotTaken(400, "broken off") from error
    if len(body) > limit:
        raise too_big
    return bytes(body)
