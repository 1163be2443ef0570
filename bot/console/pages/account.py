"""One's own account: language, password, one-time codes, ways to be paged, sessions elsewhere."""

import base64
import binascii
import re
import uuid
from datetime import UTC, datetime

from aiohttp import web
from sqlalchemy import Connection, select, update

from bot.cases.desk import NotPossible
from bot.console.asking import Ask
from bot.console.pages.signing_in import WRONG_CODE, check_new, show_codes
from bot.console.rendering import LANGUAGES, N_, saying
from bot.console.routes import route
from bot.console.wording import Wording
from bot.library.languages import own_name
from bot.staff import accounts, attempts, clearing, codes, passwords, sessions
from storage import DataKey, Tampered, UnknownKey, audit, tables

STAFF = tables.staff
HERE = "/console/account"

NEW_LANGUAGE = saying("language", N_("La langue est changée."))
NEW_PASSWORD = saying("password", N_("Le mot de passe est changé. Les autres sessions sont finies."))
NEW_CODES = saying("codes", N_("Les nouveaux codes comptent. Retirez les anciens de votre téléphone."))
NEW_WAYS = saying("ways", N_("C'est noté : on vous préviendra par là."))
ENDED = saying("ended", N_("Les autres sessions sont finies."))
TOLD = saying("told", N_("C'est noté."))

WRONG_PASSWORD = N_("Le mot de passe actuel ne va pas.")
NOT_NOW = N_("Trop d'essais. Attendez quelques minutes.")
NO_ADDRESS = N_("Cette adresse e-mail ne va pas.")
NO_CHAT = N_("Un numéro de discussion Telegram est fait de chiffres, parfois avec un tiret devant.")

_EMAIL = re.compile(r"[^\s@<>,;\"]{1,64}@[^\s@<>,;\"]{1,190}\.[^\s@<>,;\"]{2,60}")
_CHAT = re.compile(r"-?\d{3,20}")
_OFFERED = "staff.totp-offered"


@route("GET", HERE, "sign_in")
async def account_page(ask: Ask) -> web.StreamResponse:
    """All of it on one page."""
    mine, ring = uuid.UUID(ask.staff.id), ask.console.keyring

    def look(conn: Connection) -> dict[str, object]:
        return {
            "ways": accounts.ways_of(conn, ring, mine),
            "others": sessions.others(conn, ring, mine, ask.token, ask.now),
        }

    found = await ask.read(look)
    return ask.page(
        "account.html",
        languages=[(one, own_name(one)) for one in LANGUAGES],
        regions=[Wording(ask).region(key) for key in ask.staff.regions],
        **found,
    )


@route("POST", f"{HERE}/language", "sign_in")
async def choose_language(ask: Ask) -> web.StreamResponse:
    """The language of the console for this person."""
    chosen = str(ask.form.get("language", ""))
    if chosen not in LANGUAGES:
        raise NotPossible(N_("Cette langue n'est pas offerte ici."))
    mine = STAFF.c.id == uuid.UUID(ask.staff.id)
    await ask.run(lambda conn: conn.execute(update(STAFF).where(mine).values(language=chosen)) and None)
    return ask.go(HERE, NEW_LANGUAGE)


@route("POST", f"{HERE}/password", "sign_in")
async def change_password(ask: Ask) -> web.StreamResponse:
    """A new password for the old one. Sessions elsewhere end."""
    await _prove(ask)
    new = str(ask.form.get("new", ""))
    check_new(ask, new, ask.staff.name)
    stored, mine, ring = await passwords.hashed(new), uuid.UUID(ask.staff.id), ask.console.keyring

    def change(conn: Connection) -> str:
        conn.execute(update(STAFF).where(STAFF.c.id == mine).values(password=stored))
        sessions.end_all(conn, mine)
        audit.append(conn, at=ask.now, staff=ask.staff.name, deed="password")
        return sessions.begin(conn, ring, mine, ask.now)

    return ask.let_in(await ask.run(change), f"{HERE}?done={NEW_PASSWORD}")


@route("POST", f"{HERE}/codes", "sign_in")
async def offer_codes(ask: Ask) -> web.StreamResponse:
    """A new secret for one-time codes, to be confirmed with a code; until then the old one counts."""
    await _prove(ask)
    return await _offer(ask, codes.new_secret())


