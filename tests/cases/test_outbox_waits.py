"""What makes a lane wait, and nobody else: windows, faults of a provider, its own rate, sends that hang."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot import outbox
from bot.channels.base import Blocked, Capabilities, Closed, Fault, GiveUp, Retry
from bot.channels.rates import Rates, Table
from bot.outbox import Lanes
from storage import Unavailable, tables
from tests.people import House, Pushed

OUTBOX, LANES, CONTACTS, PAUSES = tables.outbox, tables.lanes, tables.contacts, tables.pauses
PAST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def house(store, keyring):
    house = House(store, keyring)
    house.now = datetime.now(UTC) - timedelta(seconds=1)  # lanes go by the database's clock
    return house


@pytest.fixture
def faults():
    return []


@pytest.fixture
def lanes(house, faults):
    channels = {"phone": house.phone, "windowed": house.windowed}
    return Lanes(house.store, house.keyring, channels, on_fault=lambda *told: faults.append(told))


async def write(house, address, *words, channel=None):
    channel = channel or house.windowed
    for word in words:
        await house.hear(address, word, channel=channel)
    return (await house.contact(address, channel)).id


def sent(channel, address):
    return [text for who, text in channel.sent if who == address]


async def change(house, table, **values):
    await house.store.run(lambda conn: conn.execute(table.update().values(**values)))


async def unserved(house, lanes, channel="windowed"):
    return await house.store.read(lambda conn: lanes.desk.unserved(conn, channel, 100))


async def lane(house, contact_id):
    return next(row for row in await house.rows(LANES) if row.contact_id == contact_id)


async def close_window(house, ago=timedelta(0)):
    await change(house, CONTACTS, window_until=datetime.now(UTC) - ago)


# ---------------------------------------------------------------- windows


async def test_the_end_of_the_window_is_kept_per_contact(house):
    """A day after each word of theirs; on a channel without windows there is none."""
    await write(house, "awa", "carnet")
    assert (await house.contact("awa", house.windowed)).window_until == house.now + timedelta(hours=24)
    house.later(hours=5)
    await write(house, "awa", "un")
    assert (await house.contact("awa", house.windowed)).window_until == house.now + timedelta(hours=24)
    await write(house, "ali", "carnet", channel=house.phone)
    assert (await house.contact("ali", house.phone)).window_until is None


async def test_the_window_counts_from_when_it_was_said(house):
    """Delivered hours late, it ends sooner; what a newer word opened stays open; a time to come is none."""

    async def end(ago):
        await house.hear("awa", "carnet", channel=house.windowed, said_at=house.now - timedelta(hours=ago))
        return ((await house.contact("awa", house.windowed)).window_until - house.now) / timedelta(hours=1)

    assert [await end(ago) for ago in (5, 7, 30, 2, -3, 1)] == [19, 19, 19, 22, 24, 24]


async def test_who_is_heard_a_day_late_is_knocked_for_once_and_answered_when_they_write(house, lanes):
    """Nothing is handed over, nothing tried in vain; each further late word changes nothing."""
    house.inbox.lease = lanes.lease
    for ago in (27, 26, 25):
        await house.hear("awa", "carnet", channel=house.windowed, said_at=house.now - timedelta(hours=ago))
        assert house.results[-1].pushes
        assert house.results[-1].due is None
        awa = (await house.contact("awa", house.windowed)).id
        await lanes._serve(awa)
        assert await unserved(house, lanes) == []
    assert (house.windowed.sent, len(house.windowed.knocks)) == ([], 1)
    await house.hear("awa", "un", channel=house.windowed, said_at=house.now)
    await lanes._serve(awa)
    assert len(sent(house.windowed, "awa")) == await house.count(OUTBOX) == 5
    assert len(house.windowed.knocks) == 1


async def test_when_the_window_is_over_the_lane_waits_and_knocks_once(house, lanes):
    """Nothing is tried, nothing is lost; one template, in their language; when they write all goes out in order."""
    awa = await write(house, "awa", "carnet")
    await close_window(house)
    assert await unserved(house, lanes) == [awa]
    await lanes._serve(awa)
    assert (house.windowed.sent, house.windowed.knocks) == ([], [("awa", "")])
    assert await house.count(OUTBOX) == 1
    for _ in range(3):
        assert await unserved(house, lanes) == []
        await lanes._serve(awa)
    assert len(house.windowed.knocks) == 1
    await write(house, "awa", "un")
    assert await unserved(house, lanes) == [awa]
    await lanes._serve(awa)
    assert sent(house.windowed, "awa") == ["Quoi ?", "Dit : un", "Quoi ?"]
    assert len(house.windowed.knocks) == 1


async def test_the_provider_knows_better_when_the_window_is_over(house, lanes):
    """`Closed` from a send: the same, and our own note of the window is put right."""
    awa = await write(house, "awa", "carnet", "un")
    house.windowed.outcomes["awa"] = [None, Closed()]
    await lanes._serve(awa)
    assert sent(house.windowed, "awa") == ["Quoi ?"]
    assert house.windowed.knocks == [("awa", "")]
    assert (await house.contact("awa", house.windowed)).window_until <= datetime.now(UTC)
    assert await unserved(house, lanes) == []
    await write(house, "awa", "deux")
    await lanes._serve(awa)
    assert sent(house.windowed, "awa")[1:] == ["Dit : un", "Quoi ?", "Dit : deux", "Quoi ?"]


async def test_a_second_knock_only_for_something_new_and_a_day_later(house, lanes):
    """Who does not answer is not knocked day after day for the same message."""
    awa = await write(house, "awa", "carnet")
    await close_window(house, timedelta(days=3))
    await lanes._serve(awa)
    await change(house, LANES, knocked_at=datetime.now(UTC) - timedelta(hours=25))
    await change(house, OUTBOX, due_at=datetime.now(UTC) - timedelta(hours=26))
    assert await unserved(house, lanes) == []
    await lanes._serve(awa)
    assert len(house.windowed.knocks) == 1
    await change(house, OUTBOX, due_at=datetime.now(UTC) - timedelta(hours=1))
    assert await unserved(house, lanes) == [awa]
    await lanes._serve(awa)
    assert len(house.windowed.knocks) == 2
    await change(house, LANES, knocked_at=datetime.now(UTC) - timedelta(hours=23))
    await change(house, OUTBOX, due_at=datetime.now(UTC))
    assert await unserved(house, lanes) == []


@pytest.mark.parametrize("outcome", [GiveUp(), Closed()])
async def test_a_knock_that_cannot_be_is_not_tried_for_ever(house, lanes, outcome):
    """A template that is not approved: the message still waits for their next word."""
    awa = await write(house, "awa", "carnet")
    await close_window(house)
    house.windowed.outcomes["knock awa"] = [outcome]
    await lanes._serve(awa)
    assert await unserved(house, lanes) == []
    assert await house.count(OUTBOX, OUTBOX.c.gave_up_at.is_(None)) == 1


async def test_a_knock_waits_and_is_blocked_as_a_send_is(house, lanes):
    awa = await write(house, "awa", "carnet")
    await close_window(house)
    house.windowed.outcomes["knock awa"] = [Retry(30), Blocked()]
    await lanes._serve(awa)
    assert (await lane(house, awa)).not_before > datetime.now(UTC) + timedelta(seconds=20)
    await change(house, LANES, not_before=PAST)
    await lanes._serve(awa)
    assert (await lane(house, awa)).closed_at is not None
    assert await house.count(OUTBOX) == 0


# ---------------------------------------------------------------- faults of the provider


async def test_a_fault_pauses_the_channel_and_nothing_else(house, lanes, faults):
    """No message loses a try; other channels go on; the first success ends it."""
    people = [await write(house, f"p{n}", "carnet") for n in range(3)]
    ali = await write(house, "ali", "carnet", channel=house.phone)
    house.windowed.outcomes["p0"] = [Fault("credentials", 20)]
    await lanes._serve(people[0])
    await lanes._serve(people[1])
    await lanes._serve(ali)
    assert (house.windowed.sent, len(house.phone.sent)) == ([], 1)
    assert await unserved(house, lanes) == []
    assert faults == [("windowed", "credentials")]
    (pause,) = await house.rows(PAUSES)
    assert timedelta(seconds=15) < pause.not_before - datetime.now(UTC) <= timedelta(seconds=20)
    assert await house.count(OUTBOX, OUTBOX.c.attempts > 0) == 0
    await change(house, PAUSES, not_before=PAST)
    assert len(await unserved(house, lanes)) == 1
    await lanes._serve(people[1])
    assert await house.count(PAUSES) == 0
    assert len(await unserved(house, lanes)) == 2


async def test_a_pause_grows_while_it_lasts_and_outlives_the_worker(house, lanes):
    """Each time in a row twice as long; those who meet it at the same time make it no longer."""
    people = [await write(house, f"p{n}", "carnet") for n in range(4)]
    waits = []
    for _ in range(3):
        for n in range(4):
            house.windowed.outcomes[f"p{n}"] = [Fault("away", 20)]
        other = Lanes(house.store, house.keyring, {"windowed": house.windowed})  # a worker that has just begun
        await asyncio.gather(*(other._serve(who) for who in people))
        (pause,) = await house.rows(PAUSES)
        waits.append(round((pause.not_before - datetime.now(UTC)).total_seconds() / 20))
        await change(house, PAUSES, not_before=PAST)
    assert waits == [1, 2, 4]
    house.windowed.outcomes.clear()
    await lanes._serve(people[0])
    assert await house.count(PAUSES) == 0


async def test_retry_after_outlives_the_worker(house, lanes):
    """The lane's earliest next send is in the database."""
    awa = await write(house, "awa", "carnet", channel=house.phone)
    house.phone.outcomes["awa"] = [Retry(40)]
    await lanes._serve(awa)
    other = Lanes(house.store, house.keyring, {"phone": house.phone})
    await other._serve(awa)
    assert house.phone.sent == []
    assert await unserved(house, other, "phone") == []


