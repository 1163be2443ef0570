"""The page in a real Chromium: small screens, no network, no mouse, somebody else's phone."""

import asyncio
import io
import os
import re
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from PIL import Image
from playwright.async_api import async_playwright, expect
from webchat_fakes import FakePost, application, echo

from bot.channels.webchat import WebChat
from bot.dialogue.model import Button, Message

CHROMIUM = "/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else shutil.which("chromium")
expect.set_options(timeout=20_000)  # the page waits between attempts, and machines are slow
SMALL = {"width": 320, "height": 640}
LARGE = {"width": 1280, "height": 800}
ORDINARY = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ORDINARY += ["--disable-component-update", "--disable-sync"]
ORDINARY += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
EVERYTHING = ("voice", "photo", "document", "location")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None and os.environ.get("CI") != "true",
        reason="no Chromium: neither /usr/bin/chromium nor `chromium` on the PATH",
    ),
]


@pytest.fixture
def post():
    return FakePost()


@pytest.fixture
async def server(post):
    async with TestServer(application(post, WebChat(secure_cookie=False))) as server:
        yield server


@pytest.fixture
async def browser():
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ORDINARY + root)
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(browser, address, size=SMALL, **options):
    """The chat on a fresh phone; anything the page fails at fails the test."""
    context = await browser.new_context(viewport=size, **options)
    context.set_default_timeout(15_000)
    page = await context.new_page()
    failures = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("console", lambda line: failures.append(line.text) if "Refused" in line.text else None)
    await page.goto(str(address))
    yield page
    await context.close()
    assert not failures


@pytest.fixture
async def faulty(browser, server):
    """A page whose answers a test puts in: past a service worker, the test would not see every request."""
    async with opened(browser, server.make_url("/"), service_workers="block") as page:
        yield page


@pytest.fixture
async def page(browser, server):
    async with opened(browser, server.make_url("/")) as page:
        await expect(page.locator(".choice")).to_have_count(2)
        yield page


async def until(true):
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 (the page has no event to wait for)
            await asyncio.sleep(0.05)


async def until_async(true):
    async with asyncio.timeout(20):
        while not await true():  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0.05)


async def write(page, text):
    await page.fill("#text", text)
    await page.press("#text", "Enter")


def texts(post):
    return [one.heard.text for one in post.heard if one.heard.kind == "text"]


def waiting(post):
    """What the server still keeps, as the page did not say that it arrived."""
    return [said for kept in post.contacts.values() for said in kept.said]


