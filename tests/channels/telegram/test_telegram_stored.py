"""Blocking the bot, through all of Segin on both databases: told again, late or out of order, it ends the same."""

import asyncio
import itertools
from contextlib import asynccontextmanager
from copy import deepcopy

import pytest

from tests.channels.telegram.fake_api import FakeTelegram, blocked
from tests.faults.contents import contents
from tests.faults.served import Served, telegram, until, update
from tests.people import real_library

AWA = 70_001


def said(number):
    return update(AWA, number, text=f"mot {number}")


def left(number):
    return update(AWA, number, member="kicked")


@pytest.fixture
def serving(database_url, keyring):
    """Segin behind Telegram; what is said stays in the outbox unless it `speaks`."""

    @asynccontextmanager
    async def begin(*, speaks=False):
        async with (
            FakeTelegram(rates=False) as api,
            Served(database_url, keyring, real_library(), lambda: [telegram(api)], speaks=speaks) as segin,
        ):
            yield segin, api

    return begin


async def ended(segin, *given):
    """(last number of what was said to Awa, whether she is blocked, how much waits, how much was heard) after these."""
    for one in given:
        assert await segin.telegram(deepcopy(one)) == 200
    found = await segin.read(lambda conn: contents(conn, segin.keyring))
    ((_, _, last, _, _, blocked, lane, _),) = found["people"]
    return last, blocked, len(lane), found["heard"]


async def test_a_leaving_that_is_told_again_later_takes_nothing_away(serving):
    """Text, blocked, text, and the same blocking again: whoever wrote since is reachable, and has their answer."""
    async with serving() as (segin, _):
        first, kicked, second = said(1), left(2), said(3)
        await ended(segin, first)
        assert (await ended(segin, kicked))[1:] == (True, 0, 2)
        after = await ended(segin, second)
        assert after[1] is False
        assert after[2] > 0
        assert await ended(segin, kicked) == after
        assert await ended(segin, kicked, first, second, kicked) == after


async def test_the_same_at_once(serving):
    async with serving() as (segin, _):
        given = [said(1), left(2), said(3)]
        after = await ended(segin, *given)
        assert set(await asyncio.gather(*(segin.telegram(one) for one in given * 5))) == {200}
        assert await ended(segin) == after


@pytest.mark.parametrize("whole", [(2,), (1, 2), (1, 2, 3), (1, 2, 3, 4)])
async def test_dates_win_over_the_order_of_arrival(serving, whole):
    """Somebody heard before writes (odd) and blocks (even) in turn: the last date counts, not what comes last."""
    async with serving() as (segin, _):
        for chat, order in enumerate(itertools.permutations(whole), AWA):
            for number in (0, *order, *order):
                what = {"member": "kicked"} if number in {2, 4} else {"text": "bonjour"}
                assert await segin.telegram(update(chat, number, **what)) == 200
        found = await segin.read(lambda conn: contents(conn, segin.keyring))
    leaves = whole[-1] % 2 == 0
    assert {(person[5], bool(person[6])) for person in found["people"]} == {(leaves, not leaves)}


async def test_within_a_second_what_comes_last_wins(serving):
    async with serving() as (segin, _):
        kicked, again = left(1), said(2)
        again["message"]["date"] = kicked["my_chat_member"]["date"]
        assert (await ended(segin, said(1), kicked))[1] is True
        assert (await ended(segin, again))[1] is False
        assert (await ended(segin, kicked))[1] is False


async def test_leaving_twice_is_two_leavings(serving):
    async with serving() as (segin, _):
        assert (await ended(segin, said(1), left(2), said(3), left(4)))[1:3] == (True, 0)


async def test_a_late_word_of_somebody_who_left_is_taken_and_not_answered(serving):
    async with serving(speaks=True) as (segin, api):
        await ended(segin, said(1))
        await segin.settled()
        sent = len(api.named("sendMessage"))
        last = (await ended(segin, left(3)))[0]
        after = await ended(segin, said(2))
        await segin.settled()
        assert after[0] > last
        assert after[1:] == (True, 0, 3)
        assert len(api.named("sendMessage")) == sent
        assert (await ended(segin, said(4)))[1] is False
        await until(lambda: len(api.named("sendMessage")) > sent)


async def test_a_refused_send_closes_for_no_word_that_comes(serving):
    """Only a leaving that Telegram dated outlasts a word: our clock and Telegram's are never compared for that."""
    async with serving(speaks=True) as (segin, api):
        api.chats[AWA] = blocked()
        early = said(-900_000)  # long before our own clock
        await ended(segin, said(1))
        await segin.settled()
        assert (await ended(segin))[1] is True
        api.chats.clear()
        assert (await ended(segin, early))[1] is False


@pytest.mark.parametrize("date", [None, "soon"])
async def test_a_leaving_or_a_word_without_a_date_counts_when_it_comes(serving, date):
    async with serving() as (segin, _):
        kicked, word = left(2), said(3)
        kicked["my_chat_member"]["date"] = word["message"]["date"] = date
        assert (await ended(segin, said(1), kicked))[1] is True
        assert (await ended(segin, word))[1] is False