async def test_asked_for_waits_alone_do_not_lose_a_fresh_message(house, lanes):
    """Thirty times "later" within an hour is no reason to give a message up."""
    awa = await write(house, "awa", "carnet", channel=house.phone)
    await change(house, OUTBOX, attempts=99)
    house.phone.outcomes["awa"] = [Retry(1), Retry(1)]
    await lanes._serve(awa)
    assert await house.count(OUTBOX, OUTBOX.c.gave_up_at.is_(None)) == 1
    await change(house, OUTBOX, due_at=datetime.now(UTC) - timedelta(days=2))
    await change(house, LANES, not_before=PAST)
    await lanes._serve(awa)
    assert await house.count(OUTBOX, OUTBOX.c.gave_up_at.is_(None)) == 0


# ---------------------------------------------------------------- slots


async def until(holds):
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what was sent tells when it is over
            await asyncio.sleep(0.005)


async def test_a_lane_that_waits_for_its_rate_holds_nobody_up(house, monkeypatch):
    """One slot, and somebody with twenty messages at one a second: another person is written to at once."""
    monkeypatch.setattr(outbox, "AT_ONCE", 1)
    monkeypatch.setattr(outbox, "LAST_SENDS", 0.1)
    phone = Pushed(Rates(Table(per_second=1000, interval=0.5)))
    lanes = Lanes(house.store, house.keyring, {"phone": phone})
    awa = await write(house, "awa", "carnet", *(["mot"] * 10), channel=phone)
    ali = await write(house, "ali", "carnet", channel=phone)
    loop = asyncio.get_running_loop()
    lanes.serve(awa, "phone")
    await until(lambda: sent(phone, "awa"))
    began = loop.time()
    lanes.serve(ali, "phone")
    await until(lambda: sent(phone, "ali"))
    assert loop.time() - began < 0.3
    assert len(sent(phone, "awa")) == 1
    await lanes.stop()


