"""The port: what a channel gives to Segin and what it gets.

A channel turns what arrives into an `Incoming`, hands it to `Post.hear`, and answers its provider only
when that returned: what was heard is then stored. What goes out is a `Message`; channels that are pushed
to (`pulls = False`) send it, a channel that is pulled from (the web chat) asks `Post.since`.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from aiohttp import web

from bot.dialogue.model import Heard, Message


class Unavailable(Exception):
    """Nothing was stored (disk full, database locked or away): answer 503, the sender tries again."""


class Refused(Exception):
    """What was sent cannot be taken; nothing was stored. `say` is the key of kind words ("words:…")."""

    def __init__(self, why: str, say: str = "words:apology") -> None:
        super().__init__(why)
        self.say = say


class Retry(Exception):
    """The provider asks to wait; the lane is delayed by `after` seconds."""

    def __init__(self, after: float) -> None:
        super().__init__(f"retry after {after} s")
        self.after = after


class GiveUp(Exception):
    """This message can never be sent; the lane goes on with the next."""


class Blocked(Exception):
    """The person blocked us or is gone: the lane closes, they are left in peace."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message as a channel received it.

    `message_id` is the provider's (or the browser's): a repeat of it is no second turn. `body` holds the
    bytes of a voice note, photo or document that came along. `cursor` acknowledges all that was said up to it.
    """

    address: str
    message_id: str
    heard: Heard
    body: bytes | None = None
    cursor: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A message waiting for its person; `seq` counts up per contact."""

    seq: int
    message: Message


@dataclass(frozen=True, slots=True)
class Told:
    """What a heard message brought: all that is said and not yet acknowledged, oldest first.

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

    async def leave(self, channel: "Channel", address: str) -> None:
        """Somebody else may hold the device now: this address is reached no more. Raises `Unavailable`."""
        ...

    def news(self, channel: "Channel", address: str) -> AsyncIterator[None]:
        """Wakes whenever something new may wait for this address (also when another worker wrote it)."""
        ...

    def words(self, key: str, language: str = "") -> str:
        """The text of the library for a key such as "words:unavailable"; French unless the language has it."""
        ...


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can show. A list longer than `buttons` is paged, never cut."""

    text: int = 4096
    buttons: int = 100
    label: int = 200


class Channel(Protocol):
    """A way people reach Segin."""

    name: ClassVar[str]
    pulls: ClassVar[bool]
    capabilities: ClassVar[Capabilities]
    repeats: ClassVar[int | None]  # seconds for which a provider may deliver again; None: for the contact's life

    def routes(self, post: Post) -> Iterable[web.RouteDef]: ...

    async def send(self, address: str, message: Message) -> None:
        """Send one message; raises `Retry`, `GiveUp` or `Blocked`."""
        ...
