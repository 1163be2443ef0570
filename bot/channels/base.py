"""The port: what a channel gives to Segin and what it gets.

A channel turns what arrives into an `Incoming`, hands it to `Post.hear`, and answers its provider only
when that returned: what was heard is then stored. What goes out is a `Message`; channels that are pushed
to (`pulls = False`) send it, a channel that is pulled from (the web chat) asks `Post.since`.

Whoever calls `send`, `knock` or `fetch` has seen to the rest: messages fit the channel's `capabilities`
(`fitting.fit`), `rates` was asked, one message at a time is under way for an address.
"""

import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

from aiohttp import web
from msgspec import Struct

from bot.channels.rates import Rates
from bot.dialogue.model import Heard, Message

START = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what a link may carry: what Telegram allows, for all channels
SEND_TIMEOUT = 20.0  # seconds a send may take before it is broken off and tried again; the lane's lease is longer


class Unavailable(Exception):
    """Nothing was stored (disk full, database locked or away): answer 503, the sender tries again."""


class Refused(Exception):
    """What was sent cannot be taken; nothing was stored. `say` is the key of kind words ("words:…")."""

    def __init__(self, why: str, say: str = "words:apology") -> None:
        super().__init__(why)
        self.say = say


class Retry(Exception):
    """The provider asks to wait; this lane alone is delayed by `after` seconds."""

    def __init__(self, after: float) -> None:
        super().__init__(f"retry after {after} s")
        self.after = after


class GiveUp(Exception):
    """This message can never be sent; the lane goes on with the next."""


class BadTemplate(GiveUp):
    """As `GiveUp`, and it is the template's fault: operators must look after it."""


class TooBig(GiveUp):
    """This file is larger than may be fetched."""


class Blocked(Exception):
    """The person blocked us or is gone: the lane closes, they are left in peace."""


class Closed(Exception):
    """The person wrote too long ago: free words wait until they write again; `knock` may tell them."""


class Fault(Exception):
    """The provider is away or refuses us (credentials): nobody's lane is to blame, all of the channel wait.

    `why` is for operators (log and metric): a few fixed words of ours such as "credentials", never the
    provider's text. `after`: seconds; doubled while it lasts.
    """

    def __init__(self, why: str, after: float = 15.0) -> None:
        super().__init__(why)
        self.why, self.after = why, after