async def test_who_found_no_slot_is_taken_up_as_soon_as_there_is_one(house, monkeypatch):
    """Not only with the next sweep, which here would come in an hour."""
    monkeypatch.setattr(outbox, "AT_ONCE", 1)
    phone, gate = Pushed(), asyncio.Event()
    lanes, right = Lanes(house.store, house.keyring, {"phone": phone}), phone.send
    awa, ali = [await write(house, who, "carnet", channel=phone) for who in ("awa", "ali")]

    async def send(address, message):
        await gate.wait()
        return await right(address, message)

    phone.send = send
    lanes.serve(awa, "phone")
    await until(lanes._slots["phone"].locked)
    monkeypatch.setattr(outbox, "SWEEP", 3600)
    lanes.start()
    lanes.serve(ali, "phone")
    assert set(lanes._serving) == {awa}
    await asyncio.sleep(2 * outbox.SOON)  # the sweep looked, and there was no room
    gate.set()
    await until(lambda: sent(phone, "ali"))
    await lanes.stop()


async def test_a_channel_that_hangs_does_not_make_others_look_again_and_again(house, monkeypatch):
    """What ends there is no room here."""
    monkeypatch.setattr(outbox, "AT_ONCE", 1)
    lanes = Lanes(house.store, house.keyring, {"phone": house.phone, "windowed": house.windowed})
    gate, looked = asyncio.Event(), []
    house.windowed.send = lambda *_: gate.wait()
    awa, ali = await write(house, "awa", "carnet"), await write(house, "ali", "carnet")
    lanes.serve(awa, "windowed")
    await until(lanes._slots["windowed"].locked)
    lanes.serve(ali, "windowed")
    for who in ("eve", "oumou"):
        lanes.serve(await write(house, who, "carnet", channel=house.phone), "phone")
        await until(lambda who=who: sent(house.phone, who))
        looked.append(lanes._room_again.is_set())
    assert looked == [False, False]
    gate.set()
    await until(lanes._room_again.is_set)
    await lanes.stop()


