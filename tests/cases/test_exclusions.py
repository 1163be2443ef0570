"""Keeping a case from somebody by hand: at once, with a reason, and never so that nobody is left."""

import uuid

import pytest

from bot.cases import drafts, excluding, lists
from bot.cases.desk import Changed, NoSuchCase, NotPossible
from storage import tables
from tests.cases.test_desk import at, ordinary, restricted, row_of
from tests.cases.test_referrals import do, events, member
from tests.people import House, real_library

EXCLUSIONS, AUDIT, CASES = tables.exclusions, tables.audit_log, tables.cases
WHY = "Nommé dans le message vocal."


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


async def sees(house, reference, staff):
    try:
        await at(house, staff, lambda desk: desk.find(reference, "see") and None)
    except NoSuchCase:
        return False
    return True


async def excluded(house, reference, staff):
    row = await row_of(house, reference)
    return await at(house, staff, lambda desk: excluding.excluded(desk, row))


async def test_somebody_is_kept_out_and_let_in_again(house):
    """By name: from their next request on; what they held of it is gone; the reason is in the sealed thread alone."""
    reference = await restricted(house)
    reader, named = await member(house, "Mariam Ba", "protection"), await member(house, "Oumar Sy", "protection")
    row = await row_of(house, reference)

    def take(conn):
        conn.execute(CASES.update().values(assignee_id=uuid.UUID(named.id)))

    await house.store.run(take)
    await do(house, named, drafts.save, reference, "Bonjour")
    assert await house.count(tables.reply_drafts) == 1
    version = (await row_of(house, reference)).version
    await do(house, reader, excluding.exclude, reference, f"staff:{named.id}", WHY, version)
    assert (await sees(house, reference, named), await sees(house, reference, reader)) == (False, True)
    page = await house.store.read(lambda conn: conn.execute(lists.lines().where(lists.visible(named))).all())
    assert page == []
    row = await row_of(house, reference)
    assert row.assignee_id is None
    assert await house.count(tables.reply_drafts) == 0
    assert "message vocal" not in str([tuple(one) for one in await house.rows(AUDIT)])
    assert await events(house, reference) == ["excluded"]
    with pytest.raises(Changed):
        await do(house, reader, excluding.exclude, reference, f"staff:{named.id}", WHY, version)
    with pytest.raises(NotPossible):
        await do(house, reader, excluding.exclude, reference, f"staff:{named.id}", WHY)
    (one,) = await excluded(house, reference, reader)
    assert (one.name, one.is_office) == ("Oumar Sy", False)
    with pytest.raises(NoSuchCase):  # whoever is out does not let themselves in
        await do(house, named, excluding.include, reference, one.id, WHY)
    with pytest.raises(NotPossible):
        await do(house, reader, excluding.include, reference, one.id, " ")
    assert not await sees(house, reference, named)
    await do(house, reader, excluding.include, reference, one.id, "Un homonyme.")
    assert await sees(house, reference, named)
    assert [row.deed for row in await house.rows(AUDIT) if row.deed in ("exclude", "include")] == ["exclude", "include"]


async def test_a_whole_office_is_kept_out(house):
    """Those who come to it later as well; one's own office only by stepping aside."""
    reference = await restricted(house)
    reader = await member(house, "Mariam Ba", "protection", office="Bamako")
    there = await member(house, "Oumar Sy", "protection", office="Gao")
    await do(house, reader, excluding.exclude, reference, "office:Gao", WHY)
    later = await member(house, "Awa Cissé", "protection", office="Gao")
    assert {await sees(house, reference, one) for one in (there, later)} == {False}
    for wrong in ("office:Bamako", "office:Kayes", "staff:" + "0" * 32, "nonsense", f"staff:{reader.id}"):
        with pytest.raises(NotPossible):
            await do(house, reader, excluding.exclude, reference, wrong, WHY)


async def test_somebody_is_always_left(house):
    """The last one who is cleared can neither be kept out nor step aside."""
    reference = await restricted(house)
    reader, other = await member(house, "Mariam Ba", "protection"), await member(house, "Oumar Sy", "protection")
    await member(house, "Kadia", "supervisor")
    await do(house, other, excluding.recuse, reference, "C'est mon cousin.")
    assert not await sees(house, reference, other)
    with pytest.raises(NotPossible, match="Plus personne"):
        await do(house, reader, excluding.recuse, reference, WHY)
    assert await sees(house, reference, reader)
    assert await house.count(EXCLUSIONS) == 1


async def test_who_is_disabled_is_nobody_left(house):
    """An account that can't sign in reads nothing."""
    reference = await restricted(house)
    reader, other = await member(house, "Mariam Ba", "protection"), await member(house, "Oumar Sy", "protection")
    await member(house, "Awa Cissé", "protection", disabled_at=house.now)
    await do(house, other, excluding.recuse, reference, WHY)
    with pytest.raises(NotPossible):
        await do(house, reader, excluding.recuse, reference, WHY)


async def test_anybody_steps_aside_and_supervisors_keep_others_out_of_ordinary_cases(house):
    """An agent excludes nobody else; stepping aside needs a reason that others can read."""
    reference = await ordinary(house)
    agent, other = await member(house, "Fanta"), await member(house, "Kadia")
    boss = await member(house, "Sira", "supervisor")
    with pytest.raises(NoSuchCase):
        await do(house, agent, excluding.exclude, reference, f"staff:{other.id}", WHY)
    with pytest.raises(NotPossible):
        await do(house, agent, excluding.recuse, reference, "")
    await do(house, agent, excluding.recuse, reference, "C'est ma tante.")
    await do(house, boss, excluding.exclude, reference, f"staff:{other.id}", WHY)
    assert (await sees(house, reference, agent), await sees(house, reference, other)) == (False, False)
    assert await events(house, reference) == ["recused", "excluded"]
    names = await at_choices(house, reference, boss)
    assert names == []


async def at_choices(house, reference, staff):
    row = await row_of(house, reference)
    return await at(house, staff, lambda desk: [name for _, name, _ in excluding.choices(desk, row)])
