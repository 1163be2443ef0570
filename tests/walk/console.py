"""The desk of a served Segin: staff with sessions, pages looked at narrow and wide, codes as a phone shows them."""

import os
import re
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyotp
from sqlalchemy import select

from bot.app import open_store
from bot.console.asking import COOKIE
from bot.settings import Settings
from bot.staff import accounts, sessions
from storage import KeyRing, tables

PASSWORD = "girafe lente mange une orange"
WIDTHS = {360: 740, 1280: 900}
WIDE = """() => document.documentElement.scrollWidth > window.innerWidth
  ? [...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > window.innerWidth + 1)
      .slice(0, 3).map(one => one.outerHTML.slice(0, 120)).concat(['(wider than the screen)']) : []"""


class Beside:
    """What is done at the desk without a browser: new members of staff, and their sessions."""

    def __init__(self, address, store, keyring):
        self.address, self.store, self.keyring = address.rstrip("/"), store, keyring

    @classmethod
    @contextmanager
    def of(cls, served):
        """Beside a served process, with a store of its own."""
        folder, url = served.environment["SEGIN_DATA_DIR"], served.environment.get("SEGIN_DATABASE_URL", "")
        settings = Settings(data_dir=Path(folder), database_url=url)
        with open_store(settings) as store:
            yield cls(served.address, store, KeyRing.load(settings.key_file))

    def references(self):
        """Of all cases there are."""
        return set(self.store.read_now(lambda conn: conn.scalars(select(tables.cases.c.reference)).all()))

    def staff(self, role, *, regions=(), office="", email=""):
        """Somebody new of this role, signed in; protection is cleared. Names are not used twice."""
        name, now = f"{NAMES[role]} {uuid.uuid4().hex[:4]}", datetime.now(UTC)

        def add(conn):
            made = accounts.add_staff(
                conn, name, role, cleared=role == "protection", regions=regions, office=office, now=now
            )
            staff_id = uuid.UUID(made.id)
            if email:
                accounts.set_ways(conn, self.keyring, staff_id, {"email": email, "telegram": ""})
            return Member(staff_id, name, sessions.begin(conn, self.keyring, staff_id, now))

        return self.store.run_now(add)

    def again(self, member, now):
        """The same person signed in anew, at this moment."""
        token = self.store.run_now(lambda conn: sessions.begin(conn, self.keyring, member.id, now))
        return Member(member.id, member.name, token)


NAMES = {
    "agent": "Awa",
    "supervisor": "Salif",
    "protection": "Mariam",
    "administrator": "Fanta",
    "editor": "Oumou",
}


@dataclass(frozen=True)
class Member:
    """Somebody of the staff with a session."""

    id: uuid.UUID
    name: str
    token: str


class Console:
    """A browser at the console."""

    def __init__(self, page, address):
        self.page, self.address = page, address.rstrip("/")

    async def open(self, path):
        """The page at a path; what the server answered."""
        return await self.page.goto(f"{self.address}{path}")

    async def fill(self, label, words, *, exact=True):
        await self.page.get_by_label(label, exact=exact).fill(words)

    async def press(self, words, *, exact=True):
        """A button, and what comes of it."""
        await self.page.get_by_role("button", name=words, exact=exact).first.click()
        await self.page.wait_for_load_state()

    async def unfold(self, words):
        """Opens what is folded away, if it is."""
        summary = self.page.locator("summary", has_text=words).first
        if not await summary.evaluate("one => one.parentElement.open"):
            await summary.click()

    async def told(self):
        """What the page says that was done."""
        return plain(await self.page.locator("p.done").first.inner_text())

    async def text(self):
        """The words of the page."""
        return plain(await self.page.locator("main").inner_text())

    async def looks_well(self, name):
        """Nothing is wider than a phone; pictures go into SEGIN_SHOTS."""
        before, folder = self.page.viewport_size, os.environ.get("SEGIN_SHOTS")
        for width, height in WIDTHS.items():
            await self.page.set_viewport_size({"width": width, "height": height})
            wide = await self.page.evaluate(WIDE)
            assert not wide, f"{name} at {width} px: {wide}"
            if folder:  # made by Playwright
                await self.page.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)
        await self.page.set_viewport_size(before)


def plain(words):
    """Without the narrow spaces of French."""
    return words.replace("\u202f", " ").replace("\xa0", " ")


async def at_console(browser, address, member=None):
    """A browser of its own, signed in as this member of staff."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True, locale="fr-FR")
    context.set_default_timeout(20_000)
    if member:
        cookie = {"name": COOKIE, "value": member.token, "url": f"{address.rstrip('/')}/console"}
        await context.add_cookies([cookie])
    page = await context.new_page()
    page.troubles = []
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("console", lambda said: page.troubles.append(said.text) if "Content Security" in said.text else None)
    return Console(page, address)


class Codes:
    """An application of one-time codes: no code is shown twice."""

    def __init__(self, secret):
        self.totp, self.last = pyotp.TOTP(re.sub(r"\s", "", secret)), 0

    def next(self):
        """A code that counts now: the first is the oldest one that still does, to leave others for later."""
        now = time.time()
        step = int(now) // 30
        if now % 30 < 24 and self.last < step - 1:  # the one before still counts for as long as this one is shown
            step -= 1
        while step <= self.last:
            step += 1
        assert step <= int(time.time()) // 30 + 1, "all codes that count now were used"
        self.last = step
        return self.totp.generate_otp(step)
