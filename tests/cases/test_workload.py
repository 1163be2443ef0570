"""Who has how much to do: ordinary open cases only, on both databases."""

import uuid
from datetime import timedelta

import pytest

from bot.cases import assigning, workload
from bot.cases.desk import Desk, NoSuchCase
from bot.staff import accounts
from tests.cases.handmade import put
from tests.people import BEGINS, House, real_library


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


@pytest.fixture
async def staff(house):
    """Sira leads, Awa works in Kayes, Oumar in Gao."""

    def add(conn):
        for name, role, regions in (
            ("Sira", "supervisor", ()),
            ("Awa", "agent", ("kayes",)),
            ("Oumar", "agent", ("gao",)),
        ):
            accounts.add_staff(conn, name, role, cleared=False, regions=regions, now=BEGINS)
        accounts.add_staff(conn, "Edi", "editor", cleared=False, regions=(), now=BEGINS)
        return {name: accounts.find_staff(conn, name) for name in ("Sira", "Awa", "Oumar")}

    return await house.store.run(add)


async def at(house, somebody, work):
    return await house.store.run(lambda conn: work(Desk(conn, house.keyring, somebody, house.now)))


async def test_the_load_of_each(house, staff):
    """Restricted and closed cases are in no number; the editor has no cases and is not there."""
    awa, old = uuid.UUID(staff["Awa"].id), BEGINS - timedelta(days=20)
    await put(house, 2, assignee_id=awa)
    await put(
        house, assignee_id=awa, status="waiting", owed=False, opened_at=old, last_step_at=BEGINS - timedelta(days=3)
    )
    await put(house, assignee_id=awa, due_at=BEGINS - timedelta(hours=1))
    await put(house, 5, assignee_id=awa, restricted=True)
    await put(house, 5, assignee_id=awa, status="closed")
    loads = {one.name: one for one in await at(house, staff["Sira"], workload.loads)}
    assert set(loads) == {"Sira", "Awa", "Oumar"}
    found = loads["Awa"]
    assert (found.open, found.overdue, found.waiting, found.oldest, found.active_at) == (4, 1, 1, old, BEGINS)
    assert (loads["Oumar"].open, loads["Oumar"].oldest) == (0, None)


async def test_whoever_left_still_shows_with_their_cases(house, staff):
    await put(house, assignee_id=uuid.UUID(staff["Oumar"].id))
    await house.store.run(lambda conn: accounts.disable_staff(conn, "Oumar", house.now))
    await house.store.run(lambda conn: accounts.disable_staff(conn, "Awa", house.now))
    loads = {one.name: one.gone for one in await at(house, staff["Sira"], workload.loads)}
    assert loads == {"Sira": False, "Oumar": True}


async def test_cases_of_nobody_by_region(house, staff):
    await put(house, 3, region="gao", due_at=BEGINS - timedelta(hours=1))
    await put(house, region=None)
    await put(house, 4, region="gao", restricted=True)
    found = await at(house, staff["Sira"], workload.unassigned)
    assert [(one.region, one.open, one.overdue) for one in found] == [("gao", 3, 3), ("", 1, 0)]


async def test_all_of_one_go_to_another_but_what_they_may_not_see(house, staff):
    """Oumar works in Gao: what lies in Kayes stays with Awa."""
    awa, oumar = uuid.UUID(staff["Awa"].id), staff["Oumar"].id
    (kayes,) = await put(house, assignee_id=awa, region="kayes")
    (gao,) = await put(house, assignee_id=awa, region="gao")
    (hidden,) = await put(house, assignee_id=awa, restricted=True)

    def give(desk):
        rows = workload.cases_of(desk, staff["Awa"].id)
        return assigning.assign_many(desk, [(row.reference, row.version) for row in rows], oumar)

    outcome = await at(house, staff["Sira"], give)
    assert (outcome.done, outcome.not_theirs) == ([gao], [kayes])
    assert [row.reference for row in await at(house, staff["Sira"], lambda d: workload.cases_of(d, oumar))] == [gao]
    assert hidden not in outcome.missing


@pytest.mark.parametrize("whose", ["nobody at all", "", "00000000000000000000000000000000"])
async def test_the_page_of_nobody_is_missing(house, staff, whose):
    with pytest.raises(NoSuchCase):
        await at(house, staff["Sira"], lambda desk: workload.name_of(desk, whose))
