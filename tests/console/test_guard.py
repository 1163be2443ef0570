"""Nobody passes the guard without a session, from elsewhere, or with what is no form of ours."""

import pytest

from bot.console.asking import COOKIE, SIGN_IN
from bot.console.guard import LARGEST_FORM
from bot.settings import Settings
from storage import tables
from tests.console.conftest import fields

ACCOUNT = "/console/account"
LANGUAGE = f"{ACCOUNT}/language"


@pytest.fixture
async def awa(office):
    return await office.browser(await office.staff("Awa", "agent", regions=("kayes",)))


async def language(office):
    rows = await office.house.rows(tables.staff)
    return {row.language for row in rows}


async def test_without_a_session_every_page_leads_to_sign_in(office):
    """No page of the console tells anything to a stranger; signing in leads back."""
    async with office.client.get("/console/people", allow_redirects=False) as answer:
        assert answer.status == 303
        assert answer.headers["Location"] == f"{SIGN_IN}?next=/console/people"


@pytest.mark.parametrize(
    "onward", ["https://evil.example/console", "//evil.example/console", "/console//evil", "/chat"]
)
async def test_signing_in_leads_nowhere_else(office, onward):
    """What stands in `next` is a page of the console, or it is left out."""
    async with office.client.get(SIGN_IN, params={"next": onward}) as answer:
        assert fields(await answer.text())["next"] == ""


async def test_a_form_needs_its_token(office, awa):
    """Without it, or with another one, nothing is done."""
    for token in ("", "x" * 43, "é"):
        assert (await awa.post(LANGUAGE, {"csrf": token, "language": "en"}))[0] == 403
    assert await language(office) == {"fr"}
    assert (await awa.post(LANGUAGE, {"language": "en"}))[0] == 303
    assert await language(office) == {"en"}


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:1"])
async def test_a_form_of_another_site_is_refused(office, awa, origin):
    """Even with cookie and token."""
    assert (await awa.post(LANGUAGE, {"language": "en"}, Origin=origin))[0] == 403
    assert await language(office) == {"fr"}


async def test_a_form_without_origin_is_refused(office, awa):
    """All browsers of today send it with a form."""
    async with office.client.post(LANGUAGE, data={"csrf": awa.csrf, "language": "en"}, cookies=awa.cookies) as answer:
        assert answer.status == 403


async def test_behind_our_proxy_the_public_address_is_the_origin(office, awa):
    """What the proxy says about itself is not what the browser sees."""
    settings = Settings(public_url="https://segin.example.org", behind_proxy=True)
    object.__setattr__(office.console, "settings", settings)
    cookies = {f"__Host-{COOKIE}": next(iter(awa.cookies.values()))}
    for origin, status in (("https://segin.example.org", 303), (str(office.client.make_url("/")).rstrip("/"), 403)):
        form = {"csrf": awa.csrf, "language": "en"}
        async with office.client.post(
            LANGUAGE, data=form, cookies=cookies, headers={"Origin": origin}, allow_redirects=False
        ) as answer:
            assert answer.status == status


async def test_every_answer_is_guarded(awa):
    """No page is stored, framed, or runs what is not ours."""
    for path in (SIGN_IN, ACCOUNT, "/console/nothing", "/console"):
        await awa.get(path)
        headers = awa.last.headers
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


async def test_pages_have_nothing_inline(awa):
    """The policy would refuse it."""
    for path in (SIGN_IN, "/console/set-up", ACCOUNT):
        _, html = await awa.get(path)
        assert "style=" not in html
        assert "<style" not in html
        assert "onclick" not in html


async def test_an_unknown_address_looks_like_a_case_that_is_not_yours(awa):
    """To the byte."""
    status, html = await awa.get("/console/nothing/here")
    assert (status, html) == await awa.get("/console/cases/K-2222-2222")
    assert status == 404
    assert (await awa.get("/console/people")) == (status, html)  # no place of an agent


async def test_another_method_is_not_allowed(office, awa):
    """It is told which are."""
    status, _ = await awa.get(LANGUAGE)
    assert (status, awa.last.headers["Allow"]) == (405, "POST")
    async with office.client.put(ACCOUNT, cookies=awa.cookies) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


async def test_head_is_get_without_its_body(office, awa):
    async with office.client.head(ACCOUNT, cookies=awa.cookies) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    async with office.client.head(ACCOUNT, allow_redirects=False) as answer:
        assert answer.status == 303


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"csrf=x&language=" + b"e" * LARGEST_FORM, "application/x-www-form-urlencoded", 413),
        (b"csrf=%ff%fe", "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 3000, "application/x-www-form-urlencoded", 400),
        (b'{"language": "en"}', "application/json", 415),
        (b"--x\r\n\r\nhello\r\n--x--", "multipart/form-data; boundary=x", 415),
        (b"", "application/x-www-form-urlencoded", 403),
    ],
)
async def test_what_is_no_form_is_told_so(office, awa, body, kind, status, caplog):
    """Nothing of it is done, and nothing of it is logged."""
    headers = {"Origin": str(office.client.make_url("/")).rstrip("/"), "Content-Type": kind}
    async with office.client.post(LANGUAGE, data=body, cookies=awa.cookies, headers=headers) as answer:
        assert answer.status == status
        assert "<h1>" in await answer.text()
    assert await language(office) == {"fr"}
    assert not caplog.records


async def test_a_body_without_an_end_is_cut(office, awa):
    """Its length need not be told beforehand."""

    async def endless():
        for _ in range(LARGEST_FORM // 1024 + 50):
            yield b"a" * 1024

    headers = {
        "Origin": str(office.client.make_url("/")).rstrip("/"),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    async with office.client.post(LANGUAGE, data=endless(), cookies=awa.cookies, headers=headers) as answer:
        assert answer.status == 413


async def test_the_web_chat_knows_no_session_of_the_console(office, awa):
    """And the console none of the web chat: cookies have names and indexes of their own."""
    token = next(iter(awa.cookies.values()))
    assert (await awa.get(ACCOUNT))[0] == 200
    async with office.client.get(ACCOUNT, cookies={"segin_chat": token}, allow_redirects=False) as answer:
        assert answer.status == 303
    async with office.client.get(ACCOUNT, cookies={COOKIE: "a" * 43}, allow_redirects=False) as answer:
        assert answer.status == 303


async def test_an_error_in_a_page_tells_nothing(awa, monkeypatch, caplog):
    """Neither in the page nor in the log: its words may quote a person."""

    def break_it(*_, **__):
        raise ValueError("Fatou 76543210")

    monkeypatch.setattr("bot.staff.accounts.ways_of", break_it)
    status, html = await awa.get(ACCOUNT)
    assert status == 500
    assert "Fatou" not in html + caplog.text
    assert "GET /console/account failed: ValueError at" in caplog.text
