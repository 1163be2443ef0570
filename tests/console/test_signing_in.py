"""Signing in: name, password and a code used once; whoever guesses waits, and nobody else."""

import re
import uuid
from datetime import timedelta

import pyotp
import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from bot.channels.webchat.limits import Flood
from bot.console.asking import COOKIE, SIGN_IN
from bot.console.pages import signing_in
from bot.settings import Settings
from bot.staff import accounts, passwords, setting_up
from storage import audit, tables

PASSWORD = "girafe lente mange une orange"
SET_UP = "/console/set-up"
PROXY = Settings(behind_proxy=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Cheap hashes, and no flood of an earlier test."""
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobodys.cache_clear()
    monkeypatch.setattr(signing_in, "_flood", Flood(1000))


class Stranger:
    """A browser without a session."""

    def __init__(self, office, place=""):
        self.office, self.cookies = office, {}
        self.headers = {"Origin": str(office.client.make_url("/")).rstrip("/")}
        if place:
            self.headers["X-Forwarded-For"] = place

    async def post(self, path, **form):
        async with self.office.client.post(
            path, data=form, headers=self.headers, cookies=self.cookies, allow_redirects=False
        ) as answer:
            self.last = answer
            for name, cookie in answer.cookies.items():
                self.cookies[name] = cookie.value
            return answer.status, await answer.text()

    async def get(self, path):
        async with self.office.client.get(path, cookies=self.cookies, allow_redirects=False) as answer:
            self.last = answer
            return answer.status, await answer.text()

    async def sign_in(self, name, password, code):
        return (await self.post(SIGN_IN, name=name, password=password, code=code))[0]


async def added(office, name="Awa Traoré", role="agent"):
    """A new account: its set-up code."""
    one = await office.staff(name, role)
    return await office.house.store.run(
        lambda conn: setting_up.new_code(conn, office.house.keyring, uuid.UUID(one.id), office.house.now)
    )


async def set_up(office, name="Awa Traoré", password=PASSWORD):
    """An account set up to the end: what makes its one-time codes, and the browser that is signed in."""
    code, browser = await added(office, name), Stranger(office)
    status, html = await browser.post(SET_UP, name=name, setup=code, password=password, again=password)
    assert status == 200, html
    totp = pyotp.TOTP(re.search(r'class="code">([A-Z2-7 ]+)<', html)[1].replace(" ", ""))
    status, html = await browser.post(SET_UP, name=name, setup=code, code=totp.at(office.house.now))
    assert status == 303, html
    office.house.later(minutes=1)
    return totp, browser


async def deeds(office):
    return [(row.staff, row.deed) for row in await office.house.rows(tables.audit_log)]


async def test_an_account_is_set_up_with_its_code_once(office):
    """Password, then one-time codes; after that the set-up code opens nothing."""
    code, browser = await added(office), Stranger(office)
    _, html = await browser.post(SET_UP, name="awa traoré", setup=code.upper(), password=PASSWORD, again=PASSWORD)
    totp = pyotp.TOTP(re.search(r'class="code">([A-Z2-7 ]+)<', html)[1].replace(" ", ""))
    assert "<svg" in html
    assert (await browser.post(SET_UP, name="Awa Traoré", setup=code, code="000000"))[0] == 422
    right = totp.at(office.house.now)
    assert await Stranger(office).sign_in("Awa Traoré", PASSWORD, right) == 422  # it does not count yet
    assert (await browser.post(SET_UP, name="Awa Traoré", setup=code, code=right))[0] == 303
    assert (await browser.get("/console/account"))[0] == 200
    again = await Stranger(office).post(SET_UP, name="Awa Traoré", setup=code, password=PASSWORD, again=PASSWORD)
    assert again[0] == 422
    assert ("Awa Traoré", "set up") in await deeds(office)


async def test_a_set_up_code_holds_three_days(office):
    code = await added(office)
    office.house.later(hours=72, minutes=1)
    status, _ = await Stranger(office).post(SET_UP, name="Awa Traoré", setup=code, password=PASSWORD, again=PASSWORD)
    assert status == 422


async def test_a_set_up_code_is_of_one_name(office):
    code, _ = await added(office), await added(office, "Oumar")
    status, _ = await Stranger(office).post(SET_UP, name="Oumar", setup=code, password=PASSWORD, again=PASSWORD)
    assert status == 422


async def test_signing_in_takes_name_password_and_code(office):
    """And each alone is not enough; the answers are the same."""
    totp, _ = await set_up(office)
    code = totp.at(office.house.now)
    answers = set()
    for name, password, given in (
        ("Awa Traoré", PASSWORD, "123456"),
        ("Awa Traoré", "another password altogether", code),
        ("Fatou", PASSWORD, code),
    ):
        status, html = await Stranger(office).post(SIGN_IN, name=name, password=password, code=given)
        assert status == 422
        answers.add(html.replace(name, "…"))
    assert len(answers) == 1
    browser = Stranger(office)
    assert await browser.sign_in("  awa traoré ", PASSWORD, f"{code[:3]} {code[3:]}") == 303
    assert (await browser.get("/console/account"))[0] == 200


async def test_the_log_has_no_name_that_is_unknown(office):
    """Somebody may have typed their password there."""
    totp, _ = await set_up(office)
    await Stranger(office).sign_in("my secret password", PASSWORD, "1")
    await Stranger(office).sign_in("AWA TRAORÉ", "wrong", "1")
    await Stranger(office).sign_in("awa traoré", PASSWORD, totp.at(office.house.now))
    assert (await deeds(office))[-3:] == [
        ("?", "sign in failed"),
        ("Awa Traoré", "sign in failed"),
        ("Awa Traoré", "sign in"),
    ]
    assert await office.house.store.read(audit.verify) is None


async def test_a_code_is_used_once(office):
    """Nor one before it; the one a step away is taken for a clock that is slow."""
    totp, _ = await set_up(office)
    now = office.house.now
    assert await Stranger(office).sign_in("Awa Traoré", PASSWORD, totp.at(now)) == 303
    assert await Stranger(office).sign_in("Awa Traoré", PASSWORD, totp.at(now)) == 422
    assert await Stranger(office).sign_in("Awa Traoré", PASSWORD, totp.at(now + timedelta(seconds=-30))) == 422
    assert await Stranger(office).sign_in("Awa Traoré", PASSWORD, totp.at(now + timedelta(seconds=60))) == 422
    assert await Stranger(office).sign_in("Awa Traoré", PASSWORD, totp.at(now + timedelta(seconds=30))) == 303


async def test_the_code_of_setting_up_is_used_too(office):
    totp, _ = await set_up(office)
    office.house.later(minutes=-1)
    assert await Stranger(office).sign_in("Awa Traoré", PASSWORD, totp.at(office.house.now)) == 422


async def test_whoever_guesses_waits_longer_and_longer(office):
    """Five are free; then half a minute, a minute, two … The right password does not help meanwhile."""
    totp, _ = await set_up(office)
    guess = Stranger(office)
    for _ in range(5):
        assert await guess.sign_in("Awa Traoré", "wrong", "1") == 422
    for seconds in (30, 60, 120):
        assert await guess.sign_in("Awa Traoré", PASSWORD, totp.at(office.house.now)) == 429
        office.house.later(seconds=seconds - 1)
        assert await guess.sign_in("Awa Traoré", PASSWORD, totp.at(office.house.now)) == 429
        office.house.later(seconds=1)
        assert await guess.sign_in("Awa Traoré", "wrong", "1") == 422
    office.house.later(minutes=4)
    assert await guess.sign_in("Awa Traoré", PASSWORD, totp.at(office.house.now)) == 303
    assert await guess.sign_in("Awa Traoré", "wrong", "1") == 422  # forgiven


async def test_a_name_that_does_not_exist_waits_alike(office):
    """Else the wait would tell which names there are."""
    guess = Stranger(office)
    found = [await guess.sign_in("Nobody", "wrong", "1") for _ in range(7)]
    assert found == [422] * 5 + [429] * 2


async def test_nobody_locks_somebody_out_from_elsewhere(office):
    """The wait is of the account and the network together."""
    totp, _ = await set_up(office)
    object.__setattr__(office.console, "settings", PROXY)
    foe, foe_too = Stranger(office, "203.0.113.7"), Stranger(office, "6.6.6.6, 203.0.113.7")
    for _ in range(5):
        assert await foe.sign_in("Awa Traoré", "wrong", "1") == 422
    assert await foe_too.sign_in("Awa Traoré", "wrong", "1") == 429  # what a visitor invents does not count
    assert await Stranger(office, "198.51.100.2").sign_in("Awa Traoré", PASSWORD, totp.at(office.house.now)) == 303


async def test_without_a_proxy_nobody_says_where_they_are(office):
    await set_up(office)
    found = [await Stranger(office, f"203.0.113.{n}").sign_in("Awa Traoré", "wrong", "1") for n in range(6)]
    assert found == [422] * 5 + [429]


async def test_a_flood_waits_before_any_work(office, monkeypatch):
    """A password costs us 64 MiB: many names from one place are slowed down, too."""
    monkeypatch.setattr(signing_in, "_flood", Flood(3))
    found = [await Stranger(office).sign_in(f"name {n}", "wrong", "1") for n in range(4)]
    assert found == [422] * 3 + [429]


async def test_a_session_ends_when_nobody_is_there_and_after_eight_hours(office):
    """15 minutes without a page; 8 hours in all."""
    _, browser = await set_up(office)
    office.house.later(minutes=13)
    assert (await browser.get("/console/account"))[0] == 200
    office.house.later(minutes=16)
    assert (await browser.get("/console/account"))[0] == 303
    second = await office.browser(await office.staff("Oumar"))
    for _ in range(48):
        assert (await second.get("/console/account"))[0] == 200
        office.house.later(minutes=10)
    assert (await second.get("/console/account"))[0] == 303


async def test_each_sign_in_has_a_token_of_its_own(office):
    """The one before is dead, in this browser."""
    totp, browser = await set_up(office)
    first = browser.cookies[COOKIE]
    assert await browser.sign_in("Awa Traoré", PASSWORD, totp.at(office.house.now)) == 303
    assert browser.cookies[COOKIE] != first
    old = Stranger(office)
    old.cookies = {COOKIE: first}
    assert (await old.get("/console/account"))[0] == 303


async def test_the_cookie_is_kept_from_scripts_and_other_sites(office):
    totp, _ = await set_up(office)
    browser = Stranger(office)
    await browser.sign_in("Awa Traoré", PASSWORD, totp.at(office.house.now))
    set_cookie = browser.last.headers["Set-Cookie"]
    assert re.fullmatch(rf"{COOKIE}=[\w-]{{43}}; Path=/console; HttpOnly; SameSite=Strict", set_cookie)
    object.__setattr__(office.console, "settings", Settings(public_url="https://segin.example.org"))
    office.house.later(minutes=1)
    browser.headers["Origin"] = "https://segin.example.org"
    await browser.sign_in("Awa Traoré", PASSWORD, totp.at(office.house.now))
    set_cookie = browser.last.headers["Set-Cookie"]
    assert re.fullmatch(rf"__Host-{COOKIE}=[\w-]{{43}}; Path=/; Secure; HttpOnly; SameSite=Strict", set_cookie)


async def test_signing_out_ends_the_session_everywhere_it_is_known(office):
    """Also for whoever kept the cookie."""
    browser = await office.browser(await office.staff("Awa"))
    assert (await browser.post("/console/sign-out"))[0] == 303
    assert "Max-Age=0" in browser.last.headers["Set-Cookie"]
    assert (await browser.get("/console/account"))[0] == 303
    assert ("Awa", "sign out") in await deeds(office)


async def test_what_is_over_does_not_stay(office):
    """Old sessions and failures of long ago go with the next sign-in."""
    totp, _ = await set_up(office)
    await Stranger(office).sign_in("Nobody", "wrong", "1")
    office.house.later(hours=25)
    assert await Stranger(office).sign_in("Awa Traoré", PASSWORD, totp.at(office.house.now)) == 303
    assert await office.house.count(tables.login_failures) == 0
    assert await office.house.count(tables.sessions) == 1


async def test_disabling_ends_every_session_at_once(office):
    totp, browser = await set_up(office)
    await office.house.store.run(lambda conn: accounts.disable_staff(conn, "awa traoré", office.house.now))
    assert (await browser.get("/console/account"))[0] == 303
    assert await Stranger(office).sign_in("Awa Traoré", PASSWORD, totp.at(office.house.now)) == 422


async def test_nothing_of_a_sign_in_is_stored_in_plain(office, caplog):
    """Neither password, secret, token nor set-up code; nothing is logged."""
    totp, browser = await set_up(office)
    (row,) = await office.house.rows(tables.staff)
    assert row.password.startswith("$argon2id$")
    raw = repr([await office.house.rows(table) for table in (tables.staff, tables.sessions, tables.login_failures)])
    assert totp.secret not in raw
    assert PASSWORD not in raw
    assert browser.cookies[COOKIE] not in raw
    assert PASSWORD not in caplog.text


async def test_ways_to_page_somebody_are_sealed(office):
    """And they come back to those who page."""
    one = await office.staff("Awa", "protection")
    browser = await office.browser(one)
    form = {"email": "awa@example.org", "telegram": "-1001234"}
    assert (await browser.post("/console/account/ways", form))[0] == 303
    ring = office.house.keyring
    found = await office.house.store.read(lambda conn: accounts.ways_of(conn, ring, uuid.UUID(one.id)))
    assert found == form
    stored = await office.house.store.read(lambda conn: conn.execute(select(tables.staff.c.ways)).scalar())
    assert b"awa@" not in stored
    for wrong in ({"email": "nowhere", "telegram": ""}, {"email": "", "telegram": "@awa"}):
        assert (await browser.post("/console/account/ways", wrong))[0] == 422


async def test_a_new_password_ends_the_other_sessions(office):
    """The old one has to be known; the same rules hold."""
    totp, browser = await set_up(office)
    other = Stranger(office)
    await other.sign_in("Awa Traoré", PASSWORD, totp.at(office.house.now))
    csrf = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/console/account"))[1])[1]
    new = "cinq tortues dans un puits bleu"
    path = "/console/account/password"
    assert (await browser.post(path, csrf=csrf, password="wrong", new=new, again=new))[0] == 422
    assert (await browser.post(path, csrf=csrf, password=PASSWORD, new="short", again="short"))[0] == 422
    assert (await browser.post(path, csrf=csrf, password=PASSWORD, new=new, again=new + "x"))[0] == 422
    assert (await browser.post(path, csrf=csrf, password=PASSWORD, new=new, again=new))[0] == 303
    assert (await browser.get("/console/account"))[0] == 200
    assert (await other.get("/console/account"))[0] == 303
    office.house.later(minutes=1)
    assert await Stranger(office).sign_in("Awa Traoré", PASSWORD, totp.at(office.house.now)) == 422
    assert await Stranger(office).sign_in("Awa Traoré", new, totp.at(office.house.now)) == 303


async def test_new_one_time_codes_count_once_confirmed(office):
    totp, browser = await set_up(office)
    csrf = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/console/account"))[1])[1]
    _, html = await browser.post("/console/account/codes", csrf=csrf, password=PASSWORD)
    new = pyotp.TOTP(re.search(r'class="code">([A-Z2-7 ]+)<', html)[1].replace(" ", ""))
    offered = re.search(r'name="offered" value="([^"]+)"', html)[1]
    confirm = "/console/account/codes-confirm"
    assert (await browser.post(confirm, csrf=csrf, offered=offered, code="000000"))[0] == 422
    assert (await browser.post(confirm, csrf=csrf, offered="made up", code="000000"))[0] == 422
    assert await Stranger(office).sign_in("Awa Traoré", PASSWORD, totp.at(office.house.now)) == 303
    assert (await browser.post(confirm, csrf=csrf, offered=offered, code=new.at(office.house.now)))[0] == 303
    office.house.later(minutes=1)
    assert await Stranger(office).sign_in("Awa Traoré", PASSWORD, totp.at(office.house.now)) == 422
    assert await Stranger(office).sign_in("Awa Traoré", PASSWORD, new.at(office.house.now)) == 303
