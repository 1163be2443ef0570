"""The outbox: order, retries, give-ups, blocks, leases and fences, with a channel that only pretends."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot import lanes as database
from bot import outbox
from bot.channels.base import SEND_TIMEOUT, Blocked, Fault, GiveUp, Retry
from bot.lanes import Ended, Sent, Take
from bot.outbox import Lanes
from storage import Store, tables
from tests.people import House

OUTBOX, LANES, CONTACTS = tables.outbox, tables.lanes, tables.contacts


@pytest.fixture
def house(store, keyring):
    house = House(store, keyring)
    house.now = datetime.now(UTC) - timedelta(seconds=1)  # lanes go by the database's clock
    return house


@pytest.fixture
def lanes(house):
    return Lanes(house.store, house.keyring, {"web": house.web, "phone": house.phone})


async def write(house, address, *words):
    """What somebody says by phone; ids of the contacts to whom something is to be sent."""
    house.results.clear()
    for word in words:
        await house.hear(address, word, channel=house.phone)
    return (await house.contact(address, house.phone)).id


def sent(house, address):
    return [text for who, text in house.phone.sent if who == address]


async def change(house, table, **values):
    await house.store.run(lambda conn: conn.execute(table.update().values(**values)))


async def lane(house, contact_id):
    return next(row for row in await house.rows(LANES) if row.contact_id == contact_id)


async def step(house, lanes, *asked):
    """What comes next in these lanes."""
    return await house.store.run(lambda conn: lanes.desk.step(conn, list(asked)))


async def unserved(house, lanes, channel="phone"):
    return await house.store.read(lambda conn: lanes.desk.unserved(conn, channel, 100))


PAST = datetime(2020, 1, 1, tzinfo=UTC)


async def test_a_lane_is_sent_in_order_and_then_empty(house, lanes):
    """What was said first goes first; what was sent is gone; the lease is given back."""
    awa = await write(house, "awa", "carnet", "un", "deux", "trois")
    assert all(result.pushes for result in house.results)
    await lanes._serve(awa)
    assert sent(house, "awa") == ["Quoi ?", "Dit : un", "Quoi ?", "Dit : deux", "Quoi ?", "Dit : trois", "Quoi ?"]
    assert await house.count(OUTBOX) == 0
    assert (await lane(house, awa)).until is None


async def test_a_retry_delays_only_its_lane_and_keeps_its_order(house, lanes):
    """Awa's provider asks to wait: Ali's lane goes on; later Awa's begins with the same message."""
    awa, ali = await write(house, "awa", "carnet", "un"), await write(house, "ali", "carnet", "un")
    house.phone.outcomes["awa"] = [Retry(30)]
    await lanes._serve(awa)
    await lanes._serve(ali)
    assert (sent(house, "awa"), len(sent(house, "ali"))) == ([], 3)
    kept = await lane(house, awa)
    assert kept.until is None
    assert kept.not_before > datetime.now(UTC) + timedelta(seconds=20)
    await lanes._serve(awa)
    assert sent(house, "awa") == []
    assert await unserved(house, lanes) == []
    await change(house, LANES, not_before=PAST)
    assert await unserved(house, lanes) == [awa]
    await lanes._serve(awa)
    assert sent(house, "awa") == ["Quoi ?", "Dit : un", "Quoi ?"]


async def test_a_fault_of_the_line_is_tried_again_later_and_later(house, lanes):
    """An error nobody expected is no loss: the message waits, each time twice as long, and is given up in the end."""
    awa = await write(house, "awa", "carnet")
    waits = []
    for _ in range(4):
        house.phone.outcomes["awa"] = [OSError("line")]
        before = datetime.now(UTC)
        await lanes._serve(awa)
        waits.append(((await lane(house, awa)).not_before - before).total_seconds())
        await change(house, LANES, not_before=PAST)
    assert [round(wait) for wait in waits] == [2, 4, 8, 16]
    (row,) = await house.rows(OUTBOX)
    assert row.attempts == 4
    await change(house, OUTBOX, attempts=database.MOST_ATTEMPTS)
    house.phone.outcomes["awa"] = [OSError("line")]
    await lanes._serve(awa)
    (row,) = await house.rows(OUTBOX)
    assert row.gave_up_at is not None


async def test_a_give_up_frees_the_lane(house, lanes):
    """A message that can never be sent is set aside; what comes behind it goes out."""
    awa = await write(house, "awa", "carnet", "un")
    house.phone.outcomes["awa"] = [GiveUp()]
    await lanes._serve(awa)
    assert sent(house, "awa") == ["Dit : un", "Quoi ?"]
    (row,) = await house.rows(OUTBOX)
    assert row.gave_up_at is not None
    await lanes._serve(awa)
    assert len(sent(house, "awa")) == 2
    assert await unserved(house, lanes) == []


async def test_blocked_closes_the_lane(house, lanes):
    """The person blocked us: all that waits is dropped, the contact is marked; when they write again, all is open."""
    awa = await write(house, "awa", "carnet", "un")
    house.phone.outcomes["awa"] = [Blocked()]
    await lanes._serve(awa)
    assert await house.count(OUTBOX) == 0
    assert (await lane(house, awa)).closed_at is not None
    assert (await house.contact("awa", house.phone)).blocked
    await lanes._serve(awa)
    assert sent(house, "awa") == []
    assert await unserved(house, lanes) == []
    await write(house, "awa", "deux")
    assert not (await house.contact("awa", house.phone)).blocked
    await lanes._serve(awa)
    assert sent(house, "awa") == ["Dit : deux", "Quoi ?"]


