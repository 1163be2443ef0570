"""A broken line between Segin and a provider: nothing is lost, nobody's order changes, nobody waits for another.

Whatever the fault, everything that was said arrives in its order. It may arrive twice only where nobody could know
whether the provider took it, and then once more for each such fault. An answer that comes later than a send is waited
for is such a fault, too, and no line of the proxy's table: in a hurry we wait 0.7 seconds, and a machine with much to
do is that late by itself. `Sends` counts those. What ended well is never sent again, whatever the machine does.
"""

import asyncio
import re
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

import bot.outbox
from storage import database_now, tables
from tests.channels.telegram.fake_api import FakeTelegram
from tests.channels.whatsapp.fake_graph import Error, FakeGraph
from tests.faults.proxy import (
    ALL_TOO_MANY,
    AMBIGUOUS,
    HALF,
    HARMLESS,
    LATENCY,
    RESET,
    RESET_AFTER,
    SENDS,
    SERVER_ERROR,
    STALLED,
    TOO_MANY,
    WRONG_JSON,
    Proxy,
)
from tests.faults.served import Served, hurry, telegram, until, whatsapp
from tests.people import notebook

PUSHED = ["telegram", "whatsapp"]
PEOPLE = [5_550_100_001 + number for number in range(5)]
WORDS = 8
LONG = 540  # seconds a provider may ask for: nobody here waits so long
ODDS = {LATENCY: 0.2, RESET: 0.08, TOO_MANY: 0.04, SERVER_ERROR: 0.08, RESET_AFTER: 0.08, HALF: 0.08, WRONG_JSON: 0.08}


class Sends:
    """Sends as Segin sees them end, by address."""

    def __init__(self, line: "Line") -> None:
        self.line = line
        self.known: Counter[str] = Counter()  # ended well: Segin knows that it was taken
        self.given_up: Counter[str] = Counter()  # Segin waited no longer

    def watched(self, channel: Any) -> Any:
        send = channel.send

        async def watching(address: str, message: Any) -> str:
            try:
                message_id = await send(address, message)
            except asyncio.CancelledError:
                self.given_up[address] += 1
                raise
            self.known[address] += 1
            return message_id

        channel.send = watching
        return channel

    def late(self, person: int) -> int:
        """Sends that Segin waited for no longer, and whose answer no fault of the table took: each may be there twice.

        To be asked when all is over, and not when the next send begins: a request may be on its way to the provider
        still when Segin has given it up and sent again.
        """
        who, proxy = str(person), self.line.proxy
        return min(proxy.plain[who] - self.known[who], self.given_up[who] - proxy.done.count((STALLED, who)))


class Line:
    """One channel of a served Segin, its provider, and what breaks between them."""

    def __init__(self, channel: str, url: str, keyring: Any) -> None:
        self.channel, self.url, self.keyring = channel, url, keyring
        self.sends = Sends(self)
        self.provider: Any = FakeTelegram(rates=False) if channel == "telegram" else FakeGraph(rates=False)

    async def __aenter__(self):
        await self.provider.__aenter__()
        self.proxy = await Proxy(self.provider.url).__aenter__()
        self.segin = await Served(self.url, self.keyring, notebook(), self._channels).__aenter__()
        return self

    def _channels(self):
        if self.channel == "telegram":
            return [self.sends.watched(telegram(self.provider, self.proxy.url))]
        return [self.sends.watched(whatsapp(self.proxy.url))]

    async def __aexit__(self, *_):
        await self.segin.__aexit__(None, None, None)
        await self.proxy.__aexit__(None, None, None)
        await self.provider.__aexit__(None, None, None)
        assert self.provider.violations == []

    async def restart(self):
        await self.segin.__aexit__(None, None, None)
        await self.segin.__aenter__()

    async def talk(self, person: int, words: int = WORDS, first: int = 1) -> None:
        """A person writes, not waiting for any answer; the provider delivers each until it is taken."""
        said = ["carnet", *(f"mot {number}" for number in range(1, words))] if first == 1 else [f"mot {first}"]
        for number, text in enumerate(said, first):
            await self.segin.insist(self.channel, person, number, text=text)

    async def seconds_for(self, people: list[int]) -> float:
        """How long it takes until all that these say is answered at the provider."""
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(self.talk(person) for person in people))
        await until(lambda: all(len(self.arrived(person)) >= len(expected(WORDS)) for person in people))
        return asyncio.get_running_loop().time() - began

    def arrived(self, person: int) -> list[str]:
        if self.channel == "telegram":
            return [message["text"] for message in self.provider.sent(person)]
        return [one.body for one in self.provider.to(str(person))]

    def again(self, person: int, words: int = WORDS) -> int:
        """How often something came once more because of a fault in the table, or for no reason.

        Fails where anything is lost, out of its place, or sent again after its send had ended well.
        """
        right = expected(words)
        more = doubled(self.arrived(person), right)
        assert self.sends.known[str(person)] == len(right), "sent again although it was known to be taken"
        return max(0, more - self.sends.late(person))

    async def lane(self, person: int):
        """The row of this person's lane, and the database's clock."""
        index = self.segin.worker.keyring.index("address", self.channel, str(person))

        def look(conn):
            of = select(tables.lanes).join(tables.contacts).where(tables.contacts.c.address_index == index)
            return conn.execute(of).one(), database_now(conn)

        return await self.segin.read(look)

    async def hurry_lanes(self) -> None:
        """The time is over."""
        await self.segin.store.run(
            lambda conn: conn.execute(update(tables.lanes).values(not_before=database_now(conn))) and None
        )