async def test_a_lane_far_from_its_turn_is_given_back_and_woken(house, monkeypatch):
    """More than a moment: no lease is held, no try is lost; order is kept."""
    monkeypatch.setattr("bot.channels.rates.PATIENCE", 0.01)
    phone = Pushed(Rates(Table(per_second=1000, interval=0.4)))
    waits = []
    right = phone.rates.wait

    async def wait(address):
        waits.append(address)
        await right(address, 0.01)

    phone.rates.wait = wait
    lanes = Lanes(house.store, house.keyring, {"phone": phone})
    awa = await write(house, "awa", "carnet", "un", channel=phone)
    lanes.serve(awa, "phone")
    await until(lambda: len(waits) == 2 and not lanes._serving)
    kept = await lane(house, awa)
    assert (kept.until, await house.count(OUTBOX, OUTBOX.c.attempts > 0)) == (None, 0)
    await until(lambda: len(sent(phone, "awa")) == 3)
    assert sent(phone, "awa") == ["Quoi ?", "Dit : un", "Quoi ?"]
    await lanes.stop()


async def test_a_send_that_hangs_is_broken_off(house, monkeypatch):
    """It is tried again later; nobody else waited."""
    monkeypatch.setattr(outbox, "SEND_TIMEOUT", 0.05)
    awa, ali = [await write(house, who, "carnet", channel=house.phone) for who in ("awa", "ali")]
    lanes, right = Lanes(house.store, house.keyring, {"phone": house.phone}), house.phone.send

    async def send(address, message):
        if address == "awa":
            await asyncio.sleep(60)
        return await right(address, message)

    house.phone.send = send
    lanes.serve(awa)
    lanes.serve(ali)
    await lanes.quiet()
    assert (sent(house.phone, "awa"), sent(house.phone, "ali")) == ([], ["Quoi ?"])
    (row,) = await house.rows(OUTBOX)
    assert row.attempts == 1


async def test_a_crowded_channel_does_not_keep_another_from_being_swept(house, monkeypatch):
    """Hundreds wait for one channel whose rate is low: the other channel's person is found in the first look."""
    monkeypatch.setattr(outbox, "SWEPT", 5)
    house.windowed.rates = Rates(Table(per_second=1, interval=1))
    lanes = Lanes(house.store, house.keyring, {"windowed": house.windowed, "phone": house.phone})
    for number in range(20):
        await write(house, f"p{number}", "carnet")
    await write(house, "ali", "carnet", channel=house.phone)
    lanes.start()
    await until(lambda: house.phone.sent)
    await lanes.stop()
    assert len(house.windowed.sent) < 5


async def test_stopping_waits_for_what_is_being_sent_and_takes_nothing_new(house, monkeypatch):
    awa = await write(house, "awa", "carnet", channel=house.phone)
    ali = await write(house, "ali", "carnet", channel=house.phone)
    lanes, right, began = Lanes(house.store, house.keyring, {"phone": house.phone}), house.phone.send, asyncio.Event()

    async def slowly(address, message):
        began.set()
        await asyncio.sleep(0.05)
        return await right(address, message)

    house.phone.send = slowly
    lanes.serve(awa)
    await asyncio.wait_for(began.wait(), 5)
    await lanes.stop()
    lanes.serve(ali)
    assert [who for who, _ in house.phone.sent] == ["awa"]
    assert not lanes._serving
    assert await house.count(OUTBOX) == 1
    monkeypatch.setattr(outbox, "LAST_SENDS", 0.01)
    lanes, began = Lanes(house.store, house.keyring, {"phone": house.phone}), asyncio.Event()

    async def never(*_):
        began.set()
        await asyncio.sleep(60)

    house.phone.send = never
    lanes.serve(ali)
    await asyncio.wait_for(began.wait(), 5)
    await lanes.stop()
    assert await house.count(OUTBOX) == 1


