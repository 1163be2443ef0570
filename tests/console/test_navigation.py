"""What stands at the top of every page: how much waits, counted of what one may see, and where a supervisor begins."""

import re
import uuid

from sqlalchemy import insert

from bot.cases import alerts, disclosures, excluding, on_call
from bot.cases.desk import Desk
from bot.console import waits
from storage import random_id, tables
from tests.cases.handmade import put
from tests.cases.test_desk import ordinary, restricted, row_of
from tests.console.test_inbox_pages import change, listed


def places(html):
    """The words at the top, by address, as they are heard."""
    (nav,) = re.findall(r"<nav aria-label=\"Console\">.*?</nav>", html, re.DOTALL)
    nav = re.sub(r"<span[^>]*aria-hidden[^>]*>.*?</span>", "", nav)
    found = re.findall(r'<a href="([^"]*)"[^>]*>(.*?)</a>', nav)
    return {path: " ".join(re.sub(r"<[^>]+>", "", told).split()) for path, told in found}


async def mention(office, reference, staff):
    """A note in the case that names somebody."""
    row = await row_of(office.house, reference)
    note = {"id": random_id(), "case_id": row.id, "staff_id": uuid.uuid4(), "at": office.house.now, "body": b""}

    def write(conn):
        conn.execute(insert(tables.notes), note)
        conn.execute(insert(tables.mentions), {"note_id": note["id"], "staff_id": uuid.UUID(staff.id)})

    await office.house.store.run(write)


async def alert(office, reference):
    row = await row_of(office.house, reference)
    await office.house.store.run(lambda conn: alerts.join(conn, row.contact_id, row.id, office.house.now))


async def do(office, staff, deed):
    return await office.house.store.run(lambda conn: deed(Desk(conn, office.house.keyring, staff, office.house.now)))


async def counted(office, staff):
    return await office.house.store.run(lambda conn: waits.counts(conn, staff, office.house.now))


# ---------------------------------------------------------------- how much waits


async def test_what_waits_is_counted_beside_its_place(office):
    """Mentions beside the cases; alerts and requests for those who answer them. Nothing is said of nothing."""
    mariam = await office.staff("Mariam", "protection")
    b = await office.browser(mariam)
    assert set(places((await b.get("/console/account"))[1]).values()) == {
        "Dossiers", "Saisir un dossier", "Alertes", "Demandes",
    }  # fmt: skip
    reference = await restricted(office.house)
    await mention(office, await ordinary(office.house), mariam)
    await alert(office, reference)
    other = await office.staff("Binta", "protection")
    await do(office, other, lambda desk: disclosures.ask(desk, reference, "Il faut l'appeler."))
    found = places((await b.get("/console/account"))[1])
    assert found["/console"] == "Dossiers on vous mentionne : 1"
    assert found["/console/alerts"] == "Alertes à voir : 1"
    assert found["/console/requests"] == "Demandes à voir : 1"
    html = (await b.get("/console/account"))[1]
    assert re.search(r"<summary>Menu <b><span[^>]*>à voir : </span><span[^>]*></span>3</b></summary>", html)
    english = await office.browser(await office.staff("Ann", "protection", language="en"))
    assert places((await english.get("/console/account"))[1])["/console/alerts"] == "Alerts to look at: 1"


async def test_who_is_not_cleared_is_told_nothing_of_what_is_restricted(office):
    """Not a letter of the page changes with alerts, requests, and a mention in a restricted case."""
    salif, reference = await office.staff("Salif", "supervisor"), await restricted(office.house)
    b = await office.browser(salif)
    _, before = await b.get("/console/account")
    await alert(office, reference)
    await mention(office, reference, salif)
    asks = await office.staff("Binta", "protection")
    await do(office, asks, lambda desk: disclosures.ask(desk, reference, "Il faut l'appeler."))
    assert (await b.get("/console/account"))[1] == before
    assert await counted(office, salif) == {"mentions": 0}
    uncleared = await office.staff("Fatou", "protection", cleared=False)
    assert await counted(office, uncleared) == {}


