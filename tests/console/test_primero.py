"""One consented case for Primero: what was agreed to goes, and nothing else; without consent nothing does."""

import json

import pytest
from sqlalchemy import update

from bot.cases import disclosures, referrals, services, workflow
from bot.cases.desk import Desk
from bot.cases.referrals import Asked
from storage import tables

CASES, SERVICE = tables.cases, "anpe"


@pytest.fixture
async def fanta(office):
    return await office.browser(await office.staff("Fanta", "agent"))


async def named(office, address="awa"):
    """An ordinary complaint with a name, from Kayes. Its reference."""
    await office.house.consent(address)
    await office.house.talk(
        address, "plainte", "oui", "1", "tap complaint/identity:yes", "Awa Diarra", "Kayes", "Un retard de six mois."
    )
    await office.house.talk(address, "ici", "envoyer")
    (row,) = await office.house.rows(CASES)
    await office.house.store.run(lambda conn: conn.execute(update(CASES).values(region="kayes")) and None)
    return row.reference


async def at(office, staff, work):
    house = office.house
    return await house.store.run(lambda conn: work(Desk(conn, house.keyring, staff, house.now)))


async def agreed(office, browser, told):
    """The person's yes in the chat to a referral that tells so much. The reference and the referral."""
    reference, house = await named(office), office.house
    made = await at(
        office, browser.staff, lambda desk: referrals.propose(desk, reference, Asked(SERVICE, told), house.library)
    )
    await house.hear("awa", f"tap consent/{made.id}:yes")
    return reference, made


async def test_what_was_agreed_to_goes_out_and_nothing_else(office, fanta):
    """The story was not ticked: it stays here, as do the opening day and other numbers. What goes is shown before."""
    reference, made = await agreed(
        office, fanta, {"name": "Awa Diarra", "region": "", "summary": "Cherche une formation."}
    )
    await at(office, fanta.staff, lambda desk: workflow.number_elsewhere(desk, reference, "MIM-7"))
    path = f"/console/cases/{reference}/export.json"
    status, html = await fanta.get(path)
    assert status == 200
    assert "Awa Diarra" in html
    assert "MIM-7" not in html
    assert "retard" not in html
    assert html.count(f'name="referral" value="{made.id}"') == 1
    status, body = await fanta.post(path, {"referral": made.id})
    assert status == 200
    assert fanta.last.headers["Content-Disposition"] == 'attachment; filename="primero.json"'
    assert fanta.last.headers["Cache-Control"] == "no-store"
    assert json.loads(body) == {
        "data": {
            "name": "Awa Diarra",
            "location_current": "ML01",
            "other_agency_id": reference,
            "consent_for_services": True,
            "disclosure_other_orgs": True,
            "notes_section": [{"note_text": "Cherche une formation."}],
        }
    }
    row = (await office.house.rows(tables.audit_log))[-1]
    assert (row.staff, row.deed) == ("Fanta", "export case")
    assert "Diarra" not in row.detail


async def test_without_a_consent_it_is_refused_kindly(office, fanta):
    reference = await named(office)
    path = f"/console/cases/{reference}/export.json"
    status, html = await fanta.get(path)
    assert (status, "pas donné son accord" in html) == (200, True)
    assert "Awa Diarra" not in html
    status, body = await fanta.post(path)
    assert status == 422
    assert "Awa Diarra" not in body
    _, page = await fanta.get(f"/console/cases/{reference}")
    assert "export.json" not in page


async def test_a_yes_that_was_taken_back_is_none(office, fanta):
    reference, made = await agreed(office, fanta, {"name": "Awa Diarra"})
    _, page = await fanta.get(f"/console/cases/{reference}")
    assert "export.json" in page
    await at(office, fanta.staff, lambda desk: referrals.revoke(desk, reference, made.id, "Elle l'a dit au bureau."))
    assert (await fanta.post(f"/console/cases/{reference}/export.json", {"referral": made.id}))[0] == 422


