"""Cases that belong together: nobody learns of one from the other, no number opens what is another's."""

import pytest

from bot.cases import links, merged
from bot.cases.desk import Changed, Desk, NoSuchCase, NotPossible
from bot.cases.may import Staff
from storage import tables
from tests.cases.test_desk import AGENT, CASES, READER, anonymous, at, ordinary, restricted, row_of
from tests.people import House, real_library

KAYES = Staff("", "K", "agent", regions=("kayes",))


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


async def several(house, *addresses):
    """An ordinary case of each, one after the other."""
    references = []
    for address in addresses:
        references.append(await ordinary(house, address))
        house.later(seconds=1)
    return references


async def moved(house, reference, **values):
    await house.store.run(
        lambda conn: conn.execute(CASES.update().where(CASES.c.reference == reference).values(**values))
    )


async def told(house, reference, staff=AGENT):
    """How other cases belong to this one: reference → how."""

    def look(desk: Desk):
        return {one.reference: one.how for one in links.of_case(desk, desk.find(reference, "see"))}

    return await at(house, staff, look)


async def test_linked_cases_point_at_each_other_until_they_are_parted(house):
    """Once, in whatever order they are named; both are in the log."""
    one, two = await several(house, "awa", "ben")
    await at(house, AGENT, lambda desk: links.link(desk, one, two))
    await at(house, AGENT, lambda desk: links.link(desk, two.lower().replace("-", " "), one))
    assert await told(house, one) == {two: "linked"}
    assert await told(house, two) == {one: "linked"}
    await at(house, AGENT, lambda desk: links.part(desk, two, one, house.library))
    assert await told(house, one) == await told(house, two) == {}
    assert [row.deed for row in await house.rows(tables.audit_log)].count("link") == 4


async def test_nobody_learns_of_a_case_by_its_link(house):
    """Who may not see the other sees no link, and can make none; unknown and hidden look alike."""
    one, two = await several(house, "awa", "ben")
    hidden = await restricted(house)
    await moved(house, one, region="kayes")
    await moved(house, two, region="gao")
    await at(house, AGENT, lambda desk: links.link(desk, one, two))
    await at(house, READER, lambda desk: links.link(desk, one, hidden))
    assert await told(house, one, KAYES) == {}
    assert await told(house, one, AGENT) == {two: "linked"}
    words = set()
    for other in (two, hidden, "222-2222", ""):
        for deed in (links.link, links.merge):
            with pytest.raises(NotPossible) as error:
                await at(house, KAYES, lambda desk, d=deed, o=other: d(desk, one, o))
            words.add(str(error.value))
    assert words == {"Vous ne voyez aucun dossier à cette référence."}
    with pytest.raises(NoSuchCase):
        await at(house, KAYES, lambda desk: links.link(desk, two, one))


async def test_a_merged_case_is_closed_and_goes_on_in_the_other(house):
    """Messages stay where they are; parted, it is open again."""
    one, two = await several(house, "awa", "ben")
    before = await row_of(house, one)
    await at(house, AGENT, lambda desk: links.merge(desk, one, two, before.version))
    row, main = await row_of(house, one), await row_of(house, two)
    assert (row.status, row.outcome, row.merged_into, row.closed_at) == ("closed", "merged", main.id, house.now)
    assert main.status == "new"
    assert await told(house, one) == {two: "into"}
    assert await told(house, two) == {one: "from"}
    _, thread = await at(house, AGENT, lambda desk: desk.show(one))
    assert [line.content for line in thread] == [{"about": "J'attends depuis six mois."}, "merged"]
    await at(house, AGENT, lambda desk: links.part(desk, one, two, house.library))
    row = await row_of(house, one)
    assert (row.status, row.outcome, row.merged_into, row.closed_at) == ("reopened", None, None, None)


async def test_two_who_change_a_case_are_told(house):
    """A merge made from an older page does nothing."""
    one, two = await several(house, "awa", "ben")
    before = (await row_of(house, one)).version
    await at(house, AGENT, lambda desk: desk.answer(one, "Bonjour.", house.library))
    with pytest.raises(Changed):
        await at(house, AGENT, lambda desk: links.merge(desk, one, two, before))
    assert (await row_of(house, one)).merged_into is None


async def test_what_is_read_by_others_or_has_no_name_is_not_merged(house):
    """Restricted with ordinary, nameless with named, a case with itself, one that was merged already."""
    one, two, third = await several(house, "awa", "ben", "cam")
    grave, nameless = await restricted(house), await anonymous(house)
    await at(house, READER, lambda desk: links.merge(desk, two, third))
    for other, why in (
        (grave, "restreint"), (nameless, "sans nom"),
        (one, "le même"), (two, "déjà réuni"),
    ):  # fmt: skip
        with pytest.raises(NotPossible) as error:
            await at(house, READER, lambda desk, o=other: links.merge(desk, one, o))
        assert why in str(error.value)
    assert (await row_of(house, one)).merged_into is None


async def test_the_receipt_of_one_person_never_opens_what_was_written_to_another(house):
    """The main case's status is for all; answers and new words are shared by one and the same contact alone."""
    one, other = await several(house, "awa", "ben")
    await house.talk("awa", "menu")
    await house.talk("awa", "personne", "autre chose", "Encore.")
    second = next(row.reference for row in await house.rows(CASES) if row.reference not in (one, other))
    for each in (one, other):
        await at(house, AGENT, lambda desk, each=each: links.merge(desk, each, second))
    first, foreign, main = [await row_of(house, reference) for reference in (one, other, second)]

    def look(conn):
        assert merged.main_of(conn, first).id == merged.main_of(conn, foreign).id == main.id
        assert merged.goes_on_in(conn, first).id == main.id
        assert merged.goes_on_in(conn, foreign).id == foreign.id

    await house.store.run(look)
    assert merged.of_one_person(first, main)
    assert not merged.of_one_person(foreign, main)
    await moved(house, second, restricted=True)  # handed on since: not told in the chat of the ordinary one
    assert not merged.of_one_person(first, await row_of(house, second))


async def test_nameless_cases_are_of_nobody(house):
    """Two without a contact are not of one person."""
    one, two = await anonymous(house, "eve"), None
    await house.consent("fay")
    await house.talk("fay", "plainte", "oui", "1", "sans nom", "passer", "Un autre.", "envoyer")
    two = next(row.reference for row in await house.rows(CASES) if row.reference != one)
    await at(house, AGENT, lambda desk: links.merge(desk, one, two))
    row, main = await row_of(house, one), await row_of(house, two)
    assert not merged.of_one_person(row, main)
    assert (row.closed_at.hour, row.closed_at.minute) == (0, 0)
