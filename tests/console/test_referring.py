"""The pages of referrals, identities and exclusions, on both databases."""

import re

import pytest

from storage import tables
from tests.cases.test_desk import anonymous, ordinary, restricted, row_of
from tests.cases.test_referrals import named, words_of
from tests.console.test_axe import WIDTHS, looked_at
from tests.walk.conftest import browser as chromium  # noqa: F401 - a fixture

SECRET = "Sentinelle Ngolo"
REFERRALS, AUDIT = tables.referrals, tables.audit_log


async def begun(office, *, staff="Fanta", role="agent", reference=None):
    """A signed-in member of staff, and the address of a named case."""
    browser = await office.browser(await office.staff(staff, role))
    return browser, f"/console/cases/{reference or await named(office.house)}"


async def form_of(browser, path):
    status, html = await browser.get(path)
    assert status == 200
    return {"version": re.search(r'name="version" value="(\d+)"', html)[1]}, html


async def asked(browser, base, **more):
    """The address of a referral whose words are to be read aloud."""
    form, _ = await form_of(browser, f"{base}/refer")
    told = {"service": "anpe", "told": "summary", "words": SECRET, "way": "aloud", "language": "fr", **more}
    status, _ = await browser.post(f"{base}/refer", {**form, **told})
    assert status == 303
    return browser.last.headers["Location"].partition("?")[0]


async def press(browser, page, deed, **form):
    hidden, _ = await form_of(browser, page)
    status, html = await browser.post(f"{page}/{deed}", {**hidden, **form})
    assert (status, html) == (303, ""), html
    return await browser.get(page)


async def test_from_the_form_to_the_printed_page(office):
    """Chosen, read aloud, agreed, printed, sent, silent, answered: each on its page, nothing of it in an address."""
    browser, base = await begun(office)
    _, html = await form_of(browser, base)
    assert f'href="{base}/refer"' in html
    page = await asked(browser, base)
    status, html = await browser.get(page)
    assert status == 200
    assert "Êtes-vous d&#39;accord que nous transmettions à" in html
    assert SECRET in html
    status, html = await browser.get(f"{page}/summary.pdf")
    assert status == 422
    _, html = await press(browser, page, "consent", said="yes", how="oral")
    assert "accord donné, à transmettre" in html
    async with browser.client.get(f"{page}/summary.pdf", cookies=browser.cookies) as answer:
        pdf = await answer.read()
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.content_type == "application/pdf"
        assert SECRET not in str(answer.headers)
    words = words_of(pdf)
    assert SECRET in words
    assert "Awa Diarra" not in words
    assert "70 12 34 56" not in words
    await press(browser, page, "send")
    office.house.later(days=9)
    browser = await office.browser(browser.staff)
    for where in (page, base):
        _, html = await browser.get(where)
        assert "sans réponse depuis 9 jours" in html
    await press(browser, page, "remind")
    _, html = await press(browser, page, "answer", outcome="accepted", answer="Lundi à 9 h.")
    assert "Lundi à 9 h." in html
    _, html = await press(browser, page, "revoke", reason="Elle part.")
    assert "Prévenez le service" in html
    _, html = await press(browser, page, "told")
    assert "Prévenez le service" not in html
    status, _ = await browser.get(f"{page}/summary.pdf")
    assert status == 422
    assert SECRET not in str([tuple(row) for row in await office.house.rows(AUDIT)])


async def test_in_the_chat(office):
    """One press sends the question; the page says so."""
    browser, base = await begun(office)
    form, html = await form_of(browser, f"{base}/refer")
    assert "Segin le demande dans la discussion" in html
    told = {"service": "anpe", "told": "name", "name": "Awa Diarra", "way": "chat"}
    status, _ = await browser.post(f"{base}/refer", {**form, **told})
    assert (status, browser.last.headers["Location"]) == (303, f"{base}?done=referral-asked")
    *_, said = await office.house.waiting("awa")
    assert "votre nom (Awa Diarra)" in said.message.text


async def test_what_is_wrong_is_said_above_the_form_and_nothing_written_is_lost(office):
    """No service, nothing ticked."""
    browser, base = await begun(office)
    form, _ = await form_of(browser, f"{base}/refer")
    status, html = await browser.post(f"{base}/refer", {**form, "service": "anpe", "words": SECRET})
    assert status == 422
    assert "Cochez au moins une chose" in html
    assert SECRET in html
    assert await office.house.rows(REFERRALS) == []
    status, _ = await browser.post(
        f"{base}/refer", {"version": "99", "service": "anpe", "told": "summary", "words": "x"}
    )
    assert status == 409


