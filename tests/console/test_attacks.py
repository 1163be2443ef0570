"""What somebody who means harm would try at the console; each of these ways was open once. On both databases."""

import uuid
from argparse import Namespace
from datetime import timedelta

import pytest

from bot.cases import disclosures, exclusions, transcripts, workflow
from bot.cases.desk import Desk, NoSuchCase
from bot.commands import people as commands
from bot.staff.who import of_row
from storage import tables
from tests.cases.test_all_named import grave
from tests.cases.test_desk import ordinary, restricted, row_of
from tests.console.conftest import fields
from tests.console.test_matrix import with_file
from tests.console.test_settings import form, published  # noqa: F401 - one is a fixture

CASES, STAFF = tables.cases, tables.staff


async def at(office, staff, deed):
    return await office.house.store.run(lambda conn: deed(Desk(conn, office.house.keyring, staff, office.house.now)))


async def account(office, name):
    return await office.house.store.read(lambda conn: conn.execute(STAFF.select().where(STAFF.c.name == name)).one())


def rights(row, **more):
    given = {"role": row.role, "office": row.office, "region": list(row.regions), "version": str(row.version)}
    return {**given, **({"cleared": "1"} if row.cleared else {}), **more}


async def test_words_in_an_error_are_no_html(office):
    """What was typed comes back in what the page says."""
    reference = await ordinary(office.house)
    b = await office.browser(await office.staff("Awa"))
    status, html = await b.post(f"/console/cases/{reference}/note", {"text": "@x<form/action=//evil>"})
    assert status == 422
    assert "@x&lt;form/action=//evil&gt;" in html
    assert "<form/action" not in html


async def test_a_number_that_is_none_is_no_failure(office):
    reference = await ordinary(office.house)
    boss = await office.browser(await office.staff("Sira", "supervisor"))
    for version in ("²", "9" * 5000):
        status, _ = await boss.post(f"/console/cases/{reference}/take", {"version": version})
        assert status < 500
        form = {"case": reference, f"version-{reference}": version, "to": boss.staff.id}
        assert (await boss.post("/console/workload/none", form))[0] < 500


async def test_who_was_cleared_and_is_no_more_is_told_all_the_same(office):
    """An administrator lets an account in for an hour and takes it back before anybody looks."""
    mariam = await office.browser(await office.staff("Mariam", "protection"))
    admin = await office.browser(await office.staff("Sidi", "administrator"))
    await office.staff("Mine", "protection", cleared=False)
    office.house.later(minutes=1)
    row = await account(office, "Mine")
    path = f"/console/people/{row.id.hex}/change"
    assert (await admin.post(path, rights(row, cleared="1")))[0] == 303
    row = await account(office, "Mine")
    back = {name: value for name, value in rights(row).items() if name != "cleared"}
    assert (await admin.post(path, back))[0] == 303
    assert "Mine, par Sidi" in (await mariam.get("/console/account"))[1]


async def test_the_account_of_somebody_cleared_is_not_taken_over_unseen(office):
    """Whoever hands out a new set-up code may come in by it: the others who are cleared are told."""
    mariam = await office.browser(await office.staff("Mariam", "protection"))
    await office.staff("Fatou", "protection")
    admin = await office.browser(await office.staff("Sidi", "administrator"))
    office.house.later(minutes=1)
    row = await account(office, "Fatou")
    assert "Fatou, par Sidi" not in (await mariam.get("/console/account"))[1]
    assert (await admin.post(f"/console/people/{row.id.hex}/reset"))[0] == 200
    assert "Fatou, par Sidi" in (await mariam.get("/console/account"))[1]
    office.house.later(minutes=1)
    await mariam.post("/console/account/told")
    assert "Fatou, par Sidi" not in (await mariam.get("/console/account"))[1]
    office.house.later(minutes=1)
    assert (await admin.post(f"/console/people/{row.id.hex}/disable"))[0] == 303
    assert (await admin.post(f"/console/people/{row.id.hex}/enable"))[0] == 200
    assert "Fatou, par Sidi" in (await mariam.get("/console/account"))[1]


