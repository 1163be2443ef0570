"""Providers deliver more than once, at the same time, in other packets: the database ends as after one delivery.

What keeps its order is one person's words: a provider delivers the second once the first was taken (Telegram), or
tells when each was written (WhatsApp, within one packet). Copies of any of them may come at any time after that. That
somebody blocks the bot may come out of its order, too: tests/channels/telegram/test_telegram_stored.py.
"""

import asyncio
import io
import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from storage import KeyRing
from tests.channels.telegram.fake_api import FakeTelegram
from tests.channels.whatsapp.deliveries import delivery, messages, statuses
from tests.channels.whatsapp.fake_graph import FakeGraph
from tests.faults import town
from tests.faults.contents import contents
from tests.faults.dialogues import ASKING, NAMED
from tests.faults.served import Served, hurry, message, telegram, until, update, whatsapp

VOICE = b"OggS\x00\x02" + b"sound of a voice" * 8
CROWD = 6  # people on each channel
SCRIPTS = [
    [*NAMED[:9], ("voice", "file-1"), *NAMED[10:]],
    ASKING,
    [("text", "/start"), ("tap", "main/language:fr"), ("text", "plainte"), ("text", "menu"), ("text", "2")],
]
AWAY = 2  # people on Telegram alone, who block the bot on the way: the first of them for good
LEAVING = [
    *NAMED[:8],
    ("contact", "22376000000"),
    ("location", "14.4469"),
    ("member", "kicked"),
    ("member", "member"),
    ("tap", "complaint/review:no"),
    ("photo", "file-2"),
    ("tap", "complaint/review:yes"),
    ("text", "plainte"),
    ("member", "kicked"),
    ("text", "menu"),
    ("member", "kicked"),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return town.library(tmp_path_factory.mktemp("library"))


def script(person: int) -> list[dict[str, str]]:
    """What this person says, as `update` and `message` take it."""
    said = SCRIPTS[person % len(SCRIPTS)] if person < CROWD else LEAVING[: None if person == CROWD else -1]
    return [{"text": "/start"} if kind == "start" else {kind: value} for kind, value in said]


def day() -> list[tuple[str, int, int, Any]]:
    """Everything everybody says: channel, person, number, payload. Built once, so that a copy is the same bytes."""
    found: list[tuple[str, int, int, Any]] = []
    for person in range(CROWD):
        for number, what in enumerate(script(person), 1):
            found.append(("telegram", person, number, update(70_000 + person, number, **what)))
            found.append(("whatsapp", person, number, message(f"1555010{person:04}", number, **what)))
    for person in range(CROWD, CROWD + AWAY):
        for number, what in enumerate(script(person), 1):
            found.append(("telegram", person, number, update(70_000 + person, number, **what)))
    return found


def words(channel: str) -> int:
    """How much of the day is heard on this channel: that somebody lets the bot in again is not."""
    said = [script(person) for person in range(CROWD + (AWAY if channel == "telegram" else 0))]
    return sum(what != {"member": "member"} for one in said for what in one)


def photo() -> bytes:
    """A small one."""
    out = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(out, "JPEG")
    return out.getvalue()


class Providers:
    """Deliver a day. `copies`: how often each thing comes; what is not taken comes again."""

    def __init__(self, segin: Served, said: list[tuple[str, int, int, Any]], dice: random.Random) -> None:
        self.segin, self.dice, self.late = segin, dice, []
        self.rows: dict[tuple[str, int], list[Any]] = {}
        for channel, person, _, payload in said:
            self.rows.setdefault((channel, person), []).append(payload)

    async def once(self) -> None:
        """Each thing once, one after the other."""
        for (channel, _), payloads in self.rows.items():
            for payload in payloads:
                await self._until_taken(channel, payload)

    async def thrice(self) -> None:
        """Everybody at once; each thing three times, some copies at the same moment, some much later."""
        people = list(self.rows.items())
        self.dice.shuffle(people)
        await asyncio.gather(*(self._live(channel, payloads) for (channel, _), payloads in people))
        self.dice.shuffle(self.late)
        await asyncio.gather(*(self._until_taken(channel, payload) for channel, payload in self.late))

    async def _live(self, channel: str, payloads: list[Any]) -> None:
        before: list[Any] = []
        for payload in payloads:
            now = self.dice.randint(1, 3)
            old = [(channel, one) for one in self.dice.sample(before, min(len(before), 1))]
            await asyncio.gather(*(self._until_taken(*one) for one in [*([(channel, payload)] * now), *old]))
            self.late += [(channel, payload)] * (3 - now)
            before.append(payload)

    async def packed(self) -> None:
        """WhatsApp: other packets each time, several people and several words in each, the order within mixed up."""
        rows = [payloads for (channel, _), payloads in self.rows.items() if channel == "whatsapp"]
        places, done = [0] * len(rows), []
        while any(place < len(row) for place, row in zip(places, rows, strict=True)):
            packet = []
            for index, row in enumerate(rows):
                take = self.dice.randint(0, 4)
                packet += row[places[index] : places[index] + take]
                places[index] = min(len(row), places[index] + take)
            packet += self.dice.choices(done, k=4) if done else []
            done += packet
            self.dice.shuffle(packet)
            copies = [_packets(packet, self.dice) for _ in range(3)]
            await self._taken(copies[0])
            await asyncio.gather(*(self._taken(copy) for copy in copies[1:]))

    async def _until_taken(self, channel: str, payload: Any) -> None:
        async def taken() -> bool:
            deliver = self.segin.telegram if channel == "telegram" else self.segin.whatsapp
            return await deliver(payload) == 200

        await until(taken)

    async def _taken(self, packet: dict[str, Any]) -> None:
        await self._until_taken("whatsapp", json.dumps(packet).encode())


def _packets(said: list[Any], dice: random.Random) -> dict[str, Any]:
    """One delivery that spreads these messages over entries and changes."""
    said = list(said)
    dice.shuffle(said)
    parts = [said[at::3] for at in range(3)]
    whole = delivery(*(messages(*part) for part in parts if part))
    changes = whole["entry"][0]["changes"]
    whole["entry"] = [{**whole["entry"][0], "changes": changes[:1]}, {**whole["entry"][0], "changes": changes[1:]}]
    return whole


async def after(
    url: str, keyring: Any, library: Any, deliver: Callable[[Providers], Any], *, seed: int = 1, said: Any = None
) -> dict[str, Any]:
    """What the database holds after this day; nothing is sent, so that all that was said is still there."""
    async with FakeTelegram(rates=False) as api, FakeGraph(rates=False) as graph:
        api.files["file-1"] = graph.files["file-1"] = VOICE
        api.files["file-2"] = photo()
        async with Served(
            url, keyring, library, lambda: [telegram(api), whatsapp(graph.url)], speaks=False, busy_seconds=20
        ) as segin:
            await deliver(Providers(segin, said or day(), random.Random(seed)))
            await fetched(segin)
            return await segin.read(lambda conn: contents(conn, keyring))


async def fetched(segin: Served) -> None:
    async def nothing_to_fetch() -> bool:
        return not (await segin.read(lambda conn: contents(conn, segin.keyring)))["fetches"]

    await until(nothing_to_fetch)


@pytest.fixture
def fast(monkeypatch):
    hurry(monkeypatch.setattr)


@pytest.fixture(scope="module")
def undisturbed(library, sqlite_tables, tmp_path_factory):
    """What the database holds after each thing came once."""
    path = tmp_path_factory.mktemp("once") / "segin.db"
    shutil.copyfile(sqlite_tables, path)
    patch = pytest.MonkeyPatch()
    hurry(patch.setattr)
    try:
        return asyncio.run(after(f"sqlite:///{path}", KeyRing.new(), library, Providers.once))
    finally:
        patch.undo()


def test_the_day_is_worth_it(undisturbed):
    assert len(undisturbed["people"]) == 2 * CROWD + AWAY
    assert len(undisturbed["cases"]) == 2 * CROWD // 3 * 2 + AWAY
    assert undisturbed["heard"] == words("telegram") + words("whatsapp")
    files = Counter((kind, bool(body)) for case in undisturbed["cases"] for kind, _, body in case[-1])
    assert files == {("voice", True): 2 * CROWD // 3, ("photo", True): AWAY}
    assert undisturbed["failed"] == []
    away = {int(person[1]) - 70_000: (person[5], bool(person[6])) for person in undisturbed["people"] if person[5]}
    assert away == {CROWD: (True, False)}


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("seed", [1, 2])
async def test_three_times_shuffled_and_in_parallel_is_as_once(database_url, keyring, library, undisturbed, seed):
    assert await after(database_url, keyring, library, Providers.thrice, seed=seed) == undisturbed


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_packed_anew_it_is_as_once(database_url, keyring, library, undisturbed, seed):
    found = await after(database_url, keyring, library, Providers.packed, seed=seed)
    assert found["people"] == [one for one in undisturbed["people"] if one[0] == "whatsapp"]
    assert found["cases"] == [one for one in undisturbed["cases"] if one[5] == "whatsapp"]
    assert found["heard"] == words("whatsapp")


@pytest.mark.usefixtures("fast")
async def test_statuses_three_times_and_in_any_order_are_as_once(database_url, keyring, library):
    """Each message's last word counts; those of a failed one act on its lane once. Some share a packet with a repeat of
    what was said.
    """
    dice = random.Random(5)
    async with (
        FakeGraph(rates=False) as graph,
        Served(database_url, keyring, library, lambda: [whatsapp(graph.url)]) as segin,
    ):
        said = [message(str(15550100000 + person), 1, text="bonjour") for person in range(8)]
        for one in said:
            await segin.whatsapp(one)
        await segin.settled()
        ids = [one.id for one in graph.sent]
        told = [(kind, one) for one in ids[:6] for kind in ("sent", "delivered", "read")]
        told += [("sent", ids[6]), ("delivered", ids[6]), ("sent", ids[7]), ("failed", ids[7])]
        told *= 3
        dice.shuffle(told)
        codes = {"failed": 131047}
        answers = await asyncio.gather(
            *(
                segin.whatsapp(json.dumps(delivery(statuses(kind, one, code=codes.get(kind, 0)), *again)).encode())
                for kind, one in told
                for again in [[messages(*dice.sample(said, 2))] * dice.randint(0, 1)]
            )
        )
        assert set(answers) == {200}
        await segin.settled()
        found = await segin.read(lambda conn: contents(conn, keyring))
    assert found["heard"] == len(said)
    assert found["statuses"] == [("delivered", 1), ("failed", 1), ("read", 6), ("sent", 1)], "the last is the knock"
    waiting = [person[6] for person in found["people"]]
    assert [len(lane) for lane in waiting if lane] == [1], "what failed waits; nothing else does"
    assert len(graph.sent) == 9, "eight messages, and one knock"


@pytest.mark.usefixtures("fast")
async def test_what_comes_a_day_late_is_answered_by_a_knock(database_url, keyring, library):
    """No free words are tried; when the person writes, the answer goes out."""
    who, day = "15550100001", 24 * 3600
    async with (
        FakeGraph(rates=False, window=True) as graph,
        Served(database_url, keyring, library, lambda: [whatsapp(graph.url)]) as segin,
    ):
        late = message(who, 1, text="bonjour")
        late["timestamp"] = str(int(late["timestamp"]) - day)
        for _ in range(2):
            assert await segin.whatsapp(json.dumps(delivery(messages(late))).encode()) == 200
            await segin.settled()
            assert [one.kind for one in graph.sent] == ["template"]
        graph.wrote(who)
        await segin.say("whatsapp", int(who), 2, text="menu")
        await segin.settled()
        kinds = [one.kind for one in graph.sent]
        assert len(kinds) > 2
        assert kinds.count("template") == 1
        graph.must_be_content()
