"""Every request of the console passes here: session, origin, form, form token, decision; then its page."""

import hmac
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import hdrs, web
from multidict import MultiDict, MultiDictProxy

from bot.cases.desk import Changed, NoSuchCase, NotPossible
from bot.console import waits
from bot.console.asking import SIGN_IN, Ask, Console
from bot.console.routes import PUBLIC, Route
from bot.round import place_of
from bot.staff import sessions
from storage import Unavailable

log = logging.getLogger(__name__)

SAFE = ("GET", "HEAD")
LARGEST_FORM = 256 * 1024  # bytes
MOST_FIELDS = 2000
FORM = "application/x-www-form-urlencoded"

HEADERS = {
    hdrs.CACHE_CONTROL: "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # not "no-referrer": with that, browsers send "Origin: null" with our own forms
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}

_PAGE = re.compile(r"/console(/[A-Za-z0-9/_-]*)?")


class _Refused(Exception):
    """The request is not answered with its page, but with `template`."""

    def __init__(self, template: str, status: int) -> None:
        super().__init__(template)
        self.template, self.status = template, status


def guarded(console: Console, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The page behind its guard."""
    return _guarded(console, lambda ask: _answer(ask, route))


def elsewhere(console: Console) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """What is answered at an address below /console that is none: the page for what is not there.

    A stranger is led to sign in, as everywhere. Where the address is one, but not for this method: 405.
    """

    async def answer(ask: Ask) -> web.StreamResponse:
        ask.session = await _session(ask)
        if ask.session is None:
            return _to_sign_in(ask.request)
        allowed = await _allowed(ask.request)
        if allowed:
            response = ask.page("refused.html", status=405)
            response.headers[hdrs.ALLOW] = ", ".join(sorted(allowed))
            return response
        return ask.page("missing.html", status=404)

    return _guarded(console, answer)


def _guarded(
    console: Console, answer: Callable[[Ask], Awaitable[web.StreamResponse]]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def page(request: web.Request) -> web.StreamResponse:
        ask = Ask(console, request)
        try:
            response = await answer(ask)
        except _Refused as refused:
            response = ask.page(refused.template, status=refused.status)
        except Unavailable:
            ask.session = None  # what stands at the top needs no database, but nothing here is sure any more
            response = ask.page("trouble.html", status=503)
        except web.HTTPNotFound:
            response = ask.page("missing.html", status=404)
        except web.HTTPException:
            raise
        except Exception as error:
            if request.writer.output_size > 0:  # an answer has begun: it can only be broken off
                raise
            log.error("%s failed: %s", _named(request), place_of(error))  # noqa: TRY400 - its words may quote a person
            response = ask.page("failed.html", status=500)
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    return page


async def _answer(ask: Ask, route: Route) -> web.StreamResponse:
    unsafe = ask.request.method not in SAFE
    if unsafe:
        if not _same_origin(ask.console, ask.request):
            raise _Refused("refused.html", 403)
        ask.form = await _form(ask.request)
    if route.deed == PUBLIC:
        return await _told(ask, route)
    ask.session = await _session(ask)
    if ask.session is None:
        return _to_sign_in(ask.request)
    if unsafe and not _has_token(ask.form, ask.session):
        raise _Refused("refused.html", 403)
    if not route.of_a_case and not ask.may(route.deed):
        return ask.page("missing.html", status=404)
    return await _told(ask, route)


async def _told(ask: Ask, route: Route) -> web.StreamResponse:
    """The page, or why not."""
    try:
        if route.of_a_case:
            await ask.desk(lambda desk: desk.find(ask.reference, route.deed) and None)
        return await route.page(ask)
    except NoSuchCase:
        return ask.page("missing.html", status=404)
    except Changed:
        return ask.page("changed.html", status=409, form=ask.form)
    except NotPossible as error:
        return ask.page("not_possible.html", status=422, why=ask.translate(str(error)), form=ask.form)


async def _session(ask: Ask) -> sessions.Session | None:
    token = ask.token
    if not token:
        return None
    console, by_itself = ask.console, "text/event-stream" in ask.request.headers.get(hdrs.ACCEPT, "")

    session = await console.store.run(
        lambda conn: sessions.of_token(conn, console.keyring, token, console.clock(), idle=by_itself)
    )
    if session is not None and not by_itself:  # what comes by itself shows nothing at the top
        staff = session.staff
        ask.waits = await console.store.read(lambda conn: waits.counts(conn, staff, console.clock()))
    return session


async def _form(request: web.Request) -> MultiDictProxy[Any]:
    """The fields that were sent. Only plain forms are read: none of our pages takes a file."""
    if (request.content_length or 0) > LARGEST_FORM:
        raise _Refused("too_large.html", 413)
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise _Refused("too_large.html", 413)
    if body and request.content_type != FORM:
        raise _Refused("refused.html", 415)
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:  # UnicodeDecodeError is one
        raise _Refused("refused.html", 400) from None
    # browsers write the end of a line as two characters; \0 is no text for PostgreSQL
    return MultiDictProxy(MultiDict((name, value.replace("\r\n", "\n").replace("\0", "")) for name, value in pairs))


def _named(request: web.Request) -> str:
    """The request without what stood in its address."""
    resource = request.match_info.route.resource
    return f"{request.method} {resource.canonical if resource else '?'}"


def _has_token(form: MultiDictProxy[Any], session: sessions.Session) -> bool:
    return hmac.compare_digest(str(form.get("csrf", "")).encode(), session.csrf.encode())


def _same_origin(console: Console, request: web.Request) -> bool:
    """Whether one of our own pages sent it."""
    origins = request.headers.getall(hdrs.ORIGIN, [])
    public = urlsplit(console.settings.public_url)
    ours = {f"{public.scheme}://{public.netloc}".casefold()}
    if not (public.scheme == "https" and console.settings.behind_proxy):
        schemes = ("http", "https") if console.settings.behind_proxy else (request.scheme,)
        ours |= {f"{scheme}://{request.host}".casefold() for scheme in schemes}
    return len(origins) == 1 and origins[0].casefold() in ours - {"://"}


def _to_sign_in(request: web.Request) -> web.Response:
    """To the page to sign in, which leads on to where this came from."""
    if request.headers.get("HX-Request"):
        return web.Response(status=204, headers={"HX-Redirect": SIGN_IN})
    onward = "" if request.method != "GET" or request.path == "/console" else safe_path(request.path)
    return web.Response(status=303, headers={hdrs.LOCATION: f"{SIGN_IN}?next={onward}" if onward else SIGN_IN})


def safe_path(path: str) -> str:
    """The path, if it is one of ours; else ""."""
    return path if _PAGE.fullmatch(path) and "//" not in path else ""


async def _allowed(request: web.Request) -> set[str]:
    """The methods that this address takes, if it is one."""
    found: set[str] = set()
    for resource in request.app.router.resources():
        match, methods = await resource.resolve(request)
        if match is None:
            found |= methods
    return found