async def test_what_came_after_the_page_was_made_is_not_seen_with_it(office):
    """Somebody is cleared between the page and its button."""
    mariam = await office.browser(await office.staff("Mariam", "protection"))
    office.house.later(minutes=1)
    await office.staff("Fatou", "protection")
    _, html = await mariam.get("/console/account")
    assert "Fatou, par" in html
    shown = fields(html)["shown"]
    office.house.later(minutes=1)
    await office.staff("Mine", "protection")
    assert (await mariam.post("/console/account/told", {"shown": shown}))[0] == 303
    _, html = await mariam.get("/console/account")
    assert "Fatou, par" not in html
    assert "Mine, par" in html
    for wrong in ("", "x", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00"):
        assert (await mariam.post("/console/account/told", {"shown": wrong}))[0] == 303


async def test_who_is_named_in_a_voice_note_that_was_written_down_is_excluded(office):
    """It was written down while the case was ordinary; then it is handed to the small team."""
    accused = await office.staff("Oumar Keïta", "protection")
    reader = await office.staff("Mariam Ba", "protection")
    reference = await ordinary(office.house)
    row = await row_of(office.house, reference)
    file = await with_file(office.house, row)
    agent = await office.staff("Awa")
    await at(
        office,
        agent,
        lambda desk: transcripts.write(
            desk, reference, file, text="Oumar Keïta a pris l'argent", summary="", language=""
        ),
    )
    await at(office, agent, lambda desk: workflow.restrict(desk, reference, "serious", office.house.library, sure=True))
    assert (await (await office.browser(reader)).get(f"/console/cases/{reference}"))[0] == 200
    assert (await (await office.browser(accused)).get(f"/console/cases/{reference}"))[0] == 404


async def test_words_do_not_hide_a_case_from_all_who_read_it(office):
    """Whoever names everybody hides nothing: those who read it are told, and decide who steps aside."""
    staff = [await office.staff(name, "protection") for name in ("Oumar Keïta", "Mariam Ba")]
    reference = await grave(office.house, "Oumar Keita et Mariam Ba demandent de l'argent.")
    for one in staff:
        status, html = await (await office.browser(one)).get(f"/console/cases/{reference}")
        assert (status, "Décidez qui se récuse." in html) == (200, True)


@pytest.mark.parametrize("way", ["added", "cleared", "opened again", "command line"])
async def test_an_account_made_after_the_words_is_compared_with_them(office, way):
    """Somebody who is named waits, and has an account made: the case is not there for them."""
    house, name = office.house, "Oumar Keïta"
    reader = await office.browser(await office.staff("Mariam Ba", "protection"))
    admin = await office.browser(await office.staff("Sidi", "administrator"))
    reference = await grave(house, "Oumar Keita demande de l'argent.")
    form = {"name": name, "role": "protection", "cleared": "1", "office": ""}
    if way == "added":
        assert (await admin.post("/console/people/add", form))[0] == 200
    elif way == "command line":
        given = Namespace(name=name, role="protection", cleared=True, region=[], office="")
        await house.store.run(lambda conn: commands._add(conn, house.keyring, given, house.now))
    else:
        gone = {"disabled_at": house.now} if way == "opened again" else {}
        await office.staff(name, "protection", cleared=way == "opened again", **gone)
        row = await account(office, name)
        deed, more = ("enable", {}) if gone else ("change", rights(row, cleared="1"))
        assert (await admin.post(f"/console/people/{row.id.hex}/{deed}", more))[0] < 400
    row = await account(office, name)
    assert (row.cleared, row.disabled_at) == (True, None)
    named = await office.browser(of_row(row))
    assert (await named.get("/console?view=restricted"))[1].count(reference) == 0
    assert (await named.get(f"/console/cases/{reference}"))[0] == 404
    assert (await reader.get(f"/console/cases/{reference}"))[0] == 200


async def test_merged_cases_are_kept_from_the_same_people(office):
    house = office.house
    one = await restricted(house, "ali")
    house.later(minutes=1)
    two = await restricted(house, "baba")
    named = await office.staff("Nouhoum", "protection")
    reader = await office.browser(await office.staff("Mariam", "protection"))
    row = await row_of(house, one)
    await house.store.run(lambda conn: exclusions.exclude(conn, row.id, staff_id=uuid.UUID(named.id)))
    status, html = await reader.post(f"/console/cases/{one}/link", {"other": two, "how": "merge"})
    assert status == 303, html
    assert (await (await office.browser(named)).get(f"/console/cases/{two}"))[0] == 404


async def test_a_percent_in_a_setting_is_told_and_no_failure(published):  # noqa: F811
    """What an administrator typed stands in what is wrong with it."""
    who = await published.browser(await published.staff("Fanta", "administrator"))
    _, html = await who.get("/console/settings")
    status, html = await who.post("/console/settings", {**form(html), "holidays": "50%<b>"})
    assert status == 422
    assert "50%&lt;b&gt;" in html
    assert "<b>" not in html


class Counted:
    """A connection, and how often it was asked."""

    def __init__(self, conn):
        self.conn, self.asked = conn, 0

    def execute(self, *given, **more):
        self.asked += 1
        return self.conn.execute(*given, **more)


@pytest.mark.parametrize("role", ["agent", "supervisor", "editor", "administrator"])
async def test_a_restricted_case_is_not_looked_for_longer_than_none(office, role):
    """Each look at the database takes a time that somebody could measure."""
    reference = await restricted(office.house)
    staff = await office.staff("Awa", role)

    def asked(conn, which):
        counted = Counted(conn)
        with pytest.raises(NoSuchCase):
            Desk(counted, office.house.keyring, staff, office.house.now).find(which, "see")
        return counted.asked

    store = office.house.store
    assert await store.run(lambda conn: asked(conn, reference)) == await store.run(lambda conn: asked(conn, "222-2222"))


async def test_the_window_of_a_chat_does_not_join_two_cases(office):
    """Its minute is the same beside the ordinary case, where the name stands."""
    house = office.house
    reference = await restricted(house)
    until = house.now + timedelta(hours=3, minutes=7)
    await house.store.run(lambda conn: conn.execute(tables.contacts.update().values(window_until=until)) and None)
    mariam = await office.staff("Mariam", "protection")
    path = f"/console/cases/{reference}"
    status, html = await (await office.browser(mariam)).get(path)
    assert status == 200
    assert "fenêtre" not in html
    await at(office, mariam, lambda desk: disclosures.override(desk, reference, "En danger."))
    assert "fenêtre ouverte" in (await (await office.browser(mariam)).get(path))[1]