async def test_one_worker_at_a_time_has_a_lane(house, lanes):
    """While a lease runs, another worker gets none, and the sweep does not offer the lane."""
    awa = await write(house, "awa", "carnet")
    other = Lanes(house.store, house.keyring, {"phone": house.phone})
    assert await step(house, lanes, Take(awa)) != [None]
    assert await step(house, other, Take(awa)) == [None]
    assert await step(house, lanes, Take(awa)) == [None]
    assert await unserved(house, other) == []


async def test_a_lease_is_taken_over_after_its_end_and_its_late_holder_marks_nothing(house, lanes):
    """A worker that slept too long finds its fence passed: its message is not dropped, its lane not given back."""
    awa = await write(house, "awa", "carnet")
    other = Lanes(house.store, house.keyring, {"phone": house.phone})
    (late,) = await step(house, lanes, Take(awa))
    assert late.message.text == "Quoi ?"
    await change(house, LANES, until=PAST)
    (due,) = await step(house, other, Take(awa))
    assert due.fence == late.fence + 1
    for outcome in (Sent(), Retry(5), GiveUp(), Blocked(), Fault("away")):
        assert await step(house, lanes, Ended(late, outcome)) == [None]
    (row,) = await house.rows(OUTBOX)
    assert (row.attempts, row.gave_up_at) == (0, None)
    kept = await lane(house, awa)
    assert (kept.closed_at, kept.fence) == (None, due.fence)
    assert kept.until > datetime.now(UTC)
    assert await step(house, other, Ended(due, Sent())) == [None]
    assert await house.count(OUTBOX) == 0


async def test_a_lease_ends_by_the_database_clock_after_a_send_may_take(house, lanes):
    """A lease is as long as promised, and grows with each message."""
    awa = await write(house, "awa", "carnet", "un")
    (due,) = await step(house, lanes, Take(awa))
    first = (await lane(house, awa)).until
    assert timedelta(seconds=SEND_TIMEOUT) < first - datetime.now(UTC) <= outbox.LEASE
    await asyncio.sleep(0.02)
    (due,) = await step(house, lanes, Ended(due, Sent()))
    assert due.message.text == "Dit : un"
    assert (await lane(house, awa)).until > first


async def test_the_sweep_finds_what_nobody_serves(house, lanes, monkeypatch):
    """After a crash between commit and send: the sweep of any worker sends it."""
    monkeypatch.setattr(outbox, "SWEEP", 0.01)
    people = [f"p{n}" for n in range(5)]
    for who in people:
        await write(house, who, "carnet")
    lanes.start()
    for _ in range(300):
        await asyncio.sleep(0.01)
        if len(house.phone.sent) == 5:
            break
    await lanes.stop()
    assert sorted(who for who, _ in house.phone.sent) == people
    assert await house.count(OUTBOX) == 0


async def test_served_again_while_being_served_nothing_is_left_behind(house, lanes):
    """What is written while a send is under way goes out too, in order."""
    awa = await write(house, "awa", "carnet")
    right, began = house.phone.send, asyncio.Event()

    async def slowly(address, message):
        began.set()
        await asyncio.sleep(0.05)
        return await right(address, message)

    house.phone.send = slowly
    lanes.serve(awa)
    await asyncio.wait_for(began.wait(), 5)
    await write(house, "awa", "un")
    lanes.serve(awa)
    lanes.serve(awa)
    for _ in range(100):
        await asyncio.sleep(0.01)
        if not lanes._serving:
            break
    assert sent(house, "awa") == ["Quoi ?", "Dit : un", "Quoi ?"]


async def test_two_workers_send_each_message_once(house, lanes, database_url):
    """Both serve the same lanes at the same time: each message once, in order."""
    people = {await write(house, f"p{n}", "carnet", "un", "deux"): f"p{n}" for n in range(6)}
    with Store(database_url, busy_seconds=5) as second:
        other = Lanes(second, house.keyring, {"phone": house.phone})
        await asyncio.gather(*(worker._serve(who) for who in people for worker in (lanes, other)))
    for who in people.values():
        assert sent(house, who) == ["Quoi ?", "Dit : un", "Quoi ?", "Dit : deux", "Quoi ?"]


async def test_what_a_page_pulls_is_never_sent(house, lanes):
    """Contacts of the web chat are not the lanes' business."""
    await house.hear("awa", "carnet")
    assert await unserved(house, lanes) == []
    assert not any(result.pushes for result in house.results)


async def test_words_for_later_are_not_sent_now(house, lanes):
    """What is to be said in two days waits for its time and its place."""
    await house.consent("awa", house.phone)
    awa = await write(house, "awa", "guichet", "Six mois.")
    await lanes._serve(awa)
    assert not any("hold_ended" in text for text in sent(house, "awa"))
    assert await house.count(OUTBOX, OUTBOX.c.is_say.is_(True)) == 1
    house.later(hours=49)
    await house.store.run(house.followups.say_due)
    await change(house, OUTBOX, due_at=PAST)  # the database's clock is not the test's
    await lanes._serve(awa)
    assert sent(house, "awa")[-1] == "hold_ended 48"


async def test_an_erased_person_gets_nothing_more(house, lanes):
    """The contact is gone between commit and send: no lane, no send, no error."""
    awa = await write(house, "awa", "carnet")
    await house.store.run(lambda conn: conn.execute(CONTACTS.delete()))
    await lanes._serve(awa)
    assert house.phone.sent == []
    assert await house.count(OUTBOX) == await house.count(LANES) == 0
