"""The way of a case on its page: only what the table allows and `may` permits; the later save is told."""

import re

import pytest

from storage import tables
from tests.cases.test_desk import newest, ordinary, restricted, row_of

CASES = tables.cases


def deeds(html):
    """What the page offers to do with the case."""
    return set(re.findall(r'action="/console/cases/[^/"]+/([a-z]+)"', html))


OURS = {"acknowledge", "start", "ask", "resolve", "close", "reopen", "category", "region", "number", "restrict", "keep"}


@pytest.fixture
async def desk(office):
    """An agent's browser and an ordinary case."""
    reference = await ordinary(office.house)
    return await office.browser(await office.staff("Awa")), reference


def path(reference, deed=""):
    return f"/console/cases/{reference}" + (f"/{deed}" if deed else "")


async def post(browser, reference, deed, **form):
    """The deed, done from the page as it is now."""
    _, html = await browser.get(path(reference))
    version = re.search(r'name="version" value="(\d+)"', html)
    return await browser.post(path(reference, deed), {"version": version[1] if version else "", **form})


async def test_only_what_can_be_done_is_offered(office, desk):
    """A new case, a closed one; an agent may not hold it, a supervisor may."""
    browser, reference = desk
    base = {"category", "region", "number", "restrict"}
    _, html = await browser.get(path(reference))
    assert deeds(html) & OURS == base | {"acknowledge", "start", "ask", "resolve", "close"}
    assert "« reçue »" in html
    await post(browser, reference, "close", outcome="withdrawn")
    boss = await office.browser(await office.staff("Fanta", "supervisor"))
    _, html = await boss.get(path(reference))
    assert deeds(html) & OURS == base | {"reopen", "keep"}
    assert "« terminée »" in html


async def test_the_way_from_new_to_reopened(office, desk):
    """Each button leads back to the case and says what was done."""
    browser, reference = desk
    way = [
        ("acknowledge", {}, "acknowledged"), ("start", {}, "in_progress"), ("ask", {}, "waiting"),
        ("resolve", {"words": "C'est prêt."}, "resolved"), ("close", {"outcome": "settled"}, "closed"),
        ("reopen", {"reason": "Elle a rappelé."}, "reopened"),
    ]  # fmt: skip
    for deed, form, status in way:
        code, _ = await post(browser, reference, deed, **form)
        assert code == 303
        assert (await row_of(office.house, reference)).status == status
        _, html = await browser.get(browser.last.headers["Location"])
        assert 'class="done"' in html


async def test_the_later_save_is_told(office, desk):
    """What was done from an old page is not stored, and the words are not lost."""
    browser, reference = desk
    await browser.post(path(reference, "start"), {"version": "1"})
    status, html = await browser.post(path(reference, "resolve"), {"version": "1", "words": "C'est prêt."})
    assert status == 409
    assert "C&#39;est prêt." in html
    assert (await row_of(office.house, reference)).status == "in_progress"


async def test_what_can_not_be_done_says_why(office, desk):
    """In words, with what was written."""
    browser, reference = desk
    for deed, form, why in [
        ("reopen", {"reason": "Encore"}, "en est plus là"),
        ("close", {"outcome": ""}, "comment le dossier finit"),
        ("category", {"category": "serious"}, "petite équipe formée"),
        ("region", {"region": "atlantis"}, "Choisissez une région"),
        ("number", {"number": "9" * 99}, "trop long"),
        ("restrict", {"category": "serious"}, "Cochez"),
    ]:
        status, html = await post(browser, reference, deed, **form)
        assert (status, why in html) == (422, True), deed
    assert (await row_of(office.house, reference)).version == 1


async def test_handed_to_the_cleared_it_is_gone(office, desk):
    """The page warns before; afterwards the agent is in the list, and the case looks like no case at all."""
    browser, reference = desk
    _, html = await browser.get(path(reference))
    assert "Vous ne le verrez plus." in html
    await post(browser, reference, "restrict", category="serious", sure="1")
    assert browser.last.headers["Location"].startswith("/console?done=")
    gone = await browser.get(path(reference))
    assert gone == await browser.get(path("222-2222"))
    cleared = await office.browser(await office.staff("Mariam", "protection"))
    status, html = await cleared.get(path(reference))
    assert status == 200
    assert "restrict" not in deeds(html)


async def test_an_agent_who_moves_a_case_away_is_led_to_the_list(office, desk):
    """Of another region, it is not theirs any more."""
    _, reference = desk
    browser = await office.browser(await office.staff("Sira", regions=("kayes",)))
    await post(browser, reference, "region", region="kayes")
    assert browser.last.headers["Location"].startswith(path(reference))
    await post(browser, reference, "region", region="gao")
    assert browser.last.headers["Location"].startswith("/console?done=")
    assert (await browser.get(path(reference)))[0] == 404


async def test_a_number_elsewhere_and_a_hold(office, desk):
    """Both are kept and shown; a case about to go says so."""
    browser, reference = desk
    await post(browser, reference, "number", number="MIM-42")
    _, html = await browser.get(path(reference))
    assert 'value="MIM-42"' in html
    row = await row_of(office.house, reference)
    office.house.later(days=office.house.library.categories[row.category].keep_days - 20)
    boss = await office.browser(await office.staff("Fanta", "supervisor"))
    _, html = await boss.get(path(reference))
    assert "Ce dossier sera effacé le" in html
    assert (await post(boss, reference, "keep", on="1", reason=" "))[0] == 422
    assert (await post(boss, reference, "keep", on="1", reason="Tribunal"))[0] == 303
    _, html = await boss.get(path(reference))
    assert "Ce dossier sera effacé le" not in html
    assert (await post(boss, reference, "keep", on="0", reason="Jugé"))[0] == 303
    assert not (await row_of(office.house, reference)).legal_hold


async def test_a_restricted_case_is_nobody_else_s(office):
    """Not one of the deeds answers otherwise than for a case that is not there."""
    await restricted(office.house)
    reference = await newest(office.house, restricted=True)
    agent = await office.browser(await office.staff("Awa"))
    for deed in sorted(OURS):
        assert await agent.post(path(reference, deed), {}) == await agent.post(path("222-2222", deed), {})
    assert (await row_of(office.house, reference)).version == 1
    cleared = await office.browser(await office.staff("Mariam", "protection"))
    assert (await post(cleared, reference, "category", category="conduct"))[0] == 303
    assert (await post(cleared, reference, "resolve"))[0] == 303
    row = await row_of(office.house, reference)
    assert (row.category, row.status) == ("conduct", "resolved")
