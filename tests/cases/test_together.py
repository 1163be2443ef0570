"""Two workers, all at once: turns, sends, statuses, files, erasing. Nobody waits in a circle, nothing is lost."""

import asyncio
import random
from datetime import UTC, datetime

import pytest

from bot import outbox
from bot.attachments import Attachments
from bot.channels.base import Closed, Retry, Status, Unavailable
from bot.deliveries import Deliveries
from bot.dialogue.model import File, Heard
from bot.library.shelf import Shelf
from bot.outbox import Lanes
from storage import Store, tables
from tests.people import OGG, House, real_library

BEGIN = ["personne", "autre chose", "voice"]
WORDS = ["plainte", "menu", "personne", "autre chose", "Six mois.", "1", "2", "oui", "retour", "effacer", "voice"]


class Side:
    """One worker."""

    def __init__(self, store, keyring, phone) -> None:
        self.house = House(store, keyring, real_library())
        self.phone = phone
        self.lanes = Lanes(store, keyring, {phone.name: phone})
        self.deliveries = Deliveries(store, keyring, serve=self.lanes.serve)
        shelf = Shelf(fixed=self.house.library)
        self.files = Attachments(store, keyring, {phone.name: phone}, most_bytes=10_000, shelf=shelf)

    def start(self):
        self.lanes.start()
        self.files.start()

    async def stop(self):
        for part in (self.files, self.lanes, self.deliveries):
            await part.stop()

    async def hear(self, who, word):
        self.house.now = datetime.now(UTC)
        what, more = word, {}
        if word == "voice":
            what, more = Heard("voice", file=File("", "voice", 3)), {"file_ref": "ref"}
        for _ in range(50):
            try:
                told = await self.house.hear(who, what, channel=self.phone, **more)
            except Unavailable:  # SQLite: another process writes
                continue
            self.lanes.serve((await self.house.contact(who, self.phone)).id)
            self.files.look()
            return told
        raise AssertionError("never taken")


async def test_two_workers_with_all_their_parts(keyring, database_url, monkeypatch, caplog):
    """Sixteen people, twenty words each, statuses of all kinds meanwhile; in the end all lanes are empty."""
    monkeypatch.setattr(outbox, "SWEEP", 0.1)
    chance = random.Random(4)  # the same each time
    with Store(database_url, busy_seconds=10) as store, Store(database_url, busy_seconds=10) as second:
        one = Side(store, keyring, House(store, keyring, real_library()).windowed)
        one.phone.files["ref"] = OGG
        sides = [one, Side(second, keyring, one.phone)]
        for side in sides:
            side.start()

        async def person(who):
            await one.house.consent(who, one.phone)
            for word in [*BEGIN, *chance.choices(WORDS, k=20)]:
                await chance.choice(sides).hear(who, word)

        async def provider():
            told = 0
            while True:
                await asyncio.sleep(0.002)
                if told < len(one.phone.sent):
                    told += 1
                    kind = chance.choice(["delivered", "read", "sent", "failed"])
                    why = chance.choice([Closed(), Retry(0.01)]) if kind == "failed" else None
                    side = chance.choice(sides)
                    await side.deliveries.status(one.phone, f"id-{told}", Status(kind, why))

        telling = asyncio.create_task(provider())
        async with asyncio.timeout(90):
            await asyncio.gather(*(person(f"p{n}") for n in range(16)))
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            waiting = (
                tables.outbox.c.seq > 0, tables.outbox.c.sent_at.is_(None),
                tables.contacts.c.window_until > datetime.now(UTC),
            )  # fmt: skip
            joined = tables.outbox.join(tables.contacts)
            while await one.house.count(joined, *waiting) or await one.house.count(tables.fetches):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        for side in sides:
            await side.stop()
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")], caplog.text
    assert telling.cancelled() or telling.exception() is None
    assert len(one.phone.sent) > 300
    assert one.phone.fetched


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch):
    monkeypatch.setattr(outbox, "FIRST_RETRY", 0.05)
