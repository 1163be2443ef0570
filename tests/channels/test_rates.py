"""Rates: all together and each address by its own; nobody waits for another's turn."""

import asyncio
import itertools

import pytest

from bot.channels import rates as module
from bot.channels.rates import NotYet, Rates, Table
from tests.jumping import jumping


class Hours:
    """A clock that sleeping moves."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(module.asyncio, "sleep", self.sleep)

    async def sleep(self, seconds):
        self.now += seconds

    def __call__(self):
        return self.now


@pytest.fixture
def hours(monkeypatch):
    return Hours(monkeypatch)


async def test_without_a_table_everything_goes_at_once(hours):
    for _ in range(1000):
        await Rates(clock=hours).wait("awa")
    assert hours.now == 100


async def test_all_together_go_evenly(hours):
    """Thirty to thirty people take a second."""
    rates = Rates(Table(per_second=30, interval=1), clock=hours)
    for number in range(31):
        await rates.wait(f"p{number}")
    assert hours.now == pytest.approx(101)


async def test_one_address_has_its_burst_and_then_its_interval(hours):
    rates = Rates(Table(per_second=1000, interval=6, burst=3), clock=hours)
    went = []
    for _ in range(5):
        await rates.wait("awa", patience=60)
        went.append(round(hours.now - 100))
    assert went == [0, 0, 0, 6, 12]
    hours.now += 100
    for _ in range(3):
        await rates.wait("awa", patience=0.1)


async def test_who_must_wait_longer_than_that_takes_no_place(hours):
    """It is told when to come again; others go on meanwhile."""
    rates = Rates(Table(per_second=1000, interval=6), clock=hours)
    await rates.wait("awa")
    with pytest.raises(NotYet) as early:
        await rates.wait("awa")
    assert early.value.after == pytest.approx(6)
    await rates.wait("ali")
    assert hours.now == pytest.approx(100, abs=0.1)
    hours.now += 6
    await rates.wait("awa")


def test_those_who_waited_for_themselves_do_not_go_all_at_once():
    """Forty people, each a second after their first message: still as many a second as all together may."""
    went = []

    async def twice(rates, clock, who):
        for _ in range(2):
            await rates.wait(who)
            went.append(clock())

    with jumping() as loop:
        rates = Rates(Table(per_second=200, interval=0.3), clock=loop.time)
        loop.run_until_complete(asyncio.wait_for(all_of(twice(rates, loop.time, f"p{n}") for n in range(40)), 60))
    assert len(went) == 80
    assert all(after - before >= 20 / 200 * 0.99 for before, after in zip(went, went[20:], strict=False))


async def all_of(coroutines):
    await asyncio.gather(*coroutines)


async def test_what_is_counted_and_a_pause_delay_everybody(hours):
    rates = Rates(Table(per_second=80, interval=6, burst=45), clock=hours)
    rates.count(40)
    assert rates.backlog() == pytest.approx(0.5)
    rates.pause(3)
    assert rates.backlog() == pytest.approx(3)
    with pytest.raises(NotYet):
        await rates.wait("awa")


async def test_addresses_are_forgotten_when_they_may_go_again(hours):
    rates = Rates(Table(per_second=1e9, interval=1), clock=hours)
    for number in range(500):
        hours.now += 0.01
        await rates.wait(f"p{number}")
    assert len(rates._whole) <= 102


async def test_a_crowd_is_told_to_come_one_after_the_other(hours):
    """Not all at once, to be sent away again."""
    rates = Rates(Table(per_second=10, interval=1), clock=hours)
    rates.count(15)
    told = []
    for number in range(20):
        with pytest.raises(NotYet) as early:
            await rates.wait(f"p{number}")
        told.append(early.value.after)
    assert all(after - before == pytest.approx(0.1) for before, after in itertools.pairwise(told))
    hours.now += told[0]
    await rates.wait("p0")
