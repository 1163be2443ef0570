"""Live lists: a digest when something changed, nothing else; and they end."""

import asyncio
import time

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.console.mount import mount
from bot.console.pages import live
from storage import tables
from tests.cases.test_desk import ordinary, restricted

STREAM = {"Accept": "text/event-stream"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(live, "EVERY", 0.02)


class Events:
    """An open stream."""

    def __init__(self, answer):
        self.answer = answer

    async def next(self, seconds=5):
        """The name and data of the next event; "" at the end."""
        name, data = "", ""
        async with asyncio.timeout(seconds):
            async for line in self.answer.content:
                text = line.decode().strip()
                if text.startswith("event: "):
                    name = text.removeprefix("event: ")
                elif text.startswith("data:"):
                    data = text.removeprefix("data:").strip()
                elif not text and name:
                    return name, data
        return "", ""


def opened(b, path="/console/live?view=open"):
    return b.client.get(path, cookies=b.cookies, headers=STREAM)


async def test_it_tells_at_once_and_when_something_changed(office):
    """The digest of the page comes first, another one with a new case; no content."""
    b = await office.browser(await office.staff("Awa", "agent"))
    _, html = await b.get("/console?view=open")
    async with opened(b) as answer:
        assert answer.content_type == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        events = Events(answer)
        name, first = await events.next()
        assert name == "changed"
        assert f'data-digest="{first}"' in html
        reference = await ordinary(office.house)
        name, second = await events.next()
        assert (name, second == first) == ("changed", False)
        assert reference not in second


async def test_what_one_may_not_see_changes_nothing(office):
    """A restricted case comes: an agent's stream is silent, a cleared colleague's is not."""
    agent = await office.browser(await office.staff("Awa", "agent"))
    cleared = await office.browser(await office.staff("Mariam", "protection"))
    async with opened(agent) as one, opened(cleared) as other:
        first, second = Events(one), Events(other)
        await first.next()
        await second.next()
        await restricted(office.house)
        assert (await second.next())[0] == "changed"
        with pytest.raises(TimeoutError):
            await first.next(0.3)


async def test_it_keeps_no_session_alive_and_ends_with_it(office):
    """A quarter of an hour without the person: the stream says goodbye."""
    b = await office.browser(await office.staff("Awa", "agent"))
    async with opened(b) as answer:
        events = Events(answer)
        await events.next()
        office.house.later(minutes=16)
        assert await events.next() == ("bye", "")
    assert (await b.get("/console"))[0] == 303


async def test_it_ends_when_somebody_is_disabled(office):
    """At once, not at the next page."""
    b = await office.browser(await office.staff("Awa", "agent"))
    async with opened(b) as answer:
        events = Events(answer)
        await events.next()
        gone = tables.staff.update().where(tables.staff.c.name == "Awa").values(disabled_at=office.house.now)
        await office.house.store.run(lambda conn: conn.execute(gone) and None)
        assert await events.next() == ("bye", "")


async def test_it_looks_with_the_rights_of_the_moment(office):
    """Somebody who becomes an editor sees no list any more."""
    b = await office.browser(await office.staff("Awa", "agent"))
    async with opened(b) as answer:
        events = Events(answer)
        await events.next()
        other = tables.staff.update().where(tables.staff.c.name == "Awa").values(role="editor")
        await office.house.store.run(lambda conn: conn.execute(other) and None)
        assert await events.next() == ("bye", "")


async def test_a_session_has_few_streams(office):
    """The oldest ends when one too many opens; others have their own."""
    b = await office.browser(await office.staff("Awa", "agent"))
    answers = [await opened(b) for _ in range(live.PER_SESSION)]
    try:
        events = [Events(answer) for answer in answers]
        for one in events:
            await one.next()
        answers.append(await opened(b))
        assert (await Events(answers[-1]).next())[0] == "changed"
        assert await events[0].next() == ("", "")
        with pytest.raises(TimeoutError):
            await events[1].next(0.2)
    finally:
        for answer in answers:
            answer.close()


async def test_they_end_at_shutdown(office):
    """Nobody waits for open lists."""
    app = web.Application()
    mount(app, office.console)
    if live.close not in app.on_shutdown:
        app.on_shutdown.append(live.close)
    b = await office.browser(await office.staff("Awa", "agent"))
    client = TestClient(TestServer(app))
    await client.start_server()
    async with client.get("/console/live", cookies=b.cookies, headers=STREAM) as answer:
        await Events(answer).next()
        assert len(live.streams_of(app)) == 1
        before = time.monotonic()
        await client.server.close()
        assert time.monotonic() - before < 3
    await client.close()
    assert len(live.streams_of(app)) == 0


async def test_a_stream_of_what_is_gone_ends(office):
    """A digest may say that there is nothing more to look at; so do pages of cases."""
    b = await office.browser(await office.staff("Awa", "agent"))

    def gone(*_):
        raise LookupError

    async def page(request):
        from bot.console.asking import Ask  # noqa: PLC0415

        return await live.stream(Ask(office.console, request), gone)

    app = web.Application()
    app.router.add_get("/gone", page)
    async with TestClient(TestServer(app)) as client, client.get("/gone", cookies=b.cookies) as answer:
        assert await Events(answer).next() == ("bye", "")