def photo(size=(4000, 3000)):
    """As a phone takes it: large, and it says where."""
    exif = Image.Exif()
    exif[0x010F] = "Tecno"
    exif.get_ifd(0x8825)[1] = "N"
    picture = Image.effect_noise((size[0] // 4, size[1] // 4), 60).resize(size).convert("RGB")
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92, exif=exif)
    return out.getvalue()


# ---------------------------------------------------------------- reading it

CONTRASTS = """() => {
  const parse = (color) => color.match(/[0-9.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const part = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const color = parse(getComputedStyle(one).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const one of document.querySelectorAll('body *')) {
    const own = Array.from(one.childNodes).some((child) => child.nodeType === 3 && child.data.trim());
    if (!own || !one.offsetWidth) continue;
    const pair = [light(parse(getComputedStyle(one).color)), light(behind(one))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < 4.5) weak.push(one.textContent.slice(0, 30) + ' ' + ratio.toFixed(2));
  }
  return weak;
}"""
SMALL_TARGETS = """() => Array.from(document.querySelectorAll('button, textarea, label.choice'))
  .filter((one) => one.offsetWidth && !one.disabled && (one.offsetWidth < 44 || one.offsetHeight < 44))
  .map((one) => one.id || one.textContent)"""
NAMELESS = """() => Array.from(document.querySelectorAll('button, textarea'))
  .filter((one) => one.offsetWidth && !one.textContent.trim() && !one.getAttribute('aria-label'))
  .map((one) => one.id)"""
SIDEWAYS = """() => document.documentElement.scrollWidth > innerWidth
  || document.getElementById('thread').scrollWidth > document.getElementById('thread').clientWidth"""


async def reads_well(page):
    assert await page.evaluate(SIDEWAYS) is False
    assert await page.evaluate(SMALL_TARGETS) == []
    assert await page.evaluate(NAMELESS) == []
    assert await page.evaluate(CONTRASTS) == []


def all_sorts(heard):
    if heard.kind == "start":
        options = (Button("a/b:one", "Un choix très long, " * 8), Button("a/b:skip", "Passer"))
        return [Message("Bonjour"), Message("mot" * 90 + "\n\nLigne", options, accepts=EVERYTHING)]
    if heard.kind == "tap":
        options = (*(Button(f"a/c:{n}", f"Choix {n}") for n in range(3)), Button("a/c:done", "Valider"))
        return [Message("Lesquels ?", options, many=True)]
    return [Message("Merci", accepts=EVERYTHING)]


@pytest.mark.parametrize("size", [SMALL, LARGE, {"width": 640, "height": 320}])
async def test_it_reads_well_on_every_screen(browser, post, server, size):
    post.answers = all_sorts
    post.demonstration = True
    async with opened(browser, server.make_url("/"), size) as page:
        await expect(page.locator(".choice")).to_have_count(2)
        await expect(page.locator("#banner")).to_contain_text("Démonstration")
        await reads_well(page)
        await page.locator(".choice").first.click()
        await expect(page.locator("input[type=checkbox]")).to_have_count(3)
        await reads_well(page)
        await write(page, "long" * 200)
        await expect(page.get_by_text("Merci")).to_be_visible()
        await page.click("#mic")
        await expect(page.locator("#recording")).to_be_visible()
        await reads_well(page)
        await page.click("#drop")
        await expect(page.locator("#typing")).to_be_visible()
        await page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert await page.evaluate(SIDEWAYS) is False, "letters twice as large still fit"


async def test_the_first_words_are_in_sight_however_long(browser, post, server):
    post.answers = lambda _: [Message("Première\n" + "ligne\n" * 60, (Button("a/b:c", "Oui"),))]
    async with opened(browser, server.make_url("/")) as page:
        await expect(page.locator(".choice")).to_have_count(1)
        assert await page.evaluate("document.getElementById('thread').scrollTop") < 20
        await page.click("#down")
        await expect(page.locator(".choice")).to_be_in_viewport()
        await expect(page.locator("#down")).to_be_hidden()


async def test_it_speaks_to_screen_readers(page, post):
    thread = page.locator("#thread")
    assert await thread.get_attribute("role") == "log"
    assert await thread.get_attribute("aria-live") == "polite"
    assert await page.title() == "Segin"
    assert await page.evaluate("document.documentElement.lang") == "fr"
    await expect(page.get_by_role("textbox", name="Écrivez ici")).to_be_visible()
    await expect(page.get_by_role("button", name="Message vocal")).to_be_visible()
    await expect(page.get_by_role("button", name="Quitter efface de ce téléphone")).to_be_visible()
    await expect(page.get_by_role("group", name="Choix")).to_be_visible()
    assert await page.locator(".theirs p").first.get_attribute("dir") == "auto"
    post.answers = lambda _: [Message("Hello", language="en")]
    await write(page, "English")
    await expect(page.get_by_role("textbox", name="Write here")).to_be_visible()
    assert await page.evaluate("document.documentElement.lang") == "en"


async def test_it_stands_still_for_those_who_ask(browser, server):
    async with opened(browser, server.make_url("/"), reduced_motion="reduce") as page:
        await page.evaluate("document.getElementById('dots').hidden = false")
        style = "getComputedStyle(document.querySelector('.dots i')).animationName"
        assert await page.evaluate(style) == "none"


async def test_the_keyboard_is_enough(page, post):
    focused = "document.activeElement.id || document.activeElement.textContent"
    order = []
    for _ in range(6):
        await page.keyboard.press("Tab")
        order.append(await page.evaluate(focused))
    assert order == ["leave", "thread", "Demander de l'aide", "Porter plainte", "attach", "text"]
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Reçu : main/menu:complaint")).to_be_visible()
    assert await page.evaluate(focused) == "thread", "the choice is gone, what comes next is one Tab away"
    await page.focus("#text")
    await page.keyboard.type("Bonjour")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("Awa")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Reçu : Bonjour\nAwa")).to_be_visible()
    await page.focus("#mic")
    await page.keyboard.press("Space")
    await expect(page.locator("#stop")).to_be_focused()
    await expect(page.locator("#timer")).to_have_text("0:01")
    await page.keyboard.press("Enter")
    await expect(page.locator("#go")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Reçu : voice")).to_be_visible()
    assert [one.heard.kind for one in post.heard] == ["start", "tap", "text", "voice"]


async def test_text_stays_text(page, post):
    evil = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    post.answers = lambda _: [Message(evil, (Button("a/b:c", evil),))]
    await write(page, evil)
    await expect(page.locator(".choice:not([disabled])")).to_have_text(evil)
    assert await page.locator("#thread img, #thread script").count() == 0
    await page.reload()
    await expect(page.locator(".mine p").first).to_have_text(evil)
    assert await page.title() == "Segin"


# ---------------------------------------------------------------- choices


async def test_only_the_newest_choices_count(page, post):
    await page.get_by_text("Porter plainte").click()
    await expect(page.get_by_text("Reçu : main/menu:complaint")).to_be_visible()
    assert post.heard[1].heard.tap == "main/menu:complaint"
    await expect(page.locator(".choice:disabled")).to_have_count(2)
    await expect(page.locator(".choice.taken")).to_have_text("Porter plainte")
    await expect(page.locator(".mine p").first).to_have_text("Porter plainte")


async def test_several_choices_are_sent_as_numbers(page, post):
    options = tuple(Button(f"n/d:{key}", key) for key in ("toit", "travail", "soin", "done", "skip"))
    post.answers = lambda _: [Message("De quoi ?", options, many=True)]
    await write(page, "aide")
    await page.get_by_label("toit").check()
    await page.get_by_label("soin").check()
    post.answers = echo
    await page.get_by_role("button", name="done").click()
    await expect(page.get_by_text("Reçu : 1, 3")).to_be_visible()
    await expect(page.get_by_text("toit, soin")).to_be_visible()
    await expect(page.locator(".retired .taken")).to_have_text(["toit", "soin"])


async def test_several_choices_may_be_none(page, post):
    options = (Button("n/d:toit", "toit"), Button("n/d:done", "Valider"))
    post.answers = lambda heard: [Message("De quoi ?", options, many=True)] if heard.text else echo(heard)
    await write(page, "aide")
    await page.get_by_role("button", name="Valider").click()
    await expect(page.get_by_text("Reçu : n/d:done")).to_be_visible()


async def test_what_can_be_sent_follows_what_was_asked(page, post):
    for accepts, shown in (((), []), (EVERYTHING, ["attach", "mic", "place"]), (("voice",), ["mic"])):
        post.answers = lambda _, accepts=accepts: [Message(f"Avec {len(accepts)}", accepts=accepts)]
        await write(page, "x")
        await expect(page.get_by_text(f"Avec {len(accepts)}")).to_be_visible()
        visible = [name for name in ("attach", "mic", "place") if await page.locator(f"#{name}").is_visible()]
        assert visible == shown
        await expect(page.locator("#text")).to_be_visible()


# ---------------------------------------------------------------- without a network


async def test_what_was_written_offline_goes_out_once(page, post):
    await page.context.set_offline(True)
    await write(page, "Un")
    await write(page, "Deux")
    await expect(page.locator("#notice")).to_have_text("Pas de réseau. Votre message partira tout seul.")
    await expect(page.locator(".mine[data-state=wait]")).to_have_count(2)
    await page.context.set_offline(False)
    await expect(page.locator(".mine[data-state=sent]")).to_have_count(2)
    await expect(page.locator("#notice")).to_be_hidden()
    assert texts(post) == ["Un", "Deux"]


async def test_an_answer_lost_on_the_way_is_no_second_turn(page, post):
    post.lose_answers = True
    await write(page, "Un")
    await expect(page.locator("#notice")).to_contain_text("partira tout seul")
    post.lose_answers = False
    await expect(page.get_by_text("Reçu : Un")).to_be_visible()
    assert texts(post) == ["Un"]
    assert len({one.address for one in post.heard}) == 1


async def test_the_queue_and_the_page_outlive_a_reload_without_network(page, post):
    await page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    await write(page, "Avant")
    await expect(page.get_by_text("Reçu : Avant")).to_be_visible()
    await page.context.set_offline(True)
    await write(page, "Pendant")
    await expect(page.locator("#notice")).to_contain_text("partira tout seul")
    await page.reload()
    await expect(page.get_by_text("Reçu : Avant")).to_be_visible()
    await expect(page.locator(".mine[data-state=wait]")).to_have_text(re.compile("Pendant"))
    await page.context.set_offline(False)
    await expect(page.get_by_text("Reçu : Pendant")).to_be_visible()
    assert texts(post) == ["Avant", "Pendant"]
    assert [one.heard.kind for one in post.heard].count("start") == 1


async def test_a_voice_note_recorded_offline_outlives_a_reload(page, post):
    await page.context.set_offline(True)
    await page.click("#mic")
    await expect(page.locator("#timer")).to_have_text("0:01")
    await page.click("#stop")
    await page.click("#go")
    await expect(page.locator(".mine[data-state=wait]")).to_contain_text("Message vocal")
    post.down = True
    await page.context.set_offline(False)
    await page.reload()
    await expect(page.locator(".mine[data-state=wait]")).to_contain_text("Message vocal")
    post.down = False
    await page.evaluate("dispatchEvent(new Event('online'))")
    await expect(page.get_by_text("Reçu : voice")).to_be_visible()
    assert [one.heard.kind for one in post.heard] == ["start", "voice"]


async def test_a_page_of_the_operator_is_no_answer(faulty, post):
    async def portal(route):
        await route.fulfill(status=200, content_type="text/html", body="<h1>Rechargez</h1>")

    await faulty.route("**/chat/messages", portal)
    await write(faulty, "Bonjour")
    await expect(faulty.locator("#notice")).to_contain_text("partira tout seul")
    await faulty.unroute("**/chat/messages")
    await expect(faulty.get_by_text("Reçu : Bonjour")).to_be_visible()
    assert texts(post) == ["Bonjour"]


async def test_what_can_never_be_sent_says_why_and_holds_nothing_up(page, post):
    post.refuses = True
    await write(page, "Un")
    await expect(page.locator(".mine[data-state=no]")).to_contain_text("Pas envoyé")
    await expect(page.get_by_text("Pardon, cela n'a pas marché.")).to_be_visible()
    await expect(page.locator(".choice:not([disabled])")).to_have_count(2)
    post.refuses = False
    await write(page, "Deux")
    await expect(page.get_by_text("Reçu : Deux")).to_be_visible()


async def again(page, state):
    """As if the network came back, until the message is in this state: nobody waits for the ordinary pauses."""
    async with asyncio.timeout(20):
        while await page.locator(f".mine[data-state={state}]").count() == 0:
            await page.evaluate("dispatchEvent(new Event('online'))")
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("answer", [(500, '{"error": "failed"}'), (403, "<h1>Filter</h1>"), (200, "<h1>Portal</h1>")])
async def test_a_message_that_never_gets_a_proper_answer_holds_nothing_up(faulty, post, answer):
    asked = []

    async def fault(route):
        if "Poison" not in (route.request.post_data or ""):
            await route.continue_()
            return
        asked.append(1)
        await route.fulfill(status=answer[0], body=answer[1])

    await faulty.route("**/chat/messages", fault)
    await write(faulty, "Poison")
    await write(faulty, "Deux")
    await until(lambda: asked)
    await expect(faulty.locator("#notice")).to_contain_text("partira tout seul")
    await again(faulty, "no")
    await expect(faulty.get_by_text("Reçu : Deux")).to_be_visible()
    assert len(asked) == 5
    await expect(faulty.locator(".mine[data-state=no]")).to_contain_text("Le service n’a pas pu prendre ce message.")
    await faulty.reload()
    await reads_well(faulty)
    await faulty.unroute("**/chat/messages")
    await faulty.get_by_role("button", name="Réessayer").click()
    await expect(faulty.get_by_text("Reçu : Poison")).to_be_visible()
    await expect(faulty.locator(".mine")).to_contain_text(["Deux", "Poison"])
    assert await faulty.get_by_role("button", name="Réessayer").count() == 0
    assert texts(post) == ["Deux", "Poison"]


@pytest.mark.parametrize("status", [502, 503, 504, 429, 408])
async def test_a_busy_server_parks_no_message(faulty, status):
    asked = []

    async def busy(route):
        asked.append(1)
        await route.fulfill(status=status, body="<h1>Bad gateway</h1>" if status == 502 else '{"error": "busy"}')

    await faulty.route("**/chat/messages", busy)
    await write(faulty, "Un")
    async with asyncio.timeout(20):
        while len(asked) < 8:
            await faulty.evaluate("dispatchEvent(new Event('online'))")
            await asyncio.sleep(0.05)
    await expect(faulty.locator(".mine[data-state=wait]")).to_have_count(1)
    await faulty.unroute("**/chat/messages")
    await again(faulty, "sent")
    await expect(faulty.get_by_text("Reçu : Un")).to_be_visible()


async def test_a_voice_note_to_a_server_that_forgot_us_is_not_lost(page, post):
    post.contacts.clear()
    await page.context.clear_cookies()
    await page.click("#mic")
    await expect(page.locator("#timer")).to_have_text("0:01")
    await page.click("#stop")
    await page.click("#go")
    await expect(page.get_by_text("Reçu : voice")).to_be_visible()
    assert [one.heard.kind for one in post.heard] == ["start", "start", "voice"]
    assert post.heard[1].address == post.heard[2].address != post.heard[0].address


# ---------------------------------------------------------------- coming back, later messages


async def test_what_was_answered_is_acknowledged_soon(page, post):
    await until(lambda: post.cursors == [1])
    assert not waiting(post)
    await write(page, "Un")
    await expect(page.get_by_text("Reçu : Un")).to_be_visible()
    await until(lambda: not waiting(post))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    await page.reload()
    await expect(page.get_by_text("Reçu : Un")).to_be_visible()
    await page.wait_for_timeout(1500)
    assert not [url for url in asked if url.endswith("/chat/seen")], "once is enough"


async def test_a_message_that_follows_at_once_acknowledges_by_itself(page, post):
    await until(lambda: post.cursors == [1])
    await page.context.set_offline(True)
    for number in range(4):
        await write(page, f"Un {number}")
    await page.wait_for_timeout(1500)
    await page.context.set_offline(False)
    await until(lambda: post.heard[-1].heard.text == "Un 3" and not waiting(post))
    assert post.cursors == [1, *(1, 2, 3, 4), 5], "each message carries one, and only the last is told alone"


async def test_a_page_that_is_closed_at_once_acknowledges_as_well(page, post):
    await until(lambda: post.cursors == [1])
    await write(page, "Un")
    await expect(page.get_by_text("Reçu : Un")).to_be_visible()
    assert waiting(post)
    await page.close(run_before_unload=True)
    await until(lambda: not waiting(post))


async def test_an_acknowledgement_that_did_not_arrive_is_made_good(faulty, post):
    await until(lambda: post.cursors == [1])
    await faulty.route("**/chat/seen", lambda route: route.abort())
    await write(faulty, "Un")
    await expect(faulty.get_by_text("Reçu : Un")).to_be_visible()
    await faulty.wait_for_timeout(1500)
    assert waiting(post)
    await faulty.unroute("**/chat/seen")
    await faulty.evaluate("dispatchEvent(new Event('online'))")
    await until(lambda: not waiting(post))


async def test_a_reload_shows_what_was_and_acknowledges_it(page, post):
    await write(page, "Un")
    await expect(page.get_by_text("Reçu : Un")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("Bonjour. Que voulez-vous faire ?")).to_be_visible()
    await expect(page.get_by_text("Reçu : Un")).to_be_visible()
    await write(page, "Deux")
    await expect(page.get_by_text("Reçu : Deux")).to_be_visible()
    assert [one.cursor for one in post.heard] == [None, 1, 2]
    assert await page.get_by_text("Reçu :").count() == 2


async def test_staff_are_heard_without_a_reload_and_once(page, post):
    reply = Message("Bonjour, je suis Awa.", (Button("case/staff:reply", "Répondre"),))
    await until(lambda: post.listening)
    post.staff_says(reply)
    await expect(page.get_by_text("Bonjour, je suis Awa.")).to_have_count(1)
    await until(lambda: 2 in post.cursors)
    await page.reload()
    await page.get_by_role("button", name="Répondre").click()
    await expect(page.get_by_text("Reçu : case/staff:reply")).to_be_visible()
    await expect(page.get_by_text("Bonjour, je suis Awa.")).to_have_count(1)


async def test_a_person_whom_the_server_forgot_begins_anew(page, post):
    for number in range(3):
        await write(page, f"Un {number}")
        await expect(page.get_by_text(f"Reçu : Un {number}")).to_be_visible()
    post.contacts.clear()  # erased, or the database is another one
    await write(page, "Deux")
    await expect(page.get_by_text("Reçu : Deux")).to_be_visible()
    await until(lambda: post.listening)
    post.staff_says(Message("Toujours là ?"))
    await expect(page.get_by_text("Toujours là ?")).to_be_visible()


async def test_a_link_is_followed_once(browser, post, server):
    """A reload, a bookmark, an installed app don't lead there again; whoever scans again is led again."""
    async with opened(browser, server.make_url("/").update_query(start="kayes-en")) as page:
        await expect(page.locator(".choice")).to_have_count(2)
        assert [one.start for one in post.heard] == ["kayes-en"]
        assert await page.evaluate("location.pathname + location.search") == "/"
        assert await page.evaluate("history.length") <= 2  # a blank tab, and this
        await page.reload()
        await write(page, "Bonjour")
        await until(lambda: texts(post) == ["Bonjour"])
        assert [one.start for one in post.heard] == ["kayes-en", ""]
        await page.goto(str(server.make_url("/").update_query(start="gao")))
        await until(lambda: [one.start for one in post.heard] == ["kayes-en", "", "gao"])
        assert [one.heard.kind for one in post.heard] == ["start", "text", "start"]


@pytest.mark.parametrize(
    "query", ["start=", "start=k/y", "start=%3Cb%3E", f"start={'x' * 65}", "restart=kayes", "a&b=c"]
)
async def test_a_link_that_says_nothing_is_an_ordinary_visit(browser, post, server, query):
    async with opened(browser, f"{server.make_url('/')}?{query}") as page:
        await expect(page.locator(".choice")).to_have_count(2)
        assert [(one.heard.kind, one.start) for one in post.heard] == [("start", "")]
        assert await page.evaluate("location.search") == ""
        await page.goto(f"{server.make_url('/')}?{query}")
        await expect(page.locator(".choice")).to_have_count(2)
        await asyncio.sleep(0.3)
        assert len(post.heard) == 1


async def test_a_link_opened_without_a_network_is_followed_later(page, post, server):
    await until_async(lambda: page.evaluate("navigator.serviceWorker.controller !== null"))
    await page.context.set_offline(True)
    await page.goto(str(server.make_url("/").update_query(start="kayes")))
    await expect(page.locator(".choice")).to_have_count(2)
    await page.reload()
    assert [one.start for one in post.heard] == [""]
    await page.context.set_offline(False)
    await until(lambda: [one.start for one in post.heard] == ["", "kayes"])


async def test_two_tabs_are_one_chat(page, post):
    other = await page.context.new_page()
    await other.goto(page.url)
    await expect(other.locator(".choice")).to_have_count(2)
    await write(other, "Un")
    await expect(page.get_by_text("Reçu : Un")).to_have_count(1)
    await expect(other.get_by_text("Reçu : Un")).to_have_count(1)
    assert len({one.address for one in post.heard}) == 1
    await other.click("#leave")
    await page.wait_for_url("about:blank")


# ---------------------------------------------------------------- voice, photos, places


async def test_a_voice_note_is_heard_before_it_is_sent(page, post):
    await page.click("#mic")
    await expect(page.locator("#timer")).to_have_text("0:01")
    await page.click("#stop")
    await page.click("#play")
    await expect(page.locator("#play")).to_contain_text("Pause")
    await page.click("#go")
    await expect(page.get_by_text("Reçu : voice")).to_be_visible()
    incoming = post.heard[-1]
    assert incoming.heard.file.seconds in (1, 2)
    assert incoming.body.startswith(b"\x1a\x45\xdf\xa3")
    await expect(page.locator(".mine")).to_contain_text("Message vocal 0:0")


async def test_holding_records_until_letting_go(page):
    await page.hover("#mic")
    await page.mouse.down()
    await expect(page.locator("#recording")).to_be_visible()
    await page.wait_for_timeout(1000)
    await page.mouse.up()
    await expect(page.locator("#ready")).to_be_visible()


async def test_a_voice_note_can_be_dropped(page, post):
    await page.click("#mic")
    await page.click("#drop")
    await expect(page.locator("#typing")).to_be_visible()
    await page.click("#mic")
    await expect(page.locator("#timer")).to_have_text("0:01")
    await page.click("#stop")
    await page.click("#cancel")
    await write(page, "Bonjour")
    await expect(page.get_by_text("Reçu : Bonjour")).to_be_visible()
    assert [one.heard.kind for one in post.heard] == ["start", "text"]


async def test_a_photo_is_made_small_before_it_travels(page, post):
    sizes = []
    page.on("request", lambda request: sizes.append(len(request.post_data_buffer or b"")))
    original = photo()
    picked = {"name": "IMG.jpg", "mimeType": "image/jpeg", "buffer": original}
    await page.set_input_files("#file", picked)
    await expect(page.locator("#look")).to_be_visible()
    await page.click("#go")
    await expect(page.get_by_text("Reçu : photo")).to_be_visible()
    body = post.heard[-1].body
    picture = Image.open(io.BytesIO(body))
    assert picture.size == (1280, 960)
    assert not picture.getexif()
    assert b"Tecno" not in body
    assert max(sizes) < len(original) / 4
    await expect(page.locator(".mine")).to_contain_text("Photo")


async def test_a_photo_that_is_none_is_not_sent(page, post):
    picked = {"name": "IMG.jpg", "mimeType": "image/jpeg", "buffer": b"nothing"}
    await page.set_input_files("#file", picked)
    await expect(page.locator("#notice")).to_contain_text("ne peut pas être lue")
    assert len(post.heard) == 1


async def test_a_place_is_sent_when_it_was_asked(browser, post, server):
    post.answers = all_sorts
    where = {"latitude": 12.65, "longitude": -8.0}
    options = {"geolocation": where, "permissions": ["geolocation"]}
    async with opened(browser, server.make_url("/"), **options) as page:
        await page.click("#place")
        await expect(page.get_by_text("Ma position", exact=True)).to_be_visible()
        await expect(page.get_by_text("Merci")).to_be_visible()
        place = post.heard[-1].heard.place
        assert (place.latitude, place.longitude) == (12.65, -8.0)


# ---------------------------------------------------------------- somebody else's phone

LEFT_BEHIND = """async () => ({
  local: Object.keys(localStorage),
  bases: (await indexedDB.databases()).map((base) => base.name),
  caches: await caches.keys(),
  workers: (await navigator.serviceWorker.getRegistrations()).length,
})"""

NOTHING_LEFT = f"""async () => {{
  const left = await ({LEFT_BEHIND})();
  return !left.local.length && !left.bases.length && !left.caches.length && !left.workers;
}}"""


async def test_leaving_leaves_nothing(page, post, server):
    await page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    post.down = True
    await page.set_input_files("#file", {"name": "IMG.jpg", "mimeType": "image/jpeg", "buffer": photo((600, 400))})
    await page.click("#go")
    await expect(page.locator(".mine[data-state=wait]")).to_be_visible()
    await page.click("#leave")
    await page.wait_for_url("about:blank")
    assert await page.context.cookies() == []
    await page.goto(str(server.make_url("/static/chat/sw.js")))
    left = await page.evaluate(LEFT_BEHIND)
    assert left == {"local": [], "bases": [], "caches": [], "workers": 0}
    post.down = False
    await page.goto(str(server.make_url("/")))
    await expect(page.locator(".choice")).to_have_count(2)
    assert post.heard[0].address != post.heard[1].address


async def test_leaving_without_network_is_made_good_on_the_next_visit(page, post, server):
    await write(page, "Secret")
    await expect(page.get_by_text("Reçu : Secret")).to_be_visible()
    await page.context.set_offline(True)
    await page.click("#leave")
    await page.wait_for_url("about:blank")
    await page.context.set_offline(False)
    await page.goto(str(server.make_url("/")))
    await expect(page.locator(".choice")).to_have_count(2)
    assert await page.get_by_text("Secret").count() == 0
    assert post.heard[-1].heard.kind == "start"
    assert post.heard[-1].address != post.heard[0].address
    assert await page.evaluate("Object.keys(localStorage)") == ["segin.chat"]


GOOD_BYE = "Tout est effacé."


async def test_who_is_erased_is_erased_here_as_well(page, post):
    await page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    await write(page, "Secret")
    await expect(page.get_by_text("Reçu : Secret")).to_be_visible()
    (token,) = post.contacts
    post.answers = lambda _: [Message(GOOD_BYE)]
    post.erases = True
    await page.context.set_offline(True)
    await write(page, "effacer")  # more waits behind it
    await page.set_input_files("#file", {"name": "IMG.jpg", "mimeType": "image/jpeg", "buffer": photo((600, 400))})
    await page.click("#go")
    await write(page, "et encore un secret")
    await page.fill("#text", "Brouillon secret")
    await page.context.set_offline(False)
    await expect(page.get_by_text(GOOD_BYE)).to_be_visible()
    await expect(page.locator(".bubble:not(.dots)")).to_have_count(1)
    assert "secret" not in (await page.inner_text("body")).lower()
    assert await page.input_value("#text") == ""
    await until(lambda: post.gone == [token])
    await until_async(lambda: page.evaluate(NOTHING_LEFT))
    assert await page.context.cookies() == []
    assert texts(post) == ["Secret", "effacer"]
    await expect(page.get_by_text(GOOD_BYE)).to_be_visible()
    # who goes on is somebody new
    post.erases, post.answers = False, echo
    await write(page, "Bonjour")
    await expect(page.get_by_text("Reçu : Bonjour")).to_be_visible()
    await expect(page.get_by_text(GOOD_BYE)).to_have_count(0)
    assert post.heard[-1].address != token
    assert await page.evaluate("localStorage['segin.chat'].includes('effac')") is False


async def test_the_good_bye_is_gone_after_a_reload(page, post):
    post.answers = lambda heard: [Message(GOOD_BYE)] if heard.text else echo(heard)
    post.erases = True
    await write(page, "effacer")
    await expect(page.get_by_text(GOOD_BYE)).to_be_visible()
    await until(lambda: post.gone)
    post.erases = False
    await page.reload()
    await expect(page.locator(".choice")).to_have_count(2)
    assert await page.get_by_text(GOOD_BYE).count() == 0
    assert [one.heard.kind for one in post.heard] == ["start", "text", "start"]


async def test_the_other_tab_of_who_is_erased_goes_blank(page, post):
    other = await page.context.new_page()
    await other.goto(page.url)
    await expect(other.locator(".choice")).to_have_count(2)
    post.erases = True
    await write(page, "effacer")
    await other.wait_for_url("about:blank")
    await expect(page.get_by_text("Reçu : effacer")).to_be_visible()


@pytest.mark.parametrize("kept", ["old", "broken"])
async def test_a_history_nobody_came_back_to_is_removed(page, post, kept):
    await write(page, "Secret")
    await expect(page.get_by_text("Reçu : Secret")).to_be_visible()
    await page.evaluate(
        """(kept) => {
          const state = JSON.parse(localStorage['segin.chat']);
          state.at = Date.now() - 31 * 24 * 3600 * 1000;
          addEventListener('pagehide', () => {
            localStorage['segin.chat'] = kept === 'old' ? JSON.stringify(state) : '{"Secret';
          });
        }""",
        kept,
    )
    post.down = True  # nothing new replaces it
    await page.reload()
    await expect(page.locator("#notice")).to_be_visible()
    assert await page.get_by_text("Secret").count() == 0
    assert "Secret" not in await page.evaluate("JSON.stringify(localStorage)")


# ---------------------------------------------------------------- weight


@asynccontextmanager
async def counted(host, port):
    """A wire that counts every byte, headers included; yields its port and the count."""
    count = [0]
    tasks = set()

    async def pump(reader, writer):
        try:
            while data := await reader.read(65536):
                count[0] += len(data)
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def connect(reader, writer):
        far_reader, far_writer = await asyncio.open_connection(host, port)
        for pair in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.ensure_future(pump(*pair))
            tasks.add(task)

    wire = await asyncio.start_server(connect, "127.0.0.1", 0)
    yield wire.sockets[0].getsockname()[1], count
    wire.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_first_visit_weighs_less_than_50_kb_and_the_next_far_less(browser, server):
    async with (
        counted(server.host, server.port) as (port, count),
        opened(browser, f"http://127.0.0.1:{port}/") as page,
    ):
        await expect(page.locator(".choice")).to_have_count(2)
        await page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
        await page.wait_for_timeout(500)
        first = count[0]
        await page.reload()
        await expect(page.locator(".choice")).to_have_count(2)
        await page.wait_for_timeout(500)
        second = count[0] - first
    print(f"over the wire, both ways, headers included: {first} bytes, then {second}")
    assert first < 35_000
    assert second < 5_000
