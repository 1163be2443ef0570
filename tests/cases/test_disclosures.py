"""Identities in restricted cases: asked for with a reason, granted by a second person, for a time."""

import uuid

import pytest

from bot.cases import disclosures, knowing
from bot.cases.desk import NoSuchCase, NotPossible
from storage import tables
from tests.cases.test_desk import AGENT, at, ordinary, restricted, row_of
from tests.cases.test_referrals import do, member
from tests.people import House, real_library

DISCLOSURES, AUDIT = tables.disclosures, tables.audit_log
WHY = "Je dois l'appeler avant le procès."


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


async def three(house):
    """A restricted case, who asks, who decides."""
    reference = await restricted(house)
    asks, decides = await member(house, "Mariam Ba", "protection"), await member(house, "Binta Sy", "protection")
    return reference, asks, decides


async def knows(house, reference, staff):
    row = await row_of(house, reference)
    return await at(house, staff, lambda desk: desk.may("identity", row))


async def requests(house, reference, staff):
    row = await row_of(house, reference)
    return await at(house, staff, lambda desk: disclosures.of_case(desk, row))


async def audited(house):
    return [row.deed for row in await house.rows(AUDIT)]


async def test_a_second_person_grants_it_for_thirty_days(house):
    """The reason is sealed; nobody grants themselves; both deeds are in the audit log."""
    reference, asks, decides = await three(house)
    await do(house, asks, disclosures.ask, reference, WHY)
    (one,) = await requests(house, reference, decides)
    assert (one.asked_by, one.mine, one.reason, one.state) == ("Mariam Ba", False, WHY, "waiting")
    assert not await knows(house, reference, asks)
    with pytest.raises(NoSuchCase):  # what one asked for oneself is no deed of one's own
        await do(house, asks, disclosures.decide, reference, one.id, granted=True)
    await do(house, decides, disclosures.decide, reference, one.id, granted=True)
    assert (await knows(house, reference, asks), await knows(house, reference, decides)) == (True, False)
    with pytest.raises(NotPossible):
        await do(house, decides, disclosures.decide, reference, one.id, granted=False)
    with pytest.raises(NotPossible):
        await do(house, asks, disclosures.ask, reference, WHY)
    house.later(days=30, seconds=-1)
    assert await knows(house, reference, asks)
    house.later(seconds=1)
    assert not await knows(house, reference, asks)
    assert [one.state for one in await requests(house, reference, asks)] == ["over"]
    assert {"ask identity", "grant identity"} <= set(await audited(house))
    (stored,) = await house.rows(DISCLOSURES)
    assert b"proc" not in bytes(stored.reason)
    assert "procès" not in str([tuple(row) for row in await house.rows(AUDIT)])


async def test_refused_withdrawn_and_ended(house):
    """Whoever waits for an answer decides on nobody's request; they may take their own back."""
    reference, asks, decides = await three(house)
    await do(house, asks, disclosures.ask, reference, WHY)
    await do(house, decides, disclosures.ask, reference, WHY)
    theirs = next(one for one in await requests(house, reference, decides) if not one.mine)
    with pytest.raises(NoSuchCase):
        await do(house, decides, disclosures.decide, reference, theirs.id, granted=True)
    await do(house, decides, disclosures.withdraw, reference)
    with pytest.raises(NotPossible):
        await do(house, decides, disclosures.withdraw, reference)
    await do(house, decides, disclosures.decide, reference, theirs.id, granted=False)
    assert not await knows(house, reference, asks)
    assert sorted(one.state for one in await requests(house, reference, asks)) == ["refused", "withdrawn"]
    house.later(minutes=1)
    await do(house, asks, disclosures.ask, reference, WHY)
    again = next(one for one in await requests(house, reference, decides) if one.state == "waiting")
    await do(house, decides, disclosures.decide, reference, again.id, granted=True)
    await do(house, decides, disclosures.end, reference, again.id)
    assert not await knows(house, reference, asks)


async def test_in_an_emergency_it_is_known_at_once_and_somebody_is_told(house):
    """For 72 hours; it waits in the list of others until one of them has seen it, and is in the audit log."""
    reference, asks, decides = await three(house)
    with pytest.raises(NotPossible):
        await do(house, asks, disclosures.override, reference, "  ")
    await do(house, asks, disclosures.ask, reference, WHY)
    await do(house, asks, disclosures.override, reference, "Il est devant sa porte.")
    assert await knows(house, reference, asks)
    (told,) = await at(house, decides, disclosures.waiting)
    assert (told.reference, told.asked_by, told.emergency) == (reference, "Mariam Ba", True)
    assert await at(house, asks, disclosures.waiting) == []
    one = next(one for one in await requests(house, reference, decides) if one.emergency)
    assert (one.state, one.reason) == ("unseen", "Il est devant sa porte.")
    with pytest.raises(NotPossible):
        await do(house, asks, disclosures.seen, reference, one.id)
    await do(house, decides, disclosures.seen, reference, one.id)
    assert await at(house, decides, disclosures.waiting) == []
    assert await knows(house, reference, asks)  # seen is not granted: it ends when it would have
    house.later(hours=72)
    assert not await knows(house, reference, asks)
    assert knowing.EMERGENCY_FOR < knowing.KNOWN_FOR
    assert {"identity override", "identity override seen"} <= set(await audited(house))


async def test_who_may_not_know_of_the_case_learns_of_no_request(house):
    """Not in the list, not by its number: the agent, the supervisor, the excluded, the one who is not cleared."""
    reference, asks, decides = await three(house)
    await do(house, asks, disclosures.ask, reference, WHY)
    row = await row_of(house, reference)
    await house.store.run(
        lambda conn: conn.execute(
            tables.exclusions.insert(),
            {"id": row.id, "case_id": row.id, "staff_id": uuid.UUID(decides.id), "office": None},
        )
    )
    assert await at(house, decides, disclosures.waiting) == []
    for staff in (AGENT, decides, await member(house, "Kadia", "supervisor")):
        with pytest.raises(NoSuchCase):
            await do(house, staff, disclosures.ask, reference, WHY)
        with pytest.raises(NoSuchCase):
            await do(house, staff, disclosures.override, reference, WHY)


async def test_what_has_no_hidden_identity_is_not_asked_for(house):
    """A case without a name, and an ordinary one; an unknown request; a reason without end."""
    reference, asks, decides = await three(house)
    await house.consent("eve")
    await house.talk("eve", "plainte", "oui", "3", "sans nom", "passer", "Il menace.", "envoyer")
    unnamed = next(row.reference for row in await house.rows(tables.cases) if row.anonymous)
    for deed in (disclosures.ask, disclosures.override):
        with pytest.raises(NotPossible):
            await do(house, asks, deed, unnamed, WHY)
        with pytest.raises(NotPossible):
            await do(house, asks, deed, reference, "x" * 1001)
    plain = await ordinary(house)
    with pytest.raises(NoSuchCase):
        await do(house, AGENT, disclosures.ask, plain, WHY)
    for wrong in ("nonsense", "0" * 32):
        with pytest.raises(NoSuchCase):
            await do(house, decides, disclosures.decide, reference, wrong, granted=True)
