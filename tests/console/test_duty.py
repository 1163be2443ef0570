"""The pages of alerts and of the rota; and the story of a night in which an agent holds somebody's chat."""

import re
import uuid
from datetime import timedelta
from html import unescape

import pytest

from bot.cases import rota
from bot.library.shelf import Shelf
from bot.settings import Settings
from bot.staff import accounts
from storage import tables
from tests.cases.on_duty import ALERTS, WISH, Noting, look, open_library, sender
from tests.people import texts

PATH = "/console/alerts"
ROTA = "/console/rota"
SENTINEL = "Kouroukanfouga"
TAKEN_OVER = "Une collègue formée suit cette personne en ce moment."


@pytest.fixture
def office(office):
    """Of an organisation that serves people, with a mail server."""
    office.house.library = open_library()
    office.house.inbox.shelf = Shelf(fixed=office.house.library)
    office.console.shelf.library = office.house.library
    set_up(office, smtp_url="smtp://localhost", mail_from="garde@example.org")
    return office


def set_up(office, **settings):
    object.__setattr__(office.console, "settings", Settings(**settings))


async def with_way(office, name, role="protection", **columns):
    """A member of staff who can be told by e-mail."""
    staff = await office.staff(name, role, **columns)
    ways = {"email": f"{name.lower()}@example.org"}
    await office.house.store.run(lambda conn: accounts.set_ways(conn, office.house.keyring, uuid.UUID(staff.id), ways))
    return staff


async def distress(office, address="awa", *answers):
    await office.house.consent(address)
    return await office.house.talk(address, f"{WISH} {SENTINEL}", *answers)


def lines_of(html):
    """What can be read of a page, line by line."""
    return {line.strip() for line in unescape(re.sub(r"<[^>]+>", "\n", html)).splitlines() if line.strip()}


def hidden(html, name):
    return re.findall(rf'name="{name}" value="([^"]*)"', html)


# ---------------------------------------------------------------- the story


async def test_a_night_in_a_chat_that_an_agent_holds(office):  # noqa: PLR0915 - it is one story
    """02:40: the steps of distress come despite the hold, an alert exists, whoever is on call is told "1 alerte"; the
    agent learns only that a colleague has taken over. In the morning the agent goes on.
    """
    house = office.house
    agent, awake = await office.staff("Awa", "agent"), await with_way(office, "Mariam")
    asleep, boss = await with_way(office, "Fatou"), await office.staff("Chef", "administrator")
    chief = await office.browser(boss)
    for who, opens, closes in ((awake, "20:00", "06:00"), (asleep, "06:00", "20:00")):
        form = {"person": who.id, "day": "0", "opens": opens, "closes": closes}
        assert (await chief.post(f"{ROTA}/add", form))[0] == 303
    way = Noting()
    pages = sender(house, email=way)
    await pages.refresh()
    house.inbox.paging = lambda: pages.reaches

    # Monday evening: an agent and a person write to each other
    house.now = house.now.replace(hour=21, minute=0)
    await house.consent("awa")
    await house.talk("awa", "personne", "autre chose", "J'attends depuis six mois.")
    (ordinary,) = await house.rows(tables.cases)
    case_page = f"/console/cases/{ordinary.reference}"
    desk = await office.browser(agent)
    status, html = await desk.get(case_page)
    assert (status, TAKEN_OVER in html) == (200, False)
    form = {"words": "Dites-moi votre ville.", "version": hidden(html, "version")[0]}
    assert (await desk.post(f"{case_page}/answer", form))[0] == 303

    # 02:40
    house.now = house.now.replace(hour=2, minute=40) + timedelta(days=1)
    desk = await office.browser(agent)
    before = lines_of((await desk.get(case_page))[1])
    told = await house.hear("awa", f"{WISH} {SENTINEL}")
    said = "\n".join(texts(told))
    assert "Merci de l'avoir dit. Je suis un programme." in said
    assert "Une personne formée est prévenue." in said
    assert "Êtes-vous en danger maintenant ?" in said
    await look(pages)
    assert [(to, subject) for to, subject, _ in way.sent] == [("mariam@example.org", "1 alerte")]

    # the agent, still at the desk
    status, html = await desk.get(case_page)
    assert status == 200
    assert {line for line in lines_of(html) - before if TAKEN_OVER not in line} == set()
    assert TAKEN_OVER in html
    for word in (SENTINEL, WISH, "suicide"):
        assert word not in html, word
    (row,) = [row for row in await house.rows(tables.cases) if row.id == ordinary.id]
    draft = "Votre ville, s'il vous plaît ?"
    status, html = await desk.post(f"{case_page}/answer", {"words": draft, "version": str(row.version)})
    assert status == 422
    assert TAKEN_OVER in html
    assert draft in unescape(html)  # nothing of it is lost
    assert (await desk.get(PATH))[0] == 404

    # the person wants to be written to; whoever is on call opens the link
    await house.talk("awa", "oui", "oui")
    (filed,) = [row for row in await house.rows(tables.cases) if row.restricted]
    on_call = await office.browser(awake)
    status, html = await on_call.get(PATH)
    assert status == 200
    assert f"/console/cases/{filed.reference}" in html
    assert "24 nov. 2026, 02:40" in html
    assert SENTINEL not in html
    (alert,) = hidden(html, "alert")[:1]
    assert (await on_call.post(f"{PATH}/take", {"alert": alert, "taken": ""}))[0] == 303
    house.later(minutes=15)
    await look(pages)
    assert len(way.sent) == 1
    desk, on_call = await office.browser(agent), await office.browser(awake)  # a quarter of an hour ends a session
    status, html = await on_call.get(f"/console/cases/{filed.reference}")
    assert SENTINEL in html
    assert (await desk.get(f"/console/cases/{filed.reference}"))[0] == 404

    # it is over; the agent's words go
    assert (await on_call.post(f"{PATH}/close", {"alert": alert, "outcome": "reached"}))[0] == 303
    desk = await office.browser(agent)
    status, html = await desk.get(case_page)
    assert TAKEN_OVER not in html
    assert SENTINEL not in html
    form = {"words": draft, "version": hidden(html, "version")[0]}
    assert (await desk.post(f"{case_page}/answer", form))[0] == 303
    assert SENTINEL not in str(way.sent)


