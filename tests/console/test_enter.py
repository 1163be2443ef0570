"""The form for somebody's case, and the paper they take home."""

import re
from dataclasses import replace

import segno

from bot.cases import numbers
from bot.talks import EXAMPLE
from storage import tables
from tests.console.conftest import fields

CASES = tables.cases
FORM = {"way": "walk_in", "category": "delay", "account": "Elle attend sa carte.", "language": "fr", "named": "0"}


def digits(html):
    return "".join(re.findall(r"<span>(\d{4})</span>", html))


async def test_a_visit_is_entered_and_the_paper_printed(office):
    """The POST's answer is the paper: 16 digits, deadline, reference; no topic on it; never stored by the browser."""
    browser = await office.browser(await office.staff("Awa"))
    status, html = await browser.get("/console/enter")
    assert status == 200
    token = fields(html)["token"]
    status, paper = await browser.post("/console/enter", {**FORM, "token": token})
    assert status == 200
    assert browser.last.headers["Cache-Control"] == "no-store"
    (row,) = await office.house.rows(CASES)
    assert numbers.read_receipt(digits(paper)) is not None
    slip = paper[paper.index("<article") : paper.index("</article>")]
    assert row.reference in slip
    for word in ("retard", "plainte", "carte", "Awa"):
        assert word not in slip.lower()
    assert f"/console/cases/{row.reference}" in paper
    assert digits(paper) not in str([tuple(one) for one in await office.house.rows(tables.audit_log)])


async def test_sent_twice_it_is_one_case(office):
    """A double click shows the same paper."""
    browser = await office.browser(await office.staff("Awa"))
    _, html = await browser.get("/console/enter")
    form = {**FORM, "token": fields(html)["token"]}
    papers = {digits((await browser.post("/console/enter", form))[1]) for _ in range(2)}
    assert len(papers) == 1
    assert await office.house.count(CASES) == 1
    _, html = await browser.get("/console/enter")
    assert fields(html)["token"] != form["token"]


async def test_nothing_written_is_lost(office):
    """What lacks is said, and all that was written stands in the form again, escaped."""
    browser = await office.browser(await office.staff("Awa"))
    given = {**FORM, "token": "t", "category": "", "account": "<b>Elle</b> attend.", "phone": "70 11", "named": "1"}
    status, html = await browser.post("/console/enter", given)
    assert status == 422
    assert "Choisissez une catégorie." in html
    assert "&lt;b&gt;Elle&lt;/b&gt; attend.</textarea>" in html
    assert fields(html)["phone"] == "70 11"
    assert fields(html)["token"] not in ("t", ""), "nothing was filed: the half hour of the paper begins anew"
    assert await office.house.count(CASES) == 0


async def test_an_agent_is_told_before_that_they_will_not_read_it(office):
    """Then the paper has no way to the case; for whoever is cleared it has."""
    form = {**FORM, "category": "serious", "token": "t"}
    agent = await office.browser(await office.staff("Awa"))
    _, html = await agent.get("/console/enter")
    assert "vous ne pourrez plus lire ce dossier" in html
    _, paper = await agent.post("/console/enter", form)
    assert "/console/cases/" not in paper
    assert len(digits(paper)) == 16
    cleared = await office.browser(await office.staff("Mariam", "protection"))
    _, html = await cleared.get("/console/enter")
    assert "vous ne pourrez plus lire" not in html
    _, paper = await cleared.post("/console/enter", form)
    assert "/console/cases/" in paper


async def test_the_code_leads_to_the_chat_and_never_to_the_receipt(office):
    """With an address there is a code of that address; the paper speaks the person's language."""
    address = "http://segin.example.org"
    office.console.__dict__["settings"] = replace(office.console.settings, public_url=address)
    browser = await office.browser(await office.staff("Awa"))
    _, paper = await browser.post("/console/enter", {**FORM, "token": "t", "language": "en"})
    slip = paper[paper.index("<article") : paper.index("</article>")]
    assert "segin.example.org" in slip
    assert "Your number:" in slip
    drawn = slip[slip.index("<svg") : slip.rindex("</svg>") + 6]
    wanted = segno.make_qr(f"{address}/").svg_inline(border=2, omitsize=True, svgclass=None, lineclass=None)
    assert drawn == str(wanted)


async def test_a_demonstration_promises_nothing_on_paper(office):
    """Only an organisation that is filled in says when somebody reads."""
    browser = await office.browser(await office.staff("Awa"))
    _, paper = await browser.post("/console/enter", {**FORM, "token": "t"})
    assert "personne ne lit" in paper
    assert "lira avant" not in paper
    own = replace(EXAMPLE, data_controller="Exemple")
    office.console.shelf.library = replace(office.house.library, organisation=own)
    _, paper = await browser.post("/console/enter", {**FORM, "token": "u"})
    assert "lira avant" in paper
    assert "28 novembre 2026" in paper
    assert "personne ne lit" not in paper


async def test_who_may_not_enter_finds_no_form(office):
    """Editors and administrators have no cases."""
    for role in ("editor", "administrator"):
        browser = await office.browser(await office.staff(role, role))
        assert (await browser.get("/console/enter"))[0] == 404
        assert (await browser.post("/console/enter", {**FORM, "token": "t"}))[0] == 404
    assert await office.house.count(CASES) == 0