async def test_while_the_database_is_away_what_was_sent_is_not_sent_again(house, monkeypatch):
    """The mark is tried until it is written; only then the next message goes."""
    monkeypatch.setattr(outbox, "MARK_AGAIN", 0.01)
    awa = await write(house, "awa", "carnet", "un", channel=house.phone)
    lanes, right, away = Lanes(house.store, house.keyring, {"phone": house.phone}), house.store.run, [20]

    async def run(work, lane=0, **shared):
        if house.phone.sent and away[0]:
            away[0] -= 1
            raise Unavailable("locked")
        return await right(work, lane, **shared)

    house.store.run = run
    await lanes._serve(awa)
    assert away == [0]
    assert sent(house.phone, "awa") == ["Quoi ?", "Dit : un", "Quoi ?"]


async def test_a_crowd_on_a_slow_channel_costs_little(house):
    """Two hundred lanes at a hundred a second: each is taken a few times at most, and all is sent."""
    phone = Pushed(Rates(Table(per_second=100, interval=0.01)))
    people = [await write(house, f"p{n}", "carnet", channel=phone) for n in range(200)]
    lanes, steps, right = Lanes(house.store, house.keyring, {"phone": phone}), [], house.store.run

    async def run(work, lane=0, **shared):
        steps.append(1)
        return await right(work, lane, **shared)

    house.store.run = run
    lanes.start()
    for who in people:
        lanes.serve(who, "phone")
    await until(lambda: len(phone.sent) == 200)
    await lanes.stop()
    assert len(steps) < 900


# ---------------------------------------------------------------- many at once, long messages


async def test_many_lanes_share_few_transactions(house):
    """A hundred people, two messages each: far fewer commits than messages."""
    people = [await write(house, f"p{n}", "carnet", channel=house.phone) for n in range(100)]
    lanes, commits = Lanes(house.store, house.keyring, {"phone": house.phone}), []
    right = house.store.run

    async def run(work, lane=0, **shared):
        commits.append(1)
        return await right(work, lane, **shared)

    house.store.run = run
    for who in people:
        lanes.serve(who, "phone")
    await lanes.quiet()
    assert len(house.phone.sent) == 100
    assert len(commits) <= 30
    assert await house.count(OUTBOX) == 0


async def test_a_message_that_cannot_be_read_is_set_aside_alone(house, lanes):
    """A damaged row: the lane goes on with the next, other lanes never notice."""
    awa = await write(house, "awa", "carnet", "un", channel=house.phone)
    ali = await write(house, "ali", "carnet", channel=house.phone)
    first = min(row.id for row in await house.rows(OUTBOX) if row.contact_id == awa and row.seq == 1)
    await house.store.run(
        lambda conn: conn.execute(OUTBOX.update().where(OUTBOX.c.id == first).values(body=b"\x01" * 40))
    )
    lanes.serve(awa)
    lanes.serve(ali)
    await lanes.quiet()
    await lanes._serve(awa)
    assert sent(house.phone, "awa") == ["Dit : un", "Quoi ?"]
    assert sent(house.phone, "ali") == ["Quoi ?"]


async def test_what_was_sent_stays_sent_whatever_is_wrong_with_the_next(house, lanes, monkeypatch):
    """A fault of ours in making the next one ready undoes the mark of none: it would go out again and again."""
    awa = await write(house, "awa", "carnet", "un", channel=house.phone)

    def fit(message, _):
        if message.text == "Dit : un":
            raise ValueError("a fault of ours")
        return [message]

    monkeypatch.setattr("bot.lanes.fit", fit)
    for _ in range(3):
        await lanes._serve(awa)
    assert sent(house.phone, "awa") == ["Quoi ?"]
    monkeypatch.undo()
    await lanes._serve(awa)
    assert sent(house.phone, "awa") == ["Quoi ?", "Dit : un", "Quoi ?"]


async def test_a_long_message_goes_in_parts_and_goes_on_where_it_stopped(house, lanes):
    """What was sent of it is not sent again after a retry; the row goes with its last part."""
    house.phone.capabilities = Capabilities(text=20)
    awa = await write(house, "awa", "carnet", "un deux trois. quatre cinq six. sept huit", channel=house.phone)
    house.phone.outcomes["awa"] = [None, None, Retry(5)]
    await lanes._serve(awa)
    begun = sent(house.phone, "awa")
    assert begun == ["Quoi ?", "Dit : un deux trois."]
    await change(house, LANES, not_before=PAST)
    await lanes._serve(awa)
    assert sent(house.phone, "awa") == [*begun, "quatre cinq six.", "sept huit", "Quoi ?"]
    assert await house.count(OUTBOX) == 0
