"""One contract for all channels: whatever a provider may deliver is stored, answered or passed over on purpose.

Every channel that is pushed to brings a folder `payloads/` of recordings beside its tests, one for each kind of thing
its provider documents, and each recording has a table of what becomes of it. The whole of Segin takes them here.
"""

import asyncio
import importlib
import json
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

import bot.channels
from bot.channels.base import Blocked, Capabilities, Closed, Fault, GiveUp, Retry
from bot.channels.telegram import Telegram
from bot.channels.webchat import WebChat
from bot.channels.whatsapp import WhatsApp
from bot.dialogue.model import Button, Message
from storage import Unavailable, tables
from tests.channels.telegram.fake_api import FakeTelegram
from tests.channels.whatsapp.deliveries import signed
from tests.channels.whatsapp.fake_graph import FakeGraph
from tests.faults.proxy import BROKEN, Proxy
from tests.faults.served import Served, telegram, telegram_headers, webchat, whatsapp
from tests.people import real_library

HERE = Path(__file__).parent
OF_A_SCREEN = {"terminal"}  # no provider, nothing arrives
OUTCOMES = {"stored", "answered", "passed over"}
OURS = "wamid.ours"  # in recorded statuses: a message that we sent before


@dataclass
class Recorded:
    """How one channel's recordings are delivered. `refused`: headers that no provider would send."""

    path: str
    bodies: dict[str, bytes]
    outcomes: dict[str, str]
    headers: Callable[[bytes], dict[str, str]]
    refused: dict[str, str] = field(default_factory=dict)
    greeting: bytes = b""


def _telegram() -> Recorded:
    given = _read("telegram")
    bodies = {name: json.dumps(one["update"]).encode() for name, one in given.items()}
    return Recorded(
        "/telegram/webhook",
        bodies,
        {name: one["outcome"] for name, one in given.items()},
        lambda _: telegram_headers(),
        {"X-Telegram-Bot-Api-Secret-Token": "guessed"},
        bodies.get("text", b""),
    )


def _whatsapp() -> Recorded:
    given = _read("whatsapp")
    bodies = {name: json.dumps(one["delivery"]).encode() for name, one in given.items()}
    outcomes = {name: one.get("outcome") or _outcome(one["becomes"]) for name, one in given.items()}
    greeting = bodies.get("text", b"")
    return Recorded("/whatsapp/webhook", bodies, outcomes, signed, signed(b"something else"), greeting)


def _outcome(becomes: dict[str, Any]) -> str:
    """What a recording's own table says, in a word."""
    kinds = {one["kind"] for one in becomes["messages"]}
    if kinds - {"unknown"} or becomes["statuses"]:
        return "stored"
    return "answered" if kinds else "passed over"


def _webchat() -> Recorded:
    """No provider stands between: what the page may send, said here."""
    said: dict[str, dict[str, Any]] = {
        "start": {"kind": "start"},
        "text": {"kind": "text", "text": "bonjour"},
        "tap": {"kind": "tap", "tap": "main/language:fr"},
        "location": {"kind": "location", "latitude": 12.65, "longitude": -8.0},
    }
    bodies = {name: json.dumps({"id": f"page-{name}", **one}).encode() for name, one in said.items()}
    ours = {"X-Segin": "chat", "Content-Type": "application/json"}
    stranger = {"Content-Type": "application/json"}
    return Recorded("/chat/messages", bodies, dict.fromkeys(bodies, "stored"), lambda _: ours, stranger, bodies["text"])


def _read(channel: str) -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in sorted((HERE / channel / "payloads").glob("*.json"))}


CHANNELS = {"web": _webchat(), "telegram": _telegram(), "whatsapp": _whatsapp()}
EACH = [(channel, name) for channel, recorded in CHANNELS.items() for name in recorded.bodies]


@dataclass
class World:
    """All channels in one Segin, with their providers."""

    segin: Served
    api: FakeTelegram
    graph: FakeGraph

    async def read(self, work):
        return await self.segin.read(work)

    async def deliver(self, channel, body, headers=None):
        """The status; everything that followed has happened."""
        recorded = CHANNELS[channel]
        status, _ = await self.segin.post(recorded.path, body, recorded.headers(body) if headers is None else headers)
        await self.segin.settled()
        return status


@pytest.fixture
async def world(store, keyring):
    async with FakeTelegram(rates=False) as api, FakeGraph(rates=False) as graph:
        channels = lambda: [telegram(api), whatsapp(graph.url), webchat()]  # noqa: E731 - built where it is entered
        async with Served(store.url, keyring, real_library(), channels) as segin:
            yield World(segin, api, graph)
        assert api.violations + graph.violations == []


def everything(conn: Connection) -> dict[str, set[Any]]:
    """What a message may change. Lanes and what is on its way are left out."""
    contacts = tables.contacts.c
    of_contact = (contacts.id, contacts.last_seq, contacts.conversation, contacts.blocked_at)
    return {
        "contacts": {tuple(row) for row in conn.execute(select(*of_contact))},
        "heard": {tuple(row) for row in conn.execute(select(tables.heard.c.message_index))},
        "statuses": {tuple(row) for row in conn.execute(select(tables.deliveries.c.status, tables.deliveries.c.at))},
    }


def messages_said(conn: Connection) -> int:
    return sum(conn.scalars(select(tables.contacts.c.last_seq)))