def expected(words: int = WORDS) -> list[str]:
    """What the notebook answers: it asks, and repeats what is said to it, in the words of its flow."""
    answers = ["Quoi ?"]
    for number in range(1, words):
        answers += [f"Dit : mot {number}", "Quoi ?"]
    return answers


def doubled(arrived: list[str], right: list[str]) -> int:
    """How many came once more, right after themselves; fails where anything is lost or out of its place."""
    place, again = 0, 0
    for text in arrived:
        if place < len(right) and text == right[place]:
            place += 1
        elif place and text == right[place - 1]:
            again += 1
        else:
            raise AssertionError(f"{text!r} is out of its place: {arrived}")
    assert place == len(right), f"lost: {right[place:]}"
    return again


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    hurry(monkeypatch.setattr)


@pytest.fixture(params=PUSHED)
async def line(request, database_url, keyring):
    async with Line(request.param, database_url, keyring) as made:
        yield made


@pytest.fixture
async def heard(line):
    """Awa is greeted: what else is said to her is known by then."""
    await line.segin.insist(line.channel, PEOPLE[0], 900, text="carnet")
    await line.segin.settled()
    return line.arrived(PEOPLE[0])


async def test_what_the_notebook_answers(line):
    await line.talk(PEOPLE[0])
    await line.segin.settled()
    assert line.again(PEOPLE[0]) == 0


@pytest.mark.parametrize("fault", sorted(HARMLESS | AMBIGUOUS))
async def test_each_fault_loses_nothing_and_doubles_at_most_what_it_met(line, fault):
    """Each of the first sends to two people meets it; a third has a line of their own to bear."""
    for person in PEOPLE[:2]:
        line.proxy.fault(fault, who=str(person), times=2)
    await asyncio.gather(*(line.talk(person, 4) for person in PEOPLE[:3]))
    await line.segin.settled()
    for person in PEOPLE[:3]:
        again = line.again(person, 4)
        assert again <= line.proxy.ambiguous[str(person)]
        assert again == 0 or fault in AMBIGUOUS
    assert Counter(kind for kind, _ in line.proxy.done) == {fault: 4}


@pytest.mark.parametrize("seed", [1, 2])
async def test_by_chance_everything_at_once(line, seed):
    line.proxy.chance(seed, ODDS)
    await asyncio.gather(*(line.talk(person) for person in PEOPLE))
    await line.segin.settled()
    for person in PEOPLE:
        assert line.again(person) <= line.proxy.ambiguous[str(person)]
    assert len({kind for kind, _ in line.proxy.done}) >= 6


@pytest.mark.parametrize("stands", [False, True], ids=["the provider is late", "the machine stands still"])
async def test_an_answer_that_comes_too_late_doubles_what_it_was_for(line, stands, monkeypatch):
    """No fault of the table, and yet nobody can know: the message is in its place twice, and nothing else is."""
    left = [1]  # answers that come too late

    async def hand_on(request, writer):
        answer = await line.proxy._ask(request)
        late = bool(left) and re.search(SENDS, request.path) and left.pop()
        if late and not stands:
            await asyncio.sleep(bot.outbox.SEND_TIMEOUT + 0.2)
        writer.write(answer)
        if late and stands:  # the answer is there when the machine goes on, and so is the end of the time to wait
            time.sleep(bot.outbox.SEND_TIMEOUT + 0.2)  # noqa: ASYNC251 - that is what happens
        await writer.drain()
        return True

    monkeypatch.setattr(line.proxy, "_hand_on", hand_on)
    await line.talk(PEOPLE[0], 3)
    await line.segin.settled()
    assert doubled(line.arrived(PEOPLE[0]), expected(3)) == 1
    assert (line.sends.late(PEOPLE[0]), line.proxy.ambiguous.total()) == (1, 0)
    assert line.again(PEOPLE[0], 3) == 0


