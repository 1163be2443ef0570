"""Thousands of sends to providers that enforce what they allow: sizes, rates, the 24 hours, unique titles, bytes.

Hours pass in seconds here: the loop's clock jumps to the next moment somebody waits for when nothing else is to do.
So it is the reckoning that is tried, not how busy the machine is.
"""

import asyncio
import random
import selectors
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

import bot.halts
import bot.lanes
from bot import contacts
from bot.channels.rates import TELEGRAM, WHATSAPP, Rates
from bot.dialogue.model import Button, Message
from bot.outbox import Lanes
from storage import tables
from tests.channels.telegram.fake_api import FakeTelegram
from tests.channels.whatsapp.fake_graph import FakeGraph
from tests.faults.served import telegram, whatsapp
from tests.people import real_library

SENDS = 2_500  # on each channel, at least
BEGINS = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
QUIET = 0.001  # seconds without anything: now the clock may jump
ALPHABETS = (
    "abc déèà ç, Ségou. ",
    "ɛ ɔ ɲ ŋ a ni sɔgɔma. ",
    "السلام عليكم كيف الحال. ",
    "😀 👩🏽‍🌾 🇲🇱 é ",
    "mot\nligne\n\nalinéa ",
)
SIZES = (1, 2, 19, 20, 21, 24, 25, 72, 73, 600, 1023, 1024, 1025, 4095, 4096, 4097, 9000)
COUNTS = (0, 0, 0, 0, 1, 2, 3, 4, 9, 10, 11, 25, 100, 101)


# ---------------------------------------------------------------- a clock that jumps


class Jumping(asyncio.SelectorEventLoop):
    """Its time stands still while anything happens; `busy` counts what happens elsewhere (a line, a thread)."""

    def __init__(self) -> None:
        self.now, self.busy = 1000.0, 0
        super().__init__(Selector(self))

    def time(self) -> float:
        return self.now

    @contextmanager
    def at_work(self):
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1


class Selector(selectors.DefaultSelector):
    def __init__(self, loop: Jumping) -> None:
        super().__init__()
        self.loop = loop

    def select(self, timeout: float | None = None):
        if timeout is not None and timeout <= 0:
            return super().select(0)
        found = super().select(0.05 if self.loop.busy else QUIET)
        if not found and not self.loop.busy and timeout is not None:
            self.loop.now += timeout
        return found


def slowly(loop: Jumping, owner: Any, name: str) -> None:
    """Time stands still while this is under way."""
    original = getattr(owner, name)

    async def watched(*given, **more):
        with loop.at_work():
            return await original(*given, **more)

    setattr(owner, name, watched)


# ---------------------------------------------------------------- what is said


def text(dice: random.Random, size: int) -> str:
    letters = dice.choice(ALPHABETS)
    made = "".join(dice.choice(letters) for _ in range(size)).strip()
    return made or "x"


def message(dice: random.Random) -> Message:
    options = []
    for number in range(dice.choice(COUNTS)):
        label = text(dice, dice.choice((1, 3, 12, 20, 21, 24, 25, 40, 41, 90)))
        if options and dice.random() < 0.1:
            label = options[-1].label  # editors write the same twice
        options.append(Button(f"main/menu:{'k' * dice.choice((1, 40))}{number}", label))
    many = len(options) > 1 and dice.random() < 0.1
    if many:
        options.append(Button("main/menu:done", "Fini"))
    return Message(text(dice, dice.choice(SIZES)), tuple(options), many, language=dice.choice(("fr", "en", "bm")))


def bare(given: str) -> str:
    return "".join(given.split())


