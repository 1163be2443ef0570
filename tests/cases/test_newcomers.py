"""Who can see restricted cases from now on does not see those that name them."""

import uuid

import pytest
from sqlalchemy import update

from bot.cases import newcomers, transcripts
from bot.cases.links import merge
from storage import tables
from tests.cases.test_all_named import events, grave, who_sees
from tests.cases.test_desk import at, ordinary, row_of
from tests.cases.test_referrals import do, member
from tests.console.test_matrix import with_file
from tests.people import House, real_library

CASES, EXCLUSIONS = tables.cases, tables.exclusions


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


async def comes(house, name, role="protection", **columns):
    """Somebody new, compared with what there is."""
    one = await member(house, name, role, **columns)
    row = next(row for row in await house.rows(tables.staff) if row.name == name)
    await house.store.run(lambda conn: newcomers.keep_out(conn, house.keyring, row.id, house.now))
    return one


async def test_words_transcripts_and_merged_cases_count(house):
    """Each by itself; a case that names them nowhere is theirs to read."""
    mariam = await member(house, "Mariam Ba", "protection")
    said, later, written, gone, free = [
        await grave(house, words, address)
        for words, address in (
            ("Oumar Keita demande de l'argent.", "ali"), ("Quelqu'un.", "baba"), ("Quelqu'un.", "cheick"),
            ("C'est Oumar Keita.", "demba"), ("Quelqu'un.", "el"),
        )
        if house.later(minutes=1) is None
    ]  # fmt: skip
    receipt_of = await row_of(house, later)
    thread = {"said": "C'est keita, oumar"}

    def say(conn):
        key = newcomers.DataKey(house.keyring.unwrap(receipt_of.data_key))
        newcomers.filing.Thread(conn, receipt_of.id, key, house.now, anonymous=False).say("person", thread)

    await house.store.run(say)
    file = await with_file(house, await row_of(house, written))
    note = {"text": "", "summary": "Oumar Keita", "language": ""}
    await at(house, mariam, lambda desk: transcripts.write(desk, written, file, **note))
    house.later(minutes=1)
    main = await grave(house, "Quelqu'un.", "fily")
    await do(house, mariam, merge, gone, main)
    oumar = await comes(house, "Oumar Keïta")
    every = (said, later, written, main, free)
    assert [await who_sees(house, one, oumar) for one in every] == [[], [], [], [], ["Oumar Keïta"]]
    assert [await events(house, one) for one in (said, later, written, free)] == [[], [], [], []]


async def test_an_office_however_it_is_spelt(house):
    """Named in words, or kept out by hand, of ordinary cases too."""
    reader = await member(house, "Mariam Ba", "protection")
    reference, other = await grave(house, "Ceux du bureau de Gao."), await ordinary(house)
    row = await row_of(house, other)

    def keep(conn):
        conn.execute(EXCLUSIONS.insert(), {"id": uuid.uuid4(), "case_id": row.id, "office": "Gao"})

    await house.store.run(keep)
    named = await comes(house, "Oumar Sy", office="Bureau de  GAO")
    agent = await comes(house, "Fanta", "agent", office=" gao")
    assert await who_sees(house, reference, named, reader) == ["Mariam Ba"]
    assert await who_sees(house, other, agent, named) == ["Oumar Sy"]


async def test_somebody_is_left(house):
    """The only one who is cleared reads the case that names them; the thread says so."""
    reference = await grave(house, "Oumar Keita demande de l'argent.")
    oumar = await comes(house, "Oumar Keïta")
    assert await who_sees(house, reference, oumar) == ["Oumar Keïta"]
    assert await events(house, reference) == ["all_named"]


async def test_closed_cases_are_compared_too(house):
    """They can be read, and opened again: by name and by office."""
    mariam = await member(house, "Mariam Ba", "protection")
    one = await grave(house, "Oumar Keita demande de l'argent.")
    house.later(minutes=1)
    other = await grave(house, "Ceux du bureau de Gao.", "baba")
    await house.store.run(lambda conn: conn.execute(update(CASES).values(status="closed")) and None)
    oumar = await comes(house, "Keita Oumar")
    sira = await comes(house, "Sira Cissé", office="Bureau de Gao")
    assert await who_sees(house, one, oumar, sira, mariam) == ["Sira Cissé", "Mariam Ba"]
    assert await who_sees(house, other, oumar, sira, mariam) == ["Keita Oumar", "Mariam Ba"]


async def test_who_may_see_none_is_kept_out_of_none(house):
    """Not cleared, or gone: nothing is opened."""
    await member(house, "Mariam Ba", "protection")
    await grave(house, "Oumar Keita demande de l'argent.")
    await comes(house, "Oumar Keïta", "agent")
    await comes(house, "Oumar Keita", disabled_at=house.now)
    assert await house.count(EXCLUSIONS) == 0