class Incoming(Struct, frozen=True):
    """One message as a channel received it.

    `message_id` is the provider's (or the browser's): a repeat of it is no second turn. `body` holds the
    bytes of a voice note, photo or document that came along; where they must be fetched first, `file_ref` is
    what the channel's `fetch` will be asked with (`heard.file` then has kind and seconds). `cursor` acknowledges
    all that was said up to it.

    `start`: the word a link carried (`/start kayes`), with `Heard("start")`. A link that is typed ("Menu Kayes") comes
    as text: `dialogue.led` reads it, whatever the channel.

    `said_at`: when it was said, as the provider tells (UTC): the window counts from there, and a leaving that is later
    wins (`Post.leave`). Providers deliver some messages hours late. None, or a time to come: now.
    """

    address: str
    message_id: str
    heard: Heard
    body: bytes | None = None
    cursor: int | None = None
    file_ref: str = ""
    start: str = ""
    said_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What became of a message that was sent: `kind` is "sent", "delivered", "read" or "failed".

    A failed one has `why`, one of the errors that `send` may raise.
    """

    kind: str
    why: Exception | None = None


class Said(Struct, frozen=True):
    """A message waiting for its person; `seq` counts up per contact."""

    seq: int
    message: Message


class Told(Struct, frozen=True):
    """What a heard message brought: all that is said and not yet acknowledged, oldest first. (A channel that is
    pushed to sends nothing of it here: its lane does.)

    `new` means that this address was unknown: its `seq` counts from one. `erased` means that the person was
    forgotten: their device should forget, too.
    """

    said: tuple[Said, ...]
    new: bool
    erased: bool = False


class Post(Protocol):
    """What a channel may ask of Segin."""

    @property
    def demonstration(self) -> bool:
        """Nobody reads: every chat says so."""
        ...

    async def hear(self, channel: "Channel", incoming: Incoming) -> Told:
        """Store and answer one message. The cursor of an address that turns out to be new is ignored.

        Raises `Unavailable` (nothing stored) or `Refused`.
        """
        ...

    async def since(self, channel: "Channel", address: str, cursor: int) -> list[Said] | None:
        """What waits after `cursor`; None for an address nobody has written from. Raises `Unavailable`."""
        ...

    async def seen(self, channel: "Channel", address: str, cursor: int) -> None:
        """Everything up to `cursor` arrived and may be dropped here. Raises `Unavailable`."""
        ...

    async def status(self, channel: "Channel", message_id: str, status: Status) -> None:
        """A provider tells what became of a message, by the id that `send` returned.

        Returns when that is stored; ids nobody knows are passed over. Raises `Unavailable` (nothing stored).
        """
        ...

    async def leave(self, channel: "Channel", address: str, at: datetime | None = None) -> None:
        """They left, or somebody else may hold the device now: this address is reached no more. Raises `Unavailable`.

        `at`: the provider's date, where it may tell so again or late: a repeat does nothing, nor does a leaving that
        is older than what was said.
        """
        ...

    def news(self, channel: "Channel", address: str) -> AsyncIterator[None]:
        """Wakes whenever something new may wait for this address (also when another worker wrote it)."""
        ...

    def words(self, key: str, language: str = "") -> str:
        """The text of the library for a key such as "words:unavailable"; French unless the language has it."""
        ...


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can show. What is longer is sent as several messages, never cut.

    Lengths are in letters, or in UTF-16 units where the channel counts so (`utf16`: an emoji is two). A message
    with up to `few` choices shows them as buttons; with more, up to `rows`, as a list; 0 `rows`: there are no lists.
    """

    text: int = 4096  # of a message without choices
    body: int = 4096  # of a text with buttons
    rows_body: int = 4096  # of a text with a list
    few: int = 100  # choices shown as buttons
    rows: int = 0  # choices in one list
    label: int = 200  # of a button
    row_label: int = 200  # of a row in a list
    utf16: bool = False


class Channel(Protocol):
    """A way people reach Segin."""

    name: ClassVar[str]
    pulls: ClassVar[bool]
    capabilities: ClassVar[Capabilities]
    repeats: ClassVar[int | None]  # seconds for which a provider may deliver again; None: for the contact's life
    window: ClassVar[timedelta | None]  # free words may be sent so long after the person's last message; None: always
    reports: ClassVar[bool]  # the provider tells later what became of a message (`Post.status`)

    @property
    def rates(self) -> Rates:
        """How fast messages may go; the outbox asks it before each `send` and `knock`, the channel does not."""
        ...

    def routes(self, post: Post) -> Iterable[web.RouteDef]: ...

    async def start(self, post: Post) -> None:
        """Begins with the worker: opens what it sends through, registers itself, polls.

        What needs the network goes on in the background and is tried again: Segin serves without it meanwhile.
        """
        ...

    async def stop(self) -> None:
        """Ends with the worker, after the last send; may be called twice, or without `start`."""
        ...

    async def send(self, address: str, message: Message) -> str:
        """Send one message; returns the provider's id of it ("" when there is none).

        Raises `Retry`, `GiveUp`, `Blocked`, `Closed` or `Fault`. Anything else is tried again, later and later.
        """
        ...

    async def knock(self, address: str, language: str) -> str:
        """Tell by template that a message waits, to somebody who wrote too long ago.

        Returns and raises as `send` does; `BadTemplate` too.
        """
        ...

    async def fetch(self, file_ref: str) -> bytes:
        """The bytes of a file. Raises `Retry`, `GiveUp` (gone; `TooBig`) or `Fault`."""
        ...