class World:
    """One channel, its provider, and people for whom much waits."""

    def __init__(self, store, keyring, name: str, loop: Jumping, patch) -> None:
        self.store, self.keyring, self.name, self.loop = store, keyring, name, loop
        clock = loop.time
        if name == "telegram":
            self.people, self.provider = 60, FakeTelegram(clock=clock)
        else:
            self.people, self.provider = 24, FakeGraph(clock=clock, window=True)
        self.said: dict[str, list[Message]] = {str(15_550_100_000 + number): [] for number in range(self.people)}
        self.late = set(list(self.said)[:3]) if name == "whatsapp" else set()
        began = loop.time()
        self.now = lambda: BEGINS + timedelta(seconds=loop.time() - began)
        for module in (bot.lanes, bot.halts):
            if hasattr(module, "database_now"):
                patch.setattr(module, "database_now", lambda _: self.now())

    async def run(self) -> None:
        async with self.provider:
            rates = Rates(TELEGRAM if self.name == "telegram" else WHATSAPP, clock=self.loop.time)
            url = self.provider.url
            channel = telegram(self.provider, rates=rates) if self.name == "telegram" else whatsapp(url, rates)
            slowly(self.loop, channel, "send")
            slowly(self.loop, channel, "knock")
            for name in ("run", "read"):
                slowly(self.loop, self.store, name)
            await channel.start(real_library())
            await self.store.run(self._fill)
            lanes = Lanes(self.store, self.keyring, {self.name: channel})
            lanes.start()
            try:
                await self._until_nothing_goes_out()
                for address in self.late:  # they write, a day later; what waited goes out
                    self.provider.wrote(address)
                    rates.count()
                    await self.store.run(lambda conn: self._open(conn, timedelta(hours=24)))
                await self._until_nothing_goes_out()
            finally:
                await lanes.stop()
                await channel.stop()

    def _fill(self, conn) -> None:
        dice = random.Random(20261121)
        for address, said in self.said.items():
            index = contacts.address_index(self.keyring, self.name, address)
            contact = contacts.fresh(self.keyring, self.name, index, address, BEGINS)
            if self.name == "whatsapp":
                self._wrote(contact, address)
            while sum(map(self._sends, said)) < SENDS / self.people:
                said.append(message(dice))
                contact.say(said[-1], BEGINS)
            conn.execute(insert(tables.contacts), contacts.new_row(contact, BEGINS))
            conn.execute(insert(tables.outbox), contact.outgoing)

    def _wrote(self, contact, address: str) -> None:
        left = 30 if address in self.late else 24 * 3600
        self.provider._wrote[address] = self.loop.time() + left - 24 * 3600  # long ago: not among the 80 of this second
        contact.window_until = self.now() + timedelta(seconds=left - 1)

    def _sends(self, said: Message) -> int:
        from bot.channels.fitting import fit  # noqa: PLC0415 only here

        capabilities = (telegram(self.provider) if self.name == "telegram" else whatsapp("")).capabilities
        return len(fit(said, capabilities))

    def _open(self, conn, longer: timedelta) -> None:
        conn.execute(update(tables.contacts).values(window_until=self.now() + longer))

    async def _until_nothing_goes_out(self) -> None:
        before = -1
        while len(self.sent()) != before:
            before = len(self.sent())
            await asyncio.sleep(90)  # of the jumping clock

    # ------------------------------------------------------------ what arrived

    def sent(self) -> list[tuple[str, str, list[str]]]:
        """For whom, the text with its labels, the taps."""
        if self.name == "whatsapp":
            sent = (one for one in self.provider.sent if one.kind != "template")
            return [(one.to, one.body, [tap for tap, _ in one.options]) for one in sent]
        found = []
        for one in self.provider.sent():
            rows = one.get("reply_markup", {}).get("inline_keyboard", [])
            found.append(
                (str(one["chat"]["id"]), one["text"], [button["callback_data"] for row in rows for button in row])
            )
        return found

    def knocks(self) -> list[str]:
        return [one.to for one in self.provider.sent if one.kind == "template"] if self.name == "whatsapp" else []


@pytest.fixture(params=["telegram", "whatsapp"])
def world(request, store, keyring, monkeypatch):
    loop = Jumping()
    try:
        made = World(store, keyring, request.param, loop, monkeypatch)
        asyncio.set_event_loop(loop)
        loop.run_until_complete(made.run())
        yield made
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        asyncio.set_event_loop(None)
        loop.close()


@pytest.mark.only_on("sqlite")
def test_thousands_of_sends_are_within_what_the_provider_allows_and_nothing_is_cut(world):
    assert dict(Counter(world.provider.violations)) == {}
    sent = world.sent()
    assert len(sent) >= SENDS
    for address, said in world.said.items():
        mine = [(text, taps) for to, text, taps in sent if to == address]
        words, taps = bare("".join(text for text, _ in mine)), [tap for _, taps in mine for tap in taps]
        place = 0
        for one in said:
            place = words.find(bare(one.text), place)
            assert place >= 0, "a text is not there, whole and in its place"
            if one.many:
                assert all(bare(option.label) in words for option in one.options[:-1])
            else:
                shown = [option.tap for option in one.options]
                assert shown == taps[: len(shown)], "every choice is in a message, in its place"
            taps = taps[sum(tap in {option.tap for option in one.options} for tap in taps[: len(one.options)]) :]
    assert sorted(world.knocks()) == sorted(world.late), "who wrote too long ago was told once"
