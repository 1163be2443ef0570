"""What the bot tells Telegram about itself: where updates go, and its menu. By python-telegram-bot's `Bot`.

Its requests go through our own HTTP session: its own client (httpx) logs every address, and the token is in it.
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import aiohttp
from telegram import Bot, BotCommand, BotCommandScopeAllPrivateChats
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData

from bot.channels.telegram.calls import Calls
from bot.channels.telegram.limits import CONNECTIONS, UPDATES

# What it logs at these levels quotes tokens, addresses, and what people wrote.
for chatty in ("telegram", "httpx", "httpcore"):
    logging.getLogger(chatty).setLevel(logging.WARNING)


def bot_of(token: str, api_url: str, calls: Calls) -> Bot:
    """python-telegram-bot's view of the Bot API, over the session of `calls`. It is not to be `initialize`d."""
    api_url = api_url.rstrip("/")
    line = Line(calls)
    urls = f"{api_url}/bot", f"{api_url}/file/bot"
    return Bot(token, *urls, request=line, get_updates_request=line)


async def direct(bot: Bot, *, webhook: str, secret: str) -> None:
    """Say where updates go; `webhook` "": they are asked for. Raises `TelegramError`."""
    if webhook:
        await bot.set_webhook(webhook, secret_token=secret, allowed_updates=list(UPDATES), max_connections=CONNECTIONS)
    else:
        await bot.delete_webhook()  # what waits stays: it is asked for now


async def set_menus(bot: Bot, menus: Mapping[str, Sequence[BotCommand]]) -> None:
    """The menu of private chats, for each language of the app. Raises `TelegramError`."""
    for language, commands in menus.items():
        await bot.set_my_commands(commands, scope=BotCommandScopeAllPrivateChats(), language_code=language or None)


class Line(BaseRequest):
    """A request of python-telegram-bot, made by our session. Its errors name no address."""

    __slots__ = ("_calls",)

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @property
    def read_timeout(self) -> float:
        return 15

    async def initialize(self) -> None:
        """The session opens by itself."""

    async def shutdown(self) -> None:
        """The session is closed by the channel."""

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        *_: Any,
        **__: Any,
    ) -> tuple[int, bytes]:
        """See `BaseRequest.do_request`; timeouts are ours."""
        failed: BaseException | None = None
        try:
            async with self._calls.session.request(
                method,
                url,
                data=request_data.json_parameters if request_data else None,
                timeout=aiohttp.ClientTimeout(total=self.read_timeout),
                allow_redirects=False,
            ) as response:
                if response.status != HTTPStatus.TOO_MANY_REQUESTS:  # its error for that warns of its own future
                    return response.status, await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            failed = error
        # outside of `except`: an error raised there would carry the other one, and the address, along
        if isinstance(failed, TimeoutError):
            raise TimedOut
        raise NetworkError(type(failed).__name__ if failed is not None else "too many requests")