async def test_a_request_that_comes_after_the_one_that_replaced_it_doubles_what_it_was_for(line, monkeypatch):
    """It was given up while it was on its way to the provider, and gets there when the next send has begun."""
    sends, first_may_go, first_is_there = [], asyncio.Event(), asyncio.Event()
    hand_on = line.proxy._hand_on

    async def in_a_jam(request, writer):
        if request.who and re.search(SENDS, request.path):
            sends.append(request.who)
            if len(sends) == 1:
                await first_may_go.wait()
                try:
                    return await hand_on(request, writer)
                finally:
                    first_is_there.set()
            first_may_go.set()
            await first_is_there.wait()
        return await hand_on(request, writer)

    monkeypatch.setattr(line.proxy, "_hand_on", in_a_jam)
    await line.talk(PEOPLE[0], 3)
    await line.segin.settled()
    assert doubled(line.arrived(PEOPLE[0]), expected(3)) == 1
    assert (line.sends.late(PEOPLE[0]), line.proxy.ambiguous.total()) == (1, 0)
    assert line.again(PEOPLE[0], 3) == 0


async def test_a_chat_that_has_to_wait_long_delays_nobody(line):
    """By more than a second, beside those who talked just before; it waits itself as long as it was told to."""
    barred, before, after = PEOPLE[0], PEOPLE[1:3], PEOPLE[3:]
    line.proxy.fault(TOO_MANY, who=str(barred), retry_after=LONG)
    usual = await line.seconds_for(before)
    await line.talk(barred, 3)
    await until(lambda: line.proxy.done)
    assert await line.seconds_for(after) < usual + 1
    await line.segin.settled()
    for person in (*before, *after):
        assert line.again(person) == 0
    assert line.arrived(barred) == []


async def test_retry_after_survives_a_restart(line):
    """Also a worker that is new asks the provider nothing for this chat until the time is over."""
    barred, other = PEOPLE[:2]
    line.proxy.fault(TOO_MANY, who=str(barred), retry_after=LONG)
    await line.talk(barred, 3)
    await until(lambda: line.proxy.done)
    await line.segin.settled()
    asked = len(line.proxy.passed)
    await line.restart()
    await line.segin.insist(line.channel, barred, 3, text="mot 2")  # a repeat of what was taken
    await line.talk(other, 3)
    await line.segin.settled()
    assert line.again(other, 3) == 0
    assert str(barred) not in [who for _, who in line.proxy.passed[asked:]]
    lane, now = await line.lane(barred)
    assert lane.not_before > now + timedelta(seconds=LONG - 120)
    await line.hurry_lanes()
    await until(lambda: len(line.arrived(barred)) == len(expected(3)))
    await line.segin.settled()
    assert line.again(barred, 3) == 0


async def test_a_provider_that_is_away_for_a_while_loses_nothing(line):
    """Every request is refused, with all that a provider in trouble may say; then it is back."""
    faults = [SERVER_ERROR, RESET, ALL_TOO_MANY, SERVER_ERROR] * 5
    for fault in faults:
        line.proxy.fault(fault)
    await asyncio.gather(*(line.talk(person, 4) for person in PEOPLE))
    await line.segin.settled()
    for person in PEOPLE:
        assert line.again(person, 4) == 0
    assert len(line.proxy.done) == len(faults)


async def test_rejected_credentials_are_nobodys_fault_and_nothing_is_lost(line, heard):
    """All of the channel waits; when the token is right again, everything goes out."""
    before = len(heard)
    line.provider.token, right = "0:wrong", getattr(line.provider, "token", "")
    if line.channel == "whatsapp":
        line.provider.always(Error(190, 401))
    await asyncio.gather(*(line.talk(person, 4) for person in PEOPLE))
    await until(lambda: line.segin.worker.metrics.get_sample_value("segin_channel_faults_total", _fault(line)))
    assert len(line.arrived(PEOPLE[0])) == before
    line.provider.token = right
    if line.channel == "whatsapp":
        line.provider.always(None)
    await line.segin.settled()
    for person in PEOPLE[1:]:
        assert line.again(person, 4) == 0


def _fault(line: Line) -> dict[str, str]:
    why = "credentials" if line.channel == "whatsapp" else "credentials or address of the Bot API"
    return {"channel": line.channel, "why": why}


async def test_files_come_over_a_broken_line_too(line):
    """A voice note of somebody's story is there in the end, once and whole."""
    voice = b"OggS\x00\x02" + b"sound of a voice" * 400
    line.provider.files["file-9"] = voice
    where = "getFile|/file/bot" if line.channel == "telegram" else "/v26.0/file-9|/files/"
    for fault in (SERVER_ERROR, RESET, HALF, WRONG_JSON if line.channel == "telegram" else RESET_AFTER):
        line.proxy.fault(fault, where)
    await line.segin.insist(line.channel, PEOPLE[0], 1, text="guichet")
    await line.segin.insist(line.channel, PEOPLE[0], 2, voice="file-9")
    await line.segin.settled()
    rows = await line.segin.read(lambda conn: conn.execute(select(tables.attachments)).all())
    assert [(row.kind, row.media_type, row.size, row.case_id is not None) for row in rows] == [
        ("voice", "audio/ogg", len(voice), True)
    ]


def test_sends_are_what_the_table_says():
    assert re.search(SENDS, "/bot7:x/sendMessage")
    assert not re.search(SENDS, "/bot7:x/answerCallbackQuery")
