"""People who write to an inbox, and channels that only pretend: what tests of the house need.

`from tests.people import House, Pulled, Pushed, Windowed`
"""

import functools
import itertools
import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from msgspec.structs import replace
from sqlalchemy import func, select

from bot import contacts, pages
from bot.channels.base import Capabilities, GiveUp, Incoming
from bot.channels.rates import Rates
from bot.dialogue.flow import Library
from bot.dialogue.model import File, Heard, Message, Place
from bot.followups import Followups
from bot.inbox import Inbox
from bot.library import files, load
from bot.library.shelf import Shelf
from storage import tables
from tests.library.small import small_library

ROOT = Path(__file__).resolve().parent.parent
BEGINS = datetime(2026, 11, 23, 9, 17, 31, 123456, tzinfo=UTC)
OGG = b"OggS\x00\x02" + b"sound of a voice" * 8
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"light of a photo" * 8


class Pulled:
    """Read by the person's page, as the web chat is."""

    name: ClassVar[str] = "web"
    pulls: ClassVar[bool] = True
    capabilities: ClassVar[Capabilities] = Capabilities()
    repeats: ClassVar[int | None] = None
    window: ClassVar[timedelta | None] = None
    reports: ClassVar[bool] = False
    rates: ClassVar[Rates] = Rates()

    def routes(self, post: object) -> Iterable[Any]:  # noqa: ARG002 as the port has it
        return ()

    async def start(self, post: object) -> None: ...

    async def stop(self) -> None: ...

    async def send(self, address: str, message: Message) -> str:  # noqa: ARG002 as the port has it
        raise AssertionError("a page is not sent to")

    async def knock(self, address: str, language: str) -> str:  # noqa: ARG002 as the port has it
        raise AssertionError("a page is not sent to")

    async def fetch(self, file_ref: str) -> bytes:
        raise GiveUp(file_ref)


class Pushed:
    """Sends; `outcomes` are raised in turn instead (None: the send succeeds), as for `knock` and `fetch`.

    `files` are what its provider holds.
    """

    name: ClassVar[str] = "phone"
    pulls: ClassVar[bool] = False
    capabilities: ClassVar[Capabilities] = Capabilities()
    repeats: ClassVar[int | None] = 3600
    window: ClassVar[timedelta | None] = None
    reports: ClassVar[bool] = False

    def __init__(self, rates: Rates | None = None) -> None:
        self.rates = rates or Rates()
        self.sent: list[tuple[str, str]] = []
        self.messages: list[Message] = []
        self.knocks: list[tuple[str, str]] = []
        self.files: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.outcomes: dict[str, list[Exception | None]] = {}

    def routes(self, post: object) -> Iterable[Any]:  # noqa: ARG002 as the port has it
        return ()

    async def start(self, post: object) -> None: ...

    async def stop(self) -> None: ...

    async def send(self, address: str, message: Message) -> str:
        self._turn_out(address)
        self.sent.append((address, message.text))
        self.messages.append(message)
        return f"id-{len(self.sent)}"

    async def knock(self, address: str, language: str) -> str:
        self._turn_out(f"knock {address}")
        self.knocks.append((address, language))
        return f"knock-{len(self.knocks)}"

    async def fetch(self, file_ref: str) -> bytes:
        self.fetched.append(file_ref)
        self._turn_out(file_ref)
        return self.files[file_ref]

    def _turn_out(self, name: str) -> None:
        outcomes = self.outcomes.get(name)
        outcome = outcomes.pop(0) if outcomes else None
        if outcome is not None:
            raise outcome


class Windowed(Pushed):
    """Tells what became of messages, and sends free words for a day after the person's last one."""

    name: ClassVar[str] = "windowed"
    window: ClassVar[timedelta | None] = timedelta(hours=24)
    reports: ClassVar[bool] = True


@functools.cache
def real_library() -> Library:
    """The library of the repository."""
    library = load.build(files.read_folder(ROOT)).library
    assert library is not None
    return library


