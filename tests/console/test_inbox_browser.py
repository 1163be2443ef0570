"""The inbox in Chromium: the keyboard, and lists that renew themselves without taking anything away."""

import uuid

import pytest
from sqlalchemy import insert

from bot.console.asking import cookie_name
from bot.console.pages import live
from storage import tables
from tests.cases.test_lists import case
from tests.walk.conftest import CHROMIUM

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM, reason="no Chromium here")]


async def put(office, *numbers, **columns):
    now = office.house.now
    rows = [case(n, opened_at=now, due_at=now, last_step_at=now, heard_at=now, **columns) for n in numbers]
    await office.house.store.run(lambda conn: conn.execute(insert(tables.cases), rows) and None)


@pytest.fixture
async def page(office, monkeypatch):
    """A supervisor's page at 360 px; what the browser complains of is an error."""
    from playwright.async_api import async_playwright  # noqa: PLC0415

    monkeypatch.setattr(live, "EVERY", 0.1)
    b = await office.browser(await office.staff("Salif", "supervisor"))
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM)
        context = await chromium.new_context(viewport={"width": 360, "height": 740})
        address = str(office.client.make_url("/")).rstrip("/")
        name = cookie_name(office.console)
        await context.add_cookies([{"name": name, "value": b.cookies[name], "url": address}])
        page = await context.new_page()
        troubles = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: troubles.append(said.text) if "Content Security" in said.text else None)
        page.address = address
        yield page
        await chromium.close()
        assert troubles == []


async def ticked(page):
    return await page.evaluate("[...document.querySelectorAll('[name=case]:checked')].map((box) => box.value)")


async def focused(page):
    return await page.evaluate("document.activeElement.id")


@pytest.mark.only_on("sqlite")
async def test_keys_move_tick_search_and_lead_to_views(office, page):
    """j, k, x, /, ?, g u; nothing while somebody writes; nothing is wider than the phone."""
    await put(office, 2, 3, 4)
    await page.goto(f"{page.address}/console?view=open")
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    for key in "jjkj":
        await page.keyboard.press(key)
    rows = await page.evaluate("[...document.querySelectorAll('tbody th a')].map((link) => link.id)")
    assert await focused(page) == rows[1]
    await page.keyboard.press("x")
    assert await ticked(page) == [rows[1].removeprefix("c-") + ":1"]
    await page.keyboard.press("?")
    assert await page.locator("dialog#keys").is_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("/")
    assert await focused(page) == "words"
    await page.keyboard.type("jx?gu")
    assert await page.input_value("#words") == "jx?gu"
    assert "view=open" in page.url
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("g")
    await page.keyboard.press("u")
    await page.wait_for_url("**view=unassigned")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/console/cases/AAA-*")


@pytest.mark.only_on("sqlite")
async def test_a_list_renews_itself_and_keeps_ticks_and_focus(office, page):
    """Two cases come: they are there, and told; the tick, the focus and the session are as they were."""
    await put(office, 2, 3)
    await page.goto(f"{page.address}/console?view=open")
    for key in "jx":
        await page.keyboard.press(key)
    focus, before = await focused(page), await ticked(page)
    assert before
    await put(office, 5, 6)
    await page.wait_for_selector("#news.done")
    assert await page.text_content("#news") == "2 nouveaux dossiers dans cette liste."
    assert await page.locator("tbody tr").count() == 4
    assert (await focused(page), await ticked(page)) == (focus, before)
    await page.click("#pause")
    assert await page.get_attribute("#pause", "aria-pressed") == "true"


@pytest.mark.only_on("sqlite")
async def test_enter_in_a_tick_box_does_nothing_by_itself(office, page):
    """It would press the first button of the form, and take a case."""
    await put(office, 2, reference="KAA-2222")
    await page.goto(f"{page.address}/console?view=open")
    await page.focus("[name=case]")
    await page.keyboard.press("Enter")
    assert (await office.house.rows(tables.cases))[0].assignee_id is None
    assert page.url.endswith("view=open")
    await page.click("tbody button")
    await page.wait_for_url("**done=taken")
    assert (await office.house.rows(tables.cases))[0].assignee_id == uuid.UUID(
        (await office.house.rows(tables.staff))[0].id.hex
    )
