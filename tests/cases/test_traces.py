"""What must not linger: receipts that wait, old pages of a log, chats that somebody left; and ways to reach people."""

import json
from pathlib import Path

import pytest
from sqlalchemy import make_url

from bot import leaving
from bot.cases.desk import Desk
from bot.cases.may import Staff
from storage import tables
from tests.library.small import small_library
from tests.people import House, real_library

READER = Staff("", "Mariam", "protection", cleared=True)

FILE = {
    "title": "Guichet", "keywords": ["guichet"], "anywhere": True, "start": "reach",
    "steps": {
        "reach": {"say": "Comment vous joindre ?", "save_as": "reach", "go": "file", "choices": [
            {"key": "here", "label": "Ici", "drop": ["phone"]}, {"key": "none", "label": "Pas du tout"},
            {"key": "other", "label": "Autre", "go": "phone"}]},
        "phone": {"ask": "phone", "say": "Quel numéro ?", "save_as": "phone", "go": "reach"},
        "file": {"open": "request", "category": "person", "in_chat": {"reach": "here"}, "say": "Reçu {case.receipt}.",
                 "go": "out"},
        "out": {"end": "return"},
    },
}  # fmt: skip


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


async def reached(house, *way):
    """Where the answer goes when somebody filed this way."""
    await house.consent("awa")
    await house.talk("awa", "guichet", *way)
    (case,) = await house.rows(tables.cases)
    return await house.store.run(
        lambda conn: Desk(conn, house.keyring, READER, house.now).answer(case.reference, "Venez.", house.library)
    )


@pytest.mark.parametrize(("way", "where"), [(["ici"], "chat"), (["pas du tout"], "mailbox")])
async def test_nobody_is_written_to_who_did_not_want_it(store, keyring, way, where):
    """Staff's answer goes into the chat only when the person said so; else it waits for the receipt."""
    house = House(store, keyring, small_library(guichet=json.dumps(FILE)))
    assert await reached(house, *way) == where


async def test_a_number_that_was_taken_back_is_not_filed(store, keyring):
    """A choice drops earlier answers that no longer count."""
    house = House(store, keyring, small_library(guichet=json.dumps(FILE)))
    await house.consent("awa")
    await house.talk("awa", "guichet", "autre", "76 12 34 56", "ici")
    (case,) = await house.rows(tables.cases)
    _, lines = await house.store.run(lambda conn: Desk(conn, house.keyring, READER, house.now).show(case.reference))
    assert lines[0].content == {"reach": "here"}


async def test_a_receipt_waits_an_hour_at_most(house):
    """The words that name an anonymous receipt, or the case it opens, go although no page ever fetched them."""
    await house.consent("eve")
    told = await house.talk("eve", "plainte", "oui", "1", "sans nom", "passer", "Un retard.", "envoyer")
    receipt = next(one.message.text for one in told.said if "Numéro" in one.message.text)
    await house.consent("ali")
    await house.talk("ali", "ma demande", "j'ai un numéro", receipt)
    for address in ("eve", "ali"):
        assert await house.waiting(address)
    house.later(minutes=61)
    await house.store.run(house.followups.tidy)
    outbox = [row for row in await house.rows(tables.outbox) if row.expires_at is not None]
    assert outbox == []
    assert not any("Numéro" in said.message.text for said in await house.waiting("eve"))


async def test_who_left_is_reached_no_more(house):
    """After leaving on a shared phone the address opens nothing, and an answer waits for the receipt."""
    await house.consent("awa")
    await house.talk("awa", "personne", "autre chose", "J'attends.")
    await house.store.run(leaving.leave("web", house.index("awa")))
    assert await house.waiting("awa") is None
    assert await house.count(tables.outbox) == 0
    (case,) = await house.rows(tables.cases)
    where = await house.store.run(
        lambda conn: Desk(conn, house.keyring, READER, house.now).answer(case.reference, "Venez.", house.library)
    )
    assert where == "mailbox"


async def test_an_erase_is_told_to_the_page(house):
    """The person's device is told to forget, too; nothing else says so."""
    await house.consent("awa")
    assert not (await house.talk("awa", "effacer")).erased
    assert (await house.talk("awa", "oui")).erased


async def test_what_is_sealed_does_not_tell_its_length(house):
    """Short and long words make rows of the same size, in steps."""
    await house.consent("awa")
    await house.talk("awa", "aide")
    sizes = {len(row.body) % 256 for row in await house.rows(tables.outbox)}
    assert len(sizes) == 1


@pytest.mark.only_on("sqlite")
async def test_the_log_of_the_database_is_emptied(house, database_url):
    """After an erase, old pages are not left in the write-ahead log."""
    await house.consent("awa")
    await house.talk("awa", "effacer", "oui")
    assert log_size(database_url) > 0
    await house.store.scrub()
    assert log_size(database_url) == 0


def log_size(database_url):
    return Path(f"{make_url(database_url).database}-wal").stat().st_size
