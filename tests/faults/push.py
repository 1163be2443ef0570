"""A channel that is pushed to, made up for these tests: a provider's webhook, and a phone that is a file."""

import asyncio
import json
import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from aiohttp import web

from bot.channels.base import Capabilities, GiveUp, Incoming, Post, Unavailable
from bot.channels.rates import Rates
from bot.dialogue.model import Heard, Message


class Push:
    """`POST /push/messages` hears; what is sent is one line at the end of the phone's file."""

    name: ClassVar[str] = "push"
    pulls: ClassVar[bool] = False
    capabilities: ClassVar[Capabilities] = Capabilities()
    repeats: ClassVar[int | None] = 48 * 3600
    window: ClassVar[timedelta | None] = None
    reports: ClassVar[bool] = False
    rates: ClassVar[Rates] = Rates()

    def __init__(self, phone: Path) -> None:
        self._phone = os.open(phone, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def routes(self, post: Post) -> Iterable[web.RouteDef]:
        async def messages(request: web.Request) -> web.Response:
            given = await request.json()
            heard = Heard(given["kind"], text=given.get("text", ""), tap=given.get("tap", ""))
            try:
                await post.hear(self, Incoming(given["address"], given["id"], heard))
            except Unavailable:
                return web.Response(status=503)
            return web.Response()

        return [web.post("/push/messages", messages)]

    async def start(self, post: Post) -> None: ...

    async def stop(self) -> None: ...

    async def knock(self, address: str, language: str) -> str:
        raise GiveUp(f"{address} {language}")

    async def fetch(self, file_ref: str) -> bytes:
        raise GiveUp(file_ref)

    async def send(self, address: str, message: Message) -> str:
        await asyncio.sleep(0)
        line = json.dumps({"address": address, "text": message.text}) + "\n"
        os.write(self._phone, line.encode())  # one write: whole or not at all, and it outlives the process
        return ""