@functools.cache
def notebook() -> Library:
    """The small library, with a flow that repeats what is said to it and flows that go wrong."""
    flows = {
        "notebook": {
            "title": "Carnet", "keywords": ["carnet"], "anywhere": True, "start": "what",
            "steps": {
                "what": {"ask": "anything", "say": "Quoi ?", "save_as": "what", "go": "said"},
                "said": {"say": "Dit : {what}", "go": "what"},
            },
        },
        "ring": {
            "title": "Rond", "keywords": ["rond"], "anywhere": True, "start": "one",
            "steps": {
                "one": {"say": "Un", "go": "two"},
                "two": {"branch": [{"when": {"x": "y"}, "go": "out"}], "else": "one"},
                "out": {"end": "return"},
            },
        },
        "desk": {
            "title": "Guichet", "keywords": ["guichet"], "anywhere": True, "start": "story",
            "steps": {
                "story": {"ask": "anything", "say": "Dites.", "save_as": "story", "sensitive": True, "go": "file"},
                "file": {"open": "request", "category": "person", "hold": True, "say": "Reçu {case.receipt}.",
                         "go": "wait"},
                "wait": {"say": "Et après ?", "choices": [{"key": "end", "label": "Fini ici", "go": "out"}]},
                "out": {"end": "return"},
            },
        },
    }  # fmt: skip
    return small_library(**{name: json.dumps(flow) for name, flow in flows.items()})


class House:
    """An inbox on a store, with a clock that tests move."""

    def __init__(self, store, keyring, library: Library | None = None, *, lanes: int | None = None) -> None:
        self.store, self.keyring, self.library = store, keyring, library or notebook()
        self.now = BEGINS
        self.results: list[Any] = []
        self.rounds: list[int] = []
        self.inbox = Inbox(
            store,
            keyring,
            Shelf(fixed=self.library),
            after_commit=self._committed,
            clock=lambda: self.now,
            lanes=lanes or (1 if store.dialect == "sqlite" else 2),
        )
        self.followups = Followups(store, keyring, Shelf(fixed=self.library), clock=lambda: self.now)
        self.web, self.phone, self.windowed = Pulled(), Pushed(), Windowed()
        self._ids = itertools.count(1)

    def _committed(self, results) -> None:
        self.results += results
        self.rounds.append(len(results))

    async def hear(self, address, what, *, channel=None, message_id=None, cursor=None, body=None, **more):
        """One message; text, "tap …", "start", or a Heard. `more` goes into the `Incoming`."""
        if isinstance(what, str):
            if what.startswith("tap "):
                what = Heard("tap", tap=what.removeprefix("tap "))
            else:
                what = Heard("start") if what == "start" else Heard("text", text=what)
        return await self.inbox.hear(
            channel or self.web,
            Incoming(address, message_id or uuid.uuid4().hex, what, body, cursor, **more),
        )

    async def voice(self, address, **more):
        return await self.hear(address, Heard("voice", file=File("", "voice", 12)), body=OGG, **more)

    async def photo(self, address, **more):
        return await self.hear(address, Heard("photo", file=File("", "photo")), body=JPEG, **more)

    async def place(self, address, **more):
        return await self.hear(address, Heard("location", place=Place(12.6, -8.0)), **more)

    async def talk(self, address, *many, channel=None):
        """Several messages one after the other; what the last one brought, everything before acknowledged."""
        told = None
        for what in many:
            cursor = told.said[-1].seq if told and told.said else None
            told = await self.hear(address, what, channel=channel, cursor=cursor)
        return told

    def index(self, address, channel=None) -> bytes:
        return contacts.address_index(self.keyring, (channel or self.web).name, address)

    async def waiting(self, address, cursor=0, channel=None):
        """What a page would read."""
        channel = channel or self.web
        look = pages.waiting_after(self.keyring, channel.name, self.index(address, channel), cursor)
        return await self.store.read(look)

    async def contact(self, address, channel=None):
        index, channel = self.index(address, channel), channel or self.web
        return await self.store.run(
            lambda conn: contacts.locked(conn, self.keyring, [(channel.name, index)]).get(index)
        )

    async def count(self, table, *where) -> int:
        return await self.store.read(lambda conn: conn.scalar(select(func.count()).select_from(table).where(*where)))

    async def rows(self, table):
        return await self.store.read(lambda conn: conn.execute(select(table)).all())

    async def consent(self, address, channel=None, language="fr"):
        """A contact that agreed and chose a language."""
        await self.hear(address, "start", channel=channel)
        contact = await self.contact(address, channel)
        contact.conversation = replace(
            contact.conversation, language=language, facts={"consent": "agreed"}, frames=(), heard_at=self.now
        )

        def write(conn):
            conn.execute(
                tables.contacts.update()
                .where(tables.contacts.c.id == contact.id)
                .values(conversation=contact.seal_conversation(), consented_at=self.now)
            )
            conn.execute(tables.outbox.delete().where(tables.outbox.c.contact_id == contact.id))

        await self.store.run(write)

    def later(self, **span) -> None:
        self.now += timedelta(**span)


def texts(told) -> list[str]:
    return [said.message.text for said in told.said]
