"""Every page in Chromium: no serious finding of axe, nothing wider than the screen, below 100 KB with all its files.

axe-core 4.14.1 (tests/console/axe, MPL-2.0, unchanged). Pages are found by their routes: a new one is looked at, too.
"""

import re
from pathlib import Path

import pytest

from bot.cases.may import Seen, may
from bot.console.routes import all_routes
from tests.console.test_matrix import FRESH, desk, filled, people, planted, with_file  # noqa: F401 - `desk` is a fixture
from tests.walk.conftest import browser  # noqa: F401 - a fixture

AXE = Path(__file__).parent / "axe" / "axe.min.js"
WIDTHS = {360: 740, 1280: 900}
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


def pages(staff, cases, files):
    """The addresses of pages this person may open; of an ordinary and a restricted case."""
    for route in all_routes():
        if route.method != "GET" or re.search(r"/live|\.svg|/files/", route.path):
            continue
        if not route.of_a_case:
            if route.deed == "public" or may(staff, route.deed):
                yield filled(route.path, staff_id=staff.id)
            continue
        for restricted in (False, True):
            row = cases[restricted, "no"]
            if may(staff, route.deed, Seen(restricted, "kayes")):
                yield filled(route.path, reference=row.reference, file=files[row.id])


@pytest.mark.only_on("sqlite")
async def test_every_page_can_be_read_by_all(desk, browser):  # noqa: F811 - fixtures
    """One person of each role looks at all that is theirs, narrow and wide."""
    office, _ = desk
    cases = await planted(office)
    files = {row.id: await with_file(office.house, row) for row in cases.values()}
    staff = await people(office, cases)
    seen, faults = set(), []
    for role in ("supervisor", "protection", "administrator", "agent", "editor"):
        one = staff[role, role == "protection", "none"]
        signed = await office.browser(one)
        address = str(office.client.make_url("/")).rstrip("/")
        context = await browser.new_context(bypass_csp=True)
        (name, token), *_ = signed.cookies.items()
        await context.add_cookies([{"name": name, "value": token, "url": f"{address}/console"}])
        page = await context.new_page()
        for path in pages(one, cases, files):
            if (path, role == "protection") in seen:
                continue
            seen.add((path, role == "protection"))
            for width, height in WIDTHS.items():
                await page.set_viewport_size({"width": width, "height": height})
                faults += [f"{path} ({role}, {width} px): {fault}" for fault in await looked_at(page, address + path)]
        await context.close()
    assert len(seen) > 10
    assert not faults, "\n".join(faults)


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


async def looked_at(page, url):
    """What is wrong with a page."""
    arrived = []

    def arrive(response):
        arrived.append(response)

    page.on("response", arrive)
    response = await page.goto(url)
    page.remove_listener("response", arrive)
    kind = response.headers.get("content-type", "")
    if response.status == 404 and FRESH in url:
        return []  # what the address names besides the case is not there
    if response.status != 200:
        return [f"answers {response.status}"]
    if not kind.startswith("text/html"):
        return []
    weight = sum(int(one.headers.get("content-length", 0)) for one in arrived if one.ok)  # a stream has none
    faults = [f"weighs {weight} bytes"] if weight > HEAVIEST else []
    await page.evaluate(AXE.read_text())
    faults += [str(one) for one in await page.evaluate(FIND) if one[0] in SERIOUS]
    wide = await page.evaluate(WIDE)
    return [*faults, *([f"wider than the screen: {wide}"] if wide else [])]