async def test_services_by_region_and_trade(office):
    """The region of the address narrows what comes first; nonsense is all of them. No shelter is there."""
    browser, base = await begun(office)
    _, all_of_them = await form_of(browser, f"{base}/refer?region=nonsense&trade=nonsense")
    _, kayes = await form_of(browser, f"{base}/refer?region=kayes&trade=baking")
    assert kayes.count("<option") < all_of_them.count("<option")
    for shelter in ("WAEIF", "Enda", "Caritas", "(AME)"):
        assert shelter not in all_of_them


async def test_a_case_without_a_name_is_refused_kindly(office):
    """On the case page instead of the button, and at the address."""
    browser, base = await begun(office, reference=await anonymous(office.house))
    status, html = await browser.get(base)
    assert status == 200
    assert f"{base}/refer" not in html
    status, html = await browser.get(f"{base}/refer")
    assert status == 422
    assert "sans nom" in html


async def test_a_restricted_case_is_not_there_for_others(office):
    """Every address of it answers as for a case that does not exist; editors and administrators as well."""
    base = f"/console/cases/{await restricted(office.house)}"
    fake = "/console/cases/ZZZ-ZZZZ"
    for name, role in (("A", "agent"), ("B", "supervisor"), ("C", "editor"), ("D", "administrator")):
        browser = await office.browser(await office.staff(name, role))
        for path in ("/refer", "/identity", "/exclude", "/referrals/" + "0" * 32, f"/referrals/{'0' * 32}/summary.pdf"):
            there, nowhere = await browser.get(base + path), await browser.get(fake + path)
            assert there[0] == nowhere[0] == 404
        for path in ("/identity/ask", "/identity/override", "/exclude", "/recuse", "/refer"):
            status, _ = await browser.post(base + path, {"reason": "x"})
            assert status == 404
        status, _ = await browser.get("/console/requests")
        assert status == 404
    status, _ = await browser.get(fake)
    assert status == 404


async def test_an_identity_is_asked_for_and_granted_on_the_page(office):
    """Hidden until then, here and in the form of a referral; whoever decides finds it in their list."""
    base = f"/console/cases/{await restricted(office.house)}"
    asks = await office.browser(await office.staff("Mariam Ba", "protection"))
    decides = await office.browser(await office.staff("Binta Sy", "protection"))
    _, html = await asks.get(base)
    assert "Le nom et le numéro sont cachés." in html
    assert "Une personne doit lire avant" in html
    _, html = await asks.get(f"{base}/refer")
    assert 'id="told-name"' not in html
    assert "demandez d'abord à connaître l'identité" in html
    status, _ = await asks.post(f"{base}/identity/ask", {"reason": SECRET})
    assert status == 303
    _, html = await decides.get("/console/requests")
    assert base in html
    assert SECRET not in html
    _, html = await decides.get(base)
    assert SECRET in html
    request = re.search(r'name="request" value="([0-9a-f]{32})"', html)[1]
    status, _ = await asks.post(f"{base}/identity/decide", {"request": request, "granted": "yes"})
    assert status == 404
    assert f'id="who-sure-{request}" name="sure" type="checkbox" value="1" required' in html
    status, _ = await decides.post(f"{base}/identity/decide", {"request": request, "granted": "yes", "sure": "1"})
    assert status == 303
    _, html = await asks.get(base)
    assert '<dt>Nom</dt><dd dir="auto">Ali</dd>' in html
    _, html = await asks.get(f"{base}/refer")
    assert 'id="told-name"' in html
    _, html = await decides.get(base)
    assert ">Ali<" not in html
    deeds = [row.deed for row in await office.house.rows(AUDIT)]
    assert {"ask identity", "grant identity", "identity", "identity requests"} <= set(deeds)
    assert SECRET not in str([tuple(row) for row in await office.house.rows(AUDIT)])


@pytest.mark.parametrize("granted", ["yes", "no"])
async def test_an_identity_is_not_decided_by_one_press(office, granted):
    """Without the tick nothing is decided; it is said, in the words of whoever decides."""
    base = f"/console/cases/{await restricted(office.house)}"
    asks = await office.browser(await office.staff("Mariam Ba", "protection"))
    decides = await office.browser(await office.staff("Binta Sy", "protection", language="en"))
    await asks.post(f"{base}/identity/ask", {"reason": SECRET})
    _, html = await decides.get(base)
    request = re.search(r'name="request" value="([0-9a-f]{32})"', html)[1]
    status, html = await decides.post(f"{base}/identity/decide", {"request": request, "granted": granted})
    assert status == 422
    assert "tick the box" in html
    (row,) = await office.house.rows(tables.disclosures)
    assert row.granted is None
    form = {"request": request, "granted": granted, "sure": "1"}
    assert (await decides.post(f"{base}/identity/decide", form))[0] == 303
    (row,) = await office.house.rows(tables.disclosures)
    assert row.granted == (granted == "yes")