def test_every_channel_is_known_here_and_pushed_ones_bring_their_recordings():
    found = {}
    for module in pkgutil.iter_modules(bot.channels.__path__, "bot.channels."):
        for kind in vars(importlib.import_module(module.name)).values():
            if isinstance(kind, type) and isinstance(vars(kind).get("capabilities"), Capabilities):
                found[kind.name] = kind
    assert set(CHANNELS) == set(found) - OF_A_SCREEN
    for name, kind in found.items():
        if not kind.pulls and name not in OF_A_SCREEN:
            assert len(list((HERE / name / "payloads").glob("*.json"))) >= 20, f"{name}: recordings are missing"


@pytest.mark.parametrize("channel", [WebChat, Telegram, WhatsApp])
def test_a_channel_says_what_it_is(channel):
    assert channel.name in CHANNELS
    assert type(channel.pulls) is type(channel.reports) is bool
    assert channel.repeats is None or channel.repeats >= timedelta(days=1).total_seconds(), "providers repeat for a day"
    assert channel.window is None or channel.window > timedelta(0)
    can = channel.capabilities
    assert min(can.text, can.body, can.few, can.label) > 0
    assert can.rows == 0 or can.rows_body > 0 < can.row_label


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("channel", CHANNELS)
def test_each_recording_says_what_becomes_of_it(channel, database_kind):  # noqa: ARG001 - once is enough
    recorded = CHANNELS[channel]
    assert {name: outcome for name, outcome in recorded.outcomes.items() if outcome not in OUTCOMES} == {}
    assert recorded.greeting


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(("channel", "name"), EACH, ids=lambda one: one)
async def test_a_recording_is_stored_answered_or_passed_over(world, caplog, channel, name):
    recorded = CHANNELS[channel]
    body = recorded.bodies[name]
    if OURS.encode() in body or b"kicked" in body:  # about something that was said before
        assert await world.deliver(channel, recorded.greeting) == 200
    if OURS.encode() in body:
        body = body.replace(OURS.encode(), world.graph.sent[-1].id.encode())
    before, said = await world.read(everything), await world.read(messages_said)
    assert await world.deliver(channel, body) == 200
    after = await world.read(everything)
    match recorded.outcomes[name]:
        case "stored":
            assert after != before
        case "answered":
            assert len(after["heard"]) == len(before["heard"]) + 1
            assert await world.read(messages_said) > said
        case _:
            assert after == before
    assert world.segin.failed_turns() == 0
    assert not [record for record in caplog.records if "failed" in record.message or "traceback" in record.message]
    assert await world.deliver(channel, body, recorded.headers(body)) == 200
    if channel != "web":  # the page's next word is its own: without its cookie it is somebody new
        again = await world.read(everything)
        assert again["heard"] == after["heard"], "delivered again, it is no second turn"
        assert again["contacts"] == after["contacts"]
        assert {status for status, _ in again["statuses"]} == {status for status, _ in after["statuses"]}


@pytest.mark.parametrize("channel", CHANNELS)
async def test_strangers_are_not_heard(world, channel):
    before = await world.read(everything)
    recorded = CHANNELS[channel]
    assert await world.deliver(channel, recorded.greeting, recorded.refused) == 403
    assert await world.read(everything) == before


@pytest.mark.parametrize("channel", CHANNELS)
async def test_what_is_not_stored_gets_a_503_and_is_heard_later(world, monkeypatch, channel):
    async def full(*_, **__):
        raise Unavailable("disk full")

    recorded, before = CHANNELS[channel], await world.read(everything)
    with monkeypatch.context() as patch:
        patch.setattr(world.segin.store, "run", full)
        status, _ = await world.segin.post(recorded.path, recorded.greeting, recorded.headers(recorded.greeting))
        assert status == 503
    assert await world.read(everything) == before
    assert await world.deliver(channel, recorded.greeting) == 200
    assert len((await world.read(everything))["heard"]) == len(before["heard"]) + 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000, b"{}", b"9" * 9000])
@pytest.mark.parametrize("channel", CHANNELS)
async def test_what_nobody_would_send_is_no_fault_of_ours(world, channel, body):
    before = await world.read(everything)
    assert await world.deliver(channel, body) in (200, 400)
    assert await world.read(everything) == before


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("channel", ["telegram", "whatsapp"])
async def test_a_broken_line_is_an_error_of_the_port_and_tells_nothing(channel, fault, monkeypatch):
    monkeypatch.setattr("bot.channels.base.SEND_TIMEOUT", 1.0)
    async with FakeTelegram(rates=False) as api, FakeGraph(rates=False) as graph:
        provider = api if channel == "telegram" else graph
        async with Proxy(provider.url) as proxy:
            there = telegram(api, proxy.url) if channel == "telegram" else whatsapp(proxy.url)
            try:
                proxy.fault(fault, "sendMessage|/messages$")
                error = await _ended(there, "5501234567", Message("Bonjour Awa.", (Button("main/menu:x", "Suite"),)))
            finally:
                await there.stop()
                await there.stop()
    assert isinstance(error, Retry | GiveUp | Blocked | Closed | Fault | Exception)
    told, seen = "", error
    while seen is not None:
        told, seen = told + repr(seen), seen.__cause__ or seen.__context__
    for secret in ("5501234567", "Bonjour", api.token, "EAAG", "127.0.0.1"):
        assert secret not in told


async def _ended(channel, address, message) -> BaseException:
    try:
        async with asyncio.timeout(2):
            await channel.send(address, message)
    except Exception as error:  # noqa: BLE001 - it is what is asked for
        return error if not isinstance(error, TimeoutError) else TimeoutError()
    raise AssertionError("it went")


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_channel_may_end_twice_or_without_having_begun(channel):
    async with FakeTelegram() as api:
        ended = {"web": webchat(), "telegram": telegram(api), "whatsapp": whatsapp(api.url)}[channel]
        await ended.stop()
        await ended.stop()
