"""Lanes leased by the round that says something in them: only plain ones, and with the same fence as any."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.channels.base import Capabilities
from bot.lanes import Ended, Sent, Take
from bot.outbox import Lanes
from storage import tables
from tests.people import House

OUTBOX, LANES, CONTACTS, PAUSES = tables.outbox, tables.lanes, tables.contacts, tables.pauses
LATER, EARLIER = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def house(store, keyring):
    house = House(store, keyring)
    house.now = datetime.now(UTC) - timedelta(seconds=1)  # lanes go by the database's clock
    return house


@pytest.fixture
def lanes(house):
    lanes = Lanes(house.store, house.keyring, {"web": house.web, "phone": house.phone})
    house.inbox.lease = lanes.lease
    return lanes


async def due(house, address, *words):
    """What may be sent at once after the last of these words."""
    house.results.clear()
    for word in words:
        await house.hear(address, word, channel=house.phone)
    return house.results[-1].due


async def change(house, table, **values):
    await house.store.run(lambda conn: conn.execute(table.update().values(**values)))


async def go(lanes, one):
    lanes.go(one)
    await lanes.quiet()


async def test_a_newcomer_is_answered_at_once_and_in_order(house, lanes):
    for number, word in enumerate(("carnet", "un", "deux")):
        one = await due(house, "awa", word)
        assert (one.fence, one.address, one.channel) == (number + 1, "awa", "phone")
        await go(lanes, one)
        assert await house.count(OUTBOX) == 0
        assert (await house.rows(LANES))[0].until is None
    texts = [text for _, text in house.phone.sent]
    assert texts == ["Quoi ?", "Dit : un", "Quoi ?", "Dit : deux", "Quoi ?"]


async def test_what_waits_in_the_lane_goes_first(house, lanes):
    house.inbox.lease = None
    await due(house, "awa", "carnet")
    house.inbox.lease = lanes.lease
    assert await due(house, "awa", "un") is None
    await lanes._serve((await house.contact("awa", house.phone)).id)
    assert [text for _, text in house.phone.sent] == ["Quoi ?", "Dit : un", "Quoi ?"]


@pytest.mark.parametrize(
    "values",
    [{"until": LATER}, {"not_before": LATER}, {"until": LATER, "not_before": LATER}],
    ids=["leased by somebody", "told to wait", "both"],
)
async def test_a_lane_that_is_not_free_is_left_alone(house, lanes, values):
    await go(lanes, await due(house, "awa", "carnet"))
    await change(house, LANES, **values)
    before = await house.rows(LANES)
    assert await due(house, "awa", "un") is None
    assert await house.rows(LANES) == before


async def test_a_lease_that_ran_out_is_taken_and_its_fence_passed(house, lanes):
    one = await due(house, "awa", "carnet")
    await house.store.run(lambda conn: conn.execute(OUTBOX.delete()))
    await change(house, LANES, until=EARLIER)
    other = await due(house, "awa", "un")
    assert other.fence == one.fence + 1
    late = await house.store.run(lambda conn: lanes.desk.step(conn, [Ended(one, Sent())]))
    assert late == [None]
    assert await house.count(OUTBOX) == 2  # "Dit : un", "Quoi ?": a late worker marks nothing
    assert await house.store.run(lambda conn: lanes.desk.step(conn, [Take(one.contact_id)])) == [None]


@pytest.mark.usefixtures("lanes")
async def test_while_the_channel_waits_no_lane_is_leased(house):
    pause = {"channel": "phone", "not_before": EARLIER, "streak": 1, "why": "test"}
    await house.store.run(lambda conn: conn.execute(PAUSES.insert(), pause))
    assert await due(house, "awa", "carnet") is None
    assert await house.rows(LANES) == []


async def test_no_more_are_leased_than_there_is_room_for(house, lanes):
    lanes._room = lambda _: 0
    assert await due(house, "awa", "carnet") is None
    lanes._room = lambda _: 1
    assert await due(house, "ali", "carnet") is not None


async def test_who_stops_leases_nothing_and_sends_what_was_leased_before(house, lanes):
    one = await due(house, "awa", "carnet")
    lanes._stopped = True
    assert await due(house, "ali", "carnet") is None
    await go(lanes, one)
    assert [who for who, _ in house.phone.sent] == ["awa"]


async def test_a_lane_handed_over_while_the_one_before_is_leaving_waits_for_it(house, lanes):
    one = await due(house, "awa", "carnet")
    lanes.go(one)
    lanes._serving[one.contact_id].cancel()  # it is still there
    lanes.go(one)
    await lanes.quiet()
    assert [text for _, text in house.phone.sent] == ["Quoi ?"]


async def test_a_message_too_long_goes_in_parts(house, lanes, monkeypatch):
    monkeypatch.setattr(type(house.phone), "capabilities", Capabilities(text=4))
    one = await due(house, "awa", "carnet")
    assert (one.part, one.parts) == (0, 2)
    await go(lanes, one)
    assert [text for _, text in house.phone.sent] == ["Quoi", "?"]
    assert await house.count(OUTBOX) == 0
