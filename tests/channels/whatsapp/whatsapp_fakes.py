"""A post that only listens, and a channel that stands at an address."""

import asyncio
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.channels.base import Told, Unavailable
from bot.channels.rates import Rates
from bot.channels.whatsapp import WhatsApp

PATH = "/whatsapp/webhook"


class Listening:
    """Keeps what it hears once, by message id, as the inbox does. `fails`: ids that can't be stored for now."""

    demonstration = False

    def __init__(self):
        self.heard = {}
        self.order = []
        self.statuses = []
        self.fails = {}
        self.says = ()
        self.wait = 0.0
        self.words_known = {"words:done": "Fini", "words:none": "Rien de tout cela"}

    async def hear(self, channel, incoming):  # noqa: ARG002 - as the port has it
        await asyncio.sleep(self.wait)
        error = self.fails.get(incoming.message_id)
        if error is not None:
            raise error
        if incoming.message_id not in self.heard:
            self.heard[incoming.message_id] = incoming
            self.order.append(incoming)
        return Told(self.says, new=False)

    async def status(self, channel, message_id, status):  # noqa: ARG002 - as the port has it
        await asyncio.sleep(0)
        if message_id in self.fails:
            raise self.fails[message_id]
        self.statuses.append((message_id, status))

    def words(self, key, language=""):  # noqa: ARG002 - as the port has it
        return self.words_known[key]

    def by(self, address):
        return [one.heard.text for one in self.order if one.address == address]

    def cannot(self, *message_ids):
        self.fails = dict.fromkeys(message_ids, Unavailable("away"))


@asynccontextmanager
async def standing(graph, post=None, rates=None):
    """The channel with its address, the post behind it, and a client that knocks there."""
    post = post or Listening()
    channel = WhatsApp(**graph.settings(), rates=rates or Rates())
    app = web.Application()
    app.router.add_routes(channel.routes(post))
    async with TestClient(TestServer(app)) as client:
        await channel.start(post)
        try:
            yield channel, post, client
        finally:
            await channel.stop()
