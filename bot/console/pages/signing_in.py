"""Signing in and out, and setting up an account with the code that an administrator handed over."""

import math
import secrets
from datetime import timedelta

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection

from bot.cases.desk import NotPossible
from bot.cases.may import Staff
from bot.channels.webchat.limits import Flood
from bot.console.asking import SIGN_IN, Ask
from bot.console.guard import safe_path
from bot.console.navigation import home
from bot.console.rendering import N_, saying
from bot.console.routes import PUBLIC, route
from bot.staff import attempts, codes, passwords, sessions, setting_up, signing
from storage import audit

SET_UP = "/console/set-up"
LEFT = saying("left", N_("Vous êtes sorti."))

WRONG = N_("Le nom, le mot de passe ou le code ne va pas. Un code sert une seule fois : attendez peut-être le suivant.")
WRONG_CODE = N_("Ce code à 6 chiffres ne va pas. L'heure du téléphone est-elle juste ? Essayez avec le code suivant.")
NO_SETUP = N_("Le nom ou le code d'installation ne va pas, ou le code a plus de trois jours.")
DIFFERENT = N_("Les deux mots de passe ne sont pas les mêmes.")
TOO_MANY = N_("Trop d'essais d'ici. Réessayez dans %(minutes)s min.")

# Each attempt costs us 64 MiB for a moment. An office of thirty shares an address and comes at eight.
_flood = Flood(60)


@route("GET", SIGN_IN, PUBLIC)
async def sign_in_page(ask: Ask) -> web.StreamResponse:
    """The form; where it leads on to is one of our own pages."""
    return _sign_in_form(ask, safe_path(ask.request.query.get("next", "")))


@route("POST", SIGN_IN, PUBLIC)
async def sign_in(ask: Ask) -> web.StreamResponse:
    """A new session for name, password and one-time code."""
    name, code = (str(ask.form.get(one, "")).strip() for one in ("name", "code"))
    password = str(ask.form.get("password", ""))
    onward, place, ring = safe_path(str(ask.form.get("next", ""))), ask.place, ask.console.keyring
    wait = _flood.wait(place)
    if wait:
        return _wait(ask, onward, name, timedelta(seconds=wait))
    begun = await ask.run(lambda conn: signing.attempt(conn, ring, name, place, ask.now))
    if isinstance(begun, signing.Wait):
        return _wait(ask, onward, name, begun.left)
    right = await passwords.matches(begun.password, password)
    before = ask.token

    def finish(conn: Connection) -> tuple[str, Staff] | None:
        found = signing.finish(conn, ring, begun, name, place, code, ask.now, right=right)
        if found and before:
            sessions.end(conn, ring, before)
        return found

    found = await ask.run(finish)
    if found is None:
        return _sign_in_form(ask, onward, name, ask.translate(WRONG), status=422)
    token, staff = found
    return ask.let_in(token, onward or home(staff))


@route("POST", "/console/sign-out", "sign_in")
async def sign_out(ask: Ask) -> web.StreamResponse:
    """The session is over, here and in the database."""

    def end(conn: Connection) -> None:
        sessions.end(conn, ask.console.keyring, ask.token)
        audit.append(conn, at=ask.now, staff=ask.staff.name, deed="sign out")

    await ask.run(end)
    return ask.let_out(f"{SIGN_IN}?done={LEFT}")


@route("GET", SET_UP, PUBLIC)
async def set_up_page(ask: Ask) -> web.StreamResponse:
    """The form for the first password."""
    return _set_up_form(ask)


@route("POST", SET_UP, PUBLIC)
async def set_up(ask: Ask) -> web.StreamResponse:
    """A password for whoever has the code; then, with the first one-time code, the account counts."""
    name, setup = (str(ask.form.get(one, "")).strip() for one in ("name", "setup"))
    wait = await _set_up_wait(ask, name)
    if wait is not None:
        return _set_up_form(ask, name, setup, wait, status=429)
    if "code" in ask.form:
        return await _confirmed(ask, name, setup)
    password, ring = str(ask.form.get("password", "")), ask.console.keyring
    try:
        check_new(ask, password, name)
    except NotPossible as error:
        return _set_up_form(ask, name, setup, str(error), status=422)
    stored = await passwords.hashed(password)

    def choose(conn: Connection) -> str | None:
        row = setting_up.find(conn, ring, name, setup, ask.now)
        return setting_up.choose(conn, ring, row, stored) if row is not None else None

    secret = await ask.run(choose)
    if secret is None:
        return _set_up_form(ask, name, setup, NO_SETUP, status=422)
    return show_codes(ask, SET_UP, secret, name, {"name": name, "setup": setup})


async def _confirmed(ask: Ask, name: str, setup: str) -> web.StreamResponse:
    ring, code = ask.console.keyring, str(ask.form.get("code", ""))

    def finish(conn: Connection) -> tuple[str | None, str]:
        row = setting_up.find(conn, ring, name, setup, ask.now)
        if row is None or row.totp is None:
            return None, ""
        token = setting_up.finish(conn, ring, row, code, ask.now)
        if token:
            attempts.forgive(conn, attempts.whose(ring, "set up", name, ask.place))
        return token, codes.opened(ring, row)

    token, secret = await ask.run(finish)
    if token:
        return ask.let_in(token, "/console/account")
    if secret:
        hidden = {"name": name, "setup": setup}
        return show_codes(ask, SET_UP, secret, name, hidden, WRONG_CODE, status=422)
    return _set_up_form(ask, name, setup, NO_SETUP, status=422)


async def _set_up_wait(ask: Ask, name: str) -> str | None:
    """Why they must wait, if they must: whoever guesses set-up codes is slowed down as with passwords."""
    who = attempts.whose(ask.console.keyring, "set up", name, ask.place)
    seconds = _flood.wait(ask.place)
    left = timedelta(seconds=seconds) if seconds else await ask.run(lambda conn: attempts.count(conn, who, ask.now))
    return _too_many(ask, left) if left else None


def check_new(ask: Ask, password: str, name: str) -> None:
    """Whether a new password will do, and was written twice. Raises `NotPossible`."""
    passwords.check(password, name, ask.library.organisation.name)
    if not secrets.compare_digest(password.encode(), str(ask.form.get("again", "")).encode()):
        raise NotPossible(DIFFERENT)


def show_codes(
    ask: Ask, action: str, secret: str, name: str, hidden: dict[str, str], error: str = "", status: int = 200
) -> web.Response:
    """The page with a secret for one-time codes, as a picture and as text; its form goes to `action`."""
    picture = Markup(codes.picture(secret, name))  # noqa: S704 - modules of a QR code, no words
    spaced = codes.spaced(secret)
    return ask.page(
        "set_up_codes.html",
        status=status,
        action=action,
        hidden=hidden,
        picture=picture,
        secret=spaced,
        error=error,
    )


def _sign_in_form(ask: Ask, onward: str, given: str = "", error: str = "", status: int = 200) -> web.Response:
    return ask.page("sign_in.html", status=status, onward=onward, given=given, error=error)


def _set_up_form(ask: Ask, given: str = "", setup: str = "", error: str = "", status: int = 200) -> web.Response:
    return ask.page("set_up.html", status=status, given=given, setup=setup, error=error)


def _wait(ask: Ask, onward: str, given: str, left: timedelta) -> web.Response:
    return _sign_in_form(ask, onward, given, _too_many(ask, left), status=429)


def _too_many(ask: Ask, left: timedelta) -> str:
    return ask.translate(TOO_MANY) % {"minutes": math.ceil(left.total_seconds() / 60)}