async def test_a_yes_holds_for_the_service_it_names_alone(office, fanta):
    """Two were agreed to, each knows what it was told; without a choice nothing goes, nor to one of another case."""
    reference, first = await agreed(office, fanta, {"name": "Awa Diarra", "phone": "70 11 22 33"})
    path, house = f"/console/cases/{reference}/export.json", office.house
    house.later(minutes=1)
    other = next(key for key in sorted(house.library.directory.services) if key != SERVICE and offered(house, key))
    asked = Asked(other, {"name": "Awa Diarra", "region": ""})
    second = await at(office, fanta.staff, lambda desk: referrals.propose(desk, reference, asked, house.library))
    assert await told(fanta, path, second) == ""  # asked for is not agreed to
    await house.hear("awa", f"tap consent/{second.id}:yes")
    # the case moves on; the person agreed to what they were told then
    await house.store.run(lambda conn: conn.execute(update(CASES).values(region="gao")) and None)
    assert "70 11 22 33" in await told(fanta, path, first)
    assert "location_current" not in await told(fanta, path, first)
    assert "70 11 22 33" not in await told(fanta, path, second)
    assert '"location_current": "ML01"' in await told(fanta, path, second)
    for wrong in ({}, {"referral": ""}, {"referral": "0" * 32}):
        status, html = await fanta.post(path, wrong)
        assert (status, "Choisissez le service" in html, "Diarra" in html) == (422, True, False)
    last = [row.detail for row in await house.rows(tables.audit_log) if row.deed == "export case"][-1]
    assert house.library.words(f"services:{other}", "fr") in last


def offered(house, service):
    return services.may_refer_to(house.library.directory.services[service], house.now.date())


async def told(browser, path, referral):
    status, body = await browser.post(path, {"referral": referral.id})
    return body if status == 200 else ""


async def test_a_referral_without_the_name_is_not_enough(office, fanta):
    reference, _ = await agreed(office, fanta, {"summary": "Cherche une formation."})
    path = f"/console/cases/{reference}/export.json"
    status, html = await fanta.post(path)
    assert (status, "transmettre son nom" in html, "sans nom" in html) == (422, True, False)
    status, html = await fanta.get(path)
    assert (status, "transmettre son nom" in html) == (200, True)


async def test_a_name_that_was_agreed_to_and_is_hidden_is_asked_for_first(office):
    """In a restricted case: the sentence blames no consent that was given."""
    house = office.house
    await house.consent("ali")
    await house.talk("ali", "plainte", "oui", "3", "oui", "Ali", "Kayes", "Il a demandé de l'argent.", "ici", "envoyer")
    (row,) = await house.rows(CASES)
    knows, other = [await office.browser(await office.staff(name, "protection")) for name in ("Mariam", "Binta")]
    await at(office, knows.staff, lambda desk: disclosures.override(desk, row.reference, "Il est à sa porte."))
    asked = Asked(SERVICE, {"name": "Ali"})
    made = await at(office, knows.staff, lambda desk: referrals.propose(desk, row.reference, asked, house.library))
    await house.hear("ali", f"tap consent/{made.id}:yes")
    path = f"/console/cases/{row.reference}/export.json"
    assert (await knows.post(path, {"referral": made.id}))[0] == 200
    status, html = await other.post(path, {"referral": made.id})
    assert (status, "vous ne le connaissez pas" in html, "Ali" in html) == (422, True, False)


async def test_others_see_nothing(office, fanta):
    """An agent of another region, an editor, and a case that is not there: the same page."""
    reference, _ = await agreed(office, fanta, {"name": "Awa Diarra"})
    for name, role, regions in (("Oumar", "agent", ("gao",)), ("Edi", "editor", ())):
        browser = await office.browser(await office.staff(name, role, regions=regions))
        for deed in (browser.get, browser.post):
            status, _ = await deed(f"/console/cases/{reference}/export.json")
            assert status == 404
    assert (await fanta.get("/console/cases/K4T-9QM7/export.json"))[0] == 404
