"""What a phone shows, in Chromium: the places at the top, charts that can be read, the paper that is printed."""

import pytest

from bot.console.asking import cookie_name
from tests.cases.handmade import put
from tests.walk.conftest import browser  # noqa: F401 - a fixture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120), pytest.mark.only_on("sqlite")]

WIDTHS = {360: 740, 1280: 900}
ROW = 48  # pixels of one row of buttons
HIGH = "document.querySelector('.top').offsetHeight"
SMALLEST = """() => Math.min(...[...document.querySelectorAll('.chart :is(img, svg)')].map(one => {
  const drawn = one.localName === 'img' ? one.getAttribute('width') : one.viewBox.baseVal.width;
  return (one.localName === 'img' ? 13 : 14) * one.getBoundingClientRect().width / drawn;
}))"""


@pytest.fixture
async def opened(office, browser):  # noqa: F811 - a fixture
    """Opens a page as this role, 360 pixels wide; what the browser complains of is an error."""
    troubles = []

    async def open_as(role, path, **context):
        signed = await office.browser(await office.staff(f"Mariam Coulibaly {role}", role))
        made = await browser.new_context(viewport={"width": 360, "height": 740}, **context)
        made.set_default_timeout(10_000)
        address, name = str(office.client.make_url("/")).rstrip("/"), cookie_name(office.console)
        await made.add_cookies([{"name": name, "value": signed.cookies[name], "url": f"{address}/console"}])
        page = await made.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: troubles.append(said.text) if "Content Security" in said.text else None)
        await page.goto(address + path)
        return page

    yield open_as
    assert troubles == []


@pytest.mark.parametrize("role", ["supervisor", "protection", "administrator", "agent"])
@pytest.mark.parametrize("scripts", [True, False])
async def test_the_places_take_two_rows_at_most_until_they_are_asked_for(opened, role, scripts):
    """By keyboard, also without scripts: the menu opens, the next Tab is its first place, Enter goes there."""
    page = await opened(role, "/console/account", java_script_enabled=scripts)
    places = page.locator(".places a")
    assert await page.evaluate(HIGH) < 2 * ROW
    assert (await page.get_by_role("button", name="Quitter").bounding_box())["height"] < ROW
    assert not await places.first.is_visible()
    await page.locator(".menu summary").focus()
    await page.keyboard.press("Enter")
    assert await places.last.is_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    await page.keyboard.press("Tab")
    assert await places.first.evaluate("one => one === document.activeElement")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**{'/console/people' if role == 'administrator' else '/console'}")


async def test_on_a_wide_screen_all_places_stand_at_the_top(opened):
    page = await opened("supervisor", "/console/account")
    await page.set_viewport_size({"width": 1280, "height": 900})
    assert not await page.locator(".menu summary").is_visible()
    assert await page.locator(".places a").last.is_visible()
    assert await page.evaluate(HIGH) < 2 * ROW


async def test_the_words_of_charts_can_be_read_on_a_phone(office, opened):
    """11 pixels or more; the picture scrolls, by keyboard, too, and the page does not."""
    for number, region in enumerate(office.house.library.directory.regions):
        await put(office.house, 6 + number, region=region)
    page = await opened("supervisor", "/console/figures?period=month")
    for width, height in WIDTHS.items():
        await page.set_viewport_size({"width": width, "height": height})
        assert await page.evaluate("document.querySelectorAll('.chart :is(img, svg)').length") == 4
        assert await page.evaluate(SMALLEST) >= 11, width
        assert await page.evaluate("document.documentElement.scrollWidth") == width
    await page.set_viewport_size({"width": 360, "height": 740})
    chart = page.locator(".chart").first
    await chart.focus()
    await page.keyboard.press("ArrowRight")
    await page.wait_for_function("document.querySelector('.chart').scrollLeft > 0")


async def entered(page):
    """The page with the paper of a new case."""
    await page.select_option("#way", "walk_in")
    await page.select_option("#category", "delay")
    await page.fill("#account", "Elle attend sa carte.")
    await page.get_by_role("button", name="Enregistrer et faire le papier").click()
    await page.locator(".paper .digits").wait_for()


async def test_the_paper_is_printed_by_a_button(opened):
    page = await opened("agent", "/console/enter")
    await page.add_init_script("window.printed = 0; window.print = () => { window.printed += 1; }")
    await entered(page)
    await page.get_by_role("button", name="Imprimer").focus()
    await page.keyboard.press("Enter")
    assert await page.evaluate("window.printed") == 1
    await page.emulate_media(media="print")
    assert not await page.get_by_role("button", name="Imprimer").is_visible()
    assert await page.locator(".paper").is_visible()


async def test_without_scripts_the_paper_says_to_print_the_page(opened):
    page = await opened("agent", "/console/enter", java_script_enabled=False)
    await entered(page)
    assert await page.get_by_role("button", name="Imprimer").count() == 0
    assert await page.get_by_text("Imprimez cette page").is_visible()
