"""Every page in Chromium: no serious finding of axe, nothing wider than the screen, below 100 KB with all its files.

In French narrow and wide, in English narrow; the pages of errors in both. axe-core 4.14.1 (tests/console/axe, MPL-2.0,
unchanged). Pages are found by their routes: a new one is looked at, too.
"""

import re
from pathlib import Path

import pytest

from bot.cases.desk import Desk
from bot.cases.may import Seen, may
from bot.console.guard import LARGEST_FORM
from bot.console.routes import all_routes
from bot.staff import accounts
from storage import Unavailable
from tests.console.test_matrix import UNKNOWN, desk, filled, furnished, people, planted  # noqa: F401 - a fixture
from tests.walk.conftest import browser  # noqa: F401 - a fixture

AXE = Path(__file__).parent / "axe" / "axe.min.js"
WIDTHS = {360: 740, 1280: 900}
LANGUAGES = {"fr": WIDTHS, "en": {360: 740}}  # words of another length matter where there is little room
HEAVIEST = 100 * 1024  # bytes of a page and all its files, before any compression
SERIOUS = ("serious", "critical")

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

FIND = """async () => {
  const found = await axe.run(document, {resultTypes: ['violations']});
  return found.violations.map(one => [one.impact, one.id, one.nodes.map(node => node.html.slice(0, 120)).slice(0, 3)]);
}"""
WIDE = """() => document.documentElement.scrollWidth > window.innerWidth
  ? [...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > window.innerWidth + 1)
      .slice(0, 3).map(one => one.outerHTML.slice(0, 100)) : []"""


SEND = """([action, fields]) => {
  const form = Object.assign(document.createElement('form'), {method: 'post', action});
  for (const [name, value] of Object.entries(fields))
    form.append(Object.assign(document.createElement('input'), {type: 'hidden', name, value}));
  document.body.append(form);
  form.submit();
}"""


def pages(staff, cases, inner):
    """The addresses of pages this person may open; of an ordinary and a restricted case."""
    for route in all_routes():
        if route.method != "GET" or re.search(r"/live|\.svg|\.pdf|/files/", route.path):
            continue
        if not route.of_a_case:
            if route.deed == "public" or may(staff, route.deed):
                yield filled(route.path, staff_id=staff.id)
            continue
        for restricted in (False, True):
            row = cases[restricted, "no"]
            if may(staff, route.deed, Seen(restricted, "kayes")):
                yield filled(route.path, reference=row.reference, **inner[row.id])


async def signed_in(office, browser, staff, language):  # noqa: F811 - the fixture's browser
    """A page of a browser in this language, which lets axe in; what signs the forms there."""
    signed, address = await office.browser(staff), str(office.client.make_url("/console"))
    context = await browser.new_context(bypass_csp=True, locale=language)
    (name, token), *_ = signed.cookies.items()
    await context.add_cookies([{"name": name, "value": token, "url": address}])
    return await context.new_page(), signed.csrf


