"""Deliveries through the real inbox, on both databases: repeated, shuffled and re-batched they end as after one."""

import asyncio
import json
import random

import pytest

from storage import tables
from tests.channels.whatsapp.deliveries import delivery, recorded, signed
from tests.channels.whatsapp.fake_graph import FakeGraph
from tests.channels.whatsapp.whatsapp_fakes import PATH, Listening, standing
from tests.people import House, real_library


class AtHome(Listening):
    """Hears with the inbox of a house; statuses are only kept."""

    def __init__(self, house):
        super().__init__()
        self.house = house

    async def hear(self, channel, incoming):
        return await self.house.inbox.hear(channel, incoming)


def town(prefix):
    """What is recorded, each said by somebody else: who says it → the value of a delivery."""
    said = {}
    for number, (name, one) in enumerate(recorded().items()):
        if not one["becomes"]["messages"] or name == "batch" or "user:" in json.dumps(one["becomes"]):
            continue
        address = f"{prefix}{number:04d}"
        value = one["delivery"]["entry"][0]["changes"][0]["value"]
        said[address] = {"messages": [{**value["messages"][0], "from": address}]}
    return said


@pytest.fixture
async def graph():
    async with FakeGraph() as one:
        yield one


async def test_all_kinds_end_the_same_however_they_are_delivered(store, keyring, graph):
    """One town heard once and in order, another three times, shuffled, in other heaps, at once."""
    house, chance = House(store, keyring, real_library()), random.Random(3)
    once, thrice = town("1555030"), town("1555040")
    async with standing(graph, post=AtHome(house)) as (channel, _, client):

        async def deliver(*values):
            raw = json.dumps(delivery(*values)).encode()
            async with client.post(PATH, data=raw, headers=signed(raw)) as response:
                return response.status

        assert {await deliver(value) for value in once.values()} == {200}
        values = list(thrice.values()) * 3
        chance.shuffle(values)
        heaps = [values[at : at + 7] for at in range(0, len(values), 7)]
        assert set(await asyncio.gather(*(deliver(*heap) for heap in heaps))) == {200}
        assert await house.count(tables.heard) == await house.count(tables.contacts) == len(once) + len(thrice)
        assert not any(result.failed for result in house.results)
        assert [await ended(house, one, channel) for one in once] == [
            await ended(house, one, channel) for one in thrice
        ]


async def ended(house, address, channel):
    """Where a person stands, what waits for them, and how many files of theirs."""
    contact = await house.contact(address, channel)
    counted = [
        await house.count(table, table.c.contact_id == contact.id) for table in (tables.outbox, tables.attachments)
    ]
    return [(frame.flow, frame.step) for frame in contact.conversation.frames], counted
