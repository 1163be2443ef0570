"""`segin staff add|list|disable|reset`: the people who answer."""

import argparse
import json
import sys
import uuid
from datetime import UTC, datetime

from sqlalchemy import Connection

from bot.app import key_ring, open_store
from bot.cases import newcomers
from bot.cases.desk import NotPossible
from bot.cases.may import OPERATOR, ROLES
from bot.console.rendering import Rendering
from bot.settings import Settings
from bot.staff import setting_up
from bot.staff.accounts import Taken, add_staff, all_staff, check_rights, disable_staff, find_staff
from storage import KeyRing, audit


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    people = commands.add_parser("staff", help="the people who answer")
    deeds = people.add_subparsers(dest="deed", required=True)
    adding = deeds.add_parser("add", help="a new member of staff; prints the code to set up the account with")
    adding.add_argument("name")
    adding.add_argument("--role", choices=ROLES, required=True)
    adding.add_argument("--cleared", action="store_true", help="may read restricted cases (role protection)")
    adding.add_argument("--region", action="append", default=[], help="only this region's cases; may be repeated")
    adding.add_argument("--office", default="", help="where they work, as exclusions from cases name it")
    listing = deeds.add_parser("list", help="who there is")
    listing.add_argument("--json", action="store_true", help="print JSON")
    deeds.add_parser("disable", help="nobody can act by this name any more").add_argument("name")
    resetting = deeds.add_parser("reset", help="a new set-up code; the password goes, every session ends")
    resetting.add_argument("name")
    people.set_defaults(run=run_staff)


def run_staff(settings: Settings, given: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    with open_store(settings) as store:
        if given.deed == "list":
            _list(store.read_now(all_staff), as_json=given.json)
            return 0
        if given.deed == "disable":
            done = store.run_now(lambda conn: disable_staff(conn, given.name, now))
            return _said(f"{given.name} is disabled.") if done else _nobody(given.name)
        keyring = key_ring(settings, store)
        if given.deed == "reset":
            code = store.run_now(lambda conn: _reset(conn, keyring, given.name, now))
            return _code(f"{given.name} sets the account up again.", code, settings) if code else _nobody(given.name)
        try:
            check_rights(given.role, cleared=given.cleared)
            code = store.run_now(lambda conn: _add(conn, keyring, given, now))
        except Taken:
            print(f"{given.name} is already there", file=sys.stderr)
            return 1
        except NotPossible as error:
            print(
                Rendering(settings.library_dir / "locales", lambda: "UTC").translate(str(error), "en"), file=sys.stderr
            )
            return 1
    return _code(f"{given.name} was added.", code, settings)


def _add(conn: Connection, keyring: KeyRing, given: argparse.Namespace, now: datetime) -> str:
    made = add_staff(
        conn,
        given.name,
        given.role,
        cleared=given.cleared,
        regions=tuple(given.region),
        office=given.office,
        now=now,
    )
    newcomers.keep_out(conn, keyring, uuid.UUID(made.id), now)
    return setting_up.new_code(conn, keyring, uuid.UUID(made.id), now)


def _reset(conn: Connection, keyring: KeyRing, name: str, now: datetime) -> str | None:
    found = find_staff(conn, name)
    if found is None:
        return None
    audit.append(conn, at=now, staff=OPERATOR.name, deed="staff reset", detail=found.name)
    return setting_up.new_code(conn, keyring, uuid.UUID(found.id), now)


def _list(people: list[dict[str, object]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(people, indent=2, ensure_ascii=False))
        return
    for one in people:
        marks = [mark for mark in ("cleared", "disabled") if one[mark]]
        print(f"{one['name']:<24} {one['role']:<14} {' '.join(marks)}")


def _code(said: str, code: str, settings: Settings) -> int:
    address = settings.public_url.rstrip("/") or f"http://{settings.host}:{settings.port}"
    return _said(
        f"{said}\nSet-up code, for three days, to be used once: {code}\n"
        f"It belongs into their hands alone. They open {address}/console/set-up"
    )


def _said(words: str) -> int:
    print(words)
    return 0


def _nobody(name: str) -> int:
    print(f"there is nobody called {name}", file=sys.stderr)
    return 1