async def read_in(office, language):
    """From here on, all staff read this language."""
    await office.house.store.run(lambda conn: conn.execute(accounts.STAFF.update().values(language=language)) and None)


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_page_can_be_read_by_all(desk, browser, language):  # noqa: F811 - fixtures
    """One person of each role looks at all that is theirs."""
    office, _ = desk
    cases = await planted(office)
    inner = {row.id: await furnished(office.house, row) for row in cases.values()}
    staff = await people(office, cases)
    await read_in(office, language)
    address, seen, faults = str(office.client.make_url("/")).rstrip("/"), set(), []
    for role in ("supervisor", "protection", "administrator", "agent", "editor"):
        one = staff[role, role == "protection", "none"]
        page, _ = await signed_in(office, browser, one, language)
        for path in pages(one, cases, inner):
            if (path, role == "protection") in seen:
                continue
            seen.add((path, role == "protection"))
            for width, height in LANGUAGES[language].items():
                await page.set_viewport_size({"width": width, "height": height})
                faults += [f"{path} ({role}, {width} px): {fault}" for fault in await looked_at(page, address + path)]
            assert await page.evaluate("document.documentElement.lang") == language, path
        await page.context.close()
    assert len(seen) > 10
    assert not faults, "\n".join(faults)


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_went_wrong_can_be_read_by_all(desk, browser, language, monkeypatch):  # noqa: F811 - fixtures
    """The page of every error: not there, refused, too large, not possible, changed meanwhile, trouble, failed."""
    office, _ = desk
    row = (await planted(office))[False, "no"]
    page, csrf = await signed_in(office, browser, await office.staff("Awa", language=language), language)
    address, case = str(office.client.make_url("/")).rstrip("/"), f"/console/cases/{row.reference}"
    found = {}

    async def look(status, path, form=None):
        for width, height in LANGUAGES[language].items():
            await page.set_viewport_size({"width": width, "height": height})
            if form is not None:  # from a page of ours, as a browser sends it
                await page.goto(f"{address}/console/account")
            faults = await looked_at(page, address + path, status=status, form=form)
            found[status, path] = faults, await page.locator("h1").inner_text()
            assert not faults, f"{status} at {path}, {width} px: {faults}"
            assert await page.evaluate("document.documentElement.lang") == language

    await look(404, "/console/nowhere")
    await look(404, f"/console/cases/{UNKNOWN}")
    await look(405, f"{case}/note")
    await look(403, f"{case}/note", {"text": "Sans jeton."})
    await look(413, f"{case}/note", {"csrf": csrf, "text": "a" * LARGEST_FORM})
    await look(422, f"{case}/note", {"csrf": csrf, "text": f"@nobody {'Une note écrite. ' * 30}"})
    await look(409, f"{case}/region", {"csrf": csrf, "region": "gao", "version": "999", "reason": "Elle a déménagé."})

    def fails(*_, **__):
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(Desk, "find", fails)
        await look(500, case)

    async def away(*_, **__):
        raise Unavailable("lost")

    monkeypatch.setattr(office.console.store, "run", away, raising=False)
    await look(503, case)
    assert len({title for _, title in found.values()}) == len({status for status, _ in found}) - 1, found  # 403 = 405


async def test_what_is_wrong_is_found(browser):  # noqa: F811 - a fixture
    """A page with a field that has no name, words too pale, and a line too long."""
    page = await browser.new_page(viewport={"width": 360, "height": 740})
    await page.set_content(
        "<!doctype html><html lang=fr><title>x</title><main><h1>x</h1><input><p style='color:#bbb'>pale</p>"
        "<p style='width:500px'>long</p></main>"
    )
    await page.evaluate(AXE.read_text())
    found = {one[1] for one in await page.evaluate(FIND) if one[0] in SERIOUS}
    assert {"label", "color-contrast"} <= found
    assert await page.evaluate(WIDE)


async def looked_at(page, url, *, status=200, form=None):
    """What is wrong with a page: that of an address, or that a form is answered with."""
    arrived = []

    def arrive(response):
        arrived.append(response)

    page.on("response", arrive)
    if form is None:
        response = await page.goto(url)
    else:
        async with page.expect_navigation() as going:
            await page.evaluate(SEND, [url, form])
        response = await going.value
    page.remove_listener("response", arrive)
    if response.status != status:
        return [f"answers {response.status}"]
    if not response.headers.get("content-type", "").startswith("text/html"):
        return []
    weight = sum(int(one.headers.get("content-length", 0)) for one in arrived if one.ok or one is response)
    faults = [f"weighs {weight} bytes"] if weight > HEAVIEST else []  # a stream has no length
    await page.evaluate(AXE.read_text())
    faults += [str(one) for one in await page.evaluate(FIND) if one[0] in SERIOUS]
    wide = await page.evaluate(WIDE)
    return [*faults, *([f"wider than the screen: {wide}"] if wide else [])]
