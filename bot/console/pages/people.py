"""The people who work here: adding them, what they may, disabling them. For administrators, who see no case."""

import uuid
from typing import Any

from aiohttp import web
from sqlalchemy import Connection, Row, select

from bot.cases import newcomers
from bot.cases.desk import NoSuchCase, NotPossible
from bot.cases.may import ROLES
from bot.console.asking import Ask
from bot.console.rendering import N_, ROLE_NAMES, saying
from bot.console.routes import route
from bot.console.wording import Wording
from bot.staff import accounts, setting_up, signing
from storage import audit, tables

STAFF = tables.staff
HERE = "/console/people"
ONE = f"{HERE}/{{staff_id}}"

CHANGED = saying("changed", N_("Les droits sont changés."))
DISABLED = saying("disabled", N_("Le compte est fermé. Toutes ses sessions sont finies."))
NOT_YOURSELF = N_("Vous ne pouvez pas faire cela avec votre propre compte : un autre administrateur doit le faire.")
LONGEST_OFFICE = 80


@route("GET", HERE, "people")
async def people(ask: Ask) -> web.StreamResponse:
    """Everybody, and the form to add somebody."""

    def look(conn: Connection) -> list[dict[str, object]]:
        return [_shown(ask, row) for row in conn.execute(select(STAFF).order_by(STAFF.c.name_key))]

    return ask.page("people.html", people=await ask.read(look), **_choices(ask))


@route("POST", f"{HERE}/add", "people")
async def add(ask: Ask) -> web.StreamResponse:
    """A new account; the set-up code is shown once."""
    role, cleared, regions, office = _rights(ask)
    accounts.check_rights(role, cleared=cleared)

    def work(conn: Connection) -> tuple[str, str]:
        made = accounts.add_staff(
            conn,
            str(ask.form.get("name", "")),
            role,
            cleared=cleared,
            regions=regions,
            office=office,
            now=ask.now,
            by=ask.staff.name,
        )
        newcomers.keep_out(conn, ask.console.keyring, uuid.UUID(made.id), ask.now)
        if cleared:
            audit.append(conn, at=ask.now, staff=ask.staff.name, deed="staff clear", detail=made.name)
        return made.name, setting_up.new_code(conn, ask.console.keyring, uuid.UUID(made.id), ask.now, ask.staff.name)

    name, code = await ask.run(work)
    return ask.page("people_code.html", name=name, code=code)


@route("GET", ONE, "people")
async def person(ask: Ask) -> web.StreamResponse:
    """One account."""
    shown = await ask.read(lambda conn: _shown(ask, _row(ask, conn)))
    return ask.page("person.html", one=shown, **_choices(ask))


@route("POST", f"{ONE}/change", "people")
async def change(ask: Ask) -> web.StreamResponse:
    """What they may."""
    role, cleared, regions, office = _rights(ask)

    def work(conn: Connection) -> None:
        accounts.change_staff(
            conn,
            ask.console.keyring,
            _row(ask, conn).id,
            ask.staff,
            role=role,
            cleared=cleared,
            regions=regions,
            office=office,
            version=ask.version,
            now=ask.now,
        )

    await ask.run(work)
    return ask.go(HERE, CHANGED)


@route("POST", f"{ONE}/disable", "people")
async def disable(ask: Ask) -> web.StreamResponse:
    """Their sessions end at once, and nobody signs in by this name."""
    await ask.run(lambda conn: accounts.disable_staff(conn, _other(ask, conn).name, ask.now, ask.staff.name) and None)
    return ask.go(HERE, DISABLED)


@route("POST", f"{ONE}/enable", "people")
async def enable(ask: Ask) -> web.StreamResponse:
    """They may come back, with a new password and new codes."""

    def work(conn: Connection) -> tuple[str, str]:
        row = _other(ask, conn)
        accounts.enable_staff(conn, ask.console.keyring, row.id, ask.now, ask.staff.name)
        return row.name, setting_up.new_code(conn, ask.console.keyring, row.id, ask.now, ask.staff.name)

    name, code = await ask.run(work)
    return ask.page("people_code.html", name=name, code=code)


@route("POST", f"{ONE}/reset", "people")
async def reset(ask: Ask) -> web.StreamResponse:
    """A new set-up code for somebody who lost password or phone."""

    def work(conn: Connection) -> tuple[str, str]:
        row = _other(ask, conn)
        if row.disabled_at is not None:
            raise NotPossible(N_("Ce compte est fermé."))
        audit.append(conn, at=ask.now, staff=ask.staff.name, deed="staff reset", detail=row.name)
        return row.name, setting_up.new_code(conn, ask.console.keyring, row.id, ask.now, ask.staff.name)

    name, code = await ask.run(work)
    return ask.page("people_code.html", name=name, code=code)


def _row(ask: Ask, conn: Connection) -> Row[Any]:
    """The account that the address names. Raises `NoSuchCase`, as for all that is not there."""
    try:
        wanted = uuid.UUID(ask.request.match_info["staff_id"])
    except ValueError:
        raise NoSuchCase(NoSuchCase.__doc__) from None
    row = conn.execute(select(STAFF).where(STAFF.c.id == wanted)).first()
    if row is None:
        raise NoSuchCase(NoSuchCase.__doc__)
    return row


def _other(ask: Ask, conn: Connection) -> Row[Any]:
    row = _row(ask, conn)
    if row.id.hex == ask.staff.id:
        raise NotPossible(NOT_YOURSELF)
    return row


def _rights(ask: Ask) -> tuple[str, bool, tuple[str, ...], str]:
    """Role, cleared, regions and office of a form. Raises `NotPossible`."""
    known = ask.library.directory.regions
    regions = tuple(str(one) for one in ask.form.getall("region", []))
    if not set(regions) <= set(known):
        raise NotPossible(N_("Cette région n'existe pas."))
    office = " ".join(str(ask.form.get("office", "")).split())
    if len(office) > LONGEST_OFFICE or not office.isprintable():
        raise NotPossible(N_("Le bureau est trop long : 80 caractères au plus."))
    return str(ask.form.get("role", "")), "cleared" in ask.form, regions, office


def _choices(ask: Ask) -> dict[str, object]:
    roles = [(role, ask.translate(ROLE_NAMES[role])) for role in ROLES]
    return {"roles": roles, "regions": [(key, Wording(ask).region(key)) for key in ask.library.directory.regions]}


def _shown(ask: Ask, row: Row[Any]) -> dict[str, object]:
    return {
        "id": row.id.hex,
        "name": row.name,
        "role": row.role,
        "cleared": row.cleared,
        "cleared_by": row.cleared_by,
        "cleared_at": row.cleared_at,
        "regions": list(row.regions),
        "region_names": [Wording(ask).region(str(key)) for key in row.regions],
        "office": row.office,
        "disabled": row.disabled_at is not None,
        "ready": signing.is_ready(row),
        "waits_until": row.setup_until if row.setup_index is not None else None,
        "version": row.version,
        "self": row.id.hex == ask.staff.id,
    }
