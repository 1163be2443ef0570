"""A `Post` in memory, with answers a test may choose, and what the web chat said to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from bot.channels.base import Channel, Incoming, Refused, Said, Told, Unavailable
from bot.channels.webchat import WebChat
from bot.dialogue.model import Button, Heard, Message

WORDS = {
    "words:apology": "Pardon, cela n'a pas marché.",
    "words:too_long": "Trop long : {limit} lettres au plus.",
    "words:file_too_big": "Trop gros : {limit} Mo au plus.",
    "words:not_handled": "Je ne sais pas lire cela.",
    "words:unavailable": "Un moment, s'il vous plaît.",
}


def menu() -> Message:
    return Message(
        "Bonjour. Que voulez-vous faire ?",
        options=(
            Button("main/menu:request", "Demander de l'aide"),
            Button("main/menu:complaint", "Porter plainte"),
        ),
        accepts=("voice", "photo"),
    )


def echo(heard: Heard) -> list[Message]:
    if heard.kind == "start":
        return [menu()]
    return [Message(f"Reçu : {heard.text or heard.tap or heard.kind}", accepts=("voice", "photo"))]


@dataclass
class Kept:
    said: list[Said] = field(default_factory=list)
    seq: int = 0
    ids: set[str] = field(default_factory=set)


class FakePost:
    """What `Post` promises, with lists instead of tables."""

    def __init__(self, answers: Callable[[Heard], list[Message]] = echo) -> None:
        self.demonstration = False
        self.answers = answers
        self.contacts: dict[str, Kept] = {}
        self.listening: dict[str, list[asyncio.Event]] = {}
        self.heard: list[Incoming] = []
        self.cursors: list[int] = []
        self.lookups: list[str] = []
        self.gone: list[str] = []
        self.erases = False  # the next turn
        self.fails: BaseException | None = None
        self.down = False
        self.refuses = False
        self.lose_answers = False  # stored, but the answer never arrives

    async def hear(self, channel: Channel, incoming: Incoming) -> Told:
        if self.down:
            raise Unavailable
        if self.refuses:
            raise Refused("no")
        if self.fails:
            raise self.fails
        new = incoming.address not in self.contacts
        kept = self.contacts.setdefault(incoming.address, Kept())
        if incoming.cursor is not None and not new:
            await self.seen(channel, incoming.address, incoming.cursor)
        if incoming.message_id not in kept.ids:
            kept.ids.add(incoming.message_id)
            self.heard.append(incoming)
            for message in self.answers(incoming.heard):
                self._put(kept, message)
            if self.erases:
                kept.said = kept.said[-1:]
                return Told(tuple(kept.said), new=False, erased=True)
        if self.lose_answers:
            raise Unavailable
        return Told(tuple(kept.said), new=new)

    async def since(self, channel: Channel, address: str, cursor: int) -> list[Said] | None:  # noqa: ARG002
        if self.down:
            raise Unavailable
        self.lookups.append(address)
        kept = self.contacts.get(address)
        return None if kept is None else [one for one in kept.said if one.seq > cursor]

    async def seen(self, channel: Channel, address: str, cursor: int) -> None:  # noqa: ARG002
        if self.down:
            raise Unavailable
        self.cursors.append(cursor)
        if kept := self.contacts.get(address):
            kept.said = [one for one in kept.said if one.seq > cursor]

    async def leave(self, channel: Channel, address: str, at: datetime | None = None) -> None:  # noqa: ARG002
        if self.down:
            raise Unavailable
        self.gone.append(address)
        self.contacts.pop(address, None)

    async def news(self, channel: Channel, address: str) -> AsyncIterator[None]:  # noqa: ARG002
        event = asyncio.Event()
        self.listening.setdefault(address, []).append(event)
        try:
            while True:
                await event.wait()
                event.clear()
                yield
        finally:
            self.listening[address].remove(event)
            if not self.listening[address]:
                del self.listening[address]

    def words(self, key: str, language: str = "") -> str:
        return WORDS[key] + (" (en)" if language == "en" else "")

    def staff_says(self, message: Message, address: str = "") -> None:
        """A message outside any turn; to the only contact unless told."""
        address = address or next(iter(self.contacts))
        self._put(self.contacts[address], message)
        for event in self.listening.get(address, []):
            event.set()

    def _put(self, kept: Kept, message: Message) -> None:
        kept.seq += 1
        kept.said.append(Said(kept.seq, message))


def application(post: FakePost, chat: WebChat) -> web.Application:
    """As bot.web mounts it: aiohttp's ordinary limit on bodies, streams closed at shutdown."""
    app = web.Application()
    app.add_routes(chat.routes(post))

    async def close(_: web.Application) -> None:
        await chat.stop()

    app.on_shutdown.append(close)
    return app