# ---------------------------------------------------------------- alerts


async def test_the_page_of_alerts_tells_no_more_than_it_must(office):
    """Since when, in neutral words; who did not ask to be written to can't be taken."""
    reader = await office.browser(await with_way(office, "Mariam"))
    _, html = await reader.get(PATH)
    assert "Aucune alerte" in html
    await distress(office)
    _, html = await reader.get(PATH)
    assert "n'a pas demandé qu'on lui écrive" in html
    assert "Je m'en occupe" not in html
    assert SENTINEL not in html
    alert = hidden(html, "alert")[0]
    status, html = await reader.post(f"{PATH}/take", {"alert": alert, "taken": ""})
    assert status == 422
    assert (await reader.post(f"{PATH}/close", {"alert": alert, "outcome": ""}))[0] == 422
    assert (await reader.post(f"{PATH}/close", {"alert": alert, "outcome": "not_asked"}))[0] == 303
    _, html = await reader.get(f"{PATH}?done=alert_closed")
    assert "L'alerte est fermée." in unescape(html)
    assert "Aucune alerte" in html


async def test_alerts_are_for_the_trained_few(office):
    await distress(office)
    for role, cleared in (("agent", False), ("supervisor", False), ("administrator", False), ("protection", False)):
        browser = await office.browser(await office.staff(f"{role}{cleared}", role, cleared=cleared))
        assert (await browser.get(PATH))[0] == 404
        assert (await browser.post(f"{PATH}/close", {"alert": "x", "outcome": "mistake"}))[0] == 404
    assert [row.closed_at for row in await office.house.rows(ALERTS)] == [None]


async def test_the_second_to_take_it_is_told(office):
    one, two = [await office.browser(await with_way(office, name)) for name in ("Mariam", "Fatou")]
    await distress(office, "awa", "oui", "oui")
    _, html = await one.get(PATH)
    form = {"alert": hidden(html, "alert")[0], "taken": ""}
    assert (await one.post(f"{PATH}/take", form))[0] == 303
    assert (await two.post(f"{PATH}/take", form))[0] == 409
    _, html = await two.get(PATH)
    assert "Prise par Mariam" in html
    _, html = await one.get(PATH)
    assert "Vous vous en occupez" in html


# ---------------------------------------------------------------- the rota


