"""A `Post` that remembers, the recorded payloads, and a channel that serves."""

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.channels.base import Refused, Told, Unavailable
from bot.channels.telegram import Telegram
from tests.channels.telegram.fake_api import FakeTelegram

SECRET = "the_secret-1"
PAYLOADS = {path.stem: json.loads(path.read_text()) for path in Path(__file__).parent.glob("payloads/*.json")}
TITLES = {
    "words:done": {"fr": "Fini", "en": "Done"},
    "words:write_numbers": {"fr": "Écrivez les numéros, comme « 1, 3 »."},
    "main:title": {"fr": "Accueil", "en": "Home"},
    "help:title": {"fr": "Aide", "en": "Help"},
    "language:title": {"fr": "Langue", "en": "Language"},
    "person:title": {"fr": "Parler à une personne", "en": "Talk to a person"},
    "stop:title": {"fr": "Quitter", "en": "Leave"},
    "erase:title": {"fr": "Effacer", "en": "Erase"},
}  # no complaint: this library has no such flow


class FakePost:
    """What `Post` promises a channel that is pushed to, with lists instead of tables."""

    demonstration = False

    def __init__(self) -> None:
        self.heard, self.left, self.left_at = [], [], []
        self.down = 0  # calls that find the database away
        self.refuses = lambda _: False
        self.fails = None

    async def hear(self, channel, incoming):  # noqa: ARG002 - as the port has it
        if self.down:
            self.down -= 1
            raise Unavailable
        if self.fails:
            raise self.fails
        if self.refuses(incoming):
            raise Refused("no")
        self.heard.append(incoming)
        return Told((), new=False)

    async def leave(self, channel, address, at=None):  # noqa: ARG002 - as the port has it
        if self.down:
            self.down -= 1
            raise Unavailable
        self.left.append(address)
        self.left_at.append(at)

    def words(self, key, language=""):
        return TITLES[key].get(language) or TITLES[key]["fr"]


def channel_of(api, **more):
    return Telegram(**{"token": api.token, "api_url": api.url, "secret": SECRET, **more})


@asynccontextmanager
async def serving(post, channel):
    """A client of the webhook's address."""
    app = web.Application(client_max_size=6 * 1024 * 1024)
    app.router.add_routes(channel.routes(post))
    async with TestClient(TestServer(app)) as client:
        yield client
    await channel.stop()


@asynccontextmanager
async def talking(**more):
    """A fake Bot API, a post, a channel that has not started."""
    async with FakeTelegram(rates=False) as api:
        channel, post = channel_of(api, **more), FakePost()
        try:
            yield api, post, channel
        finally:
            await channel.stop()


async def until(holds, seconds=5.0):
    """Wait for something that happens by itself."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)