@route("POST", f"{HERE}/codes-confirm", "sign_in")
async def confirm_codes(ask: Ask) -> web.StreamResponse:
    """The new secret counts once a code of it was right. Sessions elsewhere end."""
    mine, ring, given = uuid.UUID(ask.staff.id), ask.console.keyring, str(ask.form.get("code", ""))
    secret = await ask.read(lambda conn: _opened(ask, conn, str(ask.form.get("offered", ""))))
    step = codes.step_of(secret, given, ask.now, None)
    if step is None:
        return await _offer(ask, secret, WRONG_CODE, status=422)

    def change(conn: Connection) -> None:
        row = conn.execute(select(STAFF).where(STAFF.c.id == mine).with_for_update()).one()
        sealed = codes.sealed(ring, row, secret)
        conn.execute(update(STAFF).where(STAFF.c.id == mine).values(totp=sealed, totp_step=step))
        sessions.end_others(conn, ring, mine, ask.token)
        audit.append(conn, at=ask.now, staff=ask.staff.name, deed="one-time codes")

    await ask.run(change)
    return ask.go(HERE, NEW_CODES)


@route("POST", f"{HERE}/ways", "sign_in")
async def choose_ways(ask: Ask) -> web.StreamResponse:
    """How to page this person."""
    email, chat = (str(ask.form.get(way, "")).strip() for way in accounts.WAYS)
    if email and not _EMAIL.fullmatch(email):
        raise NotPossible(NO_ADDRESS)
    if chat and not _CHAT.fullmatch(chat):
        raise NotPossible(NO_CHAT)
    mine, ring = uuid.UUID(ask.staff.id), ask.console.keyring

    def change(conn: Connection) -> None:
        accounts.set_ways(conn, ring, mine, {"email": email, "telegram": chat})
        audit.append(conn, at=ask.now, staff=ask.staff.name, deed="ways")

    await ask.run(change)
    return ask.go(HERE, NEW_WAYS)


@route("POST", f"{HERE}/others", "sign_in")
async def end_others(ask: Ask) -> web.StreamResponse:
    """Sessions elsewhere end."""
    mine, ring = uuid.UUID(ask.staff.id), ask.console.keyring

    def end(conn: Connection) -> None:
        sessions.end_others(conn, ring, mine, ask.token)
        audit.append(conn, at=ask.now, staff=ask.staff.name, deed="sign out elsewhere")

    await ask.run(end)
    return ask.go(HERE, ENDED)


@route("POST", f"{HERE}/told", "sign_in")
async def told(ask: Ask) -> web.StreamResponse:
    """They saw who else was cleared for restricted cases: until their page was made, not what came after it."""
    try:
        shown = datetime.fromisoformat(str(ask.form.get("shown", ""))).astimezone(UTC)
    except (ValueError, OverflowError):
        shown = None
    await ask.run(lambda conn: clearing.told(conn, ask.staff, ask.now, shown))
    return ask.go(HERE, TOLD)


async def _prove(ask: Ask) -> None:
    """The password again, for what a browser left open must not do. Raises `NotPossible`."""
    mine, ring = STAFF.c.id == uuid.UUID(ask.staff.id), ask.console.keyring
    who = attempts.whose(ring, "prove", ask.staff.name, ask.place)

    def begin(conn: Connection) -> tuple[bool, str | None]:
        if attempts.count(conn, who, ask.now) is not None:
            return False, None
        return True, conn.execute(select(STAFF.c.password).where(mine)).scalar()

    free, stored = await ask.run(begin)
    if not free:
        raise NotPossible(NOT_NOW)
    if not await passwords.matches(stored, str(ask.form.get("password", ""))):
        raise NotPossible(WRONG_PASSWORD)
    await ask.run(lambda conn: attempts.forgive(conn, who))


async def _offer(ask: Ask, secret: str, error: str = "", status: int = 200) -> web.StreamResponse:
    """The page with a new secret. It goes along in the form, sealed: nobody can slip in one of their own."""
    mine, ring = uuid.UUID(ask.staff.id), ask.console.keyring

    def seal(conn: Connection) -> str:
        row = accounts.with_key(conn, ring, conn.execute(select(STAFF).where(STAFF.c.id == mine)).one())
        sealed = DataKey(ring.unwrap(row.data_key)).seal(secret.encode(), _OFFERED, row.id.bytes)
        return base64.urlsafe_b64encode(sealed).decode()

    hidden = {"offered": await ask.run(seal)}
    return show_codes(ask, f"{HERE}/codes-confirm", secret, ask.staff.name, hidden, error, status)


def _opened(ask: Ask, conn: Connection, offered: str) -> str:
    row = conn.execute(select(STAFF).where(STAFF.c.id == uuid.UUID(ask.staff.id))).one()
    try:
        sealed = base64.urlsafe_b64decode(offered.encode())
        key = DataKey(ask.console.keyring.unwrap(row.data_key or b""))
        return key.open(sealed, _OFFERED, row.id.bytes).decode()
    except (Tampered, UnknownKey, binascii.Error):
        raise NotPossible(N_("Recommencez depuis votre compte.")) from None