async def test_the_rota_of_a_week(office):
    """Several days at once, a night into the next day, gaps and differences told; no double span; taken away again."""
    await with_way(office, "Mariam")
    mute = await office.staff("Oumou", "protection")
    staff = {row.name: row.id.hex for row in await office.house.rows(tables.staff)}
    chief = await office.browser(await office.staff("Chef", "administrator"))
    _, html = await chief.get(ROTA)
    assert "Une alerte irait à toute l'équipe" in html
    assert "Sans façon d'être joint : Oumou" in html
    assert html.count(f'value="{mute.id}"') == 0
    days = [("day", str(day)) for day in range(5)]
    form = [("csrf", chief.csrf), ("person", staff["Mariam"]), ("opens", "08:00"), ("closes", "17:00"), *days]
    origin = {"Origin": str(office.client.make_url("/")).rstrip("/")}
    answer = await office.client.post(
        f"{ROTA}/add", data=form, cookies=chief.cookies, headers=origin, allow_redirects=False
    )
    assert answer.status == 303
    night = {"person": staff["Mariam"], "day": "6", "opens": "22:00", "closes": "06:00"}
    assert (await chief.post(f"{ROTA}/add", night))[0] == 303
    rows = sorted((row.weekday, row.opens, row.closes) for row in await office.house.rows(tables.rota))
    assert rows == [(0, 0, 360), *[(day, 480, 1020) for day in range(5)], (6, 1320, 1440)]
    _, html = await chief.get(ROTA)
    assert re.search(r"De garde maintenant</h2>\s*<p>Mariam</p>", html)
    assert "06:00–08:00, 17:00–24:00" in html  # Monday's gaps
    assert "annoncé sans personne de garde 08:00–17:00" in html  # Saturday, as the organisation says every day
    assert "de garde sans être annoncé 22:00–24:00" in html
    span = hidden(html, "span")[0]
    assert (await chief.post(f"{ROTA}/remove", {"span": span}))[0] == 303
    assert (await chief.post(f"{ROTA}/remove", {"span": span}))[0] == 303
    assert await office.house.count(tables.rota) == 6
    deeds = [row.deed for row in await office.house.rows(tables.audit_log) if "rota" in row.deed]
    assert deeds == ["add_rota"] * 7 + ["remove_rota"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"person": "x"}, {"person": "mute"}, {"opens": "8 h"}, {"closes": "08:00"}, {"opens": "25:00"}, {"day": "7"},
        {"closes": "17:60"}, {"opens": ""}, {"opens": "10:00", "closes": "11:00", "again": "1"},
    ],
)  # fmt: skip
async def test_what_can_t_be_on_the_rota(office, wrong):
    """Kindly, and nothing is stored."""
    able, mute = await with_way(office, "Mariam"), await office.staff("Oumou", "protection")
    chief = await office.browser(await office.staff("Chef", "administrator"))
    form = {"person": able.id, "day": "0", "opens": "08:00", "closes": "17:00"}
    stored = 0
    if wrong.get("again"):
        assert (await chief.post(f"{ROTA}/add", form))[0] == 303
        stored = 1
    wrong = {**wrong, **({"person": mute.id} if wrong.get("person") == "mute" else {})}
    status, html = await chief.post(f"{ROTA}/add", {**form, **wrong})
    assert status == 422
    assert "Pas possible" in html
    assert await office.house.count(tables.rota) == stored


async def test_without_a_way_the_rota_says_that_nobody_is_told(office):
    set_up(office)
    await with_way(office, "Mariam")
    chief = await office.browser(await office.staff("Chef", "administrator"))
    _, html = await chief.get(ROTA)
    assert "Ni l'e-mail ni Telegram" in html
    assert "Ajouter une garde" not in html


async def test_the_rota_is_for_administrators(office):
    for role in ("agent", "supervisor", "protection", "editor"):
        browser = await office.browser(await office.staff(role, role))
        assert (await browser.get(ROTA))[0] == 404
        assert (await browser.post(f"{ROTA}/add", {}))[0] == 404


@pytest.mark.parametrize(
    ("these", "those", "left"),
    [
        (((0, 1440),), (), ((0, 1440),)),
        (((0, 1440),), ((0, 1440),), ()),
        (((0, 1440),), ((480, 1020),), ((0, 480), (1020, 1440))),
        (((480, 720), (840, 1020)), ((600, 900),), ((480, 600), (900, 1020))),
        (((480, 720),), ((0, 480), (720, 900)), ((480, 720),)),
    ],
)
def test_what_is_left_of_spans(these, those, left):
    assert rota._without(these, those) == left
