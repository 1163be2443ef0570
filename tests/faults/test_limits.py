"""Thousands of sends to providers that enforce what they allow: sizes, rates, the 24 hours, unique titles, bytes.

By a clock that jumps to the next moment somebody waits for: it is the reckoning that is tried, not the machine.
"""

import asyncio
import itertools
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, update

import bot.halts
import bot.lanes
from bot import contacts
from bot.channels.fitting import fit
from bot.channels.rates import TELEGRAM, WHATSAPP, Rates
from bot.channels.telegram import Telegram
from bot.channels.whatsapp import WhatsApp
from bot.dialogue.model import Button, Message
from bot.outbox import Lanes
from storage import tables
from tests.channels.telegram.fake_api import FakeTelegram
from tests.channels.whatsapp.fake_graph import FakeGraph
from tests.faults.served import telegram, whatsapp
from tests.jumping import Jumping, jumping, slowly
from tests.people import real_library

CHANNELS = {"telegram": Telegram, "whatsapp": WhatsApp}
SENDS = 2_500  # on each channel, at least
BEGINS = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
ALPHABETS = (
    "abc déèà ç, Ségou. ",
    "ɛ ɔ ɲ ŋ a ni sɔgɔma. ",
    "السلام عليكم كيف الحال. ",
    "😀 👩🏽‍🌾 🇲🇱 é ",
    "mot\nligne\n\nalinéa ",
)
SIZES = (1, 2, 19, 20, 21, 24, 25, 72, 73, 600, 1023, 1024, 1025, 4095, 4096, 4097, 9000)
COUNTS = (0, 0, 0, 0, 1, 2, 3, 4, 9, 10, 11, 25, 100, 101)


# ---------------------------------------------------------------- what is said


def text(dice: random.Random, size: int) -> str:
    letters = dice.choice(ALPHABETS)
    made = "".join(dice.choice(letters) for _ in range(size)).strip()
    return made or "x"


def message(dice: random.Random, step: str) -> Message:
    """`step` tells its taps from those of all others."""
    options = []
    for number in range(dice.choice(COUNTS)):
        label = text(dice, dice.choice((1, 3, 12, 20, 21, 24, 25, 40, 41, 90)))
        if options and dice.random() < 0.1:
            label = options[-1].label  # editors write the same twice
        options.append(Button(f"main/{step}:{'k' * dice.choice((1, 40))}{number}", label))
    many = len(options) > 1 and dice.random() < 0.1
    if many:
        options.append(Button(f"main/{step}:done", "Fini"))
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
            sends = 0
            while sends < SENDS / self.people:
                said.append(message(dice, f"m{len(said)}"))
                sends += len(fit(said[-1], CHANNELS[self.name].capabilities))
                contact.say(said[-1], BEGINS)
            conn.execute(insert(tables.contacts), contacts.new_row(contact, BEGINS))
            conn.execute(insert(tables.outbox), contact.outgoing)

    def _wrote(self, contact, address: str) -> None:
        left = 30 if address in self.late else 24 * 3600
        self.provider._wrote[address] = self.loop.time() + left - 24 * 3600  # long ago: not among the 80 of this second
        contact.window_until = self.now() + timedelta(seconds=left - 1)

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


@pytest.fixture(params=CHANNELS)
def world(request, store, keyring, monkeypatch):
    with jumping() as loop:
        made = World(store, keyring, request.param, loop, monkeypatch)
        loop.run_until_complete(made.run())
        yield made


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
            shown = list(itertools.takewhile({option.tap for option in one.options}.__contains__, taps))
            taps = taps[len(shown) :]
            if one.many:
                assert all(bare(option.label) in words for option in one.options[:-1])
                assert set(shown) <= {one.options[-1].tap}, "a tap would take one and go on"
            else:
                assert shown == [option.tap for option in one.options], "every choice is in a message, in its place"
        assert not taps
    assert sorted(world.knocks()) == sorted(world.late), "who wrote too long ago was told once"
