"""The terminal: `segin talk`. One person, one screen; choices are numbered, `(voice 12s)` stands for a voice note."""

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import ClassVar

from aiohttp import web

from bot.channels.base import Capabilities, GiveUp, Post
from bot.channels.rates import Rates
from bot.dialogue.model import File, Heard, Message, Place

SPECIAL = re.compile(r"\((voice|photo|document|location|sticker|tap)\s*([^)]*)\)")
SILENT_VOICE = b"OggS\x00\x02" + bytes(22)  # an empty Ogg page: nobody speaks at a keyboard


class Terminal:
    """Writes messages with `show`."""

    name: ClassVar[str] = "terminal"
    pulls: ClassVar[bool] = False
    capabilities: ClassVar[Capabilities] = Capabilities(text=100_000)
    repeats: ClassVar[int | None] = 3600
    window: ClassVar[timedelta | None] = None
    reports: ClassVar[bool] = False
    rates: ClassVar[Rates] = Rates()

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._last = Message("")

    def routes(self, post: Post) -> Iterable[web.RouteDef]:  # noqa: ARG002 - nothing arrives by the web
        return ()

    async def start(self, post: Post) -> None: ...

    async def stop(self) -> None: ...

    async def send(self, address: str, message: Message) -> str:  # noqa: ARG002 - there is one screen
        self._last = message
        self._show(shown(message))
        return ""

    async def knock(self, address: str, language: str) -> str:  # noqa: ARG002 - as the port has it
        raise GiveUp("a screen is always open")

    async def fetch(self, file_ref: str) -> bytes:  # noqa: ARG002 - as the port has it
        raise GiveUp("files of the terminal come with their message")

    def heard(self, line: str) -> tuple[Heard, bytes | None]:
        """What a typed line means here: the number of a choice is a press on it, as on any other screen."""
        number = int(line) if line.strip().isdecimal() else 0
        if 0 < number <= len(self._last.options) and not self._last.many:
            return Heard("tap", tap=self._last.options[number - 1].tap), None
        return read(line)


def shown(message: Message) -> str:
    """A message as lines, its choices numbered."""
    marks = ("[ ] " if message.many else "") if message.options else ""
    lines = [message.text]
    lines += [f"  {number}. {marks}{option.label}" for number, option in enumerate(message.options, 1)]
    return "\n".join(lines)


def read(line: str) -> tuple[Heard, bytes | None]:
    """What a typed line means: words, or `(voice 12s)`, `(photo)`, `(location 12.6,-8.0)`, `(tap main/menu:help)`."""
    found = SPECIAL.fullmatch(line.strip())
    if found is None:
        return Heard("text", text=line), None
    kind, rest = found.groups()
    match kind:
        case "tap":
            return Heard("tap", tap=rest.strip()), None
        case "location":
            latitude, _, longitude = (rest or "12.65,-8.0").partition(",")
            return Heard("location", place=Place(float(latitude), float(longitude))), None
        case "sticker":
            return Heard("unknown"), None
        case _:
            seconds = int("".join(c for c in rest if c.isdigit()) or 0)
            return Heard(kind, file=File("", kind, seconds)), SILENT_VOICE