async def test_each_is_counted_as_its_page_lists_it(office):
    """Kept out by account and by office, of an alert of the same person as well; asking oneself; emergencies."""
    house = office.house
    first = await restricted(house)
    house.later(minutes=1)
    second = await restricted(house, "moussa")
    beside = await ordinary(house, "oumou")
    for reference in (first, second, beside):
        await alert(office, reference)
    people = [await office.staff(name, "protection", office=where) for name, where in
              (("Mariam", "Kayes"), ("Binta", "Gao"), ("Nene", ""), ("Oumou", ""))]  # fmt: skip
    chief = await office.staff("Salif", "supervisor")
    binta, nene = people[1], people[2]
    await do(office, binta, lambda desk: disclosures.ask(desk, first, "Pour l'appeler."))
    await do(office, nene, lambda desk: disclosures.override(desk, second, "Elle est en danger."))
    for reference, who, by in ((first, "office:Kayes", people[3]), (beside, f"staff:{people[3].id}", chief)):
        row = await row_of(house, reference)
        out = (reference, who, "Nommé.", row.version)
        await do(office, by, lambda desk, out=out: excluding.exclude(desk, *out))

    def look(desk):
        listed = {"alerts": len(on_call.open_alerts(desk)), "requests": len(disclosures.waiting(desk))}
        found = waits.counts(desk.conn, desk.staff, desk.now)
        return listed, {name: found[name] for name in listed}

    told = [await do(office, one, look) for one in people]
    assert [found for _, found in told] == [listed for listed, _ in told]
    assert [listed for listed, _ in told] == [
        {"alerts": 3, "requests": 1}, {"alerts": 4, "requests": 1}, {"alerts": 3, "requests": 1},
        {"alerts": 3, "requests": 2},
    ]  # fmt: skip


async def test_a_number_ends_at_ninety_nine(office):
    row = await row_of(office.house, await restricted(office.house))
    rows = [{"id": random_id(), "kind": "urgent", "case_id": row.id, "at": office.house.now} for _ in range(120)]
    await office.house.store.run(lambda conn: conn.execute(insert(tables.alerts), rows) and None)
    b = await office.browser(await office.staff("Mariam", "protection"))
    assert places((await b.get("/console/account"))[1])["/console/alerts"] == "Alertes à voir : 99+"


# ---------------------------------------------------------------- where a supervisor begins


async def view_of(browser, path="/console"):
    _, html = await browser.get(path)
    return re.search(r'aria-current="page"[^>]*id="v-(\w+)"', html)[1], listed(html)


async def test_a_supervisor_begins_with_what_nobody_follows_or_what_is_overdue(office):
    """Then with their own; an agent always does. What the address asks for goes first."""
    chief, awa = await office.staff("Salif", "supervisor"), await office.staff("Awa", "agent")
    salif, agent = await office.browser(chief), await office.browser(awa)
    assert await view_of(salif) == ("mine", [])
    reference = await ordinary(office.house)
    assert await view_of(salif) == ("unassigned", [reference])
    assert await view_of(salif, "/console?view=mine") == ("mine", [])
    assert await view_of(salif, "/console?region=gao") == ("unassigned", [])
    assert await view_of(agent) == ("mine", [])
    await change(office, reference, assignee_id=uuid.UUID(awa.id))
    assert await view_of(salif) == ("mine", [])
    office.house.later(days=30)
    salif, agent = await office.browser(chief), await office.browser(awa)
    assert await view_of(salif) == ("overdue", [reference])
    assert await view_of(agent) == ("mine", [reference])


async def test_what_a_supervisor_may_not_see_leads_nowhere(office):
    await restricted(office.house)
    assert await view_of(await office.browser(await office.staff("Salif", "supervisor"))) == ("mine", [])
    assert await put(office.house)
    assert (await view_of(await office.browser(await office.staff("Sira", "supervisor"))))[0] == "unassigned"
