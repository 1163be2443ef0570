"""What a page gets: who asks, what they sent, the desk to work at, and the ways to answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from aiohttp import web
from multidict import MultiDict, MultiDictProxy
from sqlalchemy import Connection

from bot.cases import lists
from bot.cases.desk import Desk, NoSuchCase
from bot.cases.may import OPERATOR, Seen, Staff, may
from bot.channels.webchat.limits import place_of
from bot.console.navigation import NAVIGATION
from bot.console.rendering import Rendering
from bot.dialogue.flow import Library
from bot.library.shelf import Shelf
from bot.settings import Settings
from bot.staff.sessions import Session
from storage import KeyRing, Store

T = TypeVar("T")

SIGN_IN = "/console/sign-in"
COOKIE = "segin-console"


def _no_form() -> MultiDictProxy[Any]:
    return MultiDictProxy(MultiDict())


@dataclass(frozen=True)
class Console:
    """What all pages share. `clock` tells the time in UTC."""

    store: Store
    keyring: KeyRing
    shelf: Shelf
    settings: Settings
    clock: Callable[[], datetime]
    rendering: Rendering

    @property
    def is_secure(self) -> bool:
        """Whether people reach it by https."""
        return self.settings.public_url.startswith("https:")


def number(given: str) -> int | None:
    """The number that a form has in digits; None for anything else."""
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else None  # noqa: PLR2004


def cookie_name(console: Console) -> str:
    """With `__Host-` a browser takes it over https alone, for this very host."""
    return f"__Host-{COOKIE}" if console.is_secure else COOKIE


@dataclass
class Ask:
    """One request of somebody who is signed in (or about to: then `session` is None). `waits`: see `waits.counts`."""

    console: Console
    request: web.Request
    session: Session | None = None
    waits: Mapping[str, int] = field(default_factory=dict)
    form: MultiDictProxy[Any] = field(default_factory=_no_form)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def staff(self) -> Staff:
        """Who asks; before signing in the command line's name, which no page may act by."""
        return self.session.staff if self.session else OPERATOR

    @property
    def language(self) -> str:
        if self.session:
            return self.session.staff.language
        return self.console.rendering.language_of(self.request.headers.get("Accept-Language", ""))

    @property
    def reference(self) -> str:
        """The case that the address names."""
        return self.request.match_info["reference"]

    @property
    def now(self) -> datetime:
        return self.console.clock()

    @property
    def library(self) -> Library:
        return self.console.shelf.library

    @property
    def token(self) -> str:
        """What the browser shows for its session; anybody may write anything there."""
        return self.request.cookies.get(cookie_name(self.console), "")

    @property
    def place(self) -> str:
        """The network the request comes from, as the web chat counts it; "" when nobody can tell."""
        if self.console.settings.behind_proxy:
            forwarded = ",".join(self.request.headers.getall("X-Forwarded-For", ()))
            # the entry our own proxy appended; those before it are the visitor's to invent
            found = place_of(forwarded.rpartition(",")[2].strip())
            if found:
                return found
        return place_of(self.request.remote)

    @property
    def version(self) -> int | None:
        """The version of the case that the form was made from."""
        return number(str(self.form.get("version", "")))

    def translate(self, french: str) -> str:
        """Words marked with `N_`, in the language of whoever asks."""
        return self.console.rendering.translate(french, self.language)

    def may(self, deed: str, case: Seen | None = None) -> bool:
        return may(self.staff, deed, case)

    async def desk(self, work: Callable[[Desk], T]) -> T:
        """What `work` returns, done at the desk of whoever asks, in one transaction."""
        return await self.run(lambda conn: work(Desk(conn, self.console.keyring, self.staff, self.now)))

    async def back_to_case(self, done: str = "") -> web.Response:
        """To the case that the address names: to the list when it is no longer theirs to see."""

        def sees(desk: Desk) -> bool:
            try:
                desk.find(self.reference, "see")
            except NoSuchCase:
                return False
            return True

        return self.go(f"/console/cases/{self.reference}" if await self.desk(sees) else "/console", done)

    async def run(self, work: Callable[[Connection], T]) -> T:
        return await self.console.store.run(work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self.console.store.read(work)

    def page(self, template: str, /, **values: object) -> web.Response:
        """A page of `templates/`, in the language of whoever asks. `status`: that of HTTP, if not 200."""
        status = int(str(values.pop("status", 200)))
        html = self.console.rendering.render(template, self.language, {**self._always(), **values})
        return web.Response(text=html, status=status, content_type="text/html", headers=self.headers)

    def go(self, path: str, done: str = "") -> web.Response:
        """On to another page, which says what was done (a key registered with `rendering.saying`)."""
        headers = {**self.headers, "Location": f"{path}{'&' if '?' in path else '?'}done={done}" if done else path}
        return web.Response(status=303, headers=headers)

    def let_in(self, token: str, path: str) -> web.Response:
        """On to `path` with a new session. The browser forgets it when it is closed; we forget it sooner."""
        # __Host- asks for Path=/; the web chat has a cookie of another name and its own path
        rules = "Path=/; Secure" if self.console.is_secure else "Path=/console"
        response = self.go(path)
        response.headers["Set-Cookie"] = f"{cookie_name(self.console)}={token}; {rules}; HttpOnly; SameSite=Strict"
        return response

    def let_out(self, path: str) -> web.Response:
        """On to `path` without a session; what this browser kept of the console goes."""
        rules = "Path=/; Secure" if self.console.is_secure else "Path=/console"
        response = self.go(path)
        response.headers["Set-Cookie"] = f"{cookie_name(self.console)}=; {rules}; HttpOnly; SameSite=Strict; Max-Age=0"
        return response

    def _always(self) -> Mapping[str, object]:
        return {
            "ask": self,
            "staff": self.session.staff if self.session else None,
            "cleared_news": self.session.cleared_news if self.session else (),
            "csrf": self.session.csrf if self.session else "",
            "done": self.console.rendering.said(self.request.query.get("done", ""), self.language),
            "now": self.now,
            "organisation": self.library.organisation,
            "may": self.may,
            "path": self.request.path,
            "navigation": NAVIGATION,
            "waits": self.waits,
            "counted": lists.COUNTED,
        }
