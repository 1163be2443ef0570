"""The console on both databases: people who write, staff who are signed in, a clock that tests move."""

import re
import uuid
from dataclasses import dataclass, field

import pytest
from aiohttp import DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from bot.cases.may import Staff
from bot.console.asking import Console, cookie_name
from bot.console.mount import mount
from bot.console.rendering import Rendering
from bot.settings import Settings
from bot.staff import accounts, sessions
from tests.people import ROOT, House, real_library


class Fixed:
    """A shelf with one library."""

    watches = False

    def __init__(self, library):
        self.library = library

    def current(self, conn):  # noqa: ARG002 as the shelf has it
        return self.library


def plain(html):
    """As it is written in the code: French signs without the space that no line breaks at."""
    return re.sub("\u00a0(?=[:;?!»])|(?<=«)\u00a0", " ", html)


@dataclass
class Browser:
    """Somebody at the console. `get` and `post` return (status, text); `last` is the answer itself."""

    client: TestClient
    staff: Staff
    csrf: str = ""
    cookies: dict[str, str] = field(default_factory=dict)
    last: object = None

    async def get(self, path, **headers):
        async with self.client.get(path, cookies=self.cookies, headers=headers, allow_redirects=False) as answer:
            self.last = answer
            return answer.status, plain(await answer.text())

    async def post(self, path, form=None, **headers):
        form = {"csrf": self.csrf, **(form or {})}
        headers = {"Origin": str(self.client.make_url("/")).rstrip("/"), **headers}
        async with self.client.post(
            path, data=form, cookies=self.cookies, headers=headers, allow_redirects=False
        ) as answer:
            self.last = answer
            return answer.status, plain(await answer.text())


@dataclass
class Office:
    """A house, and its console. Names of staff are made as they are needed."""

    house: House
    client: TestClient
    console: Console

    async def staff(self, name, role="agent", *, regions=(), cleared=None, **columns):
        """A new member of staff. `protection` is cleared unless said otherwise."""
        cleared = role == "protection" if cleared is None else cleared

        def add(conn):
            made = accounts.add_staff(conn, name, role, cleared=cleared, regions=regions, now=self.house.now)
            if columns:
                conn.execute(accounts.STAFF.update().where(accounts.STAFF.c.name == name).values(**columns))
            return accounts.find_staff(conn, made.name)

        return await self.house.store.run(add)

    async def browser(self, staff):
        """Signed in."""

        def begin(conn):
            token = sessions.begin(conn, self.house.keyring, uuid.UUID(staff.id), self.house.now)
            return token, sessions.of_token(conn, self.house.keyring, token, self.house.now).csrf

        token, csrf = await self.house.store.run(begin)
        return Browser(self.client, staff, csrf, {cookie_name(self.console): token})


@pytest.fixture
async def office(store, keyring):
    house = House(store, keyring, real_library())
    rendering = Rendering(ROOT / "locales", lambda: house.library.organisation.timezone)
    console = Console(store, keyring, Fixed(house.library), Settings(), lambda: house.now, rendering)
    app = web.Application()
    mount(app, console)
    async with TestClient(TestServer(app), cookie_jar=DummyCookieJar()) as client:
        yield Office(house, client, console)


def fields(html):
    """The hidden and visible fields of a page by name."""
    return dict(re.findall(r'name="([^"]+)"[^>]*value="([^"]*)"', html))
