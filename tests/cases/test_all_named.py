"""Words alone never hide a case from all who could read it; those they do keep out leave nothing behind."""

import uuid
from dataclasses import replace

import pytest

from bot.cases import drafts, entering, exclusions, filing, transcripts, workflow
from bot.cases.desk import NoSuchCase
from storage import tables
from tests.cases.test_desk import at, newest, ordinary, row_of
from tests.cases.test_entering import NAMED
from tests.cases.test_referrals import do, member
from tests.console.test_matrix import with_file
from tests.people import House, real_library, texts

EXCLUSIONS, CASES, MESSAGES = tables.exclusions, tables.cases, tables.case_messages
BOTH = "Oumar Keita et Mariam Ba demandent de l'argent, Awa Sow aussi."


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


async def two(house):
    """Two who are cleared, and others who read nothing: one who is not, one who left."""
    await member(house, "Awa Sow")
    await member(house, "Kadia", "protection", cleared=False)
    await member(house, "Sira", "protection", disabled_at=house.now)
    return await member(house, "Oumar Keïta", "protection"), await member(house, "Mariam Ba", "protection")


async def grave(house, account, address="ali"):
    """A grave complaint with a name. Its reference."""
    await house.consent(address)
    await house.talk(address, "plainte", "oui", "3", "oui", "Ali", "Kayes", account, "ici", "envoyer")
    return await newest(house, restricted=True)


async def who_sees(house, reference, *staff):
    seen = []
    for one in staff:
        try:
            await at(house, one, lambda desk: desk.find(reference, "see") and None)
        except NoSuchCase:
            continue
        seen.append(one.name)
    return seen


async def events(house, reference):
    """What the sealed thread of a case notes, in its order."""
    row = await row_of(house, reference)
    key = house.keyring.unwrap(row.data_key)
    rows = sorted((one for one in await house.rows(MESSAGES) if one.case_id == row.id), key=lambda one: one.position)
    bodies = (filing.open_body(filing.DataKey(key), one.id, one.body) for one in rows if one.author == "system")
    return [body["event"] for body in bodies]


async def test_a_story_that_names_everybody(house):
    """Nobody is kept out, not even those who are not cleared; the thread tells those who must decide."""
    staff = await two(house)
    reference = await grave(house, BOTH)
    assert await who_sees(house, reference, *staff) == ["Oumar Keïta", "Mariam Ba"]
    assert await house.count(EXCLUSIONS) == 0
    assert await events(house, reference) == ["all_named"]
    told = await house.talk("ali", "ma demande")  # what the system noted is not for the person
    assert "all_named" not in str(told)
    assert "habilitées" not in str(told)


async def test_one_word_after_the_other(house):
    """The first who is named is out; the last who is left stays, whoever holds the receipt."""
    oumar, mariam = await two(house)
    await house.consent("eve")
    told = await house.talk("eve", "plainte", "oui", "3", "sans nom", "passer", "C'est Oumar Keita.", "envoyer")
    receipt = next(line for line in texts(told)[-1].splitlines() if line[:1].isdigit())
    (row,) = await house.rows(CASES)
    assert await who_sees(house, row.reference, oumar, mariam) == ["Mariam Ba"]
    await house.consent("friend")
    await house.talk("friend", "mon reçu", "2", receipt, "ajouter", "Mariam Ba et Awa Sow aussi.")
    assert await who_sees(house, row.reference, oumar, mariam) == ["Mariam Ba"]
    assert await events(house, row.reference) == ["all_named"]
    assert await house.count(EXCLUSIONS) == 1
    assert {one.at.hour for one in await house.rows(MESSAGES) if one.case_id == row.id} == {0}


async def test_an_office_is_everybody_in_it(house):
    """However they spell it; one who is elsewhere is left."""
    oumar, mariam = await two(house)
    offices = {oumar: "Bureau de Gao", mariam: "bureau  de GAO"}
    for one, office in offices.items():
        theirs = tables.staff.c.id == uuid.UUID(one.id)
        await house.store.run(lambda c, t=theirs, o=office: c.execute(tables.staff.update().where(t).values(office=o)))
    oumar, mariam = (replace(one, office=office) for one, office in offices.items())
    reference = await grave(house, "Ceux du bureau de Gao.")
    assert await who_sees(house, reference, oumar, mariam) == ["Oumar Keïta", "Mariam Ba"]
    assert await events(house, reference) == ["all_named"]
    awa = await member(house, "Awa Cissé", "protection")
    house.later(minutes=1)
    other = await grave(house, "Ceux du bureau de Gao.", "baba")
    assert await who_sees(house, other, oumar, mariam, awa) == ["Awa Cissé"]
    # spelt anew, they are out all the same
    again = [replace(one, office="Gao, bureau") for one in (oumar, mariam)]
    assert await who_sees(house, other, *again) == []


async def test_entered_for_somebody(house):
    staff, awa = await two(house), await member(house, "Fanta")
    entry = replace(NAMED, account=BOTH)
    entered = await at(house, awa, lambda desk: entering.enter(desk, entry, "one form", house.library))
    assert await who_sees(house, entered.reference, *staff) == ["Oumar Keïta", "Mariam Ba"]
    assert await events(house, entered.reference) == ["all_named", "consented"]


async def test_handed_to_the_cleared(house):
    """All that was said and written down counts together."""
    staff, fanta = await two(house), await member(house, "Fanta")
    reference = await ordinary(house)
    await house.hear("awa", "Oumar Keita.")
    file = await with_file(house, await row_of(house, reference))
    written = {"text": "Mariam Ba", "summary": "", "language": ""}
    await at(house, fanta, lambda desk: transcripts.write(desk, reference, file, **written))
    await do(house, fanta, workflow.restrict, reference, "serious", house.library, sure=True)
    assert await who_sees(house, reference, *staff) == ["Oumar Keïta", "Mariam Ba"]
    assert await events(house, reference) == ["all_named", "restricted"]


async def test_nothing_of_whoever_is_named_later_stays(house):
    """The case is nobody's again, and what they had begun to write goes."""
    oumar, mariam = await two(house)
    reference = await grave(house, "Quelqu'un.")
    theirs = {"assignee_id": uuid.UUID(oumar.id)}
    await house.store.run(lambda conn: conn.execute(CASES.update().values(theirs)) and None)
    for one in (oumar, mariam):
        await do(house, one, drafts.save, reference, "Bonjour")
    file = await with_file(house, await row_of(house, reference))
    written = {"text": "C'est Oumar Keita", "summary": "", "language": ""}
    await at(house, mariam, lambda desk: transcripts.write(desk, reference, file, **written))
    assert await who_sees(house, reference, oumar, mariam) == ["Mariam Ba"]
    assert (await row_of(house, reference)).assignee_id is None
    assert [one.staff_id.hex for one in await house.rows(tables.reply_drafts)] == [mariam.id]


async def test_where_nobody_is_cleared_yet(house):
    """Who is named is out, and stays out once others are cleared."""
    oumar = await member(house, "Oumar Keita")
    reference = await grave(house, BOTH)
    row = await row_of(house, reference)
    kept = await house.store.read(lambda conn: exclusions.kept_out(conn, row.id))
    assert kept == ({uuid.UUID(oumar.id)}, set())