async def test_an_emergency_is_shown_to_a_second_person(office):
    """At once for whoever says why; the other confirms having seen it."""
    base = f"/console/cases/{await restricted(office.house)}"
    taker = await office.browser(await office.staff("Mariam Ba", "protection"))
    other = await office.browser(await office.staff("Binta Sy", "protection"))
    status, html = await taker.post(f"{base}/identity/override", {"reason": " "})
    assert status == 422
    await taker.post(f"{base}/identity/override", {"reason": SECRET})
    _, html = await taker.get(base)
    assert ">Ali<" in html
    _, html = await other.get("/console/requests")
    assert "prise en urgence" in html
    _, html = await other.get(base)
    request = re.search(r'name="request" value="([0-9a-f]{32})"', html)[1]
    status, _ = await other.post(f"{base}/identity/seen", {"request": request})
    assert status == 303
    _, html = await other.get("/console/requests")
    assert "Aucune demande" in html


async def test_who_is_excluded_meets_nothing_at_their_next_request(office):
    """By a colleague, or by stepping aside; the reason stands in the thread for those who are left."""
    reference = await restricted(office.house)
    base = f"/console/cases/{reference}"
    reader = await office.browser(await office.staff("Mariam Ba", "protection"))
    named_one = await office.staff("Oumar Sy", "protection")
    out = await office.browser(named_one)
    assert (await out.get(base))[0] == 200
    form, html = await form_of(reader, base)
    assert f'value="staff:{named_one.id}"' in html
    status, _ = await reader.post(f"{base}/exclude", {**form, "who": f"staff:{named_one.id}", "reason": SECRET})
    assert status == 303
    for path in (base, f"{base}/refer", f"{base}/live"):
        assert (await out.get(path))[0] == 404
    _, html = await reader.get(base)
    assert SECRET in html
    exclusion = re.search(r'name="exclusion" value="([0-9a-f]{32})"', html)[1]
    form, _ = await form_of(reader, base)
    status, _ = await reader.post(f"{base}/include", {**form, "exclusion": exclusion, "reason": "Homonyme."})
    assert status == 303
    form, _ = await form_of(out, base)
    status, _ = await out.post(f"{base}/recuse", {**form, "reason": "Mon frère."})
    assert (status, out.last.headers["Location"]) == (303, "/console?done=recused")
    assert (await out.get(base))[0] == 404
    form, _ = await form_of(reader, base)
    status, html = await reader.post(f"{base}/recuse", {**form, "reason": "Moi aussi."})
    assert status == 422
    assert "Plus personne" in html


@pytest.mark.parametrize("role", ["agent", "supervisor"])
async def test_an_ordinary_case_shows_who_may_exclude(office, role):
    """Agents step aside; supervisors also keep others out."""
    browser, base = await begun(office, role=role, reference=await ordinary(office.house))
    _, html = await browser.get(base)
    assert "Me récuser" in html
    assert ("Écarter quelqu" in html) == (role == "supervisor")
    assert "Identité protégée" not in html
    assert (await row_of(office.house, base.rsplit("/", 1)[1])).status == "new"


@pytest.mark.browser
@pytest.mark.timeout(300)
@pytest.mark.only_on("sqlite")
async def test_the_page_of_a_referral_can_be_read_by_all(office, chromium):  # noqa: F811 - a fixture
    """Asked, agreed, sent, taken back; narrow and wide, with all that unfolds. The other pages are in test_axe."""
    browser, base = await begun(office)
    page = await asked(browser, base)
    url = str(office.client.make_url("/")).rstrip("/")
    context = await chromium.new_context(bypass_csp=True)
    (name, token), *_ = browser.cookies.items()
    await context.add_cookies([{"name": name, "value": token, "url": f"{url}/console"}])
    tab = await context.new_page()
    faults = []
    steps = (
        ("consent", {"said": "yes", "how": "oral"}),
        ("send", {}),
        ("revoke", {"reason": "Elle part."}),
        ("told", {}),
    )
    for deed, form in steps:
        for path in (page, base, f"{base}/refer"):
            for width, height in WIDTHS.items():
                await tab.set_viewport_size({"width": width, "height": height})
                faults += [f"{path} before {deed}, {width} px: {one}" for one in await looked_at(tab, url + path)]
        await press(browser, page, deed, **form)
    await context.close()
    assert not faults, "\n".join(faults)
